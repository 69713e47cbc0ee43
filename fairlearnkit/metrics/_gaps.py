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
_DRAWS = 2048
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
    0.03 0.34
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
    """Candidate truths of a given gap, and the gaps that samples from them show.

    Parameters
    ----------
    estimates : list of GroupEstimates
        Defined for every group.
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
        ranks = np.arange(_DRAWS)
        self._samplers = [
            e.sampler(rng.permuted(np.tile(ranks, (len(e.groups), 1)), axis=1))
            for e in estimates
        ]

    def interval(self, alpha):
        """Smallest and largest gap that are not rejected."""
        most = self._most()
        low = 0.0
        if not self._plausible_from_above(0.0, alpha):
            low = self._bisect(self.gap, 0.0, self._plausible_from_above, alpha)
        high = most
        if not self._plausible_from_below(most, alpha):
            high = self._bisect(self.gap, most, self._plausible_from_below, alpha)
        return low, high

    def p_value(self):
        """P(drawn gap >= observed gap) under equality; ties count half."""
        drawn, _ = self._draw(0.0)
        above, equal = self._compared(drawn)
        return float((above + equal / 2).mean())

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

    def _bisect(self, inside, outside, plausible, alpha):
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            if plausible(middle, alpha):
                inside = middle
            else:
                outside = middle
        return inside

    def _compared(self, drawn):
        slack = 1e-9 * max(1.0, abs(self.gap))
        return drawn > self.gap + slack, np.abs(drawn - self.gap) <= slack

    def _plausible_from_above(self, candidate, alpha):
        """Whether so large a gap is not unusual; half of alpha, for draws in order.

        A draw whose extreme groups stand in the order of the truth counts fully, one in
        the opposite order not at all: at parity half of them do, so that parity is
        rejected with probability alpha, as by a two-sided test of two groups.
        """
        drawn, order = self._draw(candidate)
        above, equal = self._compared(drawn)
        return bool((order * (above + equal / 2)).mean() > alpha / 2)

    def _plausible_from_below(self, candidate, alpha):
        """Whether so small a gap is not unusual, at what is left of alpha."""
        drawn, order = self._draw(candidate)
        descending = np.argsort(-drawn, kind="stable")
        tail = np.cumsum(order[descending]) / len(drawn)
        spent = min(np.searchsorted(tail, alpha / 2) / len(drawn), alpha)
        above, equal = self._compared(drawn)
        return bool((1 - above - equal / 2).mean() > alpha - spent)

    def _draw(self, candidate):
        """Gaps drawn from the nearest truth of this gap, and the order of extremes."""
        gaps, orders = [], []
        for draw, truth in zip(self._samplers, self._truths(candidate), strict=True):
            drawn = draw(truth)
            gaps.append(gap_of(drawn, self.compare))
            spread = np.ptp(truth)
            step = _truth_at(drawn, truth, "max") - _truth_at(drawn, truth, "min")
            orders.append((1 + step / spread) / 2 if spread > 0 else 0.5 + 0 * step)
        widest = np.argmax(gaps, axis=0)
        draws = np.arange(len(widest))
        return np.array(gaps)[widest, draws], np.array(orders)[widest, draws]

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


def _truth_at(drawn, truth, extreme):
    """True value of the group that is drawn highest or lowest; the mean if tied."""
    reached = drawn == getattr(drawn, extreme)(axis=1, keepdims=True)
    return (reached @ truth) / reached.sum(axis=1)


def _window(top, gap, compare):
    """Lower end of the values that lie within a gap of `top`."""
    return top - gap if compare == "difference" else top * (1 - gap)


def _pulled_together(values, weights, gap, compare):
    """Clip the values into the window of this gap at the least weighted square."""
    low, high = values.min(), values.max()
    factor = 1.0 if compare == "difference" else 1 - gap
    for _ in range(50):
        top = (low + high) / 2
        bottom = _window(top, gap, compare)
        under, over = np.maximum(bottom - values, 0), np.maximum(values - top, 0)
        if (weights * (factor * under - over)).sum() > 0:
            high = top
        else:
            low = top
    top = (low + high) / 2
    return np.clip(values, _window(top, gap, compare), top)


def _pushed_apart(values, weights, gap, compare, support):
    """Move the extreme two groups to this gap, by their uncertainty, within range."""
    floor, ceiling = support
    least, most = values.argmin(), values.argmax()
    a, b = weights[least], weights[most]
    if compare == "difference":
        top = (a * (values[least] + gap) + b * values[most]) / (a + b)
        top = np.clip(top, min(floor + gap, ceiling), ceiling)
    else:
        factor = 1 - gap
        top = (a * factor * values[least] + b * values[most]) / (a * factor**2 + b)
        top = min(top, ceiling)
    bottom = _window(top, gap, compare)
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
