"""Which rows train a reduction's models, and which rows judge them."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.model_selection import check_cv

from fairlearnkit._draws import row_uniforms
from fairlearnkit._sklearn import take_rows
from fairlearnkit._solvers.cells import dealt_folds, ranks_in_cells


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A division of labour among the rows.

    Parameters
    ----------
    member : ndarray of int or None
        Rows that train the members of the mixture; None for all.
    folds : list of (train, test), or None
        Rows that train a stand-in of the member, and those it is judged on. In a
        single pair whose first part is `member`, the member stands for itself. None:
        the member is judged on all rows, its own.
    """

    member: np.ndarray | None
    folds: list | None

    @property
    def judged(self):
        """Rows that judge, in the order of the folds; None for all."""
        if self.folds is None:
            return None
        return np.concatenate([test for _, test in self.folds])

    @property
    def member_is_judged(self):
        """Whether members are judged themselves, and not by stand-ins."""
        return self.folds is None or self.member is not None


def held_out_rows(held_out, data, cells, X):
    """Resolve the parameter `held_out`.

    Parameters
    ----------
    held_out : None, float, int, splitter or iterable of splits
    data : TrainingData
    cells : Groups
        Each of them, with each label, gives its share.
    X : array, sparse matrix or data frame
        All columns; a hash of the row decides where it falls.

    Returns
    -------
    rows : HeldOut
    """
    if held_out is None:
        return HeldOut(None, None)
    if isinstance(held_out, (Integral, Real)):
        if not isinstance(held_out, Integral) and not 0 < held_out < 1:
            raise ValueError(
                f"held_out as a share must lie between 0 and 1, got {held_out!r}; a "
                "number of folds is an integer."
            )
        return _dealt(held_out, data, cells, X)
    splitter = check_cv(held_out, data.labels, classifier=data.classes is not None)
    everybody = np.arange(len(data.y))
    folds = [
        (everybody[train], everybody[test])
        for train, test in splitter.split(data.X, data.labels)
    ]
    tested = np.concatenate([test for _, test in folds])
    if len(np.unique(tested)) < len(tested):
        raise ValueError("held_out must put no row into several test folds.")
    return HeldOut(None, folds)


def _dealt(held_out, data, cells, X):
    """Every cell of people gives a share, or is dealt to the folds."""
    rows = np.arange(len(data.y))
    if data.weight is not None:  # a row without weight is nobody
        rows = np.flatnonzero(data.weight > 0)
    cell = cells.codes[rows]
    if data.classes is not None:
        cell = cell * len(data.classes) + data.y[rows]
    key = row_uniforms(take_rows(X, None if len(rows) == len(data.y) else rows), 0)
    if isinstance(held_out, Integral):
        fold = dealt_folds(cell, key, held_out)
        kept = [k for k in range(held_out) if (fold == k).any()]
        return HeldOut(None, [(rows[fold != k], rows[fold == k]) for k in kept])
    people = np.bincount(cell)[cell]
    out = ranks_in_cells(cell, key) < np.ceil(held_out * people)
    # A cell of one person can be known from one side only: let it train.
    out &= people > 1
    train, test = rows[~out], rows[out]
    return HeldOut(train, [(train, test)])
