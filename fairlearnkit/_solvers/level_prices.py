"""Predictions on a few levels, priced until their law is the same in every group.

A predictor whose values lie on levels z_0 < z_1 < ... has, in each group, a share of
predictions at or above each level but the lowest: its tails. Parity of the whole law is
parity of these finitely many rates, so the multipliers of a reduction price them. A
row's best answer is then the level of least expected loss plus expected price, given
what its features say of the label and of the group (Agarwal, Dudik, Wu 2019,
doi:10.48550/arXiv.1905.12843).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from fairlearnkit._solvers.moment_bounds import MomentBounds
from fairlearnkit._solvers.quantiles import rounding_step

__all__ = [
    "LevelLearner",
    "LevelRule",
    "prediction_levels",
    "tail_gap",
    "tail_parity",
    "untied",
]

_TIE = 1e-9  # of the largest expected loss: rows tied but for rounding go low
_DIGITS = 12  # of values and tails; what is below is the order of a sum
_MULTIPLES = (1.0, 0.5, 0.8, 1.25, 2.0)  # of the prices, answered beside them
_CORRECTIONS = 3  # of the bounds, by what likely groups get wrong
_TEMPERATURE = 1e-3  # of the unit: how far smoothed answers spread over levels


def prediction_levels(
    predicted: np.ndarray, weight: np.ndarray, n_levels: int
) -> np.ndarray:
    """Levels for predictions: half at quantiles, half evenly over the range.

    Parameters
    ----------
    predicted : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,), positive
    n_levels : int, at least 2

    Returns
    -------
    levels : ndarray of shape (at most n_levels,), ascending
        Few distinct predictions are themselves levels, instead of quantiles.
    """
    step, most = rounding_step(predicted), (n_levels - 1) // 2
    distinct = np.unique(np.rint(predicted / step)) * step
    if len(distinct) > most:
        order = np.argsort(predicted, kind="stable")
        reached = np.cumsum(weight[order])
        ranks = (np.arange(most) + 0.5) / max(most, 1) * reached[-1]
        own = predicted[order][np.searchsorted(reached, ranks)]
    else:
        own = distinct
    even = np.linspace(distinct[0], distinct[-1], n_levels - len(own))
    return np.unique(np.rint(np.concatenate([own, even]) / step)) * step


def tail_gap(values: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> float:
    """Largest distance of a group's distribution function from everybody's.

    Parameters
    ----------
    values, weight : ndarray of shape (n_samples,)
    codes : ndarray of int of shape (n_samples,)
        The groups.
    """
    step = rounding_step(values)
    distinct, place = np.unique(np.rint(values / step), return_inverse=True)
    n = len(distinct)

    def law(rows: np.ndarray) -> np.ndarray:
        below = np.bincount(place[rows], weights=weight[rows], minlength=n).cumsum()
        return below / below[-1]

    everybody = law(np.arange(len(values)))
    groups = (np.flatnonzero(codes == code) for code in np.unique(codes))
    return float(max(np.abs(law(rows) - everybody).max() for rows in groups))


def tail_parity(shares: np.ndarray, n_levels: int, tolerance: float) -> MomentBounds:
    """Every tail of every group within `tolerance` of everybody's.

    Parameters
    ----------
    shares : ndarray of shape (n_groups,)
        They sum to 1.
    n_levels : int
    tolerance : float

    Returns
    -------
    bounds : MomentBounds
        On moments of shape (n_groups, n_levels - 1), flat.
    """
    gaps = np.kron(np.eye(len(shares)) - shares, np.eye(n_levels - 1))
    matrix = np.concatenate([gaps, -gaps])
    n = len(matrix)
    return MomentBounds(
        matrix,
        np.empty((n, 0)),
        np.full(n, tolerance),
        np.ones(n),
        np.empty(0),
        np.zeros(n),
    )


@dataclass(frozen=True, eq=False)
class LevelRule:
    """A level for each row: the cheapest one, or one for all.

    Parameters
    ----------
    prices : ndarray of shape (n_groups, n_levels)
        What each level costs for a member of each group, beside its loss.
    constant : int, default=None
        The level of all rows.
    """

    prices: np.ndarray
    constant: int | None = None

    def positions(self, expected: np.ndarray, chances: np.ndarray) -> np.ndarray:
        """Position of each row's level.

        Parameters
        ----------
        expected : ndarray of shape (n_samples, n_levels)
            Expected loss of each level, given the features.
        chances : ndarray of shape (n_samples, n_groups)
            Probability of each group, given the features.
        """
        if self.constant is not None:
            return np.full(len(expected), self.constant)
        return (expected + chances @ self.prices).argmin(axis=1)


def untied(expected: np.ndarray, scale: float) -> np.ndarray:
    """Expected losses with the tiniest preference for low levels."""
    return expected + _TIE * scale * np.linspace(0, 1, expected.shape[1])


class LevelLearner:
    """Answer prices of the tails with rules; what a ColumnSearch asks.

    Parameters
    ----------
    expected : ndarray of shape (n_samples, n_levels)
        Expected loss of each level, given the features.
    chances : ndarray of shape (n_samples, n_groups)
        Probability of each group, given the features.
    codes : ndarray of int of shape (n_samples,)
        The true groups.
    weight : ndarray of shape (n_samples,), positive
    loss : callable
        From the positions of the rows' levels to the rows' true losses.
    unit : float
        Losses are counted in it.
    """

    def __init__(
        self,
        expected: np.ndarray,
        chances: np.ndarray,
        *,
        codes: np.ndarray,
        weight: np.ndarray,
        loss: Callable[[np.ndarray], np.ndarray],
        unit: float,
    ) -> None:
        self.expected, self.chances, self.loss = expected, chances, loss
        self.codes, self.weight, self.unit = codes, weight, unit
        mass = np.bincount(codes, weights=weight, minlength=chances.shape[1])
        self.shares = mass / mass.sum()
        self.span = float(np.ptp(expected, axis=1).max())
        self.rules: list[LevelRule] = []

    def costs(self, multipliers: np.ndarray) -> np.ndarray:
        """Price of each level for a member of each group."""
        tails = multipliers.reshape(len(self.shares), -1) / self.shares[:, None]
        start = np.zeros((len(tails), 1))
        return self.unit * np.concatenate([start, tails.cumsum(axis=1)], axis=1)

    def strength(self, multipliers: np.ndarray) -> float:
        """Largest difference of prices, as a share of the largest of losses."""
        return float(np.ptp(self.costs(multipliers), axis=1).max() / self.span)

    def fingerprint(self, costs: np.ndarray) -> bytes:
        """Prices up to rounding."""
        return np.round(costs / self.unit, 9).tobytes()

    def answer(
        self, questions: Sequence[np.ndarray]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Losses and tails of the rules at each of the prices, and at multiples."""
        return [self._of(self._rules_at(costs)) for costs in questions]

    def expected_loss(
        self, rules: Sequence[LevelRule], weights: np.ndarray
    ) -> np.ndarray:
        """True loss of each row, expected over a draw of the rules."""
        found = [
            self.loss(rule.positions(self.expected, self.chances)) for rule in rules
        ]
        return np.tensordot(weights, found, axes=1)

    def smoothed_prices(self, bounds: MomentBounds) -> np.ndarray:
        """Prices at which the answers should meet the bounds nearly by themselves.

        They maximise the dual of the problem in which the groups are as likely as the
        features say, with each minimum over levels smoothed; unlike those of a linear
        program over few rules they do not jump from level to level. The bounds are then
        moved by what the true groups' tails differ from the likely ones'.

        Parameters
        ----------
        bounds : MomentBounds
            Of `tail_parity`.

        Returns
        -------
        prices : ndarray of shape (n_rows,)
        """
        excess = self.expected - self.expected.min(axis=1, keepdims=True)
        excess /= self.unit * _TEMPERATURE
        share = self.weight / self.weight.sum()
        likely, scale = (self.chances * share[:, None]).T, self.shares[:, None]

        def tails_of(chosen: np.ndarray) -> np.ndarray:
            mass = likely @ chosen
            return (mass[:, ::-1].cumsum(axis=1)[:, -2::-1] / scale).ravel()

        def dual(prices: np.ndarray, bound: np.ndarray) -> tuple[float, np.ndarray]:
            costs = self.costs(bounds.matrix.T @ prices) / (self.unit * _TEMPERATURE)
            priced = -excess - self.chances @ costs
            best = priced.max(axis=1, keepdims=True)
            chosen = np.exp(priced - best)
            total = chosen.sum(axis=1, keepdims=True)
            value = -_TEMPERATURE * (share @ (best + np.log(total))[:, 0])
            slope = bounds.matrix @ tails_of(chosen / total) - bound
            return bound @ prices - value, -slope

        bound, prices = bounds.bound, np.zeros(len(bounds.bound))
        for _ in range(_CORRECTIONS):
            prices = minimize(
                dual,
                prices,
                args=(bound,),
                jac=True,
                method="L-BFGS-B",
                bounds=[(0, None)] * len(bound),
                options={"maxiter": 100, "maxcor": 20},
            ).x
            rule = LevelRule(self.costs(bounds.matrix.T @ prices))
            places = rule.positions(self.expected, self.chances)
            likely_tails = tails_of(np.eye(self.expected.shape[1])[places])
            bound = bounds.bound - bounds.matrix @ (self._tails(places) - likely_tails)
        return prices

    def _rules_at(self, costs: np.ndarray) -> list[LevelRule]:
        if costs.any():
            return [LevelRule(multiple * costs) for multiple in _MULTIPLES]
        # Constants are at parity, so that every tolerance can be met.
        levels = range(costs.shape[1])
        return [LevelRule(costs), *(LevelRule(costs, level) for level in levels)]

    def _of(self, rules: list[LevelRule]) -> tuple[np.ndarray, np.ndarray]:
        self.rules += rules
        found = [rule.positions(self.expected, self.chances) for rule in rules]
        values = np.array([self._value(positions) for positions in found])
        tails = np.array([self._tails(positions) for positions in found])
        return np.round(values, _DIGITS), np.round(tails, _DIGITS)

    def _value(self, positions: np.ndarray) -> float:
        return float(np.average(self.loss(positions), weights=self.weight)) / self.unit

    def _tails(self, positions: np.ndarray) -> np.ndarray:
        n_groups, n_levels = len(self.shares), self.expected.shape[1]
        cells = self.codes * n_levels + positions
        counts = np.bincount(cells, self.weight, minlength=n_groups * n_levels)
        counts = counts.reshape(n_groups, n_levels)
        below = counts.cumsum(axis=1) / counts.sum(axis=1, keepdims=True)
        return (1 - below[:, :-1]).ravel()
