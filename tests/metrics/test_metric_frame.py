"""MetricFrame against Fairlearn's wherever that is right, cell by cell."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binom
from sklearn import metrics as sk

from fairlearnkit import metrics
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import MetricFrame

RATES = (
    "true_positive_rate",
    "true_negative_rate",
    "false_positive_rate",
    "false_negative_rate",
    "selection_rate",
    "mean_prediction",
    "count",
)
SKLEARN = {
    "accuracy": sk.accuracy_score,
    "loss": sk.zero_one_loss,
    "balanced": sk.balanced_accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "f2": partial(sk.fbeta_score, beta=2),
    "matthews": sk.matthews_corrcoef,
}
METHODS = ("between_groups", "to_overall")


def peers():
    from fairlearn import metrics as fairlearn_metrics  # slow to import

    return fairlearn_metrics


def both(functions, **arguments):
    """Our frame and Fairlearn's of the same functions; ours by their names."""
    theirs = peers()
    mine = {n: getattr(metrics, f) if isinstance(f, str) else f for n, f in functions}
    other = {n: getattr(theirs, f) if isinstance(f, str) else f for n, f in functions}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs.MetricFrame(metrics=other, **arguments)
    return MetricFrame(metrics=mine, **arguments), expected


def people(seed, n=600, names=("sex", "race")):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    h = np.where(rng.random(n) < 0.5, y, rng.integers(0, 2, n))
    sensitive = pd.DataFrame(
        {
            names[0]: rng.choice(["f", "m"], n),
            names[1]: rng.choice(["a", "b", "c"], n),
        }
    )
    return y, h, sensitive, rng.random(n)


def assert_same(found, expected):
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(
            found.astype(float), expected.astype(float), rtol=1e-12, check_names=True
        )
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(
            found.astype(float), expected.astype(float), rtol=1e-12, check_names=False
        )
    else:
        assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


def assert_frames_agree(found, expected):
    assert_same(found.overall, expected.overall)
    assert_same(found.by_group, expected.by_group)
    assert_same(found.group_min(), expected.group_min())
    assert_same(found.group_max(), expected.group_max())
    for method in METHODS:
        assert_same(found.difference(method), expected.difference(method=method))
        assert_same(found.ratio(method), expected.ratio(method=method))
    assert found.control_levels == expected.control_levels
    assert found.sensitive_levels == expected.sensitive_levels


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("control", [None, "region"])
@pytest.mark.parametrize("columns", [["sex"], ["sex", "race"]])
def test_numbers_are_fairlearns(columns, control, weighted):
    y, h, sensitive, weight = people(0)
    functions = [(n, n) for n in RATES] + list(SKLEARN.items())
    arguments = {
        "y_true": y,
        "y_pred": h,
        "sensitive_features": sensitive[columns],
    }
    if control:
        region = np.where(weight < 0.3, "n", "s")
        arguments["control_features"] = pd.Series(region, name=control)
    if weighted:
        arguments["sample_params"] = {
            name: {"sample_weight": weight}
            for name, _ in functions
            if name not in ("count",)
        }
    assert_frames_agree(*both(functions, **arguments))


@pytest.mark.parametrize("name", ["true_positive_rate", "accuracy"])
def test_a_single_callable_gives_scalars_and_series(name):
    y, h, sensitive, _ = people(1)
    function = SKLEARN.get(name, name)
    theirs = getattr(peers(), name, function)
    mine = getattr(metrics, name, function)
    arguments = {"y_true": y, "y_pred": h, "sensitive_features": sensitive["race"]}
    found = MetricFrame(metrics=mine, **arguments)
    expected = peers().MetricFrame(metrics=theirs, **arguments)
    assert isinstance(found.by_group, pd.Series)
    assert np.ndim(found.overall) == np.ndim(found.difference()) == 0
    assert_frames_agree(found, expected)
    assert found.by_group.index.name == expected.by_group.index.name
    control = {"control_features": sensitive["sex"]}
    assert_frames_agree(
        MetricFrame(metrics=mine, **arguments, **control),
        peers().MetricFrame(metrics=theirs, **arguments, **control),
    )


def test_combinations_that_do_not_occur_are_nan_as_in_fairlearn():
    y, h, sensitive, _ = people(2)
    absent = (sensitive["sex"] == "f") & (sensitive["race"] == "c")
    y, h, sensitive = y[~absent], h[~absent], sensitive[~absent].reset_index(drop=True)
    found, expected = both(
        [("selected", "selection_rate"), ("matthews", sk.matthews_corrcoef)],
        y_true=y,
        y_pred=h,
        sensitive_features=sensitive,
    )
    assert np.isnan(found.by_group.loc[("f", "c"), "selected"])
    assert_frames_agree(found, expected)


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        lambda column: {"sex": column},
        pl.Series,
        lambda column: pl.DataFrame({"sex": column}),
        lambda column: pd.Series(column, dtype="category"),
        lambda column: np.array(column)[:, None],
    ],
    ids=["list", "dict", "polars", "polars frame", "categorical", "column"],
)
def test_any_container_of_groups_will_do(wrap):
    y, h, sensitive, _ = people(3)
    column = sensitive["sex"].tolist()
    plain = MetricFrame(
        metrics=sk.accuracy_score,
        y_true=y,
        y_pred=h,
        sensitive_features=sensitive["sex"],
    )
    found = MetricFrame(
        metrics=sk.accuracy_score,
        y_true=list(y),
        y_pred=pl.Series(h),
        sensitive_features=wrap(column),
    )
    assert_same(found.by_group, plain.by_group)


def test_unnamed_features_are_numbered_as_in_fairlearn():
    y, h, sensitive, _ = people(4)
    arguments = {
        "y_true": y,
        "y_pred": h,
        "sensitive_features": sensitive.to_numpy(),
        "control_features": (sensitive["sex"] == "f").to_numpy(),
    }
    found, expected = both([("accuracy", sk.accuracy_score)], **arguments)
    assert list(found.by_group.index.names) == list(expected.by_group.index.names)
    assert found.sensitive_levels == ["sensitive_feature_0", "sensitive_feature_1"]
    assert found.control_levels == ["control_feature_0"]


def test_metrics_of_scores_and_of_numbers_are_scikit_learns():
    y, _, sensitive, score = people(5)
    functions = [
        ("auc", sk.roc_auc_score),
        ("ap", sk.average_precision_score),
        ("brier", sk.brier_score_loss),
        ("log_loss", sk.log_loss),
        ("mae", sk.mean_absolute_error),
        ("mse", sk.mean_squared_error),
        ("r2", sk.r2_score),
    ]
    arguments = {"y_true": y, "y_pred": score, "sensitive_features": sensitive["race"]}
    assert_frames_agree(*both(functions, **arguments))


def test_results_that_are_no_numbers_are_kept_but_not_compared():
    y, h, sensitive, _ = people(6)
    frame = MetricFrame(
        metrics={"matrix": sk.confusion_matrix, "accuracy": sk.accuracy_score},
        y_true=y,
        y_pred=h,
        sensitive_features=sensitive["sex"],
    )
    f = (sensitive["sex"] == "f").to_numpy()
    expected = sk.confusion_matrix(y[f], h[f])
    np.testing.assert_array_equal(frame.by_group.loc["f", "matrix"], expected)
    assert np.isnan(frame.difference()["matrix"])
    assert np.isnan(frame.group_min(errors="coerce")["matrix"])
    assert frame.difference()["accuracy"] >= 0
    with pytest.raises(ValueError, match="'matrix' is no number"):
        frame.group_min()


def test_a_metric_takes_its_own_sample_parameters():
    y, h, sensitive, weight = people(7)

    def weighted_share(y_true, y_pred, *, importance, sample_weight=None):
        return float(importance @ y_pred / importance.sum())

    functions = [("share", weighted_share), ("accuracy", sk.accuracy_score)]
    assert_frames_agree(
        *both(
            functions,
            y_true=y,
            y_pred=h,
            sensitive_features=sensitive["race"],
            sample_params={"share": {"importance": weight, "sample_weight": None}},
        )
    )


def test_a_table_and_the_rows_give_the_same_numbers():
    y, h, sensitive, weight = people(8)

    def on_rows(function):
        return lambda *arrays, **params: function(*arrays, **params)

    names = [n for n in RATES if n != "count"]
    read = {n: getattr(metrics, n) for n in names} | {
        n: SKLEARN[n] for n in ("accuracy", "loss", "balanced", "f1", "f2")
    }
    params = {n: {"sample_weight": weight} for n in read}
    arguments = {
        "y_true": y,
        "y_pred": h,
        "sensitive_features": sensitive,
        "sample_params": params,
    }
    table = MetricFrame(metrics=read, **arguments)
    rows = MetricFrame(metrics={n: on_rows(f) for n, f in read.items()}, **arguments)
    assert_same(table.by_group, rows.by_group)
    assert_same(table.overall, rows.overall)


def test_bootstrap_quantiles_lie_where_fairlearns_do():
    y, h, sensitive, _ = people(9, n=500)
    arguments = {
        "y_true": y,
        "y_pred": h,
        "sensitive_features": sensitive["race"],
        "control_features": sensitive["sex"],
        "n_boot": 60,
        "ci_quantiles": [0.1, 0.5, 0.9],
        "random_state": 0,
    }
    functions = [
        ("selected", "selection_rate"),
        ("balanced", sk.balanced_accuracy_score),
        ("called", lambda y_true, y_pred: float(np.mean(y_true == y_pred))),
    ]
    found, expected = both(functions, **arguments)
    for name in ("overall_ci", "by_group_ci"):
        for mine, other in zip(
            getattr(found, name), getattr(expected, name), strict=True
        ):
            assert type(mine) is type(other)
            np.testing.assert_allclose(mine, other, atol=0.06)
    for name in ("group_min_ci", "group_max_ci", "difference_ci", "ratio_ci"):
        for mine, other in zip(
            getattr(found, name)(), getattr(expected, name)(), strict=True
        ):
            np.testing.assert_allclose(mine, other, atol=0.1)
    for method in METHODS:
        mine, other = found.difference_ci(method), expected.difference_ci(method)
        np.testing.assert_allclose(mine[1], other[1], atol=0.06)
    assert found.ci_quantiles == [0.1, 0.5, 0.9]
    assert found.n_boot == 60


def test_bootstrap_quantiles_of_a_share_are_binomial():
    h = np.repeat([0, 1, 0, 1], [40, 60, 150, 50])
    group = np.repeat(["a", "b"], [100, 200])
    frame = MetricFrame(
        metrics=metrics.selection_rate,
        y_true=h,
        y_pred=h,
        sensitive_features=group,
        n_boot=20_000,
        ci_quantiles=[0.1, 0.9],
        random_state=0,
    )
    for quantile, found in zip((0.1, 0.9), frame.by_group_ci, strict=True):
        expected = [binom.ppf(quantile, 100, 0.6) / 100]
        expected.append(binom.ppf(quantile, 200, 0.25) / 200)
        np.testing.assert_allclose(found, expected, atol=0.006)


def test_bootstrap_is_repeatable_and_orders_its_quantiles():
    y, h, sensitive, weight = people(10)
    arguments = {
        "metrics": metrics.false_negative_rate,
        "y_true": y,
        "y_pred": h,
        "sensitive_features": sensitive,
        "sample_params": {"sample_weight": weight},
        "n_boot": 50,
        "ci_quantiles": [0.05, 0.95],
        "random_state": 3,
    }
    first, second = MetricFrame(**arguments), MetricFrame(**arguments)
    low, high = first.by_group_ci
    assert (low <= high).all()
    assert_same(second.by_group_ci[0], low)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n_boot": 10}, "given together"),
        ({"ci_quantiles": [0.5]}, "given together"),
        ({"n_boot": 0, "ci_quantiles": [0.5]}, "positive integer"),
        ({"n_boot": 10, "ci_quantiles": [1.5]}, "between 0 and 1"),
        ({"metrics": {}}, "no metrics"),
        ({"metrics": {"a": 3}}, "must be callable"),
        ({"sample_params": [1]}, "sample_params must be a dict"),
        ({"sample_params": {"other": {}}}, r"not there: \['other'\]"),
        ({"sample_params": {"a": [1]}}, "sample_params of 'a' must be a dict"),
        ({"sensitive_features": None}, "sensitive_features must be given"),
        ({"sensitive_features": [0]}, "one value per row"),
        ({"sensitive_features": ["x", None, "y", "x"]}, "1 missing values in 4"),
        ({"y_pred": [0.2, 0.8, 0.5, 0.1]}, "continuous values"),
        ({"y_true": ["no", "yes", "no", "yes"]}, "mix labels|pos_label must say"),
        ({"y_pred": [0, 1, 0]}, "one value per row"),
        ({"y_true": [0, np.nan, 1, 0]}, "y_true has 1 missing"),
        (
            {
                "control_features": {"a": [1, 1, 2, 2]},
                "sensitive_features": {"a": "xxyy"},
            },
            "both control and sensitive",
        ),
    ],
)
def test_bad_input_gets_one_sentence(arguments, match):
    usual = {
        "metrics": {"a": metrics.true_positive_rate},
        "y_true": [0, 1, 0, 1],
        "y_pred": [0, 1, 1, 0],
        "sensitive_features": list("xxyy"),
    }
    with pytest.raises(ValueError, match=match):
        MetricFrame(**usual | arguments)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda f: f.difference(method="best"), "method must be one of"),
        (lambda f: f.ratio(errors="hide"), "errors must be one of"),
        (lambda f: f.group_min(errors="hide"), "errors must be one of"),
        (lambda f: f.overall_ci, "give n_boot and ci_quantiles"),
        (lambda f: f.difference_ci(), "give n_boot and ci_quantiles"),
        (lambda f: f.intervals(method="guess"), "no interval 'guess'"),
        (lambda f: f.disparities(method="guess"), "method must be one of"),
    ],
)
def test_wrong_options_are_refused(call, match):
    frame = MetricFrame(
        metrics=sk.accuracy_score,
        y_true=[0, 1, 0, 1],
        y_pred=[0, 1, 1, 0],
        sensitive_features=list("xxyy"),
    )
    with pytest.raises(ValueError, match=match):
        call(frame)


def test_pandas_rows_in_another_order_are_refused_and_not_mixed_up():
    y, h, sensitive, _ = people(11)
    shuffled = sensitive.sample(frac=1, random_state=0)
    arguments = {"metrics": sk.accuracy_score, "y_pred": h}
    with pytest.raises(ValueError, match="same index in different orders"):
        MetricFrame(y_true=pd.Series(y), sensitive_features=shuffled, **arguments)
    aligned = shuffled.reset_index(drop=True)
    MetricFrame(y_true=pd.Series(y), sensitive_features=aligned, **arguments)


def test_features_may_have_any_name():
    y, h, sensitive, _ = people(12, names=("y_true", "y_pred"))
    frame = MetricFrame(
        metrics=sk.accuracy_score, y_true=y, y_pred=h, sensitive_features=sensitive
    )
    assert frame.sensitive_levels == ["y_true", "y_pred"]


def test_an_undefined_rate_is_nan_and_its_group_is_named():
    frame_of = partial(
        MetricFrame,
        y_true=[0, 1, 0, 1, 0, 0],
        y_pred=[0, 1, 1, 0, 1, 0],
        sensitive_features=list("aabbcc"),
    )
    with pytest.warns(FairnessWarning, match=r"true_positive_rate .*\['c'\]"):
        frame = frame_of(metrics=metrics.true_positive_rate)
    assert np.isnan(frame.by_group["c"])
    assert frame.difference() == 1
    with pytest.warns(FairnessWarning, match=r"\['c'\]"):
        frame = frame_of(metrics={"recall": sk.recall_score})
    assert np.isnan(frame.by_group.loc["c", "recall"])


def test_intervals_are_those_of_each_law():
    y, h, sensitive, _ = people(13)
    frame = MetricFrame(
        metrics={"selected": metrics.selection_rate, "matthews": sk.matthews_corrcoef},
        y_true=y,
        y_pred=h,
        sensitive_features=sensitive,
    )
    found = frame.intervals(n_resamples=40)
    assert found.index.names == ["metric", "sex", "race"]
    for group, rows in sensitive.groupby(["sex", "race"]).groups.items():
        share, n = h[rows].mean(), len(rows)
        low, high = metrics.wilson_interval(share, n)
        row = found.loc[("selected", *group)]
        np.testing.assert_allclose(row, [share, low, high, n])
    called = found.loc["matthews"]
    assert (called["low"] < called["value"]).all()
    assert (called["value"] < called["high"]).all()


def test_disparities_are_those_of_the_function_in_each_stratum():
    y, h, sensitive, _ = people(14)
    frame = MetricFrame(
        metrics={
            "selected": metrics.selection_rate,
            "miss": metrics.false_negative_rate,
        },
        y_true=y,
        y_pred=h,
        sensitive_features=sensitive["race"],
        control_features=sensitive["sex"],
    )
    found = frame.disparities()
    assert found.index.names == ["metric", "sex"]
    for sex in ("f", "m"):
        rows = (sensitive["sex"] == sex).to_numpy()
        expected = metrics.disparity(
            y[rows],
            h[rows],
            metrics.false_negative_rate,
            sensitive_features=sensitive["race"][rows],
        )
        row = found.loc[("miss", sex)]
        for column in ("value", "low", "high", "lowest", "highest"):
            assert row[column] == getattr(expected, column)
    values = frame.difference()["miss"]
    np.testing.assert_allclose(found.loc["miss"]["value"], values)
    assert (found["p_adjusted"] >= found["p_value"]).all()


def test_the_missing_package_is_named_with_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "fairlearnkit\[pandas\]"'):
        MetricFrame(
            metrics=metrics.count, y_true=[1], y_pred=[1], sensitive_features=[1]
        )


def test_selection_rates_do_not_depend_on_the_true_values():
    _, h, sensitive, weight = people(15)
    arguments = {
        "metrics": metrics.selection_rate,
        "y_pred": h,
        "sensitive_features": sensitive["sex"],
    }
    expected = MetricFrame(y_true=h, **arguments).by_group
    for y_true in (weight, np.arange(len(h)) % 5, 1 - h):
        assert_same(MetricFrame(y_true=y_true, **arguments).by_group, expected)
    with pytest.raises(ValueError, match="y_pred holds continuous values"):
        MetricFrame(y_true=weight, **arguments | {"y_pred": weight})


def test_predictions_may_have_a_column_for_each_class():
    rng = np.random.default_rng(16)
    y, group = rng.integers(0, 3, 300), rng.choice(["a", "b"], 300)
    proba = rng.dirichlet(np.ones(3), 300)
    assert_frames_agree(
        *both(
            [("log_loss", partial(sk.log_loss, labels=[0, 1, 2]))],
            y_true=y,
            y_pred=proba.tolist(),
            sensitive_features=group,
        )
    )
