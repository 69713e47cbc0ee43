"""Cuts and columns: the best mixture of classifiers under bounds on many subgroups.

The bounds are as many as there are subgroups, and the classifiers as many as the
learner can fit; a linear program holds those found so far of both. An auditor answers
to a mixture with the subgroups that it treats worst (a cut), an oracle to the dual
prices of the cuts with a new classifier (a column). Kearns et al. (2018,
doi:10.48550/arXiv.1711.05144) let both players learn by fictitious play.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

PENALTY = 100.0  # price of a violation beyond the bound
_MOST_CUTS = 2000


@dataclass(frozen=True, eq=False)
class BoundedMixture:
    """Optimal mixture of the known classifiers under the known cuts.

    Parameters
    ----------
    columns : ndarray of int
        Numbers of the classifiers in use.
    weights : ndarray of float
        Their probabilities.
    objective : float
        Expected error plus the penalty of the excess.
    prices : ndarray of shape (n_cuts,)
        Signed dual prices.
    """

    columns: np.ndarray
    weights: np.ndarray
    objective: float
    prices: np.ndarray


@dataclass(eq=False)
class SubgroupMaster:
    """The known classifiers, the known cuts, and the program that joins them.

    Parameters
    ----------
    error : ndarray of shape (n_cells, n_classes, n_classes)
        Cost per unit of weight of each (cell, label, decision).
    bound : float
        Of the absolute value of every cut.
    """

    error: np.ndarray
    bound: float
    tables: list[np.ndarray] = field(default_factory=list)
    cuts: list[np.ndarray] = field(default_factory=list)
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def errors(self) -> np.ndarray:
        """Error of each classifier."""
        return np.array([float((table * self.error).sum()) for table in self.tables])

    def add_table(self, table: np.ndarray) -> None:
        """Add a classifier by its weights of (cell, label, decision)."""
        self.tables.append(table)
        new = np.array([[float((table * cut).sum())] for cut in self.cuts])
        shape = len(self.cuts), len(self.tables) - 1
        self.values = np.hstack([self.values.reshape(shape), new.reshape(-1, 1)])

    def add_cut(self, cut: np.ndarray) -> None:
        """Add a subgroup by its coefficients of (cell, label, decision)."""
        self.cuts.append(cut)
        new = np.array([[float((table * cut).sum()) for table in self.tables]])
        self.values = np.vstack([self.values.reshape(-1, len(self.tables)), new])

    def table_of(self, mixture: BoundedMixture) -> np.ndarray:
        """Expected weights of (cell, label, decision)."""
        pairs = zip(mixture.columns, mixture.weights, strict=True)
        return sum((w * self.tables[c] for c, w in pairs), np.zeros_like(self.error))

    def costs(self, mixture: BoundedMixture) -> np.ndarray:
        """Cost per unit of weight of each decision, at the mixture's prices."""
        pairs = zip(mixture.prices, self.cuts, strict=False)  # later cuts are free
        return self.error + sum(
            (price * cut for price, cut in pairs if price), np.zeros_like(self.error)
        )

    def lagrangian(self, prices: np.ndarray) -> np.ndarray:
        """Error plus priced violation of every classifier; later cuts are free."""
        values = self.values[: len(prices)]
        return self.errors + prices @ values - self.bound * np.abs(prices).sum()

    def optimize(self) -> BoundedMixture:
        """Mix the known classifiers under the known cuts."""
        n_cuts, n_columns = self.values.shape
        rows = np.vstack([self.values, -self.values])
        result = linprog(
            np.append(self.errors, PENALTY),
            A_ub=np.column_stack([rows, -np.ones(2 * n_cuts)]) if n_cuts else None,
            b_ub=np.full(2 * n_cuts, self.bound) if n_cuts else None,
            A_eq=np.append(np.ones(n_columns), 0.0)[None],
            b_eq=[1.0],
            method="highs",
        )
        prices = np.zeros(0)
        if n_cuts:
            upper, lower = np.split(-result.ineqlin.marginals, 2)
            prices = upper - lower
        used = np.flatnonzero(result.x[:-1] > 1e-9)
        return BoundedMixture(
            used, result.x[used] / result.x[used].sum(), float(result.fun), prices
        )


@dataclass(frozen=True, eq=False)
class SubgroupResult:
    """Outcome of cuts and columns.

    Parameters
    ----------
    mixture : BoundedMixture
    gap : float
        Objective minus the best lower bound, relative to the oracle.
    n_oracle_calls : int
    converged : bool
    """

    mixture: BoundedMixture
    gap: float
    n_oracle_calls: int
    converged: bool


def generate_cuts_and_columns(
    master: SubgroupMaster,
    oracle: Callable[[np.ndarray], np.ndarray],
    auditor: Callable[[np.ndarray, bool], list[np.ndarray]],
    *,
    max_iter: int,
    gap_tolerance: float,
) -> SubgroupResult:
    """Cut until the auditor finds nothing, price until the oracle finds nothing.

    Parameters
    ----------
    master : SubgroupMaster
        With classifiers enough to meet any bound, such as the constant ones.
    oracle : callable
        Maps costs of shape (n_cells, n_classes, n_classes) to the table of a classifier
        that nearly minimises them.
    auditor : callable
        Maps expected weights of (cell, label, decision), and whether to be thorough, to
        the cuts that they violate.
    max_iter : int
        Most oracle calls.
    gap_tolerance : float
        Gap that counts as closed.
    """
    asked: list[np.ndarray] = []
    answered: set[bytes] = set()
    thorough = False
    while True:
        mixture = _cut(master, auditor, thorough)
        gap = _gap(master, mixture, asked)
        question = _fingerprint(master.costs(mixture))
        known = question in answered
        if known:
            asked.append(mixture.prices)
            gap = _gap(master, mixture, asked)
        closed = gap <= gap_tolerance
        if closed or known or len(answered) >= max_iter:
            if thorough:
                return SubgroupResult(mixture, gap, len(answered), closed)
            thorough = True  # and go on if that finds more
            continue
        thorough = False
        asked.append(mixture.prices)
        answered.add(question)
        master.add_table(oracle(master.costs(mixture)))


def _cut(
    master: SubgroupMaster,
    auditor: Callable[[np.ndarray, bool], list[np.ndarray]],
    thorough: bool,
) -> BoundedMixture:
    """Optimize under more and more cuts, until none is violated or new."""
    while True:
        mixture = master.optimize()
        cuts = [
            cut
            for cut in auditor(master.table_of(mixture), thorough)
            if not any(np.array_equal(cut, known) for known in master.cuts)
        ]
        if not cuts or len(master.cuts) >= _MOST_CUTS:
            return mixture
        for cut in cuts:
            master.add_cut(cut)


def _gap(
    master: SubgroupMaster, mixture: BoundedMixture, asked: list[np.ndarray]
) -> float:
    """Objective minus the best bound over the prices that the oracle was asked at."""
    if not asked:
        return np.inf
    best = max(float(master.lagrangian(prices).min()) for prices in asked)
    return max(0.0, mixture.objective - best)


def _fingerprint(costs: np.ndarray) -> bytes:
    """Costs up to what a learner can tell: a scale, and a constant per person."""
    relative = costs - costs.min(axis=-1, keepdims=True)
    return np.round(relative / relative.sum(), 12).tobytes()
