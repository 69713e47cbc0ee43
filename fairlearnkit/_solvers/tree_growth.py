"""Growth of decision trees by information about the label and about the group.

The tree grows level by level. Each feature keeps the rows in the order of its values
within every node, so that all splits of a level are scored by a few cumulative sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CRITERIA", "GrownTree", "Growth", "grow_tree"]

CRITERIA = ("igc-igs", "igc/igs", "igc+igs", "igc")
_NOTHING = 1e-10  # bits; a gain below this is rounding
_SAME = 1e-10  # splits whose scores are closer than this, relatively, are equal
_LEAF = -1


@dataclass(frozen=True, eq=False)
class GrownTree:
    """Nodes of a binary tree, the root first; a value up to the threshold goes left.

    Parameters
    ----------
    feature : ndarray of shape (n_nodes,), dtype int
        -1 in a leaf.
    threshold : ndarray of shape (n_nodes,)
        NaN in a leaf.
    left, right : ndarray of shape (n_nodes,), dtype int
        -1 in a leaf.
    depth : ndarray of shape (n_nodes,), dtype int
        0 at the root.
    counts : ndarray of shape (n_nodes, n_groups, n_classes)
        Weight of the training rows of each group and label.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    depth: np.ndarray
    counts: np.ndarray

    @property
    def leaves(self) -> np.ndarray:
        """Numbers of the nodes that are leaves."""
        return np.flatnonzero(self.feature == _LEAF)

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Number of the leaf of each row."""
        node, rows = np.zeros(len(X), dtype=np.intp), np.arange(len(X))
        while len(rows):
            rows = rows[self.feature[node[rows]] != _LEAF]
            here = node[rows]
            goes_left = X[rows, self.feature[here]] <= self.threshold[here]
            node[rows] = np.where(goes_left, self.left[here], self.right[here])
        return node


@dataclass(frozen=True)
class Growth:
    """How a tree is grown.

    Parameters
    ----------
    criterion : {"igc-igs", "igc/igs", "igc+igs", "igc"}
        Gain in information on the class (igc) and on the group (igs), combined.
    max_depth : int or None
    min_samples_split, min_samples_leaf : int
        Rows, of positive weight, of a node that is split and of its two parts.
    """

    criterion: str
    max_depth: int | None
    min_samples_split: int
    min_samples_leaf: int

    def score(self, igc: np.ndarray, igs: np.ndarray) -> np.ndarray:
        """Combine the two gains; a split is worth making if this is positive."""
        if self.criterion == "igc+igs":
            return igc + igs
        if self.criterion == "igc-igs":
            return igc - igs
        if self.criterion == "igc/igs":
            return np.where(igc > _NOTHING, igc / np.maximum(igs, _NOTHING), 0.0)
        return igc


def grow_tree(
    X: np.ndarray,
    codes: np.ndarray,
    groups: np.ndarray,
    weight: np.ndarray,
    shape: tuple[int, int],
    growth: Growth,
) -> GrownTree:
    """Grow a tree on rows of positive weight.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    codes, groups : ndarray of shape (n_samples,), dtype int
        Positions of the label and of the group.
    weight : ndarray of shape (n_samples,)
        Positive.
    shape : tuple of int
        Numbers of groups and of classes.
    growth : Growth
    """
    level = _Level.root(X, codes, groups, weight, shape)
    nodes: list[tuple[np.ndarray, ...]] = []
    n_nodes, depth = 1, 0
    while True:
        counts = level.counts()
        feature, threshold = level.best_splits(counts, growth, depth)
        split = feature != _LEAF
        left = np.full(len(split), _LEAF)
        left[split] = n_nodes + 2 * np.arange(split.sum())
        right = np.where(split, left + 1, _LEAF)
        nodes.append(
            (feature, threshold, left, right, np.full(len(split), depth), counts)
        )
        if not split.any():
            return GrownTree(*map(np.concatenate, zip(*nodes, strict=True)))
        n_nodes, depth = n_nodes + 2 * int(split.sum()), depth + 1
        level = level.divide(feature, threshold)


@dataclass(frozen=True, eq=False)
class _Level:
    """The nodes of one depth, and the rows in them.

    Parameters
    ----------
    X, codes, groups, weight, shape
        As in `grow_tree`.
    node : ndarray of shape (n_samples,)
        Node of each row, among those of the level; -1 for rows in leaves above.
    n_nodes : int
    orders : list of ndarray
        Rows of the level in the order of (node, value), of each feature.
    """

    X: np.ndarray
    codes: np.ndarray
    groups: np.ndarray
    weight: np.ndarray
    shape: tuple[int, int]
    node: np.ndarray
    n_nodes: int
    orders: list[np.ndarray]

    @classmethod
    def root(
        cls,
        X: np.ndarray,
        codes: np.ndarray,
        groups: np.ndarray,
        weight: np.ndarray,
        shape: tuple[int, int],
    ) -> _Level:
        """The level of the root."""
        orders = [np.argsort(column, kind="stable") for column in X.T]
        node = np.zeros(len(X), dtype=np.intp)
        return cls(X, codes, groups, weight, shape, node, 1, orders)

    def counts(self) -> np.ndarray:
        """Weight by node, group and label."""
        rows = np.flatnonzero(self.node >= 0)
        shape = self.n_nodes, *self.shape
        place = self.node[rows], self.groups[rows], self.codes[rows]
        flat = np.ravel_multi_index(place, shape)
        found = np.bincount(flat, self.weight[rows], int(np.prod(shape)))
        return found.reshape(shape)

    def best_splits(
        self, counts: np.ndarray, growth: Growth, depth: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Feature and threshold of each node's best split; -1 and NaN for a leaf.

        Of splits that are equally good, that of the first feature and the least value.
        """
        feature = np.full(self.n_nodes, _LEAF)
        threshold = np.full(self.n_nodes, np.nan)
        if growth.max_depth is not None and depth >= growth.max_depth:
            return feature, threshold
        best = np.full(self.n_nodes, _NOTHING)
        people = np.bincount(self.node[self.node >= 0], minlength=self.n_nodes)
        large = people >= max(growth.min_samples_split, 2 * growth.min_samples_leaf)
        for j, order in enumerate(self.orders):
            values = self.X[order, j]
            at, score = self._scores(order, values, people, counts, growth)
            here = self.node[order[at]]
            at, score, here = _first_best(at, score, here)
            better = large[here] & (score > best[here] * (1 + _SAME))
            at, here = at[better], here[better]
            best[here], feature[here] = score[better], j
            middle = values[at] / 2 + values[at + 1] / 2
            threshold[here] = np.where(middle < values[at + 1], middle, values[at])
        return feature, threshold

    def divide(self, feature: np.ndarray, threshold: np.ndarray) -> _Level:
        """The next level: the parts of the nodes that are split."""
        split = feature != _LEAF
        rank = np.cumsum(split) - 1
        rows = np.flatnonzero(self.node >= 0)
        rows = rows[split[self.node[rows]]]
        parent = self.node[rows]
        goes_right = ~(self.X[rows, feature[parent]] <= threshold[parent])
        node = np.full(len(self.node), _LEAF)
        node[rows] = 2 * rank[parent] + goes_right
        n_nodes = 2 * int(split.sum())
        # A stable sort of 16-bit numbers takes linear time.
        kind = np.uint16 if n_nodes < 1 << 16 else np.int64
        orders = []
        for order in self.orders:
            order = order[node[order] >= 0]
            key = node[order].astype(kind)
            orders.append(order[np.argsort(key, kind="stable")])
        return _Level(
            *(self.X, self.codes, self.groups, self.weight, self.shape),
            *(node, n_nodes, orders),
        )

    def _scores(
        self,
        order: np.ndarray,
        values: np.ndarray,
        people: np.ndarray,
        counts: np.ndarray,
        growth: Growth,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places after which a feature's order may be cut, and what a cut scores."""
        node = self.node[order]
        start = np.cumsum(people) - people
        before = np.arange(1, len(order)) - start[node[:-1]]
        after = people[node[:-1]] - before
        cut = (values[:-1] < values[1:]) & (node[:-1] == node[1:])
        cut &= np.minimum(before, after) >= growth.min_samples_leaf
        at = np.flatnonzero(cut)
        here = node[at]
        weight = self.weight[order]
        gains = []
        for code, axis in ((self.codes, 1), (self.groups, 2)):
            whole = counts.sum(axis=axis)
            sums = np.cumsum(whole, axis=0) - whole  # of the nodes before
            left = np.empty((whole.shape[1], len(at)))
            for k in range(1, len(left)):
                up_to = np.cumsum(np.where(code[order] == k, weight, 0.0))
                left[k] = up_to[at] - sums[here, k]
            total = np.cumsum(weight)[at] - sums.sum(axis=1)[here]
            left[0] = total - left[1:].sum(axis=0)
            gains.append(_gain(np.maximum(left, 0), whole[here].T))
        return at, growth.score(*gains)


def _gain(left: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Fall of the entropy, in bits, from the whole to its two parts.

    Both of shape (n_labels, n_cuts), in weights.
    """
    right = np.maximum(whole - left, 0)
    spread = _spread(whole) - _spread(left) - _spread(right)
    return np.maximum(spread / whole.sum(axis=0) / np.log(2), 0)


def _spread(parts: np.ndarray) -> np.ndarray:
    """Entropy times weight."""
    total = parts.sum(axis=0)
    return _times_log(total) - _times_log(parts).sum(axis=0)


def _times_log(values: np.ndarray) -> np.ndarray:
    """x log x, several times faster than scipy's xlogy."""
    return values * np.log(np.maximum(values, np.finfo(float).tiny))


def _first_best(
    at: np.ndarray, score: np.ndarray, node: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first of each node's best cuts; `node` is ascending."""
    if not len(at):
        return at, score, node
    starts = np.flatnonzero(np.diff(node, prepend=-1))
    top = np.maximum.reduceat(score, starts)
    sizes = np.diff(starts, append=len(node))
    limit = np.repeat(top - _SAME * np.abs(top), sizes)
    good = np.flatnonzero(score >= limit)
    first = good[np.flatnonzero(np.diff(node[good], prepend=-1))]
    return at[first], score[first], node[first]
