"""DemographicParityRegressor: one law of predictions, at the least loss."""

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import GammaRegressor, LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from fairlearnkit.datasets import load_communities_crime
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import DemographicParityRegressor


def people(n=1500, n_groups=3):
    """Groups that differ in what predicts y, partly to be told from the features."""
    rng = np.random.default_rng(0)
    group = rng.choice(n_groups, n)
    X = rng.normal(size=(n, 3))
    X[:, 0] += 0.6 * group
    y = X[:, 0] + 0.5 * X[:, 1] + 0.5 * rng.normal(size=n)
    return X, y, group, rng.integers(1, 4, n).astype(float)


def violation(model, X, group, weight):
    """Largest distance of a group's expected law from everybody's, at every number."""
    members = model.predict_members(X)

    def law(rows, z):
        above = np.average(members[rows] >= z, axis=0, weights=weight[rows])
        return above @ model.weights_

    everybody = np.ones(len(group), dtype=bool)
    return max(
        abs(law(group == g, z) - law(everybody, z))
        for z in np.unique(members)
        for g in np.unique(group)
    )


def expected_loss(model, X, y, weight, power=2):
    errors = np.abs(model.predict_members(X) - y[:, None]) ** power
    return np.average(errors @ model.weights_, weights=weight)


@pytest.mark.parametrize("tolerance", [0.1, 0.03])
@pytest.mark.parametrize("weighted", [False, True])
def test_groups_share_one_law_of_predictions(tolerance, weighted):
    X, y, group, weight = people()
    weight = weight if weighted else np.ones(len(y))
    model = DemographicParityRegressor(
        LinearRegression(), tolerance=tolerance, n_thresholds=15
    ).fit(X, y, sensitive_features=group, sample_weight=weight if weighted else None)
    found = violation(model, X, group, weight)
    assert found <= tolerance + 1e-6
    assert model.violation_ == pytest.approx(found, abs=1e-9)
    assert model.plain_violation_ > 0.2
    assert model.loss_ == pytest.approx(expected_loss(model, X, y, weight))
    constant = np.average((y - np.average(y, weights=weight)) ** 2, weights=weight)
    assert model.plain_loss_ < model.loss_ < 0.8 * constant
    report = model.group_report_
    share = np.bincount(group, weights=weight) / weight.sum()
    assert share @ report.after == pytest.approx(model.loss_)


def test_tolerance_zero_can_be_met():
    X, y, group, _ = people(400)
    model = DemographicParityRegressor(
        LinearRegression(), tolerance=0.0, n_thresholds=15
    ).fit(X, y, sensitive_features=group)
    assert violation(model, X, group, np.ones(len(y))) <= 1e-6
    assert model.loss_ <= 1.01 * np.var(y)


def test_on_real_data_parity_is_bought_at_a_price_that_grows():
    data = load_communities_crime(as_frame=False)
    X, y, group = data.data, data.target, data.sensitive_features[:, 0]
    losses = []
    for tolerance in [1.0, 0.2, 0.1, 0.05, 0.02]:
        model = DemographicParityRegressor(
            LinearRegression(), tolerance=tolerance, n_thresholds=15
        ).fit(X, y, sensitive_features=group)
        assert model.violation_ <= tolerance + 1e-6
        losses.append(model.loss_)
    assert losses[0] == pytest.approx(
        np.mean((LinearRegression().fit(X, y).predict(X) - y) ** 2)
    )
    assert (np.diff(losses) > 0).all()
    assert losses[-1] < 0.7 * np.var(y)


def cells(n=900):
    """A feature of six values, so that every conditional mean is exact."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 6, n)
    group = (rng.random(n) < 0.1 + 0.15 * x).astype(int)
    y = np.array([0.0, 2.0, 1.0, 3.0, 5.0, 4.0])[x] + rng.normal(size=n)
    X = np.column_stack([x, rng.random(n)])  # the second tells the rows apart
    return X, y, group, rng.integers(1, 4, n).astype(float)


def best_on_levels(x, y, group, weight, levels, power, tolerance):
    """Least expected loss of any chances of levels, given x alone."""
    cell = weight * (x[:, 0] == np.arange(6)[:, None])
    losses = cell @ np.abs(y[:, None] - levels) ** power / weight.sum()
    everybody = cell.sum(axis=1) / weight.sum()
    rows = []
    for g in np.unique(group):
        own = cell @ (group == g) / weight[group == g].sum()
        for z in levels[1:]:
            rows.append(np.outer(own - everybody, levels >= z).ravel())
    result = linprog(
        losses.ravel(),
        A_ub=np.concatenate([rows, -np.array(rows)]),
        b_ub=np.full(2 * len(rows), tolerance),
        A_eq=np.kron(np.eye(6), np.ones(len(levels))),
        b_eq=np.ones(6),
    )
    return result.fun


@pytest.mark.parametrize(("loss", "power"), [("squared", 2), ("absolute", 1)])
@pytest.mark.parametrize("tolerance", [0.2, 0.05, 0.0])
def test_the_mixture_is_the_best_of_all_rules_where_means_are_exact(
    loss, power, tolerance
):
    x, y, group, weight = cells()
    base = make_pipeline(
        ColumnTransformer([("cell", OneHotEncoder(), [0])]), LinearRegression()
    )
    model = DemographicParityRegressor(
        base, loss=loss, tolerance=tolerance, n_thresholds=12, tol=1e-4
    ).fit(x, y, sensitive_features=group, sample_weight=weight)
    best = best_on_levels(x, y, group, weight, model.levels_, power, tolerance)
    assert best - 1e-6 <= model.loss_ <= best + 1e-3
    assert model.loss_ - model.gap_ <= best + 1e-6
    assert model.loss_ == pytest.approx(expected_loss(model, x, y, weight, power))


def test_draws_realise_the_law_without_the_group():
    X, y, group, _ = people()
    model = DemographicParityRegressor(LinearRegression(), n_thresholds=15)
    model.fit(X, y, sensitive_features=group)
    drawn = model.predict(X)
    members = model.predict_members(X)
    assert (drawn[:, None] == members).any(axis=1).all()
    np.testing.assert_array_equal(drawn[:7], model.predict(X[:7]))
    for z in model.levels_[1:]:
        expected = (members >= z).mean(axis=0) @ model.weights_
        assert np.mean(drawn >= z) == pytest.approx(expected, abs=0.05)


def test_a_single_rule_meets_the_tolerance_and_costs_more_than_the_draw():
    X, y, group, _ = people()
    drawn = DemographicParityRegressor(LinearRegression(), n_thresholds=15)
    drawn.fit(X, y, sensitive_features=group)
    single = DemographicParityRegressor(
        LinearRegression(), n_thresholds=15, deterministic=True
    ).fit(X, y, sensitive_features=group)
    assert single.weights_ == [1.0]
    found = violation(single, X, group, np.ones(len(y)))
    assert found == pytest.approx(single.violation_)
    assert found <= 0.05
    assert drawn.loss_ - drawn.gap_ <= single.loss_ < 0.8 * np.var(y)


def test_units_and_origin_of_y_do_not_matter():
    X, y, group, _ = people()
    model = DemographicParityRegressor(LinearRegression(), n_thresholds=7)
    first = model.fit(X, y, sensitive_features=group).predict(X)
    second = model.fit(X, 1000 * y - 50, sensitive_features=group).predict(X)
    same = np.isclose(1000 * first - 50, second, rtol=1e-5, atol=1e-3)
    assert same.mean() > 0.99  # rounding decides where levels tie


def test_a_tolerance_that_is_met_leaves_the_plain_model():
    X, y, group, _ = people()
    model = DemographicParityRegressor(LinearRegression(), tolerance=0.9)
    model.fit(X, y, sensitive_features=group)
    plain = LinearRegression().fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    np.testing.assert_array_equal(model.predict_members(X)[:, 0], plain.predict(X))
    assert model.levels_ is None
    assert model.loss_ == model.plain_loss_


def test_a_classifier_of_the_group_serves_learners_that_cannot_learn_indicators():
    X, y, group, _ = people()
    base = GammaRegressor(max_iter=1000)  # it takes no zeros
    model = DemographicParityRegressor(
        base, n_thresholds=10, group_estimator=LogisticRegression()
    ).fit(X, np.exp(0.5 * y), sensitive_features=group)
    assert violation(model, X, group, np.ones(len(y))) <= 0.05 + 1e-6


def test_rows_of_weight_zero_are_nobody():
    X, y, group, weight = people()
    weight[:300] = 0
    model = DemographicParityRegressor(LinearRegression(), n_thresholds=7)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    found = model.predict(X)
    model.fit(
        X[300:], y[300:], sensitive_features=group[300:], sample_weight=weight[300:]
    )
    np.testing.assert_array_equal(found, model.predict(X))


def test_a_learner_without_weights_will_do_until_there_are_some():
    X, y, group, weight = people(400)
    model = DemographicParityRegressor(KNeighborsRegressor(30), n_thresholds=7)
    model.fit(X, y, sensitive_features=group)
    assert model.violation_ <= 0.05 + 1e-6
    with pytest.raises(ValueError, match="does not accept sample_weight"):
        model.fit(X, y, sensitive_features=group, sample_weight=weight)


def test_a_fitted_learner_is_refused():
    X, y, group, _ = people(400)
    with pytest.raises(ValueError, match="cannot be trained"):
        DemographicParityRegressor(FrozenEstimator(LinearRegression().fit(X, y))).fit(
            X, y, sensitive_features=group
        )


def test_too_few_rounds_are_told():
    X, y, group, _ = people()
    with pytest.warns(ConvergenceWarning, match="not converged after 2 rounds"):
        DemographicParityRegressor(LinearRegression(), max_iter=2).fit(
            X, y, sensitive_features=group
        )


def test_a_small_group_is_told():
    X, y, _, _ = people()
    group = np.arange(len(y)) < 10
    with pytest.warns(
        FairnessWarning, match=r"fewer than 30 people in .*True.* \(10\)"
    ):
        DemographicParityRegressor(LinearRegression(), tolerance=1.0).fit(
            X, y, sensitive_features=group
        )


def test_a_constant_as_the_only_single_rule_is_told():
    X, y, group, _ = people()
    stump = DecisionTreeRegressor(max_depth=1)
    model = DemographicParityRegressor(
        stump, tolerance=0.01, n_thresholds=5, deterministic=True
    )
    with pytest.warns(FairnessWarning, match="but a constant was found"):
        model.fit(X, y, sensitive_features=group)
    assert np.ptp(model.predict(X)) == 0
