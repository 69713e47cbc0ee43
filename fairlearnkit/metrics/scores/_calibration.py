"""Calibration of predicted probabilities: do they mean what they say?"""

from warnings import warn

import numpy as np

from fairlearnkit._columns import as_column
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics.scores._calibration_readers import (
    expected_error_reader,
    intercept_reader,
    mean_error_reader,
    slope_reader,
)


def mean_calibration_error(y_true, y_prob, *, sample_weight=None, pos_label=None):
    """Observed minus predicted share of positives (O - E).

    The coarsest sense of calibration, "in the large": it is 0 where as many people are
    positive as the probabilities add up to, positive where too little was predicted,
    negative where too much. It says nothing about whether high predictions are too high
    and low ones too low at once; :func:`calibration_slope` does.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two classes.
    y_prob : array-like of shape (n_samples,)
        Predicted probabilities of the positive class, in [0, 1].
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    pos_label : int, float, bool or str, default=None
        The positive class; by default 1 if labels are in {0, 1} or {-1, 1}.

    Returns
    -------
    error : float
        In [-1, 1].

    Raises
    ------
    ValueError
        If the labels leave open which is positive, or a probability is missing or
        outside of [0, 1].

    See Also
    --------
    calibration_intercept : The same on the scale of log odds.
    mean_error : The same of predicted numbers, with the opposite sign.

    Notes
    -----
    .. math:: \\frac{\\sum_i w_i (y_i - p_i)}{\\sum_i w_i}

    By group (:class:`MetricFrame`, :func:`disparity`) it gets Student's interval. Of
    nominal 95 % intervals .93-.96 hold the truth in groups of 20 to 1000 people, 30 %
    of them positive, but .87 in groups of 20 with overconfident predictions of an AUC
    of .97 (``python -m benchmarks coverage_scores``).

    References
    ----------
    Van Calster, McLernon, van Smeden, Wynants, Steyerberg, "Calibration: the Achilles
    heel of predictive analytics", BMC Medicine 17, 2019.
    :doi:`10.1186/s12916-019-1466-7`

    Examples
    --------
    >>> from fairlearnkit.metrics import mean_calibration_error
    >>> print(f"{mean_calibration_error([0, 1, 1, 1], [0.2, 0.4, 0.6, 0.8]):.2f}")
    0.25
    """
    return _alone(mean_error_reader(pos_label), y_true, y_prob, sample_weight)


def calibration_intercept(y_true, y_prob, *, sample_weight=None, pos_label=None):
    """Shift of the log odds that makes predictions right on average.

    The intercept of a logistic regression of the labels on the predicted log odds with
    the slope fixed at 1: "calibration in the large". 0 is calibrated; positive where
    too little was predicted, negative where too much. It is not the intercept that is
    fitted together with :func:`calibration_slope`, which has no such meaning.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two classes.
    y_prob : array-like of shape (n_samples,)
        Predicted probabilities of the positive class, strictly between 0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    pos_label : int, float, bool or str, default=None
        The positive class; by default 1 if labels are in {0, 1} or {-1, 1}.

    Returns
    -------
    intercept : float
        In log odds; NaN, with a warning, if there is one label only, where the
        likelihood rises without end.

    Raises
    ------
    ValueError
        If the labels leave open which is positive, or a probability is missing, or is
        not strictly between 0 and 1: the log odds of 0 and 1 are infinite.

    Warns
    -----
    FairnessWarning
        If it is undefined.

    See Also
    --------
    mean_calibration_error : The same as a difference of shares.
    positive_predictive_value : Calibration of decisions, whose equality between groups
        is predictive parity; calibration within groups asks it of every score.

    Notes
    -----
    The a that solves

    .. math:: \\sum_i w_i \\, (y_i - q_i) = 0, \\quad
              q_i = \\operatorname{expit}(a + \\operatorname{logit} p_i)

    By group (:class:`MetricFrame`, :func:`disparity`) it gets Student's interval with a
    sandwich standard error corrected for leverage (HC3), which holds whatever the true
    slope. Of nominal 95 % intervals .92-.97 hold the truth in groups of 50 people, 30 %
    of them positive, .93-.96 in groups of 200 and more, and .94-.98 in groups of 20,
    but .88 there for overconfident predictions of an AUC of .97 (``python -m benchmarks
    coverage_scores``).

    References
    ----------
    Cox, "Two further applications of a model for binary regression", Biometrika 45,
    1958. :doi:`10.1093/biomet/45.3-4.562`

    MacKinnon, White, "Some heteroskedasticity-consistent covariance matrix estimators
    with improved finite sample properties", Journal of Econometrics 29, 1985.
    :doi:`10.1016/0304-4076(85)90158-7`

    Examples
    --------
    >>> from fairlearnkit.metrics import calibration_intercept
    >>> print(f"{calibration_intercept([0, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]):.3f}")
    1.099
    """
    reader = intercept_reader(pos_label)
    return _alone(reader, y_true, y_prob, sample_weight, "there is one label only")


def calibration_slope(y_true, y_prob, *, sample_weight=None, pos_label=None):
    """How much the log odds of the labels rise with the predicted log odds.

    The slope of a logistic regression of the labels on the predicted log odds. 1 is
    calibrated; below 1 predictions are too extreme, as those of an overfitted model
    are, above 1 too timid. It does not see predictions that are too high or too low for
    everybody; :func:`calibration_intercept` does.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two classes.
    y_prob : array-like of shape (n_samples,)
        Predicted probabilities of the positive class, strictly between 0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    pos_label : int, float, bool or str, default=None
        The positive class; by default 1 if labels are in {0, 1} or {-1, 1}.

    Returns
    -------
    slope : float
        NaN, with a warning, if there is one label only, if predictions are all the
        same, or if all positives score at least as high as all negatives (or the
        reverse): the likelihood then rises with the slope without end.

    Raises
    ------
    ValueError
        If the labels leave open which is positive, or a probability is missing, or is
        not strictly between 0 and 1: the log odds of 0 and 1 are infinite.

    Warns
    -----
    FairnessWarning
        If it is undefined.

    Notes
    -----
    The b that maximises, together with an intercept a,

    .. math:: \\sum_i w_i \\big[ y_i \\log q_i + (1 - y_i) \\log (1 - q_i) \\big],
              \\quad q_i = \\operatorname{expit}(a + b \\operatorname{logit} p_i)

    By group (:class:`MetricFrame`, :func:`disparity`) it gets Student's interval with a
    sandwich standard error corrected for leverage (HC2). Of nominal 95 % intervals
    .94-.97 hold the truth in groups of 20 to 1000 people, 30 % of them positive
    (``python -m benchmarks coverage_scores``). But of the groups of 20, 10 % have no
    slope at an AUC of .9 and 38 % at one of .97, since their scores separate the
    labels, and the slopes that exist lie too high by .1 to .2 in the median.

    References
    ----------
    Cox, "Two further applications of a model for binary regression", Biometrika 45,
    1958. :doi:`10.1093/biomet/45.3-4.562`

    MacKinnon, White, "Some heteroskedasticity-consistent covariance matrix estimators
    with improved finite sample properties", Journal of Econometrics 29, 1985.
    :doi:`10.1016/0304-4076(85)90158-7`

    Examples
    --------
    >>> from fairlearnkit.metrics import calibration_slope
    >>> y_prob = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9]
    >>> print(f"{calibration_slope([0, 0, 0, 1, 0, 1, 1, 1], y_prob):.2f}")
    0.50
    """
    reader = slope_reader(pos_label)
    reason = "there is one label only, or one score only, or scores separate labels"
    return _alone(reader, y_true, y_prob, sample_weight, reason)


def expected_calibration_error(
    y_true,
    y_prob,
    *,
    n_bins=10,
    strategy="quantile",
    debias=False,
    sample_weight=None,
    pos_label=None,
):
    """Mean distance of predicted probabilities from observed shares, in bins (ECE).

    It sees any departure from calibration that shows between bins. It is biased
    upwards, the more so the fewer people there are in a bin: a perfectly calibrated
    group of 20 people shows an error of .26 on average in 10 bins, of 50 people .16, of
    200 people .08, of 1000 people .03 (predictions of an AUC of .7, 30 % positive). A
    small group thus looks worse than a large one that is no better; :func:`disparity`
    allows for that with ``method="inversion"``, the bare difference does not.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two classes.
    y_prob : array-like of shape (n_samples,)
        Predicted probabilities of the positive class, in [0, 1].
    n_bins : int, default=10
    strategy : {"quantile", "uniform"}, default="quantile"
        Bins of about as many people each, or of equal width; a prediction that is equal
        to an edge lies below it.
    debias : bool, default=False
        Whether to subtract the estimated bias. What is left of it in the cases above is
        .19, .10, .05 and .02; where the true error is .17, it is .05, .00, -.01 and 0.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    pos_label : int, float, bool or str, default=None
        The positive class; by default 1 if labels are in {0, 1} or {-1, 1}.

    Returns
    -------
    error : float
        In [0, 1].

    Raises
    ------
    ValueError
        If the labels leave open which is positive, a probability is missing or outside
        of [0, 1], or an option is unknown.

    See Also
    --------
    calibration_slope, calibration_intercept : Which way predictions are off.
    sklearn.metrics.brier_score_loss : Calibration and sharpness in one, unbiased.

    Notes
    -----
    With the share :math:`w_b` of people, the observed share :math:`o_b` of positives
    and the mean prediction :math:`e_b` of each bin,

    .. math:: \\sum_b w_b \\, |o_b - e_b|

    The debiased error subtracts what normal noise about the observed deviations would
    add to their absolute values (Kumar et al.), and is at least 0.

    By group (:class:`MetricFrame`, :func:`disparity`) it gets an interval of the error
    of this group's population in these bins, without the bias: its lower end is 0 where
    the group may be calibrated, and small groups' intervals may lie wholly below the
    value itself (:class:`CalibrationErrors`). Of nominal 95 % intervals .94-.98 hold
    the truth in groups of 20 to 1000 people, 30 % of them positive (``python -m
    benchmarks coverage_scores``); .92-1 where predictions are too timid (a calibration
    slope of 1.5).

    References
    ----------
    Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
    binning", AAAI 2015. :doi:`10.1609/aaai.v29i1.9602`

    Kumar, Liang, Ma, "Verified uncertainty calibration", NeurIPS 2019.
    https://arxiv.org/abs/1909.10155

    Roelofs, Cain, Shlens, Mozer, "Mitigating bias in calibration error estimation",
    AISTATS 2022. https://arxiv.org/abs/2012.08668

    Examples
    --------
    >>> from fairlearnkit.metrics import expected_calibration_error
    >>> error = expected_calibration_error(
    ...     [0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8], n_bins=2
    ... )
    >>> print(f"{error:.2f}")
    0.20
    """
    reader = expected_error_reader(n_bins, strategy, debias, pos_label)
    return _alone(reader, y_true, y_prob, sample_weight)


def _alone(reader, y_true, y_prob, sample_weight, reason="there is nobody to judge"):
    """Read one number of everybody; warn with a reason if it is undefined."""
    n_rows = len(as_column(y_true, "y_true"))
    if len(as_column(y_prob, "y_prob")) != n_rows:
        raise ValueError(f"y_true has {n_rows} rows but y_prob has {len(y_prob)}.")
    everybody = np.zeros(n_rows, dtype=np.intp)
    people = People(y_true, y_prob, everybody, sample_weight)
    people.check_row_order()
    found = reader.read(reader.table(people))
    value = float(found.values[0])
    if np.isnan(value):
        warn(f"{found.name} is undefined: {reason}.", FairnessWarning, stacklevel=3)
    return value
