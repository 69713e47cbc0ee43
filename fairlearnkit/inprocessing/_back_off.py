"""How far a group's model leans on other groups: fits, held-out losses, the choice."""

from dataclasses import dataclass
from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.model_selection import check_cv

from fairlearnkit._draws import row_uniforms
from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import (
    Interval,
    StrOptions,
    call_method,
    fit_clone,
    require_weights,
    take_rows,
)
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.inprocessing._group_losses import group_means, report_losses

DECOUPLED_PARAMETERS: dict = {
    **MitigatorMixin._parameter_constraints,
    "back_off": [StrOptions({"held_out", "size"})],
    "min_group_size": [Interval(Real, 0, None, closed="left")],
    "other_weights": ["array-like"],
    "cv": ["cv_object"],
    "handle_unknown": [StrOptions({"error", "pooled"})],
}


@dataclass(frozen=True, eq=False)
class GroupTask:
    """What is fitted, to which rows, and what it loses.

    Parameters
    ----------
    estimator : estimator
    X : array, sparse matrix or data frame
        What the estimator sees.
    data : TrainingData
    sensitive_features : array-like or None
        Values given to fit, for nested mitigators.
    fit_params : dict
    loss : callable
        From (model, X, sensitive_features, y) to the loss of each row, y in codes.
    """

    estimator: object
    X: object
    data: object
    sensitive_features: object
    fit_params: dict
    loss: object

    def fit(self, rows, group=None, other=1.0):
        """Fit on rows, those of other groups than this one at a weight.

        Returns
        -------
        model : estimator or None
            None if the rows that count have one label only.
        """
        data, weight = self.data, self.data.weight
        if group is not None:
            own = data.groups.codes == group
            if other == 0:
                rows = rows[own[rows] & (data.weight_or_ones[rows] > 0)]
            else:
                weight = data.weight_or_ones * np.where(own, 1.0, other)
        if data.classes is not None:
            counted = rows if weight is None else rows[weight[rows] > 0]
            if len(np.unique(data.y[counted])) < 2:
                return None
        elif not len(rows):
            return None
        taken = None if len(rows) == len(data.y) else rows
        return fit_clone(
            self.estimator,
            take_rows(self.X, taken),
            take_rows(data.labels, taken),
            sample_weight=take_rows(weight, taken),
            sensitive_features=take_rows(self.sensitive_features, taken),
            **self.fit_params,
        )

    def losses(self, model, rows):
        """Loss of each of these rows."""
        values = take_rows(self.sensitive_features, rows)
        return self.loss(model, take_rows(self.X, rows), values, self.data.y[rows])


def fit_decoupled(mitigator, task):
    """Fit the pooled model and one for each group; set what both estimators share.

    Parameters
    ----------
    mitigator : DecoupledClassifier or DecoupledRegressor
    task : GroupTask
    """
    data = task.data
    others = _checked(mitigator.other_weights)
    if max(others) > 0:
        require_weights(mitigator.estimator)
    everyone = np.arange(len(data.y))
    mitigator.pooled_estimator_ = task.fit(everyone)
    mass = np.bincount(data.groups.codes, weights=data.weight_or_ones)
    enough = mass >= mitigator.min_group_size
    eligible = np.flatnonzero(enough) if len(mass) > 1 else np.zeros(0, dtype=int)
    chosen, report = np.ones(len(mass)), None
    if mitigator.back_off == "size":
        chosen[eligible] = min(others)
    elif len(eligible):
        chosen, report = _choose(mitigator, task, others, eligible)
    models, alike = [], []
    for group, other in enumerate(chosen):
        model = task.fit(everyone, group, other) if other < 1 else None
        if other < 1 and model is None:
            alike.append(data.groups.describe(group))
            chosen[group] = 1.0
        models.append(mitigator.pooled_estimator_ if model is None else model)
    small = [data.groups.describe(g) for g in np.flatnonzero(~enough)]
    _warn_backed_off(small if len(mass) > 1 else [], alike, mitigator)
    mitigator.estimators_, mitigator.other_weights_ = models, chosen
    mitigator.groups_ = data.groups.labels
    mitigator.group_report_ = _in_sample(mitigator, task) if report is None else report


def _checked(other_weights):
    others = sorted({float(weight) for weight in other_weights} - {1.0}, reverse=True)
    if not others or not all(0 <= weight < 1 for weight in others):
        raise ValueError(
            "other_weights must hold numbers of at least 0 and below 1, got "
            f"{list(other_weights)}."
        )
    return others


def _choose(mitigator, task, others, eligible):
    """Weigh other groups by held-out loss; back to the pooled model within its error.

    Returns
    -------
    chosen : ndarray of shape (n_groups,)
    report : GroupLosses
        Held-out losses of the pooled model and of the choice.
    """
    data = task.data
    pooled = np.zeros(len(data.y))
    candidates = np.zeros((len(others), len(data.y)))
    possible = np.zeros((len(others), len(data.groups)), dtype=bool)
    possible[:, eligible] = True
    for train, test in folds_of(mitigator.cv, data):
        stand_in = task.fit(train)
        if stand_in is None:
            raise ValueError(
                f"a fold of cv trains on n_samples={len(train)} rows of one label only."
            )
        pooled[test] = task.losses(stand_in, test)
        for place, other in enumerate(others):
            for group in eligible[possible[place, eligible]]:
                rows = test[data.groups.codes[test] == group]
                if not len(rows):
                    continue
                model = task.fit(train, group, other)
                if model is None:
                    possible[place, group] = False
                    continue
                candidates[place, rows] = task.losses(model, rows)
    chosen, picked = np.ones(len(data.groups)), pooled.copy()
    for place, other in enumerate(others):
        gain = pooled - candidates[place]
        mean = group_means(gain, data)
        spread = group_means((gain - mean[data.groups.codes]) ** 2, data)
        mass = np.bincount(data.groups.codes, weights=data.weight_or_ones)
        better = possible[place] & (mean > np.sqrt(spread / mass))
        better &= group_means(picked - candidates[place], data) > 0
        chosen[better] = other
        rows = better[data.groups.codes]
        picked[rows] = candidates[place][rows]
    return chosen, report_losses(mitigator._loss_name, pooled, picked, data)


def folds_of(cv, data):
    """Rows of each fold, (train, test); an int deals rows by their hash.

    So neither the order of rows nor the names of groups decides who falls where, and
    equal rows fall together.
    """
    if cv is None or isinstance(cv, Integral):
        n_splits = 5 if cv is None else cv
        if n_splits < 2:
            raise ValueError(f"cv must be 2 or more, got {n_splits}.")
        fold = (row_uniforms(data.X, 0) * n_splits).astype(int)
        parts = [
            (np.flatnonzero(fold != k), np.flatnonzero(fold == k))
            for k in range(n_splits)
        ]
        return [(train, test) for train, test in parts if len(test)]
    splitter = check_cv(cv, data.labels, classifier=data.classes is not None)
    everyone = np.arange(len(data.y))
    parts = [
        (everyone[train], everyone[test])
        for train, test in splitter.split(data.X, data.labels)
    ]
    tested = np.concatenate([test for _, test in parts])
    if (np.bincount(tested, minlength=len(data.y)) != 1).any():
        raise ValueError("cv must put every row in exactly one test fold.")
    return parts


def answer_by_group(mitigator, X, sensitive_features, answer):
    """Let every group's own model answer for its rows.

    Parameters
    ----------
    mitigator : fitted DecoupledClassifier or DecoupledRegressor
    X : array-like, sparse matrix or data frame
    sensitive_features : array-like or None
    answer : callable
        From (model, X, sensitive_features) to an array with one row for each row of X.

    Returns
    -------
    answers : ndarray
    """
    X = mitigator._check_X(X, reset=False)
    groups = mitigator._predict_groups(X, sensitive_features)
    codes = groups.encode(mitigator.groups_, handle_unknown=mitigator.handle_unknown)
    features, found = mitigator._features(X), None
    for code in np.unique(codes):
        model = mitigator.pooled_estimator_
        if code >= 0:
            model = mitigator.estimators_[code]
        rows = np.flatnonzero(codes == code)
        part = np.asarray(
            answer(
                model, take_rows(features, rows), take_rows(sensitive_features, rows)
            )
        )
        if found is None:
            found = np.empty((len(codes), *part.shape[1:]), dtype=part.dtype)
        found[rows] = part
    return found


def predicted(model, X, sensitive_features):
    """Answer by `predict`."""
    return call_method(model, "predict", X, sensitive_features)


def _in_sample(mitigator, task):
    """Losses on the training rows, where nothing was held out."""
    codes = task.data.groups.codes
    before, after = np.zeros(len(codes)), np.zeros(len(codes))
    for group, model in enumerate(mitigator.estimators_):
        rows = np.flatnonzero(codes == group)
        before[rows] = task.losses(mitigator.pooled_estimator_, rows)
        after[rows] = task.losses(model, rows)
    return report_losses(mitigator._loss_name, before, after, task.data)


def _warn_backed_off(small, alike, mitigator):
    if small:
        warn(
            f"fewer than min_group_size={mitigator.min_group_size:g} people in "
            f"{shortlist(small)}: served by the pooled model.",
            FairnessWarning,
            stacklevel=4,
        )
    if alike:
        warn(
            f"all people have the same label in {shortlist(alike)}: served by the "
            "pooled model.",
            FairnessWarning,
            stacklevel=4,
        )
