"""What both estimators of the least worst-group loss do: two rounds of fits."""

from dataclasses import dataclass, replace
from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fairlearnkit._sklearn import Interval, require_weights
from fairlearnkit._solvers.minimax import (
    GroupLossMaster,
    PricedMixture,
    generate_models,
)
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._decision_oracle import DecisionOracle
from fairlearnkit.inprocessing._group_losses import LossOracle

_LEAST_PRICE = 1e-9  # of the greatest

BOUND_PARAMETERS: dict = {
    "max_group_loss": [Interval(Real, 0, None, closed="left"), None],
    "slack": [Interval(Real, 0, None, closed="left")],
    "deterministic": ["boolean"],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
}


@dataclass(frozen=True, eq=False)
class WorstGroupFit:
    """Outcome of both rounds.

    Parameters
    ----------
    mixture : PricedMixture
    gap : float
        Of the worst group's loss.
    n_fits : int
    converged : bool
    worst : float
        Least worst-group loss found, or the plain model's if it meets the bound.
    """

    mixture: PricedMixture
    gap: float
    n_fits: int
    converged: bool
    worst: float


def fit_error(mitigator, X, data, sensitive_features, fit_params):
    """Mix classifiers, and thresholds of their scores, by error rates.

    Returns
    -------
    found : WorstGroupFit
    members : list of Member
    plain : Member
        The estimator fitted with the user's weights alone.
    """
    several = len(data.groups) > 1
    oracle = DecisionOracle(
        mitigator.estimator,
        X,
        data,
        sensitive_features,
        fit_params,
        mitigator.thresholds and several,
    )
    mass = data.totals.sum(axis=1)
    wrong = 1 - np.eye(len(data.classes))

    def losses(prices):
        tables = oracle((prices / mass)[:, None, None] * wrong)
        right = np.trace(tables, axis1=-2, axis2=-1)
        return np.maximum(1 - right / mass, 0)

    found, master = _two_rounds(mitigator, losses, mass / mass.sum())
    columns = found.mixture.columns
    members = [
        oracle.member(model, column - np.argmax(master.model_of == model))
        for column, model in zip(columns, master.model_of[columns], strict=True)
    ]
    return found, members, oracle.member(0)


def fit_smooth_loss(
    mitigator, X, data, sensitive_features, fit_params, loss, negligible
):
    """Mix models by their mean losses; nothing is to be gained on a negligible one.

    Returns
    -------
    found : WorstGroupFit
    models : list of estimator
        Every fitted model, the plain one first; the mixture's columns are its places.
    """
    require_weights(mitigator.estimator)
    oracle = LossOracle(mitigator, X, data, sensitive_features, fit_params, loss)
    mass = np.bincount(data.groups.codes, weights=data.weight_or_ones)
    found, _ = _two_rounds(mitigator, oracle, mass / mass.sum(), negligible)
    return found, oracle.models


def _two_rounds(mitigator, answer, shares, negligible=0.0):
    """Find the least worst loss; then the least overall loss at that level."""

    def oracle(prices):
        # Nobody is left out, or an encoder in a pipeline would not know all categories.
        return answer(np.maximum(prices, _LEAST_PRICE * prices.max()))

    master = GroupLossMaster(shares)
    master.add_model(oracle(shares))
    worst, bound = master.losses[0].max(), mitigator.max_group_loss
    if worst <= (negligible if bound is None else max(bound, negligible)):
        return _plain(master, worst), master
    first = generate_models(
        master,
        oracle,
        explore=mitigator.loss == "error",  # few learners minimise that itself
        max_iter=mitigator.max_iter - 1,
        gap_tolerance=mitigator.tol,
    )
    least = first.mixture.objective
    limit = least + mitigator.slack if bound is None else max(bound, least)
    if worst <= limit and mitigator.slack > 0:
        return _plain(master, worst), master
    second = generate_models(
        master,
        oracle,
        bound=limit + 1e-9 * master.scale,
        max_iter=max(0, mitigator.max_iter - 1 - first.n_oracle_calls),
        gap_tolerance=mitigator.tol,
    )
    mixture = second.mixture
    if mitigator.deterministic:
        column = master.best_single(limit)
        mixture = replace(mixture, columns=np.array([column]), weights=np.ones(1))
    found = WorstGroupFit(
        mixture,
        first.gap,
        int(master.model_of[-1]) + 1,
        first.converged and second.converged,
        float(least),
    )
    return found, master


def _plain(master, worst):
    """The estimator as it is, where it meets the bound."""
    mixture = PricedMixture(
        np.zeros(1, dtype=int), np.ones(1), worst, 0.0, master.shares, 0.0
    )
    return WorstGroupFit(mixture, 0.0, int(master.model_of[-1]) + 1, True, worst)


def warn_not_reached(mitigator, found):
    """Say that the bound is out of reach, or that the gap did not close."""
    bound = mitigator.max_group_loss
    if bound is not None and found.worst > bound * (1 + 1e-6):
        warn(
            f"some group loses at least {found.worst:.4g} under every mixture found, "
            f"above max_group_loss={bound:g}; allow more, or use a more flexible "
            "estimator.",
            FairnessWarning,
            stacklevel=3,
        )
    elif not found.converged:
        warn(
            f"not converged after {found.n_fits} fits: the worst group's loss may be "
            f"{found.gap:.2g} above the least, or the overall loss above its own; "
            "increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
