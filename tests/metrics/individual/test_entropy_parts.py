"""The decomposition of entropy: exact, in bounds, and with an interval that has 0."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    between_group_generalized_entropy,
    entropy_decomposition,
    generalized_entropy_index,
    generalized_entropy_interval,
    prediction_benefits,
)


def people(seed, n=200, n_groups=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    return rng.gamma(2.0 + group, size=n), group, rng.random(n)


@given(
    st.lists(st.tuples(st.floats(0.01, 50), st.sampled_from("abc")), min_size=2),
    st.floats(-3, 4),
    st.booleans(),
)
def test_total_is_within_plus_between(pairs, alpha, weighted):
    benefits, group = zip(*pairs, strict=True)
    weight = np.linspace(0.5, 2, len(pairs)) if weighted else None
    found = entropy_decomposition(
        benefits, sensitive_features=list(group), alpha=alpha, sample_weight=weight
    )
    within = (found.weights * found.index).sum()
    total, between = found.total.value, found.between.value
    scale = {"rel": 1e-9, "abs": 1e-9 * max(1, total)}
    assert total == pytest.approx(within + between, **scale)
    assert total == pytest.approx(found.within.value + between, **scale)
    assert 0 <= between <= total + scale["abs"]


@pytest.mark.parametrize("alpha", [-1, 0, 0.5, 1, 2, 3])
def test_between_is_the_index_of_the_group_means(alpha):
    benefits, group, _ = people(0)
    means = np.array([benefits[group == g].mean() for g in range(3)])[group]
    expected = generalized_entropy_index(means, alpha=alpha)
    options = {"sensitive_features": group, "alpha": alpha}
    found = between_group_generalized_entropy(benefits, **options)
    assert found == pytest.approx(expected)
    parts = entropy_decomposition(benefits, **options)
    assert parts.between.value == found
    for g, own in enumerate(parts.index):
        mine = benefits[group == g]
        assert own == pytest.approx(generalized_entropy_index(mine, alpha=alpha))
        interval = generalized_entropy_interval(mine, alpha=alpha)
        assert (parts.low[g], parts.high[g]) == pytest.approx(interval)


@pytest.mark.parametrize(("alpha", "shared"), [(0, "people"), (1, "benefits")])
def test_weights_of_the_within_part_add_up_for_two_alphas_only(alpha, shared):
    benefits, group, weight = people(1)
    options = {"sensitive_features": group, "sample_weight": weight}
    found = entropy_decomposition(benefits, alpha=alpha, **options)
    assert found.weights.sum() == pytest.approx(1)
    amounts = weight if shared == "people" else weight * benefits
    shares = np.bincount(group, weights=amounts) / amounts.sum()
    assert found.weights == pytest.approx(shares)
    other = entropy_decomposition(benefits, alpha=2, **options)
    assert other.weights.sum() > 1.001


@pytest.mark.parametrize("alpha", [0.5, 1, 2])
def test_two_groups_of_equal_people_have_no_part_within(alpha):
    found = entropy_decomposition(
        [1, 1, 3, 3], sensitive_features=list("aabb"), alpha=alpha
    )
    assert found.within.value == 0
    assert found.index.tolist() == [0, 0]
    x = np.array([0.5, 1.5])
    by_hand = {0.5: 4 * (1 - np.sqrt(x).mean()), 1: (x * np.log(x)).mean(), 2: 0.125}
    assert found.between.value == pytest.approx(by_hand[alpha])


def test_names_of_groups_order_and_repetition_change_nothing():
    benefits, group, _ = people(2)
    plain = entropy_decomposition(benefits, sensitive_features=group)
    order = np.random.default_rng(0).permutation(len(group))
    named = np.array(["z", "y", "x"])[group]
    found = entropy_decomposition(benefits[order], sensitive_features=named[order])
    assert found.groups == ("x", "y", "z")
    assert found.index[::-1] == pytest.approx(plain.index)
    for part in ("total", "within", "between"):
        for end in ("value", "low", "high"):
            assert getattr(getattr(found, part), end) == pytest.approx(
                getattr(getattr(plain, part), end)
            )
    times = np.random.default_rng(1).integers(0, 3, len(group))
    weighted = entropy_decomposition(
        benefits, sensitive_features=group, sample_weight=times
    )
    repeated = entropy_decomposition(
        np.repeat(benefits, times), sensitive_features=np.repeat(group, times)
    )
    assert weighted.between.value == pytest.approx(repeated.between.value)
    assert weighted.index == pytest.approx(repeated.index)


def test_columns_are_crossed():
    benefits, group, weight = people(3)
    both = pd.DataFrame({"a": group, "b": np.where(weight < 0.5, "x", "y")})
    found = entropy_decomposition(benefits, sensitive_features=both)
    assert found.groups == tuple((g, b) for g in range(3) for b in "xy")
    coarse = entropy_decomposition(benefits, sensitive_features=group)
    assert found.between.value > coarse.between.value  # finer groups see more
    frame = found.to_frame()
    assert frame.index.names == ["a", "b"]
    assert frame["index"].tolist() == found.index.tolist()
    assert coarse.to_frame().index.tolist() == [0, 1, 2]


def test_the_test_is_about_that_of_welch_for_two_groups():
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1], [150, 250])
    benefits = rng.gamma(2.0 + 0.25 * group)
    found = entropy_decomposition(benefits, sensitive_features=group)
    welch = ttest_ind(benefits[group == 0], benefits[group == 1], equal_var=False)
    assert found.p_value == pytest.approx(welch.pvalue, rel=0.2)


def test_the_interval_begins_at_zero_unless_the_test_rejects():
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(60):
        group = rng.integers(0, 3, 120)
        benefits = rng.gamma(2 + 0.5 * group)
        found = entropy_decomposition(benefits, sensitive_features=group)
        between = found.between
        assert (between.low == 0) == (found.p_value >= 0.025)
        assert between.low <= between.value <= between.high
        seen.add(between.low == 0)
    assert seen == {True, False}


@pytest.mark.parametrize("n_groups", [2, 5])
def test_the_interval_of_equal_groups_holds_zero(n_groups):
    rng = np.random.default_rng(6)
    rejected = above = 0
    for _ in range(300):
        benefits = rng.choice(3, 150, p=[0.1, 0.8, 0.1])
        group = rng.integers(0, n_groups, 150)
        found = entropy_decomposition(benefits, sensitive_features=group)
        rejected += found.p_value < 0.05
        above += found.between.low > 0
    assert rejected / 300 < 0.09
    assert above / 300 < 0.06


def test_means_equal_by_chance_still_leave_room_above():
    benefits, group = [0, 2, 0, 2] * 10, [*"aabb"] * 10
    found = entropy_decomposition(benefits, sensitive_features=group)
    assert found.between.value == found.between.low == 0
    assert found.p_value == 1
    noisy = entropy_decomposition([*benefits, 1.1], sensitive_features=[*group, "a"])
    assert found.between.high == pytest.approx(noisy.between.high, rel=0.3)
    assert found.between.high > 0.01


def test_one_group_has_nothing_between():
    benefits, _, _ = people(7)
    found = entropy_decomposition(benefits, sensitive_features=["a"] * len(benefits))
    assert (found.between.value, found.between.low, found.between.high) == (0, 0, 0)
    assert np.isnan(found.p_value)
    assert found.within.value == pytest.approx(found.total.value)


def test_a_group_without_benefits_is_named():
    benefits, group = [0, 0, 1, 3], ["poor", "poor", "rich", "rich"]
    with pytest.warns(FairnessWarning, match="sensitive_features='poor' is undefined"):
        found = entropy_decomposition(benefits, sensitive_features=group)
    assert np.isnan(found.index[0])
    assert found.weights[0] == 0
    parts = found.weights[1] * found.index[1] + found.between.value
    assert found.total.value == pytest.approx(parts)
    with pytest.warns(FairnessWarning) as warned:
        found = entropy_decomposition(benefits, sensitive_features=group, alpha=0)
    texts = " ".join(str(w.message) for w in warned)
    assert "everybody is infinite" in texts
    assert "'poor' is undefined" in texts
    assert found.total.value == found.between.value == np.inf


def test_groups_without_weight_are_not_there():
    benefits, group, _ = people(8)
    weight = np.where(group == 2, 0.0, 1.0)
    found = entropy_decomposition(
        benefits, sensitive_features=group, sample_weight=weight
    )
    kept = group < 2
    alone = entropy_decomposition(benefits[kept], sensitive_features=group[kept])
    assert found.groups == (0, 1)
    assert str(found.between) == str(alone.between)


def test_decisions_are_decomposed_through_their_benefits():
    y = np.array([0, 1, 0, 1, 0, 1, 1, 1])
    h = np.array([0, 1, 1, 1, 0, 0, 0, 1])
    group = list("aaaabbbb")
    benefits = prediction_benefits(y, h)
    found = between_group_generalized_entropy(benefits, sensitive_features=group)
    # group means 5/4 and 2/4 around 7/8: (x^2 - 1) / 2 on average
    x = np.array([10 / 7, 4 / 7])
    assert found == pytest.approx((x**2 - 1).mean() / 2)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="benefits has 2 rows but sensitive_features"):
        entropy_decomposition([1, 2], sensitive_features=["a"])
    with pytest.raises(ValueError, match="missing values"):
        entropy_decomposition([1, 2], sensitive_features=["a", None])
    with pytest.raises(ValueError, match="confidence_level"):
        entropy_decomposition([1, 2], sensitive_features=["a", "b"], confidence_level=1)
