"""What a regressor learns for predictions on levels: their losses, and the groups."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairlearnkit._groups import Groups
from fairlearnkit._sklearn import call_method, fit_clone, take_rows
from fairlearnkit._solvers.level_prices import untied
from fairlearnkit.inprocessing._group_losses import (
    absolute_error_of,
    predicted_numbers,
    squared_error_of,
)

LOSSES = {"squared": squared_error_of, "absolute": absolute_error_of}


@dataclass(frozen=True, eq=False)
class LevelModel:
    """Fitted models of the loss of each level and of the group, given the features.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
    losses : list of regressor or None
        Of the loss of each level; None where the plain prediction tells it.
    groups : classifier, or list of regressor
        Of all indicators, or each of one.
    shares : ndarray of shape (n_groups,)
        Taken for the chances of a row that is in no group by the models.
    """

    levels: np.ndarray
    losses: Any
    groups: Any
    shares: np.ndarray

    def of(self, X, plain, sensitive_features):
        """Expected losses of the levels, and chances of the groups.

        Parameters
        ----------
        X : array, sparse matrix or data frame
        plain : ndarray of shape (n_samples,)
            Predictions of y.
        sensitive_features : array-like or None

        Returns
        -------
        expected : ndarray of shape (n_samples, n_levels)
        chances : ndarray of shape (n_samples, n_groups)
        """
        span = float(self.levels[-1] - self.levels[0])
        if self.losses is None:
            expected, span = (plain[:, None] - self.levels) ** 2, span**2
        else:
            expected = _answers(self.losses, X, sensitive_features)
        if not isinstance(self.groups, list):
            chances = call_method(self.groups, "predict_proba", X, sensitive_features)
            return untied(expected, span), np.asarray(chances)
        chances = np.clip(_answers(self.groups, X, sensitive_features), 0, 1)
        total = chances.sum(axis=1, keepdims=True)
        known = np.where(total > 0, chances, self.shares)
        return untied(expected, span), known / np.where(total > 0, total, 1)


class LevelTraining:
    """Fits the estimator to the targets that a DemographicParityRegressor needs."""

    def __init__(self, model, data, values, fit_params):
        self.model, self.data, self.values = model, data, values
        self.X, self.fit_params = model._features(data.X), fit_params
        weight = data.weight_or_ones
        middle = np.average(data.y, weights=weight)
        losses = LOSSES[model.loss](np.full(len(data.y), middle), data.y)
        self.unit = float(np.average(losses, weights=weight)) or 1.0

    def fit_plain(self):
        """The model of y, and its predictions."""
        fitted = self._fit(self.model.estimator, self.data.y, **self.fit_params)
        plain = predicted_numbers(fitted, self.X, self.values)
        # What the groups are called must not matter, so they are put in an order.
        codes, weight = self.data.groups.codes, self.data.weight_or_ones
        mass = np.bincount(codes, weights=weight)
        mean = np.bincount(codes, weights=weight * plain) / mass
        order = np.lexsort((mass, mean))
        self.codes, self.shares = np.argsort(order)[codes], mass[order] / mass.sum()
        return fitted, plain

    def fit_levels(self, levels):
        """Models of each level's loss and of the group."""
        base, groups = self.model.estimator, self.model.group_estimator
        losses = None
        if self.model.loss == "absolute":
            losses = [
                self._fit(base, np.abs(self.data.y - level), **self.fit_params)
                for level in levels
            ]
        if groups is not None:
            return LevelModel(
                levels, losses, self._fit(groups, self.codes), self.shares
            )
        indicators = [
            self._fit(base, (self.codes == code).astype(float), **self.fit_params)
            for code in range(len(self.shares))
        ]
        return LevelModel(levels, losses, indicators, self.shares)

    def _fit(self, estimator, target, **fit_params):
        return fit_clone(
            estimator,
            self.X,
            target,
            sample_weight=self.data.weight,
            sensitive_features=self.values,
            **fit_params,
        )


def _answers(models, X, sensitive_features):
    """Predictions of several regressors, as columns."""
    found = [predicted_numbers(model, X, sensitive_features) for model in models]
    return np.stack(found, axis=1)


def without_weightless_rows(data, values):
    """Forget rows of weight zero, in the data and in the groups' values."""
    if data.weight is None or data.weight.all():
        return data, values
    rows = np.flatnonzero(data.weight)
    groups = Groups(data.groups.codes[rows], data.groups.labels, data.groups.names)
    kept = replace(
        data,
        X=take_rows(data.X, rows),
        y=data.y[rows],
        groups=groups,
        weight=data.weight[rows],
    )
    return kept, take_rows(values, rows)
