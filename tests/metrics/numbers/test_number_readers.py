"""Metrics of numbers read off moments: scikit-learn's values, and laws that hold."""

from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from fairlearnkit._groups import Groups
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import MetricFrame, SkewedMeans, disparity, mean_error
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics.numbers._number_readers import NUMBER_READERS

METRICS = [
    *NUMBER_READERS,
    partial(sk.mean_pinball_loss, alpha=0.9),
    partial(sk.mean_pinball_loss, alpha=0.2),
]


def houses(seed, n=400, n_groups=3):
    """Prices far from 0, predictions, groups and weights of which some are 0."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y_true = 1e5 * rng.lognormal(size=n) + 3e5 * group
    y_pred = y_true * rng.lognormal(sigma=0.3, size=n)
    weight = rng.integers(0, 4, n) * rng.random(n)
    return y_true, y_pred, group, weight


def read(metric, y_true, y_pred, group, weight=None):
    reader = reader_of(metric)
    return reader.read(reader.table(People(y_true, y_pred, group, weight)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_every_group_and_everybody_have_scikit_learns_value(metric, weighted):
    y_true, y_pred, group, weight = houses(0)
    w = weight if weighted else None
    frame = MetricFrame(
        metrics={"m": metric},
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=group,
        sample_params={"m": {"sample_weight": w}},
    )
    for g, value in frame.by_group["m"].items():
        own = group == g
        part = None if w is None else w[own]
        expected = metric(y_true[own], y_pred[own], sample_weight=part)
        assert value == pytest.approx(expected, rel=1e-12)
    expected = metric(y_true, y_pred, sample_weight=w)
    assert frame.overall["m"] == pytest.approx(expected, rel=1e-12)


def test_options_that_are_not_read_are_left_to_the_rows():
    several = partial(sk.mean_absolute_error, multioutput="raw_values")
    assert reader_of(several) is None
    assert reader_of(partial(sk.r2_score, force_finite=False)) is None
    assert reader_of(sk.median_absolute_error) is None


@pytest.mark.parametrize("metric", METRICS)
def test_the_standard_error_is_that_of_samples(metric):
    """Of 4000 samples, read as so many groups of one table."""
    rng = np.random.default_rng(1)
    y_true = rng.normal(10, 1, size=4000 * 100)
    y_pred = y_true + 0.5 * rng.normal(size=len(y_true)) + 0.2
    found = read(metric, y_true, y_pred, np.repeat(np.arange(4000), 100))
    assert np.sqrt((found.error**2).mean()) == pytest.approx(
        found.values.std(), rel=0.05
    )


def many_groups(rng, n_groups, size):
    codes = np.repeat(np.arange(n_groups), size)
    return Groups(codes, tuple(range(n_groups)), ("group",))


@pytest.mark.parametrize("r2", [0.1, 0.9])
@pytest.mark.parametrize("size", [20, 200])
def test_intervals_hold_their_level(size, r2):
    rng = np.random.default_rng(2)
    groups = many_groups(rng, 2000, size)
    error = rng.normal(size=len(groups.codes))
    y_pred = rng.normal(size=len(error)) * np.sqrt(r2 / (1 - r2))
    truths = {
        mean_error: 0,
        sk.mean_absolute_error: np.sqrt(2 / np.pi),
        sk.mean_squared_error: 1,
        sk.root_mean_squared_error: 1,
        sk.r2_score: r2,
    }
    for metric, truth in truths.items():
        low, high = read(metric, y_pred - error, y_pred, groups).interval()
        held = np.mean((low <= truth) & (truth <= high))
        assert 0.93 <= held <= 0.975, metric.__name__


def test_skewed_squares_are_held_more_often_than_by_students_interval():
    rng = np.random.default_rng(3)
    groups = many_groups(rng, 1000, 200)
    error = rng.lognormal(sigma=0.5, size=len(groups.codes)) - np.exp(0.125)
    truth = (np.exp(0.25) - 1) * np.exp(0.25)
    found = read(sk.mean_squared_error, -error, np.zeros(len(error)), groups)
    held = {}
    for method in ("hall", "t"):
        low, high = found.interval(method=method)
        held[method] = np.mean((low <= truth) & (truth <= high))
    assert held["hall"] > 0.91
    assert held["hall"] > held["t"] + 0.03


def test_the_law_of_r2_follows_from_its_two_means():
    """Bend and shift against skewness and curvature taken from the arrays."""
    rng = np.random.default_rng(4)
    y_true = rng.exponential(size=80)
    y_pred = 0.7 * y_true + 0.3 * rng.exponential(size=80)
    found = read(sk.r2_score, y_true, y_pred, np.zeros(80, int))
    parts = np.stack([(y_pred - y_true) ** 2, (y_true - y_true.mean()) ** 2])
    top, base = parts.mean(axis=1)
    influence = np.array([-1 / base, top / base**2]) @ (
        parts - parts.mean(axis=1)[:, None]
    )
    spread = influence.std()
    direction = (parts @ influence) / 80 / spread

    def r2(step):
        a, b = (top, base) + step * direction
        return 1 - a / b

    h = 1e-3
    curvature = (r2(h) - 2 * r2(0) + r2(-h)) / h**2
    skewness = (influence**3).mean() / spread**3
    bend = (skewness / 3 + curvature / spread / 2) / np.sqrt(80)
    assert found.error[0] == pytest.approx(spread / np.sqrt(79))
    assert found.bend[0] == pytest.approx(bend, rel=1e-4)
    assert found.shift[0] == pytest.approx(skewness / 6 / np.sqrt(80))


def test_r2_does_not_depend_on_the_unit():
    y_true, y_pred, group, weight = houses(5)
    first = read(sk.r2_score, y_true, y_pred, group, weight)
    second = read(
        sk.r2_score, 1e30 * y_true - 7e36, 1e30 * y_pred - 7e36, group, weight
    )
    np.testing.assert_allclose(first.interval(), second.interval(), rtol=1e-6)


def test_perfect_predictions_are_certain():
    y = np.arange(12.0)
    found = read(sk.r2_score, y, y, np.repeat([0, 1], 6))
    assert found.values.tolist() == [1, 1]
    np.testing.assert_allclose(found.interval(), 1)
    found = read(sk.root_mean_squared_error, y, y, np.repeat([0, 1], 6))
    np.testing.assert_allclose(found.interval(), 0)


@pytest.mark.parametrize("y_lonely", [[5.0], [5.0, 5.0, 5.0]])
def test_a_group_without_variance_has_no_r2_and_is_named(y_lonely):
    rng = np.random.default_rng(6)
    y_true = np.concatenate([rng.normal(size=40), y_lonely])
    y_pred = y_true + rng.normal(size=len(y_true))
    groups = ["a"] * 20 + ["b"] * 20 + ["c"] * len(y_lonely)
    with pytest.warns(FairnessWarning, match=r"r2_score is undefined .*\['c'\]"):
        found = disparity(y_true, y_pred, sk.r2_score, sensitive_features=groups)
    assert np.isnan(found.estimates[0].values[2])
    assert np.isnan(found.estimates[0].error[2])
    assert found.low <= found.value <= found.high


def test_gaps_come_with_intervals():
    y_true, y_pred, group, weight = houses(7, n_groups=2)
    y_pred = np.where(group == 1, y_pred, y_true)
    found = disparity(
        y_true,
        y_pred,
        sk.mean_absolute_percentage_error,
        sensitive_features=group,
        sample_weight=weight,
    )
    assert isinstance(found.estimates[0], SkewedMeans)
    assert 0 < found.low < found.value < found.high
    assert (found.lowest, found.highest) == (0, 1)


def test_errors_of_logarithms_need_numbers_above_minus_1():
    with pytest.raises(ValueError, match="y_pred holds 1 values of -1 or less"):
        read(sk.mean_squared_log_error, [1.0, 2.0], [1.0, -3.0], ["a", "b"])


def test_labels_are_no_numbers():
    with pytest.raises(ValueError, match="y_true must hold numbers"):
        read(sk.mean_absolute_error, ["x", "y"], [1.0, 2.0], ["a", "b"])
