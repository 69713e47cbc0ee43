"""Bad input: one sentence on stderr, exit code 2, never a traceback."""

import sys

import pytest

from fairlearnkit.cli import _trials, main

FILE = ["--data", "people.csv", "--target", "hired"]
GOOD = [*FILE, "--sensitive", "sex"]


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run the command, which must refuse; return its one sentence."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["compare", "--jobs", "1", "--splits", "1", *map(str, arguments)])
        assert stopped.value.code == 2
        told = capsys.readouterr().err
        assert told.startswith("fairlearnkit: error: ")
        assert told.count("\n") == 1
        assert "Traceback" not in told
        return told

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "nowhere.csv", *GOOD[2:]], "neither a file nor one of"),
        (["--data", "adlt"], "did you mean 'adult'"),
        (["--data", "people.csv"], "--target COLUMN and --sensitive COLUMN"),
        (["--data", "adult", "--target", "sex"], "the target of adult is 'income'"),
        (
            ["--data", "people.csv", "--target", "hird", *GOOD[4:]],
            "did you mean 'hired'",
        ),
        ([*FILE, "--sensitive", "gender"], "the columns are sex, race"),
        ([*FILE, "--sensitive", "hired"], "'hired' is not a column"),
        ([*GOOD, "--ignore", "zip"], "--ignore 'zip' is not a column"),
        (["--data", "people.csv", "--target", "age", *GOOD[4:]], "exactly two"),
        (["--data", "people.csv", "--target", "city", *GOOD[4:]], "missing values"),
        ([*GOOD, "--positive", "maybe"], "no row has the positive label 'maybe'"),
        ([*FILE, "--sensitive", "sex:1,2"], "not numeric"),
        ([*FILE, "--sensitive", "age:60,25"], "ascending"),
        ([*FILE, "--sensitive", "city"], "--handle-missing"),
        ([*GOOD, "--constraint", "fairness"], "choose from demographic_parity"),
        ([*GOOD, "--constraint", "predictive_parity"], "not linear"),
        ([*GOOD, "--tolerance", "2"], "between 0 and 1"),
        ([*GOOD, "--tolerance", "nan"], "between 0 and 1"),
        ([*GOOD, "--methods", "plain,magic"], "unknown method 'magic'"),
        ([*GOOD, "--methods", ","], "unknown method"),
        ([*GOOD, "--model", "magic"], "unknown model 'magic'"),
        ([*GOOD, "--model", "no_such_module:Model"], "No module named"),
        ([*GOOD, "--model", "sklearn.linear_model:Nothing"], "no attribute"),
        (
            [*GOOD, "--model", "sklearn.linear_model:Ridge"],
            "no scikit-learn classifier",
        ),
        (
            [*GOOD, "--model", "sklearn.neighbors:KNeighborsClassifier"],
            "takes no sample_weight",
        ),
        ([*GOOD, "--splits", "0"], "1 or more"),
        ([*GOOD, "--jobs", "0"], "other than 0"),
        ([*GOOD, "--test-size", "1"], "strictly between"),
        ([*GOOD, "--rows", "x"], "whole number"),
        ([*GOOD, "--test-size", "0.001"], "cannot split 600 rows"),
        ([*GOOD, "--out", "people.csv"], "it is a file"),
        ([*GOOD, "--frobnicate"], "unrecognized arguments"),
    ],
)
def test_one_sentence(refused, people, arguments, expected):
    people.to_csv("people.csv", index=False)
    assert expected in refused(*arguments)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("header.csv", b"hired,sex\n"),
        ("noise.csv", bytes(range(256)) * 4),
        ("noise.parquet", b"PAR1 but not really"),
        ("people.xlsx", b"PK"),
        ("semicolons.csv", b"hired;sex\nyes;man\nno;woman\n"),
    ],
)
def test_unreadable_file(refused, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    told = refused("--data", name, "--target", "hired", "--sensitive", "sex")
    assert name in told or "separator" in told


def test_unknown_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["compete"])
    assert stopped.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("column", "rows", "value", "expected"),
    [
        ("race", [0], "z", "group race='z' has one row"),
        ("race", slice(None), "a", "one group only, race='a'"),
        ("hired", slice(None), "no", "1 distinct values (no)"),
        ("skill", [3], float("inf"), "column 'skill' has 1 infinite values"),
    ],
)
def test_unfit_data(refused, people, column, rows, value, expected):
    people.loc[rows, column] = value
    people.to_csv("people.csv", index=False)
    told = refused(*FILE, "--sensitive", "race", "--test-size", 0.9, "--seed", 1)
    assert expected in told


def test_a_group_too_small_for_both_parts_of_a_split(refused, people):
    people.loc[[0, 1], "race"] = "z"
    people.to_csv("people.csv", index=False)
    told = refused(*FILE, "--sensitive", "race", "--test-size", 0.05)
    assert "group race='z' is too small" in told


def test_a_lone_positive_outside_the_training_rows(refused, people):
    people["hired"] = ["yes"] + ["no"] * 599
    people.to_csv("people.csv", index=False)
    assert "one label only" in refused(*GOOD, "--splits", 30, "--test-size", 0.9)


def test_no_features_left(refused, people):
    people[["sex", "hired"]].to_csv("people.csv", index=False)
    assert "no feature is left" in refused(*GOOD, "--hide-sensitive")


def test_a_sample_that_loses_a_group(refused, people):
    people.loc[[0, 1], "race"] = "z"
    people.to_csv("people.csv", index=False)
    told = refused(*FILE, "--sensitive", "race", "--rows", 20)
    assert "leaves out a group" in told


def test_a_model_that_fails_in_a_trial(refused, people, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("singular\nmatrix")

    monkeypatch.setattr(_trials, "_fit_and_read", fail)
    people.to_csv("people.csv", index=False)
    told = refused(*GOOD)
    assert "plain failed on split 1: RuntimeError: singular matrix" in told


@pytest.mark.parametrize("name", ["rich", "pandas", "matplotlib"])
def test_missing_extra(refused, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    told = refused()
    assert name in told
    assert 'pip install "fairlearnkit[cli]"' in told
