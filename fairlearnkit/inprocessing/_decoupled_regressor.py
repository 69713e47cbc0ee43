"""A regressor for each group (Dwork et al. 2018)."""

from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin, refuse_frozen
from fairlearnkit._sklearn import fit_context
from fairlearnkit.inprocessing._back_off import (
    DECOUPLED_PARAMETERS,
    GroupTask,
    answer_by_group,
    fit_decoupled,
    predicted,
)
from fairlearnkit.inprocessing._group_losses import predicted_numbers, squared_error_of


class DecoupledRegressor(MitigatorMixin, RegressorMixin, BaseEstimator):
    """Train a regressor for each group, as far as its data carry one.

    A group keeps the pooled model unless a model of its own has less squared error on
    people held out; nothing is equalised. The cost is variance in small groups, for
    which there is a back-off. The group is needed at prediction and decides directly.
    See :class:`DecoupledClassifier` for when not to use it, and for the formula.

    Parameters
    ----------
    estimator : regressor
        Any scikit-learn regressor; its `fit` must take `sample_weight` unless
        `other_weights` is ``(0,)``. It is cloned.
    back_off : {"held_out", "size"}, default="held_out"
        "held_out": each group gets the model of least held-out squared error, if it
        beats the pooled model by more than the standard error of the difference.
        "size": that of the least of `other_weights` for all groups of `min_group_size`.
    min_group_size : float >= 0, default=30
        Groups of a smaller sum of weights (fewer people, if unweighted) are served by
        the pooled model, with a warning.
    other_weights : array-like of float in [0, 1), default=(0, 0.1, 0.3)
        Weights of people of other groups in a group's model; 0 trains it on the group
        alone. The pooled model, a weight of 1, is always a candidate.
    cv : int, splitter or iterable, default=5
        Folds of ``back_off="held_out"``. An int deals rows by their hash.
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
    pooled_estimator_ : regressor
        Trained on everyone.
    estimators_ : list of regressor
        Model of each group; the pooled one itself where the group backs off to it.
    other_weights_ : ndarray of shape (n_groups,)
        Weight of other groups in each group's model; 1 where it is the pooled one.
    group_report_ : GroupLosses
        Each group's squared error under the pooled model and its own: held out, or on
        the training data with ``back_off="size"``.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    MinimaxFairRegressor : One model for all, for the worst group; no group at predict.
    DecoupledClassifier : The same for labels.

    References
    ----------
    Dwork, Immorlica, Kalai, Leiserson, "Decoupled classifiers for group-fair and
    efficient machine learning", FAT* 2018. :doi:`10.48550/arXiv.1707.06613`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from fairlearnkit.inprocessing import DecoupledRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat([0, 1], 100)
    >>> X = np.column_stack([rng.normal(size=200), group])
    >>> y = np.where(group == 1, -1, 1) * X[:, 0]
    >>> model = DecoupledRegressor(LinearRegression(), sensitive_features=1)
    >>> model.fit(X, y).predict([[1.0, 0], [1.0, 1]]).round(3)
    array([ 1., -1.])
    """

    _parameter_constraints: dict = DECOUPLED_PARAMETERS
    _loss_name = "squared error"

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
            Numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : DecoupledRegressor

        Raises
        ------
        ValueError
            If there are no groups, the estimator is frozen, or it takes no weights
            although `other_weights` asks for them.
        """
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        task = GroupTask(
            self.estimator,
            self._features(data.X),
            data,
            sensitive_features,
            fit_params,
            _losses,
        )
        fit_decoupled(self, task)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict by each group's own regressor.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, unless the constructor names their columns.

        Returns
        -------
        numbers : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return answer_by_group(self, X, sensitive_features, predicted)


def _losses(model, X, sensitive_features, y):
    return squared_error_of(predicted_numbers(model, X, sensitive_features), y)
