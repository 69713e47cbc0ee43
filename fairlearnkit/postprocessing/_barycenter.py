"""Fair regression by transport to a Wasserstein barycentre (Chzhen et al. 2020)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    is_frozen,
)
from fairlearnkit._solvers.barycenters import BarycenterTransport
from fairlearnkit._solvers.quantiles import ks_distance, wasserstein_unfairness
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing._group_model import fit_group_model
from fairlearnkit.postprocessing._group_report import warn_harmed
from fairlearnkit.postprocessing._out_of_fold import fit_out_of_fold
from fairlearnkit.postprocessing._parity_of_numbers import (
    BarycenterStep,
    check_two_rows,
    compare,
    finite_predictions,
    groups_by_column,
    heaviest_tie,
    report_errors,
    risk_frontier,
)

_HEAVY = 0.05  # a larger share of a group at one number is worth a warning
_ADVICE = {
    "mid": "choose ties='hash' to spread them",
    "hash": "the folds' models had other ties, so these are not spread; wrap a fitted "
    "model in FrozenEstimator, and fit on other rows",
}


class WassersteinBarycenterRegressor(MitigatorMixin, RegressorMixin, BaseEstimator):
    """Give every group the same distribution of predictions, at the least error.

    Demographic parity of a regressor: whoever is at the median of her group gets the
    mean of all groups' medians, and so on for every rank. No regressor whose
    predictions are independent of the group is closer, in mean square, to the model
    that it wraps. The order of people within a group stays. What it costs: predictions
    of the group that the model ranks high fall, those of the others rise, by as much as
    the groups differ, whether or not the groups truly differ in y.

    Distributions are learned on out-of-fold predictions. If a model gives several
    people of a group the same prediction, as a tree does, no rule that keeps them
    together can reach parity; by default a salted hash of the row spreads them over the
    ranks that they share, so the same row always gets the same number.

    Parameters
    ----------
    estimator : regressor
        Also a Pipeline or a search. It is cloned and refitted; wrap a fitted model in
        :class:`~sklearn.frozen.FrozenEstimator` to keep it as it is, and fit on rows
        that it has not seen.
    tolerance : float in [0, 1], default=0.0
        Share of the unfairness that is left: 0 is parity, 1 the plain model. The
        unfairness is a mean square, so 0.25 halves every distance between quantiles.
    ties : {"hash", "mid"}, default="hash"
        How people of a group with the same plain prediction are treated: "hash" spreads
        them, "mid" gives them one number, that of their middle rank, and leaves groups
        apart by up to the share that a tie holds.
    sequential : bool, default=False
        Whether several sensitive columns are mitigated one after the other, in their
        order, instead of all their intersections at once. It needs fewer people a
        group. Parity is exact for the last column; where columns are associated it can
        undo some of an earlier one's, see `unfairness_by_step_`.
    group_estimator : classifier, default=None
        If given, the group is not used at prediction but predicted: a classifier with
        `predict_proba` of the group, and each prediction is the mean of the groups'
        maps by these probabilities. Parity is lost as far as the features do not tell
        the groups apart, see `unfairness_`. It learns the labels of one sensitive
        column, or the positions in `groups_` of the intersections of several; pass
        them to `fit` alone if X will not hold them.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        every prediction.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator` and `group_estimator`.
    cv : int, splitter, iterable of splits or None, default=5
        Folds of the out-of-fold predictions; an int stratifies by group. Ignored for a
        frozen estimator.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group that was not seen in `fit` is an error at prediction, or is
        moved by the map of all groups together.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that spreads ties. The default makes equal fits
        predict equally; pass None for a secret salt.

    Attributes
    ----------
    estimator_ : regressor
        Fitted on all rows.
    group_estimator_ : classifier or None
        Fitted on all rows.
    steps_ : tuple of BarycenterStep
        The fitted maps: one step, or one for each column if `sequential`.
    unfairness_ : BeforeAfter
        `before` and `after`: mean squared 2-Wasserstein distance of the groups'
        predictions from their barycentre, in squared units of y, out of fold.
    unfairness_by_step_ : ndarray of shape (n_steps + 1, n_steps)
        Unfairness between the groups of each step (column), of the plain predictions
        (row 0) and after each step at full strength.
    ks_ : BeforeAfter
        Largest Kolmogorov-Smirnov distance between the predictions of two groups.
    price_ : float
        Mean squared change of the predictions out of fold. If the plain model is the
        true regression function, that is the mean squared error that parity adds.
    frontier_ : RiskFrontier
        `unfairness`, `price` and `mean_squared_error` at each `tolerance` from 0 to 1:
        what any other tolerance would have given, without a refit.
    group_report_ : GroupReport
        What each group gained or lost, out of fold, as 1 less its mean squared error in
        units of the variance of y.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    EqualizedCoverageRegressor : Intervals that are right equally often in every group.
    ThresholdOptimizer : Parity of decisions.

    Notes
    -----
    With :math:`F_s` and :math:`Q_s` the distribution and quantile functions of the
    predictions f of group s, and :math:`p_s` its share, parity is

    .. math:: g(x, s) = \\sum_{s'} p_{s'} Q_{s'}(F_s(f(x, s)))

    and the prediction is :math:`\\sqrt{t} f + (1 - \\sqrt{t}) g` at tolerance t. Its
    unfairness is t U, where :math:`U = \\sum_s p_s W_2^2(f|s, g)` is that of f, and it
    lies at a mean squared distance of :math:`(1 - \\sqrt{t})^2 U` from f, the least
    possible at that unfairness. Between and around the predictions seen in `fit` ranks
    are interpolated; beyond the lowest or the highest of a group its shift stays what
    it was there. Out of sample, parity holds as far as :math:`F_s` is known: to about
    :math:`1/\\sqrt{n_s}` in the Kolmogorov-Smirnov distance.

    A tree refitted on all rows has other leaves than the folds' trees, so its ties are
    not those that were seen; a warning says so. Freeze it, and fit on other rows.

    References
    ----------
    Chzhen, Denis, Hebiri, Oneto, Pontil, "Fair regression with Wasserstein
    barycenters", NeurIPS 2020. :doi:`10.48550/arXiv.2006.07286`

    Le Gouic, Loubes, Rigollet, "Projection to fairness in statistical learning", 2020.
    :doi:`10.48550/arXiv.2005.11720`

    Chzhen, Schreuder, "A minimax framework for quantifying risk-fairness trade-off in
    regression", Annals of Statistics 50 (2022). :doi:`10.1214/22-AOS2198`

    Hu, Ratz, Charpentier, "A sequentially fair mechanism for multiple sensitive
    attributes", AAAI 2024. :doi:`10.48550/arXiv.2309.06627`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from fairlearnkit.postprocessing import WassersteinBarycenterRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 4000)
    >>> skill = rng.normal(size=4000)
    >>> y = skill + 0.2 * group + rng.normal(size=4000)
    >>> X = np.column_stack([skill, group])
    >>> model = WassersteinBarycenterRegressor(LinearRegression(), sensitive_features=1)
    >>> fair = model.fit(X, y).predict(X)
    >>> plain = model.estimator_.predict(X)
    >>> for found in (plain, fair):
    ...     print(f"{abs(found[group == 1].mean() - found[group == 0].mean()):.2f}")
    0.27
    0.00
    >>> print(round(model.price_, 3))
    0.019
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "tolerance": [Interval(Real, 0, 1, closed="both")],
        "ties": [StrOptions({"hash", "mid"})],
        "sequential": ["boolean"],
        "group_estimator": [HasMethods(["fit", "predict_proba"]), None],
        "cv": ["cv_object"],
        "handle_unknown": [StrOptions({"error", "pooled"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        tolerance=0.0,
        ties="hash",
        sequential=False,
        group_estimator=None,
        sensitive_features=None,
        drop_sensitive=False,
        cv=5,
        handle_missing="error",
        handle_unknown="error",
        n_jobs=None,
        random_state=0,
    ):
        self.estimator = estimator
        self.tolerance = tolerance
        self.ties = ties
        self.sequential = sequential
        self.group_estimator = group_estimator
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.cv = cv
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the estimator, predict every row out of fold and learn the maps.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the estimator's fit and of every distribution.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : WassersteinBarycenterRegressor

        Raises
        ------
        ValueError
            If there are no groups, the estimator is no regressor or predicts missing or
            infinite numbers, or `sequential` and `group_estimator` are both given.
        """
        if self.sequential and self.group_estimator is not None:
            raise ValueError(
                "sequential=True needs the groups at prediction; it does not go with "
                "group_estimator."
            )
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        check_two_rows(self, data)
        plain = fit_out_of_fold(
            self, data, sensitive_features, fit_params, _answer_by_predict
        )
        self.groups_ = data.groups.labels
        self._salt = new_salt(check_random_state(self.random_state))
        self._fair_share = 1 - np.sqrt(self.tolerance)
        self.group_estimator_ = self._group_model = chances = None
        if self.group_estimator is not None:
            self._group_model, chances = fit_group_model(self, data)
            self.group_estimator_ = self._group_model.estimator
        fair = self._fit_steps(data, plain, chances)
        self._report(data, plain, fair)
        self._warn_ties(data, sensitive_features)
        warn_harmed(self.group_report_)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict, and move each prediction by the map of its group.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column. Not needed with a
            `group_estimator`.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If the groups are not given, or one was not seen in `fit` under
            ``handle_unknown="error"``.
        """
        stages = list(self.staged_predict(X, sensitive_features=sensitive_features))
        return stages[-1]

    def staged_predict(self, X, *, sensitive_features=None):
        """Predictions of the plain model, and after each step.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Yields
        ------
        predictions : ndarray of shape (n_samples,)
            The last is that of `predict`.
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        features, parts, chances = self._features(X), None, None
        if self._group_model is None:
            parts = self._parts(self._predict_groups(X, sensitive_features))
        else:
            chances = self._group_model.chances(features)
        plain = finite_predictions(self.estimator_, features, sensitive_features)
        yield plain
        spots, fair = self._spots(X), plain
        for place, step in enumerate(self.steps_):
            if parts is None:
                fair = step.transport.expected(fair, chances, spots)
            else:
                codes = parts[place].encode(
                    step.groups, handle_unknown=self.handle_unknown
                )
                fair = step.transport(fair, codes, spots)
            yield plain + self._fair_share * (fair - plain)

    def _parts(self, groups):
        return groups_by_column(groups) if self.sequential else [groups]

    def _spots(self, X):
        return row_uniforms(X, self._salt) if self.ties == "hash" else None

    def _fit_steps(self, data, plain, chances):
        """Learn one transport after the other; return the fair predictions."""
        weight, spots = data.weight_or_ones, self._spots(data.X)
        parts = self._parts(data.groups)
        found, steps = [plain], []
        for part in parts:
            transport = BarycenterTransport.fit(
                found[-1], part.codes, len(part), weight, spots
            )
            if chances is None:
                moved = transport(found[-1], part.codes, spots)
            else:
                moved = transport.expected(found[-1], chances, spots)
            steps.append(BarycenterStep(part.names, part.labels, transport))
            found.append(moved)
        self.steps_ = tuple(steps)
        self.unfairness_by_step_ = np.array(
            [
                [wasserstein_unfairness(f, p.codes, len(p), weight) for p in parts]
                for f in found
            ]
        )
        return found[-1]

    def _report(self, data, plain, fair):
        groups, weight = data.groups, data.weight_or_ones
        after = plain + self._fair_share * (fair - plain)
        self.unfairness_ = compare(wasserstein_unfairness, plain, after, groups, weight)
        self.ks_ = compare(ks_distance, plain, after, groups, weight)
        self.price_ = float(np.average((after - plain) ** 2, weights=weight))
        exact = not self.sequential and self.group_estimator is None
        known = self.unfairness_.before if exact else None
        self.frontier_ = risk_frontier(data.y, plain, fair, groups, weight, known)
        self.group_report_ = report_errors(plain, after, data)

    def _warn_ties(self, data, sensitive_features):
        """Say where ties of the fitted model leave the groups apart."""
        spread = self.ties == "hash" and is_frozen(self.estimator)
        if spread or self.tolerance == 1 or self.ks_.before <= _HEAVY:
            return
        features = self._features(data.X)
        plain = finite_predictions(self.estimator_, features, sensitive_features)
        worst, share = heaviest_tie(plain, data)
        if share > _HEAVY:
            warn(
                f"{type(self.estimator).__name__} predicts one number for {share:.0%} "
                f"of {data.groups.describe(worst)}, so parity is not reached: "
                f"{_ADVICE[self.ties]}.",
                FairnessWarning,
                stacklevel=4,
            )


def _answer_by_predict(estimator):
    return finite_predictions
