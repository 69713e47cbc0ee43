"""Comparing the selection rates of categories with the highest: arrays in and out."""

import numpy as np
from scipy.stats import fisher_exact

from fairlearnkit.metrics._intervals import ratio_interval, wilson_interval


def compare_categories(n, selected, interval, confidence_level):
    """Compare categories, in at least one of which somebody was selected.

    Parameters
    ----------
    n, selected : int ndarray of shape (n_categories,)
    interval : {"highest", "reference"}
        What the interval of the ratio is for, as in :func:`impact_ratios`.
    confidence_level : float in (0, 1)

    Returns
    -------
    columns : dict of ndarray of shape (n_categories,)
        Those of :class:`ImpactTable` that compare.
    """
    rate = selected / n
    best = int(np.argmax(rate))
    top, top_n = selected[best], n[best]
    below = _below_four_fifths(selected, n, top, top_n)
    low, high = _intervals(rate, n, best, interval, confidence_level)
    return {
        "ratio": rate / rate[best],
        "low": low,
        "high": high,
        "p_value": _p_values(selected, n, best),
        "below_four_fifths": below,
        # Rounded up in whole numbers: k people more make (selected + k) / n enough.
        "shortfall_four_fifths": np.maximum(-(-4 * top * n // (5 * top_n)), selected)
        - selected,
        "shortfall_parity": -(-top * n // top_n) - selected,
        "flips_by_one": _flips_by_one(selected, n, best, below),
    }


def _below_four_fifths(selected, n, rival_selected, rival_n):
    """Compare rates with 4/5 of the rival's rate, without rounding."""
    return 5 * selected * rival_n < 4 * rival_selected * n


def _flips_by_one(selected, n, best, below):
    flips = np.zeros(len(n), dtype=bool)
    if len(n) == 1:
        return flips
    rate = selected / n
    rate[best] = -1
    rival = np.full(len(n), best)
    rival[best] = np.argmax(rate)  # the next highest, should it come out on top
    for step in (-1, 1):
        changed = np.clip(selected + step, 0, n)
        flips |= below != _below_four_fifths(changed, n, selected[rival], n[rival])
    return flips


def _intervals(rate, n, best, interval, confidence_level):
    if interval == "reference":
        shares = (rate, *wilson_interval(rate, n, confidence_level))
        low, high = ratio_interval(shares, [part[best] for part in shares])
        low[best] = high[best] = 1.0
        return low, high
    level = 1 - (1 - confidence_level) / max(len(n) - 1, 1)
    shares = (rate, *wilson_interval(rate, n, level))
    low, high = ratio_interval([part[:, None] for part in shares], shares)
    np.fill_diagonal(low, 1.0)
    np.fill_diagonal(high, 1.0)
    return low.min(axis=1), high.min(axis=1)


def _p_values(selected, n, best):
    p_values = np.full(len(n), np.nan)
    for category in range(len(n)):
        if category != best:
            pair = [category, best]
            p_values[category] = fisher_exact(
                [selected[pair], (n - selected)[pair]]
            ).pvalue
    return p_values
