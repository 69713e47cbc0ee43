"""Tests of equality against scipy's, brute force over tables, and their own level."""

from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import comb
from scipy.stats import chi2, chi2_contingency, fisher_exact, permutation_test
from sklearn.metrics import balanced_accuracy_score, f1_score

from fairlearnkit.constraints import DemographicParity, EqualizedOdds, Rate, RateParity
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    adjusted_p_values,
    equality_test,
    equality_test_of_table,
    mean_prediction,
    newcombe_interval,
    pairwise_tests,
    selection_rate,
    true_positive_rate,
    wilson_interval,
)
from fairlearnkit.tables import GroupCounts


def table_of(hits, sizes):
    """A table in which everybody has true label 1, so that only decisions differ."""
    hits, sizes = np.array(hits, float), np.array(sizes, float)
    counts = np.zeros((len(hits), 2, 2))
    counts[:, 1, 1], counts[:, 1, 0] = hits, sizes - hits
    return GroupCounts(counts, counts, tuple(range(len(hits))), (0, 1))


def people(seed=0, n=600, groups="abc", gap=0.0):
    rng = np.random.default_rng(seed)
    group = rng.choice(list(groups), n)
    y = rng.integers(0, 2, n)
    share = 0.2 + 0.4 * y + gap * (group == groups[0])
    return y, (rng.random(n) < share).astype(int), group


def test_contrast_with_pearson_for_one_share():
    y, h, group = people()
    found = equality_test(
        y, h, "demographic_parity", sensitive_features=group, method="chi2"
    )
    expected = chi2_contingency(pd.crosstab(group, h), correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    for g, label in enumerate(found.groups):
        alone = chi2_contingency(pd.crosstab(group == label, h), correction=False)
        assert found.p_values[0, g] == pytest.approx(alone.pvalue)


def test_several_classes_make_pearsons_test_of_the_whole_table():
    rng = np.random.default_rng(0)
    y, h = rng.integers(0, 3, (2, 500))
    group = rng.choice(list("abcd"), 500)
    asked = partial(equality_test, y, h, sensitive_features=group, method="chi2")
    found = asked("demographic_parity")
    expected = chi2_contingency(pd.crosstab(group, h), correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    # Equalized odds: one such table for each true label, independent of each other.
    parts = [
        chi2_contingency(pd.crosstab(group[y == c], h[y == c]), correction=False)
        for c in range(3)
    ]
    found = asked("equalized_odds")
    statistic, degrees = sum(p.statistic for p in parts), sum(p.dof for p in parts)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(chi2.sf(statistic, degrees))
    assert found.differences.shape == (9, 4)


@given(st.data())
def test_exact_is_fishers_for_two_groups(data):
    sizes = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    hits = [data.draw(st.integers(0, n)) for n in sizes]
    found = equality_test_of_table(
        table_of(hits, sizes), "equal_opportunity", method="exact"
    )
    expected = fisher_exact([[h, n - h] for h, n in zip(hits, sizes, strict=True)])
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)
    assert found.p_values[0] == pytest.approx([expected.pvalue] * 2, abs=1e-9)
    # The two groups are one comparison, so that there is nothing to adjust.
    assert found.p_adjusted[0] == pytest.approx([expected.pvalue] * 2, abs=1e-9)


def tables_with_margins(hits, sizes):
    """Every table with these margins, and its probability."""
    sizes = [int(n) for n in sizes]
    every = [
        other
        for other in product(*(range(n + 1) for n in sizes))
        if sum(other) == sum(hits)
    ]
    ways = np.array([np.prod(comb(sizes, other)) for other in every])
    return np.array(every), ways / comb(sum(sizes), sum(hits))


@pytest.mark.parametrize(
    ("hits", "sizes"), [((1, 4, 5), (6, 7, 5)), ((0, 2, 3, 4), (4, 4, 4, 4))]
)
def test_exact_sums_the_tables_that_are_no_more_probable(hits, sizes):
    every, probability = tables_with_margins(hits, sizes)
    own = probability[(every == hits).all(axis=1)]
    expected = probability[probability <= own * (1 + 1e-9)].sum()
    found = equality_test_of_table(table_of(hits, sizes), "equal_opportunity")
    assert found.method == "exact"
    assert found.p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("hits", "sizes"), [((1, 4, 5), (6, 7, 5)), ((0, 2, 3, 4), (4, 4, 4, 4))]
)
def test_permutation_sums_the_tables_that_lie_as_far_from_equality(hits, sizes):
    every, probability = tables_with_margins(hits, sizes)
    n, share = np.array(sizes), sum(hits) / sum(sizes)
    distance = ((every - n * share) ** 2 / n).sum(axis=1)
    own = ((np.array(hits) - n * share) ** 2 / n).sum()
    expected = probability[distance >= own - 1e-9].sum()
    found = equality_test_of_table(
        table_of(hits, sizes), "equal_opportunity", method="permutation"
    )
    assert found.p_value == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 9999))


def test_exact_joins_several_rates():
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 5, (2, 2, 2)).astype(float)
    table = GroupCounts(counts, counts, ("a", "b"), (0, 1))
    parts = [tables_with_margins(counts[:, y, 1], counts[:, y].sum(axis=1)) for y in
             (0, 1)]  # fmt: skip
    own = np.prod([
        probability[(every == counts[:, y, 1]).all(axis=1)][0]
        for y, (every, probability) in enumerate(parts)
    ])  # fmt: skip
    joint = np.outer(parts[0][1], parts[1][1])
    found = equality_test_of_table(table, "equalized_odds", method="exact")
    assert found.p_value == pytest.approx(joint[joint <= own * (1 + 1e-9)].sum())


@pytest.mark.parametrize("method", ["exact", "permutation"])
@pytest.mark.parametrize("sizes", [(10, 10), (4, 6, 10)])
def test_twenty_people_do_not_raise_more_false_alarms_than_allowed(method, sizes):
    # Every outcome weighted by its probability: the level itself, not an estimate.
    share = 0.4
    alarms = dict.fromkeys((0.05, 0.1, 0.3), 0.0)
    for hits in product(*(range(n + 1) for n in sizes)):
        k, n = np.array(hits), np.array(sizes)
        probability = np.prod(comb(n, k) * share**k * (1 - share) ** (n - k))
        if probability < 1e-4:
            continue
        test = equality_test_of_table(
            table_of(hits, sizes),
            "equal_opportunity",
            method=method,
            n_permutations=499 if method == "permutation" else None,
        )
        for level in alarms:
            alarms[level] += probability * (test.p_value <= level)
    assert all(alarm <= level for level, alarm in alarms.items())
    assert alarms[0.3] > 0.1


def test_p_values_are_uniform_when_groups_are_equal():
    rng = np.random.default_rng(0)
    n = rng.multinomial(4000, [0.25] * 4, size=(300, 3)).reshape(300, 3, 2, 2)
    found = [
        equality_test_of_table(
            GroupCounts(counts, counts, ("a", "b", "c"), (0, 1)),
            "equalized_odds",
            n_permutations=299,
            random_state=seed,
        )
        for seed, counts in enumerate(n.astype(float))
    ]
    assert {test.method for test in found} == {"permutation"}
    p_values = np.sort([test.p_value for test in found])
    # Kolmogorov's bound at one in a thousand.
    assert np.abs(p_values - np.arange(300) / 300).max() < 1.95 / np.sqrt(300)


def mean_of(y_true, y_pred):
    return y_pred.mean()


def test_a_callable_is_permuted_as_by_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 12), rng.normal(0.9, 1, 20)
    values = np.concatenate([first, second])
    found = equality_test(
        values,
        values,
        mean_of,
        sensitive_features=[0] * 12 + [1] * 20,
        n_permutations=4999,
    )
    expected = permutation_test(
        (first, second),
        lambda a, b, axis: np.abs(a.mean(axis) - b.mean(axis)),
        alternative="greater",
        vectorized=True,
        n_resamples=20000,
        rng=np.random.default_rng(1),
    )
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.015)
    assert found.p_values[0] == pytest.approx([found.p_value] * 2)
    assert found.metrics == ("mean_of",)


def test_a_built_in_metric_of_numbers_is_studentised():
    # Equal means and unequal spreads: the smaller group is the noisier one.
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], [30, 150])
    values = rng.normal(size=(120, 180)) * np.where(group == 0, 3.0, 1.0)
    alarms = [
        equality_test(
            v, v, mean_prediction, sensitive_features=group, n_permutations=199
        ).p_value
        <= 0.05
        for v in values
    ]
    assert np.mean(alarms) < 0.11  # permuting the bare means raises .30


@pytest.mark.parametrize(
    "metric", ["demographic_parity", "equalized_odds", f1_score, true_positive_rate]
)
def test_rows_and_tables_are_permuted_alike(metric):
    y, h, group = people(1, gap=0.07)
    by_table = equality_test(
        y, h, metric, sensitive_features=group, method="permutation"
    )
    by_row = equality_test(
        y, h, metric, sensitive_features=group, within=np.zeros(len(y)),
        n_permutations=3999,
    )  # fmt: skip
    assert by_row.statistic == pytest.approx(by_table.statistic, rel=0.05)
    # Within a stratum distances are centred, which parts the ties of a table.
    assert by_row.p_value == pytest.approx(by_table.p_value, abs=0.05)
    np.testing.assert_allclose(by_row.p_values, by_table.p_values, atol=0.1)


def test_a_metric_and_the_constraint_that_names_it_agree():
    y, h, group = people(2, gap=0.1)
    pairs = [
        (selection_rate, "demographic_parity"),
        (true_positive_rate, "equal_opportunity"),
    ]
    for metric, constraint in pairs:
        first = equality_test(y, h, metric, sensitive_features=group)
        second = equality_test(y, h, constraint, sensitive_features=group)
        assert first.p_value == pytest.approx(second.p_value, abs=0.01)
        np.testing.assert_allclose(first.differences, second.differences)


def test_only_those_whom_a_rate_is_about_change_groups():
    # Decisions follow the label alone, and base rates differ: odds are equal, selection
    # rates are not.
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b"], 400)
    y = (rng.random(800) < np.where(group == "a", 0.3, 0.7)).astype(int)
    h = (rng.random(800) < 0.2 + 0.6 * y).astype(int)
    asked = partial(equality_test, y, h, sensitive_features=group)
    assert asked("demographic_parity").p_value < 1e-3
    assert asked("equalized_odds").p_value > 0.05
    assert asked(f1_score).p_value < 0.01
    assert asked(f1_score, within="y_true").p_value > 0.05
    assert asked("demographic_parity", within="y_true").p_value > 0.05


def test_strata_take_out_what_they_explain():
    # No department prefers anyone, but they are applied to unevenly.
    rng = np.random.default_rng(0)
    group = np.repeat(["women", "men"], 500)
    hard = rng.random(1000) < np.where(group == "women", 0.8, 0.3)
    admitted = (rng.random(1000) < np.where(hard, 0.2, 0.6)).astype(int)
    asked = partial(
        equality_test, admitted, admitted, "demographic_parity",
        sensitive_features=group,
    )  # fmt: skip
    assert asked().p_value < 1e-3
    department = np.where(hard, "hard", "easy")
    assert asked(within=department).p_value > 0.05
    assert asked(within=pl.DataFrame({"department": department})).p_value > 0.05


def test_differences_are_newcombes_against_everybody_else():
    y, h, group = people(4)
    found = equality_test(y, h, "demographic_parity", sensitive_features=group)
    for g, label in enumerate(found.groups):
        sides = [h[group == label], h[group != label]]
        shares = [
            (s.mean(), *wilson_interval(s.mean(), len(s))) for s in sides
        ]  # fmt: skip
        assert found.differences[0, g] == pytest.approx(shares[0][0] - shares[1][0])
        low, high = newcombe_interval(*shares)
        assert (found.low[0, g], found.high[0, g]) == pytest.approx((low, high))


@pytest.mark.parametrize("metric", ["equalized_odds", balanced_accuracy_score, mean_of])
def test_names_of_groups_and_order_of_rows_do_not_matter(metric):
    y, h, group = people(5, n=200, gap=0.1)
    order = np.random.default_rng(0).permutation(len(y))
    renamed = np.select([group == "a", group == "b"], ["z", "y"], "x")
    asked = partial(equality_test, metric=metric, n_permutations=1999, n_resamples=20)
    first = asked(y, h, sensitive_features=group)
    second = asked(y[order], h[order], sensitive_features=renamed[order])
    assert second.statistic == pytest.approx(first.statistic)
    assert second.p_value == pytest.approx(first.p_value, abs=0.05)
    np.testing.assert_allclose(second.differences[:, ::-1], first.differences)


def test_equal_weights_change_little_and_no_weight_counts_for_nothing():
    y, h, group = people(6, gap=0.1)
    plain = equality_test(y, h, "equal_opportunity", sensitive_features=group)
    equal = equality_test(
        y, h, "equal_opportunity", sensitive_features=group,
        sample_weight=np.full(len(y), 3.0),
    )  # fmt: skip
    np.testing.assert_allclose(equal.differences, plain.differences)
    np.testing.assert_allclose(equal.low, plain.low)
    assert equal.p_value == pytest.approx(plain.p_value, abs=0.04)

    weight = np.random.default_rng(0).exponential(size=len(y))
    short = equality_test(
        y, h, "equal_opportunity", sensitive_features=group, sample_weight=weight
    )
    extra = equality_test(
        np.append(y, [1, 1]), np.append(h, [1, 1]), "equal_opportunity",
        sensitive_features=np.append(group, ["a", "new"]),
        sample_weight=np.append(weight, [0, 0]),
    )  # fmt: skip
    assert extra.groups == short.groups
    assert extra.p_value == short.p_value


def test_weights_that_differ_between_groups_hold_the_level():
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b"], [60, 240])
    alarms = []
    for _ in range(150):
        h = rng.integers(0, 2, 300)
        weight = np.where(group == "a", rng.exponential(size=300), 1.0)
        test = equality_test(
            h, h, "demographic_parity", sensitive_features=group,
            sample_weight=weight, n_permutations=199,
        )  # fmt: skip
        alarms.append(test.p_value <= 0.05)
    assert np.mean(alarms) < 0.1


def test_a_weighted_table_is_simulated():
    y, h, group = people(7, gap=0.25)
    table = GroupCounts.from_arrays(
        y, h, sensitive_features=group,
        sample_weight=np.random.default_rng(0).exponential(size=len(y)),
    )  # fmt: skip
    found = equality_test_of_table(table, "demographic_parity")
    assert found.method == "simulation"
    assert found.p_value < 0.01
    assert found.p_values[0].argmin() == 0
    with pytest.raises(ValueError, match="which people to permute"):
        equality_test_of_table(table, "demographic_parity", method="permutation")


def test_simulation_is_near_the_other_methods_for_many_people():
    y, h, group = people(8, n=3000, groups="ab", gap=0.04)
    asked = partial(equality_test, y, h, "demographic_parity", sensitive_features=group)
    p_values = [
        asked(method=m).p_value for m in ("exact", "permutation", "chi2", "simulation")
    ]
    assert np.ptp(p_values) < 0.03


def test_the_largest_distance_adjusts_no_more_than_bonferroni():
    y, h, group = people(9, groups="abcdef", n=1200, gap=0.25)
    asked = partial(equality_test, y, h, "equalized_odds", sensitive_features=group)
    holm = asked(method="permutation")
    stepped = asked(adjust="max_t")
    np.testing.assert_allclose(
        holm.p_adjusted, adjusted_p_values(holm.p_values.ravel()).reshape(2, 6)
    )
    assert (stepped.p_adjusted >= stepped.p_values - 1e-12).all()
    assert (stepped.p_adjusted <= holm.p_adjusted + 0.02).all()
    assert stepped.p_adjusted[0, 0] < 0.05


def test_the_largest_distance_holds_the_level_of_all_groups_together():
    rng = np.random.default_rng(0)
    sizes = [30, 30, 60, 200]
    alarms = []
    for seed in range(300):
        table = table_of(rng.binomial(sizes, 0.4), sizes)
        test = equality_test_of_table(
            table, "equal_opportunity", adjust="max_t", n_permutations=299,
            random_state=seed,
        )  # fmt: skip
        alarms.append(test.p_adjusted.min() <= 0.1)
    assert 0.05 < np.mean(alarms) < 0.15


def test_rates_of_the_same_people_are_permuted_together():
    both = RateParity([
        *DemographicParity().rates([0, 1]), *EqualizedOdds().rates([0, 1])
    ])  # fmt: skip
    y, h, group = people(10, gap=0.2)
    found = equality_test(y, h, both, sensitive_features=group)
    assert found.method == "permutation"
    assert found.p_value < 0.01
    for method in ("exact", "chi2"):
        with pytest.raises(ValueError, match="use method='permutation'"):
            equality_test(y, h, both, sensitive_features=group, method=method)


def test_pairs_are_tests_of_two_groups_alone():
    y, h, group = people(11, gap=0.15)
    found = pairwise_tests(y, h, "equalized_odds", sensitive_features=group)
    assert found.pairs == (("a", "b"), ("a", "c"), ("b", "c"))
    for number, (first, second) in enumerate(found.pairs):
        kept = (group == first) | (group == second)
        alone = equality_test(
            y[kept], h[kept], "equalized_odds", sensitive_features=group[kept],
            method=found.methods[number],
        )  # fmt: skip
        np.testing.assert_allclose(
            found.p_values[:, number], alone.p_values[:, 0], atol=0.02
        )
        np.testing.assert_allclose(
            found.differences[:, number], alone.differences[:, 0]
        )
        np.testing.assert_allclose(found.low[:, number], alone.low[:, 0])
    flat = adjusted_p_values(found.p_values.ravel()).reshape(2, 3)
    np.testing.assert_allclose(found.p_adjusted, flat)
    frame = found.to_frame()
    assert list(frame.index.names) == ["metric", "first", "second"]
    assert len(frame) == 6
    weighted = pairwise_tests(
        y, h, mean_of, sensitive_features=group, sample_weight=None, within="y_true",
        n_permutations=99, n_resamples=20,
    )  # fmt: skip
    assert weighted.p_values.shape == (1, 3)


def test_frames_strings_and_intersections():
    y, h, _ = people(12)
    rng = np.random.default_rng(0)
    features = {"sex": rng.choice(["f", "m"], 600), "old": rng.random(600) < 0.5}
    words = np.where(h == 1, "yes", "no"), np.where(y == 1, "yes", "no")
    asked = partial(equality_test, metric=DemographicParity(pos_label="yes"))
    found = [
        asked(words[1], words[0], sensitive_features=frame(features))
        for frame in (dict, pd.DataFrame, pl.DataFrame)
    ]
    assert len({test.p_value for test in found}) == 1
    frame = found[0].to_frame()
    assert list(frame.index.names) == ["sex", "old"]
    assert list(frame.columns) == [
        "value", "n", "difference", "low", "high", "p_value", "p_adjusted",
    ]  # fmt: skip
    pairs = pairwise_tests(y, h, "demographic_parity", sensitive_features=features)
    assert len(pairs.to_frame()) == 6


def test_undefined_groups_are_named_and_left_out():
    y = np.array([0, 1] * 20 + [0] * 5)
    h = np.array([0, 1] * 10 + [1, 1] * 10 + [0] * 5)
    group = np.array(["a"] * 20 + ["b"] * 20 + ["c"] * 5)
    with pytest.warns(FairnessWarning, match=r"undefined .*'c'"):
        found = equality_test(y, h, "equal_opportunity", sensitive_features=group)
    kept = group != "c"
    alone = equality_test(
        y[kept], h[kept], "equal_opportunity", sensitive_features=group[kept]
    )
    assert found.p_value == pytest.approx(alone.p_value)
    assert np.isnan(found.p_values[0, 2])
    assert np.isnan(found.p_adjusted[0, 2])
    with pytest.warns(FairnessWarning, match="one group only"):
        single = equality_test(y, h, "equal_opportunity", sensitive_features=["a"] * 45)
    assert np.isnan(single.p_value)


def test_nothing_varies():
    found = equality_test(
        [1] * 40, [1] * 40, "demographic_parity", sensitive_features=["a", "b"] * 20
    )
    assert found.p_value == 1
    assert found.statistic == 0
    for method in ("permutation", "chi2"):
        again = equality_test(
            [1] * 40, [1] * 40, "demographic_parity", method=method,
            sensitive_features=["a", "b"] * 20,
        )  # fmt: skip
        assert again.p_values[0] == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "method must be one of"),
        ({"adjust": "guess"}, "adjust must be one of"),
        ({"adjust": "max_t", "method": "chi2"}, "max_t"),
        ({"within": "group"}, "within must be 'y_true'"),
        ({"within": [0, 1]}, "within has 2 rows but there are 600"),
        ({"within": "y_true", "method": "chi2"}, "without weights or strata"),
        ({"within": "y_true", "method": "simulation"}, "needs method='permutation'"),
        ({"n_permutations": 0, "method": "permutation"}, "n_permutations"),
        ({"sample_weight": [1.0] * 600, "method": "exact"}, None),
        ({"sample_weight": [2.0] * 600, "method": "exact"}, "without"),
        ({"metric": 3}, "metric must be"),
        ({"metric": "parity"}, "unknown constraint"),
        ({"sample_weight": [-1.0] * 600}, "non-negative"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(options, message):
    y, h, group = people()
    asked = {"metric": "demographic_parity", "sensitive_features": group} | options
    if message is None:
        assert equality_test(y, h, **asked).method == "exact"
        return
    with pytest.raises(ValueError, match=message):
        equality_test(y, h, **asked)


def test_too_many_tables_for_the_exact_test():
    sizes = [4000] * 5
    table = table_of([2000] * 5, sizes)
    with pytest.raises(ValueError, match="would go through"):
        equality_test_of_table(table, "equal_opportunity", method="exact")
    cost = Rate("cost", [[0, 1], [5, 0]], [[1, 1], [1, 1]])
    with pytest.raises(ValueError, match="needs shares of people"):
        equality_test_of_table(table, cost, method="chi2")
