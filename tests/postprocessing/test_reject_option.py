"""The critical region: every width is tried, and the best one is taken."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.svm import LinearSVC

from fairlearnkit.constraints import DemographicParity, as_constraint
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing import RejectOptionClassifier, ThresholdOptimizer

pytestmark = [
    pytest.mark.filterwarnings("ignore:fewer than 30 people"),
    pytest.mark.filterwarnings("ignore:no critical region"),
    pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.LevellingDownWarning"),
]


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


def people(seed=0, n=600, n_groups=2, digits=None):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    label = (rng.random(n) < np.array([0.35, 0.6, 0.5])[group]).astype(int)
    logit = rng.normal(size=n) + 1.5 * (label - 0.5)
    score = 1 / (1 + np.exp(-logit))
    if digits is not None:
        score = score.round(digits)
    return np.column_stack([score, group]), label


def counts_of(decision, X, y):
    group = X[:, 1].astype(int)
    counts = np.zeros((group.max() + 1, 2, 2))
    np.add.at(counts, (group, y, decision.astype(int)), 1)
    return counts


def by_hand(X, y, theta, deprived):
    """The paper's rule, written as the paper has it."""
    score, group = X.T
    sure = np.maximum(score, 1 - score) >= theta
    return np.where(sure, score > 0.5, np.isin(group, deprived))


def measured(X, y, thetas, deprived, constraint):
    """Violation, NaN if a rate is lost, and accuracy of the rule at each theta."""
    wanted, found = as_constraint(constraint), []
    for theta in thetas:
        decision = by_hand(X, y, theta, deprived)
        counts = counts_of(decision, X, y)
        lost = np.isnan(wanted.values(counts, [0, 1])).any()
        violation = np.nan if lost else wanted.violation(counts, [0, 1])
        found.append((violation, np.mean(decision == y)))
    return np.array(found).T


@pytest.mark.parametrize("digits", [None, 2])
@pytest.mark.parametrize(
    "constraint", ["demographic_parity", "equalized_odds", "predictive_parity"]
)
@pytest.mark.parametrize("n_groups", [2, 3])
def test_the_curve_equals_brute_force_over_all_widths(digits, constraint, n_groups):
    X, y = people(digits=digits, n_groups=n_groups)
    deprived = [0.0] if n_groups == 2 else [0.0, 2.0]
    model = RejectOptionClassifier(
        GIVEN, constraint=constraint, deprived=deprived, sensitive_features=1
    ).fit(X, y)
    violations, values = measured(X, y, model.widths_, deprived, constraint)
    np.testing.assert_allclose(model.violations_, violations, atol=1e-12)
    np.testing.assert_allclose(model.objectives_, values)
    every = np.append(0.5, np.unique(np.maximum(X[:, 0], 1 - X[:, 0])) + 1e-9)
    violations, values = measured(X, y, every[every < 1], deprived, constraint)
    if (violations <= 0.05).any():
        assert model.objective_ == pytest.approx(values[violations <= 0.05].max())
    else:
        assert model.violation_ == pytest.approx(np.nanmin(violations))


def test_predictions_are_the_rule_of_the_paper():
    X, y = people()
    model = RejectOptionClassifier(GIVEN, sensitive_features=1).fit(X, y)
    expected = by_hand(X, y, model.theta_, [0])
    np.testing.assert_array_equal(model.predict(X), expected)
    np.testing.assert_array_equal(model.expected_proba(X)[:, 1], expected)
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), expected)
    assert 0.5 < model.theta_ < 1
    counts = counts_of(model.predict(X), X, y)
    assert as_constraint("demographic_parity").violation(
        counts, [0, 1]
    ) == pytest.approx(model.violation_)


def test_deprived_groups_are_those_with_a_rate_below_the_overall_one():
    X, y = people(n_groups=3)
    model = RejectOptionClassifier(GIVEN, sensitive_features=1).fit(X, y)
    selected = X[:, 0] > 0.5
    below = {g for g in (0, 1, 2) if selected[X[:, 1] == g].mean() < selected.mean()}
    assert set(model.deprived_) == below
    assert set(model.favoured_) == {0, 1, 2} - below


def test_the_favourable_label_may_be_the_first_one():
    """Exchanging the labels and what is favourable exchanges the decisions."""
    X, y = people()
    mirrored = np.column_stack([1 - X[:, 0], X[:, 1]])
    model = RejectOptionClassifier(GIVEN, sensitive_features=1).fit(X, y)
    other = RejectOptionClassifier(
        GIVEN, constraint=DemographicParity(pos_label=0), sensitive_features=1
    ).fit(mirrored, 1 - y)
    assert other.deprived_ == model.deprived_
    assert other.theta_ == pytest.approx(model.theta_)
    np.testing.assert_array_equal(other.predict(mirrored), 1 - model.predict(X))


@pytest.mark.parametrize("seed", range(3))
def test_group_thresholds_dominate_at_every_violation(seed):
    X, y = people(seed)
    model = RejectOptionClassifier(GIVEN, sensitive_features=1).fit(X, y)
    frontier = (
        ThresholdOptimizer(GIVEN, tolerance=1.0, sensitive_features=1)
        .fit(X, y)
        .frontier_
    )
    best = np.interp(model.violations_, frontier.violation, frontier.value)
    assert (model.objectives_ <= best + 1e-9).all()


def test_out_of_reach_is_said_and_the_nearest_taken():
    X, y = people(n_groups=3)
    model = RejectOptionClassifier(GIVEN, tolerance=0.0, sensitive_features=1)
    with pytest.warns(FairnessWarning, match="no critical region has a violation of 0"):
        model.fit(X, y)
    assert model.violation_ == model.violations_.min()


def test_no_harm_takes_only_widths_without_a_loser():
    X, y = people()
    model = RejectOptionClassifier(GIVEN, no_harm=True, sensitive_features=1).fit(X, y)
    assert (model.group_report_.change >= 0).all()
    free = RejectOptionClassifier(GIVEN, sensitive_features=1).fit(X, y)
    assert (free.group_report_.change < 0).any()
    assert model.violation_ >= free.violation_


def test_weights_are_repeated_people():
    X, y = people()
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    weighted = RejectOptionClassifier(GIVEN, sensitive_features=1)
    weighted.fit(X, y, sample_weight=weight)
    repeated = RejectOptionClassifier(GIVEN, sensitive_features=1)
    repeated.fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.widths_, repeated.widths_)
    np.testing.assert_allclose(weighted.violations_, repeated.violations_)
    np.testing.assert_allclose(weighted.objectives_, repeated.objectives_)


def test_a_decision_that_is_certain_is_in_no_region():
    X, y = people(digits=1)
    X[:50, 0], X[50:100, 0] = 0.0, 1.0
    model = RejectOptionClassifier(GIVEN, tolerance=0.0, sensitive_features=1)
    model.fit(X, y)
    assert model.widths_.max() < 1
    np.testing.assert_array_equal(model.predict(X[:100]), np.repeat([0, 1], 50))


def test_scores_without_probabilities_and_an_unseen_group():
    X, y = people()
    features = np.column_stack([X, y + np.random.default_rng(0).normal(size=len(y))])
    model = RejectOptionClassifier(
        LinearSVC(), handle_unknown="pooled", sensitive_features=1
    ).fit(features, y)
    assert model.response_method_ == "decision_function"
    new = features.copy()
    new[:, 1] = 5
    np.testing.assert_array_equal(model.predict(new), model.estimator_.predict(new))


def test_a_deprived_group_that_does_not_occur_is_refused():
    X, y = people()
    model = RejectOptionClassifier(GIVEN, deprived=["women"], sensitive_features=1)
    with pytest.raises(ValueError, match="'women', which is not a group"):
        model.fit(X, y)


def test_a_deprived_intersection_is_named_by_a_tuple():
    X, y = people()
    X = np.column_stack([X, np.arange(len(y)) % 2])
    model = RejectOptionClassifier(
        GIVEN, deprived=(0.0, 1.0), sensitive_features=[1, 2]
    ).fit(X, y)
    assert model.deprived_ == ((0.0, 1.0),)
    assert len(model.favoured_) == 3
