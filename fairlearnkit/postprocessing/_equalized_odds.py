"""Equalized odds from predicted labels alone (Hardt, Price and Srebro 2016)."""

from warnings import warn

import numpy as np
from sklearn.utils import check_random_state

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    warn_few_rows,
    warn_thin_rates,
)
from fairlearnkit._sklearn import StrOptions, call_method, fit_context
from fairlearnkit._solvers.decision_value import (
    label_gain,
    person_utility,
    utility_name,
)
from fairlearnkit._solvers.label_flips import FlipProblem
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.postprocessing._group_report import report_by_group, warn_harmed
from fairlearnkit.postprocessing._out_of_fold import fit_out_of_fold, predictions

_SHARED = BasePostprocessor._parameter_constraints


class EqualizedOddsPostprocessor(BasePostprocessor):
    """Change predicted labels at random, by group, until a constraint holds.

    For models that give labels and no scores. Of all rules that see a person's group
    and predicted label, this is the best one under the constraint: for each group a
    table of P(decide d | predicted h), from a small linear program, for any number of
    groups and classes and any constraint that is linear in the predictions.

    What it costs the people: under equalized odds the group that the model serves best
    is brought down to the others, by decisions that are changed by lot. Two persons of
    the same group and predicted label can be decided differently. Where the model has
    scores for two classes, :class:`ThresholdOptimizer` changes the decisions of people
    near the threshold instead, and is at least as accurate: on Adult (boosting, groups
    by sex, tolerance 0.02) 0.864 out of fold, where flips of labels reach 0.845.

    Parameters
    ----------
    estimator : classifier
        Any classifier with `predict`, of two classes or more. It is cloned and
        refitted; wrap a fitted model in :class:`~sklearn.frozen.FrozenEstimator` to
        keep it as it is, and fit on rows that it has not seen.
    constraint : str, Constraint or Rate, default="equalized_odds"
        What must be close between groups; it must be linear in the predictions.
    tolerance : float in [0, 1], default=0.0
        Bound on the violation: max - min of the rates, or 1 - min / max of them in the
        ratio form.
    objective : {"accuracy", "balanced_accuracy"} or array-like, default="accuracy"
        What is maximised, over all people together. A table of shape (n_classes,
        n_classes) holds the utility of each (true label, decision), classes in
        ascending order.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        every prediction.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    no_harm : bool, default=False
        Whether no group's mean utility may fall below that of the plain model.
        Utility is accuracy unless `objective` is a table. If the tolerance cannot be
        met then, the smallest violation that can is taken, with a warning.
    deterministic : bool, default=False
        Whether every table holds only 0 and 1, so that nothing is drawn: the exact
        optimum of such rules, by an integer program.
    cv : int, splitter, iterable of splits or None, default=5
        Folds of the out-of-fold predictions; an int stratifies by label and group.
        Ignored for a frozen estimator.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group that was not seen in `fit` is an error at prediction, or gets
        the best decisions over all groups, which mostly are the plain model's.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that draws decisions. The default makes equal fits
        predict equally; pass None for a secret salt.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    flips_ : dict
        For each group label an ndarray of shape (n_classes, n_classes): the
        probability of each decision (column) given the predicted label (row).
    objective_ : float
        Expected objective on the out-of-fold predictions.
    violation_ : float
        Expected violation on the out-of-fold predictions.
    randomized_ : float
        Share of people whose decision is drawn, in [0, 1].
    group_report_ : GroupReport
        Mean utility of each group before and after, out of fold.
    groups_ : tuple
        Label of each group.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If the tolerance is out of reach, a rate has few people behind it, or X has so
        few distinct rows that drawn rates will be far from expected ones.
    LevellingDownWarning
        If a group is served worse than by the plain model.

    See Also
    --------
    ThresholdOptimizer : The same from scores, which hold more than labels.

    Notes
    -----
    With :math:`T_g` the weights of (true label, prediction) in group g, the program is

    .. math::

        \\max_F \\sum_{g,y,h,d} u_{yd} T_g[y, h] F_g[h, d]
        \\quad \\text{s.t.} \\quad \\sum_d F_g[h, d] = 1, \\; F \\ge 0,
        \\; |r_j(g) - r_j(g')| \\le \\text{tolerance}

    where every rate :math:`r_j(g)` is linear in :math:`F_g`. For two classes and
    equalized odds these are the four numbers of section 4.1 of Hardt et al.; for more
    classes it is the program of Putzel and Lee. Among equally good tables those
    are taken which change the fewest decisions. There is no `predict_proba`, because
    nothing is known of a person beyond the predicted label; `expected_proba` is the
    probability of each decision.

    References
    ----------
    Hardt, Price, Srebro, "Equality of opportunity in supervised learning", NeurIPS
    2016. :doi:`10.48550/arXiv.1610.02413`

    Putzel, Lee, "Blackbox post-processing for multiclass fairness", 2022.
    :doi:`10.48550/arXiv.2201.04461`

    Examples
    --------
    The model knows less of the first group; the second pays for it:

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from fairlearnkit.postprocessing import EqualizedOddsPostprocessor
    >>> rng = np.random.default_rng(0)
    >>> group, skill = rng.integers(0, 2, 3000), rng.normal(size=3000)
    >>> seen = skill + rng.normal(size=3000) * (1 - group)
    >>> X, y = np.column_stack([seen, group]), skill > 0
    >>> model = EqualizedOddsPostprocessor(
    ...     DecisionTreeClassifier(max_depth=3), sensitive_features=1
    ... )
    >>> with warnings.catch_warnings(action="ignore"):  # of levelling down
    ...     model = model.fit(X, y)
    >>> model.flips_[0].round(2)
    array([[1., 0.],
           [0., 1.]])
    >>> model.flips_[1].round(2)
    array([[0.75, 0.25],
           [0.22, 0.78]])
    """

    _multi_class = True

    _parameter_constraints: dict = {
        **{name: kind for name, kind in _SHARED.items() if name != "response_method"},
        **CONSTRAINT_PARAMETERS,
        "objective": [StrOptions({"accuracy", "balanced_accuracy"}), "array-like"],
        "no_harm": ["boolean"],
        "deterministic": ["boolean"],
        "handle_unknown": [StrOptions({"error", "pooled"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        constraint="equalized_odds",
        tolerance=0.0,
        objective="accuracy",
        sensitive_features=None,
        drop_sensitive=False,
        no_harm=False,
        deterministic=False,
        cv=5,
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
        self.no_harm = no_harm
        self.deterministic = deterministic
        self.cv = cv
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the estimator, predict every row out of fold and find the tables.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the estimator's fit and of every count.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : EqualizedOddsPostprocessor

        Raises
        ------
        ValueError
            If there are no groups, the constraint is not linear in the predictions, or
            `objective` is a table of another size.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        coefficients = constraint.coefficients(
            data.totals, data.classes.tolist(), user=type(self).__name__
        )
        warn_thin_rates(constraint, data)
        utility = person_utility(self.objective, len(data.classes))
        found = fit_out_of_fold(
            self, data, sensitive_features, fit_params, _answer_by_labels
        )
        self.classes_, self.groups_ = data.classes, data.groups.labels
        predicted = self._coded(found)
        problem = FlipProblem(
            _label_table(data, predicted),
            label_gain(self.objective, data.totals.sum(axis=0)),
            coefficients,
            constraint.compare,
            utility if self.no_harm else None,
        )
        solution = self._solve(problem)
        self._tables = np.concatenate([solution.tables, _pooled_table(problem)])
        self.flips_ = dict(zip(self.groups_, solution.tables, strict=True))
        self.objective_, self.randomized_ = solution.value, solution.randomized
        self.violation_ = float(constraint.gap(solution.rates).max())
        self._salt = new_salt(check_random_state(self.random_state))
        self.group_report_ = _report(self, data, utility, predicted)
        self._warn_about(data)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Decide by the group's table and, where it is not 0 or 1, the row's hash.

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
        X, proba = self._decide(X, sensitive_features)
        ends = np.cumsum(proba, axis=1)[:, :-1]
        drawn = row_uniforms(X, self._salt)[:, None] >= ends
        return self.classes_[drawn.sum(axis=1)]

    def expected_proba(self, X, *, sensitive_features=None):
        """Probability of each decision, over the draw.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        return self._decide(X, sensitive_features)[1]

    def _decide(self, X, sensitive_features):
        X, codes = self._locate(X, sensitive_features)
        found = call_method(
            self.estimator_, "predict", self._features(X), sensitive_features
        )
        return X, self._tables[codes, self._coded(found)]  # the last is the pooled one

    def _coded(self, labels):
        """Position of each predicted label."""
        labels = np.asarray(labels)
        codes = np.searchsorted(self.classes_, labels).clip(0, len(self.classes_) - 1)
        strange = self.classes_[codes] != labels
        if strange.any():
            label, name = labels[strange].tolist()[0], type(self.estimator_).__name__
            raise ValueError(
                f"{name} predicts {label!r}, which is not one of the classes "
                f"{self.classes_.tolist()} in y."
            )
        return codes

    def _solve(self, problem):
        choose = {"deterministic": self.deterministic}
        solution = problem.solve(self.tolerance, **choose)
        if solution is not None:
            return solution
        least = problem.smallest_violation(**choose)
        limits = " that harm no group" if self.no_harm else ""
        warn(
            f"no change of predicted labels has a violation of {self.tolerance:g}; the "
            f"smallest{limits} is {least:.4g}.",
            FairnessWarning,
            stacklevel=4,
        )
        return problem.solve(min(least + 1e-9, 1.0), **choose)

    def _warn_about(self, data):
        if self.randomized_ > 0:
            warn_few_rows(data)
        if not self.no_harm:
            warn_harmed(self.group_report_, stacklevel=4)


def _answer_by_labels(estimator):
    return predictions


def _label_table(data, predicted):
    """Weight of each (group, true label, predicted label)."""
    size = len(data.classes)
    cells = (data.groups.codes * size + data.y) * size + predicted
    flat = np.bincount(cells, data.weight_or_ones, len(data.groups) * size**2)
    return flat.reshape(len(data.groups), size, size)


def _pooled_table(problem):
    """The best decision for each predicted label over all groups, unconstrained."""
    counts = problem.counts.sum(axis=0, keepdims=True)
    free = np.full((1, 1, *problem.gain.shape), np.nan)
    return FlipProblem(counts, problem.gain, free, "difference").solve(1.0).tables


def _report(model, data, utility, predicted):
    worth = utility[data.y]
    tables = model._tables[data.groups.codes, predicted]
    return report_by_group(
        utility_name(model.objective),
        worth[np.arange(len(predicted)), predicted],
        (worth * tables).sum(axis=1),
        data.groups.codes,
        data.groups.labels,
        data.groups.names,
        data.weight,
    )
