"""Sorting scores by group at the speed of integers: the arithmetic under ScoreTable."""

from __future__ import annotations

import numpy as np

__all__ = ["from_order", "merge_scores", "sort_scores", "to_order"]

_SCORE_BITS = np.uint64(12)  # low bits of a float64 left to the label and the group
_LOW = np.uint64((1 << 12) - 1)
_SIGN = np.uint64(1 << 63)


def to_order(score: np.ndarray) -> np.ndarray:
    """Unsigned integers in the order of the scores, the low bits cut off."""
    bits = np.add(score, 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
    negative = bits > (_SIGN | _LOW)  # else zero once the low bits are cut off
    if negative.any():
        bits = np.where(negative, ~bits, bits | _SIGN)
    else:
        bits |= _SIGN
    return bits >> _SCORE_BITS


def from_order(order: np.ndarray) -> np.ndarray:
    bits = order << _SCORE_BITS
    negative = (bits & _SIGN) == 0
    bits ^= _SIGN
    if negative.any():
        bits[negative] = ~(bits[negative] ^ _SIGN | _LOW)
    return bits.view(np.float64)


def sort_scores(
    group: np.ndarray,
    score: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray | None,
    n_groups: int,
    n_classes: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distinct (group, score) in order, their weight by label, and the groups' starts.

    The weights come twice: summed, and summed in squares. Group, score and label share
    one unsigned 64-bit key where they fit, and integers sort many times faster than an
    argsort of floats.
    """
    order = to_order(score)
    label_bits = max(1, int(n_classes - 1).bit_length())
    group_bits = max(1, int(n_groups - 1).bit_length())
    if label_bits + group_bits > int(_SCORE_BITS) or weight is not None:
        one = np.ones(len(score)) if weight is None else weight
        sums = np.zeros((len(score), 2 * n_classes))
        sums[np.arange(len(score)), label] = one
        sums[np.arange(len(score)), n_classes + label] = one**2
        return _split(_sum_rows(group, order, sums, n_groups), n_classes)
    key = group.astype(np.uint64) << np.uint64(64 - group_bits)
    key |= order << np.uint64(label_bits)
    key |= label.astype(np.uint64)
    key.sort()
    cell = key >> np.uint64(label_bits)
    first = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    score_mask = np.uint64((1 << (64 - int(_SCORE_BITS))) - 1)
    cells = cell[first]
    codes = (cells >> np.uint64(64 - group_bits - label_bits)).astype(np.intp)
    labels = (key & np.uint64((1 << label_bits) - 1)).astype(np.intp)
    weights = (labels[:, None] == np.arange(n_classes)).astype(np.float64)
    if len(first) < len(key):
        weights = np.add.reduceat(weights, first, axis=0)
    starts = np.searchsorted(codes, np.arange(n_groups + 1))
    return from_order(cells & score_mask), weights, weights, starts


def merge_scores(
    group: np.ndarray,
    score: np.ndarray,
    weights: np.ndarray,
    squares: np.ndarray,
    n_groups: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sort rows that are counted by label already, and add up equal ones."""
    sums = np.hstack([weights, squares])
    return _split(_sum_rows(group, to_order(score), sums, n_groups), weights.shape[1])


def _sum_rows(
    group: np.ndarray, order: np.ndarray, sums: np.ndarray, n_groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort by group and order; add up the rows in which both are equal."""
    rank = np.lexsort((order, group))
    group, order, sums = group[rank], order[rank], sums[rank]
    change = (group[1:] != group[:-1]) | (order[1:] != order[:-1])
    first = np.flatnonzero(np.concatenate([[True], change])) if len(order) else rank
    if len(first) < len(order):
        sums = np.add.reduceat(sums, first, axis=0)
    starts = np.searchsorted(group[first], np.arange(n_groups + 1))
    return from_order(order[first]), sums, starts


def _split(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    scores, sums, starts = rows
    return scores, sums[:, :n_classes], sums[:, n_classes:], starts
