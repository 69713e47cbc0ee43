"""Rates and constraints of three classes, through frames and disparities."""

from functools import partial

import numpy as np
import pytest

from fairlearnkit.metrics import (
    MetricFrame,
    disparity,
    false_positive_rate,
    positive_predictive_value,
    selection_rate,
    true_positive_rate,
)
from fairlearnkit.metrics._readers import reader_of

NAMES = np.array(["high", "low", "middle"])
# Who is counted, and which of them are above the bar, for the class c.
RATES = {
    true_positive_rate: (lambda y, h, c: y == c, lambda y, h, c: h == c),
    false_positive_rate: (lambda y, h, c: y != c, lambda y, h, c: h == c),
    positive_predictive_value: (lambda y, h, c: h == c, lambda y, h, c: y == c),
    selection_rate: (lambda y, h, c: y == y, lambda y, h, c: h == c),
}


def people(seed=0, n=900):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    y, h = rng.integers(0, 3, (2, n))
    h = np.where(rng.random(n) < 0.3 + 0.2 * group, y, h)
    return NAMES[y], NAMES[h], group, rng.integers(0, 4, n).astype(float)


def rate_by_hand(metric, y, h, weight, c):
    base, top = (part(y, h, c) for part in RATES[metric])
    return weight[base & top].sum() / weight[base].sum()


@pytest.mark.parametrize("metric", RATES)
@pytest.mark.parametrize("c", NAMES)
def test_rates_of_one_class_against_the_rest(metric, c):
    y, h, group, weight = people()
    bound = partial(metric, pos_label=c)
    assert reader_of(bound) is not None
    frame = MetricFrame(
        metrics={"rate": bound},
        y_true=y,
        y_pred=h,
        sensitive_features=group,
        sample_params={"rate": {"sample_weight": weight}},
    )
    by_hand = []
    for g in range(3):
        own = group == g
        by_hand.append(rate_by_hand(metric, y[own], h[own], weight[own], c))
        assert frame.by_group["rate"][g] == pytest.approx(by_hand[-1])
    expected = rate_by_hand(metric, y, h, weight, c)
    assert frame.overall["rate"] == pytest.approx(expected)
    gap = disparity(y, h, bound, sensitive_features=group, sample_weight=weight)
    assert gap.value == pytest.approx(max(by_hand) - min(by_hand))
    assert gap.low <= gap.value <= gap.high
    shown = frame.disparities().loc["rate"]
    assert shown["value"] == pytest.approx(gap.value)
    assert (shown["low"], shown["high"]) == pytest.approx((gap.low, gap.high))


def test_several_classes_at_once_are_read_off_one_frame():
    y, h, group, _ = people(1)
    frame = MetricFrame(
        metrics={c: partial(true_positive_rate, pos_label=c) for c in NAMES},
        y_true=y,
        y_pred=h,
        sensitive_features=group,
    )
    ones = np.ones(len(y))
    for c in NAMES:
        for g in range(3):
            own = group == g
            expected = rate_by_hand(true_positive_rate, y[own], h[own], ones[own], c)
            assert frame.by_group[c][g] == pytest.approx(expected)


@pytest.mark.parametrize("compare", ["difference", "ratio"])
def test_equalized_odds_compare_every_decision_given_every_label(compare):
    y, h, group, weight = people(2)
    gaps = []
    for label in NAMES:
        for decision in NAMES:
            rates = []
            for g in range(3):
                base = (group == g) & (y == label)
                top = weight[base & (h == decision)].sum()
                rates.append(top / weight[base].sum())
            low, high = min(rates), max(rates)
            gaps.append(high - low if compare == "difference" else 1 - low / high)
    found = disparity(
        y,
        h,
        "equalized_odds",
        sensitive_features=group,
        sample_weight=weight,
        compare=compare,
    )
    assert found.value == pytest.approx(max(gaps))
    assert found.low <= found.value <= found.high
    assert len(found.estimates) == 9


@pytest.mark.parametrize(
    ("constraint", "metric"),
    [
        ("demographic_parity", selection_rate),
        ("equal_opportunity", true_positive_rate),
        ("predictive_parity", positive_predictive_value),
    ],
)
def test_a_constraint_of_three_classes_is_the_worst_of_its_classes(constraint, metric):
    y, h, group, weight = people(3)
    found = disparity(y, h, constraint, sensitive_features=group, sample_weight=weight)
    gaps = [
        disparity(
            y,
            h,
            partial(metric, pos_label=c),
            sensitive_features=group,
            sample_weight=weight,
        ).value
        for c in NAMES
    ]
    assert found.value == pytest.approx(max(gaps))


@pytest.mark.parametrize("metric", RATES)
def test_which_class_is_meant_must_be_said(metric):
    y, h, group, _ = people()
    with pytest.raises(ValueError, match="pos_label must say which one is positive"):
        MetricFrame(metrics=metric, y_true=y, y_pred=h, sensitive_features=group)
    with pytest.raises(ValueError, match="'none' is not a class"):
        disparity(y, h, partial(metric, pos_label="none"), sensitive_features=group)
