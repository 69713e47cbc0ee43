"""Distances between distribution functions of scores, and what bounds them.

A distance of two groups is a norm of the difference D of their distribution functions:
the largest |D| (Kolmogorov-Smirnov) or its integral (Wasserstein). All groups lie on
one grid, the distinct scores of everybody, so both are exact.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from fairlearnkit.metrics._intervals import newcombe_interval, wilson_interval

_BLOCK = 1 << 22  # numbers in memory at once

DISTANCES = ("ks", "wasserstein")


@dataclass(frozen=True, eq=False)
class Spread:
    """Weighted distribution of scores in every group, on a common grid.

    Parameters
    ----------
    grid : ndarray of shape (n_points,)
        Distinct scores, ascending.
    weights : ndarray of shape (n_groups, n_points)
        Weight of each group at each point.
    n : ndarray of shape (n_groups,)
        People in each group; Kish's effective number if weighted.
    """

    grid: np.ndarray
    weights: np.ndarray
    n: np.ndarray

    @cached_property
    def totals(self):
        """Weight of each group."""
        return self.weights.sum(axis=1)

    @cached_property
    def below(self):
        """Distribution function of each group at each point."""
        return np.cumsum(self.weights, axis=1) / self.totals[:, None]

    @cached_property
    def steps(self):
        """Width of the interval after each point; 0 after the last."""
        return np.append(np.diff(self.grid), 0.0)


class Draw:
    """Scores of some people, counted by group, again and again under other groups.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    codes : ndarray of int of shape (n_samples,)
        Group of each person.
    weight : ndarray of shape (n_samples,) or None
        Positive weights.
    n_groups : int
    """

    def __init__(self, scores, codes, weight, n_groups):
        self.grid, self._place = np.unique(scores, return_inverse=True)
        self.codes, self._weight, self._n_groups = codes, weight, n_groups

    def spread(self, codes):
        """Count under some codes."""
        shape = self._n_groups, len(self.grid)
        cell = codes * shape[1] + self._place
        weights = np.bincount(cell, self._weight, shape[0] * shape[1]).reshape(shape)
        weights = weights.astype(float)
        totals = weights.sum(axis=1)
        square = self._weight**2 if self._weight is not None else None
        squares = np.bincount(codes, square, shape[0])
        return Spread(self.grid, weights, totals**2 / squares)


def contrasts(spread, compare):
    """Differences of distribution functions that are compared.

    Parameters
    ----------
    spread : Spread
    compare : {"between_groups", "to_overall"}

    Returns
    -------
    sides : ndarray of shape (n_contrasts, 2, n_groups)
        Each contrast is of two mixtures of groups.
    factor : ndarray of shape (n_contrasts,)
        What the contrast is multiplied by: a group differs from everybody by its
        difference from all others, times their share.
    """
    n_groups, share = len(spread.totals), spread.totals / spread.totals.sum()
    one = np.eye(n_groups)
    if compare == "between_groups":
        first, second = np.triu_indices(n_groups, 1)
        return np.stack([one[first], one[second]], axis=1), np.ones(len(first))
    others = (1 - one) * share / (1 - share)[:, None]
    return np.stack([one, others], axis=1), 1 - share


class Gaps:
    """Distances of every contrast of a spread.

    Parameters
    ----------
    spread : Spread
    distance : {"ks", "wasserstein"}
    compare : {"between_groups", "to_overall"}
    """

    def __init__(self, spread, distance, compare):
        self._spread, self._distance = spread, distance
        self._sides, self._factor = contrasts(spread, compare)

    @cached_property
    def values(self):
        """Distance of each contrast."""
        difference = self._sides[:, 0] - self._sides[:, 1]
        below, steps = self._spread.below, self._spread.steps
        found = []
        for block in self._blocks():
            gap = np.abs(difference[block] @ below)
            found.append(gap.max(axis=1) if self._distance == "ks" else gap @ steps)
        return np.concatenate(found) * self._factor

    @cached_property
    def scales(self):
        """What distances of equal groups are in proportion to."""
        variances = self._sides**2 @ (1 / self._spread.n)
        scales = np.sqrt(variances.sum(axis=1)) * self._factor
        if self._distance == "ks":
            return scales
        pooled = np.cumsum(self._spread.weights.sum(axis=0))
        pooled = np.clip(pooled / pooled[-1], 0, 1)
        return scales * (np.sqrt(pooled * (1 - pooled)) @ self._spread.steps)

    @cached_property
    def largest(self):
        """Largest distance in units of its scale."""
        safe = np.where(self.scales > 0, self.scales, 1.0)
        return float((self.values / safe).max())

    def upper(self, confidence_level):
        """Upper limit of each contrast.

        "ks": each fails with probability ``1 - level`` at most, "wasserstein": with
        half of it; see the coverage in `prediction_distance`.
        """
        limit, level = self._upper_wasserstein, confidence_level
        if self._distance == "ks":
            limit, level = self._upper_ks, max(0.0, 2 * confidence_level - 1)
        high = [limit(sides, level) for sides in self._sides]
        return np.array(high) * self._factor

    def _blocks(self):
        rows = max(1, _BLOCK // len(self._spread.grid))
        return (slice(i, i + rows) for i in range(0, len(self._factor), rows))

    def _upper_ks(self, sides, level):
        """Largest upper end of the intervals of all shares' differences."""
        below = np.clip(sides @ self._spread.below, 0, 1)
        n = 1 / (sides**2 @ (1 / self._spread.n))
        first, second = (
            (share, *wilson_interval(share, size, level))
            for share, size in zip(below, n, strict=True)
        )
        low, high = newcombe_interval(first, second)
        return min(1.0, float(np.maximum(-low, high).max()))

    def _upper_wasserstein(self, sides, level):
        """Normal limit of the mean difference of the best 1-Lipschitz function."""
        spread = self._spread
        sign = np.sign((sides[0] - sides[1]) @ spread.below)
        steps = sign * spread.steps
        potential = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
        shares = spread.weights / spread.totals[:, None]
        mean = shares @ potential
        square = shares @ potential**2
        # A mixture of groups is one group: its variance is within and between them.
        centre = sides @ mean
        variance = np.maximum(sides @ square - centre**2, 0)
        n = 1 / (sides**2 @ (1 / spread.n))
        parts = variance / np.maximum(n - 1, 1e-300)
        if not parts.sum() > 0:
            return abs(centre[0] - centre[1])
        freedom = parts.sum() ** 2 / (parts**2 / (n - 1)).sum()
        reach = stdtrit(freedom, 0.5 + level / 2) * np.sqrt(parts.sum())
        return float(abs(centre[0] - centre[1]) + reach)
