"""The penalised log loss: its gradient, its special cases and its index."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score

from fairlearnkit._solvers.prejudice_index import PrejudiceProblem, prejudice_index


def people(seed=0, n=300, n_groups=3):
    """Features of unequal scale, labels, groups and weights, a few of them 0."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_groups, n)
    X = rng.normal(size=(n, 4)) * [1, 10, 0.1, 1] + codes[:, None] * [1, 0, 0, 0]
    y = (X[:, 0] + rng.normal(size=n) > 0.8).astype(int)
    return X, y, codes, rng.integers(0, 4, n).astype(float)


def problem(by_group=True, fit_intercept=True, make=np.asarray):
    X, y, codes, weight = people()
    return PrejudiceProblem(
        make(X),
        y,
        codes,
        weight,
        ridge=2.0,
        by_group=by_group,
        fit_intercept=fit_intercept,
    )


@pytest.mark.parametrize("by_group", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_gradient_is_the_derivative(by_group, fit_intercept):
    own = problem(by_group, fit_intercept)
    n_models, width = own.shape
    rng = np.random.default_rng(1)
    flat = rng.normal(size=n_models * (width + fit_intercept))
    for strength in (0.0, 3.0):
        numeric = approx_fprime(
            flat, lambda at, s=strength: own.value_and_gradient(at, s)[0], 1e-7
        )
        analytic = own.value_and_gradient(flat, strength)[1]
        np.testing.assert_allclose(analytic, numeric, atol=2e-6)


def test_the_objective_is_that_of_the_paper():
    """The sum over rows of sigma ln(P(y | s) / P(y)), written out."""
    X, y, codes, weight = people()
    found = problem().minimize(2.0, tol=1e-9, max_iter=500)
    scores = (X * found.coefficients[codes]).sum(axis=1) + found.intercepts[codes]
    chance = 1 / (1 + np.exp(-scores))
    means = [
        np.average(chance[codes == g], weights=weight[codes == g]) for g in range(3)
    ]
    overall = np.average(chance, weights=weight)
    ratio = np.array(means)[codes]
    terms = chance * np.log(ratio / overall)
    terms += (1 - chance) * np.log((1 - ratio) / (1 - overall))
    assert np.average(terms, weights=weight) == pytest.approx(found.index, abs=1e-12)
    loss = -np.log(np.where(y == 1, chance, 1 - chance)) @ weight
    value = loss + 2 * weight @ terms + (found.coefficients**2).sum()
    own = problem()
    start = own._flat((found.coefficients, found.intercepts))
    assert own.value_and_gradient(start, 2.0)[0] * weight.sum() == pytest.approx(value)


def test_the_index_is_mutual_information():
    rng = np.random.default_rng(0)
    group, label = rng.integers(0, 4, 500), rng.integers(0, 2, 500)
    label[group == 1] = 1
    means = np.array([label[group == g].mean() for g in range(4)])
    shares = np.bincount(group) / 500
    assert prejudice_index(means, shares) == pytest.approx(
        mutual_info_score(group, label)
    )


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("by_group", [True, False])
def test_without_penalty_it_is_logistic_regression(make, by_group):
    X, y, codes, weight = people()
    found = problem(by_group, make=make).minimize(0.0, tol=1e-9, max_iter=500)
    parts = [codes == g for g in range(3)] if by_group else [weight >= 0]
    for model, part in enumerate(parts):
        plain = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000, solver="newton-cg")
        plain.fit(X[part], y[part], sample_weight=weight[part])
        np.testing.assert_allclose(found.coefficients[model], plain.coef_[0], atol=1e-5)
        np.testing.assert_allclose(
            found.intercepts[model], plain.intercept_[0], atol=1e-5
        )


def test_no_random_start_finds_less_on_small_data():
    """The objective is not convex; the descent from the plain model is not beaten."""
    own = problem(by_group=False)
    plain = own.minimize(0.0, tol=1e-8, max_iter=500)
    start = plain.coefficients, plain.intercepts
    best = own.minimize(5.0, start=start, tol=1e-8, max_iter=500)

    def height(found):
        flat = own._flat((found.coefficients, found.intercepts))
        return own.value_and_gradient(flat, 5.0)[0]

    rng = np.random.default_rng(0)
    for _ in range(20):
        random = rng.normal(size=(1, 4)) / [1, 10, 0.1, 1], rng.normal(size=1)
        other = own.minimize(5.0, start=random, tol=1e-8, max_iter=500)
        assert height(other) >= height(best) - 1e-7
