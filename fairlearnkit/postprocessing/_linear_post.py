"""Group-blind post-processing by prices on decisions (LinearPost and relatives)."""

from functools import partial
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import CONSTRAINT_PARAMETERS, warn_thin_rates
from fairlearnkit._sklearn import HasMethods, Interval, StrOptions, fit_context
from fairlearnkit._solvers.priced_rules import (
    PricedProblem,
    draw_noise,
    nearest_probabilities,
)
from fairlearnkit.constraints import as_constraint
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.postprocessing._group_report import report_by_group, warn_harmed
from fairlearnkit.postprocessing._joint_model import JointModel, looks_at_labels
from fairlearnkit.postprocessing._linear_post_frontier import (
    LinearPostFrontier,
    warn_missed,
)
from fairlearnkit.postprocessing._out_of_fold import (
    fit_out_of_fold,
    probabilities_answer,
    probabilities_of,
)


class LinearPostClassifier(BasePostprocessor):
    """Price decisions by whom they concern: fair, and blind to the group at prediction.

    The model says how likely each label is, a second model how likely each group is.
    Every decision then costs a price for each group, in proportion to the chance that
    the row belongs to it, and the decision of highest value after prices is taken. The
    prices are those of the dual of a linear program over all randomised rules: no other
    rule on the same probabilities is more accurate under the same constraint. It works
    for two or more classes and groups and for every constraint that is linear in the
    predictions, and it costs two fits of a model in each fold and no training under the
    constraint.

    What it costs the people: a person pays the prices of the groups that she resembles,
    whatever group she is of; and where what tells the label tells the group too, parity
    without the group takes far more accuracy than with it (see `group_report_`).

    Parameters
    ----------
    estimator : classifier
        Classifier with `predict_proba`. It is cloned and refitted; wrap a fitted model
        in :class:`~sklearn.frozen.FrozenEstimator` to keep it as it is, and fit on rows
        that it has not seen.
    constraint : str, Constraint or Rate, default="demographic_parity"
        What must be close between groups: an alias such as "equalized_odds" or
        "demographic_parity_ratio", or an object of :mod:`fairlearnkit.constraints`. It
        must be linear in the predictions.
    tolerance : float in [0, 1], default=0.01
        Bound on the violation: max - min of the rates, or 1 - min / max of them in the
        ratio form.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from both models. Where they are columns
        of X and not hidden, the model of groups reads the group off them.
    group_estimator : classifier, default=None
        With `predict_proba`; a clone of it learns the group, together with the label if
        the constraint looks at labels. None means a clone of `estimator`. A frozen
        model of the group's labels is taken as it is, like `group_proba`.
    group_proba : list of columns, dict of columns or callable, default=None
        P(group | x) that is known already, such as by surname and place, in place of
        `group_estimator`: columns of X in the order of `groups_`, a dict from group to
        column, or a callable on X that returns an array of shape (n_samples, n_groups).
        For constraints that look at labels it is taken to hold for every label alike:
        group and label are independent given x.
    use_groups : bool, default=False
        Whether the group is known, and may be used, at prediction.
    cv : int, splitter, iterable of splits or None, default=5
        Folds of the out-of-fold probabilities; an int stratifies by label and group.
    calibrate : bool, default=True
        Whether to calibrate P(group, label | x) out of fold: two temperatures, and an
        offset for each pair of group and label. The model's own P(label | x), which
        decides where nothing is priced, stays as it is.
    correct : bool, default=True
        Whether the tolerance must hold for the groups and labels that were observed.
        If False it holds for those that P(group, label | x) expects.
    max_harm : float in [0, 1] or None, default=None
        Most accuracy that a group may lose to the plain model, by P(group, label | x).
        It shares a loss between groups; 0 leaves no rule but the plain model's.
    deterministic : bool, default=False
        Whether to take the decision of highest priced value even near ties, instead of
        a draw. The constraint may then be missed.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        With `use_groups`, whether a group that was not seen in `fit` is an error at
        prediction, or is decided by the plain model.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that realises draws near ties.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    group_estimator_ : classifier or None
        The model of groups, fitted on all rows; None where it needed none.
    multipliers_ : ndarray of shape (n_rates, n_groups)
        Price of a unit of each rate of each group, in units of accuracy; positive where
        the rate is held down, NaN where a rate is left out of the constraint.
    rates_ : ndarray of shape (n_rates, n_groups)
        Rates of the out-of-fold decisions among the observed groups.
    objective_ : float
        Accuracy that the model expects of its out-of-fold decisions.
    dual_gap_ : float
        No rule on the same probabilities, within the same bounds, expects an accuracy
        above `objective_` + `dual_gap_`.
    violation_ : float
        Violation of the out-of-fold decisions by P(group, label | x).
    observed_violation_ : float
        Violation of the out-of-fold decisions among the observed groups and labels.
    group_report_ : GroupReport
        Accuracy of each group by the plain model and by the rule, out of fold.
    groups_ : tuple
        Label of each group.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    ThresholdOptimizer : Binary, knows the group at prediction, needs no model of it.
    fairlearnkit.inprocessing.ReductionClassifier : Trains under the constraint.

    Notes
    -----
    With :math:`p_y(x) = P(Y = y \\mid x)`, :math:`m_{ay}(x) = P(A = a, Y = y \\mid x)`
    and rates :math:`r_{ja} = E \\sum_{y,h} c_{jayh} m_{ay}(x) \\pi_h(x)`, the rule
    :math:`\\pi` maximises :math:`E \\sum_h p_h(x) \\pi_h(x)` under
    :math:`t_j \\le r_{ja} \\le t_j + \\text{tolerance}`, or
    :math:`(1 - \\text{tolerance}) t_j \\le r_{ja} \\le t_j`, for some :math:`t`. Its
    dual has a multiplier :math:`\\psi_{ja}` for each rate and group, and the rule is

    .. math:: \\arg\\max_h \\; p_h(x)
       - \\sum_{j,a} \\psi_{ja} \\sum_y c_{jayh} m_{ay}(x).

    Ties are broken at random, by a softmax of a temperature as low as brings
    `dual_gap_` to about 1e-5, drawn by a salted hash of the row. All bounds are on
    probabilities out of fold: they pass to new people as far as those are calibrated,
    and but for sampling error; a coarse model, such as a small tree, passes on less.

    References
    ----------
    Xian, Zhao, "A unified post-processing framework for group fairness in
    classification", 2024. :doi:`10.48550/arXiv.2405.04025`

    Zeng, Dobriban, Cheng, "Bayes-optimal classifiers under group fairness", 2022.
    :doi:`10.48550/arXiv.2202.09724`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.postprocessing import LinearPostClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> skill, proxy = rng.normal(size=(2, 2000)) + [0.2 * group, group]
    >>> X, y = np.column_stack([skill, proxy]), skill + rng.normal(size=2000) > 0
    >>> model = LinearPostClassifier(LogisticRegression())
    >>> model = model.fit(X, y, sensitive_features=group)
    >>> plain = model.estimator_.predict(X)
    >>> print(round(plain[group == 1].mean() - plain[group == 0].mean(), 2))
    0.06
    >>> print(round(model.observed_violation_, 2))
    0.01
    >>> labels = model.predict(X)  # the group is not needed
    """

    _multi_class = True

    _parameter_constraints: dict = {
        **BasePostprocessor._parameter_constraints,
        **CONSTRAINT_PARAMETERS,
        "group_estimator": [HasMethods(["fit", "predict"]), None],
        "group_proba": [list, tuple, dict, callable, None],
        "use_groups": ["boolean"],
        "calibrate": ["boolean"],
        "correct": ["boolean"],
        "max_harm": [Interval(Real, 0, 1, closed="both"), None],
        "deterministic": ["boolean"],
        "handle_unknown": [StrOptions({"error", "pooled"})],
        "random_state": ["random_state"],
    }
    _parameter_constraints.pop("response_method")

    def __init__(
        self,
        estimator,
        *,
        constraint="demographic_parity",
        tolerance=0.01,
        sensitive_features=None,
        drop_sensitive=False,
        group_estimator=None,
        group_proba=None,
        use_groups=False,
        cv=5,
        calibrate=True,
        correct=True,
        max_harm=None,
        deterministic=False,
        handle_missing="error",
        handle_unknown="error",
        n_jobs=None,
        random_state=0,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.group_estimator = group_estimator
        self.group_proba = group_proba
        self.use_groups = use_groups
        self.cv = cv
        self.calibrate = calibrate
        self.correct = correct
        self.max_harm = max_harm
        self.deterministic = deterministic
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit both models, answer for every row out of fold, and find the prices.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of both fits, of the accuracy and of every rate.
        **fit_params : dict
            Passed on to the `fit` of `estimator`, not of `group_estimator`.

        Returns
        -------
        self : LinearPostClassifier

        Raises
        ------
        ValueError
            If there are no groups, a model has no `predict_proba`, `group_proba` gives
            no probabilities, or the constraint is not linear in the predictions.

        Warns
        -----
        FairnessWarning
            If the tolerance cannot be reached, or is missed among the observed groups.
        LevellingDownWarning
            If a group is decided less accurately than by the plain model.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint, classes = as_constraint(self.constraint), data.classes.tolist()
        coefficients = constraint.coefficients(
            data.totals, classes, user="LinearPostClassifier"
        )
        warn_thin_rates(constraint, data)
        answer = partial(probabilities_of, data.classes)
        label = fit_out_of_fold(self, data, sensitive_features, fit_params, answer)
        by_label = self.max_harm is not None or looks_at_labels(coefficients)
        model = JointModel(self, by_label)
        joint = model.fit(self, data, label, sensitive_features)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self.group_estimator_ = model.estimator
        self._model = model
        cells, weight = (data.groups.codes, data.y), data.weight_or_ones
        self._problem = PricedProblem(
            *(label, joint, cells, weight / weight.sum(), constraint, classes),
            max_harm=self.max_harm,
            deterministic=self.deterministic,
        )
        solution = self._problem.solve(self.tolerance, observed=self.correct)
        self._keep(solution, data)
        n_draws = 1 if len(classes) == 2 else len(classes)
        state = check_random_state(self.random_state)
        self._salts = [new_salt(state) for _ in range(n_draws)]
        warn_missed(solution, constraint, self.tolerance, data, self.correct)
        warn_harmed(self.group_report_)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Take the decision of highest priced value; the row's hash settles ties.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups; needed only under ``use_groups=True``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        found = self.predict_proba(X, sensitive_features=sensitive_features)
        return self.classes_[found.argmax(axis=1)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Priced values, with the draw at ties, as the nearest probabilities.

        They agree with `predict`, and are the model's own where nothing is priced. They
        are not calibrated, and can be 0 or 1.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        X, label, joint = self._answers(X, sensitive_features)
        priced = self._rule.priced(label, joint)
        if not self.deterministic:
            uniforms = [row_uniforms(X, salt) for salt in self._salts]
            noise = self._rule.temperature * draw_noise(np.column_stack(uniforms))
            moved = (priced + noise).argmax(axis=1) != priced.argmax(axis=1)
            priced[moved] += noise[moved]
        return nearest_probabilities(priced)

    def expected_proba(self, X, *, sensitive_features=None):
        """Probability of each decision, over the draw at ties.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        _, label, joint = self._answers(X, sensitive_features)
        return self._rule.chances(label, joint)

    def frontier(self, tolerances):
        """Re-solve at many tolerances, on the stored answers, without a new fit.

        Parameters
        ----------
        tolerances : array-like of shape (n_tolerances,), each in [0, 1]

        Returns
        -------
        frontier : LinearPostFrontier
        """
        check_is_fitted(self)
        return LinearPostFrontier.of(self._problem, tolerances, observed=self.correct)

    def _answers(self, X, sensitive_features):
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        features, codes = self._features(X), None
        if self.use_groups:
            groups = self._predict_groups(X, sensitive_features)
            codes = groups.encode(self.groups_, handle_unknown=self.handle_unknown)
        label = probabilities_answer(self.classes_)(
            self.estimator_, features, sensitive_features
        )
        joint = self._model.joint(X, features, label, codes, sensitive_features)
        return X, label, joint

    def _keep(self, solution, data):
        self._rule = solution.rule
        self.multipliers_, self.rates_ = solution.multipliers, solution.observed_rates
        self.objective_, self.dual_gap_ = solution.value, solution.gap
        self.violation_ = solution.violation
        self.observed_violation_ = solution.observed_violation
        self.group_report_ = report_by_group(
            "accuracy",
            self._problem.value.argmax(axis=1) == data.y,
            solution.chances[np.arange(len(data.y)), data.y],
            data.groups.codes,
            data.groups.labels,
            data.groups.names,
            data.weight,
        )
