"""The auditor's search, against every half space of a few points."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit._solvers.linear_subgroups import (
    Points,
    cut_best,
    greatest_conjunction,
    greatest_half_space,
)


def points_of(features):
    n = len(features)
    return Points(features, np.ones(n), np.zeros((n, 0), dtype=int))


def cloud(seed, n=12, width=2):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n)
    return rng.normal(size=(n, width)), values - values.mean()


def best_by_enumeration(features, values):
    """Greatest sum of a half plane: lines through two points, tilted both ways."""
    best = 0.0
    for i, j in combinations(range(len(features)), 2):
        along = features[j] - features[i]
        normal = np.array([-along[1], along[0]])
        for tilt in (-1e-7, 1e-7):
            scores = features @ (normal + tilt * along)
            order = np.argsort(scores)
            best = max(best, np.abs(np.cumsum(values[order])).max())
    return best


def test_nearly_every_search_finds_the_best_half_plane():
    ratios = []
    for seed in range(60):
        features, values = cloud(seed)
        half = greatest_half_space(points_of(features), values)
        best = best_by_enumeration(features, values)
        assert abs(half.total) <= best + 1e-9  # it is a half plane
        ratios.append(abs(half.total) / best)
    assert min(ratios) > 0.7
    assert np.mean(np.isclose(ratios, 1)) > 0.95


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_group_found_is_what_it_says(seed, width):
    features, values = cloud(seed, 30, width)
    half = greatest_half_space(points_of(features), values)
    beyond = features @ half.direction > half.threshold
    np.testing.assert_array_equal(beyond, half.members)
    assert half.total == pytest.approx(values[half.members].sum())
    assert half.members.sum() <= 15  # not its complement


@given(st.integers(0, 10_000))
def test_one_numeric_feature_is_searched_exhaustively(seed):
    features, values = cloud(seed, 25, 1)
    half = greatest_half_space(points_of(features), values)
    sums = np.cumsum(values[np.argsort(features[:, 0])])
    assert abs(half.total) == pytest.approx(np.abs(sums).max())


@given(st.integers(0, 10_000))
def test_tied_points_stay_together(seed):
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 3, size=(20, 1)).astype(float)
    values = rng.normal(size=20)
    members = cut_best(features, values, np.ones(1)).members
    for level in range(3):
        assert len(set(members[features[:, 0] == level])) <= 1


def categories(seed, n=60):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 2, n), rng.integers(0, 3, n)
    features = np.column_stack([np.eye(2)[first], np.eye(3)[second]])
    levels = np.column_stack([first, 2 + second])
    values = rng.normal(size=n)
    return Points(features, np.ones(n), levels), values - values.mean()


@given(st.integers(0, 10_000))
def test_conjunctions_are_searched_exhaustively(seed):
    points, values = categories(seed)
    (half,) = greatest_conjunction(points, values)
    sums = []
    for first, second in product([None, 0, 1], [None, 2, 3, 4]):
        inside = np.ones(len(values), bool)
        for column, level in enumerate((first, second)):
            if level is not None:
                inside &= points.levels[:, column] == level
        sums.append(abs(values[inside].sum()))
    assert abs(half.total) == pytest.approx(max(sums))
    beyond = points.features @ half.direction > half.threshold
    np.testing.assert_array_equal(beyond, half.members)


@given(st.integers(0, 10_000))
def test_no_conjunction_beats_the_search(seed):
    points, values = categories(seed)
    (conjunction,) = greatest_conjunction(points, values)
    half = greatest_half_space(points, values)
    assert abs(half.total) >= abs(conjunction.total) - 1e-12


@given(st.integers(0, 1000))
def test_all_unions_of_levels_of_one_category_are_within_reach(seed):
    """Each is a half space of the indicators, so the best takes all of one sign."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 6, 80)
    values = rng.normal(size=80)
    values -= values.mean()
    points = Points(np.eye(6)[level], np.ones(80), level[:, None])
    half = greatest_half_space(points, values)
    sums = np.bincount(level, weights=values)
    assert abs(half.total) == pytest.approx(sums[sums > 0].sum())
