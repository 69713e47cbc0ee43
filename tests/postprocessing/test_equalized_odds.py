"""Equalized odds from labels alone: the best tables, and no better ones exist."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning
from fairlearnkit.postprocessing import EqualizedOddsPostprocessor, ThresholdOptimizer

pytestmark = [
    pytest.mark.filterwarnings("ignore:fewer than 30 people"),
    pytest.mark.filterwarnings("ignore:.*only about .* distinct rows"),
    pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.LevellingDownWarning"),
]


class GivenLabels(ClassifierMixin, BaseEstimator):
    """A model whose predicted label is the first column of X; it has no scores."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[np.asarray(X)[:, 0].astype(int)]


class LabelsAsScores(GivenLabels):
    """The same with the label as a score."""

    def predict_proba(self, X):
        positive = np.asarray(X)[:, 0].astype(float)
        return np.column_stack([1 - positive, positive])


def given(n_classes=2, model=GivenLabels):
    labels = np.arange(n_classes)
    return FrozenEstimator(model().fit(labels[:, None], labels))


def people(seed=0, n=1500, n_groups=3, n_classes=2):
    """Predicted label, group and a number of one's own; models of unequal quality."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    base = np.array([0.3, 0.5, 0.6])[group]
    y = (rng.random(n) < base) * rng.integers(1, n_classes, n)
    right = rng.random(n) < np.array([0.9, 0.8, 0.7])[group]
    predicted = np.where(right, y, rng.integers(0, n_classes, n))
    return np.column_stack([predicted, group, rng.random(n)]), y


def expected_counts(model, X, y, n_groups=3):
    decision = model.expected_proba(X)
    size = decision.shape[1]
    counts = np.zeros((n_groups, size, size))
    np.add.at(counts, (X[:, 1].astype(int), y), decision)
    return counts


def table_of(X, y):
    counts = np.zeros((3, 2, 2))
    np.add.at(counts, (X[:, 1].astype(int), y, X[:, 0].astype(int)), 1)
    return counts


def test_two_classes_are_the_four_number_program_of_hardt_et_al():
    """Written independently: P(decide 1 | prediction, group), equal rates of groups."""
    X, y = people(n_groups=2)
    counts = table_of(X, y)[:2]
    share = counts / counts.sum(axis=2, keepdims=True)  # P(prediction | label, group)
    cost = np.concatenate([counts[g, 0] - counts[g, 1] for g in (0, 1)])
    equal = [np.concatenate([share[0, label], -share[1, label]]) for label in (0, 1)]
    found = linprog(cost, A_eq=equal, b_eq=[0, 0], bounds=(0, 1))
    accuracy = (counts[:, 0].sum() - found.fun) / len(y)
    model = EqualizedOddsPostprocessor(given(), sensitive_features=1).fit(X, y)
    assert model.objective_ == pytest.approx(accuracy)
    assert model.violation_ == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("tolerance", [0.05, 0.15])
def test_no_tables_on_a_grid_are_better(tolerance):
    X, y = people(n_groups=2, n=400)
    counts = table_of(X, y)[:2]
    grid = np.linspace(0, 1, 21)
    pairs = np.array(
        list(product(grid, grid))
    )  # P(1 | predicted 0), P(1 | predicted 1)
    rates = np.stack(
        [pairs @ (counts[g] / counts[g].sum(axis=1, keepdims=True)).T for g in (0, 1)]
    )
    right = [pairs @ counts[g, 1] + (1 - pairs) @ counts[g, 0] for g in (0, 1)]
    gap = np.abs(rates[0][:, None] - rates[1][None]).max(axis=2)
    value = (right[0][:, None] + right[1][None]) / len(y)
    best = value[gap <= tolerance].max()
    model = EqualizedOddsPostprocessor(
        given(), tolerance=tolerance, sensitive_features=1
    ).fit(X, y)
    assert best - 1e-9 <= model.objective_ <= best + 0.02
    assert model.violation_ <= tolerance + 1e-9


@pytest.mark.parametrize(
    "constraint",
    ["equalized_odds", "demographic_parity", "true_positive_rate_parity_ratio"],
)
def test_on_a_score_of_two_values_thresholds_are_as_good(constraint):
    """Labels that are right more often than not: no flip beyond a threshold helps."""
    X, y = people()
    options = {"constraint": constraint, "tolerance": 0.02, "sensitive_features": 1}
    flips = EqualizedOddsPostprocessor(given(), **options).fit(X, y)
    cuts = ThresholdOptimizer(given(model=LabelsAsScores), **options).fit(X, y)
    assert flips.objective_ == pytest.approx(cuts.objective_, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("constraint", ["equalized_odds", "demographic_parity_ratio"])
def test_expected_decisions_reach_what_is_reported(n_classes, constraint):
    X, y = people(n_classes=n_classes)
    model = EqualizedOddsPostprocessor(
        given(n_classes), constraint=constraint, tolerance=0.05, sensitive_features=1
    ).fit(X, y)
    counts = expected_counts(model, X, y)
    classes = list(range(n_classes))
    violation = as_constraint(constraint).violation(counts, classes)
    assert violation == pytest.approx(model.violation_, abs=1e-9)
    assert violation <= 0.05 + 1e-7
    accuracy = counts[:, classes, classes].sum() / len(y)
    assert accuracy == pytest.approx(model.objective_)
    for table in model.flips_.values():
        np.testing.assert_allclose(table.sum(axis=1), 1)


def test_drawn_decisions_follow_the_tables_and_are_repeatable():
    X, y = people(n=20_000)
    model = EqualizedOddsPostprocessor(given(), sensitive_features=1).fit(X, y)
    decided = model.predict(X)
    assert model.randomized_ > 0.05
    for group, table in model.flips_.items():
        for label in (0, 1):
            rows = (X[:, 1] == group) & (X[:, 0] == label)
            assert decided[rows].mean() == pytest.approx(table[label, 1], abs=0.03)
    order = np.random.default_rng(1).permutation(len(y))
    np.testing.assert_array_equal(decided[order], model.predict(X[order]))


def test_exact_deterministic_tables_match_all_of_them():
    X, y = people()
    counts = table_of(X, y)
    constraint = as_constraint("equalized_odds")
    best = -np.inf
    for rule in product(product((0, 1), repeat=2), repeat=3):
        decided = np.stack(
            [counts[g] @ np.eye(2)[list(table)] for g, table in enumerate(rule)]
        )
        if constraint.violation(decided, [0, 1]) <= 0.2:
            best = max(best, decided[:, [0, 1], [0, 1]].sum() / len(y))
    model = EqualizedOddsPostprocessor(
        given(), tolerance=0.2, deterministic=True, sensitive_features=1
    ).fit(X, y)
    assert model.objective_ == pytest.approx(best)
    assert model.randomized_ == 0


def test_no_harm_keeps_every_group_and_says_what_it_allows():
    X, y = people()
    with pytest.warns(LevellingDownWarning, match="accuracy falls"):
        EqualizedOddsPostprocessor(given(), sensitive_features=1).fit(X, y)
    model = EqualizedOddsPostprocessor(given(), no_harm=True, sensitive_features=1)
    with pytest.warns(FairnessWarning, match="smallest that harm no group"):
        model.fit(X, y)
    assert (model.group_report_.change >= -1e-7).all()
    assert model.violation_ > 0
    slack = EqualizedOddsPostprocessor(
        given(), no_harm=True, tolerance=model.violation_ + 1e-6, sensitive_features=1
    ).fit(X, y)
    assert slack.violation_ <= model.violation_ + 1e-6


def test_no_decision_changes_where_none_has_to():
    X, y = people()
    model = EqualizedOddsPostprocessor(
        given(), tolerance=1.0, sensitive_features=1
    ).fit(X, y)
    for table in model.flips_.values():
        np.testing.assert_array_equal(table, np.eye(2))
    np.testing.assert_array_equal(model.predict(X), X[:, 0])


def test_utilities_move_decisions():
    """A missed positive that costs ten false alarms makes decisions positive."""
    X, y = people()
    options = {"tolerance": 1.0, "sensitive_features": 1}
    plain = EqualizedOddsPostprocessor(given(), **options).fit(X, y)
    eager = EqualizedOddsPostprocessor(
        given(), objective=[[0, -1], [-10, 0]], **options
    ).fit(X, y)
    assert eager.predict(X).mean() > plain.predict(X).mean()
    counts = expected_counts(eager, X, y)
    assert eager.objective_ == pytest.approx(
        (-counts[:, 0, 1] - 10 * counts[:, 1, 0]).sum() / len(y)
    )
    assert eager.group_report_.utility == "utility"


def test_balanced_accuracy_is_that_of_all_people_together():
    X, y = people()
    model = EqualizedOddsPostprocessor(
        given(), objective="balanced_accuracy", sensitive_features=1
    ).fit(X, y)
    counts = expected_counts(model, X, y).sum(axis=0)
    recall = np.diag(counts) / counts.sum(axis=1)
    assert model.objective_ == pytest.approx(recall.mean())


def test_a_group_without_positives_is_left_out_and_named():
    X, y = people()
    y = np.where(X[:, 1] == 2, 0, y)
    with pytest.warns(FairnessWarning, match="true_positive_rate of .*2.0"):
        model = EqualizedOddsPostprocessor(given(), sensitive_features=1).fit(X, y)
    assert model.violation_ == pytest.approx(0, abs=1e-9)


def test_an_unseen_group_gets_the_pooled_decisions():
    X, y = people()
    model = EqualizedOddsPostprocessor(
        given(), handle_unknown="pooled", sensitive_features=1
    ).fit(X, y)
    new = X.copy()
    new[:, 1] = 7
    np.testing.assert_array_equal(model.predict(new), X[:, 0])
    with pytest.raises(ValueError, match="was not seen during fit"):
        model.set_params(handle_unknown="error").predict(new)


def test_a_model_without_scores_and_string_labels():
    X, y = people(n=900)
    features = np.column_stack([y + np.random.default_rng(0).normal(size=len(y)), X])
    labels = np.array(["no", "yes"])[y]
    model = EqualizedOddsPostprocessor(
        LinearSVC(), tolerance=0.05, sensitive_features=2
    ).fit(features, labels)
    assert set(model.predict(features)) <= {"no", "yes"}
    assert not hasattr(model, "predict_proba")


def test_a_label_that_is_no_class_is_refused():
    X, y = people()
    model = EqualizedOddsPostprocessor(given(), sensitive_features=1).fit(X, y)
    model.estimator_ = FrozenEstimator(GivenLabels().fit(None, [0, 5]))
    with pytest.raises(ValueError, match=r"predicts 5, which is not one of"):
        model.predict(X)


@pytest.mark.parametrize("objective", [[[1, 0]], "recall"])
def test_a_bad_objective_is_refused(objective):
    X, y = people()
    with pytest.raises(ValueError, match="objective"):
        EqualizedOddsPostprocessor(
            LogisticRegression(), objective=objective, sensitive_features=1
        ).fit(X, y)
