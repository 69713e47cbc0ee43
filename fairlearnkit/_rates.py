"""Rates, ratios of two functionals of a table, and the base of all constraints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

__all__ = ["RATES", "Constraint", "Rate", "rate_of_class"]

# The counted cells of (true label, predicted label), and those they are a share of:
# "+" is the positive class, "-" any other class, "*" any class.
RATES = {
    "selection_rate": ("*+", "**"),
    "base_rate": ("+*", "**"),
    "true_positive_rate": ("++", "+*"),
    "false_negative_rate": ("+-", "+*"),
    "false_positive_rate": ("-+", "-*"),
    "true_negative_rate": ("--", "-*"),
    "positive_predictive_value": ("++", "*+"),
    "false_discovery_rate": ("-+", "*+"),
    "negative_predictive_value": ("--", "*-"),
    "false_omission_rate": ("+-", "*-"),
}


@dataclass(frozen=True)
class Rate:
    """A rate of a group: a ratio of weighted counts of (true label, predicted label).

    .. math::  r_g = \\frac{\\sum_{y,h} N_{yh} T_{gyh}}{\\sum_{y,h} D_{yh} T_{gyh}}

    where :math:`T` is the table of :class:`~fairlearnkit.tables.GroupCounts`.

    Parameters
    ----------
    name : str
        Name for reports.
    numerator : array-like of shape (n_classes, n_classes)
        Weight of each (true label, predicted label) cell above the bar; classes in
        ascending order, so that for two classes the positive one comes last.
    denominator : array-like of shape (n_classes, n_classes)
        The same below the bar.

    Examples
    --------
    The share of true positives among those predicted negative, which the package does
    not name itself:

    >>> from fairlearnkit.constraints import Rate
    >>> false_omission_rate = Rate(
    ...     "false_omission_rate",
    ...     numerator=[[0, 0], [1, 0]],
    ...     denominator=[[1, 0], [1, 0]],
    ... )
    >>> false_omission_rate.is_linear
    False
    """

    name: str
    numerator: Any
    denominator: Any

    def __post_init__(self) -> None:
        for side in ("numerator", "denominator"):
            cells = np.asarray(getattr(self, side), dtype=float)
            if cells.ndim != 2 or cells.shape[0] != cells.shape[1]:
                raise ValueError(
                    f"{side} of rate {self.name!r} must be a square table of (true "
                    f"label, predicted label), got shape {cells.shape}."
                )
            object.__setattr__(self, side, tuple(map(tuple, cells.tolist())))
        if len(self.numerator) != len(self.denominator):
            raise ValueError(f"the two tables of rate {self.name!r} differ in size.")

    @cached_property
    def _cells(self) -> np.ndarray:
        return np.array([self.numerator, self.denominator])

    @property
    def is_linear(self) -> bool:
        """Whether the rate is linear: no prediction counts below the bar."""
        base = self._cells[1]
        return bool((base == base[:, :1]).all())

    @property
    def is_proportion(self) -> bool:
        """Whether the rate is a share of people, so that binomial intervals apply."""
        top, base = self._cells
        counted = (self._cells == 0) | (self._cells == 1)
        return bool(counted.all() and (top <= base).all())

    def of(self, counts: np.ndarray) -> np.ndarray:
        """Compute the rate of each group.

        Parameters
        ----------
        counts : ndarray of shape (..., n_classes, n_classes)

        Returns
        -------
        rates : ndarray of shape (...)
            NaN where the denominator is zero.
        """
        top, base = ((counts * cells).sum(axis=(-2, -1)) for cells in self._cells)
        return np.divide(top, base, out=np.full(np.shape(top), np.nan), where=base > 0)


def rate_of_class(name: str, classes: Sequence, target: int) -> Rate:
    """Write a rate of `RATES` for the class at position `target`."""
    own = np.arange(len(classes)) == target
    counted = {"+": own, "-": ~own, "*": np.ones(len(classes))}
    tables = [np.outer(counted[cell[0]], counted[cell[1]]) for cell in RATES[name]]
    plain = len(classes) == 2 and target == 1
    return Rate(name if plain else f"{name}[{classes[target]}]", *tables)


@dataclass(frozen=True, kw_only=True)
class Constraint(ABC):
    """Base of all constraints: the rates that must be close between groups.

    A violation is one number, 0 at parity. With ``compare="difference"`` it is the
    largest ``max - min`` over groups of any rate; with ``compare="ratio"`` the largest
    ``1 - min / max``. So the four-fifths rule is ``compare="ratio"`` with a tolerance
    of 0.2. Subclasses write :meth:`rates` and nothing else.

    Parameters
    ----------
    compare : {"difference", "ratio"}, default="difference"
        How rates of groups are compared.
    pos_label : int, float, bool or str, default=None
        The positive class. By default the last of two classes; with more than two,
        every class in turn.
    """

    compare: str = "difference"
    pos_label: Any = None
    name: ClassVar[str] = "constraint"  # for reports

    def __post_init__(self) -> None:
        if self.compare not in ("difference", "ratio"):
            raise ValueError(
                f"compare must be 'difference' or 'ratio', got {self.compare!r}."
            )

    @abstractmethod
    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the rates to compare, for these class labels in ascending order."""

    def __repr__(self) -> str:
        shown = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_clone__(self) -> Constraint:
        return self  # immutable

    def values(self, counts: np.ndarray, classes: Sequence) -> np.ndarray:
        """Compute every rate of every group.

        Parameters
        ----------
        counts : ndarray of shape (..., n_groups, n_classes, n_classes)
        classes : sequence of n_classes labels

        Returns
        -------
        values : ndarray of shape (..., n_rates, n_groups)
            NaN where a rate is undefined for a group.
        """
        return np.stack([rate.of(counts) for rate in self.rates(classes)], axis=-2)

    def gap(self, values: np.ndarray) -> np.ndarray:
        """Violation of rates given by group, over the last axis; NaN is left out."""
        low = np.min(values, axis=-1, initial=np.inf, where=~np.isnan(values))
        high = np.max(values, axis=-1, initial=-np.inf, where=~np.isnan(values))
        undefined = low > high
        low, high = np.where(undefined, 0, low), np.where(undefined, 0, high)
        if self.compare == "difference":
            return high - low
        return np.where(high > 0, 1 - low / np.where(high > 0, high, 1), 0.0)

    def violation(self, counts: np.ndarray, classes: Sequence) -> float:
        """Largest gap of any rate between groups, 0 at parity.

        Parameters
        ----------
        counts : ndarray of shape (n_groups, n_classes, n_classes)
        classes : sequence of n_classes labels
        """
        return float(self.gap(self.values(counts, classes)).max())

    def coefficients(
        self, totals: np.ndarray, classes: Sequence, *, user: str
    ) -> np.ndarray:
        """Write the rates as linear functionals of the table.

        Parameters
        ----------
        totals : ndarray of shape (n_groups, n_classes)
            Weight of each group and true label.
        classes : sequence of n_classes labels
        user : str
            Who needs linear rates, for the error message.

        Returns
        -------
        coefficients : ndarray of shape (n_rates, n_groups, n_classes, n_classes)
            ``c`` such that rate j of group g is ``(c[j, g] * T[g]).sum()``. NaN for a
            group in which the rate is undefined.

        Raises
        ------
        ValueError
            If a rate is not linear in the predictions.
        """
        parts = []
        for rate in self.rates(classes):
            if not rate.is_linear:
                raise ValueError(
                    f"{type(self).__name__} is not linear in the predictions (the "
                    f"base of {rate.name} counts predictions), so {user} cannot "
                    "enforce it; inprocessing.LinearFractionalClassifier can."
                )
            base = totals @ np.array(rate.denominator)[:, 0]
            safe = np.where(base > 0, base, np.nan)
            parts.append(np.array(rate.numerator)[None] / safe[:, None, None])
        return np.stack(parts)

    def _targets(self, classes: Sequence) -> list[int]:
        """Positions of the classes that take the part of the positive one."""
        if self.pos_label is not None:
            if self.pos_label not in list(classes):
                raise ValueError(
                    f"pos_label={self.pos_label!r} is not a class; the classes are "
                    f"{list(classes)}."
                )
            return [list(classes).index(self.pos_label)]
        return [1] if len(classes) == 2 else list(range(len(classes)))

    def _per_class(self, name: str, classes: Sequence) -> tuple[Rate, ...]:
        """The rate of this name, one for each target class."""
        return tuple(
            rate_of_class(name, classes, target) for target in self._targets(classes)
        )
