"""Scores of people by group, from arrays or from a fitted model."""

from dataclasses import replace
from warnings import warn

import numpy as np

from fairlearnkit._columns import check_row_order
from fairlearnkit._groups import names_columns, resolve_groups
from fairlearnkit._sklearn import (
    call_method,
    positive_score,
    response_method_of,
    thawed,
)
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics._people import People, as_scores, with_positive_class


def score_table(
    y_true, y_score, sensitive_features, sample_weight, pos_label, name="y_score"
):
    """Count labels by group and score.

    Parameters
    ----------
    y_true, y_score : array-like of shape (n_samples,)
    sensitive_features : array-like, Series, data frame, dict or Groups
    sample_weight : array-like of shape (n_samples,) or None
    pos_label : int, float, bool, str or None
    name : str, default="y_score"
        What the caller calls the scores, for messages.

    Returns
    -------
    table : ScoreTable
        Of the classes (other, positive).
    """
    columns = {
        "y_true": y_true,
        name: y_score,
        "sensitive_features": sensitive_features,
        "sample_weight": sample_weight,
    }
    check_row_order(columns.items())
    scores = as_scores(y_score, name)
    people = People(y_true, scores, sensitive_features, sample_weight)
    return people.scores(pos_label)


def decision_counts(y_true, y_pred, sensitive_features, sample_weight, pos_label):
    """Count labels by group and decision, the positive class last; None if undecided.

    Parameters
    ----------
    y_true, y_pred, sensitive_features, sample_weight, pos_label
        As in :func:`score_table`; `y_pred` may be None.

    Returns
    -------
    table : GroupCounts or None
    """
    if y_pred is None:
        return None
    people = People(y_true, y_pred, sensitive_features, sample_weight)
    people.check_row_order()
    table = with_positive_class(people.counts, pos_label)
    if len(table.classes) > 2:
        raise ValueError(
            f"y_true and y_pred have more than two labels: {list(table.classes)}."
        )
    if pos_label is None or table.classes[-1] == pos_label:
        return table
    flipped = slice(None, None, -1)
    return replace(
        table,
        counts=table.counts[:, flipped, flipped],
        squares=table.squares[:, flipped, flipped],
        classes=table.classes[flipped],
    )


def groups_for(X, sensitive_features, owner):
    """Resolve groups from column(s) of X, or from values.

    A name, an index, a callable, or a list of these that is not one value a row, is
    looked up in X; all else are the values themselves.

    Parameters
    ----------
    X : array-like or data frame of shape (n_samples, n_features)
    sensitive_features : str, int, callable, list of these, or values
    owner : str
        Who asks, for messages.

    Returns
    -------
    groups : Groups
    """
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    named = names_columns(sensitive_features, X.shape[0])
    entrance = "spec" if named else "sensitive_features"
    return resolve_groups(X, **{entrance: sensitive_features}, owner=owner)


def predictions_of(estimator, X, groups):
    """Decisions of a fitted model, which gets the groups if it asks for them."""
    return call_method(thawed(estimator), "predict", X, groups.values())


def scores_of(estimator, X, groups, response_method="auto", pos_label=None):
    """Scores of the positive class of a fitted classifier.

    Parameters
    ----------
    estimator : fitted classifier
    X : array-like or data frame of shape (n_samples, n_features)
    groups : Groups
        Handed to a model that asks for them.
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
    pos_label : int, float, bool or str, default=None
        By default the second class of the model.

    Returns
    -------
    scores : ndarray of shape (n_samples,)
    pos_label : int, float, bool or str

    Raises
    ------
    ValueError
        If the model has no such method, or not two classes, or not this one.
    """
    model, name = thawed(estimator), type(estimator).__name__
    method = response_method_of(model, response_method)
    if method is None or not hasattr(model, method):
        both = "predict_proba or decision_function"
        asked = both if response_method == "auto" else response_method
        raise ValueError(f"{name} has no {asked}, from which scores are taken.")
    classes = np.asarray(model.classes_).tolist()
    if len(classes) != 2:
        raise ValueError(f"{name} must have two classes to be drawn, got {classes}.")
    pos_label = classes[1] if pos_label is None else pos_label
    if pos_label not in classes:
        raise ValueError(
            f"pos_label={pos_label!r} is not a class; the classes are {classes}."
        )
    scores = positive_score(model, method, X, groups.values())
    if pos_label == classes[0]:
        scores = 1 - scores if method == "predict_proba" else -scores
    return scores, pos_label


def warn_left_out(table, codes, what, need):
    """Name the groups of which there is nothing to draw.

    Parameters
    ----------
    table : ScoreTable
    codes : ndarray of int
    what : str
        What is not drawn.
    need : str
        What the groups lack.
    """
    if len(codes):
        groups = shortlist([repr(table.groups[code]) for code in codes])
        warn(
            f"{what} needs {need}, which {', '.join(table.names)} in [{groups}] "
            "lacks; these groups are left out.",
            FairnessWarning,
            stacklevel=5,
        )
