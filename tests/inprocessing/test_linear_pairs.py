"""PairwiseFairRegressor: its optimum against all pairs, and the three readings."""

from itertools import combinations

import cvxpy as cp
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import PairwiseFairRegressor


def people(n=90, n_groups=2, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    X = rng.normal(size=(n, 3)) + 0.7 * group[:, None]
    y = X @ [1.0, 0.5, 0] + rng.normal(size=n)
    return X, y, group, rng.integers(1, 4, n).astype(float)


def penalty_of(kind, fit, y, group, weight, bandwidth, n_ranges=2):
    """The definition, pair by pair; `fit` may be an expression of cvxpy."""
    found = []
    middle = np.median(np.repeat(y, weight.astype(int)))
    for g, h in combinations(np.unique(group), 2):
        i, j = np.flatnonzero(group == g), np.flatnonzero(group == h)
        pair = np.outer(weight[i], weight[j])
        pair /= pair.sum()
        if kind == "hybrid":
            for high in (False, True):
                first, second = (k[(y[k] > middle) == high] for k in (i, j))
                means = [weight[k] / weight[k].sum() @ fit[k] for k in (first, second)]
                found.append((means[0] - means[1]) ** 2)
            continue
        near = pair * np.exp(-((y[i][:, None] - y[j]) ** 2) / bandwidth**2)
        if kind == "group":
            found.append((near.sum(axis=1) @ fit[i] - near.sum(axis=0) @ fit[j]) ** 2)
            continue
        rows, columns = np.indices(near.shape).reshape(2, -1)
        apart = fit[i[rows]] - fit[j[columns]]
        found.append(near.ravel() @ apart**2)
    return sum(found) / len(found)


@pytest.mark.parametrize("kind", ["individual", "group", "hybrid"])
@pytest.mark.parametrize("n_groups", [2, 3])
def test_the_fit_minimises_error_and_penalty_over_all_pairs(kind, n_groups):
    X, y, group, weight = people(n_groups=n_groups)
    model = PairwiseFairRegressor(kind=kind, strength=2.0, bandwidth=0.8, alpha=1.5)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    key = y, group, weight, 0.8
    found = penalty_of(kind, model.predict(X), *key)
    assert model.penalty_ == pytest.approx(found, abs=1e-11)

    def objective(coefficients):
        fit = X @ coefficients[:3] + coefficients[3]
        error = np.sum(weight * (y - fit) ** 2) / weight.sum()
        ridge = 1.5 / weight.sum() * np.sum(coefficients[:3] ** 2)
        return error + ridge + 2.0 * penalty_of(kind, fit, *key)

    best = np.append(model.coef_, model.intercept_)
    for step in np.vstack([np.eye(4), -np.eye(4), np.ones((1, 4))]):
        assert objective(best) < objective(best + 1e-3 * step)
    # Of a quadratic function, a central difference is the derivative.
    slopes = [objective(best + s) - objective(best - s) for s in np.eye(4)]
    np.testing.assert_allclose(slopes, 0, atol=1e-10)


def test_the_individual_fit_is_that_of_a_general_solver():
    X, y, group, weight = people(25)
    fit = cp.Variable(4)
    values = X @ fit[:3] + fit[3]
    pairs = [
        cp.square(values[i] - values[j]) * (weight[i] * weight[j] * near)
        for i in np.flatnonzero(group == 0)
        for j in np.flatnonzero(group == 1)
        if (near := np.exp(-((y[i] - y[j]) ** 2))) > 1e-12
    ]
    both = weight[group == 0].sum() * weight[group == 1].sum()
    error = cp.sum_squares(cp.multiply(np.sqrt(weight / weight.sum()), y - values))
    cp.Problem(cp.Minimize(error + sum(pairs) / both)).solve(solver="CLARABEL")
    model = PairwiseFairRegressor(bandwidth=1.0)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, fit.value[:3], atol=1e-5)


@pytest.mark.parametrize("kind", ["individual", "group", "hybrid"])
def test_a_higher_strength_buys_less_penalty_for_more_error(kind):
    X, y, group, _ = people(300, n_groups=3)
    penalties, scores = [], []
    for strength in (0, 0.1, 1, 10, 1e6):
        model = PairwiseFairRegressor(kind=kind, strength=strength)
        model.fit(X, y, sensitive_features=group)
        penalties.append(model.penalty_)
        scores.append(model.score(X, y))
    assert np.all(np.diff(penalties) < 0)
    assert np.all(np.diff(scores) < 0)
    assert penalties[-1] < 1e-6
    assert penalties[0] == pytest.approx(model.plain_penalty_)


@pytest.mark.parametrize("alpha", [0.0, 4.0])
def test_without_strength_it_is_the_plain_regression(alpha):
    X, y, group, weight = people()
    plain = (Ridge(alpha) if alpha else LinearRegression()).fit(X, y, weight)
    model = PairwiseFairRegressor(strength=0, alpha=alpha)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    np.testing.assert_allclose(model.predict(X), plain.predict(X))


def test_the_penalties_are_ordered_from_strict_to_mild():
    """Jensen: a squared mean is at most the mean square."""
    X, y, group, _ = people(200)
    individual, group_wise = (
        PairwiseFairRegressor(kind=kind).fit(X, y, sensitive_features=group)
        for kind in ("individual", "group")
    )
    assert individual.plain_penalty_ > group_wise.plain_penalty_


def test_a_group_absent_from_a_range_is_named():
    X, y, group, _ = people(200)
    with pytest.warns(FairnessWarning, match="sensitive_features=0 in range 1 of 2"):
        PairwiseFairRegressor(kind="hybrid").fit(
            X, np.where(group == 1, y - 20, y), sensitive_features=group
        )


def test_a_constant_outcome_and_frames():
    X, y, group, _ = people()
    model = PairwiseFairRegressor().fit(
        X, np.full(len(y), 3.0), sensitive_features=group
    )
    np.testing.assert_allclose(model.predict(X), 3)
    columns = dict(zip("abc", X.T, strict=True)) | {"sex": np.array(["m", "f"])[group]}
    model = PairwiseFairRegressor(sensitive_features="sex", drop_sensitive=True)
    found = [
        model.fit(f(columns), y).predict(f(columns))
        for f in (pd.DataFrame, pl.DataFrame)
    ]
    np.testing.assert_array_equal(found[0], found[1])
