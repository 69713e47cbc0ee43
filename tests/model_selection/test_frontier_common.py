"""The frontier is held to every check of scikit-learn, as the mitigators are."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from fairlearnkit import ReweighingClassifier
from fairlearnkit.model_selection import FairnessFrontier
from fairlearnkit.testing import ThirdDecimal

BASE = LogisticRegression(solver="newton-cholesky")  # exact to the last digits
INSTANCES = [
    FairnessFrontier(candidates, sensitive_features=ThirdDecimal(), cv=3)
    for candidates in (
        [BASE, (BASE, {"C": [0.1]})],
        {"plain": BASE, "reweighed": ReweighingClassifier(BASE)},
    )
]

# scikit-learn's data sets are tiny, so that cells without people are to be expected.
pytestmark = pytest.mark.filterwarnings(
    "ignore::fairlearnkit.exceptions.FairnessWarning"
)


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
@pytest.mark.parametrize("instance", INSTANCES, ids=["list", "dict"])
def test_checks_that_scikit_learn_keeps_for_itself(instance, check):
    check(type(instance).__name__, instance)
