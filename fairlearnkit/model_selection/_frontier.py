"""The Pareto set of candidates: what each violation costs, and which one to keep."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._extras import require
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    MitigatorMixin,
    warn_thin_rates,
)
from fairlearnkit._sklearn import Interval, StrOptions, fit_context
from fairlearnkit.constraints import as_constraint
from fairlearnkit.model_selection import _picks
from fairlearnkit.model_selection._candidates import expand_candidates
from fairlearnkit.model_selection._evaluation import (
    constant_objective,
    fit_candidate,
    make_folds,
    run_trials,
)
from fairlearnkit.model_selection._pareto import hypervolume, sort_front
from fairlearnkit.model_selection._picked_model import PickedModelMixin
from fairlearnkit.model_selection._results import pool_tables, summarise

_DIGITS = 12  # sums in another order differ beyond these
_COMMON = MitigatorMixin._parameter_constraints


class FairnessFrontier(PickedModelMixin, ClassifierMixin, BaseEstimator):
    """Cross-validate models and mitigators side by side, and keep the Pareto set.

    Every candidate gets two numbers on held-out rows: an objective, such as accuracy,
    and the violation of a fairness constraint. The candidates that no other beats in
    both are the frontier: what each step towards parity costs on these data. One of
    them is picked by a rule and refitted. It is the sibling of
    :class:`~sklearn.model_selection.GridSearchCV` for two aims.

    All candidates are fitted on the same folds. The violation is a maximum minus a
    minimum, which noise drives up, so that the mean violation of small folds is too
    large: a difference of rates is never below that of all people together, if the
    folds share every group and label equally. (5000 people of Adult, five folds,
    thresholds at parity: 0.019 as the mean of folds, 0.004 together.) Hence the
    violation reported is that of the *pooled* table, the counts of all folds added up;
    those of single folds are kept beside it.

    What it does not give: an estimate of how good the *picked* candidate is. The pick
    is the luckiest of many, so its own row of `results_` flatters it, the more so the
    more candidates there are. For an honest figure hand the whole frontier to
    :func:`~sklearn.model_selection.cross_validate`, which repeats the selection on each
    training fold.

    Parameters
    ----------
    candidates : list or dict
        Of classifiers, or of pairs (classifier, param_grid) as in GridSearchCV:
        mitigators, pipelines and plain models, in any mixture. A dict names them; in a
        list they go by their class. Each is cloned; a
        :class:`~sklearn.frozen.FrozenEstimator` is measured as it is.
    objective : str or callable, default="accuracy"
        What is maximised: any scikit-learn scoring.
    constraint : str, Constraint or Rate, default="demographic_parity"
        Whose violation is measured. Candidates have constraints of their own.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`. Either
        way candidates that ask for groups and name no column get these.
    cv : int, splitter, iterable of splits or None, default=5
        Folds; an int stratifies by label and group.
    pick : {"knee", "bound", "weight"}, default="knee"
        Which candidate is kept; see :meth:`choose`.
    tolerance : float in [0, 1], default=0.05
        Largest violation of ``pick="bound"``.
    use : {"mean", "upper"}, default="mean"
        Whether ``pick="bound"`` compares the violation itself, or the upper end of its
        interval, with `tolerance`.
    weight : float, default=1.0
        Objective that ``pick="weight"`` gives up for a violation less by 1.
    reference : tuple (violation, objective) or None, default=None
        The point that `hypervolume_` is measured from. By default a violation of 1, and
        the objective of a constant prediction.
    confidence_level : float in (0, 1), default=0.95
        Of the intervals, each for its candidate alone.
    refit : bool, default=True
        Whether to fit the pick on all rows.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    n_jobs : int or None, default=None
        Fits at once, through joblib.

    Attributes
    ----------
    results_ : dict of ndarray of shape (n_candidates,)
        `name`, `family`, `params`; `mean_objective`, `std_objective` over folds,
        `objective_low`, `objective_high`; `violation` of the pooled table,
        `violation_low`, `violation_high`; `on_front`; `mean_fit_time`, `std_fit_time`
        in seconds; and for every fold k `split{k}_objective` and `split{k}_violation`.
    front_ : ndarray of int
        The candidates that no other beats, by ascending violation.
    hypervolume_ : float
        Area between the front and `reference_`; by default the gain over a constant
        prediction, averaged over all bounds on the violation from 0 to 1. A candidate
        that others beat does not change it.
    reference_ : tuple (violation, objective)
        The point that it is measured from.
    tables_ : list of GroupCounts
        Held-out counts of every candidate, to read any other constraint from.
    best_index_ : int
        The candidate picked.
    best_params_ : dict
        The parameters that its grid set.
    best_estimator_ : classifier
        Fitted on all rows, if `refit`.
    n_splits_ : int
        Number of folds.
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
    FairnessFrontierDisplay : The picture.
    ConstrainedRefit : The rule "bound" for scikit-learn's own searches.
    fairlearnkit.postprocessing.ThresholdOptimizer : Its `frontier_` is exact, for the
        thresholds of one model.

    Notes
    -----
    Candidate a beats b if its violation is no larger, its objective no smaller, and one
    of the two better. The interval of the violation is that of
    :func:`~fairlearnkit.metrics.disparity_of_table` on the pooled table. The interval
    of the objective is Nadeau and Bengio's: with n folds, :math:`s` the standard
    deviation over folds and t the quantile of Student's law,

    .. math::  \\bar o \\pm t_{n - 1} \\, s \\sqrt{\\tfrac{1}{n} +
       \\tfrac{n_{test}}{n_{train}}}

    which allows for the overlap of training sets; in simulations it covered 95 to 99 %
    at a level of 95 %, against 86 to 95 % without the second term. Candidates are
    compared on the same rows, so that differences between them are less uncertain than
    the intervals suggest.

    References
    ----------
    Das, "On characterizing the knee of the Pareto curve based on normal-boundary
    intersection", Structural Optimization 18, 1999. :doi:`10.1007/BF01195985`

    Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    :doi:`10.1023/A:1024068626366`

    Zitzler, Thiele, "Multiobjective evolutionary algorithms: a comparative case study
    and the strength Pareto approach", IEEE Transactions on Evolutionary Computation 3,
    1999. :doi:`10.1109/4235.797969`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit import ThresholdOptimizer
    >>> from fairlearnkit.model_selection import FairnessFrontier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> skill = rng.normal(size=2000) + group
    >>> X, y = np.column_stack([skill, group]), skill + rng.normal(size=2000) > 0.5
    >>> plain = LogisticRegression()
    >>> frontier = FairnessFrontier(
    ...     [plain, (ThresholdOptimizer(plain), {"tolerance": [0.01, 0.1]})],
    ...     sensitive_features=1,
    ...     pick="bound",
    ...     tolerance=0.15,
    ... )
    >>> results = frontier.fit(X, y).results_
    >>> for i in frontier.front_:
    ...     violation, accuracy = results["violation"][i], results["mean_objective"][i]
    ...     print(f"{violation:.2f} {accuracy:.2f} {results['name'][i]}")
    0.01 0.74 ThresholdOptimizer(tolerance=0.01)
    0.10 0.75 ThresholdOptimizer(tolerance=0.1)
    0.36 0.77 LogisticRegression
    >>> frontier.best_params_
    {'tolerance': 0.1}
    """

    _parameter_constraints: dict = {
        "candidates": [list, dict],
        "objective": [StrOptions(set(get_scorer_names())), callable],
        **CONSTRAINT_PARAMETERS,
        "sensitive_features": _COMMON["sensitive_features"],
        "cv": ["cv_object"],
        "pick": [StrOptions(set(_picks.RULES))],
        "use": [StrOptions(set(_picks.USES))],
        "weight": [Interval(Real, 0, None, closed="left")],
        "reference": [tuple, None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "refit": ["boolean"],
        "handle_missing": _COMMON["handle_missing"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        candidates,
        *,
        objective="accuracy",
        constraint="demographic_parity",
        sensitive_features=None,
        cv=5,
        pick="knee",
        tolerance=0.05,
        use="mean",
        weight=1.0,
        reference=None,
        confidence_level=0.95,
        refit=True,
        handle_missing="error",
        n_jobs=None,
    ):
        self.candidates = candidates
        self.objective = objective
        self.constraint = constraint
        self.sensitive_features = sensitive_features
        self.cv = cv
        self.pick = pick
        self.tolerance = tolerance
        self.use = use
        self.weight = weight
        self.reference = reference
        self.confidence_level = confidence_level
        self.refit = refit
        self.handle_missing = handle_missing
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Cross-validate every candidate, find the front and refit the pick.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of every fit, score and count.

        Returns
        -------
        self : FairnessFrontier

        Raises
        ------
        ValueError
            If there are no groups or no candidates, or a candidate fails: the message
            names it. If the objective is undefined for every candidate.

        Warns
        -----
        FairnessWarning
            If a rate is undefined or rests on few people, or ``pick="bound"`` finds no
            candidate within `tolerance`.
        """
        candidates = expand_candidates(self.candidates)
        if self.reference is not None and len(self.reference) != 2:
            raise ValueError(
                "reference must be a pair (violation, objective), got "
                f"{self.reference!r}."
            )
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        if all(rate.is_linear for rate in constraint.rates(data.classes.tolist())):
            warn_thin_rates(constraint, data)
        values = data.groups.values()
        scorer, folds = get_scorer(self.objective), make_folds(self.cv, data, values)
        trials = run_trials(candidates, folds, data, values, scorer, self.n_jobs)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self.n_splits_ = len(folds)
        self._keep_results(candidates, trials, folds, data, constraint)
        self._keep_front(scorer, folds, data)
        self.best_index_ = self.choose()
        best = candidates[self.best_index_]
        self.best_params_ = best.params
        self.__dict__.pop("best_estimator_", None)
        if self.refit:
            self.best_estimator_ = fit_candidate(best, None, data, values)
        return self

    def choose(self, rule=None, *, tolerance=None, use=None, weight=None):
        """Tell which candidate a rule picks; nothing is refitted.

        Parameters
        ----------
        rule : {"knee", "bound", "weight"}, default=None
            "knee" is the point of the front that bulges most above the straight line
            between the front's ends, both axes scaled to [0, 1]; in a front of two the
            one with the smaller violation. "bound" is the best objective within
            `tolerance`, and if nobody is within it the candidate nearest to it, with a
            warning. "weight" is the largest objective - weight * violation.
        tolerance, use, weight : default=None
            As in the constructor, whose values are the default.

        Returns
        -------
        index : int
            Position in `results_`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> from fairlearnkit.model_selection import FairnessFrontier
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> frontier = FairnessFrontier(
        ...     [(LogisticRegression(), {"C": [0.01, 1.0]})],
        ...     sensitive_features=lambda X: X[:, 1] > 0,
        ... )
        >>> frontier.fit(X, X[:, 0] > 0).choose("weight", weight=0.1)
        1
        """
        check_is_fitted(self)
        rule = self.pick if rule is None else rule
        violation, objective = self._points
        if rule == "knee":
            return _picks.best_at_knee(violation, objective, self.front_)
        if rule == "weight":
            price = self.weight if weight is None else weight
            return _picks.best_weighted(violation, objective, price)
        if rule != "bound":
            raise ValueError(f"rule must be one of {list(_picks.RULES)}, got {rule!r}.")
        use = self.use if use is None else use
        if use not in _picks.USES:
            raise ValueError(f"use must be one of {list(_picks.USES)}, got {use!r}.")
        key = "violation_high" if use == "upper" else "violation"
        gauge = _picks.defined_or_zero(self.results_[key])
        bound = self.tolerance if tolerance is None else tolerance
        return _picks.best_within(gauge, violation, objective, bound)

    def to_frame(self):
        """Return `results_` as a table, a row for each candidate.

        Returns
        -------
        frame : pandas.DataFrame
        """
        check_is_fitted(self)
        pandas = require("pandas", extra="pandas", user="FairnessFrontier.to_frame")
        return pandas.DataFrame(self.results_)

    def _keep_results(self, candidates, trials, folds, data, constraint):
        self.tables_ = [
            pool_tables([t.table for t in row], folds, data.groups, data.classes)
            for row in trials
        ]
        self.results_ = summarise(
            candidates, trials, self.tables_, constraint, folds, self.confidence_level
        )
        if np.isnan(self.results_["mean_objective"]).all():
            raise ValueError(
                f"the objective {self.objective!r} is undefined for every candidate."
            )

    def _keep_front(self, scorer, folds, data):
        _picks.warn_undefined(self.results_)
        violation = _picks.defined_or_zero(self.results_["violation"])
        objective = self.results_["mean_objective"]
        self._points = np.round(violation, _DIGITS), np.round(objective, _DIGITS)
        self.front_ = sort_front(*self._points)
        on_front = np.isin(np.arange(len(violation)), self.front_)
        self.results_["on_front"] = on_front
        if self.reference is None:
            self.reference_ = 1.0, constant_objective(folds, data, scorer)
        else:
            self.reference_ = self.reference
        self.hypervolume_ = hypervolume(*self._points, self.reference_)
