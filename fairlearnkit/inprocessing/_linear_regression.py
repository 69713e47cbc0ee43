"""Linear regression with a bound on what the sensitive features explain."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import SENSITIVE_PARAMETERS
from fairlearnkit._sklearn import Interval, StrOptions, fit_context
from fairlearnkit._solvers.explained_share import (
    bound_share,
    bound_spread,
    explained_share,
    ridge_to_bound,
)
from fairlearnkit._solvers.whitened_regression import (
    WhitenedRegression,
    center,
    orthonormal_basis,
)
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._linear_model import FairLinearModel
from fairlearnkit.inprocessing._linear_sensitive import SensitiveColumns

_LEFT = 1e-10  # share of a column that is its own; less is a rounding error


class FairLinearRegression(FairLinearModel):
    """Linear regression whose predictions owe little to the sensitive features.

    It bounds the share of the variance of the predictions that a linear regression of
    them on the sensitive features explains: 0 means that the predictions are
    uncorrelated with every sensitive feature (with groups: that all have the same mean
    prediction), 1 that nothing is asked. Sensitive features may be groups, numbers such
    as age or the share of a minority in a town, or both. The solution is exact and
    takes about twice the time of least squares.

    What it costs is squared error, least for the bound. What it does not equalise: the
    spread of the predictions, or errors. The bound holds on the training data, and
    about as well as a correlation generalises on new data: on Communities and Crime a
    bound of 0.05 came out as 0.061 on held-out places. Beware of the ratio: where the
    bound binds, the exact solution does not only shrink what the sensitive features
    explain, it also *inflates* the rest, by the factor `inflation_` (there 1.26), since
    both lower the share. If that is not wanted, choose ``relative_to="total"``. Do not
    use it to remove a difference that the work at hand justifies; see the strata of
    :class:`MeanParityRegressor`.

    Parameters
    ----------
    tolerance : float in [0, 1], default=0.05
        Largest share that the sensitive features may explain, of the variance that
        `relative_to` names.
    relative_to : {"explained", "total"}, default="explained"
        The share of what: of the variance of the predictions (Komiyama et al.), or of
        the variance of y, a bound that predictions cannot meet by spreading.
    method : {"exact", "ridge"}, default="exact"
        "exact" is the least squared error at the bound. "ridge" is Scutari et al.'s
        fair ridge regression (FRRM): only the coefficients of the sensitive features,
        standardised, are shrunk, by a common ridge; it needs ``use_sensitive=True``.
    alpha : float, default=0.0
        Ridge penalty on the squared coefficients, as in
        :class:`~sklearn.linear_model.Ridge`; not on those of `use_sensitive`.
    use_sensitive : bool, default=False
        Whether the sensitive features are predictors beside X, as in both papers. They
        are then needed at prediction, with every level seen in `fit`. A better fit at
        the same bound, but the group itself moves the prediction. Numeric sensitive
        columns that stand in X are predictors anyway, unless dropped.
    numeric_sensitive : bool, str or list of str, default=False
        Which sensitive features are quantities: all (True), or those named. The others
        are categories, whatever their type: each level becomes a column of 0 and 1. A
        column of X given by its index i is named "xi", an array given to `fit` without
        names "sensitive_features".
    cross : bool, default=True
        Whether several categorical features are crossed to intersectional groups. False
        adds them up one by one, so that intersections may still differ.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the sensitive features. If None, pass the values.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the features.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a level of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients of the features.
    intercept_ : float
        Constant of the model.
    sensitive_coef_ : ndarray of shape (n_sensitive_columns,) or None
        Coefficients of `sensitive_names_`, under ``use_sensitive=True``.
    sensitive_names_ : list of str
        Columns that the sensitive features became. No level is left out as reference.
    share_ : float
        Share that the sensitive features explain, on the training data.
    plain_share_ : float
        The same of the regression without a bound.
    inflation_ : float
        Standard deviation of the part of the predictions that is uncorrelated with the
        sensitive features, divided by that without a bound.
    groups_ : tuple
        Distinct values of the sensitive features.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If nothing but a constant is within the bound.

    See Also
    --------
    MeanParityRegressor : Equal means in units of y, also within strata.
    fairlearnkit.postprocessing.WassersteinBarycenterRegressor : Equal distributions.

    Notes
    -----
    With the centred sensitive columns S, the fit :math:`f = X \\beta`, and
    :math:`P_S` the projection on S, the coefficients solve

    .. math:: \\min_\\beta \\sum_i w_i (y_i - f_i)^2 + \\alpha \\|\\beta\\|^2
       \\quad \\text{subject to} \\quad
       \\mathrm{Var}(P_S f) \\le \\epsilon \\mathrm{Var}(f).

    The feasible set is not convex, yet one quadratic constraint leaves no duality gap,
    so the root in its multiplier is the global optimum. With `use_sensitive`, X and S
    are decorrelated, :math:`U = X - P_S X`, and :math:`f = S a + U b`. With the plain
    solution's standard deviations A of the first and B of the second part, and
    :math:`\\rho^2 = \\epsilon / (1 - \\epsilon)`, the solution for ``alpha=0`` is in
    closed form: where :math:`A > \\rho B`, b is scaled by
    :math:`v = (1 + \\rho A / B) / (1 + \\rho^2)` and a by :math:`\\rho v B / A`.

    A direction of X in which y has no signal at all could dilute the share at no cost;
    it stays unused.

    References
    ----------
    Komiyama, Takeda, Honda, Shimao, "Nonconvex optimization for regression with
    fairness constraints", ICML 2018.

    Scutari, Panero, Proissl, "Achieving fairness with a simple ridge penalty",
    Statistics and Computing 32 (2022). :doi:`10.1007/s11222-022-10143-w`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import FairLinearRegression
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(20, 60, 1000)
    >>> skill = rng.normal(size=1000) + 0.05 * age
    >>> wage = skill + 0.02 * age + rng.normal(size=1000)
    >>> X = np.column_stack([skill, rng.normal(size=1000)])
    >>> model = FairLinearRegression(tolerance=0.1, numeric_sensitive=True)
    >>> fair = model.fit(X, wage, sensitive_features=age).predict(X)
    >>> print(f"{model.plain_share_:.3f} -> {np.corrcoef(fair, age)[0, 1] ** 2:.3f}")
    0.232 -> 0.100
    """

    _parameter_constraints: dict = {
        "tolerance": [Interval(Real, 0, 1, closed="both")],
        "relative_to": [StrOptions({"explained", "total"})],
        "method": [StrOptions({"exact", "ridge"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "use_sensitive": ["boolean"],
        "numeric_sensitive": ["boolean", str, list, tuple],
        "cross": ["boolean"],
        **SENSITIVE_PARAMETERS,
    }

    def __init__(
        self,
        *,
        tolerance=0.05,
        relative_to="explained",
        method="exact",
        alpha=0.0,
        use_sensitive=False,
        numeric_sensitive=False,
        cross=True,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.tolerance = tolerance
        self.relative_to = relative_to
        self.method = method
        self.alpha = alpha
        self.use_sensitive = use_sensitive
        self.numeric_sensitive = numeric_sensitive
        self.cross = cross
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
            Numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The sensitive features; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : FairLinearRegression

        Raises
        ------
        ValueError
            If there are no sensitive features, one that is declared as numeric is not,
            X is not numeric, or ``method="ridge"`` goes without ``use_sensitive=True``.
        """
        if self.method == "ridge" and not self.use_sensitive:
            raise ValueError(
                "method='ridge' shrinks the coefficients of the sensitive features: "
                "set use_sensitive=True, or method='exact'."
            )
        with self._many_values_expected():
            data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        numbers, weight = self._numbers(data.X), data.weight_or_ones
        columns = SensitiveColumns.of(data.groups, self.numeric_sensitive, self.cross)
        x_mean, features = center(numbers, weight)
        s_mean, sensitive = center(columns.matrix(data.groups), weight)
        y_mean, target = center(data.y, weight)
        problem = _problem(features, sensitive, target, self.alpha, self.use_sensitive)
        found = self._solve(problem, float(target @ target))
        self.groups_, self.sensitive_names_ = data.groups.labels, columns.names
        self._columns = columns
        self.coef_ = problem.coefficients @ found
        self.intercept_ = float(y_mean - x_mean @ self.coef_)
        self.sensitive_coef_ = None
        if self.use_sensitive:
            self.sensitive_coef_ = problem.sensitive_coefficients @ found
            self.intercept_ -= float(s_mean @ self.sensitive_coef_)
        whole = None if self.relative_to == "explained" else float(target @ target)
        self.share_ = problem.share(found, whole)
        self.plain_share_ = problem.share(problem.target, whole)
        before = problem.rest(problem.target)
        self.inflation_ = problem.rest(found) / before if before > 0 else 1.0
        self._warn_constant(problem.coefficients @ problem.target)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict by the linear model.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            Needed under ``use_sensitive=True`` if the constructor names no column.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If `use_sensitive` and the features are not given, or hold a level that was
            not seen in `fit`.
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        found = self._linear(self._numbers(X))
        if not self.use_sensitive:
            return found
        with self._many_values_expected():
            groups = self._predict_groups(X, sensitive_features)
        return found + self._columns.matrix(groups) @ self.sensitive_coef_

    def _solve(self, problem, whole):
        bound = self.tolerance * whole
        explained = self.relative_to == "explained"
        if self.method == "ridge":
            k = len(problem.spread)
            rest = float(problem.gain[k:] @ problem.target[k:] ** 2)
            if explained:
                share = self.tolerance
                bound = np.inf if share == 1 else share / (1 - share) * rest
            own = ridge_to_bound(problem.target[:k], problem.sizes, bound)
            return np.concatenate([own, problem.target[k:]])
        if explained:
            return bound_share(
                problem.target, problem.gain, problem.spread, self.tolerance
            )
        return bound_spread(problem.target, problem.spread, bound)

    @contextmanager
    def _many_values_expected(self):
        """Numbers are no groups: that there are many of them is no reason to warn."""
        with warnings.catch_warnings():
            if self.numeric_sensitive is not False:
                warnings.filterwarnings(
                    "ignore", r"sensitive features .* make \d+ groups", FairnessWarning
                )
            yield


@dataclass(frozen=True, eq=False)
class _Problem:
    """A regression in whitened coordinates, and what the sensitive features explain."""

    target: np.ndarray
    gain: np.ndarray
    spread: np.ndarray
    sizes: np.ndarray
    coefficients: np.ndarray
    sensitive_coefficients: np.ndarray | None

    def share(self, a, whole):
        """Share explained, of the fit's variance or of `whole`."""
        if whole is None:
            return explained_share(a, self.gain, self.spread)
        return float(np.sum((self.spread @ a) ** 2) / whole) if whole > 0 else 0.0

    def rest(self, a):
        """Root of the sum of squares that the sensitive features do not explain."""
        rest = self.gain @ a**2 - np.sum((self.spread @ a) ** 2)
        return float(np.sqrt(max(rest, 0.0)))


def _problem(features, sensitive, target, alpha, use_sensitive):
    norms = np.linalg.norm(sensitive, axis=0)
    norms[norms == 0] = 1
    left, sizes, right = orthonormal_basis(sensitive / norms)
    shared = left.T @ features
    if not use_sensitive:
        own = WhitenedRegression.of(features, target, alpha)
        spread = shared @ own.basis
        return _Problem(own.target, own.gain, spread, sizes, own.basis, None)
    k = len(sizes)
    rest = features - left @ shared
    alive = np.linalg.norm(rest, axis=0) > _LEFT * np.linalg.norm(features, axis=0)
    own = WhitenedRegression.of(np.where(alive, rest, 0), target, alpha)
    zeros = np.zeros((len(own.basis), k))
    coefficients = np.hstack([zeros, own.basis])
    onto = (right / sizes[:, None]).T / norms[:, None]
    return _Problem(
        target=np.concatenate([left.T @ target, own.target]),
        gain=np.concatenate([np.ones(k), own.gain]),
        spread=np.eye(k, k + len(own.target)),
        sizes=sizes,
        coefficients=coefficients,
        sensitive_coefficients=onto
        @ (np.eye(k, k + len(own.target)) - shared @ coefficients),
    )
