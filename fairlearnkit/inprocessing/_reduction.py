"""Reductions to cost-sensitive learning (Agarwal et al. 2018)."""

from numbers import Integral, Real
from warnings import warn

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from fairlearnkit._draws import new_salt
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    MitigatorMixin,
    refuse_frozen,
    warn_few_rows,
    warn_thin_rates,
)
from fairlearnkit._sklearn import HasMethods, Interval, StrOptions, fit_context
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._mixture import MixtureClassifier
from fairlearnkit.inprocessing._reduction_frontier import (
    ReductionFrontier,
    check_tolerances,
)
from fairlearnkit.inprocessing._reduction_setup import OBJECTIVES, ReductionProblem

_OF_X = ("n_features_in_", "feature_names_in_")


class ReductionClassifier(MixtureClassifier):
    """Train any classifier under a fairness constraint, by reweighting its data.

    The result is a mixture of a few classifiers (two or three, as a rule) whose
    expected violation on the training data is at most `tolerance`, and whose expected
    error is the least among mixtures of what the estimator can learn. The group is not
    needed at prediction. What it costs: several fits of `estimator`, accuracy, and a
    random choice for the people on whom the members disagree. That choice is a salted
    hash of the row, so the same row always gets the same decision; `expected_proba` is
    the expectation and ``deterministic=True`` avoids it.

    The bound holds on the rows that judge the models, by default the training data. A
    model that overfits, such as boosted trees, meets it there and may miss it on new
    people. On Adult (10,000 training rows, a bound of 0.01, two or three seeds) boosted
    trees left 0.014 of parity on new people, and 0.006 with ``held_out=3``, at three
    times the cost. Nothing else gained: a held-out share of a quarter left 0.019, odds
    rose from 0.029 to 0.035 (folds) and 0.051 (share), and odds of logistic regression
    from 0.022 to 0.040 and 0.076. So the default is the training data; hold rows out
    for parity where a model learns much by heart, and look at new people.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier whose `fit` takes `sample_weight`; also a Pipeline
        or an ensemble of such. It is cloned.
    constraint : str, Constraint, Rate or list, default="demographic_parity"
        What must be close between groups: an alias such as "equalized_odds" or an
        object of :mod:`fairlearnkit.constraints`. It must be linear in the predictions.
        Of a list, all hold at once.
    tolerance : float in [0, 1] or list of these, default=0.01
        Bound on the violation, as the metrics report it: max - min of the rates, or
        1 - min / max of them in the ratio form. A list has an entry for each
        constraint.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    objective : str or array-like of shape (n_classes, n_classes), default="accuracy"
        What is maximised, in expectation: "accuracy"; "balanced_accuracy", the mean of
        the labels' shares decided right; "worst_group", the smallest accuracy of a
        group and, among near equals, that of all people. A matrix holds the utility of
        each true label (row) and decision (column): ``[[0, -1], [-5, 0]]`` prices a
        missed positive five times as high as a false alarm.
    reference : {"groups", "overall"}, default="groups"
        Whether groups are compared to each other, or each to the rate of all people
        in the constraint's base.
    control_features : str, int, list of these or callable, default=None
        Column(s) of X that hold strata, such as the job applied for. The constraint
        holds within each of them; between strata, groups may differ.
    held_out : None, int, float, splitter or list of splits, default=None
        Rows that judge the models: those that the mixture's weights, its thresholds
        and the prices are fitted on. None: the training data itself. A float in (0, 1):
        this share of each group and label, which trains no model. An int: the answers
        out of that many folds, at that many more fits each; the members are still
        trained on all rows. Rows fall by their hash, not by their order.
    thresholds : bool, default=True
        Whether the mixture may cut a fitted binary model's score at another threshold
        than its own. It lowers the error and saves up to half of the fits.
    deterministic : bool, default=False
        Whether to use the best single classifier found instead of the mixture. If none
        meets the tolerance, the one of least violation, with a warning.
    max_iter : int, default=50
        Most questions to `estimator`: a fit each, and those of `held_out`.
    tol : float or None, default=None
        Gap between the mixture's error and its lower bound at which to stop. None means
        half the standard error of the plain model's error, which nobody could tell
        from zero. For another objective it is in shares of the largest cost.
    n_multiples : {1, 2, 3}, default=1
        Questions asked in one round, at the prices, half and twice of them. More find
        better models of a learner that is no exact optimiser, and keep `n_jobs` busy.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    n_jobs : int or None, default=None
        Fits of one round in parallel, through joblib.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that realises the mixture. The default makes equal
        fits predict equally; pass None for a secret salt.

    Attributes
    ----------
    estimators_ : list of classifier
        The fitted members of the mixture.
    thresholds_ : list of float or None
        Threshold of each member's score, its own among them; None where the member
        decides by itself.
    weights_ : ndarray of shape (n_members,)
        Probabilities of the members.
    violation_ : float
        Expected violation on the rows that judge; of several, the largest.
    violations_ : tuple of float
        That of each constraint.
    error_ : float
        Expected share of wrong decisions on the same rows.
    objective_ : float
        Expected objective on the same rows.
    gap_ : float
        The objective's upper bound minus the objective. The bound is certified relative
        to the estimator: no classifier that it returned does better at the prices it
        was asked at.
    n_iter_ : int
        Number of questions to `estimator`.
    groups_ : tuple
        Label of each group.
    strata_ : tuple or None
        Label of each stratum of `control_features`.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    ReductionRegressor : Bounds the loss of every group.
    fairlearnkit.postprocessing.ThresholdOptimizer : Uses the group at prediction.

    Notes
    -----
    The mixture Q solves

    .. math:: \\min_Q \\; \\mathrm{err}(Q) \\quad \\text{subject to} \\quad
       \\max_g r_{jg}(Q) - \\min_g r_{jg}(Q) \\le \\text{tolerance for every rate } j

    by column generation: a linear program mixes the classifiers known so far, its dual
    prices become costs of each decision, and a new classifier is trained on labels and
    weights that carry these costs. With more than two classes a row is repeated, once
    for each label that its costs give a weight to.

    References
    ----------
    Agarwal, Beygelzimer, Dudik, Langford, Wallach, "A reductions approach to fair
    classification", ICML 2018. :doi:`10.48550/arXiv.1803.02453`

    Cotter et al., "Training well-generalizing classifiers for fairness metrics and
    other data-dependent constraints", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import ReductionClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> skill, proxy = rng.normal(size=1000) + group, rng.normal(size=1000) + group
    >>> X = np.column_stack([skill, proxy, group])
    >>> y = skill + rng.normal(size=1000) > 0.5
    >>> model = ReductionClassifier(LogisticRegression(), sensitive_features=2)
    >>> rate = model.fit(X, y).expected_proba(X)[:, 1]
    >>> print(round(rate[group == 1].mean() - rate[group == 0].mean(), 3))
    0.01
    >>> frontier = model.frontier(X, y, [0.0, 0.1, 1.0])
    >>> print(frontier.violations.round(2))
    [0.   0.1  0.37]
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "constraint": [*CONSTRAINT_PARAMETERS["constraint"], list, tuple],
        "tolerance": [*CONSTRAINT_PARAMETERS["tolerance"], list, tuple],
        "objective": [StrOptions(set(OBJECTIVES)), "array-like"],
        "reference": [StrOptions({"groups", "overall"})],
        "control_features": MitigatorMixin._parameter_constraints["sensitive_features"],
        "held_out": [
            Interval(Integral, 2, None, closed="left"),
            float,
            HasMethods(["split", "get_n_splits"]),
            list,
            None,
        ],
        "thresholds": ["boolean"],
        "deterministic": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_multiples": [Interval(Integral, 1, 3, closed="both")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        constraint="demographic_parity",
        tolerance=0.01,
        sensitive_features=None,
        drop_sensitive=False,
        objective="accuracy",
        reference="groups",
        control_features=None,
        held_out=None,
        thresholds=True,
        deterministic=False,
        max_iter=50,
        tol=None,
        n_multiples=1,
        handle_missing="error",
        n_jobs=None,
        random_state=0,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.objective = objective
        self.reference = reference
        self.control_features = control_features
        self.held_out = held_out
        self.thresholds = thresholds
        self.deterministic = deterministic
        self.max_iter = max_iter
        self.tol = tol
        self.n_multiples = n_multiples
        self.handle_missing = handle_missing
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train classifiers at the prices of the constraint until the gap closes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights, in the error and in every rate.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : ReductionClassifier

        Raises
        ------
        ValueError
            If there are no groups, the estimator is frozen or takes no weights, or the
            constraint is not linear in the predictions.
        """
        problem, data = self._problem(
            X, y, sensitive_features, sample_weight, fit_params
        )
        for constraint in problem.constraints:
            warn_thin_rates(constraint, problem.judged)
        result = problem.solve(problem.tolerances, self.max_iter)
        self._salt = new_salt(check_random_state(self.random_state))
        self.n_iter_ = result.n_oracle_calls
        self._keep(problem, result, problem.tolerances)
        self._warn_about(result, problem.tolerances, data)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def frontier(
        self,
        X,
        y,
        tolerances=(0.0, 0.01, 0.02, 0.05, 0.1, 0.2),
        *,
        sensitive_features=None,
        sample_weight=None,
        **fit_params,
    ):
        """Train for many tolerances at once; every classifier serves all of them.

        It costs a few fits more than one tolerance does, and no tolerance's answer is
        worse than that of `fit`. This object is not changed.

        Parameters
        ----------
        X, y, sensitive_features, sample_weight, **fit_params
            As in `fit`.
        tolerances : list of float in [0, 1]
            Of several constraints, each for all of them.

        Returns
        -------
        frontier : ReductionFrontier
            With a fitted model for each tolerance.

        Raises
        ------
        ValueError
            As in `fit`.
        """
        tolerances = check_tolerances(tolerances)
        models = [clone(self).set_params(tolerance=t) for t in tolerances]
        first = clone(self)
        problem, _ = first._problem(X, y, sensitive_features, sample_weight, fit_params)
        for constraint in problem.constraints:
            warn_thin_rates(constraint, problem.judged)
        asked = [[t] * len(problem.constraints) for t in tolerances]
        rounds = [problem.solve(a, self.max_iter) for a in sorted(asked, reverse=True)]
        n_iter = sum(result.n_oracle_calls for result in rounds)
        salt = new_salt(check_random_state(self.random_state))
        for model, tolerance in zip(models, asked, strict=True):
            vars(model).update({k: v for k, v in vars(first).items() if k in _OF_X})
            result = problem.solve(tolerance, 0)  # with all that is known by now
            model._salt, model.n_iter_ = salt, n_iter
            model._keep(problem, result, tolerance)
        return ReductionFrontier.of(models, n_iter)

    def _problem(self, X, y, sensitive_features, sample_weight, fit_params):
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        return ReductionProblem(self, data, sensitive_features, fit_params), data

    def _keep(self, problem, result, tolerances):
        """Keep the mixture, and what it does."""
        columns, weights = result.mixture.columns, result.mixture.weights
        if self.deterministic:
            columns, weights = problem.single(tolerances)
        self.classes_, self.groups_ = problem.judged.classes, problem.group_labels
        self.strata_ = problem.strata_labels
        self._members, self.weights_ = problem.members(columns), weights
        self.estimators_ = [member.estimator for member in self._members]
        self.thresholds_ = [member.threshold for member in self._members]
        self.error_ = problem.error(columns, weights)
        self.objective_ = problem.objective(columns, weights)
        self.violations_ = tuple(problem.violations(columns, weights).tolist())
        self.violation_ = max(self.violations_)
        self.gap_ = problem.utility * result.gap

    def _warn_about(self, result, tolerances, data):
        rows = "training data" if self.held_out is None else "held-out rows"
        pairs = list(zip(self.violations_, tolerances, strict=True))
        if any(found > asked + 1e-6 for found, asked in pairs):
            found, asked = max(pairs, key=lambda pair: pair[0] - pair[1])
            warn(
                f"the smallest violation found on the {rows} is {found:.4g}, above the "
                f"tolerance of {asked:g}; allow a larger one, more iterations, or a "
                "more flexible estimator.",
                FairnessWarning,
                stacklevel=3,
            )
        elif not result.converged:
            warn(
                f"not converged after {result.n_oracle_calls} fits: the error may be "
                f"{self.gap_:.2g} above the best; increase max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if len(self._members) > 1:
            warn_few_rows(data)
