"""Mean scores of groups as linear functionals of the coefficients, and their gaps.

A rate that is linear in the predictions, with the score in the place of the prediction,
is a mean score over those whom the rate counts: linear in the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

from fairlearnkit._solvers.linear_design import LinearDesign

__all__ = ["ScoreGaps", "make_gaps"]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class ScoreGaps:
    """Mean scores that must lie close to each other, rate by rate.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_coefficients)
        ``rows @ theta`` are the mean scores.
    rate : ndarray of shape (n_rows,)
        Rate of each row, ascending.
    group : ndarray of shape (n_rows,)
        Group of each row.
    shape : tuple (n_rates, n_groups)
    """

    rows: np.ndarray
    rate: np.ndarray
    group: np.ndarray
    shape: tuple[int, int]

    def gap(self, values: np.ndarray) -> float:
        """Largest max - min of any rate, of values of the rows."""
        if not len(values):
            return 0.0
        starts = np.flatnonzero(np.diff(self.rate, prepend=-1))
        high = np.maximum.reduceat(values, starts)
        low = np.minimum.reduceat(values, starts)
        return float((high - low).max())

    def by_group(self, values: np.ndarray, fill: float) -> np.ndarray:
        """Values of the rows as a table of shape (n_rates, n_groups)."""
        table = np.full(self.shape, fill)
        table[self.rate, self.group] = values
        return table

    @cached_property
    def differences(self) -> np.ndarray:
        """Rows less the mean row of their rate."""
        count = np.bincount(self.rate, minlength=self.shape[0])
        mean = np.zeros((self.shape[0], self.rows.shape[1]))
        np.add.at(mean, self.rate, self.rows)
        return self.rows - (mean / np.maximum(count, 1)[:, None])[self.rate]

    @cached_property
    def basis(self) -> np.ndarray:
        """Orthonormal basis of what closes a gap, of shape (n_coefficients, rank)."""
        if not len(self.rows):
            return np.zeros((self.rows.shape[1], 0))
        _, size, right = np.linalg.svd(self.differences, full_matrices=False)
        return right[size > _ROUNDING * max(1.0, size[0])].T

    def project(self, theta: np.ndarray) -> np.ndarray:
        """The nearest coefficients without a gap."""
        return theta - self.basis @ (self.basis.T @ theta)

    def shrink(self, theta: np.ndarray, bound: float) -> np.ndarray:
        """Coefficients whose gap is at most `bound`, by shrinking what makes it."""
        gap = self.gap(self.rows @ theta)
        if gap <= bound:
            return theta
        flat = self.project(theta)
        return flat + (theta - flat) * (bound / gap)

    def prices_of(self, pressure: np.ndarray) -> np.ndarray:
        """Multipliers of the rows, summing to 0 in each rate, that make `pressure`."""
        if not len(self.rows):
            return np.zeros(0)
        return np.linalg.lstsq(self.differences.T, pressure, rcond=_ROUNDING)[0]

    def best_step(
        self, hessian: np.ndarray, slope: np.ndarray, theta: np.ndarray, bound: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Minimise ``slope @ s + s' hessian s / 2`` where theta + s keeps the bound.

        Returns
        -------
        step : ndarray of shape (n_coefficients,)
        prices : ndarray of shape (n_rows,)
            Multipliers: ``hessian @ s + slope + rows.T @ prices == 0``.
        """
        factor = _factorize(hessian)
        free = -cho_solve(factor, slope)
        if self.gap(self.rows @ (theta + free)) <= bound:
            return free, np.zeros(len(self.rows))
        if bound <= 0:
            return self._level_step(factor, hessian, slope, theta, free)
        response = cho_solve(factor, self.differences.T)
        prices = self._prices(self.differences @ response, theta + free, bound)
        return free - response @ prices, prices

    def _level_step(self, factor, hessian, slope, theta, free):
        response = cho_solve(factor, self.basis)
        off = self.basis.T @ (theta + free)
        step = free - response @ np.linalg.solve(self.basis.T @ response, off)
        return step, self.prices_of(-(hessian @ step + slope))

    def _prices(self, gram: np.ndarray, target: np.ndarray, bound: float) -> np.ndarray:
        """Multipliers by the dual, over pairs of groups that turn out to matter."""
        values = self.rows @ target
        prices = np.zeros(len(values))
        pairs: list[tuple[int, int]] = []
        while True:
            now = values - gram @ prices
            new = [p for p in self._wide_pairs(now, bound) if p not in pairs]
            if not new:
                return prices
            pairs += new
            high, low = np.array(pairs).T
            choose = np.zeros((len(values), len(pairs)))
            choose[high, np.arange(len(pairs))] = 1
            choose[low, np.arange(len(pairs))] -= 1
            excess = values[high] - values[low] - bound
            prices = choose @ _nonnegative(choose.T @ gram @ choose, excess)

    def _wide_pairs(self, values: np.ndarray, bound: float) -> list[tuple[int, int]]:
        """The widest pair of rows of each rate that exceeds the bound."""
        found = []
        for rate in np.unique(self.rate):
            own = np.flatnonzero(self.rate == rate)
            high, low = own[values[own].argmax()], own[values[own].argmin()]
            if values[high] - values[low] > bound * (1 + _ROUNDING):
                found.append((int(high), int(low)))
        return found


def make_gaps(
    design: LinearDesign, cells: np.ndarray, coefficients: np.ndarray, n_scores: int
) -> ScoreGaps:
    """Put scores in the place of predictions in the rates of groups.

    Parameters
    ----------
    design : LinearDesign
    cells : ndarray of shape (n_samples,)
        Group and label of each row: group times n_classes plus label.
    coefficients : ndarray of shape (n_rates, n_groups, n_classes, n_classes)
        As from :meth:`Constraint.coefficients`, of weights that sum to 1. NaN for a
        group in which a rate is undefined.
    n_scores : int
        1 for the score of the second class of two, else the number of classes.
    """
    n_rates, n_groups, n_classes, _ = coefficients.shape
    sums = design.cell_sums(cells, n_groups * n_classes)
    sums = sums.reshape(n_groups, n_classes, -1)
    rate, group = np.nonzero(~np.isnan(coefficients).any(axis=(2, 3)))
    counted = coefficients[rate, group]
    if n_scores == 1:
        counted = counted[..., 1:] - counted[..., :1]
    else:  # a number added to every score changes no prediction
        counted = counted - counted.mean(axis=-1, keepdims=True)
    rows = np.einsum("ryh,ryp->rhp", counted, sums[group])
    return ScoreGaps(rows.reshape(len(rate), -1), rate, group, (n_rates, n_groups))


def _factorize(hessian: np.ndarray):
    """Cholesky's factor; what is singular gets a ridge, which only shortens steps."""
    ridge, size = 0.0, np.trace(hessian) / len(hessian)
    while True:
        try:
            return cho_factor(hessian + ridge * np.eye(len(hessian)), lower=True)
        except np.linalg.LinAlgError:
            ridge = max(10 * ridge, 1e-12 * size, 1e-300)


def _nonnegative(gram: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """The m >= 0 that minimises ``m' gram m / 2 - excess @ m``.

    It is the dual of a least-distance program, which Lawson and Hanson solve by
    non-negative least squares; the equations of those that are positive, solved once
    more, give it to the last digits.
    """
    unit, scale = gram.diagonal().max(), np.abs(excess).max()
    size, axes = np.linalg.eigh(gram / unit)
    kept = size > 1e-13
    root = np.sqrt(size[kept])[:, None] * axes[:, kept].T
    target = np.append(np.zeros(len(root)), 1.0)
    found, _ = nnls(np.vstack([root, excess / scale]), target)
    found *= scale / unit / (1 - excess @ found / scale)
    active = found > 0
    part = gram[np.ix_(active, active)]
    exact = np.linalg.lstsq(part, excess[active], rcond=1e-13)[0]
    if (exact >= 0).all():
        found[active] = exact
    return found
