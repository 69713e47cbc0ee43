"""scikit-learn's metrics of scores, off tables, against scikit-learn."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    MetricFrame,
    calibration_intercept,
    calibration_slope,
    disparity,
    expected_calibration_error,
    make_derived_metric,
    mean_calibration_error,
)
from fairlearnkit.metrics._readers import reader_of

SKLEARN = [roc_auc_score, average_precision_score, brier_score_loss, log_loss]
OWN = [
    calibration_intercept,
    calibration_slope,
    expected_calibration_error,
    mean_calibration_error,
]


def people(seed=0, n=300):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    score = np.clip(0.25 + 0.4 * y + 0.25 * rng.normal(size=n), 0.02, 0.98)
    return y, score.round(2), rng.integers(0, 3, n), rng.integers(0, 4, n).astype(float)


def frame_of(metric, y, score, group, weight=None, **options):
    params = None if weight is None else {"sample_weight": weight}
    return MetricFrame(
        metrics=metric,
        y_true=y,
        y_pred=score,
        sensitive_features=group,
        sample_params=params,
        **options,
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", SKLEARN + OWN)
def test_frame_gives_the_numbers_of_the_function(metric, weighted):
    assert reader_of(metric) is not None
    y, score, group, weight = people()
    weight = weight if weighted else None
    frame = frame_of(metric, y, score, group, weight)
    for g in range(3):
        own = group == g
        params = {} if weight is None else {"sample_weight": weight[own]}
        expected = metric(y[own], score[own], **params)
        assert frame.by_group[g] == pytest.approx(expected, abs=1e-12)
    params = {} if weight is None else {"sample_weight": weight}
    assert frame.overall == pytest.approx(metric(y, score, **params), abs=1e-12)


@pytest.mark.parametrize("metric", [roc_auc_score, log_loss])
@pytest.mark.parametrize("labels", [("no", "yes"), (1, 2), (False, True), (-1, 1)])
def test_the_greater_label_is_positive_as_in_scikit_learn(metric, labels):
    y, score, group, _ = people()
    named = np.array(labels)[y]
    frame = frame_of(metric, named, score, group)
    assert frame.overall == pytest.approx(metric(named, score), abs=1e-12)


def test_named_positive_class_is_passed_on():
    y, score, group, _ = people()
    named = np.array(["yes", "no"])[y]
    for metric in (average_precision_score, brier_score_loss):
        named_metric = partial(metric, pos_label="yes")
        assert reader_of(named_metric) is not None
        found = frame_of(named_metric, named, 1 - score, group).overall
        assert found == pytest.approx(metric(named, 1 - score, pos_label="yes"))
    for metric in OWN:
        named_metric = partial(metric, pos_label="yes")
        found = frame_of(named_metric, named, 1 - score, group).overall
        assert found == pytest.approx(metric(1 - y, 1 - score))
    numbered = frame_of(brier_score_loss, y + 1, score, group).overall
    assert numbered == pytest.approx(brier_score_loss(y + 1, score))


def test_unsupported_options_are_left_to_scikit_learn():
    assert reader_of(partial(roc_auc_score, max_fpr=0.1)) is None
    assert reader_of(partial(log_loss, normalize=False)) is None
    assert reader_of(partial(log_loss, labels=[0, 1, 2])) is None
    assert reader_of(partial(log_loss, labels=[0, 1])) is not None
    y, score, group, _ = people()
    partial_auc = partial(roc_auc_score, max_fpr=0.2)
    frame = frame_of(partial_auc, y, score, group)
    for g in range(3):
        expected = partial_auc(y[group == g], score[group == g])
        assert frame.by_group[g] == pytest.approx(expected)


def test_log_loss_of_wrong_certainty_is_scikit_learns():
    y, score = [0, 1, 1, 0, 1, 0], np.array([1.0, 0.0, 1.0, 0.0, 0.5, 0.2])
    group = list("aaabbb")
    frame = frame_of(log_loss, y, score, group)
    assert frame.overall == pytest.approx(log_loss(y, score), rel=1e-12)
    short = score.astype(np.float32)
    found = frame_of(log_loss, y, short, group).overall
    assert found == pytest.approx(log_loss(y, short), rel=1e-6)


def test_losses_need_no_second_label_in_a_group():
    y, score, group = [0, 1, 1, 1], [0.1, 0.6, 0.7, 0.9], list("aabb")
    by_group = frame_of(log_loss, y, score, group).by_group
    assert by_group["b"] == pytest.approx(-np.log([0.7, 0.9]).mean())
    by_group = frame_of(brier_score_loss, y, score, group).by_group
    assert by_group["b"] == pytest.approx((0.3**2 + 0.1**2) / 2)


@pytest.mark.parametrize(
    "metric",
    [
        roc_auc_score,
        average_precision_score,
        calibration_intercept,
        calibration_slope,
    ],
)
def test_a_group_with_one_label_is_undefined_and_named(metric):
    y = np.array([0, 1, 0, 1] * 5 + [1] * 20)
    score = np.linspace(0.1, 0.9, 40)[np.random.default_rng(0).permutation(40)]
    with pytest.warns(FairnessWarning, match=rf"{metric.__name__} .*\['b'\]"):
        frame = frame_of(metric, y, score, ["a"] * 20 + ["b"] * 20)
    assert np.isnan(frame.by_group["b"])
    assert not np.isnan(frame.by_group["a"])


@pytest.mark.parametrize("metric", SKLEARN + OWN)
def test_probabilities_and_scores_are_checked(metric):
    y, score, group, _ = people()
    with pytest.raises(ValueError, match="missing or infinite"):
        frame_of(metric, y, np.where(np.arange(300) == 7, np.nan, score), group)
    with pytest.raises(ValueError, match=r"more than two labels|pos_label"):
        frame_of(metric, np.arange(300) % 3, score, group)
    if metric not in (roc_auc_score, average_precision_score):
        with pytest.raises(ValueError, match=r"outside of \[0, 1\]"):
            frame_of(metric, y, score + 0.5, group)


@pytest.mark.parametrize("metric", SKLEARN + OWN)
def test_containers_and_names_of_groups_change_nothing(metric):
    y, score, group, weight = people()
    sex = np.array(["m", "f", "x"])[group]
    expected = disparity(
        y, score, metric, sensitive_features=group, sample_weight=weight
    )
    data = pd.DataFrame({"y": y, "p": score, "sex": sex, "w": weight})
    for frame in (data, pl.from_pandas(data)):
        found = disparity(
            frame["y"],
            frame["p"],
            metric,
            sensitive_features=frame["sex"],
            sample_weight=frame["w"],
        )
        for name in ("value", "low", "high"):
            assert getattr(found, name) == pytest.approx(
                getattr(expected, name), abs=1e-9
            )


@pytest.mark.parametrize("metric", SKLEARN + OWN)
def test_derived_metric_is_the_largest_difference(metric):
    y, score, group, weight = people()
    derived = make_derived_metric(metric=metric, transform="difference")
    found = derived(y, score, sensitive_features=group, sample_weight=weight)
    values = [
        metric(y[own], score[own], sample_weight=weight[own])
        for own in (group == g for g in range(3))
    ]
    assert found == pytest.approx(max(values) - min(values))


@pytest.mark.parametrize("metric", SKLEARN + OWN)
def test_intervals_and_replicates_surround_the_value(metric):
    y, score, group, _ = people(n=600)
    frame = frame_of(
        metric, y, score, group, n_boot=5, ci_quantiles=[0.1, 0.9], random_state=0
    )
    found = frame.intervals()
    assert (found["low"] < found["high"]).all()
    if metric is not expected_calibration_error:  # whose value is biased
        assert (found["low"] <= found["value"]).all()
        assert (found["value"] <= found["high"]).all()
    low, high = frame.by_group_ci
    assert (low <= high).all()
    gap = frame.disparities().iloc[0]
    assert 0 <= gap["low"] <= gap["high"]
    assert 0 <= gap["p_value"] <= 1
