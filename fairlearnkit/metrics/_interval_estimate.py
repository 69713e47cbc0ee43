"""A number with the ends of its interval, and the standard error behind it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number measured on a sample, with an interval.

    Parameters
    ----------
    value : float
        NaN if undefined on this sample.
    low, high : float
        Ends of the interval; NaN where the sample does not tell.

    Examples
    --------
    >>> from fairlearnkit.metrics import Estimate
    >>> print(Estimate(0.25, 0.1, 0.4123))
    0.25 [0.1, 0.412]
    """

    value: float
    low: float
    high: float

    def __float__(self):
        return float(self.value)

    def __str__(self):
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def kish_number(weight):
    """Effective number of people."""
    return weight.sum() ** 2 / (weight**2).sum()


def standard_error(influence, weight):
    """Linearised standard error; NaN for a single person."""
    n = kish_number(weight)
    if n <= 1 + 1e-9:
        return np.nan
    square = (weight**2 * influence**2).sum() / weight.sum() ** 2
    return float(np.sqrt(n / (n - 1) * square))


def check_confidence_level(confidence_level):
    """Raise a ValueError unless the level lies between 0 and 1."""
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level must lie between 0 and 1, got {confidence_level}."
        )


def log_interval(value, error, confidence_level):
    """Normal interval of the logarithm of a number that is 0 or more.

    It begins at 0 and has no end, NaN, if nothing in the sample varies.
    """
    check_confidence_level(confidence_level)
    if not np.isfinite(value):
        return np.nan, np.nan
    if value == 0 or not np.isfinite(error):
        return 0.0, np.nan
    factor = np.exp(ndtri(0.5 + confidence_level / 2) * error / value)
    return float(value / factor), float(value * factor)
