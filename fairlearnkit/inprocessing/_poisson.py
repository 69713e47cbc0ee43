"""Poisson regression with equal mean predictions."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fairlearnkit._mitigator import SENSITIVE_PARAMETERS
from fairlearnkit._sklearn import Interval, StrOptions, fit_context
from fairlearnkit._solvers.fair_poisson import PoissonProblem, fit_poisson
from fairlearnkit._solvers.whitened_regression import WhitenedRegression, center
from fairlearnkit.inprocessing._linear_model import FairLinearModel

_SAME = 1e-6  # by how much the ratio of means may miss its bound without a warning


class FairPoissonRegressor(FairLinearModel):
    """Poisson regression of counts under which groups have similar mean predictions.

    For counts and rates, such as claims, visits or days: the prediction is
    :math:`e^{x^\\top \\beta + \\beta_0}`. The lowest mean prediction of a group is at
    least ``1 - tolerance`` times the highest. The group is not needed at prediction;
    features that give it away lose what they say about it.

    What it costs is deviance. A group that truly has more events is then predicted too
    few, and one with fewer too many, in the mean; where the difference is real and
    justified, do not use it. It equalises means and not whole distributions. Means hold
    on the training data, and on new people as well as means of samples generalise.

    Parameters
    ----------
    tolerance : float in [0, 1], default=0.0
        Largest violation: 1 - min / max of the groups' mean predictions. 0.2 is a
        four-fifths rule, 1 asks for nothing.
    mean : {"arithmetic", "geometric"}, default="arithmetic"
        Of the predicted counts, or of their logs. Geometric means make a convex
        problem, whose optimum is found for certain; arithmetic means are what totals
        are made of, but the optimum is only a local one, sought from the geometric one.
    alpha : float, default=1.0
        Penalty, as in :class:`~sklearn.linear_model.PoissonRegressor`: half of it times
        the squared coefficients is added to the mean half deviance.
    max_iter : int, default=100
        Most Newton steps.
    tol : float, default=1e-8
        Largest entry of a step, in standard deviations of a feature, at which to stop.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the features.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients of the features, on the log scale.
    intercept_ : float
        Constant of the model, on the log scale.
    violation_ : float
        1 - min / max of the groups' means on the training data.
    plain_violation_ : float
        The same of the regression without a constraint.
    group_means_ : ndarray of shape (n_groups,)
        Mean prediction of each group, of the kind that `mean` names.
    n_iter_ : int
        Newton steps of the constrained fit.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If nothing but a constant is within the tolerance.
    ConvergenceWarning
        If `max_iter` steps were not enough, with the violation reached.

    See Also
    --------
    MeanParityRegressor : The same with squared error.

    Notes
    -----
    With weights that sum to 1 and :math:`\\eta = X \\beta + \\beta_0`, it solves

    .. math:: \\min_{\\beta, \\beta_0} \\sum_i w_i (e^{\\eta_i} - y_i \\eta_i)
       + \\tfrac{\\alpha}{2} \\|\\beta\\|^2 \\quad \\text{subject to} \\quad
       |\\log m_g - \\log m_h| \\le -\\log(1 - \\text{tolerance})

    for all groups g, h with means m, by sequential quadratic programming. For rates
    with an exposure, pass y as count / exposure and the exposure as `sample_weight`;
    the means are then those per exposure. `score` is R squared, as for every regressor
    here; the share of deviance explained is
    :func:`sklearn.metrics.d2_tweedie_score` with ``power=1``.

    References
    ----------
    Calders, Karim, Kamiran, Ali, Zhang, "Controlling attribute effect in linear
    regression", ICDM 2013, for the constraint. :doi:`10.1109/ICDM.2013.114`

    McCullagh, Nelder, "Generalized linear models", 2nd edition, 1989, for the model.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import FairPoissonRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> X = rng.normal(size=(2000, 2)) + group[:, None] * [0.5, 1]
    >>> y = rng.poisson(np.exp(0.3 * X[:, 0] + 0.2 * group))
    >>> model = FairPoissonRegressor(tolerance=0.1, alpha=0)
    >>> fair = model.fit(X, y, sensitive_features=group).predict(X)
    >>> print(f"{model.plain_violation_:.2f} -> {model.violation_:.2f}")
    0.17 -> 0.10
    >>> print((fair[group == 0].mean() / fair[group == 1].mean()).round(3))
    0.9
    """

    _parameter_constraints: dict = {
        "tolerance": [Interval(Real, 0, 1, closed="both")],
        "mean": [StrOptions({"arithmetic", "geometric"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        **SENSITIVE_PARAMETERS,
    }

    def __init__(
        self,
        *,
        tolerance=0.0,
        mean="arithmetic",
        alpha=1.0,
        max_iter=100,
        tol=1e-8,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.tolerance = tolerance
        self.mean = mean
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.handle_missing = handle_missing

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Numbers.
        y : array-like of shape (n_samples,)
            Counts or rates: not negative, and not all 0.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : FairPoissonRegressor

        Raises
        ------
        ValueError
            If there are no groups, X is not numeric, or y is negative somewhere or 0
            everywhere.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        numbers, weight = self._numbers(data.X), data.weight_or_ones
        counted = weight > 0
        _check_counts(data.y[counted])
        x_mean, features = center(numbers, weight)
        whole = weight.sum()
        axes = WhitenedRegression.of(features, np.zeros(len(weight)), 0.0)
        basis = axes.basis * np.sqrt(whole)  # coordinates of unit variance
        groups = data.groups
        problem = PoissonProblem(
            Z=(numbers[counted] - x_mean) @ basis,
            y=data.y[counted],
            weight=weight[counted] / whole,
            penalty=self.alpha * np.sum(basis**2, axis=0),
            codes=groups.codes[counted],
            n_groups=len(groups),
            geometric=self.mean == "geometric",
        )
        plain, found = self._solve(problem)
        self.coef_ = basis @ found.theta[1:]
        self.intercept_ = float(found.theta[0] - x_mean @ self.coef_)
        self.group_means_ = np.exp(found.log_means)
        self.groups_, self.n_iter_ = groups.labels, found.n_iter
        self._warn_constant(basis @ plain.theta[1:])
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict the mean count.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            Not needed, and not looked at.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
            Positive.
        """
        linear = super().predict(X, sensitive_features=sensitive_features)
        return np.exp(linear)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags

    def _solve(self, problem):
        limits = {"max_iter": self.max_iter, "tol": self.tol}
        plain = fit_poisson(problem, np.inf, **limits)
        self.plain_violation_ = _violation(plain)
        found = plain
        if self.plain_violation_ > self.tolerance:
            bound, start = -np.log1p(-self.tolerance), None
            if not problem.geometric:
                start = fit_poisson(_geometric(problem), bound, **limits).theta
            found = fit_poisson(problem, bound, start=start, **limits)
        self.violation_ = _violation(found)
        if not found.converged or self.violation_ > self.tolerance + _SAME:
            warn(
                f"not converged after {found.n_iter} steps: the last step was "
                f"{found.step:.2g}, and the means violate parity by "
                f"{self.violation_:.4g} (tolerance {self.tolerance:g}); increase "
                "max_iter or alpha.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return plain, found


def _geometric(problem):
    return PoissonProblem(**{**vars(problem), "geometric": True})


def _violation(fit):
    return float(-np.expm1(-np.ptp(fit.log_means)))


def _check_counts(y):
    if (y < 0).any():
        raise ValueError(
            f"y holds {int((y < 0).sum())} negative values, but counts are 0 or more."
        )
    if not y.any():
        raise ValueError("y is 0 everywhere; there is nothing to predict.")
