"""Intervals of the largest gap between groups.

The largest of several noisy values minus the smallest is biased upwards, so neither a
normal interval nor a percentile bootstrap holds. The interval here collects the gaps
that a test would not reject: for each candidate gap the nearest truth that has it is
drawn from again and again, and the candidate stays if the observed gap is not unusual.
"""

import numpy as np

from fairlearnkit.metrics._intervals import (
    fold_at_one,
    fold_at_zero,
    newcombe_interval,
    ratio_interval,
)

GAP_METHODS = ("mover", "inversion", "simultaneous", "bootstrap")
_DRAWS, _FEW_DRAWS = 2048, 512  # the latter for many groups, of which pairs are many
_MANY_GROUPS = 32
_STEPS = 14  # bisections: an end is found to 1 / 16384 of its range


def gap_interval(estimates, compare="difference", confidence_level=0.95, method=None):
    """Interval of the largest gap of several metrics between groups.

    Parameters
    ----------
    estimates : sequence of GroupEstimates
        Metrics that share a tolerance; the gap is the largest of theirs. They are taken
        to be independent of each other.
    compare : {"difference", "ratio"}, default="difference"
        Whether a gap is ``max - min`` or ``1 - min / max``.
    confidence_level : float in (0, 1), default=0.95
    method : {"mover", "inversion", "simultaneous", "bootstrap"}, default=None
        "mover": two groups and one metric only, from the two intervals (Newcombe's for
        shares), folded at parity. "inversion": the gaps that a simulated test does not
        reject. "simultaneous": intervals of all groups at a Bonferroni level bound the
        gap; conservative. "bootstrap": percentiles of simulated gaps; for comparison
        only, since it all but excludes parity. By default "mover" where it applies and
        the metric is unbiased, else "inversion".

    Returns
    -------
    low, high : float
        NaN if no metric is defined for two groups.

    Raises
    ------
    ValueError
        If `method` is unknown, or is "mover" for more groups or metrics.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import Shares, gap_interval
    >>> shares = Shares(
    ...     name="selection_rate", groups=("a", "b", "c"),
    ...     values=np.array([0.3, 0.4, 0.5]), n=np.array([80, 60, 90]),
    ... )
    >>> low, high = gap_interval([shares])
    >>> print(f"{low:.2f} {high:.2f}")
    0.04 0.34
    """
    if method is not None and method not in GAP_METHODS:
        raise ValueError(f"method must be one of {GAP_METHODS}, got {method!r}.")
    kept = _comparable(estimates)
    if not kept:
        return np.nan, np.nan
    simple = len(kept) == 1 and len(kept[0].groups) == 2
    unbiased = not kept[0].biased
    if method == "mover" and not simple:
        raise ValueError(
            "method='mover' compares two groups by one metric; use 'inversion'."
        )
    if method == "mover" or (method is None and simple and unbiased):
        return _mover(kept[0], compare, confidence_level)
    if method == "simultaneous":
        return _simultaneous(kept, compare, confidence_level)
    problem = GapProblem(kept, compare)
    if method == "bootstrap":
        drawn = problem.drawn_gaps([e.values for e in kept])
        tail = (1 - confidence_level) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        return float(low), float(high)
    return problem.interval(1 - confidence_level)


def gap_of(values, compare):
    """Largest gap along the last axis."""
    low, high = values.min(axis=-1), values.max(axis=-1)
    if compare == "difference":
        return high - low
    return np.where(high > 0, 1 - low / np.where(high > 0, high, 1), 0.0)


def equality_p_value(estimates, compare="difference"):
    """Probability of a gap as large as the observed one if all groups were equal.

    NaN if no metric is defined for two groups.
    """
    kept = _comparable(estimates)
    return GapProblem(kept, compare).p_value() if kept else np.nan


def _comparable(estimates):
    """Leave out groups that nothing is known of, and metrics without two groups."""
    kept = [e.take(np.flatnonzero(e.known())) for e in estimates]
    return [e for e in kept if len(e.groups) > 1]


class GapProblem:
    """Candidate gaps, the nearest truths that have them, and a test of each.

    The statistic of a candidate is how far the most telling pair of groups exceeds it,

    .. math::  Z(\\delta) = \\max_{i, j} \\frac{x_j - x_i - \\delta}{s_{ij}},

    in standard errors of the pair under the nearest truth, so that small groups do not
    drown large ones; it is negative where every pair falls short. In the ratio form the
    numerator is :math:`(1 - \\delta) x_j - x_i`.

    Parameters
    ----------
    estimates : list of GroupEstimates
        Known for every group.
    compare : {"difference", "ratio"}
    """

    def __init__(self, estimates, compare):
        # Ascending, so that the names and the order of groups change nothing.
        estimates = [e.take(np.lexsort((e.n, e.values))) for e in estimates]
        self.estimates = estimates
        self.compare = compare
        self.gap = max(float(gap_of(e.values, compare)) for e in estimates)
        self._starts = [e.smoothed() for e in estimates]
        self._weights = [e.precision() for e in estimates]
        rng = np.random.default_rng(0)
        most = max(len(e.groups) for e in estimates)
        ranks = np.arange(_DRAWS if most <= _MANY_GROUPS else _FEW_DRAWS)
        self._samplers = [
            e.sampler(rng.permuted(np.tile(ranks, (len(e.groups), 1)), axis=1))
            for e in estimates
        ]

    def interval(self, alpha):
        """Smallest and largest gap that are not rejected."""
        ends = []
        for limit in (0.0, self._most()):
            inside, outside = self.gap, limit
            if self._is_plausible(limit, alpha):
                inside = limit
            else:
                for _ in range(_STEPS):
                    middle = (inside + outside) / 2
                    if self._is_plausible(middle, alpha):
                        inside = middle
                    else:
                        outside = middle
            ends.append(inside)
        return ends[0], ends[1]

    def p_value(self):
        """P(statistic at least as large as the observed one) if all are equal."""
        observed, drawn, _ = self._test(0.0)
        above, equal = _beyond(observed, drawn)
        return float((above + equal / 2).mean())

    def _is_plausible(self, candidate, alpha):
        """Whether the observed statistic is not unusual; ties count half.

        If it exceeds the candidate: half of alpha, over draws whose most telling pair
        stands in the order of the truth; one in the opposite order does not count. At
        parity half of them do, so that parity is rejected with probability alpha, as by
        a two-sided test of two groups. If it falls short: alpha, over draws as far off
        in either direction, so that groups which happen to lie close together do not
        make every gap implausible.
        """
        observed, drawn, order = self._test(candidate)
        if observed > 0:
            above, equal = _beyond(observed, drawn)
            return (order * (above + equal / 2)).mean() > alpha / 2
        above, equal = _beyond(-observed, np.abs(drawn))
        return (above + equal / 2).mean() > alpha

    def _test(self, candidate):
        """Observed and drawn statistics of a candidate, and the order of each draw.

        The order is 1 where the most telling pair is that of the truth's extremes, 0
        where it is reversed, and between them in proportion.
        """
        truths = self._truths(candidate)
        values = [e.values[:, None] for e in self.estimates]
        observed, _ = self._statistic(values, truths, candidate)
        pairs = zip(self._samplers, truths, strict=True)
        drawn = [np.ascontiguousarray(draw(truth).T) for draw, truth in pairs]
        return observed[0], *self._statistic(drawn, truths, candidate)

    def _statistic(self, samples, truths, candidate):
        factor, step = _steps(candidate, self.compare)
        found = np.full(samples[0].shape[1], -np.inf)
        order = np.full_like(found, 0.5)
        for e, values, truth in zip(self.estimates, samples, truths, strict=True):
            variance = np.maximum(1 / e.precision(truth), 1e-24)
            spread = max(np.ptp(truth), 1e-12)
            for low, row in enumerate(values):
                error = np.sqrt(factor**2 * variance + variance[low])
                excess = (factor * values - row - step) / error[:, None]
                excess[low] = -np.inf
                high = excess.argmax(axis=0)
                most = np.take_along_axis(excess, high[None], axis=0)[0]
                more = most > found
                found[more] = most[more]
                order[more] = (1 + (truth[high[more]] - truth[low]) / spread) / 2
        return found, order

    def drawn_gaps(self, truths):
        """Gaps of samples from given truths, of shape (n_draws,)."""
        gaps = [
            gap_of(draw(truth), self.compare)
            for draw, truth in zip(self._samplers, truths, strict=True)
        ]
        return np.max(gaps, axis=0)

    def _most(self):
        """Largest gap there can be: 1, or as wide as the values could lie apart."""
        if self.compare == "ratio":
            return 1.0
        ends = [e.interval(1 - 1e-6) for e in self.estimates]
        return max(float(np.max(high) - np.min(low)) for low, high in ends)

    def _truths(self, candidate):
        """Nearest truths whose largest gap is the candidate."""
        own = [float(gap_of(start, self.compare)) for start in self._starts]
        truths = [
            _pulled_together(start, weight, candidate, self.compare)
            if gap > candidate
            else start
            for start, weight, gap in zip(self._starts, self._weights, own, strict=True)
        ]
        if max(own) < candidate:
            widest = int(np.argmax(own))
            truths[widest] = _pushed_apart(
                self._starts[widest],
                self._weights[widest],
                candidate,
                self.compare,
                self.estimates[widest].support,
            )
        return truths


def _beyond(observed, drawn):
    """Which draws exceed the observed statistic, and which equal it."""
    slack = 1e-9 * max(1.0, abs(observed))
    return drawn > observed + slack, np.abs(drawn - observed) <= slack


def _steps(gap, compare):
    """Factor and step: the lowest value is at least factor * highest - step."""
    return (1.0, gap) if compare == "difference" else (1 - gap, 0.0)


def _pulled_together(values, weights, gap, compare):
    """Clip the values into the window of this gap at the least weighted square."""
    low, high = values.min(), values.max()
    factor, step = _steps(gap, compare)
    for _ in range(50):
        top = (low + high) / 2
        bottom = factor * top - step
        under, over = np.maximum(bottom - values, 0), np.maximum(values - top, 0)
        if (weights * (factor * under - over)).sum() > 0:
            high = top
        else:
            low = top
    top = (low + high) / 2
    return np.clip(values, factor * top - step, top)


def _pushed_apart(values, weights, gap, compare, support):
    """Move two groups to this gap: those that it is least surprising of.

    That is seldom the pair that was observed farthest apart, if another group is small.
    """
    floor, ceiling = support
    factor, step = _steps(gap, compare)
    low, high = values[:, None], values[None, :]
    a, b = weights[:, None], weights[None, :]
    # The upper group at t and the lower one at factor * t - step, at the least cost.
    top = (a * factor * (low + step) + b * high) / (a * factor**2 + b)
    top = np.clip(top, min(floor + step, ceiling), ceiling)
    cost = a * (factor * top - step - low) ** 2 + b * (top - high) ** 2
    np.fill_diagonal(cost, np.inf)
    least, most = np.unravel_index(np.argmin(cost), cost.shape)
    top = top[least, most]
    bottom = factor * top - step
    moved = np.clip(values, bottom, top)
    moved[least], moved[most] = bottom, top
    return moved


def _mover(estimate, compare, confidence_level):
    low, high = estimate.interval(confidence_level)
    first, second = zip(estimate.values, low, high, strict=True)
    if compare == "difference":
        ends = fold_at_zero(*newcombe_interval(first, second))
    elif first[0] == second[0] == 0:
        return 0.0, 1.0
    else:
        low, high = fold_at_one(*ratio_interval(first, second))
        ends = 1 - high, 1 - low
    return float(ends[0]), float(ends[1])


def _simultaneous(estimates, compare, confidence_level):
    gaps = []
    for e in estimates:
        shared = (1 - confidence_level) / len(estimates) / len(e.groups)
        low, high = e.interval(1 - shared)
        if compare == "difference":
            gaps.append((max(0.0, low.max() - high.min()), high.max() - low.min()))
            continue
        least = max(low.min(), 0) / high.max() if high.max() > 0 else 0.0
        most = high.min() / low.max() if low.max() > 0 else 1.0
        gaps.append((max(0.0, 1 - most), 1 - least))
    low, high = np.max(gaps, axis=0)
    return float(low), float(high)
