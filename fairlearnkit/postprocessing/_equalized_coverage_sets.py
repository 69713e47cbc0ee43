"""Sets of labels that hold the truth equally often in every group."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, column_or_1d

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import (
    HasMethods,
    StrOptions,
    estimator_has,
    fit_context,
    take_rows,
)
from fairlearnkit._solvers.conformal import adaptive_scores, least_ambiguous_scores
from fairlearnkit.postprocessing._coverage import ROUNDING, CoverageMixin
from fairlearnkit.postprocessing._out_of_fold import (
    check_frozen_classes,
    predictions,
    probabilities_answer,
)


class EqualizedCoverageClassifier(
    CoverageMixin, MitigatorMixin, ClassifierMixin, BaseEstimator
):
    """Give every group sets of labels that hold the truth equally often.

    Where the model is sure a set is one label; where it is not, the set says so by
    holding several. It holds the true label of a new person with a probability of at
    least `confidence_level`, whatever her group, whatever the model and the data: all
    that is assumed is that she is drawn as the people of her group were. One rule for
    all has that probability on average only, and misses more often in a group that the
    model knows badly. What it costs: such a group gets larger sets, which may cost its
    people a decision. It says nothing of people within a group or of each label, and
    it changes no prediction.

    Parameters
    ----------
    estimator : classifier
        Of two or more classes, with `predict_proba`; also a Pipeline or a search. It is
        cloned and refitted; wrap a fitted model in
        :class:`~sklearn.frozen.FrozenEstimator` to keep it as it is, and fit on rows
        that it has not seen, all of which then calibrate.
    confidence_level : float in (0, 1), default=0.9
        Probability with which a set must hold the true label.
    conformity_score : {"lac", "aps"}, default="lac"
        How strange a label is: "lac" is 1 less its probability, and gives the smallest
        sets on average if probabilities are right; "aps" is its probability and that of
        all likelier labels, and gives sets that grow with how hard a person is to
        classify.
    randomized : bool, default=False
        Whether "aps" counts a random part, drawn by a salted hash of the row, of the
        label's own probability. Without it sets are larger than they need be, of all
        labels where a tenth of people have the label that was thought least likely;
        with it two people with equal probabilities can get different sets.
    calibration_size : float in (0, 1), default=0.3
        Share of each group's rows that are held out of the fit to calibrate. Ignored
        for a frozen estimator.
    small_groups : {"infinite", "pooled"}, default="infinite"
        What a group with too few rows to calibrate gets, fewer than 9 at a confidence
        of 0.9: sets of all labels, which keep the guarantee, or the rule of all groups
        together, which does not. Either way a warning names it.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        `predict_set`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group that was not seen in `fit` is an error in `predict_set`, or
        gets the rule of all groups together.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash. The default makes equal fits give equal sets.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows; gives the predictions.
    set_estimator_ : classifier
        Fitted on the rows that do not calibrate; gives the sets.
    offsets_ : dict
        For each group label, the score up to which labels are in the set; infinite
        where a group is too small.
    pooled_offset_ : float
        The same of all groups together.
    n_calibration_ : dict
        For each group label, how many rows calibrate.
    group_report_ : GroupReport
        Coverage of the calibrating rows, by one offset for all (`before`) and by that
        of the group (`after`).
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
    EqualizedCoverageRegressor : Intervals instead of sets.

    Notes
    -----
    With :math:`\\hat p` the probabilities of `set_estimator_`, a row that calibrates
    scores its true label y by :math:`1 - \\hat p_y(x)` (lac) or by
    :math:`\\sum_{c : \\hat p_c(x) \\ge \\hat p_y(x)} \\hat p_c(x)` (aps; if
    randomised, less :math:`(1 - u(x)) \\hat p_y(x)`, u(x) uniform). The offset of
    a group with n such rows is the k-th smallest score,
    :math:`k = \\lceil (n + 1)(1 - \\alpha) \\rceil`, where :math:`1 - \\alpha` is the
    confidence level; a set holds all labels that score no more. The label that
    `predict` gives is always added, so that no set is empty, which cannot harm the
    guarantee.

    With `sample_weight` the offset is the weighted quantile, and n its effective
    number of rows. That estimates the coverage in the weighted population, but it is
    not guaranteed for small n.

    References
    ----------
    Romano, Barber, Sabatti, Candès, "With malice toward none: assessing uncertainty via
    equalized coverage", Harvard Data Science Review 2(2), 2020.
    :doi:`10.1162/99608f92.03f00592`

    Romano, Sesia, Candès, "Classification with valid and adaptive coverage", NeurIPS
    2020. :doi:`10.48550/arXiv.2006.02544`

    Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with bounded error
    levels", Journal of the American Statistical Association 114 (2019).
    :doi:`10.1080/01621459.2017.1395341`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.postprocessing import EqualizedCoverageClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.choice(["many", "few"], 4000, p=[0.9, 0.1])
    >>> noise = np.where(group == "few", 3, 0.5) * rng.normal(size=4000)
    >>> X = rng.normal(size=(4000, 1))
    >>> y = X[:, 0] + noise > 0
    >>> model = EqualizedCoverageClassifier(LogisticRegression())
    >>> _ = model.fit(X, y, sensitive_features=group)
    >>> model.group_report_.to_frame()[["before", "after"]].round(2)
                        before  after
    sensitive_features
    few                   0.70   0.91
    many                  0.92   0.90
    >>> model.predict_set([[0.5], [0.5]], sensitive_features=["few", "many"])
    array([[ True,  True],
           [False,  True]])
    """

    _parameter_constraints: dict = {
        **CoverageMixin._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict", "predict_proba"])],
        "conformity_score": [StrOptions({"aps", "lac"})],
        "randomized": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        confidence_level=0.9,
        conformity_score="lac",
        randomized=False,
        calibration_size=0.3,
        small_groups="infinite",
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
        handle_unknown="error",
        random_state=0,
    ):
        self.estimator = estimator
        self.confidence_level = confidence_level
        self.conformity_score = conformity_score
        self.randomized = randomized
        self.calibration_size = calibration_size
        self.small_groups = small_groups
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the models, and calibrate the sets of each group.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the fits, and of the scores that calibrate.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : EqualizedCoverageClassifier

        Raises
        ------
        ValueError
            If there are no groups, a frozen estimator knows other labels, or nobody is
            left to fit on.

        Warns
        -----
        FairnessWarning
            If a group has too few rows to calibrate.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        (self.set_estimator_,), rows = self._fit_split(
            [self.estimator], data, sensitive_features, fit_params
        )
        self.estimator_ = self._fit_model(
            self.estimator, data, None, sensitive_features, fit_params
        )
        self.classes_ = data.classes
        check_frozen_classes(self.estimator_, data)
        self._salt = new_salt(check_random_state(self.random_state))
        scores = np.empty(0)
        if len(rows):
            X, values = take_rows(data.X, rows), take_rows(sensitive_features, rows)
            found = self._label_scores(X, values)
            scores = found[np.arange(len(rows)), data.y[rows]]
        self._calibrate(scores, rows, data)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict one label by the model of all rows.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            For nested mitigators only.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        X = self._enter(X)
        return predictions(self.estimator_, self._features(X), sensitive_features)

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X, *, sensitive_features=None):
        """Probabilities by the model of all rows.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        X = self._enter(X)
        answer = probabilities_answer(self.classes_)
        return answer(self.estimator_, self._features(X), sensitive_features)

    def predict_set(self, X, *, sensitive_features=None):
        """Labels that hold the truth with a probability of `confidence_level`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column.

        Returns
        -------
        sets : ndarray of bool of shape (n_samples, n_classes)
            Whether each of `classes_` is in the set of the row; at least one is.

        Raises
        ------
        ValueError
            If the groups are not given, or one was not seen in `fit` under
            ``handle_unknown="error"``.
        """
        X = self._enter(X)
        offset = self._offsets(X, sensitive_features)
        scores = self._label_scores(X, sensitive_features)
        predicted = self.predict(X, sensitive_features=sensitive_features)
        return (scores <= offset[:, None] + ROUNDING) | (
            predicted[:, None] == self.classes_
        )

    def coverage_report(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Measure how often sets hold the truth of other people, and their size.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows that `fit` has not seen.
        y : array-like of shape (n_samples,)
            Labels; one that `fit` has not seen is in no set.
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        report : CoverageReport
            With `coverage` and `size`, the mean number of labels, of each group, and
            `to_frame()`.
        """
        X, y = self._enter(X), column_or_1d(y)
        sets = self.predict_set(X, sensitive_features=sensitive_features)
        check_consistent_length(X, y)
        inside = (sets & (y[:, None] == self.classes_)).any(axis=1)
        size = sets.sum(axis=1).astype(float)
        return self._report(X, inside, size, sensitive_features, sample_weight)

    def _label_scores(self, X, sensitive_features):
        answer = probabilities_answer(self.classes_)
        found = answer(self.set_estimator_, self._features(X), sensitive_features)
        if self.conformity_score == "lac":
            return least_ambiguous_scores(found)
        part = row_uniforms(X, self._salt) if self.randomized else None
        return adaptive_scores(found, part)
