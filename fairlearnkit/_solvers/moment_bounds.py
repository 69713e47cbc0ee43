"""Linear bounds on moments: what a mixture of predictors is asked to satisfy.

A moment is linear in the mixture: a group's rate, or its mean loss. Each row asks

    matrix @ moments + ends @ e - soft * excess <= bound

with free numbers e, the ends of a window or a common ceiling, that cost `end_cost`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from fairlearnkit._solvers.demands import Demand


@dataclass(frozen=True, eq=False)
class MomentBounds:
    """Rows of bounds on moments.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_moments)
    ends : ndarray of shape (n_rows, n_ends)
    bound : ndarray of shape (n_rows,)
    soft : ndarray of shape (n_rows,)
        1 where an excess beyond the bound may be bought, else 0.
    end_cost : ndarray of shape (n_ends,)
        What one unit of each end adds to the objective.
    start : ndarray of shape (n_rows,)
        Prices of the rows at which the bounds cost nothing.
    """

    matrix: np.ndarray
    ends: np.ndarray
    bound: np.ndarray
    soft: np.ndarray
    end_cost: np.ndarray
    start: np.ndarray

    def allow(self, prices: np.ndarray) -> bool:
        """Whether prices of the rows give a lower bound of the objective."""
        balance = self.ends.T @ prices + self.end_cost
        return bool((np.abs(balance) <= 1e-7 * (1 + np.abs(prices).max())).all())


def stacked(parts: Sequence[MomentBounds]) -> MomentBounds:
    """Put bounds on moments of their own one below the other."""
    return MomentBounds(
        block_diag(*[p.matrix for p in parts]),
        block_diag(*[p.ends for p in parts]),
        *(
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("bound", "soft", "end_cost", "start")
        ),
    )


def ceiling(limits: np.ndarray) -> MomentBounds:
    """Every moment at most its limit."""
    n = len(limits)
    nothing = np.zeros(n)
    return MomentBounds(
        np.eye(n), np.empty((n, 0)), limits, np.ones(n), np.empty(0), nothing
    )


def unbounded(n_moments: int) -> MomentBounds:
    """Moments that nothing is asked of."""
    empty = np.empty(0)
    nothing = np.empty((0, n_moments)), np.empty((0, 0))
    return MomentBounds(*nothing, empty, empty, empty, empty)


def common_ceiling(shares: np.ndarray) -> MomentBounds:
    """A ceiling over all moments, which is the objective.

    Parameters
    ----------
    shares : ndarray of shape (n_moments,)
        Prices to start from; they add up to 1.
    """
    n = len(shares)
    nothing = np.zeros(n)
    return MomentBounds(
        np.eye(n), -np.ones((n, 1)), nothing, nothing, np.ones(1), shares
    )


def parity(demand: Demand, tolerance: float) -> MomentBounds:
    """Rates of one demand within its tolerance; a moment for each cell with people."""
    share = demand.share[demand.share > 0]
    bound = demand.bound[demand.share > 0]
    own = np.eye(len(share))[bound]
    n = len(own)
    ratio = demand.compare == "ratio"
    kept, slack = (1 - tolerance, 0.0) if ratio else (1.0, tolerance)
    if demand.overall:
        matrix = np.concatenate([kept * own - share, kept * share - own])
        ends, bounds, soft = np.empty((2 * n, 0)), np.full(2 * n, slack), np.ones(2 * n)
    else:
        matrix = np.concatenate([own, -own])
        ends = np.repeat([-1.0, kept], n)[:, None]
        bounds, soft = np.repeat([slack, 0.0], n), np.repeat([1.0, 0.0], n)
    end_cost = np.zeros(ends.shape[1])
    return MomentBounds(matrix, ends, bounds, soft, end_cost, np.zeros(2 * n))
