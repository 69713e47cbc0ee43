"""FairLogisticRegression on mean scores: what it equalises and what it costs."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from fairlearnkit.constraints import DemographicParity, Rate
from fairlearnkit.datasets import load_german_credit
from fairlearnkit.inprocessing import FairLogisticRegression

PARTS = {
    "demographic_parity": lambda y: [np.ones(len(y), bool)],
    "true_positive_rate_parity": lambda y: [y == 1],
    "false_positive_rate_parity": lambda y: [y == 0],
    "equalized_odds": lambda y: [y == 1, y == 0],
}

# The conic solver sometimes gives up a digit or two before its own last one.
REFERENCE_MAY_STOP_EARLY = pytest.mark.filterwarnings(
    "ignore:not converged .* cvxpy calls:sklearn.exceptions.ConvergenceWarning"
)


def people(seed=0, n=1000, n_groups=3, n_classes=2):
    """Features, labels that depend on the group, groups and weights."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    X = rng.normal(size=(n, 4)) + 0.5 * group[:, None]
    signal = X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n)
    y = np.digitize(signal, np.linspace(0.8, 2, n_classes - 1))
    return X, y, group, rng.integers(0, 3, n).astype(float)


def score_gap(score, parts, group, weight):
    """Largest difference between groups of the mean score, by hand."""
    means = [
        [np.average(score[p & (group == g)], weights=weight[p & (group == g)])
         for g in np.unique(group)]
        for p in parts
    ]  # fmt: skip
    return np.ptp(means, axis=1).max()


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("tolerance", [0.0, 0.1])
@pytest.mark.parametrize("constraint", PARTS)
def test_mean_scores_are_within_the_bound(constraint, tolerance, relative):
    X, y, group, weight = people()
    given = {"sensitive_features": group, "sample_weight": weight}
    model = FairLogisticRegression(
        constraint=constraint, tolerance=tolerance, relative=relative
    ).fit(X, y, **given)
    plain = FairLogisticRegression(constraint=constraint, tolerance=1).fit(
        X, y, **given
    )
    parts = PARTS[constraint](y)
    gap, before = (
        score_gap(m.decision_function(X), parts, group, weight) for m in (model, plain)
    )
    bound = tolerance * before if relative else tolerance
    assert model.bound_ == pytest.approx(bound)
    assert gap == pytest.approx(bound, abs=1e-9)
    assert model.score_gap_ == pytest.approx(gap, abs=1e-9)


def test_zafars_covariance_is_the_gap_times_the_groups_shares():
    X, y, group, weight = people(n_groups=2)
    model = FairLogisticRegression(tolerance=0.3, relative=False)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    score, share = model.decision_function(X), weight / weight.sum()
    covariance = share @ ((group - share @ group) * score)
    p = share @ group
    assert abs(covariance) == pytest.approx(p * (1 - p) * 0.3)


@pytest.mark.parametrize("case", ["slack", "one group"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_nothing_to_do_is_scikit_learns_model(n_classes, case, C):
    X, y, group, weight = people(n_classes=n_classes)
    tolerance, group = (1.0, group) if case == "slack" else (0.0, np.zeros(len(y)))
    model = FairLogisticRegression(C=C, tolerance=tolerance)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    plain = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12)
    plain.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(
        model.predict_proba(X), plain.predict_proba(X), rtol=1e-6
    )
    np.testing.assert_allclose(model.dual_values_, 0)


@REFERENCE_MAY_STOP_EARLY
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("options", [{"C": 0.05}, {"C": 0.05, "fit_intercept": False}])
def test_solvers_agree_with_the_reference(solver, options):
    X, y, group, weight = people(n=800)
    options = {**options, "constraint": "equalized_odds", "tolerance": 0.2}
    found, reference = (
        FairLogisticRegression(solver=name, **options).fit(
            X, y, sensitive_features=group, sample_weight=weight
        )
        for name in (solver, "cvxpy")
    )
    assert found.objective_ == pytest.approx(reference.objective_, abs=1e-6)
    np.testing.assert_allclose(found.coef_, reference.coef_, atol=1e-3)
    np.testing.assert_allclose(found.dual_values_, reference.dual_values_, atol=1e-3)


def test_l1_is_sparse_and_agrees_with_the_reference():
    X, y, group, _ = people(n=400)
    X = np.column_stack([X, np.random.default_rng(1).normal(size=(400, 3))])
    options = {"C": 0.05, "l1_ratio": 0.9, "tolerance": 0.2}
    found, reference = (
        FairLogisticRegression(solver=name, **options).fit(
            X, y, sensitive_features=group
        )
        for name in ("auto", "cvxpy")
    )
    assert found.objective_ == pytest.approx(reference.objective_, abs=1e-6)
    assert (found.coef_[0, 4:] == 0).any()
    assert found.score_gap_ <= found.bound_ + 1e-6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_dual_values_are_what_the_constraint_costs(n_classes):
    X, y, group, _ = people(n=1500, n_classes=n_classes)
    step = 1e-3

    def fitted(tolerance):
        return FairLogisticRegression(
            constraint="equalized_odds", tolerance=tolerance, relative=False, tol=1e-9
        ).fit(X, y, sensitive_features=group)

    slope = (fitted(0.2 - step).objective_ - fitted(0.2 + step).objective_) / (2 * step)
    model = fitted(0.2)
    assert model.dual_values_.sum() == pytest.approx(slope, rel=1e-3)
    np.testing.assert_allclose(model.multipliers_.sum(axis=1), 0, atol=1e-7)
    free = fitted(0.0)
    rise = (free.objective_ - fitted(step).objective_) / step
    assert free.dual_values_.sum() >= rise - 1e-6  # convex: steepest at zero


def test_more_than_two_classes():
    X, y, group, _ = people(n_classes=3)
    model = FairLogisticRegression(tolerance=0).fit(X, y, sensitive_features=group)
    scores = model.decision_function(X)
    scores = scores - scores.mean(axis=1, keepdims=True)
    means = np.array([scores[group == g].mean(axis=0) for g in range(3)])
    np.testing.assert_allclose(np.ptp(means, axis=0), 0, atol=1e-9)
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(proba.argmax(axis=1), model.predict(X))


def test_pos_label_constrains_one_class_of_three():
    X, y, group, _ = people(n_classes=3)
    one, all_three = (
        FairLogisticRegression(constraint=c, tolerance=0).fit(
            X, y, sensitive_features=group
        )
        for c in (DemographicParity(pos_label=2), "demographic_parity")
    )
    assert one.multipliers_.shape == (1, 3)
    assert one.objective_ < all_three.objective_


def test_accuracy_first_spends_its_budget_on_the_gap():
    X, y, group, _ = people()
    plain = FairLogisticRegression(tolerance=1).fit(X, y, sensitive_features=group)
    gaps = []
    for increase in (0.0, 0.02, 0.05, 0.1):
        model = FairLogisticRegression(max_loss_increase=increase)
        model.fit(X, y, sensitive_features=group)
        assert model.objective_ <= plain.objective_ * (1 + increase) * (1 + 1e-6)
        gaps.append(model.score_gap_)
        reached = FairLogisticRegression(tolerance=model.bound_, relative=False)
        reached.fit(X, y, sensitive_features=group)
        assert reached.objective_ == pytest.approx(model.objective_, abs=1e-8)
    assert gaps[0] == pytest.approx(plain.score_gap_, rel=0.01)
    assert (np.diff(gaps) < 0).all()
    last = FairLogisticRegression(max_loss_increase=5.0)
    assert last.fit(X, y, sensitive_features=group).score_gap_ < 1e-9


def test_a_users_rate_counts_whom_it_says():
    X, y, group, _ = people()
    cost = Rate("cost", [[0, 1], [3, 0]], [[1, 1], [1, 1]])
    model = FairLogisticRegression(constraint=cost, tolerance=0)
    score = model.fit(X, y, sensitive_features=group).decision_function(X)
    signed = np.where(y == 1, -3 * score, score)
    assert np.ptp([signed[group == g].mean() for g in range(3)]) < 1e-9


def test_german_credit_meets_the_bound_in_scores_and_gains_in_rates():
    data = load_german_credit(as_frame=True)
    X = StandardScaler().fit_transform(data.data.select_dtypes("number"))
    y, group = data.target.to_numpy(), data.sensitive_features.iloc[:, 0].to_numpy()
    plain, fair = (
        FairLogisticRegression(tolerance=t).fit(X, y, sensitive_features=group)
        for t in (1.0, 0.0)
    )
    assert fair.score_gap_ < 1e-9 < plain.score_gap_
    assert fair.violation_ < plain.violation_
    assert fair.score(X, y) > plain.score(X, y) - 0.03


def test_the_scale_and_the_origin_of_features_do_not_matter_without_a_penalty():
    X, y, group, _ = people()
    options = {"C": np.inf, "constraint": "equalized_odds", "tolerance": 0.1}
    scale, shift = np.array([1e-3, 1, 1e4, 10]), np.array([5, -1e3, 0, 1])
    first, second = (
        FairLogisticRegression(**options).fit(x, y, sensitive_features=group)
        for x in (X, X * scale + shift)
    )
    np.testing.assert_allclose(
        first.decision_function(X), second.decision_function(X * scale + shift),
        atol=1e-6,
    )  # fmt: skip
