"""Subgroup fairness: the bound holds for subgroups that nobody named."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit.datasets import load_bank_marketing, load_german_credit
from fairlearnkit.inprocessing._subgroup_auditor import audit_subgroups
from fairlearnkit.inprocessing._subgroup_fair import SubgroupFairClassifier

pytestmark = pytest.mark.filterwarnings(
    "ignore:the rule is randomised:fairlearnkit.exceptions.FairnessWarning"
)


def people(seed=0, n=400):
    rng = np.random.default_rng(seed)
    age, income, skill = rng.normal(size=(3, n))
    X = np.column_stack([age, income, skill])
    return X, (skill + age - income + rng.normal(size=n) > 0).astype(int)


def violation_of(members, proba, y, rate):
    """By hand, from expected positive decisions."""
    base = {"false_positive_rate": y == 0, "false_negative_rate": y == 1}.get(
        rate, np.ones(len(y), bool)
    )
    value = 1 - proba if rate == "false_negative_rate" else proba
    inside = base & members
    if not inside.any():
        return 0.0
    return inside.mean() * abs(value[inside].mean() - value[base].mean())


@pytest.mark.parametrize(
    "rate", ["selection_rate", "false_positive_rate", "false_negative_rate"]
)
def test_no_half_plane_tried_at_random_violates_the_bound(rate):
    X, y = people()
    model = SubgroupFairClassifier(
        LogisticRegression(), rates=rate, sensitive_features=[0, 1]
    ).fit(X, y)
    proba = model.expected_proba(X)[:, 1]
    plain = LogisticRegression().fit(X, y).predict(X)
    rng = np.random.default_rng(1)
    worst = worst_plain = 0.0
    for _ in range(1000):
        score = X[:, :2] @ rng.normal(size=2)
        members = score > rng.choice(score)
        worst = max(worst, violation_of(members, proba, y, rate))
        worst_plain = max(worst_plain, violation_of(members, plain, y, rate))
    assert worst <= 0.01 + 1e-3
    assert worst_plain > 0.03
    assert worst_plain <= model.audits_before_[0].violation + 1e-9
    assert model.error_ == pytest.approx(np.mean(np.where(y, 1 - proba, proba)))


def test_all_conjunctions_of_real_people_are_within_the_bound():
    bank = load_bank_marketing()
    rows = slice(None, None, 10)
    sensitive = bank.sensitive_features[rows].astype(str)
    X, y = pd.get_dummies(bank.data[rows], dtype=float), bank.target[rows].to_numpy()
    X = StandardScaler().fit_transform(X)
    model = SubgroupFairClassifier(LogisticRegression(), tolerance=0.002)
    model.fit(X, y, sensitive_features=sensitive)
    assert model.audits_before_[0].violation > 0.003
    assert model.violation_ <= 0.002 + 1e-5
    positive = int(np.flatnonzero(model.classes_ == model.classes_[-1])[0])
    proba, truth = model.expected_proba(X)[:, positive], y == model.classes_[-1]
    columns = [sensitive[name].to_numpy() for name in sensitive]
    for first in {*columns[0], None}:
        for second in {*columns[1], None}:
            members = np.ones(len(y), bool)
            for column, level in zip(columns, (first, second), strict=False):
                if level is not None:
                    members &= column == level
            found = violation_of(members, proba, truth, "false_positive_rate")
            assert found <= 0.002 + 1e-5


def test_several_rates_at_once():
    X, y = people()
    rates = ["false_positive_rate", "false_negative_rate"]
    model = SubgroupFairClassifier(
        LogisticRegression(), rates=rates, sensitive_features=[0, 1]
    ).fit(X, y)
    assert [audit.rate_name for audit in model.audits_] == rates
    assert max(audit.violation for audit in model.audits_) <= 0.01 + 1e-5


def test_a_bound_that_the_plain_model_meets_leaves_it_alone():
    X, y = people()
    model = SubgroupFairClassifier(
        LogisticRegression(), tolerance=0.2, sensitive_features=[0, 1]
    ).fit(X, y)
    np.testing.assert_array_equal(
        model.predict(X), LogisticRegression().fit(X, y).predict(X)
    )
    assert model.n_iter_ == 1


def test_a_tighter_bound_costs_more():
    X, y = people()
    errors = [
        SubgroupFairClassifier(
            LogisticRegression(), tolerance=t, sensitive_features=[0, 1]
        )
        .fit(X, y)
        .error_
        for t in (0.1, 0.02, 0.005)
    ]
    assert errors == sorted(errors)


def test_a_deterministic_rule_is_within_the_bound():
    X, y = people()
    model = SubgroupFairClassifier(
        LogisticRegression(), tolerance=0.02, deterministic=True,
        sensitive_features=[0, 1],
    ).fit(X, y)  # fmt: skip
    assert model.weights_.tolist() == [1.0]
    audit = audit_subgroups(y, model.predict(X), sensitive_features=X[:, :2])
    assert audit.violation <= 0.02 + 1e-6


def test_frames_words_and_pipelines():
    X, y = people()
    sex = np.where(X[:, 0] > 0, "f", "m")
    data = {"age": X[:, 0], "income": X[:, 1], "skill": X[:, 2], "sex": sex}
    words = np.array(["no", "yes"])[y]
    found = [
        SubgroupFairClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()),
            sensitive_features=["sex"],
            drop_sensitive=True,
        )
        .fit(frame, words)
        .predict(frame)
        for frame in (pd.DataFrame(data), pl.DataFrame(data))
    ]
    np.testing.assert_array_equal(*found)
    assert set(found[0]) <= {"no", "yes"}


def test_unknown_rates_are_refused():
    X, y = people()
    for rates in ("precision", ["precision"], []):
        with pytest.raises(ValueError, match="rates"):
            SubgroupFairClassifier(
                LogisticRegression(), rates=rates, sensitive_features=[0]
            ).fit(X, y)


def test_the_audit_agrees_with_rates_by_hand():
    german = load_german_credit()
    y = np.asarray(german.target)
    X = pd.get_dummies(german.data, dtype=float)
    predicted = (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        .fit(X, y)
        .predict(X)
    )
    sensitive = german.data.select_dtypes("number").iloc[:, :3]
    audit = audit_subgroups(y, predicted, sensitive_features=sensitive)
    positive = np.unique(y)[-1]
    truth, chosen = y == positive, predicted == positive
    members = sensitive.to_numpy(float)
    assert audit.members.shape == (len(y),)
    counted = audit.members & ~truth
    assert audit.rate == pytest.approx(chosen[counted].mean())
    assert audit.overall_rate == pytest.approx(chosen[~truth].mean())
    assert audit.mass == pytest.approx(counted.mean())
    by_hand = violation_of(audit.members, chosen, truth, "false_positive_rate")
    assert audit.violation == pytest.approx(by_hand)
    if audit.feature_names == tuple(sensitive.columns):
        beyond = members @ audit.coefficients > audit.threshold
        np.testing.assert_array_equal(beyond, audit.members)
    assert len(audit.to_frame()) == len(audit.feature_names)


def test_weights_count_as_people():
    X, y = people()
    weight = np.random.default_rng(1).integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    chosen = (X[:, 2] > 0).astype(int)
    weighted = audit_subgroups(
        y, chosen, sensitive_features=X[:, :2], sample_weight=weight
    )
    repeated = audit_subgroups(y[rows], chosen[rows], sensitive_features=X[rows, :2])
    assert weighted.violation == pytest.approx(repeated.violation, rel=0.02)


def test_gerrymandering_is_found():
    """Selection is fair to each of both features, and turns on their parity."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2, (2, 2000))
    chosen = (first == second).astype(int)
    groups = {"first": first, "second": second}
    one = audit_subgroups(
        chosen, chosen, sensitive_features={"first": first}, rate="selection_rate"
    )
    both = audit_subgroups(
        chosen, chosen, sensitive_features=groups, rate="selection_rate"
    )
    assert one.violation < 0.02
    assert both.violation > 0.11
    assert "first=" in both.description
    assert "second=" in both.description


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate": "precision"}, "rate must be one of"),
        ({"y_pred": [0.0, 2.0, 1.0]}, "probabilities in"),
        ({"y_true": [0, 1, 2]}, "name the pos_label"),
        ({"y_true": [1, 1, 1], "y_pred": [1, 1, 0]}, "nobody counts"),
        ({"pos_label": 5}, "is no label"),
        ({"sample_weight": [1, -1, 1]}, "non-negative"),
        ({"sensitive_features": ["f", None, "m"]}, "missing"),
        ({"sensitive_features": ["f", "m"]}, "inconsistent numbers"),
    ],
)
def test_bad_input_is_named(given, message):
    given = {
        "y_true": [0, 1, 0],
        "y_pred": [0, 1, 1],
        "sensitive_features": ["f", "m", "f"],
        **given,
    }
    with pytest.raises(ValueError, match=message):
        audit_subgroups(given.pop("y_true"), given.pop("y_pred"), **given)
