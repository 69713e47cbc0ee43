"""At every end, the rule of the dual is that of the linear program over all rows."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from fairlearnkit._solvers.linear_fractional import FractionalProblem
from fairlearnkit.constraints import (
    DemographicParity,
    PredictiveParity,
    Rate,
    RateParity,
)

TOLERANCE, MIN_BASE = 0.02, 0.05
OMISSION = Rate("false_omission_rate", [[0, 0], [1, 0]], [[1, 0], [1, 0]])


def people(n_rows=120, n_groups=2, n_classes=2, seed=0):
    """P(group, label | x), observed groups and labels drawn from it, and weights."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=(n_rows, 1)) * np.linspace(-2, 2, n_groups * n_classes)
    joint = rng.dirichlet(np.ones(n_groups * n_classes), n_rows) * np.exp(skill)
    joint /= joint.sum(axis=1, keepdims=True)
    drawn = [rng.choice(n_groups * n_classes, p=chances) for chances in joint]
    weight = rng.integers(1, 4, n_rows).astype(float)
    cells = np.divmod(np.array(drawn), n_classes)
    return joint.reshape(n_rows, n_groups, n_classes), cells, weight / weight.sum()


def problem_of(constraint, n_classes=2, tolerance=TOLERANCE, **shape):
    joint, cells, weight = people(n_classes=n_classes, **shape)
    problem = FractionalProblem(
        joint.sum(axis=1),
        joint,
        cells,
        weight,
        constraint,
        list(range(n_classes)),
        tolerance=tolerance,
        min_base=MIN_BASE,
    )
    return problem, joint, cells, weight


def best_by_brute_force(constraint, joint, cells, weight, low, tolerance):
    """One variable for each row and decision; rates of each group between the ends."""
    n_rows, n_groups, n_classes = joint.shape
    size = np.bincount(cells[0], weight, n_groups)
    plain = np.eye(n_classes)[joint.sum(axis=1).argmax(axis=1)]
    rows, limit = [], []
    for rate, end in zip(constraint.rates(list(range(n_classes))), low, strict=True):
        share, high = 1.0, end + tolerance
        if constraint.compare == "ratio":
            share, high = 1.0 - tolerance, end
        for g in range(n_groups):
            top, base = (
                (weight[:, None] * (joint[:, g] @ np.array(side)) / size[g]).ravel()
                for side in (rate.numerator, rate.denominator)
            )
            mine = cells[0] == g
            decided = np.array(rate.denominator)[cells[1]] * plain
            plainly = (weight * mine) @ decided.sum(axis=1) / size[g]
            rows += [share * top - high * base, end * base - top, -base]
            limit += [0.0, 0.0, -min(MIN_BASE, plainly)]
    result = linprog(
        -(weight[:, None] * joint.sum(axis=1)).ravel(),
        A_ub=np.array(rows),
        b_ub=limit,
        A_eq=sparse.kron(sparse.eye(n_rows), np.ones((1, n_classes))),
        b_eq=np.ones(n_rows),
        bounds=(0, None),
    )
    return -result.fun if result.status == 0 else None


@pytest.mark.parametrize(
    "constraint",
    [
        PredictiveParity(),
        PredictiveParity(compare="ratio"),
        RateParity(OMISSION),
    ],
    ids=["precision", "precision-ratio", "omission"],
)
@pytest.mark.parametrize("n_groups", [2, 3])
def test_every_end_agrees_with_a_linear_program_over_rows(constraint, n_groups):
    problem, *data = problem_of(constraint, n_groups=n_groups)
    feasible = 0
    for low in np.linspace(0.1, 0.9, 9):
        best = best_by_brute_force(constraint, *data, [low], TOLERANCE)
        found = problem.solve_at(np.array([low]))
        if best is None:
            assert found.bound < problem.simple()[0].value - 0.05  # it is priced out
            continue
        feasible += 1
        assert best - 3e-5 <= found.value <= best + 3e-5
        assert found.bound >= best - 1e-9  # it is certain
        assert constraint.violation(found.expected, [0, 1]) <= TOLERANCE + 1e-6
    assert feasible >= 3


def test_several_rates_at_once_agree_with_it_too():
    constraint = PredictiveParity()
    problem, *data = problem_of(constraint, n_classes=3)
    assert problem.ranges == [(0.0, 1.0)] * 3
    for ends in ([0.5, 0.4, 0.6], [0.55, 0.5, 0.65]):
        best = best_by_brute_force(constraint, *data, ends, 0.02)
        found = problem.solve_at(np.array(ends))
        assert best is not None
        np.testing.assert_allclose(found.value, best, atol=3e-5)


@pytest.mark.parametrize("seed", range(2))
def test_no_end_of_a_fine_grid_is_better_than_the_one_found(seed):
    constraint = PredictiveParity()
    problem, *data = problem_of(constraint, seed=seed)
    mixture = problem.solve()
    grid = [
        best_by_brute_force(constraint, *data, [low], TOLERANCE)
        for low in np.linspace(0, 1, 41)
    ]
    best = max(value for value in grid if value is not None)
    found = best_by_brute_force(constraint, *data, mixture.ends, TOLERANCE)
    assert found >= best - 2e-4  # the search stops at steps of 1/320


@pytest.mark.parametrize(
    "constraint",
    [PredictiveParity(), PredictiveParity(compare="ratio"), DemographicParity()],
    ids=repr,
)
def test_the_mixture_keeps_the_bounds_among_the_observed(constraint):
    problem, _, cells, weight = problem_of(constraint)
    mixture = problem.solve()
    assert constraint.violation(problem.simple()[0].observed, [0, 1]) > TOLERANCE
    assert constraint.violation(mixture.table, [0, 1]) <= TOLERANCE + 1e-6
    np.testing.assert_allclose(mixture.weights.sum(), 1)
    observed = np.zeros((2, 2))
    np.add.at(observed, cells, weight)
    np.testing.assert_allclose(mixture.table.sum(axis=2), observed)


def test_bases_keep_their_floor():
    """Precision is close to equal where hardly anybody is selected; a floor forbids."""
    problem, _, cells, weight = problem_of(PredictiveParity())
    selected = problem.solve().table[:, :, 1].sum(axis=1)
    size = np.bincount(cells[0], weight)
    assert (selected / size >= MIN_BASE - 1e-6).all()


def test_a_rule_without_draws_comes_as_close_as_the_rules_allow():
    problem, *_ = problem_of(PredictiveParity(), n_rows=1000, tolerance=0.05)
    problem.solve()
    settled = problem.without_draws()
    assert settled.rule.deterministic
    plain = PredictiveParity().violation(problem.simple()[0].observed, [0, 1])
    assert PredictiveParity().violation(settled.observed, [0, 1]) < plain
