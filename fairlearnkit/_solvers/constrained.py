"""Optimal group thresholds under several demands and limits at once, by a program.

Where one constraint compares groups and nothing else is asked, the problem of
:mod:`fairlearnkit._solvers.thresholds` needs no more than a sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from fairlearnkit._solvers.demands import Demand
from fairlearnkit._solvers.goals import Goal, maximize_fbeta
from fairlearnkit._solvers.hulls import (
    ThresholdPoints,
    all_points,
    hull_points,
    point_at,
)
from fairlearnkit._solvers.mixtures import Limit, MixtureProgram
from fairlearnkit._solvers.rules import Solution, realize, thinned
from fairlearnkit._solvers.sweep import Frontier
from fairlearnkit.tables import ScoreTable

_EXTRA_POINTS = 100  # per cell, beside the hull, in the deterministic program
_LEVELS = 51  # points of a frontier
_ROUNDING = 1e-9
NO_DETERMINISTIC = (
    "no deterministic thresholds reach a violation of {}; allow a larger tolerance or "
    "randomised thresholds."
)


@dataclass(frozen=True, eq=False)
class ConstrainedProblem:
    """The problem of one score table whose groups are cells: a stratum and a group.

    Parameters
    ----------
    table : ScoreTable of two classes
    goal : Goal
    demands : sequence of Demand
    members : ndarray of shape (n_cells,)
        Group of each cell, for what is promised to a group.
    pinned : dict of int to float
        Threshold of each cell that is not free to choose one.
    budget : float, default=None
        Largest share of all people that may be selected.
    plain : float, default=None
        Threshold of the plain model, if no group's utility may fall below what it gets
        there.
    """

    table: ScoreTable
    goal: Goal
    demands: Sequence[Demand]
    members: np.ndarray
    pinned: dict[int, float] = field(default_factory=dict)
    budget: float | None = None
    plain: float | None = None
    _points: dict[bool, list[ThresholdPoints]] = field(default_factory=dict)

    @cached_property
    def totals(self) -> np.ndarray:
        """Weight of each cell and label."""
        return self.table.totals

    def solve(
        self, tolerances: Sequence[float], *, deterministic: bool = False
    ) -> Solution:
        """Find the optimal rules; the nearest ones if none are within tolerance.

        Parameters
        ----------
        tolerances : sequence of float, one a constraint
        deterministic : bool, default=False

        Raises
        ------
        ValueError
            If no rule is within the budget, or none that is deterministic within the
            tolerances.
        """
        goal = self.goal
        if goal.kind != "fbeta":
            return self._solve_linear(tolerances, deterministic)

        def solve(gain: np.ndarray) -> Solution:
            linear = replace(self, goal=replace(goal, kind="linear", gain=gain))
            return linear._solve_linear(tolerances, deterministic)

        positives = float(self.totals[:, 1].sum())
        solution, value = maximize_fbeta(solve, positives, goal.beta)
        return replace(solution, value=value)

    def frontier(self) -> Frontier:
        """Best value at even levels of one violation common to all constraints."""
        ratios = [d.compare == "ratio" for d in self.demands]
        n = 1 + max((d.source for d in self.demands), default=0)
        bands = max((np.nanmax(d.band, initial=0.0) for d in self.demands), default=0.0)
        free = self.solve([1.0 if any(ratios) or bands else 1e3] * n)
        most = min(free.violation + 2 * bands, 1.0 if any(ratios) or bands else np.inf)
        program, _ = self._program(self._choices(False))
        least = program.smallest_excess(np.zeros(len(self.demands)))
        least = min(0.0 if least is None else least, most)
        at = np.linspace(least, most, _LEVELS if most > least else 1)
        value = [self.solve([level + _ROUNDING] * n).value for level in at]
        nowhere = np.full(len(at), np.nan)
        return Frontier(at, np.array(value), nowhere, nowhere)

    def _solve_linear(
        self, tolerances: Sequence[float], deterministic: bool
    ) -> Solution:
        points = self._choices(deterministic)
        program, place = self._program(points)
        allowed = np.array([tolerances[d.source] for d in self.demands])
        weights = self._optimum(program, allowed, deterministic)
        excess = 0.0
        if weights is None and deterministic:
            shown = ", ".join(f"{t}" for t in dict.fromkeys(tolerances))
            raise ValueError(NO_DETERMINISTIC.format(shown))
        if weights is None:
            found = program.smallest_excess(allowed)
            if found is None:
                raise ValueError(self._why_impossible())
            excess = found
            widened = allowed + excess + _ROUNDING
            ratio = np.array([d.compare == "ratio" for d in self.demands], dtype=bool)
            widened = np.where(ratio, np.minimum(widened, 1), widened)
            weights = self._optimum(program, widened, deterministic)
        if weights is None:
            raise ValueError("the program of the thresholds could not be solved.")
        chosen = [weights[k] for k in place]
        n_constraints = len(tolerances)
        return replace(self._solution(points, chosen, n_constraints), allowed=excess)

    def _optimum(
        self, program: MixtureProgram, allowed: np.ndarray, deterministic: bool
    ) -> list[np.ndarray] | None:
        """Optimal weights; the most accurate of those best for the worst group."""
        if self.goal.kind == "worst_group":
            order = np.lexsort(self.totals.T)
            points = [self._choices(deterministic)[g] for g in order]
            floors = list(self._group_means(points, order, np.eye(2)).values())
            floor = program.best_floor(floors, allowed, deterministic=deterministic)
            if floor is None:
                return None
            bounds = [
                Limit([-part for part in parts], _ROUNDING - floor) for parts in floors
            ]
            program = replace(program, limits=[*program.limits, *bounds])
        if deterministic:
            return program.solve_deterministic(allowed)
        solved = program.solve(allowed)
        return None if solved is None else solved[0]

    def _choices(self, deterministic: bool) -> list[ThresholdPoints]:
        """Points of every cell that a rule may mix, or choose from."""
        if deterministic not in self._points:
            cells = range(len(self.table.groups))
            self._points[deterministic] = [
                self._cell_choices(cell, deterministic) for cell in cells
            ]
        return self._points[deterministic]

    def _cell_choices(self, cell: int, deterministic: bool) -> ThresholdPoints:
        if cell in self.pinned:
            return point_at(self.table, cell, self.pinned[cell])
        hull = hull_points(self.table, cell, lower=True)
        if not deterministic:
            return hull
        points = thinned(all_points(self.table, cell), hull, _EXTRA_POINTS)
        if self.plain is None:
            return points
        own = point_at(self.table, cell, self.plain)
        at = np.searchsorted(-points.thresholds, -self.plain)
        return ThresholdPoints(
            np.insert(points.thresholds, at, self.plain),
            np.insert(points.selected, at, own.selected[0], axis=0),
            points.totals,
        )

    def _program(
        self, points: list[ThresholdPoints]
    ) -> tuple[MixtureProgram, np.ndarray]:
        """The program over all cells, and where in it each cell stands.

        Cells stand in the order of their sizes: a program with several optima must not
        answer by the names of the groups.
        """
        order = np.lexsort(self.totals.T)
        ordered = [points[g] for g in order]
        demands = self.demands
        rates = [
            np.array([p.evaluate(d.coefficients[g]) for d in demands]).reshape(
                len(demands), len(p)
            )
            for p, g in zip(ordered, order, strict=True)
        ]
        bands = np.array([d.band[order] for d in demands])
        return MixtureProgram(
            values=[p.evaluate(self.goal.gain) for p in ordered],
            rates=rates,
            compare=[d.compare for d in demands],
            shares=[d.share[order] if d.overall else None for d in demands],
            bands=bands if np.nansum(bands) > 0 else None,
            bound=np.array([d.bound[order] for d in demands]),
            limits=self._limits(ordered, order),
        ), np.argsort(order)

    def _limits(self, points: list[ThresholdPoints], order: np.ndarray) -> list[Limit]:
        found = []
        if self.budget is not None:
            everybody = self.totals.sum()
            parts = [p.selected.sum(axis=1) / everybody for p in points]
            found.append(Limit(parts, self.budget + 1e-12))
        if self.plain is not None:
            gain = self.goal.group_gain
            before = self.plain_utility()
            means = self._group_means(points, order, gain)
            for group, parts in means.items():
                limit = Limit([-part for part in parts], 1e-12 - before[group])
                found.append(limit)
        return found

    def plain_utility(self) -> np.ndarray:
        """Mean utility of each group under the plain model's threshold."""
        assert self.plain is not None
        cells = range(len(self.table.groups))
        gained = [
            point_at(self.table, c, self.plain).evaluate(self.goal.group_gain)[0]
            for c in cells
        ]
        people = self.totals.sum(axis=1)
        return np.bincount(self.members, gained) / np.bincount(self.members, people)

    def _group_means(
        self, points: list[ThresholdPoints], order: np.ndarray, gain: np.ndarray
    ) -> dict[int, list[np.ndarray]]:
        """Mean gain of each group that is free to choose, as a sum over its cells."""
        people = np.bincount(self.members, self.totals.sum(axis=1))
        held = {int(self.members[cell]) for cell in self.pinned}
        found = {}
        for group in range(len(people)):
            if group in held:
                continue
            found[group] = [
                p.evaluate(gain) / people[group]
                if self.members[g] == group
                else np.zeros(len(p))
                for p, g in zip(points, order, strict=True)
            ]
        return found

    def _solution(
        self, points: list[ThresholdPoints], weights: list[np.ndarray], n: int
    ) -> Solution:
        realized = [
            realize(self.table, g, p, w, is_hull=False)
            for g, (p, w) in enumerate(zip(points, weights, strict=True))
        ]
        rules, selected, drawn = zip(*realized, strict=True)
        own = [
            ThresholdPoints(np.zeros(1), s[None], p.totals)
            for s, p in zip(selected, points, strict=True)
        ]
        found = [0.0] * n
        for d in self.demands:
            pairs = zip(own, d.coefficients, strict=True)
            rates = np.array([p.evaluate(c)[0] for p, c in pairs])
            found[d.source] = max(found[d.source], d.violation(rates))
        return Solution(
            rules=list(rules),
            value=self._value(own),
            violation=max(found, default=0.0),
            selected=np.array(selected),
            drawn=np.array(drawn),
            violations=tuple(found),
        )

    def _value(self, own: list[ThresholdPoints]) -> float:
        if self.goal.kind != "worst_group":
            return float(sum(p.evaluate(self.goal.gain)[0] for p in own))
        means = self._group_means(own, np.arange(len(own)), np.eye(2))
        if not means:
            return float("nan")
        return float(min(np.sum(parts) for parts in means.values()))

    def _why_impossible(self) -> str:
        asked = []
        if self.budget is not None:
            asked.append(f"budget={self.budget:g}")
        if self.plain is not None:
            asked.append("no_harm=True")
        return (
            f"no thresholds satisfy {' and '.join(asked)}, whatever the tolerance; "
            "ask for less."
        )
