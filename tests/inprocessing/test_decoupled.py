"""Decoupled models: what own models bring, and who backs off to the pooled one."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit.datasets import load_communities_crime
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing._decoupled import DecoupledClassifier
from fairlearnkit.inprocessing._decoupled_regressor import DecoupledRegressor


def people(seed=0, n=1500, same=False):
    """Two groups with the same relation of features and label, or another."""
    rng = np.random.default_rng(seed)
    group = (rng.random(n) < 0.25).astype(int)
    X = rng.normal(size=(n, 3))
    own = X[:, 0] if same else np.where(group == 1, X[:, 1], X[:, 0])
    return X, (own + rng.normal(size=n) / 2 > 0).astype(int), group


def test_groups_that_differ_get_models_of_their_own():
    X, y, group = people()
    model = DecoupledClassifier(LogisticRegression())
    model.fit(X, y, sensitive_features=group)
    assert (model.other_weights_ < 1).all()
    X, y, group = people(seed=1)
    pooled = model.pooled_estimator_.predict(X) == y
    own = model.predict(X, sensitive_features=group) == y
    for g in (0, 1):
        assert own[group == g].mean() > pooled[group == g].mean()
    assert own[group == 1].mean() > pooled[group == 1].mean() + 0.2


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_do_not_differ_share_the_pooled_model(seed):
    X, y, group = people(seed, same=True)
    model = DecoupledClassifier(LogisticRegression())
    model.fit(X, y, sensitive_features=group)
    gain = -model.group_report_.change
    assert (gain < 0.01).all()
    shared = [m is model.pooled_estimator_ for m in model.estimators_]
    assert shared == (model.other_weights_ == 1).tolist()
    assert any(shared)


def test_by_size_every_group_that_is_large_enough_is_on_its_own():
    X, y, group = people()
    group = np.where(np.arange(len(y)) < 20, 2, group)
    model = DecoupledClassifier(
        LogisticRegression(), back_off="size", other_weights=(0,), min_group_size=50
    )
    with pytest.warns(FairnessWarning, match="min_group_size=50 people in .*=2"):
        model.fit(X, y, sensitive_features=group)
    assert model.other_weights_.tolist() == [0, 0, 1]
    for g in (0, 1):
        alone = LogisticRegression().fit(X[group == g], y[group == g])
        np.testing.assert_array_equal(
            model.predict(X, sensitive_features=np.full(len(y), g)), alone.predict(X)
        )


def test_other_groups_count_as_much_as_their_weight_says():
    X, y, group = people()
    model = DecoupledClassifier(
        LogisticRegression(), back_off="size", other_weights=(0.3,)
    )
    model.fit(X, y, sensitive_features=group)
    weight = np.where(group == 1, 1, 0.3)
    expected = LogisticRegression().fit(X, y, weight).predict_proba(X)
    everyone = np.ones(len(y), dtype=int)
    found = model.predict_proba(X, sensitive_features=everyone)
    np.testing.assert_allclose(found, expected)


def test_a_learner_without_weights_will_do_if_none_are_asked_for():
    X, y, group = people(n=400)
    model = DecoupledClassifier(KNeighborsClassifier(), other_weights=(0,))
    model.fit(X, y, sensitive_features=group).predict(X, sensitive_features=group)
    with pytest.raises(ValueError, match="does not accept sample_weight"):
        DecoupledClassifier(KNeighborsClassifier()).fit(X, y, sensitive_features=group)


def test_unseen_groups_are_an_error_or_pooled():
    X, y, group = people()
    model = DecoupledClassifier(LogisticRegression())
    model.fit(X, y, sensitive_features=group)
    strangers = np.full(len(y), 7)
    with pytest.raises(ValueError, match="was not seen during fit"):
        model.predict(X, sensitive_features=strangers)
    model.set_params(handle_unknown="pooled")
    np.testing.assert_array_equal(
        model.predict(X, sensitive_features=strangers),
        model.pooled_estimator_.predict(X),
    )
    with pytest.raises(ValueError, match="needs to know the groups"):
        model.predict(X)


def test_a_group_of_one_label_backs_off():
    X, y, group = people()
    y = np.where(group == 1, 1, y)
    model = DecoupledClassifier(LogisticRegression(), back_off="size")
    with pytest.warns(FairnessWarning, match="the same label in .*=1"):
        model.fit(X, y, sensitive_features=group)
    assert model.estimators_[1] is model.pooled_estimator_


def test_a_group_may_know_fewer_classes():
    X, y, group = people()
    y = np.where((group == 0) & (X[:, 2] > 1), 2, y)
    model = DecoupledClassifier(
        DecisionTreeClassifier(max_depth=2), back_off="size", other_weights=(0,)
    )
    model.fit(X, y, sensitive_features=group)
    proba = model.predict_proba(X, sensitive_features=group)
    assert proba.shape == (len(y), 3)
    assert (proba[group == 1, 2] == 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_the_order_of_rows_does_not_matter():
    X, y, group = people()
    order = np.random.default_rng(1).permutation(len(y))
    first, second = (
        DecoupledClassifier(LogisticRegression())
        .fit(X[rows], y[rows], sensitive_features=group[rows])
        .other_weights_
        for rows in (np.arange(len(y)), order)
    )
    np.testing.assert_array_equal(first, second)


def test_frames_words_and_folds_of_ones_own():
    X, y, group = people(n=600)
    data = {"a": X[:, 0], "b": X[:, 1], "sex": np.array(["f", "m"])[group]}
    words = np.array(["no", "yes"])[y]
    found = [
        DecoupledClassifier(
            LogisticRegression(),
            sensitive_features="sex",
            drop_sensitive=True,
            cv=KFold(3),
        )
        .fit(frame, words)
        .predict(frame)
        for frame in (pd.DataFrame(data), pl.DataFrame(data))
    ]
    np.testing.assert_array_equal(*found)
    assert set(found[0]) == {"no", "yes"}


@pytest.mark.parametrize("weights", [(), (1.0,), (-0.1,), (2,)])
def test_other_weights_are_checked(weights):
    X, y, group = people(n=200)
    model = DecoupledClassifier(LogisticRegression(), other_weights=weights)
    with pytest.raises(ValueError, match="other_weights must hold"):
        model.fit(X, y, sensitive_features=group)


def test_towns_that_differ_are_predicted_better_on_held_out_towns():
    crime = load_communities_crime()
    X = crime.data.select_dtypes("number")
    X = ((X - X.mean()) / X.std()).fillna(0).to_numpy()[:, :10]
    y = np.asarray(crime.target, dtype=float)
    group = np.where(X[:, 2] > np.median(X[:, 2]), "more", "less")
    train = np.arange(len(y)) % 2 == 0
    model = DecoupledRegressor(LinearRegression())
    model.fit(X[train], y[train], sensitive_features=group[train])
    own = (model.predict(X, sensitive_features=group) - y)[~train] ** 2
    pooled = (model.pooled_estimator_.predict(X) - y)[~train] ** 2
    assert own.mean() <= pooled.mean()
