"""Rules of groups: mixtures of thresholds, with as few people drawn as can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlearnkit._solvers.hulls import ThresholdPoints, all_points, points_between
from fairlearnkit.tables import ScoreTable

_SAME = 1e-9  # shares and angles closer than this differ by rounding
_MOST_POINTS = 2000  # thresholds of a group that are searched for a narrower mixture


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
    """Rules of all groups, and what they do to the table in expectation.

    Parameters
    ----------
    rules : list of GroupRule
    value, violation : float
    selected : ndarray of shape (n_groups, 2)
        Expected weight selected of each true label.
    drawn : ndarray of shape (n_groups,)
        Weight of those whose decision depends on the draw.
    violations : tuple of float
        One of each constraint.
    allowed : float
        Least excess over the tolerances that any rule needs; 0 where they are met.
    """

    rules: list[GroupRule]
    value: float
    violation: float
    selected: np.ndarray
    drawn: np.ndarray
    violations: tuple[float, ...] = ()
    allowed: float = 0.0


def pooled_points(table: ScoreTable) -> ThresholdPoints:
    """Every threshold over all groups together."""
    return all_points(table.overall(), 0)


def realize(
    table: ScoreTable,
    group: int,
    points: ThresholdPoints,
    weights: np.ndarray,
    *,
    is_hull: bool,
) -> tuple[GroupRule, np.ndarray, float]:
    """Turn weights over points into the mixture that leaves fewest people to a draw.

    Parameters
    ----------
    table, group
        Where the thresholds between the points are found.
    points : ThresholdPoints
    weights : ndarray of shape (n_points,)
    is_hull : bool
        Whether the points are the vertices of the group's upper hull. Then a mixture
        of two neighbours can only be narrowed between them.

    Returns
    -------
    rule : GroupRule
    selected : ndarray of shape (2,)
        Expected weight selected of each label.
    drawn : float
        Weight of the people between the rule's lowest and highest threshold.
    """
    used = np.flatnonzero(weights > 1e-12)
    share = weights[used] / weights[used].sum()
    selected = share @ points.selected[used]
    rule = GroupRule(points.thresholds[used], share)
    drawn = float((points.selected[used[-1]] - points.selected[used[0]]).sum())
    if len(used) == 1:
        return rule, selected, 0.0
    if is_hull and len(used) == 2 and used[1] == used[0] + 1:
        curve = points_between(table, group, points.take(used))
    else:
        curve = thinned(all_points(table, group), points)
    narrow = narrowest_mixture(curve, selected)
    if narrow is None:
        return rule, selected, drawn
    at, share = narrow
    between = float((curve.selected[at[-1]] - curve.selected[at[0]]).sum())
    if between >= drawn * (1 - _SAME):
        return rule, selected, drawn
    return GroupRule(curve.thresholds[at], share), selected, between


def thinned(
    curve: ThresholdPoints, kept: ThresholdPoints, most: int = _MOST_POINTS
) -> ThresholdPoints:
    """Evenly spaced points of a curve, and those whose thresholds are to be kept."""
    even = np.linspace(0, len(curve) - 1, most).round().astype(int)
    own = np.searchsorted(-curve.thresholds, -kept.thresholds)
    return curve.take(np.union1d(even, own))


def narrowest_mixture(
    curve: ThresholdPoints, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Mix points of a curve to a target, with the least weight between its ends.

    The curve rises in both labels. Seen from the target, an earlier point a and a later
    point c enclose it from one side if the chord from a to c passes on that side: a
    comparison of the two angles. So the first end that encloses it, for every start,
    comes from running extremes of the angles.

    Parameters
    ----------
    curve : ThresholdPoints
    target : ndarray of shape (2,)
        Weight selected of each label.

    Returns
    -------
    at, share : ndarray, or None
        At most three points and their shares; None if none were found.
    """
    scale = np.where(curve.totals > 0, curve.totals, 1)
    x, y = ((curve.selected - target) / scale).T
    x, y = (np.where(np.abs(side) < 1e-12, 0, side) for side in (x, y))
    on_target = np.flatnonzero((x == 0) & (y == 0))
    if len(on_target):
        return on_target[:1], np.ones(1)
    before = np.flatnonzero((x <= 0) & (y <= 0))[::-1]
    after = np.flatnonzero((x >= 0) & (y >= 0))
    if not len(before) or not len(after):
        return None
    beside = slice(before[0] + 1, after[0])
    start = np.arctan2(-y[before], -x[before])
    end = np.arctan2(y[after], x[after])
    stop = np.zeros(len(before), dtype=np.intp)
    if not ((x[beside] > 0) & (y[beside] < 0)).any():
        reach = np.maximum.accumulate(start) + _SAME
        stop = np.searchsorted(-np.minimum.accumulate(end), -reach)
    if not ((x[beside] < 0) & (y[beside] > 0)).any():
        reach = np.minimum.accumulate(start) - _SAME
        stop = np.maximum(stop, np.searchsorted(np.maximum.accumulate(end), reach))
    found = np.flatnonzero(stop < len(after))
    if not len(found):
        return None
    people = curve.selected[:, 0] + curve.selected[:, 1]
    best = found[np.argmin(people[after[stop[found]]] - people[before[found]])]
    return _enclose(x, y, int(before[best]), int(after[stop[best]]))


def _enclose(
    x: np.ndarray, y: np.ndarray, first: int, last: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Shares of two ends, and of a third point between, that average to the origin."""
    ux, uy = x[last] - x[first], y[last] - y[first]
    off = ux * -y[first] - uy * -x[first]  # how far the chord misses the origin
    if abs(off) <= 1e-12:
        share = (-x[first] * ux - y[first] * uy) / (ux**2 + uy**2)
        return np.array([first, last]), np.array([1 - share, share])
    inner = np.arange(first + 1, last)
    vx, vy = x[inner] - x[first], y[inner] - y[first]
    area = ux * vy - uy * vx
    with np.errstate(divide="ignore", invalid="ignore"):
        third = off / area
        second = (-x[first] * vy + y[first] * vx) / area
    shares = np.stack([1 - second - third, third, second])
    worst = np.where(np.isfinite(shares).all(axis=0), shares.min(axis=0), -np.inf)
    if not len(inner) or worst.max() < -_SAME:
        return None
    k = int(np.argmax(worst))
    share = np.clip(shares[:, k], 0, None)
    share = share / share.sum()
    at = np.array([first, inner[k], last])
    missed = max(abs(share @ x[at]), abs(share @ y[at]))
    return (at, share) if missed <= 1e-10 else None
