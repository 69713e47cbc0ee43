"""Optimal group thresholds on a score table, for any linear constraint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlearnkit._solvers.hulls import (
    ThresholdPoints,
    all_points,
    envelope,
    hull_points,
)
from fairlearnkit._solvers.mixtures import MixtureProgram, concave_frontier
from fairlearnkit._solvers.sweep import (
    Envelope,
    Frontier,
    clip_to_window,
    difference_frontier,
    ratio_frontier,
    ratio_window,
)
from fairlearnkit._solvers.windows import best_points_in_window
from fairlearnkit.constraints import Constraint
from fairlearnkit.tables import ScoreTable

_EXTRA_POINTS = 100  # per group, beside the hull, in the deterministic program
_NO_DETERMINISTIC = (
    "no deterministic thresholds reach a violation of {}; allow a larger tolerance or "
    "randomised thresholds."
)

Chosen = tuple[list[ThresholdPoints], list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class GroupRule:
    """A mixture of thresholds: select a score above the threshold that was drawn.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,), descending
    probabilities : ndarray of shape (n_thresholds,)
        They sum to 1.
    """

    thresholds: np.ndarray
    probabilities: np.ndarray

    def draw(self, uniform: np.ndarray) -> np.ndarray:
        """Threshold of each row, from a uniform number each."""
        ends = np.cumsum(self.probabilities)[:-1]
        return self.thresholds[np.searchsorted(ends, uniform, side="right")]

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Probability with which each score is selected."""
        tail = np.cumsum(self.probabilities[::-1])[::-1]
        tail = np.concatenate([[1.0], tail[1:], [0.0]])
        not_exceeded = np.searchsorted(-self.thresholds, -scores, side="right")
        return np.minimum(tail[not_exceeded], 1.0)


@dataclass(frozen=True, eq=False)
class Solution:
    """Rules of all groups, and their expected value and violation on the table."""

    rules: list[GroupRule]
    value: float
    violation: float


@dataclass(frozen=True, eq=False)
class ThresholdProblem:
    """The problem of one score table: its points, their value and their rates.

    Parameters
    ----------
    table : ScoreTable of two classes
    constraint : Constraint
    gain : ndarray of shape (2, 2)
        Value per unit of weight of each (true label, decision).
    coefficients : ndarray of shape (n_rates, n_groups, 2, 2)
        As from :meth:`Constraint.coefficients`.
    """

    table: ScoreTable
    constraint: Constraint
    gain: np.ndarray
    coefficients: np.ndarray

    def solve(self, tolerance: float, *, deterministic: bool = False) -> Solution:
        """Find the optimal rules; the nearest ones if none meet `tolerance`."""
        one_rate = self.coefficients.shape[0] == 1
        if deterministic:
            chosen = self._solve_deterministic(tolerance, one_rate)
        elif one_rate:
            chosen = self._solve_one_rate(tolerance)
        else:
            chosen = self._solve_program(tolerance)
        return self._solution(*chosen)

    def frontier(self) -> Frontier:
        """Best value at every violation, from parity to the unconstrained optimum."""
        ratio = self.constraint.compare == "ratio"
        if self.coefficients.shape[0] == 1:
            envelopes, _, free = self._envelopes(self._hulls())
            frontier = (ratio_frontier if ratio else difference_frontier)(envelopes)
            value = frontier.value + free
            return Frontier(frontier.violation, value, frontier.low, frontier.high)
        points = self._hulls()
        program, _ = self._program(points)
        values, _ = self._measure(points)
        best = [_pick(len(value), int(np.argmax(value))) for value in values]
        most = self._solution(points, best).violation
        least = min(program.smallest_violation(), most)
        least = 0.0 if least < 1e-7 else least
        if ratio:
            at = np.linspace(least, most, 51 if most > least else 1)
            solved = [program.solve(level) for level in at]
            value = np.array([np.nan if s is None else s[1] for s in solved])
        else:
            at, value = concave_frontier(program, least, most)
        return Frontier(at, value, np.full(len(at), np.nan), np.full(len(at), np.nan))

    def _hulls(self) -> list[ThresholdPoints]:
        lower = not self._upper_hulls_suffice()
        groups = range(len(self.table.groups))
        return [hull_points(self.table, g, lower=lower) for g in groups]

    def _upper_hulls_suffice(self) -> bool:
        """Whether no rule below a group's upper ROC hull can be optimal.

        True if true positives gain and false ones cost, and a single rate rises (or
        falls) with both, or every rate is that of one label on the same scale in all
        groups, as in equalized odds.
        """
        cost, benefit = self.gain[:, 1] - self.gain[:, 0]
        reach = self.coefficients[..., 1] - self.coefficients[..., 0]
        reach = reach * self.table.totals  # from selecting nobody to everybody
        reach = reach[:, ~np.isnan(reach).any(axis=(0, 2))]
        if cost > 0 or benefit < 0:
            return False
        if len(reach) == 1:
            return bool((reach >= 0).all() or (reach <= 0).all())
        of_one_label = (reach == 0).any(axis=2).all()
        return bool(of_one_label and np.allclose(reach, reach[:, :1]))

    def _measure(
        self, points: list[ThresholdPoints], groups: np.ndarray | None = None
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Values, and rates of shape (n_rates, n_points), of the groups' points."""
        codes = np.arange(len(points)) if groups is None else groups
        values = [p.evaluate(self.gain) for p in points]
        rates = [
            p.evaluate(self.coefficients[:, g])
            for p, g in zip(points, codes, strict=True)
        ]
        return values, rates

    def _envelopes(
        self, points: list[ThresholdPoints]
    ) -> tuple[list[Envelope], dict[int, np.ndarray], float]:
        """Envelopes and vertices of the constrained groups; the others' value."""
        values, rates = self._measure(points)
        envelopes, vertices, free = [], {}, 0.0
        for group, (value, (rate,)) in enumerate(zip(values, rates, strict=True)):
            if np.isnan(rate).any():
                free += value.max()
                continue
            vertices[group] = envelope(rate, value)
            corner = vertices[group]
            envelopes.append(Envelope(rate[corner], value[corner]))
        return envelopes, vertices, free

    def _solve_one_rate(self, tolerance: float) -> Chosen:
        points = self._hulls()
        envelopes, vertices, _ = self._envelopes(points)
        values, _ = self._measure(points)
        weights = [_pick(len(value), int(np.argmax(value))) for value in values]
        if not envelopes:
            return points, weights
        if self.constraint.compare == "difference":
            low, high = difference_frontier(envelopes).window(tolerance)
        else:
            low, high = ratio_window(envelopes, tolerance)
        for env, (group, corner) in zip(envelopes, vertices.items(), strict=True):
            rate = clip_to_window(env, low, high)
            weights[group] = np.zeros(len(points[group]))
            weights[group][corner] = _mix_neighbours(env.rate, rate)
        return points, weights

    def _program(
        self, points: list[ThresholdPoints]
    ) -> tuple[MixtureProgram, np.ndarray]:
        """The program over all groups, and where in it each group stands.

        Groups stand in the order of their sizes: a program with several optima must not
        answer by the names of the groups.
        """
        order = np.lexsort(self.table.totals.T)
        values, rates = self._measure([points[g] for g in order], order)
        program = MixtureProgram(values, rates, self.constraint.compare)
        return program, np.argsort(order)

    def _solve_program(self, tolerance: float) -> Chosen:
        points = self._hulls()
        program, place = self._program(points)
        solved = program.solve(tolerance)
        if solved is None:
            solved = program.solve(program.smallest_violation() + 1e-9)
        if solved is None:
            raise ValueError("no thresholds satisfy the constraint.")
        return points, [solved[0][k] for k in place]

    def _solve_deterministic(self, tolerance: float, one_rate: bool) -> Chosen:
        groups = range(len(self.table.groups))
        points = [all_points(self.table, g) for g in groups]
        if not one_rate:
            points = [
                _thin(every, hull)
                for every, hull in zip(points, self._hulls(), strict=True)
            ]
            program, place = self._program(points)
            weights = program.solve_deterministic(tolerance)
            if weights is None:
                raise ValueError(_NO_DETERMINISTIC.format(tolerance))
            return points, [weights[k] for k in place]
        values, rates = self._measure(points)
        compare = self.constraint.compare
        free = [g for g in groups if np.isnan(rates[g]).any()]
        bound = [g for g in groups if g not in free]
        chosen = dict.fromkeys(groups, 0)
        chosen.update({g: int(np.argmax(values[g])) for g in free})
        if bound:
            own_rates = [rates[g][0] for g in bound]
            own_values = [values[g] for g in bound]
            best = best_points_in_window(own_rates, own_values, tolerance, compare)
            if best is None:
                raise ValueError(_NO_DETERMINISTIC.format(tolerance))
            chosen.update(zip(bound, best, strict=True))
        return points, [_pick(len(p), chosen[g]) for g, p in enumerate(points)]

    def _solution(
        self, points: list[ThresholdPoints], weights: list[np.ndarray]
    ) -> Solution:
        values, rates = self._measure(points)
        mixed = [rate @ weight for rate, weight in zip(rates, weights, strict=True)]
        value = sum(v @ w for v, w in zip(values, weights, strict=True))
        rules = []
        for p, weight in zip(points, weights, strict=True):
            used = np.flatnonzero(weight > 1e-12)
            share = weight[used] / weight[used].sum()
            rules.append(GroupRule(p.thresholds[used], share))
        by_rate = np.stack(mixed, axis=1)
        return Solution(rules, float(value), float(self.constraint.gap(by_rate).max()))


def pooled_rule(table: ScoreTable, gain: np.ndarray) -> GroupRule:
    """The single best threshold over all groups, without any constraint."""
    points = hull_points(table.overall(), 0)
    best = int(np.argmax(points.evaluate(gain)))
    return GroupRule(points.thresholds[[best]], np.ones(1))


def _pick(size: int, index: int) -> np.ndarray:
    """All weight on one point."""
    weights = np.zeros(size)
    weights[index] = 1.0
    return weights


def _mix_neighbours(rates: np.ndarray, rate: float) -> np.ndarray:
    """Weights of the two vertices around a rate that average to it."""
    weights = np.zeros(len(rates))
    right = int(np.clip(np.searchsorted(rates, rate), 0, len(rates) - 1))
    if right == 0 or rates[right] <= rate:
        weights[right] = 1.0
        return weights
    span = rates[right] - rates[right - 1]
    weights[right] = (rate - rates[right - 1]) / span
    weights[right - 1] = 1 - weights[right]
    return weights


def _thin(points: ThresholdPoints, hull: ThresholdPoints) -> ThresholdPoints:
    """Hull vertices and some evenly spaced points between them."""
    even = np.linspace(0, len(points) - 1, _EXTRA_POINTS).round().astype(int)
    on_hull = np.searchsorted(-points.thresholds, -hull.thresholds)
    return points.take(np.union1d(even, on_hull))
