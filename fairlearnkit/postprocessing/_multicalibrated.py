"""Multicalibration (Hebert-Johnson, Kim, Reingold and Rothblum 2018)."""

from functools import partial
from numbers import Integral, Real

import numpy as np
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._sklearn import Interval, StrOptions, call_method, fit_context
from fairlearnkit._solvers.multicalibration import Cells, replay
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.postprocessing._calibration_report import (
    CalibrationReport,
    brier_report,
    quantile_edges,
)
from fairlearnkit.postprocessing._calibrators import finite_log_odds
from fairlearnkit.postprocessing._corrections import (
    Correction,
    CrossValidation,
    People,
    folds_of,
    two_columns,
    warn_few_people,
    warn_unfinished,
)
from fairlearnkit.postprocessing._group_report import warn_harmed
from fairlearnkit.postprocessing._out_of_fold import (
    fit_out_of_fold,
    probabilities_of,
)
from fairlearnkit.postprocessing._subgroups import Subgroups, own_masks


class MulticalibratedClassifier(BasePostprocessor):
    """Calibrate scores in many overlapping groups at once, by boosting.

    A score of 0.3 shall mean that 3 in 10 are positive: among all, among women, among
    black people, among black women, and in every other group of a collection, at every
    level of the score. Calibrating the groups of one column leaves those of another
    miscalibrated, and calibrating each intersection by itself needs many people in
    each. Here the cell of a group and a score bin that is furthest off, for its size,
    is corrected, again and again, until every cell of `min_cell_size` people is right
    to within `tolerance`, or until correcting more would no longer help people that
    were held out. The score is changed only where it is wrong. On Adult, where a
    logistic regression without sex, race and marriage is off by up to 0.09 (expected
    calibration error of a group by sex and race with 200 test rows), this leaves 0.036,
    and the log loss falls from 0.390 to 0.379.

    What it does not do: calibrated scores do not equalise decisions. Where base rates
    differ, no imperfect score is calibrated in each group and has equal false positive
    and false negative rates as well [2]_ [3]_; one threshold on calibrated scores gives
    the group with the higher base rate more positive decisions, right and wrong. And
    calibration within bins says nothing of how well a score tells people apart: a
    group's base rate, given to all of it, is calibrated.

    Parameters
    ----------
    estimator : classifier
        Binary classifier with `predict_proba`; also a Pipeline or a search. It is
        cloned and refitted; wrap a fitted model in
        :class:`~sklearn.frozen.FrozenEstimator` to keep it as it is, and fit on rows
        that it has not seen.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        every prediction.
    intersections : bool, default=True
        Whether all intersections of several columns are groups, beside their levels.
    subgroups : dict of str to callable, default=None
        Groups of your own: each callable gets X, with all columns, and returns a
        boolean for each row. Lambdas work, but do not pickle.
    tolerance : float in [0, 1], default=0.01
        Largest absolute difference of a cell's share of positives and its mean score
        that is let pass; the alpha of the paper.
    n_bins : int, default=10
        Bins of the score, of equal weight before any correction.
    min_cell_size : float, default=30
        Cells of fewer people are let pass. Weights count as numbers of people; bring
        survey weights to a mean of 1.
    learning_rate : float in (0, 1], default=0.2
        Share of its error by which a cell is corrected.
    max_iter : int, default=1000
        Largest number of corrections.
    early_stopping : bool, default=True
        Whether the number of corrections is the one with the lowest log loss in cross
        validation over the folds of `cv`. If False, they go on until `tolerance` is
        reached on the rows of `fit`, which may fit noise in small cells.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    cv : int, splitter, iterable of splits or None, default=5
        Folds of the out-of-fold scores and of the cross validation; an int stratifies
        by label and group. A frozen estimator's scores are its own.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether an intersection unseen in `fit` is an error at prediction, or gets the
        corrections of those groups that it does belong to.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    updates_ : tuple of Correction
        In the order in which predictions apply them: `group`, `bin`, `shift`.
    edges_ : ndarray of shape (n_bins - 1,)
        Inner edges of the score bins, as probabilities; fewer if scores are tied.
    subgroups_ : tuple of str
        Names of all groups that are calibrated, which overlap.
    groups_ : tuple
        Label of each group that the sensitive columns make when crossed.
    n_iter_ : int
        Cells looked for: the number of corrections and 1 more.
    stopped_by_ : {"tolerance", "held_out_loss", "max_iter"}
        What ended the corrections.
    multicalibration_error_ : CalibrationReport
        For each of `subgroups_`, the largest error of its cells of `min_cell_size`, on
        the rows of `fit`, `before` and `after`. NaN if it has no such cell.
    calibration_error_ : CalibrationReport
        For each of `subgroups_`, the root mean squared error of its cells, debiased, on
        held-out rows (cross validation): what to expect of new people.
    held_out_losses_ : ndarray of shape (n_rounds + 1,)
        Mean log loss on held-out rows after 0, 1, 2, ... corrections.
    group_report_ : GroupReport
        Negative Brier score of each of `groups_`, held out, before and after.
    classes_ : ndarray of shape (2,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If `max_iter` is reached first, or a group has too few people for a cell.
    LevellingDownWarning
        If the Brier score of a group gets worse on held-out rows.

    See Also
    --------
    GroupCalibratedClassifier : For groups that do not overlap; also several classes.

    Notes
    -----
    Let f be the score, c a group of the collection, v a bin of f. The scores returned
    are, on the rows of `fit` (unless stopped early), multicalibrated:

    .. math:: |E[y - f(x) \\mid x \\in c, f(x) \\in v]| \\le \\alpha

    for every cell of weight of at least :math:`\\gamma`. Among the cells beyond it, the
    one of the largest score statistic, :math:`(\\sum w (y - f))^2 / \\sum w f (1 - f)`,
    is corrected. The paper adds the mean residual to f; here the log odds get a share
    :math:`\\eta` (`learning_rate`) of the shift that brings the mean residual to 0, so
    that scores stay within (0, 1) and keep their order in the cell.
    Each correction lowers the mean log loss by at least
    :math:`2 \\eta \\gamma \\alpha^2`, which bounds their number by
    :math:`(L_0 - L) / (2 \\eta \\gamma \\alpha^2)`, with L the mean log loss before and
    after. Probabilities are first brought into [1e-6, 1 - 1e-6]. Predictions apply all
    corrections one after another. Decisions are cut at a half, so that corrections move
    people across it.

    References
    ----------
    .. [1] Hebert-Johnson, Kim, Reingold, Rothblum, "Multicalibration: calibration for
       the (computationally-identifiable) masses", ICML 2018.
       :doi:`10.48550/arXiv.1711.08513`
    .. [2] Kleinberg, Mullainathan, Raghavan, "Inherent trade-offs in the fair
       determination of risk scores", ITCS 2017. :doi:`10.4230/LIPIcs.ITCS.2017.43`
    .. [3] Chouldechova, "Fair prediction with disparate impact", Big Data 5(2), 2017.
       :doi:`10.1089/big.2016.0047`
    .. [4] Kim, Ghorbani, Zou, "Multiaccuracy: black-box post-processing for fairness in
       classification", AIES 2019. :doi:`10.1145/3306618.3314287`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.postprocessing import MulticalibratedClassifier
    >>> rng = np.random.default_rng(0)
    >>> sex, race = rng.integers(0, 2, (2, 4000))
    >>> skill = rng.normal(size=4000)
    >>> y = skill + 2 * sex * race + rng.logistic(size=4000) > 1
    >>> model = MulticalibratedClassifier(LogisticRegression())
    >>> who = {"sex": sex, "race": race}
    >>> model.fit(skill.reshape(-1, 1), y, sensitive_features=who).subgroups_[:3]
    ('everyone', 'sex=0', 'sex=1')
    >>> worst = model.calibration_error_.worst
    >>> print(round(worst["before"], 2), round(worst["after"], 2))
    0.3 0.03
    """

    _parameter_constraints: dict = {
        **BasePostprocessor._parameter_constraints,
        "intersections": ["boolean"],
        "subgroups": [dict, None],
        "tolerance": [Interval(Real, 0, 1, closed="both")],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "min_cell_size": [Interval(Real, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, 1, closed="right")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "handle_unknown": [StrOptions({"error", "pooled"})],
    }
    _parameter_constraints.pop("response_method")

    def __init__(
        self,
        estimator,
        *,
        sensitive_features=None,
        intersections=True,
        subgroups=None,
        tolerance=0.01,
        n_bins=10,
        min_cell_size=30,
        learning_rate=0.2,
        max_iter=1000,
        early_stopping=True,
        drop_sensitive=False,
        cv=5,
        handle_missing="error",
        handle_unknown="error",
        n_jobs=None,
    ):
        self.estimator = estimator
        self.sensitive_features = sensitive_features
        self.intersections = intersections
        self.subgroups = subgroups
        self.tolerance = tolerance
        self.n_bins = n_bins
        self.min_cell_size = min_cell_size
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.drop_sensitive = drop_sensitive
        self.cv = cv
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the estimator, score every row out of fold and correct the scores.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two classes.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the estimator's fit and of every cell.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : MulticalibratedClassifier

        Raises
        ------
        ValueError
            If there are no groups, more than two classes, no probabilities, or a
            subgroup that returns no booleans.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        masks = own_masks(self.subgroups, data.X)
        answer = partial(probabilities_of, data.classes)
        answers = fit_out_of_fold(self, data, sensitive_features, fit_params, answer)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self._collection = Subgroups.from_groups(
            data.groups, self.intersections, tuple(self.subgroups or ())
        )
        self.subgroups_ = self._collection.names
        scores = finite_log_odds(answers[:, 1])
        self._edges = quantile_edges(scores, self.n_bins, data.weight_or_ones)
        self.edges_ = expit(self._edges)
        patterns, members = self._collection.locate(data.groups, masks)
        people = People(scores, data.y, data.weight_or_ones, patterns)
        cells = Cells(members, self._edges)

        settings = {"tolerance": self.tolerance, "min_mass": self.min_cell_size}
        settings["learning_rate"] = self.learning_rate
        folds = folds_of(self.cv, data)
        trial = CrossValidation(people, cells, folds, settings, self.max_iter)
        self.held_out_losses_ = trial.losses
        rounds = int(trial.losses.argmin()) if self.early_stopping else self.max_iter
        boosting = people.boost(cells, settings, rounds)
        self._record(boosting, rounds)
        held_out = trial.scores(len(boosting.updates))
        tests = [test for _, test in folds]
        self._report(data, people, cells, (scores, boosting.scores, held_out), tests)
        return self

    def _record(self, boosting, rounds):
        self._updates = boosting.updates
        self.updates_ = tuple(
            Correction(self.subgroups_[u.group], u.bin, u.shift)
            for u in boosting.updates
        )
        self.n_iter_ = len(self.updates_) + 1
        if boosting.converged:
            self.stopped_by_ = "tolerance"
        elif rounds < self.max_iter:
            self.stopped_by_ = "held_out_loss"
        else:
            self.stopped_by_ = "max_iter"
            warn_unfinished(self.tolerance, self.max_iter)

    def _report(self, data, people, cells, stages, tests):
        """Errors of the scores before, after on the same rows, and after held out."""
        before, fitted, held_out = stages
        n = people.masses(cells)
        self.multicalibration_error_ = CalibrationReport(
            "largest error of a cell, on the rows of fit",
            self.subgroups_,
            n,
            *(people.largest(cells, s, self.min_cell_size) for s in (before, fitted)),
        )
        warn_few_people(self.multicalibration_error_, self.min_cell_size)
        self.calibration_error_ = CalibrationReport(
            "root mean squared calibration error, held out",
            self.subgroups_,
            n,
            *(people.error(cells, s, tests) for s in (before, held_out)),
        )
        self.group_report_ = brier_report(
            data, two_columns(before), two_columns(held_out)
        )
        warn_harmed(self.group_report_, stacklevel=4)

    def predict(self, X, *, sensitive_features=None):
        """Decide for the class whose corrected probability exceeds a half.

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
        """Multicalibrated probabilities.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        decision = self.decision_function(X, sensitive_features=sensitive_features)
        return two_columns(decision)

    def decision_function(self, X, *, sensitive_features=None):
        """Log odds of the positive class, corrected.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        groups = self._predict_groups(X, sensitive_features)
        groups.encode(self.groups_, handle_unknown=self.handle_unknown)
        features = self._features(X)
        answers = call_method(
            self.estimator_, "predict_proba", features, sensitive_features
        )
        patterns, members = self._collection.locate(
            groups, own_masks(self.subgroups, X)
        )
        scores = finite_log_odds(np.asarray(answers)[:, 1])
        return replay(scores, self._updates, patterns, Cells(members, self._edges))
