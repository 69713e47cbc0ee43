"""Threshold rules of one group as points, and the concave envelope of their value.

A point is a threshold; its coordinates are the weight selected of each true label. All
randomised threshold rules are mixtures of the vertices of the upper hull of these
points, the group's ROC hull, which isotonic regression finds in linear time after the
sort (Fawcett and Niculescu-Mizil 2007, doi:10.1007/s10994-007-5011-0), and of the lower
hull, which matters only where a rate falls with one label and rises with the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from fairlearnkit.tables import ScoreTable

_SAME_RATE = 1e-12  # rates closer than this differ by rounding


@dataclass(frozen=True, eq=False)
class ThresholdPoints:
    """Threshold rules of one group, from selecting nobody to selecting everybody.

    Parameters
    ----------
    thresholds : ndarray of shape (n_points,), descending
        A score is selected if it exceeds the threshold.
    selected : ndarray of shape (n_points, 2)
        Weight selected of each true label.
    totals : ndarray of shape (2,)
        Weight of each true label.
    """

    thresholds: np.ndarray
    selected: np.ndarray
    totals: np.ndarray

    def __len__(self) -> int:
        return len(self.thresholds)

    def take(self, which: np.ndarray) -> ThresholdPoints:
        """Keep some of the points."""
        return ThresholdPoints(
            self.thresholds[which], self.selected[which], self.totals
        )

    def evaluate(self, weights: np.ndarray) -> np.ndarray:
        """Value of a functional that weighs (true label, decision), at each point.

        Parameters
        ----------
        weights : ndarray of shape (..., 2, 2)

        Returns
        -------
        values : ndarray of shape (..., n_points)
        """
        constant = (weights[..., 0] * self.totals).sum(axis=-1)
        slope = weights[..., 1] - weights[..., 0]
        return constant[..., None] + slope @ self.selected.T


def all_points(table: ScoreTable, group: int) -> ThresholdPoints:
    """Every threshold between two distinct scores of a group, and both ends."""
    rows = table.rows(group)
    return _points(table.scores[rows][::-1], table.weights[rows][::-1])


def points_between(
    table: ScoreTable, group: int, ends: ThresholdPoints
) -> ThresholdPoints:
    """Every threshold of a group from the first to the last of `ends`."""
    rows = table.rows(group)
    high, low = ends.thresholds[0], ends.thresholds[-1]
    start, stop = np.searchsorted(table.scores[rows], [low, high], side="right")
    scores = table.scores[rows][start:stop][::-1]
    steps = table.weights[rows][start:stop][::-1].cumsum(axis=0)
    selected = np.concatenate([[[0.0, 0.0]], steps]) + ends.selected[0]
    inner = _midpoints(scores, np.arange(1, len(scores)))
    return ThresholdPoints(
        np.concatenate([[high], inner, [low]]), selected, ends.totals
    )


def point_at(table: ScoreTable, group: int, threshold: float) -> ThresholdPoints:
    """The one rule of a group that cuts at a given threshold."""
    rows = table.rows(group)
    scores, weights = table.scores[rows], table.weights[rows]
    start = np.searchsorted(scores, threshold, side="right")
    selected = weights[start:].sum(axis=0)
    totals = selected + weights[:start].sum(axis=0)
    return ThresholdPoints(np.array([threshold]), selected[None], totals)


def hull_points(
    table: ScoreTable, group: int, *, lower: bool = False
) -> ThresholdPoints:
    """The vertices of a group's upper ROC hull, and of the lower one if asked."""
    rows = table.rows(group)
    scores, weights = table.scores[rows][::-1], table.weights[rows][::-1]
    mass = weights[:, 0] + weights[:, 1]  # a sum over two columns is slow
    share = weights[:, 1] / mass
    blocks = isotonic_regression(share, weights=mass, increasing=False).blocks
    if lower:
        below = isotonic_regression(share, weights=mass, increasing=True).blocks
        blocks = np.union1d(blocks, below)
    selected = np.concatenate([[[0.0, 0.0]], weights.cumsum(axis=0)])[blocks]
    return ThresholdPoints(_midpoints(scores, blocks), selected, selected[-1])


def _points(scores: np.ndarray, weights: np.ndarray) -> ThresholdPoints:
    selected = np.concatenate([[[0.0, 0.0]], weights.cumsum(axis=0)])
    cuts = np.arange(len(scores) + 1)
    return ThresholdPoints(_midpoints(scores, cuts), selected, selected[-1])


def _midpoints(scores: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Thresholds that select the first `cuts` of descending scores."""
    above = np.concatenate([[np.inf], scores])[cuts]
    below = np.concatenate([scores, [-np.inf]])[cuts]
    inner = np.isfinite(above) & np.isfinite(below)
    middle = np.where(inner, above, 0) / 2 + np.where(inner, below, 0) / 2
    thresholds = np.where(inner, middle, below)
    thresholds[cuts == 0] = np.inf
    return thresholds


def envelope(rate: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Vertices of the upper concave envelope of points, by ascending rate.

    Parameters
    ----------
    rate, value : ndarray of shape (n_points,)

    Returns
    -------
    vertices : ndarray of int
        Indices into the points.
    """
    order = np.argsort(rate, kind="stable")
    column = np.empty(len(rate), dtype=np.intp)
    column[order] = np.cumsum(np.diff(rate[order], prepend=-np.inf) > _SAME_RATE)
    order = np.lexsort((-value, column))
    order = order[np.diff(column[order], prepend=0) > 0]
    if len(order) == 1:
        return order
    dx, du = np.diff(rate[order]), np.diff(value[order])
    blocks = isotonic_regression(du / dx, weights=dx, increasing=False).blocks
    return order[blocks]
