"""Reweighing (Kamiran and Calders 2012)."""

from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import MitigatorMixin, refuse_frozen
from fairlearnkit._sklearn import (
    StrOptions,
    call_method,
    estimator_has,
    fit_clone,
    fit_context,
    take_rows,
)
from fairlearnkit.exceptions import FairnessWarning, shortlist


class ReweighingClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Train a classifier on weights that make label and group independent.

    Every person of group s with label y gets the weight P(s) P(y) / P(s, y): groups
    that got the positive label less often than others have their positives weighted up
    and their negatives down. On the weighted data the label tells nothing about the
    group, so a model trained on it has less to learn about the group. No label and no
    feature is changed, and the group is not needed at prediction.

    What it equalises is the *data*, not the predictions: the disparity of the model
    shrinks, usually by half or more, without a bound. Use a constraint-based method
    where a bound must hold. The cost is a smaller effective sample size
    (`effective_sample_size_`).

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier whose `fit` takes `sample_weight`; also a Pipeline,
        a search, or an ensemble of such. It is cloned.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups; several columns make intersectional
        groups. A callable maps X to column names or to values per row. If None, pass
        the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    weight_strategy : {"sample_weight", "resample"}, default="sample_weight"
        Whether `estimator` receives the weights, or rows drawn with replacement with
        probabilities in proportion to them, for estimators that take no weights.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    random_state : int, RandomState instance or None, default=None
        Draws the rows of ``weight_strategy="resample"``.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    weights_ : ndarray of shape (n_groups, n_classes)
        Weight of each group and label; NaN for a cell without people.
    sample_weight_ : ndarray of shape (n_samples,)
        Weights of the training rows, the user's own multiplied in.
    effective_sample_size_ : float
        Kish's (sum w)^2 / sum w^2 of `sample_weight_`.
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
    fairlearnkit.inprocessing.ReductionClassifier : Bounds the disparity itself.
    fairlearnkit.postprocessing.ThresholdOptimizer : Bounds it by group thresholds.

    Notes
    -----
    With weights :math:`w_i` of the user's own, P is weighted. With K groups and C
    classes every cell has

    .. math:: W(s, y) = \\frac{P(s)\\,P(y)}{P(s, y)}

    so that weighted label and group are independent and every group keeps its total
    weight. An empty cell cannot be filled by weights: independence is then out of
    reach, and a warning names the cell.

    References
    ----------
    Kamiran, Calders, "Data preprocessing techniques for classification without
    discrimination", Knowledge and Information Systems 33, 2012.
    :doi:`10.1007/s10115-011-0463-8`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.preprocessing import ReweighingClassifier
    >>> X = np.array([[0, 1.0], [0, 2.0], [0, 3.0], [1, 1.0], [1, 2.0], [1, 3.0]])
    >>> y = [0, 1, 1, 0, 0, 1]
    >>> model = ReweighingClassifier(LogisticRegression(), sensitive_features=0)
    >>> model.fit(X, y).weights_
    array([[1.5 , 0.75],
           [0.75, 1.5 ]])
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "weight_strategy": [StrOptions({"sample_weight", "resample"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        sensitive_features=None,
        drop_sensitive=False,
        weight_strategy="sample_weight",
        handle_missing="error",
        random_state=None,
    ):
        self.estimator = estimator
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.weight_strategy = weight_strategy
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Compute the weights and fit a clone of the estimator on them.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : ReweighingClassifier

        Raises
        ------
        ValueError
            If there are no groups, the estimator is frozen, or it takes no weights
            under ``weight_strategy="sample_weight"``.
        """
        refuse_frozen(self)
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        self.weights_ = independence_weights(data.totals)
        _warn_empty_cells(data)
        cell_weight = self.weights_[data.groups.codes, data.y]
        self.sample_weight_ = np.nan_to_num(cell_weight) * data.weight_or_ones
        total = self.sample_weight_.sum()
        self.effective_sample_size_ = float(total**2 / (self.sample_weight_**2).sum())
        self.groups_, self.classes_ = data.groups.labels, data.classes
        rows, weight = None, self.sample_weight_
        if self.weight_strategy == "resample":
            draw, n_rows = check_random_state(self.random_state), len(data.y)
            rows, weight = draw.choice(n_rows, size=n_rows, p=weight / total), None
        self.estimator_ = fit_clone(
            self.estimator,
            take_rows(self._features(data.X), rows),
            take_rows(data.labels, rows),
            sample_weight=weight,
            sensitive_features=take_rows(sensitive_features, rows),
            **fit_params,
        )
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict class labels.

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
        return self._call("predict", X, sensitive_features)

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X, *, sensitive_features=None):
        """Predict class probabilities; see `predict` for the parameters.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        return self._call("predict_proba", X, sensitive_features)

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X, *, sensitive_features=None):
        """Compute the estimator's decision function; see `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._call("decision_function", X, sensitive_features)

    def _call(self, method, X, sensitive_features):
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        return call_method(
            self.estimator_, method, self._features(X), sensitive_features
        )


def independence_weights(totals):
    """P(s) P(y) / P(s, y) for a table of weights by group and label.

    Parameters
    ----------
    totals : ndarray of shape (n_groups, n_classes)

    Returns
    -------
    weights : ndarray of the same shape
        NaN where `totals` is 0.
    """
    expected = np.outer(totals.sum(axis=1), totals.sum(axis=0)) / totals.sum()
    return np.divide(expected, totals, np.full(totals.shape, np.nan), where=totals > 0)


def _warn_empty_cells(data):
    empty = np.argwhere(data.totals == 0)
    if not len(empty):
        return
    labels = data.classes.tolist()
    cells = [f"({data.groups.describe(g)}, label {labels[y]!r})" for g, y in empty]
    warn(
        f"nobody is in {shortlist(cells)}, so no weights make label and group "
        "independent; the disparity of these groups stays.",
        FairnessWarning,
        stacklevel=4,
    )
