"""Scores mean the same in every group; scikit-learn's calibration, group by group."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from statsmodels.api import GLM, add_constant
from statsmodels.genmod.families import Binomial

from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning
from fairlearnkit.postprocessing import GroupCalibratedClassifier

METHODS = ["sigmoid", "isotonic", "temperature"]


def people(seed=0, n=3000, n_classes=2):
    """Groups whose labels depend on the features in ways of their own."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    X = rng.normal(size=(n, 2))
    signal = np.array([0.7, 1.5, 1.0])[group] * X[:, 0] + np.array([0, 1, -1])[group]
    cuts = [0.0] if n_classes == 2 else [-1.0, 1.0]
    return X, np.digitize(signal + rng.logistic(size=n), cuts), group


def frozen(model, n_classes=2):
    X, y, _ = people(seed=100, n_classes=n_classes)
    return FrozenEstimator(model.fit(X, y))


@pytest.mark.parametrize("method", ["isotonic", "temperature"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_shrinkage_it_is_scikit_learn_group_by_group(method, n_classes):
    """Naive Bayes has no decision function, so that the peer takes probabilities."""
    X, y, group = people(n_classes=n_classes)
    base = frozen(GaussianNB(), n_classes)
    model = GroupCalibratedClassifier(base, method=method, shrink=0)
    found = model.fit(X, y, sensitive_features=group).predict_proba(
        X, sensitive_features=group
    )
    for code in range(3):
        rows = group == code
        peer = CalibratedClassifierCV(base, method=method).fit(X[rows], y[rows])
        np.testing.assert_allclose(
            found[rows],
            peer.predict_proba(X[rows]),
            atol=1e-4 if n_classes == 3 else 1e-5,
        )


def test_sigmoid_of_decisions_is_scikit_learns():
    X, y, group = people()
    base = frozen(LinearSVC())
    model = GroupCalibratedClassifier(base, shrink=0)
    found = model.fit(X, y, sensitive_features=group).predict_proba(
        X, sensitive_features=group
    )
    assert model.response_method_ == "decision_function"
    for code in range(3):
        rows = group == code
        peer = CalibratedClassifierCV(base, method="sigmoid").fit(X[rows], y[rows])
        np.testing.assert_allclose(found[rows], peer.predict_proba(X[rows]), atol=1e-4)


def test_sigmoid_is_a_logistic_regression_on_log_odds():
    X, y, group = people(n=20_000)
    base = frozen(LogisticRegression())
    model = GroupCalibratedClassifier(base, shrink=0)
    model.fit(X, y, sensitive_features=group)
    odds = base.decision_function(X)
    for code in range(3):
        rows = group == code
        design = add_constant(odds[rows])
        expected = GLM(y[rows], design, family=Binomial()).fit().params
        part = model.calibrators_[code].parts[0]
        # Platt's targets draw the slope in, by about one person of each label.
        np.testing.assert_allclose([part.intercept, part.slope], expected, rtol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_shrinkage_is_a_fit_with_people_drawn_from_all(method):
    """With as many as there are, everybody joins each group once."""
    X, y, group = people(n=600)
    base = frozen(LogisticRegression())
    model = GroupCalibratedClassifier(base, method=method, shrink=600)
    found = model.fit(X, y, sensitive_features=group).predict_proba(
        X, sensitive_features=group
    )
    for code in range(3):
        rows = np.concatenate([np.arange(600), np.flatnonzero(group == code)])
        alone = GroupCalibratedClassifier(base, method=method, shrink=0)
        alone.fit(X[rows], y[rows], sensitive_features=np.zeros(len(rows)))
        own = X[group == code]
        expected = alone.predict_proba(own, sensitive_features=np.zeros(len(own)))
        np.testing.assert_allclose(found[group == code], expected, atol=1e-7)


def test_shrinkage_leads_from_each_group_to_everyone():
    X, y, group = people()
    base = frozen(LogisticRegression())

    def distance(shrink):
        model = GroupCalibratedClassifier(base, shrink=shrink)
        model.fit(X, y, sensitive_features=group)
        odds = base.decision_function(X).reshape(-1, 1)
        everyone = model.pooled_calibrator_(odds)
        return np.abs(
            model.predict_proba(X, sensitive_features=group) - everyone
        ).mean()

    found = [distance(shrink) for shrink in (0, 20, 1000, 1e7)]
    assert found[0] > found[1] > found[2] > found[3]
    assert found[3] < 1e-3 < 0.1 < found[0]


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.LevellingDownWarning")
def test_small_groups_do_better_with_shrinkage():
    """Fifteen people say little by themselves, if they are not too unlike others."""
    rng = np.random.default_rng(0)
    loss = np.zeros(2)
    base = frozen(LogisticRegression())
    for seed in range(6):
        X, y, group = people(seed, n=1500)
        few = rng.choice(np.flatnonzero(group == 0), 15)
        rows = np.concatenate([few, np.flatnonzero(group > 0)])
        new_X, new_y, new_group = people(seed + 50)
        own = new_group == 0
        for place, shrink in enumerate((0, 20)):
            model = GroupCalibratedClassifier(base, shrink=shrink, cv=3)
            with pytest.warns(
                FairnessWarning, match="fewer than 30 people in .*=0 .15"
            ):
                model.fit(X[rows], y[rows], sensitive_features=group[rows])
            score = model.predict_proba(new_X[own], sensitive_features=new_group[own])
            loss[place] += brier_score_loss(new_y[own], score[:, 1])
    assert loss[1] < loss[0] - 0.02


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_groups_are_calibrated_on_new_people_as_reported(method):
    reported, fresh = [], []
    base = frozen(LogisticRegression())
    for seed in range(6):
        X, y, group = people(seed, n=3000)
        model = GroupCalibratedClassifier(base, method=method)
        error = model.fit(X, y, sensitive_features=group).calibration_error_
        assert error.worst["before"] > 0.12
        assert (model.group_report_.change > -0.01).all()
        reported += (error.after**2).tolist()
        X, y, group = people(seed + 50, n=30_000)
        score = model.predict_proba(X, sensitive_features=group)[:, 1]
        for code in range(3):
            rows = np.flatnonzero(group == code)
            deciles = np.array_split(rows[np.argsort(score[rows])], 10)
            gaps = [(y[part] - score[part]).mean() for part in deciles]
            fresh.append(np.mean(np.square(gaps)))
    assert np.sqrt(np.mean(fresh)) < 0.04
    expected = np.sqrt(np.mean(fresh))
    assert np.sqrt(np.mean(reported)) == pytest.approx(expected, abs=0.015)


def test_decisions_are_a_threshold_a_group():
    X, y, group = people()
    base = frozen(LogisticRegression())
    model = GroupCalibratedClassifier(base).fit(X, y, sensitive_features=group)
    decided = model.predict(X, sensitive_features=group)
    odds = base.decision_function(X)
    for code in range(3):
        part = model.calibrators_[code].parts[0]
        expected = odds[group == code] > -part.intercept / part.slope
        np.testing.assert_array_equal(decided[group == code], expected)


def test_auto_takes_the_best_of_the_held_out_scores():
    X, y, group = people()
    fits = {
        method: GroupCalibratedClassifier(GaussianNB(), method=method).fit(
            X, y, sensitive_features=group
        )
        for method in [*METHODS, "auto"]
    }
    n = np.bincount(group)
    scores = {method: n @ model.group_report_.after for method, model in fits.items()}
    best = max(METHODS, key=scores.get)
    assert fits["auto"].method_ == best
    assert scores["auto"] == scores[best]


class Steps(ClassifierMixin, BaseEstimator):
    """A model of four probabilities, wrong by a power."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        positive = np.asarray(X)[:, 0] ** 2
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_isotonic_on_tied_scores_is_the_share_of_positives():
    rng = np.random.default_rng(0)
    X = rng.choice([0.2, 0.4, 0.6, 0.8], size=(4000, 1))
    y = (rng.random(4000) < X[:, 0]).astype(int)
    group, weight = rng.integers(0, 2, 4000), rng.uniform(0.5, 1.5, 4000)
    base = FrozenEstimator(Steps().fit(X, y))
    model = GroupCalibratedClassifier(base, method="isotonic", shrink=0)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    found = model.predict_proba(X, sensitive_features=group)[:, 1]
    for code in (0, 1):
        for value in np.unique(X):
            rows = (group == code) & (X[:, 0] == value)
            share = np.average(y[rows], weights=weight[rows])
            np.testing.assert_allclose(found[rows], share, atol=1e-9)


def test_a_group_of_one_label_leans_on_everyone():
    X, y, group = people(n=900)
    y[group == 2] = 0
    for method in METHODS:
        model = GroupCalibratedClassifier(LogisticRegression(), method=method)
        model.fit(X, y, sensitive_features=group)
        found = model.predict_proba(X, sensitive_features=group)[group == 2, 1]
        assert np.isfinite(found).all()
        if method != "temperature":
            assert 0 < found.mean() < 0.1


def test_probabilities_of_several_classes_sum_to_one():
    X, y, group = people(n_classes=3)
    words = np.array(["low", "middle", "high"])[y]
    for method in METHODS:
        model = GroupCalibratedClassifier(LogisticRegression(), method=method)
        model.fit(X, words, sensitive_features=group)
        found = model.predict_proba(X, sensitive_features=group)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert (found >= 0).all()
        best = model.classes_[found.argmax(axis=1)]
        assert (model.predict(X, sensitive_features=group) == best).all()
        share = np.mean(words == "high")
        assert found[:, 0].mean() == pytest.approx(share, abs=0.04)


def test_an_unknown_group_gets_the_map_of_everyone():
    X, y, group = people()
    base = frozen(LogisticRegression())
    with pytest.raises(ValueError, match="was not seen during fit"):
        GroupCalibratedClassifier(base).fit(X, y, sensitive_features=group).predict(
            X[:1], sensitive_features=[7]
        )
    model = GroupCalibratedClassifier(base, handle_unknown="pooled")
    model.fit(X, y, sensitive_features=group)
    found = model.predict_proba(X[:1], sensitive_features=[7])
    odds = base.decision_function(X[:1]).reshape(-1, 1)
    np.testing.assert_allclose(found, model.pooled_calibrator_(odds), atol=1e-6)


def test_a_model_without_scores_of_several_classes_is_refused():
    X, y, group = people(n_classes=3, n=300)
    with pytest.raises(ValueError, match="no probabilities of 3 classes"):
        GroupCalibratedClassifier(LinearSVC()).fit(X, y, sensitive_features=group)


def test_a_group_that_loses_is_named():
    """Maps learned on one half are wrong for the other."""
    X, who = np.full((400, 1), 0.5**0.5), np.array(["a", "b"])[np.arange(400) // 2 % 2]
    fold = np.arange(400) % 2
    y = np.where(who == "a", fold, np.arange(400) // 4 % 2)
    folds = [(np.flatnonzero(fold == k), np.flatnonzero(fold != k)) for k in (0, 1)]
    base = FrozenEstimator(Steps().fit(X, y))
    model = GroupCalibratedClassifier(base, method="isotonic", cv=folds)
    with pytest.warns(LevellingDownWarning, match="negative Brier score falls for 'a'"):
        model.fit(X, y, sensitive_features=who)


def test_containers_do_not_matter():
    X, y, group = people(n=900)
    names = np.array(["a", "b", "c"])[group]
    table = {"one": X[:, 0], "two": X[:, 1], "who": names}
    found = []
    for library in (pd.DataFrame, pl.DataFrame):
        model = GroupCalibratedClassifier(
            LogisticRegression(), sensitive_features="who", drop_sensitive=True
        )
        frame = library(table)
        found.append(model.fit(frame, y).predict_proba(frame))
        report = model.calibration_error_.to_frame()
        assert list(report.index) == ["a", "b", "c"]
    np.testing.assert_allclose(*found)
    listed = GroupCalibratedClassifier(frozen(LogisticRegression()))
    listed.fit(X.tolist(), y.tolist(), sensitive_features=names.tolist())
    assert listed.predict(X.tolist(), sensitive_features=names.tolist()).shape == (900,)


def test_several_columns_are_crossed_in_the_report():
    X, y, group = people(n=1200)
    who = {"group": group, "side": (X[:, 1] > 0).astype(int)}
    model = GroupCalibratedClassifier(LogisticRegression())
    model.fit(X, y, sensitive_features=who)
    assert len(model.calibrators_) == len(model.groups_) == 6
    assert model.calibration_error_.to_frame().index[0] == (0, 0)
    assert model.group_report_.to_frame().index.names == ["group", "side"]


def test_the_map_is_monotone_and_interpolates():
    """The isotonic map is scikit-learn's on the log odds of everyone."""
    X, y, group = people(n=900)
    base = frozen(LogisticRegression())
    model = GroupCalibratedClassifier(base, method="isotonic")
    model.fit(X, y, sensitive_features=group)
    odds = base.decision_function(X)
    expected = IsotonicRegression(out_of_bounds="clip").fit(odds, y).predict(odds)
    found = model.pooled_calibrator_(odds.reshape(-1, 1))[:, 1]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (np.diff(found[np.argsort(odds)]) >= 0).all()


def test_folds_that_can_be_read_once_are_refused():
    X, y, group = people(n=300)
    folds = KFold(3).split(X)
    with pytest.raises(ValueError, match="cv is a generator"):
        GroupCalibratedClassifier(LogisticRegression(), cv=folds).fit(
            X, y, sensitive_features=group
        )
    model = GroupCalibratedClassifier(LogisticRegression(), cv=list(KFold(3).split(X)))
    assert model.fit(X, y, sensitive_features=group).score(
        X, y, sensitive_features=group
    )
