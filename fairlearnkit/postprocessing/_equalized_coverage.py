"""Prediction intervals that hold the truth equally often in every group."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_consistent_length

from fairlearnkit._columns import as_numbers
from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import fit_context, take_rows
from fairlearnkit.postprocessing._coverage import CoverageMixin
from fairlearnkit.postprocessing._out_of_fold import predictions


class EqualizedCoverageRegressor(
    CoverageMixin, MitigatorMixin, RegressorMixin, BaseEstimator
):
    """Give every group prediction intervals that hold the truth equally often.

    The intervals hold the truth of a new person with a probability of at least
    `confidence_level`, whatever her group, whatever the model and the data: all that is
    assumed is that she is drawn as the people of her group were. One interval for all
    has that probability on average only, and misses more often in a group that the
    model knows badly. What it costs: intervals are as wide as a group needs, so that
    they tell those who are treated as less predictable apart. It says nothing of
    people within a group, and it changes no prediction.

    The guarantee is that of split conformal prediction. Models are fitted on a part of
    the rows, and the errors on the rest, group by group, say how wide an interval must
    be. The prediction itself comes from a model of all rows.

    Parameters
    ----------
    estimator : regressor
        Gives the predictions, and the intervals unless `quantile_estimators` do. Also a
        Pipeline or a search. It is cloned and refitted; wrap a fitted model in
        :class:`~sklearn.frozen.FrozenEstimator` to keep it as it is, and fit on rows
        that it has not seen, all of which then calibrate.
    confidence_level : float in (0, 1), default=0.9
        Probability with which an interval must hold the truth.
    quantile_estimators : tuple of two regressors, default=None
        Models of a lower and an upper quantile of y, such as those at 0.05 and 0.95.
        Intervals then are theirs, moved outwards or inwards by one number a group
        (conformalised quantile regression), and so can be of different widths within a
        group. If None, they reach equally far to both sides of the prediction.
    calibration_size : float in (0, 1), default=0.3
        Share of each group's rows that are held out of the fit to calibrate. Ignored
        if all models are frozen.
    small_groups : {"infinite", "pooled"}, default="infinite"
        What a group with too few rows to calibrate gets, fewer than 9 at a confidence
        of 0.9: intervals from minus to plus infinity, which keep the guarantee, or
        those of all groups together, which do not. Either way a warning names it.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        `predict_interval`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the models.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group that was not seen in `fit` is an error in `predict_interval`,
        or gets the intervals of all groups together.

    Attributes
    ----------
    estimator_ : regressor
        Fitted on all rows; gives the predictions.
    interval_estimators_ : tuple of regressors
        Fitted on the rows that do not calibrate: one, or the lower and the upper.
    offsets_ : dict
        For each group label, how far intervals reach beyond the models, in units of y;
        infinite where a group is too small.
    pooled_offset_ : float
        The same of all groups together.
    n_calibration_ : dict
        For each group label, how many rows calibrate.
    group_report_ : GroupReport
        Coverage of the calibrating rows, by one offset for all (`before`) and by that
        of the group (`after`).
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    EqualizedCoverageClassifier : Sets of labels instead of intervals.

    Notes
    -----
    A row that calibrates scores :math:`E = |y - f(x)|`, or
    :math:`E = \\max(q_{lo}(x) - y, y - q_{hi}(x))` with quantile models. The offset of
    a group with n such rows is the k-th smallest score, :math:`k = \\lceil (n + 1)
    (1 - \\alpha) \\rceil`, where :math:`1 - \\alpha` is the confidence level. A new
    person of the group is covered with a probability between :math:`1 - \\alpha` and
    :math:`1 - \\alpha + 1/(n + 1)`, over the draw of all rows. Given the rows, the
    coverage follows a Beta(k, n + 1 - k) law: with 100 rows at 0.9, between 0.85 and
    0.94 in nine of ten samples.

    Intervals of one model are widened, where needed, to hold the prediction of the
    model of all rows, which cannot harm the guarantee.

    With `sample_weight` the offset is the weighted quantile, and n its effective
    number of rows. That estimates the coverage in the weighted population, but it is
    not guaranteed for small n.

    References
    ----------
    Romano, Barber, Sabatti, Candès, "With malice toward none: assessing uncertainty via
    equalized coverage", Harvard Data Science Review 2(2), 2020.
    :doi:`10.1162/99608f92.03f00592`

    Romano, Patterson, Candès, "Conformalized quantile regression", NeurIPS 2019.
    :doi:`10.48550/arXiv.1905.03222`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from fairlearnkit.postprocessing import EqualizedCoverageRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = rng.choice(["many", "few"], 4000, p=[0.9, 0.1])
    >>> noise = np.where(group == "few", 3, 1) * rng.normal(size=4000)
    >>> X = rng.normal(size=(4000, 1))
    >>> model = EqualizedCoverageRegressor(LinearRegression())
    >>> model.fit(X, X[:, 0] + noise, sensitive_features=group)
    EqualizedCoverageRegressor(estimator=LinearRegression())
    >>> model.group_report_.to_frame()[["before", "after"]].round(2)
                        before  after
    sensitive_features
    few                   0.50   0.91
    many                  0.94   0.90
    """

    _parameter_constraints: dict = {
        **CoverageMixin._parameter_constraints,
        "quantile_estimators": [tuple, list, None],
    }

    def __init__(
        self,
        estimator,
        *,
        confidence_level=0.9,
        quantile_estimators=None,
        calibration_size=0.3,
        small_groups="infinite",
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
        handle_unknown="error",
    ):
        self.estimator = estimator
        self.confidence_level = confidence_level
        self.quantile_estimators = quantile_estimators
        self.calibration_size = calibration_size
        self.small_groups = small_groups
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the models, and calibrate the intervals of each group.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the fits, and of the errors that calibrate.
        **fit_params : dict
            Passed on to the `fit` of every model.

        Returns
        -------
        self : EqualizedCoverageRegressor

        Raises
        ------
        ValueError
            If there are no groups, `quantile_estimators` are not two, or nobody is left
            to fit on.

        Warns
        -----
        FairnessWarning
            If a group has too few rows to calibrate.
        """
        models = [self.estimator]
        if self.quantile_estimators is not None:
            models = list(self.quantile_estimators)
            if len(models) != 2:
                raise ValueError(
                    "quantile_estimators must be two regressors, of a lower and an "
                    f"upper quantile; got {len(models)}."
                )
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        fitted, rows = self._fit_split(models, data, sensitive_features, fit_params)
        self.interval_estimators_ = tuple(fitted)
        self.estimator_ = self._fit_model(
            self.estimator, data, None, sensitive_features, fit_params
        )
        scores = np.empty(0)
        if len(rows):
            features = self._features(take_rows(data.X, rows))
            low, high = self._ends(features, take_rows(sensitive_features, rows))
            scores = np.maximum(low - data.y[rows], data.y[rows] - high)
        self._calibrate(scores, rows, data)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict by the model of all rows.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            For nested mitigators only.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
        """
        X = self._enter(X)
        return predictions(self.estimator_, self._features(X), sensitive_features)

    def predict_interval(self, X, *, sensitive_features=None):
        """Interval that holds the truth with a probability of `confidence_level`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column.

        Returns
        -------
        interval : ndarray of shape (n_samples, 2)
            Lower and upper end, in units of y; they belong to the interval.

        Raises
        ------
        ValueError
            If the groups are not given, or one was not seen in `fit` under
            ``handle_unknown="error"``.
        """
        X = self._enter(X)
        offset = self._offsets(X, sensitive_features)
        low, high = self._ends(self._features(X), sensitive_features)
        low, high = low - offset, high + offset
        if len(self.interval_estimators_) == 1:
            point = self.predict(X, sensitive_features=sensitive_features)
            low, high = np.minimum(low, point), np.maximum(high, point)
        crossed = low > high  # quantile models moved inwards past each other
        low[crossed] = high[crossed] = (low[crossed] + high[crossed]) / 2
        return np.column_stack([low, high])

    def coverage_report(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Measure how often intervals hold the truth of other people, and their width.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows that `fit` has not seen.
        y : array-like of shape (n_samples,)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        report : CoverageReport
            With `coverage` and `size`, the mean width, of each group, and `to_frame()`.
        """
        X, y = self._enter(X), as_numbers(y, "y")
        interval = self.predict_interval(X, sensitive_features=sensitive_features)
        check_consistent_length(X, y)
        low, high = interval.T
        inside = (low <= y) & (y <= high)
        return self._report(X, inside, high - low, sensitive_features, sample_weight)

    def _ends(self, features, sensitive_features):
        """What the models say of the lower and of the upper end, before the offset."""
        found = [
            predictions(model, features, sensitive_features)
            for model in self.interval_estimators_
        ]
        return found[0], found[-1]
