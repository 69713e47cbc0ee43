"""How often a decision hangs on the sensitive value that the model is given."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import is_regressor

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit._groups import resolve_groups
from fairlearnkit._sklearn import call_method, take_rows
from fairlearnkit._vocabulary import check_weight
from fairlearnkit.metrics._interval_estimate import (
    Estimate,
    check_confidence_level,
    kish_number,
    log_interval,
    standard_error,
)
from fairlearnkit.metrics._intervals import wilson_interval
from fairlearnkit.metrics.individual._replacement import column_keys, replace_values

_METHODS = ("predict", "predict_proba", "decision_function")


@dataclass(frozen=True, eq=False)
class FlipRate:
    """How often decisions change with the sensitive value, or by how much scores do.

    Parameters
    ----------
    name : str
        "flip_rate", or "mean_absolute_change" for scores.
    overall : Estimate
        Share of the people whose decision changes for at least one other value; for
        scores the mean, over people, of the largest change.
    groups : tuple of n_groups labels
        Groups of people, by their own values.
    values, low, high : ndarray of shape (n_groups,)
        The same in each group, with intervals; NaN if there is no other value.
    n : ndarray of shape (n_groups,)
        People; the effective number if weighted.
    targets : tuple of n_targets labels
        Values that were tried.
    matrix, matrix_low, matrix_high : ndarray of shape (n_groups, n_targets)
        The same for the people of one group and one other value; NaN where it is their
        own.
    confidence_level : float
        Nominal coverage of each interval on its own.
    names : tuple of str
        Names of the sensitive columns.
    """

    name: str
    overall: Estimate
    groups: tuple
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray
    targets: tuple
    matrix: np.ndarray
    matrix_low: np.ndarray
    matrix_high: np.ndarray
    confidence_level: float
    names: tuple

    def to_frame(self):
        """Return one row for each group, as a pandas DataFrame."""
        user = "FlipRate.to_frame"
        columns = {name: getattr(self, name) for name in ("values", "low", "high", "n")}
        return require("pandas", extra="pandas", user=user).DataFrame(
            columns, index=label_index(self.groups, self.names, user)
        )

    def matrix_to_frame(self):
        """Return the matrix, groups down and tried values across, as a DataFrame."""
        user = "FlipRate.matrix_to_frame"
        return require("pandas", extra="pandas", user=user).DataFrame(
            self.matrix,
            index=label_index(self.groups, self.names, user),
            columns=label_index(self.targets, self.names, user),
        )


def flip_rate(
    estimator,
    X,
    *,
    sensitive_features,
    values=None,
    response_method="predict",
    sample_weight=None,
    confidence_level=0.95,
):
    """Share of people whose decision changes if only their sensitive value does.

    The model is asked again about the same people with another group's value in the
    sensitive columns. A share above 0 proves that the model uses these columns.

    **It is not a causal counterfactual.** Nothing but these columns is replaced: not
    what a person's sex or race has changed in their schooling, address or income, nor
    any other proxy. So a share of 0 does not show that a model is fair: one that never
    sees the columns has 0, whatever it infers from the others. And people who are put
    together like this need not exist, so that the model may be asked where it never
    learned anything.

    Parameters
    ----------
    estimator : object
        Fitted; a pipeline, search or mitigator that takes X with the columns in it.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
    sensitive_features : str, int, or list of these
        Columns of X, by name or index; several are changed together.
    values : list, default=None
        Values to try: tuples for several columns. By default those that occur in X, for
        several columns their combinations that occur.
    response_method : {"predict", "predict_proba", "decision_function"}, \
            default="predict"
        Decisions are counted if they differ. Scores, and predictions of a regressor,
        are compared by the absolute change; probabilities of all classes by half the
        sum of their changes, which for two classes is the change of one.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    result : FlipRate

    Raises
    ------
    ValueError
        If a sensitive feature is not a column of X or has missing values, there is no
        other value to try, or a value does not fit the type of its column.

    See Also
    --------
    consistency_score : Whether people who are alike are treated alike.

    Notes
    -----
    With the decision :math:`\\hat y(x, a)` for other features x and sensitive value a
    the share is

    .. math::  \\frac1n \\sum_i \\max_{a' \\ne a_i}
        1[\\hat y(x_i, a') \\ne \\hat y(x_i, a_i)],

    called causal discrimination by Galhotra, Brun and Meliou.

    Shares get Wilson's interval, and so do changes of probabilities, on the number of
    people that a share of the same variance would need. Other changes get a normal
    interval of their logarithm. All tell how other people would fare with the same
    model. Simulated coverage of both for skewed changes, of which up to 90 % are 0:
    92 to 95 % with 50 people, 94 to 96 % with 200 and 1000. There is no test: if the
    truth were 0, nobody's decision would change.

    A randomised rule may decide anew for a changed row. Use it with
    ``deterministic=True`` where it has that, or compare its probabilities.

    The model is asked once for each value that is tried.

    References
    ----------
    Galhotra, Brun, Meliou, "Fairness testing: testing software for discrimination",
    ESEC/FSE 2017. :doi:`10.1145/3106237.3106277`

    Kusner, Loftus, Russell, Silva, "Counterfactual fairness", NeurIPS 2017, is what
    this is not. :doi:`10.48550/arXiv.1703.06856`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import flip_rate
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> income, sex = np.repeat(np.arange(10), 2), np.tile([0, 1], 10)
    >>> X = np.column_stack([income, sex])
    >>> model = DecisionTreeClassifier().fit(X, income + 2 * sex > 5)
    >>> found = flip_rate(model, X, sensitive_features=1)
    >>> print(found.overall)
    0.2 [0.0807, 0.416]
    >>> found.targets, found.matrix
    ((0, 1), array([[nan, 0.2],
           [0.2, nan]]))
    """
    check_confidence_level(confidence_level)
    if response_method not in _METHODS:
        raise ValueError(
            f"response_method must be one of {_METHODS}, got {response_method!r}."
        )
    X, weight = _check_rows(X, sample_weight)
    keys = column_keys(X, sensitive_features)
    groups = resolve_groups(X, spec=keys, owner="flip_rate")
    targets = _targets(values, groups)
    numeric = response_method != "predict" or is_regressor(estimator)
    interval = _interval_of(numeric, response_method, confidence_level)
    before = _response(estimator, response_method, X)
    largest, tried = np.zeros(len(weight)), np.zeros(len(weight), dtype=bool)
    cells = np.full((3, len(groups), len(targets)), np.nan)
    for t, (label, code) in enumerate(targets):
        other = groups.codes != code
        donor = int(other.argmin()) if code >= 0 else None
        parts = label if len(keys) > 1 else (label,)
        moved = replace_values(X, keys, parts, donor)
        after = _response(estimator, response_method, moved)
        change = np.where(other, _change(before, after, numeric), 0.0)
        largest, tried = np.maximum(largest, change), tried | other
        cells[:, :, t] = _by_group(change, weight, groups, other, interval)[:3]
    if not tried.any():
        raise ValueError(
            f"everybody in X is {groups.describe(0)}, so nobody can be given another "
            "value; name others in `values`."
        )
    by_group = _by_group(largest, weight, groups, tried, interval)
    return FlipRate(
        "mean_absolute_change" if numeric else "flip_rate",
        Estimate(*interval(largest[tried], weight[tried])),
        groups.labels,
        *by_group,
        tuple(label for label, _ in targets),
        *cells,
        confidence_level,
        groups.names,
    )


def _check_rows(X, sample_weight):
    """X as something with columns, and weights; only rows that carry weight."""
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    if len(X.shape) != 2 or not X.shape[0]:
        raise ValueError(f"X must have rows and columns, got shape {X.shape}.")
    weight = check_weight(sample_weight, X.shape[0])
    if weight is None:
        return X, np.ones(X.shape[0])
    if not weight.any():
        raise ValueError("sample_weight must have at least one weight above zero.")
    kept = np.flatnonzero(weight)
    if len(kept) == len(weight):
        return X, weight
    return take_rows(X, kept), weight[kept]


def _targets(values, groups):
    """Values to try, each with the code of the group that has it, or -1."""
    known = {label: code for code, label in enumerate(groups.labels)}
    if values is None:
        return list(known.items())
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ValueError(f"values must be a list of values to try, got {values!r}.")
    width = len(groups.names)
    targets = []
    for value in values:
        label = _plain(value)
        if width > 1:
            if not isinstance(value, (tuple, list)) or len(value) != width:
                raise ValueError(
                    f"values must be tuples of {width}, one value for each of "
                    f"{groups.names}, got {value!r}."
                )
            label = tuple(map(_plain, value))
        targets.append((label, known.get(label, -1)))
    return targets


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _response(estimator, method, X):
    if not hasattr(estimator, method):
        raise ValueError(f"{type(estimator).__name__} has no {method}.")
    response = np.asarray(call_method(estimator, method, X))
    if response.ndim != (2 if method == "predict_proba" else 1):
        raise ValueError(
            f"{method} of {type(estimator).__name__} returns shape {response.shape}, "
            "not one answer for each person."
        )
    return response


def _change(before, after, numeric):
    """Change of every person's answer: 0 or 1 for decisions."""
    if not numeric:
        return (before != after).astype(float)
    change = np.abs(after - before)
    return change if change.ndim == 1 else change.sum(axis=1) / 2


def _interval_of(numeric, response_method, confidence_level):
    """Return a function of changes and weights: their mean and its interval."""

    def interval(change, weight):
        mean = float(np.average(change, weights=weight))
        error, n = standard_error(change - mean, weight), kish_number(weight)
        if numeric and response_method != "predict_proba":
            return mean, *log_interval(mean, error, confidence_level)
        if numeric and error > 0:
            n = mean * (1 - mean) / error**2
        low, high = wilson_interval(mean, n, confidence_level)
        return mean, float(low), float(high)

    return interval


def _by_group(change, weight, groups, kept, interval):
    """Mean change of those kept in every group, its interval, and their number."""
    rows = np.full((4, len(groups)), np.nan)
    for g in range(len(groups)):
        mine = kept & (groups.codes == g)
        if mine.any():
            rows[:3, g] = interval(change[mine], weight[mine])
        rows[3, g] = kish_number(weight[mine]) if mine.any() else 0.0
    return rows
