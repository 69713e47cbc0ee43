"""The law of means of skewed numbers, such as squared errors.

The mean of a few squared errors lies too low more often than too high, and its standard
error is low with it. Student's interval then misses the truth above it: of 20 normal
errors' squares it holds the mean in 0.90 of samples instead of 0.95.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtri, stdtrit

from fairlearnkit.metrics._estimates import GroupEstimates

_NOISE = 1e-2  # of a skewness, by rounding, beyond which it counts as unknown


@dataclass(frozen=True, eq=False, kw_only=True)
class SkewedMeans(GroupEstimates):
    """A mean of skewed numbers in every group, or a smooth function of means.

    Parameters
    ----------
    name, groups, values, n, names, support
        As in :class:`GroupEstimates`.
    error : ndarray of shape (n_groups,)
        Standard error of each value.
    bend, shift : ndarray of shape (n_groups,)
        How the studentised value departs from Student's law, in its second order; for a
        mean of n numbers of skewness g, ``bend = g / (3 sqrt(n))`` and
        ``shift = g / (6 sqrt(n))``.
    power : {1, 2}, default=1
        The value to this power is the mean; 2 for a root mean square.

    Notes
    -----
    With T the studentised mean, Hall's transformation

    .. math:: S = T + a T^2 + \\tfrac{1}{3} a^2 T^3 + b

    (a the bend, b the shift) is free of the leading effect of skewness and monotone.
    S is taken to be Student's with n - 1 degrees of freedom.

    Of 2000 simulated samples, nominal 95 % intervals held the mean squared error in
    0.94, 0.95, 0.96 and 0.95 for 20, 50, 200 and 1000 normal errors (Student's: 0.89,
    0.92, 0.96 and 0.95); in 0.81, 0.88, 0.93 and 0.94 for lognormal errors of skewness
    1.75 (0.71, 0.80, 0.88, 0.93); and in 0.74, 0.85, 0.89 and 0.91 for those of a
    skewness of 6.2 (0.51, 0.60, 0.72, 0.82). Mean absolute errors and R2 of normal
    errors were held in 0.945 to 0.96, of the first lognormal ones in 0.91 to 0.955. No
    interval from few people knows of errors too rare to be among them.

    References
    ----------
    Hall, "On the removal of skewness by transformation", JRSS B 54, 1992.
    :doi:`10.1111/j.2517-6161.1992.tb01876.x`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import SkewedMeans
    >>> law = SkewedMeans(
    ...     name="mean_squared_error", groups=("a",), values=np.array([1.0]),
    ...     n=np.array([20]), error=np.array([0.3]), bend=np.array([0.1]),
    ...     shift=np.array([0.05]), support=(0, np.inf),
    ... )
    >>> for method in ("hall", "t"):
    ...     (low,), (high,) = law.interval(method=method)
    ...     print(f"{low:.2f} {high:.2f}")
    0.48 1.87
    0.37 1.63
    """

    error: np.ndarray
    bend: np.ndarray
    shift: np.ndarray
    power: int = 1
    methods: ClassVar[tuple] = ("hall", "t", "normal")

    def _interval(self, confidence_level, method):
        tail = 0.5 + confidence_level / 2
        if method == "hall":
            below, above = self._steps(np.array([[tail], [1 - tail]]))
        else:
            below = ndtri(tail) if method == "normal" else self._t(tail)
            above = -below
        with np.errstate(invalid="ignore"):
            return self._moved(self.values, -below), self._moved(self.values, -above)

    def sampler(self, ranks):
        """Return what draws Student's numbers, without the skewness.

        Samples serve to compare groups, and a gap of skewed means is less skewed than
        each of them: with the skewness, equality was rejected too often.
        """
        steps = self._t((ranks.T + 0.5) / ranks.shape[1])
        return lambda truth: self._moved(truth, steps)

    def _t(self, tail):
        return stdtrit(np.maximum(self.n - 1, 1), tail)

    def _steps(self, levels):
        """Quantiles of T: those of S, put through the inverse of the cubic."""
        straight = self._t(levels) - self.shift
        root = np.cbrt(1 + 3 * self.bend * straight)
        # (root - 1) / bend, written such that it never divides by 0.
        return 3 * straight / (root**2 + root + 1)

    def _moved(self, values, steps):
        """Go some standard errors of the mean up."""
        scale = self.power * self.values ** (self.power - 1)
        mean = np.asarray(values, float) ** self.power
        moved = mean + np.where(self.error == 0, 0.0, steps * self.error * scale)
        moved = moved if self.power == 1 else np.sqrt(np.maximum(moved, 0))
        return np.clip(np.where(self.error == 0, values, moved), *self.support)


def read_skewed(table, name, *, power=1, support=(0.0, np.inf)):
    """Read a mean of numbers off a table of their moments and of their squares'.

    Parameters
    ----------
    table : MomentTable
        Of two columns: numbers, and their squares.
    name : str
        Name of the metric.
    power : {1, 2}, default=1
        Root to take of the mean.
    support : tuple (low, high), default=(0, inf)

    Returns
    -------
    estimates : SkewedMeans
        If weighted, the skewness is that of the people counted by their squared weight,
        over the square root of Kish's number: near enough for its size.
    """
    mean, n = table.means[:, 0], table.n
    values = mean if power == 1 else np.sqrt(mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of equal numbers, rounding may leave a variance a little below 0.
        error = np.sqrt(np.maximum(table.covariances[:, 0, 0], 0))
        scale = power * values ** (power - 1)
        error = np.where(error == 0, 0.0, error / scale)
        skewness = _skewness(table, mean) / np.sqrt(n)
    return SkewedMeans(
        name=name,
        groups=table.groups,
        values=values,
        n=n,
        names=table.names,
        support=support,
        error=error,
        bend=skewness / 3,
        shift=skewness / 6,
        power=power,
    )


def _skewness(table, mean):
    """Skewness of the numbers in each group; 0 where rounding drowns it."""
    one, first, second = table.products[:, 0].T
    second, third = second / one, table.products[:, 1, 2] / one
    first = first / one
    spread = second - 2 * mean * first + mean**2
    cube = third - 3 * mean * second + 3 * mean**2 * first - mean**3
    rounding = np.finfo(float).eps * (np.abs(third) + 3 * np.abs(mean) * second)
    known = (spread > 0) & (rounding < _NOISE * np.maximum(spread, 0) ** 1.5)
    skewness = np.divide(cube, spread**1.5, out=np.zeros(len(mean)), where=known)
    return bounded_skewness(skewness, table.n)


def bounded_skewness(skewness, n):
    """Clip a skewness to what n numbers can have at most."""
    most = np.maximum(n - 2, 0) / np.sqrt(np.maximum(n - 1, 1))
    return np.clip(skewness, -most, most)
