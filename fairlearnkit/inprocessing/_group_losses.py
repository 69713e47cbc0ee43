"""Losses by group: the learner that answers to their prices, and a report of them."""

from dataclasses import dataclass
from typing import Any
from warnings import warn

import numpy as np
from sklearn.dummy import DummyClassifier

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit._sklearn import call_method, fit_clone, take_rows
from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning, shortlist

_FEW_PEOPLE = 30
_MATERIAL = 0.01  # of the plain model's overall loss; less is not worth a warning


def log_loss_of(probabilities, y):
    """Negative logarithm of each row's probability of its label's position `y`."""
    found = probabilities[np.arange(len(y)), y]
    return -np.log(np.maximum(found, np.finfo(float).eps))


def squared_error_of(predicted, y):
    """Squared distance."""
    return (predicted - y) ** 2


def absolute_error_of(predicted, y):
    """Distance."""
    return np.abs(predicted - y)


class LossOracle:
    """Fit the estimator with a weight for each group and tell every group's mean loss.

    Parameters
    ----------
    mitigator : estimator
        Has `estimator`.
    X : array, sparse matrix or data frame
        What the estimator sees.
    data : TrainingData
    sensitive_features : array-like or None
        Values given to fit, for nested mitigators.
    fit_params : dict
    loss : callable
        From (model, X, sensitive_features) to the loss of each row.
    """

    def __init__(self, mitigator, X, data, sensitive_features, fit_params, loss):
        self.estimator, self.X, self.data = mitigator.estimator, X, data
        self.sensitive_features, self.fit_params = sensitive_features, fit_params
        self.loss = loss
        self.models = []

    def __call__(self, prices):
        """Fit at these prices, of shape (n_groups,); return losses of one row."""
        model = self._fit(prices)
        self.models.append(model)
        losses = self.loss(model, self.X, self.sensitive_features)
        return group_means(losses, self.data)[None]

    def _fit(self, prices):
        data = self.data
        weight = data.weight_or_ones
        mass = np.bincount(data.groups.codes, weights=weight)
        weight = weight * (prices / mass)[data.groups.codes]
        rows = None if weight.all() else np.flatnonzero(weight)
        labels = take_rows(data.labels, rows)
        if data.classes is not None and len(np.unique(labels)) == 1:
            return DummyClassifier(strategy="prior").fit(
                np.zeros((len(labels), 1)), labels
            )
        return fit_clone(
            self.estimator,
            take_rows(self.X, rows),
            labels,
            sample_weight=take_rows(
                weight * (data.weight_or_ones.sum() / weight.sum()), rows
            ),
            sensitive_features=take_rows(self.sensitive_features, rows),
            **self.fit_params,
        )


def group_means(losses, data):
    """Weighted mean of each group."""
    weight, codes = data.weight_or_ones, data.groups.codes
    return np.bincount(codes, weights=weight * losses) / np.bincount(
        codes, weights=weight
    )


@dataclass(frozen=True, eq=False)
class AveragedMember:
    """Fitted classifiers whose probabilities are averaged, as one member of a mixture.

    Parameters
    ----------
    members : list of Member
    weights : ndarray of shape (n_members,)
    classes : ndarray of shape (n_classes,)
    """

    members: list
    weights: np.ndarray
    classes: np.ndarray

    def predict_proba(self, X, sensitive_features):
        """Mean of the probabilities."""
        answers = [m.predict_proba(X, sensitive_features) for m in self.members]
        return np.tensordot(self.weights, answers, axes=1)

    def decision_function(self, X, sensitive_features):
        """Log odds of the mean probabilities; with several classes, their logarithm."""
        mean = self.predict_proba(X, sensitive_features)
        logs = np.log(np.maximum(mean, np.finfo(float).tiny))
        return logs[:, 1] - logs[:, 0] if len(self.classes) == 2 else logs

    def predict(self, X, sensitive_features):
        """Return the likeliest class."""
        return self.classes[self.predict_proba(X, sensitive_features).argmax(axis=1)]


@dataclass(frozen=True, eq=False)
class GroupLosses:
    """Mean loss of each group under the plain model and under the mitigator.

    Parameters
    ----------
    loss : str
        What is measured; less is better.
    groups : tuple
        Label of each group.
    names : tuple of str
        Names of the sensitive columns.
    n : ndarray of shape (n_groups,)
        People, effective if weighted.
    before, after : ndarray of shape (n_groups,)
        Mean loss, by the plain model and by the mitigator.
    error : ndarray of shape (n_groups,)
        Standard error of the change.
    """

    loss: str
    groups: tuple
    names: tuple
    n: np.ndarray
    before: np.ndarray
    after: np.ndarray
    error: np.ndarray

    @property
    def change(self):
        """After less before, of shape (n_groups,)."""
        return self.after - self.before

    @property
    def worst_before(self):
        """Loss of the worst group under the plain model."""
        return float(self.before.max())

    @property
    def worst_after(self):
        """Loss of the worst group under the mitigator."""
        return float(self.after.max())

    @property
    def harmed(self):
        """Groups that lose materially: by more than twice the change's error too."""
        least = _MATERIAL * max(float(np.average(self.before, weights=self.n)), 1e-12)
        lost = self.change > np.maximum(2 * self.error, least)
        return tuple(g for g, worse in zip(self.groups, lost, strict=True) if worse)

    def to_frame(self):
        """A row for each group.

        Returns
        -------
        frame : pandas.DataFrame
            Columns: n, before, after, change, error.
        """
        pandas = require("pandas", extra="pandas", user="GroupLosses.to_frame")
        index = label_index(self.groups, self.names, "GroupLosses.to_frame")
        columns = ("n", "before", "after", "change", "error")
        return pandas.DataFrame({c: getattr(self, c) for c in columns}, index=index)


def report_losses(loss: str, before: Any, after: Any, data: Any) -> GroupLosses:
    """Compare the losses that each person had.

    Parameters
    ----------
    loss : str
    before, after : ndarray of shape (n_samples,)
    data : TrainingData
    """
    weight, codes = data.weight_or_ones, data.groups.codes
    mass = np.bincount(codes, weights=weight)
    change = group_means(after - before, data)
    spread = np.bincount(codes, (weight * (after - before - change[codes])) ** 2)
    return GroupLosses(
        loss=loss,
        groups=tuple(data.groups.labels),
        names=data.groups.names,
        n=mass**2 / np.bincount(codes, weights=weight**2),
        before=group_means(before, data),
        after=group_means(after, data),
        error=np.sqrt(spread) / mass,
    )


def warn_levelled_down(report):
    """Warn where a group loses although the worst group does not gain."""
    gained = report.worst_before - report.worst_after
    worst = int(np.argmax(report.before))
    material = _MATERIAL * report.worst_before
    if report.harmed and gained <= max(2 * report.error[worst], material):
        change = dict(zip(report.groups, report.change, strict=True))
        lost = [f"{g!r} ({change[g]:+.3g})" for g in report.harmed]
        warn(
            f"the {report.loss} of {shortlist(lost)} rises, compared with the plain "
            f"model, while that of the worst group falls by {gained:.3g} only; see "
            "group_report_.",
            LevellingDownWarning,
            stacklevel=4,
        )


def warn_small_groups(data):
    """Name the groups whose losses have too few people behind them."""
    counted = data.groups.codes[data.weight_or_ones > 0]
    people = np.bincount(counted, minlength=len(data.groups))
    few = [
        f"{data.groups.describe(group)} ({people[group]})"
        for group in np.flatnonzero(people < _FEW_PEOPLE)
    ]
    if few:
        warn(
            f"fewer than {_FEW_PEOPLE} people in {shortlist(few)}: the worst group may "
            "be worst by chance, and what holds for it here may not hold for others.",
            FairnessWarning,
            stacklevel=4,
        )


def predicted_numbers(model, X, sensitive_features):
    """Predictions of a regressor, one-dimensional."""
    return np.asarray(call_method(model, "predict", X, sensitive_features)).reshape(-1)
