"""The sweep against a linear program over the same envelopes, at every tolerance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from fairlearnkit._solvers.sweep import (
    Envelope,
    clip_to_window,
    difference_frontier,
    ratio_frontier,
    ratio_window,
)

TOLERANCES = [0.0, 0.03, 0.1, 0.25, 0.5, 0.8, 1.0]


@st.composite
def envelopes(draw, max_groups=6):
    """Concave functions on overlapping or disjoint domains, some with flat tops."""
    groups = []
    for _ in range(draw(st.integers(1, max_groups))):
        slopes = draw(st.lists(st.integers(-4, 4), max_size=5, unique=True))
        slopes = np.array(sorted(slopes, reverse=True), dtype=float)
        size = len(slopes)
        widths = draw(st.lists(st.integers(1, 4), min_size=size, max_size=size))
        start = draw(st.sampled_from([0.0, 0.1, 0.4]))
        rate = start + 0.05 * np.concatenate([[0], np.cumsum(widths)])
        rise = np.concatenate([[0], np.cumsum(slopes * widths)])
        groups.append(Envelope(rate, rise * draw(st.sampled_from([0.5, 1.0]))))
    return groups


def solve_by_program(groups, tolerance, compare):
    """Best value with all rates in one window, and that window's rates."""
    sizes = [len(group.rate) for group in groups]
    ends = np.cumsum([0, *sizes])
    n = ends[-1] + 1  # the last variable is the window's lower or upper end
    share = 1.0 if compare == "difference" else 1 - tolerance
    rows, bounds, ones = [], [], np.zeros((len(groups), n))
    for g, group in enumerate(groups):
        above, below = np.zeros(n), np.zeros(n)
        own = slice(ends[g], ends[g + 1])
        above[own], above[-1] = group.rate, -1
        below[own], below[-1] = -group.rate, share
        rows += [above, below]
        bounds += [tolerance if compare == "difference" else 0.0, 0.0]
        ones[g, own] = 1
    cost = -np.concatenate([*(group.value for group in groups), [0.0]])
    result = linprog(cost, rows, bounds, ones, np.ones(len(groups)))
    return -result.fun if result.x is not None else None


def reached(groups, low, high):
    """Rates and total value of the groups in a window."""
    rates = [clip_to_window(group, low, high) for group in groups]
    values = [np.interp(r, e.rate, e.value) for r, e in zip(rates, groups, strict=True)]
    return np.array(rates), sum(values)


def violation(rates, compare):
    if compare == "difference":
        return rates.max() - rates.min()
    return 1 - rates.min() / rates.max() if rates.max() > 0 else 0.0


@given(envelopes())
def test_the_difference_frontier_is_the_programs_value_everywhere(groups):
    frontier = difference_frontier(groups)
    least = max(0, max(g.rate[0] for g in groups) - min(g.rate[-1] for g in groups))
    assert frontier.violation[0] == pytest.approx(least, abs=1e-9)
    assert frontier.value[-1] == pytest.approx(sum(g.value.max() for g in groups))
    between = np.linspace(least + 1e-9, frontier.violation[-1] + 0.1, 5)
    for tolerance in [*frontier.violation + 1e-9, *between]:
        value = np.interp(tolerance, frontier.violation, frontier.value)
        expected = solve_by_program(groups, tolerance, "difference")
        assert value == pytest.approx(expected, abs=1e-6)
        rates, total = reached(groups, *frontier.window(tolerance))
        assert violation(rates, "difference") <= tolerance + 1e-9
        assert total == pytest.approx(expected, abs=1e-6)


@given(envelopes())
def test_the_difference_frontier_rises_ever_more_slowly(groups):
    frontier = difference_frontier(groups)
    assert (np.diff(frontier.violation) > 0).all()
    assert (np.diff(frontier.value) >= -1e-12).all()
    at, value = frontier.violation, frontier.value
    for left, middle, right in zip(
        range(len(at)), range(1, len(at)), range(2, len(at)), strict=False
    ):
        chord = np.interp(at[middle], at[[left, right]], value[[left, right]])
        assert value[middle] >= chord - 1e-12
    np.testing.assert_allclose(frontier.high - frontier.low, at, atol=1e-12)


@given(envelopes(), st.sampled_from(TOLERANCES))
def test_the_ratio_window_is_optimal(groups, tolerance):
    expected = solve_by_program(groups, tolerance, "ratio")
    rates, total = reached(groups, *ratio_window(groups, tolerance))
    if expected is None:
        closest = max(g.rate[0] for g in groups), min(g.rate[-1] for g in groups)
        assert (rates.max(), rates.min()) == pytest.approx(closest)
        return
    assert violation(rates, "ratio") <= tolerance + 1e-9
    assert total == pytest.approx(expected, abs=1e-9)


@given(envelopes())
def test_the_ratio_frontier_is_the_programs_value_at_its_levels(groups):
    frontier = ratio_frontier(groups, n_levels=5)
    assert frontier.value[-1] == pytest.approx(sum(g.value.max() for g in groups))
    assert (np.diff(frontier.value) >= -1e-12).all()
    for level, value in zip(frontier.violation, frontier.value, strict=True):
        expected = solve_by_program(groups, level + 1e-9, "ratio")
        assert value == pytest.approx(expected, abs=1e-6)


@given(envelopes(max_groups=1), st.sampled_from(TOLERANCES))
def test_one_group_keeps_its_optimum(groups, tolerance):
    frontier = difference_frontier(groups)
    assert frontier.violation.tolist() == [0]
    assert frontier.value[0] == groups[0].value.max()
    _, total = reached(groups, *ratio_window(groups, tolerance))
    assert total == pytest.approx(groups[0].value.max())


def test_a_flat_top_leaves_the_group_at_a_vertex_inside_the_window():
    flat = Envelope(np.array([0.0, 0.2, 0.6, 1.0]), np.array([0.0, 1.0, 1.0, 0.5]))
    steep = Envelope(np.array([0.0, 0.5, 1.0]), np.array([0.0, 9.0, 0.0]))
    frontier = difference_frontier([flat, steep])
    assert frontier.value[0] == 10  # parity at 0.5 costs nothing
    assert frontier.violation.tolist() == [0]
    assert clip_to_window(flat, 0.1, 0.3) == 0.2
    assert clip_to_window(flat, 0.3, 0.4) == 0.3
    assert clip_to_window(flat, 0.7, 0.8) == 0.7
    assert clip_to_window(flat, 0.0, 0.1) == 0.1


def test_where_the_best_is_the_lowest_rate_the_ratio_still_binds():
    """Error rates are best at their lowest, which once hid the upper end's limit."""
    groups = [
        Envelope(np.array([0.1, 0.9]), np.array([0.9, 0.1])),
        Envelope(np.array([0.4, 0.6]), np.array([0.6, 0.4])),
    ]
    rates, total = reached(groups, *ratio_window(groups, 0.2))
    np.testing.assert_allclose(rates, [0.32, 0.4])
    assert total == pytest.approx(0.68 + 0.6)
