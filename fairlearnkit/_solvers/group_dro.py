"""The linear model of least worst-group loss, solved exactly (Sagawa et al. 2020).

The greatest of the groups' losses has kinks; its soft maximum at a temperature has none
and exceeds it by at most the temperature times log K. Newton's method follows the
minimum as the temperature falls. At that minimum the soft maximum's weights of the
groups are the dual variables, so that the gap to the exact optimum is known for free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lstsq
from scipy.special import logsumexp, softmax

from fairlearnkit._solvers.linear_design import LinearDesign
from fairlearnkit._solvers.linear_losses import LinearLoss

_COOLING = 0.2
_ROUNDING = 1e-13


class SquaredLoss:
    """Half the squared distance between score and number."""

    n_scores = 1

    def value(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row."""
        return 0.5 * (scores[:, 0] - y) ** 2

    def slope(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Score less number."""
        return scores - y[:, None]

    def curvature(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """One."""
        return np.ones((len(y), 1, 1))


@dataclass(frozen=True, eq=False)
class GroupRisks:
    """Mean losses of groups under a linear model, with an L2 penalty.

    Parameters
    ----------
    design : LinearDesign
    loss : LinearLoss
    y : ndarray of shape (n_samples,)
    codes : ndarray of shape (n_samples,)
        Group of each row.
    share : ndarray of shape (n_samples,)
        Weight of each row within its group; they sum to 1 in every group.
    offsets : ndarray of shape (n_groups,)
        Added to the groups' losses before they are compared.
    alpha : float
        The penalty is alpha / 2 times the squared norm of the coefficients of x.
    """

    design: LinearDesign
    loss: LinearLoss
    y: np.ndarray
    codes: np.ndarray
    share: np.ndarray
    offsets: np.ndarray
    alpha: float

    @property
    def n_parameters(self) -> int:
        """Size of the flat vector of parameters."""
        return self.loss.n_scores * self.design.size

    @property
    def penalty(self) -> np.ndarray:
        """Penalty of each standardised parameter, none for the intercepts."""
        own = np.zeros(self.design.size)
        own[: len(self.design.scale)] = self.alpha / self.design.scale**2
        return np.tile(own, self.loss.n_scores)

    def scores(self, theta: np.ndarray) -> np.ndarray:
        """Scores of all rows."""
        return self.design.scores(theta.reshape(self.loss.n_scores, -1))

    def losses(self, scores: np.ndarray) -> np.ndarray:
        """Mean loss of each group."""
        values = self.share * self.loss.value(scores, self.y)
        return np.bincount(self.codes, weights=values, minlength=len(self.offsets))

    def slopes(self, scores: np.ndarray) -> np.ndarray:
        """Derivative of each group's mean loss, of shape (n_groups, n_parameters)."""
        n_groups, n_scores = len(self.offsets), self.loss.n_scores
        slope = self.loss.slope(scores, self.y) * self.share[:, None]
        apart = np.zeros((len(slope), n_groups, n_scores))
        apart[np.arange(len(slope)), self.codes] = slope
        pulled = self.design.pull(apart.reshape(len(slope), -1))
        return pulled.reshape(n_groups, self.n_parameters)

    def curvature(self, scores: np.ndarray, prices: np.ndarray) -> np.ndarray:
        """Second derivative of the priced sum of mean losses, without the penalty."""
        row_weight = prices[self.codes] * self.share

        def of_rows(rows: slice) -> np.ndarray:
            own = self.loss.curvature(scores[rows], self.y[rows])
            return own * row_weight[rows, None, None]

        return self.design.curvature(of_rows)


@dataclass(frozen=True, eq=False)
class WorstGroupModel:
    """The optimal model.

    Parameters
    ----------
    theta : ndarray of shape (n_scores, size)
        Standardised parameters.
    prices : ndarray of shape (n_groups,)
        Dual weights of the groups; they sum to 1.
    gap : float
        Duality gap: how much the greatest (adjusted, penalised) loss can exceed the
        least one.
    n_iter : int
        Newton steps.
    converged : bool
    """

    theta: np.ndarray
    prices: np.ndarray
    gap: float
    n_iter: int
    converged: bool


@dataclass(eq=False)
class _Descent:
    """Newton's method at one temperature, or at fixed prices where that is None."""

    risks: GroupRisks
    prices: np.ndarray
    temperature: float | None

    def value(self, losses: np.ndarray, theta: np.ndarray) -> float:
        """Soft maximum plus penalty."""
        penalty = 0.5 * float(self.risks.penalty @ theta**2)
        if self.temperature is None:
            return float(self.prices @ losses) + penalty
        heat = self.temperature
        return float(heat * logsumexp(losses / heat)) + penalty

    def prices_of(self, losses: np.ndarray) -> np.ndarray:
        """What each group counts."""
        if self.temperature is None:
            return self.prices
        return softmax(losses / self.temperature)

    def run(self, theta: np.ndarray, max_iter: int) -> tuple[np.ndarray, int, bool]:
        """Return the minimum, the number of steps, and whether it was reached."""
        risks = self.risks
        scores = risks.scores(theta)
        losses = risks.losses(scores) + risks.offsets
        value = self.value(losses, theta)
        for steps in range(max_iter):
            gradient, hessian = self._derivatives(scores, losses, theta)
            step = newton_step(hessian, gradient)
            fall = float(gradient @ step)
            if fall <= _ROUNDING**2 * max(abs(value), 1e-300):
                return theta, steps, True
            length = 1.0
            while True:
                trial = theta - length * step
                scores = risks.scores(trial)
                losses = risks.losses(scores) + risks.offsets
                found = self.value(losses, trial)
                if found <= value - 1e-4 * length * fall + _ROUNDING * abs(value):
                    break
                length /= 2
            stalled = found >= value - _ROUNDING * abs(value)
            theta, value = trial, found
            if stalled and fall <= 1e-10 * max(abs(value), 1e-300):
                return theta, steps + 1, True
        return theta, max_iter, False

    def _derivatives(
        self, scores: np.ndarray, losses: np.ndarray, theta: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        prices = self.prices_of(losses)
        slopes = self.risks.slopes(scores)
        hessian = self.risks.curvature(scores, prices)
        hessian[np.diag_indices_from(hessian)] += self.risks.penalty
        mean = prices @ slopes
        if self.temperature is not None:
            apart = slopes - mean
            hessian += (apart * prices[:, None]).T @ apart / self.temperature
        return mean + self.risks.penalty * theta, hessian


def fit_fixed_prices(
    risks: GroupRisks, prices: np.ndarray, *, max_iter: int
) -> tuple[np.ndarray, int, bool]:
    """Minimise the priced sum of the groups' losses.

    Parameters
    ----------
    risks : GroupRisks
    prices : ndarray of shape (n_groups,)
    max_iter : int
        Most Newton steps.

    Returns
    -------
    theta : ndarray of shape (n_parameters,)
    n_iter : int
    converged : bool
    """
    return _Descent(risks, prices, None).run(np.zeros(risks.n_parameters), max_iter)


def fit_worst_group(
    risks: GroupRisks, theta: np.ndarray, *, tol: float, max_iter: int
) -> WorstGroupModel:
    """Minimise the greatest of the groups' losses, plus offsets and penalty.

    Parameters
    ----------
    risks : GroupRisks
    theta : ndarray of shape (n_parameters,)
        Where to start, such as the pooled model.
    tol : float
        Duality gap at which to stop, as a share of the worst loss at the start.
    max_iter : int
        Most Newton steps.
    """
    losses = risks.losses(risks.scores(theta)) + risks.offsets
    scale = max(float(np.abs(losses).max()), np.finfo(float).tiny)
    final = tol * scale / max(np.log(len(losses)), 1.0)
    heat = max(0.1 * scale, final)
    used, done = 0, True
    prices = np.ones(len(losses)) / len(losses)
    while True:
        descent = _Descent(risks, prices, heat)
        theta, steps, done = descent.run(theta, max_iter - used)
        used += steps
        if heat <= final or not done:
            break
        heat = max(final, heat * _COOLING)
    gap, prices = _gap_at(descent, theta)
    shape = risks.loss.n_scores, risks.design.size
    done = done and gap <= 1.01 * tol * scale
    return WorstGroupModel(theta.reshape(shape), prices, gap, used, done)


def newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Solve for the step; the least one where it is not unique."""
    size = np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    scaled = hessian / np.outer(size, size)
    scaled[np.diag_indices_from(scaled)] += 1e-14
    try:
        return cho_solve(cho_factor(scaled), gradient / size) / size
    except LinAlgError:
        return lstsq(scaled, gradient / size)[0] / size


def _gap_at(descent: _Descent, theta: np.ndarray) -> tuple[float, np.ndarray]:
    """Greatest loss less the dual value at the soft maximum's prices."""
    risks = descent.risks
    scores = risks.scores(theta)
    losses = risks.losses(scores) + risks.offsets
    prices = descent.prices_of(losses)
    priced = _Descent(risks, prices, None)
    gradient, hessian = priced._derivatives(scores, losses, theta)
    left = 0.5 * float(gradient @ newton_step(hessian, gradient))
    return float(losses.max() - prices @ losses) + max(left, 0.0), prices
