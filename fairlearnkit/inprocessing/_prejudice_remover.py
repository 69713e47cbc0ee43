"""Logistic regression whose predictions tell little of the group (Kamishima 2012)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import SENSITIVE_PARAMETERS, MitigatorMixin, check_numbers
from fairlearnkit._sklearn import Interval, fit_context
from fairlearnkit._solvers.prejudice_index import PrejudiceProblem
from fairlearnkit.exceptions import FairnessWarning


class PrejudiceRemover(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Logistic regression with a penalty on the information its predictions give away.

    The penalty is the mutual information between the prediction and the group: 0 if
    every group is predicted positive at the same mean probability. So it pulls towards
    demographic parity of *probabilities*, for any number of groups. Parity of the
    decisions cut at one half follows only roughly, and no bound is promised; use
    :class:`ReductionClassifier` where one is needed.

    It costs accuracy, and under a heavy penalty the cheapest way to give nothing away
    can be to predict the same for everybody; a warning says so. The penalty is not
    convex: what is found is the minimum downhill from the unpenalised model.

    With a model for each group, as in the paper, `predict` treats people by their group
    and needs to know it; ``by_group=False`` learns one model for all.

    Parameters
    ----------
    eta : float, default=1.0
        Strength of the penalty, non-negative: nats of log loss that a nat of mutual
        information is worth, per person. 0 is plain logistic regression.
    C : float, default=1.0
        Inverse strength of the ridge penalty on coefficients, not on intercepts, as in
        :class:`~sklearn.linear_model.LogisticRegression`.
    by_group : bool, default=True
        Whether each group has coefficients of its own. False shares them, and then the
        group is not needed at prediction.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and, with
        ``by_group=True``, to predictions.
    drop_sensitive : bool, default=False
        Whether to keep the sensitive columns out of the features.
    max_iter : int, default=1000
        Most iterations of L-BFGS.
    tol : float, default=1e-6
        Largest entry of the gradient, per person and in units of the features'
        deviations, at which to stop.
    warm_start : bool, default=False
        Whether to start from the last fit, as along a path of `eta`. The minimum found
        may then be another one.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (n_groups, n_features) or (1, n_features)
        Coefficients of each group, or the shared ones.
    intercept_ : ndarray of shape (n_groups,) or (1,)
        Intercepts.
    prejudice_index_ : float
        Mutual information on the training data, in nats.
    n_iter_ : int
        Iterations of L-BFGS.
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
    ReductionClassifier : Bounds the gap of any estimator's decisions.

    Notes
    -----
    With :math:`\\sigma_i` the predicted probability of row i, weights v and groups g,

    .. math:: \\min_\\theta \\; -\\sum_i v_i \\log P(y_i \\mid x_i) + \\eta \\sum_i v_i
       \\sum_y P(y \\mid x_i) \\ln\\frac{\\bar P(y \\mid g_i)}{\\bar P(y)}
       + \\frac{1}{2C} \\lVert\\theta\\rVert^2,

    where :math:`\\bar P` are weighted means of :math:`\\sigma`. The derivative of the
    penalty by the score of row i is :math:`\\eta v_i \\sigma_i (1 - \\sigma_i)
    (\\operatorname{logit} \\bar P(1 \\mid g_i) - \\operatorname{logit} \\bar P(1))`.
    The paper's ridge weight :math:`\\lambda` is 1/C.

    References
    ----------
    Kamishima, Akaho, Asoh, Sakuma, "Fairness-aware classifier with prejudice remover
    regularizer", ECML PKDD 2012. :doi:`10.1007/978-3-642-33486-3_3`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import PrejudiceRemover
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> X = np.column_stack([rng.normal(size=(2000, 2)) + group[:, None], group])
    >>> y = (X[:, 0] + rng.normal(size=2000) > 0.5).astype(int)
    >>> for eta in (0, 1, 10):
    ...     model = PrejudiceRemover(eta=eta, sensitive_features=2).fit(X, y)
    ...     print(round(model.prejudice_index_, 4), round(model.score(X, y), 2))
    0.037 0.77
    0.0131 0.77
    0.0006 0.74
    """

    _parameter_constraints: dict = {
        **SENSITIVE_PARAMETERS,
        "eta": [Interval(Real, 0, None, closed="left")],
        "C": [Interval(Real, 0, None, closed="neither")],
        "by_group": ["boolean"],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        *,
        eta=1.0,
        C=1.0,
        by_group=True,
        fit_intercept=True,
        sensitive_features=None,
        drop_sensitive=False,
        max_iter=1000,
        tol=1e-6,
        warm_start=False,
        handle_missing="error",
    ):
        self.eta = eta
        self.C = C
        self.by_group = by_group
        self.fit_intercept = fit_intercept
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Fit without the penalty, then descend with it.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Numbers.
        y : array-like of shape (n_samples,)
            Two class labels; the larger one is the positive.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in the loss and in the mutual information.

        Returns
        -------
        self : PrejudiceRemover

        Raises
        ------
        ValueError
            If there are no groups, not two classes, or a feature is not a number.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` iterations were not enough.
        FairnessWarning
            If everybody is predicted alike.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        problem = PrejudiceProblem(
            self._numbers(data.X),
            data.y,
            data.groups.codes,
            data.weight_or_ones,
            ridge=1 / self.C,
            by_group=self.by_group,
            fit_intercept=self.fit_intercept,
        )
        options = {"tol": self.tol, "max_iter": self.max_iter}
        start, spent = self._last_fit(problem.shape), 0
        if start is None:
            plain = found = problem.minimize(0.0, **options)
            start, spent = (plain.coefficients, plain.intercepts), plain.n_iter
        if self.eta or not spent:
            found = problem.minimize(self.eta, start=start, **options)
            spent += found.n_iter
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self.coef_, self.intercept_ = found.coefficients, found.intercepts
        self.prejudice_index_, self.n_iter_ = found.index, spent
        self._warn_about(found, data)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict the likelier label.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups; needed only if they have coefficients of their own and the
            constructor does not name their columns.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        decision = self.decision_function(X, sensitive_features=sensitive_features)
        return self.classes_[(decision > 0).astype(int)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Predicted probabilities.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        decision = self.decision_function(X, sensitive_features=sensitive_features)
        return np.column_stack([expit(-decision), expit(decision)])

    def decision_function(self, X, *, sensitive_features=None):
        """Predicted log odds of the positive class.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        features = self._numbers(X)
        if len(self.coef_) == 1:
            return features @ self.coef_[0] + self.intercept_[0]
        codes = self._predict_groups(X, sensitive_features).encode(self.groups_)
        decision = np.empty(features.shape[0])
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            own = features[rows] @ self.coef_[code]
            decision[rows] = own + self.intercept_[code]
        return decision

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_class = False
        return tags

    def _numbers(self, X):
        """Features as an array of floats."""
        return check_numbers(self, self._features(X), accept_sparse="csr")

    def _last_fit(self, shape):
        """Where to start from, if a fit of the same shape is to be continued."""
        if not self.warm_start or getattr(self, "coef_", np.empty(0)).shape != shape:
            return None
        return self.coef_, self.intercept_

    def _warn_about(self, found, data):
        if not found.converged:
            warn(
                f"not converged after {self.n_iter_} iterations: the gradient is still "
                f"{found.gradient:.2g}; increase max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        decision = self.decision_function(
            data.X, sensitive_features=data.groups.values()
        )
        if self.eta and len(np.unique(decision > 0)) == 1:
            only = self.classes_.tolist()[int(decision[0] > 0)]
            warn(
                f"everybody is predicted {only!r}: under eta={self.eta:g} that is how "
                "the predictions give the group away least; choose a smaller eta.",
                FairnessWarning,
                stacklevel=3,
            )
