"""Fairness as scikit-learn's `scoring`: groups read from X, or routed as metadata."""

import numpy as np

from fairlearnkit._sklearn import call_method, response_method_of
from fairlearnkit.model_selection._entrance import GroupScorer, read_groups
from fairlearnkit.model_selection._measures import as_measure

_RESPONSES = ("predict", "predict_proba", "decision_function", "auto")


def fairness_scorer(
    metric,
    *,
    sensitive_features=None,
    response_method="predict",
    greater_is_better=None,
    handle_missing="error",
    **kwargs,
):
    """Make a scorer of fairness, for wherever scikit-learn takes `scoring`.

    It measures how differently groups fare under a model's predictions: a gap between
    groups, and nothing about how good the predictions are. A model that decides the
    same for everybody scores best, so use it beside a score of performance: in a
    search with several scorers, through :class:`ConstrainedRefit`, or as one number
    through :func:`constrained_scorer`.

    scikit-learn's ``make_scorer`` cannot do this. It hands the metric labels and
    predictions but not X, where the groups are, and it calls ``predict(X)`` alone, so
    that post-processors that need the groups fail.

    Parameters
    ----------
    metric : str, Constraint, Rate or callable
        What is measured: the name of a function of :mod:`fairlearnkit.metrics` that
        takes `sensitive_features`; else an alias of a constraint, a constraint or a
        rate, for its violation; or a callable ``metric(y_true, y_pred, *,
        sensitive_features, **kwargs)``, with `sample_weight` too if it takes weights,
        that returns a number. So ``"demographic_parity_ratio"`` is the metric, 1 at
        parity, and ``DemographicParity(compare="ratio")`` the violation, 0 at parity.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups, or a callable on X that returns such names
        or values. None: they come as metadata, which the scorer requests by itself.
    response_method : {"predict", "predict_proba", "decision_function", "auto"}, \
            default="predict"
        Which predictions the metric is given; "auto" is the first of the two scores
        that the model has. Of two classes, the score of the positive one.
    greater_is_better : bool, default=None
        Whether greater values of the metric are better. By default False for
        constraints and for metrics of this package called ``*_difference`` or
        ``*_group_max``, True for those called ``*_ratio`` or ``*_group_min``; for
        anything else it must be given. Where it is False the score is the negated
        metric, as in scikit-learn.
    handle_missing : {"error", "group"}, default="error"
        Whether missing sensitive values are an error or a group of their own.
    **kwargs : dict
        Further arguments of the metric, such as ``pos_label="yes"``. A constraint
        takes `pos_label` only.

    Returns
    -------
    scorer : FairnessScorer
        Callable as ``scorer(estimator, X, y, *, sample_weight=None,
        sensitive_features=None)``; values given there win over the columns of X.

    Raises
    ------
    ValueError
        If the metric is unknown, if it is unknown which way it is better, or if it
        takes scores but `response_method` is "predict". When called: if groups are
        neither named nor given, or missing.

    Warns
    -----
    FairnessWarning
        If the score is nan, see Notes.

    See Also
    --------
    constrained_scorer : Performance and fairness in one number.
    ConstrainedRefit : The best candidate of a search within a tolerance.
    SensitiveStratifiedKFold : Folds that hold every group.

    Notes
    -----
    **A fold without some group.** The score is nan if fewer than two groups have
    anybody (with a weight above 0) in the fold, or if a rate that the metric compares
    has nobody behind it in a group of the fold, as the true positive rate in a group
    without positives. A gap over the remaining groups would not be comparable with
    that of other folds. For callables and metrics that are no constraint's, only the
    number of groups is checked; their own policy holds for the rest. A scorer sees one
    fold, so it cannot know of a group that is absent from the fold altogether:
    :class:`SensitiveStratifiedKFold` prevents that. A group that was absent from the
    training fold is for the model to refuse or to accept.

    **Metadata routing.** Off, a scorer must name the column; scikit-learn hands it
    nothing else. On, a scorer that names none requests `sensitive_features`
    (``cross_validate(..., params={"sensitive_features": values})``). Weights follow
    scikit-learn's rules: ``set_score_request(sample_weight=True)``.

    **Where it cannot see X.** ``TunedThresholdClassifierCV`` gives a scorer labels and
    predictions alone, so there the groups must be routed as metadata; a column name is
    refused with an error. ``SequentialFeatureSelector``, ``RFECV`` and
    ``LogisticRegressionCV`` convert X to an array, so there use an index or metadata,
    and a selector may drop the sensitive column. ``permutation_importance`` permutes
    the sensitive column too: for that column, the change of score tells what
    exchanging the group labels does to the measurement, not only to the model.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from fairlearnkit.model_selection import fairness_scorer
    >>> X, y = [[0, 0], [1, 0], [0, 1], [1, 1]] * 10, [0, 1, 0, 0] * 10
    >>> gap = fairness_scorer("demographic_parity_difference", sensitive_features=1)
    >>> gap
    fairness_scorer('demographic_parity_difference', sensitive_features=1)
    >>> scoring = {"accuracy": "accuracy", "gap": gap}
    >>> found = cross_validate(LogisticRegression(), X, y, scoring=scoring)
    >>> print(found["test_accuracy"], found["test_gap"])
    [1. 1. 1. 1. 1.] [-0.5 -0.5 -0.5 -0.5 -0.5]
    """
    if response_method not in _RESPONSES:
        raise ValueError(
            f"response_method must be one of {list(_RESPONSES)}, got "
            f"{response_method!r}."
        )
    measure = as_measure(metric, greater_is_better, kwargs)
    if measure.takes_scores and response_method == "predict":
        raise ValueError(
            f"{measure.name} is a metric of scores, not of labels; choose "
            "response_method='predict_proba', 'decision_function' or 'auto'."
        )
    if measure.constraint is not None and response_method != "predict":
        raise ValueError(
            f"{measure.name} is a metric of labels; it needs response_method='predict'."
        )
    written = getattr(metric, "__name__", repr(metric))
    shown = {
        "sensitive_features": sensitive_features,
        "response_method": None if response_method == "predict" else response_method,
        "greater_is_better": greater_is_better,
        "handle_missing": None if handle_missing == "error" else handle_missing,
        **kwargs,
    }
    return FairnessScorer(
        measure, sensitive_features, response_method, handle_missing, (written, shown)
    )


class FairnessScorer(GroupScorer):
    """What :func:`fairness_scorer` makes.

    Parameters
    ----------
    measure : Measure
    sensitive_features : str, int, list of these, callable or None
    response_method : str
    handle_missing : {"error", "group"}
    shown : tuple of str and dict
        The metric and further arguments, for the representation; None is not shown.
    """

    def __init__(
        self, measure, sensitive_features, response_method, handle_missing, shown
    ):
        self.measure = measure
        self.response_method = response_method
        self.handle_missing = handle_missing
        self._shown = shown
        super().__init__(sensitive_features)

    def __repr__(self):
        metric, options = self._shown
        given = [f"{k}={v!r}" for k, v in options.items() if v is not None]
        return f"fairness_scorer({', '.join([metric, *given])})"

    def __call__(
        self, estimator, X, y_true, *, sample_weight=None, sensitive_features=None
    ):
        """Score a fitted model.

        Parameters
        ----------
        estimator : object
            A fitted classifier.
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y_true : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        sensitive_features : array-like, Series, data frame or dict, default=None
            The groups; they win over the columns of X.

        Returns
        -------
        score : float
        """
        groups = self.groups(X, sensitive_features)
        values = groups.values() if sensitive_features is None else sensitive_features
        value = self.measure.of(
            y_true,
            self._response(estimator, X, values),
            groups,
            sample_weight,
            getattr(estimator, "classes_", None),
        )
        return self._sign * value

    def groups(self, X, sensitive_features=None):
        """Groups of the rows of X.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series, data frame or dict, default=None

        Returns
        -------
        groups : Groups
        """
        return read_groups(
            X,
            self.sensitive_features,
            sensitive_features,
            self.handle_missing,
            "fairness_scorer",
        )

    def routed_groups(self, y_true, sensitive_features):
        """Groups where X is hidden, so that only metadata can give them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
        sensitive_features : array-like, Series, data frame, dict or None

        Returns
        -------
        groups : Groups
        """
        if sensitive_features is None:
            raise ValueError(
                "TunedThresholdClassifierCV shows a scorer no X, so the groups cannot "
                "be read from a column of it: leave sensitive_features out of the "
                "scorer, switch metadata routing on, and pass "
                "fit(..., sensitive_features=values); or use ThresholdOptimizer."
            )
        return self.groups(y_true, sensitive_features)

    def _response(self, estimator, X, values):
        method = response_method_of(estimator, self.response_method)
        if method is None:
            raise ValueError(
                f"{type(estimator).__name__} has no response method "
                f"{self.response_method!r}, which {self!r} needs."
            )
        response = np.asarray(call_method(estimator, method, X, values))
        classes = getattr(estimator, "classes_", ())
        if method == "predict" or len(classes) != 2:
            return response
        negative = self.measure.pos_label == classes[0]
        if method == "predict_proba":
            return response[:, 0 if negative else 1]
        return -response if negative else response

    # What scikit-learn asks of a scorer beyond calling it.

    def _accept_sample_weight(self):
        return self.measure.takes_weight

    @property
    def _sign(self):
        return 1 if self.measure.greater_is_better else -1

    @property
    def _kwargs(self):
        return {"pos_label": self.measure.pos_label}

    def _score_func(
        self,
        y_true,
        y_pred,
        *,
        sensitive_features=None,
        sample_weight=None,
        pos_label=None,
    ):
        """Measure labels alone, as TunedThresholdClassifierCV does, which hides X."""
        groups = self.routed_groups(y_true, sensitive_features)
        value = self.measure.of(y_true, y_pred, groups, sample_weight)
        if np.isnan(value):
            raise ValueError(
                f"{self!r} is undefined for one of the folds, and "
                "TunedThresholdClassifierCV would take that for the best threshold; "
                "use cv=SensitiveStratifiedKFold()."
            )
        return value
