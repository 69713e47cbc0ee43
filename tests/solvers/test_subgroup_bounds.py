"""Cuts and columns, against the program that knows all classifiers and subgroups."""

import numpy as np
import pytest
from scipy.optimize import linprog

from fairlearnkit._solvers.subgroup_bounds import (
    SubgroupMaster,
    generate_cuts_and_columns,
)

BOUND = 0.02


def setting(seed):
    """A finite class of classifiers' tables, the first two constant, and subgroups."""
    rng = np.random.default_rng(seed)
    totals = rng.random((8, 2))
    totals /= totals.sum()
    positive = rng.random((40, 8, 2))
    positive[0], positive[1] = 0, 1
    tables = np.stack([1 - positive, positive], axis=-1) * totals[..., None]
    cuts = []
    for _ in range(25):
        members = rng.integers(0, 2, 8)
        share = members - members @ totals.sum(axis=1)
        cuts.append(share[:, None, None] * np.array([[0.0, 1.0], [0.0, 1.0]]))
    error = np.broadcast_to(1 - np.eye(2), (8, 2, 2))
    return tables, np.array(cuts), error


def solve(tables, cuts, error, bound=BOUND, **options):
    master = SubgroupMaster(error, bound)
    for table in tables[:2]:
        master.add_table(table)

    def oracle(costs):
        return tables[np.argmin((tables * costs).sum(axis=(1, 2, 3)))]

    def auditor(table, thorough):
        values = (cuts * table).sum(axis=(1, 2, 3))
        worst = np.argmax(np.abs(values))
        return [cuts[worst]] if abs(values[worst]) > bound + 1e-6 else []

    options = {"max_iter": 200, "gap_tolerance": 1e-9, **options}
    result = generate_cuts_and_columns(master, oracle, auditor, **options)
    return result, master


def least_error(tables, cuts, error, bound=BOUND):
    values = np.einsum("tgyh,cgyh->ct", tables, cuts)
    found = linprog(
        (tables * error).sum(axis=(1, 2, 3)),
        A_ub=np.vstack([values, -values]),
        b_ub=np.full(2 * len(cuts), bound),
        A_eq=np.ones((1, len(tables))),
        b_eq=[1],
    )
    return found.fun


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bound", [0.0, 0.005, 0.02, 0.1])
def test_the_mixture_is_the_best_under_all_bounds(seed, bound):
    tables, cuts, error = setting(seed)
    result, master = solve(tables, cuts, error, bound)
    assert result.converged
    expected = least_error(tables, cuts, error, bound)
    assert result.mixture.objective == pytest.approx(expected, abs=1e-5)
    mixed = master.table_of(result.mixture)
    assert np.abs((cuts * mixed).sum(axis=(1, 2, 3))).max() <= bound + 2e-6


@pytest.mark.parametrize("seed", range(5))
def test_the_gap_bounds_what_is_left_to_gain(seed):
    tables, cuts, error = setting(seed)
    least = least_error(tables, cuts, error)
    for fits in (1, 3, 6):
        result, _ = solve(tables, cuts, error, max_iter=fits)
        assert result.n_oracle_calls <= fits
        assert result.mixture.objective - result.gap <= least + 1e-6
