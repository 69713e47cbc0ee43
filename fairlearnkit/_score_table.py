"""Counts of (group, true label, score): every threshold rule is read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlearnkit._factorize import factorize
from fairlearnkit._groups import Groups, resolve_groups
from fairlearnkit._sorting import (
    from_order,
    merge_scores,
    sort_scores,
    to_order,
)
from fairlearnkit._vocabulary import (
    check_lengths,
    check_weight,
    class_vocabulary,
    merge_labels,
    positions,
)

__all__ = ["ScoreTable"]


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
    squares : ndarray of shape (n_rows, n_classes)
        Sum of squared weights, from which standard errors come.
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
    squares: np.ndarray
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
        known = class_vocabulary(labels, [], classes)
        if labels != list(known):
            label = positions(labels, known)[label]
        score = np.asarray(scores, dtype=np.float64)
        check_lengths(len(groups.codes), y_true=label, scores=score)
        if np.isnan(score).any():
            raise ValueError(f"scores hold {int(np.isnan(score).sum())} NaN values.")
        weight = check_weight(sample_weight, len(score))
        if weight is not None and not weight.all():
            kept = weight > 0
            groups, score, label = groups.take(kept), score[kept], label[kept]
            weight = weight[kept]
        rows = sort_scores(groups.codes, score, label, weight, len(groups), len(known))
        return cls(*rows, groups.labels, tuple(known), groups.names)

    @staticmethod
    def quantize(scores: Any) -> np.ndarray:
        """Round scores towards 0, to the precision at which the table keeps them."""
        scores = np.asarray(scores, dtype=np.float64)
        return from_order(to_order(np.atleast_1d(scores))).reshape(scores.shape)

    def __add__(self, other: ScoreTable) -> ScoreTable:
        if not isinstance(other, ScoreTable):
            return NotImplemented
        if self.classes != other.classes:
            raise ValueError("score tables of different classes cannot be added.")
        groups, places = merge_labels(self, other)
        parts = [(self, places[0]), (other, places[1])]
        codes = [t.group_of_rows(rows) for t, rows in parts]
        tables = (self, other)
        rows = merge_scores(
            np.concatenate(codes),
            np.concatenate([t.scores for t in tables]),
            np.concatenate([t.weights for t in tables]),
            np.concatenate([t.squares for t in tables]),
            len(groups),
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

    def regroup(self, places: Any, groups: Sequence, names: Sequence) -> ScoreTable:
        """Add up groups: group g becomes part of ``groups[places[g]]``.

        Parameters
        ----------
        places : array-like of shape (n_groups,)
        groups : sequence
            Labels of the new groups.
        names : sequence of str
            Names of the columns that make them.
        """
        codes = self.group_of_rows(np.asarray(places))
        rows = merge_scores(codes, self.scores, self.weights, self.squares, len(groups))
        return ScoreTable(*rows, tuple(groups), self.classes, tuple(names))

    def overall(self) -> ScoreTable:
        """Return the same table with all groups pooled into one, labelled "overall"."""
        nowhere = np.zeros(len(self.groups), dtype=np.intp)
        return self.regroup(nowhere, ("overall",), self.names)

    def rows(self, group: int) -> slice:
        """Rows of one group."""
        return slice(self.starts[group], self.starts[group + 1])
