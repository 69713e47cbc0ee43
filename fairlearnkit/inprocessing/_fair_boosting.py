"""Gradient boosting under constraints on rates (FairGBM, Cruz et al. 2023)."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._draws import new_salt, row_uniforms
from fairlearnkit._mitigator import (
    CONSTRAINT_PARAMETERS,
    SENSITIVE_PARAMETERS,
    MitigatorMixin,
    check_numbers,
    warn_thin_rates,
)
from fairlearnkit._sklearn import Interval, fit_context
from fairlearnkit._solvers.boosting_duals import RatePrices, boost
from fairlearnkit._solvers.histogram_trees import Binner, grow_tree
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning


class FairGradientBoostingClassifier(MitigatorMixin, ClassifierMixin, BaseEstimator):
    """Boosted trees that learn the label and a constraint on rates at the same time.

    One run of boosting, at about the price of a plain one, ends in one deterministic
    model that does not need the group at prediction. Between rounds the constraint's
    multipliers rise while it is violated; each round then descends on the log loss plus
    what the multipliers make decisions cost, person by person.

    Nothing guarantees that the constraint is reached: decisions are not convex in the
    scores, and dual ascent circles around its goal. If the last round is outside the
    tolerance, the most accurate round inside it that does not decide everybody alike is
    kept, and if there is none, the nearest, with a warning. What holds on the training
    data need not hold for new people, the less the longer the trees have learned;
    `validation_fraction` makes the multipliers look at people that no tree was grown
    on. On simulated data of 4,000 rows, a bound of .03 became a mean gap of .07 for new
    people, and of .04 with two fifths held out; on Adult (10,000 rows), .01 became
    .012, and .021 with .3 held out.
    :class:`~fairlearnkit.postprocessing.ThresholdOptimizer` on a plain booster is
    cheaper and exact where the group may be used at prediction.

    Parameters
    ----------
    constraint : str, Constraint or Rate, default="demographic_parity"
        What must be close between groups: an alias such as "equalized_odds" or an
        object of :mod:`fairlearnkit.constraints`. It must be linear in the predictions.
    tolerance : float in [0, 1], default=0.01
        Bound on the violation, as the metrics report it: max - min of the rates, or
        1 - min / max of them in the ratio form.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to keep the sensitive columns out of the features.
    learning_rate : float, default=0.1
        Share of each tree's step that is taken.
    max_iter : int, default=100
        Number of trees.
    max_depth : int, default=5
        Depth of each tree, at most 16.
    max_bins : int, default=255
        Most bins of a feature; missing values have one of their own.
    l2_regularization : float, default=1.0
        Ridge penalty on the values of leaves.
    min_leaf_hessian : float, default=5.0
        Least sum of p (1 - p) over the people of a leaf, p their probability: 5 is
        twenty people near one half. It grows with their weights and multipliers.
    multiplier_learning_rate : float, default=0.3
        By how much a multiplier rises in a round for each unit of excess.
    validation_fraction : float or None, default=None
        Share of the rows, drawn by their hash, that only the multipliers look at.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash behind `validation_fraction`.

    Attributes
    ----------
    n_iter_ : int
        Number of trees in use.
    multipliers_ : ndarray of shape (n_rates, n_groups)
        What a unit of each rate of each group cost in the last round in use.
    rates_ : ndarray of shape (n_rates, n_groups)
        Rates of the decisions on the rows that the multipliers look at.
    violation_ : float
        Largest gap of these rates.
    violation_path_ : ndarray of shape (max_iter,)
        Violation on these rows after each round.
    error_path_ : ndarray of shape (max_iter,)
        Error on these rows after each round.
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
    ReductionClassifier : The same promise for any estimator, by several fits.

    Notes
    -----
    For scores f, rates r and multipliers :math:`\\lambda_{jab} \\ge 0` of the gap
    :math:`r_{ja} - r_{jb}` of rate j between groups a and b, it seeks a saddle point of

    .. math:: \\frac{1}{n}\\sum_i \\ell(y_i, f_i) + \\sum_{jab} \\lambda_{jab}
       (r_{ja}(f) - r_{jb}(f) - \\text{tolerance}).

    Descent replaces each decision that costs something by its logistic upper bound,
    :math:`\\log(1 + e^{f})` or :math:`\\log(1 + e^{-f})`; ascent uses the decisions
    themselves. Unlike the paper, which bounds false positive and false negative rates
    of groups, any rate that is linear in the predictions can be asked for, as a
    difference or a ratio, and weights count in the loss and in the rates.

    Trees are grown on histograms of numpy arrays. That takes 5.5 times as long as
    :class:`~sklearn.ensemble.HistGradientBoostingClassifier` on one core (10,000 and
    50,000 rows of eleven features; it gains from more cores, this does not), which
    offers no way to change the objective between rounds.

    References
    ----------
    Cruz, Belem, Jesus, Bravo, Saleiro, Bizarro, "FairGBM: gradient boosting with
    fairness constraints", ICLR 2023. :doi:`10.48550/arXiv.2209.07850`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.inprocessing import FairGradientBoostingClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 2000)
    >>> X = np.column_stack([rng.normal(size=(2000, 2)) + group[:, None], group])
    >>> y = (X[:, 0] + rng.normal(size=2000) > 0.5).astype(int)
    >>> model = FairGradientBoostingClassifier(sensitive_features=2, tolerance=0.02)
    >>> selected = model.fit(X, y).predict(X)
    >>> gap = selected[group == 1].mean() - selected[group == 0].mean()
    >>> bool(abs(gap) <= 0.02)
    True
    """

    _parameter_constraints: dict = {
        **SENSITIVE_PARAMETERS,
        **CONSTRAINT_PARAMETERS,
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_depth": [Interval(Integral, 1, 16, closed="both")],
        "max_bins": [Interval(Integral, 2, None, closed="left")],
        "l2_regularization": [Interval(Real, 0, None, closed="left")],
        "min_leaf_hessian": [Interval(Real, 0, None, closed="left")],
        "multiplier_learning_rate": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        constraint="demographic_parity",
        tolerance=0.01,
        sensitive_features=None,
        drop_sensitive=False,
        learning_rate=0.1,
        max_iter=100,
        max_depth=5,
        max_bins=255,
        l2_regularization=1.0,
        min_leaf_hessian=5.0,
        multiplier_learning_rate=0.3,
        validation_fraction=None,
        handle_missing="error",
        random_state=0,
    ):
        self.constraint = constraint
        self.tolerance = tolerance
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_depth = max_depth
        self.max_bins = max_bins
        self.l2_regularization = l2_regularization
        self.min_leaf_hessian = min_leaf_hessian
        self.multiplier_learning_rate = multiplier_learning_rate
        self.validation_fraction = validation_fraction
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Grow trees while the multipliers move.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Numbers; missing ones are allowed.
        y : array-like of shape (n_samples,)
            Two class labels; the larger one is the positive.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in the loss and in every rate.

        Returns
        -------
        self : FairGradientBoostingClassifier

        Raises
        ------
        ValueError
            If there are no groups, not two classes, a feature is not a number, or the
            constraint is not linear in the predictions.

        Warns
        -----
        FairnessWarning
            If no round is within the tolerance, every round predicts the same for
            everybody, or a rate rests on few people.
        """
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        constraint, features = as_constraint(self.constraint), self._numbers(data.X)
        learned, watched = self._split(data)
        totals = np.zeros((len(data.groups), 2))
        np.add.at(totals, (data.groups.codes, data.y), watched)
        prices = RatePrices(
            constraint.coefficients(
                totals, data.classes.tolist(), user="FairGradientBoostingClassifier"
            ),
            constraint.compare,
            self.tolerance,
            self.multiplier_learning_rate,
        )
        warn_thin_rates(constraint, data)
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self._binner = Binner.fit(features, learned, self.max_bins)
        self._start = float(logit(np.average(data.y, weights=learned)))
        path = boost(
            self._learner(self._binner.transform(features)),
            np.full(len(data.y), self._start),
            data.y,
            data.groups.codes,
            learned,
            watched,
            prices,
            self.max_iter,
        )
        self._keep(path, constraint, prices)
        return self

    def predict(self, X, *, sensitive_features=None):
        """Predict the likelier label.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sensitive_features : ignored
            Accepted so that mitigators are interchangeable.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Logistic function of the score.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
            They agree with `predict`; under a constraint that binds they are not
            calibrated.
        """
        score = self.decision_function(X)
        return np.column_stack([expit(-score), expit(score)])

    def decision_function(self, X, *, sensitive_features=None):
        """Sum of the trees.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            The decision is positive above 0.
        """
        check_is_fitted(self)
        bins = self._binner.transform(self._numbers(self._check_X(X, reset=False)))
        score = np.full(bins.shape[1], self._start)
        for tree in self._trees:
            score += tree.predict(bins)
        return score

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    def _numbers(self, X):
        """Features as an array of floats."""
        return check_numbers(self, self._features(X), ensure_all_finite="allow-nan")

    def _split(self, data):
        """Weights of the rows in learning, and in the rates."""
        weight = data.weight_or_ones
        if self.validation_fraction is None:
            return weight, weight
        salt = new_salt(check_random_state(self.random_state))
        is_held = row_uniforms(data.X, salt) < self.validation_fraction
        learned, watched = np.where(is_held, 0, weight), np.where(is_held, weight, 0)
        for name, part in (("learn from", learned), ("validate on", watched)):
            if np.count_nonzero(np.bincount(data.y, part, 2)) < 2:
                raise ValueError(
                    f"validation_fraction={self.validation_fraction:g} leaves fewer "
                    f"than two classes to {name}; choose another, or more data."
                )
        return learned, watched

    def _learner(self, bins):
        def learn(gradient, hessian):
            tree = grow_tree(
                bins,
                gradient,
                hessian,
                n_bins=self._binner.n_bins,
                max_depth=self.max_depth,
                l2=self.l2_regularization,
                min_hessian=self.min_leaf_hessian,
            ).scaled(self.learning_rate)
            return tree, tree.predict(bins)

        return learn

    def _keep(self, path, constraint, prices):
        """Keep the last round, or else the best within the tolerance, or nearest.

        A round after which everybody is decided alike makes most rates equal for
        nothing; it is kept only if there is no other.
        """
        rates = np.array([prices.rates(table) for table in path.tables])
        violation = constraint.gap(rates).max(axis=-1)
        wrong = path.tables[:, :, [0, 1], [1, 0]].sum(axis=(1, 2))
        error = wrong / path.tables[0].sum()
        kept = len(violation) - 1
        if violation[kept] > self.tolerance:
            constant = (path.tables.sum(axis=(1, 2)) == 0).any(axis=-1)
            excess = np.maximum(violation - self.tolerance, 0)
            order = np.lexsort([error, excess, constant])
            kept = int(order[0])
        self.n_iter_, self._trees = kept + 1, path.steps[: kept + 1]
        self.multipliers_, self.rates_ = path.prices[kept], rates[kept]
        self.violation_path_, self.error_path_ = violation, error
        self.violation_ = float(violation[kept])
        if self.violation_ > self.tolerance + 1e-9:
            warn(
                f"the smallest violation after any round is {self.violation_:.4g}, "
                f"above the tolerance of {self.tolerance:g}; allow a larger one, more "
                "rounds or another multiplier_learning_rate.",
                FairnessWarning,
                stacklevel=3,
            )
        decided = path.tables[kept].sum(axis=(0, 1))
        if not decided.all():
            only = self.classes_.tolist()[int(decided.argmax())]
            warn(
                f"everybody is predicted {only!r} after every round; allow a larger "
                "tolerance, more rounds or another multiplier_learning_rate.",
                FairnessWarning,
                stacklevel=3,
            )
