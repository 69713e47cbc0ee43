"""Prices on decisions reach the optimum over all rules, for any linear constraint."""

import numpy as np
import pytest
from scipy.optimize import linprog

from fairlearnkit._solvers.priced_rules import (
    PricedProblem,
    draw_noise,
    nearest_probabilities,
)
from fairlearnkit.constraints import DemographicParity, as_constraint


def chances(seed=0, n=150, n_groups=2, n_classes=2):
    """P(group, label | x), and groups and labels drawn from it."""
    rng = np.random.default_rng(seed)
    tilt = rng.normal(size=(n, 1)) * np.linspace(-1.5, 1.5, n_groups * n_classes)
    joint = rng.dirichlet(np.ones(n_groups * n_classes), size=n) * np.exp(tilt)
    joint /= joint.sum(axis=1, keepdims=True)
    cell = (rng.random(n)[:, None] > joint.cumsum(axis=1)).sum(axis=1)
    cells = cell // n_classes, cell % n_classes
    return joint.reshape(n, n_groups, n_classes), cells, np.full(n, 1 / n)


def rates_of(name, joint, weight, positive):
    """Rates of each group by their definition, for two classes."""
    mass = weight[:, None, None] * joint
    selected = (mass * positive[:, None, None]).sum(axis=0)
    everyone = mass.sum(axis=0)
    if name == "demographic_parity":
        return [selected.sum(axis=1) / everyone.sum(axis=1)]
    if name == "equalized_odds":
        return list((selected / everyone).T)
    wrong = selected[:, 0] + everyone[:, 1] - selected[:, 1]
    return [wrong / everyone.sum(axis=1)]


def brute_force(name, joint, weight, tolerance):
    """Best expected accuracy: a chance for each row, an end for each window."""
    n = len(weight)
    value = joint.sum(axis=1)
    zero = rates_of(name, joint, weight, np.zeros(n))
    unit = np.array([rates_of(name, joint, weight, row) for row in np.eye(n)])
    rows, limit = [], []
    for j, fixed in enumerate(zero):
        end = np.eye(len(zero))[j]
        for g, start in enumerate(fixed):
            slope = unit[:, j, g] - start
            rows += [np.append(slope, -end), np.append(-slope, end)]
            limit += [tolerance - start, start]
    gain = weight * (value[:, 1] - value[:, 0])
    result = linprog(
        np.append(-gain, np.zeros(len(zero))),
        A_ub=np.array(rows),
        b_ub=np.array(limit),
        bounds=[(0, 1)] * n + [(None, None)] * len(zero),
    )
    return weight @ value[:, 0] - result.fun


@pytest.mark.parametrize(
    "name", ["demographic_parity", "equalized_odds", "error_rate_parity"]
)
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
@pytest.mark.parametrize("n_groups", [2, 3])
def test_no_rule_expects_to_be_more_accurate(name, tolerance, n_groups):
    joint, cells, weight = chances(n_groups=n_groups)
    value = joint.sum(axis=1)
    problem = PricedProblem(value, joint, cells, weight, as_constraint(name), [0, 1])
    found = problem.solve(tolerance)
    positive = found.chances[:, 1]
    gaps = [np.ptp(rates) for rates in rates_of(name, joint, weight, positive)]
    assert max(gaps) <= tolerance + 1e-6
    assert max(gaps) == pytest.approx(found.violation, abs=1e-9)
    best = brute_force(name, joint, weight, tolerance)
    assert found.value == pytest.approx(best, abs=1e-4)
    assert found.value <= best + 1e-6 <= found.value + found.gap + 2e-6


@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds"])
@pytest.mark.parametrize("form", ["", "_ratio"])
def test_corrections_bring_the_observed_groups_within_the_tolerance(name, form):
    joint, cells, weight = chances(1, n=2000, n_groups=3)
    wrong = joint**1.5  # too sure
    wrong /= wrong.sum(axis=(1, 2), keepdims=True)
    problem = PricedProblem(
        joint.sum(axis=1), wrong, cells, weight, as_constraint(name + form), [0, 1]
    )
    plain, found = problem.solve(0.05), problem.solve(0.05, observed=True)
    assert plain.violation <= 0.05 + 1e-6 < plain.observed_violation
    assert found.observed_violation <= 0.05 + 1e-3


def test_three_classes_are_selected_alike():
    joint, cells, weight = chances(2, n=500, n_classes=3)
    problem = PricedProblem(
        joint.sum(axis=1), joint, cells, weight, DemographicParity(), [0, 1, 2]
    )
    found = problem.solve(0.02)
    mass = weight @ joint.sum(axis=2)
    selected = np.einsum("ig,ih->gh", joint.sum(axis=2) / len(joint), found.chances)
    assert np.ptp(selected / mass[:, None], axis=0).max() <= 0.02 + 1e-6
    assert found.rates == pytest.approx((selected / mass[:, None]).T)


def test_no_group_loses_more_accuracy_than_it_may():
    joint, cells, weight = chances(3, n=1000)
    value = joint.sum(axis=1)

    def accuracies(decided):
        right = np.einsum("igh,ih->g", joint, decided)
        return right / joint.sum(axis=(0, 2))

    plain = accuracies(np.eye(2)[value.argmax(axis=1)])
    found = [
        PricedProblem(
            value,
            joint,
            cells,
            weight,
            DemographicParity(),
            [0, 1],
            max_harm=max_harm,
        ).solve(0.15)
        for max_harm in (None, 0.008, 0.0)
    ]
    free, shared, refused = (accuracies(each.chances) - plain for each in found)
    assert free.min() < -0.01
    assert shared.min() >= -0.008 - 1e-6
    assert found[1].violation <= 0.15 + 1e-6
    assert found[1].shortfall <= 1e-6 < 1e-3 < found[2].shortfall
    assert refused.min() == pytest.approx(-found[2].shortfall, abs=1e-9)


def test_draws_realise_the_softmax():
    rng = np.random.default_rng(0)
    for n_classes, n_draws in ((2, 1), (3, 3)):
        score = rng.normal(size=n_classes)
        noise = draw_noise(rng.random((200_000, n_draws)))
        drawn = np.bincount((score + noise).argmax(axis=1)) / len(noise)
        expected = np.exp(score) / np.exp(score).sum()
        np.testing.assert_allclose(drawn, expected, atol=0.005)


def test_the_nearest_probabilities_are_nearest_and_keep_the_order():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 4))
    found = nearest_probabilities(points)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found >= 0).all()
    assert (found.argmax(axis=1) == points.argmax(axis=1)).all()
    others = rng.dirichlet(np.ones(4), size=2000)
    for point, near in zip(points, found, strict=True):
        distance = ((others - point) ** 2).sum(axis=1)
        assert ((near - point) ** 2).sum() <= distance.min() + 1e-12
    np.testing.assert_allclose(nearest_probabilities(others), others, atol=1e-12)
