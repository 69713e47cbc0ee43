"""The best labels of a tree's leaves under rates that must be close between groups.

A leaf gives everyone in it the same decision, so the error and every linear rate are
sums over leaves: choosing labels is an integer program with one choice per leaf, a
knapsack if there are two groups and one rate. Leaves with equal counts are one variable
that says how many of them get each label, which keeps the program small for deep trees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from fairlearnkit._rates import Constraint

__all__ = ["LeafProblem", "LeafSolution", "probabilities_for"]

_SCALE = 1e6  # of the objective, well above the solver's absolute accuracy
# Of the rates, so that they are met to a tenth of the solver's tolerance of 1e-6.
_ROW_SCALE = 10.0
_KEEP = 1e-7  # preference for a leaf's present label, in units of a person's error
_ROUNDING = 1e-9
_LEAST = 1e-12  # change of a rate or an error that is more than rounding
_LIMIT, _INFEASIBLE = 1, 2  # codes of the solver
_ACCURACY = 1e-6  # of the least violation in ratio form


@dataclass(frozen=True, eq=False)
class LeafSolution:
    """Labels of leaves and what they reach.

    Parameters
    ----------
    chances : ndarray of shape (n_leaves, n_classes)
        Probability of each label; 0 or 1 unless the labels are randomised.
    error : float
        Share of people whose label is not their leaf's, in expectation.
    violation : float
    gap : float
        Error minus a lower bound of it; NaN where none is known.
    """

    chances: np.ndarray
    error: float
    violation: float
    gap: float


@dataclass(frozen=True, eq=False)
class LeafProblem:
    """Choose a label for each leaf, of least error, with close rates.

    Parameters
    ----------
    counts : ndarray of shape (n_leaves, n_groups, n_classes)
        Weight of each (leaf, group, true label).
    labels : ndarray of shape (n_leaves,), dtype int
        Present label of each leaf; it decides between labels that are equally good.
    constraint : Constraint
        It must be linear in the predictions.
    classes : sequence of n_classes labels
    """

    counts: np.ndarray
    labels: np.ndarray
    constraint: Constraint
    classes: list

    def solve(
        self, method: str, tolerance: float, *, node_limit: int | None = None
    ) -> LeafSolution:
        """Relabel, unless the present labels are within the tolerance.

        Where no labels are, those of nearly the least violation.

        Parameters
        ----------
        method : {"exact", "greedy", "randomized"}
        tolerance : float
        node_limit : int, default=None
            Of ``method="exact"``.
        """
        present = self.present()
        if self._meets(present, tolerance):
            return present
        if method == "greedy":
            return self.greedy(tolerance)
        found = self._best(method, tolerance, node_limit)
        if found is None:
            least = self.smallest_violation(randomized=method == "randomized")
            found = self._best(method, least + 2 * _ACCURACY, node_limit)
        assert found is not None  # the least violation is reached by some labels
        return found

    def present(self) -> LeafSolution:
        """What the present labels reach."""
        return self._solution(np.eye(len(self.classes))[self.labels])

    def exact(
        self, tolerance: float, *, node_limit: int | None = None
    ) -> LeafSolution | None:
        """Best labels, by branch and bound; None if no labels meet the tolerance.

        If `node_limit` nodes do not suffice: the best labels found, be it greedily, and
        how far they may be from the best.
        """
        found = self._by_program(tolerance, True, node_limit)
        if found.status == _INFEASIBLE:
            return None
        bound = found.mip_dual_bound / _SCALE
        known = [] if found.x is None else [self._read(found.x, True)]
        if found.status == _LIMIT:
            greedy = self.greedy(tolerance)
            known += [greedy] if not known or self._meets(greedy, tolerance) else []
        best = min(known, key=lambda solution: solution.error)
        gap = 0.0 if found.status == 0 else max(best.error - bound, 0.0)
        return replace(best, gap=gap)

    def randomized(self, tolerance: float) -> LeafSolution | None:
        """Best probabilities of labels, by the linear relaxation."""
        found = self._by_program(tolerance, False, None)
        return None if found.x is None else self._read(found.x, False)

    def greedy(self, tolerance: float) -> LeafSolution:
        """Relabel one leaf at a time, that of the most parity for the least error.

        It ends within the tolerance, or where no leaf is left that helps.
        """
        labels, every = self.labels.copy(), np.arange(len(self.labels))
        violation = self._violation(self._rates_of(labels))
        while violation > tolerance + _ROUNDING:
            own = self._leaf_rates[every, :, :, labels]
            moved = np.moveaxis(self._leaf_rates, 3, 1) - own[:, None]
            after = self.constraint.gap(self._rates_of(labels) + moved).max(axis=-1)
            less = violation - after  # (leaf, label)
            more = self._leaf_errors - self._leaf_errors[every, labels][:, None]
            worth = less / np.maximum(more, _LEAST)
            worth[less <= _LEAST] = 0
            leaf, label = divmod(int(worth.argmax()), len(self.classes))
            if worth[leaf, label] <= 0:
                break
            labels[leaf], violation = label, after[leaf, label]
        return self._solution(np.eye(len(self.classes))[labels])

    def smallest_violation(self, *, randomized: bool = False) -> float:
        """Least violation that any labels reach; to 1e-6 in the ratio form."""
        low, high = 0.0, self.present().violation
        nothing = np.zeros(self._n_variables)

        def reached(tolerance: float) -> bool:
            rows = self._windows(tolerance)
            return self._minimise(nothing, rows, not randomized, None).x is not None

        if reached(0.0):
            return 0.0
        while high - low > _ACCURACY:
            middle = (low + high) / 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return high

    @cached_property
    def _coefficients(self) -> np.ndarray:
        """Of shape (n_rates, n_groups, n_classes, n_classes); NaN where undefined."""
        totals = self.counts.sum(axis=0)
        return self.constraint.coefficients(totals, self.classes, user="relabelling")

    @cached_property
    def _leaf_rates(self) -> np.ndarray:
        """What each label of a leaf adds: (n_leaves, n_rates, n_groups, n_classes)."""
        return np.einsum("jgyd,lgy->ljgd", self._coefficients, self.counts)

    @cached_property
    def _leaf_errors(self) -> np.ndarray:
        """Error that each label of a leaf adds, of shape (n_leaves, n_classes)."""
        people = self.counts.sum(axis=1)
        return (people.sum(axis=1, keepdims=True) - people) / people.sum()

    @cached_property
    def _order(self) -> np.ndarray:
        """Groups by their counts: names must not decide between several optima."""
        return np.lexsort(
            self.counts.transpose(0, 2, 1).reshape(-1, self.counts.shape[1])
        )

    @cached_property
    def _kinds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One leaf of each kind, the kind of each leaf, and how many there are."""
        rows = self.counts[:, self._order].reshape(len(self.counts), -1)
        rows = np.column_stack([self.labels, rows])
        _, first, kind, many = np.unique(
            rows, axis=0, return_index=True, return_inverse=True, return_counts=True
        )
        return first, kind.ravel(), many

    @property
    def _n_variables(self) -> int:
        first, _, _ = self._kinds
        return len(first) * len(self.classes)

    def _best(
        self, method: str, tolerance: float, node_limit: int | None
    ) -> LeafSolution | None:
        if method == "randomized":
            return self.randomized(tolerance)
        return self.exact(tolerance, node_limit=node_limit)

    def _by_program(
        self, tolerance: float, integral: bool, node_limit: int | None
    ) -> OptimizeResult:
        first, _, _ = self._kinds
        own = np.eye(len(self.classes))[self.labels[first]]
        people = self.counts[first].sum(axis=(1, 2)) / self.counts.sum()
        cost = self._leaf_errors[first] - _KEEP * own * people[:, None]
        rows = self._windows(tolerance)
        return self._minimise(_SCALE * cost.ravel(), rows, integral, node_limit)

    def _read(self, found: np.ndarray, integral: bool) -> LeafSolution:
        first, _, _ = self._kinds
        shape = len(first), len(self.classes)
        counts = found[: shape[0] * shape[1]].reshape(shape)
        chances = self._spread(counts.round() if integral else counts)
        empty = self.counts.sum(axis=(1, 2)) == 0
        chances[empty] = np.eye(shape[1])[self.labels[empty]]
        return self._solution(chances, 0.0)

    def _meets(self, solution: LeafSolution, tolerance: float) -> bool:
        return solution.violation <= tolerance + _ROUNDING

    def _windows(self, tolerance: float) -> tuple[sparse.csr_array, np.ndarray]:
        """Rows "rate of g <= rate of h + tolerance" (or its ratio) for all pairs.

        The ends of a window would take fewer rows, but the program is then no longer of
        integers alone and took two to four times as long on trees of Adult.
        """
        first, _, _ = self._kinds
        by_leaf = self._leaf_rates[first][:, :, self._order]
        ratio = self.constraint.compare == "ratio"
        share, slack = (1 - tolerance, 0.0) if ratio else (1.0, tolerance)
        rows = []
        for table in by_leaf.transpose(1, 2, 0, 3):
            table = table.reshape(len(table), -1)
            table = table[~np.isnan(table).any(axis=1)]
            high, low = np.nonzero(~np.eye(len(table), dtype=bool))
            rows.append(share * table[high] - table[low])
        every = sparse.csr_array(np.concatenate(rows) * _ROW_SCALE)
        return every, np.full(every.shape[0], slack * _ROW_SCALE)

    def _minimise(
        self,
        cost: np.ndarray,
        limits: tuple[sparse.csr_array, np.ndarray],
        integral: bool,
        node_limit: int | None,
    ) -> OptimizeResult:
        _, _, many = self._kinds
        n_classes = len(self.classes)
        sums = sparse.kron(sparse.eye_array(len(many)), np.ones((1, n_classes)))
        options = {"mip_rel_gap": 0} if integral else {}
        if node_limit is not None:
            options["node_limit"] = node_limit
        return milp(
            cost,
            constraints=[
                LinearConstraint(limits[0], -np.inf, limits[1]),
                LinearConstraint(sums.tocsr(), many, many),
            ],
            integrality=np.full(len(cost), integral),
            bounds=Bounds(0.0, np.repeat(many, n_classes)),
            options=options,
        )

    def _spread(self, counts: np.ndarray) -> np.ndarray:
        """Chances of each leaf, from how many leaves of its kind get each label.

        Leaves of a kind are laid end to end, and so are the labels: each leaf gets the
        labels beside it, so that at most one leaf between two labels is randomised.
        """
        _, kind, many = self._kinds
        counts = np.clip(counts, 0, None)
        ends = np.cumsum(counts, axis=1)
        ends *= (many / ends[:, -1])[:, None]
        starts = np.column_stack([np.zeros(len(many)), ends[:, :-1]])
        order = np.argsort(kind, kind="stable")
        place = np.empty(len(kind))
        place[order] = np.arange(len(kind)) - np.repeat(np.cumsum(many) - many, many)
        top = np.minimum(ends[kind], place[:, None] + 1)
        found = np.clip(top - np.maximum(starts[kind], place[:, None]), 0, 1)
        found[found < _ROUNDING] = 0.0
        return found / found.sum(axis=1, keepdims=True)

    def _rates_of(self, labels: np.ndarray) -> np.ndarray:
        return self._leaf_rates[np.arange(len(labels)), :, :, labels].sum(axis=0)

    def _violation(self, rates: np.ndarray) -> float:
        return float(self.constraint.gap(rates).max())

    def _solution(self, chances: np.ndarray, gap: float = np.nan) -> LeafSolution:
        rates = np.einsum("ljgd,ld->jg", self._leaf_rates, chances)
        error = float((self._leaf_errors * chances).sum())
        return LeafSolution(chances, error, self._violation(rates), gap)


def probabilities_for(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probabilities of classes that agree with a label that may not be the likeliest.

    The share of the label and the largest share change places.

    Parameters
    ----------
    shares : ndarray of shape (n, n_classes)
        Each row sums to 1.
    labels : ndarray of shape (n,), dtype int
    """
    found, rows = shares.copy(), np.arange(len(labels))
    top = shares.argmax(axis=1)
    found[rows, labels], found[rows, top] = shares[rows, top], shares[rows, labels]
    tied = np.flatnonzero(found.argmax(axis=1) != labels)
    found[tied, labels[tied]] += _ROUNDING
    return found / found.sum(axis=1, keepdims=True)
