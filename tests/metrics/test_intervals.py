"""Intervals against published examples, their defining equations and exact coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, norm

from fairlearnkit.metrics import newcombe_interval, ratio_interval, wilson_interval
from fairlearnkit.metrics._intervals import fold_at_one, fold_at_zero

Z = norm.ppf(0.975)


def estimate(successes, n, level=0.95):
    share = np.asarray(successes) / n
    return (share, *wilson_interval(share, n, level))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_wilson_gives_newcombes_published_examples(successes, n, low, high):
    _, *found = estimate(successes, n)
    assert found == pytest.approx([low, high], abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_gives_the_published_examples(first, second, low, high):
    found = newcombe_interval(estimate(*first), estimate(*second))
    assert found == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400), st.integers(0, 400), st.floats(0.5, 0.999))
def test_wilson_ends_solve_the_score_equation(n, successes, level):
    share = min(successes, n) / n
    low, high = wilson_interval(share, n, level)
    z = norm.ppf(0.5 + level / 2)

    def score(p):
        return (share - p) ** 2 - z**2 * p * (1 - p) / n

    for end in (low, high):
        if 0 < end < 1:
            assert score(float(end)) == pytest.approx(0, abs=1e-9)
    assert 0 <= low <= share <= high <= 1
    assert (low == 0) == (share == 0)
    assert (high == 1) == (share == 1)


def test_wilson_of_nobody_is_undefined():
    low, high = wilson_interval([np.nan, 0.5], [0, 4])
    assert np.isnan([low[0], high[0]]).all()
    assert not np.isnan([low[1], high[1]]).any()


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.01, 1), st.floats(0.01, 1))
def test_ratio_is_where_the_interval_of_a_scaled_difference_touches_zero(m, n, a, b):
    # MOVER: the ratio r is in the interval if 0 is in that of first - r * second.
    first, second = estimate(a * m, m), estimate(b * n, n)
    (p, low1, high1), (q, low2, high2) = first, second
    low, high = ratio_interval(first, second)

    def below(r):
        return p - r * q - np.hypot(p - low1, r * (high2 - q))

    def above(r):
        return p - r * q + np.hypot(high1 - p, r * (q - low2))

    assert low == pytest.approx(brentq(below, 0, p / q + 1e-9), abs=1e-7)
    if low2 > 1e-6:
        assert high == pytest.approx(brentq(above, p / q - 1e-9, 1e9), rel=1e-5)


def test_ratio_at_the_edges():
    nobody, some = estimate(0, 20), estimate(10, 20)
    assert ratio_interval(nobody, some)[0] == 0
    assert ratio_interval(some, nobody)[1] == np.inf
    low, high = ratio_interval(nobody, nobody)
    assert (low, high) == (0, np.inf)
    low, _ = ratio_interval(estimate(20, 20), estimate(1, 20))
    assert low > 3  # the upper end of the second is more than twice its value


def test_folding():
    assert fold_at_zero(-0.2, 0.1) == (0, 0.2)
    assert fold_at_zero(-0.3, -0.1) == pytest.approx((0.1, 0.3))
    assert fold_at_zero(0.1, 0.3) == pytest.approx((0.1, 0.3))
    assert fold_at_one(0.5, 4.0) == (0.25, 1)
    assert fold_at_one(2.0, 4.0) == (0.25, 0.5)
    assert fold_at_one(0.25, 0.5) == (0.25, 0.5)
    assert fold_at_one(0.5, np.inf) == (0, 1)


def exact_coverage(interval, truth, n1, p1, n2, p2):
    """Sum of the probabilities of all outcomes whose interval holds the truth."""
    k1, k2 = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)[None]
    low, high = interval(estimate(k1, n1), estimate(k2, n2))
    held = (low - 1e-12 <= truth) & (truth <= high + 1e-12)
    return float((binom.pmf(k1, n1, p1) * binom.pmf(k2, n2, p2) * held).sum())


@pytest.mark.parametrize("n", [10, 20, 50])
def test_wilson_covers(n):
    shares = np.linspace(0.02, 0.98, 97)
    k = np.arange(n + 1)
    _, low, high = estimate(k, n)
    held = (low <= shares[:, None]) & (shares[:, None] <= high)
    coverage = (binom.pmf(k, n, shares[:, None]) * held).sum(axis=1)
    assert 0.945 <= coverage.mean() <= 0.965
    assert coverage.min() >= 0.83  # the known dips near 0 and 1


@pytest.mark.parametrize(
    ("n1", "p1", "n2", "p2", "simulated"),
    [
        (20, 0.9, 200, 0.8, 0.961),
        (15, 0.97, 300, 0.9, 0.945),
        (50, 0.95, 500, 0.85, 0.956),
        (10, 0.8, 100, 0.8, 0.965),
        (200, 0.9, 2000, 0.85, 0.949),
    ],
)
def test_newcombe_covers_as_an_earlier_simulation_found(n1, p1, n2, p2, simulated):
    found = exact_coverage(newcombe_interval, p1 - p2, n1, p1, n2, p2)
    assert found == pytest.approx(simulated, abs=0.012)


@pytest.mark.parametrize(("n1", "n2"), [(10, 10), (15, 40), (30, 30)])
def test_the_folded_gap_covers(n1, n2):
    def folded(first, second):
        return fold_at_zero(*newcombe_interval(first, second))

    grid = np.linspace(0.05, 0.95, 10)
    pairs = [(p, q) for p in grid for q in grid]
    signed, gap = (
        np.array([exact_coverage(f, t(p - q), n1, p, n2, q) for p, q in pairs])
        for f, t in ((newcombe_interval, float), (folded, abs))
    )
    assert 0.95 <= signed.mean() <= 0.975
    assert signed.min() >= 0.90
    assert (gap >= signed - 1e-12).all()  # folding only widens
    assert gap.mean() <= 0.985


@pytest.mark.parametrize(("n1", "n2"), [(20, 20), (20, 60)])
def test_the_folded_ratio_covers(n1, n2):
    def folded(first, second):
        return fold_at_one(*ratio_interval(first, second))

    grid = np.linspace(0.1, 0.9, 9)
    found = np.array(
        [
            exact_coverage(folded, min(p / q, q / p), n1, p, n2, q)
            for p in grid
            for q in grid
        ]
    )
    assert found.mean() >= 0.95
    assert found.min() >= 0.90
