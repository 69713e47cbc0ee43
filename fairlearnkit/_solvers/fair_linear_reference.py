"""The programs of :mod:`fairlearnkit._solvers.fair_linear`, by cvxpy.

Independent of the package's own methods, and slow: every row becomes a cone.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from fairlearnkit._solvers.fair_linear import LinearFit, LinearProblem
from fairlearnkit._solvers.linear_losses import SquaredHingeLoss

__all__ = ["solve_by_cvxpy"]


def solve_by_cvxpy(problem: LinearProblem, bound: float) -> LinearFit:
    """Minimise where no gap exceeds `bound`.

    Parameters
    ----------
    problem : LinearProblem
    bound : float
        In units of the score; may be infinite.

    Returns
    -------
    fit : LinearFit
        Its residual is not known.
    """
    import cvxpy as cp

    n_scores, size = problem.shape
    theta = cp.Variable((n_scores, size))
    loss = problem.design.weight @ _losses(cp, problem, theta)
    unit = np.append(1 / problem.design.scale, 0.0)[:size]
    raw = cp.multiply(theta, np.tile(unit, (n_scores, 1)))
    penalty = problem.l2 / 2 * cp.sum_squares(raw) + problem.l1 * cp.sum(cp.abs(raw))
    limits = _limits(cp, problem, theta, bound)
    program = cp.Problem(cp.Minimize(loss + penalty), limits)
    with warnings.catch_warnings():  # the status says the same
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        program.solve(solver=cp.CLARABEL)
    prices = np.zeros(len(problem.gaps.rows))
    if len(limits) == 2:
        prices = limits[0].dual_value - limits[1].dual_value
    elif limits:
        prices = problem.gaps.prices_of(problem.gaps.basis @ limits[0].dual_value)
    found = np.asarray(theta.value)
    objective = problem.objective(found, problem.design.scores(found))
    n_iter = int(program.solver_stats.num_iters or 0)
    converged = program.status == cp.OPTIMAL
    return LinearFit(found, objective, prices, n_iter, np.nan, converged)


def _losses(cp: Any, problem: LinearProblem, theta: Any) -> Any:
    y = problem.y
    scores = problem.design.rows_of(slice(None)) @ theta.T
    if isinstance(problem.loss, SquaredHingeLoss):
        return cp.square(cp.pos(1 - cp.multiply(2 * y - 1, scores[:, 0])))
    if problem.loss.n_scores == 1:
        return cp.logistic(scores[:, 0]) - cp.multiply(y, scores[:, 0])
    own = np.eye(problem.loss.n_scores)[y]
    return cp.log_sum_exp(scores, axis=1) - cp.sum(cp.multiply(own, scores), axis=1)


def _limits(cp: Any, problem: LinearProblem, theta: Any, bound: float) -> list:
    gaps = problem.gaps
    if np.isinf(bound) or not len(gaps.rows):
        return []
    if bound <= 0:  # rows that repeat each other are more than the solver can bear
        return [_product(problem, gaps.basis.T, theta) == 0]
    values = _product(problem, gaps.rows, theta)
    end = cp.Variable(gaps.shape[0])[gaps.rate]
    return [values <= end, values >= end - bound]


def _product(problem: LinearProblem, rows: np.ndarray, theta: Any) -> Any:
    blocks = rows.reshape(-1, *problem.shape)
    return sum(blocks[:, k] @ theta[k] for k in range(problem.loss.n_scores))
