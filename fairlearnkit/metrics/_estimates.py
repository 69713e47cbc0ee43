"""A metric of every group together with its sampling law.

Intervals, tests and gaps ask an estimate two things only: the interval of each value,
and what other samples from a given truth would have shown.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import bdtr, expit, logit, ndtri, stdtrit

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit.metrics._interval_estimate import check_confidence_level
from fairlearnkit.metrics._intervals import PROPORTION_METHODS, proportion_interval

_MANY = 100.0  # variance of a count beyond which a normal number stands for it


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupEstimates(ABC):
    """A metric of every group, with its sampling law; base of all laws.

    Parameters
    ----------
    name : str
        Name of the metric.
    groups : tuple
        Label of each group.
    values : ndarray of shape (n_groups,)
        Estimates; NaN where the metric is undefined.
    n : ndarray of shape (n_groups,)
        People behind each value; Kish's effective number if weighted.
    names : tuple of str
        Names of the sensitive columns.
    support : tuple (low, high)
        Values that the metric can take.
    """

    name: str
    groups: tuple
    values: np.ndarray
    n: np.ndarray
    names: tuple = ("sensitive_features",)
    support: tuple = (-np.inf, np.inf)
    methods: ClassVar[tuple] = ()  # of intervals, the default one first
    biased: ClassVar[bool] = False  # whether few people move the value in one direction

    def interval(self, confidence_level=0.95, method=None):
        """Interval of each value on its own.

        Parameters
        ----------
        confidence_level : float in (0, 1), default=0.95
        method : str, default=None
            One of `methods`; by default the first.

        Returns
        -------
        low, high : ndarray of shape (n_groups,)
            NaN where the metric is undefined.

        Raises
        ------
        ValueError
            If this law has no such method.
        """
        check_confidence_level(confidence_level)
        method = self.methods[0] if method is None else method
        if method not in self.methods:
            raise ValueError(
                f"{self.name} has no interval {method!r}; choose from {self.methods}."
            )
        return self._interval(confidence_level, method)

    @abstractmethod
    def _interval(self, confidence_level, method):
        """Ends of the interval by a method that is known."""

    @abstractmethod
    def sampler(self, ranks):
        """Return what draws the values that samples of the same size would show.

        Parameters
        ----------
        ranks : ndarray of shape (n_groups, n_draws)
            A permutation of ``range(n_draws)`` for each group: the draw of rank r is
            the quantile at ``(r + 0.5) / n_draws`` of the group's law.

        Returns
        -------
        draw : callable
            From true values of shape (n_groups,) to an array of shape (n_draws,
            n_groups).
        """

    def known(self):
        """Tell of which groups the value, and how uncertain it is, are known.

        A mean of one person, say, has no standard error.
        """
        low, _ = self.interval()
        return ~np.isnan(self.values) & ~np.isnan(low)

    def smoothed(self):
        """Values to draw from, shrunk off the ends where nothing would ever vary."""
        return self.values

    def precision(self, truth=None):
        """Reciprocal variance of each value, for weighing them against each other.

        Parameters
        ----------
        truth : ndarray of shape (n_groups,), default=None
            True values, where the variance depends on them.
        """
        low, high = self.interval(0.6827)
        half = np.maximum((high - low) / 2, 1e-12)
        return 1 / half**2

    def take(self, rows):
        """Keep some groups.

        Parameters
        ----------
        rows : ndarray of int
        """
        fields = {
            name: value[rows] if isinstance(value, np.ndarray) else value
            for name, value in self.__dict__.items()
        }
        return type(self)(**fields | {"groups": tuple(self.groups[r] for r in rows)})

    def to_frame(self, confidence_level=0.95, method=None):
        """Tabulate value, interval and number of people by group.

        Parameters
        ----------
        confidence_level : float in (0, 1), default=0.95
        method : str, default=None

        Returns
        -------
        frame : pandas.DataFrame
            Index: the groups; columns: value, low, high, n.
        """
        pandas = require("pandas", extra="pandas", user="to_frame")
        low, high = self.interval(confidence_level, method)
        columns = {"value": self.values, "low": low, "high": high, "n": self.n}
        index = label_index(self.groups, self.names, "to_frame")
        return pandas.DataFrame(columns, index=index)


@dataclass(frozen=True, eq=False, kw_only=True)
class Shares(GroupEstimates):
    """A share of people in every group: binomial.

    Parameters
    ----------
    name, groups, values, n, names, support
        As in :class:`GroupEstimates`.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import Shares
    >>> shares = Shares(
    ...     name="selection_rate", groups=("a", "b"),
    ...     values=np.array([0.9, 0.5]), n=np.array([20, 200]),
    ... )
    >>> low, high = shares.interval()
    >>> print(low.round(3), high.round(3))
    [0.699 0.431] [0.972 0.569]
    """

    support: tuple = (0.0, 1.0)
    methods: ClassVar[tuple] = PROPORTION_METHODS

    def _interval(self, confidence_level, method):
        return proportion_interval(self.values, self.n, confidence_level, method=method)

    def sampler(self, ranks):
        """Return what draws shares of `n` people: binomial, normal where many."""
        size = np.maximum(np.round(self.n), 1)
        levels = _levels(ranks)
        normal = ndtri(levels)

        def quantiles(share, n):
            variance = n * share * (1 - share)
            if variance > _MANY:
                return np.clip(share + np.sqrt(variance) / n * normal, 0, 1)
            counts = np.arange(n + 1)
            ends = np.searchsorted(levels, bdtr(counts, int(n), share), side="right")
            ends[-1] = len(levels)
            ends[1:] -= ends[:-1]
            return np.repeat(counts / n, ends)

        def draw(truth):
            pairs = zip(truth, size, ranks, strict=True)
            return np.stack([quantiles(p, n)[r] for p, n, r in pairs]).T

        return draw

    def smoothed(self):
        """Half a person more on either side, so that a share of 0 can vary."""
        return (self.values * self.n + 0.5) / (self.n + 1)

    def precision(self, truth=None):
        """Reciprocal variance at the truth, or at a share pulled towards a half."""
        values, more = (self.values, 4) if truth is None else (truth, 1)
        share = (values * self.n + more / 2) / (self.n + more)
        return self.n / (share * (1 - share))


_SCALES = {  # transform, its derivative, its inverse
    "identity": (lambda v: v, np.ones_like, lambda v: v),
    "log": (np.log, lambda v: 1 / v, np.exp),
    "logit": (logit, lambda v: 1 / (v * (1 - v)), expit),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Means(GroupEstimates):
    """A metric whose estimate is nearly normal on some scale: means and their kin.

    Parameters
    ----------
    name, groups, values, n, names, support
        As in :class:`GroupEstimates`.
    error : ndarray of shape (n_groups,)
        Standard error of each value.
    scale : {"identity", "log", "logit"}, default="identity"
        Where it is nearly normal; the interval never leaves the scale's range.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import Means
    >>> errors = Means(
    ...     name="mean_error", groups=("a", "b"), values=np.array([0.1, -0.2]),
    ...     n=np.array([50, 80]), error=np.array([0.05, 0.04]),
    ... )
    >>> low, high = errors.interval()
    >>> print(low.round(3), high.round(3))
    [-0.    -0.28] [ 0.2  -0.12]
    """

    error: np.ndarray
    scale: str = "identity"
    methods: ClassVar[tuple] = ("t", "normal")

    def _interval(self, confidence_level, method):
        tail = 0.5 + confidence_level / 2
        reach = ndtri(tail) if method == "normal" else self._t(tail)
        with np.errstate(invalid="ignore"):
            return self._moved(self.values, -reach), self._moved(self.values, reach)

    def sampler(self, ranks):
        """Return what draws normal numbers on the scale, Student's where few."""
        quantiles = self._t(_levels(ranks)[:, None]).T
        steps = np.take_along_axis(quantiles, ranks, axis=1).T
        return lambda truth: self._moved(truth, steps)

    def _t(self, tail):
        freedom = np.maximum(self.n - 1, 1)
        return stdtrit(freedom, tail)

    def _moved(self, values, steps):
        """Go some standard errors up on the scale."""
        forward, slope, back = _SCALES[self.scale]
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = steps * self.error * slope(self.values)
            reach = np.where(self.error == 0, 0.0, reach)
            moved = back(forward(np.asarray(values, float)) + reach)
        moved = np.where(self.error == 0, values, moved)
        return np.clip(moved, *self.support)


def _levels(ranks):
    """Probability of the quantile of each rank."""
    n_draws = ranks.shape[1]
    return (np.arange(n_draws) + 0.5) / n_draws
