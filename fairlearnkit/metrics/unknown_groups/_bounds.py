"""Bounds of a rate by what cells of people leave open, and their sampling: arrays."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from fairlearnkit.metrics._intervals import wilson_interval


def rate_bounds(counts, masses, rate):
    """Smallest and largest rate of every group that the cells allow.

    Parameters
    ----------
    counts : ndarray of shape (..., n_cells, n_classes, n_classes)
        People of each cell by true and predicted label.
    masses : ndarray of shape (..., n_cells, n_groups)
        How many of them are of each group.
    rate : Rate
        A share of people.

    Returns
    -------
    low, high : ndarray of shape (..., n_groups)
        NaN for a group of which nobody can be among those whom the rate is about.
    """
    top, base = np.array(rate.numerator), np.array(rate.denominator)
    parts = [(counts * cells).sum(axis=(-2, -1)) for cells in (top, base - top)]
    hit, miss = (part[..., None] for part in parts)
    other = counts.sum(axis=(-2, -1))[..., None] - hit - miss
    high = _largest(masses, hit, miss, other)
    return 1 - _largest(masses, miss, hit, other), high


def _largest(masses, hit, miss, other):
    """Largest share of hits: as many as can be, and as few misses as must be."""
    hits = np.minimum(masses, hit).sum(axis=-2)
    # Rounding must not leave a trace of a miss where there is room for none.
    rest = masses - hit - other
    misses = np.where(rest > 1e-12 * masses, rest, 0.0).sum(axis=-2)
    possible = np.minimum(masses, miss).sum(axis=-2) + hits > 0
    total = hits + misses
    share = np.divide(hits, total, out=np.zeros_like(total), where=total > 0)
    return np.where(possible, share, np.nan)


def sampled_ends(table, probabilities, rate, bounds, confidence_level, n_draws, rng):
    """Interval of the true rates, which lie anywhere within their bounds.

    Parameters
    ----------
    table : GroupCounts
        People by cell.
    probabilities : ndarray of shape (n_cells, n_groups)
    rate : Rate
    bounds : tuple (low, high) of ndarray of shape (n_groups,)
    confidence_level : float
    n_draws : int
        Bootstrap replicates.
    rng : Generator

    Returns
    -------
    low, high : ndarray of shape (n_groups,)
    """
    drawn = table.resample(n_draws, rng)
    masses = drawn.sum(axis=(-2, -1))[..., None] * probabilities
    ends = rate_bounds(drawn, masses, rate)
    errors = [_deviation(end) for end in ends]
    base = (table.counts * rate.denominator).sum(axis=(1, 2))
    square = (table.squares * rate.denominator).sum(axis=(1, 2))
    expected = (base @ probabilities) ** 2 / np.maximum(square @ probabilities, 1e-300)
    found = []
    for end, error in zip(bounds, errors, strict=True):
        spread = end * (1 - end)
        usable = (error > 0) & (spread > 0)
        size = np.divide(spread, error**2, out=expected.copy(), where=usable)
        found.append((end, size, error))
    width = bounds[1] - bounds[0]
    reach = [
        _reach(w, max(a, b), confidence_level)
        for w, a, b in zip(width, *errors, strict=True)
    ]
    level = 2 * ndtr(reach) - 1
    (low, low_size, _), (high, high_size, _) = found
    return wilson_interval(low, low_size, level)[0], wilson_interval(
        high, high_size, level
    )[1]


def _deviation(drawn):
    """Standard deviation over the draws in which the end is defined."""
    known = ~np.isnan(drawn)
    n = np.maximum(known.sum(axis=0), 1)
    drawn = np.where(known, drawn, 0.0)
    squares = np.where(known, drawn - drawn.sum(axis=0) / n, 0.0) ** 2
    return np.sqrt(squares.sum(axis=0) / n)


def _reach(width, error, level):
    """Standard errors to go beyond each bound (Imbens and Manski's equation)."""
    if not error > 0 or np.isnan(width):
        return ndtri(0.5 + level / 2)

    def excess(reach):
        return ndtr(reach + width / error) - ndtr(-reach) - level

    return brentq(excess, 0, ndtri(0.5 + level / 2) + 1e-9)
