"""Sums over pairs, against all pairs."""

from itertools import combinations

import numpy as np
import pytest

from fairlearnkit._solvers.pairwise_penalties import (
    GaussianPairs,
    group_form,
    individual_form,
)


def people(n_groups, n=150):
    rng = np.random.default_rng(n_groups)
    values = rng.normal(size=(n, 3)) + 5
    codes = rng.integers(0, n_groups, n)
    weight = rng.integers(1, 4, n).astype(float)
    return values, 100 + codes + 3 * rng.standard_t(2, size=n), codes, weight


def all_pairs(values, y, codes, weight, bandwidth, fit):
    """Both penalties of one fit, averaged over the pairs of groups."""
    f = values @ fit
    individual, group = [], []
    for g, h in combinations(range(codes.max() + 1), 2):
        first, second = codes == g, codes == h
        pair = np.outer(weight[first], weight[second])
        near = np.exp(-((np.subtract.outer(y[first], y[second]) / bandwidth) ** 2))
        apart = np.subtract.outer(f[first], f[second])
        individual.append(np.sum(pair * near * apart**2) / pair.sum())
        group.append((np.sum(pair * near * apart) / pair.sum()) ** 2)
    return np.mean(individual), np.mean(group)


@pytest.mark.parametrize("bandwidth", [0.1, 2.0, 1000.0])
@pytest.mark.parametrize("n_groups", [2, 4])
def test_the_sums_are_those_over_all_pairs(n_groups, bandwidth):
    values, y, codes, weight = people(n_groups)
    pairs = GaussianPairs.of(values, y, codes, n_groups, weight, bandwidth)
    fit = np.array([1.0, -2.0, 0.5])
    individual, group = all_pairs(values, y, codes, weight, bandwidth, fit)
    assert fit @ individual_form(pairs) @ fit == pytest.approx(individual, abs=1e-11)
    assert fit @ group_form(pairs) @ fit == pytest.approx(group, abs=1e-11)


def test_blocks_of_rows_change_nothing(monkeypatch):
    values, y, codes, weight = people(3)
    whole = individual_form(GaussianPairs.of(values, y, codes, 3, weight, 1.0))
    monkeypatch.setattr("fairlearnkit._solvers.pairwise_penalties._ROWS", 7)
    parts = individual_form(GaussianPairs.of(values, y, codes, 3, weight, 1.0))
    np.testing.assert_allclose(parts, whole, atol=1e-13)


def test_one_group_has_no_pairs():
    values, y, codes, weight = people(2)
    pairs = GaussianPairs.of(values, y, np.zeros_like(codes), 1, weight, 1.0)
    np.testing.assert_allclose(individual_form(pairs), 0, atol=1e-12)
    np.testing.assert_array_equal(group_form(pairs), 0)


def test_outliers_far_beyond_the_bandwidth_are_refused():
    values, y, codes, weight = people(2)
    y[0] = 1e9
    with pytest.raises(ValueError, match="look for outliers in y"):
        GaussianPairs.of(values, y, codes, 2, weight, 1.0)
