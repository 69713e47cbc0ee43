"""Curves of groups against scikit-learn's, and their invariances."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from statsmodels.stats.proportion import proportion_confint

from fairlearnkit.metrics import CalibrationCurve, PrecisionRecallCurve, RocCurve
from fairlearnkit.tables import ScoreTable

WEIGHTED = pytest.mark.parametrize("weighted", [False, True])
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])


def people(seed, n=400, digits=2, n_groups=3):
    """Labels, probabilities with ties, groups and weights."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    score = rng.random(n).round(digits)
    y = (rng.random(n) < score).astype(int)
    return y, score, group, rng.random(n) + 0.1


def table_of(y, score, group, weight=None):
    return ScoreTable.from_arrays(
        y, score, sensitive_features=group, sample_weight=weight, classes=[0, 1]
    )


def on_line(points, x, y):
    """Whether points lie on the polyline through ascending x and y."""
    for px, py in points:
        same = np.flatnonzero(np.isclose(x, px, rtol=0, atol=1e-12))
        if len(same):
            if not y[same[0]] - 1e-12 <= py <= y[same[-1]] + 1e-12:
                return False
        elif not np.isclose(np.interp(px, x, y), py, rtol=0, atol=1e-12):
            return False
    return True


@SEEDS
@WEIGHTED
def test_roc_curves_are_those_of_scikit_learn(seed, weighted):
    y, score, group, weight = people(seed)
    weight = weight if weighted else None
    table = table_of(y, score, group, weight)
    for code in range(3):
        own = group == code
        options = {"sample_weight": None if weight is None else weight[own]}
        fpr, tpr, thresholds = roc_curve(
            y[own], score[own], drop_intermediate=False, **options
        )
        full = RocCurve.from_table(table, code, drop_intermediate=False)
        np.testing.assert_allclose(full.fpr, fpr, atol=1e-12)
        np.testing.assert_allclose(full.tpr, tpr, atol=1e-12)
        np.testing.assert_allclose(full.thresholds, thresholds)
        short = RocCurve.from_table(table, code)
        area = roc_auc_score(y[own], score[own], **options)
        assert full.roc_auc == pytest.approx(area)
        assert short.roc_auc == pytest.approx(area)
        assert len(short.fpr) < len(fpr) or weighted
        assert on_line(zip(fpr, tpr, strict=True), short.fpr, short.tpr)
        assert set(short.thresholds) <= set(full.thresholds)


@SEEDS
@WEIGHTED
def test_precision_recall_curves_are_those_of_scikit_learn(seed, weighted):
    y, score, group, weight = people(seed)
    weight = weight if weighted else None
    table = table_of(y, score, group, weight)
    for code in range(3):
        own = group == code
        options = {"sample_weight": None if weight is None else weight[own]}
        for drop in (False, True):
            precision, recall, thresholds = precision_recall_curve(
                y[own], score[own], drop_intermediate=drop, **options
            )
            curve = PrecisionRecallCurve.from_table(table, code, drop_intermediate=drop)
            np.testing.assert_allclose(curve.precision[::-1], precision)
            np.testing.assert_allclose(curve.recall[::-1], recall, atol=1e-12)
            np.testing.assert_allclose(curve.thresholds[:0:-1], thresholds)
            assert curve.average_precision == pytest.approx(
                average_precision_score(y[own], score[own], **options)
            )
            assert curve.base_rate == pytest.approx(
                np.average(y[own], weights=options["sample_weight"])
            )


@SEEDS
def test_uniform_calibration_bins_are_those_of_scikit_learn(seed):
    y, score, group, _ = people(seed)
    table = table_of(y, score, group)
    for code in range(3):
        own = group == code
        true, predicted = calibration_curve(y[own], score[own], n_bins=7)
        curve = CalibrationCurve.from_table(table, code, n_bins=7)
        np.testing.assert_allclose(curve.prob_true, true)
        np.testing.assert_allclose(curve.prob_pred, predicted)


@SEEDS
def test_quantile_bins_are_those_of_scikit_learn_where_no_quantile_is_interpolated(
    seed,
):
    rng = np.random.default_rng(seed)
    score = rng.permutation(np.linspace(0.01, 0.99, 101))  # 5 bins of 20, and one more
    y = (rng.random(101) < score).astype(int)
    true, predicted = calibration_curve(y, score, n_bins=5, strategy="quantile")
    table = table_of(y, score, np.zeros(101, int))
    curve = CalibrationCurve.from_table(table, 0, n_bins=5, strategy="quantile")
    np.testing.assert_allclose(curve.prob_true, true)
    np.testing.assert_allclose(curve.prob_pred, predicted)


@SEEDS
def test_quantile_bins_share_the_weight_evenly(seed):
    y, score, _, weight = people(seed, digits=9)
    table = table_of(y, score, np.zeros(len(y), int), weight)
    curve = CalibrationCurve.from_table(table, 0, n_bins=4, strategy="quantile")
    order = np.argsort(score)
    reached = weight[order].cumsum() / weight.sum()
    edges = [score[order][np.flatnonzero(reached >= q)[0]] for q in (0.25, 0.5, 0.75)]
    bins = np.digitize(score, edges, right=True)
    for k in range(4):
        own = bins == k
        assert weight[own].sum() == pytest.approx(weight.sum() / 4, abs=2)
        expected = np.average(score[own], weights=weight[own])
        assert curve.prob_pred[k] == pytest.approx(expected)
        expected = np.average(y[own], weights=weight[own])
        assert curve.prob_true[k] == pytest.approx(expected)
        assert curve.bin_n[k] == pytest.approx(
            weight[own].sum() ** 2 / (weight[own] ** 2).sum()
        )


def test_calibration_intervals_are_those_of_wilson():
    y, score, _, _ = people(3)
    table = table_of(y, score, np.zeros(len(y), int))
    curve = CalibrationCurve.from_table(table, 0, n_bins=6, confidence_level=0.9)
    edges = np.linspace(0, 1, 7)
    bins = np.digitize(score, edges[1:-1], right=True)
    count, n = np.bincount(bins, y), np.bincount(bins)
    low, high = proportion_confint(count, n, alpha=0.1, method="wilson")
    np.testing.assert_allclose(curve.bin_n, n)
    np.testing.assert_allclose(curve.low, low, atol=1e-12)
    np.testing.assert_allclose(curve.high, high, atol=1e-12)


def test_shares_of_a_histogram_are_those_of_the_people():
    y, score, group, weight = people(4, digits=9)
    table = table_of(y, score, group, weight)
    edges = np.linspace(0, 1, 11)
    for code in range(3):
        own = group == code
        shares = CalibrationCurve.from_table(table, code).histogram(edges)
        found, _ = np.histogram(score[own], edges, weights=weight[own])
        np.testing.assert_allclose(shares, found / weight[own].sum())


CURVES = [
    (RocCurve, {}, ("fpr", "tpr", "thresholds", "roc_auc")),
    (PrecisionRecallCurve, {}, ("recall", "precision", "average_precision")),
    (CalibrationCurve, {"strategy": "uniform"}, ("prob_pred", "prob_true")),
    (CalibrationCurve, {"strategy": "quantile"}, ("prob_pred", "prob_true")),
]


@pytest.mark.parametrize(("kind", "options", "names"), CURVES)
def test_integer_weights_are_repeated_rows_and_weightless_rows_are_nobody(
    kind, options, names
):
    y, score, group, _ = people(5)
    times = np.random.default_rng(6).integers(0, 4, len(y))
    weighted = table_of(y, score, group, times)
    repeated = table_of(*(np.repeat(part, times) for part in (y, score, group)))
    for code in range(3):
        a = kind.from_table(weighted, code, **options)
        b = kind.from_table(repeated, code, **options)
        for name in names:
            np.testing.assert_allclose(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize(("kind", "options", "names"), CURVES)
def test_the_order_of_rows_changes_nothing(kind, options, names):
    y, score, group, weight = people(7)
    order = np.random.default_rng(8).permutation(len(y))
    plain = table_of(y, score, group, weight)
    mixed = table_of(y[order], score[order], group[order], weight[order])
    for name in names:
        a, b = (getattr(kind.from_table(t, 1, **options), name) for t in (plain, mixed))
        np.testing.assert_allclose(a, b)


def test_people_are_counted_effectively():
    y, score, group, weight = people(9)
    own = weight[group == 2]
    curve = RocCurve.from_table(table_of(y, score, group, weight), 2)
    assert curve.n == pytest.approx(own.sum() ** 2 / (own**2).sum())
    plain = RocCurve.from_table(table_of(y, score, group), 2)
    assert plain.n == (group == 2).sum()
