"""Prices of rates in boosting: by hand, and at a saddle point that is known."""

import numpy as np

from fairlearnkit._solvers.boosting_duals import RatePrices, boost
from fairlearnkit.constraints import as_constraint

TABLE = np.array([[[30.0, 10], [5, 15]], [[10.0, 20], [10, 40]]])


def prices_of(name, tolerance, step=1.0):
    constraint = as_constraint(name)
    coefficients = constraint.coefficients(TABLE.sum(axis=2), [0, 1], user="a test")
    return RatePrices(coefficients, constraint.compare, tolerance, step)


def test_a_step_adds_the_excess_to_the_wider_gap():
    prices = prices_of("demographic_parity", 0.05)
    prices.ascend(TABLE)
    rates = 25 / 60, 60 / 80
    np.testing.assert_allclose(prices.rates(TABLE)[0], rates)
    excess = rates[1] - rates[0] - 0.05
    np.testing.assert_allclose(prices.prices, [[-excess, excess]])
    np.testing.assert_allclose(
        prices.surcharge, [[-excess / 60] * 2, [excess / 80] * 2]
    )


def test_the_ratio_form_and_slack():
    prices = prices_of("demographic_parity_ratio", 0.2)
    prices.ascend(TABLE)
    excess = 0.8 * 60 / 80 - 25 / 60
    np.testing.assert_allclose(prices.prices, [[-excess, 0.8 * excess]])
    slack = prices_of("equalized_odds", 1.0)
    slack.ascend(TABLE)
    assert not slack.prices.any()


def test_prices_circle_around_the_saddle_point():
    """With constants by group, group 1 turns where 30 positives are worth no more.

    Each of its 50 rows is charged the price times 100 / 50, so 30 = 20 + 100 price.
    """
    codes = np.repeat([0, 0, 1, 1], [35, 15, 20, 30])
    y = np.repeat([0, 1, 0, 1], [35, 15, 20, 30])
    weight = np.ones(100)
    constraint = as_constraint("demographic_parity")
    totals = np.array([[35.0, 15], [20, 30]])
    prices = RatePrices(
        constraint.coefficients(totals, [0, 1], user="a test"), "difference", 0.5, 0.01
    )

    def learn(gradient, hessian):
        value = -np.bincount(codes, gradient) / np.bincount(codes, hessian)
        return value, value[codes]

    path = boost(learn, np.zeros(100), y, codes, weight, weight, prices, 300)
    gaps = np.ptp([prices.rates(table)[0] for table in path.tables], axis=1)
    assert gaps[0] == 1
    np.testing.assert_allclose(gaps[-100:].mean(), 0.5, atol=0.1)
    settled = path.prices[-100:, 0].mean(axis=0)
    np.testing.assert_allclose(settled, [-0.1, 0.1], atol=0.01)
