"""ReductionRegressor against the convex program that it approximates."""

import cvxpy as cp
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.neighbors import KNeighborsRegressor

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import ReductionRegressor


def people(n=600):
    """Three groups whose slopes differ, so that one line cannot serve all."""
    rng = np.random.default_rng(0)
    group = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    X = rng.normal(size=(n, 2))
    y = X[:, 0] * (1 + group) + 0.5 * group + rng.normal(size=n)
    return X, y, group, rng.integers(1, 4, n).astype(float)


def best_linear(X, y, group, weight, loss, limit):
    """Least loss of a linear model within the limit; the least ceiling if None."""
    beta = cp.Variable(X.shape[1] + 1)
    error = y - np.column_stack([X, np.ones(len(y))]) @ beta
    own = cp.square(error) if loss == "squared" else cp.abs(error)
    means = [
        cp.sum(cp.multiply(weight * (group == g), own)) / weight[group == g].sum()
        for g in range(3)
    ]
    total = cp.sum(cp.multiply(weight, own)) / weight.sum()
    if limit is None:
        return cp.Problem(cp.Minimize(cp.maximum(*means))).solve()
    return cp.Problem(cp.Minimize(total), [m <= limit for m in means]).solve()


LEARNERS = {
    "squared": LinearRegression(),
    "absolute": QuantileRegressor(alpha=0.0, solver="highs"),
}
LIMITS = {"squared": 3.4, "absolute": 1.45}


@pytest.mark.parametrize("loss", LEARNERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_ceiling_holds_at_the_least_loss(loss, weighted):
    X, y, group, weight = people()
    weight = weight if weighted else np.ones(len(y))
    model = ReductionRegressor(
        LEARNERS[loss], loss=loss, max_group_loss=LIMITS[loss], tol=1e-4
    ).fit(X, y, sensitive_features=group, sample_weight=weight if weighted else None)
    assert model.n_iter_ > 1
    assert model.group_losses_.max() <= LIMITS[loss] * (1 + 1e-6)
    best = best_linear(X, y, group, weight, loss, LIMITS[loss])
    assert best - 1e-4 <= model.loss_ <= best * 1.01
    error = np.abs(y - model.predict(X)) ** (2 if loss == "squared" else 1)
    own = [np.average(error[group == g], weights=weight[group == g]) for g in range(3)]
    np.testing.assert_allclose(model.group_losses_, own)
    assert model.loss_ == pytest.approx(np.average(error, weights=weight))


@pytest.mark.parametrize("loss", LEARNERS)
def test_without_a_ceiling_the_worst_group_fares_as_well_as_it_can(loss):
    X, y, group, weight = people()
    model = ReductionRegressor(LEARNERS[loss], loss=loss, tol=1e-4)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    best = best_linear(X, y, group, weight, loss, None)
    assert best - 1e-4 <= model.group_losses_.max() <= best * 1.01


def test_a_ceiling_that_is_met_is_the_plain_model():
    X, y, group, _ = people()
    model = ReductionRegressor(LinearRegression(), max_group_loss=100.0)
    model.fit(X, y, sensitive_features=group)
    plain = LinearRegression().fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    assert model.n_iter_ == len(model.weights_) == 1


def test_the_mean_of_the_members_serves_every_group_better_than_a_draw():
    X, y, group, _ = people()
    model = ReductionRegressor(LinearRegression(), max_group_loss=3.4)
    model.fit(X, y, sensitive_features=group)
    assert len(model.weights_) > 1
    for g in range(3):
        own = group == g
        drawn = [np.mean((y - m.predict(X))[own] ** 2) for m in model.estimators_]
        assert model.group_losses_[g] <= model.weights_ @ drawn + 1e-12


def test_the_unit_of_the_numbers_does_not_matter():
    X, y, group, _ = people()
    first = ReductionRegressor(LinearRegression(), max_group_loss=3.4)
    first.fit(X, y, sensitive_features=group)
    second = ReductionRegressor(LinearRegression(), max_group_loss=3.4e6)
    second.fit(X, 1000 * y, sensitive_features=group)
    np.testing.assert_allclose(1000 * first.predict(X), second.predict(X), rtol=1e-6)


def test_any_regressor_will_do():
    X, y, group, _ = people()
    base = HistGradientBoostingRegressor(max_iter=20, random_state=0)
    plain = base.fit(X, y)
    before = [np.mean((y - plain.predict(X))[group == g] ** 2) for g in range(3)]
    model = ReductionRegressor(base).fit(X, y, sensitive_features=group)
    assert model.group_losses_.max() < 0.9 * max(before)


def test_a_ceiling_out_of_reach_is_told():
    X, y, group, _ = people()
    with pytest.warns(FairnessWarning, match="max_group_loss=0.1 was not reached"):
        ReductionRegressor(LinearRegression(), max_group_loss=0.1).fit(
            X, y, sensitive_features=group
        )


def test_too_few_iterations_are_told():
    X, y, group, _ = people()
    with pytest.warns(ConvergenceWarning, match="not converged after 1 fits"):
        ReductionRegressor(LinearRegression(), max_iter=1).fit(
            X, y, sensitive_features=group
        )


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (KNeighborsRegressor(), "does not accept sample_weight"),
        (FrozenEstimator(LinearRegression()), "cannot be trained"),
    ],
)
def test_learners_that_cannot_be_reweighted_are_refused(learner, message):
    X, y, group, _ = people()
    with pytest.raises(ValueError, match=message):
        ReductionRegressor(learner).fit(X, y, sensitive_features=group)
