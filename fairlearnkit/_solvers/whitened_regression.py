"""Weighted ridge regression in coordinates where its loss is a squared distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import svd

__all__ = ["WhitenedRegression", "center", "orthonormal_basis"]

_NO_SPREAD = 1e-12  # of the norm before something was taken off


def center(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean, and deviations times the root of the weight.

    A column whose deviations are rounding errors becomes 0.
    """
    mean = weight @ values / weight.sum()
    spread = np.sqrt(weight).reshape(-1, *[1] * (values.ndim - 1)) * (values - mean)
    size = np.sqrt(weight.sum()) * np.abs(mean)
    return mean, np.where(np.linalg.norm(spread, axis=0) > _NO_SPREAD * size, spread, 0)


def orthonormal_basis(
    matrix: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thin singular value decomposition, of full rank by the usual rounding limit."""
    left, sizes, right = svd(matrix, full_matrices=False, check_finite=False)
    limit = np.finfo(float).eps * max(matrix.shape) * sizes.max(initial=0)
    kept = sizes > limit
    return left[:, kept], sizes[kept], right[kept]


@dataclass(frozen=True, eq=False)
class WhitenedRegression:
    """Coordinates a of the coefficients, with loss ``sum((a - target) ** 2)``.

    The loss is the weighted sum of squared residuals plus `alpha` times the squared
    coefficients, up to a constant. Directions that the data leave free are left out, so
    that the coefficients are those of least norm.

    Parameters
    ----------
    basis : ndarray of shape (n_features, rank)
        Coefficients of each coordinate.
    target : ndarray of shape (rank,)
        Coordinates of the plain regression.
    gain : ndarray of shape (rank,)
        ``sum(gain * a ** 2)`` is the weighted sum of squared deviations of the fit.
    """

    basis: np.ndarray
    target: np.ndarray
    gain: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, alpha: float) -> WhitenedRegression:
        """Build the coordinates from centred columns times the root of the weight."""
        left, sizes, right = orthonormal_basis(X)
        scale = np.sqrt(sizes**2 + alpha)
        return cls(right.T / scale, sizes / scale * (left.T @ y), (sizes / scale) ** 2)
