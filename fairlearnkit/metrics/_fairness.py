"""Fairness metrics under their usual names and signatures."""

import numpy as np

from fairlearnkit.constraints import (
    DemographicParity,
    EqualizedOdds,
    TruePositiveRateParity,
)
from fairlearnkit.metrics._disparity import warn_one_group, warn_undefined
from fairlearnkit.metrics._people import People, with_positive_class
from fairlearnkit.metrics._reading import read_rate


def demographic_parity_difference(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method="between_groups",
    sample_weight=None,
    pos_label=None,
):
    """Largest difference of selection rates between groups; 0 is parity.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels; they only tell which labels there are.
    y_pred : array-like of shape (n_samples,)
        Predicted labels, not scores.
    sensitive_features : array-like, Series or data frame of n_samples rows
        Several columns make intersectional groups.
    method : {"between_groups", "to_overall"}, default="between_groups"
        Whether groups are compared with each other or with everybody.
    sample_weight : array-like of shape (n_samples,), default=None
    pos_label : int, float, bool or str, default=None
        The positive label; by default 1 if labels are in {0, 1} or {-1, 1}. With more
        than two labels and none named, every label is compared.

    Returns
    -------
    difference : float
        In [0, 1].

    Raises
    ------
    ValueError
        If two labels leave open which is positive, or predictions are continuous.

    See Also
    --------
    disparity_of_table : The same with an interval.

    Examples
    --------
    >>> from fairlearnkit.metrics import demographic_parity_difference
    >>> demographic_parity_difference(
    ...     [0, 1, 1, 0], [0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    0.5
    """
    table = _table(y_true, y_pred, sensitive_features, sample_weight, pos_label)
    constraint = DemographicParity(pos_label=pos_label)
    return max(_gaps(table, constraint, method))


def demographic_parity_ratio(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method="between_groups",
    sample_weight=None,
    pos_label=None,
):
    """Smallest ratio of selection rates between groups; 1 is parity.

    The four-fifths rule asks for 0.8 or more.

    Parameters
    ----------
    y_true, y_pred, sensitive_features, method, sample_weight, pos_label
        As in :func:`demographic_parity_difference`.

    Returns
    -------
    ratio : float
        In [0, 1].

    Examples
    --------
    >>> from fairlearnkit.metrics import demographic_parity_ratio
    >>> demographic_parity_ratio(
    ...     [0, 1, 1, 0], [0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    0.5
    """
    table = _table(y_true, y_pred, sensitive_features, sample_weight, pos_label)
    constraint = DemographicParity(compare="ratio", pos_label=pos_label)
    return min(_gaps(table, constraint, method))


def equal_opportunity_difference(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method="between_groups",
    sample_weight=None,
    pos_label=None,
):
    """Largest difference of true positive rates between groups; 0 is parity.

    Parameters
    ----------
    y_true, y_pred, sensitive_features, method, sample_weight, pos_label
        As in :func:`demographic_parity_difference`.

    Returns
    -------
    difference : float
        In [0, 1]; a group without positives is left out, with a warning.

    Examples
    --------
    >>> from fairlearnkit.metrics import equal_opportunity_difference
    >>> equal_opportunity_difference(
    ...     [1, 1, 1, 1], [0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    0.5
    """
    table = _table(y_true, y_pred, sensitive_features, sample_weight, pos_label)
    return max(_gaps(table, TruePositiveRateParity(pos_label=pos_label), method))


def equal_opportunity_ratio(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method="between_groups",
    sample_weight=None,
    pos_label=None,
):
    """Smallest ratio of true positive rates between groups; 1 is parity.

    Parameters
    ----------
    y_true, y_pred, sensitive_features, method, sample_weight, pos_label
        As in :func:`demographic_parity_difference`.

    Returns
    -------
    ratio : float
        In [0, 1]; a group without positives is left out, with a warning.

    Examples
    --------
    >>> from fairlearnkit.metrics import equal_opportunity_ratio
    >>> equal_opportunity_ratio(
    ...     [1, 1, 1, 1], [0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    0.5
    """
    table = _table(y_true, y_pred, sensitive_features, sample_weight, pos_label)
    constraint = TruePositiveRateParity(compare="ratio", pos_label=pos_label)
    return min(_gaps(table, constraint, method))


def equalized_odds_difference(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method="between_groups",
    sample_weight=None,
    agg="worst_case",
    pos_label=None,
):
    """Difference of true and of false positive rates between groups; 0 is parity.

    Parameters
    ----------
    y_true, y_pred, sensitive_features, method, sample_weight, pos_label
        As in :func:`demographic_parity_difference`.
    agg : {"worst_case", "mean"}, default="worst_case"
        Whether the larger of the two differences or their mean is returned.

    Returns
    -------
    difference : float
        In [0, 1]; a group without one of the labels is left out of its rate, with a
        warning.

    Examples
    --------
    >>> from fairlearnkit.metrics import equalized_odds_difference
    >>> equalized_odds_difference(
    ...     [0, 1, 0, 1], [0, 0, 0, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    1.0
    """
    table = _table(y_true, y_pred, sensitive_features, sample_weight, pos_label)
    gaps = _gaps(table, EqualizedOdds(pos_label=pos_label), method)
    return _aggregate(gaps, agg, max)


def equalized_odds_ratio(
    y_true,
    y_pred,
    *,
    sensitive_features,
    method="between_groups",
    sample_weight=None,
    agg="worst_case",
    pos_label=None,
):
    """Ratio of true and of false positive rates between groups; 1 is parity.

    Parameters
    ----------
    y_true, y_pred, sensitive_features, method, sample_weight, agg, pos_label
        As in :func:`equalized_odds_difference`.

    Returns
    -------
    ratio : float
        In [0, 1].

    Examples
    --------
    >>> from fairlearnkit.metrics import equalized_odds_ratio
    >>> equalized_odds_ratio(
    ...     [0, 1, 0, 1], [1, 1, 1, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    1.0
    """
    table = _table(y_true, y_pred, sensitive_features, sample_weight, pos_label)
    constraint = EqualizedOdds(compare="ratio", pos_label=pos_label)
    return _aggregate(_gaps(table, constraint, method), agg, min)


def _table(y_true, y_pred, sensitive_features, sample_weight, pos_label):
    people = People(y_true, y_pred, sensitive_features, sample_weight)
    people.check_row_order()
    return with_positive_class(people.counts, pos_label, several=True)


def _gaps(table, constraint, method):
    """Difference or ratio of each rate."""
    if method not in ("between_groups", "to_overall"):
        raise ValueError(
            f"method must be 'between_groups' or 'to_overall', got {method!r}."
        )
    rates = constraint.rates(table.classes)
    shown = [read_rate(table, rate) for rate in rates]
    warn_undefined(shown, table.names)
    warn_one_group(table)
    gaps = []
    for rate, by_group in zip(rates, shown, strict=True):
        values = by_group.values[~np.isnan(by_group.values)]
        if not len(values):
            gaps.append(np.nan)
        elif method == "between_groups":
            gap = float(constraint.gap(values))
            gaps.append(gap if constraint.compare == "difference" else 1 - gap)
        else:
            overall = rate.of(table.overall().counts)[0]
            gaps.append(_to_overall(values, overall, constraint.compare))
    return gaps


def _to_overall(values, overall, compare):
    if compare == "difference":
        return float(abs(values - overall).max())
    if overall == 0:
        return 1.0
    ratio = values / overall
    return float(np.min(np.minimum(ratio, 1 / np.maximum(ratio, 1e-300))))


def _aggregate(gaps, agg, worst):
    if agg not in ("worst_case", "mean"):
        raise ValueError(f"agg must be 'worst_case' or 'mean', got {agg!r}.")
    return worst(gaps) if agg == "worst_case" else float(np.mean(gaps))
