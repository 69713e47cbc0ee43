"""Nearest points within bounds, against a general solver."""

from itertools import combinations

import cvxpy as cp
import numpy as np
import pytest

from fairlearnkit._solvers.least_distance import nearest_within, project_out


def reference(target, forms, bound, offset):
    a = cp.Variable(len(target))
    limits = [cp.abs(forms @ a + offset) <= bound]
    problem = cp.Problem(cp.Minimize(cp.sum_squares(a - target)), limits)
    problem.solve(
        solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11
    )
    return None if problem.status == "infeasible" else a.value


def pair_differences(points):
    """Redundant forms, as those between every two of several groups."""
    return np.array([points[g] - points[h] for g, h in combinations(range(4), 2)])


@pytest.mark.parametrize("bound", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_point_is_that_of_a_general_solver(seed, bound):
    rng = np.random.default_rng(seed)
    forms = pair_differences(rng.normal(size=(4, 5)))
    target = rng.normal(size=5)
    found = nearest_within(target, forms, bound)
    np.testing.assert_allclose(found, reference(target, forms, bound, 0), atol=1e-5)
    assert np.abs(forms @ found).max() <= bound + 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_offsets_may_contradict_each_other(seed):
    rng = np.random.default_rng(seed)
    n = 2 + seed
    forms, offset, target = rng.normal(size=(4, n)), rng.normal(size=4), np.ones(n)
    found = nearest_within(target, forms, 0.3, offset=offset)
    expected = reference(target, forms, 0.3, offset)
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_equality_is_a_projection():
    rng = np.random.default_rng(0)
    forms, target = pair_differences(rng.normal(size=(4, 6))), rng.normal(size=6)
    found = nearest_within(target, forms, 0)
    np.testing.assert_allclose(forms @ found, 0, atol=1e-14)
    pseudo = np.linalg.pinv(forms)
    np.testing.assert_allclose(found, target - pseudo @ forms @ target, atol=1e-12)
    np.testing.assert_allclose(project_out(target, forms, 1e-10), found, atol=1e-12)


def test_equality_with_offsets():
    forms = np.array([[1.0, 0, 0], [2.0, 0, 0]])
    found = nearest_within(np.ones(3), forms, 0, offset=np.array([1.0, 2.0]))
    np.testing.assert_allclose(found, [-1, 1, 1])
    assert nearest_within(np.ones(3), forms, 0, offset=np.array([1.0, 1.0])) is None


def test_rows_below_the_floor_ask_for_nothing():
    target = np.ones(2)
    forms = np.array([[1e-15, 0.0]])
    np.testing.assert_array_equal(nearest_within(target, forms, 0, floor=1e-12), target)
    none = nearest_within(target, forms, 0, offset=np.ones(1), floor=1e-12)
    assert none is None


def test_no_rows_ask_for_nothing():
    target = np.ones(2)
    np.testing.assert_array_equal(nearest_within(target, np.empty((0, 2)), 0), target)
