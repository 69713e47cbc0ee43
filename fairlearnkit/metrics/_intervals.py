"""Intervals for shares of people and for differences and ratios of two shares.

They are of the score type, which holds its level at small counts and at shares near 0
or 1, where the textbook interval and the percentile bootstrap do not.
"""

import numpy as np
from scipy.special import betaincinv, ndtri

PROPORTION_METHODS = (
    "wilson",
    "agresti_coull",
    "jeffreys",
    "clopper_pearson",
    "wald",
)


def wilson_interval(proportion, n, confidence_level=0.95):
    """Wilson's score interval of a proportion.

    Parameters
    ----------
    proportion : array-like
        Observed shares in [0, 1].
    n : array-like
        Numbers of people behind them; effective numbers if weighted.
    confidence_level : float or array-like in (0, 1), default=0.95

    Returns
    -------
    low, high : ndarray
        NaN where `n` is 0.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22, 1927. :doi:`10.1080/01621459.1927.10502953`

    Examples
    --------
    >>> from fairlearnkit.metrics import wilson_interval
    >>> low, high = wilson_interval(0.9, 20)
    >>> print(f"{low:.3f} {high:.3f}")
    0.699 0.972
    """
    p, n = np.asarray(proportion, float), np.asarray(n, float)
    z = ndtri(0.5 + np.asarray(confidence_level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        shrink = 1 / (1 + z**2 / n)
        centre = shrink * (p + z**2 / (2 * n))
        half = shrink * z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = np.where(p == 0, 0.0 * centre, np.clip(centre - half, 0, 1))
    high = np.where(p == 1, 0.0 * centre + 1, np.clip(centre + half, 0, 1))
    return low, high


def proportion_interval(proportion, n, confidence_level=0.95, *, method="wilson"):
    """Interval of a proportion by any of the usual methods.

    Parameters
    ----------
    proportion : array-like
        Observed shares in [0, 1].
    n : array-like
        Numbers of people behind them; effective numbers if weighted.
    confidence_level : float or array-like in (0, 1), default=0.95
    method : {"wilson", "agresti_coull", "jeffreys", "clopper_pearson", "wald"}, \
            default="wilson"
        "wilson" holds its level best on average, "clopper_pearson" never falls below it
        and is wider for that, "wald" (the textbook's) fails for small groups and near 0
        or 1.

    Returns
    -------
    low, high : ndarray
        NaN where `n` is 0.

    References
    ----------
    Brown, Cai, DasGupta, "Interval estimation for a binomial proportion", Statistical
    Science 16, 2001. :doi:`10.1214/ss/1009213286`

    Examples
    --------
    >>> from fairlearnkit.metrics import proportion_interval
    >>> low, high = proportion_interval(0.9, 20, method="clopper_pearson")
    >>> print(f"{low:.3f} {high:.3f}")
    0.683 0.988
    """
    p, n = np.asarray(proportion, float), np.asarray(n, float)
    if method == "wilson":
        return wilson_interval(p, n, confidence_level)
    half = np.asarray(confidence_level) / 2
    hits, misses = p * n, (1 - p) * n
    if method in ("jeffreys", "clopper_pearson"):
        prior = 0.5 if method == "jeffreys" else 0.0
        step = 0.5 if method == "jeffreys" else 1.0
        low = _beta_end(hits + prior, misses + step, 0.5 - half)
        high = _beta_end(hits + step, misses + prior, 0.5 + half)
        return np.where(hits > 0, low, 0 * p), np.where(misses > 0, high, 0 * p + 1)
    z = ndtri(0.5 + half)
    if method == "agresti_coull":
        n = n + z**2
        p = (hits + z**2 / 2) / n
        n = np.where(np.isnan(hits), np.nan, n)
    elif method != "wald":
        raise ValueError(f"method must be one of {PROPORTION_METHODS}, got {method!r}.")
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = z * np.sqrt(p * (1 - p) / n)
    return np.clip(p - reach, 0, 1), np.clip(p + reach, 0, 1)


def _beta_end(first, second, level):
    usable = (first > 0) & (second > 0)
    safe = np.where(usable, first, 1.0), np.where(usable, second, 1.0)
    return np.where(usable, betaincinv(*safe, level), np.nan)


def newcombe_interval(first, second):
    """Newcombe's interval of a difference, from the intervals of its two terms.

    Parameters
    ----------
    first, second : tuple (value, low, high)
        Two independent estimates with their intervals, of arrays or numbers.

    Returns
    -------
    low, high : ndarray
        Interval of ``first - second`` at the level of the two intervals.

    References
    ----------
    Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, 1998.
    :doi:`10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I`

    Examples
    --------
    >>> from fairlearnkit.metrics import newcombe_interval, wilson_interval
    >>> a, b = (0.9, *wilson_interval(0.9, 20)), (0.8, *wilson_interval(0.8, 200))
    >>> low, high = newcombe_interval(a, b)
    >>> print(f"{low:.3f} {high:.3f}")
    -0.107 0.194
    """
    p, low1, high1 = first
    q, low2, high2 = second
    difference = np.asarray(p) - q
    low = difference - np.hypot(p - low1, high2 - q)
    return low, difference + np.hypot(high1 - p, q - low2)


def ratio_interval(first, second):
    """Interval of a ratio, from the intervals of its two terms (MOVER-R).

    Parameters
    ----------
    first, second : tuple (value, low, high)
        Two independent non-negative estimates with their intervals.

    Returns
    -------
    low, high : ndarray
        Interval of ``first / second``; `high` is infinite where `second` may be 0.

    References
    ----------
    Donner, Zou, "Closed-form confidence intervals for functions of the normal mean and
    standard deviation", Statistical Methods in Medical Research 21, 2012.
    :doi:`10.1177/0962280210383082`

    Examples
    --------
    >>> from fairlearnkit.metrics import ratio_interval, wilson_interval
    >>> a, b = (0.4, *wilson_interval(0.4, 100)), (0.5, *wilson_interval(0.5, 100))
    >>> low, high = ratio_interval(a, b)
    >>> print(f"{low:.3f} {high:.3f}")
    0.587 1.087
    """
    p, low1, high1 = (np.asarray(v, float) for v in first)
    q, low2, high2 = (np.asarray(v, float) for v in second)
    # Both ends are roots r of (p - r q)^2 = (p - p_end)^2 + r^2 (q - q_end)^2.
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(low1 > 0, _mover_root(p, q, low1, high2)[0], 0.0)
        high = np.where(low2 > 0, _mover_root(p, q, high1, low2)[1], np.inf)
    return low, high


def _mover_root(p, q, p_end, q_end):
    """Smaller and larger root; the smaller one written such that it never divides 0."""
    constant = p_end * (2 * p - p_end)
    square = q_end * (2 * q - q_end)
    spread = p * q + np.sqrt(np.maximum((p * q) ** 2 - square * constant, 0))
    return constant / spread, spread / square


def fold_at_zero(low, high):
    """Interval of an absolute value, from that of the signed one."""
    nearest = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(abs(low), abs(high)))
    return nearest, np.maximum(abs(low), abs(high))


def fold_at_one(low, high):
    """Interval of min(r, 1 / r), from that of the ratio r."""
    with np.errstate(divide="ignore"):
        inverse_low, inverse_high = 1 / np.asarray(high), 1 / np.asarray(low)
    least = np.minimum(low, inverse_low)
    holds_one = (low <= 1) & (high >= 1)
    return least, np.where(holds_one, 1.0, np.where(high < 1, high, inverse_high))
