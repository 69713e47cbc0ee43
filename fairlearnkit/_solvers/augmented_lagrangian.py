"""Smooth minimisation where rates of groups must stay in a window, rate by rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

__all__ = ["Found", "Windows", "minimize_smooth", "minimize_within"]

_LARGEST_PENALTY = 1e8

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
Pull = Callable[[np.ndarray], np.ndarray]
Oracle = Callable[[np.ndarray], tuple[float, np.ndarray, Pull]]


@dataclass(frozen=True, eq=False)
class Windows:
    """Each rate's values lie between ``share * end - slack`` and its free ``end``.

    So they differ by at most `slack` where `share` is 1, and by at most a factor of
    `share` where `slack` is 0.

    Parameters
    ----------
    rate : ndarray of shape (n_rows,)
        Rate of each row, from 0 to n_rates - 1.
    n_rates : int
    share, slack : float
    """

    rate: np.ndarray
    n_rates: int
    share: float
    slack: float

    def ends(self, values: np.ndarray) -> np.ndarray:
        """The largest value of each rate."""
        ends = np.full(self.n_rates, -np.inf)
        np.maximum.at(ends, self.rate, values)
        return np.where(np.isfinite(ends), ends, 0.0)

    def excess(self, values: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Values above the end, and below the start, of shape (2, n_rows)."""
        end = ends[self.rate]
        return np.stack([values - end, self.share * end - self.slack - values])

    def slope(self, push: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivative of ``(push * excess).sum()`` in the values and in the ends."""
        of_row = self.share * push[1] - push[0]
        of_end = np.bincount(self.rate, weights=of_row, minlength=self.n_rates)
        return push[0] - push[1], of_end


@dataclass(frozen=True, eq=False)
class Found:
    """What a minimisation found.

    Parameters
    ----------
    x : ndarray
    push : ndarray of shape (2, n_rows)
        Multipliers of the two ends of the windows.
    n_iter : int
    residual : float
        Largest entry of the Lagrangian's slope.
    excess : float
        How far the worst value is outside of its window.
    """

    x: np.ndarray
    push: np.ndarray
    n_iter: int
    residual: float
    excess: float


def minimize_smooth(
    value: Objective,
    start: np.ndarray,
    *,
    tol: float,
    max_iter: int,
    l1: np.ndarray | None = None,
) -> tuple[np.ndarray, int, float]:
    """Minimise ``value(x) + l1 @ abs(x)`` by L-BFGS; the point, iterations, residual.

    Parameters
    ----------
    value : callable
        Returns the value and the slope.
    start : ndarray of shape (n,)
    tol : float
        Largest entry of the (projected) slope at which to stop.
    max_iter : int
    l1 : ndarray of shape (n,), default=None
        Where positive, the coordinate is split into its positive and negative parts,
        which are bounded by zero.
    """
    split = np.flatnonzero(l1) if l1 is not None else np.empty(0, int)
    x, n_iter = start, 0
    while True:  # a fresh start helps where the memory of the last one misled
        x, spent, residual = _descend(value, x, tol, max_iter - n_iter, split, l1)
        n_iter += spent
        if residual <= tol or spent < 2 or n_iter >= max_iter:
            return x, n_iter, residual


def _descend(
    value: Objective,
    start: np.ndarray,
    tol: float,
    max_iter: int,
    split: np.ndarray,
    l1: np.ndarray | None,
) -> tuple[np.ndarray, int, float]:
    """One run of L-BFGS."""
    size, bounds = len(start), None

    def joined(z: np.ndarray) -> np.ndarray:
        x = z[:size].copy()
        x[split] -= z[size:]
        return x

    def parts(z: np.ndarray) -> tuple[float, np.ndarray]:
        found, slope = value(joined(z))
        if l1 is None:
            return found, slope
        cost: np.ndarray = l1[split]
        found += cost @ (z[split] + z[size:])
        slope = np.append(slope, cost - slope[split])
        slope[split] += cost
        return found, slope

    z = np.append(start, np.maximum(-start[split], 0))
    z[split] = np.maximum(start[split], 0)
    low = np.full(len(z), -np.inf)
    if l1 is not None:
        low[split] = low[size:] = 0
        bounds = list(zip(low, np.full(len(z), np.inf), strict=True))
    options = {
        "maxiter": max_iter,
        "maxfun": 4 * max_iter + 20,
        "maxcor": 20,
        "gtol": tol,
        "ftol": 0,
    }
    done = minimize(
        parts, z, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    slope = np.where(done.x <= low, np.minimum(done.jac, 0), done.jac)
    return joined(done.x), int(done.nit), float(np.abs(slope).max())


def minimize_within(
    oracle: Oracle,
    start: np.ndarray,
    windows: Windows,
    *,
    tol: float,
    feasibility: float,
    max_iter: int,
    l1: np.ndarray | None = None,
    push: np.ndarray | None = None,
    penalty: float = 10.0,
) -> Found:
    """Minimise under windows by the augmented Lagrangian.

    Parameters
    ----------
    oracle : callable
        Maps x to the objective, to the values of the rows, and to a function that maps
        multipliers of the rows to the slope of the Lagrangian.
    start : ndarray
    windows : Windows
    tol, feasibility : float
        Largest residual and excess at which to stop.
    max_iter : int
        Most iterations of L-BFGS, in all.
    l1 : ndarray, default=None
        As in `minimize_smooth`.
    push : ndarray of shape (2, n_rows), default=None
        Multipliers to start from.
    penalty : float, default=10.0
        Curvature of a violation at the start.
    """
    size, n_iter, last, inner = len(start), 0, np.inf, max(tol, 1e-3)
    held: np.ndarray = np.zeros((2, len(windows.rate))) if push is None else push
    x = np.append(start, windows.ends(oracle(start)[1]))
    l1 = None if l1 is None else np.append(l1, np.zeros(windows.n_rates))

    def pushed(x: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.maximum(held + penalty * windows.excess(values, x[size:]), 0)

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        objective, values, pull = oracle(x[:size])
        now = pushed(x, values)
        of_values, of_ends = windows.slope(now)
        return objective + (now**2).sum() / (2 * penalty), np.append(
            pull(of_values), of_ends
        )

    while True:
        left = max(1, max_iter - n_iter)
        x, spent, residual = minimize_smooth(value, x, tol=inner, max_iter=left, l1=l1)
        n_iter += max(1, spent)
        values = oracle(x[:size])[1]
        held = pushed(x, values)
        excess = float(np.maximum(windows.excess(values, x[size:]), 0).max(initial=0))
        done = excess <= feasibility and inner <= tol
        if done or n_iter >= max_iter:
            return Found(x[:size], held, n_iter, residual, excess)
        if excess > 0.25 * last and excess > feasibility:
            if penalty >= _LARGEST_PENALTY:
                return Found(x[:size], held, n_iter, residual, excess)
            penalty *= 4
        last, inner = excess, max(tol, 0.1 * inner)
