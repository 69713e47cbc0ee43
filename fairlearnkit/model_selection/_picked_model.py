"""The half of a frontier that is a classifier: it answers by its pick."""

from sklearn.metrics import get_scorer
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import asks_for_groups
from fairlearnkit.model_selection._candidates import plain_estimators
from fairlearnkit.model_selection._evaluation import BoundModel, score_model


def _pick_has(method):
    """Tell `available_if` whether the pick, or before it every candidate, has it."""

    def check(self):
        if not self.refit:
            raise AttributeError(f"with refit=False there is no model to {method}.")
        pick = getattr(self, "best_estimator_", None)
        models = plain_estimators(self.candidates) if pick is None else [pick]
        for model in models:
            getattr(model, method)
        return True

    return check


class PickedModelMixin(MitigatorMixin):
    """Mixin that predicts by `best_estimator_`, one of `candidates`.

    It reads the constructor parameters `candidates`, `objective`, `refit`,
    `sensitive_features` and `handle_missing`.
    """

    @property
    def estimator(self):
        """The first candidate, whom the mixin of mitigators asks for its kind."""
        return next(iter(plain_estimators(self.candidates)), None)

    def get_metadata_routing(self):
        """Requests of the frontier and of its candidates.

        Returns
        -------
        routing : MetadataRouter
        """
        router = super().get_metadata_routing()  # with the first candidate
        mapping = MethodMapping().add(caller="fit", callee="fit")
        for number, model in enumerate(plain_estimators(self.candidates)[1:], 2):
            router.add(**{f"candidate_{number}": model}, method_mapping=mapping)
        return router

    @available_if(_pick_has("predict"))
    def predict(self, X, *, sensitive_features=None):
        """Predict class labels by the pick.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the pick needs them and no column was named.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        return self._bind(X, sensitive_features).predict()

    @available_if(_pick_has("predict_proba"))
    def predict_proba(self, X, *, sensitive_features=None):
        """Predict class probabilities by the pick; see `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        return self._bind(X, sensitive_features).predict_proba()

    @available_if(_pick_has("decision_function"))
    def decision_function(self, X, *, sensitive_features=None):
        """Compute the decision function of the pick; see `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._bind(X, sensitive_features).decision_function()

    @available_if(_pick_has("predict"))
    def score(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Objective of the pick.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            True labels.
        sensitive_features : array-like, Series or data frame, default=None
            As in `predict`.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
        """
        bound = self._bind(X, sensitive_features)
        return score_model(get_scorer(self.objective), bound, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        found = [get_tags(model) for model in plain_estimators(self.candidates)]
        kinds = [tag.classifier_tags for tag in found if tag.classifier_tags]
        tags.classifier_tags.multi_class = all(kind.multi_class for kind in kinds)
        for name in ("sparse", "allow_nan", "string", "categorical"):
            able = all(getattr(tag.input_tags, name) for tag in found)
            setattr(tags.input_tags, name, able)
        positive = any(tag.input_tags.positive_only for tag in found)
        tags.input_tags.positive_only = positive
        return tags

    def _bind(self, X, values):
        """The pick, with X and with the groups of X if it asks for them."""
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        given = values is not None or self.sensitive_features is not None
        if given and asks_for_groups(self.best_estimator_, "predict"):
            values = self._predict_groups(X, values).values()
        return BoundModel(self.best_estimator_, X, values)
