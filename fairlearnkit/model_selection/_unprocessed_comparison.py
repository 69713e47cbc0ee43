"""The objective of models at common violations, after unprocessing."""

from dataclasses import dataclass

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit._sklearn import call_method
from fairlearnkit.constraints import Constraint, as_constraint
from fairlearnkit.metrics import disparity_of_table
from fairlearnkit.model_selection._entrance import read_groups
from fairlearnkit.model_selection._unprocess import (
    named_models,
    spec_or_values,
    unprocess,
)
from fairlearnkit.tables import GroupCounts

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class UnprocessedComparison:
    """Models at common violations, as :func:`compare_unprocessed` returns it.

    Parameters
    ----------
    names : tuple of str
        The models.
    constraint : Constraint
        Whose violation it is.
    violations : ndarray of shape (n_violations,)
        Common bounds, ascending.
    objective : ndarray of shape (n_models, n_violations)
        The best that thresholds by group reach within each bound; NaN where none is
        within it.
    own_violation, own_objective : ndarray of shape (n_models,)
        Of the models' own decisions.
    unprocessed_violation, unprocessed_objective : ndarray of shape (n_models,)
        Of the best thresholds without a bound.
    """

    names: tuple
    constraint: Constraint
    violations: np.ndarray
    objective: np.ndarray
    own_violation: np.ndarray
    own_objective: np.ndarray
    unprocessed_violation: np.ndarray
    unprocessed_objective: np.ndarray

    @property
    def spread(self):
        """Largest minus smallest objective of the models, at each violation."""
        return self.objective.max(axis=0) - self.objective.min(axis=0)

    def to_frame(self):
        """Return the objectives as a table: a row per violation, a column per model.

        Returns
        -------
        frame : pandas.DataFrame
        """
        user = "UnprocessedComparison.to_frame"
        pandas = require("pandas", extra="pandas", user=user)
        index = pandas.Index(self.violations, name="violation")
        return pandas.DataFrame(self.objective.T, index=index, columns=self.names)


def compare_unprocessed(
    models,
    X,
    y,
    *,
    sensitive_features,
    constraint="equalized_odds",
    violations=None,
    objective="accuracy",
    sample_weight=None,
    response_method="auto",
    handle_missing="error",
):
    """Compare fitted models at common violations.

    Every model gets the best thresholds by group within each bound on the violation, as
    by :func:`unprocess`; whatever difference is left between models lies in their
    scores.

    Parameters
    ----------
    models, X, y, sensitive_features, constraint, objective, sample_weight, \
            response_method, handle_missing
        As in :func:`unprocess`; `models` is a list, a tuple or a dict.
    violations : array-like of float, default=None
        The common bounds. By default 11 even steps from 0 to the largest violation of
        any model without a bound.

    Returns
    -------
    comparison : UnprocessedComparison

    Raises
    ------
    ValueError
        As :func:`unprocess`.

    Notes
    -----
    Thresholds are chosen and judged on the same rows, X, so that figures are somewhat
    too good, for all models alike; the smaller the groups, the more. On Adult
    (12 211 people, groups by sex, demographic parity) a plain, a reweighed and
    a reduced logistic regression differed by 0.0162 in accuracy by their own decisions,
    at violations from 0.01 to 0.19, and by 0.0005 at most at any common violation.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from fairlearnkit.model_selection import compare_unprocessed
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 4000)
    >>> skill = rng.normal(size=4000) + group
    >>> X, y = np.column_stack([skill, group]), skill + rng.normal(size=4000) > 0.5
    >>> models = [LogisticRegression(), DecisionTreeClassifier(max_depth=2)]
    >>> found = compare_unprocessed(
    ...     [model.fit(X[:2000], y[:2000]) for model in models],
    ...     X[2000:],
    ...     y[2000:],
    ...     sensitive_features=1,
    ...     violations=[0, 0.1, 1],
    ... )
    >>> found.to_frame().round(2)
               LogisticRegression  DecisionTreeClassifier
    violation
    0.0                      0.76                    0.73
    0.1                      0.77                    0.74
    1.0                      0.77                    0.75
    """
    options = {
        "sensitive_features": sensitive_features,
        "constraint": constraint,
        "objective": objective,
        "sample_weight": sample_weight,
    }
    fitted = unprocess(
        named_models(models),
        X,
        y,
        response_method=response_method,
        handle_missing=handle_missing,
        **options,
    )
    unbound = np.array([[m.violation_, m.objective_] for m in fitted.values()])
    if violations is None:
        violations = np.linspace(0, unbound[:, 0].max(), 11)
    at = np.sort(np.asarray(violations, dtype=float))
    own = [
        _own_decisions(model.estimator, X, y, handle_missing, **options)
        for model in fitted.values()
    ]
    return UnprocessedComparison(
        names=tuple(fitted),
        constraint=as_constraint(constraint),
        violations=at,
        objective=np.stack([_read_frontier(m.frontier_, at) for m in fitted.values()]),
        own_violation=np.array([violation for violation, _ in own]),
        own_objective=np.array([value for _, value in own]),
        unprocessed_violation=unbound[:, 0],
        unprocessed_objective=unbound[:, 1],
    )


def _own_decisions(
    model,
    X,
    y,
    handle_missing,
    *,
    sensitive_features,
    constraint,
    objective,
    sample_weight,
):
    """Violation and objective of a model's own predictions."""
    spec, values = spec_or_values(sensitive_features, X)
    groups = read_groups(X, spec, values, handle_missing, "compare_unprocessed")
    table = GroupCounts.from_arrays(
        y,
        call_method(model, "predict", X, groups.values()),
        sensitive_features=groups,
        sample_weight=sample_weight,
        classes=model.classes_,
    )
    counts = table.counts.sum(axis=0)
    if objective == "accuracy":
        value = np.trace(counts) / counts.sum()
    else:
        value = np.mean(np.diag(counts) / counts.sum(axis=1))
    return disparity_of_table(table, constraint).value, value


def _read_frontier(frontier, at):
    """Best objective within each violation; NaN below the smallest that exists."""
    known = ~np.isnan(frontier.value)
    violation, value = frontier.violation[known], frontier.value[known]
    within = at >= violation[0] - _ROUNDING
    return np.where(within, np.interp(at, violation, value), np.nan)
