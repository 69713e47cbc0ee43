"""Column generation for the worst group: the mixture of least greatest group loss.

All that a model contributes is the mean loss of each group. A linear program mixes the
models known so far; its dual prices say how much each group's loss counts, and the
oracle, any learner of weighted data, answers with a new model. Diana et al. (2021,
doi:10.1145/3461702.3462523) play the same game by multiplicative weights; the program
needs fewer fits and certifies its gap, relative to the oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

PENALTY = 1e4  # price of a loss beyond the bound; callers ask for bounds in reach

_MOST_CORNERS = 4  # groups towards which prices are moved


@dataclass(frozen=True, eq=False)
class PricedMixture:
    """Optimal mixture of the known models, and the prices of the groups' losses.

    Parameters
    ----------
    columns : ndarray of int
        Numbers of the models in use.
    weights : ndarray of float
        Their probabilities.
    objective : float
        Greatest group loss; under a bound the overall loss plus the penalty of excess.
    excess : float
        Loss of the worst group beyond the bound, 0 without one.
    prices : ndarray of shape (n_groups,)
        How much a unit of each group's loss counts.
    constant : float
        What the prices pay for anyhow: the value of a model with group losses l is
        ``prices @ l - constant``.
    """

    columns: np.ndarray
    weights: np.ndarray
    objective: float
    excess: float
    prices: np.ndarray
    constant: float


@dataclass(eq=False)
class GroupLossMaster:
    """The known models and the linear program that mixes them.

    Parameters
    ----------
    shares : ndarray of shape (n_groups,)
        Share of each group in the overall loss.
    """

    shares: np.ndarray
    losses: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    model_of: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    active: list[int] = field(default_factory=list)

    @property
    def scale(self) -> float:
        """Worst-group loss of the first model, the unit of all tolerances."""
        return float(self.losses[0].max()) or 1.0

    def add_model(self, losses: np.ndarray) -> None:
        """Add a model's columns, its own first, then its other thresholds.

        Parameters
        ----------
        losses : ndarray of shape (n_columns, n_groups)
        """
        self.active.append(len(self.model_of))
        model = self.model_of[-1] + 1 if len(self.model_of) else 0
        self.model_of = np.append(self.model_of, np.full(len(losses), model))
        known = [self.losses] if len(self.losses) else []
        self.losses = np.concatenate([*known, losses])

    def optimize(self, bound: float | None) -> PricedMixture:
        """Mix the known models, drawing in thresholds until none would help."""
        mixture = self._solve_active(bound)
        starts = np.flatnonzero(np.diff(self.model_of)) + 1
        for _ in range(50):
            value = self.losses @ mixture.prices - mixture.constant
            best = [
                members[np.argmin(value[members])]
                for members in np.split(np.arange(len(value)), starts)
            ]
            enough = mixture.objective - 1e-7 * self.scale
            new = [c for c in best if value[c] < enough and c not in self.active]
            if not new:
                break
            self.active += new
            mixture = self._solve_active(bound)
        return mixture

    def best_single(self, limit: float = -np.inf) -> int:
        """The model of least overall loss within the limit, else of least worst loss.

        Parameters
        ----------
        limit : float
            Greatest group loss allowed; -inf asks for the least worst loss.
        """
        worst = self.losses.max(axis=1)
        allowed = np.flatnonzero(worst <= max(limit, worst.min()) + 1e-9 * self.scale)
        return int(allowed[np.argmin(self.losses[allowed] @ self.shares)])

    def _solve_active(self, bound: float | None) -> PricedMixture:
        """Solve for the mixture; the last variable is the worst loss, or the excess."""
        losses = self.losses[self.active] / self.scale
        free = bound is None
        result = linprog(
            np.append(0 * losses[:, 0] if free else losses @ self.shares, 1.0)
            * np.append(np.ones(len(losses)), 1.0 if free else PENALTY),
            A_ub=np.column_stack([losses.T, -np.ones(len(self.shares))]),
            b_ub=np.full(
                len(self.shares), 0.0 if bound is None else bound / self.scale
            ),
            A_eq=np.append(np.ones(len(losses)), 0.0)[None],
            b_eq=[1.0],
            method="highs",
        )
        duals = np.maximum(-result.ineqlin.marginals, 0.0)
        used = np.flatnonzero(result.x[:-1] > 1e-9)
        return PricedMixture(
            np.array(self.active)[used],
            result.x[used] / result.x[used].sum(),
            float(result.fun) * self.scale,
            0.0 if bound is None else float(result.x[-1]) * self.scale,
            duals if bound is None else self.shares + duals,
            0.0 if bound is None else float(duals.sum()) * bound,
        )


@dataclass(frozen=True, eq=False)
class MinimaxResult:
    """Outcome of column generation.

    Parameters
    ----------
    mixture : PricedMixture
    gap : float
        Objective minus the best lower bound, relative to the oracle.
    n_oracle_calls : int
        Of this run.
    converged : bool
    """

    mixture: PricedMixture
    gap: float
    n_oracle_calls: int
    converged: bool


def generate_models(
    master: GroupLossMaster,
    oracle: Callable[[np.ndarray], np.ndarray],
    *,
    bound: float | None = None,
    explore: bool = False,
    max_iter: int,
    gap_tolerance: float,
) -> MinimaxResult:
    """Ask the oracle at the master's prices until the gap closes.

    Parameters
    ----------
    master : GroupLossMaster
        Empty, or with the models of an earlier run.
    oracle : callable
        Maps prices of shape (n_groups,) to the group losses of a model that nearly
        minimises the priced loss, as :meth:`GroupLossMaster.add_model` takes them.
    bound : float, default=None
        Minimise the overall loss while no group loses more than this; None minimises
        the worst group's loss.
    explore : bool, default=False
        Whether the oracle is then asked around these prices, and all begins anew if
        that finds a better mixture: for oracles of a surrogate loss. It takes up to a
        quarter of the calls.
    max_iter : int
        Most oracle calls.
    gap_tolerance : float
        Gap that counts as closed, as a share of the first model's worst loss.
    """
    calls = 0
    if not len(master.losses):
        master.add_model(oracle(master.shares))
        calls = 1
    asked = [(master.shares, 0.0)]
    answered = {_fingerprint(master.shares)}
    best, explored = np.inf, 0
    while True:
        mixture = master.optimize(bound)
        if mixture.objective <= 1e-9 * master.scale:  # nothing is left to gain
            return MinimaxResult(mixture, 0.0, calls, True)
        gap = _gap(master, mixture, asked)
        closed = gap <= gap_tolerance * master.scale
        known = _fingerprint(mixture.prices) in answered
        if known and not closed:
            asked.append((mixture.prices, mixture.constant))
            gap = _gap(master, mixture, asked)
            closed = gap <= gap_tolerance * master.scale
        if calls >= max_iter:
            return MinimaxResult(mixture, gap, calls, closed)
        questions = [mixture.prices]
        if closed or known:
            better = mixture.objective <= best - gap_tolerance * master.scale
            if not explore or not better or explored >= max_iter // 4:
                return MinimaxResult(mixture, gap, calls, closed)
            best = mixture.objective
            left = max_iter // 4 - explored
            questions = _around(mixture.prices, master.shares)[:left]
            explored += len(questions)
        else:
            asked.append((mixture.prices, mixture.constant))
        new = {_fingerprint(prices): prices for prices in questions}
        for mark, prices in list(new.items())[: max_iter - calls]:
            if mark not in answered:
                answered.add(mark)
                master.add_model(oracle(prices))
                calls += 1


def _around(prices: np.ndarray, shares: np.ndarray) -> list[np.ndarray]:
    """Prices between these and those of everybody, and of each group that counts.

    A learner of a surrogate loss may answer the optimal prices with nothing better
    although it knows better models: those it finds at other prices.
    """
    prices = prices / prices.sum()
    counts = np.argsort(-prices)[:_MOST_CORNERS]
    corners = np.eye(len(prices))[counts[prices[counts] > 1e-3]]
    return [
        (1 - step) * prices + step * target
        for step in (0.1, 0.25, 0.5)
        for target in [shares, *corners]
        if not np.allclose(prices, target)
    ]


def _gap(
    master: GroupLossMaster,
    mixture: PricedMixture,
    asked: list[tuple[np.ndarray, float]],
) -> float:
    """Objective minus the best bound over the prices that the oracle was asked at."""
    bounds = [(master.losses @ prices).min() - paid for prices, paid in asked]
    return max(0.0, mixture.objective - float(max(bounds)))


def _fingerprint(prices: np.ndarray) -> bytes:
    """Prices up to a scale, which no learner can tell."""
    return np.round(prices / prices.sum(), 9).tobytes()
