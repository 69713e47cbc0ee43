"""Differential fairness: how much a decision tells about the group of a person."""

from dataclasses import dataclass
from itertools import product
from warnings import warn

import numpy as np
from scipy.stats import chi2_contingency
from sklearn.utils import check_random_state

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics._differential_law import (
    difference_of,
    effective_counts,
    epsilon_of,
    pairwise_spans,
    posterior_draws,
    smoothed_shares,
)
from fairlearnkit.metrics._interval_estimate import Estimate, check_confidence_level
from fairlearnkit.tables import GroupCounts


@dataclass(frozen=True, eq=False)
class DifferentialFairness:
    """Differential fairness of predictions and of labels, and how they differ.

    Parameters
    ----------
    predictions, labels : Estimate
        Epsilon, 0 or more; 0 if all groups have the same distribution of outcomes.
    amplification : Estimate
        Epsilon of the predictions minus that of the labels: above 0 if the predictions
        differ more between groups than the labels do.
    outcome : label or None
        Outcome whose predicted share differs most.
    pair : tuple
        The group that has it least and the group that has it most.
    p_value : float
        Pearson's chi-square test that predictions are independent of groups; it is
        rough where fewer than 5 people are expected in a cell.
    groups, classes : tuple
        Group and class labels.
    predicted, labelled : ndarray of shape (n_groups, n_classes)
        Smoothed shares of each class among predictions and labels of a group.
    n : ndarray of shape (n_groups,)
        People; the effective number if weighted.
    concentration, confidence_level : float
    method : str
        Of the intervals.
    names : tuple of str
        Names of the sensitive columns.
    """

    predictions: Estimate
    labels: Estimate
    amplification: Estimate
    outcome: object
    pair: tuple
    p_value: float
    groups: tuple
    classes: tuple
    predicted: np.ndarray
    labelled: np.ndarray
    n: np.ndarray
    concentration: float
    confidence_level: float
    method: str
    names: tuple

    def to_frame(self):
        """Return one row for each group and outcome, as a pandas DataFrame."""
        user = "DifferentialFairness.to_frame"
        several = len(self.names) > 1
        rows = [
            (*(group if several else (group,)), outcome)
            for group, outcome in product(self.groups, self.classes)
        ]
        return require("pandas", extra="pandas", user=user).DataFrame(
            {
                "predicted": self.predicted.ravel(),
                "labelled": self.labelled.ravel(),
                "n": np.repeat(self.n, len(self.classes)),
            },
            index=label_index(rows, (*self.names, "outcome"), user),
        )


def differential_fairness(
    y_true, y_pred, *, sensitive_features, concentration=1.0, sample_weight=None
):
    """Smoothed empirical differential fairness of predictions; 0 is parity.

    The largest difference between any two groups in the logarithm of the share of any
    outcome: no share is more than :math:`e^\\epsilon` times another. So it is a ratio
    of rates, of refusals as well as of selections, made for many intersectional groups;
    the four-fifths rule, which looks at selections alone, asks for 0.22 or less. It
    compares rates, not deserts: labels that differ between groups are no excuse.

    For the labels in the data, pass them as both `y_true` and `y_pred`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels; they only tell which labels there are.
    y_pred : array-like of shape (n_samples,)
        Predicted labels, of any number of classes; not scores.
    sensitive_features : array-like, Series or data frame of n_samples rows
        Several columns make intersectional groups; those that do not occur do not
        count.
    concentration : float, default=1.0
        People that the prior is worth, shared equally by the classes; 0 does not
        smooth, and gives infinity if a group lacks an outcome that another one has. (In
        the paper :math:`\\alpha` is the share of one class.)
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative. They are scaled in each group to add up to its effective number of
        people, so that the prior counts as much as without.

    Returns
    -------
    epsilon : float
        0 or more; NaN if there is only one group.

    Raises
    ------
    ValueError
        If predictions are continuous, a value is missing or a weight is negative.

    Warns
    -----
    FairnessWarning
        If there is only one group.

    See Also
    --------
    differential_fairness_of_table : The same with intervals and a test.
    bias_amplification : Epsilon of the predictions less that of the labels.

    Notes
    -----
    With the number :math:`N_{sy}` of people of group s with outcome y,

    .. math::  \\epsilon = \\max_{y, s, s'}
        \\left| \\ln \\frac{N_{sy} + c / |Y|}{N_s + c}
        - \\ln \\frac{N_{s'y} + c / |Y|}{N_{s'} + c} \\right|

    over the :math:`|Y|` outcomes y that occur at all. The largest of many noisy
    differences, it is biased upwards: four groups of 50 people with equal rates of 30 %
    show 0.45 on average.

    References
    ----------
    Foulds, Islam, Keya, Pan, "An intersectional definition of fairness", ICDE 2020.
    :doi:`10.1109/ICDE48307.2020.00203`

    Examples
    --------
    >>> from fairlearnkit.metrics import differential_fairness
    >>> y, group = [0, 1, 1, 0], ["a", "a", "b", "b"]
    >>> epsilon = differential_fairness(y, [0, 1, 1, 1], sensitive_features=group)
    >>> print(f"{epsilon:.3f}")  # shares of 0: (1 + 0.5) / 3 and (0 + 0.5) / 3
    1.099
    """
    table = GroupCounts.from_arrays(
        y_true,
        y_pred,
        sensitive_features=sensitive_features,
        sample_weight=sample_weight,
    )
    predicted, _, _ = effective_counts(table)
    _check_groups(table)
    return epsilon_of(predicted, _check_concentration(concentration))


def bias_amplification(
    y_true, y_pred, *, sensitive_features, concentration=1.0, sample_weight=None
):
    """Differential fairness of the predictions less that of the labels.

    Above 0 the predictions differ more between groups than the labels, which takes no
    stand on whether the labels are just.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred, sensitive_features, concentration, sample_weight
        As in :func:`differential_fairness`.

    Returns
    -------
    amplification : float
        NaN if there is only one group, or if without smoothing both terms are infinite.

    See Also
    --------
    differential_fairness_of_table : The same with an interval.

    References
    ----------
    Foulds, Islam, Keya, Pan, "An intersectional definition of fairness", ICDE 2020.
    :doi:`10.1109/ICDE48307.2020.00203`

    Examples
    --------
    >>> from fairlearnkit.metrics import bias_amplification
    >>> y, group = [0, 1, 1, 0], ["a", "a", "b", "b"]
    >>> found = bias_amplification(y, [0, 1, 1, 1], sensitive_features=group)
    >>> print(f"{found:.3f}")  # the labels are at parity
    1.099
    """
    table = GroupCounts.from_arrays(
        y_true,
        y_pred,
        sensitive_features=sensitive_features,
        sample_weight=sample_weight,
    )
    predicted, labelled, _ = effective_counts(table)
    _check_groups(table)
    concentration = _check_concentration(concentration)
    return difference_of(
        epsilon_of(predicted, concentration), epsilon_of(labelled, concentration)
    )


def differential_fairness_of_table(
    table,
    *,
    concentration=1.0,
    method="pairwise",
    confidence_level=0.95,
    n_draws=4000,
    random_state=0,
):
    """Read differential fairness and its intervals off a table.

    Parameters
    ----------
    table : GroupCounts
    concentration : float, default=1.0
        As in :func:`differential_fairness`.
    method : {"pairwise", "posterior"}, default="pairwise"
        "pairwise" puts together the intervals of all pairs of groups, and holds its
        level everywhere. "posterior" gives quantiles of draws from the Dirichlet
        posterior of each group: what to believe under the prior. No draw is exactly
        fair, so that it never contains 0.
    confidence_level : float in (0, 1), default=0.95
    n_draws : int, default=4000
        Draws from the posterior.
    random_state : int, RandomState instance or None, default=0
        For the draws.

    Returns
    -------
    result : DifferentialFairness

    Warns
    -----
    FairnessWarning
        If there is only one group, so that nothing can be compared.

    Notes
    -----
    Every smoothed share has a Beta posterior, whose quantiles give an interval of its
    logarithm, and every difference of two logarithms one by MOVER, as Newcombe's
    interval of a difference of shares. The lower end is the largest of all lower ends,
    which together hold the level (Bonferroni). The upper end is the largest of all
    upper ends, each at the full level: it only has to hold for the one pair that
    differs most. The amplification lies between the differences of opposite ends, each
    at half the error. With ``concentration=0`` intervals are those of 1.

    Simulated coverage of 95 % intervals of epsilon with 50, 200 and 1000 people in each
    of 2 to 10 groups: "pairwise" 95 to 100 %, 97 to 99 % where all groups are equal.
    "posterior" 92 to 97 % for up to four clearly different groups, 80 % for eight of 50
    people and 0 where all are equal. For the amplification "pairwise" covered 98 to
    100 % with intervals half as long again as those of "posterior", which covered 92 to
    100 %, but 85 % where only the labels were at parity.

    References
    ----------
    Foulds, Islam, Keya, Pan, "An intersectional definition of fairness", ICDE 2020.
    :doi:`10.1109/ICDE48307.2020.00203`

    Foulds, Islam, Keya, Pan, "Bayesian modeling of intersectional fairness: the
    variance of bias", SDM 2020. :doi:`10.1137/1.9781611976236.48`

    Examples
    --------
    >>> from fairlearnkit.metrics import differential_fairness_of_table
    >>> from fairlearnkit.tables import GroupCounts
    >>> table = GroupCounts.from_arrays(
    ...     [0, 1] * 50, [0, 1] * 25 + [0, 1, 1, 1, 1] * 10,
    ...     sensitive_features=["a"] * 50 + ["b"] * 50,
    ... )
    >>> found = differential_fairness_of_table(table)
    >>> print(found.predictions)
    0.887 [0.253, 1.58]
    >>> found.outcome, found.pair
    (0, ('b', 'a'))
    """
    check_confidence_level(confidence_level)
    concentration = _check_concentration(concentration)
    if method not in ("pairwise", "posterior"):
        raise ValueError(f"method must be 'pairwise' or 'posterior', got {method!r}.")
    predicted, labelled, n = effective_counts(table)
    epsilons = [epsilon_of(counts, concentration) for counts in (predicted, labelled)]
    values = (*epsilons, difference_of(*epsilons))
    if not _check_groups(table):
        spans = [(np.nan, np.nan)] * 3
    elif method == "pairwise":
        spans = pairwise_spans(predicted, labelled, concentration, confidence_level)
    else:
        random = check_random_state(random_state)
        draws = posterior_draws(table, concentration or 1.0, n_draws, random)
        tails = 0.5 + np.array([-0.5, 0.5]) * confidence_level
        spans = [np.quantile(drawn, tails) for drawn in draws]
    estimates = [
        Estimate(float(value), float(low), float(high))
        for value, (low, high) in zip(values, spans, strict=True)
    ]
    shares = smoothed_shares(predicted, concentration)
    outcome, pair = _worst(predicted, shares, table)
    return DifferentialFairness(
        *estimates,
        outcome=outcome,
        pair=pair,
        p_value=_independence_p_value(predicted),
        groups=table.groups,
        classes=table.classes,
        predicted=shares,
        labelled=smoothed_shares(labelled, concentration),
        n=n,
        concentration=concentration,
        confidence_level=confidence_level,
        method=method,
        names=table.names,
    )


def _check_concentration(concentration):
    if not 0 <= concentration < np.inf:
        raise ValueError(f"concentration must be 0 or more, got {concentration!r}.")
    return float(concentration)


def _check_groups(table):
    if len(table.groups) > 1:
        return True
    warn(
        f"differential fairness is undefined for one group, {table.groups}: there is "
        "nothing to compare.",
        FairnessWarning,
        stacklevel=3,
    )
    return False


def _worst(counts, shares, table):
    """Outcome that differs most, and the groups with its smallest and largest share."""
    if len(counts) < 2:
        return None, ()
    with np.errstate(divide="ignore"):
        logs = np.where(counts.sum(axis=0) > 0, np.log(shares), 0.0)
    outcome = int((logs.max(axis=0) - logs.min(axis=0)).argmax())
    ends = logs[:, outcome].argmin(), logs[:, outcome].argmax()
    return table.classes[outcome], tuple(table.groups[g] for g in ends)


def _independence_p_value(counts):
    kept = counts[:, counts.sum(axis=0) > 0]
    if min(kept.shape) < 2:
        return np.nan if len(kept) < 2 else 1.0
    return float(chi2_contingency(kept, correction=False).pvalue)
