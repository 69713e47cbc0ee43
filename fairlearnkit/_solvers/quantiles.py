"""Ranks and quantiles of weighted numbers, and distances between groups of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = [
    "PiecewiseLinear",
    "RankLaw",
    "ks_distance",
    "rounding_step",
    "wasserstein_unfairness",
]

# A tie fills its ranks but for a thousandth, so that ranks grow strictly with values.
_FILLED = 1 - 2.0**-10
_BITS = 30  # of the largest number: what is below is the rounding of earlier steps


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A function through given points, constant beyond the first and the last.

    Parameters
    ----------
    knots : ndarray of shape (n_knots,), strictly ascending
    values : ndarray of shape (n_knots,)
    """

    knots: np.ndarray
    values: np.ndarray

    def __call__(self, at: np.ndarray) -> np.ndarray:
        """Values of the function."""
        return np.interp(at, self.knots, self.values)


@dataclass(frozen=True, eq=False)
class RankLaw:
    """A distribution as a continuous increasing map from values to ranks in [0, 1].

    A value that one row holds sits at the middle of its step of the distribution
    function; a value that several rows share keeps the whole step, and a number in
    [0, 1) says where in it a row sits. Ranks between two values are interpolated.

    Parameters
    ----------
    values : ndarray of shape (n_values,), strictly ascending
        Multiples of `step`.
    means : ndarray of shape (n_values,)
        Mean, before rounding, of the numbers at each value.
    left, right : ndarray of shape (n_values,)
        Ranks at which each value begins and ends.
    heaviest : float
        Largest share of the rows at one value that several rows share.
    step : float
        Numbers are compared after rounding to multiples of it.
    """

    values: np.ndarray
    means: np.ndarray
    left: np.ndarray
    right: np.ndarray
    heaviest: float
    step: float

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        weight: np.ndarray,
        step: float,
        spots: np.ndarray | None = None,
    ) -> RankLaw:
        """Law of weighted numbers; rows with equal `spots` are one row, repeated.

        Without `spots` ties stay together, in the middle of their step.
        """
        kept = weight > 0
        numbers, weight = values[kept], weight[kept]
        values = np.rint(numbers / step) * step
        order = np.argsort(values, kind="stable")
        numbers, values, weight = numbers[order], values[order], weight[order]
        first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        mass = np.add.reduceat(weight, first)
        means = np.add.reduceat(weight * numbers, first) / mass
        ends = np.cumsum(mass) / mass.sum()
        steps = mass / mass.sum()
        shared = _hold_several(kept, order, first, spots)
        half = np.where(shared & (spots is not None), steps * _FILLED / 2, 0.0)
        middle = ends - steps / 2
        heaviest = float(steps[shared].max(initial=0))
        left, right = middle - half, middle + half
        return cls(values[first], means, left, right, heaviest, step)

    @cached_property
    def quantile(self) -> PiecewiseLinear:
        """The inverse of the ranks."""
        knots = np.column_stack([self.left, self.right]).ravel()
        distinct = np.concatenate([[True], np.diff(knots) > 0])
        return PiecewiseLinear(knots[distinct], np.repeat(self.means, 2)[distinct])

    def ranks(self, values: np.ndarray, spots: np.ndarray | None = None) -> np.ndarray:
        """Rank of each value; beyond the range, that of the nearest value."""
        values = np.rint(values / self.step) * self.step
        last = len(self.values) - 1
        place = np.searchsorted(self.values, values, side="right") - 1
        place = np.maximum(place, 0)
        after = np.minimum(place + 1, last)
        gap = self.values[after] - self.values[place]
        beyond = values - self.values[place]
        share = np.divide(beyond, gap, out=np.zeros(len(values)), where=gap > 0)
        left, right = self.left[place], self.right[place]
        between = right + share * (self.left[after] - right)
        spot = np.full(len(values), 0.5) if spots is None else spots
        at = left + spot * (right - left)
        return np.select([beyond < 0, beyond == 0], [left, at], between)


def _hold_several(
    kept: np.ndarray, order: np.ndarray, first: np.ndarray, spots: np.ndarray | None
) -> np.ndarray:
    """Tell for each distinct value whether several different rows hold it."""
    if spots is None:
        return np.diff(np.append(first, len(order))) > 1
    spots = spots[kept][order]
    lowest = np.minimum.reduceat(spots, first)
    return np.maximum.reduceat(spots, first) > lowest


def rounding_step(values: np.ndarray) -> float:
    """Distance below which numbers of this size differ by rounding only."""
    _, exponent = np.frexp(np.abs(values).max(initial=0))
    return float(np.ldexp(1.0, int(exponent) - _BITS))


def wasserstein_unfairness(
    values: np.ndarray, codes: np.ndarray, n_groups: int, weight: np.ndarray
) -> float:
    r"""Mean squared Wasserstein distance of the groups from their barycentre.

    The barycentre's quantile function is the mean of the groups', so this is the
    integral over ranks of the variance of quantiles between groups. Exact for the
    weighted samples.
    """
    groups = list(_sorted_groups(values, codes, n_groups, weight))
    grid = np.unique(np.concatenate([ends for _, ends, _ in groups]))
    width = np.diff(grid, prepend=0.0)
    total = sum(mass for _, _, mass in groups)
    mean = np.zeros(len(grid))
    for numbers, ends, mass in groups:
        mean += mass / total * _at_ranks(numbers, ends, grid)
    distance = [
        mass / total * (width @ (_at_ranks(numbers, ends, grid) - mean) ** 2)
        for numbers, ends, mass in groups
    ]
    return float(sum(distance))


def ks_distance(
    values: np.ndarray, codes: np.ndarray, n_groups: int, weight: np.ndarray
) -> float:
    """Largest Kolmogorov-Smirnov distance between any two groups' weighted values."""
    step = rounding_step(values)
    values = np.rint(values / step) * step
    grid = np.unique(values)
    low, high = np.ones(len(grid)), np.zeros(len(grid))
    for numbers, ends, _ in _sorted_groups(values, codes, n_groups, weight):
        below = np.searchsorted(numbers, grid, side="right")
        share = np.concatenate([[0.0], ends])[below]
        np.minimum(low, share, out=low)
        np.maximum(high, share, out=high)
    return float((high - low).max())


def _sorted_groups(
    values: np.ndarray, codes: np.ndarray, n_groups: int, weight: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Sorted values, distribution function at each, and mass, of each group."""
    for code in range(n_groups):
        rows = np.flatnonzero((codes == code) & (weight > 0))
        rows = rows[np.argsort(values[rows], kind="stable")]
        ends = np.cumsum(weight[rows])
        mass = float(ends[-1])
        ends = ends / mass
        ends[-1] = 1.0
        yield values[rows], ends, mass


def _at_ranks(numbers: np.ndarray, ends: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Quantiles of a step distribution function, constant up to each of `ranks`.

    Two ends that rounding alone tells apart cost nothing: the ranks between them weigh
    nothing.
    """
    return numbers[np.minimum(np.searchsorted(ends, ranks), len(numbers) - 1)]
