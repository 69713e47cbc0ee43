"""Equal costs of calibrated scores, by withholding some scores of the better-off."""

from __future__ import annotations

import numpy as np

__all__ = ["binned_calibration_error", "generalized_rates", "withheld_shares"]

_BINS = 10


def generalized_rates(
    scores: np.ndarray,
    label: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    n_groups: int,
) -> np.ndarray:
    """Generalised false positive and false negative rates of each group.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Probabilities of the positive label.
    label, codes : ndarray of shape (n_samples,), dtype int
        0 or 1, and the group.
    weight : ndarray of shape (n_samples,)
    n_groups : int

    Returns
    -------
    rates : ndarray of shape (n_groups, 2)
        Mean score of the negatives; mean of 1 - score of the positives. NaN where a
        group has none.
    """
    cells = codes * 2 + label
    mass = np.bincount(cells, weight, 2 * n_groups)
    miss = weight * np.where(label == 1, 1 - scores, scores)
    total = np.bincount(cells, miss, 2 * n_groups)
    rates = np.divide(total, mass, out=np.full(len(mass), np.nan), where=mass > 0)
    return rates.reshape(n_groups, 2)


def withheld_shares(
    costs: np.ndarray, uninformed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Share of each group's scores to replace, so that all costs equal the largest.

    Parameters
    ----------
    costs : ndarray of shape (n_groups,)
        Cost of each group's scores; NaN leaves the group alone.
    uninformed : ndarray of shape (n_groups,)
        Cost if everybody's score were the group's base rate.

    Returns
    -------
    shares : ndarray of shape (n_groups,)
        In [0, 1].
    reached : ndarray of shape (n_groups,)
        Costs after that; below the largest where even a share of 1 does not suffice.
    """
    room = uninformed - costs
    able = room > 0  # False where NaN
    largest = np.max(costs, initial=-np.inf, where=~np.isnan(costs))
    shares = np.zeros(len(costs))
    shares[able] = np.minimum((largest - costs[able]) / room[able], 1.0)
    return shares, costs + np.where(able, shares * room, 0.0)


def binned_calibration_error(
    scores: np.ndarray, label: np.ndarray, weight: np.ndarray
) -> tuple[float, float]:
    """Mean distance of score and label over ten bins of equal mass, and its noise.

    Returns
    -------
    error : float
        Expected calibration error, in [0, 1].
    noise : float
        What to expect of it if the scores were calibrated.
    """
    place = np.unique(scores, return_inverse=True)[1]  # ties stay together
    mass = np.bincount(place, weight)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    bins = np.minimum((middle * _BINS).astype(np.intp), _BINS - 1)[place]

    def sums(what: np.ndarray) -> np.ndarray:
        return np.bincount(bins, what, _BINS)

    distance = np.abs(sums(weight * (label - scores)))
    spread = np.sqrt(sums(weight**2 * scores * (1 - scores)))
    noise = np.sqrt(2 / np.pi) * spread.sum()
    return float(distance.sum() / weight.sum()), float(noise / weight.sum())
