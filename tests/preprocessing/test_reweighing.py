"""Reweighing makes label and group independent, and the weights reach the model."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fairlearnkit import Binned, ReweighingClassifier
from fairlearnkit.constraints import DemographicParity
from fairlearnkit.datasets import load_adult
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.tables import GroupCounts

RNG = np.random.default_rng(0)
GROUP = RNG.integers(0, 3, 300)
X = np.column_stack([RNG.normal(size=300) + GROUP, RNG.normal(size=300), GROUP])
Y = (X[:, 0] + RNG.normal(size=300) > 1.5).astype(int)


@pytest.fixture(scope="module")
def adult():
    data = load_adult()
    return data.data.drop(columns=["native-country"]), data.target


class Recorder(ClassifierMixin, BaseEstimator):
    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.seen_ = X, y, sample_weight
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def weighted_table(groups, labels, weight):
    frame = pd.DataFrame({"g": groups, "y": labels, "w": weight})
    return frame.pivot_table("w", "g", "y", aggfunc="sum", fill_value=0).to_numpy()


def test_weights_on_adult_are_those_published(adult):
    """Kamiran and Calders 2012, and AIF360's example, on all 48,842 rows."""
    data, target = adult
    model = ReweighingClassifier(DummyClassifier(), sensitive_features="sex")
    model.fit(data, target)
    weights = dict(zip(model.groups_, model.weights_, strict=True))
    np.testing.assert_allclose(weights["Female"], [0.8540, 2.1902], atol=5e-5)
    np.testing.assert_allclose(weights["Male"], [1.0926, 0.7877], atol=5e-5)


@st.composite
def weighted_people(draw):
    n_groups, n_classes = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    cells = [(g, y) for g in range(n_groups) for y in range(n_classes)]
    cells += draw(st.lists(st.sampled_from(cells), max_size=30))
    weights = st.sampled_from([0.5, 1.0, 2.0, 5.0])
    weight = draw(st.lists(weights, min_size=len(cells), max_size=len(cells)))
    groups, labels = zip(*cells, strict=True)
    return np.array(groups), np.array(labels), np.array(weight)


@given(weighted_people())
def test_on_the_weighted_data_label_and_group_are_independent(people):
    groups, labels, weight = people
    model = ReweighingClassifier(Recorder(), sensitive_features=0)
    model.fit(groups[:, None], labels, sample_weight=weight)
    before = weighted_table(groups, labels, weight)
    after = weighted_table(groups, labels, model.sample_weight_)
    expected = np.outer(after.sum(axis=1), after.sum(axis=0)) / after.sum()
    np.testing.assert_allclose(after, expected)
    np.testing.assert_allclose(after.sum(axis=1), before.sum(axis=1))
    np.testing.assert_allclose(after.sum(axis=0), before.sum(axis=0))
    for g, y in {*zip(groups.tolist(), labels.tolist(), strict=True)}:
        share = before / before.sum()
        formula = share[g].sum() * share[:, y].sum() / share[g, y]
        assert model.weights_[g, y] == pytest.approx(formula)
    np.testing.assert_allclose(model.estimator_.seen_[2], model.sample_weight_)


def test_whole_weights_equal_repeated_rows_and_the_unit_does_not_matter():
    times = RNG.integers(1, 4, 300)
    weighted = ReweighingClassifier(GaussianNB(), sensitive_features=2)
    weighted.fit(X, Y, sample_weight=times)
    repeated = clone(weighted).fit(np.repeat(X, times, axis=0), np.repeat(Y, times))
    np.testing.assert_allclose(weighted.weights_, repeated.weights_)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X))
    scaled = clone(weighted).fit(X, Y, sample_weight=10 * times)
    np.testing.assert_allclose(scaled.weights_, weighted.weights_)
    np.testing.assert_allclose(
        scaled.effective_sample_size_, weighted.effective_sample_size_
    )


def test_people_without_weight_are_as_absent():
    weight = (GROUP != 2).astype(float)
    kept = ReweighingClassifier(GaussianNB(), sensitive_features=2)
    kept.fit(X, Y, sample_weight=weight)
    dropped = clone(kept).fit(X[GROUP != 2], Y[GROUP != 2])
    assert kept.groups_ == dropped.groups_ == (0, 1)
    np.testing.assert_allclose(kept.predict_proba(X), dropped.predict_proba(X))


def test_independent_data_get_weights_of_one():
    grid = np.array([(g, y) for g in range(2) for y in range(2) for _ in range(5)])
    model = ReweighingClassifier(GaussianNB(), sensitive_features=0)
    model.fit(grid, grid[:, 1])
    np.testing.assert_allclose(model.weights_, 1)
    assert model.effective_sample_size_ == pytest.approx(20)


def test_renaming_groups_and_labels_changes_nothing():
    first = ReweighingClassifier(LogisticRegression()).fit(
        X, Y, sensitive_features=GROUP
    )
    names = np.array(["c", "b", "a"])
    second = clone(first).fit(
        X, np.array(["no", "yes"])[Y], sensitive_features=names[GROUP]
    )
    assert second.groups_ == ("a", "b", "c")
    np.testing.assert_allclose(second.weights_, first.weights_[::-1])
    np.testing.assert_array_equal(second.predict(X) == "yes", first.predict(X) == 1)


@pytest.mark.parametrize(
    ("sensitive", "spec"),
    [
        (None, 2),
        (None, -1),
        (None, lambda Z: Z[:, 2]),
        (None, Binned(2, [0.5, 1.5])),
        (GROUP, None),
        (GROUP, 0),  # values win
        ({"g": GROUP}, None),
        (pd.DataFrame({"g": GROUP}), None),
        (pl.Series("g", GROUP), None),
    ],
)
def test_both_entrances_give_the_same_weights(sensitive, spec):
    model = ReweighingClassifier(GaussianNB(), sensitive_features=spec)
    model.fit(X, Y, sensitive_features=sensitive)
    reference = ReweighingClassifier(GaussianNB(), sensitive_features=2).fit(X, Y)
    np.testing.assert_allclose(model.sample_weight_, reference.sample_weight_)
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))


def test_two_columns_make_intersectional_weights():
    frame = pd.DataFrame(X, columns=["a", "b", "g"]).assign(h=np.arange(300) % 2)
    model = ReweighingClassifier(GaussianNB(), sensitive_features=["g", "h"])
    model.fit(frame, Y)
    assert len(model.groups_) == 6
    joint = [f"{g}{h}" for g, h in zip(frame["g"], frame["h"], strict=True)]
    after = weighted_table(joint, Y, model.sample_weight_)
    shares = after[:, 1] / after.sum(axis=1)
    np.testing.assert_allclose(shares, Y.mean())


@pytest.mark.parametrize(
    "convert", [np.asarray, sparse.csr_array, pl.DataFrame, pd.DataFrame]
)
def test_hidden_columns_stay_hidden(convert):
    model = ReweighingClassifier(
        LogisticRegression(), sensitive_features=2, drop_sensitive=True
    )
    model.fit(convert(X), Y)
    assert model.estimator_.n_features_in_ == 2
    assert model.n_features_in_ == 3
    assert model.predict(convert(X)).shape == (300,)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), make_pipeline(GaussianNB())),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
        VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]),
        HistGradientBoostingClassifier(max_iter=20),
        AdaBoostClassifier(n_estimators=10, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_disparity_shrinks_whatever_the_estimator(estimator):
    def disparity(model):
        table = GroupCounts.from_arrays(Y, model.predict(X), sensitive_features=GROUP)
        return DemographicParity().violation(table.counts, table.classes)

    plain = clone(estimator).fit(X, Y)
    model = ReweighingClassifier(estimator, sensitive_features=2).fit(X, Y)
    assert disparity(model) < disparity(plain) - 0.1


def test_the_disparity_on_adult_shrinks_by_more_than_half(adult):
    data, target = adult
    encoder = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_include=["category", object]),
        ),
        remainder=StandardScaler(),
    )
    plain = make_pipeline(encoder, LogisticRegression(max_iter=500))
    model = ReweighingClassifier(plain, sensitive_features="sex").fit(data, target)
    plain = clone(plain).fit(data, target)
    gaps = []
    for fitted in (plain, model):
        table = GroupCounts.from_arrays(
            target, fitted.predict(data), sensitive_features=data["sex"]
        )
        gaps.append(DemographicParity().violation(table.counts, [0, 1]))
    assert 0.15 < gaps[0] < 0.21
    assert gaps[1] < 0.5 * gaps[0]
    accuracy = [fitted.score(data, target) for fitted in (plain, model)]
    assert accuracy[1] > accuracy[0] - 0.02


def test_resampling_draws_rows_in_proportion_to_the_weights():
    group = np.repeat([0, 0, 1, 1], [600, 200, 200, 600])
    label = np.repeat([0, 1, 0, 1], [600, 200, 200, 600])
    data = np.column_stack([group, np.arange(1600)])
    model = ReweighingClassifier(
        Recorder(),
        sensitive_features=0,
        weight_strategy="resample",
        random_state=0,
    ).fit(data, label)
    rows, labels, weight = model.estimator_.seen_
    assert weight is None
    assert len(rows) == 1600
    np.testing.assert_array_equal(labels, label[rows[:, 1]])
    table = weighted_table(rows[:, 0], labels, np.ones(1600)) / 1600
    np.testing.assert_allclose(table, 0.25, atol=0.04)
    again = clone(model).fit(data, label)
    np.testing.assert_array_equal(again.estimator_.seen_[0], rows)


@pytest.mark.parametrize(
    "groups", [GROUP, {"g": GROUP}, pd.Series(GROUP), pl.DataFrame({"g": GROUP})]
)
def test_resampling_serves_estimators_without_weights(groups):
    model = ReweighingClassifier(
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        weight_strategy="resample",
        random_state=0,
    ).fit(X, Y, sensitive_features=groups)
    assert model.predict(X).shape == (300,)


@pytest.mark.parametrize(
    "estimator",
    [KNeighborsClassifier(), make_pipeline(StandardScaler(), KNeighborsClassifier())],
)
def test_an_estimator_without_weights_is_named_with_the_way_out(estimator):
    model = ReweighingClassifier(estimator, sensitive_features=2)
    with pytest.raises(ValueError, match=r"KNeigh.* weight_strategy='resample'"):
        model.fit(X, Y)


def test_an_empty_cell_is_named_and_leaves_the_others_weighted():
    group = np.array(["a", "a", "a", "b", "b", "b", "b"])
    label = np.array([0, 0, 0, 0, 1, 1, 1])
    model = ReweighingClassifier(Recorder())
    with pytest.warns(FairnessWarning, match=r"sensitive_features='a', label .*1"):
        model.fit(np.zeros((7, 1)), label, sensitive_features=group)
    assert np.isnan(model.weights_[0, 1])
    assert np.isfinite(model.sample_weight_).all()
    np.testing.assert_allclose(model.weights_[1], [4 * 4 / 7, 4 * 3 / 7 / 3])


def test_a_frozen_estimator_is_refused():
    frozen = FrozenEstimator(LogisticRegression().fit(X, Y))
    with pytest.raises(ValueError, match="FrozenEstimator, which cannot be trained"):
        ReweighingClassifier(frozen, sensitive_features=2).fit(X, Y)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"sensitive_features": None}, "sensitive_features='sex'"),
        ({"estimator": LinearRegression()}, "needs a classifier, got LinearRegr"),
        ({"y": np.zeros(300)}, "only one class"),
        ({"y": None}, "requires y"),
        ({"y": RNG.normal(size=300)}, "Unknown label type"),
        ({"sample_weight": np.zeros(300)}, "at least one non-zero"),
        ({"sample_weight": (Y == 1).astype(float)}, "only one class with a weight"),
        ({"sample_weight": -np.ones(300)}, "must be non-negative"),
        ({"sample_weight": np.ones(10)}, "inconsistent numbers of samples"),
        ({"groups": [None] * 300}, "has 300 missing values"),
        ({"groups": [0, 1]}, "has 2 rows but X has 300"),
    ],
)
def test_bad_input_gets_one_sentence(change, match):
    fit = {"y": Y, "sample_weight": None, "groups": None} | change
    model = ReweighingClassifier(
        fit.pop("estimator", GaussianNB()),
        sensitive_features=fit.pop("sensitive_features", 2),
    )
    with pytest.raises(ValueError, match=match):
        model.fit(
            X,
            fit["y"],
            sensitive_features=fit["groups"],
            sample_weight=fit["sample_weight"],
        )


def test_missing_groups_may_be_a_group():
    groups = np.where(GROUP == 2, None, GROUP.astype(object))
    model = ReweighingClassifier(GaussianNB(), handle_missing="group")
    model.fit(X, Y, sensitive_features=groups)
    assert model.groups_ == (0, 1, "<missing>")


def test_methods_follow_the_estimator():
    model = ReweighingClassifier(LogisticRegression(), sensitive_features=2).fit(X, Y)
    proba, decision = model.predict_proba(X), model.decision_function(X)
    np.testing.assert_array_equal(model.predict(X), proba.argmax(axis=1))
    np.testing.assert_array_equal(model.predict(X), decision > 0)
    assert model.score(X, Y) == (model.predict(X) == Y).mean()
    assert not hasattr(ReweighingClassifier(Recorder()), "predict_proba")
    with pytest.raises(NotFittedError):
        ReweighingClassifier(GaussianNB()).predict(X)
    assert cross_val_score(model, X, Y).mean() > 0.6
