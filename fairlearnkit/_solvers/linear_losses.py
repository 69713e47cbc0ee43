"""Convex losses of linear scores, with slopes and curvatures."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.special import expit, log_softmax, softmax

__all__ = ["LinearLoss", "LogisticLoss", "MultinomialLoss", "SquaredHingeLoss"]


class LinearLoss(Protocol):
    """A loss of scores of shape (n_samples, n_scores) and codes of labels."""

    n_scores: int

    def value(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row, of shape (n_samples,)."""

    def slope(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Derivative in each score, of shape (n_samples, n_scores)."""

    def curvature(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Second derivatives, of shape (n_samples, n_scores, n_scores)."""


class LogisticLoss:
    """Log loss of two classes; the score is the log odds of the second."""

    n_scores = 1

    def value(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row."""
        score = scores[:, 0]
        return np.maximum(score, 0) - score * y + np.log1p(np.exp(-np.abs(score)))

    def slope(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Probability less label."""
        return expit(scores) - y[:, None]

    def curvature(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Variance of the label."""
        positive = expit(scores)
        return (positive * (1 - positive))[:, :, None]


class MultinomialLoss:
    """Log loss of several classes, each with a score.

    Parameters
    ----------
    n_scores : int
        Number of classes.
    """

    def __init__(self, n_scores: int) -> None:
        self.n_scores = n_scores

    def value(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row."""
        return -log_softmax(scores, axis=1)[np.arange(len(y)), y]

    def slope(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Probabilities less the label's indicator."""
        slope = softmax(scores, axis=1)
        slope[np.arange(len(y)), y] -= 1
        return slope

    def curvature(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Covariance of the indicators."""
        proba = softmax(scores, axis=1)
        own = np.einsum("na,ab->nab", proba, np.eye(self.n_scores))
        return own - proba[:, :, None] * proba[:, None, :]


class SquaredHingeLoss:
    """Squared distance to the margin's right side, of two classes."""

    n_scores = 1

    def value(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row."""
        return np.maximum(1 - (2 * y - 1) * scores[:, 0], 0) ** 2

    def slope(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Twice the distance, towards the margin."""
        sign = (2 * y - 1)[:, None]
        return -2 * sign * np.maximum(1 - sign * scores, 0)

    def curvature(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Two where the row is short of the margin."""
        short = (2 * y - 1)[:, None] * scores < 1
        return 2.0 * short[:, :, None]
