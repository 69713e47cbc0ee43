"""Rules that pick one candidate of a frontier."""

from warnings import warn

import numpy as np

from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.model_selection._pareto import knee

RULES = ("knee", "bound", "weight")
USES = ("mean", "upper")

_SLACK = 1e-12  # sums in another order differ by less


def defined_or_zero(violation):
    """The violations, or zeros if none is defined: then the objective alone decides."""
    return np.zeros(len(violation)) if np.isnan(violation).all() else violation


def warn_undefined(results):
    """Name the candidates that cannot be judged."""
    undefined = np.isnan(results["violation"])
    if undefined.all():
        warn(
            "the violation is undefined for every candidate, as it takes two groups "
            "with a defined rate; the objective alone decides.",
            FairnessWarning,
            stacklevel=5,
        )
    elif undefined.any():
        names = shortlist(results["name"][undefined].tolist())
        warn(
            f"the violation of {names} is undefined, so they cannot be on the front.",
            FairnessWarning,
            stacklevel=5,
        )


def best_at_knee(violation, objective, front):
    """Candidate at the knee of the front."""
    return int(front[knee(violation[front], objective[front])])


def best_weighted(violation, objective, weight):
    """Candidate of the largest objective - weight * violation."""
    return _first(objective - weight * violation, -violation)


def best_within(gauge, violation, objective, bound):
    """Candidate of the best objective whose gauge is within a bound.

    Parameters
    ----------
    gauge : ndarray of shape (n_candidates,)
        The violation, or the upper end of its interval.
    violation, objective : ndarray of shape (n_candidates,)
    bound : float

    Warns
    -----
    FairnessWarning
        If none is within the bound; then it is the one nearest to it.
    """
    within = gauge <= bound + _SLACK
    if not (within & ~np.isnan(objective)).any():
        nearest = _first(np.where(np.isnan(objective), np.nan, -gauge), objective)
        warn(
            f"no candidate is within a violation of {bound:g}; picked the nearest, at "
            f"{gauge[nearest]:.4g}.",
            FairnessWarning,
            stacklevel=4,
        )
        return nearest
    return _first(np.where(within, objective, np.nan), -violation)


def _first(value, tie):
    """First index of the largest value, and of the largest tie among equals."""
    usable = ~np.isnan(value)
    top = usable & (value >= np.nanmax(value) - _SLACK)
    return int(np.flatnonzero(top)[np.argmax(tie[top])])
