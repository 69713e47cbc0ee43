"""Fairness to rich subgroups (Kearns et al. 2018)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from fairlearnkit._draws import new_salt
from fairlearnkit._mitigator import MitigatorMixin, refuse_frozen, warn_few_rows
from fairlearnkit._rates import rate_of_class
from fairlearnkit._sklearn import Interval, StrOptions, fit_context
from fairlearnkit._solvers.subgroup_bounds import (
    BoundedMixture,
    SubgroupMaster,
    SubgroupResult,
    generate_cuts_and_columns,
)
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._decision_oracle import DecisionOracle
from fairlearnkit.inprocessing._mixture import MixtureClassifier
from fairlearnkit.inprocessing._subgroup_auditor import LINEAR_RATES, audit_tables
from fairlearnkit.inprocessing._subgroup_columns import SubgroupColumns, many_groups

_ROUNDING = 1e-7


class SubgroupFairClassifier(MixtureClassifier):
    """Train any classifier so that no large subgroup is treated much differently.

    Parity of the groups of each sensitive feature, or even of their intersections, does
    not rule out unfairness to those in between, such as women above fifty with a low
    income. Here the bound holds for all subgroups that a linear threshold on the
    sensitive features cuts out: conjunctions of categories, ranges of numbers and their
    weighted sums. A subgroup's violation is its departure from the overall rate times
    its size, so that a small one may depart farther.

    What it costs: accuracy, several fits of `estimator`, many audits, and a random
    choice for the people on whom the members of the mixture disagree (a salted hash of
    the row; `expected_proba` is the expectation and ``deterministic=True`` avoids it).
    The sensitive features are not needed at prediction. The bound holds on the training
    data, and as far as the auditor can see: finding the worst subgroup is a hard
    problem, for which a good heuristic is used. Do not use it where the groups are
    few and known: parity of all of them, whatever their size, is then better asked by
    :class:`ReductionClassifier`.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier whose `fit` takes `sample_weight`; also a Pipeline
        or an ensemble of such. It is cloned.
    rates : str or list of str, default="false_positive_rate"
        What is bounded: "selection_rate" (statistical parity), "false_positive_rate",
        "false_negative_rate", "true_positive_rate" or "true_negative_rate". With more
        than two classes, the rate of each class.
    tolerance : float in [0, 1], default=0.01
        Bound on the violation of every subgroup: the size of the part of it that counts
        in the rate, as a share of all people, times the departure from the overall
        rate.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the sensitive features. Text, booleans and columns of
        at most ten values are categories, other numbers are numbers. If None, pass the
        values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    deterministic : bool, default=False
        Whether to use the best single classifier found instead of the mixture. It may
        well be a constant one.
    max_iter : int, default=50
        Most fits of `estimator`.
    tol : float or None, default=None
        Gap between the mixture's error and its lower bound at which to stop. None means
        half the standard error of the most frequent label's error.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a category of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that realises the mixture.

    Attributes
    ----------
    estimators_ : list of classifier
        The fitted members of the mixture; a DummyClassifier gives everybody the same
        decision.
    weights_ : ndarray of shape (n_members,)
        Probabilities of the members.
    audits_before_ : list of SubgroupAudit
        The worst subgroup found of each rate under the plain model.
    audits_ : list of SubgroupAudit
        The worst subgroup found of each rate under the mixture, in expectation.
    violation_ : float
        The greatest of their violations.
    error_ : float
        Expected error on the training data.
    gap_ : float
        Error minus its lower bound. The bound is certified relative to the estimator:
        no classifier that it returned does better at the prices it was asked at.
    n_iter_ : int
        Number of fits of `estimator`.
    n_subgroups_ : int
        Number of subgroups whose bounds were needed.
    groups_ : tuple
        The distinct values of the sensitive features.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    audit_subgroups : The auditor alone, for any model's predictions.
    ReductionClassifier : For a few known groups.
    fairlearnkit.postprocessing.MulticalibratedClassifier : Calibrates probabilities in
        overlapping groups.

    Notes
    -----
    For the false positive rate the mixture Q solves

    .. math:: \\min_Q \\mathrm{err}(Q) \\quad \\text{subject to} \\quad
       P(g = 1, y = 0)\\, \\bigl| \\mathrm{FP}_Q(g) - \\mathrm{FP}_Q \\bigr|
       \\le \\text{tolerance for every } g

    over :math:`g(a) = 1\\{v \\cdot a > b\\}`. A linear program holds the classifiers
    and the subgroups found so far; an auditor finds subgroups that its mixture
    violates, and a fit on weights made of the dual prices finds classifiers. Kearns et
    al. approach the same equilibrium by fictitious play.

    References
    ----------
    Kearns, Neel, Roth, Wu, "Preventing fairness gerrymandering: auditing and learning
    for subgroup fairness", ICML 2018. :doi:`10.48550/arXiv.1711.05144`

    Kearns, Neel, Roth, Wu, "An empirical study of rich subgroup fairness for machine
    learning", FAT* 2019. :doi:`10.1145/3287560.3287592`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import SubgroupFairClassifier
    >>> rng = np.random.default_rng(0)
    >>> age, income, skill = rng.normal(size=(3, 1000))
    >>> X = np.column_stack([age, income, skill])
    >>> y = skill + age - income + rng.normal(size=1000) > 0
    >>> model = SubgroupFairClassifier(LogisticRegression(), sensitive_features=[0, 1])
    >>> model = model.fit(X, y)
    >>> audits = model.audits_before_[0], model.audits_[0]
    >>> [round(audit.violation, 3) for audit in audits]
    [0.043, 0.01]
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "rates": [StrOptions(set(LINEAR_RATES)), list, tuple],
        "tolerance": [Interval(Real, 0, 1, closed="both")],
        "deterministic": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        rates="false_positive_rate",
        tolerance=0.01,
        sensitive_features=None,
        drop_sensitive=False,
        deterministic=False,
        max_iter=50,
        tol=None,
        handle_missing="error",
        random_state=0,
    ):
        self.estimator = estimator
        self.rates = rates
        self.tolerance = tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.deterministic = deterministic
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train classifiers at the prices of the subgroups until the gap closes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series, data frame or dict, default=None
            One or several columns; they win over the constructor's.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights, in the error and in every rate.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : SubgroupFairClassifier

        Raises
        ------
        ValueError
            If there are no sensitive features, the estimator is frozen or takes no
            weights, or a rate is unknown.
        """
        refuse_frozen(self)
        rates = _rates(self.rates)
        with many_groups():
            data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        oracle = DecisionOracle(
            self.estimator,
            self._features(data.X),
            data,
            sensitive_features,
            fit_params,
            thresholds=False,
        )
        error = 1 - np.eye(len(data.classes))
        error = np.broadcast_to(
            error / data.totals.sum(), (len(data.groups), *error.shape)
        )
        master = SubgroupMaster(error, self.tolerance + _ROUNDING)
        master.add_table(oracle(error)[0])
        auditor = _Auditor(rates, data, self.tolerance)
        self.audits_before_ = auditor.audits(master.tables[0])
        result = self._solve(master, oracle, auditor, data)
        self._keep(master, result.mixture, oracle, auditor)
        self.n_subgroups_ = len(master.cuts)
        self.n_iter_, self.gap_ = result.n_oracle_calls + 1, result.gap
        self._salt = new_salt(check_random_state(self.random_state))
        self._warn_about(result, data)
        return self

    def _solve(self, master, oracle, auditor, data):
        """Keep the plain model if it meets the bound; else mix, constants at hand."""
        if max(audit.violation for audit in self.audits_before_) <= self.tolerance:
            plain = BoundedMixture(np.zeros(1, dtype=int), np.ones(1), 0.0, np.zeros(0))
            return SubgroupResult(plain, 0.0, 0, True)
        for label in range(len(data.classes)):
            master.add_table(oracle.tabulate(oracle.constant(label))[0])
        share = data.totals.sum(axis=0).max() / data.totals.sum()
        tol = 0.5 * np.sqrt(share * (1 - share) / data.totals.sum())
        return generate_cuts_and_columns(
            master,
            lambda costs: oracle(costs)[0],
            auditor,
            max_iter=self.max_iter - 1,
            gap_tolerance=tol if self.tol is None else self.tol,
        )

    def _keep(self, master, mixture, oracle, auditor):
        columns, weights = mixture.columns, mixture.weights
        if self.deterministic and len(columns) > 1:
            columns, weights = _best_single(master, auditor, self.tolerance), np.ones(1)
        self._members = [oracle.member(column) for column in columns]
        self.weights_ = weights
        self.estimators_ = [member.estimator for member in self._members]
        pairs = list(zip(columns, weights, strict=True))
        table = sum(weight * master.tables[column] for column, weight in pairs)
        self.audits_ = auditor.audits(table)
        self.violation_ = max(audit.violation for audit in self.audits_)
        self.error_ = float(weights @ master.errors[columns])

    def _warn_about(self, result, data):
        if self.violation_ > self.tolerance + 1e-4:
            warn(
                f"a subgroup violates {self.violation_:.4g} on the training data, "
                f"above the tolerance of {self.tolerance:g}; allow more of it.",
                FairnessWarning,
                stacklevel=3,
            )
        elif not result.converged:
            warn(
                f"not converged after {self.n_iter_} fits: the error may be "
                f"{result.gap:.2g} above the best; increase max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if len(self._members) > 1:
            warn_few_rows(data)


class _Auditor:
    """Audit tables of counts, and write subgroups as cuts.

    Parameters
    ----------
    rates : list of str
    data : TrainingData
    tolerance : float
    """

    def __init__(self, rates, data, tolerance):
        labels = data.classes.tolist()
        targets = [1] if len(labels) == 2 else range(len(labels))
        self.rates = [rate_of_class(name, labels, t) for name in rates for t in targets]
        self.columns = SubgroupColumns.from_groups(data.groups)
        self.codes, self.tolerance = data.groups.codes, tolerance
        self.cells = np.zeros(len(data.groups), dtype=int)
        self.cells[self.codes] = np.arange(len(self.codes))
        self.found = {rate.name: [] for rate in self.rates}

    def audits(self, table, thorough=True):
        """The worst subgroup of each rate."""
        return [
            audit_tables(
                self.columns,
                table,
                rate,
                self.codes,
                starts=self.found[rate.name],
                thorough=thorough,
            )
            for rate in self.rates
        ]

    def __call__(self, table, thorough):
        """Cuts of the subgroups that the table violates."""
        cuts = []
        for rate, audit in zip(self.rates, self.audits(table, thorough), strict=True):
            if audit.violation <= self.tolerance + 10 * _ROUNDING:
                continue
            self.found[rate.name].append(audit.coefficients)
            base = (table * np.array(rate.denominator)).sum(axis=(1, 2))
            members = audit.members[self.cells]
            share = members - base[members].sum() / base.sum()
            top = np.array(rate.numerator) / table.sum()
            cuts.append(share[:, None, None] * top)
        return cuts


def _rates(rates):
    names = [rates] if isinstance(rates, str) else list(rates)
    unknown = [name for name in names if name not in LINEAR_RATES]
    if unknown or not names:
        raise ValueError(f"rates must be some of {list(LINEAR_RATES)}, got {rates!r}.")
    return list(dict.fromkeys(names))


def _best_single(master, auditor, tolerance):
    """The classifier of least error within the tolerance; a constant one always is."""
    for column in np.argsort(master.errors, kind="stable"):
        audits = auditor.audits(master.tables[column])
        if max(audit.violation for audit in audits) <= tolerance + _ROUNDING:
            return np.array([column])
    raise AssertionError("a constant classifier treats all subgroups alike")
