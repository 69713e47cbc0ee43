"""The group with the worst value of a metric, and what is known of the worst value."""

from dataclasses import dataclass

import numpy as np

from fairlearnkit.metrics import _base_rates as base
from fairlearnkit.metrics._estimates import GroupEstimates
from fairlearnkit.metrics._interval_estimate import check_confidence_level
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics._rows import RowMetric
from fairlearnkit.metrics.numbers._limits import limits, warn_of_groups

_DRAWS = 4096
_GREATER_IS_BETTER = {
    base.true_positive_rate: True,
    base.true_negative_rate: True,
    base.positive_predictive_value: True,
    base.negative_predictive_value: True,
    base.false_positive_rate: False,
    base.false_negative_rate: False,
    base.false_discovery_rate: False,
    base.false_omission_rate: False,
}
_ENDINGS = {"_score": True, "_loss": False, "_error": False, "_deviance": False}
_SIGNED = {"mean_error"}  # an error that is best at 0, not as small as can be


@dataclass(frozen=True, eq=False)
class WorstGroup:
    """The group with the worst value of a metric, with an interval of the worst value.

    Parameters
    ----------
    name : str
        Name of the metric.
    greater_is_better : bool
        Whether the worst value is the smallest.
    group : label or None
        The group that is worst in these data, the first of them if several tie; None
        if the metric is defined for no group.
    value : float
        Its value: the worst observed.
    low, high : float
        Interval of the worst true value, of whichever group has it in truth.
    confidence_level : float
        Nominal coverage of the interval.
    overall : float
        Value of everybody.
    gap : float
        ``value - overall``; negative where greater is better.
    probability : ndarray of shape (n_groups,)
        How often each group comes out worst in samples like this one; NaN for groups
        that were left out.
    estimates : GroupEstimates
        The metric of every group, with its law.
    """

    name: str
    greater_is_better: bool
    group: object
    value: float
    low: float
    high: float
    confidence_level: float
    overall: float
    gap: float
    probability: np.ndarray
    estimates: GroupEstimates

    def to_frame(self):
        """Tabulate the groups, the worst first, as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Index: the groups; columns: value, low and high (interval of that group on
            its own), gap (to the overall value), probability (of being worst), n.
        """
        estimates = self.estimates
        frame = estimates.to_frame(self.confidence_level)
        frame.insert(3, "gap", estimates.values - self.overall)
        frame.insert(4, "probability", self.probability)
        badness = estimates.values if self.greater_is_better else -estimates.values
        return frame.iloc[np.argsort(badness, kind="stable")]


def worst_group(
    y_true,
    y_pred,
    metric,
    *,
    sensitive_features,
    greater_is_better=None,
    sample_weight=None,
    confidence_level=0.95,
    method=None,
    min_n=1,
    n_resamples=200,
    random_state=0,
):
    """Find the group for which a metric is worst, and how bad the worst can be.

    The worst of many groups looks worse than it is, because it was picked for looking
    bad. The interval here takes account of that: it is an interval of the worst *true*
    value, whichever group has it, which is what "minimax" and Rawlsian fairness look
    at. It says nothing of why a group fares badly, nor that the observed worst group is
    the true one; see `probability` for how clear that is.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels or numbers, as the metric wants them.
    metric : callable
        ``metric(y_true, y_pred)``, such as :func:`sklearn.metrics.accuracy_score` or
        :func:`true_positive_rate`; bind further arguments with
        :func:`functools.partial`.
    sensitive_features : array-like, Series, data frame or dict of n_samples rows
        Several columns make intersectional groups.
    greater_is_better : bool, default=None
        Whether the smallest value is the worst. Known, so that it may be left out, for
        the rates of this package other than selection rates, and for the scores, losses
        and errors of scikit-learn.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    confidence_level : float in (0, 1), default=0.95
    method : str, default=None
        Interval behind the limits: a method of the metric's law, such as "jeffreys"; by
        default Clopper and Pearson's for shares, else the law's own.
    min_n : float, default=1
        Leave groups of fewer people out, effective people if weighted. The default
        leaves none out: how little is known of a small group shows in the interval.
    n_resamples : int, default=200
        Bootstrap replicates behind the standard error of a metric that is not built in.
    random_state : int, RandomState, Generator or None, default=0
        Draws them.

    Returns
    -------
    worst : WorstGroup

    Raises
    ------
    ValueError
        If it is open which values are worse, or the input is of no use to the metric.

    Warns
    -----
    FairnessWarning
        If a group is left out: too few people, or the metric or its standard error is
        undefined.

    See Also
    --------
    disparity : How far the groups lie apart.
    bounded_group_loss : Whether the loss of every group keeps within a bound.
    make_derived_metric : The worst value alone, as a metric for scorers.

    Notes
    -----
    Of a loss, with limits of the K groups that fail with probability
    :math:`\\beta = \\min(\\alpha / 2, 1 - (1 - \\alpha)^{1/K})` below and
    :math:`\\alpha - \\beta` above, the interval is

    .. math:: \\left[\\max_g l_g(\\beta),\\; \\max_g u_g(\\alpha - \\beta)\\right].

    The lower end must hold for all groups at once. The upper end fails only if the
    limit of the group that is worst in truth does, so that it needs no correction for
    the number of groups. In theory coverage is :math:`1 - \\alpha` where one group
    stands out and where all are equal, and more in between. Simulated with 2, 4 and 8
    groups of 20 to 1000 people (error rates, squared normal and absolute lognormal
    errors), it was 0.93 to 0.97 in these two cases from 200 people on, and up to 0.998
    in small groups or between the cases. The interval that the observed worst of eight
    equal groups has on its own held the worst true value in 0.76 to 0.93.

    `probability` is the share of samples, drawn from the estimates as if they were the
    truth, in which the group is worst. Of K equal groups it averages 1 / K.

    References
    ----------
    Rawls, "A theory of justice", Harvard University Press, 1971.

    Martinez, Bertran, Sapiro, "Minimax Pareto fairness: a multi objective perspective",
    ICML 2020. https://proceedings.mlr.press/v119/martinez20a.html

    Examples
    --------
    >>> from sklearn.metrics import zero_one_loss
    >>> from fairlearnkit.metrics import worst_group
    >>> worst = worst_group(
    ...     [1] * 300, [1] * 90 + [0] * 10 + [1] * 85 + [0] * 15 + [1] * 60 + [0] * 40,
    ...     zero_one_loss, sensitive_features=["a"] * 100 + ["b"] * 100 + ["c"] * 100,
    ... )
    >>> print(f"{worst.group}: {worst.value:.2f} [{worst.low:.2f}, {worst.high:.2f}]")
    c: 0.40 [0.30, 0.50]
    >>> worst.probability.round(3)
    array([0., 0., 1.])
    """
    check_confidence_level(confidence_level)
    worse = _sign_of_worse(metric, greater_is_better)
    people = People(y_true, y_pred, sensitive_features, sample_weight)
    people.check_row_order()
    estimates, overall = _read(metric, people, n_resamples, random_state)
    rows = _judged(estimates, min_n)
    probability = np.full(len(estimates.groups), np.nan)
    group, value, low, high = None, np.nan, np.nan, np.nan
    if len(rows):
        kept = estimates.take(rows)
        at = int(np.argmax(worse * kept.values))
        group, value = kept.groups[at], float(kept.values[at])
        low, high = worst_interval(kept, worse, confidence_level, method)
        probability[rows] = _probabilities(kept, worse)
    return WorstGroup(
        estimates.name,
        worse < 0,
        group,
        value,
        low,
        high,
        confidence_level,
        overall,
        value - overall,
        probability,
        estimates,
    )


def worst_interval(estimates, worse, confidence_level=0.95, method=None):
    """Interval of the largest true value (`worse` = 1) or of the smallest (-1).

    Parameters
    ----------
    estimates : GroupEstimates
        Defined for every group.
    worse : {1, -1}
    confidence_level : float in (0, 1), default=0.95
    method : str, default=None
        See :func:`fairlearnkit.metrics.numbers._limits.limits`.

    Returns
    -------
    low, high : float
    """
    alpha = 1 - confidence_level
    every = min(alpha / 2, 1 - confidence_level ** (1 / len(estimates.groups)))
    below, above = (every, alpha - every) if worse > 0 else (alpha - every, every)
    low, _ = limits(estimates, below, method)
    _, high = limits(estimates, above, method)
    if worse > 0:
        return float(low.max()), float(high.max())
    return float(low.min()), float(high.min())


def _sign_of_worse(metric, greater_is_better):
    if not callable(metric):
        raise ValueError(f"metric must be callable, got {metric!r}.")
    if greater_is_better is None:
        greater_is_better = _known_direction(metric)
    if greater_is_better is None:
        name = getattr(metric, "__name__", "this metric")
        raise ValueError(
            f"it is not known whether a greater {name} is better; say so by "
            "greater_is_better=True or False."
        )
    return -1 if greater_is_better else 1


def _known_direction(metric):
    while hasattr(metric, "func") and hasattr(metric, "keywords"):  # a partial
        metric = metric.func
    if metric.__hash__ and metric in _GREATER_IS_BETTER:
        return _GREATER_IS_BETTER[metric]
    name, home = getattr(metric, "__name__", ""), getattr(metric, "__module__", "")
    known = (home or "").startswith(("sklearn.metrics", "fairlearnkit.metrics"))
    if known and name not in _SIGNED:
        for ending, direction in _ENDINGS.items():
            if name.endswith(ending):
                return direction
    return None


def _read(metric, people, n_resamples, random_state):
    """The metric of every group, and of everybody."""
    reader = reader_of(metric)
    if reader is not None:
        table = reader.table(people)
        return reader.read(table), float(reader.read(table.overall()).values[0])
    weight = people.sample_weight
    params = {} if weight is None else {"sample_weight": weight}
    called = RowMetric(metric, people.y_true, people.y_pred, params)
    estimates = called.estimates(people.groups, n_resamples, random_state)
    return estimates, float(called.on(slice(None)))


def _judged(estimates, min_n):
    """Rows of the groups that can be compared; warn of the others."""
    low, high = estimates.interval()
    known = ~np.isnan(estimates.values + low + high)
    few = known & (estimates.n < min_n)
    what = (
        f"{estimates.name} or its standard error is undefined for {{}} for lack of "
        "people; these groups are left out."
    )
    warn_of_groups(estimates, np.flatnonzero(~known), what)
    what = f"the groups {{}} have fewer than min_n={min_n} people and are left out."
    warn_of_groups(estimates, np.flatnonzero(few), what)
    return np.flatnonzero(known & ~few)


def _probabilities(estimates, worse):
    """Share of drawn samples in which each group is worst; ties are shared out."""
    # Ascending, so that the names and the order of groups change nothing.
    order = np.lexsort((estimates.n, estimates.values))
    ordered = estimates.take(order)
    ranks = np.tile(np.arange(_DRAWS), (len(order), 1))
    ranks = np.random.default_rng(0).permuted(ranks, axis=1)
    drawn = worse * ordered.sampler(ranks)(ordered.smoothed())
    is_worst = drawn == drawn.max(axis=1, keepdims=True)
    share = (is_worst / is_worst.sum(axis=1, keepdims=True)).mean(axis=0)
    found = np.empty(len(order))
    found[order] = share
    return found
