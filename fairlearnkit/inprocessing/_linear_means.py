"""Linear regression with equal mean predictions, overall or within strata."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from fairlearnkit._groups import drop_columns, resolve_groups
from fairlearnkit._mitigator import SENSITIVE_PARAMETERS, check_numbers
from fairlearnkit._sklearn import Interval, fit_context
from fairlearnkit._solvers.least_distance import nearest_within
from fairlearnkit._solvers.mean_contrasts import (
    Comparison,
    cell_means,
    mean_contrasts,
    quantile_strata,
)
from fairlearnkit._solvers.whitened_regression import WhitenedRegression, center
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.inprocessing._linear_model import FairLinearModel

_SAME = 1e-10  # difference of means, in root mean squares of a column, that is none


class MeanParityRegressor(FairLinearModel):
    """Linear regression under which every group has the same mean prediction.

    Where a difference between groups is justified by something that may be taken into
    account, such as the job, ask for equal means within its strata instead: people of
    the same stratum then have the same mean prediction in every group, and the
    difference that the strata explain stays. The group is not needed at prediction.

    What it costs is squared error, the least possible for a linear model in X. What it
    does not equalise: anything but the mean. Two groups of equal mean may still differ
    in spread, and a group whose y is higher is then underestimated. Each stratum takes
    as many directions from the model as it has groups less one: with as many as there
    are features, only a constant is left. Means hold on the training data, and on new
    people as well as means of samples generalise.

    Parameters
    ----------
    tolerance : float >= 0, default=0.0
        Largest difference, in units of y, between the mean predictions of two groups
        (of a stratum).
    strata : str, int, list of these or callable, default=None
        Column(s) of X, or a callable that returns values, whose distinct values are the
        strata. They stay among the features. Cut a number by
        :class:`~fairlearnkit.Binned`.
    n_propensity_strata : int >= 2 or None, default=None
        Number of strata of equal weight along the propensity, the probability of the
        group given the features that are not sensitive, from a logistic regression: in
        such a stratum the groups resemble each other (the paper takes five). With more
        than two groups each is compared with all others along its own probability.
        All of X then counts as justified.
    alpha : float, default=0.0
        Ridge penalty on the squared coefficients, as in
        :class:`~sklearn.linear_model.Ridge`.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the features.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value, or stratum, is an error or one of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients of the features.
    intercept_ : float
        Constant of the model.
    mean_difference_ : float
        Largest difference of means, of a stratum where there are any, on the training
        data.
    plain_mean_difference_ : float
        The same of the regression without a constraint.
    group_means_ : ndarray of shape (n_groups,)
        Mean prediction of each group, strata together.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If a group is absent from a stratum, so that nothing can be asked for it there,
        or if nothing but a constant has equal means.

    See Also
    --------
    FairLinearRegression : Bounds the share of variance; sensitive numbers.
    fairlearnkit.postprocessing.WassersteinBarycenterRegressor : Equal distributions.

    Notes
    -----
    With the mean features :math:`\\bar x_{gt}` of group g in stratum t, the
    coefficients solve

    .. math:: \\min_\\beta \\sum_i w_i (y_i - x_i^\\top \\beta)^2 + \\alpha
       \\|\\beta\\|^2 \\quad \\text{subject to} \\quad
       |(\\bar x_{gt} - \\bar x_{ht})^\\top \\beta| \\le \\text{tolerance for all }
       g, h, t.

    Equality is a projection; a tolerance is a quadratic program of as many variables as
    there are features, whatever the number of rows, solved by an active set.

    References
    ----------
    Calders, Karim, Kamiran, Ali, Zhang, "Controlling attribute effect in linear
    regression", ICDM 2013. :doi:`10.1109/ICDM.2013.114`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import MeanParityRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> job = (rng.random(1000) < 0.3 + 0.4 * group).astype(int)
    >>> score = rng.normal(size=1000) + group
    >>> wage = 2 * job + score + rng.normal(size=1000)
    >>> X = np.column_stack([job, score])
    >>> def gap(model, rows):
    ...     fair = model.fit(X, wage, sensitive_features=group).predict(X)
    ...     return fair[rows & (group == 1)].mean() - fair[rows & (group == 0)].mean()
    >>> print(f"{abs(gap(MeanParityRegressor(), job >= 0)):.3f}")
    0.000
    >>> by_job = MeanParityRegressor(strata=0)
    >>> for rows in (job == 0, job == 1, job >= 0):
    ...     print(f"{abs(gap(by_job, rows)):.3f}")
    0.000
    0.000
    1.110
    """

    _parameter_constraints: dict = {
        "tolerance": [Interval(Real, 0, None, closed="left")],
        "strata": [str, Integral, list, tuple, callable, None],
        "n_propensity_strata": [Interval(Integral, 2, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        **SENSITIVE_PARAMETERS,
    }

    def __init__(
        self,
        *,
        tolerance=0.0,
        strata=None,
        n_propensity_strata=None,
        alpha=0.0,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.tolerance = tolerance
        self.strata = strata
        self.n_propensity_strata = n_propensity_strata
        self.alpha = alpha
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
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : MeanParityRegressor

        Raises
        ------
        ValueError
            If there are no groups, X is not numeric, or both `strata` and
            `n_propensity_strata` are given.
        """
        if self.strata is not None and self.n_propensity_strata is not None:
            raise ValueError("give strata or n_propensity_strata, not both.")
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        numbers, weight = self._numbers(data.X), data.weight_or_ones
        x_mean, features = center(numbers, weight)
        y_mean, target = center(data.y, weight)
        plain = WhitenedRegression.of(features, target, self.alpha)
        contrasts, absent = mean_contrasts(
            numbers - x_mean, self._comparisons(data, numbers), weight
        )
        contrasts = _without_rounding(contrasts, features, weight) @ plain.basis
        self._warn_absent(absent, len(contrasts), data.groups)
        floor = _SAME / np.sqrt(weight.sum())
        found = nearest_within(plain.target, contrasts, self.tolerance, floor=floor)
        self.coef_ = plain.basis @ found
        self.intercept_ = float(y_mean - x_mean @ self.coef_)
        self.mean_difference_ = _largest(contrasts @ found)
        self.plain_mean_difference_ = _largest(contrasts @ plain.target)
        groups = data.groups
        predicted = self._linear(numbers)
        self.group_means_ = cell_means(predicted, groups.codes, len(groups), weight)
        self.groups_ = groups.labels
        self._warn_constant(plain.basis @ plain.target)
        return self

    def _comparisons(self, data, numbers):
        groups, weight = data.groups, data.weight_or_ones
        names = [groups.describe(code) for code in range(len(groups))]
        if self.n_propensity_strata is not None and len(groups) > 1:
            return self._propensity_comparisons(data, names)
        if self.strata is None:
            everybody = np.zeros(len(weight), dtype=np.intp)
            return [Comparison(groups.codes, everybody, names, ["the data"])]
        strata = resolve_groups(
            data.X,
            spec=self.strata,
            handle_missing=self.handle_missing,
            owner=f"strata of {type(self).__name__}",
        )
        labels = [strata.describe(code) for code in range(len(strata))]
        return [Comparison(groups.codes, strata.codes, names, labels)]

    def _propensity_comparisons(self, data, names):
        """Strata along the probability of each group; of two groups, of one."""
        weight, n_strata = data.weight_or_ones, self.n_propensity_strata
        X = self._explanatory(data.X)
        X = StandardScaler().fit(X, sample_weight=weight).transform(X)
        model = LogisticRegression(solver="newton-cholesky", max_iter=1000)
        proba = model.fit(X, data.groups.codes, sample_weight=weight).predict_proba(X)
        labels = [f"propensity stratum {k + 1} of {n_strata}" for k in range(n_strata)]
        if len(names) == 2:
            strata = quantile_strata(proba[:, 1], weight, n_strata)
            return [Comparison(data.groups.codes, strata, names, labels)]
        return [
            Comparison(
                (data.groups.codes == code).astype(np.intp),
                quantile_strata(proba[:, code], weight, n_strata),
                [f"all but {name}", name],
                labels,
            )
            for code, name in enumerate(names)
        ]

    def _explanatory(self, X):
        """The features that are not sensitive, as far as they are known by name."""
        spec = self.sensitive_features
        if spec is None or self.drop_sensitive or callable(spec):
            return self._numbers(X)
        parts = spec if isinstance(spec, (list, tuple)) else [spec]
        named = [part for part in parts if not callable(part)]
        left = drop_columns(X, named)
        return self._numbers(X) if left.shape[1] == 0 else check_numbers(self, left)

    def _warn_absent(self, absent, n_contrasts, groups):
        if absent:
            warn(
                "left out of the comparison of means, for lack of people: "
                f"{shortlist(absent)}.",
                FairnessWarning,
                stacklevel=3,
            )
        if not n_contrasts and len(groups) > 1:
            warn(
                "no stratum holds people of two groups, so nothing is equalised; use "
                "fewer strata.",
                FairnessWarning,
                stacklevel=3,
            )


def _without_rounding(contrasts, features, weight):
    """Differences of a column that are rounding errors become 0."""
    size = np.linalg.norm(features, axis=0) / np.sqrt(weight.sum())
    return np.where(np.abs(contrasts) > _SAME * size, contrasts, 0.0)


def _largest(values):
    return float(np.abs(values).max(initial=0.0))
