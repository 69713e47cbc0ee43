"""The best deterministic points against all combinations of points."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit._solvers.windows import best_points_in_window

POINTS = st.lists(
    st.tuples(st.integers(0, 21), st.integers(-5, 5)), min_size=1, max_size=7
)


def violation(rates, compare):
    if compare == "difference":
        return max(rates) - min(rates)
    return 1 - min(rates) / max(rates) if max(rates) else 0.0


def best_by_force(groups, tolerance, compare):
    totals = [
        sum(value for _, value in choice)
        for choice in product(*groups)
        if violation([rate for rate, _ in choice], compare) <= tolerance + 1e-9
    ]
    return max(totals, default=None)


@given(
    st.lists(POINTS, min_size=1, max_size=3),
    st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 0.9, 1.0]),
    st.sampled_from(["difference", "ratio"]),
)
def test_no_combination_within_the_tolerance_is_better(groups, tolerance, compare):
    # Rates on a grid and just beside it, so that some windows miss by little.
    groups = [
        [(rate // 2 / 10 + rate % 2 * 5e-4, value) for rate, value in group]
        for group in groups
    ]
    rates = [np.array([rate for rate, _ in group]) for group in groups]
    values = [np.array([value for _, value in group], float) for group in groups]
    chosen = best_points_in_window(rates, values, tolerance, compare)
    best = best_by_force(groups, tolerance, compare)
    if best is None:
        assert chosen is None
        return
    taken = [rate[i] for rate, i in zip(rates, chosen, strict=True)]
    assert violation(taken, compare) <= tolerance + 1e-9
    total = sum(value[i] for value, i in zip(values, chosen, strict=True))
    assert total == pytest.approx(best)


@pytest.mark.parametrize("compare", ["difference", "ratio"])
def test_large_problems_agree_with_a_plain_scan_of_windows(compare):
    rng = np.random.default_rng(0)
    rates = [np.sort(rng.random(500)) for _ in range(4)]
    values = [rng.normal(size=500) for _ in range(4)]
    chosen = best_points_in_window(rates, values, 0.05, compare)
    total = sum(value[i] for value, i in zip(values, chosen, strict=True))
    best = -np.inf
    for low in np.concatenate(rates):
        high = low + 0.05 if compare == "difference" else low / 0.95
        inside = [(rate >= low) & (rate <= high) for rate in rates]
        if all(mask.any() for mask in inside):
            pairs = zip(values, inside, strict=True)
            best = max(best, sum(value[mask].max() for value, mask in pairs))
    assert total == pytest.approx(best)


def test_no_window_holds_every_group():
    rates = [np.array([0.1]), np.array([0.9])]
    values = [np.zeros(1), np.zeros(1)]
    assert best_points_in_window(rates, values, 0.5, "difference") is None
    assert best_points_in_window(rates, values, 0.5, "ratio") is None
    assert best_points_in_window(rates, values, 0.8, "difference") == [0, 0]


@pytest.mark.parametrize(
    ("compare", "tolerance"), [("difference", 0.1), ("ratio", 1 / 3)]
)
def test_a_better_point_just_beyond_the_tolerance_is_not_taken(compare, tolerance):
    rates = [np.array([0.2]), np.array([0.3, 0.3 + 1e-9])]
    values = [np.zeros(1), np.array([0.0, 1.0])]
    assert best_points_in_window(rates, values, tolerance, compare) == [0, 0]
