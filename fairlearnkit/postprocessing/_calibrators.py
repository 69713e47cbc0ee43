"""Maps from a model's scores to calibrated probabilities.

Scores are log odds, in one column for two classes; for several classes they are
probabilities, one column for each.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from fairlearnkit.tables import ScoreTable

METHODS = ("isotonic", "sigmoid", "temperature")

_NEVER = 1e-6  # probabilities of 0 and 1 have no finite log odds
_DIGITS = 12  # a mean of equal counts is a half, whatever the order of the sum
_COLDEST = 10.0  # largest absolute logarithm of a temperature


@dataclass(frozen=True)
class OneVsRest:
    """A calibrator for each class, and probabilities that add up to 1.

    Parameters
    ----------
    parts : tuple of callable
        From log odds to probabilities, one for each class; one alone for two classes.
    """

    parts: tuple

    def __call__(self, scores):
        """Probabilities of all classes, of shape (n_samples, n_classes)."""
        if len(self.parts) == 1:
            positive = self.parts[0](scores[:, 0])
            return np.column_stack([1 - positive, positive])
        odds = finite_log_odds(scores)
        found = [part(odds[:, k]) for k, part in enumerate(self.parts)]
        shares = np.column_stack(found)
        total = shares.sum(axis=1, keepdims=True)
        even = np.full(shares.shape, 1 / shares.shape[1])
        return np.divide(shares, total, out=even, where=total > 0)


@dataclass(frozen=True)
class Isotonic:
    """A nondecreasing function, linear between the scores that it was fitted on.

    Parameters
    ----------
    regression : IsotonicRegression
    """

    regression: IsotonicRegression

    @classmethod
    def fit(cls, odds, positive, weight):
        """Fit to labels 0 and 1."""
        regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        return cls(regression.fit(odds, positive, sample_weight=weight))

    def __call__(self, odds):
        """Probability of each row."""
        return np.round(self.regression.predict(odds), _DIGITS)


@dataclass(frozen=True)
class Sigmoid:
    """Log odds of ``intercept + slope * score`` (Platt scaling).

    Parameters
    ----------
    intercept, slope : float
    """

    intercept: float
    slope: float

    @classmethod
    def fit(cls, odds, positive, weight):
        """Fit to labels 0 and 1, drawn in by Platt's one person of each label.

        The targets (n + 1) / (n + 2) and 1 / (n + 2) keep the slope finite where the
        scores separate the labels.
        """
        ones = weight @ positive
        zeros = weight.sum() - ones
        target = np.where(positive, (ones + 1) / (ones + 2), 1 / (zeros + 2))
        center, scale = np.average(odds, weights=weight), 1.0
        spread = np.sqrt(np.average((odds - center) ** 2, weights=weight))
        if spread > 0:
            scale = spread
        model = LogisticRegression(C=1e9, solver="newton-cholesky", tol=1e-10)
        model.fit(
            np.tile((odds - center) / scale, 2).reshape(-1, 1),
            np.repeat([1, 0], len(odds)),
            sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
        )
        slope = float(model.coef_[0, 0]) / scale
        return cls(float(model.intercept_[0]) - slope * center, slope)

    def __call__(self, odds):
        """Probability of each row."""
        return expit(self.intercept + self.slope * odds)


@dataclass(frozen=True)
class Temperature:
    """Log probabilities divided by one temperature for all classes.

    Parameters
    ----------
    temperature : float
        Above 1 it draws probabilities towards each other.
    """

    temperature: float

    @classmethod
    def fit(cls, scores, y, weight):
        """Fit by maximum likelihood; `y` holds positions of classes."""
        logits = _logits(scores)
        true = logits[np.arange(len(y)), y]

        def slope(log_sharpness):
            expected = softmax(np.exp(log_sharpness) * logits, axis=1) * logits
            return weight @ (expected.sum(axis=1) - true)

        low, high = -_COLDEST, _COLDEST
        if slope(low) >= 0:
            sharpness = low
        elif slope(high) <= 0:
            sharpness = high
        else:
            sharpness = brentq(slope, low, high, xtol=1e-13)
        return cls(float(np.exp(-sharpness)))

    def __call__(self, scores):
        """Probabilities of all classes, of shape (n_samples, n_classes)."""
        return softmax(_logits(scores) / self.temperature, axis=1)


def fit_calibrator(method, scores, y, weight):
    """Fit a calibrator of all classes.

    Parameters
    ----------
    method : {"isotonic", "sigmoid", "temperature"}
    scores : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        Log odds of the second of two classes, or probabilities of several.
    y : ndarray of int of shape (n_samples,)
        Position of the true class.
    weight : ndarray of shape (n_samples,)
        Rows without weight are left out.

    Returns
    -------
    calibrator : callable
        From scores to probabilities of shape (n_samples, n_classes).
    """
    used = weight > 0
    scores, y, weight = scores[used], y[used], weight[used]
    if method == "temperature":
        return Temperature.fit(scores, y, weight)
    kind = {"isotonic": Isotonic, "sigmoid": Sigmoid}[method]
    if scores.shape[1] == 1:
        return OneVsRest((kind.fit(scores[:, 0], y == 1, weight),))
    odds = finite_log_odds(scores)
    parts = [kind.fit(odds[:, k], y == k, weight) for k in range(scores.shape[1])]
    return OneVsRest(tuple(parts))


def fit_calibrators(method, scores, data, *, rows=slice(None), shrink=0):
    """Fit a calibrator to all people together, and one to each group.

    Parameters
    ----------
    method, scores
        As in `fit_calibrator`.
    data : TrainingData
    rows : index, default=all
        Rows to fit to.
    shrink : float, default=0
        People of all groups, in number, who are added to each group.

    Returns
    -------
    everyone : callable
    maps : list of n_groups callables
        That of everyone for a group of nobody.
    """
    weight, codes = data.weight_or_ones[rows], data.groups.codes[rows]
    fit = partial(fit_calibrator, method, scores[rows], data.y[rows])
    everyone = fit(weight)
    prior = shrink * weight / weight.sum()
    own = [weight * (codes == code) for code in range(len(data.groups))]
    return everyone, [fit(w + prior) if w.any() else everyone for w in own]


def calibrate_by_group(everyone, maps, scores, codes):
    """Probabilities by each row's map; by that of everyone where the code is -1."""
    found = everyone(scores)
    for code, calibrate in enumerate(maps):
        rows = np.flatnonzero(codes == code)
        if len(rows):
            found[rows] = calibrate(scores[rows])
    return found


def finite_log_odds(probability):
    """Log odds of probabilities, rounded as in score tables so that batches agree.

    They are first brought into [1e-6, 1 - 1e-6].
    """
    return logit(np.clip(ScoreTable.quantize(probability), _NEVER, 1 - _NEVER))


def _logits(scores):
    """Scores of all classes, up to a constant a row, before a softmax."""
    if scores.shape[1] == 1:
        return np.column_stack([np.zeros(len(scores)), scores[:, 0]])
    return np.log(np.clip(scores, _NEVER, 1))


def uncalibrated(scores):
    """Probabilities of all classes as the scores have them."""
    if scores.shape[1] > 1:
        return scores
    return np.column_stack([expit(-scores[:, 0]), expit(scores[:, 0])])
