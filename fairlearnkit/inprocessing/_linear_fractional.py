"""Parity of rates whose base counts predictions (Celis et al. 2019)."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any
from warnings import warn

import numpy as np
from sklearn.utils import check_random_state

from fairlearnkit._draws import new_salt
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    MitigatorMixin,
    refuse_frozen,
    warn_few_rows,
    warn_thin_rates,
)
from fairlearnkit._sklearn import (
    Interval,
    call_method,
    fit_clone,
    fit_context,
    take_rows,
)
from fairlearnkit._solvers.linear_fractional import FractionalMaster
from fairlearnkit._solvers.priced_rules import PricedRule, nearest_probabilities
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.inprocessing._mixture import MixtureClassifier


@dataclass(frozen=True, eq=False)
class JointChances:
    """P(label | x) of one model, split among the groups by another.

    Parameters
    ----------
    estimator : classifier
        Of the labels.
    joint_estimator : classifier or None
        Of the pairs of a group and a label, numbered; None if there is one group.
    shape : tuple of (n_groups, n_classes)
    shares : ndarray of shape (n_groups, n_classes)
        Share of each group in each label, where the second model says nothing.
    """

    estimator: Any
    joint_estimator: Any
    shape: tuple
    shares: np.ndarray

    def __call__(self, X, sensitive_features):
        """P(label | x) and P(group, label | x) of each row."""
        label = np.asarray(
            call_method(self.estimator, "predict_proba", X, sensitive_features)
        )
        if self.joint_estimator is None:
            return label, label[:, None, :]
        found = np.zeros((len(label), np.prod(self.shape)))
        pairs = self.joint_estimator.classes_
        found[:, pairs] = self.joint_estimator.predict_proba(X)
        found = found.reshape(-1, *self.shape)
        total = found.sum(axis=1, keepdims=True)
        split = np.where(total > 0, found / np.where(total > 0, total, 1), self.shares)
        return label, split * label[:, None, :]


@dataclass(frozen=True, eq=False)
class PlugInMember:
    """The rule that takes the decision of highest value less price.

    Parameters
    ----------
    chances : JointChances
    classes : ndarray
    rule : PricedRule
    """

    chances: JointChances
    classes: np.ndarray
    rule: PricedRule

    def predict(self, X, sensitive_features):
        """Predicted labels."""
        return self.classes[self._priced(X, sensitive_features).argmax(axis=1)]

    def predict_proba(self, X, sensitive_features):
        """Priced values as the nearest probabilities."""
        return nearest_probabilities(self._priced(X, sensitive_features))

    def decision_function(self, X, sensitive_features):
        """Priced values; of two, the difference."""
        priced = self._priced(X, sensitive_features)
        return priced[:, 1] - priced[:, 0] if priced.shape[1] == 2 else priced

    def _priced(self, X, sensitive_features):
        return self.rule.priced(*self.chances(X, sensitive_features))


class LinearFractionalClassifier(MixtureClassifier):
    """The best mixture of plug-in rules under parity of any rate, precision included.

    Predictive parity asks that a positive decision be right equally often in every
    group. The base of that rate counts decisions, so it is not linear in them and most
    methods cannot enforce it; here the common value of the rate is searched for, and
    for each value tried the constraint is linear. Parity of false discovery, false
    omission and negative predictive value works alike, as does any rate that is linear.

    The estimator is fitted twice, for P(label | x) and for P(group | x, label). A
    decision then costs what it adds to the violation. The result is a mixture of two or
    three such rules, as a rule, drawn by the hash of each row. The group is not needed
    at prediction. If X has a column that gives the group away, P(group | x, label) is
    near 0 or 1, and the rules treat groups apart; drop it to forbid that.

    What it costs: accuracy, and who pays it is not limited. Equal precision is often
    cheapest by selecting only the surest of the group with fewer positives, hardly
    anybody; `min_base` limits that. The constraint holds in expectation on the training
    data, among the observed groups and labels. An estimator that overfits, such as deep
    trees, misses it on new people; regularise, or calibrate by cross-validation inside.

    Parameters
    ----------
    estimator : classifier
        A classifier with `predict_proba`. It is cloned, twice.
    constraint : str, Constraint or Rate, default="predictive_parity"
        What must be close between groups: an alias or an object of
        :mod:`fairlearnkit.constraints`. Linear or not.
    tolerance : float in [0, 1], default=0.01
        Bound on the violation, as the metrics report it: max - min of the rates, or
        1 - min / max of them in the ratio form.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    min_base : float in [0, 1], default=0.01
        Least share of each group behind its rates: for predictive parity, the share
        that must be selected. Only for rates whose base counts predictions.
    deterministic : bool, default=False
        Whether to use the best single rule found instead of the mixture. If none meets
        the tolerance, the one of least violation, with a warning.
    max_iter : int, default=30
        Most rules that are added at the rates' final value.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that realises the mixture.

    Attributes
    ----------
    estimator_ : classifier
        Of the labels.
    joint_estimator_ : classifier or None
        Of the pairs of a group and a label; None if there is one group.
    weights_ : ndarray of shape (n_members,)
        Probabilities of the rules.
    rates_ : ndarray of shape (n_rates, n_groups)
        Expected rates on the training data; NaN where undefined.
    violation_ : float
        Largest gap of these.
    error_ : float
        Expected error on the training data.
    n_iter_ : int
        Number of rules tried.
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
    ReductionClassifier : For linear rates, by weighted fits instead of plug-in rules.
    fairlearnkit.postprocessing.LinearPostClassifier : For linear rates, out of fold.

    Notes
    -----
    With :math:`r_g = N_g / D_g`, both linear in the decisions, and a lower end l,

    .. math:: l D_g - N_g \\le 0, \\qquad N_g - (l + \\text{tolerance}) D_g \\le 0

    is the constraint; in ratio form, l / (1 - tolerance) takes the place of the sum.
    For each l a linear program mixes the rules known so far, and its multipliers are
    the prices of the next rule,

    .. math:: \\hat y(x) = \\arg\\max_h \\; P(h \\mid x) -
       \\sum_{g, y} c_{gyh} P(g, y \\mid x).

    Among such rules the mixture is optimal at each l, up to what a plug-in rule misses
    of the observed labels; l itself comes from a grid of 21 that is refined twice.

    References
    ----------
    Celis, Huang, Keswani, Vishnoi, "Classification with fairness constraints: a
    meta-algorithm with provable guarantees", FAT* 2019. :doi:`10.1145/3287560.3287586`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import LinearFractionalClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> X = np.column_stack([rng.normal(size=(2000, 2)) + group[:, None], group])
    >>> y = (X[:, 0] + rng.normal(size=2000) > 1).astype(int)
    >>> model = LinearFractionalClassifier(LogisticRegression(), sensitive_features=2)
    >>> bool(model.fit(X, y).violation_ <= 0.01 + 1e-6)
    True
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        **CONSTRAINT_PARAMETERS,
        "min_base": [Interval(Real, 0, 1, closed="both")],
        "deterministic": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        constraint="predictive_parity",
        tolerance=0.01,
        sensitive_features=None,
        drop_sensitive=False,
        min_base=0.01,
        deterministic=False,
        max_iter=30,
        handle_missing="error",
        random_state=0,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.min_base = min_base
        self.deterministic = deterministic
        self.max_iter = max_iter
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Fit both models, then search for the rates' value and the mixture.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of both fits, of the error and of every rate.
        **fit_params : dict
            Passed on to the `fit` for P(label | x).

        Returns
        -------
        self : LinearFractionalClassifier

        Raises
        ------
        ValueError
            If there are no groups, or the estimator is frozen or has no
            `predict_proba`.

        Warns
        -----
        FairnessWarning
            If the tolerance is not reached, or a rate of a group has nobody behind it.
        """
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint, classes = as_constraint(self.constraint), data.classes.tolist()
        if all(rate.is_linear for rate in constraint.rates(classes)):
            warn_thin_rates(constraint, data)
        chances = self._fit_models(data, sensitive_features, fit_params)
        label, joint = chances(self._features(data.X), sensitive_features)
        master = FractionalMaster(
            constraint,
            classes,
            data.totals,
            self.tolerance,
            self.min_base,
            _tabulator(label, joint, data),
            self.max_iter,
        )
        self.classes_, self.groups_ = data.classes, data.groups.labels
        columns, self.weights_ = self._choose(master, classes)
        self._members = [
            PlugInMember(chances, data.classes, PricedRule(master.prices[c], 1.0))
            for c in columns
        ]
        table = np.tensordot(self.weights_, np.array(master.tables)[columns], axes=1)
        self.rates_ = constraint.values(table, classes)
        self.violation_ = float(constraint.gap(self.rates_).max())
        self.n_iter_ = len(master.tables)
        self.error_ = float(1 - np.einsum("gyy->", table) / table.sum())
        self._salt = new_salt(check_random_state(self.random_state))
        self._warn_about(data, [rate.name for rate in constraint.rates(classes)])
        return self

    def _fit_models(self, data, sensitive_features, fit_params):
        """Fit for the labels, and for the pairs of a group and a label."""
        features = self._features(data.X)
        self.estimator_ = fit_clone(
            self.estimator,
            features,
            data.labels,
            sample_weight=data.weight,
            sensitive_features=sensitive_features,
            **fit_params,
        )
        if not hasattr(self.estimator_, "predict_proba"):
            raise ValueError(
                f"{type(self.estimator).__name__} has no predict_proba; "
                "LinearFractionalClassifier needs probabilities."
            )
        shape, self.joint_estimator_ = data.totals.shape, None
        if shape[0] > 1:
            kept = None if data.weight is None else np.flatnonzero(data.weight > 0)
            pairs = data.groups.codes * shape[1] + data.y
            self.joint_estimator_ = fit_clone(
                self.estimator,
                take_rows(features, kept),
                take_rows(pairs, kept),
                sample_weight=take_rows(data.weight, kept),
                sensitive_features=take_rows(sensitive_features, kept),
            )
        shares = data.totals / data.totals.sum(axis=0)
        return JointChances(self.estimator_, self.joint_estimator_, shape, shares)

    def _choose(self, master, classes):
        """Numbers and weights of the rules: the plain one if it is good enough."""
        violation, _ = master.violations(classes)
        if violation[0] <= self.tolerance:
            return [0], np.ones(1)
        for decision in np.eye(len(classes)):  # the same decision for everybody
            master.ask(-2.0 * np.broadcast_to(decision, master.prices[0].shape))
        mixture = master.solve()
        if not self.deterministic:
            return list(mixture.columns), mixture.weights
        violation, error = master.violations(classes)
        excess = np.maximum(violation - self.tolerance, 0)
        return [int(np.lexsort([error, excess])[0])], np.ones(1)

    def _warn_about(self, data, names):
        if self.violation_ > self.tolerance + 1e-6:
            warn(
                f"the smallest violation found on the training data is "
                f"{self.violation_:.4g}, above the tolerance of {self.tolerance:g}; "
                "allow a larger one, or use an estimator that tells people apart.",
                FairnessWarning,
                stacklevel=3,
            )
        nobody = [
            f"{names[j]} of {data.groups.describe(g)}"
            for j, g in np.argwhere(np.isnan(self.rates_))
        ]
        if nobody:
            warn(
                "undefined on the training data, with nobody behind it: "
                f"{shortlist(nobody)}.",
                FairnessWarning,
                stacklevel=3,
            )
        if len(self._members) > 1:
            warn_few_rows(data)


def _tabulator(label, joint, data):
    """Map prices to the table of observed groups, labels and decisions."""
    shape = joint.shape[1:] + label.shape[1:]
    cell = (data.groups.codes * shape[1] + data.y) * shape[2]

    def tabulate(prices):
        decided = PricedRule(prices, 1.0).priced(label, joint).argmax(axis=1)
        flat = np.bincount(cell + decided, data.weight, np.prod(shape))
        return flat.reshape(shape).astype(float)

    return tabulate
