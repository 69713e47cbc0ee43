"""Every mitigator, by existing, is held to scikit-learn's checks and to our own."""

import numpy as np
import pytest
from sklearn.base import is_regressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from fairlearnkit.testing import (
    all_mitigators,
    check_instance,
    fairness_checks,
    parametrize_with_fairness_checks,
)

INSTANCES = [check_instance(cls) for _, cls in all_mitigators()]

# scikit-learn's data sets are tiny, so that cells without people are to be expected.
pytestmark = pytest.mark.filterwarnings(
    "ignore::fairlearnkit.exceptions.FairnessWarning"
)


def _default(mitigator):
    """The same class with the default of every parameter but the estimator."""
    wrapped = [mitigator.estimator] if hasattr(mitigator, "estimator") else []
    return type(mitigator)(*wrapped)


@parametrize_with_checks(INSTANCES)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


EXTRA = [
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_inplace_ensure_writeable,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_param_validation,
]


@pytest.mark.parametrize("check", EXTRA, ids=lambda check: check.__name__)
@pytest.mark.parametrize("instance", INSTANCES, ids=lambda i: type(i).__name__)
def test_checks_that_scikit_learn_keeps_for_itself(instance, check):
    check(type(instance).__name__, instance)


@parametrize_with_fairness_checks([_default(m) for m in INSTANCES])
def test_fairness_checks(mitigator, check):
    check(mitigator)


CONSTRAINED = [
    check_instance(cls).set_params(constraint=constraint, tolerance=tolerance)
    for _, cls in all_mitigators()
    if "constraint" in check_instance(cls).get_params(deep=False)
    for constraint, tolerance in [
        ("equalized_odds", 0.02),
        ("true_positive_rate_parity_ratio", 0.1),
        ("error_rate_parity", 0.03),
    ]
]


@pytest.mark.parametrize(
    "mitigator",
    CONSTRAINED,
    ids=lambda m: f"{type(m).__name__}-{m.constraint}",
)
@pytest.mark.parametrize("check", fairness_checks(), ids=lambda check: check.__name__)
def test_fairness_checks_under_other_constraints(mitigator, check):
    check(mitigator)


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda i: type(i).__name__)
def test_fairness_checks_fail_where_they_should(instance):
    """A mitigator that depends on group names must not pass."""

    class Cheat(type(instance)):
        def predict(self, X, *, sensitive_features=None):
            found = super().predict(X, sensitive_features=sensitive_features)
            return np.where(np.asarray(sensitive_features) == "z", 1 - found, found)

    cheat = check_instance(Cheat)
    failing = next(c for c in fairness_checks() if "relabelling" in c.__name__)
    with pytest.raises(AssertionError):
        failing(cheat)


@pytest.mark.parametrize(
    "instance",
    [m for m in INSTANCES if hasattr(m, "estimator")],
    ids=lambda i: type(i).__name__,
)
def test_a_tree_as_base_passes_too(instance):
    tree = DecisionTreeRegressor if is_regressor(instance) else DecisionTreeClassifier
    mitigator = type(instance)(tree(max_depth=3, random_state=0))
    for check in fairness_checks():
        check(mitigator)
