"""Penalised linear models whose mean scores must be close between groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fairlearnkit._solvers.augmented_lagrangian import (
    Oracle,
    Pull,
    Windows,
    minimize_smooth,
    minimize_within,
)
from fairlearnkit._solvers.linear_design import LinearDesign
from fairlearnkit._solvers.linear_losses import LinearLoss
from fairlearnkit._solvers.score_gaps import ScoreGaps

__all__ = ["LinearFit", "LinearProblem", "least_gap", "solve"]

_FEASIBILITY = 1e-8  # of a gap, in units of the score
_SHORTEST = 2.0**-40
_LOOSE = 100  # times tol, where rounding ends a line search before


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A solution.

    Parameters
    ----------
    theta : ndarray of shape (n_scores, size)
        Coefficients of the standardised design.
    objective : float
        Mean loss and penalty.
    prices : ndarray of shape (n_rows,)
        Multiplier of each mean score; they sum to 0 in each rate.
    n_iter : int
    residual : float
        Largest entry of the Lagrangian's slope before the last step.
    converged : bool
    """

    theta: np.ndarray
    objective: float
    prices: np.ndarray
    n_iter: int
    residual: float
    converged: bool


@dataclass(frozen=True, eq=False)
class LinearProblem:
    """Mean loss plus ``l2 |w|^2 / 2 + l1 |w|`` of the coefficients of the raw features.

    Parameters
    ----------
    design : LinearDesign
    loss : LinearLoss
    y : ndarray of shape (n_samples,)
        Codes of the labels.
    gaps : ScoreGaps
    l2, l1 : float
    """

    design: LinearDesign
    loss: LinearLoss
    y: np.ndarray
    gaps: ScoreGaps
    l2: float
    l1: float

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of `theta`."""
        return self.loss.n_scores, self.design.size

    @cached_property
    def _unit(self) -> np.ndarray:
        """What one unit of each standard coefficient is in raw ones; 0 if free."""
        unit = np.append(1 / self.design.scale, 0.0)
        return unit[: self.design.size]

    @cached_property
    def costs(self) -> np.ndarray:
        """Price of the absolute value of each standard coefficient."""
        return np.broadcast_to(self.l1 * self._unit, self.shape).ravel()

    @cached_property
    def stretch(self) -> np.ndarray:
        """Factors that even out the curvature of coefficients which the penalty rules.

        A quarter is the largest curvature of the log loss.
        """
        stretch = np.sqrt(0.25 / (0.25 + self.l2 * self._unit**2))
        return np.broadcast_to(stretch, self.shape).ravel()

    def gap(self, theta: np.ndarray) -> float:
        """Largest difference of mean scores between groups."""
        return self.gaps.gap(self.gaps.rows @ theta.ravel())

    def objective(self, theta: np.ndarray, scores: np.ndarray) -> float:
        """Mean loss and penalty."""
        raw = theta * self._unit
        penalty = self.l2 * (raw**2).sum() / 2 + self.l1 * np.abs(raw).sum()
        return float(self.design.weight @ self.loss.value(scores, self.y) + penalty)

    def slope(self, theta: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Slope of the smooth part of the objective, flat."""
        residual = self.loss.slope(scores, self.y) * self.design.weight[:, None]
        return (self.design.pull(residual) + self.l2 * self._unit**2 * theta).ravel()

    def hessian(self, scores: np.ndarray) -> np.ndarray:
        """Second derivatives, with a curvature where the scores see no change."""
        n_scores, size = self.shape
        weight = self.design.weight

        def of_rows(rows: slice) -> np.ndarray:
            curvature = self.loss.curvature(scores[rows], self.y[rows])
            return curvature * weight[rows, None, None]

        hessian = self.design.curvature(of_rows)
        hessian[np.diag_indices(len(hessian))] += np.tile(
            self.l2 * self._unit**2, n_scores
        )
        if n_scores > 1:  # a number added to all scores changes no probability
            free = np.flatnonzero(self.l2 * self._unit**2 == 0)
            blocks = hessian.reshape(n_scores, size, n_scores, size)
            blocks[:, free, :, free] += 1.0 / n_scores
        return hessian

    def oracle(self, x: np.ndarray) -> tuple[float, np.ndarray, Pull]:
        """What the augmented Lagrangian asks, of ``x = theta / stretch``.

        The L1 penalty is left to the minimiser.
        """
        theta = (x * self.stretch).reshape(self.shape)
        scores = self.design.scores(theta)
        smooth = replace(self, l1=0.0) if self.l1 else self
        value = smooth.objective(theta, scores)
        slope = self.slope(theta, scores)

        def pull(prices: np.ndarray) -> np.ndarray:
            return (slope + self.gaps.rows.T @ prices) * self.stretch

        return value, self.gaps.rows @ theta.ravel(), pull


def solve(
    problem: LinearProblem,
    bound: float,
    start: np.ndarray,
    *,
    newton: bool,
    tol: float,
    max_iter: int,
) -> LinearFit:
    """Minimise where no gap exceeds `bound`, which may be infinite.

    Parameters
    ----------
    problem : LinearProblem
    bound : float
        In units of the score.
    start : ndarray of shape (n_scores, size)
        Coefficients to start from; those of a gap too large are shrunk.
    newton : bool
        Newton's method, else L-BFGS.
    tol : float
        Largest entry of the Lagrangian's slope at which to stop.
    max_iter : int
    """
    start = problem.gaps.shrink(start.ravel(), bound).reshape(problem.shape)
    if newton:
        return _newton(problem, bound, start, tol, max_iter)
    if not len(problem.gaps.rows) or np.isinf(bound):
        return _free(problem, start, tol, max_iter)
    if bound <= 0 and not problem.l1:
        return _level(problem, start, tol, max_iter)
    return _within(problem, bound, start, tol, max_iter)


def least_gap(
    problem: LinearProblem, budget: float, plain: LinearFit, **options
) -> tuple[LinearFit, float]:
    """Find the least gap for which the objective stays within `budget`, and the fit.

    The least objective is convex in the bound and falls; its slope is the sum of the
    prices. Newton's method from a bound of zero stays on the near side of the root.
    """
    bound, theta, n_iter = 0.0, plain.theta, plain.n_iter
    while True:
        fit = solve(problem, bound, theta, **options)
        n_iter += fit.n_iter
        theta = fit.theta
        over = fit.objective - budget
        price = np.abs(fit.prices).sum() / 2
        if over <= 1e-9 * abs(budget) or price <= 0:
            return replace(fit, n_iter=n_iter), bound
        if over / price <= 1e-10 * bound or bound >= problem.gap(plain.theta):
            return replace(fit, n_iter=n_iter), bound
        bound += over / price


def _newton(problem, bound, theta, tol, max_iter) -> LinearFit:
    scores = problem.design.scores(theta)
    now, n_iter = problem.objective(theta, scores), 0
    while n_iter < max_iter:
        n_iter += 1
        slope = problem.slope(theta, scores)
        step, prices = problem.gaps.best_step(
            problem.hessian(scores), slope, theta.ravel(), bound
        )
        residual = float(np.abs(slope + problem.gaps.rows.T @ prices).max())
        gain = -float(slope @ step)
        step = step.reshape(problem.shape)
        change = problem.design.scores(theta + step) - scores
        length = 1.0
        while length > _SHORTEST:
            tried = theta + length * step
            found = problem.objective(tried, scores + length * change)
            if found <= now - 1e-4 * length * gain + 1e-14 * abs(now):
                theta, scores, now = tried, scores + length * change, found
                break
            length /= 2
        if residual <= tol or length <= _SHORTEST:
            break
    rounding = length <= _SHORTEST and residual <= _LOOSE * tol
    converged = residual <= tol or rounding
    return LinearFit(theta, now, prices, n_iter, residual, converged)


def _free(problem, start, tol, max_iter) -> LinearFit:
    """Without a bound."""

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        objective, _, pull = problem.oracle(x)
        return objective, pull(np.zeros(len(problem.gaps.rows)))

    x, n_iter, residual = minimize_smooth(
        value,
        start.ravel() / problem.stretch,
        tol=tol,
        max_iter=max_iter,
        l1=problem.costs * problem.stretch if problem.l1 else None,
    )
    prices = np.zeros(len(problem.gaps.rows))
    converged = residual <= (_LOOSE if n_iter < max_iter else 1) * tol
    return _as_fit(problem, x * problem.stretch, prices, n_iter, residual, converged)


def _level(problem, start, tol, max_iter) -> LinearFit:
    """Without a gap: in the subspace that has none, which is never written out."""
    gaps = replace(problem.gaps, rows=problem.gaps.rows * problem.stretch)

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        objective, _, pull = problem.oracle(gaps.project(x))
        return objective, gaps.project(pull(np.zeros(len(gaps.rows))))

    x, n_iter, residual = minimize_smooth(
        value, start.ravel() / problem.stretch, tol=tol, max_iter=max_iter
    )
    x = gaps.project(x)
    slope = problem.oracle(x)[2](np.zeros(len(gaps.rows)))
    prices = gaps.prices_of(-slope)
    converged = residual <= (_LOOSE if n_iter < max_iter else 1) * tol
    return _as_fit(problem, x * problem.stretch, prices, n_iter, residual, converged)


def _within(problem, bound, start, tol, max_iter) -> LinearFit:
    rate = problem.gaps.rate
    windows = Windows(rate, problem.gaps.shape[0], 1.0, bound)
    oracle: Oracle = problem.oracle
    found = minimize_within(
        oracle,
        start.ravel() / problem.stretch,
        windows,
        tol=tol,
        feasibility=_FEASIBILITY,
        max_iter=max_iter,
        l1=problem.costs * problem.stretch if problem.l1 else None,
    )
    theta = found.x * problem.stretch
    if not problem.l1:  # with it, coefficients of zero would be lost
        theta = problem.gaps.shrink(theta, bound)
    prices, _ = windows.slope(found.push)
    converged = found.residual <= (_LOOSE if found.n_iter < max_iter else 1) * tol
    converged &= found.excess <= 100 * _FEASIBILITY
    return _as_fit(problem, theta, prices, found.n_iter, found.residual, converged)


def _as_fit(problem, theta, prices, n_iter, residual, converged) -> LinearFit:
    theta = theta.reshape(problem.shape)
    objective = problem.objective(theta, problem.design.scores(theta))
    return LinearFit(theta, objective, prices, n_iter, residual, bool(converged))
