"""Discrimination-aware decision trees (Kamiran, Calders, Pechenizkiy 2010)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import (
    SENSITIVE_PARAMETERS,
    MitigatorMixin,
    check_numbers,
    warn_thin_rates,
)
from fairlearnkit._sklearn import Interval, StrOptions, fit_context
from fairlearnkit._solvers.leaf_labels import LeafProblem, probabilities_for
from fairlearnkit._solvers.tree_growth import CRITERIA, Growth, grow_tree
from fairlearnkit.constraints import DemographicParity
from fairlearnkit.exceptions import FairnessWarning

_MATERIAL = 1e-4  # an error that may be this much above the best is worth a warning
_NODES = 2000  # of branch and bound


class FairDecisionTreeClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Grow a decision tree whose splits inform about the label, not about the group.

    An ordinary tree splits where it learns most about the label, be it by way of the
    group. Here every split has two gains: what it tells of the label (IGC) and what it
    tells of the group (IGS). With ``criterion="igc-igs"`` a split that tells more of
    the group than of the label is never made; "igc/igs" asks for most information on
    the label for each bit on the group. Both lower the gap of selection rates, without
    a bound: the labels stay those of the majority of each leaf, and a tree without the
    group can still follow it by several splits that each look harmless.

    ``criterion="igc+igs"`` does the opposite, for the sake of `relabel_tolerance`: it
    makes leaves that are homogeneous in the label and in the group, so that relabelling
    a few of them restores parity at little cost. Of the paper's methods this is the one
    to choose where a bound must hold. Such a tree treats groups differently: do not use
    it where that is barred, or hide the sensitive columns by `drop_sensitive`.

    Parameters
    ----------
    criterion : {"igc-igs", "igc/igs", "igc+igs", "igc"}, default="igc-igs"
        How the two gains are combined; "igc" is an ordinary tree.
    max_depth : int, default=None
        Most splits between the root and a leaf; None means no limit.
    min_samples_split : int, default=2
        Least rows of a node that is split. Rows with a weight of 0 do not count.
    min_samples_leaf : int, default=1
        Least rows of a leaf.
    relabel_tolerance : float in [0, 1], default=None
        If given, leaves are relabelled so that selection rates differ by at most this
        on the training data, at the least error, as
        :class:`LeafRelabelingClassifier` does. None keeps the majority's labels.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the tree.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    tree_ : GrownTree
        The nodes: `feature`, `threshold`, `left`, `right`, `depth` and the `counts` of
        the training rows by node, group and class.
    leaf_labels_ : ndarray of shape (n_leaves,)
        Position in `classes_` of each leaf's label, in the order of ``tree_.leaves``.
    relabeled_ : ndarray of shape (n_relabeled,)
        Numbers of the leaves whose label is not the majority's.
    error_ : float
        Error on the training data.
    violation_ : float
        Largest difference of selection rates on the training data.
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
    LeafRelabelingClassifier : Relabels any tree, under any linear constraint, and can
        count people who were held out.
    ReductionClassifier : Bounds the violation for any base classifier.

    Notes
    -----
    With the entropy :math:`H_Z(D)` of the label (Z = C) or the group (Z = S) in node D,

    .. math:: IG_Z = H_Z(D) - \\sum_i \\frac{|D_i|}{|D|} H_Z(D_i)

    for the two parts :math:`D_i`. A node becomes a leaf when no split has a positive
    score, so "igc+igs" goes on in a node of a single label that has several groups.
    Every threshold between two values is tried. Features are numbers: encode
    categories, as by OneHotEncoder in a Pipeline.

    References
    ----------
    Kamiran, Calders, Pechenizkiy, "Discrimination aware decision tree learning", ICDM
    2010. :doi:`10.1109/ICDM.2010.50`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import FairDecisionTreeClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> skill, proxy = rng.normal(size=2000), group + 0.3 * rng.normal(size=2000)
    >>> y = skill + group + 0.5 * rng.normal(size=2000) > 0.5
    >>> X = np.column_stack([skill, proxy])
    >>> for criterion in ("igc", "igc-igs"):
    ...     tree = FairDecisionTreeClassifier(criterion=criterion, max_depth=3)
    ...     tree = tree.fit(X, y, sensitive_features=group)
    ...     print(criterion, round(tree.violation_, 2), round(tree.error_, 2))
    igc 0.5 0.16
    igc-igs 0.01 0.2
    """

    _parameter_constraints: dict = {
        **SENSITIVE_PARAMETERS,
        "criterion": [StrOptions(set(CRITERIA))],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_split": [Interval(Integral, 2, None, closed="left")],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "relabel_tolerance": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        *,
        criterion="igc-igs",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        relabel_tolerance=None,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.relabel_tolerance = relabel_tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Grow the tree, and relabel its leaves if asked to.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Numbers, none missing.
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of both gains, of the labels and of the selection rates.

        Returns
        -------
        self : FairDecisionTreeClassifier

        Raises
        ------
        ValueError
            If there are no groups, or a feature is no number.

        Warns
        -----
        FairnessWarning
            If a group is too small to judge.
        ConvergenceWarning
            If relabelling was not proven to be the best.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        numbers = self._numbers(data.X)
        warn_thin_rates(DemographicParity(), data)
        weight = data.weight_or_ones
        kept = np.flatnonzero(weight > 0)
        self.tree_ = grow_tree(
            *(numbers[kept], data.y[kept], data.groups.codes[kept], weight[kept]),
            data.totals.shape,
            Growth(
                self.criterion,
                self.max_depth,
                self.min_samples_split,
                self.min_samples_leaf,
            ),
        )
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self._label()
        return self

    def apply(self, X):
        """Find each row's leaf.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        leaves : ndarray of shape (n_samples,)
            Numbers of nodes of `tree_`.
        """
        check_is_fitted(self)
        return self.tree_.apply(self._numbers(self._check_X(X, reset=False)))

    def predict(self, X, *, sensitive_features=None):
        """Predict the label of each row's leaf.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        leaf = self.apply(X)
        place = np.searchsorted(self.tree_.leaves, leaf)
        return self.classes_[self.leaf_labels_[place]]

    def predict_proba(self, X, *, sensitive_features=None):
        """Shares of the classes in each row's leaf.

        They agree with `predict`: in a relabelled leaf the share of its new label and
        that of the majority's change places, so they are not calibrated there.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        leaf = self.apply(X)
        return self._shares[np.searchsorted(self.tree_.leaves, leaf)]

    def get_depth(self):
        """Most splits between the root and a leaf.

        Returns
        -------
        depth : int
        """
        check_is_fitted(self)
        return int(self.tree_.depth.max())

    def get_n_leaves(self):
        """Number of leaves.

        Returns
        -------
        n_leaves : int
        """
        check_is_fitted(self)
        return len(self.tree_.leaves)

    def _numbers(self, X):
        return check_numbers(self, self._features(X))

    def _label(self):
        leaves = self.tree_.leaves
        counts = self.tree_.counts[leaves]
        people = counts.sum(axis=1)
        majority = people.argmax(axis=1)
        problem = LeafProblem(
            counts, majority, DemographicParity(), self.classes_.tolist()
        )
        if self.relabel_tolerance is None:
            solution = problem.present()
        else:
            solution = problem.solve("exact", self.relabel_tolerance, node_limit=_NODES)
            self._warn_about(solution)
        self.leaf_labels_ = solution.chances.argmax(axis=1)
        self.relabeled_ = leaves[self.leaf_labels_ != majority]
        self.error_, self.violation_ = solution.error, solution.violation
        shares = people / people.sum(axis=1, keepdims=True)
        self._shares = probabilities_for(shares, self.leaf_labels_)

    def _warn_about(self, solution):
        if solution.violation > self.relabel_tolerance + 1e-6:
            warn(
                f"selection rates differ by {solution.violation:.4g}, above the "
                f"tolerance of {self.relabel_tolerance:g}.",
                FairnessWarning,
                stacklevel=4,
            )
        if solution.gap > _MATERIAL:
            warn(
                f"the error of the relabelled tree may be {solution.gap:.2g} above the "
                "least; a smaller tree is relabelled exactly.",
                ConvergenceWarning,
                stacklevel=4,
            )
