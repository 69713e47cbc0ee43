"""The augmented Lagrangian against an independent solver of quadratic programs."""

import cvxpy as cp
import numpy as np
import pytest

from fairlearnkit._solvers.augmented_lagrangian import (
    Windows,
    minimize_smooth,
    minimize_within,
)

RATE = np.repeat([0, 1], 4)


def program(seed, size=6):
    """A quadratic objective and rates that are linear and positive near its optimum."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(size, size))
    rows = rng.normal(size=(len(RATE), size))
    return half @ half.T + np.eye(size), rng.normal(size=size), rows, 5 + RATE


@pytest.mark.parametrize("l1", [0.0, 0.3])
@pytest.mark.parametrize(("share", "slack"), [(1, 0.2), (1, 0.0), (0.9, 0.0)])
@pytest.mark.parametrize("seed", range(4))
def test_quadratic_programs(seed, share, slack, l1):
    hessian, slope, rows, offset = program(seed)

    def oracle(x):
        value = x @ hessian @ x / 2 + slope @ x
        return (
            value,
            rows @ x + offset,
            lambda prices: hessian @ x + slope + rows.T @ prices,
        )

    windows = Windows(RATE, 2, share, slack)
    found = minimize_within(
        oracle,
        np.zeros(6),
        windows,
        tol=1e-7,
        feasibility=1e-7,
        max_iter=20_000,
        l1=np.full(6, l1) if l1 else None,
    )
    x, end = cp.Variable(6), cp.Variable(2)
    values = rows @ x + offset
    limits = [values <= end[RATE], values >= share * end[RATE] - slack]
    goal = cp.quad_form(x, hessian) / 2 + slope @ x + l1 * cp.norm1(x)
    best = cp.Problem(cp.Minimize(goal), limits).solve(solver=cp.CLARABEL)
    assert found.excess <= 1e-7
    assert (found.push >= 0).all()
    ours = oracle(found.x)[0] + l1 * np.abs(found.x).sum()
    assert ours == pytest.approx(best, abs=1e-5)
    np.testing.assert_allclose(found.x, x.value, atol=1e-4)


def test_the_lasso_by_its_closed_form():
    target = np.array([3.0, -2.0, 0.5, 0.0])
    x, _, residual = minimize_smooth(
        lambda x: (((x - target) ** 2).sum() / 2, x - target),
        np.ones(4),
        tol=1e-10,
        max_iter=100,
        l1=np.array([1.0, 1.0, 1.0, 0.0]),
    )
    np.testing.assert_allclose(x, [2, -1, 0, 0], atol=1e-9)
    assert x[2] == 0
    assert residual <= 1e-9


def test_windows_measure_what_is_outside():
    windows = Windows(np.array([0, 0, 1]), 2, 0.8, 0.0)
    values = np.array([1.0, 0.7, 0.5])
    np.testing.assert_allclose(windows.ends(values), [1.0, 0.5])
    excess = windows.excess(values, windows.ends(values))
    np.testing.assert_allclose(excess.max(axis=0), [0, 0.1, 0], atol=1e-12)
