"""Expected calibration error: bins by hand, its bias, and intervals without it."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import binom, norm

from fairlearnkit.metrics import (
    MetricFrame,
    disparity,
    expected_calibration_error,
    wilson_interval,
)
from fairlearnkit.metrics.scores._calibration_error import (
    _mean_distance,
    read_calibration_error,
)
from fairlearnkit.tables import ScoreTable


def people(seed=0, n=100, slope=1.0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n) - 0.8
    y = (rng.random(n) < expit(slope * odds)).astype(int)
    return y, expit(odds)


def error_of_parts(y, p, parts, weight=None):
    weight = np.ones(len(y)) if weight is None else weight
    gaps = [abs((weight[i] * (y[i] - p[i])).sum()) for i in parts]
    return sum(gaps) / weight.sum()


@pytest.mark.parametrize("n_bins", [1, 4, 10])
def test_bins_of_equal_numbers_are_those_of_sorted_people(n_bins):
    y, p = people()
    parts = np.array_split(np.argsort(p), n_bins)
    if n_bins == 1 or len(y) % n_bins == 0:
        found = expected_calibration_error(y, p, n_bins=n_bins)
        assert found == pytest.approx(error_of_parts(y, p, parts))


@pytest.mark.parametrize("n_bins", [1, 3, 10])
def test_bins_of_equal_width_hold_their_upper_edge(n_bins):
    y, p = people(1)
    p = p.round(2)  # many on the edges, such as 0.3
    p[0], p[1] = 0, 1
    weight = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    bins = np.array([max(int(np.ceil(round(q * n_bins, 9))), 1) for q in p])
    parts = [np.flatnonzero(bins == b) for b in range(1, n_bins + 1)]
    found = expected_calibration_error(
        y, p, n_bins=n_bins, strategy="uniform", sample_weight=weight
    )
    assert found == pytest.approx(error_of_parts(y, p, parts, weight))


def test_one_bin_is_the_mean_error_and_more_bins_see_more():
    y, p = people(2, n=128)
    errors = [expected_calibration_error(y, p, n_bins=2**k) for k in range(8)]
    assert errors[0] == pytest.approx(abs((y - p).mean()))
    assert (np.diff(errors) >= -1e-12).all()  # nested bins
    assert errors[-1] == pytest.approx(np.abs(y - p).mean())


def test_equal_predictions_share_a_bin():
    y, p = np.array([0, 1] * 20), np.repeat([0.2, 0.5, 0.5, 0.8], 10)
    expected = (0.25 * 0.3 + 0.25 * 0.3) + 0.5 * 0
    for n_bins in (4, 10, 40):
        found = expected_calibration_error(y, p, n_bins=n_bins)
        assert found == pytest.approx(expected)


def law_of(y, p, group=None, **options):
    group = np.zeros(len(y), int) if group is None else group
    table = ScoreTable.from_arrays(y, p, sensitive_features=group)
    return read_calibration_error(table, 10, "quantile", **options)


def test_debiasing_subtracts_the_mean_of_noise():
    # What normal noise of the same spread adds to the absolute deviations, simulated.
    y, p = people(3, n=200)
    law = law_of(y, p)
    people_in_bin = 20
    rng = np.random.default_rng(0)
    bias = 0.0
    for part in np.array_split(np.argsort(p), 10):
        seen, said = y[part].mean(), p[part].mean()
        rate = (people_in_bin * seen + said) / (people_in_bin + 1)
        mixed = (p[part] * (1 - p[part])).mean() / (said * (1 - said))
        spread = np.sqrt(rate * (1 - rate) * mixed / people_in_bin)
        drawn = np.abs(seen - said + spread * rng.normal(size=200_000))
        bias += (drawn.mean() - abs(seen - said)) / 10
    found = expected_calibration_error(y, p, debias=True)
    assert found == pytest.approx(law.values[0] - bias, abs=3e-3)


def test_bias_of_small_calibrated_groups_is_lowered_by_debiasing():
    y, p = people(4, n=400 * 50)
    group = np.repeat(np.arange(400), 50)
    plain, debiased = (
        law_of(y, p, group, debias=debias).values for debias in (False, True)
    )
    assert (debiased <= plain).all()
    assert (debiased >= 0).all()
    assert plain.mean() > 0.12
    assert debiased.mean() < 0.75 * plain.mean()


def test_the_truth_drawn_from_is_the_nearest_that_adds_up():
    y, p = people(5, n=60, slope=0.3)
    law = law_of(y, p)
    seen = np.abs(law.deviations[0])
    variance = law.spreads[0] * law.predictions[0] * (1 - law.predictions[0])
    for truth in (0.0, 0.05, seen.sum(), 0.4):
        found = law._nearest(np.array([truth]))[0]
        assert found.sum() == pytest.approx(truth, abs=1e-9)
        assert (found >= 0).all()

        def distance(size):
            return ((size - seen) ** 2 / variance).sum()

        best = minimize(
            distance,
            np.full(10, truth / 10),
            bounds=[(0, None)] * 10,
            constraints={"type": "eq", "fun": lambda size, t=truth: size.sum() - t},
            method="SLSQP",
        )
        assert distance(found) <= best.fun * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("debias", [False, True])
def test_draws_at_calibration_show_the_bias_of_samples(debias):
    y, p = people(6, n=500 * 60)
    group = np.repeat(np.arange(500), 60)
    law = law_of(y, p, group, debias=debias)
    rng = np.random.default_rng(1)
    ranks = rng.permuted(np.tile(np.arange(200), (500, 1)), axis=1)
    drawn = law.sampler(ranks)(np.zeros(500))
    assert drawn.shape == (200, 500)
    assert drawn.mean() == pytest.approx(law.values.mean(), rel=0.15)
    assert drawn.std() == pytest.approx(law.values.std(), rel=0.15)


@pytest.mark.parametrize(("slope", "size"), [(1.0, 20), (1.0, 100), (0.3, 100)])
def test_interval_holds_the_error_of_the_population(slope, size):
    y, p = people(7, n=500 * size, slope=slope)
    truth = 0.0
    if slope != 1:
        truth = expected_calibration_error(*people(8, n=400_000, slope=slope))
    frame = MetricFrame(
        metrics=expected_calibration_error,
        y_true=y,
        y_pred=p,
        sensitive_features=np.repeat(np.arange(500), size),
    )
    found = frame.intervals()
    held = (found["low"] <= truth + 1e-9) & (truth <= found["high"] + 1e-9)
    assert 0.92 <= held.mean() <= 0.99
    # Where everybody is calibrated the values themselves lie far off.
    assert slope != 1 or found["value"].mean() > 0.08


@pytest.mark.parametrize("debias", [False, True])
def test_gap_allows_for_the_bias_of_the_smaller_group(debias):
    metric = partial(expected_calibration_error, debias=debias)
    held, gaps = [], []
    for seed in range(20):
        y, p = people(seed, n=440)
        group = np.repeat(["small", "large"], [40, 400])
        found = disparity(y, p, metric, sensitive_features=group, method="inversion")
        held.append(found.low == 0)
        gaps.append(found.value)
    assert np.mean(held) > 0.8  # .95 within three standard errors
    assert np.mean(gaps) > 0.03


@pytest.mark.parametrize("wrong", [0, 4])
def test_error_of_hard_decisions_is_a_share_with_wilsons_interval(wrong):
    y = np.array([0, 1] * 20)
    decided = y.astype(float)
    decided[:wrong] = 1 - decided[:wrong]
    law = law_of(y, decided)
    assert law.values[0] == pytest.approx(wrong / 40)
    expected = wilson_interval(wrong / 40, 40)
    np.testing.assert_allclose(np.ravel(law.interval()), expected, atol=1e-9)


@pytest.mark.parametrize(("n", "rate", "said"), [(5, 0.3, 0.3), (7, 0.2, 0.55)])
def test_mean_distance_of_a_share_is_that_of_the_binomial(n, rate, said):
    counts = np.arange(n + 1)
    expected = (binom.pmf(counts, n, rate) * np.abs(counts / n - said)).sum()
    found = _mean_distance(np.array(n), np.array(rate), np.array(said))
    assert found == pytest.approx(expected)


def test_a_higher_level_is_wider():
    y, p = people(9, n=80, slope=0.3)
    law = law_of(y, p)
    ends = [law.interval(level) for level in (0.5, 0.9, 0.99)]
    for (low, high), (lower, higher) in pairwise(ends):
        assert lower <= low
        assert higher >= high


def test_options_are_checked():
    y, p = people()
    with pytest.raises(ValueError, match="n_bins must be a positive integer"):
        expected_calibration_error(y, p, n_bins=2.5)
    with pytest.raises(ValueError, match="strategy must be one of"):
        expected_calibration_error(y, p, strategy="kmeans")


def test_many_people_agree_with_the_normal_law():
    # Where deviations are far from 0 the error is a sum of normal numbers.
    y, p = people(10, n=200_000, slope=0.3)
    law = law_of(y, p)
    variance = 0.0
    for part in np.array_split(np.argsort(p), 10):
        variance += y[part].var() / len(part) / 100
    low, high = law.interval()
    half = norm.ppf(0.975) * np.sqrt(variance)
    assert high[0] - law.values[0] == pytest.approx(half, rel=0.1)
    assert law.values[0] - low[0] == pytest.approx(half, rel=0.1)
