"""Performance within a tolerance of unfairness, as one number."""

from inspect import signature

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer

from fairlearnkit._sklearn import asks_for_groups
from fairlearnkit.model_selection._entrance import GroupScorer
from fairlearnkit.model_selection._evaluation import BoundModel
from fairlearnkit.model_selection._scorers import FairnessScorer, fairness_scorer

_ROUNDING = 1e-9


def constrained_scorer(
    objective, constraint, tolerance, *, sensitive_features=None, penalty=1.0, **kwargs
):
    """Make a scorer of performance that puts every unfair model below every fair one.

    For searches that take one number: ``HalvingGridSearchCV``,
    ``TunedThresholdClassifierCV``, ``cross_val_score``. The score is the objective
    where the violation is within the tolerance; where it is not, a number below
    anything that the objective can be, lower the larger the violation.

    A search averages the scores of folds, so the tolerance is asked of each fold by
    itself, and a violation that is only noise in a small fold costs as much as a real
    one. Where a search takes several scorers, :class:`ConstrainedRefit` asks it of the
    mean over folds: prefer that.

    Parameters
    ----------
    objective : str or callable
        A scoring string of scikit-learn or a scorer; greater is better. It is also
        right for post-processors that need the groups to predict, which scikit-learn's
        own scorers do not hand over.
    constraint : str, Constraint, Rate, callable or FairnessScorer
        As `metric` of :func:`fairness_scorer`. The violation of a metric where greater
        is better (a ratio) is 1 - metric.
    tolerance : float, non-negative
        Largest violation that is accepted: 0.2 for the four-fifths rule on a ratio.
    sensitive_features : str, int, list of these or callable, default=None
        As in :func:`fairness_scorer`; it has no place beside a FairnessScorer.
    penalty : float, positive, default=1.0
        Bound on the absolute value of the objective: 1 for accuracy, F1, AUC and
        correlations. An objective beyond it is an error. A greater penalty makes models
        beyond the tolerance compete more by their violations and less by their
        objectives.
    **kwargs : dict
        As in :func:`fairness_scorer`, such as `pos_label`.

    Returns
    -------
    scorer : ConstrainedScorer
        Callable as ``scorer(estimator, X, y, *, sample_weight=None,
        sensitive_features=None)``.

    Raises
    ------
    ValueError
        If the tolerance is negative or the penalty is not positive. When called: if
        the objective is beyond the penalty.

    Warns
    -----
    FairnessWarning
        If the violation is undefined in a fold. It then counts as exceeding the
        tolerance by 1: scikit-learn's searches would take the first candidate without
        a word if the scores of all were nan.

    See Also
    --------
    fairness_scorer : The violation alone, and how scorers find the groups.
    ConstrainedRefit : For searches that take several scorers.

    Notes
    -----
    With objective :math:`o`, violation :math:`v`, tolerance :math:`\\varepsilon` and
    penalty :math:`\\lambda \\ge |o|`, the score is

    .. math:: o - \\lambda\\,(2 + v - \\varepsilon)\\,[v > \\varepsilon],

    with :math:`[\\cdot]` 1 where true, else 0: below :math:`-\\lambda` where the
    constraint is violated. So the penalty is exact: a maximiser of the score maximises
    the objective subject to the constraint, if anything satisfies it. The score jumps
    at the tolerance, so it suits comparisons of candidates, not gradients.

    ``TunedThresholdClassifierCV`` shows a scorer neither X nor the model. It works with
    metadata routing on, a scorer without `sensitive_features`, and an objective of
    labels. With a column of X,
    :class:`~fairlearnkit.postprocessing.ThresholdOptimizer` finds thresholds itself.

    References
    ----------
    Deb, "An efficient constraint handling method for genetic algorithms", Computer
    Methods in Applied Mechanics and Engineering 186, 2000.
    :doi:`10.1016/S0045-7825(99)00389-8`

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.model_selection import constrained_scorer
    >>> X, y = [[0, 0], [1, 0], [0, 1], [1, 1]] * 10, [0, 1, 0, 1] * 10
    >>> model = LogisticRegression().fit(X, y)  # selects by column 0
    >>> scorer = constrained_scorer(
    ...     "accuracy", "demographic_parity", 0.1, sensitive_features=1
    ... )
    >>> scorer(model, X, y)
    1.0
    >>> scorer(model, X, y, sensitive_features=y)  # groups that differ entirely
    -1.9
    """
    if isinstance(constraint, FairnessScorer):
        if sensitive_features is not None or kwargs:
            raise ValueError(
                "constraint is a fairness_scorer; give sensitive_features and further "
                "arguments to that."
            )
        fairness = constraint
    else:
        fairness = fairness_scorer(
            constraint, sensitive_features=sensitive_features, **kwargs
        )
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance must be 0 or more, got {tolerance!r}.")
    if not 0 < penalty < np.inf:
        raise ValueError(f"penalty must be positive, got {penalty!r}.")
    return ConstrainedScorer(objective, fairness, tolerance, penalty)


class ConstrainedScorer(GroupScorer):
    """What :func:`constrained_scorer` makes.

    Parameters
    ----------
    objective : str or callable
    fairness : FairnessScorer
    tolerance : float
    penalty : float
    """

    def __init__(self, objective, fairness, tolerance, penalty):
        self.objective = objective
        self.fairness = fairness
        self.tolerance = tolerance
        self.penalty = penalty
        self._scorer = get_scorer(objective)
        super().__init__(fairness.sensitive_features)

    def __repr__(self):
        penalty = "" if self.penalty == 1 else f", penalty={self.penalty!r}"
        return (
            f"constrained_scorer({self.objective!r}, {self.fairness!r}, "
            f"{self.tolerance!r}{penalty})"
        )

    def __call__(
        self, estimator, X, y_true, *, sample_weight=None, sensitive_features=None
    ):
        """Score a fitted model.

        Parameters
        ----------
        estimator : object
            A fitted classifier.
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y_true : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        sensitive_features : array-like, Series, data frame or dict, default=None
            The groups; they win over the columns of X.

        Returns
        -------
        score : float
        """
        values = sensitive_features
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        score = self.fairness(estimator, X, y_true, sensitive_features=values, **weight)
        if isinstance(self._scorer, GroupScorer):
            weight["sensitive_features"] = values
        elif asks_for_groups(estimator, "predict"):
            if values is None:
                values = self.fairness.groups(X).values()
            estimator = BoundModel(estimator, X, values)
        return self._combine(self._scorer(estimator, X, y_true, **weight), score)

    def _combine(self, objective, score):
        """One number of the objective and the score of fairness."""
        if abs(objective) > self.penalty:
            raise ValueError(
                f"the objective {self.objective!r} is {objective:.4g}, beyond the "
                f"penalty {self.penalty:g}; choose a penalty that it cannot exceed."
            )
        violation = 1 - score if self.fairness.measure.greater_is_better else -score
        excess = 1.0 if np.isnan(violation) else violation - self.tolerance
        if excess <= _ROUNDING:
            return float(objective)
        return float(objective - self.penalty * (2 + excess))

    # What scikit-learn asks of a scorer beyond calling it.

    _sign = 1

    @property
    def _kwargs(self):
        return self.fairness._kwargs

    def _accept_sample_weight(self):
        return self.fairness._accept_sample_weight() and _takes_weight(self._scorer)

    def _score_func(
        self,
        y_true,
        y_pred,
        *,
        sensitive_features=None,
        sample_weight=None,
        pos_label=None,
    ):
        """Score labels alone, as TunedThresholdClassifierCV does, which hides X."""
        groups = self.fairness.routed_groups(y_true, sensitive_features)
        value = self.fairness.measure.of(y_true, y_pred, groups, sample_weight)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        if isinstance(self._scorer, GroupScorer):
            metadata["sensitive_features"] = sensitive_features
        try:
            objective = self._scorer(_Answers(), y_pred, y_true, **metadata)
        except AttributeError as error:
            raise ValueError(
                f"TunedThresholdClassifierCV gives a scorer labels alone, so the "
                f"objective {self.objective!r} must be one of labels: {error}"
            ) from error
        return self._combine(objective, self.fairness._sign * value)


class _Answers(BaseEstimator):
    """A model whose predictions are already there, in place of X."""

    def predict(self, X):
        return X


def _takes_weight(scorer):
    if hasattr(scorer, "_accept_sample_weight"):
        return scorer._accept_sample_weight()
    return "sample_weight" in signature(scorer).parameters
