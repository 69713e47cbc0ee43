"""Tests of "no disparity", and their correction for asking more than once."""

import numpy as np
from scipy.stats import false_discovery_control

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
