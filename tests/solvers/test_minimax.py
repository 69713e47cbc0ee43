"""Column generation for the worst group, against the program over all models."""

import numpy as np
import pytest
from scipy.optimize import linprog

from fairlearnkit._solvers.minimax import GroupLossMaster, generate_models


def game(seed, n_models=30, n_groups=4):
    """Losses of a finite class of models, and shares of the groups."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(n_groups))
    return rng.random((n_models, n_groups)), shares


def best_response(losses):
    return lambda prices: losses[[np.argmin(losses @ prices)]]


def value_of_the_game(losses):
    """Least worst-group loss of a mixture of all models."""
    n, k = losses.shape
    found = linprog(
        np.append(np.zeros(n), 1),
        A_ub=np.column_stack([losses.T, -np.ones(k)]),
        b_ub=np.zeros(k),
        A_eq=np.append(np.ones(n), 0)[None],
        b_eq=[1],
        bounds=[(0, None)] * n + [(None, None)],
    )
    return found.fun


def run(losses, shares, **options):
    master = GroupLossMaster(shares)
    oracle = best_response(losses)
    options = {"max_iter": 100, "gap_tolerance": 1e-9, **options}
    return generate_models(master, oracle, **options), master


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n_groups", [1, 2, 5])
def test_the_mixture_is_the_value_of_the_game(seed, n_groups):
    losses, shares = game(seed, n_groups=n_groups)
    result, master = run(losses, shares)
    assert result.converged
    assert result.mixture.objective == pytest.approx(value_of_the_game(losses))
    mixed = result.mixture.weights @ master.losses[result.mixture.columns]
    assert mixed.max() == pytest.approx(result.mixture.objective)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("slack", [0, 0.02, 0.3])
def test_under_a_bound_the_overall_loss_is_least(seed, slack):
    losses, shares = game(seed)
    bound = value_of_the_game(losses) + slack
    result, _ = run(losses, shares, bound=bound + 1e-9)
    expected = linprog(
        losses @ shares,
        A_ub=losses.T,
        b_ub=np.full(losses.shape[1], bound + 1e-9),
        A_eq=np.ones((1, len(losses))),
        b_eq=[1],
    )
    assert result.mixture.objective == pytest.approx(expected.fun, abs=1e-5)
    assert result.mixture.excess == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_the_gap_bounds_what_is_left_to_gain(seed):
    losses, shares = game(seed)
    for fits in (1, 2, 3, 5):
        result, _ = run(losses, shares, max_iter=fits)
        assert result.n_oracle_calls <= fits
        least = value_of_the_game(losses)
        assert result.mixture.objective - result.gap <= least + 1e-9


def test_thresholds_of_a_model_are_used_without_a_fit():
    """Both models of one fit balance the groups, so that nothing more is asked."""
    master = GroupLossMaster(np.array([0.5, 0.5]))
    calls = []

    def oracle(prices):
        calls.append(prices)
        return np.array([[0.1, 0.5], [0.5, 0.1]])

    result = generate_models(master, oracle, max_iter=9, gap_tolerance=1e-9)
    assert result.mixture.objective == pytest.approx(0.3)
    np.testing.assert_allclose(result.mixture.weights, 0.5)
    assert len(calls) <= 2


def test_losses_of_any_unit_give_the_same_mixture():
    losses, shares = game(3)
    small, _ = run(losses, shares)
    large, _ = run(1e9 * losses, shares)
    np.testing.assert_allclose(small.mixture.weights, large.mixture.weights, rtol=1e-6)


def test_the_best_single_model_meets_the_limit_at_least_overall_loss():
    losses, shares = game(5)
    master = GroupLossMaster(shares)
    master.add_model(losses)
    worst = losses.max(axis=1)
    assert worst[master.best_single()] == worst.min()
    allowed = worst <= 0.9
    chosen = master.best_single(0.9)
    assert losses[chosen] @ shares == pytest.approx((losses[allowed] @ shares).min())
