"""Points of a trade-off over splits, their upper envelope, and one point beside it."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Point(NamedTuple):
    """A method at one strength; a value for each split."""

    method: str
    strength: float
    accuracy: np.ndarray
    gap: np.ndarray
    seconds: float

    def mean(self):
        """Mean gap and mean accuracy."""
        return float(self.gap.mean()), float(self.accuracy.mean())


def undominated(points):
    """Points that no other of them beats in both mean gap and mean accuracy."""
    means = [point.mean() for point in points]
    return [
        point
        for point, (gap, right) in zip(points, means, strict=True)
        if not any(g < gap and a > right for g, a in means)
    ]


def envelope(points):
    """Corners of the least concave, rising majorant of the mean points."""
    corners = []
    for point in sorted(points, key=Point.mean):
        gap, right = point.mean()
        if corners and right <= corners[-1].mean()[1]:
            continue
        while len(corners) > 1:
            (g0, a0), (g1, a1) = corners[-2].mean(), corners[-1].mean()
            if (a1 - a0) * (gap - g0) > (right - a0) * (g1 - g0):
                break
            corners.pop()
        corners.append(point)
    return corners


def standard_error(values):
    """Standard error of the mean over splits."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


def beside(peer, points):
    """Our accuracy at a peer's gap, less the peer's."""
    gap = peer.mean()[0]
    corners = envelope(points)
    low = high = corners[-1]
    for left, right in pairwise(corners):
        if left.mean()[0] <= gap < right.mean()[0]:
            low, high = left, right
    (g0, a0), (g1, a1) = low.mean(), high.mean()
    share, slope = 0.0, 0.0
    if high is not low:
        share, slope = (gap - g0) / (g1 - g0), (a1 - a0) / (g1 - g0)
    ours = (1 - share) * low.accuracy + share * high.accuracy
    our_gap = (1 - share) * low.gap + share * high.gap
    difference = ours - peer.accuracy
    joint = np.hypot(standard_error(ours), standard_error(peer.accuracy))
    paired = standard_error(difference - slope * (our_gap - peer.gap))
    names = dict.fromkeys(f"{p.method} {p.strength:g}" for p in (low, high))
    mean = float(difference.mean())
    return {
        "own_accuracy": float(ours.mean()),
        "difference": mean,
        "joint_se": float(joint),
        "in_joint_se": mean / float(joint) if joint else 0.0,
        "paired_se": paired,
        "in_paired_se": mean / paired if paired else 0.0,
        "partners": " + ".join(names),
    }
