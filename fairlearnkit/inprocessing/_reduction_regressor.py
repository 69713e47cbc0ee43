"""Regression under a ceiling on every group's loss (Agarwal, Dudik, Wu 2019)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin, refuse_frozen
from fairlearnkit._sklearn import (
    Interval,
    StrOptions,
    call_method,
    fit_clone,
    fit_context,
    require_weights,
)
from fairlearnkit._solvers.moment_bounds import ceiling, common_ceiling
from fairlearnkit._solvers.reductions import ColumnSearch, ReductionMaster
from fairlearnkit.exceptions import FairnessWarning, shortlist

_TIE = 1e-4  # weight of everybody's loss where the worst group's decides


class ReductionRegressor(MitigatorMixin, RegressorMixin, BaseEstimator):
    """Keep every group's loss under a ceiling, by reweighting any regressor's data.

    Of all mixtures of what `estimator` can learn, the one of least mean loss is found
    in which no group's mean loss is above `max_group_loss`; without a number the
    largest group's loss is made as small as it gets. It protects the groups that a
    model serves worst. It costs several fits, and a larger loss for everybody else; it
    does not make losses equal, and cannot help a group whose labels are just noisier.
    The group is not needed at prediction.

    A prediction is the weighted mean of a few regressors. Both losses are convex, so
    that it does no worse, in any group, than drawing one of them at random.

    Parameters
    ----------
    estimator : regressor
        Any scikit-learn regressor whose `fit` takes `sample_weight`. It is cloned. It
        should minimise the same `loss`; else the result is the best for its answers.
    loss : {"squared", "absolute"}, default="squared"
        What is bounded and minimised: the mean of (y - prediction) squared, or of its
        absolute value. It is not clipped: scale y where the bound should mean a share.
    max_group_loss : float > 0, default=None
        Ceiling of every group's mean loss on the training data, in units of the loss.
        None asks for the least possible.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    max_iter : int, default=50
        Most fits of `estimator`.
    tol : float, default=1e-3
        Gap between the loss and its lower bound at which to stop, as a share of the
        plain model's loss.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    estimators_ : list of regressor
        The fitted members.
    weights_ : ndarray of shape (n_members,)
        Their weights in the prediction.
    loss_ : float
        Mean loss of the prediction on the training data.
    group_losses_ : ndarray of shape (n_groups,)
        That of each group.
    gap_ : float
        Expected loss of a member drawn at random, or of the worst group, minus its
        lower bound. The bound is certified relative to the estimator.
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
    ReductionClassifier : Bounds differences between rates of decisions.
    DemographicParityRegressor : Predictions distributed alike in all groups.

    Notes
    -----
    The mixture Q solves

    .. math:: \\min_Q \\; E[\\ell(y, f_Q(x))] \\quad \\text{subject to} \\quad
       E[\\ell(y, f_Q(x)) \\mid A = g] \\le \\zeta \\text{ for every group } g

    by column generation: the prices of the bounds become weights of the groups, and a
    new regressor is trained with them.

    References
    ----------
    Agarwal, Dudik, Wu, "Fair regression: quantitative definitions and reduction-based
    algorithms", ICML 2019. :doi:`10.48550/arXiv.1905.12843`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from fairlearnkit.inprocessing import ReductionRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = (rng.random(2000) < 0.2).astype(int)
    >>> x = rng.normal(size=2000)
    >>> X, y = x[:, None], np.where(group, -x, x) + 0.1 * rng.normal(size=2000)
    >>> model = ReductionRegressor(LinearRegression(), max_group_loss=1.5)
    >>> print(model.fit(X, y, sensitive_features=group).group_losses_.round(2))
    [0.59 1.5 ]
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "loss": [StrOptions({"squared", "absolute"})],
        "max_group_loss": [Interval(Real, 0, None, closed="neither"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        estimator,
        *,
        loss="squared",
        max_group_loss=None,
        sensitive_features=None,
        drop_sensitive=False,
        max_iter=50,
        tol=1e-3,
        handle_missing="error",
    ):
        self.estimator = estimator
        self.loss = loss
        self.max_group_loss = max_group_loss
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train regressors at the prices of the groups' losses until the gap closes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights, in every mean loss.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : ReductionRegressor

        Raises
        ------
        ValueError
            If there are no groups, or the estimator is frozen or takes no weights.
        """
        refuse_frozen(self)
        require_weights(self.estimator)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        self.groups_ = data.groups.labels
        learner = _GroupLearner(self, data, sensitive_features, fit_params)
        share = learner.group_weight / learner.group_weight.sum()
        if self.max_group_loss is None:
            bounds = common_ceiling(share)
        else:
            limit = self.max_group_loss / learner.unit
            bounds = ceiling(np.full(len(share), limit))
        master = ReductionMaster(bounds)
        search = ColumnSearch(master, learner, gap_tolerance=self.tol)
        result = search.run(self.max_iter)
        mixture = result.mixture
        # Each fit is one column here: a regressor has no thresholds.
        self.estimators_ = [learner.models[column] for column in mixture.columns]
        self.weights_, self.n_iter_ = mixture.weights, result.n_oracle_calls
        self.gap_ = result.gap * learner.unit
        predicted = self._mean(self._features(data.X), sensitive_features)
        self.group_losses_ = learner.group_losses(predicted)
        self.loss_ = float(share @ self.group_losses_)
        self._warn_about(result, data)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict by the weighted mean of the members.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable; passed on only to a nested
            mitigator that asks for it.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        return self._mean(self._features(X), sensitive_features)

    def _mean(self, X, sensitive_features):
        parts = [
            call_method(member, "predict", X, sensitive_features)
            for member in self.estimators_
        ]
        return np.average(parts, axis=0, weights=self.weights_)

    def _warn_about(self, result, data):
        limit = np.inf if self.max_group_loss is None else self.max_group_loss
        over = [
            f"{data.groups.describe(group)} ({loss:.4g})"
            for group, loss in enumerate(self.group_losses_)
            if loss > limit * (1 + 1e-6)
        ]
        if over:
            warn(
                f"max_group_loss={limit:g} was not reached for {shortlist(over)}; "
                "allow more, more iterations, or a more flexible estimator.",
                FairnessWarning,
                stacklevel=3,
            )
        elif not result.converged:
            warn(
                f"not converged after {result.n_oracle_calls} fits: the loss may be "
                f"{self.gap_:.2g} above the best; increase max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )


class _GroupLearner:
    """Fit the regressor with a weight for each group and keep the fitted models."""

    def __init__(self, model, data, sensitive_features, fit_params):
        self.estimator, self.loss = model.estimator, model.loss
        self.worst = model.max_group_loss is None
        self.X, self.data = model._features(data.X), data
        self.sensitive_features, self.fit_params = sensitive_features, fit_params
        self.models, self.unit = [], 1.0
        weight = data.weight_or_ones
        self.group_weight = np.bincount(data.groups.codes, weights=weight)
        everybody = np.average(data.y, weights=weight)
        constant = np.full(len(data.y), everybody)
        share = self.group_weight / weight.sum()
        # Losses are counted in units of a constant prediction's.
        self.unit = float(share @ self.group_losses(constant)) or 1.0

    def group_losses(self, predicted):
        """Mean loss of each group."""
        data = self.data
        error = data.y - predicted
        loss = error**2 if self.loss == "squared" else np.abs(error)
        total = np.bincount(data.groups.codes, weights=loss * data.weight_or_ones)
        return total / self.group_weight

    def costs(self, multipliers):
        """Weight of one person of each group."""
        own = (_TIE if self.worst else 1.0) / self.group_weight.sum()
        return own + multipliers / self.group_weight

    def strength(self, multipliers):
        """How far multipliers override the mean loss."""
        share = self.group_weight / self.group_weight.sum()
        return float(np.abs(multipliers / share).max())

    def fingerprint(self, costs):
        """Weights up to their scale."""
        return np.round(costs / costs.max(), 9).tobytes()

    def answer(self, questions):
        """Fit at each of the weights; the losses of the regressors found."""
        return [self._fit(costs) for costs in questions]

    def _fit(self, costs):
        data = self.data
        weight = costs[data.groups.codes]
        # Equal weights are no weights: then this is the plain model.
        plain = data.weight is None and np.ptp(weight) <= 1e-12 * weight.max()
        weight = weight * data.weight_or_ones
        weight = weight * (data.weight_or_ones.sum() / weight.sum())
        model = fit_clone(
            self.estimator,
            self.X,
            data.y,
            sample_weight=None if plain else weight,
            sensitive_features=self.sensitive_features,
            **self.fit_params,
        )
        self.models.append(model)
        predicted = call_method(model, "predict", self.X, self.sensitive_features)
        losses = self.group_losses(predicted) / self.unit
        share = self.group_weight / self.group_weight.sum()
        value = float(share @ losses) * (_TIE if self.worst else 1.0)
        return np.array([value]), losses[None]
