"""The best randomised rule under linear constraints, by its dual.

A rule gives each row a distribution over decisions. Its value and every constrained
rate are linear in it, so the best rule is a linear program with as many variables as
rows; its dual has one variable per bound. The dual is smoothed by an entropy of
temperature t, which makes the rule a softmax of priced values, and solved by a barrier
Newton method while t falls. At the end the rule is feasible, and the gap to the
unsmoothed dual is an exact bound on what it gives away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space

__all__ = ["Bounds", "RuleProblem", "RuleSolution"]

_CAP = 1e3  # most that a unit of a rate may cost in units of value
_TEMPERATURES = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
_STEPS = 60  # of Newton, at each temperature
_SAMPLE = 20_000  # rows that a start is found on
_CHUNK = 8192  # rows at a time, so that what is made of them stays in the cache
_NARROWEST = 5e-7  # a window needs an interior


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds ``rows @ rates <= limit + ends @ t`` with some t that may be chosen.

    Parameters
    ----------
    rows : ndarray of shape (n_bounds, n_rates)
    limit : ndarray of shape (n_bounds,)
    ends : ndarray of shape (n_bounds, n_ends)
    inside : ndarray of shape (n_bounds,)
        Positive multipliers orthogonal to `ends`, to start from.
    """

    rows: np.ndarray
    limit: np.ndarray
    ends: np.ndarray
    inside: np.ndarray

    def and_floors(self, floors: np.ndarray) -> Bounds:
        """Add further rates after those there are, and a floor for each of them."""
        count, n_rates = len(floors), self.rows.shape[1]
        rows = np.zeros((len(self.rows) + count, n_rates + count))
        rows[: len(self.rows), :n_rates] = self.rows
        rows[len(self.rows) :, n_rates:] = -np.eye(count)
        ends = np.vstack([self.ends, np.zeros((count, self.ends.shape[1]))])
        inside = np.concatenate([self.inside, np.ones(count)])
        return Bounds(rows, np.concatenate([self.limit, -floors]), ends, inside)

    @classmethod
    def of_parity(
        cls,
        window: np.ndarray,
        tolerance: float,
        compare: str,
        offset: np.ndarray | None = None,
    ) -> Bounds:
        """Keep the rates of each window close to each other.

        Parameters
        ----------
        window : ndarray of shape (n_rates,), dtype int
            Which rates are compared: those of equal number.
        tolerance : float
            Bound on max - min, or on 1 - min / max.
        compare : {"difference", "ratio"}
        offset : ndarray of shape (n_rates,), default=None
            Added to each rate before it is compared.
        """
        count = len(window)
        offset = np.zeros(count) if offset is None else offset
        if compare == "ratio" and tolerance >= 1:
            return cls(np.zeros((0, count)), np.zeros(0), np.zeros((0, 0)), np.zeros(0))
        tolerance = max(tolerance, _NARROWEST)
        end = np.eye(window.max(initial=-1) + 1)[window]
        share = 1.0 if compare == "difference" else 1.0 - tolerance
        slack = tolerance if compare == "difference" else 0.0
        rows = np.vstack([np.eye(count), -np.eye(count)])
        limit = np.concatenate([slack - offset, offset])
        inside = np.repeat([share, 1.0], count)
        return cls(rows, limit, np.vstack([end, -share * end]), inside)


@dataclass(frozen=True, eq=False)
class RuleSolution:
    """A rule, as the prices that make it.

    Parameters
    ----------
    prices : ndarray of shape (n_rates,)
        What a unit of each rate costs, in units of value.
    multipliers : ndarray of shape (n_bounds,)
        The dual variables that the prices are made of.
    temperature : float
    value : float
        Mean value of the rule.
    rates : ndarray of shape (n_rates,)
        Rates of the rule.
    gap : float
        No rule within the bounds has a mean value above `value` + `gap`.
    """

    prices: np.ndarray
    multipliers: np.ndarray
    temperature: float
    value: float
    rates: np.ndarray
    gap: float


@dataclass(frozen=True, eq=False)
class _Point:
    """The smoothed dual and its derivatives, without barrier."""

    dual: float
    rates: np.ndarray
    hessian: np.ndarray
    value: float
    exact_dual: float


class RuleProblem:
    """Choose a distribution over decisions for each row, of the highest mean value.

    Parameters
    ----------
    value : ndarray of shape (n_rows, n_decisions)
        Value of each decision.
    chances : ndarray of shape (n_rows, n_cells)
        Chance that the row is of each cell, such as a group and a label.
    functional : ndarray of shape (n_rates, n_cells, n_decisions)
        What each decision on a row of each cell adds to each rate.
    weight : ndarray of shape (n_rows,)
        Weights that sum to 1.
    """

    def __init__(
        self,
        value: np.ndarray,
        chances: np.ndarray,
        functional: np.ndarray,
        weight: np.ndarray,
    ):
        # Cells that all rates treat alike are one.
        columns = np.moveaxis(functional, 1, 0)
        _, first, place = np.unique(
            columns.reshape(len(columns), -1),
            axis=0,
            return_index=True,
            return_inverse=True,
        )
        merged = np.zeros((len(place), len(first)))
        merged[np.arange(len(place)), place.ravel()] = 1
        self._value, self._weight = value, weight
        self._functional = functional[:, first]
        self._chances = chances @ merged

    def solve(
        self,
        bounds: Bounds,
        *,
        start: np.ndarray | None = None,
        temperature: float | None = None,
        accuracy: float = 1e-6,
    ) -> RuleSolution:
        """Find the best rule within the bounds.

        Parameters
        ----------
        bounds : Bounds
        start : ndarray of shape (n_bounds,), default=None
            Multipliers to start from, of a solution nearby.
        temperature : float, default=None
            To start cooling from, 0.1 or less; None means the highest.
        accuracy : float
            Gap at which to stop cooling.
        """
        free = (
            null_space(bounds.ends.T) if bounds.ends.size else np.eye(len(bounds.limit))
        )
        multipliers = _first_multipliers(bounds, free, start)
        if start is None and len(self._weight) >= 2 * _SAMPLE:
            near = self._thinned().solve(bounds, accuracy=accuracy)
            start, temperature = near.multipliers, near.temperature
        first = temperature or (_TEMPERATURES[0] if start is None else 0.01)
        for temperature in [t for t in _TEMPERATURES if t <= first]:
            barrier = max(1e-2 * temperature**2, 1e-10)
            multipliers = self._newton(bounds, free, multipliers, temperature, barrier)
            found = self._solution(bounds, multipliers, temperature)
            if found.gap <= accuracy:
                break
        return found

    def _thinned(self) -> RuleProblem:
        """The same problem on an even sample of the rows, to start from."""
        step = len(self._weight) // _SAMPLE
        weight = self._weight[::step]
        return RuleProblem(
            self._value[::step],
            self._chances[::step],
            self._functional,
            weight / weight.sum(),
        )

    def _newton(
        self,
        bounds: Bounds,
        free: np.ndarray,
        multipliers: np.ndarray,
        temperature: float,
        barrier: float,
    ) -> np.ndarray:
        """Minimise the smoothed dual with a barrier at 0 and at the cap."""

        def full(at: np.ndarray) -> tuple[_Point, float]:
            point = self._at(bounds.rows.T @ at, temperature)
            smooth = point.dual + bounds.limit @ at
            return point, smooth - barrier * np.log(at * (_CAP - at)).sum()

        point, height = full(multipliers)
        for _ in range(_STEPS):
            gradient = bounds.limit - bounds.rows @ point.rates
            gradient += barrier * (1 / (_CAP - multipliers) - 1 / multipliers)
            curve = barrier * (1 / (_CAP - multipliers) ** 2 + 1 / multipliers**2)
            hessian = bounds.rows @ point.hessian @ bounds.rows.T + np.diag(curve)
            step = free @ _newton_step(free.T @ hessian @ free, free.T @ gradient)
            drop = gradient @ step
            if drop > -1e-18:
                break
            size = _longest_step(multipliers, step)
            while size > 1e-10:
                new_point, new_height = full(multipliers + size * step)
                if new_height <= height + 1e-4 * size * drop + 1e-15:
                    break
                size /= 2
            else:
                break
            multipliers = multipliers + size * step
            point, height = new_point, new_height
        return multipliers

    def _at(self, prices: np.ndarray, temperature: float) -> _Point:
        cost = np.tensordot(prices, self._functional, axes=1)
        n_cells, n_decisions = cost.shape
        sums = np.zeros(3)
        mean = np.zeros((n_cells, n_decisions))
        spread = np.zeros((n_decisions, n_cells, n_decisions, n_cells))
        for start in range(0, len(self._weight), _CHUNK):
            rows = slice(start, start + _CHUNK)
            chances, weight = self._chances[rows], self._weight[rows]
            score = self._value[rows] - chances @ cost
            best = score.max(axis=1)
            odds = np.exp((score - best[:, None]) / temperature)
            total = odds.sum(axis=1)
            rule = odds / total[:, None]
            weighted = weight[:, None] * rule
            sums += (
                weight @ best,
                weight @ np.log(total),
                np.vdot(weighted, self._value[rows]),
            )
            mean += chances.T @ weighted
            _add_spread(spread, chances, weighted, rule)
        flat = np.moveaxis(self._functional, 2, 1).reshape(len(prices), -1)
        side = n_cells * n_decisions
        spread = _complete(spread).reshape(side, side)
        return _Point(
            dual=sums[0] + temperature * sums[1],
            rates=flat @ mean.T.ravel(),
            hessian=flat @ spread @ flat.T / temperature,
            value=sums[2],
            exact_dual=sums[0],
        )

    def _solution(
        self, bounds: Bounds, multipliers: np.ndarray, temperature: float
    ) -> RuleSolution:
        prices = bounds.rows.T @ multipliers
        point = self._at(prices, temperature)
        return RuleSolution(
            prices=prices,
            multipliers=multipliers,
            temperature=temperature,
            value=float(point.value),
            rates=point.rates,
            gap=float(point.exact_dual + bounds.limit @ multipliers - point.value),
        )


def _add_spread(
    spread: np.ndarray, chances: np.ndarray, weighted: np.ndarray, rule: np.ndarray
) -> None:
    """Add the covariance of all decisions but the first, by pairs of cells."""
    for one in range(1, rule.shape[1]):
        for other in range(one, rule.shape[1]):
            both = weighted[:, one] * ((one == other) - rule[:, other])
            spread[one, :, other] += chances.T @ (both[:, None] * chances)


def _complete(spread: np.ndarray) -> np.ndarray:
    """Fill in what follows: it is symmetric, and sums to zero over the decisions."""
    for one in range(1, len(spread)):
        for other in range(1, one):
            spread[one, :, other] = spread[other, :, one].T
    spread[0] = -spread[1:].sum(axis=0)
    spread[:, :, 0] = -spread[:, :, 1:].sum(axis=2)
    return spread


def _first_multipliers(
    bounds: Bounds, free: np.ndarray, start: np.ndarray | None
) -> np.ndarray:
    """Multipliers inside their range that the ends allow, near `start`."""
    if start is None:
        return 0.1 * bounds.inside
    near = free @ (free.T @ start)
    lift = max(1e-3, 1.1 * (-near / bounds.inside).max(initial=0))
    return np.minimum(near + lift * bounds.inside, 0.99 * _CAP)


def _newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Solve, after scaling the diagonal to one: multipliers differ by magnitudes."""
    scale = 1 / np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    scaled = hessian * np.outer(scale, scale)
    return -scale * np.linalg.lstsq(scaled, scale * gradient, rcond=1e-14)[0]


def _longest_step(multipliers: np.ndarray, step: np.ndarray) -> float:
    """Largest step that stays inside the range, not beyond 1."""
    room = np.where(step < 0, multipliers, _CAP - multipliers)
    return min(1.0, 0.99 * float((room / np.maximum(abs(step), 1e-300)).min()))
