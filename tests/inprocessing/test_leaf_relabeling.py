"""LeafRelabelingClassifier: its bound, its optimum, and trees of every kind."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from fairlearnkit.constraints import as_constraint
from fairlearnkit.datasets import load_german_credit
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import (
    FairDecisionTreeClassifier,
    LeafRelabelingClassifier,
)
from fairlearnkit.testing import check_instance, parametrize_with_fairness_checks

TREE = DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
SMALL = DecisionTreeClassifier(max_depth=4, random_state=0)
METHODS = ["exact", "greedy", "randomized"]


def people(seed=0, n=2000, n_groups=2, n_classes=2):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    X = rng.normal(size=(n, 3)) + group[:, None] / (n_groups - 1)
    signal = X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n)
    y = np.digitize(signal, np.linspace(0, 1.5, n_classes + 1)[1:-1])
    return X, y, group, rng.integers(0, 3, n).astype(float)


def reached(chances, y, group, weight, constraint):
    """Error and violation of expected decisions, from the table of all three."""
    shape = len(np.unique(group)), *[chances.shape[1]] * 2
    table = np.zeros(shape)
    np.add.at(table, (group, y), weight[:, None] * chances)
    error = 1 - np.trace(table.sum(axis=0)) / table.sum()
    return error, as_constraint(constraint).violation(table, range(shape[1]))


@pytest.mark.parametrize(
    ("constraint", "n_groups", "n_classes"),
    [
        ("demographic_parity", 3, 2),
        ("demographic_parity", 2, 3),
        ("demographic_parity_ratio", 2, 2),
        ("equalized_odds", 3, 2),
        ("error_rate_parity", 2, 2),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_the_bound_and_the_figures_hold_on_the_rows_counted(
    method, constraint, n_groups, n_classes
):
    X, y, group, weight = people(n_groups=n_groups, n_classes=n_classes)
    model = LeafRelabelingClassifier(
        TREE, method=method, constraint=constraint, tolerance=0.05
    )
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    chances = model.expected_proba(X)
    error, violation = reached(chances, y, group, weight, constraint)
    assert violation <= 0.05 + 1e-6
    assert (model.error_, model.violation_) == pytest.approx((error, violation))
    own = np.eye(n_classes)[model.estimator_.predict(X)]
    plain = reached(own, y, group, weight, constraint)
    assert (model.plain_error_, model.plain_violation_) == pytest.approx(plain)
    changed = (chances != own).any(axis=1)
    where = np.isin(model.estimator_.apply(X), model.relabeled_)
    np.testing.assert_array_equal(changed, where)


def test_no_labelling_of_a_small_tree_is_better():
    X, y, group, weight = people(n=500)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    model = LeafRelabelingClassifier(tree, tolerance=0.1)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    leaf = np.searchsorted(model.leaves_, model.estimator_.apply(X))
    best = min(
        error
        for labels in product([0, 1], repeat=len(model.leaves_))
        for error, violation in [
            reached(
                np.eye(2)[np.array(labels)[leaf]],
                y,
                group,
                weight,
                "demographic_parity",
            )
        ]
        if violation <= 0.1
    )
    assert model.error_ == pytest.approx(best)
    assert model.gap_ == 0


def test_randomised_errs_least_and_greedy_most():
    X, y, group, _ = people(n=4000)
    error = {}
    for method in METHODS:
        model = LeafRelabelingClassifier(TREE, method=method)
        model.fit(X, y, sensitive_features=group)
        error[method] = model.error_
    assert error["randomized"] <= error["exact"] + 1e-9 <= error["greedy"] + 2e-9


def test_a_randomised_leaf_draws_by_row_as_often_as_it_says():
    X, y, group, _ = people(n=20_000)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    model = LeafRelabelingClassifier(tree, method="randomized", tolerance=0.0)
    model.fit(X, y, sensitive_features=group)
    chances, decision = model.expected_proba(X), model.predict(X)
    drawn = chances.max(axis=1) < 1
    assert drawn.any()
    np.testing.assert_array_equal(decision[::-1], model.predict(X[::-1]))
    assert decision[drawn].mean() == pytest.approx(chances[drawn, 1].mean(), abs=0.05)
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), decision)


def test_held_out_rows_are_not_flattered_by_pure_leaves():
    """What a deep tree reaches on its own rows is far from what others get."""
    X, y, group, _ = people(n=6000)
    train, test = np.arange(3000), np.arange(3000, 6000)
    deep, missed = DecisionTreeClassifier(random_state=0), {}
    for held_out in (0.0, 0.5):
        model = LeafRelabelingClassifier(deep, held_out=held_out)
        model.fit(X[train], y[train], sensitive_features=group[train])
        chances = model.expected_proba(X[test])
        ones = np.ones(len(test))
        error, _ = reached(chances, y[test], group[test], ones, "demographic_parity")
        missed[held_out] = error - model.error_
    assert missed[0.0] > 0.15
    assert missed[0.5] < missed[0.0] / 2


def test_a_frozen_tree_keeps_its_leaves_and_is_counted_on_the_rows_given():
    X, y, group, _ = people(n=4000)
    old, new = slice(0, 2000), slice(2000, 4000)
    tree = DecisionTreeClassifier(max_depth=5, random_state=0).fit(X[old], y[old])
    model = LeafRelabelingClassifier(FrozenEstimator(tree))
    model.fit(X[new], y[new], sensitive_features=group[new])
    assert model.counts_.sum() == 2000
    assert model.violation_ <= 0.01 + 1e-6
    other = FrozenEstimator(DecisionTreeClassifier().fit(X, y + 1))
    with pytest.raises(ValueError, match=r"knows the classes \[1, 2\], but y has"):
        LeafRelabelingClassifier(other).fit(X, y, sensitive_features=group)


def test_leaves_that_nobody_was_in_keep_the_trees_own_answer():
    X, y, group, _ = people()
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    model = LeafRelabelingClassifier(FrozenEstimator(tree), tolerance=0.2)
    few = slice(0, 100)
    model.fit(X[few], y[few], sensitive_features=group[few])
    unknown = ~np.isin(tree.apply(X), model.leaves_)
    assert unknown.any()
    np.testing.assert_array_equal(model.predict(X)[unknown], tree.predict(X)[unknown])


@pytest.mark.parametrize(
    "tree",
    [
        ExtraTreeClassifier(max_depth=6, random_state=0),
        FairDecisionTreeClassifier(
            criterion="igc+igs", max_depth=6, sensitive_features=3
        ),
        make_pipeline(TREE),
        GridSearchCV(TREE, {"max_depth": [4, 6]}, cv=3),
    ],
    ids=lambda tree: type(tree).__name__,
)
def test_every_kind_of_tree(tree):
    X, y, group, _ = people()
    X = np.column_stack([X, group])
    model = LeafRelabelingClassifier(tree, sensitive_features=3, tolerance=0.03)
    model.fit(X, y)
    _, violation = reached(
        model.expected_proba(X), y, group, np.ones(len(y)), "demographic_parity"
    )
    assert violation <= 0.03 + 1e-6 < model.plain_violation_


def test_a_pipeline_on_a_frame_with_text():
    data = load_german_credit()
    names = pd.Series(np.where(data.target == 1, "good", "bad"))
    encoder = make_column_transformer(
        (OneHotEncoder(), list(data.data.select_dtypes("category").columns)),
        remainder="passthrough",
    )
    frame = data.data.assign(group=data.sensitive_features["age_group"].astype(str))
    model = LeafRelabelingClassifier(
        make_pipeline(encoder, TREE), sensitive_features="group", drop_sensitive=True
    )
    decision = model.fit(frame, names).predict(frame) == "good"
    rates = pd.Series(decision).groupby(frame["group"]).mean()
    assert np.ptp(rates) <= 0.01 + 1e-6


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(3)])
def test_what_is_no_single_tree_is_refused(model):
    X, y, group, _ = people(n=200)
    with pytest.raises(ValueError, match="is no single tree"):
        LeafRelabelingClassifier(model).fit(X, y, sensitive_features=group)


def test_a_tolerance_out_of_reach_is_said():
    X, y, group, _ = people()
    stump = DecisionTreeClassifier(max_depth=1)
    model = LeafRelabelingClassifier(
        stump, constraint="error_rate_parity", tolerance=0.0
    )
    y = np.where(group == 0, y, (X[:, 0] > -3).astype(int))
    with pytest.warns(FairnessWarning, match="above the tolerance of 0"):
        model.fit(X, y, sensitive_features=group)
    assert model.violation_ > 0


CHECKED = check_instance(LeafRelabelingClassifier, TREE)


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
@parametrize_with_checks([CHECKED])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
@parametrize_with_fairness_checks(
    [LeafRelabelingClassifier(SMALL, method=method) for method in METHODS]
)
def test_fairness_checks(mitigator, check):
    check(mitigator)
