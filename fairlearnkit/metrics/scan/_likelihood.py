"""The likelihood ratio of the subset scan, for any sets of people at once.

Of a set of people only three sums matter: how many there are, how many have the
outcome, and how many were expected at each of a few log-odds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from scipy.special import expit

__all__ = ["Sums", "spread_over_nodes"]

_ACCURACY = 1e-13  # of the interpolated log-likelihood, for each person
_MOST_STEPS = 100  # of Newton's method, which takes about 6


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over sets of people, and the gain in log-likelihood of odds times exp(t).

    Parameters
    ----------
    positive, n : ndarray of shape (...)
        Outcomes and people of each set, whole numbers.
    mass : ndarray of shape (..., n_nodes)
        People of each set at each of the log-odds.
    logits : ndarray of shape (n_nodes,)
    """

    positive: np.ndarray
    n: np.ndarray
    mass: np.ndarray
    logits: np.ndarray

    def gain(self, t: np.ndarray) -> np.ndarray:
        """Log-likelihood ratio at t, a concave function; 0 at t = 0."""
        cost = np.logaddexp(0, t[..., None] + self.logits)
        cost -= np.logaddexp(0, self.logits)
        return self.positive * t - np.einsum("...k,...k", self.mass, cost)

    def slope(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First derivative of the gain, and the second with its sign changed."""
        share = expit(t[..., None] + self.logits)
        expected = np.einsum("...k,...k", self.mass, share)
        spread = expected - np.einsum("...k,...k,...k", self.mass, share, share)
        return self.positive - expected, spread

    @property
    def ceiling(self) -> np.ndarray:
        """Gain at t = infinity of a set in which everybody has the outcome."""
        return self.mass @ np.logaddexp(0, -self.logits)

    @property
    def everybody(self) -> np.ndarray:
        """Whether everybody has the outcome."""
        return self.positive >= self.n

    def best_t(self) -> np.ndarray:
        """Where in t >= 0 the gain is largest; infinite if everybody has the outcome.

        Newton's method on the slope, within bounds that halve if it leaves them.
        """
        low = np.zeros(self.n.shape)
        high = np.where(self.slope(low)[0] > 0, self._past_the_end(0.0), 0)
        t = high / 2
        for _ in range(_MOST_STEPS):
            slope, spread = self.slope(t)
            low, high = np.where(slope > 0, t, low), np.where(slope > 0, high, t)
            trial = t + slope / np.maximum(spread, 1e-300)
            trial = np.where((trial >= low) & (trial <= high), trial, (low + high) / 2)
            done = np.abs(trial - t) <= 1e-9 * (1 + t)
            t = trial
            if done.all():
                break
        return np.where(self.everybody & (self.n > 0), np.inf, t)

    def best_gain(self) -> np.ndarray:
        """Largest gain over t >= 0; 0 for nobody."""
        t = self.best_t()
        finite = np.isfinite(t)
        gain = np.where(finite, self.gain(np.where(finite, t, 0)), self.ceiling)
        return np.where(self.n > 0, np.maximum(gain, 0), 0)

    def profitable(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the interval of t >= 0 where the gain exceeds the penalty.

        Both are 0 where it nowhere does.
        """
        zero = np.zeros(self.n.shape)
        # A slope that is but rounding is none.
        exists = (self.slope(zero)[0] > 1e-10 * self.n) & (self.ceiling > penalty)
        low = zero
        if penalty > 0:
            low, exists = self._root(zero, exists, penalty, rising=True)
        finite = exists & ~self.everybody
        high, _ = self._root(self._past_the_end(penalty), finite, penalty, rising=False)
        high = np.where(self.everybody, np.inf, high)
        exists = exists & (high > low)
        return np.where(exists, low, 0), np.where(exists, high, 0)

    def _past_the_end(self, penalty: float) -> np.ndarray:
        """Where the asymptote of the gain, which lies above it, meets the penalty."""
        others = np.where(self.everybody, 1, self.n - self.positive)
        return np.where(
            self.everybody, 0, np.maximum(self.ceiling - penalty, 0) / others
        )

    def _root(
        self, t: np.ndarray, exists: np.ndarray, penalty: float, *, rising: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Root of gain - penalty, from a t outside of the interval between its roots.

        From there Newton's method never steps over the root, as the gain is concave.
        If it meets a slope of the wrong sign there is no root.
        """
        for _ in range(_MOST_STEPS):
            short = self.gain(t) - penalty
            slope, _ = self.slope(t)
            exists = exists & ((short >= 0) | ((slope > 0) == rising))
            going = exists & (short < 0) & (slope != 0)
            step = np.where(going, -short / np.where(going, slope, 1), 0)
            t = t + step
            if (np.abs(step) <= 1e-11 * t).all():
                break
        return t, exists


def spread_over_nodes(
    cell: np.ndarray, logit: np.ndarray, n_cells: int
) -> tuple[np.ndarray, np.ndarray]:
    """Count people by cell and log-odds, at few log-odds whatever their scores.

    The log-likelihood of a person, log(1 - p + q p), is for any q an analytic function
    of logit p whose nearest singularity is pi away from the real line. So Chebyshev
    interpolation in logit p converges geometrically, at a rate that depends on the
    range of the scores alone, and its weights, which spread a person over the nodes,
    add up over people as counts do.

    Parameters
    ----------
    cell : intp ndarray of shape (n_samples,)
    logit : ndarray of shape (n_samples,)
        Log-odds of the scores, finite.
    n_cells : int

    Returns
    -------
    logits : ndarray of shape (n_nodes,)
        The distinct scores where they are fewer than the nodes that they would need.
    mass : ndarray of shape (n_cells, n_nodes)
    """
    if not len(logit):
        return np.zeros(1), np.zeros((n_cells, 1))
    distinct, code = np.unique(logit, return_inverse=True)
    half = np.ptp(distinct) / 2
    ratio = np.pi / max(half, 1e-3)
    rate = ratio + np.hypot(ratio, 1)
    n_nodes = int(np.ceil(-np.log(_ACCURACY) / np.log(rate)))
    if len(distinct) <= n_nodes:
        flat = np.bincount(
            cell * len(distinct) + code, minlength=n_cells * len(distinct)
        )
        return distinct, flat.reshape(n_cells, -1).astype(float)
    nodes = chebpts1(n_nodes)
    place = (logit - distinct[0]) / half - 1
    moments = np.empty((n_nodes, n_cells))
    previous, current = place, np.ones_like(place)  # T(-1) = T(1) = x, T(0) = 1
    for order in range(n_nodes):
        moments[order] = np.bincount(cell, weights=current, minlength=n_cells)
        previous, current = current, 2 * place * current - previous
    mass = np.linalg.solve(chebvander(nodes, n_nodes - 1).T, moments).T
    return distinct[0] + half * (nodes + 1), mass
