"""Boosting calibrates every cell, within the proven number of steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from fairlearnkit._solvers.multicalibration import (
    Cells,
    Update,
    boost,
    log_losses,
    replay,
)

# Four patterns of two crossed groups: everyone, each level, and one intersection.
MEMBERS = np.array(
    [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 1]]
).astype(bool)
CELLS = Cells(MEMBERS, logit(np.array([0.2, 0.5, 0.8])))
ASKED = {"tolerance": 0.03, "min_mass": 20.0, "learning_rate": 0.7}


def people(seed, n=400):
    """Scores whose errors depend on the pattern, with weights."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 4, n)
    scores = rng.normal(size=n) * 1.5
    truth = expit(0.6 * scores + rng.normal(size=4)[patterns])
    labels = (rng.random(n) < truth).astype(int)
    weight = rng.integers(0, 4, n).astype(float)
    return scores, labels, weight, patterns


def slow_residuals(scores, labels, weight, patterns):
    """Weight and mean residual of each cell, by looking at its rows."""
    for members in MEMBERS:
        for low, high in zip((0, 0.2, 0.5, 0.8), (0.2, 0.5, 0.8, 1), strict=True):
            score = expit(scores)
            rows = members[patterns] & (score >= low) & (score < high)
            mass = weight[rows].sum()
            total = (weight * (labels - score))[rows].sum()
            yield mass, total / mass if mass else np.nan


@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.7, 1.0]))
@settings(max_examples=25)
def test_every_cell_is_calibrated_within_the_bound_on_updates(seed, learning_rate):
    rows = people(seed)
    asked = ASKED | {"learning_rate": learning_rate}
    found = boost(*rows, CELLS, **asked, max_updates=10_000)
    assert found.converged
    for mass, residual in slow_residuals(found.scores, *rows[1:]):
        assert mass < 20 or abs(residual) <= 0.03 + 1e-9
    losses = log_losses(*rows[:3], found.updates, rows[3], CELLS) / rows[2].sum()
    least = 2 * learning_rate * (20 / rows[2].sum()) * 0.03**2
    assert (np.diff(losses) <= -least + 1e-12).all()
    assert len(found.updates) <= (losses[0] - losses[-1]) / least


def test_residuals_are_those_of_the_rows():
    scores, labels, weight, patterns = people(0)
    mass, residual = CELLS.residuals(scores, labels, weight, patterns)
    slow = np.array(list(slow_residuals(scores, labels, weight, patterns)))
    np.testing.assert_allclose(mass.ravel(), slow[:, 0])
    np.testing.assert_allclose(residual.ravel(), slow[:, 1])


def test_a_cell_without_people_has_no_residual():
    one = np.zeros(1)
    mass, residual = CELLS.residuals(one, one, one + 1, np.array([3]))
    assert (np.isnan(residual) == (mass == 0)).all()
    assert mass.sum() == 4  # everyone, two levels and their intersection


def slow_worst(scores, labels, weight, patterns):
    """The largest score statistic among cells that are off, by brute force."""
    best, found = 0.0, None
    bins = np.digitize(expit(scores), [0.2, 0.5, 0.8])
    for group, members in enumerate(MEMBERS):
        for place in range(4):
            rows = members[patterns] & (bins == place)
            p, w = expit(scores[rows]), weight[rows]
            total = (w * (labels[rows] - p)).sum()
            if w.sum() >= 20 and abs(total) > 0.03 * w.sum():
                statistic = total**2 / (w * p * (1 - p)).sum()
                if statistic > best * (1 + 1e-12):
                    best, found = statistic, (group, place)
    return found


def test_each_update_corrects_the_cell_of_the_largest_score_statistic():
    rows = people(1)
    found = boost(*rows, CELLS, **ASKED, max_updates=30)
    assert len(found.updates) > 5
    for step, update in enumerate(found.updates):
        scores = replay(rows[0], found.updates[:step], rows[3], CELLS)
        assert (update.group, update.bin) == slow_worst(scores, *rows[1:])


def test_replaying_the_updates_gives_the_fitted_scores():
    rows = people(2)
    found = boost(*rows, CELLS, **ASKED, max_updates=1000)
    again = replay(rows[0], found.updates, rows[3], CELLS)
    np.testing.assert_allclose(again, found.scores, rtol=1e-12)


def test_losses_are_log_losses_of_the_scores_so_far():
    rows = people(3)
    updates = boost(*rows, CELLS, **ASKED, max_updates=8).updates
    losses = log_losses(*rows[:3], updates, rows[3], CELLS)
    for step, loss in enumerate(losses):
        score = expit(replay(rows[0], updates[:step], rows[3], CELLS))
        expected = log_loss(rows[1], score, sample_weight=rows[2], normalize=False)
        np.testing.assert_allclose(loss, expected)


def test_integer_weights_are_repeated_rows():
    scores, labels, weight, patterns = people(4)
    rows = np.repeat(np.arange(len(scores)), weight.astype(int))
    one = boost(scores, labels, weight, patterns, CELLS, **ASKED, max_updates=50)
    columns = (scores[rows], labels[rows], np.ones(len(rows)), patterns[rows])
    two = boost(*columns, CELLS, **ASKED, max_updates=50)
    assert [(u.group, u.bin) for u in one.updates] == [
        (u.group, u.bin) for u in two.updates
    ]
    np.testing.assert_allclose(one.scores[rows], two.scores, atol=1e-9)


def test_a_constant_score_moves_to_the_base_rate_in_one_step():
    labels = np.repeat([0, 1], [70, 30])
    cells = Cells(np.ones((1, 1), dtype=bool), np.empty(0))
    rows = (np.zeros(100), labels, np.ones(100), np.zeros(100, dtype=int))
    asked = {"tolerance": 0.0, "min_mass": 1.0, "learning_rate": 1.0}
    found = boost(*rows, cells, **asked, max_updates=1)
    assert found.updates[0].shift == pytest.approx(logit(0.3), abs=1e-9)


def test_a_cell_of_one_label_moves_by_a_finite_step():
    cells = Cells(np.ones((1, 1), dtype=bool), np.empty(0))
    rows = (np.zeros(50), np.ones(50, dtype=int), np.ones(50), np.zeros(50, dtype=int))
    asked = {"tolerance": 1e-4, "min_mass": 1.0, "learning_rate": 1.0}
    found = boost(*rows, cells, **asked, max_updates=10)
    assert found.converged
    assert [u.shift for u in found.updates] == [5.0, 5.0]


def test_nothing_is_corrected_that_may_pass():
    rows = people(5)
    slack = boost(*rows, CELLS, **ASKED | {"tolerance": 1.0}, max_updates=10)
    small = boost(*rows, CELLS, **ASKED | {"min_mass": 1e9}, max_updates=10)
    for found in (slack, small):
        assert found.converged
        assert found.updates == ()
        np.testing.assert_array_equal(found.scores, rows[0])


def test_the_bin_is_that_of_the_score_at_the_time():
    cells = Cells(np.ones((1, 1), dtype=bool), np.array([0.0]))
    updates = [Update(0, 0, 2.0), Update(0, 1, 0.5)]
    found = replay(np.array([-1.0, -3.0, 0.0]), updates, np.zeros(3, dtype=int), cells)
    np.testing.assert_allclose(found, [1.5, -1.0, 0.5])


@given(st.integers(0, 10_000), st.floats(-30, 30), st.floats(0.1, 20))
@settings(max_examples=30)
def test_a_full_step_brings_the_mean_residual_of_its_cell_to_zero(seed, center, spread):
    """Or as near as the largest shift leads, wherever the scores start."""
    rng = np.random.default_rng(seed)
    scores, labels = center + spread * rng.normal(size=60), rng.integers(0, 2, 60)
    cells = Cells(np.ones((1, 1), dtype=bool), np.empty(0))
    rows = (scores, labels, rng.uniform(0.1, 2, 60), np.zeros(60, dtype=int))
    asked = {"tolerance": 1e-6, "min_mass": 1.0, "learning_rate": 1.0}
    updates = boost(*rows, cells, **asked, max_updates=1).updates
    for update in updates:
        _, residual = cells.residuals(scores + update.shift, *rows[1:])
        assert abs(update.shift) == 5.0 or abs(residual[0, 0]) < 1e-8
        before = cells.residuals(scores, *rows[1:])[1][0, 0]
        assert before * update.shift > 0
        assert before * residual[0, 0] > -1e-8
