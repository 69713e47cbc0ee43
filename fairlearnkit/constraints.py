"""What is asked: rates, and constraints on how far they may differ between groups.

A :class:`Rate` is a ratio of two functionals of a table of counts, each linear in the
predictions. A :class:`Constraint` names the rates to compare and how. The same object
is a metric, a reduction's moments and a threshold program's rows; no definition of
fairness is stated anywhere else in the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fairlearnkit._rates import Constraint, Rate

__all__ = [
    "AccuracyParity",
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

    name: ClassVar[str] = "demographic_parity"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the selection rate of the positive class, or of each class."""
        return self._per_class("selection_rate", classes)


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

    name: ClassVar[str] = "true_positive_rate_parity"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the true positive rate of the positive class, or of each class."""
        return self._per_class("true_positive_rate", classes)


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

    name: ClassVar[str] = "false_positive_rate_parity"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the false positive rate of the positive class, or of each class."""
        return self._per_class("false_positive_rate", classes)


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

    name: ClassVar[str] = "equalized_odds"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return both rates, or P(predicted = c | true = y) for all c and y."""
        if len(classes) == 2 or self.pos_label is not None:
            return (
                *self._per_class("true_positive_rate", classes),
                *self._per_class("false_positive_rate", classes),
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
    """Equal error rates.

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

    name: ClassVar[str] = "error_rate_parity"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the error rate."""
        ones = np.ones((len(classes), len(classes)))
        return (Rate("error_rate", ones - np.eye(len(classes)), ones),)


@dataclass(frozen=True, repr=False, kw_only=True)
class AccuracyParity(Constraint):
    """Equal accuracies, also known as overall accuracy equality.

    Equalises :math:`P(\\hat Y = Y \\mid A = a)`. As a difference it is the same as
    :class:`ErrorRateParity`; as a ratio it asks far less, since accuracies are large.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`; `pos_label` plays no part.
    """

    name: ClassVar[str] = "accuracy_parity"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the accuracy."""
        ones = np.ones((len(classes), len(classes)))
        return (Rate("accuracy", np.eye(len(classes)), ones),)


@dataclass(frozen=True, repr=False, kw_only=True)
class PredictiveParity(Constraint):
    """Equal precision: a positive decision is right equally often in every group.

    Equalises :math:`P(Y = 1 \\mid \\hat Y = 1, A = a)`. It is not linear in the
    predictions, so it can be measured everywhere but is enforced by
    :class:`~fairlearnkit.inprocessing.LinearFractionalClassifier` alone.

    Parameters
    ----------
    compare, pos_label
        As in :class:`Constraint`.

    References
    ----------
    Chouldechova, "Fair prediction with disparate impact", Big Data 2017.
    :doi:`10.1089/big.2016.0047`
    """

    name: ClassVar[str] = "predictive_parity"

    def rates(self, classes: Sequence) -> tuple[Rate, ...]:
        """Return the precision of the positive class, or of each class."""
        return self._per_class("positive_predictive_value", classes)


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
    >>> miss = Rate("miss_rate", [[0, 0], [1, 0]], [[0, 0], [1, 1]])
    >>> RateParity(miss, compare="ratio").rates([0, 1])[0].name
    'miss_rate'
    """

    own_rates: Any = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        own = (self.own_rates,) if isinstance(self.own_rates, Rate) else self.own_rates
        if not own or not all(isinstance(rate, Rate) for rate in own):
            raise ValueError("RateParity needs one Rate or more.")
        object.__setattr__(self, "own_rates", tuple(own))

    @property
    def name(self) -> str:  # type: ignore[override]
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
    "accuracy_parity": AccuracyParity,
    "predictive_parity": PredictiveParity,
}


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
