"""Rates of all the people given: what a frame of metrics is made of."""

from warnings import warn

import numpy as np

from fairlearnkit._columns import as_column
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics._reading import rate_reader, read_mean


def true_positive_rate(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of the positive that are predicted positive; also recall, sensitivity.

    :math:`P(\\hat Y = 1 \\mid Y = 1)`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: numbers, booleans or strings.
    y_pred : array-like of shape (n_samples,)
        Predicted labels, not scores.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    pos_label : int, float, bool or str, default=None
        The positive class; by default 1 if labels are in {0, 1} or {-1, 1}. Where there
        are more than two labels, all others together are the negative class.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Raises
    ------
    ValueError
        If the labels leave open which is positive, or predictions are continuous.

    Examples
    --------
    >>> from fairlearnkit.metrics import true_positive_rate
    >>> true_positive_rate([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.5
    """
    return _rate("true_positive_rate", y_true, y_pred, sample_weight, pos_label)


def false_negative_rate(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of the positive that are predicted negative; also miss rate.

    :math:`P(\\hat Y = 0 \\mid Y = 1)`.

    Parameters
    ----------
    y_true, y_pred, sample_weight, pos_label
        As in :func:`true_positive_rate`.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Examples
    --------
    >>> from fairlearnkit.metrics import false_negative_rate
    >>> false_negative_rate([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.5
    """
    return _rate("false_negative_rate", y_true, y_pred, sample_weight, pos_label)


def false_positive_rate(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of the negative that are predicted positive; also fall-out.

    :math:`P(\\hat Y = 1 \\mid Y = 0)`.

    Parameters
    ----------
    y_true, y_pred, sample_weight, pos_label
        As in :func:`true_positive_rate`.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Examples
    --------
    >>> from fairlearnkit.metrics import false_positive_rate
    >>> false_positive_rate([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.3333333333333333
    """
    return _rate("false_positive_rate", y_true, y_pred, sample_weight, pos_label)


def true_negative_rate(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of the negative that are predicted negative; also specificity.

    :math:`P(\\hat Y = 0 \\mid Y = 0)`.

    Parameters
    ----------
    y_true, y_pred, sample_weight, pos_label
        As in :func:`true_positive_rate`.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Examples
    --------
    >>> from fairlearnkit.metrics import true_negative_rate
    >>> true_negative_rate([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.6666666666666666
    """
    return _rate("true_negative_rate", y_true, y_pred, sample_weight, pos_label)


def positive_predictive_value(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of those predicted positive that are positive; also precision.

    :math:`P(Y = 1 \\mid \\hat Y = 1)`.

    Parameters
    ----------
    y_true, y_pred, sample_weight, pos_label
        As in :func:`true_positive_rate`.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Examples
    --------
    >>> from fairlearnkit.metrics import positive_predictive_value
    >>> positive_predictive_value([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.5
    """
    return _rate("positive_predictive_value", y_true, y_pred, sample_weight, pos_label)


def false_discovery_rate(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of those predicted positive that are negative.

    :math:`P(Y = 0 \\mid \\hat Y = 1)`.

    Parameters
    ----------
    y_true, y_pred, sample_weight, pos_label
        As in :func:`true_positive_rate`.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Examples
    --------
    >>> from fairlearnkit.metrics import false_discovery_rate
    >>> false_discovery_rate([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.5
    """
    return _rate("false_discovery_rate", y_true, y_pred, sample_weight, pos_label)


def negative_predictive_value(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of those predicted negative that are negative.

    :math:`P(Y = 0 \\mid \\hat Y = 0)`.

    Parameters
    ----------
    y_true, y_pred, sample_weight, pos_label
        As in :func:`true_positive_rate`.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Examples
    --------
    >>> from fairlearnkit.metrics import negative_predictive_value
    >>> negative_predictive_value([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.6666666666666666
    """
    return _rate("negative_predictive_value", y_true, y_pred, sample_weight, pos_label)


def false_omission_rate(y_true, y_pred, sample_weight=None, pos_label=None):
    """Share of those predicted negative that are positive.

    :math:`P(Y = 1 \\mid \\hat Y = 0)`.

    Parameters
    ----------
    y_true, y_pred, sample_weight, pos_label
        As in :func:`true_positive_rate`.

    Returns
    -------
    rate : float
        In [0, 1]; NaN, with a warning, where there is nobody to take it over.

    Examples
    --------
    >>> from fairlearnkit.metrics import false_omission_rate
    >>> false_omission_rate([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.3333333333333333
    """
    return _rate("false_omission_rate", y_true, y_pred, sample_weight, pos_label)


def selection_rate(y_true, y_pred, *, pos_label=None, sample_weight=None):
    """Share of everybody that is predicted positive.

    :math:`P(\\hat Y = 1)`; the true labels play no part.

    Parameters
    ----------
    y_true, y_pred, pos_label, sample_weight
        As in :func:`true_positive_rate`; only `y_pred` tells which labels there are.

    Returns
    -------
    rate : float
        In [0, 1].

    Examples
    --------
    >>> from fairlearnkit.metrics import selection_rate
    >>> selection_rate([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.4
    """
    return _rate("selection_rate", y_true, y_pred, sample_weight, pos_label)


def mean_prediction(y_true, y_pred, sample_weight=None):
    """Mean of the predictions, which may be any numbers.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Plays no part.
    y_pred : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.

    Returns
    -------
    mean : float

    Examples
    --------
    >>> from fairlearnkit.metrics import mean_prediction
    >>> mean_prediction([1, 2, 3], [1.0, 2.0, 6.0])
    3.0
    """
    people = _everybody(y_true, y_pred, sample_weight)
    found = read_mean(people.moments({"y_pred": people.y_pred}), "mean_prediction")
    return float(found.values[0])


def count(y_true, y_pred):
    """Count the rows.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)

    Returns
    -------
    n_samples : int

    Examples
    --------
    >>> from fairlearnkit.metrics import count
    >>> count([1, 0, 1], [1, 1, 1])
    3
    """
    return len(_everybody(y_true, y_pred, None).sensitive_features)


def _rate(name, y_true, y_pred, sample_weight, pos_label):
    people = _everybody(y_true, y_pred, sample_weight)
    reader = rate_reader(name, pos_label)
    rate = float(reader.read(reader.table(people)).values[0])
    if np.isnan(rate):
        warn(
            f"{name} is undefined: there is nobody to take it over.",
            FairnessWarning,
            stacklevel=3,
        )
    return rate


def _everybody(y_true, y_pred, sample_weight):
    """All rows as one group."""
    n_rows = len(as_column(y_true, "y_true"))
    if len(as_column(y_pred, "y_pred")) != n_rows:
        raise ValueError(f"y_true has {n_rows} rows but y_pred has {len(y_pred)}.")
    return People(y_true, y_pred, np.zeros(n_rows, dtype=np.intp), sample_weight)
