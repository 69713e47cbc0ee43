"""Reject-option classification (Kamiran, Karim and Zhang 2012)."""

from warnings import warn

import numpy as np
from scipy.special import expit

from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    threshold_margin,
    warn_thin_rates,
)
from fairlearnkit._sklearn import StrOptions, fit_context
from fairlearnkit._solvers.critical_region import (
    moves_of_groups,
    region_curve,
    table_of_decisions,
)
from fairlearnkit._solvers.decision_value import (
    label_gain,
    person_utility,
    utility_name,
)
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.postprocessing._group_report import report_by_group, warn_harmed
from fairlearnkit.tables import ScoreTable


class RejectOptionClassifier(BasePostprocessor):
    """Where the model is unsure, decide for deprived groups and against favoured ones.

    Decisions with max(p, 1 - p) < theta form the critical region. In it, members of
    deprived groups get the favourable label and members of favoured groups the other
    one; outside, the model decides. *Every* width is evaluated exactly, and the best
    one that meets the tolerance is taken.

    One width moves all thresholds by the same amount, so with more than two groups, or
    several rates, parity is mostly out of reach; `fit` then takes the smallest
    violation and warns. The rules are a one-parameter subset of those of
    :class:`ThresholdOptimizer`, which is at least as good at every violation. Reasons
    to want them still: nothing is drawn, one number says whose decision may change,
    and the model decides wherever it is sure. In the region the group decides alone.

    Parameters
    ----------
    estimator : classifier
        Binary classifier with `predict_proba` or `decision_function`. It is cloned and
        refitted; wrap a fitted model in :class:`~sklearn.frozen.FrozenEstimator` to
        keep it as it is, and fit on rows that it has not seen.
    constraint : str, Constraint or Rate, default="demographic_parity"
        What must be close between groups; also if it is not linear in the predictions,
        as "predictive_parity".
    tolerance : float in [0, 1], default=0.05
        Bound on the violation: max - min of the rates, or 1 - min / max of them in the
        ratio form.
    deprived : group label, list of group labels or None, default=None
        Groups that get the favourable label in the region; all others get the other
        one. None finds them: a group is deprived if its rate under the plain model is
        below the overall rate. The rate is the constraint's first, or the selection
        rate if that one does not always rise with favourable decisions.
    objective : {"accuracy", "balanced_accuracy"} or array-like, default="accuracy"
        What is maximised, over all people together. A table of shape (2, 2) holds the
        utility of each (true label, decision), classes in ascending order.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        every prediction.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    no_harm : bool, default=False
        Whether only widths are considered at which no group's mean utility is below
        that of the plain model. Utility is accuracy unless `objective` is a table.
    cv : int, splitter, iterable of splits or None, default=5
        Folds of the out-of-fold scores; an int stratifies by label and group. Ignored
        for a frozen estimator.
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        Where scores come from; "auto" tries them in this order.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group unseen in `fit` is an error, or is decided by the model alone.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    theta_ : float
        The region is max(p, 1 - p) < theta_; of a margin, abs(score) < theta_.
    deprived_ : tuple
        Groups that get the favourable label in the region.
    favoured_ : tuple
        Groups that get the other one; those in neither keep the model's decisions.
    widths_ : ndarray of shape (n_widths,)
        Every theta at which a decision changes, ascending from no region at all.
    violations_ : ndarray of shape (n_widths,)
        Violation at each, out of fold; NaN where a group has lost a rate, such as the
        precision if nobody is selected.
    objectives_ : ndarray of shape (n_widths,)
        Objective at each, out of fold.
    objective_ : float
        Objective at `theta_`.
    violation_ : float
        Violation at `theta_`.
    group_report_ : GroupReport
        Mean utility of each group before and after, out of fold.
    groups_ : tuple
        Label of each group.
    response_method_ : str
        Where scores come from.
    classes_ : ndarray of shape (2,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If no width meets the tolerance, or a rate has few people behind it.
    LevellingDownWarning
        If a group is served worse than by the plain model.

    See Also
    --------
    ThresholdOptimizer : A threshold for each group, of which this is a special case.

    Notes
    -----
    With w = theta - 1/2 the rule is a threshold by group,

    .. math::  \\hat y = 1 \\iff p > \\tfrac12 - w \\text{ (deprived)}, \\quad
               p \\ge \\tfrac12 + w \\text{ (favoured)}.

    `predict_proba` is the model's probability with its odds shifted such that 0.5 lies
    at the threshold: it agrees with `predict` but is not calibrated. The favourable
    label is the constraint's `pos_label`, by default the last class.

    References
    ----------
    Kamiran, Karim, Zhang, "Decision theory for discrimination-aware classification",
    ICDM 2012. :doi:`10.1109/ICDM.2012.45`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.postprocessing import RejectOptionClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 3000)
    >>> skill = rng.normal(size=3000) + 0.3 * group
    >>> X, y = np.column_stack([skill, group]), skill + rng.normal(size=3000) > 0.2
    >>> model = RejectOptionClassifier(LogisticRegression(), sensitive_features=1)
    >>> model.fit(X, y).deprived_, model.favoured_
    ((0.0,), (1.0,))
    >>> print(round(model.violations_[0], 2), round(model.violation_, 2))
    0.1 0.02
    """

    _parameter_constraints: dict = {
        **BasePostprocessor._parameter_constraints,
        **CONSTRAINT_PARAMETERS,
        "deprived": "no_validation",
        "objective": [StrOptions({"accuracy", "balanced_accuracy"}), "array-like"],
        "no_harm": ["boolean"],
        "handle_unknown": [StrOptions({"error", "pooled"})],
    }

    def __init__(
        self,
        estimator,
        *,
        constraint="demographic_parity",
        tolerance=0.05,
        deprived=None,
        objective="accuracy",
        sensitive_features=None,
        drop_sensitive=False,
        no_harm=False,
        cv=5,
        response_method="auto",
        handle_missing="error",
        handle_unknown="error",
        n_jobs=None,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.deprived = deprived
        self.objective = objective
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.no_harm = no_harm
        self.cv = cv
        self.response_method = response_method
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the estimator, score every row out of fold and choose the width.

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
        self : RejectOptionClassifier

        Raises
        ------
        ValueError
            If there are no groups, more than two classes, no scores, or `deprived`
            names no group.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        gain = label_gain(self.objective, data.totals.sum(axis=0))
        utility = person_utility(self.objective, 2)
        if all(rate.is_linear for rate in constraint.rates(data.classes.tolist())):
            warn_thin_rates(constraint, data)
        scores = self._fit_scores(data, sensitive_features, fit_params)
        margin = ScoreTable.quantize(scores) - self._middle
        self.classes_, self.groups_ = data.classes, data.groups.labels
        cells = data.groups.codes, data.y, (margin > 0).astype(np.intp)
        self._moves = self._find_moves(constraint, cells, data)
        curve = region_curve(
            np.abs(margin),
            cells,
            data.weight_or_ones,
            self._moves,
            constraint,
            data.classes.tolist(),
            gain,
            utility,
            widest=self._middle or np.inf,
        )
        best = curve.best(self.tolerance, no_harm=self.no_harm)
        self._width = float(curve.widths[best])
        self.widths_ = curve.widths + self._middle
        self.theta_ = float(self.widths_[best])
        self.violations_, self.objectives_ = curve.violations, curve.values
        self.violation_ = float(curve.violations[best])
        self.objective_ = float(curve.values[best])
        self.group_report_ = self._report(utility, margin, cells, data)
        self._warn_about()
        return self

    def predict(self, X, *, sensitive_features=None):
        """Decide by the group in the critical region, and by the model outside.

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
            If the groups are not given or, under ``handle_unknown="error"``, unseen.
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
        positive = expit(
            self.decision_function(X, sensitive_features=sensitive_features)
        )
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
            Positive where the last class is predicted.
        """
        X, codes = self._locate(X, sensitive_features)
        scores = self._scores(self._features(X), sensitive_features)
        return threshold_margin(
            ScoreTable.quantize(scores),
            self._thresholds(codes),
            self.response_method_ == "predict_proba",
        )

    def expected_proba(self, X, *, sensitive_features=None):
        """Probability of each decision: 0 or 1, because nothing is drawn.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        decision = self.decision_function(X, sensitive_features=sensitive_features)
        return np.column_stack([decision <= 0, decision > 0]).astype(float)

    @property
    def _middle(self):  # the threshold of the plain model
        return 0.5 if self.response_method_ == "predict_proba" else 0.0

    def _thresholds(self, codes):
        """A score is selected if it exceeds these; an unseen group's is the middle."""
        shift = -np.append(self._moves, 0)[codes] * self._width
        threshold = self._middle + shift
        return np.where(shift > 0, np.nextafter(threshold, -np.inf), threshold)

    def _find_moves(self, constraint, cells, data):
        """Which decision each group gets in the region; sets who is deprived."""
        classes = data.classes.tolist()
        favourable = -1 if constraint.pos_label == classes[0] else 1
        if self.deprived is None:
            counts = table_of_decisions(*cells, data.weight_or_ones, len(data.groups))
            moves = moves_of_groups(constraint, counts, classes)
        else:
            named = _named_groups(self.deprived, self.groups_)
            moves = np.where([g in named for g in self.groups_], 1, -1) * favourable
        toward = list(zip(self.groups_, moves * favourable, strict=True))
        self.deprived_ = tuple(group for group, move in toward if move > 0)
        self.favoured_ = tuple(group for group, move in toward if move < 0)
        return moves

    def _report(self, utility, margin, cells, data):
        codes, label, plain = cells
        after = (margin + self._middle > self._thresholds(codes)).astype(np.intp)
        return report_by_group(
            utility_name(self.objective),
            utility[label, plain],
            utility[label, after],
            codes,
            data.groups.labels,
            data.groups.names,
            data.weight,
        )

    def _warn_about(self):
        if self.violation_ > self.tolerance + 1e-6:
            limits = " that harms no group" if self.no_harm else ""
            warn(
                f"no critical region{limits} has a violation of {self.tolerance:g}; "
                f"the smallest is {self.violation_:.4g}.",
                FairnessWarning,
                stacklevel=3,
            )
        if not self.no_harm:
            warn_harmed(self.group_report_, stacklevel=4)


def _named_groups(deprived, groups):
    """Group labels that the user named, one or several."""
    single = not isinstance(deprived, (list, tuple, set)) or deprived in groups
    named = [deprived] if single else list(deprived)
    if strange := [label for label in named if label not in groups]:
        raise ValueError(
            f"deprived names {strange[0]!r}, which is not a group; the groups are "
            f"{list(groups)}."
        )
    return named
