"""What ReductionClassifier can be asked for, against a program over all rules."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import linprog
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from fairlearnkit.inprocessing import ReductionClassifier


class BestOfFew(ClassifierMixin, BaseEstimator):
    """Exactly the best of the rules "feature above (or below) a cut", by weight."""

    @staticmethod
    def decisions(X):
        """Decisions of every rule, of shape (n_rules, n_samples)."""
        above = np.stack([X[:, j] > cut for j in (0, 1) for cut in (-1, 0, 1)])
        ends = np.stack([np.zeros(len(X), bool), np.ones(len(X), bool)])
        return np.concatenate([ends, above, ~above]).astype(int)

    def fit(self, X, y, sample_weight=None):
        """Try them all."""
        self.classes_ = np.array([0, 1])
        self.rule_ = int(np.argmin((self.decisions(X) != y) @ sample_weight))
        return self

    def predict(self, X):
        """Decide by the rule."""
        return self.decisions(X)[self.rule_]


def people(seed=0, n=500):
    """Features with the stratum last, labels, groups and weights."""
    rng = np.random.default_rng(seed)
    group, stratum = rng.integers(0, 3, n), rng.integers(0, 2, n)
    X = rng.normal(size=(n, 3)) + 0.4 * group[:, None]
    y = (X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n) > 0.6).astype(int)
    weight = rng.integers(1, 4, n).astype(float)
    return np.column_stack([X, stratum]), y, group, weight


def selection_rates(decision, cell, weight):
    """Weighted share selected in each cell."""
    return np.array(
        [
            np.average(decision[cell == c], weights=weight[cell == c])
            for c in np.unique(cell)
        ]
    )


def optimum(gains, rows, bounds):
    """Largest expected gain of a mixture of all rules within the rows."""
    total = np.ones((1, len(gains)))
    return -linprog(-np.array(gains), np.array(rows), bounds, total, [1]).fun


def within(rates, tolerance):
    """Rows that keep rates, of shape (n_rules, n_cells), close to each other."""
    n = rates.shape[1]
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    return [rates[:, i] - rates[:, j] for i, j in pairs], [tolerance] * len(pairs)


UTILITY = np.array([[0.5, -1], [-3, 2]])


def gains_of(objective, decisions, y, weight):
    """Objective of every rule, on the arrays."""
    right = decisions == y
    if objective == "accuracy":
        return np.average(right, axis=1, weights=weight)
    if objective == "balanced_accuracy":
        parts = [
            np.average(right[:, y == k], axis=1, weights=weight[y == k]) for k in (0, 1)
        ]
        return np.mean(parts, axis=0)
    return np.average(UTILITY[y, decisions], axis=1, weights=weight)


@pytest.mark.parametrize(
    "objective", ["accuracy", "balanced_accuracy", UTILITY], ids=["acc", "bal", "own"]
)
def test_every_objective_reaches_its_optimum(objective):
    X, y, group, weight = people()
    decisions = BestOfFew.decisions(X)
    rates = np.array([selection_rates(d, group, weight) for d in decisions])
    name = objective if isinstance(objective, str) else "utility"
    best = optimum(gains_of(name, decisions, y, weight), *within(rates, 0.05))
    model = ReductionClassifier(
        BestOfFew(), objective=objective, tolerance=0.05, tol=1e-7
    ).fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.objective_ == pytest.approx(best, abs=1e-5)
    chance = model.expected_proba(X)[:, 1]
    expected = gains_of(name, np.stack([0 * y, 0 * y + 1]), y, weight)
    if name == "utility":
        mean = (1 - chance) * UTILITY[y, 0] + chance * UTILITY[y, 1]
        assert model.objective_ == pytest.approx(np.average(mean, weights=weight))
    assert model.objective_ >= max(expected) - 1e-6 or model.violation_ <= 0.05 + 1e-6


def test_the_worst_group_gets_the_most_it_can():
    X, y, group, weight = people()
    decisions = BestOfFew.decisions(X)
    right = np.array([selection_rates(d == y, group, weight) for d in decisions])
    n = len(right)
    # max t subject to every group's accuracy being at least t
    rows = np.column_stack([-right.T, np.ones(3)])
    goal = np.append(np.zeros(n), -1.0)
    one = np.append(np.ones(n), 0.0)[None]
    best = -linprog(goal, rows, np.zeros(3), one, [1]).fun
    model = ReductionClassifier(
        BestOfFew(), objective="worst_group", tolerance=1.0, tol=1e-7
    ).fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.objective_ == pytest.approx(best, abs=1e-3)
    chance = model.expected_proba(X)[:, 1]
    own = selection_rates(np.where(y == 1, chance, 1 - chance), group, weight)
    assert model.objective_ == pytest.approx(own.min())


def test_groups_are_compared_within_strata_alone():
    X, y, group, weight = people()
    decisions, stratum = BestOfFew.decisions(X), X[:, 3].astype(int)
    rows, bounds = [], []
    for s in (0, 1):
        own = stratum == s
        rates = [selection_rates(d[own], group[own], weight[own]) for d in decisions]
        more = within(np.array(rates), 0.05)
        rows, bounds = rows + more[0], bounds + more[1]
    best = optimum(gains_of("accuracy", decisions, y, weight), rows, bounds)
    model = ReductionClassifier(
        BestOfFew(), tolerance=0.05, tol=1e-7, control_features=3
    ).fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.objective_ == pytest.approx(best, abs=1e-5)
    assert model.strata_ == (0.0, 1.0)
    chance = model.expected_proba(X)[:, 1]
    gaps = [
        np.ptp(selection_rates(chance[own], group[own], weight[own]))
        for own in (stratum == 0, stratum == 1)
    ]
    assert max(gaps) == pytest.approx(model.violation_)
    assert max(gaps) <= 0.05 + 1e-6


@pytest.mark.parametrize("compare", ["difference", "ratio"])
def test_groups_may_be_compared_to_everybody(compare):
    X, y, group, weight = people()
    decisions = BestOfFew.decisions(X)
    rates = np.array([selection_rates(d, group, weight) for d in decisions])
    everybody = np.average(decisions, axis=1, weights=weight)[:, None]
    t = 0.04
    if compare == "difference":
        rows = np.hstack([rates - everybody, everybody - rates]).T
        bounds = np.full(6, t)
    else:
        rows = np.hstack([(1 - t) * rates - everybody, (1 - t) * everybody - rates]).T
        bounds = np.zeros(6)
    best = optimum(gains_of("accuracy", decisions, y, weight), rows, bounds)
    model = ReductionClassifier(
        BestOfFew(),
        constraint=f"demographic_parity_{compare}",
        reference="overall",
        tolerance=t,
        tol=1e-7,
    ).fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.objective_ == pytest.approx(best, abs=1e-5)
    assert model.violation_ <= t + 1e-6


def test_several_constraints_hold_at_once_each_within_its_own_tolerance():
    X, y, group, weight = people()
    decisions = BestOfFew.decisions(X)
    rates = np.array([selection_rates(d, group, weight) for d in decisions])
    true = y == 1
    hits = np.array(
        [selection_rates(d[true], group[true], weight[true]) for d in decisions]
    )
    (first, one), (second, other) = within(rates, 0.1), within(hits, 0.02)
    gains = gains_of("accuracy", decisions, y, weight)
    best = optimum(gains, first + second, one + other)
    model = ReductionClassifier(
        BestOfFew(),
        constraint=["demographic_parity", "true_positive_rate_parity"],
        tolerance=[0.1, 0.02],
        tol=1e-7,
    ).fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.objective_ == pytest.approx(best, abs=1e-5)
    assert model.violations_[0] <= 0.1 + 1e-6
    assert model.violations_[1] <= 0.02 + 1e-6


def test_several_multiples_find_no_worse_and_jobs_change_nothing():
    X, y, group, _ = people(n=1500)
    one = ReductionClassifier(LogisticRegression(), tolerance=0.02)
    one.fit(X, y, sensitive_features=group)
    found = [
        ReductionClassifier(
            LogisticRegression(), tolerance=0.02, n_multiples=3, n_jobs=jobs
        ).fit(X, y, sensitive_features=group)
        for jobs in (None, 2)
    ]
    assert found[0].error_ <= one.error_ + 5e-3
    np.testing.assert_array_equal(*[model.expected_proba(X) for model in found])


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_words_and_a_search(library):
    X, y, group, _ = people(n=800)
    frame = library.DataFrame({f"x{j}": X[:, j] for j in range(3)} | {"sex": group})
    label = np.array(["no", "yes"])[y]
    model = ReductionClassifier(
        LogisticRegression(), sensitive_features="sex", control_features=None
    )
    search = GridSearchCV(model, {"tolerance": [0.02, 0.1]}, cv=2).fit(frame, label)
    assert set(search.predict(frame)) <= {"no", "yes"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": [[1, 2, 3]]}, "four|finite numbers of shape"),
        ({"constraint": []}, "empty list"),
        ({"tolerance": [0.1, 0.2]}, "2 entries"),
        ({"tolerance": [-0.1]}, "must lie in"),
    ],
)
def test_bad_demands_are_refused(options, message):
    X, y, group, _ = people()
    model = ReductionClassifier(LogisticRegression(), **options)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sensitive_features=group)
