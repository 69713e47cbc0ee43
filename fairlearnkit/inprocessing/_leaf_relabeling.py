"""Relabelling the leaves of a decision tree (Kamiran, Calders, Pechenizkiy 2010)."""

from dataclasses import replace
from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    MitigatorMixin,
    warn_few_rows,
    warn_thin_rates,
)
from fairlearnkit._sklearn import (
    Interval,
    StrOptions,
    call_method,
    fit_clone,
    fit_context,
    is_frozen,
    take_rows,
)
from fairlearnkit._solvers.leaf_labels import LeafProblem, probabilities_for
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._leaves import leaves_of

_HELD_OUT = 0  # salt of the hash that holds rows out
_MATERIAL = 1e-4  # an error that may be this much above the best is worth a warning


class LeafRelabelingClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Change the labels of a few leaves of a decision tree so that groups fare alike.

    A tree puts people into leaves and gives everyone in a leaf the same label. Here the
    leaves stay and labels change: of all labellings whose violation is at most
    `tolerance`, the one of least error. The tree may be fitted already, the group is
    not needed at prediction, and what was changed can be read leaf by leaf. With the
    default constraint, selection rates are equalised.

    The cost is accuracy: everyone in a relabelled leaf gets the label that is wrong for
    most of them. A tree with few leaves pays dearly, since a leaf holds many people; a
    tree whose leaves separate the groups pays least, so
    :class:`FairDecisionTreeClassifier` with ``criterion="igc+igs"`` grows trees to be
    relabelled. Do not use it where the leaf's label is a promise made to people one by
    one, or for ensembles.

    Counts of the rows that a tree was grown on flatter it: the leaves of a fully grown
    tree are pure, so that relabelling looks cheap and parity is reached on paper.
    `held_out` counts other rows instead, or give a frozen tree and rows that it has not
    seen.

    Parameters
    ----------
    estimator : classifier
        A single tree: scikit-learn's DecisionTreeClassifier or ExtraTreeClassifier, a
        :class:`FairDecisionTreeClassifier`, or another classifier whose ``apply(X)``
        gives one leaf for each row; also a Pipeline that ends in one, or a search for
        one. It is cloned, unless it is a FrozenEstimator.
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
    method : {"exact", "greedy", "randomized"}, default="exact"
        "exact" solves an integer program. "greedy" relabels one leaf at a time, that
        with the largest fall of the violation for each unit of error: the paper's
        algorithm, never better, and it can miss the tolerance. "randomized" lets a leaf
        draw its label by a salted hash of the row; few leaves need it, the error is the
        least of all, and the bound then holds in expectation.
    held_out : float in [0, 1), default=0
        Share of the rows, chosen by a hash, that the tree is not grown on and whose
        counts decide the labels; 0 counts the rows that it was grown on. A
        FrozenEstimator is counted on all rows given.
    max_nodes : int, default=2000
        Most nodes of branch and bound. Where they do not suffice, the best labels found
        are kept, and a warning says how far they may be from the best.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash of ``method="randomized"``.

    Attributes
    ----------
    estimator_ : classifier
        The fitted tree, with its own labels.
    leaves_ : ndarray of shape (n_leaves,)
        Number of each leaf, as `apply` of the tree gives it; only leaves that someone
        was in. Others keep the tree's own label.
    counts_ : ndarray of shape (n_leaves, n_groups, n_classes)
        Weight of the people of each leaf, group and label.
    chances_ : ndarray of shape (n_leaves, n_classes)
        Probability of each label in each leaf, 0 or 1 unless randomised.
    relabeled_ : ndarray of shape (n_relabeled,)
        Numbers of the leaves whose label was changed, or is drawn.
    error_ : float
        Error on the rows counted.
    violation_ : float
        Violation on the rows counted.
    plain_error_ : float
        Error of the tree's own labels on these.
    plain_violation_ : float
        Violation of the tree's own labels on these.
    gap_ : float
        `error_` minus a lower bound of it: 0 if it is proven the least, NaN if nothing
        is known, as under ``method="greedy"``.
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
        If no labels meet the tolerance, or the greedy ones do not.
    ConvergenceWarning
        If `max_nodes` did not suffice.

    See Also
    --------
    FairDecisionTreeClassifier : Grows a tree with the groups in mind.
    fairlearnkit.postprocessing.ThresholdOptimizer : Thresholds by group, for any score.

    Notes
    -----
    With :math:`x_{ld} = 1` if leaf l gets label d, and :math:`n_{lgy}` people of group
    g and label y in leaf l, the program is

    .. math:: \\min_x \\sum_{l,d} x_{ld} \\sum_{g,\\, y \\ne d} n_{lgy}
       \\quad \\text{subject to} \\quad \\sum_d x_{ld} = 1, \\quad
       \\max_g r_{jg}(x) - \\min_g r_{jg}(x) \\le \\text{tolerance},

    where every rate is a sum over leaves. For two groups and selection rates it is the
    knapsack problem of the paper. A tree within the tolerance is left alone, so that
    one grown with `class_weight` keeps its labels if it may.

    References
    ----------
    Kamiran, Calders, Pechenizkiy, "Discrimination aware decision tree learning", ICDM
    2010. :doi:`10.1109/ICDM.2010.50`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from fairlearnkit.inprocessing import LeafRelabelingClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> X = rng.normal(size=(2000, 2)) + group[:, None]
    >>> y = X[:, 0] + rng.normal(size=2000) > 0.5
    >>> tree = DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
    >>> model = LeafRelabelingClassifier(tree, tolerance=0.02)
    >>> model = model.fit(X, y, sensitive_features=group)
    >>> print(f"{model.plain_violation_:.2f} {model.violation_:.2f}")
    0.37 0.02
    >>> print(f"{model.plain_error_:.2f} {model.error_:.2f}")
    0.20 0.31
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        **CONSTRAINT_PARAMETERS,
        "method": [StrOptions({"exact", "greedy", "randomized"})],
        "held_out": [Interval(Real, 0, 1, closed="left")],
        "max_nodes": [Interval(Integral, 1, None, closed="left")],
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
        method="exact",
        held_out=0.0,
        max_nodes=2000,
        handle_missing="error",
        random_state=0,
    ):
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.method = method
        self.held_out = held_out
        self.max_nodes = max_nodes
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Grow the tree, count its leaves, and choose their labels.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the tree, of the error and of every rate.
        **fit_params : dict
            Passed on to the tree's `fit`.

        Returns
        -------
        self : LeafRelabelingClassifier

        Raises
        ------
        ValueError
            If there are no groups, the estimator has no leaves, the constraint is not
            linear in the predictions, or `held_out` leaves no rows of some label.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        features, counted = self._grow(data, sensitive_features, fit_params)
        warn_thin_rates(constraint, counted)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        leaf = leaves_of(self.estimator_, features)
        self.leaves_, place = np.unique(leaf, return_inverse=True)
        shape = len(self.leaves_), *counted.totals.shape
        cell = np.ravel_multi_index((place, counted.groups.codes, counted.y), shape)
        flat = np.bincount(cell, counted.weight_or_ones, np.prod(shape))
        self.counts_ = flat.reshape(shape)
        own = self._own_shares(features, place, sensitive_features)
        self._relabel(own, constraint)
        self._salt = new_salt(check_random_state(self.random_state))
        self._warn_about(counted)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict the label of each row's leaf.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable; passed on only to a nested
            mitigator that asks for it.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        found = self.predict_proba(X, sensitive_features=sensitive_features)
        return self.classes_[found.argmax(axis=1)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Shares of the classes in each row's leaf.

        They agree with `predict`: in a relabelled leaf the share of its new label and
        that of its old one change places, so they are not calibrated there.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        X, place, own = self._locate(X, sensitive_features)
        chances = np.eye(len(self.classes_))[own.argmax(axis=1)]
        known = place >= 0
        chances[known] = self.chances_[place[known]]
        ends = np.cumsum(chances, axis=1)[:, :-1]
        drawn = (row_uniforms(X, self._salt)[:, None] >= ends).sum(axis=1)
        own[known] = self._shares[place[known]]
        return probabilities_for(own, drawn)

    def expected_proba(self, X, *, sensitive_features=None):
        """Probability of each decision; 0 or 1 unless ``method="randomized"``.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        _, place, own = self._locate(X, sensitive_features)
        chances = np.eye(len(self.classes_))[own.argmax(axis=1)]
        chances[place >= 0] = self.chances_[place[place >= 0]]
        return chances

    def _grow(self, data, sensitive_features, fit_params):
        """Fit the tree; what it sees of all rows, and the rows to be counted."""
        features = self._features(data.X)
        if is_frozen(self.estimator):
            self.estimator_ = self.estimator
            self._check_classes(data)
            return features, data
        out = row_uniforms(data.X, _HELD_OUT) < self.held_out
        grown = None if not out.any() else np.flatnonzero(~out)
        self.estimator_ = fit_clone(
            self.estimator,
            take_rows(features, grown),
            take_rows(data.labels, grown),
            sample_weight=take_rows(data.weight, grown),
            sensitive_features=take_rows(sensitive_features, grown),
            **fit_params,
        )
        self._check_classes(data)
        if grown is None:
            return features, data
        weight = data.weight_or_ones * out
        counted = replace(data, weight=weight)
        if (counted.totals.sum(axis=0) == 0).any():
            raise ValueError(
                f"held_out={self.held_out:g} holds out nobody of some label among "
                f"{len(data.y)} rows; hold out more, or 0 to count all rows."
            )
        return features, counted

    def _check_classes(self, data):
        known, asked = self.estimator_.classes_.tolist(), data.classes.tolist()
        if known != asked:
            raise ValueError(f"the tree knows the classes {known}, but y has {asked}.")

    def _own_shares(self, features, place, sensitive_features):
        """The tree's own probabilities in each leaf, of which the largest decides."""
        _, first = np.unique(place, return_index=True)
        return call_method(
            self.estimator_,
            "predict_proba",
            take_rows(features, first),
            take_rows(sensitive_features, first),
        )

    def _relabel(self, own, constraint):
        labels = own.argmax(axis=1)
        problem = LeafProblem(self.counts_, labels, constraint, self.classes_.tolist())
        before = problem.present()
        solution = problem.solve(self.method, self.tolerance, node_limit=self.max_nodes)
        self.chances_, self.gap_ = solution.chances, solution.gap
        self.error_, self.plain_error_ = solution.error, before.error
        self.violation_, self.plain_violation_ = solution.violation, before.violation
        changed = self.chances_[np.arange(len(labels)), labels] < 1
        self.relabeled_ = self.leaves_[changed]
        people = self.counts_.sum(axis=1)
        total = people.sum(axis=1, keepdims=True)
        self._shares = np.divide(people, total, out=own.copy(), where=total > 0)

    def _locate(self, X, sensitive_features):
        """Check X, find each row's leaf (-1 if unknown), and ask the tree itself."""
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        features = self._features(X)
        leaf = leaves_of(self.estimator_, features)
        place = np.searchsorted(self.leaves_, leaf)
        place = np.minimum(place, len(self.leaves_) - 1)
        place[self.leaves_[place] != leaf] = -1
        own = call_method(
            self.estimator_, "predict_proba", features, sensitive_features
        )
        return X, place, np.array(own, dtype=float)

    def _warn_about(self, counted):
        if self.violation_ > self.tolerance + 1e-6:
            advice = "method='exact', " if self.method == "greedy" else ""
            warn(
                f"the labels violate the constraint by {self.violation_:.4g}, above "
                f"the tolerance of {self.tolerance:g}; try {advice}a tree with more "
                "leaves, or a larger tolerance.",
                FairnessWarning,
                stacklevel=3,
            )
        if self.gap_ > _MATERIAL:
            warn(
                f"not proven the best labels after {self.max_nodes} nodes: the error "
                f"may be {self.gap_:.2g} above the least; increase max_nodes.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if self.method == "randomized" and len(self.relabeled_):
            warn_few_rows(counted)
