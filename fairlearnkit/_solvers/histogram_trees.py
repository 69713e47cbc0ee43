"""Regression trees over binned features, grown level by level from sums by bin.

Each tree is a Newton step of boosting: it is grown on gradients and hessians, splits
where the quadratic model of the objective falls most, and answers with the minimum of
that model. The objective may change from tree to tree, which scikit-learn's histogram
boosting does not allow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Binner", "Tree", "grow_tree"]

_LEAST_GAIN = 1e-9  # per unit of hessian; rounding makes smaller ones


@dataclass(frozen=True, eq=False)
class Binner:
    """Map numbers to bins of nearly equal weight; missing ones have a bin of their own.

    Parameters
    ----------
    edges : list of ndarray
        Ends of the bins of each feature, ascending.
    """

    edges: list[np.ndarray]

    @classmethod
    def fit(cls, X: np.ndarray, weight: np.ndarray, max_bins: int) -> Binner:
        """Choose the ends; a feature of few values gets a bin for each.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        weight : ndarray of shape (n_rows,)
            Rows of weight 0 count for nothing.
        max_bins : int
        """
        kept = weight > 0
        mass = weight[kept]
        return cls([_edges(column[kept], mass, max_bins) for column in X.T])

    @property
    def n_bins(self) -> int:
        """Most bins of any feature, that of missing values included."""
        return max(map(len, self.edges)) + 2

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Bin of each value, of shape (n_features, n_rows); missing ones the highest.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        """
        bins = np.empty(X.shape[::-1], dtype=np.intp)
        for own, edges, column in zip(bins, self.edges, X.T, strict=True):
            own[:] = np.searchsorted(edges, column)
            own[np.isnan(column)] = self.n_bins - 1
        return bins


@dataclass(frozen=True, eq=False)
class Tree:
    """A binary tree whose node k has the children 2k + 1 and 2k + 2.

    Parameters
    ----------
    feature : ndarray of int
        Feature that each node looks at; -1 for a leaf.
    highest : ndarray of int
        Highest bin that goes left.
    value : ndarray of float
    """

    feature: np.ndarray
    highest: np.ndarray
    value: np.ndarray

    def scaled(self, factor: float) -> Tree:
        """Multiply the values."""
        return Tree(self.feature, self.highest, factor * self.value)

    def predict(self, bins: np.ndarray) -> np.ndarray:
        """Value of the leaf of each row.

        Parameters
        ----------
        bins : ndarray of shape (n_features, n_rows)
        """
        node = np.zeros(bins.shape[1], dtype=np.intp)
        rows = np.arange(bins.shape[1])
        while len(rows):
            feature = self.feature[node[rows]]
            rows, feature = rows[feature >= 0], feature[feature >= 0]
            at = node[rows]
            node[rows] = 2 * at + 1 + (bins[feature, rows] > self.highest[at])
        return self.value[node]


@dataclass(frozen=True, eq=False)
class _Splits:
    """Best split of each node of a level, and the node's own sums."""

    feature: np.ndarray
    highest: np.ndarray
    value: np.ndarray


def grow_tree(
    bins: np.ndarray,
    gradient: np.ndarray,
    hessian: np.ndarray,
    *,
    n_bins: int,
    max_depth: int,
    l2: float,
    min_hessian: float,
) -> Tree:
    """Grow a tree that lowers the quadratic model of an objective.

    Parameters
    ----------
    bins : ndarray of shape (n_features, n_rows), dtype intp
    gradient, hessian : ndarray of shape (n_rows,)
        Derivatives of the objective by the score of each row.
    n_bins : int
    max_depth : int
    l2 : float
        Half of it times the squared value of each leaf is added to the model.
    min_hessian : float
        Least sum of hessians in a leaf.
    """
    size = 2 ** (max_depth + 1) - 1
    tree = Tree(np.full(size, -1), np.zeros(size, dtype=np.intp), np.zeros(size))
    rows = np.arange(bins.shape[1])
    nodes, place = np.zeros(1, dtype=np.intp), np.zeros(len(rows), dtype=np.intp)
    for depth in range(max_depth + 1):
        sums = _sums(bins, gradient, hessian, rows, place, len(nodes), n_bins)
        found = _best_splits(*sums, l2=l2, min_hessian=min_hessian)
        tree.value[nodes] = found.value
        split = found.feature >= 0
        if depth == max_depth or not split.any():
            break
        nodes, place, rows = _descend(tree, nodes, found, rows, place, bins)
    return tree


def _descend(
    tree: Tree,
    nodes: np.ndarray,
    found: _Splits,
    rows: np.ndarray,
    place: np.ndarray,
    bins: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write the splits into the tree and move the rows to the children."""
    split = found.feature >= 0
    tree.feature[nodes[split]] = found.feature[split]
    tree.highest[nodes[split]] = found.highest[split]
    kept = split[place]
    rows, place = rows[kept], place[kept]
    right = bins[found.feature[place], rows] > found.highest[place]
    children = np.column_stack([2 * nodes[split] + 1, 2 * nodes[split] + 2]).ravel()
    order = np.cumsum(split) - 1
    return children, 2 * order[place] + right, rows


def _sums(
    bins: np.ndarray,
    gradient: np.ndarray,
    hessian: np.ndarray,
    rows: np.ndarray,
    place: np.ndarray,
    n_nodes: int,
    n_bins: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of gradients and hessians, of shape (n_features, n_nodes, n_bins)."""
    whole = len(rows) == bins.shape[1]
    first, second = (gradient, hessian) if whole else (gradient[rows], hessian[rows])
    offset, size = place * n_bins, n_nodes * n_bins
    sums = np.empty((2, len(bins), size))
    for feature, own in enumerate(bins):
        key = offset + (own if whole else own[rows])
        sums[0, feature] = np.bincount(key, first, size)
        sums[1, feature] = np.bincount(key, second, size)
    up, curve = sums.reshape(2, len(bins), n_nodes, n_bins)
    return up, curve


def _best_splits(
    up: np.ndarray, curve: np.ndarray, *, l2: float, min_hessian: float
) -> _Splits:
    total_up, total_curve = up[0].sum(axis=-1), curve[0].sum(axis=-1)
    left_up, left_curve = up.cumsum(axis=-1), curve.cumsum(axis=-1)
    right_up = total_up[None, :, None] - left_up
    right_curve = total_curve[None, :, None] - left_curve
    safe = max(l2, 1e-300)
    gain = left_up**2 / (np.maximum(left_curve, 0) + safe)
    gain += right_up**2 / (np.maximum(right_curve, 0) + safe)
    gain -= (total_up**2 / (total_curve + safe))[None, :, None]
    least = max(min_hessian, 1e-12)
    # Rounding differs with the order of rows and must not decide between equals.
    gain = np.where((left_curve >= least) & (right_curve >= least), gain, -1)
    gain = gain.astype(np.float32).transpose(1, 0, 2).reshape(len(total_up), -1)
    best = gain.argmax(axis=1)
    feature, highest = np.divmod(best, up.shape[-1])
    worth = gain[np.arange(len(best)), best] > _LEAST_GAIN * total_curve
    value = -total_up / (total_curve + safe)
    return _Splits(np.where(worth, feature, -1), highest, value)


def _edges(column: np.ndarray, weight: np.ndarray, max_bins: int) -> np.ndarray:
    known = ~np.isnan(column)
    values, inverse = np.unique(column[known], return_inverse=True)
    if len(values) > max_bins:
        share = np.cumsum(np.bincount(inverse, weight[known]))
        level = np.floor(share / share[-1] * max_bins * (1 - 1e-12))
        last = np.flatnonzero(np.diff(level) > 0)
    else:
        last = np.arange(len(values) - 1)
    return (values[last] + values[last + 1]) / 2 if len(values) > 1 else np.empty(0)
