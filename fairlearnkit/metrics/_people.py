"""The people that metrics are read off: their tables, each made once when asked for."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from fairlearnkit._columns import as_column, as_numbers, check_row_order
from fairlearnkit._counting import group_keys
from fairlearnkit._factorize import factorize
from fairlearnkit._groups import Groups, resolve_groups
from fairlearnkit._vocabulary import check_class_labels
from fairlearnkit.tables import GroupCounts, MomentTable, ScoreTable

# Two labels of which everybody takes the second to be the positive one.
_USUAL = ((0, 1), (-1, 1))


class People:
    """Labels or numbers of some people, their predictions, groups and weights.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
    sensitive_features : array-like, Series, data frame, dict or Groups
    sample_weight : array-like of shape (n_samples,), default=None
    """

    def __init__(self, y_true, y_pred, sensitive_features, sample_weight=None):
        self._given = {"y_true": y_true, "y_pred": y_pred}
        self.sensitive_features = sensitive_features
        self.sample_weight = sample_weight
        self._scores = {}

    @cached_property
    def y_true(self):
        """True labels or numbers, one a row."""
        return as_column(self._given["y_true"], "y_true")

    @cached_property
    def y_pred(self):
        """Predicted labels or numbers, one a row."""
        return as_column(self._given["y_pred"], "y_pred")

    def check_row_order(self):
        """Raise a ValueError if pandas objects hold the same rows in other orders."""
        names = "sensitive_features", "sample_weight"
        others = ((name, getattr(self, name)) for name in names)
        check_row_order([*self._given.items(), *others])

    def weighted(self, sample_weight):
        """Return the same people with other weights."""
        people = People(
            **self._given,
            sensitive_features=self.sensitive_features,
            sample_weight=sample_weight,
        )
        for name in ("groups", "_keys"):
            if name in self.__dict__:
                people.__dict__[name] = self.__dict__[name]
        return people

    @cached_property
    def groups(self):
        """Group of every row."""
        features = self.sensitive_features
        if isinstance(features, Groups):
            return features
        return resolve_groups(sensitive_features=features)

    @cached_property
    def _keys(self):
        """The groups as axes of a table, coded once for all tables."""
        return group_keys(self.__dict__.get("groups", self.sensitive_features))

    @cached_property
    def counts(self):
        """Counts of true and predicted labels."""
        return self._counted(self.y_true, self.y_pred)

    @cached_property
    def decisions(self):
        """Counts of predicted labels alone, whatever the true ones are."""
        try:
            counts = self.counts
        except ValueError:  # true values that are no labels play no part here
            check_class_labels("y_pred", factorize(self.y_pred, "y_pred")[1])
            counts = self._counted(self.y_pred, self.y_pred)
        cells = np.stack([counts.counts, counts.squares]).sum(axis=2)
        seen = np.flatnonzero(cells[0].any(axis=0))
        places = np.arange(len(seen))
        tables = np.zeros((2, len(counts.groups), len(seen), len(seen)))
        tables[:, :, places, places] = cells[:, :, seen]
        classes = tuple(counts.classes[place] for place in seen)
        return replace(counts, counts=tables[0], squares=tables[1], classes=classes)

    def scores(self, pos_label=None):
        """Counts of true labels by score, of the classes (other, positive)."""
        if pos_label not in self._scores:
            codes, classes = positive_codes(self.y_true, pos_label)
            table = ScoreTable.from_arrays(
                codes,
                as_scores(self.y_pred),
                sensitive_features=self.groups,
                sample_weight=self.sample_weight,
                classes=[0, 1],
            )
            self._scores[pos_label] = replace(table, classes=classes)
        return self._scores[pos_label]

    def moments(self, columns):
        """Sums of numbers by group.

        Parameters
        ----------
        columns : dict of ndarray of shape (n_samples,)
        """
        return MomentTable.from_arrays(
            columns, sensitive_features=self.groups, sample_weight=self.sample_weight
        )

    def _counted(self, first, second):
        return GroupCounts.from_arrays(
            first,
            second,
            sensitive_features=self._keys,
            sample_weight=self.sample_weight,
        )


def with_positive_class(table, pos_label, *, several=False):
    """Complete the classes of a table of counts such that one is known to be positive.

    Parameters
    ----------
    table : GroupCounts
    pos_label : int, float, bool, str or None
    several : bool, default=False
        Whether more than two classes may do without a positive one.

    Raises
    ------
    ValueError
        If the labels leave open which class is positive.
    """
    classes = _complete(table.classes, pos_label, several)
    return table if classes == table.classes else table.with_classes(classes)


def positive_codes(y_true, pos_label=None):
    """Code true labels as 1 where positive and 0 elsewhere.

    Returns
    -------
    codes : ndarray of shape (n_samples,)
    classes : tuple (other, positive)

    Raises
    ------
    ValueError
        If there are more than two labels, or they leave open which one is positive.
    """
    codes, found = factorize(y_true, "y_true")
    classes = _complete(tuple(found), pos_label, False)
    if len(classes) > 2:
        raise ValueError(f"y_true has more than two labels: {list(classes)}.")
    positive = classes[-1] if pos_label is None else pos_label
    other = next((label for label in classes if label != positive), None)
    hit = np.array([label == positive for label in found], dtype=np.intp)
    return hit[codes], (other, positive)


def as_scores(y_pred, name="y_pred"):
    """Check predicted scores: finite numbers, one a row.

    Raises
    ------
    ValueError
        If they are no numbers, or one is missing or infinite.
    """
    return as_numbers(y_pred, name, ", such as predict_proba(X)[:, 1]")


def _complete(found, pos_label, several):
    """Classes, of which some may not occur, such that one is known to be positive."""
    usual = next((pair for pair in _USUAL if set(found) <= set(pair)), None)
    if pos_label is None:
        if usual is None and not (several and len(found) > 2):
            raise ValueError(
                f"the labels are {list(found)}, so pos_label must say which one is "
                "positive."
            )
        return usual or found
    if pos_label in found:
        return usual or found
    if len(found) == 1:  # everybody has the other label
        return usual if usual and pos_label in usual else _joined(found[0], pos_label)
    raise ValueError(
        f"pos_label={pos_label!r} is not a class; the classes are {list(found)}."
    )


def _joined(label, pos_label):
    return tuple(sorted((label, pos_label), key=lambda c: (str(type(c)), c)))
