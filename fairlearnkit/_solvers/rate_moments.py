"""From tables of counts to the moments of a reduction, and from prices to costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from fairlearnkit._solvers.demands import Demand
from fairlearnkit._solvers.moment_bounds import (
    MomentBounds,
    common_ceiling,
    parity,
    stacked,
    unbounded,
)

_TIE = 1e-4  # weight of everybody's cost where the worst group's decides


@dataclass(frozen=True, eq=False)
class RateMoments:
    """What a classifier's table says of its cost and of the rates that are demanded.

    The last moment is the share of wrong decisions, which nothing bounds.

    Parameters
    ----------
    cost : ndarray of shape (n_cells, n_classes, n_classes)
        Cost per unit of weight of each (cell, true label, decision).
    demands : sequence of Demand
    total : float
        Weight of everybody.
    members : ndarray of shape (n_cells,), default=None
        Group of each cell, if the cost of the worst group counts and not that of all.
    group_weight : ndarray of shape (n_groups,), default=None
        Weight of each group; needed with `members`.
    """

    cost: np.ndarray
    demands: Sequence[Demand]
    total: float
    members: np.ndarray | None = None
    group_weight: np.ndarray | None = None

    def of(self, tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Costs, and moments of shape (n_tables, n_moments).

        Parameters
        ----------
        tables : ndarray of shape (n_tables, n_cells, n_classes, n_classes)
        """
        flat = tables.reshape(len(tables), -1)
        return flat @ self._cost.ravel(), (self._functionals @ flat.T).T

    def costs(self, multipliers: np.ndarray) -> np.ndarray:
        """Cost per unit of weight of each decision at multipliers of the moments."""
        priced = self._functionals.T @ multipliers
        return self._cost + priced.reshape(self.cost.shape)

    def strength(self, multipliers: np.ndarray) -> float:
        """Largest priced difference between decisions, as a share of the largest cost.

        Beyond 1 some cell of people would get one decision, whatever their features.
        """
        priced = (self._functionals.T @ multipliers).reshape(self.cost.shape)
        return float(np.ptp(priced, axis=-1).max() / np.ptp(self._cost, axis=-1).max())

    def bounds(self, tolerances: Sequence[float]) -> MomentBounds:
        """Bounds on the moments, a tolerance for each constraint.

        Parameters
        ----------
        tolerances : sequence of float
        """
        parts = [parity(d, tolerances[d.source]) for d in self.demands]
        if self.members is not None:
            assert self.group_weight is not None
            parts.append(common_ceiling(self.group_weight / self.group_weight.sum()))
        return stacked([*parts, unbounded(1)])

    def violations(self, moments: np.ndarray, n_constraints: int) -> np.ndarray:
        """Violation of each constraint, of shape (n_tables, n_constraints).

        Parameters
        ----------
        moments : ndarray of shape (n_tables, n_moments)
        n_constraints : int
        """
        found = np.zeros((len(moments), n_constraints))
        ends = np.cumsum([(d.share > 0).sum() for d in self.demands], dtype=int)
        parts = np.split(moments, ends, axis=1)[: len(self.demands)]
        for demand, rates in zip(self.demands, parts, strict=True):
            own = found[:, demand.source]
            np.maximum(own, _violation(demand, rates), out=own)
        return found

    def single_costs(self, values: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """What each classifier costs on its own."""
        if self.members is None:
            return values
        assert self.group_weight is not None
        return values + moments[:, -1 - len(self.group_weight) : -1].max(axis=1)

    @property
    def _cost(self) -> np.ndarray:
        return self.cost if self.members is None else _TIE * self.cost

    @cached_property
    def _functionals(self) -> sparse.csr_array:
        """Each moment as a functional of the flat table."""
        rows = [
            sparse.csr_array(
                _placed(demand.coefficients[cell], int(cell), len(self.cost))
            )
            for demand in self.demands
            for cell in np.flatnonzero(demand.share > 0)
        ]
        if self.members is not None:
            assert self.group_weight is not None
            for group, weight in enumerate(self.group_weight):
                own = (self.members == group)[:, None, None]
                scaled = np.where(own, self.cost * self.total / weight, 0.0)
                rows.append(sparse.csr_array(scaled.reshape(1, -1)))
        wrong = 1 - np.eye(self.cost.shape[1])
        shares = np.broadcast_to(wrong / self.total, self.cost.shape)
        rows.append(sparse.csr_array(shares.reshape(1, -1)))
        return sparse.csr_array(sparse.vstack(rows))


def _placed(part: np.ndarray, cell: int, n_cells: int) -> sparse.coo_array:
    """A functional of one cell's table, as one of the flat table of all."""
    columns = cell * part.size + np.arange(part.size)
    at = np.zeros(part.size, dtype=int), columns
    return sparse.coo_array((part.ravel(), at), shape=(1, n_cells * part.size))


def _violation(demand: Demand, rates: np.ndarray) -> np.ndarray:
    present = demand.share > 0
    own = rates[:, demand.bound[present]]
    low, high = own.min(axis=1), own.max(axis=1)
    if not demand.overall:
        return _gap(low, high, demand.compare)
    middle = rates @ demand.share[present]
    below = _gap(np.minimum(low, middle), middle, demand.compare)
    return np.maximum(below, _gap(middle, np.maximum(high, middle), demand.compare))


def _gap(low: np.ndarray, high: np.ndarray, compare: str) -> np.ndarray:
    if compare == "difference":
        return high - low
    return np.where(high > 0, 1 - low / np.where(high > 0, high, 1), 0.0)
