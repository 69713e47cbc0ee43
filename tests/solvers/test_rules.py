"""The narrowest mixture against every pair of ends, and what a rule then selects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fairlearnkit._solvers.hulls import all_points, hull_points, point_at
from fairlearnkit._solvers.rules import narrowest_mixture, realize
from fairlearnkit.tables import ScoreTable


def table_of(seed, n=14, levels=9):
    rng = np.random.default_rng(seed)
    label, score = rng.integers(0, 2, n), rng.integers(0, levels, n) / levels
    weight = rng.choice([0.5, 1.0, 2.0], n)
    return ScoreTable.from_arrays(
        label,
        score,
        sensitive_features=np.zeros(n, int),
        sample_weight=weight,
        classes=[0, 1],
    )


def holds(points, target):
    """Whether the convex hull of points holds the target, by a linear program."""
    result = linprog(
        np.zeros(len(points)),
        A_eq=np.vstack([points.T, np.ones(len(points))]),
        b_eq=[*target, 1],
    )
    return result.x is not None


def least_mass(curve, target):
    people = curve.selected.sum(axis=1)
    scaled = curve.selected / np.maximum(curve.totals, 1)
    aim = target / np.maximum(curve.totals, 1)
    return min(
        people[j] - people[i]
        for i in range(len(curve))
        for j in range(i, len(curve))
        if holds(scaled[i : j + 1], aim)
    )


@given(st.integers(0, 10_000))
@settings(max_examples=12)
def test_no_window_of_thresholds_that_holds_the_target_has_fewer_people(seed):
    table = table_of(seed, n=10, levels=6)
    curve = all_points(table, 0)
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.full(len(curve), 0.3)) @ curve.selected
    at, share = narrowest_mixture(curve, target)
    assert len(at) <= 3
    assert (np.diff(at) > 0).all()
    assert share.min() >= 0
    np.testing.assert_allclose(share @ curve.selected[at], target, atol=1e-8)
    people = curve.selected.sum(axis=1)
    assert people[at[-1]] - people[at[0]] == pytest.approx(
        least_mass(curve, target), abs=1e-6
    )


@given(st.integers(0, 10_000))
def test_a_rule_selects_what_its_weights_say(seed):
    table = table_of(seed)
    hull = hull_points(table, 0)
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(hull))
    weights = np.zeros(len(hull))
    weights[first] = 1.0
    if first + 1 < len(hull):
        weights[first : first + 2] = 0.3, 0.7
    for is_hull in (True, False):
        rule, selected, drawn = realize(table, 0, hull, weights, is_hull=is_hull)
        np.testing.assert_allclose(selected, weights @ hull.selected)
        probability = rule.probability(table.scores)
        np.testing.assert_allclose(probability @ table.weights, selected, atol=1e-8)
        low, high = rule.thresholds[-1], rule.thresholds[0]
        between = (table.scores > low) & (table.scores <= high)
        assert drawn == pytest.approx(table.weights[between].sum())


def test_between_neighbours_of_the_hull_a_collinear_threshold_is_used():
    """Four equal people: the hull has two vertices, but half way one can stop."""
    table = ScoreTable.from_arrays(
        [0, 1] * 4, np.repeat([1, 2, 3, 4], 2) / 5, sensitive_features=[0] * 8
    )
    hull = hull_points(table, 0)
    assert len(hull) == 2
    weights = np.array([0.5, 0.5])
    rule, _, drawn = realize(table, 0, hull, weights, is_hull=True)
    assert (len(rule.thresholds), drawn) == (1, 0.0)
    rule, _, drawn = realize(table, 0, hull, np.array([0.6, 0.4]), is_hull=True)
    assert drawn == 2
    np.testing.assert_allclose(rule.thresholds, [0.7, 0.5])


def test_one_threshold_selects_the_scores_above_it():
    table = table_of(3)
    for threshold in (-1.0, 0.25, 4 / 9, 2.0):
        point = point_at(table, 0, threshold)
        above = table.scores > threshold
        np.testing.assert_allclose(point.selected[0], table.weights[above].sum(axis=0))
        np.testing.assert_allclose(point.totals, table.weights.sum(axis=0))
