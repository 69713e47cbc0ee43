"""Base of all post-processors: scores that the model did not see in training."""

from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import check_cv

from fairlearnkit._draws import row_uniforms
from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import (
    StrOptions,
    fit_clone,
    is_frozen,
    positive_score,
    response_method_of,
    take_rows,
)

_RESPONSES = ("predict_proba", "decision_function")


class BasePostprocessor(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Base of binary post-processors; a subclass turns scores into a rule.

    `_fit_scores` fits the estimator and returns, for each training row, a score by a
    model that was not fitted on it.
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "cv": ["cv_object"],
        "response_method": [StrOptions({"auto", *_RESPONSES})],
        "n_jobs": [Integral, None],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _check_target(self, y):
        classes, codes = super()._check_target(y)
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"multiclass, with {len(classes)} classes."
            )
        return classes, codes

    def _fit_scores(self, data, sensitive_features, fit_params):
        """Fit `estimator_` on all rows and return out-of-fold scores."""
        X, y = self._features(data.X), data.labels

        def fit(rows):
            return fit_clone(
                self.estimator,
                take_rows(X, rows),
                take_rows(y, rows),
                sample_weight=take_rows(data.weight, rows),
                sensitive_features=take_rows(sensitive_features, rows),
                **fit_params,
            )

        def score(train, test):
            values = take_rows(sensitive_features, test)
            return positive_score(fit(train), method, take_rows(X, test), values)

        if is_frozen(self.estimator):
            self.estimator_ = self.estimator
            self._check_frozen_classes(data)
            self.response_method_ = self._response_method()
            return self._scores(X, sensitive_features)
        folds = self._folds(data)
        self.estimator_ = fit(None)
        self.response_method_ = method = self._response_method()
        parts = Parallel(n_jobs=self.n_jobs)(delayed(score)(*fold) for fold in folds)
        scores = np.full(len(y), np.nan)
        for (_, test), part in zip(folds, parts, strict=True):
            scores[test] = part
        n_scored = sum(len(part) for part in parts)
        if n_scored > len(y) or np.isnan(scores).any():
            raise ValueError("cv must put every row in exactly one test fold.")
        return scores

    def _folds(self, data):
        if self.cv is None or isinstance(self.cv, Integral):
            return _stratified_folds(data, 5 if self.cv is None else self.cv)
        splitter = check_cv(self.cv, data.labels, classifier=True)
        return list(splitter.split(data.X, data.labels))

    def _check_frozen_classes(self, data):
        known = np.asarray(self.estimator_.classes_).tolist()
        if known != data.classes.tolist():
            raise ValueError(
                f"the frozen estimator knows the classes {known}, but y has "
                f"{data.classes.tolist()}."
            )

    def _response_method(self):
        """Where the fitted estimator's scores come from."""
        method = response_method_of(self.estimator_, self.response_method)
        if method is None:
            asked = self.response_method
            methods = " or ".join(_RESPONSES) if asked == "auto" else asked
            raise ValueError(
                f"{type(self.estimator_).__name__} has no {methods}; thresholds need "
                "a score."
            )
        return method

    def _scores(self, X, sensitive_features):
        """Score of the positive class, from the response method in use."""
        return positive_score(
            self.estimator_, self.response_method_, X, sensitive_features
        )


def _stratified_folds(data, n_splits):
    """Deal the people of each group and label to the folds, in the order of their hash.

    So neither the order of rows nor the names of groups decides who falls where.
    """
    key = row_uniforms(data.X, 0)
    cell = data.groups.codes * len(data.classes) + data.y
    order = np.lexsort((key, cell))
    start = np.searchsorted(cell[order], cell[order])
    first_fold = (key[order][start] * n_splits).astype(np.intp)
    fold = np.empty(len(order), dtype=np.intp)
    fold[order] = (first_fold + np.arange(len(order)) - start) % n_splits
    folds = [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)
    ]
    return [(train, test) for train, test in folds if len(test)]
