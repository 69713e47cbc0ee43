"""Boosting under constraints on rates: dual ascent on prices, descent on a proxy.

At the prices of the constraint each decision costs something, by group and label. A
boosting round descends on the log loss plus the costs of positive and of negative
decisions, each with the decision replaced by its logistic upper bound, which is a
weighted log loss again. Then the prices move by what the decisions themselves violate
(Cruz et al. 2023, doi:10.48550/arXiv.2209.07850).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

__all__ = ["BoostingPath", "RatePrices", "boost"]


@dataclass(eq=False)
class RatePrices:
    """Multipliers of the gap between each two groups in each rate.

    Parameters
    ----------
    coefficients : ndarray of shape (n_rates, n_groups, 2, 2)
        As from :meth:`Constraint.coefficients`; NaN where a rate is undefined.
    compare : {"difference", "ratio"}
    tolerance : float
    step : float
        What a unit of excess adds to a multiplier.
    """

    coefficients: np.ndarray
    compare: str
    tolerance: float
    step: float
    multipliers: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        n_rates, n_groups = self.coefficients.shape[:2]
        self.multipliers = np.zeros((n_rates, n_groups, n_groups))

    def rates(self, table: np.ndarray) -> np.ndarray:
        """Rates of shape (n_rates, n_groups); NaN where undefined."""
        return (self.coefficients * table).sum(axis=(2, 3))

    def ascend(self, table: np.ndarray) -> None:
        """Move by the excess of the rates in a table of (group, label, decision)."""
        rates = self.rates(table)
        share = 1.0 if self.compare == "difference" else 1.0 - self.tolerance
        slack = self.tolerance if self.compare == "difference" else 0.0
        excess = share * rates[:, :, None] - rates[:, None, :] - slack
        excess[:, *np.diag_indices(rates.shape[1])] = 0
        moved = self.multipliers + self.step * np.nan_to_num(excess)
        self.multipliers = np.maximum(moved, 0)

    @property
    def prices(self) -> np.ndarray:
        """Cost of a unit of each rate of each group, of shape (n_rates, n_groups)."""
        share = 1.0 if self.compare == "difference" else 1.0 - self.tolerance
        return share * self.multipliers.sum(axis=2) - self.multipliers.sum(axis=1)

    @property
    def surcharge(self) -> np.ndarray:
        """Cost of a positive decision less that of a negative, per unit of weight.

        Of shape (n_groups, 2), by true label.
        """
        known = np.nan_to_num(self.coefficients)
        costs = (known * self.prices[:, :, None, None]).sum(axis=0)
        return costs[:, :, 1] - costs[:, :, 0]


@dataclass(frozen=True, eq=False)
class BoostingPath:
    """What each round led to.

    Parameters
    ----------
    steps : list
        What `learn` returned, in order.
    tables : ndarray of shape (n_rounds, n_groups, 2, 2)
        Weight by (group, label, decision) after each round, on the rows that the
        prices look at.
    prices : ndarray of shape (n_rounds, n_rates, n_groups)
        Prices that each round was asked at.
    """

    steps: list
    tables: np.ndarray
    prices: np.ndarray


def boost(
    learn: Callable,
    start: np.ndarray,
    y: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    watched: np.ndarray,
    prices: RatePrices,
    max_iter: int,
) -> BoostingPath:
    """Alternate between a round of boosting and a step of the prices.

    Parameters
    ----------
    learn : callable
        Takes gradients and hessians of the rows that are learned from, and returns a
        step, anything, and what it adds to the score of every row.
    start : ndarray of shape (n_rows,)
        Scores to start from.
    y : ndarray of shape (n_rows,)
        0 or 1.
    codes : ndarray of shape (n_rows,)
    weight : ndarray of shape (n_rows,)
        Weight in learning; 0 for rows that are only watched.
    watched : ndarray of shape (n_rows,)
        Weight in the rates.
    prices : RatePrices
        Moved in place.
    max_iter : int
    """
    shape = prices.coefficients.shape[1], 2, 2
    cell = (codes * 2 + y) * 2
    score = start.copy()
    # A price is per unit of a rate, whose base counts watched people; both kinds of
    # rows stand for the same population.
    total = watched.sum()
    steps, tables, asked = [], [], []
    for _ in range(max_iter):
        extra = (total * prices.surcharge)[codes, y]
        for_no = (y == 0) + np.maximum(extra, 0)  # what a positive decision costs
        for_yes = (y == 1) + np.maximum(-extra, 0)
        chance = expit(score)
        gradient = weight * (for_no * chance - for_yes * (1 - chance))
        hessian = weight * (for_no + for_yes) * chance * (1 - chance)
        asked.append(prices.prices)
        step, added = learn(gradient, hessian)
        score += added
        flat = np.bincount(cell + (score > 0), watched, np.prod(shape))
        steps.append(step)
        tables.append(flat.reshape(shape))
        prices.ascend(tables[-1])
    return BoostingPath(steps, np.array(tables), np.array(asked))
