"""The best thresholds reach their constraint, and no rule on the scores is better."""

import numpy as np
import pytest
from fairlearn.postprocessing import ThresholdOptimizer as PeerOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit import ThresholdOptimizer
from fairlearnkit.constraints import Rate, as_constraint
from fairlearnkit.tables import GroupCounts

# Small samples are enough to test an exact method.
pytestmark = [
    pytest.mark.filterwarnings("ignore:fewer than 30 people"),
    pytest.mark.filterwarnings(
        "ignore::fairlearnkit.exceptions.LevellingDownWarning"  # the price of parity
    ),
]

ALIASES = [
    "demographic_parity",
    "true_positive_rate_parity",
    "false_positive_rate_parity",
    "equalized_odds",
]
FORMS = [f"{alias}{form}" for alias in ALIASES for form in ("", "_ratio")]
FORMS += ["error_rate_parity", "error_rate_parity_ratio"]


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


def people(seed=0, n=2000, n_groups=3, digits=None):
    """Scores in column 0, groups in column 1; base rates and quality differ."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    label = (rng.random(n) < np.array([0.25, 0.5, 0.7, 0.4])[group]).astype(int)
    logit = rng.normal(size=n) + np.array([2.0, 1.0, 1.5, 0.5])[group] * (label - 0.5)
    score = 1 / (1 + np.exp(-logit))
    if digits is not None:
        score = score.round(digits)
    return np.column_stack([score, group]), label


def expected_table(model, X, y):
    """Group counts of the expected decisions of the model."""
    positive = model.expected_proba(X)[:, 1]
    both = np.repeat([0, 1], len(y))
    return GroupCounts.from_arrays(
        np.tile(y, 2),
        both,
        sensitive_features=np.tile(X[:, 1], 2),
        sample_weight=np.concatenate([1 - positive, positive]),
    )


def accuracy_of(table):
    return table.counts[:, [0, 1], [0, 1]].sum() / table.counts.sum()


@pytest.mark.parametrize("constraint", FORMS)
@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.2])
def test_the_training_violation_is_within_tolerance_in_expectation(
    constraint, tolerance
):
    X, y = people()
    model = ThresholdOptimizer(
        GIVEN, constraint=constraint, tolerance=tolerance, sensitive_features=1
    ).fit(X, y)
    table = expected_table(model, X, y)
    violation = as_constraint(constraint).violation(table.counts, table.classes)
    assert violation <= tolerance + 1e-7
    assert violation == pytest.approx(model.violation_, abs=1e-8)
    assert accuracy_of(table) == pytest.approx(model.objective_)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("demographic_parity", "demographic_parity"),
        ("true_positive_rate_parity", "true_positive_rate_parity"),
        ("false_positive_rate_parity", "false_positive_rate_parity"),
        ("equalized_odds", "equalized_odds"),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_no_peer_is_more_accurate_at_parity(ours, theirs, seed):
    X, y = people(seed)
    model = ThresholdOptimizer(
        GIVEN, constraint=ours, tolerance=0.0, sensitive_features=1
    ).fit(X, y)
    peer = PeerOptimizer(
        estimator=GivenScores().fit(X, y),
        constraints=theirs,
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    ).fit(X, y, sensitive_features=X[:, 1])
    proba = peer._pmf_predict(X, sensitive_features=X[:, 1])
    accuracy = proba[np.arange(len(y)), y].mean()
    assert model.objective_ >= accuracy - 1e-12
    assert model.objective_ <= accuracy + 0.01


def test_balanced_accuracy_is_that_of_all_people_together():
    X, y = people()
    free = ThresholdOptimizer(
        GIVEN, objective="balanced_accuracy", tolerance=1.0, sensitive_features=1
    ).fit(X, y)
    predicted = free.predict(X)
    balanced = (predicted[y == 1].mean() + (1 - predicted[y == 0]).mean()) / 2
    assert free.objective_ == pytest.approx(balanced)
    accurate = clone(free).set_params(objective="accuracy").fit(X, y)
    assert (accurate.predict(X) == y).mean() >= (predicted == y).mean()


@pytest.mark.parametrize("constraint", FORMS)
def test_realised_rates_are_near_the_expected_ones_on_many_rows(constraint):
    X, y = people(n=20_000)
    model = ThresholdOptimizer(
        GIVEN, constraint=constraint, tolerance=0.02, sensitive_features=1
    ).fit(X, y)
    predicted, expected = model.predict(X), model.expected_proba(X)[:, 1]
    assert ((expected >= 0) & (expected <= 1)).all()
    assert (predicted[expected == 1] == 1).all()
    assert (predicted[expected == 0] == 0).all()
    for g in range(3):
        for label in (0, 1):
            cell = (X[:, 1] == g) & (y == label)
            gap = predicted[cell].mean() - expected[cell].mean()
            spread = np.sqrt((expected * (1 - expected))[cell].sum()) / cell.sum()
            assert abs(gap) <= 4 * spread + 1e-12


@pytest.mark.parametrize("constraint", FORMS)
def test_the_deterministic_rule_has_one_threshold_and_keeps_the_tolerance(constraint):
    X, y = people(n=600)
    model = ThresholdOptimizer(
        GIVEN,
        constraint=constraint,
        tolerance=0.1,
        sensitive_features=1,
        deterministic=True,
    ).fit(X, y)
    assert [len(rule.thresholds) for rule in model.rules_.values()] == [1, 1, 1]
    table = GroupCounts.from_arrays(y, model.predict(X), sensitive_features=X[:, 1])
    violation = as_constraint(constraint).violation(table.counts, table.classes)
    assert violation == pytest.approx(model.violation_)
    assert violation <= 0.1 + 1e-6
    mixed = clone(model).set_params(deterministic=False).fit(X, y)
    assert model.objective_ <= mixed.objective_ + 1e-9
    if not constraint.startswith("equalized_odds"):  # whose optimum is a mixture
        assert model.objective_ >= mixed.objective_ - 0.01
    assert (model.predict(X) == y).mean() == pytest.approx(model.objective_)


@pytest.mark.parametrize("estimator", ["tree", "neighbour"])
def test_out_of_fold_scores_see_through_a_model_that_memorises(estimator):
    rng = np.random.default_rng(0)
    n = 6000
    group = rng.integers(0, 2, n)
    X = np.column_stack([rng.normal(size=n), rng.normal(size=n), group])
    noise = np.where(group == 0, 0.2, 3.0)  # group 1 is hard to predict
    y = (X[:, 0] + noise * rng.normal(size=n) > 0).astype(int)
    inner = {
        "tree": DecisionTreeClassifier(random_state=0),
        "neighbour": KNeighborsClassifier(1),
    }[estimator]
    train, test = np.arange(n) < 4000, np.arange(n) >= 4000

    def held_out_violation(estimator):
        model = ThresholdOptimizer(
            estimator,
            constraint="equalized_odds",
            tolerance=0.01,
            sensitive_features=2,
        ).fit(X[train], y[train])
        predicted = model.predict(X[test])
        table = GroupCounts.from_arrays(
            y[test], predicted, sensitive_features=group[test]
        )
        return as_constraint("equalized_odds").violation(table.counts, [0, 1])

    memory = FrozenEstimator(clone(inner).fit(X[train], y[train]))
    assert held_out_violation(memory) > 0.3
    assert held_out_violation(inner) < 0.1


def test_scores_on_which_nobody_is_left_out_select_even_a_probability_of_zero():
    X = np.array([[0.0, 0]] * 10 + [[0.2, 1], [0.8, 1]] * 5)
    y = np.array([1] * 9 + [0] + [0, 1] * 5)
    model = ThresholdOptimizer(GIVEN, tolerance=1.0, sensitive_features=1).fit(X, y)
    assert model.rules_[0.0].thresholds[0] == -np.inf
    assert model.predict(X).tolist() == [1] * 10 + [0, 1] * 5
    np.testing.assert_array_equal(model.expected_proba(X)[:, 1], model.predict(X))


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
@pytest.mark.parametrize("digits", [None, 1, 0])
def test_all_three_answers_agree(constraint, digits):
    X, y = people(digits=digits, n=1000)
    X = np.column_stack([X, np.arange(1000)])
    model = ThresholdOptimizer(GIVEN, constraint=constraint, sensitive_features=1)
    model.fit(X, y)
    predicted, proba = model.predict(X), model.predict_proba(X)
    np.testing.assert_array_equal(predicted, model.decision_function(X) > 0)
    np.testing.assert_array_equal(predicted, proba.argmax(axis=1))
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_probabilities_rank_within_a_group_as_the_model_does():
    X, y = people()
    model = ThresholdOptimizer(
        GIVEN, sensitive_features=1, deterministic=True, tolerance=0.05
    ).fit(X, y)
    proba = model.predict_proba(X)[:, 1]
    for g in range(3):
        rows = np.flatnonzero(X[:, 1] == g)
        order = rows[np.argsort(X[rows, 0])]
        assert (np.diff(proba[order]) >= 0).all()


def test_a_prediction_does_not_depend_on_its_batch_or_order():
    X, y = people(n=500)
    model = ThresholdOptimizer(
        GIVEN, constraint="equalized_odds", sensitive_features=1, tolerance=0.0
    ).fit(X, y)
    predicted = model.predict(X)
    order = np.random.default_rng(1).permutation(500)
    np.testing.assert_array_equal(model.predict(X[order]), predicted[order])
    one_by_one = [model.predict(X[i : i + 1])[0] for i in range(100)]
    np.testing.assert_array_equal(one_by_one, predicted[:100])


def test_the_salt_decides_the_draws_and_the_seed_the_salt():
    X, y = people(n=2000)
    model = ThresholdOptimizer(
        GIVEN, constraint="equalized_odds", sensitive_features=1, tolerance=0.0
    ).fit(X, y)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), model.predict(X))
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert (other.predict(X) != model.predict(X)).any()
    np.testing.assert_array_equal(other.expected_proba(X), model.expected_proba(X))


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_whole_weights_equal_repeated_rows(constraint):
    X, y = people(n=400)
    times = np.random.default_rng(0).integers(0, 4, 400)
    model = ThresholdOptimizer(GIVEN, constraint=constraint, sensitive_features=1)
    weighted = clone(model).fit(X, y, sample_weight=times)
    repeated = clone(model).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert weighted.objective_ == pytest.approx(repeated.objective_)
    assert weighted.violation_ == pytest.approx(repeated.violation_)
    np.testing.assert_allclose(
        weighted.expected_proba(X), repeated.expected_proba(X), atol=1e-7
    )


def test_renaming_groups_and_permuting_rows_changes_nothing():
    X, y = people(n=900)
    model = ThresholdOptimizer(GIVEN, tolerance=0.02).fit(
        X, y, sensitive_features=X[:, 1]
    )
    names = np.array(["z", "y", "x"])[X[:, 1].astype(int)]
    order = np.random.default_rng(0).permutation(900)
    other = clone(model).fit(X[order], y[order], sensitive_features=names[order])
    assert other.groups_ == ("x", "y", "z")
    assert other.objective_ == pytest.approx(model.objective_)
    np.testing.assert_allclose(
        other.expected_proba(X, sensitive_features=names),
        model.expected_proba(X, sensitive_features=X[:, 1]),
    )


def test_the_frontier_is_read_at_the_fitted_point():
    X, y = people(n=800)
    for constraint in ("demographic_parity", "equalized_odds"):
        model = ThresholdOptimizer(
            GIVEN, constraint=constraint, tolerance=0.1, sensitive_features=1
        ).fit(X, y)
        curve = model.frontier_
        at = np.interp(0.1, curve.violation, curve.value)
        assert at == pytest.approx(model.objective_, abs=2e-6)
        assert model.frontier_ is curve
        model.fit(X[:700], y[:700])
        assert model.frontier_ is not curve


def test_a_model_with_a_decision_function_only_is_cut_too():
    X, y = people(n=1500)
    model = ThresholdOptimizer(LinearSVC(), sensitive_features=1, tolerance=0.02)
    model.fit(X, y)
    assert model.response_method_ == "decision_function"
    predicted = model.predict(X)
    rates = [predicted[X[:, 1] == g].mean() for g in range(3)]
    assert np.ptp(rates) < 0.08
    np.testing.assert_array_equal(predicted, model.decision_function(X) > 0)


def test_a_users_own_rate_is_a_constraint():
    X, y = people()
    missed = Rate("missed", [[0, 0], [1, 0]], [[1, 1], [1, 1]])
    model = ThresholdOptimizer(
        GIVEN, constraint=missed, tolerance=0.0, sensitive_features=1
    ).fit(X, y)
    table = expected_table(model, X, y)
    assert np.ptp(missed.of(table.counts)) < 1e-9


def test_a_slack_tolerance_leaves_every_group_its_best_threshold():
    X, y = people(n_groups=4)
    model = ThresholdOptimizer(GIVEN, tolerance=1.0, sensitive_features=1).fit(X, y)
    for g, rule in model.rules_.items():
        own = X[:, 1] == g
        cuts = np.concatenate([[-1], X[own, 0]])
        best = max(((X[own, 0] > cut) == y[own]).mean() for cut in cuts)
        reached = ((X[own, 0] > rule.thresholds[0]) == y[own]).mean()
        assert reached == pytest.approx(best)


def test_logistic_regression_reaches_parity_on_new_people():
    X, y = people(n=8000, seed=3)
    train, test = slice(4000), slice(4000, None)
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=1)
    model.fit(X[train], y[train])
    predicted = model.predict(X[test])
    rates = [predicted[X[test][:, 1] == g].mean() for g in range(3)]
    assert np.ptp(rates) < 0.08
