"""Equal costs of calibrated scores (Pleiss et al. 2017)."""

from numbers import Real
from warnings import warn

import numpy as np
from sklearn.utils import check_random_state

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._sklearn import StrOptions, fit_context
from fairlearnkit._solvers.withholding import (
    binned_calibration_error,
    generalized_rates,
    withheld_shares,
)
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.postprocessing._calibrators import (
    calibrate_by_group,
    finite_log_odds,
    fit_calibrators,
)
from fairlearnkit.postprocessing._group_report import report_by_group, warn_harmed

_COSTS = {"false_positive_rate": (1.0, 0.0), "false_negative_rate": (0.0, 1.0)}
_MATERIAL = 0.05  # a smaller calibration error is not worth a warning


class CalibratedEqualizedOdds(BasePostprocessor):
    """Equal costs of the groups by withholding information, with calibration kept.

    If scores are calibrated in every group, two groups of different base rates cannot
    have both error rates equal. One cost can be equalised: the group with the largest
    cost keeps its scores, and every other group has a share of its scores, drawn at
    random, replaced by the group's base rate. The mixture is still calibrated, and its
    cost rises to the largest.

    What it costs, plainly: nobody gains. The better-off groups are made worse on
    purpose, by not looking at some people's data, and who these are is decided by lot.
    It shows what an equal cost together with calibration demands; it is hardly a method
    to recommend.

    Costs are generalised error rates, means of scores: the error rates of decisions at
    0.5 are in general not equal afterwards.

    Parameters
    ----------
    estimator : classifier
        Binary classifier with `predict_proba`, or with `decision_function` if
        `calibrate` is set. It is cloned and refitted; wrap a fitted model in
        :class:`~sklearn.frozen.FrozenEstimator` to keep it as it is, and fit on rows
        that it has not seen.
    cost : {"false_negative_rate", "false_positive_rate"} or pair of float, \
default="false_negative_rate"
        Which generalised rate is equalised; a pair (a, b) of non-negative weights makes
        it a times the false positive rate plus b times the false negative rate.
    calibrate : {"isotonic", "sigmoid"} or None, default=None
        Calibration of the scores within each group before anything else, fitted on
        out-of-fold scores: isotonic regression, or logistic regression on the log odds
        of the score. None takes the scores as they are, and warns of groups in which
        they are not calibrated.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        every prediction.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    cv : int, splitter, iterable of splits or None, default=5
        Folds of the out-of-fold scores; an int stratifies by label and group. Ignored
        for a frozen estimator.
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        Where scores come from; "auto" tries them in this order.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group that was not seen in `fit` is an error at prediction, or keeps
        all its scores, calibrated over all groups together.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that decides whose score is withheld. The default
        makes equal fits predict equally; pass None for a secret salt.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    mixing_ : dict
        For each group label the share of scores withheld, in [0, 1].
    costs_ : dict
        For each group label a pair: the expected cost before and after, out of fold;
        NaN where a rate is undefined.
    base_rates_ : dict
        For each group label the share of positive labels, which replaces scores.
    calibration_error_ : dict
        For each group label the mean distance of scores from labels over ten bins of
        equal mass; after calibration, on the same rows, if there is one.
    group_report_ : GroupReport
        Accuracy of each group before and after, out of fold.
    groups_ : tuple
        Label of each group.
    response_method_ : str
        The response method in use.
    classes_ : ndarray of shape (2,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If costs stay unequal though everything is withheld from a group, a rate is
        undefined for a group, or scores are not calibrated in a group.
    LevellingDownWarning
        If the accuracy of a group falls, which this method brings about.

    See Also
    --------
    EqualizedOddsPostprocessor : Equal error rates, without calibration.

    Notes
    -----
    With :math:`c_{fp} = E[s | Y = 0]`, :math:`c_{fn} = E[1 - s | Y = 1]` and
    :math:`g = a c_{fp} + b c_{fn}` within a group, and :math:`\\bar g = a \\mu + b
    (1 - \\mu)` the cost of answering the base rate :math:`\\mu` to everybody, the share

    .. math::  \\alpha = \\frac{\\max_{t'} g_{t'} - g_t}{\\bar g_t - g_t}

    brings group t to the largest cost. It is feasible if no group's
    :math:`\\bar g_t` is below the largest cost. `expected_proba` is the mean over the
    draw, :math:`(1 - \\alpha) s + \\alpha \\mu`, which has the same costs but is not
    calibrated.

    References
    ----------
    Pleiss, Raghavan, Wu, Kleinberg, Weinberger, "On fairness and calibration", NeurIPS
    2017. :doi:`10.48550/arXiv.1709.02012`

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.postprocessing import CalibratedEqualizedOdds
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 4000)
    >>> skill = rng.normal(size=4000)
    >>> y = skill + rng.normal(size=4000) * (1 - 0.9 * group) > 0
    >>> X = np.column_stack([skill, group, skill * group])
    >>> model = CalibratedEqualizedOdds(LogisticRegression(), sensitive_features=1)
    >>> with warnings.catch_warnings(action="ignore"):  # of levelling down
    ...     model = model.fit(X, y)
    >>> {g: round(share, 1) for g, share in model.mixing_.items()}
    {0.0: 0.0, 1.0: 0.6}
    """

    _parameter_constraints: dict = {
        **BasePostprocessor._parameter_constraints,
        "cost": [StrOptions(set(_COSTS)), list, tuple],
        "calibrate": [StrOptions({"isotonic", "sigmoid"}), None],
        "handle_unknown": [StrOptions({"error", "pooled"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        cost="false_negative_rate",
        calibrate=None,
        sensitive_features=None,
        drop_sensitive=False,
        cv=5,
        response_method="auto",
        handle_missing="error",
        handle_unknown="error",
        n_jobs=None,
        random_state=0,
    ):
        self.estimator = estimator
        self.cost = cost
        self.calibrate = calibrate
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.cv = cv
        self.response_method = response_method
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the estimator, score every row out of fold and find what to withhold.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two classes.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the estimator's fit and of every mean.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : CalibratedEqualizedOdds

        Raises
        ------
        ValueError
            If there are no groups, more than two classes, or no probabilities and no
            calibration.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        weights = _cost_weights(self.cost)
        raw = self._fit_scores(data, sensitive_features, fit_params)
        if self.calibrate is None and self.response_method_ != "predict_proba":
            raise ValueError(
                f"{type(self.estimator).__name__} gives no probabilities; choose "
                "calibrate='sigmoid' or 'isotonic'."
            )
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self._calibrators = None
        if self.calibrate is not None:
            odds = self._log_odds(raw)
            self._calibrators = fit_calibrators(self.calibrate, odds, data)
        scores = self._calibrated(raw, data.groups.codes)
        base = data.totals[:, 1] / data.totals.sum(axis=1)
        codes, weight = data.groups.codes, data.weight_or_ones
        rates = generalized_rates(scores, data.y, codes, weight, len(base))
        costs = _combine(weights, rates)
        uninformed = _combine(weights, np.column_stack([base, 1 - base]))
        shares, reached = withheld_shares(costs, uninformed)
        self._shares, self._base = np.append(shares, 0.0), np.append(base, 0.0)
        self._salt = new_salt(check_random_state(self.random_state))
        self._describe(costs, reached, scores, data)
        self.group_report_ = self._report(raw, scores, data)
        self._warn_about(costs, reached, data)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Decide by whether the score, or what replaces it, exceeds 0.5.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column.

        Returns
        -------
        labels : ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If the groups are not given, or one was not seen in `fit` under
            ``handle_unknown="error"``.
        """
        proba = self.predict_proba(X, sensitive_features=sensitive_features)
        return self.classes_[(proba[:, 1] > 0.5).astype(int)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Scores, replaced by the group's base rate where the row's hash says so.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        X, scores, codes = self._score_groups(X, sensitive_features)
        withheld = row_uniforms(X, self._salt) < self._shares[codes]
        positive = np.where(withheld, self._base[codes], scores)
        return np.column_stack([1 - positive, positive])

    def expected_proba(self, X, *, sensitive_features=None):
        """Mean of `predict_proba` over the draw of whose score is withheld.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        _, scores, codes = self._score_groups(X, sensitive_features)
        share = self._shares[codes]
        positive = (1 - share) * scores + share * self._base[codes]
        return np.column_stack([1 - positive, positive])

    def _score_groups(self, X, sensitive_features):
        X, codes = self._locate(X, sensitive_features)
        raw = self._scores(self._features(X), sensitive_features)
        return X, self._calibrated(raw, codes), codes

    def _calibrated(self, raw, codes):
        if self._calibrators is None:
            return raw
        return calibrate_by_group(*self._calibrators, self._log_odds(raw), codes)[:, 1]

    def _log_odds(self, raw):
        odds = finite_log_odds if self.response_method_ == "predict_proba" else np.array
        return odds(raw)[:, None]

    def _describe(self, costs, reached, scores, data):
        def by_group(values):
            return dict(zip(self.groups_, values, strict=True))

        self.mixing_ = by_group(self._shares[:-1].tolist())
        self.base_rates_ = by_group(self._base[:-1].tolist())
        self.costs_ = by_group(zip(costs.tolist(), reached.tolist(), strict=True))
        weight, codes = data.weight_or_ones, data.groups.codes
        self._errors = [
            binned_calibration_error(scores[rows], data.y[rows], weight[rows])
            for rows in (codes == code for code in range(len(data.groups)))
        ]
        self.calibration_error_ = by_group(error for error, _ in self._errors)

    def _report(self, raw, scores, data):
        middle = 0.5 if self.response_method_ == "predict_proba" else 0.0
        codes = data.groups.codes
        told, guessed = ((s > 0.5) == data.y for s in (scores, self._base[codes]))
        share = self._shares[codes]
        return report_by_group(
            "accuracy",
            (raw > middle) == data.y,
            (1 - share) * told + share * guessed,
            codes,
            data.groups.labels,
            data.groups.names,
            data.weight,
        )

    def _warn_about(self, costs, reached, data):
        for problem in _problems(costs, reached, self._errors, data.groups):
            warn(problem, FairnessWarning, stacklevel=3)
        warn_harmed(self.group_report_, stacklevel=4)


def _cost_weights(cost):
    """Weights of the false positive and the false negative rate."""
    if isinstance(cost, str):
        return _COSTS[cost]
    numbers = len(cost) == 2 and all(isinstance(part, Real) for part in cost)
    if not numbers or min(cost) < 0 or not 0 < sum(cost) < np.inf:
        raise ValueError(
            "cost must be a name or a pair of non-negative weights (of the false "
            f"positive rate, of the false negative rate), not both 0; got {cost!r}."
        )
    return tuple(cost)


def _combine(weights, rates):
    """Weighted sum of rates; one that counts for nothing may be undefined."""
    used = [weight * rates[:, k] for k, weight in enumerate(weights) if weight > 0]
    return np.sum(used, axis=0)


def _problems(costs, reached, errors, groups):
    """One sentence for each thing that weakens the result."""
    names = [groups.describe(code) for code in range(len(groups))]
    nobody = [name for name, cost in zip(names, costs, strict=True) if np.isnan(cost)]
    if nobody:
        yield f"left alone, of undefined cost for lack of a label: {shortlist(nobody)}."
    largest = np.max(costs, initial=-np.inf, where=~np.isnan(costs))
    short = [
        f"{name} ({cost:.3f})"
        for name, cost in zip(names, reached, strict=True)
        if cost < largest - 1e-9
    ]
    if short:
        yield (
            f"the costs cannot be made equal: even with every score withheld the cost "
            f"of {shortlist(short)} stays below the largest, {largest:.3f}."
        )
    wrong = [
        f"{name} ({error:.3f})"
        for name, (error, noise) in zip(names, errors, strict=True)
        if error > max(_MATERIAL, 2 * noise)
    ]
    if wrong:
        yield (
            f"scores are not calibrated in {shortlist(wrong)}, as the method assumes; "
            "choose calibrate='isotonic' or 'sigmoid'."
        )
