"""One number for performance within a tolerance of unfairness."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    get_scorer,
    make_scorer,
    roc_auc_score,
)

from fairlearnkit import ThresholdOptimizer
from fairlearnkit.constraints import DemographicParity
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import demographic_parity_difference
from fairlearnkit.model_selection import constrained_scorer, fairness_scorer


class Answers(ClassifierMixin, BaseEstimator):
    """A model that predicts its first column."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0].astype(int)


def predictions(seed, n=40):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(0, 2, n), np.repeat([0, 1], n // 2)])
    return X, rng.integers(0, 2, n)


@given(
    first=st.floats(-1, 1),
    second=st.floats(-1, 1),
    violation=st.floats(0, 1),
    other=st.floats(0, 1),
    tolerance=st.floats(0, 1),
    penalty=st.sampled_from([1.0, 1.5, 10.0]),
)
def test_whatever_is_unfair_is_below_whatever_is_fair(
    first, second, violation, other, tolerance, penalty
):
    """And of two that are fair the better objective wins."""
    scorer = constrained_scorer(
        "accuracy", "demographic_parity", tolerance, sensitive_features=1,
        penalty=penalty,
    )  # fmt: skip
    one, two = scorer._combine(first, -violation), scorer._combine(second, -other)
    fair = violation <= tolerance, other <= tolerance
    if all(fair):
        assert (one, two) == (first, second)
    elif fair[0] and other > tolerance + 1e-6:
        assert two < one
    elif not any(fair) and first == second and violation > other + 1e-6:
        assert one < two


def test_score_is_the_objective_or_that_less_the_penalty():
    model = Answers().fit(None, None)
    for seed in range(5):
        X, y = predictions(seed)
        gap = demographic_parity_difference(y, X[:, 0], sensitive_features=X[:, 1])
        accuracy = accuracy_score(y, X[:, 0])
        for tolerance in (gap, gap / 2):
            scorer = constrained_scorer(
                "accuracy", "demographic_parity", tolerance, sensitive_features=1,
                penalty=2,
            )  # fmt: skip
            beyond = gap > tolerance
            expected = accuracy - 2 * beyond * (2 + gap - tolerance)
            assert scorer(model, X, y) == pytest.approx(expected)


@pytest.mark.parametrize(
    "constraint",
    [
        "demographic_parity_ratio",
        DemographicParity(compare="ratio"),
        fairness_scorer("demographic_parity_ratio", sensitive_features=1),
    ],
    ids=["metric", "constraint", "scorer"],
)
def test_a_ratio_violates_by_its_distance_from_one(constraint):
    """Rates of 0.4 and 0.5 pass the four-fifths rule; 0.3 and 0.5 do not."""
    spec = {} if not isinstance(constraint, (str, DemographicParity)) else {
        "sensitive_features": 1
    }  # fmt: skip
    scorer = constrained_scorer("accuracy", constraint, 0.2, **spec)
    model = Answers().fit(None, None)
    for selected, fair in ((4, True), (3, False)):
        h = [1] * selected + [0] * (10 - selected) + [1] * 5 + [0] * 5
        X = np.column_stack([h, np.repeat([0, 1], 10)])
        assert (scorer(model, X, X[:, 0]) == 1) == fair


def test_objectives_of_every_kind():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(200, 2)), rng.integers(0, 2, 200)])
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    spec = {"sensitive_features": 2}
    f1 = make_scorer(f1_score, average="macro")
    worst = fairness_scorer("demographic_parity_ratio", **spec)

    def own(estimator, X, y):
        return 0.25

    for objective, value in (
        ("roc_auc", None),
        ("neg_brier_score", None),
        (f1, f1(model, X, y)),
        (worst, worst(model, X, y)),
        (own, 0.25),
    ):
        scorer = constrained_scorer(objective, "demographic_parity", 1.0, **spec)
        found = scorer(model, X, y)
        assert -1 <= found <= 1
        if value is not None:
            assert found == value


def test_an_objective_beyond_the_penalty_is_an_error():
    X, y = predictions(0)
    model = Answers().fit(None, None)
    own = lambda estimator, X, y: -3.5  # noqa: E731
    scorer = constrained_scorer(own, "demographic_parity", 1.0, sensitive_features=1)
    with pytest.raises(ValueError, match=r"is -3.5, beyond the penalty 1"):
        scorer(model, X, y)
    scorer = constrained_scorer(
        own, "demographic_parity", 1.0, sensitive_features=1, penalty=4
    )
    assert scorer(model, X, y) == -3.5


def test_an_undefined_violation_counts_as_beyond_the_tolerance():
    X, y = np.array([[0, 1], [1, 1]]), [0, 1]
    scorer = constrained_scorer(
        "accuracy", "demographic_parity", 0.1, sensitive_features=1
    )
    with pytest.warns(FairnessWarning, match="the only group is x1=1"):
        assert scorer(Answers().fit(None, None), X, y) == 1 - 3


def test_weights_are_handed_to_both():
    X, y = predictions(1)
    weight = np.random.default_rng(2).integers(1, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    model = Answers().fit(None, None)
    for tolerance in (0.0, 1.0):
        scorer = constrained_scorer(
            "accuracy", "demographic_parity", tolerance, sensitive_features=1
        )
        assert scorer._accept_sample_weight()
        weighted = scorer(model, X, y, sample_weight=weight)
        assert weighted == pytest.approx(scorer(model, X[rows], y[rows]))
    plain = constrained_scorer(
        lambda estimator, X, y: 0.5, "demographic_parity", 0.1, sensitive_features=1
    )
    assert not plain._accept_sample_weight()


def test_the_objective_of_a_post_processor_is_handed_the_groups():
    """scikit-learn's scorer alone fails on a model that needs them to predict."""
    rng = np.random.default_rng(3)
    group = rng.choice(["F", "M"], 200)
    X = rng.normal(size=(200, 2))
    y = (X[:, 0] + (group == "M") + rng.normal(size=200) > 0.5).astype(int)
    values = {"sensitive_features": group}
    model = ThresholdOptimizer(LogisticRegression(), random_state=0)
    model.fit(X, y, **values)
    chance = model.predict_proba(X, **values)[:, 1]
    for objective, expected in (
        ("accuracy", accuracy_score(y, model.predict(X, **values))),
        ("roc_auc", roc_auc_score(y, chance)),
        ("neg_brier_score", -brier_score_loss(y, chance)),
    ):
        scorer = constrained_scorer(objective, "demographic_parity", 1.0)
        assert scorer(model, X, y, **values) == pytest.approx(expected)
        with pytest.raises(ValueError, match="needs to know the groups"):
            get_scorer(objective)(model, X, y)


def test_clone_pickle_and_repr():
    X, y = predictions(4)
    model = Answers().fit(None, None)
    scorer = constrained_scorer(
        "f1", "equalized_odds", 0.1, sensitive_features=1, penalty=2.0
    )
    assert repr(scorer) == (
        "constrained_scorer('f1', fairness_scorer('equalized_odds', "
        "sensitive_features=1), 0.1, penalty=2.0)"
    )
    for copy in (clone(scorer, safe=False), pickle.loads(pickle.dumps(scorer))):
        assert copy(model, X, y) == scorer(model, X, y)


def test_requests_are_those_of_the_constraint():
    for spec, asked in ((None, True), ("sex", False)):
        scorer = constrained_scorer(
            "accuracy", "demographic_parity", 0.1, sensitive_features=spec
        )
        found = scorer.get_metadata_routing().score.requests
        assert found == {"sensitive_features": asked, "sample_weight": None}


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("accuracy", "demographic_parity", -0.1), {}, "tolerance must be 0 or more"),
        (("accuracy", "demographic_parity", np.nan), {}, "tolerance must be 0 or more"),
        (
            ("accuracy", "demographic_parity", 0.1),
            {"penalty": 0},
            "penalty must be positive",
        ),
        (("accuracy", "nothing", 0.1), {}, "neither a metric"),
        (("nothing", "demographic_parity", 0.1), {}, "nothing"),
        (
            ("accuracy", fairness_scorer("demographic_parity"), 0.1),
            {"sensitive_features": 1},
            "give sensitive_features and further arguments to that",
        ),
    ],
)
def test_bad_arguments_get_a_sentence(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        constrained_scorer(*arguments, **options)
