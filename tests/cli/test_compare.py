"""The command from end to end, on small data."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fairlearnkit
from fairlearnkit.cli import _trials, main
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import demographic_parity_difference

ROOT = Path(fairlearnkit.__file__).parents[1]
DISPARITIES = (
    "demographic_parity",
    "equalized_odds",
    "true_positive_rate_parity",
    "false_positive_rate_parity",
    "error_rate_parity",
)


def test_adult_from_start_to_end(compare, capsys):
    folder = compare("--rows", 1500, "--splits", 2)
    shown = capsys.readouterr().out
    rows = pd.read_csv(folder / "results.csv").set_index(["method", "split"])
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    methods = ["plain", "reweighing", "reduction", "thresholds"]
    assert sorted(set(rows.index.get_level_values(0))) == sorted(methods)
    assert len(rows) == 8
    assert list(summary["methods"]) == methods
    for key in DISPARITIES:
        assert (rows[f"{key}_low"] <= rows[key]).all()
        assert (rows[key] <= rows[f"{key}_high"]).all()
    both = rows[["true_positive_rate_parity", "false_positive_rate_parity"]]
    np.testing.assert_allclose(rows["equalized_odds"], both.max(axis=1))
    assert (rows["worst_group_accuracy"] <= rows["accuracy"] + 1e-12).all()
    gap = rows["demographic_parity"].groupby("method").mean()
    assert gap["thresholds"] < gap["plain"]
    assert gap["reduction"] < gap["plain"]
    for word in (*methods, ">50K", "Female", "demographic parity *", "fit, seconds"):
        assert word in shown
    assert f"{gap['plain']:.3f}" in shown
    assert shown.rstrip().endswith("picture.png")
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_summary_is_the_mean_of_the_rows(compare):
    folder = compare("--rows", 1500, "--splits", 3, "--methods", "plain")
    rows = pd.read_csv(folder / "results.csv")
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    plain = summary["methods"]["plain"]
    for key in ("accuracy", "balanced_accuracy", *DISPARITIES):
        assert plain[key] == pytest.approx(rows[key].mean())
    assert plain["splits"] == 3
    assert summary["arguments"]["seed"] == 0
    assert summary["versions"]["fairlearnkit"] == fairlearnkit.__version__
    assert summary["data"]["positive"] == ">50K"
    groups = summary["data"]["groups"]
    assert sum(group["rows"] for group in groups.values()) == 1500


def test_rows_agree_with_the_metrics(compare, people, tmp_path, monkeypatch):
    caught = []
    count = _trials._count

    def spy(data, predicted, rows):
        caught.append((data.y[rows], predicted, people["sex"].to_numpy()[rows]))
        return count(data, predicted, rows)

    monkeypatch.setattr(_trials, "_count", spy)
    people.to_csv("people.csv", index=False)
    folder = compare(
        "--data", "people.csv", "--target", "hired", "--sensitive", "sex",
        "--splits", 1, "--methods", "plain",
    )  # fmt: skip
    (row,) = pd.read_csv(folder / "results.csv").to_dict("records")
    ((true, predicted, sex),) = caught
    expected = demographic_parity_difference(true, predicted, sensitive_features=sex)
    assert row["demographic_parity"] == pytest.approx(expected)
    assert row["accuracy"] == pytest.approx((true == predicted).mean())
    recalls = [(predicted[true == label] == label).mean() for label in (0, 1)]
    assert row["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    worst = min(["man", "woman"], key=lambda g: (true == predicted)[sex == g].mean())
    assert row["worst_group"] == worst


@pytest.mark.parametrize("hidden", [[], ["--hide-sensitive"]])
def test_csv_with_words_as_labels_and_crossed_groups(compare, people, capsys, hidden):
    people.to_csv("people.csv", index=False)
    folder = compare(
        "--data", "people.csv", "--target", "hired", "--positive", "no",
        "--sensitive", "sex", "race", "--splits", 1, "--constraint",
        "equalized_odds_ratio", "--tolerance", 0.2, *hidden,
    )  # fmt: skip
    rows = pd.read_csv(folder / "results.csv")
    assert len(rows) == 4
    assert "equalized_odds_ratio" in rows
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary["data"]["positive"] == "no"
    assert set(summary["data"]["groups"]) == {
        "man, a",
        "man, b",
        "woman, a",
        "woman, b",
    }
    shown = capsys.readouterr().out
    assert ("hidden from" in shown) == bool(hidden)


@pytest.mark.parametrize("model", ["hist-gradient-boosting", "random-forest"])
def test_parquet_with_bins_and_trees(compare, people, model):
    people["age"] = people["age"].astype("Int64")
    people.to_parquet("people.parquet")
    folder = compare(
        "--data", "people.parquet", "--target", "hired", "--sensitive", "age:30,60",
        "--splits", 1, "--model", model, "--ignore", "race",
        "--methods", "plain,thresholds",
    )  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert "30 <= age < 60" in summary["data"]["groups"]


@pytest.mark.parametrize("data", ["german-credit", "bank-marketing"])
def test_embedded_data(compare, data):
    folder = compare("--data", data, "--rows", 900, "--splits", 1)
    assert len(pd.read_csv(folder / "results.csv")) == 4


def test_a_model_of_ones_own_found_from_the_working_folder(compare, people, tmp_path):
    people.to_csv("people.csv", index=False)
    (tmp_path / "my_own_models.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\ndef make():\n    "
        "return GaussianNB()\n"
    )
    folder = compare(
        "--data", "people.csv", "--target", "hired", "--sensitive", "sex", "--splits",
        1, "--model", "my_own_models:make",
    )  # fmt: skip
    assert len(pd.read_csv(folder / "results.csv")) == 4


def test_missing_groups_can_be_a_group(compare, people):
    people.loc[:99, "race"] = None
    people.to_csv("people.csv", index=False)
    arguments = ["--data", "people.csv", "--target", "hired", "--sensitive", "race"]
    folder = compare(*arguments, "--splits", 1, "--handle-missing", "group")
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary["data"]["groups"]["<missing>"]["rows"] == 100


def test_a_measured_constraint_needs_no_mitigator_that_enforces_it(compare, capsys):
    folder = compare(
        "--rows", 1500, "--splits", 1, "--methods", "reweighing,plain",
        "--constraint", "predictive_parity",
    )  # fmt: skip
    assert "predictive_parity" in pd.read_csv(folder / "results.csv")
    assert "no method here takes a bound" in capsys.readouterr().out


def test_the_table_fits_80_columns(compare, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    compare("--rows", 1500, "--splits", 1, "--constraint", "equal_opportunity_ratio")
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    paths = [line for line in lines if "fairlearnkit-output" in line]
    assert all(len(line) <= 80 for line in lines if line not in paths)
    assert "…" not in shown


def test_equal_seeds_give_equal_results_in_parallel_too(compare, tmp_path):
    timeless = []
    for jobs in (1, 2):
        folder = compare(
            "--rows", 600, "--seed", 3, "--jobs", jobs, "--splits", 2,
            "--methods", "plain,thresholds",
        )  # fmt: skip
        rows = pd.read_csv(folder / "results.csv").drop(columns="fit_seconds")
        timeless.append(rows.sort_values(["split", "method"], ignore_index=True))
    numbers = [rows.select_dtypes("number") for rows in timeless]
    np.testing.assert_allclose(*numbers, atol=2e-3)


def test_warnings_are_told_once_after_the_table(compare, capsys, monkeypatch):
    fit_and_read = _trials._fit_and_read

    def warned(trial, *arguments):
        warnings.warn(f"only {trial.split} rows", FairnessWarning)
        return fit_and_read(trial, *arguments)

    monkeypatch.setattr(_trials, "_fit_and_read", warned)
    compare("--rows", 1500, "--splits", 2, "--methods", "plain,reweighing")
    captured = capsys.readouterr()
    assert captured.out.count("only 1 rows") == 1
    assert "plain, reweighing: only 1 rows (4 such warnings)" in captured.out
    assert "only" not in captured.err


def test_an_interrupt_leaves_what_was_finished(compare, capsys, monkeypatch, tmp_path):
    run_trial, started = _trials.run_trial, []

    def interrupted(*arguments):
        started.append(arguments)
        if len(started) == 3:
            raise KeyboardInterrupt
        return run_trial(*arguments)

    monkeypatch.setattr(_trials, "run_trial", interrupted)
    with pytest.raises(SystemExit) as stopped:
        compare("--rows", 1500, "--splits", 1)
    assert stopped.value.code == 130
    folder = tmp_path / "fairlearnkit-output"
    assert list(pd.read_csv(folder / "results.csv")["method"]) == [
        "plain",
        "reweighing",
    ]
    assert not (folder / "summary.json").exists()
    told = capsys.readouterr().err
    assert "2 of 4 fits were finished" in told
    assert "results.csv" in told


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--version"], f"fairlearnkit {fairlearnkit.__version__}"),
        (["compare", "--help"], "examples:"),
        ([], "compare"),
    ],
)
def test_as_a_module(arguments, expected):
    done = subprocess.run(
        [sys.executable, "-m", "fairlearnkit", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert expected in done.stdout
    assert not done.stderr


def test_help_and_version_need_nothing_of_the_extra():
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['rich', 'pandas', 'matplotlib']))\n"
        "from fairlearnkit.cli import main\n"
        "main(['compare', '--help'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "examples:" in done.stdout


def test_without_a_command_it_prints_help(capsys):
    assert main([]) == 0
    assert "compare" in capsys.readouterr().out
