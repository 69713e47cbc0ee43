"""Logistic regression under fairness constraints."""

from numbers import Real
from warnings import warn

import numpy as np
from scipy.special import expit, softmax

from fairlearnkit._sklearn import Interval, StrOptions
from fairlearnkit._solvers.linear_losses import LogisticLoss, MultinomialLoss
from fairlearnkit._solvers.smoothed_rates import SmoothedRates, close_rates
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._linear import (
    LINEAR_PARAMETERS,
    FairLinearClassifier,
    violation_of,
)


class FairLogisticRegression(FairLinearClassifier):
    """Logistic regression whose scores, or decisions, are alike between groups.

    One linear model for everybody: the group is not needed at prediction, nothing is
    random, and the coefficients can be read. Two kinds of constraint are on offer.

    ``on="scores"`` (the default) bounds the difference between groups of the *mean
    score*, which for logistic regression is the mean log odds, over the people that the
    constraint's rates count: everybody for demographic parity, the truly positive for
    equal opportunity, each label apart for equalized odds. The problem stays convex, so
    that the answer is the optimum, takes the time of a few plain fits and says what
    the constraint costs (`dual_values_`). This is the covariance constraint of
    Zafar et al. and, for equal opportunity, the linear form of Donini et al.

    ``on="rates"`` bounds the rates of the decisions themselves, in the same units as
    every other mitigator. That problem is not convex: a good local optimum is sought,
    and a warning says if the tolerance was missed.

    When not to use it: equal mean scores are a weak promise about decisions. Groups
    whose scores are spread differently, or have heavy tails, may have equal means and
    unequal rates; see `violation_`. On Adult, equal mean log odds of women and men
    only halve the difference of their selection rates, from 0.18 to 0.09. Where the
    promise is about decisions, compare with ``on="rates"``,
    :class:`ReductionClassifier` or
    :class:`~fairlearnkit.postprocessing.ThresholdOptimizer`. With K groups every rate
    at a tolerance of 0 takes K - 1 degrees of freedom from the coefficients: with few
    features nothing may be left but a constant.

    Parameters
    ----------
    constraint : str, Constraint or Rate, default="demographic_parity"
        What must be close between groups: an alias such as "equalized_odds" or an
        object of :mod:`fairlearnkit.constraints`. It must be linear in the predictions.
        A ratio of mean scores means nothing, since they have either sign: on scores
        the ratio form of a constraint is the same as the difference form.
    on : {"scores", "rates"}, default="scores"
        Whether mean scores are compared or the rates of decisions.
    tolerance : float, default=0.01
        On scores, the bound on the largest max - min over groups of the mean score, as
        a share in [0, 1] of what it is in the plain model; in units of the score if
        ``relative=False``. On rates, the bound on the violation as the metrics report
        it, in [0, 1].
    relative : bool, default=True
        Whether the tolerance on scores is a share of the plain model's gap, so that 0
        asks for equal means and 1 for nothing. It plays no part on rates.
    max_loss_increase : float, default=None
        If given, the accuracy comes first: seek the least gap of mean scores whose
        objective is at most (1 + max_loss_increase) times the plain model's. The
        tolerance is then not used.
    C : float, default=1.0
        Inverse strength of the penalty, as in scikit-learn; ``np.inf`` for none.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 penalty; 0 is ridge and 1 is the lasso.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised.
    solver : {"auto", "newton", "lbfgs", "cvxpy"}, default="auto"
        "newton" solves a small quadratic program in each of a few steps and needs a
        matrix of n_coefficients squared; "lbfgs" needs none and takes L1 penalties;
        "auto" is "newton" up to 500 coefficients without L1. "cvxpy" is an independent
        reference for small data, on scores only.
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
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients of the features (without dropped columns).
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    violation_ : float
        Violation of the decisions on the training data, as the metrics report it.
    score_gap_ : float
        Largest max - min over groups of the mean score, on the training data.
    bound_ : float
        Bound on `score_gap_` that was asked for or, with `max_loss_increase`, reached;
        infinite on rates.
    multipliers_ : ndarray of shape (n_rates, n_groups)
        Lagrange multiplier of each group's mean score (or smoothed rate). Positive
        where it is held down; 0 where nothing binds or nobody is counted.
    dual_values_ : ndarray of shape (n_rates,)
        What each rate's constraint costs: by how much `objective_` would fall for a
        bound higher by one, at the margin.
    objective_ : float
        Mean log loss plus penalty, on the training data.
    n_iter_ : int
        Iterations of the last fit.
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
    FairLinearSVC : The same on scores, with the squared hinge.
    ReductionClassifier : Any classifier, rates of decisions, a mixture.

    Notes
    -----
    With weights :math:`w_i` that sum to 1 and W their sum before, on scores the fit is

    .. math:: \\min_\\theta \\sum_i w_i\\, \\ell(y_i, \\theta^\\top x_i)
       + \\frac{1}{C W} \\Bigl( \\frac{1 - \\rho}{2} \\|\\theta\\|_2^2
       + \\rho \\|\\theta\\|_1 \\Bigr)
       \\quad \\text{subject to} \\quad
       \\max_g m_{jg} - \\min_g m_{jg} \\le c \\ \\text{ for every rate } j

    where :math:`\\rho` is `l1_ratio` and :math:`m_{jg}` is rate j of group g with the
    score in the place of the prediction: for demographic parity the group's mean
    score. With more than two classes the score of a class is taken less the mean of
    all classes' scores. Two groups of shares p and 1 - p whose mean scores differ by
    :math:`c` have Zafar's covariance :math:`p (1 - p)\\, c`, and a relative tolerance
    is the multiplicative factor of that paper. For equal opportunity and c = 0 the
    constraint is the linear one of Donini et al. The intercept shifts all groups alike,
    so it is free to adapt in all three of these constraints.

    On rates, decisions are replaced by the probabilities at scores divided by a
    temperature that falls from 1 to 0.05, under an augmented Lagrangian, from the best
    mixture of the plain solution and the one with equal mean scores. If in the end the
    decisions violate more than `tolerance`, the smooth rates are bounded more tightly.
    Of all models met, the one of least objective that keeps the tolerance is returned.

    References
    ----------
    Zafar, Valera, Gomez Rodriguez, Gummadi, "Fairness constraints: mechanisms for fair
    classification", AISTATS 2017. :doi:`10.48550/arXiv.1507.05259`

    Donini, Oneto, Ben-David, Shawe-Taylor, Pontil, "Empirical risk minimization under
    fairness constraints", NeurIPS 2018. :doi:`10.48550/arXiv.1802.08626`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import FairLogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> skill, proxy = rng.normal(size=1000) + group, rng.normal(size=1000) + group
    >>> X = np.column_stack([skill, proxy, group])
    >>> y = skill + rng.normal(size=1000) > 0.5
    >>> model = FairLogisticRegression(tolerance=0, sensitive_features=2).fit(X, y)
    >>> score = model.decision_function(X)
    >>> print(round(abs(score[group == 1].mean() - score[group == 0].mean()), 6))
    0.0
    >>> rated = FairLogisticRegression(on="rates", sensitive_features=2).fit(X, y)
    >>> rated.violation_ <= 0.01
    True
    """

    _parameter_constraints: dict = {
        **LINEAR_PARAMETERS,
        "on": [StrOptions({"scores", "rates"})],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        *,
        constraint="demographic_parity",
        on="scores",
        tolerance=0.01,
        relative=True,
        max_loss_increase=None,
        C=1.0,
        l1_ratio=0.0,
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
        self.on = on
        self.tolerance = tolerance
        self.relative = relative
        self.max_loss_increase = max_loss_increase
        self.C = C
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing

    def predict_proba(self, X, *, sensitive_features=None):
        """Compute class probabilities.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def _loss(self, n_classes):
        return LogisticLoss() if n_classes == 2 else MultinomialLoss(n_classes)

    def _penalties(self, total):
        strength = 1 / (self.C * total)
        return strength * (1 - self.l1_ratio), strength * self.l1_ratio

    def _solve(self, problem, start, data, coefficients):
        if self.on == "scores":
            return super()._solve(problem, start, data, coefficients)
        self._check_rates_options()
        constraint = as_constraint(self.constraint)

        def violation(scores):
            return violation_of(scores, data, constraint)

        self.bound_ = np.inf
        plain = self._fit_at(problem, np.inf, start)
        reached = violation(problem.design.scores(plain.theta))
        if reached > self.tolerance:
            cells = data.groups.codes * len(data.classes) + data.y
            plain = close_rates(
                problem,
                SmoothedRates(cells, coefficients, problem.design.weight, 1.0),
                violation,
                compare=constraint.compare,
                tolerance=self.tolerance,
                plain=plain,
                level=self._fit_at(problem, 0.0, plain.theta),
                tol=max(self.tol, 1e-4),
                max_iter=self.max_iter,
            )
            reached = violation(problem.design.scores(plain.theta))
        self._warn_above(reached)
        return plain

    def _check_rates_options(self):
        if self.solver == "cvxpy" or self.max_loss_increase is not None:
            raise ValueError(
                "solver='cvxpy' and max_loss_increase are for convex problems: use "
                "them with on='scores'."
            )
        if self.tolerance > 1:
            raise ValueError(
                f"with on='rates' tolerance must lie in [0, 1], got {self.tolerance!r}."
            )

    def _warn_above(self, reached):
        if reached > self.tolerance + 1e-6:
            warn(
                f"the smallest violation found on the training data is {reached:.4g}, "
                f"above the tolerance of {self.tolerance:g}; allow a larger one, or "
                "use ReductionClassifier, which mixes models.",
                FairnessWarning,
                stacklevel=5,
            )
