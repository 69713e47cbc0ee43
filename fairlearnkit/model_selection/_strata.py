"""Cells of group and label, and how their people are shared between two sides."""

from dataclasses import dataclass
from warnings import warn

import numpy as np
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import column_or_1d

from fairlearnkit._factorize import factorize, factorize_integers
from fairlearnkit._groups import Groups
from fairlearnkit._vocabulary import check_class_labels
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.model_selection._entrance import read_groups


@dataclass(frozen=True, eq=False)
class Strata:
    """Which cell of group and label each person is in.

    Parameters
    ----------
    cells : ndarray of shape (n_samples,)
        Code of each person's cell, in ``range(n_cells)``; every cell has somebody.
    pairs : list of int
        Of each cell, code of the group * number of classes + code of the label.
    groups : Groups
    classes : list
        Labels.
    """

    cells: np.ndarray
    pairs: list
    groups: Groups
    classes: list

    @classmethod
    def of(cls, X, y, spec, values, handle_missing, owner):
        """Cross the groups, from X by a spec or as values, with the labels."""
        if y is None:
            raise ValueError(f"{owner} stratifies on the labels; pass y.")
        groups = read_groups(X, spec, values, handle_missing, owner)
        if len(getattr(y, "shape", ())) == 2:
            y = column_or_1d(y)
        codes, classes = factorize(y, "y")
        check_class_labels("y", classes)
        if len(codes) != len(groups.codes):
            raise ValueError(
                f"y has {len(codes)} rows but there are {len(groups.codes)} people."
            )
        cells, pairs = factorize_integers(groups.codes * len(classes) + codes)
        return cls(cells, pairs, groups, classes)

    @property
    def counts(self):
        """Number of people in each cell."""
        return np.bincount(self.cells)

    def describe(self, cells):
        """Name some cells, with their numbers of people, for a message."""
        names = []
        for cell in cells:
            group, label = divmod(self.pairs[cell], len(self.classes))
            who = f"{self.groups.describe(group)} with label {self.classes[label]!r}"
            names.append(f"{who} ({self.counts[cell]})")
        return shortlist(names)


def sizes_of(n_rows, test_size, train_size):
    """Number of people in the training and the test set, by scikit-learn's rules."""
    splitter = ShuffleSplit(1, test_size=test_size, train_size=train_size)
    return tuple(len(part) for part in next(splitter.split(np.empty(n_rows))))


def hold_out(strata, sizes, rng):
    """Row numbers of a training and a test set, of sizes (n_train, n_test).

    Without `rng` rows keep their order, and the last of each cell are the test set.
    """
    cells, counts = strata.cells, strata.counts
    n_rows, (n_train, n_test) = len(cells), sizes
    key = -np.arange(n_rows) if rng is None else rng.permutation(n_rows)
    tie = np.arange(len(counts)) if rng is None else rng.permutation(len(counts))
    left_out = allot(counts, n_rows - n_train - n_test, tie)
    in_test = allot(counts - left_out, n_test, tie, both_sides=True)
    order = np.lexsort((key, cells))
    sorted_cells = cells[order]
    place = np.arange(n_rows) - np.searchsorted(sorted_cells, sorted_cells)
    place -= left_out[sorted_cells]
    last = in_test[sorted_cells]
    test, train = order[(place >= 0) & (place < last)], order[place >= last]
    _warn_one_sided(strata, counts - left_out - in_test, in_test)
    if rng is None:
        return np.sort(train), np.sort(test)
    return rng.permutation(train), rng.permutation(test)


def allot(counts, total, tie, both_sides=False):
    """Share `total` among cells by their counts, each share rounded up or down."""
    share = counts * (total / counts.sum())
    base = np.floor(share + 1e-9).astype(np.intp)
    rest = share - base
    missed = (base == 0) & (counts > 1) & both_sides
    # The last key rules: a share that is whole stays so; then whatever leaves somebody
    # behind comes first, then whatever else would get nobody, then the largest rest.
    order = np.lexsort((tie, -rest, ~missed, base + 1 >= counts, rest <= 1e-9))
    base[order[: total - base.sum()]] += 1
    return base


def _warn_one_sided(strata, in_train, in_test):
    for side, here, there in (
        ("training", in_train, in_test),
        ("test", in_test, in_train),
    ):
        lonely = np.flatnonzero((here > 0) & (there == 0))
        if len(lonely):
            warn(
                f"only in the {side} set, for lack of people: "
                f"{strata.describe(lonely)}.",
                FairnessWarning,
                stacklevel=4,
            )
