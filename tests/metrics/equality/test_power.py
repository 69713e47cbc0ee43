"""Power against statsmodels', enumerations with scipy's tests, and simulations."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, chi2, fisher_exact
from statsmodels.stats.power import FTestAnovaPower, TTestIndPower
from statsmodels.stats.proportion import (
    power_proportions_2indep,
    samplesize_proportions_2indep_onetail,
)

from fairlearnkit.metrics import (
    detectable_difference,
    equality_test_of_table,
    power_of_gap,
    required_group_size,
)
from fairlearnkit.tables import GroupCounts


@pytest.mark.parametrize(
    ("sizes", "difference", "rate"),
    [((50, 500), -0.2, 0.6), ((80, 80), 0.1, 0.1), ((40, 100), 0.02, 0.5)],
)
def test_normal_power_of_two_rates_is_statsmodels(sizes, difference, rate):
    expected = power_proportions_2indep(
        difference, rate, sizes[0], ratio=sizes[1] / sizes[0], return_results=False
    )
    found = power_of_gap(sizes, difference, rate=rate, method="normal")
    assert found == pytest.approx(expected)
    # It is the smallest group that differs, wherever it is named.
    swapped = power_of_gap(sizes[::-1], difference, rate=rate, method="normal")
    assert swapped == pytest.approx(expected)


@pytest.mark.parametrize(
    ("sizes", "difference", "rate", "alpha"),
    [((9, 14), 0.5, 0.2, 0.05), ((12, 12), -0.4, 0.7, 0.1), ((5, 20), 0.3, 0.7, 0.2)],
)
def test_exact_power_enumerates_fishers_test(sizes, difference, rate, alpha):
    n, m = sizes
    expected = sum(
        binom.pmf(a, n, rate + difference) * binom.pmf(b, m, rate)
        for a, b in product(range(n + 1), range(m + 1))
        if fisher_exact([[a, n - a], [b, m - b]]).pvalue <= alpha
    )
    found = power_of_gap(sizes, difference, rate=rate, alpha=alpha, method="exact")
    assert found == pytest.approx(expected, abs=1e-8)


def test_exact_power_is_that_of_the_test_of_equality():
    sizes, rate, difference = np.array([40, 90]), 0.3, 0.25
    rng = np.random.default_rng(0)
    seen = []
    for hits in rng.binomial(sizes, [rate + difference, rate], (400, 2)):
        counts = np.zeros((2, 2, 2))
        counts[:, 1, 1], counts[:, 1, 0] = hits, sizes - hits
        table = GroupCounts(counts, counts, ("a", "b"), (0, 1))
        test = equality_test_of_table(table, "equal_opportunity", method="exact")
        seen.append(test.p_value <= 0.05)
    power = power_of_gap(sizes, difference, rate=rate)
    assert np.mean(seen) == pytest.approx(power, abs=0.07)


def test_exact_power_never_exceeds_the_level_without_a_gap():
    for sizes, rate in product([(10, 10), (30, 200), (400, 450)], [0.03, 0.3, 0.5]):
        assert power_of_gap(sizes, 0, rate=rate, method="exact") <= 0.05
    assert power_of_gap((400, 450), 0, rate=0.5) > 0.03


def test_power_of_means_is_statsmodels():
    found = power_of_gap([50, 500], 3, deviation=10)
    assert found == pytest.approx(TTestIndPower().power(0.3, 50, 0.05, ratio=10))
    # Three equal groups, one of them in the middle: Cohen's f is d / sqrt(6).
    found = power_of_gap([30, 30, 30], 0.8, deviation=1)
    expected = FTestAnovaPower().power(0.8 / np.sqrt(6), 90, 0.05, 3)
    assert found == pytest.approx(expected)


def pearson_power(rates, sizes, rng, n_draws=20000):
    """Share of samples in which Pearson's test rejects equality."""
    hits = rng.binomial(sizes, rates, (n_draws, len(sizes)))
    share = hits.sum(axis=1, keepdims=True) / np.sum(sizes)
    expected = sizes * share
    with np.errstate(invalid="ignore"):
        statistic = ((hits - expected) ** 2 / (expected * (1 - share))).sum(axis=1)
    return (statistic > chi2.isf(0.05, len(sizes) - 1)).mean()


@pytest.mark.parametrize(
    ("sizes", "difference", "rate"),
    [((50, 50, 50), 0.25, 0.5), ((60, 80, 200, 400), -0.2, 0.5),
     ((200,) * 8, 0.12, 0.3)],
)  # fmt: skip
def test_several_groups_in_the_configuration_that_is_hardest_to_see(
    sizes, difference, rate
):
    rng = np.random.default_rng(0)
    sizes = np.array(sizes)
    pair = np.array([rate + difference, rate])
    middle = np.average(pair, weights=sizes[:2])
    hardest = np.append(pair, np.full(len(sizes) - 2, middle))
    found = power_of_gap(sizes, difference, rate=rate)
    simulated = pearson_power(hardest, sizes, rng)
    assert found == pytest.approx(simulated, abs=0.025)
    for _ in range(10):  # any other rates with the same gap are easier to tell apart
        rates = rng.uniform(pair.min(), pair.max(), len(sizes))
        rates[rng.choice(len(sizes), 2, replace=False)] = pair
        assert pearson_power(rates, sizes, rng) > simulated - 0.02


def test_normal_size_is_statsmodels():
    for difference, rate, ratio in [(-0.1, 0.7, 1), (0.05, 0.1, 3), (0.3, 0.2, 10)]:
        expected = samplesize_proportions_2indep_onetail(
            difference, rate, 0.8, ratio=ratio
        )
        found = required_group_size(difference, rate=rate, ratio=ratio, method="normal")
        assert found == np.ceil(expected)
    expected = TTestIndPower().solve_power(0.5, None, 0.05, 0.9)
    assert required_group_size(0.5, deviation=1, power=0.9) == np.ceil(expected)


@pytest.mark.parametrize(
    ("difference", "rate", "ratio"), [(0.3, 0.2, 1), (-0.25, 0.5, 4), (0.1, 0.0, 2.5)]
)
def test_the_exact_size_reaches_the_power_and_keeps_it(difference, rate, ratio):
    n = required_group_size(difference, rate=rate, ratio=ratio)

    def power(size):
        sizes = [size, int(np.ceil(ratio * size))]
        return power_of_gap(sizes, difference, rate=rate, method="exact")

    assert all(power(size) >= 0.8 for size in range(n, n + 11))
    assert power(n - 1) < 0.8
    normal = required_group_size(difference, rate=rate, ratio=ratio, method="normal")
    assert n > normal  # Fisher's test is the more cautious one


@pytest.mark.parametrize(("difference", "rate"), [(0.1, 0.6), (0.3, 0.2), (-0.05, 0.4)])
def test_the_exact_size_is_near_the_one_corrected_for_continuity(difference, rate):
    # Fleiss, Levin and Paik: the normal size, corrected, stands for Fisher's test.
    n = required_group_size(difference, rate=rate, method="normal")
    corrected = n / 4 * (1 + np.sqrt(1 + 4 / (n * abs(difference)))) ** 2
    found = required_group_size(difference, rate=rate)
    assert found == pytest.approx(corrected, rel=0.05)


@pytest.mark.parametrize("sizes", [(60, 80), (40, 900), (60, 80, 300)])
def test_a_detectable_difference_is_seen_with_the_power_asked_for(sizes):
    for options in ({"rate": 0.4}, {"deviation": 2.0}):
        below, above = detectable_difference(sizes, power=0.7, **options)
        assert below < 0 < above
        for difference in (below, above):
            found = power_of_gap(sizes, difference, **options)
            assert found == pytest.approx(0.7, abs=1e-4)


def test_more_people_see_smaller_gaps_and_more_groups_larger_ones():
    gaps = [detectable_difference((n, 500), rate=0.3)[1] for n in (20, 50, 200)]
    assert gaps == sorted(gaps, reverse=True)
    gaps = [
        detectable_difference((50, *[50] * k), rate=0.3, method="normal")[1]
        for k in (1, 3, 9)
    ]
    assert gaps == sorted(gaps)


def test_no_rate_is_low_enough():
    below, above = detectable_difference((30, 1000), rate=0.1)
    assert np.isnan(below)
    assert 0 < above < 0.9
    below, above = detectable_difference((30, 1000), rate=0.0)
    assert np.isnan(below)
    assert above > 0
    assert power_of_gap((30, 1000), 0, rate=0.0) == 0
    assert power_of_gap((30, 1000), 1, rate=0.0, method="normal") == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_of_gap([10, 10], 0.1), "either rate"),
        (lambda: power_of_gap([10, 10], 0.1, rate=0.1, deviation=1), "either rate"),
        (lambda: power_of_gap([10], 0.1, rate=0.1), "two groups or more"),
        (lambda: power_of_gap([10, 0.5], 0.1, rate=0.1), "whole numbers"),
        (lambda: power_of_gap([10, 10], 0.9, rate=0.2), "which is no rate"),
        (lambda: power_of_gap([10, 10], 0.1, rate=2), "rate must lie"),
        (lambda: power_of_gap([10, 10], 0.1, deviation=0), "deviation must be"),
        (lambda: power_of_gap([10, 10], 0.1, rate=0.2, alpha=0), "alpha must lie"),
        (lambda: power_of_gap([10, 10], 0.1, rate=0.2, method="t"), "method must be"),
        (lambda: power_of_gap([9] * 3, 0.1, rate=0.2, method="exact"), "two groups"),
        (lambda: power_of_gap([10, 10], np.nan, rate=0.2), "finite"),
        (lambda: required_group_size(0, rate=0.2), "must not be 0"),
        (lambda: required_group_size(0.1, rate=0.2, ratio=0.5), "ratio must be"),
        (lambda: required_group_size(0.1, rate=0.2, n_groups=1), "n_groups must be"),
        (lambda: required_group_size(0.1, rate=0.2, power=0.01), "power must lie"),
        (lambda: required_group_size(1e-9, rate=0.2), "more than"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
