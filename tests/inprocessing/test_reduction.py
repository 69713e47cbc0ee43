"""ReductionClassifier: its bound and its optimum, computed apart from its solver."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit import ReductionClassifier
from fairlearnkit.constraints import Rate
from fairlearnkit.datasets import load_adult

LINEAR = [
    "demographic_parity",
    "true_positive_rate_parity",
    "false_positive_rate_parity",
    "equalized_odds",
    "error_rate_parity",
]
MODELS = {
    "logistic": LogisticRegression(),
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
}


def people(seed=0, n=800, n_groups=2, n_classes=2):
    """Features, labels that depend on the group, groups and weights."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    X = rng.normal(size=(n, 3))
    X[:, 0] += group / (n_groups - 1)
    signal = X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n)
    y = np.digitize(signal, np.linspace(0, 2, n_classes + 1)[1:-1])
    return np.column_stack([X, group]), y, group, rng.integers(1, 4, n).astype(float)


def rates_by_hand(constraint, proba, y, group, weight, classes):
    """Rates by group of shape (n_rates, n_groups), from expected decisions."""
    targets = range(len(classes)) if len(classes) > 2 else [1]
    index = np.searchsorted(classes, y)
    every = np.ones(len(y), bool)
    wrong = 1 - proba[np.arange(len(y)), index]
    if constraint == "error_rate_parity":
        parts = [(every, wrong)]
    elif constraint == "demographic_parity":
        parts = [(every, proba[:, c]) for c in targets]
    elif constraint == "equalized_odds":
        labels = range(len(classes))
        parts = [(index == k, proba[:, c]) for k in labels for c in targets]
    else:
        sign = constraint == "true_positive_rate_parity"
        parts = [((index == c) == sign, proba[:, c]) for c in targets]
    return np.array(
        [
            [np.average(v[m & (group == g)], weights=weight[m & (group == g)])
             for g in np.unique(group)]
            for m, v in parts
        ]
    )  # fmt: skip


def violation_by_hand(rates, compare="difference"):
    low, high = rates.min(axis=1), rates.max(axis=1)
    if compare == "difference":
        return (high - low).max()
    return np.where(high > 0, 1 - low / np.maximum(high, 1e-300), 0).max()


def error_by_hand(proba, y, weight, classes):
    right = proba[np.arange(len(y)), np.searchsorted(classes, y)]
    return np.average(1 - right, weights=weight)


def check_bound(model, constraint, compare, X, y, group, weight):
    """The attributes and the bound, from expected decisions on the training data."""
    proba = model.expected_proba(X)
    rates = rates_by_hand(constraint, proba, y, group, weight, model.classes_)
    found = violation_by_hand(rates, compare)
    assert found <= model.tolerance + 1e-6
    assert model.violation_ == pytest.approx(found, abs=1e-9)
    error = error_by_hand(proba, y, weight, model.classes_)
    assert model.error_ == pytest.approx(error, abs=1e-9)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("constraint", LINEAR)
@pytest.mark.parametrize("n_groups", [2, 4])
def test_the_bound_holds_in_expectation(constraint, compare, n_groups):
    X, y, group, weight = people(n_groups=n_groups)
    model = ReductionClassifier(
        MODELS["tree" if n_groups == 2 else "logistic"],
        constraint=f"{constraint}_{compare}",
        tolerance=0.02 if compare == "difference" else 0.1,
    )
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    check_bound(model, constraint, compare, X, y, group, weight)
    assert model.n_iter_ <= 12
    assert len(model.weights_) == len(model.estimators_) == len(model.thresholds_)
    assert model.weights_.sum() == pytest.approx(1)


def test_two_columns_are_crossed():
    X, y, group, _ = people()
    frame = pd.DataFrame(X, columns=["a", "b", "c", "sex"])
    frame["race"] = np.where(frame["b"] > 0, "x", "z")
    model = ReductionClassifier(
        clone(MODELS["logistic"]).set_params(C=0.5),
        sensitive_features=["sex", "race"],
        drop_sensitive=True,
        tolerance=0.02,
    ).fit(frame, y)
    crossed = group * 2 + (X[:, 1] > 0)
    assert len(model.groups_) == 4
    check_bound(
        model, "demographic_parity", "difference", frame, y, crossed, np.ones(len(y))
    )


def test_a_users_rate_is_bounded():
    X, y, group, _ = people()
    cost = Rate("cost", [[0, 1], [3, 0]], [[1, 1], [1, 1]])
    model = ReductionClassifier(LogisticRegression(), constraint=cost, tolerance=0.03)
    proba = model.fit(X, y, sensitive_features=group).expected_proba(X)
    own = np.where(y == 1, 3 * proba[:, 0], proba[:, 1])
    gap = abs(own[group == 0].mean() - own[group == 1].mean())
    assert gap <= 0.03 + 1e-6
    assert model.violation_ == pytest.approx(gap)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("case", ["slack", "one group"])
def test_nothing_to_do_is_the_plain_model(name, case):
    X, y, group, _ = people()
    tolerance, group = (1.0, group) if case == "slack" else (0.0, np.zeros(len(y)))
    plain = clone(MODELS[name]).fit(X, y)
    model = ReductionClassifier(
        MODELS[name], tolerance=tolerance, thresholds=False
    ).fit(X, y, sensitive_features=group)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X))
    assert model.n_iter_ == len(model.weights_) == 1
    assert model.gap_ == 0


class BestRule(ClassifierMixin, BaseEstimator):
    """Exactly the best of a few rules "feature above (or below) a cut", by weight."""

    def __init__(self, n_cuts=5):
        self.n_cuts = n_cuts

    @staticmethod
    def decisions(X, n_cuts):
        """Decisions of every rule, of shape (n_rules, n_samples)."""
        cuts = np.linspace(-2, 2, n_cuts)
        above = np.stack([X[:, j] > cut for j in range(X.shape[1]) for cut in cuts])
        ends = np.stack([np.zeros(len(X), bool), np.ones(len(X), bool)])
        return np.concatenate([ends, above, ~above]).astype(int)

    def fit(self, X, y, sample_weight=None):
        """Try them all."""
        self.classes_ = np.array([0, 1])
        wrong = self.decisions(X, self.n_cuts) != y
        self.rule_ = int(np.argmin(wrong @ sample_weight))
        return self

    def predict(self, X):
        """Decide by the rule."""
        return self.decisions(X, self.n_cuts)[self.rule_]


def least_error(constraint, compare, tolerance, X, y, group, weight):
    """Least error of any mixture of all rules, by a program over all of them."""
    decisions = BestRule.decisions(X, 5)
    errors, rates = [], []
    for decision in decisions:
        proba = np.eye(2)[decision]
        errors.append(error_by_hand(proba, y, weight, [0, 1]))
        rates.append(rates_by_hand(constraint, proba, y, group, weight, [0, 1]))
    rates = np.moveaxis(rates, 0, -1)  # of shape (n_rates, n_groups, n_rules)
    share, slack = (1, tolerance) if compare == "difference" else (1 - tolerance, 0)
    rows = [
        share * rate[g] - rate[h]
        for rate in rates
        for g in range(rates.shape[1])
        for h in range(rates.shape[1])
        if g != h
    ]
    total = np.ones((1, len(errors)))
    bounds = np.full(len(rows), slack)
    return linprog(errors, np.array(rows), bounds, total, [1]).fun


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("constraint", LINEAR)
@pytest.mark.parametrize("n_groups", [2, 3])
def test_with_an_exact_learner_the_mixture_is_the_optimum(
    constraint, compare, n_groups
):
    for seed in (0, 1):
        X, y, group, weight = people(seed, n=600, n_groups=n_groups)
        X = X[:, :3]
        model = ReductionClassifier(
            BestRule(),
            constraint=f"{constraint}_{compare}",
            tolerance=0.05,
            tol=1e-7,
            thresholds=False,
        ).fit(X, y, sensitive_features=group, sample_weight=weight)
        best = least_error(constraint, compare, 0.05, X, y, group, weight)
        assert model.error_ == pytest.approx(best, abs=1e-6)
        assert model.gap_ <= 1e-6
        check_bound(model, constraint, compare, X, y, group, weight)


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_three_classes_reach_the_bound(constraint):
    X, y, group, weight = people(n=1500, n_classes=3)
    model = ReductionClassifier(
        LogisticRegression(), constraint=constraint, tolerance=0.03
    ).fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.expected_proba(X).shape == (len(y), 3)
    check_bound(model, constraint, "difference", X, y, group, weight)
    np.testing.assert_array_equal(
        model.predict_proba(X).argmax(axis=1), model.predict(X)
    )


def fitted(estimator=None, **options):
    X, y, group, _ = people()
    options = {"constraint": "equalized_odds", "tolerance": 0.02, **options}
    model = ReductionClassifier(estimator or LogisticRegression(), **options)
    return model.fit(X, y, sensitive_features=group), X, y, group


def test_predictions_are_repeatable_and_independent_of_batch_and_order():
    model, X, y, group = fitted()
    assert len(model.weights_) > 1
    found = model.predict(X)
    np.testing.assert_array_equal(model.predict(X), found)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(model.predict(X[order]), found[order])
    parts = [model.predict(part) for part in np.array_split(X, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), found)
    again = clone(model).fit(X, y, sensitive_features=group)
    np.testing.assert_array_equal(again.predict(X), found)
    np.testing.assert_array_equal(again.weights_, model.weights_)
    again.fit(X, y, sensitive_features=group)
    np.testing.assert_array_equal(again.predict(X), found)


def test_realised_rates_are_near_the_expected_ones():
    model, X, y, group = fitted()
    realised = np.eye(2)[model.predict(X)]
    expected = model.expected_proba(X)
    rates = [
        rates_by_hand("equalized_odds", p, y, group, np.ones(len(y)), [0, 1])
        for p in (realised, expected)
    ]
    np.testing.assert_allclose(*rates, atol=0.06)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), GaussianNB(), LinearSVC(), MODELS["tree"]],
    ids=lambda estimator: type(estimator).__name__,
)
def test_scores_agree_with_predictions(estimator):
    model, X, y, group = fitted(estimator)
    check_bound(model, "equalized_odds", "difference", X, y, group, np.ones(len(y)))
    found = model.predict(X)
    has_proba = hasattr(estimator, "predict_proba")
    assert hasattr(model, "predict_proba") == has_proba
    if has_proba:
        positive = model.predict_proba(X)[:, 1]
        assert not found[positive < 0.5].any()
        assert found[positive > 0.5].all()
    has_scores = hasattr(estimator, "decision_function")
    assert hasattr(model, "decision_function") == has_scores
    if has_scores:
        np.testing.assert_array_equal(found, model.decision_function(X) > 0)


def test_thresholds_are_used_only_if_allowed():
    with_cuts, *_ = fitted(tol=1e-3)
    without, *_ = fitted(thresholds=False, tol=1e-3)
    assert any(cut is not None for cut in with_cuts.thresholds_)
    assert all(cut is None for cut in without.thresholds_)
    assert with_cuts.error_ <= without.error_ + 1e-3
    assert with_cuts.n_iter_ <= without.n_iter_


def test_deterministic_keeps_one_member():
    model, X, y, group = fitted(deterministic=True)
    assert model.weights_.tolist() == [1]
    expected = model.expected_proba(X)
    assert set(np.unique(expected)) <= {0, 1}
    np.testing.assert_array_equal(expected[:, 1], model.predict(X))
    check_bound(model, "equalized_odds", "difference", X, y, group, np.ones(len(y)))
    assert model.error_ >= fitted()[0].error_ - 1e-9


def test_integer_weights_equal_repeated_rows():
    X, y, group, weight = people(1, n=400)
    count = weight.astype(int)
    tree = DecisionTreeClassifier(max_depth=3, min_weight_fraction_leaf=0.05)
    base = ReductionClassifier(tree.set_params(random_state=0), tol=1e-3)
    weighted = clone(base).fit(X, y, sensitive_features=group, sample_weight=weight)
    repeated = clone(base).fit(
        *(np.repeat(c, count, axis=0) for c in (X, y)),
        sensitive_features=np.repeat(group, count),
    )
    np.testing.assert_allclose(weighted.expected_proba(X), repeated.expected_proba(X))
    assert weighted.error_ == pytest.approx(repeated.error_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_without_weight_do_not_matter(n_classes):
    X, y, group, weight = people(2, n_classes=n_classes)
    weight[::2] = 0  # as many as gain a second label with three classes
    kept = weight > 0
    tree = MODELS["tree"]
    first = ReductionClassifier(tree, tol=1e-3).fit(
        X, y, sensitive_features=group, sample_weight=weight
    )
    second = ReductionClassifier(tree, tol=1e-3).fit(
        X[kept], y[kept], sensitive_features=group[kept], sample_weight=weight[kept]
    )
    np.testing.assert_allclose(first.expected_proba(X), second.expected_proba(X))


def test_groups_may_be_renamed_and_rows_reordered():
    X, y, group, _ = people(n_groups=3)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    first = ReductionClassifier(tree).fit(X, y, sensitive_features=group)
    order = np.random.default_rng(0).permutation(len(y))
    names = np.array(["q", "a", "m"])[group]
    second = ReductionClassifier(tree).fit(
        X[order], y[order], sensitive_features=names[order]
    )
    assert second.error_ == pytest.approx(first.error_, abs=1e-9)
    np.testing.assert_allclose(
        first.expected_proba(X), second.expected_proba(X), atol=1e-6
    )


def test_adult_meets_the_bound_on_new_people():
    data = load_adult()
    numeric = data.data.select_dtypes("number")
    X = (numeric - numeric.mean()) / numeric.std()
    X["married"] = data.data["marital-status"] == "Married-civ-spouse"
    X["degree"] = data.data["education"].isin(["Bachelors", "Masters", "Doctorate"])
    X["male"] = data.data["sex"] == "Male"
    X, y = X.astype(float).to_numpy(), data.target.to_numpy()
    rows = np.random.default_rng(0).permutation(len(y))
    train, test = rows[:20_000], rows[20_000:]
    for constraint in ("demographic_parity", "equalized_odds"):
        model = ReductionClassifier(
            LogisticRegression(max_iter=300),
            constraint=constraint,
            tolerance=0.02,
            sensitive_features=X.shape[1] - 1,
        ).fit(X[train], y[train])
        plain = LogisticRegression(max_iter=300).fit(X[train], y[train])
        before, after = (
            violation_by_hand(
                rates_by_hand(
                    constraint, p, y[test], X[test, -1], np.ones(len(test)), [0, 1]
                )
            )
            for p in (np.eye(2)[plain.predict(X[test])], model.expected_proba(X[test]))
        )
        assert before > 0.08
        assert after < 0.045
        assert model.n_iter_ <= 10
