"""Column generation for the reductions approach: the best mixture of predictors.

The master is a linear program over the predictors found so far; its dual prices turn
into costs, and the oracle, any learner of weighted data, answers with a new predictor.
Agarwal et al. (2018, doi:10.48550/arXiv.1803.02453) solve the same saddle point by
exponentiated gradient; the program needs several times fewer fits.

A fitted model may count as many predictors: a classifier is itself, and itself cut at
other thresholds of its score. All that a predictor contributes are its value and its
moments, so thresholds are priced exactly, without a fit, whenever the prices move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.optimize import linprog

from fairlearnkit._solvers.moment_bounds import MomentBounds

PENALTY = 100.0  # price of a violation beyond the tolerance
_DRAWN = 0.3  # share of the best question so far in the next one


class Learner(Protocol):
    """What a search asks: costs of multipliers, and predictors that minimise costs."""

    def costs(self, multipliers: np.ndarray) -> np.ndarray:
        """Costs at multipliers of the moments."""

    def strength(self, multipliers: np.ndarray) -> float:
        """How far multipliers override the objective; 1 where they replace it."""

    def fingerprint(self, costs: np.ndarray) -> bytes:
        """Equal for costs that the learner cannot tell apart."""

    def answer(self, questions: Sequence[np.ndarray]) -> list[tuple]:
        """Values and moments of the predictors found for each array of costs.

        Those of one model stand together, the model's own first.
        """


@dataclass(frozen=True, eq=False)
class Mixture:
    """Optimal mixture of the known predictors.

    Parameters
    ----------
    columns : ndarray of int
        Numbers of the predictors in use.
    weights : ndarray of float
        Their probabilities.
    objective : float
        Expected value plus the penalty of the excess.
    excess : float
        Violation beyond the bounds.
    prices : ndarray of shape (n_rows,)
        Dual prices of the bounds.
    """

    columns: np.ndarray
    weights: np.ndarray
    objective: float
    excess: float
    prices: np.ndarray


@dataclass(eq=False)
class ReductionMaster:
    """The known predictors and the linear program that mixes them.

    Parameters
    ----------
    bounds : MomentBounds
        May be exchanged for others on the same moments; all predictors stay.
    """

    bounds: MomentBounds
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    moments: np.ndarray | None = None
    model_of: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    active: list[int] = field(default_factory=list)
    questions: list[np.ndarray] = field(default_factory=list)
    asked: list[np.ndarray] = field(default_factory=list)

    def add_model(
        self, values: np.ndarray, moments: np.ndarray, prices: np.ndarray
    ) -> None:
        """Add a model's predictors, its own first.

        Parameters
        ----------
        values : ndarray of shape (n_predictors,)
        moments : ndarray of shape (n_predictors, n_moments)
        prices : ndarray of shape (n_rows,)
            At which it was asked for.
        """
        self.asked.append(prices)
        self.questions.append(self.bounds.matrix.T @ prices)
        self.active.append(len(self.values))
        model = self.model_of[-1] + 1 if len(self.model_of) else 0
        self.model_of = np.append(self.model_of, np.full(len(values), model))
        self.values = np.append(self.values, values)
        known = [] if self.moments is None else [self.moments]
        self.moments = np.concatenate([*known, moments])

    def lagrangian(self, prices: np.ndarray) -> np.ndarray:
        """Value plus priced violation of every known predictor."""
        assert self.moments is not None
        multipliers = self.bounds.matrix.T @ prices
        return self.values + self.moments @ multipliers - self.bounds.bound @ prices

    def optimize(self) -> Mixture:
        """Mix the known predictors, drawing in thresholds until none would help."""
        mixture = self._solve_active()
        for _ in range(50):
            if not mixture.prices.any():  # the bounds cost nothing
                break
            value = self.lagrangian(mixture.prices)
            best = [
                members[np.argmin(value[members])]
                for members in np.split(np.arange(len(value)), self._model_starts())
            ]
            new = [c for c in best if value[c] < mixture.objective - 1e-7]
            new = [c for c in new if c not in self.active]
            if not new:
                break
            self.active += new
            mixture = self._solve_active()
        return mixture

    def lower_bound(self) -> float:
        """Best bound below the objective, over the prices the oracle was asked at.

        It is valid relative to the oracle: no known predictor does better there.
        """
        allowed = [prices for prices in self.asked if self.bounds.allow(prices)]
        found = (self.lagrangian(prices).min() for prices in allowed)
        return float(max(found, default=-np.inf))

    def best_single(self, values: np.ndarray, excess: np.ndarray) -> int:
        """The predictor of least value without an excess, else that of least excess.

        Parameters
        ----------
        values, excess : ndarray of shape (n_predictors,)

        Returns
        -------
        column : int
        """
        allowed = np.flatnonzero(excess <= 1e-9)
        if not len(allowed):
            return int(np.argmin(excess))
        return int(allowed[np.argmin(values[allowed])])

    def _model_starts(self) -> np.ndarray:
        return np.flatnonzero(np.diff(self.model_of)) + 1

    def _solve_active(self) -> Mixture:
        """Solve for the mixture, with the free ends and a penalised excess."""
        assert self.moments is not None
        bounds, n = self.bounds, len(self.active)
        rows = bounds.matrix @ self.moments[self.active].T
        n_ends = bounds.ends.shape[1]
        result = linprog(
            np.concatenate([self.values[self.active], bounds.end_cost, [PENALTY]]),
            A_ub=np.column_stack([rows, bounds.ends, -bounds.soft]),
            b_ub=bounds.bound,
            A_eq=np.append(np.ones(n), np.zeros(n_ends + 1))[None],
            b_eq=[1.0],
            bounds=[(0, None)] * n + [(None, None)] * n_ends + [(0, None)],
            method="highs",
        )
        prices = np.maximum(-result.ineqlin.marginals, 0)
        used = np.flatnonzero(result.x[:n] > 1e-9)
        return Mixture(
            np.array(self.active)[used],
            result.x[used] / result.x[used].sum(),
            float(result.fun),
            float(result.x[-1]),
            prices,
        )


@dataclass(frozen=True, eq=False)
class ReductionResult:
    """Outcome of column generation.

    Parameters
    ----------
    mixture : Mixture
    gap : float
        Objective minus the best lower bound, relative to the oracle.
    n_oracle_calls : int
        Of this run.
    converged : bool
    """

    mixture: Mixture
    gap: float
    n_oracle_calls: int
    converged: bool


@dataclass(eq=False)
class ColumnSearch:
    """Ask the learner at the master's prices until the gap closes.

    A learner is a heuristic: at the optimal prices it may answer with nothing better
    although better predictors exist. So once the gap has closed, and the learner seems
    to meet the bounds at quite another multiple of the prices, it is asked there.

    Parameters
    ----------
    master : ReductionMaster
    learner : Learner
    gap_tolerance : float
        Gap that counts as closed.
    multiples : sequence of float
        Of the prices, each a question; in one round they are asked together.
    """

    master: ReductionMaster
    learner: Learner
    gap_tolerance: float
    multiples: Sequence[float] = (1.0,)
    answered: set[bytes] = field(default_factory=set)

    def run(self, max_iter: int) -> ReductionResult:
        """Search with at most `max_iter` questions more.

        Parameters
        ----------
        max_iter : int
        """
        before, explored = len(self.answered), False
        if not len(self.master.values):
            self._ask([self.master.bounds.start])
        while True:
            mixture = self.master.optimize()
            calls = len(self.answered) - before
            if not mixture.prices.any():  # the bounds cost nothing
                return ReductionResult(mixture, 0.0, calls, True)
            result = self._result(mixture, calls)
            left = max_iter - calls
            if left <= 0:
                return result
            question, multiples = self._stable(mixture.prices), self.multiples
            if result.converged:
                multiple = self._balancing_multiple(mixture.prices)
                if explored or multiple is None:
                    return result
                explored, question, multiples = True, mixture.prices, [multiple]
            if not self._ask([m * question for m in multiples], left):
                return self._result(mixture, calls)

    def _stable(self, prices: np.ndarray) -> np.ndarray:
        """Prices to ask at: those of few predictors are far too high, or jump about.

        The first, of one model's thresholds, are scaled until they do not override
        the objective; later ones are drawn towards the best question so far.
        """
        master = self.master
        if len(master.questions) == 1 and not master.bounds.end_cost.any():
            strength = self.learner.strength(master.bounds.matrix.T @ prices)
            return prices / max(1.0, strength)
        allowed = [asked for asked in master.asked if master.bounds.allow(asked)]
        best = max(allowed, key=lambda p: master.lagrangian(p).min(), default=prices)
        return _DRAWN * best + (1 - _DRAWN) * prices

    def _result(self, mixture: Mixture, calls: int) -> ReductionResult:
        gap = max(0.0, mixture.objective - self.master.lower_bound())
        return ReductionResult(mixture, gap, calls, gap <= self.gap_tolerance)

    def _ask(self, prices: list[np.ndarray], left: int = 1) -> bool:
        """Ask at prices whose answers are not known yet; whether the first was such."""
        if self.master.bounds.end_cost.any():
            prices = prices[:1]  # no multiple of them keeps the balance
        new: list[np.ndarray] = []
        costs: list[np.ndarray] = []
        for asked in prices:
            cost = self.learner.costs(self.master.bounds.matrix.T @ asked)
            key = self.learner.fingerprint(cost)
            if key in self.answered:
                self.master.asked.append(asked)
                if not new:
                    return False
            elif len(new) < left:
                self.answered.add(key)
                new.append(asked)
                costs.append(cost)
        for asked, answer in zip(new, self.learner.answer(costs), strict=True):
            values, moments = answer
            self.master.add_model(values, moments, asked)
        return True

    def _balancing_multiple(self, prices: np.ndarray) -> float | None:
        """Multiple of the prices at which the answer should meet the bounds.

        Along the ray of the prices the derivative of the Lagrangian, the priced
        violation of the answer, falls through zero there; it is interpolated between
        the questions that lie near the ray. None where that is not to be trusted, or
        is too near to the prices themselves.
        """
        master = self.master
        if master.bounds.end_cost.any():
            return None
        assert master.moments is not None
        ray, slack = master.bounds.matrix.T @ prices, master.bounds.bound @ prices
        positive: list[tuple[float, float]] = []
        negative: list[tuple[float, float]] = []
        own = np.flatnonzero(np.diff(master.model_of, prepend=-1))
        for column, multipliers in zip(own, master.questions, strict=True):
            scale = (multipliers * ray).sum() / (ray**2).sum()
            off_ray = np.abs(multipliers - scale * ray).max()
            if off_ray > 0.5 * np.abs(ray).max() * max(scale, 1.0):
                continue
            derivative = master.moments[column] @ ray - slack
            (positive if derivative > 0 else negative).append((scale, derivative))
        if not positive or not negative:
            return 2.0 if positive else 0.5
        (low, fall), (high, rise) = max(positive), min(negative)
        if high <= low:
            return None
        share = np.clip(fall / (fall - rise), 0.2, 0.8)
        multiple = float(low + share * (high - low))
        near = 0.5 <= multiple <= 2.0
        return multiple if near and abs(multiple - 1) >= 0.25 else None
