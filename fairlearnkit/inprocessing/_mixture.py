"""A classifier that is a mixture of a few others, drawn by the hash of each row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import row_uniforms
from fairlearnkit._mitigator import MitigatorMixin, threshold_margin
from fairlearnkit._sklearn import call_method, estimator_has, positive_score


@dataclass(frozen=True, eq=False)
class Member:
    """A fitted classifier, or one cut at another threshold of its score.

    Parameters
    ----------
    estimator : classifier
    classes : ndarray
        Every class label; the estimator may know fewer.
    threshold : float or None
        The positive class is predicted above it; None leaves that to the estimator.
    response_method : str or None
        Where the score comes from.
    """

    estimator: Any
    classes: np.ndarray
    threshold: float | None
    response_method: Any

    def predict(self, X, sensitive_features):
        """Predicted labels."""
        if self.threshold is None:
            return call_method(self.estimator, "predict", X, sensitive_features)
        score = positive_score(
            self.estimator, self.response_method, X, sensitive_features
        )
        return self.classes[(score > self.threshold).astype(int)]

    def decision_function(self, X, sensitive_features):
        """Distance from the threshold."""
        if self.threshold is not None:
            return self._margin(X, sensitive_features)
        if isinstance(self.estimator, DummyClassifier):
            found = self.estimator.predict_proba(X) - 0.5
            return found[:, 1] if len(self.classes) == 2 else found
        method = "decision_function"
        found = call_method(self.estimator, method, X, sensitive_features)
        if len(self.classes) == 2:
            return found
        if found.ndim == 1:  # it knows two classes of several
            found = np.column_stack([-found, found])
        return self._of_every_class(found, -np.inf)

    def predict_proba(self, X, sensitive_features):
        """Probabilities, one half at the threshold."""
        if self.threshold is None:
            found = call_method(self.estimator, "predict_proba", X, sensitive_features)
            return self._of_every_class(found, 0.0)
        positive = expit(self._margin(X, sensitive_features))
        return np.column_stack([1 - positive, positive])

    def _of_every_class(self, found, fill):
        """Columns for all classes, where the estimator may know fewer."""
        columns = np.full((len(found), len(self.classes)), fill)
        columns[:, np.searchsorted(self.classes, self.estimator.classes_)] = found
        return columns

    def _margin(self, X, sensitive_features):
        score = positive_score(
            self.estimator, self.response_method, X, sensitive_features
        )
        thresholds = np.full(len(score), self.threshold)
        return threshold_margin(
            score, thresholds, self.response_method == "predict_proba"
        )


class MixtureClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Base of the methods whose result is a mixture of classifiers.

    A subclass's `fit` sets `classes_`, `weights_`, `_members` and `_salt`.
    """

    def predict(self, X, *, sensitive_features=None):
        """Predict by the member that each row's hash draws.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable; passed on only to a nested
            mitigator that asks for it.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        return self._call("predict", X, sensitive_features)

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X, *, sensitive_features=None):
        """Class probabilities of the member drawn, its odds shifted to its threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            They agree with `predict`; where a member has a threshold of its own they
            are not calibrated.
        """
        return self._call("predict_proba", X, sensitive_features)

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X, *, sensitive_features=None):
        """Decision function of the member drawn, less its threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._call("decision_function", X, sensitive_features)

    def expected_proba(self, X, *, sensitive_features=None):
        """Probability of each decision, over the draw of the member.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        X, features = self._check_predict(X)
        expected = np.zeros((X.shape[0], len(self.classes_)))
        for member, weight in zip(self._members, self.weights_, strict=True):
            labels = member.predict(features, sensitive_features)
            place = np.searchsorted(self.classes_, labels)
            expected[np.arange(len(place)), place] += weight
        return expected

    def _check_predict(self, X):
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        return X, self._features(X)

    def _call(self, method, X, sensitive_features):
        X, features = self._check_predict(X)
        if len(self._members) == 1:
            return getattr(self._members[0], method)(features, sensitive_features)
        ends = np.cumsum(self.weights_)[:-1]
        drawn = np.searchsorted(ends, row_uniforms(X, self._salt), side="right")
        answers = [
            getattr(member, method)(features, sensitive_features)
            for member in self._members
        ]
        return np.stack(answers)[drawn, np.arange(len(drawn))]
