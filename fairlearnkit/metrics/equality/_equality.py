"""Tests of "no disparity", and their correction for asking more than once."""

from functools import partial
from itertools import combinations

import numpy as np
from scipy.stats import false_discovery_control

from fairlearnkit._draws import new_generator
from fairlearnkit.constraints import as_constraint
from fairlearnkit.metrics._disparity import warn_one_group, warn_undefined
from fairlearnkit.metrics.equality._methods import differences, find, mirrored
from fairlearnkit.metrics.equality._questions import ask
from fairlearnkit.metrics.equality._rates import RateQuestion
from fairlearnkit.metrics.equality._results import EqualityTest, PairwiseTests

ADJUSTMENTS = ("holm", "bonferroni", "bh", "by")


def adjusted_p_values(p_values, method="holm"):
    """Adjust p-values for the number of tests that they come from.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        NaN for a test that could not be made; it counts for nothing.
    method : {"holm", "bonferroni", "bh", "by"}, default="holm"
        "holm" and "bonferroni" bound the probability of any false alarm, "bh"
        (Benjamini-Hochberg) and "by" (Benjamini-Yekutieli, for any dependence) the
        expected share of false alarms among those raised.

    Returns
    -------
    adjusted : ndarray of shape (n_tests,)

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6, 1979. https://www.jstor.org/stable/4615733

    Benjamini, Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995.
    :doi:`10.1111/j.2517-6161.1995.tb02031.x`

    Examples
    --------
    >>> from fairlearnkit.metrics import adjusted_p_values
    >>> adjusted_p_values([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    if method not in ADJUSTMENTS:
        raise ValueError(f"method must be one of {ADJUSTMENTS}, got {method!r}.")
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    tested = p[known]
    if method in ("bh", "by"):
        adjusted[known] = false_discovery_control(tested, method=method)
        return adjusted
    if method == "bonferroni":
        adjusted[known] = np.minimum(tested * len(tested), 1)
        return adjusted
    order = np.argsort(tested)
    remaining = len(tested) - np.arange(len(tested))
    stepped = np.maximum.accumulate(np.minimum(tested[order] * remaining, 1))
    found = np.empty_like(tested)
    found[order] = stepped
    adjusted[known] = found
    return adjusted


def equality_test(
    y_true,
    y_pred,
    metric,
    *,
    sensitive_features,
    sample_weight=None,
    method="auto",
    within=None,
    n_permutations=None,
    adjust="holm",
    confidence_level=0.95,
    n_resamples=200,
    random_state=0,
):
    """Test that a metric is the same in all groups, and say which groups differ.

    A small p-value says that the differences are more than chance would make. It does
    not say that they are large, and a large p-value does not say that there are none:
    for that, see the intervals, and `equivalence_p_value` of the result.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels or numbers, as the metric wants them.
    metric : str, Constraint, Rate or callable
        A constraint, such as "equalized_odds", or a metric ``f(y_true, y_pred)``; bind
        further arguments with :func:`functools.partial`.
    sensitive_features : array-like, Series or data frame of n_samples rows
        Several columns make intersectional groups.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. Those of weight 0 count for nothing.
    method : {"auto", "exact", "permutation", "chi2", "simulation"}, default="auto"
        - "permutation": people change groups at random; see Notes.
        - "exact": Fisher's test, for more than two groups Freeman's and Halton's; for
          shares of people, without weights.
        - "chi2": Pearson's test without correction, for shares of people in groups that
          are not small (five of each kind expected), without weights.
        - "simulation": gaps drawn from the sampling laws of the groups with a common
          value put in, on Kish's effective numbers if weighted. Approximate.

        "auto" is "exact" for shares of people if the possible tables are few, else
        "permutation".
    within : "y_true" or array-like of shape (n_samples,), default=None
        People change groups only with people of the same true label, or of the same
        value here, such as the department applied to. Permutations only.
    n_permutations : int, default=None
        By default 9999 where tables can be drawn, and 999 where rows are permuted.
    adjust : {"holm", "bonferroni", "bh", "by", "max_t"}, default="holm"
        How p-values of groups are adjusted: as in :func:`adjusted_p_values`, or by the
        largest distance of all groups and metrics in the same permutations, stepping
        down (Westfall and Young), which uses that they depend on each other.
    confidence_level : float in (0, 1), default=0.95
        Of the interval of each difference, one at a time.
    n_resamples : int, default=200
        Bootstrap replicates behind the intervals of a callable that is not built in.
    random_state : int, RandomState, Generator or None, default=0

    Returns
    -------
    test : EqualityTest

    Raises
    ------
    ValueError
        If the method does not suit the metric or weights, or the input is of no use.

    Warns
    -----
    FairnessWarning
        If the metric is undefined for some group, which is then left out.

    See Also
    --------
    pairwise_tests : Every group against every other.
    equality_test_of_table : The same from a table of counts.
    power_of_gap : How likely the test is to see a gap.

    Notes
    -----
    **Null hypothesis.** For a rate it is that among the people whom the rate is about,
    what counts does not depend on the group: among those of true label 1 for a true
    positive rate. They alone change groups, so that the p-value of a share of people
    holds its level in samples of any size: with a permutation
    :math:`p = (1 + \\#\\{T^* \\ge T\\}) / (1 + B)`. For any other metric, people change
    groups with their label and prediction, and the null hypothesis is that the joint
    law of the two is the same in all groups. That is more than an equal metric:
    different base rates alone already break it. The statistic is therefore divided by
    its standard error where there is a formula (rates, built-in metrics, weights), by
    which the test holds its level in large samples even if only the metric is equal
    (DiCiccio et al.); the value of another callable is not. For means of equal value
    and three times the spread in the smaller of groups of 60 and 300, a nominal 0.05
    came out as 0.05 for :func:`mean_prediction` and as 0.30 for the same mean as an
    own callable. With ``within="y_true"`` base rates may differ.

    **Statistic.** Squared distances of the groups from their common value over their
    variances, summed over groups and metrics; for shares of people Pearson's
    chi-squared. The largest gap would hang on the smallest group. Several rates, as in
    equalized odds, add up: with disjoint bases they are independent, and one p-value
    answers for all.

    **Weights** go with people to their new groups. If weights differ between groups the
    p-value holds in large samples only.

    **Small samples.** "exact" and "permutation" never exceed their level, and lie far
    below it where few outcomes are possible: with 10 people in each of two groups a
    nominal 0.05 is 0.01 in truth. "chi2" and "simulation" come closer to it, from both
    sides.

    References
    ----------
    DiCiccio, Vasudevan, Basu, Kenthapadi, Agarwal, "Evaluating fairness using
    permutation tests", KDD 2020. :doi:`10.1145/3394486.3403199`

    Freeman, Halton, "Note on an exact treatment of contingency, goodness of fit and
    other problems of significance", Biometrika 38, 1951.
    :doi:`10.1093/biomet/38.1-2.141`

    Westfall, Young, "Resampling-based multiple testing", Wiley 1993.

    Examples
    --------
    >>> from fairlearnkit.metrics import equality_test
    >>> found = equality_test(
    ...     [1] * 60, [1] * 18 + [0] * 2 + [1] * 30 + [0] * 10, "demographic_parity",
    ...     sensitive_features=["a"] * 20 + ["b"] * 40,
    ... )
    >>> print(f"{found.p_value:.3f} ({found.method})")
    0.304 (exact)
    >>> print(found.differences.round(2), found.low.round(2), found.high.round(2))
    [[ 0.15 -0.15]] [[-0.08 -0.32]] [[0.32 0.08]]
    """
    question = ask(
        y_true,
        y_pred,
        metric,
        sensitive_features,
        sample_weight,
        within,
        (n_resamples, random_state),
    )
    options = method, n_permutations, adjust, confidence_level
    return _test(question, *options, new_generator(random_state))


def equality_test_of_table(
    table,
    constraint,
    *,
    method="auto",
    n_permutations=None,
    adjust="holm",
    confidence_level=0.95,
    random_state=0,
):
    """Test that rates are the same in all groups of a table.

    Parameters
    ----------
    table : GroupCounts
    constraint : str, Constraint or Rate
    method : {"auto", "exact", "permutation", "chi2", "simulation"}, default="auto"
        As in :func:`equality_test`. "auto" is "simulation" for a weighted table, in
        which the people behind the weights can no longer be told apart.
    n_permutations, adjust, confidence_level, random_state
        As in :func:`equality_test`.

    Returns
    -------
    test : EqualityTest

    Warns
    -----
    FairnessWarning
        If a rate is undefined for some group, which is then left out.

    Examples
    --------
    >>> from fairlearnkit.metrics import equality_test_of_table
    >>> from fairlearnkit.tables import GroupCounts
    >>> table = GroupCounts.from_arrays(
    ...     [0, 1] * 50, [0, 1] * 25 + [1, 1] * 25,
    ...     sensitive_features=["a"] * 50 + ["b"] * 50,
    ... )
    >>> found = equality_test_of_table(table, "equalized_odds", method="chi2")
    >>> print(f"{found.statistic:.0f} {found.p_value:.1e}")
    50 1.4e-11
    """
    rates = as_constraint(constraint).rates(table.classes)
    question = RateQuestion(table, rates, [rate.name for rate in rates])
    options = method, n_permutations, adjust, confidence_level
    return _test(question, *options, new_generator(random_state))


def pairwise_tests(
    y_true,
    y_pred,
    metric,
    *,
    sensitive_features,
    sample_weight=None,
    method="auto",
    within=None,
    n_permutations=None,
    adjust="holm",
    confidence_level=0.95,
    n_resamples=200,
    random_state=0,
):
    """Test a metric of every group against that of every other group.

    Parameters
    ----------
    y_true, y_pred, metric, sensitive_features, sample_weight, method, within
        As in :func:`equality_test`; each pair is tested on its own people alone.
    n_permutations, confidence_level, n_resamples, random_state
        As in :func:`equality_test`.
    adjust : {"holm", "bonferroni", "bh", "by"}, default="holm"
        How p-values are adjusted for the number of pairs and metrics.

    Returns
    -------
    tests : PairwiseTests

    Warns
    -----
    FairnessWarning
        If the metric is undefined for some group, which is then left out.

    See Also
    --------
    equality_test : One test of all groups, and of each against all others.

    Examples
    --------
    >>> from fairlearnkit.metrics import pairwise_tests
    >>> found = pairwise_tests(
    ...     [1] * 60, [1] * 18 + [0] * 2 + [1] * 10 + [0] * 10 + [1] * 6 + [0] * 14,
    ...     "demographic_parity",
    ...     sensitive_features=["a"] * 20 + ["b"] * 20 + ["c"] * 20,
    ... )
    >>> found.pairs
    (('a', 'b'), ('a', 'c'), ('b', 'c'))
    >>> print(found.differences.round(2), found.p_adjusted.round(3))
    [[0.4 0.6 0.2]] [[0.028 0.001 0.333]]
    """
    _check_adjust(adjust, ADJUSTMENTS)
    question = ask(
        y_true,
        y_pred,
        metric,
        sensitive_features,
        sample_weight,
        within,
        (n_resamples, random_state),
    )
    estimates = question.estimates()
    warn_one_group(question)
    warn_undefined(estimates, question.names)
    rng = new_generator(random_state)
    pairs = list(combinations(range(len(question.groups)), 2))
    parts, methods = [], []
    for first, second in pairs:
        pair = question.pair(first, second)
        used, found = find(pair, method, n_permutations, False, rng)
        gaps = differences(pair, confidence_level)
        parts.append([*(gap[:, 0] for gap in gaps), found.p_values[:, 0]])
        methods.append(used)
    shape = 4, len(estimates), len(pairs)
    gap, low, high, p_values = np.moveaxis(parts, 0, 2) if parts else np.empty(shape)
    return PairwiseTests(
        metrics=tuple(question.metrics),
        pairs=tuple((question.groups[a], question.groups[b]) for a, b in pairs),
        methods=tuple(methods),
        differences=gap,
        low=low,
        high=high,
        p_values=p_values,
        p_adjusted=adjusted_p_values(p_values.ravel(), adjust).reshape(p_values.shape),
        confidence_level=confidence_level,
        adjust=adjust,
    )


def _test(question, method, n_permutations, adjust, confidence_level, rng):
    _check_adjust(adjust, (*ADJUSTMENTS, "max_t"))
    estimates = question.estimates()
    warn_one_group(question)
    warn_undefined(estimates, question.names)
    stepping = adjust == "max_t"
    method, found = find(question, method, n_permutations, stepping, rng)
    defined = [(~np.isnan(e.values)).sum() > 1 for e in estimates]
    gap, low, high = differences(question, confidence_level)
    if stepping:
        p_adjusted = found.stepped
    else:
        p_adjusted = mirrored(found.p_values, partial(adjusted_p_values, method=adjust))
    return EqualityTest(
        statistic=found.statistic,
        p_value=found.p_value if any(defined) else np.nan,
        method=method,
        metrics=tuple(question.metrics),
        groups=tuple(question.groups),
        names=tuple(question.names),
        values=np.array([e.values for e in estimates]),
        differences=gap,
        low=low,
        high=high,
        p_values=found.p_values,
        p_adjusted=p_adjusted,
        confidence_level=confidence_level,
        adjust=adjust,
        estimates=tuple(estimates),
    )


def _check_adjust(adjust, allowed):
    if adjust not in allowed:
        raise ValueError(f"adjust must be one of {allowed}, got {adjust!r}.")
