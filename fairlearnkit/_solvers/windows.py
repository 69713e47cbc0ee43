"""One rate, one deterministic threshold per group: the exact optimum.

The lowest rate of the optimum is some point's rate. For each candidate the other groups
take their best point in the window above it; sorted by rate, that is a maximum over a
contiguous range.
"""

from __future__ import annotations

import numpy as np


def best_points_in_window(
    rates: list[np.ndarray], values: list[np.ndarray], tolerance: float, compare: str
) -> list[int] | None:
    """Choose one point per group, of the highest total value, with close rates.

    Parameters
    ----------
    rates, values : list of ndarray of shape (n_points_g,)
    tolerance : float
        Bound on max - min, or on 1 - min / max.
    compare : {"difference", "ratio"}

    Returns
    -------
    chosen : list of int, or None
        Index of each group's point; None if no window holds a point of every group.
    """
    orders = [np.argsort(rate, kind="stable") for rate in rates]
    low = np.unique(np.concatenate(rates))
    high = _top_of_window(low, tolerance, compare) + 1e-12
    total = np.zeros(len(low))
    ranges = []
    for rate, value, order in zip(rates, values, orders, strict=True):
        start = np.searchsorted(rate[order], low, side="left")
        stop = np.searchsorted(rate[order], high, side="right")
        ranges.append((start, stop))
        total += _range_maxima(value[order], start, stop)
    at = int(np.argmax(total))
    if not np.isfinite(total[at]):
        return None
    chosen = []
    for value, order, (start, stop) in zip(values, orders, ranges, strict=True):
        inside = order[start[at] : stop[at]]
        chosen.append(int(inside[np.argmax(value[inside])]))
    return chosen


def _top_of_window(low: np.ndarray, tolerance: float, compare: str) -> np.ndarray:
    if compare == "difference":
        return low + tolerance
    if tolerance >= 1:
        return np.full_like(low, np.inf)
    return low / (1 - tolerance)


def _range_maxima(
    values: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> np.ndarray:
    """Maximum of ``values[start:stop]`` for many ranges; -inf where one is empty.

    Two overlapping power-of-two blocks cover a range. The blocks are built level by
    level and dropped again, so that memory stays linear.
    """
    length = stop - start
    result = np.full(len(start), -np.inf)
    level = np.frexp(np.maximum(length, 1))[1] - 1
    block = values.astype(float)
    for k in range(int(level.max(initial=0)) + 1):
        asked = np.flatnonzero((level == k) & (length > 0))
        first, second = start[asked], stop[asked] - (1 << k)
        result[asked] = np.maximum(block[first], block[second])
        if len(block) > (1 << k):
            block = np.maximum(block[: -(1 << k)], block[1 << k :])
    return result
