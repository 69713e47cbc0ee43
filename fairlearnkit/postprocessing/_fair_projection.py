"""Fair projection of class probabilities (Alghamdi et al. 2022)."""

from functools import partial
from warnings import warn

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import CONSTRAINT_PARAMETERS, warn_thin_rates
from fairlearnkit._sklearn import HasMethods, StrOptions, fit_context
from fairlearnkit._solvers.information_projection import ProjectionProblem, tilt
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing._base import BasePostprocessor
from fairlearnkit.postprocessing._group_model import fit_group_model
from fairlearnkit.postprocessing._group_report import report_by_group, warn_harmed
from fairlearnkit.postprocessing._out_of_fold import (
    fit_out_of_fold,
    probabilities_answer,
    probabilities_of,
)

_SHARED = BasePostprocessor._parameter_constraints


class FairProjectionClassifier(BasePostprocessor):
    """The nearest class probabilities whose group means meet a constraint.

    The model's probabilities are tilted, as little as possible in Kullback-Leibler
    divergence, until the rates of the *mean scores* differ by at most `tolerance`:
    under demographic parity the mean probability of each class is then close between
    groups. It works for any number of classes and groups and any constraint that is
    linear in the predictions, and keeps probabilities, which can be ranked or averaged.

    What it does not do: decisions take the most probable class, and their rates follow
    the mean scores only roughly. `decision_violation_` says how far; where decisions
    must meet a bound, use :class:`ThresholdOptimizer`. The tilted probabilities are not
    calibrated within groups, and two persons with the same probabilities and different
    groups get different ones.

    Parameters
    ----------
    estimator : classifier
        Classifier with `predict_proba`, of two classes or more. It is cloned and
        refitted; wrap a fitted model in :class:`~sklearn.frozen.FrozenEstimator` to
        keep it as it is, and fit on rows that it has not seen. Its probabilities stand
        for the unknown label in rates such as the true positive rate, so they should be
        calibrated.
    constraint : str, Constraint or Rate, default="demographic_parity"
        Which rates of mean scores must be close between groups.
    tolerance : float in [0, 1], default=0.01
        Bound on the violation of the mean scores: max - min of the rates, or
        1 - min / max of them in the ratio form.
    use_groups : bool, default=True
        Whether the group is given at prediction. If False, it is predicted by
        `group_estimator`, and its probabilities take its place; what then holds are
        rates of groups as predicted.
    group_estimator : classifier, default=None
        Model of the group, with `predict_proba`; a clone is fitted on the position of
        each row's group in `groups_`. By default a clone of `estimator`. Ignored if
        `use_groups`.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and, if
        `use_groups`, to every prediction.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the models.
    cv : int, splitter, iterable of splits or None, default=5
        Folds of the out-of-fold probabilities; an int stratifies by label and group.
        Ignored for a frozen estimator.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    handle_unknown : {"error", "pooled"}, default="error"
        Whether a group that was not seen in `fit` is an error at prediction, or keeps
        the model's probabilities.
    n_jobs : int or None, default=None
        Folds fitted in parallel, through joblib.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    group_estimator_ : classifier or None
        The fitted model of the group, if there is one.
    multipliers_ : ndarray of shape (n_rates, n_groups)
        What a unit of each rate costs in each group, in nats; 0 where no bound binds.
    divergence_ : float
        Mean Kullback-Leibler divergence from the model's probabilities, in nats.
    divergence_gap_ : float
        Certified distance of that from the smallest divergence, up to rounding.
    violation_ : float
        Of the mean scores out of fold, with labels (and groups) as modelled; the number
        that `tolerance` bounds.
    observed_violation_ : float
        Of the same mean scores, with the labels and groups observed.
    decision_violation_ : float
        Of decisions for the most probable class, with labels and groups observed.
    group_report_ : GroupReport
        Accuracy of each group before and after, out of fold.
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
        If the bound is not met, or a rate has few people behind it.
    LevellingDownWarning
        If a group is served worse than by the plain model.

    See Also
    --------
    ThresholdOptimizer : Bounds the rates of decisions, for two classes.

    Notes
    -----
    With the model's :math:`p(y | x)` the projection solves

    .. math::

        \\min_h E[D_{KL}(h(X) \\| p(X))] \\quad \\text{s.t.} \\quad
        \\max_g r_j(g) - \\min_g r_j(g) \\le \\text{tolerance}, \\qquad
        r_j(g) = E\\Big[P(g | X) \\sum_{y, d} p(y | X)\\, c_{jgyd}\\, h_d(X)\\Big],

    so that :math:`h_d(x) \\propto p_d(x) \\exp(-\\sum_{j,g} \\lambda_{jg} P(g|x)
    \\sum_y p_y(x) c_{jgyd})`. The multipliers minimise a convex function of n_rates x
    n_groups numbers, which is solved directly and certified by its dual value, where
    the paper uses ADMM on a regularised form. Probabilities below 1e-6 are raised to
    it. `predict` takes the most probable class, and nothing is drawn.

    References
    ----------
    Alghamdi, Hsu, Jeong, Wang, Michalak, Asoodeh, Calmon, "Beyond Adult and COMPAS:
    Fair multi-class prediction via information projection", NeurIPS 2022.
    :doi:`10.48550/arXiv.2206.07801`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.postprocessing import FairProjectionClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> skill = rng.normal(size=2000) + 0.3 * group
    >>> grade = np.digitize(skill + 0.5 * rng.normal(size=2000), [-0.5, 0.8])
    >>> X = np.column_stack([skill, group])
    >>> model = FairProjectionClassifier(
    ...     LogisticRegression(), tolerance=0.05, sensitive_features=1
    ... )
    >>> scores = model.fit(X, grade).predict_proba(X)
    >>> plain = model.estimator_.predict_proba(X)
    >>> for h in (plain, scores):  # mean probability of the best grade, by group
    ...     print(h[group == 0, 2].mean().round(2), h[group == 1, 2].mean().round(2))
    0.25 0.33
    0.26 0.31
    """

    _multi_class = True

    _parameter_constraints: dict = {
        **{name: kind for name, kind in _SHARED.items() if name != "response_method"},
        **CONSTRAINT_PARAMETERS,
        "use_groups": ["boolean"],
        "group_estimator": [HasMethods(["fit", "predict_proba"]), None],
        "handle_unknown": [StrOptions({"error", "pooled"})],
    }

    def __init__(
        self,
        estimator,
        *,
        constraint="demographic_parity",
        tolerance=0.01,
        use_groups=True,
        group_estimator=None,
        sensitive_features=None,
        drop_sensitive=False,
        cv=5,
        handle_missing="error",
        handle_unknown="error",
        n_jobs=None,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.use_groups = use_groups
        self.group_estimator = group_estimator
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.cv = cv
        self.handle_missing = handle_missing
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit the model or models and project the out-of-fold probabilities.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the fits and of every mean.
        **fit_params : dict
            Passed on to the fit of `estimator`.

        Returns
        -------
        self : FairProjectionClassifier

        Raises
        ------
        ValueError
            If there are no groups, no probabilities, or the constraint is not linear in
            the predictions.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        classes, user = data.classes.tolist(), type(self).__name__
        constraint.coefficients(data.totals, classes, user=user)
        warn_thin_rates(constraint, data)
        proba = fit_out_of_fold(
            self,
            data,
            sensitive_features,
            fit_params,
            partial(probabilities_of, data.classes),
        )
        self.classes_, self.groups_ = data.classes, data.groups.labels
        membership = self._fit_membership(data)
        weight = data.weight_or_ones / data.weight_or_ones.sum()
        totals = (weight[:, None] * membership).T @ proba
        totals[data.totals == 0] = 0.0  # undefined in the data, whatever is modelled
        coefficients = constraint.coefficients(totals, classes, user=user)
        problem = ProjectionProblem(
            proba, membership, weight, coefficients, constraint.compare
        )
        found = problem.unchanged()
        if constraint.gap(found.rates).max() > self.tolerance:
            found = problem.solve(self.tolerance)
        self._prices, self.multipliers_ = found.prices, found.multipliers
        self.divergence_, self.divergence_gap_ = found.divergence, found.gap
        self.violation_ = float(constraint.gap(found.rates).max())
        self._describe(constraint, data, proba, tilt(proba, membership, found.prices))
        self._warn_about()
        return self

    def predict(self, X, *, sensitive_features=None):
        """Take the most probable class after projection.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column and `use_groups`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If the groups are needed and not given, or one was not seen in `fit` under
            ``handle_unknown="error"``.
        """
        proba = self.predict_proba(X, sensitive_features=sensitive_features)
        return self.classes_[proba.argmax(axis=1)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Projected probabilities.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        features = self._features(X)
        answer = probabilities_answer(self.classes_)
        proba = answer(self.estimator_, features, sensitive_features)
        if self.use_groups:
            groups = self._predict_groups(X, sensitive_features)
            codes = groups.encode(self.groups_, handle_unknown=self.handle_unknown)
            membership = _one_hot(codes, len(self.groups_))
        else:
            membership = self._group_model.chances(features)
        return tilt(proba, membership, self._prices)

    def _fit_membership(self, data):
        """Group of each row, known or by a model of other rows."""
        self._group_model = self.group_estimator_ = None
        membership = _one_hot(data.groups.codes, len(data.groups))
        if not self.use_groups:
            self._group_model, membership = fit_group_model(self, data)
            self.group_estimator_ = self._group_model.estimator
        return membership

    def _describe(self, constraint, data, before, after):
        """Measure scores and decisions on the labels and groups observed."""
        size, weight = len(data.classes), data.weight_or_ones
        cells = data.groups.codes * size + data.y
        decision = _one_hot(after.argmax(axis=1), size)
        violations = []
        for answer in (after, decision):
            counts = np.zeros((len(data.groups) * size, size))
            for k in range(size):
                mass = weight * answer[:, k]
                counts[:, k] = np.bincount(cells, mass, len(counts))
            counts = counts.reshape(-1, size, size)
            violations.append(constraint.violation(counts, data.classes.tolist()))
        self.observed_violation_, self.decision_violation_ = violations
        self.group_report_ = report_by_group(
            "accuracy",
            before.argmax(axis=1) == data.y,
            after.argmax(axis=1) == data.y,
            data.groups.codes,
            data.groups.labels,
            data.groups.names,
            data.weight,
        )

    def _warn_about(self):
        if self.violation_ > self.tolerance + 1e-5:
            warn(
                f"the projection stopped at a violation of {self.violation_:.4g}; the "
                f"tolerance is {self.tolerance:g}.",
                FairnessWarning,
                stacklevel=3,
            )
        warn_harmed(self.group_report_, stacklevel=4)


def _one_hot(codes, size):
    """Indicator of each code; none for -1."""
    return (codes[:, None] == np.arange(size)).astype(float)
