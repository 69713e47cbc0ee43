"""Projection of class probabilities onto constraints on their means, by its dual.

The nearest probabilities, in Kullback-Leibler divergence, under linear constraints are
the given ones tilted exponentially. What is sought are a few multipliers, one for each
rate and group, which minimise a smooth convex function.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

__all__ = ["Projection", "ProjectionProblem", "tilt"]

_FLOOR = 1e-6  # probabilities below are raised to it: a zero could not be tilted


def tilt(proba: np.ndarray, membership: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Probabilities tilted by what each class costs in each group.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    membership : ndarray of shape (n_samples, n_groups)
        Probability of each group; zeros leave a row as it is.
    prices : ndarray of shape (n_groups, n_classes, n_classes)
        Of each (true label, answer).

    Returns
    -------
    tilted : ndarray of shape (n_samples, n_classes)
    """
    if not prices.any():
        return proba
    proba = _floored(proba)
    cost = _joint(proba, membership) @ prices.reshape(-1, prices.shape[-1])
    return np.exp(log_softmax(np.log(proba) - cost, axis=1))


@dataclass(frozen=True, eq=False)
class Projection:
    """The nearest probabilities: the multipliers and what they reach.

    Parameters
    ----------
    multipliers : ndarray of shape (n_rates, n_groups)
        Price of each rate in each group; 0 where it is undefined.
    prices : ndarray of shape (n_groups, n_classes, n_classes)
        For `tilt`.
    rates : ndarray of shape (n_rates, n_groups)
        Mean scores, with labels and groups as modelled. NaN where undefined.
    divergence : float
        Mean Kullback-Leibler divergence from the given probabilities, in nats.
    gap : float
        Primal less dual value: how far that may be above the smallest, to rounding.
    """

    multipliers: np.ndarray
    prices: np.ndarray
    rates: np.ndarray
    divergence: float
    gap: float


@dataclass(frozen=True, eq=False)
class ProjectionProblem:
    """Probabilities, and the rates of which the mean scores must be close.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    membership : ndarray of shape (n_samples, n_groups)
        Probability of each group, 0 or 1 where it is known.
    weight : ndarray of shape (n_samples,)
        They sum to 1.
    coefficients : ndarray of shape (n_rates, n_groups, n_classes, n_classes)
        As from :meth:`Constraint.coefficients`, of the modelled totals.
    compare : {"difference", "ratio"}
    """

    proba: np.ndarray
    membership: np.ndarray
    weight: np.ndarray
    coefficients: np.ndarray
    compare: str

    def solve(self, tolerance: float) -> Projection:
        """Find the multipliers.

        They are differences of two non-negative ones, of the row "rate <= end + slack"
        and of the row "start <= rate". The window's end is free, so that these sum to
        the same over groups, up to the ratio that is allowed.
        """
        ratio = self.compare == "ratio"
        share, slack = (1 - tolerance, 0.0) if ratio else (1.0, tolerance)
        rate, group = np.nonzero(self._defined)
        size = len(rate)
        scale = self._scale()[rate, group]

        def value(parts: np.ndarray) -> tuple[float, np.ndarray]:
            upper, lower = parts.reshape(2, size) * scale
            total, rates = self._dual(self._spread(upper - lower))
            own = rates[rate, group]
            slope = np.concatenate([slack - own, own]) * np.tile(scale, 2)
            return total + slack * upper.sum(), slope

        free = (np.arange(len(self.coefficients))[:, None] == rate) * scale
        balance = np.hstack([free, -share * free])
        found = minimize(
            value,
            np.zeros(2 * size),
            jac=True,
            method="SLSQP",
            bounds=[(0, None)] * (2 * size),
            constraints={
                "type": "eq",
                "fun": lambda parts: balance @ parts,
                "jac": lambda parts: balance,
            },
            options={"ftol": 1e-14, "maxiter": 500},
        )
        upper, lower = np.maximum(found.x, 0).reshape(2, size) * scale
        return self._projection(self._spread(upper - lower), slack * upper.sum())

    def unchanged(self) -> Projection:
        """The given probabilities themselves."""
        return self._projection(np.zeros(self._defined.shape), 0.0)

    @cached_property
    def _floor(self) -> np.ndarray:
        return _floored(self.proba)

    @cached_property
    def _log_floor(self) -> np.ndarray:
        return np.log(self._floor)

    @cached_property
    def _cells(self) -> np.ndarray:
        return _joint(self._floor, self.membership)

    @cached_property
    def _defined(self) -> np.ndarray:
        return ~np.isnan(self.coefficients).any(axis=(2, 3))

    @cached_property
    def _known(self) -> np.ndarray:
        return np.where(self._defined[..., None, None], self.coefficients, 0.0)

    def _scale(self) -> np.ndarray:
        """Inverse root of the curvature at 0, which is large for small groups."""
        _, n_groups, n_classes, _ = self._known.shape
        by_group = self._cells.reshape(-1, n_groups, n_classes)
        curvature = np.zeros(self._defined.shape)
        for j, g in zip(*np.nonzero(self._defined), strict=True):
            cost = by_group[:, g] @ self._known[j, g]
            mean = (self._floor * cost).sum(axis=1)
            spread = (self._floor * cost**2).sum(axis=1) - mean**2
            curvature[j, g] = self.weight @ spread
        return 1 / np.sqrt(np.maximum(curvature, 1e-12))

    def _spread(self, multipliers: np.ndarray) -> np.ndarray:
        table = np.zeros(self._defined.shape)
        table[self._defined] = multipliers
        return table

    def _prices(self, multipliers: np.ndarray) -> np.ndarray:
        return np.einsum("jg,jgyh->gyh", multipliers, self._known)

    def _dual(self, multipliers: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean log of the tilted sums, and the rates that its slope consists of."""
        prices = self._prices(multipliers)
        cost = self._cells @ prices.reshape(-1, prices.shape[-1])
        tilted = self._log_floor - cost
        top = tilted.max(axis=1, keepdims=True)
        answer = np.exp(tilted - top)
        total = answer.sum(axis=1, keepdims=True)
        value = float(self.weight @ (top + np.log(total))[:, 0])
        return value, self._rates(answer / total)

    def _rates(self, answer: np.ndarray) -> np.ndarray:
        table = self._cells.T @ (self.weight[:, None] * answer)
        return np.einsum(
            "jgyh,gyh->jg", self._known, table.reshape(self._known.shape[1:])
        )

    def _projection(self, multipliers: np.ndarray, slack: float) -> Projection:
        prices = self._prices(multipliers)
        answer = _floored(tilt(self.proba, self.membership, prices))
        ratio = np.log(answer) - self._log_floor
        divergence = float(self.weight @ (answer * ratio).sum(axis=1))
        dual = -self._dual(multipliers)[0] - slack
        rates = np.where(self._defined, self._rates(answer), np.nan)
        return Projection(multipliers, prices, rates, divergence, divergence - dual)


def _floored(proba: np.ndarray) -> np.ndarray:
    proba = np.maximum(proba, _FLOOR)
    return proba / proba.sum(axis=1, keepdims=True)


def _joint(proba: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Probability of each (group, label), n_groups * n_classes columns."""
    return (membership[:, :, None] * proba[:, None, :]).reshape(len(proba), -1)
