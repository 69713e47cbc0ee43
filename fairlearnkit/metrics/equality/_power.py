"""How many people it takes to see a gap, and what gap these people can show."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import binom, chi2, f, ncf, ncx2, norm

_MANY = 5000  # people of a group, beyond whom the normal law stands for the exact one
_STEADY = 10  # sizes in a row that must reach a power, which is a saw over sizes
_TAIL = 1e-10  # probability of what is left out at either end of a binomial
_WIDE = 12  # standard deviations from the mean, beyond which an outcome is rejected
_MOST = 10**9  # people of a group, beyond whom no size is looked for


def power_of_gap(
    group_sizes, difference, *, rate=None, deviation=None, alpha=0.05, method=None
):
    """Probability that a test of equality sees a gap between groups.

    Parameters
    ----------
    group_sizes : sequence of int, of n_groups >= 2
        People of each group: those whom the rate is about, such as those of true label
        1 for a true positive rate.
    difference : float
        By how much the smallest group's value lies above that of the next larger group;
        negative if below. The values of all others lie in between, where they help
        least to see it.
    rate : float in [0, 1], default=None
        Rate of the next larger group, for gaps of rates.
    deviation : float > 0, default=None
        Standard deviation within groups, for gaps of means; `difference` is in the same
        unit. Give either `rate` or `deviation`.
    alpha : float in (0, 1), default=0.05
        Level of the test. Divide it by the number of tests to allow for several.
    method : {"exact", "normal"}, default=None
        - "exact": Fisher's exact test, by all outcomes of two binomials; for means the
          t- or F-test of normal numbers.
        - "normal": Pearson's test (for means: of known deviation) in large groups.

        By default "exact" for means and for two groups of at most 5000 people.

    Returns
    -------
    power : float in [0, 1]

    Raises
    ------
    ValueError
        If a number is out of range, or "exact" is asked for rates of more groups.

    See Also
    --------
    required_group_size : The size that reaches a power.
    detectable_difference : The difference that does.
    equality_test : The test.

    Notes
    -----
    Of all values with a given gap, the one hardest to see by the sum of squares (as
    Pearson's test and the F-test take it) has the two smallest groups, of :math:`n` and
    :math:`m` people, at the ends and everybody else at their common mean. The
    noncentrality is then

    .. math:: \\lambda = \\frac{n m}{n + m} \\frac{\\delta^2}{\\sigma^2},

    whatever the number of groups, with :math:`\\sigma^2 = \\bar p (1 - \\bar p)` for
    rates. More groups cost power by their degrees of freedom alone. For two rates the
    variance of the difference is the true one, not that of the pooled rate. In
    simulations of 2 to 8 groups of 20 to 400 people "normal" was within 0.02 of the
    power of Pearson's test. That of Fisher's is lower: 0.78 where "normal" says 0.80
    for 500 people in either group.

    References
    ----------
    Fleiss, Levin, Paik, "Statistical methods for rates and proportions", Wiley 2003.
    :doi:`10.1002/0471445428`

    Examples
    --------
    >>> from fairlearnkit.metrics import power_of_gap
    >>> print(f"{power_of_gap([50, 500], -0.2, rate=0.6):.2f}")
    0.75
    >>> print(f"{power_of_gap([50, 500], 3.0, deviation=10):.2f}")
    0.52
    """
    sizes = _check_sizes(group_sizes)
    method = _check(sizes, rate, deviation, alpha, method)
    _check_difference(difference, rate)
    return _power(sizes, difference, rate, deviation, alpha, method)


def required_group_size(
    difference,
    *,
    rate=None,
    deviation=None,
    n_groups=2,
    ratio=1.0,
    power=0.8,
    alpha=0.05,
    method=None,
):
    """How many people the smallest group must have for a gap to be seen.

    Parameters
    ----------
    difference : float, not 0
        By how much the smallest group's value lies above that of the next larger group;
        negative if below.
    rate : float in [0, 1], default=None
        Rate of the next larger group.
    deviation : float > 0, default=None
        Standard deviation within groups, for gaps of means.
    n_groups : int >= 2, default=2
    ratio : float >= 1, default=1.0
        People in every other group for one person in the smallest.
    power : float in (alpha, 1), default=0.8
        Probability of seeing the gap.
    alpha : float in (0, 1), default=0.05
    method : {"exact", "normal"}, default=None
        As in :func:`power_of_gap`.

    Returns
    -------
    n : int
        People of the smallest group. The power of an exact test goes up and down with
        the number of people; it is reached here and at each of the ten next numbers.

    Raises
    ------
    ValueError
        If a number is out of range.

    See Also
    --------
    power_of_gap : Definitions.

    Examples
    --------
    To see 60% against 70% in four out of five studies:

    >>> from fairlearnkit.metrics import required_group_size
    >>> required_group_size(-0.1, rate=0.7, method="normal")
    356
    >>> required_group_size(-0.1, rate=0.7)
    375
    """
    if not (isinstance(n_groups, (int, np.integer)) and n_groups >= 2):
        raise ValueError(f"n_groups must be an integer of 2 or more, got {n_groups!r}.")
    if not ratio >= 1:
        raise ValueError(
            f"ratio must be 1 or more, since n is the size of the smallest group; got "
            f"{ratio}."
        )
    if difference == 0:
        raise ValueError("difference must not be 0: no number of people shows it.")
    _check_difference(difference, rate)

    def sizes(n):
        return np.array([n, *[np.ceil(ratio * n - 1e-9)] * (n_groups - 1)])

    asked = _check(sizes(2.0), rate, deviation, alpha, method)
    _check_power(power, alpha)

    def reached(n, law):
        return _power(sizes(n), difference, rate, deviation, alpha, law) >= power

    start = _first(lambda n: reached(n, "normal"))
    if asked == "normal" or (method is None and deviation is None and start > _MANY):
        return start
    return _steady(lambda n: reached(n, "exact"), start)


def detectable_difference(
    group_sizes, *, rate=None, deviation=None, power=0.8, alpha=0.05, method=None
):
    """Smallest gaps that these groups would show.

    Parameters
    ----------
    group_sizes : sequence of int, of n_groups >= 2
        People of each group: those whom the rate is about.
    rate : float in [0, 1], default=None
        Rate of the second smallest group.
    deviation : float > 0, default=None
        Standard deviation within groups, for gaps of means.
    power : float in (alpha, 1), default=0.8
        Probability of seeing the gap.
    alpha : float in (0, 1), default=0.05
    method : {"exact", "normal"}, default=None
        As in :func:`power_of_gap`.

    Returns
    -------
    below, above : float
        By how much the smallest group's value must lie below (a negative number) or
        above that of the next larger group. NaN where not even a rate of 0, or of 1,
        lies far enough away: these people are too few to show any gap on that side.

    Raises
    ------
    ValueError
        If a number is out of range.

    See Also
    --------
    power_of_gap : Definitions.

    Examples
    --------
    >>> from fairlearnkit.metrics import detectable_difference
    >>> below, above = detectable_difference([30, 1000], rate=0.1)
    >>> print(f"{below:.2f} {above:.2f}")
    nan 0.19
    """
    sizes = _check_sizes(group_sizes)
    method = _check(sizes, rate, deviation, alpha, method)
    _check_power(power, alpha)

    def missing(difference):
        return _power(sizes, difference, rate, deviation, alpha, method) - power

    if deviation is not None:
        far = deviation
        while missing(far) < 0:
            far *= 2
        above = brentq(missing, 0, far, xtol=1e-9 * far)
        return -above, above
    return tuple(
        brentq(missing, 0, far, xtol=1e-7) if far and missing(far) >= 0 else np.nan
        for far in (-rate, 1 - rate)
    )


def _power(sizes, difference, rate, deviation, alpha, method):
    n, m = np.sort(sizes)[:2]
    freedom = len(sizes) - 1
    half = n * m / (n + m)
    if deviation is not None:
        shift = half * (difference / deviation) ** 2
        if method == "normal":
            return float(ncx2.sf(chi2.isf(alpha, freedom), freedom, shift))
        rest = sizes.sum() - len(sizes)
        return float(ncf.sf(f.isf(alpha, freedom, rest), freedom, rest, shift))
    low = np.clip(rate + difference, 0, 1)
    if method == "exact":
        return _fisher_power(int(n), int(m), low, rate, alpha)
    common = (n * low + m * rate) / (n + m)
    null = common * (1 - common) / half
    if null == 0:
        return 0.0
    if freedom > 1:
        shift = difference**2 / null
        return float(ncx2.sf(chi2.isf(alpha, freedom), freedom, shift))
    true = low * (1 - low) / n + rate * (1 - rate) / m
    if true == 0:
        return float(difference**2 / null > chi2.isf(alpha, 1))
    reach = norm.isf(alpha / 2) * np.sqrt(null)
    ends = (np.array([difference, -difference]) - reach) / np.sqrt(true)
    return float(norm.cdf(ends).sum())


def _fisher_power(n, m, first, second, alpha):
    """Probability that Fisher's test rejects, over all outcomes of two binomials."""
    (a, p), (b, q) = _likely(n, first), _likely(m, second)
    power = 0.0
    ways_n, ways_m = _log_choose(n), _log_choose(m)
    for hits in range(a[0] + b[0], a[-1] + b[-1] + 1):
        mean = n * hits / (n + m)
        reach = _WIDE * np.sqrt(mean * m / (n + m) * (1 - hits / (n + m))) + _WIDE
        least = max(0, hits - m, int(mean - reach))
        most = min(n, hits, int(mean + reach) + 1)
        logs = ways_n[least : most + 1] + ways_m[hits - most : hits - least + 1][::-1]
        law = np.exp(logs - logs.max())
        order = np.argsort(law)
        total = np.cumsum(law[order])
        # Outcomes as probable as this one, within rounding, count as well.
        last = np.searchsorted(law[order], law * (1 + 1e-7), side="right") - 1
        start, stop = max(a[0], hits - b[-1]), min(a[-1], hits - b[0])
        outcomes = np.arange(start, stop + 1)
        rejected = (outcomes < least) | (outcomes > most)
        rejected[~rejected] = (total[last] <= alpha * total[-1] * (1 + 1e-12))[
            outcomes[~rejected] - least
        ]
        own = p[start - a[0] : stop - a[0] + 1]
        other = q[hits - stop - b[0] : hits - start - b[0] + 1][::-1]
        power += (own * other)[rejected].sum()
    return float(power)


def _likely(n, share):
    """Outcomes of a binomial without its far tails, and their probabilities."""
    low, high = binom.ppf(_TAIL, n, share), binom.isf(_TAIL, n, share)
    outcomes = np.arange(max(int(low), 0), int(high) + 1)
    return outcomes, binom.pmf(outcomes, n, share)


def _log_choose(n):
    k = np.arange(n + 1)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _first(reached):
    """Smallest number from 2 on, where a rising power is reached."""
    low, high = 1, 2
    while not reached(high):
        low, high = high, 2 * high
        if high > _MOST:
            raise ValueError(f"it would take more than {_MOST} people in a group.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _steady(reached, start):
    """Smallest number near `start` from which on the power is reached, and stays so."""
    known = {}

    def holds(n):
        if n not in known:
            known[n] = reached(n)
        return known[n]

    n = start
    while not holds(n):
        n += max(1, n // 50)
    while n > 2 and holds(n - 1):
        n -= 1
    while fails := [k for k in range(n, n + _STEADY + 1) if not holds(k)]:
        n = fails[-1] + 1
    return n


def _check_sizes(group_sizes):
    sizes = np.asarray(group_sizes, dtype=float)
    if sizes.ndim != 1 or len(sizes) < 2:
        raise ValueError("group_sizes must hold the sizes of two groups or more.")
    if not (sizes >= 1).all() or (sizes != sizes.round()).any():
        raise ValueError(
            "group_sizes must be whole numbers of people, at least 1 each."
        )
    return sizes


def _check(sizes, rate, deviation, alpha, method):
    """Check the rest of the question; return the method."""
    if (rate is None) == (deviation is None):
        raise ValueError("give either rate, for rates, or deviation, for means.")
    if rate is not None and not 0 <= rate <= 1:
        raise ValueError(f"rate must lie in [0, 1], got {rate}.")
    if deviation is not None and not 0 < deviation < np.inf:
        raise ValueError(f"deviation must be positive, got {deviation}.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}.")
    if method not in (None, "exact", "normal"):
        raise ValueError(f"method must be 'exact' or 'normal', got {method!r}.")
    enumerable = deviation is not None or len(sizes) == 2
    if method == "exact" and not enumerable:
        raise ValueError(
            "method='exact' is for rates of two groups, or means; use 'normal'."
        )
    if method is None:
        small = deviation is not None or sizes.max() <= _MANY
        return "exact" if enumerable and small else "normal"
    return method


def _check_difference(difference, rate):
    if not np.isfinite(difference):
        raise ValueError(f"difference must be finite, got {difference}.")
    if rate is not None and not -1e-12 <= rate + difference <= 1 + 1e-12:
        raise ValueError(
            f"a rate of {rate} and a difference of {difference} make "
            f"{rate + difference:g}, which is no rate."
        )


def _check_power(power, alpha):
    if not alpha < power < 1:
        raise ValueError(f"power must lie between alpha={alpha} and 1, got {power}.")
