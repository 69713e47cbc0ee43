"""Learning under losses that depend on the person (Babii et al. 2020)."""

from numbers import Real

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import (
    MitigatorMixin,
    refuse_frozen,
    threshold_margin,
)
from fairlearnkit._sklearn import (
    Interval,
    StrOptions,
    call_method,
    estimator_has,
    fit_clone,
    fit_context,
    positive_score,
)
from fairlearnkit._solvers.decision_losses import (
    capped_weights,
    effective_sample_size,
    error_costs,
    losses_by_row,
    needs_groups,
    normalized_weights,
    optimal_thresholds,
)


def _has_decision_function(self):
    if self.method == "threshold":
        return estimator_has("predict_proba")(self)
    return estimator_has("decision_function")(self)


class AsymmetricLossClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Train any classifier for losses that depend on the person and on the error.

    Who says what each decision costs, says which errors to avoid and for whom: jailing
    the harmless can be priced higher than freeing the dangerous, and higher still for a
    group that has been jailed too readily. The classifier then minimises the expected
    loss instead of the number of errors. Nothing is equalised: disparities shrink only
    as far as the losses ask for it, and :func:`economic_report` shows what came of it.
    Use a constraint, as in :class:`ReductionClassifier`, if equality is the demand, and
    do not choose this if nobody can defend the prices.

    It costs accuracy, by intent, and precision: weights that differ much leave an
    effective sample of a few people (`effective_sample_size_`).

    Parameters
    ----------
    estimator : classifier
        Any binary classifier; its `fit` must take `sample_weight` for
        ``method="weights"``, and it must have `predict_proba` for "threshold". It is
        cloned.
    loss : array-like of shape (2, 2), dict or callable, default=((0, 1), (1, 0))
        Loss of each (true label, decision), labels in ascending order: ``loss[0][1]``
        is what a false positive costs, ``loss[1][0]`` a false negative; correct
        decisions may cost or, if negative, gain something. In any unit. A dict has one
        such table for each group label. A callable takes X, or X and the group of each
        row, and returns an array of shape (n_samples, 2, 2). An error must cost no
        less than the right decision.
    method : {"weights", "threshold"}, default="weights"
        "weights" trains with what an error on each row would cost as its weight, and
        needs no groups at prediction. "threshold" trains plainly and decides by each
        row's best threshold on the probability. Both are optimal in the limit of a
        model that is right. "threshold" presumes that probabilities are calibrated,
        within each group where the loss depends on it; "weights" spends a model that
        is wrong on the cases that matter.
    max_weight : float or None, default=None
        Most that a row may weigh, in multiples of the mean, at least 1. It trades bias
        (capped losses are no longer the stated ones) for precision.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`. A callable loss still
        sees them.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    estimator_ : classifier
        The fitted estimator.
    loss_weights_ : ndarray of shape (n_samples,)
        What an error on each training row costs, in units of the mean, after the cap.
    effective_sample_size_ : float
        Number of equally weighted people that carry as much information; with
        "threshold", under which every row weighs the same, the number of people.
    groups_ : tuple
        Label of each group.
    classes_ : ndarray of shape (2,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    economic_report : What decisions cost each group.
    ReductionClassifier : Enforces parity of rates.

    Notes
    -----
    With losses :math:`\\ell_{yd}(x)` of decision d under the label y, put

    .. math:: w_1 = \\ell_{10} - \\ell_{11}, \\qquad w_0 = \\ell_{01} - \\ell_{00}.

    Then :math:`E\\,\\ell = E[w_Y(X) 1\\{d(X) \\ne Y\\}] + \\text{const}`, which any
    weighted learner minimises, and the best decision is positive where
    :math:`P(Y = 1 \\mid x) > c(x) = w_0 / (w_0 + w_1)`. The weights are scaled to a
    mean of 1 so that regularisation keeps its strength. If losses depend on the label
    alone this is ordinary cost-sensitive learning.

    `predict_proba` of "weights" is that of the weighted problem, in which 1/2 is the
    best threshold; it is not P(y | x). That of "threshold" is shifted likewise.

    References
    ----------
    Babii, Chen, Ghysels, Kumar, "Binary choice with asymmetric loss in a data-rich
    environment: theory and an application to racial justice", 2020.
    :doi:`10.48550/arXiv.2010.08463`

    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import AsymmetricLossClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> x = rng.normal(size=2000) + group
    >>> y = (x + rng.normal(size=2000) > 0.5).astype(int)
    >>> loss = {0: [[0, 1], [3, 0]], 1: [[0, 1], [1, 0]]}  # a miss hurts group 0
    >>> model = AsymmetricLossClassifier(
    ...     LogisticRegression(), loss=loss, sensitive_features=1
    ... )
    >>> X = np.column_stack([x, group])
    >>> model.fit(X, y).loss_weights_.mean().round(6)
    np.float64(1.0)
    >>> missed = (model.predict(X) == 0) & (y == 1)
    >>> bool(missed[group == 0].mean() < missed[group == 1].mean())
    True
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "loss": ["array-like", dict, callable],
        "method": [StrOptions({"weights", "threshold"})],
        "max_weight": [Interval(Real, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator,
        *,
        loss=((0, 1), (1, 0)),
        method="weights",
        max_weight=None,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.estimator = estimator
        self.loss = loss
        self.method = method
        self.max_weight = max_weight
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train the estimator for the loss.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Two class labels; the larger one is the positive.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            How many people each row stands for.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : AsymmetricLossClassifier

        Raises
        ------
        ValueError
            If there are no groups, a loss has the wrong shape, gives a group no table
            or rewards errors, or the estimator is frozen or takes no weights.
        """
        if self.method == "weights":
            refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        losses = losses_by_row(self.loss, data.X, len(data.y), data.groups)
        costs, weight = error_costs(losses), data.weight_or_ones
        values = np.ones(len(data.y))
        if self.method == "weights":
            values = normalized_weights(costs, data.y, weight)
            if self.max_weight is not None:
                values = capped_weights(values, weight, self.max_weight)
        else:
            optimal_thresholds(costs)  # refuses what has none
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self.loss_weights_ = values
        self.effective_sample_size_ = effective_sample_size(values, weight)
        plain = data.weight is None and (values == 1).all()
        self.estimator_ = fit_clone(
            self.estimator,
            self._features(data.X),
            data.labels,
            sample_weight=None if plain else values * weight,
            sensitive_features=sensitive_features,
            **fit_params,
        )
        return self

    def predict(self, X, *, sensitive_features=None):
        """Take the decision of least expected loss.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups; needed only by ``method="threshold"`` with a loss that depends
            on the group, unless the constructor names their columns.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        if self.method == "weights":
            return self._plain("predict", X, sensitive_features)
        return self.classes_[(self._margin(X, sensitive_features) > 0).astype(int)]

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X, *, sensitive_features=None):
        """Class probabilities in the problem in which 1/2 is the best threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        if self.method == "weights":
            return self._plain("predict_proba", X, sensitive_features)
        positive = expit(self._margin(X, sensitive_features))
        return np.column_stack([1 - positive, positive])

    @available_if(_has_decision_function)
    def decision_function(self, X, *, sensitive_features=None):
        """Decision function of the estimator, or log odds less those of the threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            The decision is positive above 0.
        """
        if self.method == "weights":
            return self._plain("decision_function", X, sensitive_features)
        return self._margin(X, sensitive_features)

    def instance_thresholds(self, X, *, sensitive_features=None):
        """Probability above which the positive decision costs each row less.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the loss depends on them and no column holds them.

        Returns
        -------
        thresholds : ndarray of shape (n_samples,), each in [0, 1]
        """
        check_is_fitted(self)
        return self._thresholds(self._check_X(X, reset=False), sensitive_features)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _plain(self, method, X, sensitive_features):
        check_is_fitted(self)
        features = self._features(self._check_X(X, reset=False))
        return call_method(self.estimator_, method, features, sensitive_features)

    def _thresholds(self, X, sensitive_features):
        groups = None
        if needs_groups(self.loss):
            groups = self._predict_groups(X, sensitive_features)
        losses = losses_by_row(self.loss, X, X.shape[0], groups)
        return optimal_thresholds(error_costs(losses))

    def _margin(self, X, sensitive_features):
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        probability = positive_score(
            self.estimator_, "predict_proba", self._features(X), sensitive_features
        )
        return threshold_margin(
            probability, self._thresholds(X, sensitive_features), True
        )
