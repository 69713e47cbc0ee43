"""Three naive Bayes classifiers without discrimination (Calders and Verwer 2010)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import (
    SENSITIVE_PARAMETERS,
    MitigatorMixin,
    warn_thin_rates,
)
from fairlearnkit._sklearn import Interval, StrOptions, fit_context, take_rows
from fairlearnkit._solvers.naive_bayes import (
    balanced_offsets,
    fit_evidence,
    fit_latent,
    latent_chance,
    log_ratio_by_group,
    selection_rates,
)
from fairlearnkit.constraints import DemographicParity
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.inprocessing._mixed_columns import MixedColumns
from fairlearnkit.tables import ScoreTable


class FairNaiveBayes(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Naive Bayes whose selection rates do not differ between groups.

    Naive Bayes multiplies the evidence of the features as if they were independent
    given the label. It takes numbers and categories as they are and learns from few
    people; its probabilities are too extreme. Three ways make its decisions fair:

    - ``"modified"`` moves P(label | group), down in groups selected often and up in
      those selected rarely, until the selection rates agree, while all together are
      selected as often as the positive label occurs.
    - ``"two_models"`` first trains a model of its own on each group (two in the paper),
      so that a feature may mean different things in different groups, then does the
      same. It needs groups that are large.
    - ``"latent"`` takes the label itself for biased. It assumes a fair label,
      independent of the group, of which the observed one is a copy with some positives
      lost in some groups, and won in others; expectation maximisation finds which.

    The first two equalise selection rates on the training data to within `tolerance`,
    decide by the group, and so need it at prediction. Do not use them where people may
    not be treated by their group. The third predicts without the group and promises
    nothing about its rates, since features may still give groups away. All cost
    accuracy, as measured on labels that are taken for unfair.

    Parameters
    ----------
    method : {"modified", "two_models", "latent"}, default="two_models"
        Which of the three.
    tolerance : float in [0, 1], default=0.01
        Bound on the difference of selection rates. It plays no part in the fit of
        ``method="latent"``.
    categorical_features : "from_dtype", array-like of str or int, or None, \
default="from_dtype"
        Names or indices of the categorical columns. By default those of a data frame
        that are not numeric, and those of an array that hold text. A missing value is a
        category; a value not seen in training counts for neither class. Other columns
        are numbers, of a normal law in each class.
    alpha : float, default=1.0
        Pseudo-count of every category in each class, above 0.
    var_smoothing : float, default=1e-9
        Share of a number's variance that is added to its variance in each class.
    max_iter : int, default=1000
        Most iterations of ``method="latent"``.
    tol : float, default=1e-7
        Change of the mean log likelihood at which these stop.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit` and to
        predictions.
    drop_sensitive : bool, default=False
        Whether to leave the sensitive columns out of the features. Do so with
        ``method="latent"``, whose label should not be predicted from the group.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    class_prior_ : ndarray of shape (n_groups, 2)
        P(label | group) that the model decides with.
    plain_class_prior_ : ndarray of shape (n_groups, 2)
        P(label | group) of the training data.
    rates_ : ndarray of shape (n_groups,)
        Selection rates on the training data.
    violation_ : float
        Their largest difference.
    error_ : float
        Error on the training data.
    plain_rates_ : ndarray of shape (n_groups,)
        Selection rates without mitigation, with `plain_class_prior_`.
    plain_violation_ : float
        Their largest difference.
    plain_error_ : float
        Error without mitigation.
    n_iter_ : int
        Iterations of ``method="latent"``; 1 otherwise.
    groups_ : tuple
        Label of each group.
    classes_ : ndarray of shape (2,)
        Class labels; the last one is the positive class.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If the rates differ by more than `tolerance`; if a group has people of one label
        only, so that ``"two_models"`` gives it the model of all.
    ConvergenceWarning
        If `max_iter` did not suffice.

    See Also
    --------
    fairlearnkit.postprocessing.ThresholdOptimizer : Thresholds by group on any score,
        at the least error.

    Notes
    -----
    With evidence :math:`e_s(x) = \\sum_j \\log P(x_j | +, s) / P(x_j | -, s)`, which
    depends on s under "two_models" only, decisions are

    .. math:: \\hat y = 1 \\iff e_s(x) + \\log \\frac{P(+|s)}{P(-|s)} > 0

    The paper changes :math:`P(+|s)` in small steps until the discrimination is gone.
    Where they end can be computed, since it is one number for each group: rates are
    clipped to a window as wide as `tolerance`, placed where all groups together are
    selected as often as the positive label occurs, and :math:`P(+|s)` is the one that
    reaches them. Nothing is moved if the rates agree already.

    Under "latent", with :math:`\\pi = P(+)` and rates :math:`q_s = P(+|s)` of the
    observed label, P(fair label + | observed, s) is 1 for positives and
    :math:`(\\pi - q_s) / (1 - q_s)` for negatives if :math:`q_s \\le \\pi`, else 0 for
    negatives and :math:`\\pi / q_s` for positives. This makes the fair label
    independent of s with the fewest changes, and leaves only P(x | fair label) to be
    estimated.

    References
    ----------
    Calders, Verwer, "Three naive Bayes approaches for discrimination-free
    classification", Data Mining and Knowledge Discovery 21, 2010.
    :doi:`10.1007/s10618-010-0190-x`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import FairNaiveBayes
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> X = rng.normal(size=(2000, 2)) + group[:, None]
    >>> y = X[:, 0] + rng.normal(size=2000) > 0.5
    >>> model = FairNaiveBayes().fit(X, y, sensitive_features=group)
    >>> print(f"{model.plain_violation_:.2f} {model.violation_:.2f}")
    0.36 0.01
    >>> labels = model.predict(X, sensitive_features=group)
    """

    _parameter_constraints: dict = {
        **SENSITIVE_PARAMETERS,
        "method": [StrOptions({"modified", "two_models", "latent"})],
        "tolerance": [Interval(Real, 0, 1, closed="both")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "var_smoothing": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        method="two_models",
        tolerance=0.01,
        categorical_features="from_dtype",
        alpha=1.0,
        var_smoothing=1e-9,
        max_iter=1000,
        tol=1e-7,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.method = method
        self.tolerance = tolerance
        self.categorical_features = categorical_features
        self.alpha = alpha
        self.var_smoothing = var_smoothing
        self.max_iter = max_iter
        self.tol = tol
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Fit the laws of the features, and make the rates of groups agree.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two classes.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of all counts and of the selection rates.

        Returns
        -------
        self : FairNaiveBayes

        Raises
        ------
        ValueError
            If there are no groups or not two classes, or a number is missing.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        warn_thin_rates(DemographicParity(), data)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        kept = np.flatnonzero(data.weight_or_ones > 0)
        features = take_rows(self._features(data.X), kept)
        self._columns = MixedColumns.of(features, self.categorical_features)
        mixed = self._columns.transform(features, self)
        y, codes = data.y[kept], data.groups.codes[kept]
        weight = data.weight_or_ones[kept]
        totals = data.totals
        self.plain_class_prior_ = totals / totals.sum(axis=1, keepdims=True)
        score = self._fit_evidence(mixed, y, codes, weight, data)
        with np.errstate(divide="ignore"):
            plain = logit(self.plain_class_prior_[:, 1])
        self.plain_rates_, self.plain_violation_, self.plain_error_ = selection_rates(
            score + plain[codes], y, codes, weight
        )
        if self.method == "latent":
            score = self._fit_latent(mixed, y, codes, weight)
        else:
            self._offsets = self._balance(score, plain, y, codes, weight)
        self.rates_, self.violation_, self.error_ = selection_rates(
            score + self._offsets[codes], y, codes, weight
        )
        positive = expit(self._offsets)
        self.class_prior_ = np.column_stack([1 - positive, positive])
        self._warn_about_rates()
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict class labels.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor does not name their columns; ignored by
            ``method="latent"``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        score = self.decision_function(X, sensitive_features=sensitive_features)
        return self.classes_[(score > 0).astype(int)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Posterior probabilities under the prior moved; they agree with `predict`.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        score = self.decision_function(X, sensitive_features=sensitive_features)
        positive = expit(score)
        return np.column_stack([1 - positive, positive])

    def decision_function(self, X, *, sensitive_features=None):
        """Log odds of the positive class.

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
        mixed = self._columns.transform(self._features(X), self)
        if self.method == "latent":
            return self._models[0].log_ratio(mixed) + self._offsets[0]
        groups = self._predict_groups(X, sensitive_features)
        codes = groups.encode(self.groups_)
        return log_ratio_by_group(self._models, mixed, codes) + self._offsets[codes]

    def _fit_evidence(self, mixed, y, codes, weight, data):
        """Fit the model of all, or one a group; each row's log likelihood ratio."""
        shares = weight[:, None] * np.eye(2)[y]
        mean = weight @ mixed.numbers / weight.sum()
        variance = weight @ (mixed.numbers - mean) ** 2 / weight.sum()
        # A constant tells nothing, whatever its variance is taken for.
        self._floor = np.where(variance > 0, self.var_smoothing * variance, 1.0)

        def fit(rows):
            part = mixed.take(rows)
            return fit_evidence(part, shares[rows], self.alpha, self._floor)

        everyone = fit(np.arange(len(y)))
        self._models = [everyone]
        if self.method == "two_models":
            complete = (data.totals > 0).all(axis=1)
            own = [np.flatnonzero(codes == g) for g in range(len(complete))]
            self._models = [
                fit(rows) if whole else everyone
                for rows, whole in zip(own, complete, strict=True)
            ]
            if not complete.all():
                self._warn_about_groups(data, complete)
        return log_ratio_by_group(self._models, mixed, codes)

    def _fit_latent(self, mixed, y, codes, weight):
        rate = self.plain_class_prior_[:, 1]
        overall = float(weight @ y / weight.sum())
        chance = latent_chance(rate, overall)[codes, y]
        found = fit_latent(
            *(mixed, y, chance, weight),
            alpha=self.alpha,
            floor=self._floor,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self._models, self.n_iter_ = [found.evidence], found.n_iter
        self._offsets = np.full(len(rate), logit(overall))
        if abs(found.change) > self.tol:
            warn(
                f"not converged after {found.n_iter} iterations: the mean log "
                f"likelihood still changed by {found.change:.2g}; increase max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return found.evidence.log_ratio(mixed)

    def _balance(self, score, plain, y, codes, weight):
        """Offset of each group that makes the selection rates agree."""
        self.n_iter_ = 1
        if self.plain_violation_ <= self.tolerance:
            return plain
        score = ScoreTable.quantize(score)  # people equal but for rounding stay equal
        return balanced_offsets(
            *(score, y, codes, weight), self.plain_rates_, self.tolerance
        )

    def _warn_about_groups(self, data, complete):
        names = [data.groups.describe(g) for g in np.flatnonzero(~complete)]
        warn(
            f"{shortlist(names)} has people of one label only, so no model of its own: "
            "it gets that of all groups.",
            FairnessWarning,
            stacklevel=4,
        )

    def _warn_about_rates(self):
        if self.violation_ <= self.tolerance + 1e-9:
            return
        why = "people with the same features are decided upon together"
        if self.method == "latent":
            why = "method='latent' makes the label fair, not the rates"
        warn(
            f"selection rates differ by {self.violation_:.4g}, above the tolerance of "
            f"{self.tolerance:g}: {why}.",
            FairnessWarning,
            stacklevel=3,
        )
