"""The gap of metrics between groups, with an interval: of a table, or of arrays."""

from dataclasses import dataclass
from warnings import warn

import numpy as np

from fairlearnkit.constraints import Constraint, Rate, as_constraint
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics._gaps import gap_interval, gap_of
from fairlearnkit.metrics._people import People, with_positive_class
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics._reading import read_rate
from fairlearnkit.metrics._rows import RowMetric


@dataclass(frozen=True, eq=False)
class Disparity:
    """The largest gap of one metric or several between groups, with an interval.

    Parameters
    ----------
    name : str
        Name of the constraint or the metric.
    compare : {"difference", "ratio"}
        Whether the gap is ``max - min`` or ``1 - min / max``.
    value : float
        The gap, 0 at parity; NaN if fewer than two groups have a defined metric.
    low, high : float
        Its interval.
    confidence_level : float
        Nominal coverage of the interval.
    lowest, highest : object
        Labels of the two groups between which the gap is largest; None if undefined.
    estimates : tuple of GroupEstimates
        What was compared, by group.
    """

    name: str
    compare: str
    value: float
    low: float
    high: float
    confidence_level: float
    lowest: object
    highest: object
    estimates: tuple


def rate_by_group(table, rate):
    """Read a rate and its sampling law off a table, for every group.

    Parameters
    ----------
    table : GroupCounts
    rate : Rate

    Returns
    -------
    estimates : GroupEstimates
        Its `interval` method gives intervals.

    Notes
    -----
    A share of people is binomial, on Kish's effective number if weighted. Any other
    ratio is nearly normal with the linearised variance
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
    return read_rate(table, rate)


def disparity_of_table(table, constraint, *, confidence_level=0.95, method=None):
    """Read the violation of a constraint and its interval off a table.

    Parameters
    ----------
    table : GroupCounts
    constraint : str, Constraint or Rate
    confidence_level : float in (0, 1), default=0.95
    method : {"mover", "inversion", "simultaneous", "bootstrap"}, default=None
        See :func:`gap_interval`.

    Returns
    -------
    disparity : Disparity

    Warns
    -----
    FairnessWarning
        If a rate is undefined for some group, which is then left out.

    See Also
    --------
    disparity : The same from arrays.

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
    estimates = [read_rate(table, rate) for rate in constraint.rates(table.classes)]
    warn_undefined(estimates, table.names)
    return compared(
        estimates, constraint.name, constraint.compare, confidence_level, method
    )


def disparity(
    y_true,
    y_pred,
    metric,
    *,
    sensitive_features,
    compare=None,
    sample_weight=None,
    confidence_level=0.95,
    method=None,
    n_resamples=200,
    random_state=0,
):
    """Measure how far a metric lies apart between groups, with an interval.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels or numbers, as the metric wants them.
    metric : str, Constraint, Rate or callable
        A constraint, such as "equalized_odds", or a metric ``f(y_true, y_pred)``, such
        as :func:`true_positive_rate` or :func:`sklearn.metrics.roc_auc_score`; bind
        further arguments with :func:`functools.partial`.
    sensitive_features : array-like, Series or data frame of n_samples rows
        Several columns make intersectional groups.
    compare : {"difference", "ratio"}, default=None
        Whether the gap is ``max - min`` or ``1 - min / max``; by default what the
        constraint says, and the difference of a callable.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    confidence_level : float in (0, 1), default=0.95
    method : {"mover", "inversion", "simultaneous", "bootstrap"}, default=None
        See :func:`gap_interval`.
    n_resamples : int, default=200
        Bootstrap replicates behind the standard error of a callable that is not built
        in.
    random_state : int, RandomState, Generator or None, default=0
        Draws them.

    Returns
    -------
    disparity : Disparity

    Raises
    ------
    ValueError
        If the labels leave open which is positive, or the input is of no use.

    Warns
    -----
    FairnessWarning
        If the metric is undefined for some group, which is then left out.

    Notes
    -----
    For two groups and one metric the interval is Newcombe's (shares) or its kin, folded
    at parity. Otherwise it holds every gap that a simulated test does not reject. In
    both, when the true gap is 0 the interval contains 0 as often as its level says.

    Examples
    --------
    >>> from fairlearnkit.metrics import disparity
    >>> found = disparity(
    ...     [0, 1] * 50, [0, 1] * 25 + [1, 1] * 25, "demographic_parity",
    ...     sensitive_features=["a"] * 50 + ["b"] * 50,
    ... )
    >>> print(f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]")
    0.50 [0.35, 0.63]
    """
    people = People(y_true, y_pred, sensitive_features, sample_weight)
    people.check_row_order()
    if isinstance(metric, (str, Constraint, Rate)):
        constraint = as_constraint(metric)
        table = with_positive_class(people.counts, constraint.pos_label, several=True)
        rates = constraint.rates(table.classes)
        estimates = [read_rate(table, rate) for rate in rates]
        name, natural = constraint.name, constraint.compare
    else:
        estimates = [_estimates(metric, people, n_resamples, random_state)]
        name, natural = estimates[0].name, "difference"
    warn_undefined(estimates, estimates[0].names)
    return compared(estimates, name, compare or natural, confidence_level, method)


def _estimates(metric, people, n_resamples, random_state):
    reader = reader_of(metric)
    if reader is not None:
        return reader.read(reader.table(people))
    params = {}
    if people.sample_weight is not None:
        params["sample_weight"] = people.sample_weight
    called = RowMetric(metric, people.y_true, people.y_pred, params)
    return called.estimates(people.groups, n_resamples, random_state)


def compared(estimates, name, compare, confidence_level=0.95, method=None):
    """Compare metrics between groups.

    Parameters
    ----------
    estimates : sequence of GroupEstimates
    name : str
    compare : {"difference", "ratio"}
    confidence_level : float
    method : str or None

    Returns
    -------
    disparity : Disparity
    """
    _warn_unsure(estimates)
    low, high = gap_interval(estimates, compare, confidence_level, method)
    value, lowest, highest = np.nan, None, None
    for estimate in estimates:
        defined = np.flatnonzero(estimate.known())
        if len(defined) < 2:
            continue
        values = estimate.values[defined]
        gap = float(gap_of(values, compare))
        if np.isnan(value) or gap > value:
            value = gap
            lowest, highest = (
                estimate.groups[defined[i]] for i in (values.argmin(), values.argmax())
            )
    return Disparity(
        name,
        compare,
        value,
        low,
        high,
        confidence_level,
        lowest,
        highest,
        tuple(estimates),
    )


def warn_undefined(estimates, names):
    """Name the groups in which a metric is undefined."""
    for estimate in estimates:
        _warn_left_out(estimate, np.isnan(estimate.values), estimate.name, names)


def _warn_unsure(estimates):
    """Name the groups in which a metric's uncertainty is unknown: too few people."""
    for estimate in estimates:
        unsure = ~np.isnan(estimate.values) & ~estimate.known()
        what = f"the uncertainty of {estimate.name}"
        _warn_left_out(estimate, unsure, what, estimate.names)


def _warn_left_out(estimate, groups, what, names):
    if groups.any():
        labels = [repr(estimate.groups[g]) for g in np.flatnonzero(groups)]
        warn(
            f"{what} is undefined for {', '.join(names)} in [{shortlist(labels)}]; "
            "these groups are left out.",
            FairnessWarning,
            stacklevel=5,
        )


def warn_one_group(table):
    """Say that there is nobody to compare a single group with."""
    if len(table.groups) == 1:
        warn(
            f"{', '.join(table.names)} has one group only, {table.groups[0]!r}: there "
            "is nothing to compare it with.",
            FairnessWarning,
            stacklevel=5,
        )
