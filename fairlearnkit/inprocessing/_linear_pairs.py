"""Linear regression that treats similar people of different groups alike."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from scipy.linalg import solve

from fairlearnkit._mitigator import SENSITIVE_PARAMETERS
from fairlearnkit._sklearn import Interval, StrOptions, fit_context
from fairlearnkit._solvers.mean_contrasts import (
    Comparison,
    mean_contrasts,
    quantile_strata,
)
from fairlearnkit._solvers.pairwise_penalties import (
    GaussianPairs,
    group_form,
    individual_form,
)
from fairlearnkit._solvers.whitened_regression import WhitenedRegression, center
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.inprocessing._linear_model import FairLinearModel


class PairwiseFairRegressor(FairLinearModel):
    """Linear regression with a price on unlike predictions for similar outcomes.

    Two people of different groups whose outcomes y are similar should get similar
    predictions. Three readings, from the strictest to the mildest:

    - "individual": each pair for itself, so that errors in one direction cannot be
      made up by errors in the other;
    - "hybrid": within each range of outcomes the groups' means should agree;
    - "group": the differences should cancel over all pairs.

    It is a penalty and not a bound: nothing is guaranteed at a given `strength`, which
    is to be chosen by looking at `penalty_`, which falls with it, and the error, which
    grows. The group is not needed at prediction. What it costs is squared error.
    Since similarity is that of y, the method trusts y: if the outcomes themselves were
    distorted against a group, people are compared with the wrong ones. With
    ``kind="individual"`` a large strength pulls all predictions to one constant.

    Parameters
    ----------
    kind : {"individual", "group", "hybrid"}, default="individual"
        Which penalty.
    strength : float >= 0, default=1.0
        Weight of the penalty beside the mean squared error, both in squared units of y.
    bandwidth : float > 0 or None, default=None
        Difference of outcomes, in units of y, at which similarity falls to 1/e; at
        twice that it is 0.02. None means the standard deviation of y. Not for "hybrid".
    n_ranges : int >= 1, default=2
        For "hybrid": number of ranges of y of equal weight; people who share a y share
        a range. For y of two values, 2 compares each of them.
    alpha : float, default=0.0
        Ridge penalty on the squared coefficients, as in
        :class:`~sklearn.linear_model.Ridge`.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from the features.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients of the features.
    intercept_ : float
        Constant of the model.
    penalty_ : float
        The penalty on the training data, without `strength`: a squared difference of
        predictions.
    plain_penalty_ : float
        The same of the plain regression.
    groups_ : tuple
        Label of each group.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    Warns
    -----
    FairnessWarning
        If a group has nobody in a range of outcomes ("hybrid").

    See Also
    --------
    MeanParityRegressor : A bound on the differences of means, whatever the outcomes.

    Notes
    -----
    For two groups with mean-one weights, :math:`d_{ij} = e^{-(y_i - y_j)^2 / h^2}` and
    predictions f, the penalties are

    .. math:: \\frac{1}{n_1 n_2} \\sum_{ij} d_{ij} (f_i - f_j)^2, \\qquad
       \\Bigl( \\frac{1}{n_1 n_2} \\sum_{ij} d_{ij} (f_i - f_j) \\Bigr)^2, \\qquad
       \\frac{1}{T} \\sum_t (\\bar f_{1t} - \\bar f_{2t})^2,

    i in the first and j in the second group, t a range. Of more groups it is the mean
    over the pairs of groups. They are quadratic in the coefficients, so the solution is
    one linear system. The sums over pairs come from a Fourier sum of the Gaussian,
    exact to rounding, in time linear in the number of rows.

    References
    ----------
    Berk, Heidari, Jabbari, Joseph, Kearns, Morgenstern, Neel, Roth, "A convex framework
    for fair regression", 2017. :doi:`10.48550/arXiv.1706.02409`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import PairwiseFairRegressor
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> X = rng.normal(size=(1000, 2)) + group[:, None]
    >>> y = X[:, 0] + rng.normal(size=1000)
    >>> for strength in (0, 1, 10):
    ...     model = PairwiseFairRegressor(kind="group", strength=strength)
    ...     fitted = model.fit(X, y, sensitive_features=group)
    ...     print(f"{fitted.penalty_:.3f} {fitted.score(X, y):.2f}")
    0.089 0.56
    0.062 0.56
    0.010 0.48
    """

    _parameter_constraints: dict = {
        "kind": [StrOptions({"individual", "group", "hybrid"})],
        "strength": [Interval(Real, 0, None, closed="left")],
        "bandwidth": [Interval(Real, 0, None, closed="neither"), None],
        "n_ranges": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        **SENSITIVE_PARAMETERS,
    }

    def __init__(
        self,
        *,
        kind="individual",
        strength=1.0,
        bandwidth=None,
        n_ranges=2,
        alpha=0.0,
        sensitive_features=None,
        drop_sensitive=False,
        handle_missing="error",
    ):
        self.kind = kind
        self.strength = strength
        self.bandwidth = bandwidth
        self.n_ranges = n_ranges
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
            A pair counts by the product of its weights.

        Returns
        -------
        self : PairwiseFairRegressor

        Raises
        ------
        ValueError
            If there are no groups, X is not numeric, or y spans more than 2000
            bandwidths.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        numbers, weight = self._numbers(data.X), data.weight_or_ones
        x_mean, features = center(numbers, weight)
        y_mean, target = center(data.y, weight)
        plain = WhitenedRegression.of(features, target, self.alpha)
        # On the scale of the loss, a sum of squares, coordinates have unit size.
        values = (numbers - x_mean) @ plain.basis
        form = self._form(values, data, float(target @ target))
        system = np.eye(len(form)) + self.strength * weight.sum() * form
        found = solve(system, plain.target, assume_a="pos")
        self.coef_ = plain.basis @ found
        self.intercept_ = float(y_mean - x_mean @ self.coef_)
        self.penalty_ = max(0.0, float(found @ form @ found))
        self.plain_penalty_ = max(0.0, float(plain.target @ form @ plain.target))
        self.groups_ = data.groups.labels
        return self

    def _form(self, values, data, squares):
        """The penalty, as a quadratic form in the whitened coordinates."""
        groups, weight = data.groups, data.weight_or_ones
        if self.kind == "hybrid":
            return self._hybrid_form(values, data)
        counted = weight > 0
        bandwidth = self.bandwidth or np.sqrt(squares / weight.sum()) or 1.0
        pairs = GaussianPairs.of(
            values[counted],
            data.y[counted],
            groups.codes[counted],
            len(groups),
            weight[counted],
            bandwidth,
        )
        return (individual_form if self.kind == "individual" else group_form)(pairs)

    def _hybrid_form(self, values, data):
        groups, weight = data.groups, data.weight_or_ones
        ranges = quantile_strata(data.y, weight, self.n_ranges)
        comparison = Comparison(
            groups.codes,
            ranges,
            [groups.describe(code) for code in range(len(groups))],
            [f"range {k + 1} of {self.n_ranges} of y" for k in range(self.n_ranges)],
        )
        contrasts, absent = mean_contrasts(values, [comparison], weight)
        if absent:
            warn(
                "left out of the penalty, for lack of people: " + shortlist(absent),
                FairnessWarning,
                stacklevel=4,
            )
        return contrasts.T @ contrasts / max(1, len(contrasts))
