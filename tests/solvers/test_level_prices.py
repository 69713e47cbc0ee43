"""Levels, their prices, and the laws of predictions on them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import ks_2samp

from fairlearnkit._solvers.level_prices import (
    LevelLearner,
    LevelRule,
    prediction_levels,
    tail_gap,
    tail_parity,
)


def learner_of(n=60, n_groups=2, n_levels=5):
    """Rows whose features tell the loss and the group exactly."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_groups, n)
    levels = np.linspace(-1, 1, n_levels)
    y = rng.normal(size=n) + codes
    losses = (y[:, None] - levels) ** 2
    chances = np.eye(n_groups)[codes]
    return LevelLearner(
        losses,
        chances,
        codes=codes,
        weight=rng.integers(1, 4, n).astype(float),
        loss=lambda positions: losses[np.arange(n), positions],
        unit=float(np.var(y)),
    )


@given(st.integers(0, 1000), st.floats(0.1, 0.9))
def test_the_gap_of_two_groups_is_a_share_of_their_kolmogorov_smirnov_distance(s, p):
    rng = np.random.default_rng(s)
    codes = np.append([0, 1], (rng.random(40) < p).astype(int))
    values = rng.integers(0, 8, 42) + 2.0 * codes
    found = tail_gap(values, codes, np.ones(42))
    distance = ks_2samp(values[codes == 0], values[codes == 1]).statistic
    share = np.bincount(codes) / 42
    assert found == pytest.approx((1 - share.min()) * distance)


def test_weights_of_the_gap_are_repeated_rows():
    rng = np.random.default_rng(0)
    values, codes = rng.normal(size=50), rng.integers(0, 3, 50)
    weight = rng.integers(1, 4, 50)
    rows = np.repeat(np.arange(50), weight)
    found = tail_gap(values, codes, weight.astype(float))
    assert found == pytest.approx(
        tail_gap(values[rows], codes[rows], np.ones(len(rows)))
    )


@given(st.integers(0, 1000), st.integers(2, 40), st.integers(1, 60))
def test_levels_span_the_predictions_and_are_no_more_than_asked(seed, most, distinct):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=distinct)[rng.integers(0, distinct, 100)]
    weight = rng.integers(1, 4, 100)
    levels = prediction_levels(values, weight.astype(float), most)
    assert len(levels) <= most
    assert (np.diff(levels) > 0).all()
    size = np.abs(values).max()
    np.testing.assert_allclose(
        levels[[0, -1]], [values.min(), values.max()], atol=1e-8 * size
    )
    rows = np.repeat(np.arange(100), weight)
    repeated = prediction_levels(values[rows], np.ones(len(rows)), most)
    np.testing.assert_array_equal(levels, repeated)
    # No prediction is farther from a level than half a step of the even ones.
    if np.ptp(values) > 0:
        nearest = np.abs(values[:, None] - levels).min(axis=1).max()
        even = most - min((most - 1) // 2, len(np.unique(values)))
        assert nearest <= 0.5 * np.ptp(values) / (even - 1) + 1e-8 * size


def test_rows_of_the_bounds_are_distances_from_everybodys_tails():
    rng = np.random.default_rng(0)
    shares, tails = np.array([0.5, 0.3, 0.2]), rng.random((3, 4))
    bounds = tail_parity(shares, 5, 0.1)
    gaps = (tails - shares @ tails).ravel()
    np.testing.assert_allclose(
        bounds.matrix @ tails.ravel(), np.concatenate([gaps, -gaps]), atol=1e-12
    )


def test_an_answer_is_the_best_of_all_assignments_where_groups_are_known():
    """The value plus the priced tails, by brute force over every assignment."""
    learner = learner_of(n=6, n_levels=3)
    bounds = tail_parity(learner.shares, 3, 0.1)
    prices = np.random.default_rng(1).random(len(bounds.bound))
    multipliers = bounds.matrix.T @ prices
    (answer,) = learner.answer([learner.costs(multipliers)])
    found = answer[0][0] + answer[1][0] @ multipliers
    every = [
        learner._value(np.array(a)) + learner._tails(np.array(a)) @ multipliers
        for a in product(range(3), repeat=6)
    ]
    assert found == pytest.approx(min(every))


def test_constants_are_answers_and_at_parity():
    learner = learner_of()
    bounds = tail_parity(learner.shares, 5, 0.0)
    (answer,) = learner.answer([learner.costs(np.zeros(8))])
    values, tails = answer
    assert [rule.constant for rule in learner.rules] == [None, 0, 1, 2, 3, 4]
    assert np.abs(bounds.matrix @ tails[1:].T).max() <= 1e-12
    assert values[0] <= values[1:].min()


def test_ties_go_low_whatever_the_rounding():
    rule = LevelRule(np.zeros((1, 3)))
    assert rule.positions(np.array([[1.0, 1.0, 2.0]]), np.ones((1, 1))) == [0]


@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.2])
def test_smoothed_prices_are_the_duals_of_the_linear_program(tolerance):
    """The dual function at these prices is the optimum of the program over rows."""
    learner = learner_of(n=200)
    bounds = tail_parity(learner.shares, 5, tolerance)
    prices = learner.smoothed_prices(bounds)
    assert (prices >= 0).all()
    share = learner.weight / learner.weight.sum()
    priced = learner.expected + learner.chances @ learner.costs(
        bounds.matrix.T @ prices
    )
    dual = share @ priced.min(axis=1) / learner.unit - bounds.bound @ prices
    best = rows_program(learner, share, tolerance)
    assert best - 0.01 <= dual <= best + 1e-9


def rows_program(learner, share, tolerance):
    """Least loss of a chance of each level for each row, groups being likely."""
    n, n_levels = learner.expected.shape
    weights = learner.chances * share[:, None]
    gaps = weights / learner.shares - share[:, None]
    rows = []
    for group in range(len(learner.shares)):
        for level in range(1, n_levels):
            above = np.arange(n_levels) >= level
            rows.append(np.outer(gaps[:, group], above).ravel())
    rows = np.array(rows)
    result = linprog(
        (learner.expected * share[:, None]).ravel() / learner.unit,
        A_ub=np.concatenate([rows, -rows]),
        b_ub=np.full(2 * len(rows), tolerance),
        A_eq=np.kron(np.eye(n), np.ones(n_levels)),
        b_eq=np.ones(n),
        method="highs",
    )
    return result.fun
