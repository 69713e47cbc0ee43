"""Column generation and its parts, against programs written out in full."""

import numpy as np
import pytest
from scipy.optimize import linprog

from fairlearnkit._solvers.cells import dealt_folds, ranks_in_cells
from fairlearnkit._solvers.demands import demands_of
from fairlearnkit._solvers.moment_bounds import ceiling, common_ceiling
from fairlearnkit._solvers.rate_moments import RateMoments
from fairlearnkit._solvers.reductions import ColumnSearch, ReductionMaster
from fairlearnkit.constraints import as_constraint


class Finite:
    """A learner that picks the best of a few predictors of known moments."""

    def __init__(self, values, moments):
        self.values, self.moments, self.asked = values, moments, 0

    def costs(self, multipliers):
        return self.values + self.moments @ multipliers

    def strength(self, multipliers):
        return float(np.abs(multipliers).sum())

    def fingerprint(self, costs):
        return costs.round(9).tobytes()

    def answer(self, questions):
        best = [int(np.argmin(costs)) for costs in questions]
        self.asked += len(best)
        return [(self.values[[b]], self.moments[[b]]) for b in best]


@pytest.mark.parametrize("seed", range(5))
def test_ceilings_are_kept_at_the_optimum_of_all_predictors(seed):
    rng = np.random.default_rng(seed)
    values, moments = rng.random(200), rng.random((200, 3))
    learner = Finite(values, moments)
    master = ReductionMaster(ceiling(np.full(3, 0.3)))
    result = ColumnSearch(master, learner, gap_tolerance=1e-9).run(500)
    full = linprog(values, moments.T, np.full(3, 0.3), np.ones((1, 200)), [1])
    assert result.converged
    assert result.mixture.objective == pytest.approx(full.fun, abs=1e-7)
    assert master.lower_bound() <= full.fun + 1e-9
    assert learner.asked < 60


@pytest.mark.parametrize("seed", range(3))
def test_the_largest_moment_is_the_smallest_it_can_be(seed):
    rng = np.random.default_rng(seed)
    moments = rng.random((100, 4))
    learner = Finite(np.zeros(100), moments)
    master = ReductionMaster(common_ceiling(np.full(4, 0.25)))
    result = ColumnSearch(master, learner, gap_tolerance=1e-9).run(500)
    rows = np.column_stack([moments.T, -np.ones(4)])
    goal, one = np.append(np.zeros(100), 1.0), np.append(np.ones(100), 0.0)[None]
    bounds = [(0, None)] * 100 + [(None, None)]
    full = linprog(goal, rows, np.zeros(4), one, [1], bounds)
    assert result.mixture.objective == pytest.approx(full.fun, abs=1e-7)


@pytest.mark.parametrize("overall", [False, True])
@pytest.mark.parametrize(
    "name", ["equalized_odds", "demographic_parity_ratio", "error_rate_parity"]
)
def test_violations_are_those_of_the_demands(name, overall):
    rng = np.random.default_rng(0)
    tables = rng.random((20, 4, 2, 2))
    totals = np.array([[3.0, 1], [2, 2], [1, 4], [5, 5]])
    share = tables / tables.sum(axis=-1, keepdims=True)
    tables = share * totals[:, :, None]
    constraint = as_constraint(name)
    strata = np.array([0, 0, 1, 1])
    demands = demands_of(
        [constraint],
        totals,
        [0, 1],
        strata=strata,
        bound=np.ones(4, bool),
        overall=overall,
        user="test",
    )
    cost = np.broadcast_to((1 - np.eye(2)) / totals.sum(), (4, 2, 2))
    moments = RateMoments(cost, demands, totals.sum())
    values, found = moments.of(tables)
    wrong = (tables * (1 - np.eye(2))).sum(axis=(1, 2, 3)) / totals.sum()
    np.testing.assert_allclose(values, wrong)
    np.testing.assert_allclose(found[:, -1], wrong)
    expected = []
    for table in tables:
        rates = [np.nansum(d.coefficients * table, axis=(1, 2)) for d in demands]
        pairs = zip(demands, rates, strict=True)
        expected.append(max(d.violation(r) for d, r in pairs))
    np.testing.assert_allclose(moments.violations(found, 1)[:, 0], expected)
    # Priced by its costs, a table is worth its Lagrangian.
    multipliers = rng.normal(size=found.shape[1])
    priced = (tables * moments.costs(multipliers)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(priced, values + found @ multipliers)


def test_every_cell_is_dealt_evenly_and_by_its_keys_alone():
    rng = np.random.default_rng(0)
    cell, key = rng.integers(0, 5, 403), rng.random(403)
    fold = dealt_folds(cell, key, 4)
    for c in range(5):
        counts = np.bincount(fold[cell == c], minlength=4)
        assert counts.max() - counts.min() <= 1
    order = rng.permutation(403)
    again = dealt_folds(4 - cell[order], key[order], 4)
    np.testing.assert_array_equal(again, fold[order])
    ranks = ranks_in_cells(cell, key)
    for c in range(5):
        own = cell == c
        np.testing.assert_array_equal(ranks[own], np.argsort(np.argsort(key[own])))
