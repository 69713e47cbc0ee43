"""The gap's interval: what it must hold, and how often it does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, f_oneway

from fairlearnkit.metrics import Means, Shares, gap_interval
from fairlearnkit.metrics._gaps import GapProblem, equality_p_value, gap_of

EVERY = pytest.mark.parametrize("compare", ["difference", "ratio"])


def shares(hits, n):
    hits, n = np.asarray(hits), np.broadcast_to(np.asarray(n, float), np.shape(hits))
    groups = tuple(range(len(hits)))
    return Shares(name="share", groups=groups, values=hits / n, n=n)


def means(values, errors, n=1000):
    values, errors = np.asarray(values, float), np.asarray(errors, float)
    groups = tuple(range(len(values)))
    n = np.full(len(values), float(n))
    return Means(name="mean", groups=groups, values=values, error=errors, n=n)


@EVERY
@given(st.lists(st.integers(0, 30), min_size=3, max_size=6), st.floats(0.5, 0.99))
def test_the_interval_holds_the_observed_gap_within_its_range(compare, hits, level):
    estimate = shares(hits, 30)
    low, high = gap_interval([estimate], compare, level)
    gap = float(gap_of(estimate.values, compare))
    assert 0 <= low <= gap + 1e-9
    assert gap - 1e-9 <= high <= 1


@EVERY
def test_more_people_and_lower_levels_make_it_narrower(compare):
    widths = [
        np.ptp(gap_interval([shares(np.array([3, 4, 6]) * k, 10 * k)], compare))
        for k in (1, 4, 16, 64)
    ]
    assert (np.diff(widths) < 0).all()
    ends = [
        gap_interval([shares([20, 25, 33], 60)], compare, level)
        for level in (0.5, 0.8, 0.95, 0.99)
    ]
    low, high = np.array(ends).T
    assert (np.diff(low) <= 0).all()
    assert (np.diff(high) >= 0).all()


@EVERY
def test_order_and_names_of_groups_change_nothing(compare):
    first = gap_interval([shares([5, 9, 14, 2], [30, 20, 40, 25])], compare)
    second = gap_interval([shares([14, 2, 5, 9], [40, 25, 30, 20])], compare)
    assert first == second


def test_two_groups_by_inversion_are_close_to_newcombes_interval():
    estimate = shares([60, 85], [100, 120])
    mover = gap_interval([estimate], method="mover")
    inversion = gap_interval([estimate], method="inversion")
    np.testing.assert_allclose(mover, inversion, atol=0.02)
    assert gap_interval([estimate]) == mover


def test_many_normal_means_by_inversion_are_close_to_the_studentized_range():
    # With two extreme groups far from the others the gap is their difference.
    estimate = means([0.0, 5.0, 5.2, 10.0], [0.5] * 4)
    low, high = gap_interval([estimate])
    half = 1.96 * 0.5 * np.sqrt(2)
    assert (low, high) == pytest.approx((10 - half, 10 + half), abs=0.08)


@EVERY
def test_bands_that_hold_at_once_are_wider(compare):
    estimate = shares([20, 25, 33, 30], 60)
    inversion = gap_interval([estimate], compare)
    simultaneous = gap_interval([estimate], compare, method="simultaneous")
    assert np.ptp(simultaneous) > np.ptp(inversion)


def test_the_percentile_bootstrap_excludes_parity_and_says_so():
    draws = np.random.default_rng(0).binomial(50, 0.4, (40, 4))
    held = [gap_interval([shares(d, 50)], method="bootstrap")[0] == 0 for d in draws]
    assert not any(held)


@pytest.mark.parametrize(
    ("truth", "n"),
    [
        ([0.3] * 3, 20),
        ([0.3] * 4, 50),
        ([0.05] * 4, 200),
        ([0.3, 0.35, 0.4, 0.45], 50),
        ([0.3, 0.3, 0.45, 0.45], 50),
        ([0.2, 0.5, 0.5, 0.8], 50),
        ([0.9, 0.95, 0.99], 200),
    ],
)
def test_it_covers_the_true_gap_as_often_as_it_says(truth, n):
    rng = np.random.default_rng(0)
    gap = np.ptp(truth)
    draws = rng.binomial(n, truth, (150, len(truth)))
    ends = np.array([gap_interval([shares(d, n)]) for d in draws])
    held = (ends[:, 0] <= gap + 1e-9) & (gap - 1e-9 <= ends[:, 1])
    assert 0.95 - 3 * 0.0178 <= held.mean() <= 0.995


@pytest.mark.parametrize(
    ("truth", "n"),
    [
        ([0.0] * 4, [20, 50, 200, 1000]),
        ([0.2, 0.0, 0.0, 0.05], [12, 300, 1000, 2000]),
        ([0.0, 0.05, 0.1, 0.2], [20, 50, 200, 1000]),
    ],
)
def test_it_covers_where_groups_are_of_unequal_sizes(truth, n):
    # Over a range of rates, since a small group's share comes in steps.
    rng = np.random.default_rng(3)
    rates = np.array(truth) + rng.uniform(0.1, 0.7, (150, 1))
    gap = np.ptp(truth)
    ends = np.array([gap_interval([shares(d, n)]) for d in rng.binomial(n, rates)])
    held = (ends[:, 0] <= gap + 1e-9) & (gap - 1e-9 <= ends[:, 1])
    assert held.mean() >= 0.95 - 3 * 0.0178


def test_a_small_group_leaves_room_for_a_larger_gap():
    # Twelve people may well differ more than the large groups do.
    low, high = gap_interval([shares([400, 430, 5], [1000, 1000, 12])])
    assert low <= 0.03
    assert high >= 0.2


def test_several_rates_share_the_level():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        draws = rng.binomial([60, 25], [0.7, 0.2], (3, 2)).T
        low, _ = gap_interval([shares(draws[0], 60), shares(draws[1], 25)])
        held += low == 0
    assert 0.95 - 3 * 0.0154 <= held / 200 <= 0.99


def test_the_test_of_equality_is_close_to_the_usual_ones():
    hits, n = np.array([20, 29, 36]), 60
    usual = chi2_contingency([hits, n - hits], correction=False).pvalue
    assert equality_p_value([shares(hits, n)]) == pytest.approx(usual, abs=0.02)
    rng = np.random.default_rng(0)
    columns = rng.normal([0, 0.2, 0.5], 1, (80, 3)).T
    estimate = means(columns.mean(axis=1), columns.std(axis=1, ddof=1) / 80**0.5, 80)
    found = equality_p_value([estimate])
    assert found == pytest.approx(f_oneway(*columns).pvalue, abs=0.02)


def test_p_values_are_uniform_when_groups_are_equal():
    draws = np.random.default_rng(2).binomial(40, 0.5, (300, 4))
    p = np.array([equality_p_value([shares(d, 40)]) for d in draws])
    for level in (0.05, 0.2, 0.5):
        spread = np.sqrt(level * (1 - level) / len(p))
        assert (p <= level).mean() == pytest.approx(level, abs=3 * spread)


def test_groups_without_a_value_are_left_out():
    hits, n = np.array([5.0, np.nan, 9, 14]), np.array([30.0, 0, 30, 30])
    estimate = shares(hits, n)
    expected = gap_interval([shares([5, 9, 14], 30)])
    assert gap_interval([estimate]) == expected
    assert np.isnan(gap_interval([shares([5, np.nan], [30, 0])])).all()
    defined = equality_p_value([shares([5, 9, 14], 30)])
    assert equality_p_value([estimate]) == defined
    assert np.isnan(equality_p_value([shares([5, np.nan], [30, 0])]))


def test_nearest_truths_have_the_gap_asked_for():
    estimate = shares([2, 9, 14, 25], [30, 20, 40, 30])
    for compare in ("difference", "ratio"):
        problem = GapProblem([estimate], compare)
        for gap in (0.0, 0.2, 0.5, 0.9):
            (truth,) = problem._truths(gap)
            assert float(gap_of(truth, compare)) == pytest.approx(gap, abs=1e-9)
            assert truth.min() >= 0
            assert truth.max() <= 1


@pytest.mark.parametrize(
    ("method", "match"),
    [("guess", "method must be one of"), ("mover", "compares two groups")],
)
def test_methods_that_do_not_apply_are_refused(method, match):
    with pytest.raises(ValueError, match=match):
        gap_interval([shares([5, 9, 14], 30)], method=method)
