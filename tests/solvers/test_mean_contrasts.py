"""Differences of means within strata, and strata by rank."""

import numpy as np

from fairlearnkit._solvers.mean_contrasts import (
    Comparison,
    cell_means,
    mean_contrasts,
    quantile_strata,
)


def test_every_two_groups_of_a_stratum_are_compared():
    values = np.array([[1.0], [2.0], [4.0], [8.0], [16.0], [32.0]])
    comparison = Comparison(
        np.array([0, 1, 2, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1]), "abc", ["s", "t"]
    )
    weight = np.array([1.0, 1, 1, 1, 1, 3])
    found, absent = mean_contrasts(values, [comparison], weight)
    np.testing.assert_allclose(found[:, 0], [-1, -3, -2, 8 - 28])
    assert absent == ["c in t"]


def test_rows_without_weight_are_nobody():
    values, weight = np.array([[1.0], [5.0], [9.0]]), np.array([1.0, 1.0, 0.0])
    comparison = Comparison(np.array([0, 1, 1]), np.array([0, 0, 1]), "ab", ["s", "t"])
    found, absent = mean_contrasts(values, [comparison], weight)
    np.testing.assert_array_equal(found, [[-4]])
    assert absent == []  # a stratum of nobody is no stratum
    means = cell_means(values[:, 0], np.array([0, 0, 1]), 2, weight)
    np.testing.assert_array_equal(means, [3, np.nan])


def test_strata_have_equal_weight_and_keep_ties_together():
    values = np.random.default_rng(0).permutation(1000)
    strata = quantile_strata(values, np.ones(1000), 4)
    np.testing.assert_array_equal(np.bincount(strata), 250)
    assert values[strata == 0].max() < values[strata == 1].min()
    tied = quantile_strata(np.array([0, 0, 0, 1]), np.ones(4), 2)
    np.testing.assert_array_equal(tied, [0, 0, 0, 1])


def test_integer_weights_are_repeated_rows():
    rng = np.random.default_rng(1)
    values, weight = rng.integers(0, 20, 50), rng.integers(0, 4, 50)
    repeated = quantile_strata(np.repeat(values, weight), np.ones(weight.sum()), 3)
    np.testing.assert_array_equal(
        np.repeat(quantile_strata(values, weight, 3), weight), repeated
    )
