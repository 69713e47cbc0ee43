"""The geometry of fronts, against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit.model_selection._pareto import (
    hypervolume,
    knee,
    non_dominated,
    sort_front,
)

TENTHS = st.integers(0, 10).map(lambda k: k / 10)  # so that ties are common
POINTS = st.lists(st.tuples(TENTHS, TENTHS), min_size=1, max_size=12)
REFERENCE = 1.0, 0.2


def columns(points):
    violation, objective = zip(*points, strict=True)
    return np.array(violation), np.array(objective)


def beats(a, b):
    return a[0] <= b[0] and a[1] >= b[1] and a != b


@given(POINTS)
def test_a_point_is_kept_if_no_other_beats_it(points):
    expected = [not any(beats(other, own) for other in points) for own in points]
    assert non_dominated(*columns(points)).tolist() == expected


@given(POINTS)
def test_a_front_ascends_in_both_aims(points):
    violation, objective = columns(points)
    front = sort_front(violation, objective)
    assert len(front)
    assert (np.diff(violation[front]) >= 0).all()
    assert (np.diff(objective[front]) >= 0).all()


def area_by_counting(points, reference):
    """Grid points just inside each cell of tenths that some point covers."""
    right, floor = reference
    centres = np.arange(0.05, 1, 0.1)
    covered = [
        (v, o)
        for v in centres[centres < right]
        for o in centres[centres > floor]
        if any(p[0] < v and p[1] > o for p in points)
    ]
    return len(covered) / 100


@given(POINTS, TENTHS, TENTHS)
def test_the_hypervolume_is_the_area_covered(points, right, floor):
    found = hypervolume(*columns(points), (right, floor))
    assert found == pytest.approx(area_by_counting(points, (right, floor)))


@given(POINTS, st.tuples(TENTHS, TENTHS))
def test_a_point_that_another_beats_changes_nothing(points, new):
    before, after = columns(points), columns([*points, new])
    area = hypervolume(*before, REFERENCE)
    larger = hypervolume(*after, REFERENCE)
    if any(beats(other, new) for other in points):
        assert sort_front(*after).tolist() == sort_front(*before).tolist()
        assert larger == pytest.approx(area)
    else:
        assert len(points) in sort_front(*after)
        assert larger >= area - 1e-12


@given(POINTS, st.randoms())
def test_the_order_of_points_changes_nothing(points, random):
    shuffled = points.copy()
    random.shuffle(shuffled)
    fronts = []
    for some in (points, shuffled):
        front = sort_front(*columns(some))
        fronts.append(sorted(some[i] for i in front))
    assert fronts[0] == fronts[1]
    areas = [hypervolume(*columns(some), REFERENCE) for some in (points, shuffled)]
    assert areas[0] == pytest.approx(areas[1])


@given(POINTS)
def test_the_knee_is_farthest_above_the_chord(points):
    violation, objective = columns(points)
    front = sort_front(violation, objective)
    x, y = violation[front], objective[front]
    found = knee(x, y)
    if x[-1] == x[0]:
        assert found == 0
        return
    across = (x - x[0]) / (x[-1] - x[0])
    up = (y - y[0]) / (y[-1] - y[0])
    away = (up - across) / np.sqrt(2)  # from the line from (0, 0) to (1, 1)
    assert away[found] == pytest.approx(away.max())
    assert (away[:found] < away[found] - 1e-10).all()


@given(POINTS, st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_knee_does_not_depend_on_units(points, wide, tall):
    violation, objective = columns(points)
    front = sort_front(violation, objective)
    x, y = violation[front], objective[front]
    assert knee(x, y) == knee(wide * x + 0.5, tall * y - 3)


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ([(0.1, 0.7)], 0),
        ([(0.1, 0.7), (0.2, 0.9)], 0),  # two ends: the one nearer to parity
        ([(0.0, 0.5), (0.1, 0.9), (0.5, 1.0)], 1),
        ([(0.0, 0.5), (0.4, 0.6), (0.5, 1.0)], 0),  # it sags: no knee
        ([(0.1, 0.7), (0.1, 0.7)], 0),
    ],
)
def test_small_fronts(front, expected):
    assert knee(*columns(front)) == expected


def test_undefined_points_are_never_on_the_front():
    violation = np.array([np.nan, 0.2, 0.3, 0.0])
    objective = np.array([0.9, 0.8, np.nan, 0.5])
    assert sort_front(violation, objective).tolist() == [3, 1]
    assert hypervolume(violation, objective, (1, 0.5)) == pytest.approx(0.8 * 0.3)
