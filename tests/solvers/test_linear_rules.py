"""The rule found by the dual is as good as the linear program over all rules."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from fairlearnkit._solvers.linear_rules import Bounds, RuleProblem


def problem_of(seed, n_rows, n_groups, n_classes):
    """Values, slopes of each group's chance of each decision, weights, windows."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=(n_rows, 1)) * np.linspace(-1, 1, n_groups * n_classes)
    joint = rng.dirichlet(np.ones(n_groups * n_classes), size=n_rows) * np.exp(skill)
    joint /= joint.sum(axis=1, keepdims=True)  # groups and labels go together
    joint = joint.reshape(n_rows, n_groups, n_classes)
    weight = rng.integers(1, 4, n_rows).astype(float)
    weight /= weight.sum()
    mass = np.einsum("i,igy->g", weight, joint)
    slopes = np.zeros((n_rows, n_classes, n_classes, n_groups))
    for h in range(n_classes):
        slopes[:, h, h] = joint.sum(axis=2) / mass
    window = np.repeat(np.arange(n_classes), n_groups)
    return joint.sum(axis=1), slopes.reshape(n_rows, n_classes, -1), weight, window


def rule_problem(value, slopes, weight):
    """The problem of any slopes, of shape (n_rows, n_decisions, n_rates)."""
    n_rows, n_decisions, n_rates = slopes.shape
    cells = np.eye(n_decisions * n_rates).reshape(n_decisions, n_rates, -1)
    functional = cells.transpose(1, 2, 0)  # one cell for each decision and rate
    return RuleProblem(value, slopes.reshape(n_rows, -1), functional, weight)


def best_by_brute_force(value, slopes, weight, bounds):
    """One variable for each row and decision, and one for each end of a window."""
    n_rows, n_classes, n_rates = slopes.shape
    rates = (weight[:, None, None] * slopes).reshape(-1, n_rates).T
    n_ends = bounds.ends.shape[1]
    one = sparse.kron(sparse.eye(n_rows), np.ones((1, n_classes)))
    result = linprog(
        np.concatenate([-(weight[:, None] * value).ravel(), np.zeros(n_ends)]),
        A_ub=np.hstack([bounds.rows @ rates, -bounds.ends]),
        b_ub=bounds.limit,
        A_eq=sparse.hstack([one, sparse.csr_array((n_rows, n_ends))]),
        b_eq=np.ones(n_rows),
        bounds=[(0, None)] * value.size + [(None, None)] * n_ends,
    )
    return -result.fun


def gap_of(rates, window, compare):
    split = [rates[window == number] for number in np.unique(window)]
    if compare == "ratio":
        return max(1 - part.min() / part.max() for part in split)
    return max(np.ptp(part) for part in split)


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("sizes", [(40, 2, 2), (300, 4, 2), (200, 2, 3)])
def test_the_value_is_that_of_the_linear_program(compare, tolerance, sizes):
    value, slopes, weight, window = problem_of(0, *sizes)
    bounds = Bounds.of_parity(window, tolerance, compare)
    found = rule_problem(value, slopes, weight).solve(bounds)
    assert gap_of(found.rates, window, compare) <= tolerance + 1e-6
    best = best_by_brute_force(value, slopes, weight, bounds)
    assert found.value == pytest.approx(best, abs=1e-5)
    assert found.value <= best + 1e-6
    assert best <= found.value + found.gap + 1e-9


def test_a_floor_is_kept_and_costs_nothing_that_it_need_not():
    value, slopes, weight, window = problem_of(1, 200, 2, 2)
    own = slopes[:, :, :1]
    free = rule_problem(value, slopes, weight).solve(
        Bounds.of_parity(window, 0.05, "difference")
    )
    floor = np.array([free.rates[0] + 0.05])
    bounds = Bounds.of_parity(window, 0.05, "difference").and_floors(floor)
    more = np.concatenate([slopes, own], axis=2)
    found = rule_problem(value, more, weight).solve(bounds)
    assert found.rates[-1] >= floor[0] - 1e-6
    best = best_by_brute_force(value, more, weight, bounds)
    assert found.value == pytest.approx(best, abs=1e-5)
    assert found.value < free.value


def test_prices_are_the_derivative_of_the_value_by_the_tolerance():
    value, slopes, weight, window = problem_of(2, 2000, 2, 2)
    problem = rule_problem(value, slopes, weight)

    def solve(tolerance):
        bounds = Bounds.of_parity(window, tolerance, "difference")
        return problem.solve(bounds, accuracy=1e-8)

    slope = (solve(0.021).value - solve(0.019).value) / 0.002
    assert np.abs(solve(0.02).prices).sum() / 2 == pytest.approx(slope, rel=0.05)


def test_a_start_nearby_gives_the_same_answer():
    value, slopes, weight, window = problem_of(3, 500, 3, 2)
    problem = rule_problem(value, slopes, weight)
    first = problem.solve(Bounds.of_parity(window, 0.05, "ratio"))
    bounds = Bounds.of_parity(window, 0.02, "ratio")
    cold, warm = problem.solve(bounds), problem.solve(bounds, start=first.multipliers)
    assert warm.value == pytest.approx(cold.value, abs=2e-6)


def test_nothing_to_keep_is_the_decision_of_highest_value():
    value, slopes, weight, window = problem_of(4, 100, 2, 3)
    found = rule_problem(value, slopes, weight).solve(
        Bounds.of_parity(window, 1.0, "ratio")
    )
    assert found.value == pytest.approx(weight @ value.max(axis=1), abs=1e-6)


def test_rates_that_no_rule_can_bring_together_end_in_the_least_gap():
    """A rate that no decision changes cannot be moved; the solver must not run away."""
    value, slopes, weight, _ = problem_of(5, 100, 2, 2)
    slopes = slopes[:, :, :2].copy()
    slopes[:, :, 0] = 0.9  # whatever is decided
    slopes[:, :, 1] = [0.1, 0.5]
    found = rule_problem(value, slopes, weight).solve(
        Bounds.of_parity(np.zeros(2, dtype=int), 0.1, "difference")
    )
    assert found.rates == pytest.approx([0.9, 0.5], abs=1e-3)
