"""The non-convex bound on a share: closed form, certificate, and a relaxation."""

import cvxpy as cp
import numpy as np
import pytest

from fairlearnkit._solvers.explained_share import (
    bound_share,
    bound_spread,
    explained_share,
    ridge_to_bound,
)


def problem(seed, rank=6, n_sensitive=2):
    """Coordinates of some regression with a ridge: a target, gains and projections."""
    rng = np.random.default_rng(seed)
    spread = np.linalg.qr(rng.normal(size=(rank, n_sensitive)))[0].T
    gain = rng.uniform(0.3, 1, rank)
    return rng.normal(size=rank), gain, spread * rng.uniform(0.2, 1) * np.sqrt(gain)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_decorrelated_parts_have_a_closed_form(seed, share):
    target = np.random.default_rng(seed).normal(size=7)
    k, rho = 2, np.sqrt(share / (1 - share))
    first, second = np.linalg.norm(target[:k]), np.linalg.norm(target[k:])
    v = max(1.0, (1 + rho * first / second) / (1 + rho**2))
    u = min(1.0, rho * v * second / first)
    found = bound_share(target, np.ones(7), np.eye(k, 7), share)
    np.testing.assert_allclose(found[:k], u * target[:k], atol=1e-13)
    np.testing.assert_allclose(found[k:], v * target[k:], atol=1e-13)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_the_solution_carries_a_certificate_of_global_optimality(seed, share):
    """Some multiplier makes the Lagrangian convex and stationary at the solution."""
    target, gain, spread = problem(seed)
    found = bound_share(target, gain, spread, share)
    form = spread.T @ spread - share * np.diag(gain)
    if explained_share(target, gain, spread) <= share:
        np.testing.assert_array_equal(found, target)
        return
    slope = form @ found
    multiplier = slope @ (target - found) / (slope @ slope)
    np.testing.assert_allclose(found + multiplier * slope, target, atol=1e-10)
    assert multiplier > 0
    assert np.linalg.eigvalsh(np.eye(len(target)) + multiplier * form)[0] > -1e-10
    assert explained_share(found, gain, spread) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_that_of_the_semidefinite_dual(seed):
    target, gain, spread = problem(seed + 10)
    share, n = 0.05, len(target)
    form = spread.T @ spread - share * np.diag(gain)
    price, value = cp.Variable(nonneg=True), cp.Variable()
    corner = cp.reshape(target @ target - value, (1, 1), order="C")
    block = cp.bmat(
        [[np.eye(n) + price * form, -target[:, None]], [-target[None], corner]]
    )
    dual = cp.Problem(cp.Maximize(value), [block >> 0]).solve(solver="CLARABEL")
    found = bound_share(target, gain, spread, share)
    assert np.sum((found - target) ** 2) == pytest.approx(dual, abs=1e-5)


@pytest.mark.parametrize("bound", [0.0, 0.01, 0.2])
def test_a_bound_on_the_variance_is_a_convex_program(bound):
    target, _, spread = problem(3)
    a = cp.Variable(len(target))
    reference = cp.Problem(
        cp.Minimize(cp.sum_squares(a - target)), [cp.sum_squares(spread @ a) <= bound]
    ).solve(solver="CLARABEL")
    found = bound_spread(target, spread, bound)
    assert np.sum((spread @ found) ** 2) <= bound + 1e-14
    assert np.sum((found - target) ** 2) == pytest.approx(reference, abs=1e-4)


def test_no_share_is_the_projection_on_what_is_uncorrelated():
    target, gain, spread = problem(5)
    found = bound_share(target, gain, spread, 0)
    np.testing.assert_allclose(spread @ found, 0, atol=1e-14)
    inverse = np.linalg.pinv(spread) @ spread
    np.testing.assert_allclose(found, target - inverse @ target, atol=1e-12)


def test_a_correlation_of_rounding_size_costs_nothing():
    target = np.array([1.0, 2.0])
    spread = np.array([[1e-16, 2e-16]])
    np.testing.assert_array_equal(bound_share(target, np.ones(2), spread, 0), target)
    np.testing.assert_array_equal(bound_spread(target, spread, 0), target)


def test_without_signal_beside_the_sensitive_part_nothing_is_predicted():
    """Noise of either sign could dilute the share; it is not used."""
    found = bound_share(np.array([1.0, 0.0]), np.ones(2), np.eye(1, 2), 0.1)
    np.testing.assert_array_equal(found, 0)


def test_the_ridge_reaches_its_bound_by_one_penalty():
    target, sizes = np.array([2.0, -1.0, 0.5]), np.array([3.0, 1.0, 0.2])
    found = ridge_to_bound(target, sizes, 0.7)
    assert found @ found == pytest.approx(0.7, abs=1e-12)
    penalty = sizes**2 * (target / found - 1)
    np.testing.assert_allclose(penalty, penalty[0])
    np.testing.assert_array_equal(ridge_to_bound(target, sizes, 99.0), target)
    np.testing.assert_array_equal(ridge_to_bound(target, sizes, 0), 0)
