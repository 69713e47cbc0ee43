"""Answers of a model for rows that it was not fitted on."""

from functools import partial
from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import check_cv

from fairlearnkit._draws import row_uniforms
from fairlearnkit._sklearn import call_method, fit_clone, is_frozen, take_rows
from fairlearnkit._solvers.cells import dealt_folds


def fit_out_of_fold(mitigator, data, sensitive_features, fit_params, answers_of):
    """Fit `estimator_` on all rows, and answer for each row by a model of other rows.

    A frozen estimator is taken as it is and answers for all rows itself.

    Parameters
    ----------
    mitigator : estimator
        With the parameters `estimator`, `cv` and `n_jobs`; gets `estimator_`.
    data : TrainingData
    sensitive_features : array-like or None
        As given to `fit`, for nested mitigators.
    fit_params : dict
        Passed on to the estimator's `fit`.
    answers_of : callable
        From the fitted `estimator_` to a function ``(model, X, sensitive_features)``
        that gives an array with one row for each row of X. It must pickle.

    Returns
    -------
    answers : ndarray of shape (n_samples,) or (n_samples, n_answers)

    Raises
    ------
    ValueError
        If a row is in no test fold or in several.
    """
    X, y = mitigator._features(data.X), data.labels
    if is_frozen(mitigator.estimator):
        mitigator.estimator_ = mitigator.estimator
        check_frozen_classes(mitigator.estimator_, data)
        return answers_of(mitigator.estimator_)(
            mitigator.estimator_, X, sensitive_features
        )

    def fit(rows):
        return fit_clone(
            mitigator.estimator,
            take_rows(X, rows),
            take_rows(y, rows),
            sample_weight=take_rows(data.weight, rows),
            sensitive_features=take_rows(sensitive_features, rows),
            **fit_params,
        )

    def answer(train, test):
        values = take_rows(sensitive_features, test)
        return answers(fit(train), take_rows(X, test), values)

    folds = splits_of(mitigator.cv, data)
    mitigator.estimator_ = fit(None)
    answers = answers_of(mitigator.estimator_)
    parts = Parallel(n_jobs=mitigator.n_jobs)(delayed(answer)(*fold) for fold in folds)
    if (
        np.bincount(np.concatenate([test for _, test in folds]), minlength=len(y)) != 1
    ).any():
        raise ValueError("cv must put every row in exactly one test fold.")
    found = np.empty((len(y), *np.shape(parts[0])[1:]), dtype=parts[0].dtype)
    for (_, test), part in zip(folds, parts, strict=True):
        found[test] = part
    return found


def probabilities_answer(classes):
    """Answer by `predict_proba`, with columns in the order of `classes`.

    A class that a fold's model has not seen has probability 0.
    """
    return partial(_probabilities, classes=tuple(classes.tolist()))


def probabilities_of(classes, model):
    """Answer by `predict_proba`, or say that the model has none."""
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{type(model).__name__} has no predict_proba; wrap it in a "
            "CalibratedClassifierCV or a GroupCalibratedClassifier."
        )
    return probabilities_answer(classes)


def predictions(model, X, sensitive_features):
    """Answer by `predict`."""
    return np.asarray(call_method(model, "predict", X, sensitive_features))


def _probabilities(model, X, sensitive_features, *, classes):
    found = np.asarray(call_method(model, "predict_proba", X, sensitive_features))
    known = np.asarray(model.classes_).tolist()
    if tuple(known) == classes:
        return found
    placed = np.zeros((len(found), len(classes)))
    placed[:, [classes.index(label) for label in known]] = found
    return placed


def splits_of(cv, data):
    """Rows of each fold, (train, test); an int stratifies by group and label."""
    if cv is None or isinstance(cv, Integral):
        return _stratified_folds(data, 5 if cv is None else cv)
    splitter = check_cv(cv, data.labels, classifier=data.classes is not None)
    return [
        (np.asarray(train), np.arange(len(data.y))[test])
        for train, test in splitter.split(data.X, data.labels)
    ]


def _stratified_folds(data, n_splits):
    """Deal the people of each group and label to the folds, in the order of their hash.

    So neither the order of rows nor the names of groups decides who falls where.
    """
    key = row_uniforms(data.X, 0)
    cell = data.groups.codes
    if data.classes is not None:
        cell = cell * len(data.classes) + data.y
    fold = dealt_folds(cell, key, n_splits)
    folds = [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)
    ]
    return [(train, test) for train, test in folds if len(test)]


def check_frozen_classes(estimator, data):
    """Raise a ValueError unless a fitted classifier knows the classes of the data."""
    if data.classes is None:
        return
    known = np.asarray(estimator.classes_).tolist()
    if known != data.classes.tolist():
        raise ValueError(
            f"the frozen estimator knows the classes {known}, but y has "
            f"{data.classes.tolist()}."
        )
