"""A learner of decisions: costs by group and label in, tables of counts out."""

import numpy as np
from sklearn.dummy import DummyClassifier

from fairlearnkit._sklearn import (
    call_method,
    fit_clone,
    positive_score,
    require_weights,
    response_method_of,
    take_rows,
)
from fairlearnkit.inprocessing._mixture import Member
from fairlearnkit.tables import ScoreTable

_MOST_COUNTS = 4_000_000  # in the tables of one model's thresholds


class DecisionOracle:
    """Fit the estimator at given costs and keep the fitted models.

    Parameters
    ----------
    estimator : classifier
    X : array, sparse matrix or data frame
        What the estimator sees.
    data : TrainingData
    sensitive_features : array-like or None
        Values given to fit, for nested mitigators.
    fit_params : dict
    thresholds : bool
        Whether to tabulate other thresholds of a binary model's score.
    """

    def __init__(self, estimator, X, data, sensitive_features, fit_params, thresholds):
        require_weights(estimator)
        self.estimator, self.X, self.data = estimator, X, data
        self.sensitive_features, self.fit_params = sensitive_features, fit_params
        self.thresholds = thresholds and len(data.classes) == 2
        self.models, self.cuts, self.methods = [], [], []

    def __call__(self, costs):
        """Fit at costs of each decision and tabulate the decisions of the model.

        Parameters
        ----------
        costs : ndarray of shape (n_groups, n_classes, n_classes)
            Cost per unit of weight of (group, label, decision).

        Returns
        -------
        tables : ndarray of shape (n_columns, n_groups, n_classes, n_classes)
            Weights of (group, label, decision): the model's own decisions first.
        """
        return self.tabulate(self._fit(costs))

    def tabulate(self, model):
        """Keep a fitted model and count its decisions."""
        scored = self.thresholds and not isinstance(model, DummyClassifier)
        method = response_method_of(model) if scored else None
        predicted = call_method(model, "predict", self.X, self.sensitive_features)
        place = np.searchsorted(self.data.classes, predicted)
        tables = np.moveaxis(self._count(place, len(self.data.classes)), 0, -1)[None]
        cuts = np.empty(0)
        if method is not None:
            score = positive_score(model, method, self.X, self.sensitive_features)
            cuts = _cuts(score, _MOST_COUNTS // tables.size)
            above = np.searchsorted(cuts, score, side="left")
            selected = self._count(above, len(cuts) + 1)[::-1].cumsum(axis=0)[::-1]
            parts = np.stack([selected[0] - selected[1:], selected[1:]], axis=-1)
            tables = np.concatenate([tables, parts])
        self.models.append(model)
        self.cuts.append(cuts)
        self.methods.append(method)
        return tables

    def member(self, model, place=0):
        """The classifier behind a column: `place` 0 is the model itself."""
        threshold = None if place == 0 else float(self.cuts[model][place - 1])
        return Member(
            self.models[model], self.data.classes, threshold, self.methods[model]
        )

    def constant(self, label):
        """A model that gives every row the label at this position."""
        given = self.data.classes[[label]]
        answer = DummyClassifier(strategy="constant", constant=given)
        return answer.fit(np.zeros((len(self.data.y), 1)), self.data.labels)

    def _fit(self, costs):
        """Train on labels and weights that carry the costs.

        A row with costs c is worth, for each label k, the weight max(c) - c[k]: the
        weighted error is then the cost up to a constant.
        """
        data = self.data
        gains = costs.max(axis=-1, keepdims=True) - costs
        weights = gains[data.groups.codes, data.y] * data.weight_or_ones[:, None]
        rows, labels = np.nonzero(weights)
        if len(np.unique(labels)) == 1:
            return self.constant(labels[0])
        weight = weights[rows, labels]
        # Each row once, in order, is the common case: it needs no copy.
        taken = None if np.array_equal(rows, np.arange(len(data.y))) else rows
        return fit_clone(
            self.estimator,
            take_rows(self.X, taken),
            data.classes[labels],
            sample_weight=weight * (data.weight_or_ones.sum() / weight.sum()),
            sensitive_features=take_rows(self.sensitive_features, taken),
            **self.fit_params,
        )

    def _count(self, place, size):
        """Weight by (place, group, label)."""
        shape = size, len(self.data.groups), len(self.data.classes)
        cell = (place * shape[1] + self.data.groups.codes) * shape[2] + self.data.y
        flat = np.bincount(cell, weights=self.data.weight, minlength=np.prod(shape))
        return flat.reshape(shape).astype(float)


def _cuts(score, most):
    """Thresholds between distinct scores, thinned by rank where there are many."""
    distinct = np.unique(ScoreTable.quantize(score))
    most = max(most, 2)
    if len(distinct) > most:
        even = np.linspace(0, len(distinct) - 1, most).round()
        distinct = distinct[even.astype(int)]
    return (distinct[1:] + distinct[:-1]) / 2
