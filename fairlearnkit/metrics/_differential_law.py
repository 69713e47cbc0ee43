"""Epsilon of differential fairness from counts, and what other samples would show."""

import numpy as np
from scipy.special import betaincinv

_TINY = np.finfo(float).tiny


def effective_counts(table):
    """Counts of predictions and of labels, scaled to effective numbers of people."""
    weight = table.counts.sum(axis=(1, 2))
    scale = weight / table.squares.sum(axis=(1, 2))
    counts = table.counts * scale[:, None, None]
    return counts.sum(axis=1), counts.sum(axis=2), weight * scale


def smoothed_shares(counts, concentration):
    """Shares of each outcome in every group; 0 for those that nobody has."""
    occurs = counts.sum(axis=0) > 0
    prior = np.where(occurs, concentration / occurs.sum(), 0.0)
    return (counts + prior) / (counts.sum(axis=1, keepdims=True) + concentration)


def epsilon_of(counts, concentration):
    """Largest difference of the logarithm of a share; NaN for a single group."""
    if len(counts) < 2:
        return np.nan
    shares = smoothed_shares(counts, concentration)[:, counts.sum(axis=0) > 0]
    with np.errstate(divide="ignore"):
        logs = np.log(shares)
    return float((logs.max(axis=0) - logs.min(axis=0)).max())


def difference_of(first, second):
    """Difference of two epsilons, of which both may be infinite."""
    return np.nan if np.isinf(first) and np.isinf(second) else first - second


def pairwise_spans(predicted, labelled, concentration, confidence_level):
    """Intervals of both epsilons and of their difference."""
    spans = [
        _pairwise_span(counts, concentration or 1.0, 1 - confidence_level)
        for counts in (predicted, labelled)
    ]
    (low, high), (label_low, label_high) = (
        _pairwise_span(counts, concentration or 1.0, (1 - confidence_level) / 2)
        for counts in (predicted, labelled)
    )
    return [*spans, (low - label_high, high - label_low)]


def _pairwise_span(counts, concentration, error):
    counts = counts[:, counts.sum(axis=0) > 0]
    n_groups, n_classes = counts.shape
    # For two classes one outcome is below another group's when the other is above.
    compared = n_groups * (n_groups - 1) * (n_classes if n_classes > 2 else 1)
    low, middle, high = _log_bands(counts, concentration, error / compared)
    near, _, far = _log_bands(counts, concentration, error)
    gaps = middle[:, None] - middle[None]
    least = gaps - np.hypot((middle - low)[:, None], (high - middle)[None])
    most = gaps + np.hypot((far - middle)[:, None], (middle - near)[None])
    apart = ~np.eye(n_groups, dtype=bool)
    return max(0.0, least[apart].max()), most[apart].max()


def _log_bands(counts, concentration, error):
    """Logarithm of smoothed shares, between those of posterior quantiles."""
    shares = smoothed_shares(counts, concentration)
    total = counts.sum(axis=1, keepdims=True) + concentration
    hits, misses = shares * total, np.maximum((1 - shares) * total, _TINY)
    ends = (betaincinv(hits, misses, tail) for tail in (error / 2, 1 - error / 2))
    low, high = (np.log(np.maximum(end, _TINY)) for end in ends)
    return low, np.log(shares), high


def posterior_draws(table, concentration, n_draws, random):
    """Draws of both epsilons and of their difference."""
    weight = table.counts.sum(axis=(1, 2))
    counts = table.counts * (weight / table.squares.sum(axis=(1, 2)))[:, None, None]
    labelled, predicted = (counts.sum(axis=(0, axis)) > 0 for axis in (2, 1))
    counts = counts[:, labelled][:, :, predicted]
    n_cells = counts.shape[1] * counts.shape[2]
    low = [np.full((n_draws, size), np.inf) for size in counts.shape[:0:-1]]
    high = [-ends for ends in low]
    for cells in counts + concentration / n_cells:
        drawn = random.standard_gamma(cells, size=(n_draws, *cells.shape))
        drawn /= drawn.sum(axis=(1, 2), keepdims=True)
        for side in (0, 1):  # predictions, labels
            logs = np.log(np.maximum(drawn.sum(axis=1 + side), _TINY))
            np.minimum(low[side], logs, out=low[side])
            np.maximum(high[side], logs, out=high[side])
    first, second = ((h - b).max(axis=1) for h, b in zip(high, low, strict=True))
    return first, second, first - second
