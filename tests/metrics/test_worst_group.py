"""The worst group: which it is, how bad it can be, and how clear that is."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import norm
from sklearn import metrics as sk

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    Means,
    Shares,
    mean_error,
    mean_prediction,
    proportion_interval,
    selection_rate,
    true_positive_rate,
    worst_group,
)
from fairlearnkit.metrics._worst_group import worst_interval


def people(seed, n=600, n_groups=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y_true = rng.integers(0, 2, n)
    right = rng.random(n) < 0.9 - 0.1 * group
    return y_true, np.where(right, y_true, 1 - y_true), group, rng.integers(0, 4, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("metric", "pick"),
    [
        (sk.accuracy_score, min),
        (sk.zero_one_loss, max),
        (sk.mean_squared_error, max),
        (sk.f1_score, min),
        (true_positive_rate, min),
    ],
)
def test_it_is_the_worst_of_the_metric_called_on_each_group(metric, pick, weighted):
    y_true, y_pred, group, weight = people(0)
    w = weight if weighted else None
    values = {
        g: metric(
            y_true[group == g],
            y_pred[group == g],
            sample_weight=None if w is None else w[group == g],
        )
        for g in range(3)
    }
    overall = metric(y_true, y_pred, sample_weight=w)
    found = worst_group(
        y_true, y_pred, metric, sensitive_features=group, sample_weight=w
    )
    assert found.group == pick(values, key=values.get)
    assert found.value == pytest.approx(values[found.group])
    assert found.overall == pytest.approx(overall)
    assert found.gap == pytest.approx(values[found.group] - overall)
    assert found.low <= found.value <= found.high
    assert found.probability.sum() == pytest.approx(1)


def test_a_callable_of_ones_own_is_called_on_rows():
    def cost(y_true, y_pred, sample_weight=None):
        wrong = np.where(y_true > y_pred, 5.0, 1.0) * (y_true != y_pred)
        return np.average(wrong, weights=sample_weight)

    y_true, y_pred, group, weight = people(1)
    found = worst_group(
        y_true,
        y_pred,
        cost,
        sensitive_features=group,
        greater_is_better=False,
        sample_weight=weight,
    )
    own = group == found.group
    assert found.value == pytest.approx(cost(y_true[own], y_pred[own], weight[own]))
    assert found.name == "cost"
    assert found.low < found.value < found.high


def test_a_score_is_the_mirror_image_of_a_loss():
    y_true, y_pred, group, _ = people(2)
    loss = worst_group(y_true, y_pred, sk.zero_one_loss, sensitive_features=group)
    score = worst_group(y_true, y_pred, sk.accuracy_score, sensitive_features=group)
    assert (score.group, score.value) == (loss.group, pytest.approx(1 - loss.value))
    assert score.low == pytest.approx(1 - loss.high)
    assert score.high == pytest.approx(1 - loss.low)
    np.testing.assert_allclose(score.probability, loss.probability, atol=0.02)


def test_one_group_has_its_own_interval():
    y_true, y_pred, _, _ = people(3, n=50)
    found = worst_group(y_true, y_pred, sk.zero_one_loss, sensitive_features=["a"] * 50)
    wrong = np.mean(y_true != y_pred)
    expected = proportion_interval(wrong, 50, method="clopper_pearson")
    assert [found.low, found.high] == pytest.approx(np.array(expected))
    assert (found.gap, found.probability.tolist()) == (0, [1])


def test_a_method_of_the_law_is_used():
    y_true, y_pred, _, _ = people(3, n=50)
    found = worst_group(
        y_true,
        y_pred,
        sk.zero_one_loss,
        sensitive_features=["a"] * 50,
        method="wilson",
    )
    expected = proportion_interval(np.mean(y_true != y_pred), 50)
    assert [found.low, found.high] == pytest.approx(np.array(expected))


def shares(rng, truth, size):
    values = rng.binomial(size, truth) / size
    n = np.full(len(truth), float(size))
    return Shares(name="loss", groups=tuple(range(len(truth))), values=values, n=n)


def normals(rng, truth, size):
    values = rng.normal(truth, 1 / np.sqrt(size))
    error = np.sqrt(rng.chisquare(size - 1, len(truth)) / (size - 1) / size)
    n = np.full(len(truth), float(size))
    groups = tuple(range(len(truth)))
    return Means(name="loss", groups=groups, values=values, n=n, error=error)


@pytest.mark.parametrize("n_groups", [2, 4, 8])
@pytest.mark.parametrize("worse", [1, -1])
@pytest.mark.parametrize("law", [shares, normals])
@pytest.mark.parametrize("arrangement", ["equal", "one"])
def test_the_interval_holds_the_worst_true_value(n_groups, worse, law, arrangement):
    """At .95 in theory, where all groups are equal and where one stands out."""
    rng = np.random.default_rng(0)
    truth = np.full(n_groups, 0.5)
    if arrangement == "one":
        truth[1:] -= worse * 0.2
    held = 0
    for _ in range(400):
        low, high = worst_interval(law(rng, truth, 400), worse)
        held += low <= 0.5 <= high
    assert 0.925 <= held / 400 <= 0.985


def test_the_own_interval_of_the_worst_of_equal_groups_does_not_hold():
    rng = np.random.default_rng(1)
    own = simultaneous = 0
    for _ in range(400):
        estimates = normals(rng, np.zeros(8), 100)
        low, high = estimates.interval()
        at = estimates.values.argmax()
        own += low[at] <= 0 <= high[at]
        low, high = worst_interval(estimates, 1)
        simultaneous += low <= 0 <= high
    assert own < 0.88 * 400 < 0.92 * 400 < simultaneous


def test_a_small_group_does_not_hide_what_is_known_of_a_large_one():
    y_true = np.zeros(2010)
    y_pred = np.concatenate([np.tile([0, 0, 1], 670), []])
    group = np.where(np.arange(2010) < 2000, "large", "small")
    y_pred[2000:] = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    found = worst_group(y_true, y_pred, sk.zero_one_loss, sensitive_features=group)
    assert found.group == "small"
    assert 0.3 < found.low < 0.34  # of the large group
    assert found.high > 0.7  # of the small one


def test_equal_groups_are_as_likely_to_be_worst():
    y_true = np.zeros(90)
    y_pred = np.tile([0, 0, 1], 30)
    found = worst_group(
        y_true, y_pred, sk.zero_one_loss, sensitive_features=np.repeat([0, 1, 2], 30)
    )
    np.testing.assert_allclose(found.probability, 1 / 3, atol=0.03)
    assert found.group == 0


def test_probabilities_are_those_of_two_normal_numbers():
    rng = np.random.default_rng(2)
    error = rng.normal(size=400) + np.repeat([0.0, 0.1], 200)
    found = worst_group(
        np.zeros(400),
        error,
        mean_error,
        sensitive_features=np.repeat([0, 1], 200),
        greater_is_better=False,
    )
    law = found.estimates
    z = (law.values[1] - law.values[0]) / np.hypot(*law.error)
    assert found.probability[1] == pytest.approx(norm.cdf(z), abs=0.02)


def test_names_and_order_of_groups_change_nothing():
    y_true, y_pred, group, weight = people(4, n_groups=4)
    renamed = np.array(["d", "a", "c", "b"])[group]
    first, second = (
        worst_group(
            y_true, y_pred, sk.f1_score, sensitive_features=g, sample_weight=weight
        )
        for g in (group, renamed)
    )
    for name in ("value", "low", "high", "overall"):
        assert getattr(first, name) == pytest.approx(getattr(second, name))
    assert second.group == "dacb"[first.group]
    by_name = dict(zip(second.estimates.groups, second.probability, strict=True))
    for g, probability in enumerate(first.probability):
        assert by_name["dacb"[g]] == probability


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        (sk.accuracy_score, True),
        (sk.r2_score, True),
        (sk.zero_one_loss, False),
        (sk.mean_absolute_error, False),
        (sk.mean_poisson_deviance, False),
        (partial(sk.fbeta_score, beta=2.0), True),
        (partial(true_positive_rate, pos_label=1), True),
    ],
)
def test_which_values_are_worse_is_known(metric, better):
    y_true = np.array([0, 1, 0, 1] * 5)
    y_pred = np.array([0, 1, 1, 0] * 5)
    if metric is sk.mean_poisson_deviance:
        y_pred = y_pred + 1
    groups = ["a"] * 12 + ["b"] * 8
    found = worst_group(y_true, y_pred, metric, sensitive_features=groups)
    assert found.greater_is_better is better


@pytest.mark.parametrize("metric", [mean_error, mean_prediction, selection_rate, max])
def test_which_values_are_worse_must_be_said_otherwise(metric):
    with pytest.raises(ValueError, match="greater_is_better=True or False"):
        worst_group([0, 1], [0, 1], metric, sensitive_features=["a", "b"])


def test_groups_that_cannot_be_judged_are_named_and_left_out():
    y_true = [0.0, 1.0, 2.0, 3.0, 0.0]
    y_pred = [0.5, 1.0, 2.5, 1.0, 9.0]
    with pytest.warns(FairnessWarning, match=r"mean_absolute_error .*'c'"):
        found = worst_group(
            y_true, y_pred, sk.mean_absolute_error, sensitive_features=list("aabbc")
        )
    assert found.group == "b"
    assert np.isnan(found.probability[2])
    assert found.overall == pytest.approx(12 / 5)


def test_small_groups_are_left_out_when_asked():
    y_true, y_pred = [0] * 10, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    groups = ["a"] * 7 + ["b"] * 3
    with pytest.warns(FairnessWarning, match=r"'b'.* fewer than min_n=5"):
        found = worst_group(
            y_true, y_pred, sk.zero_one_loss, sensitive_features=groups, min_n=5
        )
    assert found.group == "a"
    with pytest.warns(FairnessWarning, match="min_n=50"):
        found = worst_group(
            y_true, y_pred, sk.zero_one_loss, sensitive_features=groups, min_n=50
        )
    assert found.group is None
    assert np.isnan([found.value, found.low, found.high, found.gap]).all()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_make_intersections_and_tables(frame):
    y_true, y_pred, group, _ = people(5)
    sex = np.where(y_true, "f", "m").tolist()
    data = frame({"y": y_true, "h": y_pred, "sex": sex, "age": group})
    found = worst_group(
        data["y"],
        data["h"],
        sk.zero_one_loss,
        sensitive_features=data[["sex", "age"]],
    )
    table = found.to_frame()
    assert table.index.names == ["sex", "age"]
    assert table.index[0] == found.group
    assert table["value"].is_monotonic_decreasing
    assert table.columns.tolist() == [
        "value",
        "low",
        "high",
        "gap",
        "probability",
        "n",
    ]


@pytest.mark.parametrize("n_groups", [1, 3, 9])
def test_a_higher_level_is_wider(n_groups):
    y_true, y_pred, group, _ = people(6, n_groups=n_groups)
    low, high = np.transpose(
        [
            (found.low, found.high)
            for level in (0.01, 0.4, 0.8, 0.95, 0.999)
            for found in [
                worst_group(
                    y_true,
                    y_pred,
                    sk.zero_one_loss,
                    sensitive_features=group,
                    confidence_level=level,
                )
            ]
        ]
    )
    assert (np.diff(low) < 0).all()
    assert (np.diff(high) >= 0).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="metric must be callable"):
        worst_group([0, 1], [0, 1], "accuracy", sensitive_features=["a", "b"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        worst_group(
            [0, 1],
            [0, 1],
            sk.accuracy_score,
            sensitive_features=["a", "b"],
            confidence_level=95,
        )
    with pytest.raises(ValueError, match="different orders"):
        worst_group(
            pd.Series([0, 1]),
            [0, 1],
            sk.accuracy_score,
            sensitive_features=pd.Series(["a", "b"], index=[1, 0]),
        )
