"""Reductions to cost-sensitive learning (Agarwal et al. 2018)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from fairlearnkit._draws import new_salt
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    MitigatorMixin,
    refuse_frozen,
    warn_few_rows,
    warn_thin_rates,
)
from fairlearnkit._sklearn import Interval, fit_context
from fairlearnkit._solvers.reductions import ReductionMaster, generate_columns
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._mixture import MixtureClassifier
from fairlearnkit.inprocessing._oracle import Oracle


class ReductionClassifier(MixtureClassifier):
    """Train any classifier under a fairness constraint, by reweighting its data.

    The result is a mixture of a few classifiers (two or three, as a rule) whose
    expected violation on the training data is at most `tolerance`, and whose expected
    error is the least among mixtures of what the estimator can learn. The group is not
    needed at prediction. What it costs: several fits of `estimator`, accuracy, and a
    random choice for the people on whom the members disagree. That choice is a salted
    hash of the row, so the same row always gets the same decision; `expected_proba` is
    the expectation and ``deterministic=True`` avoids it.

    The bound holds on the training data. A model that overfits, such as boosted trees,
    meets it there and misses it on new people by much more than a model that does not;
    then prefer :class:`~fairlearnkit.postprocessing.ThresholdOptimizer`, whose
    thresholds come from out-of-fold scores, or regularise.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier whose `fit` takes `sample_weight`; also a Pipeline
        or an ensemble of such. It is cloned.
    constraint : str, Constraint or Rate, default="demographic_parity"
        What must be close between groups: an alias such as "equalized_odds" or an
        object of :mod:`fairlearnkit.constraints`. It must be linear in the predictions.
    tolerance : float in [0, 1], default=0.01
        Bound on the violation, as the metrics report it: max - min of the rates, or
        1 - min / max of them in the ratio form.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    thresholds : bool, default=True
        Whether the mixture may cut a fitted binary model's score at another threshold
        than its own. It lowers the error and saves up to half of the fits.
    deterministic : bool, default=False
        Whether to use the best single classifier found instead of the mixture. If none
        meets the tolerance, the one of least violation, with a warning.
    max_iter : int, default=50
        Most fits of `estimator`.
    tol : float or None, default=None
        Gap between the mixture's error and its lower bound at which to stop. None means
        half the standard error of the plain model's error, which nobody could tell
        from zero.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that realises the mixture. The default makes equal
        fits predict equally; pass None for a secret salt.

    Attributes
    ----------
    estimators_ : list of classifier
        The fitted members of the mixture.
    thresholds_ : list of float or None
        Threshold of each member's score; None where the member decides by itself.
    weights_ : ndarray of shape (n_members,)
        Probabilities of the members.
    violation_ : float
        Expected violation on the training data.
    error_ : float
        Expected error on the training data.
    gap_ : float
        Error minus its lower bound. The bound is certified relative to the estimator:
        no classifier that it returned does better at the prices it was asked at.
    n_iter_ : int
        Number of fits of `estimator`.
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
    fairlearnkit.postprocessing.ThresholdOptimizer : Uses the group at prediction.

    Notes
    -----
    The mixture Q solves

    .. math:: \\min_Q \\; \\mathrm{err}(Q) \\quad \\text{subject to} \\quad
       \\max_g r_{jg}(Q) - \\min_g r_{jg}(Q) \\le \\text{tolerance for every rate } j

    by column generation: a linear program mixes the classifiers known so far, its dual
    prices become costs of each decision, and a new classifier is trained on labels and
    weights that carry these costs. With more than two classes a row is repeated, once
    for each label that its costs give a weight to.

    References
    ----------
    Agarwal, Beygelzimer, Dudik, Langford, Wallach, "A reductions approach to fair
    classification", ICML 2018. :doi:`10.48550/arXiv.1803.02453`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import ReductionClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> skill, proxy = rng.normal(size=1000) + group, rng.normal(size=1000) + group
    >>> X = np.column_stack([skill, proxy, group])
    >>> y = skill + rng.normal(size=1000) > 0.5
    >>> model = ReductionClassifier(LogisticRegression(), sensitive_features=2)
    >>> rate = model.fit(X, y).expected_proba(X)[:, 1]
    >>> print(round(rate[group == 1].mean() - rate[group == 0].mean(), 3))
    0.01
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        **CONSTRAINT_PARAMETERS,
        "thresholds": ["boolean"],
        "deterministic": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        constraint="demographic_parity",
        tolerance=0.01,
        sensitive_features=None,
        drop_sensitive=False,
        thresholds=True,
        deterministic=False,
        max_iter=50,
        tol=None,
        handle_missing="error",
        random_state=0,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.thresholds = thresholds
        self.deterministic = deterministic
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train classifiers at the prices of the constraint until the gap closes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights, in the error and in every rate.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : ReductionClassifier

        Raises
        ------
        ValueError
            If there are no groups, the estimator is frozen or takes no weights, or the
            constraint is not linear in the predictions.
        """
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        coefficients = constraint.coefficients(
            data.totals, data.classes.tolist(), user="ReductionClassifier"
        )
        warn_thin_rates(constraint, data)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        total = data.totals.sum()
        error = 1 - np.eye(len(data.classes))
        master = ReductionMaster(
            np.broadcast_to(error / total, coefficients.shape[1:]),
            coefficients,
            constraint.compare,
            self.tolerance,
        )
        oracle = Oracle(
            self.estimator,
            self._features(data.X),
            data,
            sensitive_features,
            fit_params,
            self.thresholds,
        )
        result = generate_columns(
            master,
            oracle,
            max_iter=self.max_iter,
            gap_tolerance=self._gap(master, data),
        )
        self.n_iter_, self.gap_ = result.n_oracle_calls, result.gap
        self._keep_members(master, result.mixture, oracle, constraint)
        self._salt = new_salt(check_random_state(self.random_state))
        self._warn_about(result, data)
        return self

    def _gap(self, master, data):
        if self.tol is not None:
            return self.tol
        share = data.totals.sum(axis=0).max() / data.totals.sum()
        return 0.5 * np.sqrt(share * (1 - share) / len(data.y))

    def _keep_members(self, master, mixture, oracle, constraint):
        columns, weights = mixture.columns, mixture.weights
        if self.deterministic:
            column = master.best_single(constraint.gap)
            columns, weights = np.array([column]), np.ones(1)
        self._members = [
            oracle.member(model, column - np.argmax(master.model_of == model))
            for column, model in zip(columns, master.model_of[columns], strict=True)
        ]
        self.weights_ = weights
        self.estimators_ = [member.estimator for member in self._members]
        self.thresholds_ = [member.threshold for member in self._members]
        self.error_ = float(weights @ master.errors[columns])
        rates = np.tensordot(weights, master.rates[columns], axes=1)
        self.violation_ = float(constraint.gap(rates).max())

    def _warn_about(self, result, data):
        if self.violation_ > self.tolerance + 1e-6:
            warn(
                f"the smallest violation found on the training data is "
                f"{self.violation_:.4g}, above the tolerance of {self.tolerance:g}; "
                "allow a larger one, more iterations, or a more flexible estimator.",
                FairnessWarning,
                stacklevel=3,
            )
        elif not result.converged:
            warn(
                f"not converged after {result.n_oracle_calls} fits: the error may be "
                f"{result.gap:.2g} above the best; increase max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if len(self._members) > 1:
            warn_few_rows(data)
