"""The base of linear classifiers whose mean scores are close between groups."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from scipy import sparse
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
from fairlearnkit._solvers.fair_linear import LinearProblem, least_gap, solve
from fairlearnkit._solvers.fair_linear_reference import solve_by_cvxpy
from fairlearnkit._solvers.linear_design import make_design
from fairlearnkit._solvers.score_gaps import make_gaps
from fairlearnkit.constraints import Constraint, Rate, as_constraint

_NEWTON_SIZE = 500  # coefficients: beyond, a matrix of them costs more than it saves

LINEAR_PARAMETERS: dict = {
    **SENSITIVE_PARAMETERS,
    "constraint": [str, Constraint, Rate],
    "tolerance": [Interval(Real, 0, None, closed="left")],
    "relative": ["boolean"],
    "max_loss_increase": [Interval(Real, 0, None, closed="left"), None],
    "C": [Interval(Real, 0, None, closed="right")],
    "fit_intercept": ["boolean"],
    "solver": [StrOptions({"auto", "newton", "lbfgs", "cvxpy"})],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "warm_start": ["boolean"],
}


class FairLinearClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Base of linear models with a bound on the gaps of mean scores.

    A subclass gives `_loss(n_classes)`, `_penalties(total)` and, where it knows other
    constraints than on scores, `_solve`.
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Fit the coefficients under the constraint.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Numbers, except for sensitive columns that are dropped.
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights, in the loss and in every mean.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If there are no groups, a feature is no number, the constraint is not linear
            in the predictions, or parameters contradict each other.

        Warns
        -----
        FairnessWarning
            If a group has too few people for a rate, or the tolerance was not reached.
        ConvergenceWarning
            If `max_iter` was too small.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint = as_constraint(self.constraint)
        totals = data.totals / data.totals.sum()
        coefficients = constraint.coefficients(
            totals, data.classes.tolist(), user=type(self).__name__
        )
        warn_thin_rates(constraint, data)
        problem = self._problem(data, coefficients)
        fit = self._solve(problem, self._start(problem, data), data, coefficients)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self._keep(problem, fit)
        scores = problem.design.scores(fit.theta)
        self.violation_ = violation_of(scores, data, constraint)
        self._warn_unless_converged(fit)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict class labels.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable: the group is not needed.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        scores = self.decision_function(X)
        return self.classes_[decisions(scores)]

    def decision_function(self, X, *, sensitive_features=None):
        """Compute the linear scores.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes, of the second one.
        """
        check_is_fitted(self)
        X = self._numbers(self._check_X(X, reset=False))
        scores = np.asarray(X @ self.coef_.T) + self.intercept_
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _numbers(self, X):
        """The features as an array of floats; sparse stays sparse."""
        found = check_numbers(
            self,
            self._features(X),
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
        )
        return found.astype(np.float64) if sparse.issparse(found) else found

    def _problem(self, data, coefficients):
        design = make_design(
            self._numbers(data.X),
            data.weight_or_ones,
            has_intercept=self.fit_intercept,
        )
        loss = self._loss(len(data.classes))
        cells = data.groups.codes * len(data.classes) + data.y
        gaps = make_gaps(design, cells, coefficients, loss.n_scores)
        l2, l1 = self._penalties(data.totals.sum())
        return LinearProblem(design, loss, data.y, gaps, l2, l1)

    def _start(self, problem, data):
        if self.warm_start and hasattr(self, "coef_"):
            same = np.array_equal(self.classes_, data.classes)
            if same and self.coef_.shape[1] == len(problem.design.scale):
                return problem.design.standard(self.coef_, self.intercept_)
        return np.zeros(problem.shape)

    def _options(self, problem):
        newton = self.solver == "newton"
        if self.solver == "auto":
            newton = not problem.l1 and np.prod(problem.shape) <= _NEWTON_SIZE
        if newton and problem.l1:
            raise ValueError(
                "solver='newton' needs a smooth penalty; with l1_ratio > 0 use "
                "solver='lbfgs' or 'auto'."
            )
        return {"newton": newton, "tol": self.tol, "max_iter": self.max_iter}

    def _fit_at(self, problem, bound, start):
        """The solution for a bound in units of the score."""
        options = self._options(problem)
        if self.solver == "cvxpy":
            return solve_by_cvxpy(problem, bound)
        return solve(problem, bound, start, **options)

    def _solve(self, problem, start, data, coefficients):
        """The solution under the bound on scores that the parameters ask for."""
        if self.max_loss_increase is not None:
            return self._solve_within_loss(problem, start)
        if not self.relative:
            return self._solve_below(problem, self.tolerance, start)
        if self.tolerance == 0:
            return self._solve_below(problem, 0.0, start)
        plain = self._fit_at(problem, np.inf, start)
        gap = problem.gap(plain.theta)
        self.bound_ = self.tolerance * gap
        if self.tolerance >= 1 or gap == 0:
            return plain
        return self._solve_below(problem, self.bound_, plain.theta)

    def _solve_below(self, problem, bound, start):
        self.bound_ = float(bound)
        return self._fit_at(problem, bound, start)

    def _solve_within_loss(self, problem, start):
        """The least gap whose price is within the user's budget."""
        if self.solver == "cvxpy":
            raise ValueError("max_loss_increase needs another solver than 'cvxpy'.")
        plain = self._fit_at(problem, np.inf, start)
        budget = (1 + self.max_loss_increase) * plain.objective
        fit, self.bound_ = least_gap(problem, budget, plain, **self._options(problem))
        return fit

    def _keep(self, problem, fit):
        self.coef_, self.intercept_ = problem.design.raw(fit.theta)
        self.objective_ = fit.objective
        self.n_iter_ = fit.n_iter
        self.score_gap_ = problem.gap(fit.theta)
        self.multipliers_ = problem.gaps.by_group(fit.prices, 0.0)
        self.dual_values_ = np.maximum(self.multipliers_, 0).sum(axis=1)

    def _warn_unless_converged(self, fit):
        if fit.converged:
            return
        advice = (
            f"the slope is {fit.residual:.2g} for tol={self.tol:g}; increase max_iter "
            "or tol"
        )
        if self.solver == "cvxpy":
            advice = "cvxpy calls its solution inaccurate; use another solver"
        warn(
            f"not converged after {fit.n_iter} iterations: {advice}.",
            ConvergenceWarning,
            stacklevel=4,
        )


def decisions(scores):
    """Positions of the predicted classes."""
    if scores.ndim == 1 or scores.shape[1] == 1:
        return (scores.ravel() > 0).astype(int)
    return scores.argmax(axis=1)


def violation_of(scores, data, constraint):
    """Violation of the decisions that the scores make, on the training data."""
    n_groups, n_classes = len(data.groups), len(data.classes)
    cells = (data.groups.codes * n_classes + data.y) * n_classes + decisions(scores)
    size = n_groups * n_classes**2
    flat = np.bincount(cells, weights=data.weight, minlength=size).astype(float)
    counts = flat.reshape(n_groups, n_classes, n_classes)
    return constraint.violation(counts, data.classes.tolist())
