"""Smoothed rates: their slope by differences, their limit by counting."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from fairlearnkit._solvers.smoothed_rates import SmoothedRates
from fairlearnkit.constraints import as_constraint


def setting(n_classes, constraint, temperature, n=60):
    rng = np.random.default_rng(0)
    group, y = rng.integers(0, 3, n), rng.integers(0, n_classes, n)
    weight = rng.integers(1, 4, n) / 1.0
    weight /= weight.sum()
    cells = group * n_classes + y
    totals = np.bincount(cells, weights=weight).reshape(3, n_classes)
    made = as_constraint(constraint)
    coefficients = made.coefficients(totals, list(range(n_classes)), user="the test")
    rates = SmoothedRates(cells, coefficients, weight, temperature)
    scores = rng.normal(size=(n, 1 if n_classes == 2 else n_classes))
    return rates, scores, made, (group, y, weight)


@pytest.mark.parametrize(
    "constraint", ["demographic_parity", "equalized_odds", "error_rate_parity"]
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_slope_is_the_derivative(n_classes, constraint):
    rates, scores, _, _ = setting(n_classes, constraint, 0.7)
    values, spread = rates.values(scores)
    prices = np.random.default_rng(1).normal(size=len(values))

    def priced(flat):
        return prices @ rates.values(flat.reshape(scores.shape))[0]

    slope = approx_fprime(scores.ravel(), priced, 1e-6)
    np.testing.assert_allclose(spread(prices).ravel(), slope, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_in_the_cold_they_are_rates_of_decisions(n_classes):
    rates, scores, made, (group, y, weight) = setting(n_classes, "equalized_odds", 1e-4)
    decision = (scores > 0)[:, 0] if n_classes == 2 else scores.argmax(axis=1)
    counts = np.zeros((3, n_classes, n_classes))
    np.add.at(counts, (group, y, decision.astype(int)), weight)
    by_hand = made.values(counts, list(range(n_classes)))
    np.testing.assert_allclose(rates.values(scores)[0], by_hand.ravel(), atol=1e-3)
