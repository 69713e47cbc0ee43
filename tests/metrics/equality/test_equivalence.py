"""The test that a gap is small against one-sided tests, intervals and its own level."""

import numpy as np
import pytest
from scipy.stats import binom, t

from fairlearnkit.metrics import (
    Means,
    Shares,
    equality_test,
    equivalence_p_value,
    newcombe_interval,
    ratio_interval,
)


def shares(values, n):
    return Shares(
        name="share",
        groups=tuple(range(len(values))),
        values=np.array(values, float),
        n=np.array(n, float),
    )


@pytest.mark.parametrize(
    ("values", "n"), [((0.5, 0.45), (80, 90)), ((0.1, 0.4), (30, 50)), ((0, 0), (9, 9))]
)
def test_it_inverts_the_interval_of_the_difference(values, n):
    law = shares(values, n)
    for alpha in (0.01, 0.05, 0.2, 0.4):
        low, high = law.interval(1 - 2 * alpha)
        first, second = zip(law.values, low, high, strict=True)
        ends = np.abs(newcombe_interval(first, second))
        assert equivalence_p_value(law, float(ends.max())) == pytest.approx(alpha)


def test_it_inverts_the_interval_of_the_ratio():
    law = shares((0.5, 0.45), (80, 90))
    for alpha in (0.01, 0.05, 0.2):
        low, high = law.interval(1 - 2 * alpha)
        first, second = zip(law.values, low, high, strict=True)
        least = min(ratio_interval(first, second)[0], ratio_interval(second, first)[0])
        found = equivalence_p_value(law, 1 - float(least), "ratio")
        assert found == pytest.approx(alpha)


def test_means_get_two_one_sided_t_tests():
    # With equal sizes and errors Newcombe's interval is half of sqrt(2) t errors wide.
    law = Means(
        name="mean", groups=("a", "b"), values=np.array([0.1, 0.0]),
        n=np.array([20, 20]), error=np.array([0.1, 0.1]),
    )  # fmt: skip
    for margin in (0.15, 0.3, 0.6, 0.05):
        z = (margin - 0.1) / (0.1 * np.sqrt(2))
        assert equivalence_p_value(law, margin) == pytest.approx(t.sf(z, 19), abs=1e-9)


def test_all_pairs_and_all_metrics_must_be_close():
    values, n = np.array([0.5, 0.53, 0.49, 0.55]), np.array([300, 400, 150, 800])
    law = shares(values, n)
    pairs = [
        equivalence_p_value(law.take(np.array([i, j])), 0.15)
        for i in range(4)
        for j in range(i)
    ]
    assert equivalence_p_value(law, 0.15) == pytest.approx(max(pairs))
    other = shares(values + 0.01, n / 3)
    both = equivalence_p_value([law, other], 0.15)
    assert both == pytest.approx(
        max(equivalence_p_value(each, 0.15) for each in (law, other))
    )


def test_a_gap_at_the_margin_is_called_small_no_more_often_than_allowed():
    # Exact: every outcome of two binomials that lie the margin apart.
    n, margin, alpha = 60, 0.2, 0.05
    hits = np.arange(n + 1)
    for low in (0.1, 0.4):
        laws = binom.pmf(hits, n, low), binom.pmf(hits, n, low + margin)
        level = 0.0
        for first in np.flatnonzero(laws[0] > 1e-4):
            for second in np.flatnonzero(laws[1] > 1e-4):
                p_value = equivalence_p_value(shares([first / n, second / n], [n, n]),
                                              margin)  # fmt: skip
                level += laws[0][first] * laws[1][second] * (p_value <= alpha)
        assert level < 0.06  # measured: .046 and .048


def test_the_result_of_a_test_of_equality_asks_it_too():
    y = np.tile([0, 1], 400)
    group = np.repeat(["a", "b"], 400)
    found = equality_test(y, y, "demographic_parity", sensitive_features=group)
    assert found.p_value > 0.9
    assert found.equivalence_p_value(0.15) < 0.001
    assert found.equivalence_p_value(0.01) > 0.1


def test_undefined_values_and_bad_input():
    assert np.isnan(equivalence_p_value(shares([0.5, np.nan], [10, 0]), 0.1))
    three = shares([0.5, np.nan, 0.5], [100, 0, 100])
    two = shares([0.5, 0.5], [100, 100])
    assert equivalence_p_value(three, 0.1) == equivalence_p_value(two, 0.1)
    with pytest.raises(ValueError, match="margin must be positive"):
        equivalence_p_value(two, 0)
    with pytest.raises(ValueError, match="below 1 for a ratio"):
        equivalence_p_value(two, 1.5, "ratio")
    with pytest.raises(ValueError, match="compare must be"):
        equivalence_p_value(two, 0.1, "gap")
