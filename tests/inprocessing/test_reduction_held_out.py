"""Reductions whose models are judged on rows that they were not trained on."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit.inprocessing import ReductionClassifier


def people(seed=0, n=2000):
    """Labels that a deep tree can only learn by heart."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 4)) + 0.6 * group[:, None]
    y = (X[:, 0] + 1.5 * rng.normal(size=n) > 0.6).astype(int)
    return X, y, group


def odds_gap(model, X, y, group):
    chance = model.expected_proba(X)[:, 1]
    gaps = []
    for k in (0, 1):
        rates = [chance[(y == k) & (group == g)].mean() for g in (0, 1)]
        gaps.append(abs(rates[0] - rates[1]))
    return max(gaps)


TREE = DecisionTreeClassifier(min_samples_leaf=3, random_state=0)


@pytest.mark.parametrize("held_out", [0.3, 3, StratifiedKFold(3)], ids=str)
def test_a_model_that_overfits_keeps_its_promise_to_new_people(held_out):
    X, y, group = people()
    new = people(1, 20_000)
    options = {"constraint": "equalized_odds", "tolerance": 0.02}
    blind = ReductionClassifier(TREE, **options).fit(X, y, sensitive_features=group)
    model = ReductionClassifier(TREE, held_out=held_out, **options)
    model.fit(X, y, sensitive_features=group)
    assert blind.error_ < 0.2  # by heart
    assert odds_gap(blind, *new) > 0.1
    assert odds_gap(model, *new) < 0.8 * odds_gap(blind, *new)
    error = 1 - model.score(new[0], new[1])
    assert abs(error - model.error_) < 0.06


def test_a_share_held_out_trains_no_model_and_carries_the_bound():
    X, y, group = people()
    seen = []

    class Recorder(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            seen.append(X)
            return super().fit(X, y, sample_weight)

    model = ReductionClassifier(Recorder(), held_out=0.25, tolerance=0.02)
    model.fit(X, y, sensitive_features=group)
    rows = {x.tobytes() for part in seen for x in part}
    out = np.array([x.tobytes() not in rows for x in X])
    assert out.mean() == pytest.approx(0.25, abs=0.01)
    chance = model.expected_proba(X)[:, 1]
    rates = [chance[out & (group == g)].mean() for g in (0, 1)]
    assert model.violation_ == pytest.approx(abs(rates[0] - rates[1]))
    assert model.violation_ <= 0.02 + 1e-6


@pytest.mark.parametrize("held_out", [0.3, 3])
def test_the_order_of_rows_and_the_names_of_groups_do_not_matter(held_out):
    X, y, group = people(n=600)
    learner = LogisticRegression(solver="newton-cholesky", tol=1e-10)
    model = ReductionClassifier(learner, held_out=held_out, tolerance=0.03)
    first = model.fit(X, y, sensitive_features=group).expected_proba(X)
    order = np.random.default_rng(0).permutation(len(y))
    names = np.array(["z", "a"])[group[order]]
    second = model.fit(X[order], y[order], sensitive_features=names)
    np.testing.assert_allclose(first, second.expected_proba(X), atol=1e-6)


@pytest.mark.parametrize("held_out", [0.3, 3])
def test_rows_without_weight_are_nobody(held_out):
    X, y, group = people(n=600)
    weight = np.where(np.arange(600) % 3 == 0, 0.0, 1.0)
    kept = weight > 0
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    model = ReductionClassifier(tree, held_out=held_out, tolerance=0.03)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    first = model.expected_proba(X)
    model.fit(X[kept], y[kept], sensitive_features=group[kept])
    np.testing.assert_allclose(first, model.expected_proba(X), atol=1e-6)


@pytest.mark.parametrize("held_out", [0.3, 3])
def test_a_slack_tolerance_costs_a_fold_model_nothing(held_out):
    X, y, group = people(n=600)
    model = ReductionClassifier(LogisticRegression(), held_out=held_out, tolerance=1.0)
    model.fit(X, y, sensitive_features=group)
    assert model.n_iter_ == 1
    if held_out == 3:
        plain = LogisticRegression().fit(X, y)
        np.testing.assert_array_equal(model.predict(X), plain.predict(X))


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5])
def test_a_share_is_less_than_all(share):
    X, y, group = people(n=200)
    with pytest.raises(ValueError, match="held_out as a share must lie between"):
        ReductionClassifier(LogisticRegression(), held_out=share).fit(
            X, y, sensitive_features=group
        )


def test_a_row_in_two_test_folds_is_refused():
    X, y, group = people(n=200)
    twice = [(np.arange(100), np.arange(50, 200)), (np.arange(100), np.arange(60, 90))]
    with pytest.raises(ValueError, match="no row into several test folds"):
        ReductionClassifier(LogisticRegression(), held_out=twice).fit(
            X, y, sensitive_features=group
        )
