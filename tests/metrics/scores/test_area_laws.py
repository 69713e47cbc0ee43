"""The laws of areas under curves: their equations, ends, draws and coverage."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    AreasUnderCurve,
    AveragePrecisions,
    MetricFrame,
    disparity,
)

Z = norm.ppf(0.975)


def areas(values, error, positives, negatives):
    values = np.array(values, float)
    return AreasUnderCurve(
        name="auc",
        groups=tuple(range(len(values))),
        values=values,
        n=np.add(positives, negatives).astype(float),
        error=np.array(error, float),
        positives=np.array(positives, float),
        negatives=np.array(negatives, float),
    )


def newcombes_variance(area, m, n):
    """Hanley and McNeil's, with both numbers less 1 replaced by their mean."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    people = (m + n) / 2 - 1
    spread = (first - area**2) + (second - area**2)
    return (area * (1 - area) + people * spread) / (m * n)


def test_newcombes_ends_solve_the_score_equation():
    law = areas([0.55, 0.8, 0.97], [0.1, 0.05, 0.02], [6, 30, 100], [14, 70, 50])
    for end in law.interval(method="newcombe"):
        for g in range(3):
            v = newcombes_variance(end[g], law.positives[g], law.negatives[g])
            assert (law.values[g] - end[g]) ** 2 == pytest.approx(Z**2 * v, rel=1e-6)


def test_score_is_newcombes_where_the_data_show_its_variance():
    values, m, n = np.array([0.6, 0.9]), np.array([20, 50]), np.array([40, 60])
    error = np.sqrt(newcombes_variance(values, m, n))
    law = areas(values, error, m, n)
    np.testing.assert_allclose(
        law.interval(method="score"), law.interval(method="newcombe")
    )
    wide = areas(values, 2 * error, m, n).interval()
    narrow = law.interval()
    assert (wide[0] < narrow[0]).all()
    assert (wide[1] > narrow[1]).all()


def test_score_agrees_with_delong_among_many():
    law = areas([0.7], [0.004], [9000], [21000])
    np.testing.assert_allclose(law.interval(), law.interval(method="delong"), atol=2e-4)
    np.testing.assert_allclose(law.interval(), law.interval(method="logit"), atol=2e-4)


@pytest.mark.parametrize("method", AreasUnderCurve.methods)
def test_intervals_turn_round_with_the_score(method):
    law = areas([0.3, 0.85], [0.08, 0.04], [20, 40], [30, 35])
    turned = areas([0.7, 0.15], [0.08, 0.04], [20, 40], [30, 35])
    low, high = law.interval(method=method)
    other_low, other_high = turned.interval(method=method)
    np.testing.assert_allclose(low, 1 - other_high, atol=1e-9)
    np.testing.assert_allclose(high, 1 - other_low, atol=1e-9)


def test_a_perfect_ranking_of_few_is_not_certain():
    law = areas([1.0, 1.0], [0.0, 0.0], [6, 60], [14, 140])
    low, high = law.interval()
    assert (high == 1).all()
    assert 0.6 < low[0] < 0.85 < low[1] < 1
    assert law.interval(method="delong")[0].tolist() == [1.0, 1.0]
    # One positive comes first among 20 by chance in 5 % of samples.
    single = areas([1.0], [np.nan], [1], [19])
    assert single.interval()[0][0] < 0.5


def test_undefined_groups_stay_undefined():
    law = areas([np.nan, 0.8], [np.nan, 0.1], [0, 20], [10, 20])
    for method in law.methods:
        low, high = law.interval(method=method)
        assert np.isnan([low[0], high[0]]).all()
        assert low[1] < 0.8 < high[1]


@pytest.mark.parametrize("kind", ["auc", "average precision"])
def test_draws_have_the_mean_and_the_variance_of_the_truth(kind):
    law = areas([0.8, 0.7], [0.05, 0.06], [40, 40], [60, 60])
    if kind != "auc":
        fields = {k: getattr(law, k) for k in ("name", "groups", "values", "n")}
        law = AveragePrecisions(**fields, error=law.error, positives=law.positives)
    rng = np.random.default_rng(0)
    ranks = rng.permuted(np.tile(np.arange(4000), (2, 1)), axis=1)
    truth = np.array([0.75, 0.55])
    drawn = law.sampler(ranks)(truth)
    assert drawn.shape == (4000, 2)
    np.testing.assert_allclose(drawn.mean(axis=0), truth, atol=1e-3)
    # The level at which a draw lies z deviations off is the interval's.
    for g in range(2):
        by_rank = drawn[np.argsort(ranks[g]), g]
        assert (np.diff(by_rank) >= 0).all()
    at_truth = law.take([0, 1])
    spread = drawn.std(axis=0)
    expected = np.sqrt(at_truth._factor() * at_truth._variance(truth))
    np.testing.assert_allclose(spread, expected, rtol=0.01)


def test_average_precision_of_few_perfect_ones_is_not_certain():
    law = AveragePrecisions(
        name="ap",
        groups=("a",),
        values=np.array([1.0]),
        n=np.array([20.0]),
        error=np.array([0.0]),
        positives=np.array([6.0]),
    )
    low, high = law.interval()
    assert high[0] == 1
    assert low[0] == pytest.approx(6 / (6 + Z**2))  # Wilson's of 6 in 6
    assert law.interval(method="logit")[0][0] == 1


def scored_groups(seed, area, size, n_groups):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), size)
    y = (rng.random(len(group)) < 0.3).astype(int)
    return y, rng.normal(size=len(group)) + np.sqrt(2) * norm.ppf(area) * y, group


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
@pytest.mark.parametrize("area", [0.7, 0.95])
@pytest.mark.parametrize("size", [20, 60])
def test_default_interval_of_auc_holds_its_level(area, size):
    y, score, group = scored_groups(0, area, size, 1000)
    frame = MetricFrame(
        metrics=roc_auc_score, y_true=y, y_pred=score, sensitive_features=group
    )
    found = frame.intervals().dropna()
    assert len(found) > 990
    held = ((found["low"] <= area) & (area <= found["high"])).mean()
    assert 0.935 <= held <= 0.985  # .95 within two standard errors, and discreteness


@pytest.mark.parametrize("metric", [roc_auc_score, average_precision_score])
@pytest.mark.parametrize("n_groups", [2, 4])
def test_gap_of_equal_groups_holds_zero(metric, n_groups):
    held = []
    for seed in range(120):
        y, score, group = scored_groups(seed, 0.8, 60, n_groups)
        held.append(disparity(y, score, metric, sensitive_features=group).low == 0)
    assert 0.89 <= np.mean(held) <= 0.995  # .95 within three standard errors


def test_frame_warning_names_the_group_with_one_label():
    with pytest.warns(FairnessWarning, match=r"roc_auc_score .*\['b'\]"):
        frame = MetricFrame(
            metrics=roc_auc_score,
            y_true=[0, 1, 1, 1],
            y_pred=[0.1, 0.2, 0.3, 0.4],
            sensitive_features=list("aabb"),
        )
    assert frame.by_group["a"] == 1
    assert np.isnan(frame.by_group["b"])
