"""A classifier for each group (Dwork et al. 2018)."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin, refuse_frozen
from fairlearnkit._sklearn import estimator_has, fit_context
from fairlearnkit.inprocessing._back_off import (
    DECOUPLED_PARAMETERS,
    GroupTask,
    answer_by_group,
    fit_decoupled,
    predicted,
)
from fairlearnkit.inprocessing._group_losses import log_loss_of
from fairlearnkit.inprocessing._mixture import Member


class DecoupledClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Train a classifier for each group, as far as its data carry one.

    One model for all fits the majority first; where the relation of features and label
    differs between groups, the others pay. A model of its own serves each group as well
    as its own people allow. Nothing is equalised, and no group is traded for another:
    a group keeps the pooled model unless a model of its own does better on people held
    out. The cost is variance in small groups, for which there is a back-off: the pooled
    model, or a model of all people in which those of other groups count less.

    The group is needed at prediction and decides directly, which may be unlawful where
    equal treatment is asked. Selection rates may drift apart; a
    :class:`~fairlearnkit.postprocessing.ThresholdOptimizer` around this classifier
    chooses thresholds for the groups' scores jointly.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier; its `fit` must take `sample_weight` unless
        `other_weights` is ``(0,)``. It is cloned.
    back_off : {"held_out", "size"}, default="held_out"
        How each group's model is chosen. "held_out": the one of least held-out loss,
        if it beats the pooled model by more than the standard error of the difference;
        log loss, or the error rate if `estimator` has no `predict_proba`. "size": that
        of the least of `other_weights` for all groups of `min_group_size`.
    min_group_size : float >= 0, default=30
        Groups of a smaller sum of weights (fewer people, if unweighted) are served by
        the pooled model, with a warning.
    other_weights : array-like of float in [0, 1), default=(0, 0.1, 0.3)
        Weights of people of other groups in a group's model; 0 trains it on the group
        alone. The pooled model, a weight of 1, is always a candidate.
    cv : int, splitter or iterable, default=5
        Folds of ``back_off="held_out"``. An int deals rows by their hash, so that equal
        rows fall together and the order of rows does not matter.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to every method.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group unseen in training is an error at prediction, or served by the
        pooled model.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    pooled_estimator_ : classifier
        Trained on everyone.
    estimators_ : list of classifier
        Model of each group; the pooled one itself where the group backs off to it.
    other_weights_ : ndarray of shape (n_groups,)
        Weight of other groups in each group's model; 1 where it is the pooled one.
    group_report_ : GroupLosses
        Each group's loss under the pooled model and its own: held out, or on the
        training data with ``back_off="size"``. The held-out loss of the choice is a
        little optimistic, being the least of several.
    groups_ : tuple
        Label of each group.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    MinimaxFairClassifier : One model for all, for the worst group; no group at predict.
    DecoupledRegressor : The same for numbers.

    Notes
    -----
    The model of group g minimises

    .. math:: \\sum_{i \\in g} w_i\\, \\ell(h; x_i, y_i)
       + \\rho_g \\sum_{i \\notin g} w_i\\, \\ell(h; x_i, y_i),

    the transfer learning of Dwork et al. by down-weighting, with :math:`\\rho_g`
    chosen for each group. Their search over combinations of the groups' classifiers for
    a joint loss is left to the methods of :mod:`fairlearnkit.postprocessing`.

    References
    ----------
    Dwork, Immorlica, Kalai, Leiserson, "Decoupled classifiers for group-fair and
    efficient machine learning", FAT* 2018. :doi:`10.48550/arXiv.1707.06613`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import DecoupledClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = (rng.random(2000) < 0.2).astype(int)
    >>> X = np.column_stack([rng.normal(size=(2000, 2)), group])
    >>> y = np.where(group == 1, X[:, 1], X[:, 0]) + rng.normal(size=2000) / 2 > 0
    >>> model = DecoupledClassifier(LogisticRegression(), sensitive_features=2)
    >>> model.fit(X, y).other_weights_
    array([0., 0.])
    >>> model.group_report_.before.round(2), model.group_report_.after.round(2)
    (array([0.41, 0.8 ]), array([0.35, 0.33]))
    """

    _parameter_constraints: dict = DECOUPLED_PARAMETERS

    def __init__(
        self,
        estimator,
        *,
        back_off="held_out",
        min_group_size=30,
        other_weights=(0.0, 0.1, 0.3),
        cv=5,
        sensitive_features=None,
        drop_sensitive=False,
        handle_unknown="error",
        handle_missing="error",
    ):
        self.estimator = estimator
        self.back_off = back_off
        self.min_group_size = min_group_size
        self.other_weights = other_weights
        self.cv = cv
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the pooled model and a model for each group.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : DecoupledClassifier

        Raises
        ------
        ValueError
            If there are no groups, the estimator is frozen, or it takes no weights
            although `other_weights` asks for them.
        """
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        self.classes_ = data.classes
        task = GroupTask(
            self.estimator,
            self._features(data.X),
            data,
            sensitive_features,
            fit_params,
            self._losses,
        )
        fit_decoupled(self, task)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict by each group's own classifier.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, unless the constructor names their columns.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return answer_by_group(self, X, sensitive_features, predicted)

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X, *, sensitive_features=None):
        """Class probabilities by each group's own classifier.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            0 for a class that a group's classifier has not seen.
        """
        check_is_fitted(self)
        return answer_by_group(self, X, sensitive_features, self._probabilities)

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X, *, sensitive_features=None):
        """Decision function of each group's own classifier.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Comparable within a group; -inf for a class that its classifier has not
            seen.
        """
        check_is_fitted(self)
        return answer_by_group(self, X, sensitive_features, self._margins)

    @property
    def _loss_name(self):
        graded = hasattr(self.estimator, "predict_proba")
        return "log loss" if graded else "error rate"

    def _losses(self, model, X, sensitive_features, y):
        if self._loss_name == "log loss":
            return log_loss_of(self._probabilities(model, X, sensitive_features), y)
        labels = predicted(model, X, sensitive_features)
        return (labels != self.classes_[y]).astype(float)

    def _probabilities(self, model, X, sensitive_features):
        member = Member(model, self.classes_, None, None)
        return member.predict_proba(X, sensitive_features)

    def _margins(self, model, X, sensitive_features):
        member = Member(model, self.classes_, None, None)
        return np.asarray(member.decision_function(X, sensitive_features))
