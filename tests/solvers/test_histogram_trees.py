"""Trees over bins: their splits against scikit-learn's, their leaves by formula."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from fairlearnkit._solvers.histogram_trees import Binner, grow_tree


def derivatives(seed=0, n=400):
    """Binned features of few values, gradients and hessians."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 12, size=(n, 3)).astype(float)
    hessian = rng.random(n) + 0.1
    target = np.sin(X[:, 0]) + X[:, 1] / 5 + rng.normal(size=n)
    return X, -target * hessian, hessian


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_newton_tree_is_a_weighted_regression_tree(depth):
    """On targets -g / h with weights h, and leaves that are their means."""
    X, gradient, hessian = derivatives()
    binner = Binner.fit(X, np.ones(len(X)), 255)
    bins = binner.transform(X)
    options = {"n_bins": binner.n_bins, "max_depth": depth, "min_hessian": 0.0}
    tree = grow_tree(bins, gradient, hessian, l2=0.0, **options)
    plain = DecisionTreeRegressor(max_depth=depth, random_state=0)
    plain.fit(X, -gradient / hessian, sample_weight=hessian)
    np.testing.assert_allclose(tree.predict(bins), plain.predict(X))


def test_leaves_minimise_the_penalised_model_and_carry_enough():
    X, gradient, hessian = derivatives()
    binner = Binner.fit(X, np.ones(len(X)), 255)
    bins = binner.transform(X)
    tree = grow_tree(
        bins, gradient, hessian,
        n_bins=binner.n_bins, max_depth=4, l2=3.0, min_hessian=20.0,
    )  # fmt: skip
    found = tree.predict(bins)
    for value in np.unique(found):
        own = found == value
        assert hessian[own].sum() >= 20
        expected = -gradient[own].sum() / (hessian[own].sum() + 3)
        assert value == pytest.approx(expected)


def test_bins_take_weights_as_repeated_rows_and_keep_the_order():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(500, 2)), rng.integers(0, 3, 500)
    weighted = Binner.fit(X, weight, 16)
    repeated = Binner.fit(np.repeat(X, weight, axis=0), np.ones(weight.sum()), 16)
    for own, other in zip(weighted.edges, repeated.edges, strict=True):
        np.testing.assert_array_equal(own, other)
    bins = weighted.transform(X)
    assert bins.max() <= 15
    masses = np.bincount(bins[0], weight, 16)
    assert masses.max() < 1.5 * masses.mean()
    order = np.argsort(X[:, 0])
    assert (np.diff(bins[0][order]) >= 0).all()
    X[0, 0] = np.nan
    assert weighted.transform(X)[0, 0] == weighted.n_bins - 1
