"""Mixture programs against a conic model written pair by pair, and brute force."""

from itertools import product

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlearnkit._solvers.mixtures import MixtureProgram, concave_frontier


def random_program(seed, compare, n_groups=3, n_points=6, disjoint=False):
    """Two rates per point, a true and a false positive rate, and their value."""
    rng = np.random.default_rng(seed)
    values, rates = [], []
    for g in range(n_groups):
        fpr, tpr = np.sort(rng.random((2, n_points)).round(2), axis=0)
        shift = 2.0 * g if disjoint else 0.0
        rates.append(np.stack([tpr, fpr]) + shift)
        values.append((tpr * rng.random() - fpr * rng.random()).round(3))
    return MixtureProgram(values, rates, compare)


def solve_by_pairs(program, tolerance):
    weights = [cp.Variable(len(value), nonneg=True) for value in program.values]
    rules = [cp.sum(weight) == 1 for weight in weights]
    mixed = [rate @ w for rate, w in zip(program.rates, weights, strict=True)]
    for one, other in product(mixed, mixed):
        if program.compare == "difference":
            rules.append(one - other <= tolerance)
        else:
            rules.append(one >= (1 - tolerance) * other)
    value = sum(v @ w for v, w in zip(program.values, weights, strict=True))
    problem = cp.Problem(cp.Maximize(value), rules)
    problem.solve(solver=cp.CLARABEL)
    return problem.value if problem.status == "optimal" else None


def violation(program, weights):
    mixed = [rate @ w for rate, w in zip(program.rates, weights, strict=True)]
    high, low = np.max(mixed, axis=0), np.min(mixed, axis=0)
    if program.compare == "difference":
        return (high - low).max()
    return (1 - low / np.where(high > 0, high, 1))[high > 0].max(initial=0.0)


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("seed", range(4))
def test_the_optimum_is_that_of_a_model_written_pair_by_pair(seed, compare):
    program = random_program(seed, compare)
    for tolerance in (0.0, 0.02, 0.1, 0.3, 1.0):
        expected = solve_by_pairs(program, tolerance)
        solved = program.solve(tolerance)
        if expected is None:
            assert solved is None
            continue
        weights, value, _ = solved
        assert value == pytest.approx(expected, abs=1e-6)
        assert violation(program, weights) <= tolerance + 1e-8
        for weight in weights:
            assert weight.sum() == pytest.approx(1)
            assert (weight >= 0).all()
        total = sum(v @ w for v, w in zip(program.values, weights, strict=True))
        assert total == pytest.approx(value)


@given(st.integers(0, 10_000), st.sampled_from(["difference", "ratio"]))
@settings(max_examples=25)
def test_the_best_points_beat_every_combination(seed, compare):
    program = random_program(seed, compare, n_points=5)
    for tolerance in (0.1, 0.4):
        best, feasible = -np.inf, False
        for choice in product(range(5), repeat=3):
            weights = [np.eye(5)[i] for i in choice]
            if violation(program, weights) <= tolerance + 1e-9:
                feasible = True
                pairs = zip(program.values, choice, strict=True)
                best = max(best, sum(value[i] for value, i in pairs))
        weights = program.solve_deterministic(tolerance)
        assert (weights is not None) == feasible
        if feasible:
            assert all(set(weight) <= {0.0, 1.0} for weight in weights)
            assert violation(program, weights) <= tolerance + 1e-6
            total = sum(v @ w for v, w in zip(program.values, weights, strict=True))
            assert total == pytest.approx(best)
            assert total <= program.solve(tolerance)[1] + 1e-9


def test_a_large_deterministic_choice_is_optimal_not_nearly_so():
    rng = np.random.default_rng(0)
    rates = [np.sort(rng.random((1, 120))) for _ in range(3)]
    values = [1 + 1e-4 * rng.random(120) for _ in range(3)]
    program = MixtureProgram(values, rates, "difference")
    weights = program.solve_deterministic(0.01)
    total = sum(v @ w for v, w in zip(values, weights, strict=True))
    best = 0
    for low in np.concatenate(rates, axis=1)[0]:
        inside = [(r[0] >= low) & (r[0] <= low + 0.01) for r in rates]
        if all(mask.any() for mask in inside):
            pairs = zip(values, inside, strict=True)
            best = max(best, sum(value[mask].max() for value, mask in pairs))
    assert total == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("disjoint", [False, True])
def test_the_smallest_violation_is_the_edge_of_what_is_feasible(compare, disjoint):
    program = random_program(0, compare, disjoint=disjoint)
    least = program.smallest_violation()
    assert program.solve(least + 1e-5) is not None
    if least > 1e-4:
        assert program.solve(least - 1e-4) is None
    mixed_best = violation(program, program.solve(least + 1e-5)[0])
    assert mixed_best == pytest.approx(least, abs=2e-5)
    if disjoint and compare == "difference":
        lowest = max(rate.min(axis=1)[0] for rate in program.rates)
        highest = min(rate.max(axis=1)[0] for rate in program.rates)
        assert least >= lowest - highest - 1e-9


def test_a_difference_may_be_of_negative_rates():
    program = random_program(2, "difference")
    shifted = [rate - 5 for rate in program.rates]
    moved = MixtureProgram(program.values, shifted, "difference")
    assert moved.solve(0.1)[1] == pytest.approx(program.solve(0.1)[1])
    assert moved.smallest_violation() == pytest.approx(program.smallest_violation())
    first, second = program.solve_deterministic(0.3), moved.solve_deterministic(0.3)
    np.testing.assert_array_equal(first, second)


def test_a_rate_that_a_group_lacks_leaves_it_free():
    program = random_program(1, "difference", n_groups=2)
    program.rates[1][0] = np.nan
    (_, weights), value, _ = program.solve(0.0)
    gap = abs(
        program.rates[0][1] @ program.solve(0.0)[0][0] - program.rates[1][1] @ weights
    )
    assert gap == pytest.approx(0, abs=1e-8)
    bound = random_program(1, "difference", n_groups=2).solve(0.0)[1]
    assert value >= bound - 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_the_price_is_the_slope_of_the_value(seed):
    program = random_program(seed, "difference")
    for tolerance in (0.02, 0.07, 0.15):
        _, value, price = program.solve(tolerance)
        step = 1e-5
        right = (program.solve(tolerance + step)[1] - value) / step
        left = (value - program.solve(tolerance - step)[1]) / step
        assert right - 1e-4 <= price <= left + 1e-4


@pytest.mark.parametrize("seed", range(4))
def test_the_frontier_is_the_optimum_at_every_tolerance(seed):
    program = random_program(seed, "difference")
    tolerance, value = concave_frontier(program, 0.0, 1.0)
    assert (tolerance[0], tolerance[-1]) == (0, 1)
    slopes = np.diff(value) / np.diff(tolerance)
    assert (np.diff(slopes) <= 1e-6).all()
    assert (slopes >= -1e-9).all()
    for at in np.linspace(0, 1, 41):
        expected = program.solve(at)[1]
        assert np.interp(at, tolerance, value) == pytest.approx(expected, abs=2e-6)


def test_a_frontier_of_one_tolerance_is_a_point():
    program = random_program(0, "difference")
    tolerance, value = concave_frontier(program, 0.1, 0.1)
    assert tolerance.tolist() == [0.1]
    assert value[0] == pytest.approx(program.solve(0.1)[1])
