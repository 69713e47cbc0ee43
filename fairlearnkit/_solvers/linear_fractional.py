"""Mixtures of rules under parity of rates whose base may count predictions.

A rate N / D lies between l and u exactly if N - u D <= 0 and l D - N <= 0, which is
linear in the decisions even if D counts them. So for given ends the best mixture of
rules is found by column generation, and the ends are found by search. Celis et al.
(2019, doi:10.1145/3287560.3287586) do the same with a grid of ends and a convex dual.
Rates with a fixed base are linear as they are, and need no search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from fairlearnkit.constraints import Constraint

__all__ = ["FractionalMaster", "FractionalMixture"]

_PENALTY = 1e4  # price of what is missing to the constraint
_WORTH = 1e-7  # least improvement that is worth a further rule
_MULTIPLES = (1.0, 0.5, 2.0)  # of the prices, at which rules are asked for
_GRID = 21  # lower ends tried at first
_REFINED = 2  # further searches, each between the neighbours of the best
_DIGITS = 6  # of the objective that count when ends are compared
_EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True, eq=False)
class FractionalMixture:
    """Best mixture of the known rules at given ends.

    Parameters
    ----------
    columns : ndarray of int
        Numbers of the rules in use.
    weights : ndarray of float
    objective : float
        Error plus the penalty of the excess.
    excess : float
    prices : ndarray of shape (n_groups, n_classes, n_classes)
        Cost per unit of weight of each decision, beside its error.
    level : float
        Error plus price of the rules in use; a rule below it improves the mixture.
    """

    columns: np.ndarray
    weights: np.ndarray
    objective: float
    excess: float
    prices: np.ndarray
    level: float


class FractionalMaster:
    """The known rules and the linear program that mixes them.

    Parameters
    ----------
    constraint : Constraint
    classes : list
    totals : ndarray of shape (n_groups, n_classes)
        Weight of each group and label.
    tolerance : float
    min_base : float
        Least share of a group that a rate of it must rest on.
    oracle : callable
        Maps prices of shape (n_groups, n_classes, n_classes) to the table, of the same
        shape, of a rule that nearly minimises error plus prices.
    max_rules : int
    """

    def __init__(
        self,
        constraint: Constraint,
        classes: list,
        totals: np.ndarray,
        tolerance: float,
        min_base: float,
        oracle: Callable[[np.ndarray], np.ndarray],
        max_rules: int,
    ):
        self.constraint, self.tolerance = constraint, tolerance
        self._oracle, self._max_rules = oracle, max_rules
        self._weight, self._min_base = totals.sum(), min_base
        rates = constraint.rates(classes)
        self._tops, self._bases = (
            np.array([np.array(getattr(rate, side)) for rate in rates])
            for side in ("numerator", "denominator")
        )
        self._people = totals.sum(axis=1)
        most = np.einsum("gy,jy->jg", totals, self._bases.max(axis=2))
        self._defined = most > 0
        self._is_linear = np.array([rate.is_linear for rate in rates])
        self.tables: list[np.ndarray] = []
        self.prices: list[np.ndarray] = []
        self._seen: set[bytes] = set()
        self.ask(np.zeros((len(totals), len(classes), len(classes))))

    def ask(self, prices: np.ndarray) -> bool:
        """Add the rule at these prices; False if it is known already."""
        table = self._oracle(prices)
        key = np.round(table / self._weight, 12).tobytes()
        if key in self._seen:
            return False
        self._seen.add(key)
        self.tables.append(table)
        self.prices.append(prices)
        return True

    def solve(self) -> FractionalMixture:
        """Search for the ends, and generate rules to the end at the best of them."""
        lowest, highest = self._range()
        ends = lowest.copy()
        for _ in range(1 + (len(ends) > 1)):  # each in turn, twice if several
            for position in range(len(ends)):
                ends = self._search(ends, position, lowest, highest)
        return self._generate(ends, self._max_rules)

    def violations(self, classes: list) -> tuple[np.ndarray, np.ndarray]:
        """Violation and error of each rule by itself."""
        tables = np.array(self.tables)
        gaps = self.constraint.gap(self.constraint.values(tables, classes))
        return gaps.max(axis=-1), self._errors()

    def _search(
        self, ends: np.ndarray, position: int, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        """Best of a grid of one lower end, refined around the best."""
        grid = np.linspace(low[position], high[position], _GRID)
        best: tuple = ((np.inf, np.inf), ends)
        for _ in range(1 + _REFINED):
            for end in grid:
                tried = ends.copy()
                tried[position] = end
                found = self._generate(tried, 8)
                error = found.objective - _PENALTY * found.excess
                height = round(found.excess, _DIGITS), round(error, _DIGITS)
                if height < best[0]:  # the first of equals wins
                    best = (height, tried)
            step, centre = (grid[1] - grid[0]), best[1][position]
            grid = np.linspace(centre - step, centre + step, 7)[1:-1]
            grid = np.clip(grid, low[position], high[position])
        return best[1]

    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest value of each rate whose base counts predictions."""
        parts = []
        for top, base in zip(self._tops, self._bases, strict=True):
            counted = base > 0
            parts.append(top[counted] / base[counted])
        kept = np.flatnonzero(~self._is_linear)
        return (
            np.array([parts[j].min() for j in kept]),
            np.array([parts[j].max() for j in kept]),
        )

    def _generate(self, ends: np.ndarray, most: int) -> FractionalMixture:
        """Add rules at the prices of the program until none would help.

        A plug-in rule is a guess at the best rule among the observed labels. Where the
        guess is no help, others are made at multiples of the prices.
        """
        mixture = self._mix(ends)
        for _ in range(most):
            helps = False
            for multiple in _MULTIPLES:
                if self.ask(multiple * mixture.prices):
                    helps |= self._is_worth(mixture)
                if helps:
                    break
            if not helps:
                break
            mixture = self._mix(ends)
        return mixture

    def _is_worth(self, mixture: FractionalMixture) -> bool:
        """Whether the last rule costs less, at the prices, than the mixture."""
        table = self.tables[-1]
        error = 1 - np.einsum("gyy->", table) / self._weight
        priced = (table * mixture.prices).sum() / self._weight
        return bool(error + priced < mixture.level - _WORTH)

    def _errors(self) -> np.ndarray:
        right = np.einsum("tgyy->t", np.array(self.tables))
        return 1 - right / self._weight

    def _mix(self, ends: np.ndarray) -> FractionalMixture:
        """Solve for the weights; a free end per linear rate, and a penalised excess."""
        functional, limit, ends_of_linear, excess = self._rows(ends)
        tables = np.array(self.tables)
        values = np.einsum("tgyh,rgyh->rt", tables, functional, optimize=True)
        n_rules, n_linear = len(tables), ends_of_linear.shape[1]
        result = linprog(
            np.concatenate([self._errors(), np.zeros(n_linear), [_PENALTY]]),
            A_ub=np.hstack([values, ends_of_linear, -excess[:, None]]),
            b_ub=limit,
            A_eq=np.append(np.ones(n_rules), np.zeros(n_linear + 1))[None],
            b_eq=[1.0],
            bounds=[(0, None)] * n_rules + [(None, None)] * n_linear + [(0, None)],
            method="highs",
            options=_EXACT,
        )
        if result.x is None:
            raise ValueError("the program that mixes the rules could not be solved.")
        used = np.flatnonzero(result.x[:n_rules] > 1e-9)
        multipliers = -result.ineqlin.marginals
        prices = np.tensordot(multipliers, functional, axes=1) * self._weight
        return FractionalMixture(
            columns=used,
            weights=result.x[used] / result.x[used].sum(),
            objective=float(result.fun),
            excess=float(result.x[-1]),
            prices=prices,
            level=float(result.eqlin.marginals[0]),
        )

    def _rows(
        self, ends: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Write the bounds as functionals of the table, with limits and free ends."""
        is_ratio = self.constraint.compare == "ratio"
        share = 1.0 - self.tolerance if is_ratio else 1.0
        slack = 0.0 if is_ratio else self.tolerance
        linear = np.flatnonzero(self._is_linear)
        lower = dict(zip(np.flatnonzero(~self._is_linear), ends, strict=True))
        rows, limit, free, excess = [], [], [], []
        for j, g in np.argwhere(self._defined):
            top, base = np.zeros((2, *self.tables[0].shape))
            top[g], base[g] = self._tops[j], self._bases[j]
            end = np.zeros(len(linear))
            if j in lower:
                size = self._people[g]
                most = share * top - (lower[j] + slack) * base
                rows += [most / size, (lower[j] * base - top) / size, -base / size]
                limit += [0.0, 0.0, -self._min_base]
                free += [end, end, end]
                excess += [1.0, 1.0, 1.0]
                continue
            size = (self.tables[0] * base).sum()  # the same for every rule
            end[linear == j] = 1.0
            rows += [top / size, -top / size]
            limit += [slack, 0.0]
            free += [-end, share * end]
            excess += [1.0, 0.0]
        shape = (0, *self.tables[0].shape)
        return (
            np.array(rows) if rows else np.zeros(shape),
            np.array(limit),
            np.array(free).reshape(len(rows), len(linear)),
            np.array(excess),
        )
