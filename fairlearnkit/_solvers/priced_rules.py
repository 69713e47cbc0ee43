"""Rules that price their decisions by what they add to the rates of groups.

Given the value of each decision and P(group, label | x), every rate that is linear in
the predictions is an expectation over rows. The best rule adds to the value of each
decision a price for each (group, label, decision), weighted by how likely the row is of
that group and label, and takes the highest; near ties it draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit, softmax

from fairlearnkit._solvers.linear_rules import Bounds, RuleProblem, RuleSolution
from fairlearnkit.constraints import Constraint

__all__ = [
    "PricedProblem",
    "PricedRule",
    "PricedSolution",
    "draw_noise",
    "nearest_probabilities",
]

_ACCURACY = 1e-5  # of the value; also settles how warm a rule is
_CORRECTIONS = 20
_MEMORY = 5
_CLOSE = 1e-4  # a correction below this would change nothing


@dataclass(frozen=True, eq=False)
class PricedRule:
    """A randomised rule on the value of decisions and P(group, label | x).

    Parameters
    ----------
    costs : ndarray of shape (n_groups, n_classes, n_classes)
        Price of each decision (last axis) for each group and true label.
    temperature : float
        Differences of priced value much above it decide alone.
    deterministic : bool, default=False
        Whether any difference decides alone.
    """

    costs: np.ndarray
    temperature: float
    deterministic: bool = False

    def priced(self, value: np.ndarray, joint: np.ndarray) -> np.ndarray:
        """Value less price of each decision, of shape (n_rows, n_classes).

        Parameters
        ----------
        value : ndarray of shape (n_rows, n_classes)
        joint : ndarray of shape (n_rows, n_groups, n_classes)
        """
        return value - np.tensordot(joint, self.costs, axes=2)

    def chances(self, value: np.ndarray, joint: np.ndarray) -> np.ndarray:
        """Probability of each decision, of shape (n_rows, n_classes)."""
        priced = self.priced(value, joint)
        if self.deterministic:
            return np.eye(priced.shape[1])[priced.argmax(axis=1)]
        return softmax(priced / self.temperature, axis=1)


@dataclass(frozen=True, eq=False)
class PricedSolution:
    """The best rule at a tolerance, and what it gives.

    Parameters
    ----------
    rule : PricedRule
    multipliers : ndarray of shape (n_rates, n_groups)
        Change of the value by a unit of each rate of each group; NaN where it is left
        out.
    value : float
        Mean value.
    gap : float
        No rule that meets the same bounds has a higher mean value than `value` + `gap`.
    rates, observed_rates : ndarray of shape (n_rates, n_groups)
        Rates by P(group, label | x), and by the observed groups and labels.
    violation, observed_violation : float
        Largest gap of these rates.
    shortfall : float
        By how much some group loses more accuracy than it may, 0 if none does.
    chances : ndarray of shape (n_rows, n_classes)
    start : ndarray
        To start a problem nearby from.
    """

    rule: PricedRule
    multipliers: np.ndarray
    value: float
    gap: float
    rates: np.ndarray
    observed_rates: np.ndarray
    violation: float
    observed_violation: float
    shortfall: float
    chances: np.ndarray
    start: np.ndarray


class PricedProblem:
    """Find the best rule under parity of rates.

    Parameters
    ----------
    value : ndarray of shape (n_rows, n_classes)
        Value of each decision.
    joint : ndarray of shape (n_rows, n_groups, n_classes)
        P(group, label | x).
    cells : pair of ndarray of shape (n_rows,)
        Positions of the observed group and label.
    weight : ndarray of shape (n_rows,)
        Weights that sum to 1.
    constraint : Constraint
    classes : sequence
        Class labels.
    max_harm : float, default=None
        Most that the accuracy of a group may fall short of that of the decisions of
        highest value.
    deterministic : bool, default=False
        Whether the rule must not draw.
    """

    def __init__(
        self,
        value: np.ndarray,
        joint: np.ndarray,
        cells: tuple[np.ndarray, np.ndarray],
        weight: np.ndarray,
        constraint: Constraint,
        classes: Sequence,
        *,
        max_harm: float | None = None,
        deterministic: bool = False,
    ):
        self.value, self.joint, self.weight = value, joint, weight
        self.cells, self.constraint = cells, constraint
        self._deterministic = deterministic
        observed = np.zeros(joint.shape[1:])
        np.add.at(observed, cells, weight)
        modelled = np.where(observed > 0, np.einsum("i,igy->gy", weight, joint), 0)
        self._coefficients, self._observed = (
            constraint.coefficients(totals, classes, user="a rule with prices")
            for totals in (modelled, observed)
        )
        self._defined = ~np.isnan(self._coefficients).any(axis=(2, 3))
        functionals = [self._coefficients[self._defined]]
        groups = [np.nonzero(self._defined)[1]]
        if max_harm is not None:
            share = np.maximum(modelled.sum(axis=1), 1e-300)
            right = np.eye(joint.shape[2])[None] / share[:, None, None]
            functionals.append(right)
            groups.append(np.arange(len(share)))
        self._functional = np.concatenate(functionals)
        self._group_of = np.concatenate(groups)
        n_rates, (n_groups, n_classes) = len(self._group_of), joint.shape[1:]
        functional = np.zeros((n_rates, n_groups, n_classes, n_classes))
        functional[np.arange(n_rates), self._group_of] = self._functional
        cells_of = joint.reshape(len(joint), -1)
        self._problem = RuleProblem(
            value, cells_of, functional.reshape(n_rates, -1, n_classes), weight
        )
        self._floors = np.zeros(0)
        if max_harm is not None:
            self._floors = self._plain_accuracy(share) - max_harm

    def solve(
        self,
        tolerance: float,
        *,
        observed: bool = False,
        start: np.ndarray | None = None,
    ) -> PricedSolution:
        """Find the best rule at a tolerance.

        Parameters
        ----------
        tolerance : float
        observed : bool, default=False
            Whether the observed groups and labels must meet the tolerance, and not
            those that are expected. Each rate is then shifted by what the observed one
            exceeds it, again and again until the shift no longer changes.
        start : ndarray, default=None
            `start` of a solution nearby.
        """
        offset = np.zeros(self._defined.shape)
        found = self._solve(tolerance, offset, start)
        if not observed:
            return found
        steps, merit, best = _Steps(), _merit(tolerance), (found, offset)
        for _ in range(_CORRECTIONS):
            missed = np.nan_to_num(found.observed_rates - found.rates - offset)
            if np.abs(missed).max(initial=0) < _CLOSE:
                best = found, offset
                break
            offset = steps.next(offset, missed)
            found = self._solve(tolerance, offset, found.start, found.rule.temperature)
            if merit(found) < merit(best[0]):
                best = found, offset
        return self._tighten(*best, tolerance)

    def _tighten(
        self, found: PricedSolution, offset: np.ndarray, tolerance: float
    ) -> PricedSolution:
        """Ask for a little less where a little is left to the tolerance."""
        excess, asked = _observed_excess(tolerance), tolerance
        for _ in range(3):
            asked -= 1.2 * excess(found)
            if excess(found) < 1e-7 or asked <= 0:
                break
            other = self._solve(asked, offset, found.start, found.rule.temperature)
            found = min(found, other, key=excess)
        return found

    def _solve(
        self,
        tolerance: float,
        offset: np.ndarray,
        start: np.ndarray | None,
        temperature: float | None = None,
    ) -> PricedSolution:
        window = np.nonzero(self._defined)[0]
        bounds = Bounds.of_parity(
            window, tolerance, self.constraint.compare, offset[self._defined]
        )
        if len(self._floors):
            bounds = bounds.and_floors(self._floors)
        accuracy = _ACCURACY
        if temperature is not None:  # let it be, so that corrections settle
            accuracy *= 3
        return self._describe(
            self._problem.solve(
                bounds, start=start, temperature=temperature, accuracy=accuracy
            )
        )

    def _describe(self, found: RuleSolution) -> PricedSolution:
        priced = found.prices[:, None, None] * self._functional
        costs = np.zeros((self.joint.shape[1], *self._functional.shape[1:]))
        np.add.at(costs, self._group_of, priced)
        rule = PricedRule(costs, found.temperature, self._deterministic)
        chances = rule.chances(self.value, self.joint)
        weighted = self.weight[:, None] * chances
        value = float((weighted * self.value).sum())
        expected = np.einsum("igy,ih->gyh", self.joint, weighted, optimize=True)
        counts = np.zeros_like(expected)
        np.add.at(counts, self.cells, weighted)
        rates = (self._coefficients * expected).sum(axis=(2, 3))
        observed_rates = (self._observed * counts).sum(axis=(2, 3))
        prices = np.full(self._defined.shape, np.nan)
        prices[self._defined] = found.prices[: int(self._defined.sum())]
        return PricedSolution(
            rule=rule,
            multipliers=prices,
            value=value,
            gap=found.gap + found.value - value,
            rates=rates,
            observed_rates=observed_rates,
            violation=float(self.constraint.gap(rates).max()),
            observed_violation=float(self.constraint.gap(observed_rates).max()),
            shortfall=self._shortfall(expected),
            chances=chances,
            start=found.multipliers,
        )

    def _shortfall(self, expected: np.ndarray) -> float:
        if not len(self._floors):
            return 0.0
        share = np.maximum(expected.sum(axis=(1, 2)), 1e-300)
        accuracy = np.trace(expected, axis1=1, axis2=2) / share
        return float((self._floors - accuracy).max(initial=0))

    def _plain_accuracy(self, share: np.ndarray) -> np.ndarray:
        """Accuracy of each group where each row gets the decision of highest value."""
        best = self.value.argmax(axis=1)
        return self.weight @ self.joint[np.arange(len(best)), :, best] / share


class _Steps:
    """Anderson's acceleration of the iteration x -> x + residual(x)."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._residuals: list[np.ndarray] = []

    def next(self, point: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Where the last few residuals, extrapolated, would vanish."""
        lengths = [np.abs(other).max() for other in self._residuals]
        if lengths and np.abs(residual).max() > 2 * min(lengths):  # a kink between
            self._points, self._residuals = [], []
        self._points = [*self._points, point.ravel()][-_MEMORY:]
        self._residuals = [*self._residuals, residual.ravel()][-_MEMORY:]
        if len(self._points) == 1:
            return point + (0.5 if lengths else 1.0) * residual
        moves = np.diff(self._points, axis=0)
        changes = np.diff(self._residuals, axis=0)
        share = np.linalg.lstsq(changes.T, residual.ravel(), rcond=1e-6)[0]
        move = residual - (share @ (moves + changes)).reshape(point.shape)
        farthest = 5 * np.abs(residual).max()
        return point + move * min(1, farthest / max(np.abs(move).max(), 1e-300))


def _observed_excess(tolerance: float) -> Callable[[PricedSolution], float]:
    return lambda found: max(found.observed_violation - tolerance, 0)


def _merit(tolerance: float) -> Callable[[PricedSolution], float]:
    """Excess and value in one number; an excess is seldom worth more than it weighs."""
    excess = _observed_excess(tolerance)
    return lambda found: 5 * excess(found) - found.value


def draw_noise(uniforms: np.ndarray) -> np.ndarray:
    """Turn uniform draws into noise under which the softmax is the highest value.

    Parameters
    ----------
    uniforms : ndarray of shape (n_rows, n_draws)
        One draw a row for two decisions, one for each decision if there are more.

    Returns
    -------
    noise : ndarray of shape (n_rows, n_classes)
        To be multiplied by the temperature.
    """
    uniforms = np.clip(uniforms, 1e-16, 1 - 1e-16)
    if uniforms.shape[1] == 1:
        return np.hstack([np.zeros_like(uniforms), logit(uniforms)])
    return -np.log(-np.log(uniforms))


def nearest_probabilities(points: np.ndarray) -> np.ndarray:
    """Project each row onto the probabilities, in Euclidean distance.

    The order within a row stays, and a row that is one of probabilities stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> nearest_probabilities(np.array([[0.3, 0.7], [-0.5, 0.9]]))
    array([[0.3, 0.7],
           [0. , 1. ]])
    """
    ordered = -np.sort(-points, axis=1)
    count = np.arange(1, points.shape[1] + 1)
    shift = (ordered.cumsum(axis=1) - 1) / count
    kept = (ordered > shift).sum(axis=1)
    at = shift[np.arange(len(points)), kept - 1]
    return np.maximum(points - at[:, None], 0)
