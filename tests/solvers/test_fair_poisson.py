"""Constrained Poisson fits, against a conic and a general solver."""

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from fairlearnkit._solvers.fair_poisson import PoissonProblem, fit_poisson


def problem(n_groups=2, n=300, d=4, geometric=True, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_groups, n)
    Z = rng.normal(size=(n, d)) + 0.4 * codes[:, None]
    y = rng.poisson(np.exp(0.4 * Z[:, 0] - 0.2 * Z[:, -1] + 0.2 * codes)).astype(float)
    weight = rng.integers(1, 4, n) / 1.0
    weight /= weight.sum()
    penalty = rng.uniform(0.001, 0.1, d)
    return PoissonProblem(
        Z - weight @ Z, y, weight, penalty, codes, n_groups, geometric
    )


def means_of(problem, theta):
    eta = theta[0] + problem.Z @ theta[1:]
    values = eta if problem.geometric else np.exp(np.minimum(eta, 99))
    found = [
        np.average(
            values[problem.codes == g], weights=problem.weight[problem.codes == g]
        )
        for g in range(problem.n_groups)
    ]
    return np.array(found) if problem.geometric else np.log(found)


@pytest.mark.parametrize("bound", [0.0, 0.1, np.inf])
@pytest.mark.parametrize("n_groups", [2, 3])
def test_geometric_means_are_a_convex_program(n_groups, bound):
    p = problem(n_groups)
    theta = cp.Variable(p.Z.shape[1] + 1)
    eta = theta[0] + p.Z @ theta[1:]
    loss = p.weight @ (cp.exp(eta) - cp.multiply(p.y, eta))
    loss += 0.5 * p.penalty @ cp.square(theta[1:])
    shares = [np.where(p.codes == g, p.weight, 0) for g in range(n_groups)]
    means = [(s / s.sum()) @ eta for s in shares]
    pairs = [(a, b) for a in range(n_groups) for b in range(n_groups) if a != b]
    limits = [means[a] - means[b] <= bound for a, b in pairs]
    if bound in (0, np.inf):  # a region without inside is hard for the solver
        limits = [means[0] == mean for mean in means[1:] if bound == 0]
    cp.Problem(cp.Minimize(loss), limits).solve(solver="CLARABEL")
    found = fit_poisson(p, bound)
    assert found.converged
    np.testing.assert_allclose(found.theta, theta.value, atol=2e-4)
    assert p.loss(found.theta)[0] <= p.loss(theta.value)[0] + 1e-7
    assert np.ptp(means_of(p, found.theta)) <= bound + 1e-9


@pytest.mark.parametrize("bound", [0.0, 0.1])
@pytest.mark.parametrize("n_groups", [2, 3])
def test_arithmetic_means_reach_the_optimum_of_a_general_solver(n_groups, bound):
    p = problem(n_groups, geometric=False)
    pairs = [(a, b) for a in range(n_groups) for b in range(n_groups) if a != b]

    def room(theta):
        means = means_of(p, theta)
        return np.array([bound - means[a] + means[b] for a, b in pairs])

    best = np.inf
    for seed in range(5):
        start = np.random.default_rng(seed).normal(size=p.Z.shape[1] + 1) * 0.3
        result = minimize(
            lambda theta: p.loss(theta)[0],
            start,
            jac=lambda theta: p.derivatives(theta, p.loss(theta)[1])[0],
            constraints={"type": "ineq", "fun": room},
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        if room(result.x).min() > -1e-6:
            best = min(best, result.fun)
    found = fit_poisson(p, bound)
    assert found.converged
    assert p.loss(found.theta)[0] == pytest.approx(best, abs=1e-5)
    means = means_of(p, found.theta)
    assert np.ptp(means) <= bound + 1e-9
    np.testing.assert_allclose(means, found.log_means)


@pytest.mark.parametrize("geometric", [True, False])
def test_derivatives_are_those_of_finite_differences(geometric):
    p = problem(3, geometric=geometric)
    theta = np.random.default_rng(1).normal(size=5) * 0.3
    prices, mu = np.array([0.3, -0.5, 0.2]), p.loss(theta)[1]

    def check(exact, function):
        found = approx_fprime(theta, function, 1e-7)
        np.testing.assert_allclose(exact, found, atol=1e-5)

    gradient, hessian = p.derivatives(theta, mu)
    check(gradient, lambda at: p.loss(at)[0])
    check(hessian, lambda at: p.derivatives(at, p.loss(at)[1])[0])
    check(p.slopes(mu), lambda at: p.log_means(p.loss(at)[1]))
    check(p.curvature(mu, prices), lambda at: prices @ p.slopes(p.loss(at)[1]))


def test_too_few_directions_leave_the_constant():
    """One feature cannot have equal means in three groups, but for a zero."""
    p = problem(3, d=1, geometric=False)
    found = fit_poisson(p, 0.0)
    np.testing.assert_allclose(found.theta, [np.log(p.weight @ p.y), 0], atol=1e-9)


def test_too_few_steps_are_owned_up_to():
    found = fit_poisson(problem(), np.inf, max_iter=1)
    assert not found.converged
    assert found.n_iter == 1
