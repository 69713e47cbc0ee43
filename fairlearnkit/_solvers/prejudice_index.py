"""Logistic regression under a penalty on what predictions tell about the group.

The penalty is the mutual information between the predicted label and the group, as
Kamishima et al. (2012, doi:10.1007/978-3-642-33486-3_3) estimate it: by the means of
predicted probabilities. It is a function of one mean per group, so its gradient by a
row's score is one number per group, the log odds of the group's mean less those of the
overall mean, times the slope of the logistic function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit, xlogy

__all__ = ["PrejudiceProblem", "PrejudiceSolution", "prejudice_index"]

_EDGE = 1e-12  # nearest that a mean probability may come to 0 or 1


def prejudice_index(means: np.ndarray, shares: np.ndarray) -> float:
    """Mutual information between the predicted label and the group, in nats.

    Parameters
    ----------
    means : ndarray of shape (n_groups,)
        Mean predicted probability of each group.
    shares : ndarray of shape (n_groups,)
        Share of each group, summing to 1.

    Examples
    --------
    >>> import numpy as np
    >>> prejudice_index(np.array([0.4, 0.4]), np.array([0.5, 0.5]))
    0.0
    >>> round(prejudice_index(np.array([0.0, 1.0]), np.array([0.5, 0.5])), 6)
    0.693147
    """
    overall = shares @ means
    positive = xlogy(means, means) - xlogy(means, overall)
    negative = xlogy(1 - means, 1 - means) - xlogy(1 - means, 1 - overall)
    return max(0.0, float(shares @ (positive + negative)))


@dataclass(frozen=True, eq=False)
class PrejudiceSolution:
    """A minimum, in the units of the data.

    Parameters
    ----------
    coefficients : ndarray of shape (n_models, n_features)
    intercepts : ndarray of shape (n_models,)
    index : float
        Mutual information, in nats.
    means : ndarray of shape (n_groups,)
        Mean predicted probability of each group.
    n_iter : int
    gradient : float
        Largest entry of the gradient of the objective per unit of weight.
    converged : bool
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    index: float
    means: np.ndarray
    n_iter: int
    gradient: float
    converged: bool


class PrejudiceProblem:
    """Minimise log loss, penalty of the index and ridge penalty together.

    Rows are kept in order of their group, and columns in units of their deviation, so
    that steps are few; neither changes the minimum.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
        0 or 1.
    codes : ndarray of shape (n_rows,)
        Group of each row.
    weight : ndarray of shape (n_rows,)
    ridge : float
        Half of it times the squared coefficients is added to the sum of losses.
    by_group : bool
        Whether each group has coefficients of its own.
    fit_intercept : bool
    """

    def __init__(
        self,
        X: Any,
        y: np.ndarray,
        codes: np.ndarray,
        weight: np.ndarray,
        *,
        ridge: float,
        by_group: bool,
        fit_intercept: bool,
    ):
        kept = np.flatnonzero(weight > 0)
        order = kept[np.argsort(codes[kept], kind="stable")]
        self._y, self._weight = y[order].astype(float), weight[order]
        self._total = self._weight.sum()
        n_groups = int(codes[kept].max()) + 1
        ends = np.searchsorted(codes[order], np.arange(n_groups + 1))
        self._groups = [slice(*ends[g : g + 2]) for g in range(n_groups)]
        self._mass = np.array([self._weight[rows].sum() for rows in self._groups])
        self._models = self._groups if by_group else [slice(0, len(order))]
        self._ridge, self._fit_intercept = ridge, fit_intercept
        self._X, self._shift, self._scale = _standardized(
            X[order], self._weight, fit_intercept
        )
        # Transposed copies make both products of a sparse matrix run along rows.
        self._parts = [self._X[rows] for rows in self._models]
        self._turned = [part.T.tocsr() if sparse.issparse(part) else part.T
                        for part in self._parts]  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of models and of features."""
        return len(self._models), self._X.shape[1]

    def minimize(
        self,
        strength: float,
        *,
        start: tuple[np.ndarray, np.ndarray] | None = None,
        tol: float,
        max_iter: int,
    ) -> PrejudiceSolution:
        """Descend by L-BFGS from `start`, or from zero.

        Parameters
        ----------
        strength : float
            Weight of the index, per unit of weight of the rows.
        start : pair of ndarray, default=None
            Coefficients and intercepts.
        tol : float
            Largest entry of the gradient, per unit of weight, at which to stop.
        max_iter : int
        """
        result = minimize(
            self.value_and_gradient,
            self._flat(start),
            args=(strength,),
            jac=True,
            method="L-BFGS-B",
            options={"gtol": tol, "ftol": 0.0, "maxiter": max_iter, "maxcor": 20},
        )
        gradient = float(np.abs(result.jac).max(initial=0))
        # Rounding may stop the search for a lower value just above `tol`.
        converged = result.status == 0 or gradient <= max(10 * tol, 1e-8)
        slopes, bias = self._split(result.x)
        slopes = slopes / self._scale
        means = self._means(expit(self._scores(result.x)))
        return PrejudiceSolution(
            coefficients=slopes,
            intercepts=bias - slopes @ self._shift,
            index=prejudice_index(means, self._mass / self._total),
            means=means,
            n_iter=int(result.nit),
            gradient=gradient,
            converged=bool(converged),
        )

    def value_and_gradient(
        self, flat: np.ndarray, strength: float
    ) -> tuple[float, np.ndarray]:
        """Objective per unit of weight, and its gradient.

        Parameters
        ----------
        flat : ndarray
            Slopes in units of the deviations, then intercepts, of all models.
        strength : float
        """
        slopes, _ = self._split(flat)
        scores = self._scores(flat)
        chance = expit(scores)
        loss = -self._weight @ log_expit(np.where(self._y > 0, scores, -scores))
        means, shares = self._means(chance), self._mass / self._total
        clipped = np.clip(means, _EDGE, 1 - _EDGE)
        pull = logit(clipped) - logit(np.clip(shares @ means, _EDGE, 1 - _EDGE))
        own = slopes / self._scale
        value = loss + strength * self._total * prejudice_index(means, shares)
        value += self._ridge / 2 * (own**2).sum()
        slope = chance - self._y
        if strength:
            lengths = [rows.stop - rows.start for rows in self._groups]
            slope += strength * np.repeat(pull, lengths) * chance * (1 - chance)
        slope *= self._weight
        rise = np.array(
            [turned @ slope[rows]
             for turned, rows in zip(self._turned, self._models, strict=True)]
        )  # fmt: skip
        rise += self._ridge * own / self._scale
        parts = [rise.ravel()]
        if self._fit_intercept:
            parts.append(np.array([slope[rows].sum() for rows in self._models]))
        return value / self._total, np.concatenate(parts) / self._total

    def _split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_models, width = self.shape
        slopes = flat[: n_models * width].reshape(n_models, width)
        return slopes, flat[n_models * width :] if self._fit_intercept else np.zeros(
            n_models
        )

    def _flat(self, start: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
        n_models, width = self.shape
        if start is None:
            return np.zeros(n_models * (width + self._fit_intercept))
        slopes, bias = start
        parts = [(slopes * self._scale).ravel()]
        if self._fit_intercept:
            parts.append(bias + slopes @ self._shift)
        return np.concatenate(parts)

    def _scores(self, flat: np.ndarray) -> np.ndarray:
        slopes, bias = self._split(flat)
        found = zip(self._parts, slopes, bias, strict=True)
        return np.concatenate([part @ slope + b for part, slope, b in found])

    def _means(self, chance: np.ndarray) -> np.ndarray:
        sums = [self._weight[rows] @ chance[rows] for rows in self._groups]
        return np.array(sums) / self._mass


def _standardized(
    X: Any, weight: np.ndarray, centre: bool
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Columns less their mean (dense ones only), in units of their deviation."""
    share = weight / weight.sum()
    mean = np.asarray(share @ X).ravel()
    if sparse.issparse(X):
        square = np.asarray(share @ X.multiply(X)).ravel()
        scale = np.sqrt(np.maximum(square - mean**2, 0))
        scale = np.where(scale > 1e-12 * np.sqrt(square), scale, 1.0)
        return sparse.csr_array(X.multiply(1 / scale)), np.zeros(len(mean)), scale
    shift = mean if centre else np.zeros(len(mean))
    centred = X - shift
    spread = np.sqrt(share @ (X - mean) ** 2)
    size = np.sqrt(share @ X**2)
    scale = np.where(spread > 1e-12 * size, spread, 1.0)
    return np.ascontiguousarray(centred / scale), shift, scale
