"""Counts of (group, true label, predicted label): every rate is read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlearnkit._counting import (
    count_cells,
    count_frame,
    group_keys,
    label_column,
)
from fairlearnkit._draws import new_generator
from fairlearnkit._factorize import factorize
from fairlearnkit._groups import cross_columns, warn_many_groups
from fairlearnkit._vocabulary import (
    check_class_labels,
    check_lengths,
    check_weight,
    class_vocabulary,
    merge_labels,
    positions,
)

__all__ = ["GroupCounts"]


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
        keys, names = group_keys(sensitive_features, handle_missing)
        columns = [label_column(y_true, "y_true"), label_column(y_pred, "y_pred")]
        n_rows = len(keys[0].codes)
        check_lengths(n_rows, y_true=columns[0], y_pred=columns[1])
        weight = check_weight(sample_weight, n_rows)
        counts, squares, groups, axes = count_cells(keys, columns, weight)
        warn_many_groups(names, len(groups), n_rows)
        for name, axis in zip(("y_true", "y_pred"), axes, strict=True):
            check_class_labels(name, axis)
        known = class_vocabulary(axes[0], axes[1], classes)
        places = [positions(axis, known) for axis in axes]
        where = np.ix_(np.arange(len(groups)), *places)
        table = np.zeros((2, len(groups), len(known), len(known)))
        table[0][where], table[1][where] = counts, squares
        return cls(table[0], table[1], tuple(groups), known, names)

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
        names = (
            [sensitive_features]
            if isinstance(sensitive_features, str)
            else list(sensitive_features)
        )
        keys = list(dict.fromkeys([*names, y_true, y_pred]))
        columns, weights, weight_squares = count_frame(frame, keys, sample_weight)
        groups = cross_columns([(name, columns[name]) for name in names])
        true, true_labels = factorize(columns[y_true], y_true)
        pred, pred_labels = factorize(columns[y_pred], y_pred)
        check_class_labels(y_true, true_labels)
        check_class_labels(y_pred, pred_labels)
        known = class_vocabulary(true_labels, pred_labels, classes)
        index = (
            groups.codes,
            positions(true_labels, known)[true],
            positions(pred_labels, known)[pred],
        )
        shape = (len(groups), len(known), len(known))
        counts, squares = np.zeros(shape), np.zeros(shape)
        counts[index], squares[index] = weights, weight_squares
        return cls(counts, squares, groups.labels, known, groups.names)

    def __add__(self, other: GroupCounts) -> GroupCounts:
        if not isinstance(other, GroupCounts):
            return NotImplemented
        groups, (mine, theirs) = merge_labels(self, other)
        classes = tuple(class_vocabulary(list(self.classes), list(other.classes), None))
        shape = (len(groups), len(classes), len(classes))
        counts, squares = np.zeros(shape), np.zeros(shape)
        for table, rows in ((self, mine), (other, theirs)):
            columns = positions(list(table.classes), classes)
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

    def regroup(self, places: Any, groups: Sequence, names: Sequence) -> GroupCounts:
        """Add up groups: group g becomes part of ``groups[places[g]]``.

        Parameters
        ----------
        places : array-like of shape (n_groups,)
            Position in `groups` of each group of this table.
        groups : sequence
            Labels of the new groups.
        names : sequence of str
            Names of the columns that make them.
        """
        table = np.zeros((2, len(groups), *self.counts.shape[1:]))
        np.add.at(table[0], np.asarray(places), self.counts)
        np.add.at(table[1], np.asarray(places), self.squares)
        counts, squares = table
        return GroupCounts(counts, squares, tuple(groups), self.classes, tuple(names))

    def overall(self) -> GroupCounts:
        """Return the same table with all groups pooled into one, labelled "overall"."""
        nowhere = np.zeros(len(self.groups), dtype=np.intp)
        return self.regroup(nowhere, ("overall",), self.names)

    def resample(self, n_replicates: int, random_state: Any = None) -> np.ndarray:
        """Draw tables of as many people again, with replacement: the bootstrap.

        Parameters
        ----------
        n_replicates : int
        random_state : int, RandomState, Generator or None, default=None

        Returns
        -------
        counts : ndarray of shape (n_replicates, n_groups, n_classes, n_classes)

        Notes
        -----
        Without weights this is one multinomial draw over the cells, which is what
        drawing the rows again comes to. With weights, a cell of total W and sum of
        squares Q is drawn as Q / W times a Poisson number of mean W^2 / Q, which has
        the mean and the variance of drawing its rows again.

        Examples
        --------
        >>> from fairlearnkit.tables import GroupCounts
        >>> table = GroupCounts.from_arrays(
        ...     [0, 1, 1, 0], [0, 1, 0, 1], sensitive_features=["a", "a", "b", "b"]
        ... )
        >>> table.resample(1000, random_state=0).sum(axis=(1, 2, 3)).mean()
        np.float64(4.0)
        """
        rng = new_generator(random_state)
        counts, squares = self.counts.ravel(), self.squares.ravel()
        shape = (n_replicates, *self.counts.shape)
        if (counts == squares).all() and (counts == counts.round()).all():
            n_people = int(counts.sum())
            drawn = rng.multinomial(n_people, counts / n_people, size=n_replicates)
            return drawn.astype(float).reshape(shape)
        unit = np.divide(squares, counts, out=np.zeros_like(counts), where=counts > 0)
        mean = np.divide(counts, unit, out=np.zeros_like(counts), where=unit > 0)
        return (rng.poisson(mean, size=(n_replicates, mean.size)) * unit).reshape(shape)
