"""Linear models whose rates must be close between groups, by way of smooth rates.

A rate of decisions is a step function of the coefficients. With probabilities at a low
temperature in the place of decisions it is smooth, and near the step; what is kept in
the end is judged by the decisions themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, softmax

from fairlearnkit._solvers.augmented_lagrangian import (
    Oracle,
    Pull,
    Windows,
    minimize_within,
)
from fairlearnkit._solvers.fair_linear import LinearFit, LinearProblem

__all__ = ["SmoothedRates", "close_rates"]

_TEMPERATURES = (1.0, 0.5, 0.2, 0.1, 0.05)  # of scores that are log odds
_MOST_CORRECTIONS = 8
_STAGE = 300  # iterations: the next temperature moves the optimum anyway
_FEASIBILITY = 1e-4  # of a smooth rate: the decisions are checked afterwards
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class SmoothedRates:
    """Rates of groups with probabilities in the place of decisions.

    Parameters
    ----------
    cells : ndarray of shape (n_samples,)
        Group and label of each row: group times n_classes plus label.
    coefficients : ndarray of shape (n_rates, n_groups, n_classes, n_classes)
        As from :meth:`Constraint.coefficients`, of weights that sum to 1.
    weight : ndarray of shape (n_samples,)
        They sum to 1.
    temperature : float
        Scores are divided by it.
    """

    cells: np.ndarray
    coefficients: np.ndarray
    weight: np.ndarray
    temperature: float

    @property
    def defined(self) -> tuple[np.ndarray, ...]:
        """Rates and groups of the rows."""
        return np.nonzero(~np.isnan(self.coefficients).any(axis=(2, 3)))

    def values(
        self, scores: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Values of the rows, and a map of their prices to the slope in the scores."""
        _, n_groups, n_classes, _ = self.coefficients.shape
        proba = self._probabilities(scores)
        table = np.stack(
            [
                np.bincount(
                    self.cells,
                    weights=self.weight * proba[:, h],
                    minlength=n_groups * n_classes,
                )
                for h in range(n_classes)
            ],
            axis=1,
        ).reshape(n_groups, n_classes, n_classes)
        rate, group = self.defined
        counted = self.coefficients[rate, group]

        def spread(prices: np.ndarray) -> np.ndarray:
            price = np.zeros((n_groups, n_classes, n_classes))
            np.add.at(price, group, prices[:, None, None] * counted)
            return self._slope(proba, price.reshape(-1, n_classes))

        return np.einsum("ryh,ryh->r", counted, table[group]), spread

    def _probabilities(self, scores: np.ndarray) -> np.ndarray:
        if scores.shape[1] > 1:
            return softmax(scores / self.temperature, axis=1)
        positive = expit(scores[:, 0] / self.temperature)
        return np.column_stack([1 - positive, positive])

    def _slope(self, proba: np.ndarray, price: np.ndarray) -> np.ndarray:
        scale = self.weight / self.temperature
        if proba.shape[1] == 2:
            gain = (price[:, 1] - price[:, 0])[self.cells]
            return (scale * gain * proba[:, 0] * proba[:, 1])[:, None]
        own = price[self.cells]
        mean = (proba * own).sum(axis=1, keepdims=True)
        return scale[:, None] * proba * (own - mean)


@dataclass(frozen=True, eq=False)
class _Candidate:
    fit: LinearFit
    violation: float

    def is_better(self, other: _Candidate, tolerance: float) -> bool:
        """Of less violation above the tolerance or, both within, of less loss."""
        mine, theirs = (
            max(c.violation - tolerance - _ROUNDING, 0) for c in (self, other)
        )
        if mine != theirs:
            return mine < theirs
        return self.fit.objective < other.fit.objective


def close_rates(
    problem: LinearProblem,
    rates: SmoothedRates,
    violation: Callable[[np.ndarray], float],
    *,
    compare: str,
    tolerance: float,
    plain: LinearFit,
    level: LinearFit,
    tol: float,
    max_iter: int,
) -> LinearFit:
    """Minimise the objective where the rates of decisions keep the tolerance.

    Parameters
    ----------
    problem : LinearProblem
    rates : SmoothedRates
    violation : callable
        Maps scores to the violation of the decisions.
    compare : {"difference", "ratio"}
    tolerance : float
    plain, level : LinearFit
        Solutions without a bound and without a gap of mean scores. The search starts
        between them.
    tol : float
        Largest entry of the Lagrangian's slope at which a temperature is done.
    max_iter : int
        Most iterations in all.

    Returns
    -------
    fit : LinearFit
        The one of least objective among those found that keep the tolerance, else of
        least violation. Its prices and its residual are those of the smooth rates at
        the last temperature; it counts as converged if the iterations sufficed.
    """
    best = _between(problem, violation, plain, level, tolerance)
    theta, push, n_iter, asked = best.fit.theta, None, 0, tolerance
    stages = [*_TEMPERATURES, *[_TEMPERATURES[-1]] * _MOST_CORRECTIONS]
    for stage, temperature in enumerate(stages):
        fit, push = _stage(
            problem,
            replace(rates, temperature=temperature),
            _windows(rates, compare, asked),
            theta,
            push,
            tol=tol,
            max_iter=min(_STAGE, max(1, max_iter - n_iter)),
        )
        theta, n_iter = fit.theta, n_iter + fit.n_iter
        now = _Candidate(fit, violation(problem.design.scores(theta)))
        best = now if now.is_better(best, tolerance) else best
        over = now.violation - tolerance
        last = stage >= len(_TEMPERATURES) - 1
        if n_iter >= max_iter or (last and (over <= _ROUNDING or asked <= 0)):
            break
        if last:  # ask for as much less as the decisions are off
            asked = max(0.0, asked - over)
    return replace(
        best.fit,
        prices=fit.prices,
        n_iter=n_iter,
        residual=fit.residual,
        converged=n_iter < max_iter,
    )


def _stage(problem, rates, windows, theta, push, *, tol, max_iter):
    """The fit at one temperature, and the multipliers to start the next one from."""
    found = minimize_within(
        _oracle(problem, rates),
        theta.ravel() / problem.stretch,
        windows,
        tol=tol,
        feasibility=_FEASIBILITY,
        max_iter=max_iter,
        l1=problem.costs * problem.stretch if problem.l1 else None,
        push=push,
    )
    theta = (found.x * problem.stretch).reshape(problem.shape)
    objective = problem.objective(theta, problem.design.scores(theta))
    prices, _ = windows.slope(found.push)
    converged = found.n_iter < max_iter
    fit = LinearFit(theta, objective, prices, found.n_iter, found.residual, converged)
    return fit, found.push


def _between(problem, violation, plain, level, tolerance) -> _Candidate:
    """The best mixture of the coefficients of two solutions, of a few."""
    found = []
    for share in np.linspace(0, 1, 11):
        theta = (1 - share) * plain.theta + share * level.theta
        scores = problem.design.scores(theta)
        fit = replace(level, theta=theta, objective=problem.objective(theta, scores))
        found.append(_Candidate(fit, violation(scores)))
    best = found[-1]
    for candidate in found[:-1]:
        best = candidate if candidate.is_better(best, tolerance) else best
    return best


def _windows(rates: SmoothedRates, compare: str, tolerance: float) -> Windows:
    ratio = compare == "ratio"
    share, slack = (1 - tolerance, 0.0) if ratio else (1.0, tolerance)
    return Windows(rates.defined[0], len(rates.coefficients), share, slack)


def _oracle(problem: LinearProblem, rates: SmoothedRates) -> Oracle:
    smooth = replace(problem, l1=0.0) if problem.l1 else problem

    def oracle(x: np.ndarray) -> tuple[float, np.ndarray, Pull]:
        theta = (x * problem.stretch).reshape(problem.shape)
        scores = problem.design.scores(theta)
        values, spread = rates.values(scores)

        def pull(prices: np.ndarray) -> np.ndarray:
            slope = problem.slope(theta, scores)
            return (slope + problem.design.pull(spread(prices)).ravel()) * (
                problem.stretch
            )

        return smooth.objective(theta, scores), values, pull

    return oracle
