"""Linear models under gaps of mean scores, against cvxpy, scikit-learn and calculus."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from fairlearnkit._solvers.fair_linear import LinearProblem, least_gap, solve
from fairlearnkit._solvers.fair_linear_reference import solve_by_cvxpy
from fairlearnkit._solvers.linear_design import make_design
from fairlearnkit._solvers.linear_losses import (
    LogisticLoss,
    MultinomialLoss,
    SquaredHingeLoss,
)
from fairlearnkit._solvers.score_gaps import make_gaps
from fairlearnkit.constraints import as_constraint

LOSSES = {
    "logistic": LogisticLoss(),
    "multinomial": MultinomialLoss(3),
    "hinge": SquaredHingeLoss(),
}
CONSTRAINTS = ["demographic_parity", "equalized_odds", "error_rate_parity"]
METHODS = {"newton": True, "lbfgs": False}


def people(n_classes=2, n=300, seed=0):
    """Features of unlike scales, labels and three groups."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    X = rng.normal(size=(n, 4)) + 0.5 * group[:, None]
    signal = X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n)
    y = np.digitize(signal, [0.8, 1.8][: n_classes - 1])
    return X * [1, 10, 0.1, 1], y, group, rng.integers(1, 3, n).astype(float)


def problem_of(loss="logistic", constraint="demographic_parity", l2=0.01, l1=0.0, **to):
    n_classes = 3 if loss == "multinomial" else 2
    X, y, group, weight = people(n_classes)
    design = make_design(to.get("form", np.asarray)(X), weight, has_intercept=True)
    cells = group * n_classes + y
    totals = np.bincount(cells, weights=design.weight).reshape(3, n_classes)
    coefficients = as_constraint(constraint).coefficients(
        totals, list(range(n_classes)), user="the test"
    )
    gaps = make_gaps(design, cells, coefficients, LOSSES[loss].n_scores)
    return LinearProblem(design, LOSSES[loss], y, gaps, l2, l1)


def fit(problem, bound, method="newton", tol=1e-7):
    start = np.zeros(problem.shape)
    newton = METHODS[method]
    return solve(problem, bound, start, newton=newton, tol=tol, max_iter=5000)


def test_rows_are_mean_scores_of_those_whom_the_rates_count():
    problem = problem_of(constraint="equalized_odds")
    _, y, group, weight = people()
    theta = np.random.default_rng(1).normal(size=problem.shape)
    scores = problem.design.scores(theta)[:, 0]
    means = [
        [
            np.average(scores[m], weights=weight[m])
            for m in ((group == g) & (y == k) for g in range(3))
        ]
        for k in (1, 0)
    ]
    found = problem.gaps.by_group(problem.gaps.rows @ theta.ravel(), np.nan)
    np.testing.assert_allclose(found, means)
    assert problem.gap(theta) == pytest.approx(np.ptp(means, axis=1).max())


@pytest.mark.parametrize("bound", [0.1, 0.0])
@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_optimum_is_cvxpys(loss, constraint, bound):
    problem = problem_of(loss, constraint)
    theirs = solve_by_cvxpy(problem, bound)
    for method in METHODS:
        ours = fit(problem, bound, method)
        assert ours.converged
        assert problem.gap(ours.theta) <= bound + 1e-9
        assert ours.objective == pytest.approx(theirs.objective, abs=1e-6)
        table = problem.gaps.by_group(ours.prices, 0.0)
        np.testing.assert_allclose(table.sum(axis=1), 0, atol=1e-6)
        # The cost is unique where the multipliers need not be.
        cost = np.abs(ours.prices).sum()
        assert cost == pytest.approx(np.abs(theirs.prices).sum(), abs=1e-3)


@pytest.mark.parametrize("bound", [np.inf, 0.1, 0.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_with_an_l1_penalty_too(loss, bound):
    problem = problem_of(loss, l2=0.005, l1=0.02)
    ours, theirs = fit(problem, bound, "lbfgs"), solve_by_cvxpy(problem, bound)
    assert ours.objective == pytest.approx(theirs.objective, abs=1e-6)
    np.testing.assert_array_equal(ours.theta == 0, np.abs(theirs.theta) < 1e-5)
    assert problem.gap(ours.theta) <= bound + 1e-6


def test_without_a_bound_it_is_scikit_learns():
    for loss in ("logistic", "multinomial"):
        problem = problem_of(loss)
        X, y, _, weight = people(problem.loss.n_scores if loss != "logistic" else 2)
        plain = LogisticRegression(
            C=1 / (0.01 * weight.sum()), solver="newton-cholesky", tol=1e-10
        ).fit(X, y, sample_weight=weight)
        for method in METHODS:
            coef, _ = problem.design.raw(fit(problem, np.inf, method).theta)
            np.testing.assert_allclose(coef, plain.coef_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "method"),
    [*((loss, "newton") for loss in LOSSES), ("logistic", "lbfgs")],
)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_prices_are_the_slope_of_the_optimum(loss, constraint, method):
    problem = problem_of(loss, constraint)
    bound, step = 0.15, 1e-3
    tighter, at, looser = (
        fit(problem, b, method, tol=1e-8) for b in (bound - step, bound, bound + step)
    )
    slope = (tighter.objective - looser.objective) / (2 * step)
    assert np.abs(at.prices).sum() / 2 == pytest.approx(slope, rel=2e-3, abs=1e-6)


def test_only_groups_at_the_ends_of_the_window_have_prices():
    problem = problem_of(constraint="equalized_odds")
    ours = fit(problem, 0.1)
    values = problem.gaps.rows @ ours.theta.ravel()
    for rate in (0, 1):
        own = problem.gaps.rate == rate
        held_down = ours.prices[own] > 1e-9
        held_up = ours.prices[own] < -1e-9
        np.testing.assert_allclose(values[own][held_down], values[own].max())
        np.testing.assert_allclose(values[own][held_up], values[own].min())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("method", METHODS)
def test_the_least_gap_within_a_budget_is_cvxpys(loss, method):
    problem = problem_of(loss)
    plain = fit(problem, np.inf)
    budget = 1.05 * plain.objective
    found, bound = least_gap(
        problem, budget, plain, newton=METHODS[method], tol=1e-7, max_iter=5000
    )
    assert found.objective == pytest.approx(budget, rel=1e-6)
    assert problem.gap(found.theta) == pytest.approx(bound, abs=1e-7)
    slightly_less = solve_by_cvxpy(problem, 0.99 * bound)
    assert slightly_less.objective > budget


def test_a_budget_for_everything_closes_the_gap():
    problem = problem_of()
    plain = fit(problem, np.inf)
    options = {"newton": True, "tol": 1e-7, "max_iter": 100}
    found, bound = least_gap(problem, 10 * plain.objective, plain, **options)
    assert bound == 0
    assert problem.gap(found.theta) < 1e-10
    none, bound = least_gap(problem, plain.objective, plain, **options)
    assert none.objective == pytest.approx(plain.objective, rel=1e-6)
    assert bound == pytest.approx(problem.gap(plain.theta), rel=1e-2)


@pytest.mark.parametrize("form", [sparse.csr_matrix, np.asfortranarray, np.float32])
def test_the_form_of_the_data_does_not_matter(form):
    dense = fit(problem_of(), 0.1)
    for method in METHODS:
        other = fit(problem_of(form=form), 0.1, method)
        assert other.objective == pytest.approx(dense.objective, abs=1e-6)


def test_every_start_leads_to_the_same_point():
    problem = problem_of("multinomial", "equalized_odds")
    cold = fit(problem, 0.1)
    start = np.random.default_rng(0).normal(size=problem.shape)
    for newton in METHODS.values():
        warm = solve(problem, 0.1, start, newton=newton, tol=1e-7, max_iter=5000)
        assert warm.objective == pytest.approx(cold.objective, abs=1e-8)


@pytest.mark.parametrize("seed", range(10))
def test_the_step_solves_its_quadratic_program(seed):
    rng = np.random.default_rng(seed)
    problem = problem_of(constraint="equalized_odds")
    n_rows, size = 12, 5
    gaps = replace(
        problem.gaps,
        rows=rng.normal(size=(n_rows, size)),
        rate=np.repeat([0, 1], 6),
        group=np.tile(np.arange(6), 2),
        shape=(2, 6),
    )
    half = rng.normal(size=(size, size))
    hessian, slope = half @ half.T + 0.1 * np.eye(size), rng.normal(size=size)
    theta = gaps.shrink(rng.normal(size=size), 0.3)
    step, prices = gaps.best_step(hessian, slope, theta, 0.3)
    assert gaps.gap(gaps.rows @ (theta + step)) <= 0.3 + 1e-8
    stationary = hessian @ step + slope + gaps.rows.T @ prices
    np.testing.assert_allclose(stationary, 0, atol=1e-7)
    s, end = cp.Variable(size), cp.Variable(2)
    values = gaps.rows @ (theta + s)
    window = [values <= end[gaps.rate], values >= end[gaps.rate] - 0.3]
    goal = cp.quad_form(s, hessian) / 2 + slope @ s
    best = cp.Problem(cp.Minimize(goal), window).solve(solver=cp.CLARABEL)
    assert step @ hessian @ step / 2 + slope @ step == pytest.approx(best, abs=1e-6)


def test_too_few_iterations_are_admitted():
    problem = problem_of(constraint="equalized_odds")
    for newton in METHODS.values():
        for bound in (np.inf, 0.1, 0.0):
            start = np.zeros(problem.shape)
            found = solve(problem, bound, start, newton=newton, tol=1e-9, max_iter=1)
            assert not found.converged
