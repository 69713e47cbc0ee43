"""AUC and average precision off a table against all pairs, and their variances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from fairlearnkit.metrics.scores._ranking import read_auc, read_average_precision
from fairlearnkit.tables import ScoreTable


def people(seed, n=60, weighted=False):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    score = np.round(rng.normal(size=n) + y, 1)  # with ties
    weight = rng.integers(0, 4, n) + 0.5 if weighted else np.ones(n)
    return y, score, weight


def table_of(y, score, weight=None, group=None):
    group = np.zeros(len(y), int) if group is None else group
    return ScoreTable.from_arrays(
        y, score, sensitive_features=group, sample_weight=weight
    )


def kish(weight):
    return weight.sum() ** 2 / (weight**2).sum()


def delong_by_pairs(y, score, weight):
    """AUC and DeLong's standard error, written on the matrix of all pairs."""
    first, second = score[y == 1], score[y == 0]
    v, w = weight[y == 1], weight[y == 0]
    pairs = (first[:, None] > second) + 0.5 * (first[:, None] == second)
    area = v @ pairs @ w / v.sum() / w.sum()
    variance = 0.0
    for u, placements in ((v, pairs @ w / w.sum()), (w, v @ pairs / v.sum())):
        n = kish(u)
        spread = (u**2 * (placements - area) ** 2).sum() / u.sum() ** 2
        variance += spread * n / (n - 1)
    return area, np.sqrt(variance)


@pytest.mark.parametrize("weighted", [False, True])
def test_auc_and_its_error_are_delongs_of_all_pairs(weighted):
    for seed in range(10):
        y, score, weight = people(seed, weighted=weighted)
        found = read_auc(table_of(y, score, weight if weighted else None))
        area, error = delong_by_pairs(y, score, weight)
        assert found.values[0] == pytest.approx(area, abs=1e-13)
        assert found.error[0] == pytest.approx(error, rel=1e-10)
        assert found.positives[0] == pytest.approx(kish(weight[y == 1]))
        assert found.negatives[0] == pytest.approx(kish(weight[y == 0]))


def test_unweighted_error_is_delongs_of_sample_variances():
    y, score, _ = people(1)
    found = read_auc(table_of(y, score))
    first, second = score[y == 1], score[y == 0]
    pairs = (first[:, None] > second) + 0.5 * (first[:, None] == second)
    variance = np.var(pairs.mean(axis=1), ddof=1) / len(first)
    variance += np.var(pairs.mean(axis=0), ddof=1) / len(second)
    assert found.error[0] == pytest.approx(np.sqrt(variance))


def test_ratings_of_hanley_and_mcneil_give_the_published_figures():
    # Radiology 143, 1982, table I; area 0.893. Standard error and interval by DeLong
    # are those of Stata's manual for the same ratings: 0.0307, 0.83295 to 0.95339.
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    score = np.concatenate([np.repeat(np.arange(5), n) for n in (normal, abnormal)])
    y = np.repeat([0, 1], [58, 51])
    found = read_auc(table_of(y, score))
    assert found.values[0] == pytest.approx(0.8932, abs=5e-5)
    assert found.error[0] == pytest.approx(0.0307, abs=5e-5)
    low, high = found.interval(method="delong")
    assert (low[0], high[0]) == pytest.approx((0.83295, 0.95339), abs=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_average_precision_is_scikit_learns(weighted):
    for seed in range(10):
        y, score, weight = people(seed, weighted=weighted)
        found = read_average_precision(table_of(y, score, weight))
        expected = average_precision_score(y, score, sample_weight=weight)
        assert found.values[0] == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(
    ("read", "metric"),
    [(read_auc, roc_auc_score), (read_average_precision, average_precision_score)],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_the_infinitesimal_jackknifes(read, metric, weighted):
    # The variance is the sum of squared (weight x derivative by the weight).
    y, score, weight = people(3, weighted=weighted)
    step = 1e-5
    slopes = []
    for i in range(len(y)):
        up, down = weight.copy(), weight.copy()
        up[i] += step
        down[i] -= step
        rise = metric(y, score, sample_weight=up) - metric(y, score, sample_weight=down)
        slopes.append(rise / (2 * step))
    parts = (weight * np.array(slopes)) ** 2
    found = read(table_of(y, score, weight))
    n = kish(weight[y == 1])
    if metric is average_precision_score:
        expected = parts.sum() * n / (n - 1)
    else:
        m = kish(weight[y == 0])
        expected = parts[y == 1].sum() * n / (n - 1) + parts[y == 0].sum() * m / (m - 1)
    assert found.error[0] == pytest.approx(np.sqrt(expected), rel=1e-6)


@pytest.mark.parametrize("read", [read_auc, read_average_precision])
def test_one_label_only_is_undefined(read):
    group = np.array([0, 0, 1, 1, 2, 2])
    y, score = np.array([0, 1, 1, 1, 0, 0]), np.arange(6.0)
    found = read(table_of(y, score, group=group))
    assert np.isnan(found.values).tolist() == [False, True, True]
    low, high = found.interval()
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, True]


@pytest.mark.parametrize("read", [read_auc, read_average_precision])
def test_integer_weights_repeat_rows_in_value(read):
    y, score, _ = people(4)
    times = np.random.default_rng(0).integers(0, 4, len(y))
    weighted = read(table_of(y, score, times.astype(float)))
    repeated = read(table_of(np.repeat(y, times), np.repeat(score, times)))
    assert weighted.values == pytest.approx(repeated.values)
    # A weight of 3 is one person who stands for three, not three people.
    assert weighted.error > repeated.error
    assert weighted.n < repeated.n


@pytest.mark.parametrize("read", [read_auc, read_average_precision])
@given(seed=st.integers(0, 1000))
def test_only_the_order_of_scores_counts_and_no_order_of_rows(read, seed):
    y, score, weight = people(seed, n=30, weighted=True)
    if y.min() == y.max():
        return
    first = read(table_of(y, score, weight))
    order = np.random.default_rng(seed).permutation(len(y))
    second = read(table_of(y[order], np.exp(score[order]), 7 * weight[order]))
    for name in ("values", "error", "n"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name))


def test_groups_are_read_apart_and_pooled_tables_add_up():
    y, score, weight = people(5, n=200, weighted=True)
    group = np.random.default_rng(1).integers(0, 3, len(y))
    table = table_of(y, score, weight, group)
    found = read_auc(table)
    for g in range(3):
        own = group == g
        expected = roc_auc_score(y[own], score[own], sample_weight=weight[own])
        assert found.values[g] == pytest.approx(expected)
    pooled = read_auc(table.overall()).values[0]
    assert pooled == pytest.approx(roc_auc_score(y, score, sample_weight=weight))
    half = np.arange(len(y)) < 100
    parts = [
        table_of(y[part], score[part], weight[part], group[part])
        for part in (half, ~half)
    ]
    np.testing.assert_allclose(read_auc(parts[0] + parts[1]).error, found.error)
