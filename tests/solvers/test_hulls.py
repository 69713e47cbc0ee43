"""ROC points and hulls against brute force over all thresholds and all chords."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit._solvers.hulls import all_points, envelope, hull_points
from fairlearnkit.tables import ScoreTable

PEOPLE = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 3.0])),
    min_size=1,
    max_size=14,
)
SIDES = {"upper": 1, "lower": -1}


def table_of(people):
    label, score, weight = zip(*people, strict=True)
    return ScoreTable.from_arrays(
        label,
        np.array(score) / 2,
        sensitive_features=np.zeros(len(label), int),
        sample_weight=weight,
        classes=[0, 1],
    )


def cut(people, threshold):
    selected = np.zeros(2)
    for label, score, weight in people:
        if score / 2 > threshold:
            selected[label] += weight
    return selected


def extreme_points(points, side):
    """Points that lie beyond every chord between two others, to one side."""
    kept = []
    for i, (x, y) in enumerate(points):
        others = np.delete(points, i, axis=0)
        if not any(
            covers(a, b, (x, y), side) for a in others for b in others if a[0] <= b[0]
        ):
            kept.append(i)
    return kept


def covers(a, b, point, side):
    if not a[0] <= point[0] <= b[0]:
        return False
    if a[0] == b[0]:
        bound = max(side * a[1], side * b[1])
    else:
        share = (point[0] - a[0]) / (b[0] - a[0])
        bound = side * (a[1] + share * (b[1] - a[1]))
    return bound >= side * point[1] - 1e-12


@given(PEOPLE)
def test_every_point_is_what_its_threshold_selects(people):
    points = all_points(table_of(people), 0)
    for threshold, selected in zip(points.thresholds, points.selected, strict=True):
        np.testing.assert_allclose(cut(people, threshold), selected)
    assert len(points) == len({score for _, score, _ in people}) + 1
    assert (np.diff(points.thresholds) < 0).all()
    np.testing.assert_allclose(points.selected[-1], points.totals)


@given(PEOPLE)
def test_the_upper_hull_has_exactly_the_extreme_points(people):
    table = table_of(people)
    every, hull = all_points(table, 0), hull_points(table, 0)
    expected = {tuple(every.selected[i]) for i in extreme_points(every.selected, 1)}
    # Both ends belong to the rule even where they lie on a vertical or flat edge.
    expected |= {tuple(every.selected[0]), tuple(every.selected[-1])}
    assert {tuple(point) for point in hull.selected} == expected
    for threshold, selected in zip(hull.thresholds, hull.selected, strict=True):
        np.testing.assert_allclose(cut(people, threshold), selected)


@given(PEOPLE)
def test_with_the_lower_hull_all_extreme_points_are_there(people):
    table = table_of(people)
    every, hull = all_points(table, 0), hull_points(table, 0, lower=True)
    found = {tuple(point) for point in hull.selected}
    for side in SIDES.values():
        for i in extreme_points(every.selected, side):
            assert tuple(every.selected[i]) in found
    assert found <= {tuple(point) for point in every.selected}


@given(PEOPLE, st.tuples(*[st.integers(-3, 3)] * 4))
def test_a_functional_is_the_weighted_sum_over_people(people, weights):
    weights = np.reshape(weights, (2, 2)).astype(float)
    points = all_points(table_of(people), 0)
    values = points.evaluate(weights)
    for threshold, value in zip(points.thresholds, values, strict=True):
        expected = sum(
            w * weights[label, int(score / 2 > threshold)] for label, score, w in people
        )
        assert value == pytest.approx(expected, abs=1e-9)


@given(PEOPLE)
def test_functionals_broadcast(people):
    points = all_points(table_of(people), 0)
    weights = np.random.default_rng(0).normal(size=(3, 2, 2, 2))
    values = points.evaluate(weights)
    assert values.shape == (3, 2, len(points))
    np.testing.assert_allclose(values[1, 0], points.evaluate(weights[1, 0]))


def test_infinite_scores_are_cut_too():
    people = [(0, -np.inf), (1, 0.0), (1, np.inf)]
    label, score = zip(*people, strict=True)
    table = ScoreTable.from_arrays(label, score, sensitive_features=[0, 0, 0])
    points = all_points(table, 0)
    np.testing.assert_array_equal(points.selected[:, 1], [0, 1, 2, 2])
    for threshold, selected in zip(
        points.thresholds[:3], points.selected, strict=False
    ):
        assert (np.array(score) > threshold).sum() == selected.sum()


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-9, 9)), min_size=1, max_size=12)
)
def test_the_envelope_is_the_least_concave_function_above_the_points(points):
    rate, value = np.array(points, dtype=float).T
    vertices = envelope(rate, value)
    x, y = rate[vertices], value[vertices]
    assert (np.diff(x) > 0).all()
    assert (x[0], x[-1]) == (rate.min(), rate.max())
    above = np.interp(rate, x, y)
    assert (above >= value - 1e-9).all()
    slopes = np.diff(y) / np.diff(x)
    assert (np.diff(slopes) < 1e-12).all()
    for i, (at, best) in enumerate(zip(x, y, strict=True)):
        assert best == value[rate == at].max()
        if 0 < i < len(x) - 1:
            assert slopes[i - 1] > slopes[i]


def test_rates_that_differ_by_rounding_are_one_point():
    vertices = envelope(np.array([0.3, 0.1 + 0.2, 1.0]), np.array([1.0, 2.0, 0.0]))
    assert vertices.tolist() == [1, 2]
