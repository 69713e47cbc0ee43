"""A linear support vector classifier under fairness constraints."""

from fairlearnkit._solvers.linear_losses import SquaredHingeLoss
from fairlearnkit.inprocessing._linear import LINEAR_PARAMETERS, FairLinearClassifier


class FairLinearSVC(FairLinearClassifier):
    """Linear support vector machine whose mean scores are alike between groups.

    It minimises the squared hinge loss, as :class:`sklearn.svm.LinearSVC` does, under a
    bound on the difference between groups of the mean score over the people that the
    constraint's rates count. With ``constraint="equal_opportunity"`` and a tolerance of
    0 that is fair empirical risk minimisation for linear models (Donini et al.). The
    problem is convex, the group is not needed at prediction, and the fit takes
    the time of a few plain ones.

    When not to use it: equal mean scores do not promise equal rates of decisions, see
    `violation_`; and the scores are no probabilities. Where those are needed, use
    :class:`FairLogisticRegression`. Two classes only.

    Parameters
    ----------
    constraint : str, Constraint or Rate, default="true_positive_rate_parity"
        What must be close between groups: an alias such as "equalized_odds" or an
        object of :mod:`fairlearnkit.constraints`. It must be linear in the predictions.
        The ratio form is the same as the difference form, since mean scores have either
        sign.
    tolerance : float, default=0.01
        Bound on the largest max - min over groups of the mean score, as a share in
        [0, 1] of what it is in the plain model; in units of the score, in which the
        margin is 1, if ``relative=False``.
    relative : bool, default=True
        Whether the tolerance is a share of the plain model's gap, so that 0 asks for
        equal means and 1 for nothing.
    max_loss_increase : float, default=None
        If given, the accuracy comes first: seek the least gap of mean scores whose
        objective is at most (1 + max_loss_increase) times the plain model's. The
        tolerance is then not used.
    C : float, default=1.0
        Inverse strength of the penalty, as in scikit-learn; ``np.inf`` for none.
    fit_intercept : bool, default=True
        Whether to add an intercept. Unlike that of LinearSVC it is not penalised.
    solver : {"auto", "newton", "lbfgs", "cvxpy"}, default="auto"
        "newton" solves a small quadratic program in each of a few steps and needs a
        matrix of n_coefficients squared; "lbfgs" needs none; "auto" is "newton" up to
        500 coefficients. "cvxpy" is an independent reference for small data.
    tol : float, default=1e-6
        Largest slope of the Lagrangian of the mean loss, in standardised features, at
        which to stop.
    max_iter : int, default=2000
        Most iterations of one fit.
    warm_start : bool, default=False
        Whether to start from the coefficients of the last fit.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether the model does without the sensitive columns.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Coefficients of the features (without dropped columns).
    intercept_ : ndarray of shape (1,)
        Intercept.
    violation_ : float
        Violation of the decisions on the training data, as the metrics report it.
    score_gap_ : float
        Largest max - min over groups of the mean score, on the training data.
    bound_ : float
        Bound on `score_gap_` that was asked for or, with `max_loss_increase`, reached.
    multipliers_ : ndarray of shape (n_rates, n_groups)
        Lagrange multiplier of each group's mean score: positive where it is held down,
        0 where nothing binds or nobody is counted.
    dual_values_ : ndarray of shape (n_rates,)
        What each rate's constraint costs: by how much `objective_` would fall for a
        bound higher by one, at the margin.
    objective_ : float
        Mean squared hinge loss plus penalty, on the training data.
    n_iter_ : int
        Iterations of the last fit.
    groups_ : tuple
        Label of each group.
    classes_ : ndarray of shape (2,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    FairLogisticRegression : The same with the log loss, also on rates of decisions.

    Notes
    -----
    With labels :math:`y_i = \\pm 1`, weights :math:`w_i` that sum to 1, and W their sum
    before,

    .. math:: \\min_\\theta \\sum_i w_i \\max(0, 1 - y_i\\, \\theta^\\top x_i)^2
       + \\frac{\\|\\theta\\|_2^2}{2 C W} \\quad \\text{subject to} \\quad
       \\max_g m_{jg} - \\min_g m_{jg} \\le c \\ \\text{ for every rate } j

    where :math:`m_{jg}` is rate j of group g with the score in the place of the
    prediction, for equal opportunity the mean score of the group's positives.

    References
    ----------
    Donini, Oneto, Ben-David, Shawe-Taylor, Pontil, "Empirical risk minimization under
    fairness constraints", NeurIPS 2018. :doi:`10.48550/arXiv.1802.08626`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import FairLinearSVC
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> skill, proxy = rng.normal(size=1000) + group, rng.normal(size=1000) + group
    >>> X = np.column_stack([skill, proxy, group])
    >>> y = skill + rng.normal(size=1000) > 0.5
    >>> model = FairLinearSVC(tolerance=0, sensitive_features=2).fit(X, y)
    >>> score = model.decision_function(X)
    >>> means = [score[y & (group == g)].mean() for g in (0, 1)]
    >>> print(round(abs(means[1] - means[0]), 6))
    0.0
    """

    _parameter_constraints: dict = LINEAR_PARAMETERS

    def __init__(
        self,
        *,
        constraint="true_positive_rate_parity",
        tolerance=0.01,
        relative=True,
        max_loss_increase=None,
        C=1.0,
        fit_intercept=True,
        solver="auto",
        tol=1e-6,
        max_iter=2000,
        warm_start=False,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.constraint = constraint
        self.tolerance = tolerance
        self.relative = relative
        self.max_loss_increase = max_loss_increase
        self.C = C
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _loss(self, n_classes):
        return SquaredHingeLoss()

    def _penalties(self, total):
        return 1 / (self.C * total), 0.0
