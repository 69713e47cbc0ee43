"""Sampling laws of areas under curves: of AUC and of average precision.

The spread of either depends on the true value much more than on the data: it is near
0 where the area is near 1. So the laws state the variance as a function of the truth,
by a model of the scores, and scale the model to the variance that the data show, as
far as the data can tell.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit, ndtri

from fairlearnkit.metrics._estimates import GroupEstimates
from fairlearnkit.metrics._intervals import wilson_interval
from fairlearnkit.metrics.scores._bisection import crossing

_PRIOR = 4.0  # people's worth of trust in the model of the variance


@dataclass(frozen=True, eq=False, kw_only=True)
class AreasUnderCurve(GroupEstimates):
    """AUC of every group: how often a positive scores above a negative.

    Parameters
    ----------
    name, groups, values, n, names, support
        As in :class:`GroupEstimates`.
    error : ndarray of shape (n_groups,)
        DeLong's standard error; NaN where a label occurs once only.
    positives, negatives : ndarray of shape (n_groups,)
        People of each label; Kish's effective numbers if weighted.

    Notes
    -----
    The methods of `interval`:

    - "score": the values :math:`\\theta` with
      :math:`(\\hat\\theta - \\theta)^2 \\le z^2 f V(\\theta)`. For m positives and n
      negatives, :math:`V` is Newcombe's variance, which takes both labels' scores to
      spread alike,

      .. math::  V(\\theta) = \\frac{\\theta (1 - \\theta)}{mn} \\Big[1 +
                 \\Big(\\frac{m + n}{2} - 1\\Big) \\Big(\\frac{1 - \\theta}{2 -
                 \\theta} + \\frac{\\theta}{1 + \\theta}\\Big)\\Big]

      and :math:`f = (k r + 4) / (k + 4)` shrinks the ratio r of DeLong's variance to
      :math:`V(\\hat\\theta)` towards 1, with :math:`k = 4 \\min(m, n) \\hat\\theta (1 -
      \\hat\\theta)`.
    - "newcombe": the same with :math:`f = 1` (Newcombe's method 5).
    - "logit": DeLong's, normal on the scale of log odds; without width at 1.
    - "delong": DeLong's, normal.

    Coverage of nominal 95 % in groups of 20, 50, 200 and 1000 people, 30 % of them
    positive, for AUCs of .5, .7, .9 and .97 and normal scores of equal spread: "score"
    .95-.97, "newcombe" .95-.99, "logit" .60-.97, "delong" .63-.96 (``python -m
    benchmarks coverage_scores``). Where positives' scores spread twice as wide, "score"
    held in .93-.95 and "newcombe", which does not see the spread, in .89-.94.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more correlated
    receiver operating characteristic curves", Biometrics 44, 1988.
    :doi:`10.2307/2531595`

    Hanley, McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143, 1982.
    :doi:`10.1148/radiology.143.1.7063747`

    Newcombe, "Confidence intervals for an effect size measure based on the
    Mann-Whitney statistic. Part 2: asymptotic methods and evaluation", Statistics in
    Medicine 25, 2006. :doi:`10.1002/sim.2324`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import AreasUnderCurve
    >>> areas = AreasUnderCurve(
    ...     name="roc_auc_score", groups=("a", "b"), values=np.array([0.8, 1.0]),
    ...     n=np.array([50.0, 20.0]), error=np.array([0.07, 0.0]),
    ...     positives=np.array([15.0, 6.0]), negatives=np.array([35.0, 14.0]),
    ... )
    >>> low, high = areas.interval()
    >>> print(low.round(2), high.round(2))
    [0.63 0.77] [0.9 1. ]
    """

    error: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    support: tuple = (0.0, 1.0)
    methods: ClassVar[tuple] = ("score", "newcombe", "logit", "delong")

    def _interval(self, confidence_level, method):
        z = ndtri(0.5 + confidence_level / 2)
        if method in ("logit", "delong"):
            return _normal_ends(self.values, z * self.error, method == "logit")
        factor = self._factor() if method == "score" else 1.0

        def outside(truth):
            reach = z**2 * factor * self._variance(truth)
            return (self.values - truth) ** 2 > reach

        ends = 0 * self.values, 0 * self.values + 1
        return tuple(crossing(outside, self.values, end) for end in ends)

    def sampler(self, ranks):
        """Return what draws areas of the variance that the true ones imply."""
        return _clipped_normal(ranks, lambda t: self._factor() * self._variance(t))

    def smoothed(self):
        """Pulled towards a half by one person, so that an AUC of 1 can vary."""
        return _pulled(self.values, np.minimum(self.positives, self.negatives))

    def precision(self, truth=None):
        """Reciprocal variance at the truth, or at the smoothed value."""
        return _reciprocal(self, truth)

    def _variance(self, truth):
        """Newcombe's variance of an area that is truly this large."""
        people = (self.positives + self.negatives) / 2 - 1
        pairs = self.positives * self.negatives
        inflation = 1 + people * ((1 - truth) / (2 - truth) + truth / (1 + truth))
        with np.errstate(divide="ignore", invalid="ignore"):
            return truth * (1 - truth) * inflation / pairs

    def _factor(self):
        people = np.minimum(self.positives, self.negatives)
        return _shrunk_ratio(self, self._variance(self.values), people)


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePrecisions(GroupEstimates):
    """Average precision of every group, also known as area under the PR curve.

    Parameters
    ----------
    name, groups, values, n, names, support
        As in :class:`GroupEstimates`.
    error : ndarray of shape (n_groups,)
        Linearised standard error; NaN where there is one positive only.
    positives : ndarray of shape (n_groups,)
        Positive people; Kish's effective number if weighted.

    Notes
    -----
    The methods of `interval`:

    - "score": Wilson's interval of a share of :math:`m / f` people, where m counts the
      positives and f shrinks the ratio r of the linearised variance to
      :math:`\\hat\\theta (1 - \\hat\\theta) / m` towards 1: :math:`f = (k r + 4) / (k +
      4)` with :math:`k = 4 m \\hat\\theta (1 - \\hat\\theta)`.
    - "logit": normal on the scale of log odds; without width at 1.
    - "normal": with the linearised standard error.

    Average precision is biased upwards in small groups: by .10 for 6 positives among 20
    people and random scores (whose true value is the share of positives, .3), by .05
    among 50 and .02 among 200. So it must not be compared between groups of very
    different size, or of different shares of positives. Coverage of nominal 95 % in
    groups of 20, 50, 200 and 1000 people as for :class:`AreasUnderCurve`: "score"
    .93-.99, "logit" .61-.96, "normal" .60-.96 (``python -m benchmarks
    coverage_scores``); where positives' scores spread half as wide, "score" fell to
    .90.

    References
    ----------
    Boyd, Eng, Page, "Area under the precision-recall curve: point estimates and
    confidence intervals", ECML PKDD 2013. :doi:`10.1007/978-3-642-40994-3_29`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import AveragePrecisions
    >>> found = AveragePrecisions(
    ...     name="average_precision_score", groups=("a", "b"),
    ...     values=np.array([0.7, 1.0]), n=np.array([50.0, 20.0]),
    ...     error=np.array([0.1, 0.0]), positives=np.array([15.0, 6.0]),
    ... )
    >>> low, high = found.interval()
    >>> print(low.round(2), high.round(2))
    [0.48 0.61] [0.86 1.  ]
    """

    error: np.ndarray
    positives: np.ndarray
    support: tuple = (0.0, 1.0)
    methods: ClassVar[tuple] = ("score", "logit", "normal")

    def _interval(self, confidence_level, method):
        if method == "score":
            n = self.positives / self._factor()
            return wilson_interval(self.values, n, confidence_level)
        reach = ndtri(0.5 + confidence_level / 2) * self.error
        return _normal_ends(self.values, reach, method == "logit")

    def sampler(self, ranks):
        """Return what draws values of the variance that the true ones imply."""
        return _clipped_normal(ranks, lambda t: self._factor() * self._variance(t))

    def smoothed(self):
        """Pulled towards a half by one person, so that a value of 1 can vary."""
        return _pulled(self.values, self.positives)

    def precision(self, truth=None):
        """Reciprocal variance at the truth, or at the smoothed value."""
        return _reciprocal(self, truth)

    def _variance(self, truth):
        with np.errstate(divide="ignore", invalid="ignore"):
            return truth * (1 - truth) / self.positives

    def _factor(self):
        return _shrunk_ratio(self, self._variance(self.values), self.positives)


def _reciprocal(law, truth):
    truth = law.smoothed() if truth is None else truth
    with np.errstate(divide="ignore"):
        return 1 / (law._factor() * law._variance(truth))


def _shrunk_ratio(law, modelled, people):
    """Observed by modelled variance, as far as the data tell it from 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = law.error**2 / modelled
    told = np.where(np.isfinite(ratio), 4 * people * law.values * (1 - law.values), 0.0)
    return (told * np.where(told > 0, ratio, 1.0) + _PRIOR) / (told + _PRIOR)


def _normal_ends(values, reach, on_log_odds):
    if not on_log_odds:
        return np.clip(values - reach, 0, 1), np.clip(values + reach, 0, 1)
    inside = (values > 0) & (values < 1)
    safe = np.where(inside, values, 0.5)
    step = reach / (safe * (1 - safe))
    return tuple(
        np.where(inside, expit(logit(safe) + sign * step), values) for sign in (-1, 1)
    )


def _clipped_normal(ranks, variance):
    """Draw within [0, 1] about the truth, with the variance that it implies."""
    n_draws = ranks.shape[1]
    steps = ndtri((np.arange(n_draws) + 0.5) / n_draws)[ranks].T
    return lambda truth: np.clip(truth + steps * np.sqrt(variance(truth)), 0, 1)


def _pulled(values, people):
    return (values * people + 0.5) / (people + 1)
