"""Optimal transport of groups of numbers to their Wasserstein barycentre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlearnkit._solvers.quantiles import PiecewiseLinear, RankLaw, rounding_step

__all__ = ["BarycenterTransport"]


@dataclass(frozen=True, eq=False)
class BarycenterTransport:
    """Maps of each group's numbers to the groups' common barycentre.

    Parameters
    ----------
    laws : tuple of RankLaw
        Of each group.
    shares : ndarray of shape (n_groups,)
        Weight of each group; they sum to 1.
    barycenter : PiecewiseLinear
        Quantile function of the barycentre: the mean of the groups'.
    pooled : RankLaw
        Of all groups together, for rows of no known group.
    """

    laws: tuple[RankLaw, ...]
    shares: np.ndarray
    barycenter: PiecewiseLinear
    pooled: RankLaw

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        codes: np.ndarray,
        n_groups: int,
        weight: np.ndarray,
        spots: np.ndarray | None = None,
    ) -> BarycenterTransport:
        """Learn the maps from weighted numbers.

        `spots`, a number in [0, 1) for each row, spreads rows that share a value over
        the ranks that the value fills; without it they move together.
        """
        step = rounding_step(values)

        def law(rows: np.ndarray) -> RankLaw:
            there = None if spots is None else spots[rows]
            return RankLaw.of(values[rows], weight[rows], step, there)

        laws = tuple(law(codes == code) for code in range(n_groups))
        shares = np.bincount(codes, weights=weight, minlength=n_groups) / weight.sum()
        knots = np.unique(np.concatenate([one.quantile.knots for one in laws]))
        mean = np.zeros(len(knots))
        for share, one in zip(shares, laws, strict=True):
            mean += share * one.quantile(knots)
        everyone = law(np.ones(len(values), dtype=bool))
        return cls(laws, shares, PiecewiseLinear(knots, mean), everyone)

    def __call__(
        self, values: np.ndarray, codes: np.ndarray, spots: np.ndarray | None = None
    ) -> np.ndarray:
        """Move each number by its group's map; rows of code -1 by the pooled map."""
        moved = np.empty(len(values))
        for code in np.unique(codes):
            rows = codes == code
            there = None if spots is None else spots[rows]
            moved[rows] = self._move(values[rows], code, there)
        return moved

    def expected(
        self,
        values: np.ndarray,
        probabilities: np.ndarray,
        spots: np.ndarray | None = None,
    ) -> np.ndarray:
        """Mean of the groups' maps, by the probability of each row's group."""
        moved = np.zeros(len(values))
        for code in range(len(self.laws)):
            moved += probabilities[:, code] * self._move(values, code, spots)
        return moved

    def _move(
        self, values: np.ndarray, code: int, spots: np.ndarray | None
    ) -> np.ndarray:
        law = self.pooled if code < 0 else self.laws[code]
        ranks = law.ranks(values, spots)
        # The law's own quantile is the value itself, but beyond the range seen in fit,
        # where the shift of the end is kept.
        return values + (self.barycenter(ranks) - law.quantile(ranks))
