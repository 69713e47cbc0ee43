"""Rules under parity of rates whose base may count predictions.

A rate N / D lies between l and u exactly if N - u D <= 0 and l D - N <= 0, which is
linear in the decisions even if D counts them. So for given ends the best rule is that
of one linear program, solved by its dual, and the lower end is found by search. Celis
et al. (2019, doi:10.1145/3287560.3287586) do the same. Rates with a fixed base are
linear as they are, and need no search.

The program knows P(group, label | x) and not the observed groups and labels. What these
differ by is added to the bounds, over and again, and the rules found on the way are
mixed by a small linear program so that the bounds hold among the observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog

from fairlearnkit._solvers.linear_rules import Bounds, RuleProblem, RuleSolution
from fairlearnkit._solvers.priced_rules import PricedRule
from fairlearnkit.constraints import Constraint

__all__ = ["FractionalMixture", "FractionalProblem", "FractionalSolution"]

_ACCURACY = 1e-5  # of the value
_ROUGH = 1e-4  # while ends are searched for
_ASTRAY = 1e-3  # gap above which a start nearby led nowhere
_NARROWEST = 5e-7  # a window needs an interior
_GRID = 20  # steps between the lower ends that are tried at first
_HALVINGS = 4  # of the step, around the best end
_TIE = 1e-6  # values of ends that differ by less are equal
_CORRECTIONS = 12
_CLOSE = 1e-5  # a correction below this changes nothing
_PENALTY = 1e3  # price of what is missing to a bound
_EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True, eq=False)
class FractionalSolution:
    """The best rule at given ends.

    Parameters
    ----------
    rule : PricedRule
    value : float
        Mean value of the rule.
    bound : float
        No rule has a higher mean value within the ends. Where no rule is within them,
        a large negative number.
    expected, observed : ndarray of shape (n_groups, n_classes, n_classes)
        Tables of the rule by P(group, label | x), and among the observed.
    start : ndarray
        To start a problem nearby from.
    """

    rule: PricedRule
    value: float
    bound: float
    expected: np.ndarray
    observed: np.ndarray
    start: np.ndarray


@dataclass(frozen=True, eq=False)
class FractionalMixture:
    """Rules and their probabilities.

    Parameters
    ----------
    rules : list of PricedRule
    weights : ndarray of shape (n_rules,)
    table : ndarray of shape (n_groups, n_classes, n_classes)
        Of the mixture, among the observed groups and labels.
    ends : ndarray
        Lower end of each rate whose base counts predictions.
    gap : float
        No rule within the same ends has a mean value more than this above that of the
        rule found, by P(group, label | x).
    """

    rules: list[PricedRule]
    weights: np.ndarray
    table: np.ndarray
    ends: np.ndarray
    gap: float


class FractionalProblem:
    """Find the best rule under parity of rates, linear or not.

    Parameters
    ----------
    value : ndarray of shape (n_rows, n_classes)
        Value of each decision.
    joint : ndarray of shape (n_rows, n_groups, n_classes)
        P(group, label | x).
    cells : pair of ndarray of shape (n_rows,)
        Positions of the observed group and label.
    weight : ndarray of shape (n_rows,)
        Weights that sum to 1.
    constraint : Constraint
    classes : sequence
        Class labels.
    tolerance : float
    min_base : float, default=0.0
        Least share of a group that a rate of it must rest on, or less where the
        decisions of highest value rest it on less.
    """

    def __init__(
        self,
        value: np.ndarray,
        joint: np.ndarray,
        cells: tuple[np.ndarray, np.ndarray],
        weight: np.ndarray,
        constraint: Constraint,
        classes: Sequence,
        *,
        tolerance: float,
        min_base: float = 0.0,
    ):
        self._value, self._joint, self._weight = value, joint, weight
        self._cells, self._constraint, self._classes = cells, constraint, classes
        self._tolerance = max(tolerance, _NARROWEST)
        observed = np.zeros(joint.shape[1:])
        np.add.at(observed, cells, weight)
        modelled = np.where(observed > 0, np.einsum("i,igy->gy", weight, joint), 0)
        parts = _parts(constraint.rates(classes), modelled, observed)
        self._of_expected, self._of_observed, self._group_of, self._rate_of = parts
        self._n_pairs = int((self._rate_of < 0).sum()) // 2
        n_groups, n_classes = joint.shape[1:]
        functional = np.zeros((len(self._group_of), n_groups, n_classes, n_classes))
        functional[np.arange(len(functional)), self._group_of] = self._of_expected
        self._problem = RuleProblem(
            value,
            joint.reshape(len(joint), -1),
            functional.reshape(len(functional), -1, n_classes),
            weight,
        )
        self._fractional = [r for r in constraint.rates(classes) if not r.is_linear]
        self._known: list[FractionalSolution] = []
        plain = self._functionals(self.simple()[0].observed, self._of_observed)
        self._floor = np.minimum(min_base, plain[self._n_pairs : 2 * self._n_pairs])

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """Least and largest value of each rate whose base counts predictions."""
        found = []
        for rate in self._fractional:
            top, base = np.array(rate.numerator), np.array(rate.denominator)
            shares = top[base > 0] / base[base > 0]
            found.append((float(shares.min()), float(shares.max())))
        return found

    def solve(self) -> FractionalMixture:
        """Search for the ends, correct for the observed, and mix what was found."""
        ends, found = self._search()
        tried = self._correct(ends, found)
        tables = np.array([one.observed for one in tried])
        weights = self._mix(ends, tables)
        used = np.flatnonzero(weights > 1e-9)
        share = weights[used] / weights[used].sum()
        return FractionalMixture(
            rules=[tried[k].rule for k in used],
            weights=share,
            table=np.tensordot(share, tables[used], axes=1),
            ends=ends,
            gap=found.bound - found.value,
        )

    def without_draws(self) -> FractionalSolution:
        """Best of the rules known, each without its draw near ties."""
        rules = [replace(one.rule, deterministic=True) for one in self._known]
        settled = [self._describe(rule) for rule in rules]
        return min(settled, key=lambda one: (self._excess(one.observed), -one.value))

    def solve_at(
        self,
        ends: np.ndarray,
        *,
        offset: np.ndarray | None = None,
        near: FractionalSolution | None = None,
        accuracy: float = _ACCURACY,
    ) -> FractionalSolution:
        """Find the best rule between given ends.

        Parameters
        ----------
        ends : ndarray of shape (n_fractional_rates,)
            Lower end of each rate whose base counts predictions.
        offset : ndarray, default=None
            What is added to each functional before it is bounded.
        near : FractionalSolution, default=None
            At ends nearby, to start from.
        accuracy : float, default=1e-5
            Of the value.
        """
        zero = np.zeros(len(self._group_of))
        bounds = self._bounds(ends, zero if offset is None else offset)
        start = None if near is None else near.start
        solution = self._problem.solve(bounds, start=start, accuracy=accuracy)
        if near is not None and solution.gap > _ASTRAY:
            solution = self._problem.solve(bounds, accuracy=accuracy)
        self._known.append(self._priced(solution))
        return self._known[-1]

    def _search(self) -> tuple[np.ndarray, FractionalSolution]:
        """Best ends, each in turn; where they tie, the nearest to the plain rates."""
        plain = self.simple()[0].observed.sum(axis=0)
        wanted = np.array([float(rate.of(plain)) for rate in self._fractional])
        ranges = self.ranges
        middle = np.array([np.mean(pair) for pair in ranges])
        wanted = np.where(np.isnan(wanted), middle, wanted)
        ends, found = wanted.copy(), self.solve_at(wanted)
        for position, pair in enumerate(ranges):
            ends, found = self._search_one(ends, position, pair, wanted, found)
        return ends, self.solve_at(ends, near=found)

    def _search_one(
        self,
        ends: np.ndarray,
        position: int,
        pair: tuple[float, float],
        wanted: np.ndarray,
        near: FractionalSolution,
    ) -> tuple[np.ndarray, FractionalSolution]:
        """Best of a grid of one end, which is halved around the best."""
        tried, fine = dict[int, FractionalSolution](), 2**_HALVINGS
        step = (pair[1] - pair[0]) / (_GRID * fine)

        def at(place: int) -> np.ndarray:
            moved = ends.copy()
            moved[position] = pair[0] + place * step
            return moved

        def best() -> int:
            most = max(found.bound for found in tried.values())
            ties = [k for k, found in tried.items() if found.bound >= most - _TIE]
            return min(ties, key=lambda k: abs(at(k)[position] - wanted[position]))

        places = list(range(0, _GRID * fine + 1, fine))
        for halving in range(_HALVINGS + 1):
            for place in places:
                if place not in tried and 0 <= place <= _GRID * fine:
                    close = min((abs(k - place), k) for k in tried) if tried else None
                    start = tried[close[1]] if close else near
                    tried[place] = self.solve_at(at(place), near=start, accuracy=_ROUGH)
            width = fine >> (halving + 1)
            places = [best() - width, best() + width]
        return at(best()), tried[best()]

    def _correct(
        self, ends: np.ndarray, found: FractionalSolution
    ) -> list[FractionalSolution]:
        """Rules whose bounds are shifted by what the observed differ by."""
        tried, offset = [*self.simple(), found], np.zeros(len(self._group_of))
        pace, last = 1.0, np.inf
        for _ in range(_CORRECTIONS):
            missed = self._functionals(found.observed, self._of_observed)
            missed -= self._functionals(found.expected, self._of_expected) + offset
            size = float(np.abs(missed).max(initial=0.0))
            if size < _CLOSE:
                break
            pace = pace if size < last else max(pace / 2, 0.1)
            last, offset = size, offset + pace * missed
            found = self.solve_at(ends, offset=offset, near=found)
            tried.append(found)
        return tried

    def _mix(self, ends: np.ndarray, tables: np.ndarray) -> np.ndarray:
        """Weights of the tables under the bounds, a missing part at a high price."""
        bounds = self._bounds(ends, np.zeros(len(self._group_of)))
        values = np.array([self._functionals(t, self._of_observed) for t in tables])
        right = np.einsum("tgyy->t", tables)
        n_tables, n_free = len(tables), bounds.ends.shape[1]
        result = linprog(
            np.concatenate([-right, np.zeros(n_free), [_PENALTY]]),
            A_ub=np.hstack(
                [bounds.rows @ values.T, -bounds.ends, -np.ones((len(bounds.limit), 1))]
            ),
            b_ub=bounds.limit,
            A_eq=np.append(np.ones(n_tables), np.zeros(n_free + 1))[None],
            b_eq=[1.0],
            bounds=[(0, None)] * n_tables + [(None, None)] * n_free + [(0, None)],
            method="highs",
            options=_EXACT,
        )
        if result.x is None:
            raise ValueError("the program that mixes the rules could not be solved.")
        return result.x[:n_tables]

    def _excess(self, table: np.ndarray) -> float:
        """By how much the violation, and what is missing to the bases, is too large."""
        violation = self._constraint.violation(table, self._classes)
        bases = self._functionals(table, self._of_observed)[self._n_pairs :]
        bases = bases[: self._n_pairs]
        missing = float((self._floor - bases).max(initial=0.0))
        return max(violation - self._tolerance, missing, 1e-9)

    def simple(self) -> list[FractionalSolution]:
        """The decisions of highest value, then each decision for everybody."""
        n_groups, n_classes = self._joint.shape[1:]
        prices = np.vstack([np.zeros(n_classes), -2.0 * np.eye(n_classes)])
        costs = np.tile(prices[:, None, None], (1, n_groups, n_classes, 1))
        return [self._describe(PricedRule(c, 1.0, deterministic=True)) for c in costs]

    def _functionals(self, table: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        return (coefficients * table[self._group_of]).sum(axis=(1, 2))

    def _bounds(self, ends: np.ndarray, offset: np.ndarray) -> Bounds:
        """Bound tops by bases between the ends, bases from below, linear rates."""
        count, linear = self._n_pairs, self._rate_of >= 0
        is_ratio = self._constraint.compare == "ratio"
        share = 1.0 - min(self._tolerance, 1.0) if is_ratio else 1.0
        slack = 0.0 if is_ratio else self._tolerance
        low = np.repeat(ends, count // max(len(ends), 1))
        one, none = np.eye(count), np.zeros((count, count))
        pairs = np.block(
            [
                [share * one, -np.diag(low + slack)],
                [-one, np.diag(low)],
                [none, -one],
            ]
        )
        floor = np.concatenate([np.zeros(2 * count), -self._floor])
        parity = Bounds.of_parity(
            self._rate_of[linear],
            self._tolerance,
            self._constraint.compare,
            offset[linear],
        )
        rows = np.zeros((len(pairs) + len(parity.rows), len(offset)))
        rows[: len(pairs), ~linear] = pairs
        rows[len(pairs) :, linear] = parity.rows
        return Bounds(
            rows,
            np.concatenate([floor - pairs @ offset[~linear], parity.limit]),
            np.vstack([np.zeros((len(pairs), parity.ends.shape[1])), parity.ends]),
            np.concatenate([np.ones(len(pairs)), parity.inside]),
        )

    def _priced(self, found: RuleSolution) -> FractionalSolution:
        priced = found.prices[:, None, None] * self._of_expected
        costs = np.zeros((self._joint.shape[1], *priced.shape[1:]))
        np.add.at(costs, self._group_of, priced)
        rule = PricedRule(costs, found.temperature)
        return self._describe(rule, found.value + found.gap, found.multipliers)

    def _describe(
        self,
        rule: PricedRule,
        bound: float = np.inf,
        start: np.ndarray | None = None,
    ) -> FractionalSolution:
        weighted = self._weight[:, None] * rule.chances(self._value, self._joint)
        expected = np.einsum("igy,ih->gyh", self._joint, weighted, optimize=True)
        observed = np.zeros_like(expected)
        np.add.at(observed, self._cells, weighted)
        return FractionalSolution(
            rule=rule,
            value=float((weighted * self._value).sum()),
            bound=bound,
            expected=expected,
            observed=observed,
            start=np.zeros(0) if start is None else start,
        )


def _parts(
    rates: Sequence, modelled: np.ndarray, observed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """List the functionals: tops, then bases of fractional rates, then linear rates.

    Their coefficients, expected and observed, groups, and linear rates (-1 for others).
    """
    n_groups, n_classes = observed.shape
    size = observed.sum(axis=1)
    tops, bases, linear = [], [], []
    for number, rate in enumerate(rates):
        top, base = np.array(rate.numerator), np.array(rate.denominator)
        for group in range(n_groups):
            if not rate.is_linear:
                tops.append((top / size[group], top / size[group], group, -1))
                bases.append((base / size[group], base / size[group], group, -1))
                continue
            totals = [float(t[group] @ base[:, 0]) for t in (modelled, observed)]
            if min(totals) > 0:
                linear.append((top / totals[0], top / totals[1], group, number))
    entries = tops + bases + linear
    table = np.zeros((0, n_classes, n_classes))
    return (
        np.array([entry[0] for entry in entries]) if entries else table,
        np.array([entry[1] for entry in entries]) if entries else table,
        np.array([entry[2] for entry in entries], dtype=int),
        np.array([entry[3] for entry in entries], dtype=int),
    )
