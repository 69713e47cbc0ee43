"""Base of all post-processors of classifiers: answers not seen in training."""

from functools import partial
from numbers import Integral

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import StrOptions, positive_score, response_method_of
from fairlearnkit.postprocessing._out_of_fold import fit_out_of_fold

_RESPONSES = ("predict_proba", "decision_function")


class BasePostprocessor(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Base of post-processors of classifiers; a subclass turns answers into a rule.

    A subclass for more than two classes sets `_multi_class`. `_fit_scores` fits the
    estimator and returns, for each training row, a score by a model that was not fitted
    on it; answers of other kinds come from :func:`fit_out_of_fold`.
    """

    _multi_class = False

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "cv": ["cv_object"],
        "response_method": [StrOptions({"auto", *_RESPONSES})],
        "n_jobs": [Integral, None],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self._multi_class
        return tags

    def _fit_scores(self, data, sensitive_features, fit_params):
        """Fit `estimator_` on all rows and return out-of-fold scores."""
        return fit_out_of_fold(
            self, data, sensitive_features, fit_params, self._scores_of
        )

    def _scores_of(self, estimator):
        self.response_method_ = self._response_method(estimator)
        return partial(_positive_scores, self.response_method_)

    def _response_method(self, estimator):
        """Where the fitted estimator's scores come from."""
        method = response_method_of(estimator, self.response_method)
        if method is None:
            asked = self.response_method
            methods = " or ".join(_RESPONSES) if asked == "auto" else asked
            raise ValueError(
                f"{type(estimator).__name__} has no {methods}; {type(self).__name__} "
                "needs a score."
            )
        return method

    def _locate(self, X, sensitive_features):
        """Check X at prediction, and find each row's group: -1 if it is unknown."""
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        groups = self._predict_groups(X, sensitive_features)
        return X, groups.encode(self.groups_, handle_unknown=self.handle_unknown)

    def _scores(self, X, sensitive_features):
        """Score of the positive class, from the response method in use."""
        return positive_score(
            self.estimator_, self.response_method_, X, sensitive_features
        )


def _positive_scores(method, model, X, sensitive_features):
    return positive_score(model, method, X, sensitive_features)
