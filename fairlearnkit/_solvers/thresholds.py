"""Optimal group thresholds on a score table, for one linear constraint and no more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from fairlearnkit._solvers.constrained import NO_DETERMINISTIC
from fairlearnkit._solvers.goals import maximize_fbeta
from fairlearnkit._solvers.hulls import (
    ThresholdPoints,
    all_points,
    envelope,
    hull_points,
)
from fairlearnkit._solvers.mixtures import MixtureProgram, concave_frontier
from fairlearnkit._solvers.rules import Solution, realize, thinned
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
_LEVELS = 51  # points of a frontier that is not concave

Chosen = tuple[list[ThresholdPoints], list[np.ndarray]]


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
    beta : float, default=None
        Weight of recall, to maximise F-beta and not `gain`.
    """

    table: ScoreTable
    constraint: Constraint
    gain: np.ndarray
    coefficients: np.ndarray
    beta: float | None = None
    _kept: dict[bool, list[ThresholdPoints]] = field(default_factory=dict)

    @cached_property
    def totals(self) -> np.ndarray:
        """Weight of each group and label."""
        table = self.table
        parts = [table.weights[table.rows(g)] for g in range(len(table.groups))]
        # As a product: summing along two long columns takes several times as long.
        return np.stack([np.ones(len(part)) @ part for part in parts])

    def solve(self, tolerance: float, *, deterministic: bool = False) -> Solution:
        """Find the optimal rules; the nearest ones if none meet `tolerance`."""
        if self.beta is not None:

            def solve(gain: np.ndarray) -> Solution:
                linear = replace(self, gain=gain, beta=None)
                return linear.solve(tolerance, deterministic=deterministic)

            positives = float(self.totals[:, 1].sum())
            best, value = maximize_fbeta(solve, positives, self.beta)
            return replace(best, value=value)
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
        if self.beta is not None:
            return self._even_frontier(1.0 if ratio else 1e3)
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

    def _even_frontier(self, slack: float) -> Frontier:
        """Best value at even levels, where it is not a concave function of them."""
        most = self.solve(slack).violation
        least = min(self.solve(0.0).violation, most)
        at = np.linspace(least, most, _LEVELS if most - least > 1e-9 else 1)
        value = [self.solve(min(level + 1e-9, slack)).value for level in at]
        nowhere = np.full(len(at), np.nan)
        return Frontier(at, np.array(value), nowhere, nowhere)

    def _hulls(self) -> list[ThresholdPoints]:
        lower = not self._upper_hulls_suffice()
        groups = range(len(self.table.groups))
        if lower not in self._kept:
            self._kept[lower] = [
                hull_points(self.table, g, lower=lower) for g in groups
            ]
        return self._kept[lower]

    def _upper_hulls_suffice(self) -> bool:
        """Whether no rule below a group's upper ROC hull can be optimal.

        True if true positives gain and false ones cost, and a single rate rises (or
        falls) with both, or every rate is that of one label on the same scale in all
        groups, as in equalized odds.
        """
        cost, benefit = self.gain[:, 1] - self.gain[:, 0]
        reach = self.coefficients[..., 1] - self.coefficients[..., 0]
        reach = reach * self.totals  # from selecting nobody to everybody
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
        order = np.lexsort(self.totals.T)
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
                thinned(every, hull, _EXTRA_POINTS)
                for every, hull in zip(points, self._hulls(), strict=True)
            ]
            program, place = self._program(points)
            weights = program.solve_deterministic(tolerance)
            if weights is None:
                raise ValueError(NO_DETERMINISTIC.format(tolerance))
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
                raise ValueError(NO_DETERMINISTIC.format(tolerance))
            chosen.update(zip(bound, best, strict=True))
        return points, [_pick(len(p), chosen[g]) for g, p in enumerate(points)]

    def _solution(
        self, points: list[ThresholdPoints], weights: list[np.ndarray]
    ) -> Solution:
        values, rates = self._measure(points)
        mixed = [rate @ weight for rate, weight in zip(rates, weights, strict=True)]
        value = sum(v @ w for v, w in zip(values, weights, strict=True))
        is_hull = points is self._kept.get(False)
        realized = [
            realize(self.table, g, p, w, is_hull=is_hull)
            for g, (p, w) in enumerate(zip(points, weights, strict=True))
        ]
        rules, selected, drawn = zip(*realized, strict=True)
        violation = float(self.constraint.gap(np.stack(mixed, axis=1)).max())
        return Solution(
            rules=list(rules),
            value=float(value),
            violation=violation,
            selected=np.array(selected),
            drawn=np.array(drawn),
            violations=(violation,),
        )


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
