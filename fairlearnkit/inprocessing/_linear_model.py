"""What the fair linear models share: numeric features, coefficients, prediction."""

from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin
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
        return self._as_numbers(self._features(X))

    def _as_numbers(self, features):
        try:
            return check_array(
                features, dtype=np.float64, estimator=self, input_name="X"
            )
        except ValueError as error:
            if "could not convert" not in str(error).lower():
                raise
            raise ValueError(
                f"{type(self).__name__} needs numbers in X: encode columns of text, or "
                f"hide sensitive ones by drop_sensitive=True ({error})."
            ) from error
