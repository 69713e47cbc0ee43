"""What the fair linear models share: numeric features, coefficients, prediction."""

from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin, check_numbers
from fairlearnkit.exceptions import FairnessWarning

_NOTHING = 1e-9  # of the plain model's coefficients


class FairLinearModel(MitigatorMixin, RegressorMixin, BaseEstimator):
    """Base of linear models; `fit` sets `coef_` and `intercept_`."""

    def predict(self, X, *, sensitive_features=None):
        """Predict by the linear model.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            Not needed, and not looked at.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self._linear(self._numbers(self._check_X(X, reset=False)))

    def _linear(self, numbers):
        return numbers @ self.coef_ + self.intercept_

    def _warn_constant(self, plain):
        """Say so if the constraint takes every direction that the plain model has."""
        most = np.abs(self.coef_).max(initial=0.0)
        if most <= _NOTHING * np.abs(plain).max(initial=0.0) and np.any(plain):
            warn(
                "the constraint leaves no direction of X, so that everybody gets the "
                "same prediction; allow a larger tolerance, or add features.",
                FairnessWarning,
                stacklevel=3,
            )

    def _numbers(self, X):
        """The features as a dense array of floats."""
        return check_numbers(self, self._features(X))
