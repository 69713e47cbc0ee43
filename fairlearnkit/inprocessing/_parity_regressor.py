"""Demographic parity of any regressor, by reduction (Agarwal, Dudik, Wu 2019)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    MitigatorMixin,
    refuse_frozen,
    warn_few_rows,
)
from fairlearnkit._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
)
from fairlearnkit._solvers.level_prices import (
    LevelLearner,
    prediction_levels,
    tail_gap,
    tail_parity,
)
from fairlearnkit._solvers.reductions import ColumnSearch, ReductionMaster
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.inprocessing._group_losses import predicted_numbers, report_losses
from fairlearnkit.inprocessing._level_model import (
    LOSSES,
    LevelTraining,
    without_weightless_rows,
)

_FEW_PEOPLE = 30
# Shares of the tolerance at which single rules are sought.
_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)


class DemographicParityRegressor(MitigatorMixin, RegressorMixin, BaseEstimator):
    """Make predictions independent of the group, without the group at prediction.

    For every number z, the share of a group that is predicted z or more differs from
    that of all people by at most `tolerance`: the groups share one distribution of
    predictions, not only one mean. It suits scores that others will cut at thresholds
    that you do not know.

    What it costs: error, the more the features tell the groups apart, whether or not
    the groups truly differ in y; people who resemble another group are moved with it.
    Predictions become a few levels, and mostly a draw between several rules: equal rows
    get equal predictions, but two people who are nearly alike may not. If the group may
    be used at prediction,
    :class:`~fairlearnkit.postprocessing.WassersteinBarycenterRegressor` needs no draw.
    Do not use it to make errors equal, or where one group's y is only measured
    differently.

    Parameters
    ----------
    estimator : regressor
        Also a Pipeline. It is cloned, and fitted to y and to an indicator of each
        group, so it should estimate means. It needs `sample_weight` only if `fit` is
        given any.
    loss : {"squared", "absolute"}, default="squared"
        What is minimised: the mean of (y - prediction) squared, or of its absolute
        value. The latter fits `estimator` once more for every level.
    tolerance : float in [0, 1], default=0.05
        Largest difference between a group's share of predictions of z or more and that
        of all people, for any z, on the training data. Two groups are then at most
        twice as far apart. 1 is the plain model. Less than chance makes of shares, some
        :math:`1/\\sqrt{n_g}`, costs much and buys little; at 0 often only a constant is
        left.
    n_thresholds : int, default=30
        Numbers z between the levels; predictions take at most one level more. More
        are closer to y and take longer.
    group_estimator : classifier, default=None
        Its `predict_proba` tells the groups apart in place of `estimator`, for one that
        cannot learn indicators. It learns numbers from 0 up, one for each group.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the estimators.
    deterministic : bool, default=False
        Whether to keep the best single rule found instead of a draw. It costs more, or
        is a constant (then it warns), where few rows differ or `tolerance` is small.
    max_iter : int, default=200
        Most rounds of prices. A round fits nothing.
    tol : float, default=2e-3
        Gap between the loss and its lower bound at which to stop, as a share of the
        loss of a constant.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash of each row that picks its rule.

    Attributes
    ----------
    estimator_ : regressor
        The plain model, fitted to y.
    levels_ : ndarray of shape (n_levels,) or None
        The numbers that are predicted; None where the plain model meets the tolerance,
        which is then kept as it is.
    weights_ : ndarray of shape (n_members,)
        Probability of each rule.
    loss_ : float
        Mean loss on the training data, expected over the draw.
    plain_loss_ : float
        That of the plain model.
    violation_ : float
        The difference that `tolerance` bounds, on the training data, expected over the
        draw.
    plain_violation_ : float
        That of the plain model.
    gap_ : float
        Expected loss minus its lower bound, relative to the rules that were found.
    group_report_ : GroupLosses
        Each group's mean loss under the plain model and under this one.
    n_iter_ : int
        Rounds of prices; in the first they are zero.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    ReductionRegressor : Bounds every group's loss.
    MeanParityRegressor : Equal means alone, of a linear model.
    fairlearnkit.postprocessing.WassersteinBarycenterRegressor : Uses the group.

    Notes
    -----
    The mixture Q of predictors f with values on levels solves

    .. math:: \\min_Q \\; E[\\ell(y, f(x))] \\quad \\text{subject to} \\quad
       |P(f(x) \\ge z \\mid A = g) - P(f(x) \\ge z)| \\le \\epsilon \\; \\forall g, z

    with :math:`\\epsilon` the tolerance, by column generation. Prices of the bounds add
    :math:`c_g(z)` to the loss of level z in group g, and the best answer to them is

    .. math:: f(x) = \\arg\\min_z \\; E[\\ell(y, z) \\mid x]
       + \\sum_g P(A = g \\mid x) \\, c_g(z)

    whose parts are learned once: cost-sensitive classification by regression of the
    costs. This is the best of all functions of x if `estimator` is right about these
    conditional means; else the mixture is the best of the rules that were found. The
    tolerance holds on the training data in either case, since losses and shares are
    counted on true labels and groups there, and a constant is among the rules. On new
    data the difference is larger by chance, and by more if `estimator` overfits. The
    mean over the draw, unlike the draw, is not independent of the group.

    References
    ----------
    Agarwal, Dudik, Wu, "Fair regression: quantitative definitions and reduction-based
    algorithms", ICML 2019. :doi:`10.48550/arXiv.1905.12843`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from fairlearnkit.inprocessing import DemographicParityRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> X = rng.normal(size=(2000, 2)) + np.column_stack([group, 0 * group])
    >>> y = X.sum(axis=1) + rng.normal(size=2000)
    >>> model = DemographicParityRegressor(LinearRegression(), tolerance=0.05)
    >>> model = model.fit(X, y, sensitive_features=group)
    >>> print(round(model.plain_violation_, 2), round(model.violation_, 2))
    0.15 0.05
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "tolerance": CONSTRAINT_PARAMETERS["tolerance"],
        "n_thresholds": [Interval(Integral, 1, None, closed="left")],
        "group_estimator": [HasMethods(["fit", "predict_proba"]), None],
        "deterministic": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        loss="squared",
        tolerance=0.05,
        n_thresholds=30,
        group_estimator=None,
        sensitive_features=None,
        drop_sensitive=False,
        deterministic=False,
        max_iter=200,
        tol=2e-3,
        handle_missing="error",
        random_state=0,
    ):
        self.estimator = estimator
        self.loss = loss
        self.tolerance = tolerance
        self.n_thresholds = n_thresholds
        self.group_estimator = group_estimator
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.deterministic = deterministic
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train the models, then price the levels until the gap closes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights, in the loss and in every share.
        **fit_params : dict
            Passed on to every `fit` of `estimator`.

        Returns
        -------
        self : DemographicParityRegressor

        Raises
        ------
        ValueError
            If there are no groups, or the estimator is frozen or takes no weights
            although there are some.
        """
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        data, values = without_weightless_rows(data, sensitive_features)
        self.groups_ = data.groups.labels
        self._salt = new_salt(check_random_state(self.random_state))
        task = LevelTraining(self, data, values, fit_params)
        self.estimator_, plain = task.fit_plain()
        weight, row_loss = data.weight_or_ones, LOSSES[self.loss]
        before = row_loss(plain, data.y)
        self.plain_loss_ = float(np.average(before, weights=weight))
        self.plain_violation_ = tail_gap(plain, data.groups.codes, weight)
        if self.plain_violation_ <= self.tolerance:
            self.levels_, self._model, self._rules = None, None, []
            self.weights_, self.n_iter_, self.gap_ = np.ones(1), 1, 0.0
            self.loss_, self.violation_ = self.plain_loss_, self.plain_violation_
            after = before
        else:
            self.levels_ = prediction_levels(plain, weight, self.n_thresholds + 1)
            self._model = task.fit_levels(self.levels_)
            after = self._search(task, plain)
        self.group_report_ = report_losses(f"{self.loss} error", before, after, data)
        self._warn_about(data)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict by the rule that each row's hash draws.

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
        X, parts = self._look(X, sensitive_features)
        if self.levels_ is None:
            return parts
        ends = np.cumsum(self.weights_)[:-1]
        drawn = np.searchsorted(ends, row_uniforms(X, self._salt), side="right")
        found = np.empty(len(drawn), dtype=int)
        for number, rule in enumerate(self._rules):
            rows = np.flatnonzero(drawn == number)
            found[rows] = rule.positions(*(part[rows] for part in parts))
        return self.levels_[found]

    def predict_members(self, X, *, sensitive_features=None):
        """Predictions of every rule, of which `predict` draws one by `weights_`.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        predictions : ndarray of shape (n_samples, n_members)
        """
        _, parts = self._look(X, sensitive_features)
        if self.levels_ is None:
            return parts[:, None]
        found = [rule.positions(*parts) for rule in self._rules]
        return self.levels_[np.stack(found, axis=1)]

    def _look(self, X, sensitive_features):
        """X, with what each rule looks at, or with the plain predictions."""
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        features = self._features(X)
        plain = predicted_numbers(self.estimator_, features, sensitive_features)
        if self.levels_ is None:
            return X, plain
        return X, self._model.of(features, plain, sensitive_features)

    def _search(self, task, plain):
        """Find the rules and keep them; return everybody's expected loss."""
        y, row_loss = task.data.y, LOSSES[self.loss]
        learner = LevelLearner(
            *self._model.of(task.X, plain, task.values),
            codes=task.codes,
            weight=task.data.weight_or_ones,
            loss=lambda places: row_loss(self.levels_[places], y),
            unit=task.unit,
        )
        bounds = tail_parity(learner.shares, len(self.levels_), self.tolerance)
        master = ReductionMaster(bounds)
        result = ColumnSearch(master, learner, self.tol).run(self.max_iter)
        columns, weights = result.mixture.columns, result.mixture.weights
        if self.deterministic:
            columns, weights = self._single(learner, master), np.ones(1)
        gaps = bounds.matrix @ master.moments[columns].T
        self._rules, self.weights_ = [learner.rules[c] for c in columns], weights
        self.n_iter_ = result.n_oracle_calls
        self.violation_ = float((gaps @ weights).max())
        expected = master.values[columns] @ weights
        self.loss_ = float(expected) * task.unit
        self.gap_ = max(float(expected - master.lower_bound()), 0.0) * task.unit
        if not result.converged:
            warn(
                f"not converged after {self.n_iter_} rounds: the loss may be "
                f"{result.gap * task.unit:.2g} above that of the best mixture; "
                "increase max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return learner.expected_loss(self._rules, weights)

    def _single(self, learner, master):
        """The best rule on its own, as an array of one column."""
        matrix, n_levels = master.bounds.matrix, len(self.levels_)
        for share in _SHARES:
            aim = tail_parity(learner.shares, n_levels, share * self.tolerance)
            prices = learner.smoothed_prices(aim)
            (answer,) = learner.answer([learner.costs(matrix.T @ prices)])
            master.add_model(*answer, prices)
        excess = (matrix @ master.moments.T).max(axis=0) - self.tolerance
        column = master.best_single(master.values, excess)
        if learner.rules[column].constant is not None:
            warn(
                "no single rule within the tolerance but a constant was found; allow "
                "more, or a draw with deterministic=False.",
                FairnessWarning,
                stacklevel=5,
            )
        return np.array([column])

    def _warn_about(self, data):
        people = np.bincount(data.groups.codes, minlength=len(data.groups))
        few = [
            f"{data.groups.describe(group)} ({people[group]})"
            for group in np.flatnonzero(people < _FEW_PEOPLE)
        ]
        if few:
            warn(
                f"fewer than {_FEW_PEOPLE} people in {shortlist(few)}: parity of their "
                "distribution here says little about others.",
                FairnessWarning,
                stacklevel=3,
            )
        if len(self._rules) > 1:
            warn_few_rows(data)
