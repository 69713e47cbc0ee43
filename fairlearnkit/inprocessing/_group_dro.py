"""Group distributionally robust linear models (Sagawa et al. 2020)."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import fit_context
from fairlearnkit._solvers.linear_losses import LogisticLoss, MultinomialLoss
from fairlearnkit.inprocessing._group_dro_fit import (
    LINEAR_PARAMETERS,
    fit_linear,
    linear_scores,
    with_weighted_classes,
)


class GroupDROClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Logistic regression for the group that it serves worst, solved exactly.

    Instead of the mean loss of all people it minimises the greatest mean logistic loss
    of any group: group distributionally robust optimisation. Nothing is equalised for
    its own sake; losses of the groups that bind become equal because the worst one
    cannot be lowered further. The cost is overall loss. The group is not needed at
    prediction, there is no randomisation, and for this model the answer is the optimum,
    with a duality gap to prove it.

    Do not use it where one group's labels are noisier than those of others: its loss is
    the greatest whatever the model does, and everybody else pays. A small group's loss
    is overfitted easily; `alpha` and `size_adjustment` are there for that.

    Parameters
    ----------
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the model. Text columns must be
        hidden, since the model needs numbers.
    alpha : float > 0, default=0.001
        Strength of the L2 penalty, alpha / 2 times the squared norm of `coef_`. For one
        group it is the ``1 / (C * n_samples)`` of scikit-learn's LogisticRegression.
    size_adjustment : float >= 0, default=0
        Adds size_adjustment / sqrt(n_g) to the loss of each group before they are
        compared, n_g the sum of its weights: smaller groups, whose loss on new people
        exceeds the training loss by more, are trained harder.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    max_iter : int, default=500
        Most Newton steps.
    tol : float in (0, 1), default=1e-06
        Duality gap at which to stop, as a share of the pooled model's worst-group loss.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (1 or n_classes, n_features)
        Coefficients.
    intercept_ : ndarray of shape (1 or n_classes,)
        Intercepts.
    group_weights_ : ndarray of shape (n_groups,)
        Dual weight of each group; 0 where its loss does not bind. Training on weights
        of group_weights_ / n_g gives the same model.
    group_report_ : GroupLosses
        Each group's log loss under plain logistic regression of the same `alpha`, and
        under this model.
    worst_group_loss_ : float
        Log loss of the worst group on the training data.
    loss_ : float
        Overall log loss on the training data.
    gap_ : float
        Duality gap of the greatest loss.
    n_iter_ : int
        Newton steps.
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
    GroupDRORegressor : The same for numbers.
    MinimaxFairClassifier : For any learner, and for error rates.

    Notes
    -----
    It solves the convex problem

    .. math:: \\min_\\theta \\max_g \\Bigl\\{ \\frac{1}{W_g} \\sum_{i \\in g} w_i\\,
       \\ell(\\theta; x_i, y_i) + \\frac{c}{\\sqrt{W_g}} \\Bigr\\}
       + \\frac{\\alpha}{2} \\lVert\\theta\\rVert^2

    by Newton's method on a soft maximum whose temperature falls. Sagawa et al. use
    online mirror descent for neural networks; the objective is theirs.

    References
    ----------
    Sagawa, Koh, Hashimoto, Liang, "Distributionally robust neural networks for group
    shifts", ICLR 2020. :doi:`10.48550/arXiv.1911.08731`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import GroupDROClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = (rng.random(2000) < 0.2).astype(int)
    >>> X = np.column_stack([rng.normal(size=(2000, 2)), group])
    >>> y = np.where(group == 1, X[:, 1], X[:, 0]) + rng.normal(size=2000) / 2 > 0
    >>> model = GroupDROClassifier(sensitive_features=2).fit(X, y)
    >>> model.group_report_.before.round(2), model.group_report_.after.round(2)
    (array([0.4, 0.8]), array([0.53, 0.53]))
    """

    _parameter_constraints: dict = LINEAR_PARAMETERS

    def __init__(
        self,
        *,
        sensitive_features=None,
        drop_sensitive=False,
        alpha=0.001,
        size_adjustment=0.0,
        fit_intercept=True,
        max_iter=500,
        tol=1e-6,
        handle_missing="error",
    ):
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.alpha = alpha
        self.size_adjustment = size_adjustment
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Numbers, but for sensitive columns under ``drop_sensitive=True``.
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights.

        Returns
        -------
        self : GroupDROClassifier

        Raises
        ------
        ValueError
            If there are no groups, or X is not numeric.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        data = with_weighted_classes(data)
        several = len(data.classes) > 2
        loss = MultinomialLoss(len(data.classes)) if several else LogisticLoss()
        self.classes_ = data.classes
        fit_linear(self, data, loss, "log loss")
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict the likeliest class.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        score = self.decision_function(X)
        place = (score > 0).astype(int) if score.ndim == 1 else score.argmax(axis=1)
        return self.classes_[place]

    def predict_proba(self, X, *, sensitive_features=None):
        """Predict class probabilities.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        score = self.decision_function(X)
        if score.ndim == 1:
            score = np.column_stack([np.zeros(len(score)), score])
        odds = np.exp(score - score.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def decision_function(self, X, *, sensitive_features=None):
        """Compute the log odds of the second class, or a score for each of several.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        score = linear_scores(self, X)
        return score[:, 0] if score.shape[1] == 1 else score

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
