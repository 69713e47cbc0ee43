"""Column generation for the reductions approach: the best mixture of classifiers.

The master is a linear program over the classifiers found so far; its dual prices turn
into costs of each decision, and the oracle, any learner of weighted data, answers with
a new classifier. Agarwal et al. (2018, doi:10.48550/arXiv.1803.02453) solve the same
saddle point by exponentiated gradient; the program needs several times fewer fits.

A fitted model counts as many classifiers: itself, and itself cut at other thresholds of
its score. All that a classifier contributes are its error and its rates, so thresholds
are priced exactly, without a fit, whenever the prices move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

PENALTY = 100.0  # price of a violation beyond the tolerance


@dataclass(frozen=True, eq=False)
class Prices:
    """Dual prices of the constraints.

    Parameters
    ----------
    rates : ndarray of shape (n_rates, n_groups)
        Signed multiplier of each rate.
    slack : float
        What one unit of tolerance is worth.
    """

    rates: np.ndarray
    slack: float

    def times(self, factor: float) -> Prices:
        """Scale all prices."""
        return Prices(factor * self.rates, factor * self.slack)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Optimal mixture of the known classifiers.

    Parameters
    ----------
    columns : ndarray of int
        Numbers of the classifiers in use.
    weights : ndarray of float
        Their probabilities.
    objective : float
        Expected error plus the penalty of the excess.
    excess : float
        Violation beyond the tolerance.
    prices : Prices
    """

    columns: np.ndarray
    weights: np.ndarray
    objective: float
    excess: float
    prices: Prices


@dataclass(eq=False)
class ReductionMaster:
    """The known classifiers and the linear program that mixes them.

    Parameters
    ----------
    error : ndarray of shape (n_groups, n_classes, n_classes)
        Cost per unit of weight of each (group, true label, decision).
    coefficients : ndarray of shape (n_rates, n_groups, n_classes, n_classes)
        As from :meth:`Constraint.coefficients`; NaN where a rate is undefined.
    compare : {"difference", "ratio"}
    tolerance : float
    """

    error: np.ndarray
    coefficients: np.ndarray
    compare: str
    tolerance: float
    errors: np.ndarray = field(default_factory=lambda: np.empty(0))
    rates: np.ndarray | None = None
    model_of: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    active: list[int] = field(default_factory=list)
    asked: list[Prices] = field(default_factory=list)

    def add_model(self, tables: np.ndarray) -> None:
        """Add a model's classifiers, its own first, then its other thresholds.

        Parameters
        ----------
        tables : ndarray of shape (n_classifiers, n_groups, n_classes, n_classes)
        """
        axes = ([1, 2, 3], [0, 1, 2])
        errors = np.tensordot(tables, self.error, axes)
        rates = np.einsum("tgyh,jgyh->tjg", tables, self.coefficients, optimize=True)
        self.active.append(len(self.errors))
        model = self.model_of[-1] + 1 if len(self.model_of) else 0
        self.model_of = np.append(self.model_of, np.full(len(errors), model))
        self.errors = np.append(self.errors, errors)
        known = [] if self.rates is None else [self.rates]
        self.rates = np.concatenate([*known, rates])

    def costs(self, prices: Prices) -> np.ndarray:
        """Cost per unit of weight of each decision, of the shape of `error`."""
        priced = np.nan_to_num(self.coefficients) * prices.rates[:, :, None, None]
        return self.error + priced.sum(axis=0)

    def lagrangian(self, prices: Prices) -> np.ndarray:
        """Error plus priced violation of every known classifier."""
        assert self.rates is not None
        slack = self.tolerance if self.compare == "difference" else 0.0
        priced = np.nan_to_num(self.rates).reshape(len(self.errors), -1)
        return self.errors + priced @ prices.rates.ravel() - slack * prices.slack

    def optimize(self) -> Mixture:
        """Mix the known classifiers, drawing in thresholds until none would help."""
        mixture = self._solve_active()
        for _ in range(50):
            if not mixture.prices.rates.any():  # the constraint costs nothing
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

        It is valid relative to the oracle: no known classifier does better there.
        """
        return float(max(self.lagrangian(prices).min() for prices in self.asked))

    def best_single(self, gap: Callable[[np.ndarray], np.ndarray]) -> int:
        """The classifier of least error within the tolerance, else of least violation.

        Parameters
        ----------
        gap : callable
            Violation of rates by group, over the last axis.

        Returns
        -------
        column : int
        """
        assert self.rates is not None
        violations = gap(self.rates).max(axis=-1)
        allowed = np.flatnonzero(violations <= self.tolerance + 1e-9)
        if not len(allowed):
            return int(np.argmin(violations))
        return int(allowed[np.argmin(self.errors[allowed])])

    def _model_starts(self) -> np.ndarray:
        return np.flatnonzero(np.diff(self.model_of)) + 1

    def _solve_active(self) -> Mixture:
        """Solve for the mixture; a free end per rate, and a penalised excess."""
        assert self.rates is not None
        n_rates, n_groups = self.rates.shape[1:]
        rates = self.rates[self.active].reshape(len(self.active), -1).T
        defined = ~np.isnan(rates[:, 0])
        end = np.repeat(np.eye(n_rates), n_groups, axis=0)[defined]
        rates = rates[defined]
        share = 1.0 if self.compare == "difference" else 1.0 - self.tolerance
        slack = self.tolerance if self.compare == "difference" else 0.0
        excess = np.ones((len(rates), 1))
        rows = np.block([[rates, -end, -excess], [-rates, share * end, 0 * excess]])
        result = linprog(
            np.concatenate([self.errors[self.active], np.zeros(n_rates), [PENALTY]]),
            A_ub=rows,
            b_ub=np.repeat([slack, 0.0], len(rates)),
            A_eq=np.append(np.ones(len(self.active)), np.zeros(n_rates + 1))[None],
            b_eq=[1.0],
            method="highs",
        )
        upper, lower = np.split(-result.ineqlin.marginals, 2)
        prices = np.zeros(n_rates * n_groups)
        prices[defined] = upper - lower
        used = np.flatnonzero(result.x[: len(self.active)] > 1e-9)
        return Mixture(
            np.array(self.active)[used],
            result.x[used] / result.x[used].sum(),
            float(result.fun),
            float(result.x[-1]),
            Prices(prices.reshape(n_rates, n_groups), float(upper.sum())),
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
    converged : bool
    """

    mixture: Mixture
    gap: float
    n_oracle_calls: int
    converged: bool


def generate_columns(
    master: ReductionMaster,
    oracle: Callable[[np.ndarray], np.ndarray],
    *,
    max_iter: int,
    gap_tolerance: float,
) -> ReductionResult:
    """Ask the oracle at the master's prices until the gap closes.

    An oracle is a heuristic: at the optimal prices it may answer with nothing better
    although better classifiers exist. So once the gap has closed, and the oracle seems
    to meet the constraint at quite another multiple of the prices, it is asked there.

    Parameters
    ----------
    master : ReductionMaster
        Empty.
    oracle : callable
        Maps costs of shape (n_groups, n_classes, n_classes) to the tables of a model
        that nearly minimises them, as :meth:`ReductionMaster.add_model` takes them.
    max_iter : int
        Most oracle calls.
    gap_tolerance : float
        Gap that counts as closed.
    """
    question = Prices(np.zeros(master.coefficients.shape[:2]), 0.0)
    answered: set[bytes] = set()
    explored = False
    while True:
        costs = master.costs(question)
        answered.add(_fingerprint(costs))
        master.add_model(oracle(costs))
        master.asked.append(question)
        mixture = master.optimize()
        calls = len(master.asked)
        if not mixture.prices.rates.any():  # the constraint costs nothing
            return ReductionResult(mixture, 0.0, calls, True)
        gap = max(0.0, mixture.objective - master.lower_bound())
        closed = gap <= gap_tolerance
        result = ReductionResult(mixture, gap, calls, closed)
        if calls >= max_iter:
            return result
        question = mixture.prices
        if closed:
            multiple = _balancing_multiple(master, mixture.prices)
            near = 0.5 <= multiple <= 2.0  # else the interpolation is not to be trusted
            if explored or not near or abs(multiple - 1) < 0.25:
                return result
            explored, question = True, question.times(multiple)
        if _fingerprint(master.costs(question)) in answered:
            master.asked.append(question)  # its answer is known already
            gap = max(0.0, mixture.objective - master.lower_bound())
            return ReductionResult(mixture, gap, calls, gap <= gap_tolerance)


def _balancing_multiple(master: ReductionMaster, prices: Prices) -> float:
    """Multiple of the prices at which the oracle's answer should meet the constraint.

    Along the ray of the prices the derivative of the Lagrangian, the priced violation
    of the answer, falls through zero there; it is interpolated between the questions
    that lie near the ray.
    """
    assert master.rates is not None
    slack = master.tolerance if master.compare == "difference" else 0.0
    ray = prices.rates
    own = np.flatnonzero(np.diff(master.model_of, prepend=-1))
    positive: list[tuple[float, float]] = []
    negative: list[tuple[float, float]] = []
    for column, asked in zip(own, master.asked, strict=True):
        scale = (asked.rates * ray).sum() / (ray**2).sum()
        off_ray = np.abs(asked.rates - scale * ray).max()
        if off_ray > 0.5 * np.abs(ray).max() * max(scale, 1.0):
            continue
        answer = np.nan_to_num(master.rates[column])
        derivative = (answer * ray).sum() - slack * prices.slack
        (positive if derivative > 0 else negative).append((scale, derivative))
    if not positive or not negative:
        return 2.0 if positive else 0.5
    (low, fall), (high, rise) = max(positive), min(negative)
    if high <= low:
        return 1.0
    share = np.clip(fall / (fall - rise), 0.2, 0.8)
    return float(low + share * (high - low))


def _fingerprint(costs: np.ndarray) -> bytes:
    """Costs up to what a learner can tell: a scale, and a constant per person."""
    relative = costs - costs.min(axis=-1, keepdims=True)
    return np.round(relative / relative.sum(), 9).tobytes()
