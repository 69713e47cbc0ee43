"""Rates and violations off a table against brute force from the arrays."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm, t
from sklearn.metrics import mean_absolute_error

from fairlearnkit.constraints import (
    DemographicParity,
    EqualizedOdds,
    ErrorRateParity,
    FalsePositiveRateParity,
    PredictiveParity,
    Rate,
    TruePositiveRateParity,
)
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    disparity,
    disparity_of_table,
    newcombe_interval,
    rate_by_group,
    ratio_interval,
    wilson_interval,
)
from fairlearnkit.tables import GroupCounts

# Who is counted above and below the bar, from labels y, decisions h and a class c.
EVERYBODY = lambda y, h, c: np.ones(len(y), bool)  # noqa: E731
BY_HAND = {
    DemographicParity: [(EVERYBODY, lambda y, h, c: h == c)],
    TruePositiveRateParity: [(lambda y, h, c: y == c, lambda y, h, c: h == c)],
    FalsePositiveRateParity: [(lambda y, h, c: y != c, lambda y, h, c: h == c)],
    ErrorRateParity: [(EVERYBODY, lambda y, h, c: y != h)],
    PredictiveParity: [(lambda y, h, c: h == c, lambda y, h, c: y == c)],
}
BY_HAND[EqualizedOdds] = (
    BY_HAND[TruePositiveRateParity] + BY_HAND[FalsePositiveRateParity]
)
COST = Rate("cost", [[0, 1], [5, 0]], [[1, 1], [1, 1]])
F1 = Rate("f1", [[0, 0], [0, 2]], [[0, 1], [1, 2]])


def people(seed, n=400, n_groups=3, n_classes=2):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y, h = rng.integers(0, n_classes, (2, n))
    copied = rng.random(n) < 0.2 + 0.5 * group / n_groups
    h = np.where(copied, y, h)
    return y, h, group, rng.integers(0, 4, n).astype(float)


def violation_by_hand(kind, compare, y, h, group, weight, classes):
    gaps = []
    for base, top in BY_HAND[kind]:
        for c in classes:
            rates = []
            for g in np.unique(group):
                counted = (group == g) & base(y, h, c)
                share = weight[counted & top(y, h, c)].sum() / weight[counted].sum()
                rates.append(share)
            low, high = min(rates), max(rates)
            gaps.append(high - low if compare == "difference" else 1 - low / high)
    return max(gaps)


def table_of(y, h, group, weight=None):
    return GroupCounts.from_arrays(y, h, sensitive_features=group, sample_weight=weight)


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("kind", BY_HAND)
@pytest.mark.parametrize("n_groups", [2, 4])
def test_every_constraint_equals_brute_force(kind, compare, n_groups):
    for seed in range(5):
        y, h, group, weight = people(seed, n_groups=n_groups)
        expected = violation_by_hand(kind, compare, y, h, group, weight, [1])
        found = disparity_of_table(table_of(y, h, group, weight), kind(compare=compare))
        assert found.value == pytest.approx(expected)
        assert found.low <= found.value <= found.high


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("kind", BY_HAND)
def test_three_classes_equal_brute_force(kind, compare):
    y, h, group, weight = people(0, n=900, n_classes=3)
    found = disparity_of_table(table_of(y, h, group, weight), kind(compare=compare))
    if kind is EqualizedOdds:  # every decision given every label
        rates = [(y == a, h == b) for a in range(3) for b in range(3)]
        gaps = []
        for base, top in rates:
            shares = np.array(
                [
                    weight[base & top & (group == g)].sum()
                    / weight[base & (group == g)].sum()
                    for g in range(3)
                ]
            )
            low, high = shares.min(), shares.max()
            gaps.append(high - low if compare == "difference" else 1 - low / high)
        expected = max(gaps)
    else:
        expected = violation_by_hand(kind, compare, y, h, group, weight, range(3))
    assert found.value == pytest.approx(expected)


@pytest.mark.parametrize("kind", BY_HAND)
def test_a_named_class_is_taken_as_positive(kind):
    y, h, group, weight = people(1, n_classes=3)
    expected = violation_by_hand(kind, "difference", y, h, group, weight, [2])
    found = disparity_of_table(table_of(y, h, group, weight), kind(pos_label=2))
    assert found.value == pytest.approx(expected)


def test_integer_weights_repeat_rows_in_value_but_not_in_certainty():
    y, h, group, weight = people(2, n_groups=2)
    count = weight.astype(int)
    weighted = disparity_of_table(table_of(y, h, group, weight), "equalized_odds")
    repeated = disparity_of_table(
        table_of(*(np.repeat(c, count) for c in (y, h, group))), "equalized_odds"
    )
    assert weighted.value == pytest.approx(repeated.value)
    # A weight of 3 is one person who stands for three, not three people.
    width = weighted.high - weighted.low
    assert width > repeated.high - repeated.low
    assert (weighted.estimates[0].n < repeated.estimates[0].n).all()


def test_equal_weights_change_nothing():
    y, h, group, _ = people(3)
    plain = disparity_of_table(table_of(y, h, group), "demographic_parity")
    scaled = disparity_of_table(
        table_of(y, h, group, np.full(len(y), 7.0)), "demographic_parity"
    )
    for name in ("value", "low", "high"):
        assert getattr(plain, name) == pytest.approx(getattr(scaled, name))


def test_effective_numbers_are_kishs():
    y, h, group, weight = people(4)
    found = rate_by_group(
        table_of(y, h, group, weight), TruePositiveRateParity().rates([0, 1])[0]
    )
    for g, n in enumerate(found.n):
        own = weight[(group == g) & (y == 1)]
        assert n == pytest.approx(own.sum() ** 2 / (own**2).sum())
    expected = wilson_interval(found.values, found.n)
    np.testing.assert_allclose(found.interval(), expected)


def test_two_groups_get_the_two_sample_intervals():
    y, h, group, _ = people(5, n_groups=2)
    table = table_of(y, h, group)
    parts = [
        (
            (h[group == g]).mean(),
            *wilson_interval(h[group == g].mean(), sum(group == g)),
        )
        for g in (0, 1)
    ]
    low, high = newcombe_interval(*parts)
    found = disparity_of_table(table, DemographicParity())
    ends = sorted(abs(end) for end in (low, high))
    assert (found.low, found.high) == pytest.approx(
        (0 if low <= 0 <= high else ends[0], ends[1])
    )
    low, high = ratio_interval(*parts)
    found = disparity_of_table(table, DemographicParity(compare="ratio"))
    ends = sorted([low, high, 1 / low, 1 / high])
    assert found.high == pytest.approx(1 - ends[0])
    assert found.low == pytest.approx(0 if low <= 1 <= high else 1 - ends[1])


@pytest.mark.parametrize("compare", ["difference", "ratio"])
def test_a_higher_level_is_wider(compare):
    table = table_of(*people(6)[:3])
    found = [
        disparity_of_table(
            table, EqualizedOdds(compare=compare), confidence_level=level
        )
        for level in (0.5, 0.8, 0.95, 0.999)
    ]
    for narrow, wide in pairwise(found):
        assert wide.low <= narrow.low
        assert wide.high >= narrow.high
        assert wide.confidence_level > narrow.confidence_level


@pytest.mark.parametrize("compare", ["difference", "ratio"])
@pytest.mark.parametrize("n_groups", [2, 5])
@pytest.mark.parametrize("constraint", [DemographicParity, EqualizedOdds])
def test_the_interval_holds_zero_when_nobody_is_treated_differently(
    constraint, n_groups, compare
):
    rng = np.random.default_rng(0)
    cells = np.array([[0.35, 0.15], [0.1, 0.4]]).ravel()
    draws = rng.multinomial(40, cells, size=(200, n_groups)).reshape(200, -1, 2, 2)
    groups = tuple(range(n_groups))
    held = 0
    for counts in draws.astype(float):
        table = GroupCounts(counts, counts, groups, (0, 1))
        found = disparity_of_table(table, constraint(compare=compare))
        held += found.low == 0
        assert found.value > 0 or found.low == 0
    # .95 within three standard errors of these draws (.0154).
    assert 0.95 - 3 * 0.0154 <= held / len(draws) <= 0.995


@pytest.mark.parametrize("rate", [COST, F1], ids=["cost", "f1"])
def test_a_rate_that_is_no_share_gets_the_linearised_interval(rate):
    assert not rate.is_proportion
    rng = np.random.default_rng(0)
    y, h, group, _ = people(7, n=1200, n_groups=2)
    table = table_of(y, h, group)
    found = rate_by_group(table, rate)
    low, high = found.interval()
    for g in (0, 1):
        counts = table.counts[g].astype(int).ravel()
        draws = rng.multinomial(counts.sum(), counts / counts.sum(), size=4000)
        spread = rate.of(draws.reshape(-1, 2, 2)).std()
        half = (high[g] - low[g]) / 2
        assert half == pytest.approx(norm.ppf(0.975) * spread, rel=0.05)
        assert (high[g] + low[g]) / 2 == pytest.approx(found.values[g])


def test_the_mean_of_a_cost_has_its_usual_standard_error():
    y, h, group, weight = people(8, n_groups=2)
    cost = np.array(COST.numerator)[y, h]
    found = rate_by_group(table_of(y, h, group, weight), COST)
    low, high = found.interval(0.9)
    errors, halves = [], []
    for g in (0, 1):
        w, c = weight[group == g], cost[group == g]
        mean = np.average(c, weights=w)
        errors.append(np.sqrt((w**2 * (c - mean) ** 2).sum()) / w.sum())
        assert found.values[g] == pytest.approx(mean)
        n = w.sum() ** 2 / (w**2).sum()
        halves.append(t.ppf(0.95, n - 1) * errors[g])
        assert high[g] - found.values[g] == pytest.approx(halves[g])
        assert found.values[g] - low[g] == pytest.approx(halves[g])
    gap = disparity_of_table(table_of(y, h, group, weight), COST, confidence_level=0.9)
    width = np.hypot(*halves)
    assert gap.high == pytest.approx(gap.value + width)
    assert gap.low == pytest.approx(max(0, gap.value - width))


def test_a_group_without_the_rate_is_named_and_left_out():
    y = np.array([0, 1, 0, 1, 0, 0])
    h = np.array([0, 1, 1, 0, 1, 0])
    table = table_of(y, h, np.array(list("aabbcc")))
    with pytest.warns(FairnessWarning, match=r"true_positive_rate .*\['c'\]"):
        found = disparity_of_table(table, "equal_opportunity")
    assert found.value == 1
    assert np.isnan(found.estimates[0].values[2])
    assert np.isnan(found.estimates[0].interval()[0][2])
    assert found.estimates[0].n[2] == 0


def test_a_rate_of_one_group_leaves_the_others_rate():
    y, h = np.array([0, 1, 0, 0]), np.array([0, 1, 1, 1])
    with pytest.warns(FairnessWarning):
        found = disparity_of_table(table_of(y, h, list("aabb")), "equalized_odds")
    assert found.value == 1  # of the false positive rates


def test_fewer_than_two_groups_are_no_disparity():
    found = disparity_of_table(
        table_of([0, 1], [0, 1], ["a", "a"]), "error_rate_parity"
    )
    assert np.isnan([found.value, found.low, found.high]).all()
    with pytest.warns(FairnessWarning):
        found = disparity_of_table(
            table_of([0, 1, 0], [0, 1, 1], list("aab")), "equal_opportunity"
        )
    assert np.isnan([found.value, found.low, found.high]).all()


def test_nobody_selected_is_parity_without_certainty():
    table = table_of([0, 1] * 10, [0] * 20, ["a", "b"] * 10).with_classes([0, 1])
    found = disparity_of_table(table, "demographic_parity_ratio")
    assert (found.value, found.low, found.high) == (0, 0, 1)
    found = disparity_of_table(table, "demographic_parity")
    assert (found.value, found.low) == (0, 0)
    assert 0.2 < found.high < 0.4


def test_groups_are_interchangeable():
    y, h, group, weight = people(9, n_groups=4)
    first = disparity_of_table(table_of(y, h, group, weight), "equalized_odds")
    renamed = np.array(["d", "a", "c", "b"])[group]
    second = disparity_of_table(table_of(y, h, renamed, weight), "equalized_odds")
    for name in ("value", "low", "high"):
        assert getattr(first, name) == pytest.approx(getattr(second, name))


def test_a_group_of_one_has_a_mean_but_no_part_in_the_gap_of_means():
    rng = np.random.default_rng(0)
    y, h = rng.normal(size=(2, 41))
    group = np.repeat(["a", "b", "c"], [20, 20, 1])
    few = group != "c"
    expected = disparity(
        y[few], h[few], mean_absolute_error, sensitive_features=group[few]
    )
    with pytest.warns(FairnessWarning, match=r"the uncertainty of .* in \['c'\]"):
        found = disparity(y, h, mean_absolute_error, sensitive_features=group)
    for name in ("value", "low", "high", "lowest", "highest"):
        assert getattr(found, name) == getattr(expected, name)
    assert np.isfinite(found.estimates[0].values[2])
