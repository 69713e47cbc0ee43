"""Least loss of the worst group, in regression (Diana et al. 2021)."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin, refuse_frozen
from fairlearnkit._sklearn import StrOptions, call_method, fit_context
from fairlearnkit.inprocessing._group_losses import (
    absolute_error_of,
    predicted_numbers,
    report_losses,
    squared_error_of,
    warn_levelled_down,
    warn_small_groups,
)
from fairlearnkit.inprocessing._worst_group_fit import (
    BOUND_PARAMETERS,
    fit_smooth_loss,
    warn_not_reached,
)

_REGRESSION_LOSSES = {
    "squared_error": squared_error_of,
    "absolute_error": absolute_error_of,
}


class MinimaxFairRegressor(MitigatorMixin, RegressorMixin, BaseEstimator):
    """Train any regressor so that the group predicted worst is predicted best.

    The greatest mean loss of any group is made as small as what the estimator can learn
    allows, and then, at that level, the overall loss. Predictions are a weighted mean
    of a few fitted models; a mean is never worse than a draw under a convex loss. The
    price is overall loss and several fits of `estimator`. The group is not needed at
    prediction. Do not use it where one group's numbers are merely noisier than others':
    see :class:`MinimaxFairClassifier`.

    Parameters
    ----------
    estimator : regressor
        Any scikit-learn regressor whose `fit` takes `sample_weight`. It is cloned.
    loss : {"squared_error", "absolute_error"}, default="squared_error"
        The loss of a group, in the units of y, squared or not. The estimator should
        minimise the same.
    max_group_loss : float, default=None
        Bound on every group's mean loss.
    slack : float, default=0
        Loss allowed above the least worst-group loss.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    deterministic : bool, default=False
        Whether to use the best single model found instead of the mean.
    max_iter : int, default=100
        Most fits of `estimator`.
    tol : float, default=0.001
        Gap at which to stop, as a share of the plain model's worst-group loss.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    estimators_ : list of regressor
        The fitted models.
    weights_ : ndarray of shape (n_estimators,)
        Their shares in the mean.
    group_report_ : GroupLosses
        Each group's loss before, by the plain model, and after.
    worst_group_loss_ : float
        Loss of the worst group on the training data.
    loss_ : float
        Overall loss on the training data.
    gap_ : float
        As in :class:`MinimaxFairClassifier`; the mean may do better than the mixture
        that the bound is about.
    n_iter_ : int
        Number of fits of `estimator`.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    MinimaxFairClassifier : The same for labels, with the formulas.
    GroupDRORegressor : The exact answer for a linear model.

    References
    ----------
    Diana, Gill, Kearns, Kenthapadi, Roth, "Minimax group fairness: algorithms and
    experiments", AIES 2021. :doi:`10.1145/3461702.3462523`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from fairlearnkit.inprocessing import MinimaxFairRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = (rng.random(1000) < 0.2).astype(int)
    >>> X = np.column_stack([rng.normal(size=1000), group])
    >>> y = np.where(group == 1, -1, 1) * X[:, 0] + 0.1 * rng.normal(size=1000)
    >>> model = MinimaxFairRegressor(LinearRegression(), sensitive_features=1)
    >>> report = model.fit(X, y).group_report_
    >>> bool(report.worst_after < 0.5 * report.worst_before)
    True
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        **BOUND_PARAMETERS,
        "loss": [StrOptions(set(_REGRESSION_LOSSES))],
    }

    def __init__(
        self,
        estimator,
        *,
        loss="squared_error",
        max_group_loss=None,
        slack=0.0,
        sensitive_features=None,
        drop_sensitive=False,
        deterministic=False,
        max_iter=100,
        tol=0.001,
        handle_missing="error",
    ):
        self.estimator = estimator
        self.loss = loss
        self.max_group_loss = max_group_loss
        self.slack = slack
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.deterministic = deterministic
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train regressors at weights of the groups until the gap closes.

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
        self : MinimaxFairRegressor

        Raises
        ------
        ValueError
            If there are no groups, or the estimator is frozen or takes no weights.
        """
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        warn_small_groups(data)
        features = self._features(data.X)
        measure = _REGRESSION_LOSSES[self.loss]

        def loss(model, X, values):
            return measure(predicted_numbers(model, X, values), data.y)

        found, models = fit_smooth_loss(
            self,
            features,
            data,
            sensitive_features,
            fit_params,
            loss,
            negligible=measure(data.y * (1 + 1e-10), data.y).mean(),
        )
        self.groups_ = data.groups.labels
        self.n_iter_, self.gap_ = found.n_fits, found.gap
        self.estimators_ = [models[column] for column in found.mixture.columns]
        self.weights_ = found.mixture.weights
        after = measure(self._mean(features, sensitive_features), data.y)
        before = loss(models[0], features, sensitive_features)
        self.group_report_ = report_losses(
            self.loss.replace("_", " "), before, after, data
        )
        self.worst_group_loss_ = self.group_report_.worst_after
        self.loss_ = float(np.average(after, weights=data.weight))
        warn_levelled_down(self.group_report_)
        warn_not_reached(self, found)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict by the weighted mean of the models.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable; passed on only to a nested
            mitigator that asks for it.

        Returns
        -------
        numbers : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        return self._mean(self._features(X), sensitive_features)

    def _mean(self, X, sensitive_features):
        answers = [
            np.asarray(call_method(model, "predict", X, sensitive_features))
            for model in self.estimators_
        ]
        return np.tensordot(self.weights_, answers, axes=1)
