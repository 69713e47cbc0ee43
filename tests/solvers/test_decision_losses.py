"""The algebra of decision losses, on random losses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from fairlearnkit._solvers.decision_losses import (
    capped_weights,
    effective_sample_size,
    error_costs,
    losses_by_row,
    needs_groups,
    normalized_weights,
    optimal_thresholds,
)


def random_losses(seed, n=30):
    """Tables under which an error costs more than a right decision."""
    rng = np.random.default_rng(seed)
    losses = rng.normal(size=(n, 2, 2))
    losses[:, 0, 1] = losses[:, 0, 0] + rng.exponential(size=n)
    losses[:, 1, 0] = losses[:, 1, 1] + rng.exponential(size=n)
    return losses


@given(st.integers(0, 10**6))
def test_weighted_error_is_the_loss_up_to_what_no_decision_changes(seed):
    losses = random_losses(seed)
    rng = np.random.default_rng(seed)
    y, rows = rng.integers(0, 2, len(losses)), np.arange(len(losses))
    weight = error_costs(losses)[rows, y]
    rest = [
        losses[rows, y, d] - weight * (d != y)
        for d in (rng.integers(0, 2, len(y)) for _ in range(5))
    ]
    np.testing.assert_allclose(rest, np.broadcast_to(rest[0], np.shape(rest)))


@given(st.integers(0, 10**6))
def test_the_identity_in_the_notation_of_the_paper(seed):
    """With labels and decisions of -1 and 1: w(y, x) = y a(x) + b(x), twice ours."""
    losses = random_losses(seed)
    (nn, np_), (pn, pp) = losses.transpose(1, 2, 0)
    a = pn - pp + nn - np_
    b = pn - pp + np_ - nn
    ours = error_costs(losses)
    np.testing.assert_allclose(np.column_stack([b - a, a + b]), 2 * ours)
    np.testing.assert_allclose(optimal_thresholds(ours), (np_ - nn) / b)


@given(st.integers(0, 10**6))
def test_the_threshold_is_where_the_cheaper_decision_changes(seed):
    losses = random_losses(seed)
    chance = np.random.default_rng(seed).random(len(losses))
    mass = np.column_stack([1 - chance, chance])
    expected = np.einsum("ny,nyd->nd", mass, losses)
    cheaper = expected.argmin(axis=1)
    found = chance > optimal_thresholds(error_costs(losses))
    np.testing.assert_array_equal(found, cheaper)


@given(st.integers(0, 10**6), st.floats(1, 4))
def test_a_cap_keeps_the_mean_and_the_order(seed, most):
    rng = np.random.default_rng(seed)
    values, weight = rng.exponential(size=40) ** 2, rng.integers(0, 4, 40) + 1.0
    values /= np.average(values, weights=weight)
    found = capped_weights(values, weight, most)
    assert found.max() <= most + 1e-12
    assert np.average(found, weights=weight) == pytest.approx(1)

    def mean_at(scale):
        return np.average(np.minimum(scale * values, most), weights=weight) - 1

    scale = brentq(mean_at, 0.5, 1e8) if most > 1 else np.inf
    np.testing.assert_allclose(found, np.minimum(scale * values, most), rtol=1e-5)


def test_effective_size_and_mean_take_integer_weights_as_repeated_rows():
    costs, y = np.array([[1.0, 4.0], [2.0, 3.0], [5.0, 0.0]]), np.array([1, 0, 1])
    weight = np.array([2, 3, 1])
    rows = np.repeat(np.arange(3), weight)
    values = normalized_weights(costs, y, weight)
    again = normalized_weights(costs[rows], y[rows], np.ones(6))
    np.testing.assert_allclose(values[rows], again)
    size = effective_sample_size(values, weight)
    assert size == pytest.approx(effective_sample_size(again, np.ones(6)))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ([1, 2], "shape"),
        ([[0, -1], [1, 0]], "wrong decision on a negative"),
        ([[0, 1], [1, 2]], "wrong decision on a positive"),
        ([[0, np.nan], [1, 0]], "missing or infinite"),
        (lambda X: np.zeros((3, 2)), "row, true label, decision"),
    ],
)
def test_malformed_losses_are_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        losses_by_row(loss, None, 3, None)


def test_losses_that_decide_nothing_are_refused():
    with pytest.raises(ValueError, match="row 1 does not depend"):
        optimal_thresholds(np.array([[1.0, 1], [0, 0]]))
    with pytest.raises(ValueError, match="nothing to learn"):
        normalized_weights(np.array([[1.0, 0]]), np.array([1]), np.ones(1))


def test_which_losses_look_at_groups():
    assert needs_groups({"a": [[0, 1], [1, 0]]})
    assert needs_groups(lambda X, groups: None)
    assert not needs_groups(lambda X: None)
    assert not needs_groups(lambda X, scale=2: None)
    assert not needs_groups([[0, 1], [1, 0]])
