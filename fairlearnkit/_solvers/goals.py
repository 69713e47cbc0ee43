"""What thresholds maximise: a utility of decisions, F-beta, or the worst group's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fairlearnkit._solvers.hulls import ThresholdPoints
from fairlearnkit._solvers.rules import GroupRule, Solution, pooled_points
from fairlearnkit.tables import ScoreTable

_STEPS = 100  # Dinkelbach's method converges faster than linearly: some five are taken


@dataclass(frozen=True, eq=False)
class Goal:
    """An objective of thresholds on a score table.

    Parameters
    ----------
    kind : {"linear", "fbeta", "worst_group"}
    gain : ndarray of shape (2, 2)
        Value per unit of weight of each (true label, decision); in "worst_group" that
        of the overall accuracy, which decides between equals.
    group_gain : ndarray of shape (2, 2)
        Utility of each (true label, decision) for the person decided about.
    utility : str
        Name of that utility.
    beta : float
        Weight of recall in "fbeta".
    """

    kind: str
    gain: np.ndarray
    group_gain: np.ndarray
    utility: str = "accuracy"
    beta: float = 1.0


def fbeta_gain(value: float, beta: float) -> np.ndarray:
    """Linear gain whose optimum is above 0 exactly if that of F-beta is above `value`.

    F-beta is a ratio of two functionals of the counts; this is its numerator less
    `value` times its denominator.
    """
    hit, missed = 1 + beta**2, beta**2
    return np.array([[0, -value], [-value * missed, hit - value * hit]])


def fbeta(selected: np.ndarray, positives: float, beta: float) -> np.ndarray:
    """F-beta of the weight selected of each label, over the last axis."""
    hits, chosen = selected[..., 1], selected.sum(axis=-1)
    return (1 + beta**2) * hits / (beta**2 * positives + chosen)


def maximize_fbeta(
    solve: Callable[[np.ndarray], Solution], positives: float, beta: float
) -> tuple[Solution, float]:
    """Maximise F-beta by Dinkelbach's method: a few linear problems, and exact.

    Parameters
    ----------
    solve : callable
        From a linear gain of shape (2, 2) to its optimal solution.
    positives : float
        Weight of the positive label.
    beta : float
    """
    solution, value = solve(fbeta_gain(0.0, beta)), 0.0
    for _ in range(_STEPS):
        reached = float(fbeta(solution.selected.sum(axis=0), positives, beta))
        if reached <= value + 1e-13:
            break
        best, value = solution, reached
        solution = solve(fbeta_gain(value, beta))
    return (solution if value == 0.0 else best), value


def pooled_rule(table: ScoreTable, goal: Goal | np.ndarray) -> GroupRule:
    """The single best threshold over all groups, without any constraint.

    For the worst group's accuracy it is the most accurate one.
    """
    points = pooled_points(table)
    best = int(np.argmax(_values(points, goal)))
    return GroupRule(points.thresholds[[best]], np.ones(1))


def _values(points: ThresholdPoints, goal: Goal | np.ndarray) -> np.ndarray:
    if isinstance(goal, np.ndarray):
        return points.evaluate(goal)
    if goal.kind == "fbeta":
        return fbeta(points.selected, points.totals[1], goal.beta)
    return points.evaluate(goal.gain)
