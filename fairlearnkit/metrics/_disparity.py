"""Rates by group and the violation of a constraint, with intervals, off a table."""

from dataclasses import dataclass
from warnings import warn

import numpy as np
from scipy.special import ndtri

from fairlearnkit.constraints import Constraint, Rate, as_constraint
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics._intervals import (
    fold_at_one,
    fold_at_zero,
    newcombe_interval,
    ratio_interval,
    wilson_interval,
)


@dataclass(frozen=True, eq=False)
class RateByGroup:
    """A rate of every group, with intervals.

    Parameters
    ----------
    name : str
        Name of the rate.
    groups : tuple
        Group labels.
    values, low, high : ndarray of shape (n_groups,)
        Estimates and interval ends; NaN where the rate is undefined.
    n : ndarray of shape (n_groups,)
        People that the rate is taken over; the effective number if weighted.
    """

    name: str
    groups: tuple
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray


@dataclass(frozen=True, eq=False)
class Disparity:
    """The violation of a constraint, with an interval.

    Parameters
    ----------
    constraint : Constraint
    value : float
        Violation, 0 at parity: the largest max - min, or 1 - min / max, of any rate.
        NaN if fewer than two groups have a defined rate.
    low, high : float
        Interval of the violation.
    confidence_level : float
        Its nominal coverage.
    rates : tuple of RateByGroup
        What was compared; their intervals are for each rate on its own.
    """

    constraint: Constraint
    value: float
    low: float
    high: float
    confidence_level: float
    rates: tuple


def rate_by_group(table, rate, *, confidence_level=0.95):
    """Read a rate and its interval off a table, for every group.

    Parameters
    ----------
    table : GroupCounts
    rate : Rate
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    rate : RateByGroup

    Notes
    -----
    A share of people gets Wilson's interval, on Kish's effective number if weighted.
    Any other ratio gets a normal interval on its linearised variance,
    :math:`\\sum w_i^2 (n_i - r d_i)^2 / (\\sum w_i d_i)^2`.

    Examples
    --------
    >>> from fairlearnkit.constraints import DemographicParity
    >>> from fairlearnkit.metrics import rate_by_group
    >>> from fairlearnkit.tables import GroupCounts
    >>> table = GroupCounts.from_arrays(
    ...     [0, 1, 1, 0], [0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    >>> rate = rate_by_group(table, DemographicParity().rates([0, 1])[0])
    >>> rate.values
    array([0.5, 1. ])
    """
    values = rate.of(table.counts)
    base = np.array(rate.denominator)
    mass = (table.counts * base).sum(axis=(1, 2))
    square = (table.squares * base**2).sum(axis=(1, 2))
    n = np.divide(mass**2, square, out=np.zeros(len(mass)), where=square > 0)
    if rate.is_proportion:
        low, high = wilson_interval(values, n, confidence_level)
    else:
        top = np.array(rate.numerator)
        residual = (top - values[:, None, None] * base) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt((table.squares * residual).sum(axis=(1, 2))) / mass
        half = ndtri(0.5 + confidence_level / 2) * spread
        low, high = values - half, values + half
    return RateByGroup(rate.name, table.groups, values, low, high, n)


def disparity_of_table(table, constraint, *, confidence_level=0.95):
    """Read the violation of a constraint and its interval off a table.

    Parameters
    ----------
    table : GroupCounts
    constraint : str, Constraint or Rate
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    disparity : Disparity

    Warns
    -----
    FairnessWarning
        If a rate is undefined for some group, which is then left out.

    Notes
    -----
    Two groups: Newcombe's interval of the difference, or the MOVER-R interval of the
    ratio, folded to its absolute value. More groups: Wilson intervals that hold
    simultaneously (each at level 1 - alpha / K) bound the largest and the smallest
    rate. Several rates share alpha equally. So when the true violation is 0 the
    interval contains 0 as often as its level says (for two groups and one rate down to
    a point less, else more often).

    Examples
    --------
    >>> from fairlearnkit.metrics import disparity_of_table
    >>> from fairlearnkit.tables import GroupCounts
    >>> table = GroupCounts.from_arrays(
    ...     [0, 1] * 50, [0, 1] * 25 + [1, 1] * 25,
    ...     sensitive_features=["a"] * 50 + ["b"] * 50,
    ... )
    >>> found = disparity_of_table(table, "demographic_parity")
    >>> print(f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]")
    0.50 [0.35, 0.63]
    """
    constraint = as_constraint(constraint)
    rates = constraint.rates(table.classes)
    shown = [rate_by_group(table, r, confidence_level=confidence_level) for r in rates]
    warn_undefined(shown, table)
    level = 1 - (1 - confidence_level) / len(rates)
    gaps = [_gap_interval(table, r, constraint.compare, level) for r in rates]
    gaps = [gap for gap in gaps if not np.isnan(gap).any()]
    if not gaps:
        value = low = high = np.nan
    else:
        value = constraint.violation(table.counts, table.classes)
        low, high = np.max(gaps, axis=0)
    return Disparity(
        constraint, float(value), float(low), float(high), confidence_level, (*shown,)
    )


def _gap_interval(table, rate: Rate, compare, level):
    """Interval of the violation of one rate; NaN for fewer than two defined groups."""
    estimate = rate_by_group(table, rate, confidence_level=level)
    defined = np.flatnonzero(~np.isnan(estimate.values))
    if len(defined) < 2:
        return np.nan, np.nan
    if len(defined) == 2:
        first, second = (
            (estimate.values[g], estimate.low[g], estimate.high[g]) for g in defined
        )
        if compare == "difference":
            return fold_at_zero(*newcombe_interval(first, second))
        if first[0] == second[0] == 0:
            return 0.0, 1.0
        low, high = fold_at_one(*ratio_interval(first, second))
        return 1 - high, 1 - low
    shared = 1 - (1 - level) / len(defined)
    estimate = rate_by_group(table, rate, confidence_level=shared)
    low, high = estimate.low[defined], estimate.high[defined]
    if compare == "difference":
        return max(0.0, low.max() - high.min()), high.max() - low.min()
    least = max(low.min(), 0) / high.max() if high.max() > 0 else 0.0
    most = high.min() / low.max() if low.max() > 0 else 1.0
    return max(0.0, 1 - most), 1 - least


def warn_undefined(rates, table):
    """Name the groups in which a rate has nobody to be taken over."""
    for rate in rates:
        undefined = [
            repr(group)
            for group, value in zip(rate.groups, rate.values, strict=True)
            if np.isnan(value)
        ]
        if undefined:
            warn(
                f"{rate.name} is undefined for {', '.join(table.names)} in "
                f"[{shortlist(undefined)}] for lack of people; these groups are left "
                "out.",
                FairnessWarning,
                stacklevel=4,
            )
