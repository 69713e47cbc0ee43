"""Checks that every mitigator must pass, for this package and for third parties.

:func:`parametrize_with_fairness_checks` is to fairness what scikit-learn's
``parametrize_with_checks`` is to the estimator contract; run both.
"""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from inspect import isclass, signature
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, clone, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit import inprocessing, postprocessing, preprocessing
from fairlearnkit._columns import split_columns
from fairlearnkit._factorize import to_numpy
from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import LeafRelabelingClassifier

__all__ = [
    "ThirdDecimal",
    "all_mitigators",
    "check_instance",
    "fairness_checks",
    "parametrize_with_fairness_checks",
]


@dataclass(frozen=True)
class ThirdDecimal:
    """Two groups by the parity of a column's third decimal, for estimator checks.

    scikit-learn's checks bring data without groups. These groups depend on the row
    alone and are nearly independent of the label, so a constraint costs no accuracy.

    Parameters
    ----------
    column : int, default=0
        Index of the column.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.testing import ThirdDecimal
    >>> ThirdDecimal()(np.array([[0.1234], [0.5678]]))
    array([1, 1])
    """

    column: int = 0

    def __call__(self, X: Any) -> np.ndarray:
        """Group of each row."""
        values = split_columns(X[:, [self.column]].toarray() if _sparse(X) else X)
        column = to_numpy(values[self.column % len(values)][1])
        if column.dtype.kind == "c":
            raise ValueError("Complex data not supported.")
        numbers = np.nan_to_num(column.astype(float), posinf=0, neginf=0)
        return np.floor(np.abs(numbers) * 1000).astype(np.int64) % 2


def all_mitigators() -> list[tuple[str, type]]:
    """List the names and classes of the package's mitigators.

    Returns
    -------
    mitigators : list of (str, type)

    Examples
    --------
    >>> from fairlearnkit.testing import all_mitigators
    >>> "ThresholdOptimizer" in dict(all_mitigators())
    True
    """
    stages = (preprocessing, inprocessing, postprocessing)
    found = {name: getattr(stage, name) for stage in stages for name in stage.__all__}
    return [
        (name, cls)
        for name, cls in sorted(found.items())
        if isclass(cls) and issubclass(cls, MitigatorMixin)
    ]


def check_instance(cls: type, base: Any = None) -> Any:
    """Build the instance of a mitigator that scikit-learn's checks are run on.

    Parameters
    ----------
    cls : type
        A mitigator.
    base : estimator, default=None
        What it wraps, if it wraps anything; None means a linear model, or a tree for a
        method of trees.

    Returns
    -------
    mitigator : estimator
    """
    if base is None and issubclass(cls, LeafRelabelingClassifier):
        base = DecisionTreeClassifier(max_depth=3, random_state=0)
    elif base is None and issubclass(cls, RegressorMixin):
        base = LinearRegression()
    elif base is None:
        base = LogisticRegression(solver="newton-cholesky")  # exact to the last digits
    wraps = "estimator" in signature(cls).parameters
    mitigator = cls(*[base] * wraps, sensitive_features=ThirdDecimal())
    if "tolerance" in mitigator.get_params(deep=False):
        mitigator.set_params(tolerance=0.2)  # some checks ask for accuracy
    return mitigator


def fairness_checks() -> list:
    """List the checks; each takes a mitigator and raises AssertionError if it fails.

    Returns
    -------
    checks : list of callable
    """
    return [
        check_groups_are_required,
        check_fit_keeps_parameters,
        check_relabelling_groups_changes_nothing,
        check_order_of_rows_changes_nothing,
        check_integer_weights_equal_repeated_rows,
        check_labels_of_any_type,
        check_several_columns_make_intersections,
        check_one_group_costs_nothing,
        check_slack_tolerance_costs_nothing,
        check_constraint_holds_on_training_data,
        check_pickle_and_clone,
    ]


def parametrize_with_fairness_checks(mitigators: list) -> Any:
    """Pytest decorator: run every fairness check on every mitigator.

    Parameters
    ----------
    mitigators : list of estimators
        Mitigators of a binary classifier or of a regressor. Their
        `sensitive_features` are replaced: the checks pass the groups to `fit` and to
        predictions.

    Returns
    -------
    decorator : pytest.MarkDecorator

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression, LogisticRegression
    >>> from fairlearnkit import ReweighingClassifier
    >>> from fairlearnkit.testing import parametrize_with_fairness_checks
    >>> @parametrize_with_fairness_checks([ReweighingClassifier(LogisticRegression())])
    ... def test_fairness(mitigator, check):
    ...     check(mitigator)
    """
    import pytest

    cases = [
        pytest.param(m, check, id=f"{type(m).__name__}-{check.__name__}")
        for m in mitigators
        for check in fairness_checks()
    ]
    return pytest.mark.parametrize(("mitigator", "check"), cases)


def check_groups_are_required(mitigator: Any) -> None:
    """Without sensitive features `fit` says how to give them."""
    X, y, _ = _people()
    message = "fit took one group for granted"
    try:
        _free(mitigator).fit(X, y)
    except ValueError as error:
        message = str(error)
    assert "sensitive_features" in message, message


def check_fit_keeps_parameters(mitigator: Any) -> None:
    """`fit` changes no constructor parameter."""
    X, y, group = _people()
    model = _free(mitigator)
    before = model.get_params(deep=False)
    model.fit(X, y, sensitive_features=group)
    after = model.get_params(deep=False)
    assert all(after[name] is value for name, value in before.items())


def check_relabelling_groups_changes_nothing(mitigator: Any) -> None:
    """Names of groups carry no meaning."""
    X, y, group = _people()
    names = np.array(["z", "m", "a"])[group]
    numbered = _fit_predict(mitigator, X, y, group)
    _assert_same(numbered, _fit_predict(mitigator, X, y, names))


def check_order_of_rows_changes_nothing(mitigator: Any) -> None:
    """A permutation of the training rows gives the same rule."""
    X, y, group = _people()
    order = np.random.default_rng(1).permutation(len(y))
    model = _free(mitigator).fit(X[order], y[order], sensitive_features=group[order])
    other = model.predict(X, sensitive_features=group)
    _assert_same(_fit_predict(mitigator, X, y, group), other)


def check_integer_weights_equal_repeated_rows(mitigator: Any) -> None:
    """A weight of k is k equal people; a weight of 0 is nobody."""
    X, y, group = _people()
    weight = np.random.default_rng(2).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    fold = np.arange(len(y)) % 3
    weighted = _with_folds(mitigator, fold)
    repeated = _with_folds(mitigator, fold[rows])
    weighted.fit(X, y, sensitive_features=group, sample_weight=weight)
    repeated.fit(X[rows], y[rows], sensitive_features=group[rows])
    _assert_same(
        weighted.predict(X, sensitive_features=group),
        repeated.predict(X, sensitive_features=group),
    )


def check_labels_of_any_type(mitigator: Any) -> None:
    """Strings and booleans as labels give the same decisions as 0 and 1."""
    if is_regressor(mitigator):
        return
    X, y, group = _people()
    plain = _fit_predict(mitigator, X, y, group)
    for labels in (np.array(["no", "yes"]), np.array([False, True])):
        found = _fit_predict(mitigator, X, labels[y], group)
        np.testing.assert_array_equal(labels[plain], found)


def check_several_columns_make_intersections(mitigator: Any) -> None:
    """Two columns are crossed into the groups that occur."""
    X, y, group = _people()
    columns = {"first": group, "second": (X[:, 1] > 0).astype(int)}
    model = _free(mitigator).fit(X, y, sensitive_features=columns)
    assert len(model.groups_) == 6, model.groups_
    model.predict(X, sensitive_features=columns)


def check_one_group_costs_nothing(mitigator: Any) -> None:
    """With a single group there is nothing to mitigate."""
    X, y, group = _people()
    _assert_costs_nothing(_free(mitigator), X, y, np.zeros_like(group))


def check_slack_tolerance_costs_nothing(mitigator: Any) -> None:
    """With a tolerance of 1 a constrained mitigator leaves the base estimator alone."""
    if "tolerance" in mitigator.get_params(deep=False):
        X, y, group = _people()
        _assert_costs_nothing(_free(mitigator).set_params(tolerance=1.0), X, y, group)


def check_constraint_holds_on_training_data(mitigator: Any) -> None:
    """The declared constraint holds, in expectation, on the data it was fitted on.

    A method that cannot promise it may miss it with a warning, if one of its attributes
    ``*violation_`` owns up to what the decisions violate.
    """
    parameters = mitigator.get_params(deep=False)
    if "constraint" not in parameters or not hasattr(mitigator, "expected_proba"):
        return  # nothing is promised of its decisions
    X, y, group = _people()
    model = _free(mitigator)
    if "cv" in parameters:  # thresholds are fitted on the scores they will meet
        model.set_params(estimator=FrozenEstimator(clone(model.estimator).fit(X, y)))
    if "use_groups" in parameters:  # else a model of the group, of other rows, decides
        model.set_params(use_groups=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, sensitive_features=group)
    decision = model.expected_proba(X, sensitive_features=group)
    counts = np.zeros((3, 2, 2))
    np.add.at(counts, (group, y), decision)
    violation = as_constraint(model.constraint).violation(counts, [0, 1])
    allowed = model.tolerance
    if any(issubclass(w.category, FairnessWarning) for w in caught):
        owned = [v for k, v in vars(model).items() if k.endswith("violation_")]
        allowed = max(allowed, *owned)
    assert violation <= allowed + 1e-6, violation


def check_pickle_and_clone(mitigator: Any) -> None:
    """A pickled model predicts the same; a clone can be fitted to the same model."""
    X, y, group = _people()
    model = _free(mitigator).fit(X, y, sensitive_features=group)
    expected = model.predict(X, sensitive_features=group)
    for other in (
        pickle.loads(pickle.dumps(model)),
        clone(model).fit(X, y, sensitive_features=group),
    ):
        np.testing.assert_array_equal(
            expected, other.predict(X, sensitive_features=group)
        )


def _sparse(X: Any) -> bool:
    return hasattr(X, "tocsr")


def _people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three groups with unequal base rates, and features that give them away."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 600)
    X = rng.normal(size=(600, 4)) + 0.5 * group[:, None]
    y = (X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=600) > 0.8).astype(int)
    return X, y, group


def _free(mitigator: Any) -> Any:
    """A clone that takes its groups from the methods' keyword."""
    return clone(mitigator).set_params(sensitive_features=None, drop_sensitive=False)


def _fit_predict(mitigator: Any, X: Any, y: Any, group: Any) -> np.ndarray:
    model = _free(mitigator).fit(X, y, sensitive_features=group)
    return model.predict(X, sensitive_features=group)


def _with_folds(mitigator: Any, fold: np.ndarray) -> Any:
    """Equal people must fall into equal folds, weighted or repeated."""
    model = _free(mitigator)
    if "cv" in model.get_params(deep=False):
        folds = [
            (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)
        ]
        model.set_params(cv=folds)
    return model


def _assert_costs_nothing(model: Any, X: Any, y: Any, group: Any) -> None:
    if hasattr(model, "estimator"):
        plain = clone(model.estimator).fit(X, y).predict(X)
    else:  # then it is its own base, of one group
        same = np.zeros_like(group)
        base = clone(model).fit(X, y, sensitive_features=same)
        plain = base.predict(X, sensitive_features=same)
    model.fit(X, y, sensitive_features=group)
    found = model.predict(X, sensitive_features=group)
    other = model.predict(X, sensitive_features=np.full_like(group, group[0]))
    anew = "cv" in model.get_params(deep=False) or (found != other).any()
    if anew and not is_regressor(model):
        # It decides by the group, or from scores of other rows, and the plain rule is
        # among its choices.
        assert np.mean(found == y) >= np.mean(plain == y) - 0.02
    else:
        _assert_same(found, plain)


def _assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal decisions; numbers may differ by rounding."""
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    else:
        np.testing.assert_array_equal(found, expected)
