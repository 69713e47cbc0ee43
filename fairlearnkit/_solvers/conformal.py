"""Conformal prediction: scores of how strange a label is, and their quantiles."""

from __future__ import annotations

import numpy as np

__all__ = ["adaptive_scores", "conformal_quantile", "least_ambiguous_scores"]

_ROUNDING = 1e-12


def conformal_quantile(
    scores: np.ndarray, level: float, weight: np.ndarray | None = None
) -> float:
    """Smallest score that a new one does not exceed with probability `level`.

    It is the k-th smallest of n scores, k = ceil((n + 1) level), and infinite if k > n.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Exchangeable with the new one.
    level : float in (0, 1)
    weight : ndarray of shape (n_samples,), default=None
        Makes it the weighted quantile at level (1 + 1/n), n = (sum w)^2 / sum w^2.

    Returns
    -------
    quantile : float
    """
    weight = np.ones(len(scores)) if weight is None else weight
    scores, weight = scores[weight > 0], weight[weight > 0]
    if not len(scores):
        return np.inf
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    n = weight.sum() ** 2 / (weight**2).sum()
    place = int(np.searchsorted(reached, level * (1 + 1 / n) - _ROUNDING))
    return float(scores[order[place]]) if place < len(order) else np.inf


def least_ambiguous_scores(probabilities: np.ndarray) -> np.ndarray:
    """1 less the probability of each class, of shape (n_samples, n_classes)."""
    return 1 - probabilities


def adaptive_scores(
    probabilities: np.ndarray, part: np.ndarray | None = None
) -> np.ndarray:
    """Probability of each class and of all that are likelier, of the same shape.

    Of equally likely classes the first comes first. `part`, of shape (n_samples,), is
    the part of the class's own probability that counts; all of it if None.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, axis=1)
    sums = np.cumsum(ordered, axis=1)
    if part is not None:
        sums -= (1 - part)[:, None] * ordered
    scores = np.empty(probabilities.shape)
    np.put_along_axis(scores, order, sums, axis=1)
    return scores
