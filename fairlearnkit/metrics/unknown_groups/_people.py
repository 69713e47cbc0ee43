"""People whose groups are known as probabilities, and their tables."""

from typing import NamedTuple

import numpy as np

from fairlearnkit._columns import check_row_order, split_columns
from fairlearnkit._factorize import to_numpy
from fairlearnkit._groups import Groups
from fairlearnkit.metrics._people import with_positive_class
from fairlearnkit.metrics.equality._people import (
    CountedPeople,
    cells_of,
    code_rows,
    gather,
    take_people,
)
from fairlearnkit.tables import GroupCounts

_SLACK = 1e-6  # by which probabilities of a person may miss 1


class GuessedPeople(NamedTuple):
    """People, what is known of their groups, and what became of them.

    Parameters
    ----------
    people : CountedPeople
        All of one group.
    probabilities : ndarray of shape (n_samples, n_groups)
    groups : tuple of n_groups labels
    kept : ndarray of int
        Rows that carry weight; all others have no part.
    n_rows : int
        Rows that were given.
    """

    people: CountedPeople
    probabilities: np.ndarray
    groups: tuple
    kept: np.ndarray
    n_rows: int

    def classes(self, pos_label, several):
        """Class labels, such that one is known to be positive."""
        counts = self.people.counts
        return with_positive_class(counts, pos_label, several=several).classes

    def expected_counts(self, classes):
        """Table in which everyone counts in every group, by probability."""
        shares = self.probabilities.T
        codes = np.zeros((len(shares), len(self.probabilities)), dtype=np.intp)
        return self._table(
            codes + np.arange(len(shares))[:, None], shares, self.groups, classes
        )

    def by_cell(self, cell, classes):
        """Table of the people of every cell."""
        ones = np.ones((1, len(cell)))
        return self._table(cell[None], ones, tuple(range(cell.max() + 1)), classes)

    def masses(self, cell):
        """Expected weight of every group in every cell."""
        weight = self._weight()
        return np.stack(
            [np.bincount(cell, weight * share) for share in self.probabilities.T], 1
        )

    def cells(self, cells):
        """Number the cells of people among whom anything may be true."""
        if cells is None:
            keys = self.probabilities
        elif isinstance(cells, (int, np.integer)) and not isinstance(cells, bool):
            if cells < 1:
                raise ValueError(f"cells must be a positive number, got {cells}.")
            keys = np.round(self.probabilities * cells)
        elif isinstance(cells, str):
            raise ValueError(
                f"cells must be None, a number or one value a row, got {cells!r}."
            )
        else:
            keys = code_rows(cells, "cells", self.n_rows)[self.kept, None]
        return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)

    def _weight(self):
        weight = self.people.sample_weight
        return np.ones(len(self.probabilities)) if weight is None else weight

    def _table(self, codes, shares, groups, classes):
        """Count every row in several groups, of shape (n_copies, n_samples)."""
        places = cells_of(self.people, classes)
        k = len(classes)
        index = codes * k**2 + places[:, 0] * k + places[:, 1]
        weight = self._weight() * shares
        shape = (len(groups), k, k)
        counts, squares = (
            np.bincount(index.ravel(), w.ravel(), np.prod(shape)).reshape(shape)
            for w in (weight, weight**2)
        )
        return GroupCounts(counts, squares, tuple(groups), tuple(classes), ("group",))


def guess_people(y_true, y_pred, group_probabilities, sample_weight):
    """Check and gather people whose groups are guessed.

    Returns
    -------
    guessed : GuessedPeople

    Raises
    ------
    ValueError
        If probabilities are missing, out of range or do not sum to 1, lengths differ,
        or nobody carries weight.
    """
    probabilities, groups = _probabilities(group_probabilities)
    check_row_order(
        {"y_true": y_true, "y_pred": y_pred, "group_probabilities": group_probabilities,
         "sample_weight": sample_weight}.items()
    )  # fmt: skip
    for name, column in (("y_true", y_true), ("y_pred", y_pred)):
        if len(column) != len(probabilities):
            raise ValueError(
                f"{name} has {len(column)} rows but group_probabilities has "
                f"{len(probabilities)}; pass one value per row."
            )
    everybody = Groups(np.zeros(len(probabilities), np.intp), ("all",), ("all",))
    people = gather(y_true, y_pred, everybody, sample_weight)
    kept = np.arange(len(probabilities))
    if people.sample_weight is not None:
        kept = np.flatnonzero(people.sample_weight > 0)
        people = take_people(people, kept)
    if not len(kept):
        raise ValueError("there is nobody with a weight above 0.")
    return GuessedPeople(people, probabilities[kept], groups, kept, len(probabilities))


def _probabilities(values):
    columns = split_columns(values, "group_probabilities")
    if len(columns) < 2:
        raise ValueError(
            "group_probabilities must have a column for each of two groups or more."
        )
    named = hasattr(values, "columns") or isinstance(values, dict)
    groups = tuple(name if named else k for k, (name, _) in enumerate(columns))
    numbers = []
    for name, column in columns:
        try:
            numbers.append(np.asarray(to_numpy(column), dtype=float))
        except (TypeError, ValueError):
            raise ValueError(f"probabilities of {name!r} must be numbers.") from None
        lost = int(np.isnan(numbers[-1]).sum())
        if lost:
            raise ValueError(f"probabilities of {name!r} are missing in {lost} rows.")
    if len({len(column) for column in numbers}) > 1:
        raise ValueError("columns of group_probabilities differ in length.")
    found = np.stack(numbers, axis=1)
    if (found < -_SLACK).any() or (found > 1 + _SLACK).any():
        raise ValueError("group_probabilities must lie in [0, 1].")
    wrong = np.flatnonzero(np.abs(found.sum(axis=1) - 1) > _SLACK)
    if len(wrong):
        raise ValueError(
            f"group_probabilities of row {wrong[0]} sum to {found[wrong[0]].sum():g}, "
            f"not 1 ({len(wrong)} such rows); add a column for everybody else."
        )
    return np.clip(found, 0, 1), groups
