"""Metrics of every group beside those of all others, observed or after a permutation.

One number compares all groups: the sum over metrics of squared distances from the
common value, each over its variance. For shares of people it is Pearson's chi-squared.
It weighs a group by how well its metric is known; the largest gap would let the
smallest group decide.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

_SLACK = 1e-9  # relative rounding within which two statistics are the same


class Contrasts(NamedTuple):
    """Metrics of groups, and their differences from all others together.

    Parameters
    ----------
    values, variances : ndarray of shape (..., n_metrics, n_groups)
    differences, errors : ndarray of the same shape
        Of the group from everybody else: the difference, and its variance.
    """

    values: np.ndarray
    variances: np.ndarray
    differences: np.ndarray
    errors: np.ndarray

    def __add__(self, other):
        """Put draws after those of this one."""
        pairs = zip(self, other, strict=True)
        return Contrasts(*(np.concatenate(pair) for pair in pairs))


def rate_contrasts(rates, counts, squares):
    """Contrasts of rates of a table.

    Parameters
    ----------
    rates : sequence of Rate
    counts : ndarray of shape (..., n_groups, n_classes, n_classes)
    squares : ndarray of the same shape, or None
        Sums of squared weights. None for people who count once each and rates that are
        shares of them.

    Returns
    -------
    contrasts : Contrasts
        Variances are those under equality, at the value of all groups together.
    """
    parts = []
    whole = counts.sum(axis=-3, keepdims=True)
    rest = whole - counts
    for rate in rates:
        common = rate.of(whole)
        if squares is None:
            bases = [
                (table * rate.denominator).sum(axis=(-2, -1))
                for table in (counts, rest)
            ]
            with np.errstate(divide="ignore", invalid="ignore"):
                own, other = (common * (1 - common) / base for base in bases)
        else:
            own = _variance(rate, counts, squares, common)
            others = squares.sum(axis=-3, keepdims=True) - squares
            other = _variance(rate, rest, others, common)
        value = rate.of(counts)
        parts.append((value, own, value - rate.of(rest), own + other))
    return Contrasts(*(np.stack(p, axis=-2) for p in zip(*parts, strict=True)))


def _variance(rate, counts, squares, common):
    """Linearised variance of a rate of which the true value is `common`."""
    top, base = np.array(rate.numerator), np.array(rate.denominator)

    def total(cells):
        return (squares * cells).sum(axis=(-2, -1))

    square = total(top**2) - 2 * common * total(top * base)
    mass = (counts * base).sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(square + common**2 * total(base**2), 0) / mass**2


def heterogeneity(contrasts, complete):
    """Squared distance of all groups from their common value, over its variance.

    Parameters
    ----------
    contrasts : Contrasts
    complete : bool ndarray of shape (n_metrics,)
        Whether the metric is one of several shares that sum to one; they count such
        that together they make Pearson's statistic.

    Returns
    -------
    statistic : ndarray of shape (...)
    """
    values, variances = contrasts.values, contrasts.variances
    usable = ~np.isnan(values) & (variances > 0)
    weight = np.divide(1.0, variances, out=np.zeros_like(values), where=usable)
    values = np.where(usable, values, 0.0)
    total = weight.sum(axis=-1, keepdims=True)
    sums = (weight * values).sum(axis=-1, keepdims=True)
    mean = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
    squares = (weight * (values - mean) ** 2).sum(axis=-1)
    return (squares * np.where(complete, 1 - mean[..., 0], 1.0)).sum(axis=-1)


def distances(contrasts):
    """Differences in units of their standard error; NaN where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(contrasts.differences) / np.sqrt(contrasts.errors)
    return np.where(contrasts.differences == 0, 0.0, z)


def centred(contrasts):
    """Take off what a permutation shows on average, for permutations within strata."""
    with np.errstate(invalid="ignore"):
        values, differences = (
            part - np.nanmean(part, axis=0) if not np.isnan(part).all() else part
            for part in (contrasts.values, contrasts.differences)
        )
    return contrasts._replace(values=values, differences=differences)


def share_as_large(statistics):
    """P-value of the first of several statistics, itself among them.

    Parameters
    ----------
    statistics : ndarray of shape (1 + n_draws, ...)
        NaN in a draw counts as large; in the first, there is no p-value.
    """
    first = statistics[0]
    drawn = np.where(np.isnan(statistics), np.inf, statistics)
    least = np.where(np.isfinite(first), first - _SLACK * np.maximum(1, first), first)
    return np.where(np.isnan(first), np.nan, (drawn >= least).mean(axis=0))


def max_t_p_values(z):
    """P-values for the largest of several distances, stepping down.

    Parameters
    ----------
    z : ndarray of shape (1 + n_draws, n_tests)
        The first row is what was observed.

    Returns
    -------
    p_values : ndarray of shape (n_tests,)
        NaN where the test could not be made; it counts for nothing.
    """
    adjusted = np.full(z.shape[1], np.nan)
    known = np.flatnonzero(~np.isnan(z[0]))
    order = known[np.argsort(-z[0, known], kind="stable")]
    drawn = np.where(np.isnan(z), np.inf, z)
    largest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    largest[0] = z[0, order]
    adjusted[order] = np.maximum.accumulate(share_as_large(largest))
    return adjusted


def chi2_p_values(contrasts, complete):
    """P-values by the chi-squared law: of all groups together, and of each.

    Parameters
    ----------
    contrasts : Contrasts
        Those observed.
    complete : ndarray of shape (n_metrics,)
        0, or the number of shares that sum to one.
    """
    defined = (~np.isnan(contrasts.values)).sum(axis=-1)
    share = np.where(complete > 0, 1 - 1 / np.maximum(complete, 1), 1.0)
    degrees = (np.maximum(defined - 1, 0) * share).sum()
    statistic = heterogeneity(contrasts, complete > 0)
    return chi2.sf(statistic, degrees), chi2.sf(distances(contrasts) ** 2, 1)
