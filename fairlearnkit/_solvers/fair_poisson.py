"""Poisson regression whose groups have means within a ratio of each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, lstsq, solve_triangular

from fairlearnkit._solvers.least_distance import nearest_within

__all__ = ["PoissonFit", "PoissonProblem", "fit_poisson"]

_EXACT = 1e-10  # of the means' log ratio, and of a step
_FLAT = 1e-10  # of the trace
_SUFFICIENT = 1e-4  # of the decrease that the step promises


@dataclass(frozen=True, eq=False)
class PoissonProblem:
    """Mean deviance, a penalty, and the log means of groups.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, rank)
        Features, the constant not among them, of weighted mean 0 and of full rank.
    y : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,)
        They sum to 1.
    penalty : ndarray of shape (rank,)
        Weights of half the squared coefficients.
    codes : ndarray of shape (n_samples,)
    n_groups : int
    geometric : bool
        Whether a group's mean is that of the logs of the predictions.
    """

    Z: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    penalty: np.ndarray
    codes: np.ndarray
    n_groups: int
    geometric: bool

    def loss(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Objective, infinite where it overflows, and the predictions."""
        eta = theta[0] + self.Z @ theta[1:]
        with np.errstate(over="ignore", invalid="ignore"):
            mu = np.exp(eta)
            value = float(self.weight @ (mu - self.y * eta))
        value += 0.5 * float(self.penalty @ theta[1:] ** 2)
        return (value if np.isfinite(value) else np.inf), mu

    def derivatives(
        self, theta: np.ndarray, mu: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and Hessian of the objective."""
        residual = self.weight * (mu - self.y)
        gradient = np.concatenate(
            [[residual.sum()], self.Z.T @ residual + self.penalty * theta[1:]]
        )
        hessian = self._second_moment(self.weight * mu)
        hessian[1:, 1:] += np.diag(self.penalty)
        return gradient, hessian

    def log_means(self, mu: np.ndarray) -> np.ndarray:
        """Log of the mean prediction of each group."""
        total = np.bincount(self.codes, self.weight, self.n_groups)
        if self.geometric:
            with np.errstate(divide="ignore"):
                logs = np.bincount(self.codes, self.weight * np.log(mu), self.n_groups)
            return logs / total
        with np.errstate(divide="ignore"):
            return np.log(np.bincount(self.codes, self.weight * mu, self.n_groups)) - (
                np.log(total)
            )

    def slopes(self, mu: np.ndarray) -> np.ndarray:
        """Gradients of the log means, of shape (n_groups, rank + 1)."""
        found = np.ones((self.n_groups, self.Z.shape[1] + 1))
        part = self.weight if self.geometric else self.weight * mu
        for code in range(self.n_groups):
            own = part[self.codes == code]
            found[code, 1:] = own @ self.Z[self.codes == code] / own.sum()
        return found

    def curvature(self, mu: np.ndarray, prices: np.ndarray) -> np.ndarray:
        """Hessian of the sum of prices times log means."""
        if self.geometric:
            return np.zeros((self.Z.shape[1] + 1,) * 2)
        total = np.bincount(self.codes, self.weight * mu, self.n_groups)
        slopes = self.slopes(mu)
        share = (prices / total)[self.codes] * self.weight * mu
        return self._second_moment(share) - (slopes.T * prices) @ slopes

    def _second_moment(self, share: np.ndarray) -> np.ndarray:
        corner = self.Z.T @ share
        inner = self.Z.T @ (self.Z * share[:, None])
        return np.block(
            [[np.array([[share.sum()]]), corner[None]], [corner[:, None], inner]]
        )


@dataclass(frozen=True, eq=False)
class PoissonFit:
    """Result of :func:`fit_poisson`.

    Parameters
    ----------
    theta : ndarray of shape (rank + 1,)
        Constant and coefficients.
    log_means : ndarray of shape (n_groups,)
    n_iter : int
    step : float
        Largest entry of the last step; above the tolerance if not converged.
    converged : bool
    """

    theta: np.ndarray
    log_means: np.ndarray
    n_iter: int
    step: float
    converged: bool


def fit_poisson(
    problem: PoissonProblem,
    bound: float,
    *,
    start: np.ndarray | None = None,
    max_iter: int = 100,
    tol: float = 1e-9,
) -> PoissonFit:
    """Minimise the objective with log means at most `bound` apart.

    Sequential quadratic programming: a quadratic model of the Lagrangian, a linear one
    of the log means, and a step that is shortened until it pays. For geometric means
    the problem is convex and the result its optimum; for arithmetic means it is a local
    one.

    Parameters
    ----------
    problem : PoissonProblem
    bound : float
        Infinite for no constraint.
    start : ndarray of shape (rank + 1,), default=None
        None means the constant that fits best, where all groups are equal.
    """
    pairs = np.array([*combinations(range(problem.n_groups), 2)], int).reshape(-1, 2)
    theta = start
    if theta is None:
        mean = problem.weight @ problem.y
        theta = np.concatenate([[np.log(mean)], np.zeros(problem.Z.shape[1])])
    multipliers, price, size, done = np.zeros(len(pairs)), 1.0, np.inf, False
    n_iter = 0
    while n_iter < max_iter and not done:
        n_iter += 1
        value, mu = problem.loss(theta)
        gaps, slopes = _gaps(problem, mu, pairs)
        gradient, hessian = problem.derivatives(theta, mu)
        model = _model(problem, mu, hessian, pairs, multipliers)
        step = _step(gradient, model, slopes, gaps, bound)
        multipliers = _multipliers(gradient + model @ step, slopes, gaps, step, bound)
        price = max(price, 2 * np.abs(multipliers).sum())
        over = max(0.0, np.abs(gaps).max(initial=0.0) - bound)
        size = float(np.abs(step).max())
        done = size <= tol and over <= _EXACT
        if not done:
            merit = value + price * over
            fall = gradient @ step - price * over
            theta = _shortened(problem, pairs, theta, step, merit, fall, price, bound)
    found = problem.log_means(problem.loss(theta)[1])
    return PoissonFit(theta, found, n_iter, size, done)


def _gaps(
    problem: PoissonProblem, mu: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Differences of log means between groups, and their gradients."""
    means, slopes = problem.log_means(mu), problem.slopes(mu)
    first, second = pairs.T
    return means[first] - means[second], slopes[first] - slopes[second]


def _model(
    problem: PoissonProblem,
    mu: np.ndarray,
    hessian: np.ndarray,
    pairs: np.ndarray,
    multipliers: np.ndarray,
) -> np.ndarray:
    """Hessian of the Lagrangian, made positive definite where it is not."""
    if not multipliers.any():
        return hessian
    prices = np.bincount(pairs[:, 0], multipliers, problem.n_groups)
    prices -= np.bincount(pairs[:, 1], multipliers, problem.n_groups)
    full = hessian + problem.curvature(mu, prices)
    values, vectors = np.linalg.eigh(full)
    least = np.linalg.eigvalsh(hessian)[0]
    if values[0] >= 0.1 * least:
        return full
    return (vectors * np.maximum(np.abs(values), 0.1 * least)) @ vectors.T


def _step(
    gradient: np.ndarray,
    model: np.ndarray,
    slopes: np.ndarray,
    gaps: np.ndarray,
    bound: float,
) -> np.ndarray:
    """Minimiser of the quadratic model within the linearised bounds.

    Where these contradict each other, of bounds relaxed towards what holds now.
    """
    try:
        root = cholesky(model, lower=True)
    except LinAlgError:  # predictions that vanish leave the model flat
        ridge = _FLAT * np.trace(model) * np.eye(len(model))
        root = cholesky(model + ridge, lower=True)
    free = -cho_solve((root, True), gradient)
    if not np.isfinite(bound) or not len(gaps):
        return free
    forms = solve_triangular(root, slopes.T, lower=True).T
    floor = 1e-12 / np.diag(root).min()
    most = np.abs(gaps).max()
    for relaxed in (0.0, 0.5, 0.9):
        allowed = bound + relaxed * max(0.0, most - bound)
        found = nearest_within(root.T @ free, forms, allowed, offset=gaps, floor=floor)
        if found is not None:
            return solve_triangular(root, found, lower=True, trans="T")
    return np.zeros_like(free)


def _multipliers(
    residual: np.ndarray,
    slopes: np.ndarray,
    gaps: np.ndarray,
    step: np.ndarray,
    bound: float,
) -> np.ndarray:
    """Signed prices of the bounds that bind after the step, by least squares."""
    found = np.zeros(len(gaps))
    binding = np.abs(gaps + slopes @ step) >= bound - 1e-8
    if binding.any():
        found[binding] = lstsq(slopes[binding].T, -residual, cond=1e-10)[0]
    return found


def _shortened(
    problem: PoissonProblem,
    pairs: np.ndarray,
    theta: np.ndarray,
    step: np.ndarray,
    merit: float,
    fall: float,
    price: float,
    bound: float,
) -> np.ndarray:
    """Move along the step, or part of it, so that objective and violation pay."""
    length, rounding = 1.0, 1e-13 * (1 + abs(merit))
    while length > 1e-10:
        moved = theta + length * step
        value, mu = problem.loss(moved)
        if np.isfinite(value):
            means = problem.log_means(mu)
            over = max(0.0, float(np.ptp(means)) - bound)
            if value + price * over <= merit + _SUFFICIENT * length * fall + rounding:
                return moved
        length /= 2
    return theta
