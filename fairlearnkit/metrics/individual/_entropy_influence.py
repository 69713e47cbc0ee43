"""The arithmetic of generalized entropy: its value, influences and standard error."""

from warnings import warn

import numpy as np
from scipy.special import boxcox

from fairlearnkit._factorize import to_numpy
from fairlearnkit._vocabulary import check_weight
from fairlearnkit.exceptions import FairnessWarning

_ROUNDING = 1e-28  # an index that benefits equal but for rounding may have


def check_benefits(benefits, sample_weight):
    """Benefits as numbers, and weights; both NaN-free and non-negative."""
    try:
        numbers = np.asarray(to_numpy(benefits), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("benefits must be numbers.") from None
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(
            f"benefits must be one number per person, got shape {numbers.shape}."
        )
    for wrong, what in (
        (~np.isfinite(numbers), "missing or infinite"),
        (numbers < 0, "negative"),
    ):
        if wrong.any():
            raise ValueError(
                f"benefits holds {int(wrong.sum())} {what} values; a benefit is a "
                "number that is 0 or more."
            )
    weight = check_weight(sample_weight, len(numbers))
    if weight is None:
        weight = np.ones(len(numbers))
    elif not weight.any():
        raise ValueError("sample_weight must have at least one weight above zero.")
    return numbers, weight


def check_alpha(alpha):
    """Return `alpha` as a finite number, or raise a ValueError."""
    try:
        number = float(alpha)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"alpha must be a finite number, got {alpha!r}.")
    return number


def entropy_and_influence(benefits, level, weight, alpha):
    """Index of the numbers `level`, and the influence of every person on it.

    `level` is the benefit itself for the index of all people, and the mean benefit of
    one's group for the part between groups; its mean is that of `benefits`.
    """
    counted = weight > 0  # a weight of zero times an infinite influence is no number
    mean = np.average(benefits, weights=weight)
    if mean == 0:
        return np.nan, np.full(len(benefits), np.nan)
    x = level / mean
    phi, slope = _entropy_function(x, alpha)
    value = float(np.average(phi[counted], weights=weight[counted]))
    if not np.isfinite(value):
        return value, np.full(len(benefits), np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        own = np.where(benefits == level, 0.0, slope * (benefits - level) / mean)
        pull = np.where(x > 0, slope * x, 0.0)
    pull = np.average(pull[counted], weights=weight[counted])
    influence = phi - value + own - (benefits / mean - 1) * pull
    value = value if value > _ROUNDING else 0.0
    return value, np.where(counted, influence, 0.0)


def _entropy_function(x, alpha):
    """The convex function whose mean is the index, flat at x = 1, and its slope.

    It is (x^alpha - 1 - alpha (x - 1)) / (alpha (alpha - 1)); its last term has mean 0.
    Written as a Box-Cox transform it stays exact close to either limit of alpha.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = boxcox(x, alpha - 1)
        if alpha > 0.5:
            return (np.where(x > 0, x * slope, 0.0) - (x - 1)) / alpha, slope
        return (boxcox(x, alpha) - (x - 1)) / (alpha - 1), slope


def warn_of_index(value, alpha, who="everybody"):
    """Warn of an index that is infinite or undefined."""
    if np.isfinite(value):
        return
    reason = (
        f"infinite, because a benefit is 0 and alpha={alpha} is not above 0"
        if np.isinf(value)
        else "undefined, because all benefits are 0"
    )
    warn(
        f"the generalized entropy index of {who} is {reason}.",
        FairnessWarning,
        stacklevel=3,
    )
