"""The law of calibration errors, whose estimates are biased upwards."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import betainc, ndtr, ndtri

from fairlearnkit.metrics._estimates import GroupEstimates
from fairlearnkit.metrics.scores._bisection import crossing
from fairlearnkit.tables import ScoreTable

_LEAST = 1e-6  # variance of a prediction of 0 or 1, so that it can be wrong at all
_SEED = 0
_PARTS = ("deviations", "shares", "predictions", "spreads")


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibrationErrors(GroupEstimates):
    """Expected calibration error of every group: a sum of absolute deviations.

    Parameters
    ----------
    name, groups, values, n, names, support
        As in :class:`GroupEstimates`.
    deviations : ndarray of shape (n_groups, n_bins)
        Observed minus predicted share of positives of each bin, times the bin's share
        of the group.
    shares : ndarray of shape (n_groups, n_bins)
        Share of the group in each bin.
    predictions : ndarray of shape (n_groups, n_bins)
        Mean predicted probability of each bin.
    spreads : ndarray of shape (n_groups, n_bins)
        Variance of each deviation, as a multiple of :math:`q (1 - q)` of the true share
        q of positives in the bin.
    debias : bool, default=False
        Whether `values` are debiased.

    Notes
    -----
    Even if the true deviations are all 0, those of a sample are not, and their absolute
    values add up. The interval is one of the true error: it holds those for which the
    observed sum of absolute deviations is not unusual. For each candidate the nearest
    true deviations that add up to it are taken; positives in each bin are binomial, and
    the sum of absolute deviations is taken to be normal. So the interval may lie wholly
    below the biased value that it belongs to, and its lower end is 0 where the group
    may be calibrated. For predictions of 0 and 1 alone, whose error is the share of
    wrong ones, it is Wilson's.

    Examples
    --------
    >>> from fairlearnkit.metrics import disparity, expected_calibration_error
    >>> found = disparity(
    ...     [0, 0, 0, 1, 0, 1, 1, 1] * 20, ([0.1] * 4 + [0.9] * 4) * 20,
    ...     expected_calibration_error, sensitive_features=["a"] * 40 + ["b"] * 120,
    ... )
    >>> low, high = found.estimates[0].interval()
    >>> print(found.estimates[0].values.round(2), low.round(2), high.round(2))
    [0.15 0.15] [0.04 0.08] [0.3  0.23]
    """

    deviations: np.ndarray
    shares: np.ndarray
    predictions: np.ndarray
    spreads: np.ndarray
    debias: bool = False
    support: tuple = (0.0, 1.0)
    methods: ClassVar[tuple] = ("inversion",)
    biased: ClassVar[bool] = True

    def _interval(self, confidence_level, method):
        seen = np.abs(self.deviations).sum(axis=1)
        tail = (1 - confidence_level) / 2
        undefined = 0 * self.values

        def too_small(truth):
            return self._exceeding(truth, seen) <= tail

        def too_large(truth):
            return self._exceeding(truth, seen) >= 1 - tail

        low = crossing(too_small, seen, undefined)
        return low + undefined, crossing(too_large, undefined, undefined + 1)

    def _exceeding(self, truth, seen):
        """Probability of a sum of deviations of at least what was seen."""
        mean, spread = self._moments(truth)
        return ndtr((mean - seen) / spread)

    def _moments(self, truth):
        """Mean and standard deviation of the sum of a sample's absolute deviations."""
        rate = self._rates(self._nearest(truth))
        used = self.spreads > 0
        people = self.shares**2 / np.where(used, self.spreads, 1)
        mean = self.shares * _mean_distance(
            np.where(used, people, 1), rate, self.predictions
        )
        off = self.shares * (rate - self.predictions)
        variance = self.spreads * rate * (1 - rate) + off**2 - mean**2
        variance = np.where(used, variance, 0).sum(axis=1)
        return mean.sum(axis=1), np.sqrt(np.maximum(variance, 1e-300))

    def sampler(self, ranks):
        """Return what draws values of samples about the nearest true deviations."""
        if self.debias:
            return self._simulator(ranks)
        n_draws = ranks.shape[1]
        steps = ndtri((np.arange(n_draws) + 0.5) / n_draws)[ranks].T

        def draw(truth):
            mean, spread = self._moments(truth)
            return np.maximum(mean + steps * spread, 0)

        return draw

    def _simulator(self, ranks):
        """Draw with normal noise, since the debiased sum has no simple moments."""
        rng = np.random.default_rng(_SEED)
        noise = rng.standard_normal((ranks.shape[1], *self.deviations.shape))

        def draw(truth):
            size = self._nearest(truth)
            rate = self._rates(size)
            spread = np.sqrt(self.spreads * rate * (1 - rate))
            values = debiased_error(
                self._signs * size + spread * noise,
                self.shares,
                self.predictions,
                self.spreads,
            )
            return np.take_along_axis(np.sort(values, axis=0), ranks.T, axis=0)

        return draw

    def smoothed(self):
        """Debiased values: what to draw from is the truth, not its biased estimate."""
        return debiased_error(
            self.deviations, self.shares, self.predictions, self.spreads
        )

    def _rates(self, size):
        """True share of positives in each bin if deviations are of this size."""
        return _rates(self._signs * size, self.shares, self.predictions)

    @property
    def _signs(self):
        """Which way each bin is off: towards a half where nothing is seen."""
        inwards = np.where(self.predictions > 0.5, -1.0, 1.0)
        return np.where(self.deviations == 0, inwards, np.sign(self.deviations))

    def _nearest(self, truth):
        """Sizes of the true deviations that are nearest to those seen and add up.

        They are all moved by the same multiple of their variance under calibration, but
        not beyond 0.
        """
        size = np.abs(self.deviations)
        rate = self.predictions * (1 - self.predictions)
        weight = self.spreads * np.maximum(rate, _LEAST)
        used = weight > 0
        # The sum is linear in the multiple up to where another bin leaves 0.
        bends = np.where(used, -size / np.where(used, weight, 1), np.inf)
        order = np.argsort(bends, axis=1)
        bends, sizes, weights = (
            np.take_along_axis(numbers, order, axis=1)
            for numbers in (bends, size, weight)
        )
        offset, slope = np.cumsum(sizes, axis=1), np.cumsum(weights, axis=1)
        truth = np.asarray(truth, dtype=float)[:, None]
        sums = offset + np.where(np.isinf(bends), 0, bends) * slope
        reached = (sums <= truth) & ~np.isinf(bends)
        last = np.maximum(reached.sum(axis=1, keepdims=True) - 1, 0)
        offset, slope = (np.take_along_axis(c, last, axis=1) for c in (offset, slope))
        multiple = (truth - offset) / np.maximum(slope, 1e-300)
        return np.maximum(size + multiple * weight, 0)


def read_calibration_error(table, n_bins, strategy, debias=False):
    """Read the expected calibration error of every group off a table of probabilities.

    Parameters
    ----------
    table : ScoreTable
        Of two classes, the positive one last.
    n_bins : int
    strategy : {"quantile", "uniform"}
    debias : bool, default=False

    Returns
    -------
    errors : CalibrationErrors
    """
    groups = range(len(table.groups))
    sums = np.stack([_bin_sums(table, g, n_bins, strategy) for g in groups], axis=1)
    weight, hits, expected, spread, square = sums
    total = weight.sum(axis=1, keepdims=True)
    total = np.where(total > 0, total, np.nan)
    used = weight > 0
    mass = np.where(used, weight, 1)
    predictions = np.where(used, expected / mass, 0.5)
    # Predictions that differ within a bin vary less than as many equal ones.
    rate = predictions * (1 - predictions)
    mixed = np.where(rate > 0, spread / mass / np.where(rate > 0, rate, 1), 1.0)
    spreads = square / total**2 * np.where(used, mixed, 0.0)
    parts = (hits - expected) / total, weight / total, predictions, spreads
    values = debiased_error(*parts) if debias else np.abs(parts[0]).sum(axis=1)
    squares = square.sum(axis=1)
    people = total[:, 0] ** 2 / np.where(squares > 0, squares, 1)
    return CalibrationErrors(
        name="expected_calibration_error",
        groups=table.groups,
        values=values,
        n=np.where(squares > 0, people, 0),
        names=table.names,
        **dict(zip(_PARTS, parts, strict=True)),
        debias=debias,
    )


def debiased_error(deviations, shares, predictions, spreads):
    """Expected calibration error less its estimated bias, at least 0.

    The share of positives behind each variance is the observed one, pulled towards the
    predicted one by one person, since that of a few people is often 0 or 1.
    """
    people = np.where(spreads > 0, shares**2 / np.where(spreads > 0, spreads, 1), 0)
    step = deviations * people / (people + 1)
    rate = _rates(step, shares, predictions)
    spread = np.sqrt(spreads * rate * (1 - rate))
    size = np.abs(deviations)
    bias = _folded_mean(size, spread) - size
    return np.maximum((size - bias).sum(axis=-1), 0)


def _rates(step, shares, predictions):
    """Share of positives in each bin that deviates from the predicted one by `step`."""
    used = shares > 0
    moved = predictions + np.where(used, step / np.where(used, shares, 1), 0)
    return np.clip(moved, 0, 1)


def _mean_distance(n, rate, prediction):
    """Mean absolute distance of a binomial share of n people from a prediction."""
    expected = n * prediction
    least = np.floor(expected + 1e-9) + 1  # positives that exceed the prediction
    above = n * rate * _upper_tail(n - 1, rate, least - 1)
    above -= expected * _upper_tail(n, rate, least)
    return (2 * above - (n * rate - expected)) / n


def _upper_tail(n, rate, least):
    """Probability of at least so many; also for effective numbers n."""
    inside = (least > 0) & (least < n + 1)
    tail = betainc(np.where(inside, least, 1), np.where(inside, n - least + 1, 1), rate)
    return np.where(inside, tail, (least <= 0) * 1.0)


def _folded_mean(mean, spread):
    """Mean of the absolute value of a normal number."""
    scaled = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0)
    level = 1 - 2 * ndtr(-scaled)
    folded = spread * np.sqrt(2 / np.pi) * np.exp(-(scaled**2) / 2) + mean * level
    return np.where(spread > 0, folded, np.abs(mean))


def _bin_sums(table, group, n_bins, strategy):
    """Weight, positives, expected positives, their variance and squared weight."""
    rows = table.rows(group)
    score, weights = table.scores[rows], table.weights[rows]
    weight = weights.sum(axis=1)
    place = _bin_places(score, weight, n_bins, strategy)
    columns = (
        weight,
        weights[:, 1],
        weight * score,
        weight * score * (1 - score),
        table.squares[rows].sum(axis=1),
    )
    return np.stack([np.bincount(place, column, n_bins) for column in columns])


def _bin_places(score, weight, n_bins, strategy):
    """Bin of each score; one that is equal to an edge lies below it."""
    levels = np.arange(1, n_bins) / n_bins
    if strategy == "uniform" or not len(score):
        return np.searchsorted(ScoreTable.quantize(levels), score)
    reached = np.cumsum(weight) / weight.sum()
    edges = score[np.searchsorted(reached, levels - 1e-12)]
    return np.searchsorted(edges, score)
