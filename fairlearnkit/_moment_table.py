"""Sums of numbers and of their products by group: every mean is read off them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlearnkit._columns import as_numbers
from fairlearnkit._groups import Groups, resolve_groups
from fairlearnkit._vocabulary import check_lengths, check_weight, merge_labels

__all__ = ["MomentTable"]


@dataclass(frozen=True, eq=False)
class MomentTable:
    """Weighted sums of numbers by group, and what their standard errors need.

    With :math:`z_i = (1, v_{i1}, \\dots, v_{ik})` for the k numbers of person i, a
    group's `sums` are :math:`\\sum_i w_i z_i` and its `products` are
    :math:`\\sum_i w_i^2 z_i z_i^\\top`.

    Parameters
    ----------
    sums : ndarray of shape (n_groups, 1 + n_columns)
        Weight, and weighted sum of each column.
    products : ndarray of shape (n_groups, 1 + n_columns, 1 + n_columns)
    groups : tuple
        Label of each group; a tuple of values where several columns are crossed.
    columns : tuple of str
        Names of the numbers.
    names : tuple of str
        Names of the sensitive columns.

    Examples
    --------
    >>> from fairlearnkit.tables import MomentTable
    >>> table = MomentTable.from_arrays(
    ...     {"error": [1.0, -1.0, 2.0]}, sensitive_features=["a", "a", "b"]
    ... )
    >>> table.means
    array([[0.],
           [2.]])
    """

    sums: np.ndarray
    products: np.ndarray
    groups: tuple
    columns: tuple[str, ...]
    names: tuple[str, ...] = ("sensitive_features",)

    @classmethod
    def from_arrays(
        cls,
        values: Mapping[str, Any],
        *,
        sensitive_features: Any,
        sample_weight: Any = None,
    ) -> MomentTable:
        """Sum columns of numbers by group.

        Parameters
        ----------
        values : dict of array-like of shape (n_samples,)
            Finite numbers, by name.
        sensitive_features : array-like, Series, data frame or Groups
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Raises
        ------
        ValueError
            If lengths differ, a number is missing or infinite, or a weight is negative.
        """
        groups = (
            sensitive_features
            if isinstance(sensitive_features, Groups)
            else resolve_groups(sensitive_features=sensitive_features)
        )
        columns = {name: as_numbers(column, name) for name, column in values.items()}
        check_lengths(len(groups.codes), **columns)
        weight = check_weight(sample_weight, len(groups.codes))
        if weight is not None and not weight.all():
            kept = weight > 0
            groups, weight = groups.take(kept), weight[kept]
            columns = {name: column[kept] for name, column in columns.items()}

        def total(numbers: np.ndarray | None) -> np.ndarray:
            return np.bincount(groups.codes, weights=numbers, minlength=len(groups))

        terms: list[np.ndarray | None] = [None, *columns.values()]
        shape = (len(groups), len(terms))
        sums, products = np.empty(shape), np.empty((*shape, len(terms)))
        square = None if weight is None else weight**2
        for i, first in enumerate(terms):
            sums[:, i] = total(_times(weight, first))
            for j, second in enumerate(terms[: i + 1]):
                product = total(_times(square, _times(first, second)))
                products[:, i, j] = products[:, j, i] = product
        return cls(sums, products, groups.labels, tuple(columns), groups.names)

    def __add__(self, other: MomentTable) -> MomentTable:
        if not isinstance(other, MomentTable):
            return NotImplemented
        if self.columns != other.columns:
            raise ValueError("moment tables of different columns cannot be added.")
        groups, places = merge_labels(self, other)
        mine, theirs = (
            table.regroup(rows, groups, self.names)
            for table, rows in zip((self, other), places, strict=True)
        )
        sums, products = mine.sums + theirs.sums, mine.products + theirs.products
        return MomentTable(sums, products, groups, self.columns, self.names)

    @property
    def means(self) -> np.ndarray:
        """Mean of each column, of shape (n_groups, n_columns)."""
        return self.sums[:, 1:] / self.sums[:, :1]

    @property
    def covariances(self) -> np.ndarray:
        """Sampling covariance of the means, of shape (n_groups, n_columns, n_columns).

        The linearised (sandwich) estimate, times n / (n - 1) of the effective number n;
        NaN for a single person.
        """
        means, n = self.means, self.n
        cross = self.products[:, 0, 1:, None] * means[:, None, :]
        outer = means[:, :, None] * means[:, None, :]
        spread = self.products[:, 1:, 1:] - cross - cross.transpose(0, 2, 1)
        spread = spread + self.products[:, :1, :1] * outer
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = n / (n - 1) / self.sums[:, 0] ** 2
        return np.where(n > 1, scale, np.nan)[:, None, None] * spread

    @property
    def n(self) -> np.ndarray:
        """People in each group; Kish's effective number if weighted."""
        return self.sums[:, 0] ** 2 / self.products[:, 0, 0]

    def regroup(self, places: Any, groups: Sequence, names: Sequence) -> MomentTable:
        """Add up groups: group g becomes part of ``groups[places[g]]``.

        Parameters
        ----------
        places : array-like of shape (n_groups,)
        groups : sequence
            Labels of the new groups.
        names : sequence of str
            Names of the columns that make them.
        """
        sums = np.zeros((len(groups), *self.sums.shape[1:]))
        products = np.zeros((len(groups), *self.products.shape[1:]))
        np.add.at(sums, np.asarray(places), self.sums)
        np.add.at(products, np.asarray(places), self.products)
        return MomentTable(sums, products, tuple(groups), self.columns, tuple(names))

    def overall(self) -> MomentTable:
        """Return the same table with all groups pooled into one, labelled "overall"."""
        nowhere = np.zeros(len(self.groups), dtype=np.intp)
        return self.regroup(nowhere, ("overall",), self.names)


def _times(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    if first is None or second is None:
        return second if first is None else first
    return first * second
