"""Sweeps of a threshold against rates that are counted row by row."""

import numpy as np
import pytest

from fairlearnkit.metrics import ThresholdSweep
from fairlearnkit.tables import ScoreTable

RATES = {  # share of the second among the first, of (label, selected)
    "selection_rate": lambda y, h: (h, np.ones(len(y), bool)),
    "base_rate": lambda y, h: (y, np.ones(len(y), bool)),
    "true_positive_rate": lambda y, h: (h, y),
    "false_negative_rate": lambda y, h: (~h, y),
    "false_positive_rate": lambda y, h: (h, ~y),
    "true_negative_rate": lambda y, h: (~h, ~y),
    "positive_predictive_value": lambda y, h: (y, h),
    "false_discovery_rate": lambda y, h: (~y, h),
    "negative_predictive_value": lambda y, h: (~y, ~h),
    "false_omission_rate": lambda y, h: (y, ~h),
}


def people(seed, n=150):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    score = rng.normal(size=n).round(1)
    y = rng.random(n) < 1 / (1 + np.exp(-score))
    return y, score, group, rng.random(n) + 0.1


def counted(rate, y, selected, weight):
    hit, base = RATES[rate](y, selected)
    mass = weight[base].sum()
    return weight[base & hit].sum() / mass if mass else np.nan


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_rate_is_that_of_the_people_at_every_threshold(rate, weighted):
    y, score, group, weight = people(0)
    weight = weight if weighted else np.ones(len(y))
    table = ScoreTable.from_arrays(
        y.astype(int), score, sensitive_features=group, sample_weight=weight
    )
    sweep = ThresholdSweep.from_table(table, rate)
    for threshold in [-9, 9, *np.unique(score), *np.unique(score) + 0.05]:
        selected = score >= threshold
        expected = np.array(
            [
                counted(rate, *(part[group == g] for part in (y, selected, weight)))
                for g in range(3)
            ]
        )
        np.testing.assert_allclose(sweep.at(threshold), expected, atol=1e-12)
        few = np.isnan(expected).sum() > 1
        gap = np.nan if few else np.nanmax(expected) - np.nanmin(expected)
        np.testing.assert_allclose(sweep.gap_at(threshold), gap, atol=1e-12)


def test_steps_lie_only_where_something_changes():
    y = np.array([0, 0, 0, 1, 1])
    score = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    table = ScoreTable.from_arrays(y, score, sensitive_features=["a"] * 5)
    sweep = ThresholdSweep.from_table(table, "true_positive_rate")
    np.testing.assert_allclose(sweep.thresholds[0], [0.4, 0.5, np.inf])
    np.testing.assert_allclose(sweep.values[0], [1, 0.5, 0])
    assert np.isnan(sweep.gap).all()  # nobody to compare with
