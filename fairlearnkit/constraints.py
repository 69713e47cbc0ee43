"""What is asked: rates, and constraints on how far they may differ between groups.

A :class:`Rate` is a ratio of two functionals of a table of counts, each linear in the
predictions. A :class:`Constraint` names the rates to compare and how. The same object
is a metric, a reduction's moments and a threshold program's rows; no definition of
fairness is stated anywhere else in the package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

__all__ = [
    "Constraint",
    "DemographicParity",
    "EqualizedOdds",
    "ErrorRateParity",
    "FalsePositiveRateParity",
    "PredictiveParity",
    "Rate",
    "RateParity",
    "TruePositiveRateParity",
    "as_constraint",
]


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
    numerator: tuple
    denominator: tuple

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

    @property
    def is_linear(self) -> bool:
        """Whether the rate is linear in the predictions: its base counts no prediction."""
        base = np.array(self.denominator)
        return bool((base == base[:, :1]).all())

    @property
    def is_proportion(self) -> bool:
        """Whether the rate is a share of people, so that binomial intervals apply."""
        top, base = np.array(self.numerator), np.array(self.denominator)
        return bool(
            np.isin(top, (0, 1)).all() and np.isin(base, (0, 1)).all()
        ) and bool((top <= base).all())

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
        top = (counts * np.array(self.numerator)).sum(axis=(-2, -1))
        base = (counts * np.array(self.denominator)).sum(axis=(-2, -1))
        return np.divide(top, base, out=np.full(np.shape(top), np.nan), where=base > 0)


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

    def __post_init__(self) -> None:
        if self.compare not in ("difference", "ratio"):
            raise ValueError(
                f"compare must be 'difference' or 'ratio', got {self.compare!r}."
            )

    @abstractmethod
    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the rates to compare, for these class labels in ascending order."""

    @property
    def name(self) -> str:
        """Name for reports, as in ``demographic_parity``."""
        return _NAMES.get(type(self), type(self).__name__)

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
                    "enforce it; it can only be measured."
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

    def _per_class(self, name: str, classes: Sequence, cells: Any) -> tuple[Rate, ...]:
        """One rate for each target class; `cells(own, other)` gives its two tables."""
        rates = []
        for target in self._targets(classes):
            own = np.zeros(len(classes))
            own[target] = 1.0
            numerator, denominator = cells(own, 1.0 - own)
            plain = len(classes) == 2 and target == 1
            label = name if plain else f"{name}[{classes[target]}]"
            rates.append(Rate(label, numerator, denominator))
        return tuple(rates)


@dataclass(frozen=True, repr=False, kw_only=True)
class DemographicParity(Constraint):
    """Equal selection rates: every group gets the positive decision equally often.

    Equalises :math:`P(\\hat Y = 1 \\mid A = a)`. It asks nothing about who deserves
    the decision: where base rates differ, reaching it means deciding against the label
    for some people.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`.

    References
    ----------
    Calders, Kamiran, Pechenizkiy, "Building classifiers with independency
    constraints", ICDM Workshops 2009. :doi:`10.1109/ICDMW.2009.83`

    Examples
    --------
    >>> from fairlearnkit.constraints import DemographicParity
    >>> [rate.name for rate in DemographicParity().rates([0, 1])]
    ['selection_rate']
    """

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the selection rate of the positive class, or of each class."""

        def cells(own: np.ndarray, other: np.ndarray) -> tuple:
            return np.outer(np.ones_like(own), own), np.ones((len(own), len(own)))

        return self._per_class("selection_rate", classes, cells)


@dataclass(frozen=True, repr=False, kw_only=True)
class TruePositiveRateParity(Constraint):
    """Equal true positive rates, also known as equal opportunity.

    Equalises :math:`P(\\hat Y = 1 \\mid Y = 1, A = a)`: those who deserve the positive
    decision get it equally often. False positives may still differ.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`.

    References
    ----------
    Hardt, Price, Srebro, "Equality of opportunity in supervised learning", NeurIPS
    2016. :doi:`10.48550/arXiv.1610.02413`
    """

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the true positive rate of the positive class, or of each class."""
        return self._per_class("true_positive_rate", classes, _true_positive)


@dataclass(frozen=True, repr=False, kw_only=True)
class FalsePositiveRateParity(Constraint):
    """Equal false positive rates, also known as predictive equality.

    Equalises :math:`P(\\hat Y = 1 \\mid Y = 0, A = a)`: those who do not deserve the
    positive decision get it equally often.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`.

    References
    ----------
    Corbett-Davies, Pierson, Feller, Goel, Huq, "Algorithmic decision making and the
    cost of fairness", KDD 2017. :doi:`10.1145/3097983.3098095`
    """

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the false positive rate of the positive class, or of each class."""
        return self._per_class("false_positive_rate", classes, _false_positive)


@dataclass(frozen=True, repr=False, kw_only=True)
class EqualizedOdds(Constraint):
    """Equal true positive and false positive rates.

    Equalises :math:`P(\\hat Y \\mid Y = y, A = a)` for every y: given the true label,
    decisions do not depend on the group. With more than two classes and no
    `pos_label`, the whole row of the confusion matrix is compared.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`.

    References
    ----------
    Hardt, Price, Srebro, "Equality of opportunity in supervised learning", NeurIPS
    2016. :doi:`10.48550/arXiv.1610.02413`
    """

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return both rates, or P(predicted = c | true = y) for all c and y."""
        if len(classes) == 2 or self.pos_label is not None:
            return (
                *self._per_class("true_positive_rate", classes, _true_positive),
                *self._per_class("false_positive_rate", classes, _false_positive),
            )
        units = np.eye(len(classes))
        return tuple(
            Rate(
                f"rate[{classes[c]}|{classes[y]}]",
                np.outer(units[y], units[c]),
                np.outer(units[y], np.ones(len(classes))),
            )
            for y in range(len(classes))
            for c in range(len(classes))
        )


@dataclass(frozen=True, repr=False, kw_only=True)
class ErrorRateParity(Constraint):
    """Equal error rates, also known as overall accuracy equality.

    Equalises :math:`P(\\hat Y \\ne Y \\mid A = a)`. Groups may still suffer different
    kinds of error.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`; `pos_label` plays no part.

    References
    ----------
    Berk, Heidari, Jabbari, Kearns, Roth, "Fairness in criminal justice risk
    assessments", Sociological Methods & Research 2021.
    :doi:`10.1177/0049124118782533`
    """

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the error rate."""
        ones = np.ones((len(classes), len(classes)))
        return (Rate("error_rate", ones - np.eye(len(classes)), ones),)


@dataclass(frozen=True, repr=False, kw_only=True)
class PredictiveParity(Constraint):
    """Equal precision: a positive decision is right equally often in every group.

    Equalises :math:`P(Y = 1 \\mid \\hat Y = 1, A = a)`. It is not linear in the
    predictions, so it can be measured but no mitigator here enforces it.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`.

    References
    ----------
    Chouldechova, "Fair prediction with disparate impact", Big Data 2017.
    :doi:`10.1089/big.2016.0047`
    """

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the precision of the positive class, or of each class."""

        def cells(own: np.ndarray, other: np.ndarray) -> tuple:
            return np.outer(own, own), np.outer(np.ones_like(own), own)

        return self._per_class("positive_predictive_value", classes, cells)


@dataclass(frozen=True, repr=False)
class RateParity(Constraint):
    """Parity of the user's own rates.

    Parameters
    ----------
    own_rates : Rate or sequence of Rate
        The rates to compare between groups.
    compare : {"difference", "ratio"}, default="difference"
        How they are compared.

    Examples
    --------
    >>> from fairlearnkit.constraints import Rate, RateParity
    >>> miss = Rate("miss_rate", numerator=[[0, 0], [1, 0]], denominator=[[0, 0], [1, 1]])
    >>> RateParity(miss, compare="ratio").rates([0, 1])[0].name
    'miss_rate'
    """

    own_rates: tuple = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        own = (self.own_rates,) if isinstance(self.own_rates, Rate) else self.own_rates
        if not own or not all(isinstance(rate, Rate) for rate in own):
            raise ValueError("RateParity needs one Rate or more.")
        object.__setattr__(self, "own_rates", tuple(own))

    @property
    def name(self) -> str:
        """Names of the rates, joined."""
        return "+".join(rate.name for rate in self.own_rates) + "_parity"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the user's rates, after a check of their size."""
        for rate in self.own_rates:
            if len(rate.numerator) != len(classes):
                raise ValueError(
                    f"rate {rate.name!r} is written for {len(rate.numerator)} classes, "
                    f"but there are {len(classes)}: {list(classes)}."
                )
        return self.own_rates


def _true_positive(own: np.ndarray, other: np.ndarray) -> tuple:
    return np.outer(own, own), np.outer(own, np.ones_like(own))


def _false_positive(own: np.ndarray, other: np.ndarray) -> tuple:
    return np.outer(other, own), np.outer(other, np.ones_like(own))


ALIASES: dict[str, type[Constraint]] = {
    "demographic_parity": DemographicParity,
    "statistical_parity": DemographicParity,
    "selection_rate_parity": DemographicParity,
    "true_positive_rate_parity": TruePositiveRateParity,
    "equal_opportunity": TruePositiveRateParity,
    "false_positive_rate_parity": FalsePositiveRateParity,
    "predictive_equality": FalsePositiveRateParity,
    "equalized_odds": EqualizedOdds,
    "error_rate_parity": ErrorRateParity,
    "predictive_parity": PredictiveParity,
}
_NAMES: dict[type, str] = {}
for _alias, _constraint in ALIASES.items():
    _NAMES.setdefault(_constraint, _alias)


def as_constraint(constraint: str | Constraint | Rate) -> Constraint:
    """Resolve a string alias, a rate or a constraint to a constraint.

    Parameters
    ----------
    constraint : str, Constraint or Rate
        An alias such as "equalized_odds", with ``_ratio`` at its end for the ratio
        form; or an object.

    Raises
    ------
    ValueError
        If the string is no alias; it lists those there are.

    Examples
    --------
    >>> from fairlearnkit.constraints import as_constraint
    >>> as_constraint("demographic_parity_ratio")
    DemographicParity(compare='ratio')
    """
    if isinstance(constraint, Constraint):
        return constraint
    if isinstance(constraint, Rate):
        return RateParity(constraint)
    if isinstance(constraint, str):
        stem = constraint.removesuffix("_ratio").removesuffix("_difference")
        if stem in ALIASES:
            ratio = constraint.endswith("_ratio")
            return ALIASES[stem](compare="ratio" if ratio else "difference")
    raise ValueError(
        f"unknown constraint {constraint!r}; give a Constraint or one of "
        f"{sorted(ALIASES)}."
    )
