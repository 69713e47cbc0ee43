"""What happened to whom: small additive tables, the only thing fairness needs of data.

:class:`GroupCounts` counts (group, true label, predicted label) and carries every rate;
:class:`ScoreTable` counts (group, true label, score) and carries every threshold rule.
Both add up, so that chunks, files or machines are counted apart and merged with ``+``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlearnkit._counting import (
    count_cells,
    count_frame,
    group_column,
    label_column,
)
from fairlearnkit._factorize import factorize
from fairlearnkit._groups import Groups, cross_columns, resolve_groups
from fairlearnkit._sorting import from_order, sort_scores, to_order

__all__ = ["GroupCounts", "ScoreTable"]


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Weighted counts of (group, true label, predicted label).

    Parameters
    ----------
    counts : ndarray of shape (n_groups, n_classes, n_classes)
        Sum of weights in each cell; the last two axes are true and predicted label.
    squares : ndarray of the same shape
        Sum of squared weights, from which effective sample sizes come.
    groups : tuple
        Label of each group; a tuple of values where several columns are crossed.
    classes : tuple
        Class labels, ascending.
    names : tuple of str
        Names of the sensitive columns.

    See Also
    --------
    fairlearnkit.constraints.Rate : What is read off the table.

    Examples
    --------
    >>> from fairlearnkit.tables import GroupCounts
    >>> table = GroupCounts.from_arrays(
    ...     [0, 1, 1, 0], [0, 1, 0, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    >>> table.counts[0]
    array([[1., 0.],
           [0., 1.]])
    >>> float((table + table).counts.sum())
    8.0
    """

    counts: np.ndarray
    squares: np.ndarray
    groups: tuple
    classes: tuple
    names: tuple[str, ...] = ("sensitive_features",)

    @classmethod
    def from_arrays(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        sensitive_features: Any,
        sample_weight: Any = None,
        classes: Sequence | None = None,
        handle_missing: str = "error",
    ) -> GroupCounts:
        """Count arrays in one pass.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            Labels: numbers, booleans or strings.
        sensitive_features : array-like, Series or data frame of n_samples rows
            Several columns make intersectional groups.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        classes : sequence, default=None
            Every class label; by default those that occur.
        handle_missing : {"error", "group"}, default="error"
            Policy for missing sensitive values.

        Raises
        ------
        ValueError
            If lengths differ, a label is not in `classes`, labels are continuous or
            missing, or a weight is negative.
        """
        columns, names, labels = group_column(sensitive_features, handle_missing)
        columns += [label_column(y_true, "y_true"), label_column(y_pred, "y_pred")]
        _check_lengths(len(columns[0].codes), y_true=columns[1], y_pred=columns[2])
        weight = _check_weight(sample_weight, len(columns[0].codes))
        counts, squares, axes = count_cells(columns, weight)
        found = axes[0]
        groups = tuple(labels[code] for code in found) if labels else tuple(found)
        for name, axis in zip(("y_true", "y_pred"), axes[1:], strict=True):
            _check_labels(name, axis)
        known = _class_vocabulary(axes[1], axes[2], classes)
        places = [_positions(axis, known) for axis in axes[1:]]
        where = np.ix_(np.arange(len(found)), *places)
        table = np.zeros((2, len(found), len(known), len(known)))
        table[0][where], table[1][where] = counts, squares
        return cls(table[0], table[1], groups, known, names)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        y_true: str,
        y_pred: str,
        sensitive_features: str | Sequence[str],
        sample_weight: str | None = None,
        classes: Sequence | None = None,
    ) -> GroupCounts:
        """Count by the group-by of the engine that holds the data.

        Parameters
        ----------
        frame : data frame, lazy or eager, of any engine that narwhals supports
        y_true, y_pred, sensitive_features, sample_weight : str (a list for the groups)
            Names of columns.
        classes : sequence, default=None
            Every class label; by default those that occur.

        Raises
        ------
        ValueError
            If a value is missing, labels are continuous or a weight is negative.
        """
        names = _as_list(sensitive_features)
        keys = list(dict.fromkeys([*names, y_true, y_pred]))
        columns, weights, weight_squares = count_frame(frame, keys, sample_weight)
        groups = cross_columns([(name, columns[name]) for name in names])
        true, true_labels = factorize(columns[y_true], y_true)
        pred, pred_labels = factorize(columns[y_pred], y_pred)
        _check_labels(y_true, true_labels)
        _check_labels(y_pred, pred_labels)
        known = _class_vocabulary(true_labels, pred_labels, classes)
        index = (
            groups.codes,
            _positions(true_labels, known)[true],
            _positions(pred_labels, known)[pred],
        )
        shape = (len(groups), len(known), len(known))
        counts, squares = np.zeros(shape), np.zeros(shape)
        counts[index], squares[index] = weights, weight_squares
        return cls(counts, squares, groups.labels, known, groups.names)

    def __add__(self, other: GroupCounts) -> GroupCounts:
        if not isinstance(other, GroupCounts):
            return NotImplemented
        groups, (mine, theirs) = _merge_labels(self, other)
        classes = tuple(
            _class_vocabulary(list(self.classes), list(other.classes), None)
        )
        shape = (len(groups), len(classes), len(classes))
        counts, squares = np.zeros(shape), np.zeros(shape)
        for table, rows in ((self, mine), (other, theirs)):
            columns = _positions(list(table.classes), classes)
            where = np.ix_(rows, columns, columns)
            counts[where] += table.counts
            squares[where] += table.squares
        return GroupCounts(counts, squares, groups, classes, self.names)

    @property
    def totals(self) -> np.ndarray:
        """Weight of each group and true label, of shape (n_groups, n_classes)."""
        return self.counts.sum(axis=2)

    def with_classes(self, classes: Sequence) -> GroupCounts:
        """Return the same table with these classes, of which it may lack some."""
        empty = np.zeros((0, len(classes), len(classes)))
        return self + GroupCounts(empty, empty, (), tuple(classes), self.names)

    def overall(self) -> GroupCounts:
        """Return the same table with all groups pooled into one, labelled "overall"."""
        counts = self.counts.sum(axis=0, keepdims=True)
        squares = self.squares.sum(axis=0, keepdims=True)
        return GroupCounts(counts, squares, ("overall",), self.classes, self.names)


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Weighted counts of (group, true label, score), sorted by group and score.

    Scores are kept to 40 bits of mantissa (a relative step of 1e-12), which absorbs
    the rounding noise of linear algebra; :meth:`quantize` does the same to new scores.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
        Distinct scores of each group, ascending within a group.
    weights : ndarray of shape (n_rows, n_classes)
        Sum of weights by true label.
    starts : ndarray of shape (n_groups + 1,)
        Rows of group g are ``starts[g]:starts[g + 1]``.
    groups, classes, names : tuple
        As in :class:`GroupCounts`.

    Examples
    --------
    >>> from fairlearnkit.tables import ScoreTable
    >>> table = ScoreTable.from_arrays(
    ...     [0, 1, 1], [0.2, 0.7, 0.7], sensitive_features=["a", "b", "b"]
    ... )
    >>> table.weights
    array([[1., 0.],
           [0., 2.]])
    """

    scores: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    groups: tuple
    classes: tuple
    names: tuple[str, ...] = ("sensitive_features",)

    @classmethod
    def from_arrays(
        cls,
        y_true: Any,
        scores: Any,
        *,
        sensitive_features: Any,
        sample_weight: Any = None,
        classes: Sequence | None = None,
    ) -> ScoreTable:
        """Sort and count arrays of labels and scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
        scores : array-like of shape (n_samples,)
            Finite or infinite numbers, not NaN.
        sensitive_features : array-like, Series, data frame or Groups
        sample_weight : array-like of shape (n_samples,), default=None
        classes : sequence, default=None
            Every class label; by default those that occur.

        Raises
        ------
        ValueError
            If lengths differ, a score is NaN or a weight is negative.
        """
        groups = (
            sensitive_features
            if isinstance(sensitive_features, Groups)
            else resolve_groups(sensitive_features=sensitive_features)
        )
        label, labels = factorize(y_true, "y_true")
        known = _class_vocabulary(labels, [], classes)
        if labels != list(known):
            label = _positions(labels, known)[label]
        score = np.asarray(scores, dtype=np.float64)
        _check_lengths(len(groups.codes), y_true=label, scores=score)
        if np.isnan(score).any():
            raise ValueError(f"scores hold {int(np.isnan(score).sum())} NaN values.")
        weight = _check_weight(sample_weight, len(score))
        if weight is not None and not weight.all():
            kept = weight > 0
            groups, score, label = groups.take(kept), score[kept], label[kept]
            weight = weight[kept]
        rows = sort_scores(groups.codes, score, label, weight, len(groups), len(known))
        return cls(*rows, groups.labels, tuple(known), groups.names)

    @staticmethod
    def quantize(scores: Any) -> np.ndarray:
        """Round scores towards 0, to the precision at which the table keeps them."""
        return from_order(to_order(np.asarray(scores, dtype=np.float64)))

    def __add__(self, other: ScoreTable) -> ScoreTable:
        if not isinstance(other, ScoreTable):
            return NotImplemented
        if self.classes != other.classes:
            raise ValueError("score tables of different classes cannot be added.")
        groups, places = _merge_labels(self, other)
        parts = [(self, places[0]), (other, places[1])]
        codes = np.concatenate([t.group_of_rows(rows) for t, rows in parts])
        n_classes = len(self.classes)
        score = np.concatenate([self.scores, other.scores])
        weight = np.concatenate([self.weights, other.weights])
        rows = sort_scores(
            np.repeat(codes, n_classes),
            np.repeat(score, n_classes),
            np.tile(np.arange(n_classes), len(score)),
            weight.ravel(),
            len(groups),
            n_classes,
        )
        return ScoreTable(*rows, groups, self.classes, self.names)

    def group_of_rows(self, places: np.ndarray | None = None) -> np.ndarray:
        """Group code of each row, or ``places[code]``."""
        codes = np.arange(len(self.groups)) if places is None else places
        return np.repeat(codes, np.diff(self.starts))

    @property
    def totals(self) -> np.ndarray:
        """Weight of each group and true label, of shape (n_groups, n_classes)."""
        groups = range(len(self.groups))
        return np.stack([self.weights[self.rows(g)].sum(axis=0) for g in groups])

    def overall(self) -> ScoreTable:
        """Return the same table with all groups pooled into one, labelled "overall"."""
        scores, row = np.unique(self.scores, return_inverse=True)
        weights = np.stack(
            [np.bincount(row, weights=column) for column in self.weights.T], axis=1
        )
        starts = np.array([0, len(scores)])
        return ScoreTable(
            scores, weights, starts, ("overall",), self.classes, self.names
        )

    def rows(self, group: int) -> slice:
        """Rows of one group."""
        return slice(self.starts[group], self.starts[group + 1])


def _as_list(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _check_lengths(n_rows: int, **columns: Any) -> None:
    for name, column in columns.items():
        if column.shape != (n_rows,):
            raise ValueError(
                f"{name} has shape {column.shape} but sensitive_features has "
                f"{n_rows} rows; pass one value per row."
            )
    if not n_rows:
        raise ValueError("there are no rows to count.")


def _check_labels(name: str, labels: list) -> None:
    fractions = [v for v in labels if isinstance(v, float) and not v.is_integer()]
    if fractions:
        raise ValueError(
            f"{name} holds continuous values such as {fractions[0]:g}; pass class "
            "labels, as predict returns them."
        )


def _check_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}; expected ({n_samples},)."
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("sample_weight must be finite and non-negative.")
    return weight


def _class_vocabulary(first: list, second: list, classes: Sequence | None) -> tuple:
    found = set(first) | set(second)
    if classes is None:
        try:
            return tuple(sorted(found))
        except TypeError:
            raise ValueError(
                f"y_true and y_pred mix labels of different types: {found}."
            ) from None
    known = tuple(sorted(np.asarray(classes).tolist()))
    if strange := found - set(known):
        raise ValueError(f"labels {sorted(strange)} are not in classes {known}.")
    return known


def _positions(labels: list, known: Sequence) -> np.ndarray:
    index = {label: position for position, label in enumerate(known)}
    return np.array([index[label] for label in labels], dtype=np.intp)


def _merge_labels(first: Any, second: Any) -> tuple[tuple, list[np.ndarray]]:
    if first.names != second.names:
        raise ValueError(
            f"tables of different sensitive features cannot be added: {first.names} "
            f"and {second.names}."
        )
    groups = tuple(dict.fromkeys([*first.groups, *second.groups]))
    return groups, [_positions(list(t.groups), groups) for t in (first, second)]
