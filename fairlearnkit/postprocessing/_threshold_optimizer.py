"""Optimal thresholds by group (Hardt, Price and Srebro 2016)."""

from functools import cached_property
from warnings import warn

import numpy as np
from scipy.special import expit
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    threshold_margin,
    warn_few_rows,
    warn_thin_rates,
)
from fairlearnkit._sklearn import StrOptions, fit_context
from fairlearnkit._solvers.thresholds import ThresholdProblem, pooled_rule
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.tables import ScoreTable


class ThresholdOptimizer(BasePostprocessor):
    """Give every group its own threshold: the exact optimum under a constraint.

    Any classifier's scores are cut at a threshold per group such that the rates named
    by `constraint` differ by at most `tolerance`, and the objective is the largest that
    any rule on these scores can reach. It is the strongest method where the group may
    be used at prediction, and it costs one sort. What it costs the people: two persons
    with the same score and different groups may be decided differently, and a parity of
    rates between groups of unequal base rates makes some decisions worse on purpose.

    Thresholds are learned on out-of-fold scores, because a model that overfits looks
    much fairer on its training rows than it is.

    Where exact parity falls between two thresholds, or equalized odds needs a point
    inside a group's ROC curve, the rule is a mixture: a salted hash of the row draws
    the threshold, so the same row always gets the same decision.

    Parameters
    ----------
    estimator : classifier
        Binary classifier with `predict_proba` or `decision_function`; also a Pipeline
        or a search. It is cloned and refitted; wrap a fitted model in
        :class:`~sklearn.frozen.FrozenEstimator` to keep it as it is, and fit on rows
        that it has not seen.
    constraint : str, Constraint or Rate, default="demographic_parity"
        What must be close between groups: an alias such as "equalized_odds",
        "true_positive_rate_parity" or "demographic_parity_ratio", or an object of
        :mod:`fairlearnkit.constraints`. It must be linear in the predictions.
    tolerance : float in [0, 1], default=0.01
        Bound on the violation: max - min of the rates, or 1 - min / max of them in the
        ratio form.
    objective : {"accuracy", "balanced_accuracy"}, default="accuracy"
        What is maximised, over all groups together.
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
    deterministic : bool, default=False
        Whether each group gets one threshold and no mixture. For a constraint on one
        rate the result is the exact deterministic optimum; for several rates it is the
        optimum over the hull's thresholds and 100 more a group.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group that was not seen in `fit` is an error at prediction, or is cut
        at the single best threshold over all groups.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that realises mixtures. The default makes equal fits
        predict equally; pass None for a secret salt.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    rules_ : dict
        For each group label, a rule with `thresholds` (descending; a score is selected
        if it exceeds the threshold) and their `probabilities`.
    objective_ : float
        Expected objective on the out-of-fold scores.
    violation_ : float
        Expected violation on the out-of-fold scores.
    frontier_ : Frontier
        Best objective (`value`) at every `violation`, computed when first read. For one
        rate in difference form all breakpoints are exact; for several rates chords lie
        within 1e-6; in ratio form the points are exact and evenly spaced.
    table_ : ScoreTable
        The out-of-fold scores by group and label.
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

    See Also
    --------
    fairlearnkit.inprocessing.ReductionClassifier : Does not need the group to predict.

    Notes
    -----
    The upper hull of a group's ROC curve holds all its useful rules. A constraint on
    one rate asks for a window of rates; each group's best value is a concave function
    of its rate, so the optimal window, at every width, comes from one merge of slopes.
    Several rates are a linear program over the hulls' vertices. `predict_proba` is the
    model's probability with its odds shifted such that 0.5 lies at the threshold: it
    agrees with `predict` and ranks within a group, but it is not calibrated;
    `expected_proba` is the probability of each decision.

    References
    ----------
    Hardt, Price, Srebro, "Equality of opportunity in supervised learning", NeurIPS
    2016. :doi:`10.48550/arXiv.1610.02413`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.postprocessing import ThresholdOptimizer
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> skill = rng.normal(size=1000) + group
    >>> X, y = np.column_stack([skill, group]), skill + rng.normal(size=1000) > 0.5
    >>> model = ThresholdOptimizer(LogisticRegression(), sensitive_features=1)
    >>> plain = LogisticRegression().fit(X, y).predict(X)
    >>> print(round(plain[group == 1].mean() - plain[group == 0].mean(), 2))
    0.45
    >>> print(round(model.fit(X, y).violation_, 2))
    0.01
    """

    _parameter_constraints: dict = {
        **BasePostprocessor._parameter_constraints,
        **CONSTRAINT_PARAMETERS,
        "objective": [StrOptions({"accuracy", "balanced_accuracy"})],
        "deterministic": ["boolean"],
        "handle_unknown": [StrOptions({"error", "pooled"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        constraint="demographic_parity",
        tolerance=0.01,
        objective="accuracy",
        sensitive_features=None,
        drop_sensitive=False,
        cv=5,
        response_method="auto",
        deterministic=False,
        handle_missing="error",
        handle_unknown="error",
        n_jobs=None,
        random_state=0,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.objective = objective
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.cv = cv
        self.response_method = response_method
        self.deterministic = deterministic
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the estimator, score every row out of fold and find the thresholds.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two classes.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the estimator's fit and of every count.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : ThresholdOptimizer

        Raises
        ------
        ValueError
            If there are no groups, more than two classes, no scores, or the constraint
            is not linear in the predictions.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        coefficients = constraint.coefficients(
            data.totals, data.classes.tolist(), user="ThresholdOptimizer"
        )
        warn_thin_rates(constraint, data)
        scores = self._fit_scores(data, sensitive_features, fit_params)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self.table_ = ScoreTable.from_arrays(
            data.y,
            scores,
            sensitive_features=data.groups,
            sample_weight=data.weight,
            classes=[0, 1],
        )
        self.__dict__.pop("frontier_", None)
        gain = _gain(self.objective, data.totals.sum(axis=0))
        self._problem = ThresholdProblem(self.table_, constraint, gain, coefficients)
        solution = self._problem.solve(self.tolerance, deterministic=self.deterministic)
        self.objective_, self.violation_ = solution.value, solution.violation
        self.rules_ = dict(zip(self.groups_, solution.rules, strict=True))
        self._salt = new_salt(check_random_state(self.random_state))
        self._warn_about(solution, data)
        return self

    @cached_property
    def frontier_(self):
        """Best objective at every violation."""
        check_is_fitted(self)
        return self._problem.frontier()

    def predict(self, X, *, sensitive_features=None):
        """Decide by the threshold that each row's group, and its hash, draw.

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
        positive = self.decision_function(X, sensitive_features=sensitive_features) > 0
        return self.classes_[positive.astype(int)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Probabilities whose odds are shifted such that 0.5 lies at the threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        decision = self.decision_function(X, sensitive_features=sensitive_features)
        positive = expit(decision)
        return np.column_stack([1 - positive, positive])

    def decision_function(self, X, *, sensitive_features=None):
        """Distance of the score from the row's threshold; in log odds if a probability.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            Positive where the positive class is predicted.
        """
        X, scores, codes = self._score_groups(X, sensitive_features)
        thresholds = np.empty(len(scores))
        mixed = any(len(rule.thresholds) > 1 for rule in self.rules_.values())
        uniform = row_uniforms(X, self._salt) if mixed else np.zeros(len(scores))
        for code, rule in self._coded_rules(codes):
            rows = codes == code
            thresholds[rows] = rule.draw(uniform[rows])
        return threshold_margin(
            scores, thresholds, self.response_method_ == "predict_proba"
        )

    def expected_proba(self, X, *, sensitive_features=None):
        """Probability of each decision, over the draw of the threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
            0 or 1 wherever the rule is not a mixture.
        """
        X, scores, codes = self._score_groups(X, sensitive_features)
        positive = np.empty(len(scores))
        for code, rule in self._coded_rules(codes):
            rows = codes == code
            positive[rows] = rule.probability(scores[rows])
        return np.column_stack([1 - positive, positive])

    def _score_groups(self, X, sensitive_features):
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        groups = self._predict_groups(X, sensitive_features)
        codes = groups.encode(self.groups_, handle_unknown=self.handle_unknown)
        scores = self._scores(self._features(X), sensitive_features)
        return X, ScoreTable.quantize(scores), codes

    def _coded_rules(self, codes):
        yield from enumerate(self.rules_.values())
        if (codes < 0).any():
            yield -1, pooled_rule(self.table_, self._problem.gain)

    def _warn_about(self, solution, data):
        if solution.violation > self.tolerance + 1e-6:
            warn(
                f"no rule on these scores has a violation of {self.tolerance:g}; the "
                f"smallest that can be reached is {solution.violation:.4g}.",
                FairnessWarning,
                stacklevel=3,
            )
        if any(len(rule.thresholds) > 1 for rule in solution.rules):
            warn_few_rows(data)


def _gain(objective, label_totals):
    """Value of a correct decision, per unit of weight of each label."""
    if objective == "accuracy":
        return np.eye(2) / label_totals.sum()
    return np.diag(1 / (2 * label_totals))
