"""Parity of precision, and of any other rate, by prices on decisions."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from fairlearnkit.constraints import PredictiveParity, Rate, RateParity
from fairlearnkit.datasets import load_german_credit
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import LinearFractionalClassifier

OMISSION = Rate("false_omission_rate", [[0, 0], [1, 0]], [[1, 0], [1, 0]])


def people(n=1500, seed=0, n_groups=3):
    """Groups of unequal base rates, which the last column gives away."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    skill = rng.normal(size=(n, 2)) + 0.7 * group[:, None]
    y = (skill[:, 0] + rng.normal(size=n) > 1).astype(int)
    return np.column_stack([skill, group]), y, group


def table_of(model, X, y, group):
    """Expected decisions of each group and label."""
    table = np.zeros((group.max() + 1, len(model.classes_), len(model.classes_)))
    place = np.searchsorted(model.classes_, y)
    np.add.at(table, (group, place), model.expected_proba(X))
    return table


def precision(table):
    return table[:, 1, 1] / table[:, :, 1].sum(axis=1)


def test_precision_is_equal_on_the_german_data_at_no_loss_of_training_accuracy():
    data = load_german_credit(as_frame=True)
    X, y = data.data, np.asarray(data.target)
    names, group = np.unique(data.sensitive_features["age_group"], return_inverse=True)
    encode = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    base = make_pipeline(encode, LogisticRegression(max_iter=500))
    model = LinearFractionalClassifier(base).fit(X, y, sensitive_features=names[group])
    plain = model.estimator_.predict(X)
    before = [np.mean(y[(group == g) & (plain == 1)]) for g in range(2)]
    assert np.ptp(before) > 0.08
    table = table_of(model, X, y, group)
    assert np.ptp(precision(table)) <= 0.01 + 1e-6
    assert model.error_ <= np.mean(plain != y) + 0.01
    assert (table[:, :, 1].sum(axis=1) / np.bincount(group) > 0.3).all()  # not hollow


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("rate", ["precision", OMISSION], ids=["precision", "omission"])
def test_the_tolerance_is_met_and_the_attributes_say_what_was_got(compare, rate):
    X, y, group = people()
    constraint = PredictiveParity(compare=compare)
    if rate is OMISSION:
        constraint = RateParity(OMISSION, compare=compare)
    tolerance = 0.01 if compare == "difference" else 0.05
    model = LinearFractionalClassifier(
        LogisticRegression(), constraint=constraint, tolerance=tolerance
    ).fit(X, y, sensitive_features=group)
    table = table_of(model, X, y, group)
    plain = np.zeros_like(table)
    np.add.at(plain, (group, y, model.estimator_.predict(X)), 1)
    assert constraint.violation(plain, [0, 1]) > 2 * tolerance
    assert constraint.violation(table, [0, 1]) <= tolerance + 1e-6
    assert model.violation_ <= tolerance + 1e-6
    np.testing.assert_allclose(model.rates_, constraint.values(table, [0, 1]))
    np.testing.assert_allclose(model.error_, 1 - np.einsum("gyy", table).sum() / len(y))
    np.testing.assert_allclose(model.weights_.sum(), 1)
    assert 0 <= model.dual_gap_ < 1e-4


def test_realised_predictions_follow_the_expected_ones():
    X, y, group = people(3000)
    model = LinearFractionalClassifier(LogisticRegression())
    model.fit(X, y, sensitive_features=group)
    drawn, expected = model.predict(X), model.expected_proba(X)[:, 1]
    assert np.mean(drawn) == pytest.approx(expected.mean(), abs=0.015)
    np.testing.assert_array_equal(drawn[::7], model.predict(X[::7]))
    settled = (expected < 1e-9) | (expected > 1 - 1e-9)
    np.testing.assert_array_equal(drawn[settled], expected[settled] > 0.5)
    shown = model.predict_proba(X)
    np.testing.assert_allclose(shown.sum(axis=1), 1)
    np.testing.assert_array_equal(shown.argmax(axis=1), drawn)


def test_blind_and_aware_rules_both_meet_it_and_knowing_the_group_helps():
    X, y, group = people(3000)
    aware = LinearFractionalClassifier(LogisticRegression(), sensitive_features=2)
    blind = LinearFractionalClassifier(
        LogisticRegression(), sensitive_features=2, drop_sensitive=True
    )
    errors = []
    for model in (aware, blind):
        table = table_of(model.fit(X, y), X, y, group)
        assert np.ptp(precision(table)) <= 0.01 + 1e-6
        errors.append(model.error_)
    assert errors[0] <= errors[1] + 0.005
    other = X.copy()
    other[:, 2] = (X[:, 2] + 1) % 3
    np.testing.assert_allclose(blind.expected_proba(X), blind.expected_proba(other))


def test_three_classes_have_a_precision_each():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 400)
    X = rng.normal(size=(400, 2)) + 0.6 * group[:, None]
    y = np.digitize(X[:, 0] + rng.normal(size=400), [-0.3, 1.0])
    model = LinearFractionalClassifier(LogisticRegression(), tolerance=0.03)
    model.fit(X, y, sensitive_features=group)
    table = table_of(model, X, y, group)
    rates = np.diagonal(table, axis1=1, axis2=2) / table.sum(axis=1)
    assert np.ptp(rates, axis=0).max() <= 0.03 + 1e-6
    assert model.ends_.shape == (3,)


def test_without_draws_every_decision_is_certain():
    X, y, group = people(4000, n_groups=2)
    model = LinearFractionalClassifier(
        LogisticRegression(), deterministic=True, tolerance=0.03
    ).fit(X, y, sensitive_features=group)
    assert set(np.unique(model.expected_proba(X))) == {0.0, 1.0}
    assert np.ptp(precision(table_of(model, X, y, group))) <= 0.03
    assert model.weights_.tolist() == [1.0]


def test_a_plain_model_within_the_tolerance_is_left_alone():
    X, y, group = people()
    model = LinearFractionalClassifier(LogisticRegression(), tolerance=0.9)
    model.fit(X, y, sensitive_features=group)
    np.testing.assert_allclose(
        model.predict_proba(X), model.estimator_.predict_proba(X), atol=1e-12
    )
    assert model.ends_.size == 0
    assert model.dual_gap_ == 0


def test_what_is_not_reached_is_said():
    """A group without positives has a precision of 0, which others cannot fall to."""
    X, y, group = people()
    y[group == 0] = 0
    model = LinearFractionalClassifier(LogisticRegression())
    with pytest.warns(FairnessWarning, match="above the tolerance"):
        model.fit(X[:, :2], y, sensitive_features=group)
    table = table_of(model, X[:, :2], y, group)
    assert model.violation_ > 0.01
    assert model.violation_ == pytest.approx(np.ptp(precision(table)))


def test_bad_input_is_refused_in_a_sentence():
    X, y, group = people(200)
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        LinearFractionalClassifier(LinearSVC()).fit(X, y, sensitive_features=group)
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    with pytest.raises(ValueError, match="FrozenEstimator"):
        LinearFractionalClassifier(frozen).fit(X, y, sensitive_features=group)
    with pytest.raises(ValueError, match="unknown constraint"):
        LinearFractionalClassifier(LogisticRegression(), constraint="precision").fit(
            X, y, sensitive_features=group
        )


def test_frames_string_labels_pipelines_and_searches():
    X, y, _ = people(600, n_groups=2)
    labels = np.array(["no", "yes"])[y]
    columns = {"a": X[:, 0], "b": X[:, 1], "who": X[:, 2]}
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    model = LinearFractionalClassifier(inner, sensitive_features="who", tolerance=0.05)
    found = [
        model.fit(frame, labels).predict(frame)
        for frame in (pd.DataFrame(columns), pl.DataFrame(columns))
    ]
    np.testing.assert_array_equal(*found)
    assert set(found[0]) <= {"no", "yes"}
    search = GridSearchCV(model, {"tolerance": [0.05, 0.5]}, cv=2)
    search.fit(pd.DataFrame(columns), labels)
    assert search.best_score_ > 0.6
