"""The best change of a model's decisions, by group: a linear program over few tables.

Known are counts of (group, true label, predicted label). Sought is, for each group, a
table of P(decide d | predicted h). Every linear rate and every utility is linear in
these tables, for any number of classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

__all__ = ["FlipProblem", "FlipSolution"]

_SCALE = 1e6  # of the objective, well above the solver's absolute accuracy
_KEEP = 1e-7  # preference for the model's own decision, in units of a person's utility


@dataclass(frozen=True, eq=False)
class FlipSolution:
    """Tables of P(decide d | predicted h) by group, and what they reach.

    Parameters
    ----------
    tables : ndarray of shape (n_groups, n_classes, n_classes)
        Each row, of a predicted label, sums to 1.
    value : float
    rates : ndarray of shape (n_rates, n_groups)
        NaN where a rate is undefined.
    randomized : float
        Share of people whose decision is drawn.
    """

    tables: np.ndarray
    value: float
    rates: np.ndarray
    randomized: float


@dataclass(frozen=True, eq=False)
class FlipProblem:
    """Choose decisions given predicted labels, of the highest value, with close rates.

    Parameters
    ----------
    counts : ndarray of shape (n_groups, n_classes, n_classes)
        Weight of each (group, true label, predicted label).
    gain : ndarray of shape (n_classes, n_classes)
        Value per unit of weight of each (true label, decision).
    coefficients : ndarray of shape (n_rates, n_groups, n_classes, n_classes)
        As from :meth:`Constraint.coefficients`; rates that are NaN are left out.
    compare : {"difference", "ratio"}
    utility : ndarray of shape (n_classes, n_classes), default=None
        If given, no group's mean utility may fall below that of the predictions.
    """

    counts: np.ndarray
    gain: np.ndarray
    coefficients: np.ndarray
    compare: str
    utility: np.ndarray | None = None

    def solve(
        self, tolerance: float, *, deterministic: bool = False
    ) -> FlipSolution | None:
        """Find the optimal tables; None if there are none within the tolerance.

        Of tables that are equally good, those that change the fewest decisions.
        """
        found = self._minimise(self._costs, self._rows(tolerance), deterministic)
        return None if found is None else self._solution(found)

    def smallest_violation(self, *, deterministic: bool = False) -> float:
        """Least violation that any tables reach; to 1e-6 in the ratio form."""
        if self.compare == "ratio" or not self._defined.any():
            return self._bisect(deterministic)
        rows, bound = self._rows(0.0)
        excess = np.zeros((len(bound), 1))
        excess[: np.count_nonzero(self._defined)] = -1
        cost = np.zeros(rows.shape[1] + 1)
        cost[-1] = 1
        wide = sparse.hstack([rows, excess], format="csr"), bound
        found = self._minimise(cost, wide, deterministic)
        assert found is not None  # the rates of the predictions differ by something
        return float(max(found[-1], 0.0))

    @property
    def _n_cells(self) -> int:
        return self.counts.size

    @cached_property
    def _order(self) -> np.ndarray:
        """Groups by their counts: names must not decide between several optima."""
        return np.lexsort(self.counts.reshape(len(self.counts), -1).T)

    @cached_property
    def _sorted_counts(self) -> np.ndarray:
        return self.counts[self._order]

    @cached_property
    def _sorted_rates(self) -> np.ndarray:
        """Contribution of each (predicted, decided) cell to (rate, group)."""
        by_group = self.coefficients[:, self._order]
        return np.einsum("jgyd,gyh->jghd", by_group, self._sorted_counts)

    @cached_property
    def _defined(self) -> np.ndarray:
        return ~np.isnan(self._sorted_rates).any(axis=(2, 3))

    @cached_property
    def _costs(self) -> np.ndarray:
        value = np.einsum("yd,gyh->ghd", self.gain, self._sorted_counts)
        people = self._sorted_counts.sum(axis=1)
        own = _KEEP * people / people.sum() * np.ptp(self.gain) * self.counts.sum()
        value += own[..., None] * np.eye(self.counts.shape[1])
        ends = np.zeros(len(self.coefficients))
        return np.concatenate([-_SCALE * value.ravel(), ends])

    def _rows(self, tolerance: float) -> tuple[sparse.csr_array, np.ndarray]:
        """Rows "rate <= end + slack", then "start <= rate", then no group's loss.

        One free variable per rate is the lower end of its window (difference form) or
        the upper end (ratio form).
        """
        n_rates, n_groups = self._defined.shape
        rate, group = np.nonzero(self._defined)
        left = self._by_group(self._sorted_rates[rate, group], group)
        end = sparse.csr_array(
            (np.ones(len(rate)), (np.arange(len(rate)), rate)),
            shape=(len(rate), n_rates),
        )
        ratio = self.compare == "ratio"
        share, slack = (1 - tolerance, 0.0) if ratio else (1.0, tolerance)
        blocks = [[left, -end], [-left, share * end]]
        bounds = [np.full(len(rate), slack), np.zeros(len(rate))]
        if self.utility is not None:
            people = self._sorted_counts.sum(axis=(1, 2))
            worth = np.einsum("yd,gyh->ghd", self.utility, self._sorted_counts)
            worth = worth / people[:, None, None]
            plain = np.einsum("ghh->g", worth)
            none = sparse.csr_array((n_groups, n_rates))
            blocks.append([-self._by_group(worth, np.arange(n_groups)), none])
            bounds.append(-plain)
        return sparse.block_array(blocks, format="csr"), np.concatenate(bounds)

    def _by_group(self, cells: np.ndarray, group: np.ndarray) -> sparse.csr_array:
        """Rows with one group's cells each, in the columns of that group."""
        n_rows, size = len(cells), self._n_cells // len(self.counts)
        column = group[:, None] * size + np.arange(size)
        row = np.repeat(np.arange(n_rows), size)
        shape = (n_rows, self._n_cells)
        return sparse.csr_array((cells.ravel(), (row, column.ravel())), shape=shape)

    def _minimise(
        self,
        cost: np.ndarray,
        limits: tuple[sparse.csr_array, np.ndarray],
        deterministic: bool,
    ) -> np.ndarray | None:
        rows, bound = limits
        n_variables, n_classes = len(cost), self.counts.shape[1]
        is_cell = np.arange(n_variables) < self._n_cells
        sums = sparse.kron(
            sparse.eye_array(self._n_cells // n_classes), np.ones((1, n_classes))
        )
        rest = sparse.csr_array((sums.shape[0], n_variables - self._n_cells))
        free = -np.inf if self.compare == "difference" else 0.0
        found = milp(
            cost,
            constraints=[
                LinearConstraint(rows, -np.inf, bound),
                LinearConstraint(sparse.hstack([sums, rest], format="csr"), 1, 1),
            ],
            integrality=is_cell & deterministic,
            bounds=Bounds(np.where(is_cell, 0.0, free), np.where(is_cell, 1.0, np.inf)),
            options={"mip_rel_gap": 0} if deterministic else None,
        )
        return found.x

    def _solution(self, found: np.ndarray) -> FlipSolution:
        shape = self.counts.shape
        tables = np.clip(found[: self._n_cells].reshape(shape), 0, 1)
        tables[tables < 1e-9] = 0.0
        people = self._sorted_counts.sum(axis=1)
        tables[people == 0] = np.broadcast_to(np.eye(shape[1]), shape)[people == 0]
        tables /= tables.sum(axis=2, keepdims=True)
        value = np.einsum("yd,gyh,ghd->", self.gain, self._sorted_counts, tables)
        rates = np.einsum("jghd,ghd->jg", self._sorted_rates, tables)
        drawn = people[tables.max(axis=2) < 1].sum() / people.sum()
        back = np.argsort(self._order)
        return FlipSolution(tables[back], float(value), rates[:, back], float(drawn))

    def _bisect(self, deterministic: bool) -> float:
        def reached(tolerance: float) -> bool:
            nothing = np.zeros(len(self._costs))
            rows = self._rows(tolerance)
            return self._minimise(nothing, rows, deterministic) is not None

        if reached(0.0):
            return 0.0
        low, high = 0.0, 1.0
        while high - low > 1e-6:
            middle = (low + high) / 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return high
