"""Scores are calibrated in overlapping groups at once, and on people not seen."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning
from fairlearnkit.postprocessing import (
    GroupCalibratedClassifier,
    MulticalibratedClassifier,
)

BASE = LogisticRegression(solver="newton-cholesky")


class GivenScores(ClassifierMixin, BaseEstimator):
    """A model whose probability is the first column of X."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        positive = np.asarray(X)[:, 0].astype(float)
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


GIVEN = FrozenEstimator(GivenScores().fit([[0.0]] * 2, [0, 1]))


def people(seed=0, n=6000):
    """A score blind to sex and race, which raise the odds together and apart."""
    rng = np.random.default_rng(seed)
    sex, race = rng.integers(0, 2, n), rng.integers(0, 3, n)
    skill = rng.normal(size=n)
    truth = expit(skill + 1.2 * sex - 0.8 * (race == 1) + 1.5 * sex * (race == 2) - 0.5)
    y = (rng.random(n) < truth).astype(int)
    return skill.reshape(-1, 1), y, {"sex": sex, "race": race}


def given(seed=0, n=6000):
    """The same people with a probability as their only column."""
    X, y, who = people(seed, n)
    return expit(X), y, who


def groups_of(who):
    """Each level of each column, their intersections, and everyone, as masks."""
    yield np.ones(len(who["sex"]), dtype=bool)
    for s in (0, 1):
        yield who["sex"] == s
        for r in (0, 1, 2):
            yield (who["sex"] == s) & (who["race"] == r)
    for r in (0, 1, 2):
        yield who["race"] == r


def mean_gap(y, score, mask):
    return abs((y - score)[mask].mean())


@pytest.mark.parametrize("learning_rate", [0.3, 1.0])
def test_every_cell_of_enough_people_is_calibrated_on_the_fitting_rows(learning_rate):
    X, y, who = given()
    model = MulticalibratedClassifier(
        GIVEN, tolerance=0.02, early_stopping=False, learning_rate=learning_rate
    ).fit(X, y, sensitive_features=who)
    assert model.stopped_by_ == "tolerance"
    score = model.predict_proba(X, sensitive_features=who)[:, 1]
    bins = np.digitize(score, model.edges_)
    checked = 0
    for mask in groups_of(who):
        for place in range(10):
            cell = mask & (bins == place)
            if cell.sum() >= 30:
                assert mean_gap(y, score, cell) <= 0.02 + 1e-9
                checked += 1
    assert checked > 70
    fitted = model.multicalibration_error_.after
    assert fitted.max() <= 0.02 + 1e-9
    assert len(fitted) == len(model.subgroups_) == 12


def test_calibration_of_one_column_leaves_the_other_wrong():
    X, y, who = people()
    by_race = GroupCalibratedClassifier(BASE).fit(X, y, sensitive_features=who["race"])
    both = MulticalibratedClassifier(BASE).fit(X, y, sensitive_features=who)
    X, y, who = people(seed=1, n=20_000)
    one = by_race.predict_proba(X, sensitive_features=who["race"])[:, 1]
    all_ = both.predict_proba(X, sensitive_features=who)[:, 1]
    for r in (0, 1, 2):
        assert mean_gap(y, one, who["race"] == r) < 0.02
    assert min(mean_gap(y, one, who["sex"] == s) for s in (0, 1)) > 0.15
    assert max(mean_gap(y, all_, mask) for mask in groups_of(who)) < 0.025


def test_proper_scores_improve_on_fitting_rows_and_on_others():
    X, y, who = given()
    model = MulticalibratedClassifier(GIVEN).fit(X, y, sensitive_features=who)
    for seed in (0, 1):
        X, y, who = given(seed)
        score = model.predict_proba(X, sensitive_features=who)[:, 1]
        assert log_loss(y, score) < log_loss(y, X[:, 0]) - 0.05
        assert brier_score_loss(y, score) < brier_score_loss(y, X[:, 0]) - 0.02
    assert (model.group_report_.change > -0.01).all()


@pytest.mark.parametrize("n_bins", [3, 10])
def test_held_out_errors_are_those_of_new_people(n_bins):
    """Not those of the rows of fit, nor swollen by noise in their small cells."""
    X, y, who = given()
    model = MulticalibratedClassifier(GIVEN, n_bins=n_bins)
    error = model.fit(X, y, sensitive_features=who).calibration_error_
    X, y, who = given(seed=1, n=100_000)
    score = model.predict_proba(X, sensitive_features=who)[:, 1]
    bins = np.digitize(score, model.edges_)
    fresh = []
    for mask in groups_of(who):
        cells = [mask & (bins == place) for place in np.unique(bins[mask])]
        squares = [mean_gap(y, score, cell) ** 2 * cell.sum() for cell in cells]
        fresh.append(sum(squares) / mask.sum())
    expected = np.sqrt(np.mean(fresh))
    assert np.sqrt(np.mean(error.after**2)) == pytest.approx(expected, abs=0.01)
    assert expected < 0.04 < 0.15 < np.sqrt(np.mean(error.before**2))


def test_stopping_early_keeps_noise_out():
    """Scores that are right already must stay close to the truth."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.1, 0.9, size=(2000, 1))
    y = (rng.random(2000) < X[:, 0]).astype(int)
    who = {"a": rng.integers(0, 3, 2000), "b": rng.integers(0, 2, 2000)}

    def distance(early_stopping):
        model = MulticalibratedClassifier(GIVEN, early_stopping=early_stopping)
        model.fit(X, y, sensitive_features=who)
        score = model.predict_proba(X, sensitive_features=who)[:, 1]
        return np.abs(score - X[:, 0]).mean()

    assert distance(early_stopping=True) < 0.01 < 0.03 < distance(early_stopping=False)


def test_the_losses_recorded_choose_the_number_of_corrections():
    X, y, who = given()
    model = MulticalibratedClassifier(GIVEN).fit(X, y, sensitive_features=who)
    losses = model.held_out_losses_
    assert losses[0] == pytest.approx(log_loss(y, X[:, 0]))
    assert len(model.updates_) == losses.argmin() == model.n_iter_ - 1
    assert model.stopped_by_ in ("held_out_loss", "tolerance")
    assert {u.group for u in model.updates_} <= set(model.subgroups_)


def test_nothing_changes_under_a_slack_tolerance():
    X, y, who = people(n=1000)
    model = MulticalibratedClassifier(BASE, tolerance=1.0, n_bins=2)
    found = model.fit(X, y, sensitive_features=who).predict_proba(
        X, sensitive_features=who
    )
    np.testing.assert_allclose(found, BASE.fit(X, y).predict_proba(X), atol=1e-6)
    assert model.updates_ == ()
    assert model.stopped_by_ == "tolerance"


def frame(seed=0, n=3000, library=pd.DataFrame):
    X, y, who = people(seed, n)
    age = np.random.default_rng(seed + 1000).integers(18, 90, n)
    y = np.where(age > 60, 1 - y, y)  # the score misleads about the old
    sex = np.array(["F", "M"])[who["sex"]]
    return library({"skill": X[:, 0], "age": age, "sex": sex, "race": who["race"]}), y


def old_women(X):
    return (X["age"] > 60) & (X["sex"] == "F")


def skill_only(X):
    return np.asarray(X["skill"]).reshape(-1, 1)


ON_SKILL = make_pipeline(FunctionTransformer(skill_only), BASE)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_a_group_of_ones_own_is_calibrated_too(library):
    X, y = frame(library=library)
    settings = {
        "sensitive_features": "sex",
        "tolerance": 0.02,
        "early_stopping": False,
        "n_bins": 4,
    }
    plain = MulticalibratedClassifier(ON_SKILL, **settings).fit(X, y)
    model = MulticalibratedClassifier(
        ON_SKILL, subgroups={"old women": old_women}, **settings
    ).fit(X, y)
    assert plain.subgroups_ == ("everyone", "sex='F'", "sex='M'")
    assert model.subgroups_ == (*plain.subgroups_, "old women")
    error = model.multicalibration_error_
    assert error.before[3] > 0.1
    assert error.after[3] <= 0.02
    other, truth = frame(seed=1, n=10_000, library=library)
    mask = np.asarray(old_women(other))

    def gap(fitted):
        return mean_gap(truth, fitted.predict_proba(other)[:, 1], mask)

    assert gap(model) < 0.03 < 0.1 < gap(plain)


def test_containers_and_types_of_labels_do_not_matter():
    X, y = frame()
    columns = {"sensitive_features": ["sex", "race"]}
    expected = MulticalibratedClassifier(ON_SKILL, **columns).fit(X, y).predict_proba(X)
    polar = frame(library=pl.DataFrame)[0]
    model = MulticalibratedClassifier(ON_SKILL, **columns)
    np.testing.assert_allclose(model.fit(polar, y).predict_proba(polar), expected)
    words = np.array(["no", "yes"])[y]
    decided = np.where(expected[:, 1] > 0.5, "yes", "no")
    assert (model.fit(X, words).predict(X) == decided).all()
    X, y, who = given(n=1500)
    model = MulticalibratedClassifier(GIVEN, n_bins=4)
    found = model.fit(X, y, sensitive_features=who).predict_proba(
        X, sensitive_features=who
    )
    pairs = np.column_stack([who["sex"], who["race"]]).tolist()
    listed = model.fit(X.tolist(), y.tolist(), sensitive_features=pairs).predict_proba(
        X.tolist(), sensitive_features=pairs
    )
    np.testing.assert_allclose(listed, found)


def test_without_intersections_there_are_levels_alone():
    X, y, who = people(n=600)
    model = MulticalibratedClassifier(BASE, intersections=False, n_bins=3)
    model.fit(X, y, sensitive_features=who)
    assert model.subgroups_ == (
        "everyone",
        "sex=0",
        "sex=1",
        "race=0",
        "race=1",
        "race=2",
    )
    assert len(model.groups_) == 6


def test_an_unseen_intersection_gets_the_corrections_of_its_levels():
    X, y, who = given()
    seen = ~((who["sex"] == 1) & (who["race"] == 2))
    fitted = {name: values[seen] for name, values in who.items()}
    model = MulticalibratedClassifier(GIVEN, handle_unknown="pooled")
    model.fit(X[seen], y[seen], sensitive_features=fitted)
    one = {"sex": [1], "race": [2]}
    strict = MulticalibratedClassifier(GIVEN)
    strict.fit(X[seen], y[seen], sensitive_features=fitted)
    with pytest.raises(ValueError, match="was not seen during fit"):
        strict.predict([[0.4]], sensitive_features=one)
    found = model.decision_function([[0.4]], sensitive_features=one)
    by_levels = {"everyone", "sex=1", "race=2"}
    score = np.log(0.4 / 0.6)
    for update in model.updates_:
        place = np.digitize(expit(score), model.edges_)
        if update.group in by_levels and place == update.bin:
            score += update.shift
    np.testing.assert_allclose(found, [score], rtol=1e-6)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("age > 70", "must be a callable"),
        (lambda X: X["age"], "a boolean for each"),
        (lambda X: np.array([True]), "a boolean for each"),
    ],
)
def test_a_bad_subgroup_is_refused_by_name(rule, message):
    X, y = frame(n=200)
    model = MulticalibratedClassifier(
        ON_SKILL, sensitive_features="sex", subgroups={"old": rule}
    )
    with pytest.raises(ValueError, match=f"subgroup 'old'.*{message}"):
        model.fit(X, y)


def test_a_model_without_probabilities_is_refused():
    X, y, who = people(n=200)
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        MulticalibratedClassifier(LinearSVC()).fit(X, y, sensitive_features=who)


def test_what_remains_undone_is_said():
    X, y, who = given(n=2000)
    model = MulticalibratedClassifier(GIVEN, max_iter=2, early_stopping=False, n_bins=4)
    with pytest.warns(FairnessWarning, match="after 2 corrections"):
        model.fit(X, y, sensitive_features=who)
    assert model.stopped_by_ == "max_iter"
    model = MulticalibratedClassifier(GIVEN, min_cell_size=2000, n_bins=1)
    with pytest.warns(FairnessWarning, match="no score bin holds 2000 people of sex=0"):
        model.fit(X, y, sensitive_features=who)
    errors = model.multicalibration_error_
    assert np.isnan(errors.after).sum() == 11
    assert errors.worst["after"] == errors.after[0]


def test_rows_of_no_weight_count_for_nothing():
    X, y, who = given(n=2000)
    weight = (np.arange(2000) < 1000).astype(float)
    fold = np.arange(2000) % 2
    folds = [(np.flatnonzero(fold == k), np.flatnonzero(fold != k)) for k in (0, 1)]
    half = [(a[a < 1000], b[b < 1000]) for a, b in folds]
    first = {name: values[:1000] for name, values in who.items()}
    settings = {"n_bins": 4, "min_cell_size": 20}
    one = MulticalibratedClassifier(GIVEN, cv=folds, **settings).fit(
        X,
        np.where(weight > 0, y, 1 - y),
        sensitive_features=who,
        sample_weight=weight,
    )
    two = MulticalibratedClassifier(GIVEN, cv=half, **settings).fit(
        X[:1000], y[:1000], sensitive_features=first
    )
    assert one.subgroups_ == two.subgroups_
    np.testing.assert_allclose(
        one.predict_proba(X, sensitive_features=who),
        two.predict_proba(X, sensitive_features=who),
    )


def test_reports_are_tables():
    X, y, who = given(n=2000)
    model = MulticalibratedClassifier(GIVEN, n_bins=4)
    model.fit(X, y, sensitive_features=who)
    table = model.calibration_error_.to_frame()
    assert list(table.index) == list(model.subgroups_)
    assert list(table.columns) == ["n", "before", "after"]
    assert model.group_report_.utility == "negative Brier score"
    assert len(model.group_report_.to_frame()) == 6


def test_a_group_that_loses_is_named():
    """Corrections learned on one half are wrong for the other."""
    rng = np.random.default_rng(0)
    X, who = np.full((400, 1), 0.5), np.array(["a", "b"])[np.arange(400) // 2 % 2]
    fold = np.arange(400) % 2
    y = np.where(who == "a", fold, rng.integers(0, 2, 400))
    folds = [(np.flatnonzero(fold == k), np.flatnonzero(fold != k)) for k in (0, 1)]
    model = MulticalibratedClassifier(GIVEN, cv=folds, early_stopping=False, n_bins=1)
    with pytest.warns(LevellingDownWarning, match="negative Brier score falls for 'a'"):
        model.fit(X, y, sensitive_features=who)
