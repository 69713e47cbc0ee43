"""The learner behind a reduction: costs in, a fitted model's tables of counts out."""

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

_MOST_THRESHOLDS = 20_000


class Oracle:
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
        """Fit at `costs` of shape (n_groups, n_classes, n_classes); return tables."""
        model = self._fit(costs)
        scored = self.thresholds and not isinstance(model, DummyClassifier)
        method = response_method_of(model) if scored else None
        predicted = call_method(model, "predict", self.X, self.sensitive_features)
        position = np.searchsorted(self.data.classes, predicted)
        own = self._count(position, len(self.data.classes))
        tables = np.moveaxis(own, 0, -1)[None]
        cuts = np.empty(0)
        if method is not None:
            score = positive_score(model, method, self.X, self.sensitive_features)
            cuts = _cuts(score)
            above = np.searchsorted(cuts, score, side="left")
            selected = self._count(above, len(cuts) + 1)[::-1].cumsum(axis=0)[::-1]
            parts = np.stack([selected[0] - selected[1:], selected[1:]], axis=-1)
            tables = np.concatenate([tables, parts])
        self.models.append(model)
        self.cuts.append(cuts)
        self.methods.append(method)
        return tables

    def member(self, model, place):
        """The classifier behind a column: `place` 0 is the model itself."""
        threshold = None if place == 0 else float(self.cuts[model][place - 1])
        return Member(
            self.models[model], self.data.classes, threshold, self.methods[model]
        )

    def _fit(self, costs):
        """Train on the labels and weights that carry the costs.

        A row with costs c is worth, for each label k, the weight max(c) - c[k]: the
        weighted error is then the cost up to a constant.
        """
        data = self.data
        gains = costs.max(axis=-1, keepdims=True) - costs
        weights = gains[data.groups.codes, data.y]
        if data.weight is not None:
            weights = weights * data.weight[:, None]
        rows, labels = np.nonzero(weights)
        if len(np.unique(labels)) == 1:
            constant = DummyClassifier(
                strategy="constant", constant=data.classes[labels[0]]
            )
            return constant.fit(np.zeros((len(data.y), 1)), data.labels)
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

    def _count(self, position, size):
        """Weight by (position, group, label)."""
        shape = size, len(self.data.groups), len(self.data.classes)
        cell = (position * shape[1] + self.data.groups.codes) * shape[2] + self.data.y
        flat = np.bincount(cell, weights=self.data.weight, minlength=np.prod(shape))
        return flat.reshape(shape).astype(float)


def _cuts(score):
    """Thresholds between distinct scores, thinned by rank where there are many."""
    distinct = np.unique(ScoreTable.quantize(score))
    if len(distinct) > _MOST_THRESHOLDS:
        even = np.linspace(0, len(distinct) - 1, _MOST_THRESHOLDS).round()
        distinct = distinct[even.astype(int)]
    return (distinct[1:] + distinct[:-1]) / 2
