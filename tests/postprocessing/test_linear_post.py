"""Prices on decisions: as fair as the model of groups is right, and group-blind."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning
from fairlearnkit.postprocessing import LinearPostClassifier, ThresholdOptimizer

# Parity between unequal groups takes accuracy, which is not what is tested here.
pytestmark = pytest.mark.filterwarnings(
    "ignore::fairlearnkit.exceptions.LevellingDownWarning", "ignore:fewer than 30"
)


class Told(ClassifierMixin, BaseEstimator):
    """A model that reads the true chances of (group, label) off the columns of X."""

    def __init__(self, of="label", n_classes=2):
        self.of = of
        self.n_classes = n_classes

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        X = np.asarray(X, dtype=float)
        joint = X.reshape(len(X), -1, self.n_classes)
        if self.of == "label":
            return joint.sum(axis=1)
        return X if len(self.classes_) == X.shape[1] else joint.sum(axis=2)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def told_people(seed=0, n=4000, n_groups=2, n_classes=2):
    """X holds P(group, label | x); group and label are drawn from it."""
    rng = np.random.default_rng(seed)
    tilt = rng.normal(size=(n, 1)) * np.linspace(-1, 1, n_groups * n_classes)
    X = rng.dirichlet(np.linspace(0.3, 2, n_groups * n_classes), size=n) * np.exp(tilt)
    X /= X.sum(axis=1, keepdims=True)
    cell = (rng.random(n)[:, None] > X.cumsum(axis=1)).sum(axis=1)
    return X, cell % n_classes, cell // n_classes


def people(seed=0, n=2000):
    """Features that give the group away; groups of unequal base rates."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 3)) + np.array([0.6, 1.0, 0.0]) * group[:, None]
    y = (X[:, 0] + X[:, 2] + rng.normal(size=n) > 0.3).astype(int)
    return X, y, group


def violation_of(constraint, chances, y, group):
    counts = np.zeros((group.max() + 1, chances.shape[1], chances.shape[1]))
    np.add.at(counts, (group, y), chances)
    classes = list(range(chances.shape[1]))
    return as_constraint(constraint).violation(counts, classes)


FORMS = ["demographic_parity", "equalized_odds", "error_rate_parity"]


@pytest.mark.parametrize("constraint", FORMS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_with_the_true_chances_new_people_are_treated_alike(constraint, n_classes):
    X, y, group = told_people(n=20_000, n_classes=n_classes)
    model = LinearPostClassifier(
        FrozenEstimator(Told(n_classes=n_classes).fit(X, y)),
        constraint=constraint,
        tolerance=0.0,
        group_estimator=Told("group", n_classes),
        calibrate=False,
        correct=False,
    ).fit(X, y, sensitive_features=group)
    assert model.violation_ <= 1e-6
    assert 0 <= model.dual_gap_ <= 1e-4
    new, label, other = told_people(1, n=100_000, n_classes=n_classes)
    before = violation_of(
        constraint, np.eye(n_classes)[model.estimator_.predict(new)], label, other
    )
    after = violation_of(constraint, model.expected_proba(new), label, other)
    assert before > 0.04
    assert after < 0.02


@pytest.mark.parametrize("constraint", FORMS)
def test_the_tolerance_holds_among_observed_groups_out_of_fold(constraint):
    X, y, group = people()
    model = LinearPostClassifier(
        LogisticRegression(), constraint=constraint, tolerance=0.02
    ).fit(X, y, sensitive_features=group)
    assert model.observed_violation_ <= 0.02 + 1e-4
    found = as_constraint(constraint).gap(model.rates_).max()
    assert found == pytest.approx(model.observed_violation_)
    exact = clone(model).set_params(correct=False).fit(X, y, sensitive_features=group)
    assert exact.violation_ <= 0.02 + 1e-6
    assert exact.dual_gap_ <= 1e-4


def test_blind_equals_aware_where_the_group_is_a_function_of_x():
    X, y, group = people()
    X = np.column_stack([X, group])
    settings = {"tolerance": 0.02, "calibrate": False, "correct": False}

    def told_group(X):
        return np.eye(2)[X[:, 3].astype(int)]

    blind = LinearPostClassifier(
        LogisticRegression(), group_proba=told_group, **settings
    ).fit(X, y, sensitive_features=group)
    aware = LinearPostClassifier(LogisticRegression(), use_groups=True, **settings)
    aware.fit(X, y, sensitive_features=group)
    np.testing.assert_allclose(
        blind.expected_proba(X), aware.expected_proba(X, sensitive_features=group)
    )


def test_the_aware_rule_is_as_good_as_the_best_thresholds():
    X, y, group = people(n=4000)
    frozen = FrozenEstimator(LogisticRegression().fit(*people(1)[:2]))
    ours = LinearPostClassifier(frozen, use_groups=True, tolerance=0.02)
    ours.fit(X, y, sensitive_features=group)
    best = ThresholdOptimizer(frozen, tolerance=0.02)
    best.fit(X, y, sensitive_features=group)
    right = ours.expected_proba(X, sensitive_features=group)[np.arange(len(y)), y]
    assert right.mean() == pytest.approx(best.objective_, abs=0.005)
    assert right.mean() <= best.objective_ + 1e-6


def test_prediction_needs_no_groups_unless_it_uses_them():
    X, y, group = people()
    model = LinearPostClassifier(LogisticRegression())
    plain = LogisticRegression().fit(X, y).predict(X)
    decided = model.fit(X, y, sensitive_features=group).predict(X)
    assert abs(decided[group == 1].mean() - decided[group == 0].mean()) < 0.05
    assert abs(plain[group == 1].mean() - plain[group == 0].mean()) > 0.1
    aware = clone(model).set_params(use_groups=True).fit(X, y, sensitive_features=group)
    with pytest.raises(ValueError, match="sensitive_features"):
        aware.predict(X)


def test_slack_tolerance_is_the_plain_model():
    X, y, group = people()
    model = LinearPostClassifier(LogisticRegression(), tolerance=1.0)
    model.fit(X, y, sensitive_features=group)
    plain = LogisticRegression().fit(X, y)
    agree = model.predict(X) == plain.predict(X)
    assert agree.mean() > 0.998  # but for a draw at a chance of a half
    assert np.abs(model.multipliers_).max() < 1e-4
    sure = abs(plain.predict_proba(X)[:, 1] - 0.5) > 0.05
    np.testing.assert_allclose(
        model.predict_proba(X)[sure], plain.predict_proba(X)[sure], atol=1e-4
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_realised_decisions_follow_the_expected_ones_and_the_probabilities(n_classes):
    X, y, group = told_people(n=20_000, n_classes=n_classes)
    model = LinearPostClassifier(
        FrozenEstimator(Told(n_classes=n_classes).fit(X, y)),
        group_estimator=Told("group", n_classes),
    ).fit(X, y, sensitive_features=group)
    decided, expected = model.predict(X), model.expected_proba(X)
    assert (decided == model.predict_proba(X).argmax(axis=1)).all()
    assert (decided == model.predict(X)).all()
    spread = np.sqrt((expected * (1 - expected)).sum(axis=0))
    realised = np.bincount(decided, minlength=n_classes)
    assert (abs(realised - expected.sum(axis=0)) <= 4 * spread + 1e-9).all()
    assert (expected[np.arange(len(X)), decided] > 1e-9).all()


def test_a_frontier_needs_no_refit_and_agrees_with_one():
    X, y, group = people()
    model = LinearPostClassifier(LogisticRegression(), correct=False)
    model.fit(X, y, sensitive_features=group)
    frontier = model.frontier([0.2, 0.1, 0.05, 0.02, 0.0])
    assert (np.diff(frontier.objective) <= 1e-5).all()
    assert (frontier.violation <= frontier.tolerance + 1e-6).all()
    other = clone(model).set_params(tolerance=0.05).fit(X, y, sensitive_features=group)
    assert other.objective_ == pytest.approx(frontier.objective[2], abs=1e-5)
    table = frontier.to_frame()
    assert table.index.name == "tolerance"
    assert len(table) == 5
    with pytest.raises(ValueError, match="numbers in"):
        model.frontier([2])


def surname_frame(n=3000, hidden=0.0):
    """Groups known by a probability, told in columns; skill hides more about them."""
    rng = np.random.default_rng(3)
    chance = rng.beta(0.6, 0.6, n)
    group = np.where(rng.random(n) < chance, "b", "a")
    skill = rng.normal(size=n) + chance + hidden * (group == "b")
    y = np.where(skill + rng.normal(size=n) > 0.5, "yes", "no")
    frame = {"skill": skill, "p_a": 1 - chance, "p_b": chance}
    return pd.DataFrame(frame), y, group


def by_surname(X):
    return np.asarray(X)[:, 1:]


@pytest.mark.parametrize(
    "told", [["p_a", "p_b"], {"b": "p_b", "a": "p_a"}, by_surname, [1, 2]]
)
def test_the_users_chances_of_groups_replace_a_model(told):
    frame, y, group = surname_frame()
    model = LinearPostClassifier(LogisticRegression(), group_proba=told)
    model.fit(frame, y, sensitive_features=group)
    assert model.group_estimator_ is None
    assert model.groups_ == ("a", "b")
    assert model.observed_violation_ <= 0.01 + 1e-4
    chosen = model.predict(frame) == "yes"
    assert abs(chosen[group == "a"].mean() - chosen[group == "b"].mean()) < 0.04
    other = LinearPostClassifier(LogisticRegression(), group_proba=["p_a", "p_b"])
    other.fit(frame, y, sensitive_features=group)
    np.testing.assert_array_equal(model.predict(frame), other.predict(frame))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (["p_a"], "shape"),
        (["skill", "p_b"], "negative"),
        (["p_b", "p_b"], "sum to 1"),
        ({"a": "p_a"}, "no column for the groups"),
        (["p_a", "p_c"], "p_c"),
    ],
)
def test_chances_of_groups_that_are_none_are_refused(told, message):
    frame, y, group = surname_frame(200)
    model = LinearPostClassifier(LogisticRegression(), group_proba=told)
    with pytest.raises(ValueError, match=message):
        model.fit(frame, y, sensitive_features=group)


def test_miscalibrated_chances_are_reported():
    frame, y, group = surname_frame(hidden=1.0)
    wrong = LinearPostClassifier(
        LogisticRegression(), group_proba=["p_a", "p_b"], correct=False
    )
    with pytest.warns(FairnessWarning, match="not calibrated.*selection_rate"):
        wrong.fit(frame, y, sensitive_features=group)
    assert wrong.violation_ <= 0.01 + 1e-6 < 0.1 < wrong.observed_violation_
    right = LinearPostClassifier(LogisticRegression(), correct=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FairnessWarning)
        warnings.simplefilter("ignore", LevellingDownWarning)
        right.fit(frame, y, sensitive_features=group)
    assert right.observed_violation_ < 0.05


def test_three_groups_of_two_columns_and_names_of_any_kind():
    X, y, group = people()
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["sex"] = np.array(["F", "M"])[group]
    frame["old"] = rng.random(len(y)) < 0.4
    columns = {"sensitive_features": ["sex", "old"], "drop_sensitive": True}
    model = LinearPostClassifier(LogisticRegression(), tolerance=0.05, **columns)
    label = np.array(["no", "yes"])[y]
    decided = model.fit(frame, label).predict(frame)
    assert len(model.groups_) == 4
    assert model.multipliers_.shape == (1, 4)
    assert set(decided) == {"no", "yes"}
    native = pl.from_pandas(frame)
    same = clone(model).fit(native, label).predict(native)
    np.testing.assert_array_equal(decided, same)


def test_sparse_rows_and_weights():
    X, y, group = people()
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    model = LinearPostClassifier(LogisticRegression(), tolerance=0.05)
    thin = sparse.csr_array(X)
    dense = clone(model).fit(X, y, sensitive_features=group, sample_weight=weight)
    model.fit(thin, y, sensitive_features=group, sample_weight=weight)
    agree = model.predict(thin) == dense.predict(X)
    assert agree.mean() > 0.995
    assert model.observed_violation_ <= 0.05 + 1e-4


def test_a_deterministic_rule_draws_nothing():
    X, y, group = people()
    model = LinearPostClassifier(LogisticRegression(), deterministic=True)
    model.fit(X, y, sensitive_features=group)
    expected = model.expected_proba(X)
    assert set(expected.ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))
    assert model.observed_violation_ < 0.02


def test_parity_and_a_bound_on_harm_that_exclude_each_other_are_reported():
    X, y, group = people()
    model = LinearPostClassifier(LogisticRegression(), tolerance=0.05, max_harm=0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FairnessWarning)
        warnings.simplefilter("ignore", LevellingDownWarning)
        model.fit(X, y, sensitive_features=group)
    model.set_params(max_harm=0.0)
    with pytest.warns(FairnessWarning, match="max_harm"):
        model.fit(X, y, sensitive_features=group)


def test_parity_that_takes_accuracy_is_reported():
    X, y, group = people()
    model = LinearPostClassifier(LogisticRegression(), tolerance=0.0)
    with pytest.warns(LevellingDownWarning, match="accuracy falls"):
        model.fit(X, y, sensitive_features=group)
    report = model.group_report_
    assert report.before.min() > 0.7
    right = np.average(report.after, weights=report.n)
    assert right == pytest.approx(model.objective_, abs=0.02)


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_a_frozen_model_of_groups_is_taken_like_probabilities_that_are_given(
    constraint,
):
    X, y, group = people()
    names = np.array(["k", "l"])[group]
    of_groups = LogisticRegression().fit(*[part[:500] for part in (X, names)])
    shared = {"constraint": constraint, "tolerance": 0.02}
    frozen = LinearPostClassifier(
        LogisticRegression(), group_estimator=FrozenEstimator(of_groups), **shared
    ).fit(X, y, sensitive_features=names)
    given = LinearPostClassifier(
        LogisticRegression(), group_proba=of_groups.predict_proba, **shared
    ).fit(X, y, sensitive_features=names)
    assert frozen.group_estimator_.estimator is of_groups
    np.testing.assert_allclose(frozen.multipliers_, given.multipliers_)
    np.testing.assert_array_equal(frozen.predict(X), given.predict(X))


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_an_unknown_group_is_an_error_or_decided_by_the_plain_model(constraint):
    X, y, group = people()
    model = LinearPostClassifier(
        LogisticRegression(), constraint=constraint, use_groups=True
    ).fit(X, y, sensitive_features=group)
    strangers = np.where(np.arange(len(y)) < 10, 7, group)
    with pytest.raises(ValueError, match="7"):
        model.predict(X, sensitive_features=strangers)
    model.set_params(handle_unknown="pooled")
    found = model.predict(X, sensitive_features=strangers)
    np.testing.assert_array_equal(found[:10], model.estimator_.predict(X[:10]))
    known = model.predict(X, sensitive_features=group)
    np.testing.assert_array_equal(found[10:], known[10:])


def test_what_cannot_work_is_refused():
    X, y, group = people(n=100)
    fit = {"sensitive_features": group}
    with pytest.raises(ValueError, match="no predict_proba"):
        LinearPostClassifier(LinearSVC()).fit(X, y, **fit)
    names = np.array(["a", "b"])
    frozen = FrozenEstimator(LogisticRegression().fit(X, names[y]))
    with pytest.raises(ValueError, match="classes"):
        LinearPostClassifier(LogisticRegression(), group_estimator=frozen).fit(
            X, y, **fit
        )
    with pytest.raises(ValueError, match="not linear"):
        LinearPostClassifier(LogisticRegression(), constraint="predictive_parity").fit(
            X, y, **fit
        )
