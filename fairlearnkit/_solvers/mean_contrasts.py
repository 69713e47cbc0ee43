"""Differences of group means, within strata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import sparse

__all__ = ["Comparison", "cell_means", "mean_contrasts", "quantile_strata"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Groups whose means are compared within each of some strata.

    Parameters
    ----------
    groups, strata : ndarray of shape (n_samples,)
        Codes.
    group_names, stratum_names : sequence of str
    """

    groups: np.ndarray
    strata: np.ndarray
    group_names: Sequence[str]
    stratum_names: Sequence[str]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of strata and of groups."""
        return len(self.stratum_names), len(self.group_names)


def cell_means(
    values: np.ndarray, cells: np.ndarray, n_cells: int, weight: np.ndarray
) -> np.ndarray:
    """Weighted mean of the rows in each cell; NaN where there is no weight."""
    shape = (n_cells, len(cells))
    total = np.bincount(cells, weights=weight, minlength=n_cells)
    share = np.divide(weight, total[cells], np.zeros(len(cells)), where=weight > 0)
    picked = sparse.csr_matrix((share, (cells, np.arange(len(cells)))), shape=shape)
    means = picked @ values
    means[total == 0] = np.nan
    return means


def mean_contrasts(
    values: np.ndarray, comparisons: Sequence[Comparison], weight: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Differences of means between every two groups of every stratum.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
    comparisons : sequence of Comparison
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    contrasts : ndarray of shape (n_contrasts, n_columns)
    absent : list of str
        Groups without weight in a stratum that has weight.
    """
    rows, absent = [np.empty((0, values.shape[1]))], []
    for comparison in comparisons:
        n_strata, n_groups = comparison.shape
        cells = comparison.strata * n_groups + comparison.groups
        means = cell_means(values, cells, n_strata * n_groups, weight)
        weights = np.bincount(cells, weights=weight, minlength=len(means))
        for stratum, totals in enumerate(weights.reshape(n_strata, n_groups)):
            own = means[stratum * n_groups : (stratum + 1) * n_groups]
            present = np.flatnonzero(totals)
            rows += [(own[g] - own[h])[None] for g, h in combinations(present, 2)]
            if len(present):
                where = f" in {comparison.stratum_names[stratum]}"
                lost = np.flatnonzero(totals == 0).tolist()
                absent += [comparison.group_names[g] + where for g in lost]
    return np.concatenate(rows), absent


def quantile_strata(
    values: np.ndarray, weight: np.ndarray, n_strata: int
) -> np.ndarray:
    """Code of the stratum of each value: equal shares of weight, ties together."""
    distinct, codes = np.unique(values, return_inverse=True)
    mass = np.bincount(codes, weights=weight, minlength=len(distinct))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    return np.minimum((middle * n_strata).astype(int), n_strata - 1)[codes]
