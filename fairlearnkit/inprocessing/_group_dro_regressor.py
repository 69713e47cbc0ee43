"""Ridge regression for the worst group (Sagawa et al. 2020)."""

from sklearn.base import BaseEstimator, RegressorMixin

from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import fit_context
from fairlearnkit._solvers.group_dro import SquaredLoss
from fairlearnkit.inprocessing._group_dro_fit import (
    LINEAR_PARAMETERS,
    fit_linear,
    linear_scores,
)


class GroupDRORegressor(MitigatorMixin, RegressorMixin, BaseEstimator):
    """Ridge regression for the group that it predicts worst, solved exactly.

    It minimises the greatest mean squared error of any group instead of that of all
    people. The cost is overall error. The group is not needed at prediction. Do not use
    it where one group's numbers are merely noisier than others': see
    :class:`GroupDROClassifier`.

    Parameters
    ----------
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the model.
    alpha : float > 0, default=0.001
        Strength of the L2 penalty, alpha / 2 times the squared norm of `coef_`, beside
        half the mean squared error. For one group it is the ``alpha / n_samples`` of
        scikit-learn's Ridge.
    size_adjustment : float >= 0, default=0
        Adds size_adjustment / sqrt(n_g) to half the mean squared error of each group
        before they are compared, n_g the sum of its weights.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    max_iter : int, default=500
        Most Newton steps.
    tol : float in (0, 1), default=1e-06
        Duality gap at which to stop, as a share of the pooled model's worst-group loss.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.
    intercept_ : float
        Intercept.
    group_weights_ : ndarray of shape (n_groups,)
        Dual weight of each group; 0 where its loss does not bind.
    group_report_ : GroupLosses
        Each group's mean squared error under ridge regression of the same `alpha`, and
        under this model.
    worst_group_loss_ : float
        Mean squared error of the worst group on the training data.
    loss_ : float
        Overall mean squared error on the training data.
    gap_ : float
        Duality gap of the greatest half mean squared error.
    n_iter_ : int
        Newton steps.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    GroupDROClassifier : The same for labels, with the formula.
    MinimaxFairRegressor : For any learner.

    References
    ----------
    Sagawa, Koh, Hashimoto, Liang, "Distributionally robust neural networks for group
    shifts", ICLR 2020. :doi:`10.48550/arXiv.1911.08731`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import GroupDRORegressor
    >>> X = np.array([[1.0, 0], [-1, 0], [2, 0], [-2, 0], [1, 1], [-1, 1]] * 20)
    >>> y = [1.0, -1, 2, -2, -1, 1] * 20
    >>> model = GroupDRORegressor(sensitive_features=1).fit(X, y)
    >>> model.group_report_.before.round(2), model.group_report_.after.round(2)
    (array([0.28, 2.78]), array([1.5, 1.5]))
    """

    _parameter_constraints: dict = LINEAR_PARAMETERS

    def __init__(
        self,
        *,
        sensitive_features=None,
        drop_sensitive=False,
        alpha=0.001,
        size_adjustment=0.0,
        fit_intercept=True,
        max_iter=500,
        tol=1e-6,
        handle_missing="error",
    ):
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.alpha = alpha
        self.size_adjustment = size_adjustment
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Numbers, but for sensitive columns under ``drop_sensitive=True``.
        y : array-like of shape (n_samples,)
            Numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights.

        Returns
        -------
        self : GroupDRORegressor

        Raises
        ------
        ValueError
            If there are no groups, or X is not numeric.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        fit_linear(self, data, SquaredLoss(), "squared error")
        self.coef_, self.intercept_ = self.coef_[0], float(self.intercept_[0])
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict numbers.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable.

        Returns
        -------
        numbers : ndarray of shape (n_samples,)
        """
        return linear_scores(self, X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
