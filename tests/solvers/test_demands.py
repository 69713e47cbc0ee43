"""Violations by hand, and bands that hold at every threshold as often as they say."""

import numpy as np
import pytest

from fairlearnkit._solvers.demands import demands_of, effective_people, with_bands
from fairlearnkit.constraints import (
    DemographicParity,
    EqualizedOdds,
    ErrorRateParity,
    RateParity,
    TruePositiveRateParity,
)
from fairlearnkit.constraints import Rate as OwnRate

TOTALS = np.array([[30.0, 10.0], [20.0, 20.0], [5.0, 15.0]])


def demands(constraints, totals=TOTALS, overall=False, strata=None):
    n = len(totals)
    return demands_of(
        constraints,
        totals,
        [0, 1],
        strata=np.zeros(n, int) if strata is None else np.array(strata),
        bound=np.ones(n, bool),
        overall=overall,
        user="the test",
    )


@pytest.mark.parametrize(
    ("compare", "overall", "expected"),
    [
        ("difference", False, 0.4),
        ("ratio", False, 1 - 0.2 / 0.6),
        ("difference", True, 0.6 - 0.4),
        ("ratio", True, 1 - 0.2 / 0.4),
    ],
)
def test_the_violation_is_the_one_that_was_asked_for(compare, overall, expected):
    constraint = DemographicParity(compare=compare)
    (demand,) = demands([constraint], overall=overall)
    rates = np.array([0.2, 0.6, 0.4])
    middle = rates @ TOTALS.sum(axis=1) / 100
    assert demand.share @ rates == pytest.approx(middle)
    if overall:
        low, high = np.minimum(rates, middle), np.maximum(rates, middle)
        gaps = 1 - low / high if compare == "ratio" else high - low
        expected = gaps.max()
    assert demand.violation(rates) == pytest.approx(expected)


def test_every_rate_and_stratum_is_a_demand_where_there_is_something_to_compare():
    found = demands([EqualizedOdds(), DemographicParity()], strata=[0, 0, 1])
    assert [(d.source, d.rate.name) for d in found] == [
        (0, "true_positive_rate"),
        (0, "false_positive_rate"),
        (1, "selection_rate"),
    ]
    assert all(d.bound.tolist() == [True, True, False] for d in found)
    empty = TOTALS * np.array([[1, 1], [1, 0], [1, 0]])
    assert demands([TruePositiveRateParity()], empty) == []


def test_effective_people_are_counted_over_the_counted_labels():
    squares = TOTALS * 2.0  # everybody weighs 2
    counted = np.array([False, True])
    found = effective_people(TOTALS, squares, counted)
    np.testing.assert_allclose(found, TOTALS[:, 1] / 2)


def test_the_same_rate_asked_twice_is_estimated_once():
    twice = [DemographicParity(), DemographicParity(compare="ratio")]
    once = with_bands(demands(twice[:1]), TOTALS, TOTALS, 0.9)
    both = with_bands(demands(twice), TOTALS, TOTALS, 0.9)
    for demand in both:
        np.testing.assert_allclose(demand.band, once[0].band)


OWN = RateParity(OwnRate("cost", [[0, 0.5], [1, 0.25]], [[1, 1], [1, 1]]))


@pytest.mark.parametrize(
    "constraint",
    [DemographicParity(), TruePositiveRateParity(), ErrorRateParity(), OWN],
    ids=lambda constraint: constraint.name,
)
def test_rates_stay_in_their_bands_at_all_thresholds_at_once(constraint):
    """Scores are uniform, more often high with label 1: the true rates are known."""
    rng = np.random.default_rng(0)
    cuts = np.linspace(0, 1, 101)
    chosen = np.array([1 - cuts, 1 - cuts**2])  # selected share of each label
    share = np.array([0.6, 0.4])
    (rate,) = constraint.rates([0, 1])
    top, base = np.array(rate.numerator), np.array(rate.denominator)[:, 0]

    def rate_of(selected, weight):
        counts = top[:, :1] * (weight[:, None] - selected) + top[:, 1:] * selected
        return counts.sum(axis=0) / (weight @ base)

    truth = rate_of(chosen * share[:, None], share)
    missed = 0
    for _ in range(300):
        label = (rng.random(80) < share[1]).astype(int)
        score = np.where(label == 1, np.sqrt(rng.random(80)), rng.random(80))
        above = score > cuts[:, None]
        totals = np.array([[(label == 0).sum(), label.sum()]] * 2, dtype=float)
        selected = np.array([(above & (label == k)).sum(axis=1) for k in (0, 1)])
        demand = with_bands(demands([constraint], totals), totals, totals, 0.6)[0]
        found = rate_of(selected, totals[0])
        missed += np.abs(found - truth).max() > demand.band[0]
    assert missed <= 0.2 * 300  # one of two equal groups has half of the error
