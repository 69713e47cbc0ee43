"""Errors of predicted numbers, one a person, and their mean."""

import numpy as np

from fairlearnkit._columns import as_numbers
from fairlearnkit._vocabulary import check_lengths, check_weight


def mean_error(y_true, y_pred, sample_weight=None):
    """Mean of predicted minus true numbers: the bias of the predictions.

    It is positive where predictions are too high on average, negative where they are
    too low, and 0 where errors cancel, however large they are. Of a group, it says
    whether the group as a whole is over- or underrated;
    :func:`sklearn.metrics.mean_absolute_error` says how far predictions miss.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True numbers.
    y_pred : array-like of shape (n_samples,)
        Predicted numbers.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.

    Returns
    -------
    error : float
        In the units of `y_true`.

    Raises
    ------
    ValueError
        If lengths differ, or a number is missing or infinite.

    See Also
    --------
    mean_prediction : Mean of the predictions alone.
    disparity : How far the groups lie apart, with an interval.

    Notes
    -----
    .. math:: \\frac{\\sum_i w_i (\\hat y_i - y_i)}{\\sum_i w_i}

    Equal mean errors of all groups are "mean residual parity", what calibration in the
    large asks of each group.

    Examples
    --------
    >>> from fairlearnkit.metrics import mean_error
    >>> mean_error([1.0, 2.0, 3.0], [2.0, 2.0, 5.0])
    1.0
    """
    error = signed_errors(y_true, y_pred)
    check_lengths(len(error), y_pred=error)
    weight = check_weight(sample_weight, len(error))
    if weight is not None and not weight.any():
        raise ValueError("all weights are 0, so there is nobody to take the mean over.")
    return float(np.average(error, weights=weight))


def signed_errors(y_true, y_pred):
    """Predicted minus true number of each person.

    Raises
    ------
    ValueError
        If lengths differ, or a number is missing or infinite.
    """
    true, predicted = as_numbers(y_true, "y_true"), as_numbers(y_pred, "y_pred")
    rows = len(true), len(predicted)
    if rows[0] != rows[1]:
        raise ValueError(f"y_true has {rows[0]} rows but y_pred has {rows[1]}.")
    return predicted - true
