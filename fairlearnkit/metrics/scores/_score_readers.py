"""Readers of the metrics of scores, ours and scikit-learn's.

Scores are numbers, or probabilities of the positive class, one a row.
"""

import numpy as np
from scipy.special import xlog1py, xlogy
from sklearn import metrics as sk

from fairlearnkit._factorize import factorize
from fairlearnkit.metrics._people import positive_codes
from fairlearnkit.metrics._reading import Reader
from fairlearnkit.metrics.numbers._number_readers import loss_reader
from fairlearnkit.metrics.scores import _calibration as calibration
from fairlearnkit.metrics.scores import _calibration_readers as readers
from fairlearnkit.metrics.scores._ranking import read_auc, read_average_precision


def _roc_auc():
    return Reader(lambda people: people.scores(_greater(people.y_true)), read_auc)


def _average_precision(pos_label=1):
    return Reader(lambda people: people.scores(pos_label), read_average_precision)


def _brier_score(pos_label=None):
    def loss(people):
        positive = pos_label
        if positive is None and not _holds_text(people.y_true):
            positive = _greater(people.y_true)
        codes, _ = positive_codes(people.y_true, positive)
        return (readers.probabilities(people.y_pred) - codes) ** 2

    return loss_reader("brier_score_loss", loss, support=(0.0, 1.0))


def _log_loss(labels=None):
    if labels is not None and len(set(labels)) != 2:
        return None

    def loss(people):
        greater = _greater(people.y_true) if labels is None else max(labels)
        codes, _ = positive_codes(people.y_true, greater)
        share = readers.probabilities(people.y_pred)
        # As scikit-learn does, so that a wrong 0 or 1 costs much but not infinitely.
        kind = getattr(np.asarray(people.y_pred), "dtype", np.dtype(float))
        least = np.finfo(kind if kind.kind == "f" else float).eps
        share = np.clip(share, least, 1 - least)
        return -xlogy(codes, share) - xlog1py(1 - codes, -share)

    return loss_reader("log_loss", loss)


def _greater(y_true):
    """The greater of two labels, which is scikit-learn's positive one; else None."""
    labels = factorize(y_true, "y_true")[1]
    return labels[1] if len(labels) == 2 else None


def _holds_text(y_true):
    return any(isinstance(label, str) for label in factorize(y_true, "y_true")[1])


SCORE_READERS = {
    sk.roc_auc_score: _roc_auc,
    sk.average_precision_score: _average_precision,
    sk.brier_score_loss: _brier_score,
    sk.log_loss: _log_loss,
    calibration.mean_calibration_error: readers.mean_error_reader,
    calibration.calibration_intercept: readers.intercept_reader,
    calibration.calibration_slope: readers.slope_reader,
    calibration.expected_calibration_error: readers.expected_error_reader,
}
