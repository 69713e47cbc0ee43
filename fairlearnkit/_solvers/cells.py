"""Cells of people, a stratum and a group each, and folds that are fair to all cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlearnkit._groups import Groups


@dataclass(frozen=True, eq=False)
class Cells:
    """Groups, or groups within strata.

    Parameters
    ----------
    groups : Groups
        The cells, as groups.
    members : ndarray of shape (n_cells,)
        Group of each cell.
    strata : ndarray of shape (n_cells,)
        Stratum of each cell; all 0 without strata.
    """

    groups: Groups
    members: np.ndarray
    strata: np.ndarray

    def lookup(self, n_strata: int) -> np.ndarray:
        """Cell of every stratum and group, -1 where there is none."""
        found = np.full((n_strata, self.members.max() + 1), -1)
        found[self.strata, self.members] = np.arange(len(self.members))
        return found


def cross_cells(
    groups: Groups, strata: Groups | None = None, weight: np.ndarray | None = None
) -> Cells:
    """Cross the groups with strata, where there are any.

    Parameters
    ----------
    groups : Groups
    strata : Groups, default=None
    weight : ndarray of shape (n_samples,), default=None
        Rows without weight make no cell; they join any other.

    Returns
    -------
    cells : Cells
    """
    if strata is None:
        return Cells(groups, np.arange(len(groups)), np.zeros(len(groups), dtype=int))
    keys = strata.codes * len(groups) + groups.codes
    pairs = np.unique(keys if weight is None else keys[weight > 0])
    codes = np.minimum(np.searchsorted(pairs, keys), len(pairs) - 1)
    stratum, member = np.divmod(pairs, len(groups))
    labels = tuple(
        (strata.labels[s], groups.labels[g])
        for s, g in zip(stratum, member, strict=True)
    )
    names = ("+".join(strata.names), "+".join(groups.names))
    return Cells(Groups(codes, labels, names), member, stratum)


def ranks_in_cells(cell: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Rank of each row among those of its cell, in the order of a key.

    Parameters
    ----------
    cell : ndarray of int of shape (n_samples,)
    key : ndarray of shape (n_samples,)
        Uniform numbers; a hash of the row makes the ranks independent of its place.

    Returns
    -------
    ranks : ndarray of int of shape (n_samples,)
    """
    order = np.lexsort((key, cell))
    ordered = cell[order]
    ranks = np.empty(len(order), dtype=np.intp)
    ranks[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return ranks


def dealt_folds(cell: np.ndarray, key: np.ndarray, n_folds: int) -> np.ndarray:
    """Fold of each row: every cell's rows are dealt out in the order of their keys.

    Parameters
    ----------
    cell, key
        As in :func:`ranks_in_cells`.
    n_folds : int
    """
    ranks = ranks_in_cells(cell, key)
    first = np.zeros(int(cell.max()) + 1)
    lowest = ranks == 0
    first[cell[lowest]] = key[lowest]  # else small cells would all lack the last folds
    return ((first[cell] * n_folds).astype(np.intp) + ranks) % n_folds
