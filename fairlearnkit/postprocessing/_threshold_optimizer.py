"""Optimal thresholds by group (Hardt, Price and Srebro 2016)."""

from dataclasses import replace
from functools import cached_property
from numbers import Real
from warnings import warn

from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import new_salt
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    warn_few_rows,
    warn_thin_rates,
)
from fairlearnkit._sklearn import Interval, StrOptions, fit_context
from fairlearnkit._solvers.cells import cross_cells
from fairlearnkit._solvers.demands import constraints_and_tolerances
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.postprocessing._group_report import warn_harmed
from fairlearnkit.postprocessing._threshold_report import report_thresholds
from fairlearnkit.postprocessing._threshold_rules import ThresholdRulesMixin
from fairlearnkit.postprocessing._threshold_setup import (
    OBJECTIVES,
    bands_by_cell,
    build_problem,
    check_demands,
    goal_of,
    missed_tolerance,
    solve_problem,
)
from fairlearnkit.tables import ScoreTable


class ThresholdOptimizer(ThresholdRulesMixin, BasePostprocessor):
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
    constraint : str, Constraint, Rate or list, default="demographic_parity"
        What must be close between groups: an alias such as "equalized_odds",
        "true_positive_rate_parity" or "demographic_parity_ratio", or an object of
        :mod:`fairlearnkit.constraints`, linear in the predictions. Of a list, all hold
        at once.
    tolerance : float in [0, 1] or list of these, default=0.01
        Bound on the violation: max - min of the rates, or 1 - min / max of them in the
        ratio form. A list has an entry for each constraint.
    objective : str, (str, float) or array-like of shape (2, 2), default="accuracy"
        What is maximised, over all groups together unless said otherwise.
        "balanced_accuracy" is the mean of the two labels' shares decided right; "f1"
        and ``("fbeta", beta)`` the F-measure of the expected counts, which large groups
        dominate; "worst_group" the smallest accuracy of a group and, among equals, that
        of all people, for which other groups pay. A matrix holds the utility of each
        true label (row) and decision (column), also below 0: its mean is maximised.
    reference : {"groups", "overall"}, default="groups"
        Whether groups are compared to each other, or each to the rate of all people
        in the constraint's base: by their difference, or by 1 - ratio of the smaller
        rate to the larger.
    budget : float in (0, 1], default=None
        Largest share of all people that may be selected.
    no_harm : bool, default=False
        Whether no group may fare worse, on these scores, than under the plain model,
        which cuts all at a probability of 0.5, or a decision function of 0. A group
        fares by its accuracy, or by its mean utility if `objective` is a matrix. The
        others pay with less accuracy, or parity is missed, with a warning.
    confidence_level : float in (0, 1), default=None
        Probability with which the constraint holds for new people, too: rates are kept
        close wherever they lie in simultaneous bands. Exact for a frozen estimator and
        rows that it has not seen; out of fold, and with unequal weights, approximate.
        Small groups have wide bands, which cost much of the objective.
    min_group_size : float, default=0
        A group with fewer people, effective if weighted, behind any rate is left out of
        the constraint and cut at the single best threshold over all people: nothing is
        promised to it. It does not count in "worst_group" and `no_harm` either.
    control_features : str, int, list of these or callable, default=None
        Column(s) of X that hold strata, such as the job applied for. The constraint
        holds within each of them, and thresholds are by stratum and group; between
        strata, groups may differ. `drop_sensitive` leaves these columns alone.
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
        rate, and no other demand, the result is the exact deterministic optimum; else
        the optimum over the hull's thresholds and 100 more a group.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group, or a stratum of it, that was not seen in `fit` is an error at
        prediction, or is cut at the single best threshold over all groups.
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
        For each group label, or (stratum, group), a rule with `thresholds` (descending;
        a score is selected if it exceeds the threshold) and their `probabilities`.
    objective_ : float
        Expected objective on the out-of-fold scores.
    violation_ : float
        Expected violation on the out-of-fold scores; of several, the largest.
    violations_ : tuple of float
        That of each constraint.
    group_report_ : GroupReport
        Each group's utility under the plain model and, in expectation, now.
    randomized_ : float
        Share of people whose decision depends on the draw of a threshold.
    band_ : dict of tuple, or None
        With `confidence_level`, half the width of the bands of each group, or (stratum,
        group): one a rate of each constraint, NaN where it is not compared.
    frontier_ : Frontier
        Best objective (`value`) at every `violation`, computed when first read. For one
        rate in difference form all breakpoints are exact; for several rates chords lie
        within 1e-6; in ratio form, for F-beta and with further demands the points are
        exact and evenly spaced. Several constraints share one tolerance; with
        `confidence_level` the violation is the guaranteed one.
    deterministic_price_ : float
        What one threshold a group loses of the objective, within the same tolerance;
        NaN if it cannot be reached so. Computed when first read.
    table_ : ScoreTable
        The out-of-fold scores by group, or (stratum, group), and label.
    groups_ : tuple
        Label of each group.
    strata_ : tuple or None
        Label of each stratum of `control_features`.
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
    Several rates, and all further demands, are a linear program over the hulls'
    vertices. F-beta is a ratio of linear functions,

    .. math:: F_\\beta = \\frac{(1 + \\beta^2) TP}{\\beta^2 P + TP + FP},

    and a few such problems reach its optimum. Of all mixtures of a group's thresholds
    with the same expected share selected of both labels, hence the same objective and
    violation, the one with the fewest people between its lowest and highest threshold
    is taken (of at most 2000 thresholds a group where the point is inside the hull);
    other optima with other shares are not searched.

    With a probability of `confidence_level`, every rate of a group of n people lies
    within :math:`\\sqrt{\\ln(2m/\\delta)/(2n)}` of its estimate at all thresholds at
    once, where m counts the groups' rates and :math:`\\delta` is the remaining
    probability; an error rate, a sum over both labels, has twice as many and as wide
    bands. `predict_proba` is the model's probability with its odds shifted such that
    0.5 lies at the threshold: it agrees with `predict` and ranks within a group, but is
    not calibrated; `expected_proba` is the probability of each decision.

    References
    ----------
    Hardt, Price, Srebro, "Equality of opportunity in supervised learning", NeurIPS
    2016. :doi:`10.48550/arXiv.1610.02413`

    Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Annals
    of Probability 1990. :doi:`10.1214/aop/1176990746`

    Dinkelbach, "On nonlinear fractional programming", Management Science 1967.
    :doi:`10.1287/mnsc.13.7.492`

    Examples
    --------
    >>> import warnings
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
    >>> with warnings.catch_warnings(action="ignore"):  # of who pays for parity
    ...     print(round(model.fit(X, y).violation_, 2))
    0.01
    >>> print(model.group_report_.change.round(2))
    [-0.05 -0.01]
    """

    _parameter_constraints: dict = {
        **BasePostprocessor._parameter_constraints,
        "constraint": [*CONSTRAINT_PARAMETERS["constraint"], list, tuple],
        "tolerance": [*CONSTRAINT_PARAMETERS["tolerance"], list, tuple],
        "objective": [StrOptions(set(OBJECTIVES)), "array-like"],
        "reference": [StrOptions({"groups", "overall"})],
        "budget": [Interval(Real, 0, 1, closed="right"), None],
        "no_harm": ["boolean"],
        "confidence_level": [Interval(Real, 0, 1, closed="neither"), None],
        "min_group_size": [Interval(Real, 0, None, closed="left")],
        "control_features": BasePostprocessor._parameter_constraints[
            "sensitive_features"
        ],
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
        reference="groups",
        budget=None,
        no_harm=False,
        confidence_level=None,
        min_group_size=0,
        control_features=None,
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
        self.reference = reference
        self.budget = budget
        self.no_harm = no_harm
        self.confidence_level = confidence_level
        self.min_group_size = min_group_size
        self.control_features = control_features
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
        constraints, tolerances = constraints_and_tolerances(
            self.constraint, self.tolerance
        )
        strata = self._strata(data.X)
        cells = cross_cells(data.groups, strata, data.weight)
        by_cell = replace(data, groups=cells.groups)
        totals, labels = by_cell.totals, data.classes.tolist()
        self._goal = goal_of(self.objective, totals.sum(axis=0))
        check_demands(self, constraints, totals, labels)
        for constraint in constraints:
            warn_thin_rates(constraint, by_cell)
        scores = self._fit_scores(data, sensitive_features, fit_params)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self.strata_ = None if strata is None else strata.labels
        self._cells = cells.lookup(1 if strata is None else len(strata))
        self.table_ = ScoreTable.from_arrays(
            data.y,
            scores,
            sensitive_features=cells.groups,
            sample_weight=data.weight,
            classes=[0, 1],
        )
        for lazy in ("frontier_", "deterministic_price_"):
            self.__dict__.pop(lazy, None)
        plain = 0.5 if self.response_method_ == "predict_proba" else 0.0
        self._problem = build_problem(self, self._goal, totals, cells, plain)
        self._asked = tolerances, self.deterministic
        solution = solve_problem(self._problem, *self._asked)
        self._keep(solution, cells.groups.labels, totals.sum())
        self.group_report_ = report_thresholds(
            self.table_, self.rules_.values(), plain, self._goal, cells, data.groups
        )
        self._salt = new_salt(check_random_state(self.random_state))
        self._warn_about(data)
        return self

    def _keep(self, solution, labels, people):
        """Keep what the rules are and what they do."""
        self.objective_, self.violation_ = solution.value, solution.violation
        self.violations_ = solution.violations
        self.rules_ = dict(zip(labels, solution.rules, strict=True))
        self.randomized_ = float(solution.drawn.sum() / people)
        self._excess = solution.allowed
        banded = self.confidence_level is not None
        self.band_ = bands_by_cell(self._problem, labels) if banded else None

    @cached_property
    def frontier_(self):
        """Best objective at every violation."""
        check_is_fitted(self)
        return self._problem.frontier()

    @cached_property
    def deterministic_price_(self):
        """Value lost by deterministic thresholds."""
        check_is_fitted(self)
        tolerances, deterministic = self._asked
        try:
            other = solve_problem(self._problem, tolerances, not deterministic).value
        except ValueError:
            return float("nan")
        return other - self.objective_ if deterministic else self.objective_ - other

    def _warn_about(self, data):
        tolerances, _ = self._asked
        pairs = zip(self.violations_, tolerances, strict=True)
        missed = max(self._excess, max(found - asked for found, asked in pairs))
        if missed > 1e-6:
            warn(
                missed_tolerance(self, tolerances, missed),
                FairnessWarning,
                stacklevel=4,
            )
        if self.randomized_:
            warn_few_rows(data)
        if not self.no_harm:
            warn_harmed(self.group_report_, stacklevel=4)
