"""The features of a linear model, standardised without a copy of them.

Newton's and quasi-Newton methods want features of one scale, and a sum over rows wants
them near zero. Both are had by rules on the coefficients, so that a large or sparse X
stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["LinearDesign", "make_design"]

_CELLS = 1 << 16  # numbers in a block of rows: half a megabyte, within a cache


@dataclass(frozen=True, eq=False)
class LinearDesign:
    """Rows z = (x - center) / scale, with a 1 at their end if there is an intercept.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Of float64, or dense of float32, which is read in blocks.
    center, scale : ndarray of shape (n_features,)
    has_intercept : bool
    weight : ndarray of shape (n_samples,)
        They sum to 1.
    """

    X: Any
    center: np.ndarray
    scale: np.ndarray
    has_intercept: bool
    weight: np.ndarray

    @property
    def size(self) -> int:
        """Columns of z."""
        return len(self.scale) + self.has_intercept

    def scores(self, theta: np.ndarray) -> np.ndarray:
        """Scores ``z @ theta.T`` of shape (n_samples, n_scores)."""
        coef, intercept = self.raw(theta)
        if not self._is_narrow:
            return np.asarray(self.X @ coef.T) + intercept
        out = np.empty((self.X.shape[0], len(theta)))
        for rows in self._blocks():
            out[rows] = self.X[rows].astype(float) @ coef.T + intercept
        return out

    def pull(self, residual: np.ndarray) -> np.ndarray:
        """Sums ``residual.T @ z`` of shape (n_scores, size)."""
        if self._is_narrow:
            sums = sum(
                residual[rows].T @ self.X[rows].astype(float) for rows in self._blocks()
            )
        else:
            sums = np.asarray(self.X.T @ residual).T
        return self._standard_sums(np.asarray(sums), residual.sum(axis=0))

    def curvature(self, of_rows: Callable[[slice], np.ndarray]) -> np.ndarray:
        """Sum over rows of ``c[a, b] z z'``, as a matrix over (score, column).

        Parameters
        ----------
        of_rows : callable
            Maps a slice of rows to their c, of shape (n_rows, n_scores, n_scores).
        """
        first = of_rows(slice(0, 1))
        n_scores, size = first.shape[1], self.size
        total = np.zeros((n_scores, size, n_scores, size))
        for rows in self._blocks():
            block, c = self._centred(rows), of_rows(rows)
            for a in range(n_scores):
                for b in range(a, n_scores):
                    part = _weighted_gram(block, c[:, a, b])
                    total[a, :, b] += part
                    if a != b:
                        total[b, :, a] += part
        unit = np.append(self.scale, 1.0)[:size]
        total /= unit[:, None, None] * unit
        return total.reshape(n_scores * size, n_scores * size)

    def cell_sums(self, cells: np.ndarray, n_cells: int) -> np.ndarray:
        """Weighted sums of z over the rows of each cell, of shape (n_cells, size)."""
        sums = np.zeros((n_cells, self.X.shape[1]))
        for rows in [slice(None)] if sparse.issparse(self.X) else self._blocks():
            count = len(cells[rows])
            members = sparse.csr_array(
                (self.weight[rows], (cells[rows], np.arange(count))), (n_cells, count)
            )
            block = self.X[rows]
            if not sparse.issparse(block):
                block = block.astype(float, copy=False)
            part = members @ block
            sums += part.toarray() if sparse.issparse(part) else part
        total = np.bincount(cells, weights=self.weight, minlength=n_cells)
        return self._standard_sums(sums, total)

    def raw(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of x and intercepts that give the scores of `theta`."""
        coef = theta[:, : len(self.scale)] / self.scale
        if not self.has_intercept:
            return coef, np.zeros(len(theta))
        return coef, theta[:, -1] - coef @ self.center

    def standard(self, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
        """The reverse of `raw`."""
        if not self.has_intercept:
            return coef * self.scale
        last = intercept + coef @ self.center
        return np.column_stack([coef * self.scale, last])

    @property
    def _is_narrow(self) -> bool:
        return not sparse.issparse(self.X) and self.X.dtype != np.float64

    def _blocks(self) -> Iterator[slice]:
        n_rows, n_columns = self.X.shape
        step = max(1, _CELLS // max(1, n_columns))
        for start in range(0, n_rows, step):
            yield slice(start, start + step)

    def rows_of(self, rows: slice) -> np.ndarray:
        """The rows of z themselves."""
        return self._centred(rows) / np.append(self.scale, 1.0)[: self.size]

    def _centred(self, rows: slice) -> np.ndarray:
        X = self.X[rows]
        X = X.toarray() if sparse.issparse(X) else X
        z = np.empty((len(X), self.size))
        np.subtract(X, self.center, out=z[:, : len(self.scale)])
        z[:, len(self.scale) :] = 1
        return z

    def _standard_sums(self, sums: np.ndarray, total: np.ndarray) -> np.ndarray:
        own = (sums - np.outer(total, self.center)) / self.scale
        return np.column_stack([own, total]) if self.has_intercept else own


def make_design(X: Any, weight: np.ndarray, *, has_intercept: bool) -> LinearDesign:
    """Standardise by weighted means and deviations; a constant column keeps its scale.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,)
    has_intercept : bool
        Without one, columns are scaled by their root mean square and not centred.
    """
    weight = weight / weight.sum()
    width = X.shape[1]
    raw = LinearDesign(X, np.zeros(width), np.ones(width), False, weight)
    zeros = np.zeros(width)
    center = raw.pull(weight[:, None])[0] if has_intercept else zeros
    if sparse.issparse(X):
        square = np.asarray(X.multiply(X).T @ weight).ravel() - center**2
    else:
        square = np.zeros(width)
        for rows in raw._blocks():
            square += weight[rows] @ (X[rows] - center) ** 2
    scale = np.sqrt(np.maximum(square, 0))
    size = np.abs(center) + scale
    scale = np.where(scale > 1e-8 * size, scale, np.where(size > 0, size, 1.0))
    return LinearDesign(X, center, scale, has_intercept, weight)


def _weighted_gram(block: np.ndarray, weight: np.ndarray) -> np.ndarray:
    if (weight >= 0).all():
        root = block * np.sqrt(weight)[:, None]
        return root.T @ root  # a symmetric product, at half the cost
    return block.T @ (block * weight[:, None])
