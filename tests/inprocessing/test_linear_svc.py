"""FairLinearSVC: scikit-learn's model under Donini's constraint."""

import numpy as np
import pytest
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

from fairlearnkit.datasets import load_adult
from fairlearnkit.inprocessing import FairLinearSVC


def people(n=600):
    """Features, labels, groups and weights."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, n)
    X = rng.normal(size=(n, 3)) + 0.5 * group[:, None]
    y = (X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n) > 0.8).astype(int)
    return X, y, group, rng.integers(1, 3, n).astype(float)


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_without_a_constraint_it_is_scikit_learns(C):
    X, y, group, weight = people()
    model = FairLinearSVC(C=C, tolerance=1.0)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    # Theirs penalises the intercept: less so, the larger its scale.
    plain = LinearSVC(
        C=C, dual=False, intercept_scaling=1e3, tol=1e-10, max_iter=100_000
    ).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.intercept_, plain.intercept_, rtol=1e-3)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("tolerance", [0.0, 0.2])
def test_the_optimum_is_cvxpys(tolerance, solver):
    X, y, group, weight = people(500)
    found, reference = (
        FairLinearSVC(solver=name, tolerance=tolerance).fit(
            X, y, sensitive_features=group, sample_weight=weight
        )
        for name in (solver, "cvxpy")
    )
    assert found.objective_ == pytest.approx(reference.objective_, abs=1e-6)
    np.testing.assert_allclose(found.coef_, reference.coef_, atol=1e-3)


def test_donini_positives_have_equal_mean_scores():
    X, y, group, weight = people()
    model = FairLinearSVC(tolerance=0)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    centre = [
        np.average(
            X[(group == g) & (y == 1)], axis=0, weights=weight[(group == g) & (y == 1)]
        )
        for g in range(3)
    ]
    for g in (1, 2):
        assert model.coef_[0] @ (centre[g] - centre[0]) == pytest.approx(0, abs=1e-9)


def test_adult_as_in_the_authors_repository():
    """On these rows their FERM, of the hinge loss unsquared, has .796 and .033."""
    data = load_adult(as_frame=True)
    keep = data.data.notna().all(axis=1).to_numpy()
    X, y = data.data[keep], data.target[keep].to_numpy()
    sex = (X["sex"].astype(str) == "Male").to_numpy()
    words = X.select_dtypes(exclude="number").columns
    codes = OrdinalEncoder().fit_transform(X[words].astype(str))
    numbers = X.select_dtypes("number").to_numpy()
    X = StandardScaler().fit_transform(np.column_stack([numbers, codes]))
    train, test = slice(0, 32_561), slice(32_561, None)
    found = {}
    for tolerance in (1.0, 0.0):
        model = FairLinearSVC(C=0.1, tolerance=tolerance)
        model.fit(X[train], y[train], sensitive_features=sex[train])
        predicted, right = model.predict(X[test]), y[test] == 1
        gap = predicted[right & sex[test]].mean() - predicted[right & ~sex[test]].mean()
        found[tolerance] = model.score(X[test], y[test]), abs(gap)
    assert found[0.0][0] == pytest.approx(0.796, abs=0.015)
    assert found[0.0][1] == pytest.approx(0.033, abs=0.015)
    assert found[1.0][1] > 5 * found[0.0][1]
    assert found[1.0][0] < found[0.0][0] + 0.02


def test_three_classes_are_refused():
    X, y, group, _ = people()
    with pytest.raises(ValueError, match="Only binary classification is supported"):
        FairLinearSVC().fit(X, np.arange(len(y)) % 3, sensitive_features=group)
