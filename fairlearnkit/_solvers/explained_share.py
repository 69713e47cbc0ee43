"""Least squares when part of the fit, as a quadratic form, may be only so large.

Everything is in the coordinates of
:class:`~fairlearnkit._solvers.whitened_regression.WhitenedRegression`: the loss of a is
the squared distance from `target`, the variance of the fit ``sum(gain * a ** 2)``, and
the variance that the sensitive features explain ``sum((spread @ a) ** 2)``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from fairlearnkit._solvers.least_distance import project_out

__all__ = ["bound_share", "bound_spread", "explained_share", "ridge_to_bound"]

_ROUNDING = 1e-12
_CORRELATION = 1e-10  # with the sensitive features: less is a rounding error
_EXACT = {"xtol": 1e-300, "rtol": 4 * np.finfo(float).eps, "maxiter": 500}


def explained_share(a: np.ndarray, gain: np.ndarray, spread: np.ndarray) -> float:
    """Share of the variance of the fit that the sensitive features explain."""
    whole = float(gain @ a**2)
    return float(np.sum((spread @ a) ** 2)) / whole if whole > 0 else 0.0


def bound_share(
    target: np.ndarray, gain: np.ndarray, spread: np.ndarray, share: float
) -> np.ndarray:
    """Nearest point to `target` whose explained share is at most `share`.

    The set is a cone and not convex. But with one quadratic constraint the Lagrangian
    has no duality gap, so the root in its multiplier is the global optimum.

    Parameters
    ----------
    target, gain : ndarray of shape (rank,)
    spread : ndarray of shape (n_sensitive, rank)
    share : float in [0, 1]

    Returns
    -------
    a : ndarray of shape (rank,)
    """
    if explained_share(target, gain, spread) <= share * (1 + _ROUNDING):
        return target
    if share == 0:
        return project_out(target, spread, _CORRELATION)
    form = spread.T @ spread - np.diag(share * gain)
    values, vectors = np.linalg.eigh(form)
    parts = vectors.T @ target
    # A direction without signal could dilute the share at no loss, by pure noise of
    # either sign: it stays unused.
    heard = np.abs(parts) > _ROUNDING * np.linalg.norm(parts)
    values, vectors, parts = values[heard], vectors[:, heard], parts[heard]
    lowest = values.min(initial=0.0)
    if lowest >= 0:
        return np.zeros_like(target)
    ratio = values / lowest  # 1 at the lowest, negative where the form is positive

    def shrunk(remaining: float) -> np.ndarray:
        return parts / (1 - ratio + remaining * ratio)

    def excess(remaining: float) -> float:
        return float(values @ shrunk(remaining) ** 2)

    negative = -lowest * parts[values.argmin()] ** 2
    positive = np.maximum(values, 0) @ parts**2
    low = 0.5 * min(1.0, np.sqrt(negative / positive))  # the excess is negative here
    return vectors @ shrunk(brentq(excess, low, 1.0, **_EXACT))


def bound_spread(target: np.ndarray, spread: np.ndarray, bound: float) -> np.ndarray:
    """Nearest point to `target` with ``sum((spread @ a) ** 2)`` at most `bound`."""
    if np.sum((spread @ target) ** 2) <= bound * (1 + _ROUNDING):
        return target
    if bound == 0:
        return project_out(target, spread, _CORRELATION)
    values, vectors = np.linalg.eigh(spread.T @ spread)
    values = np.maximum(values, 0)
    parts = vectors.T @ target

    def excess(multiplier: float) -> float:
        shrunk = parts / (1 + multiplier * values)
        return float(values @ shrunk**2) - bound

    multiplier = _root(excess)
    return vectors @ (parts / (1 + multiplier * values))


def ridge_to_bound(target: np.ndarray, sizes: np.ndarray, bound: float) -> np.ndarray:
    """Shrink the fit on the sensitive features by a ridge until it is small enough.

    Parameters
    ----------
    target : ndarray of shape (n_sensitive,)
        The plain fit in the left singular vectors of the sensitive features.
    sizes : ndarray of shape (n_sensitive,)
        Their singular values.
    bound : float
        On the sum of squares of the result.
    """
    if target @ target <= bound * (1 + _ROUNDING):
        return target
    if bound == 0:
        return np.zeros_like(target)

    def shrunk(penalty: float) -> np.ndarray:
        return target * sizes**2 / (sizes**2 + penalty)

    return shrunk(_root(lambda penalty: float(np.sum(shrunk(penalty) ** 2)) - bound))


def _root(excess: Callable[[float], float]) -> float:
    """Where a decreasing function of [0, inf) crosses zero."""
    high = 1.0
    while excess(high) > 0:
        high *= 4
    return float(brentq(excess, 0.0, high, **_EXACT))
