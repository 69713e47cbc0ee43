"""Calibration measures against statsmodels, loops over people, and their meaning."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import brentq
from scipy.special import expit, logit

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    MetricFrame,
    calibration_intercept,
    calibration_slope,
    expected_calibration_error,
    mean_calibration_error,
    mean_error,
)

FIT = {calibration_slope: "slope", calibration_intercept: "intercept"}


def people(seed=0, n=200, intercept=0.3, slope=0.7):
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n) * 1.5 - 0.5
    y = (rng.random(n) < expit(intercept + slope * odds)).astype(int)
    return y, expit(odds), rng.integers(0, 4, n).astype(float)


def regression(metric, y, p, weight):
    """Design, offset and fit of the recalibration by statsmodels."""
    odds, one = logit(p), np.ones((len(p), 1))
    if metric is calibration_slope:
        design, offset = np.column_stack([one, odds]), 0 * odds
    else:
        design, offset = one, odds
    model = sm.GLM(
        y, design, offset=offset, family=sm.families.Binomial(), freq_weights=weight
    )
    return design, model.fit()


@pytest.mark.parametrize("metric", FIT)
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_error_are_those_of_the_regression(metric, weighted):
    y, p, weight = people()
    weight = weight if weighted else np.ones(len(y))
    kept = weight > 0
    y, p, weight = y[kept], p[kept], weight[kept]
    design, fit = regression(metric, y, p, weight)
    value = metric(y, p, sample_weight=weight)
    assert value == pytest.approx(fit.params[-1], abs=1e-8)

    share = fit.fittedvalues
    rate = weight * share * (1 - share)
    bread = np.linalg.inv(design.T @ (rate[:, None] * design))
    leverage = rate * np.einsum("ij,jk,ik->i", design, bread, design)
    power = 1 if metric is calibration_slope else 2  # HC2, HC3
    square = weight**2 * (y - share) ** 2 / (1 - leverage) ** power
    expected = bread @ (design.T @ (square[:, None] * design)) @ bread

    frame = MetricFrame(
        metrics=metric,
        y_true=y,
        y_pred=p,
        sensitive_features=np.zeros(len(y), int),
        sample_params={"sample_weight": weight},
    )
    found = frame.intervals(0.6826894921, method="normal").iloc[0]
    half = (found["high"] - found["low"]) / 2
    assert half == pytest.approx(np.sqrt(expected[-1, -1]), rel=1e-6)


def test_intercept_makes_observed_and_expected_agree():
    y, p, weight = people(1)

    def excess(shift):
        return (weight * (y - expit(shift + logit(p)))).sum()

    expected = brentq(excess, -5, 5, xtol=1e-13)
    found = calibration_intercept(y, p, sample_weight=weight)
    assert found == pytest.approx(expected, abs=1e-9)


def test_recalibrated_predictions_are_calibrated():
    y, p, _ = people(2)
    slope = calibration_slope(y, p)
    shift = calibration_intercept(y, expit(slope * logit(p)))
    better = expit(shift + slope * logit(p))
    assert calibration_slope(y, better) == pytest.approx(1, abs=1e-8)
    assert calibration_intercept(y, better) == pytest.approx(0, abs=1e-8)
    assert mean_calibration_error(y, better) == pytest.approx(0, abs=1e-9)


def test_slope_and_intercept_follow_the_scale_of_log_odds():
    y, p, _ = people(3)
    assert calibration_slope(y, expit(2 * logit(p) + 1)) == pytest.approx(
        calibration_slope(y, p) / 2
    )
    assert calibration_intercept(y, expit(logit(p) + 1)) == pytest.approx(
        calibration_intercept(y, p) - 1
    )
    # The other label's probabilities are off the other way.
    assert calibration_slope(1 - y, 1 - p) == pytest.approx(calibration_slope(y, p))
    assert calibration_intercept(1 - y, 1 - p) == pytest.approx(
        -calibration_intercept(y, p)
    )


def test_extreme_predictions_are_fitted():
    p = np.array([1e-12, 1e-9, 0.5, 1 - 1e-9, 0.9, 1e-6])
    y = np.array([0, 1, 1, 0, 1, 0])
    _, fit = regression(calibration_slope, y, p, np.ones(6))
    assert calibration_slope(y, p) == pytest.approx(fit.params[-1], rel=1e-3)
    assert np.isfinite(calibration_intercept(y, p))


@pytest.mark.parametrize(
    ("metric", "y", "p"),
    [
        (calibration_intercept, [1, 1, 1], [0.2, 0.3, 0.4]),
        (calibration_slope, [0, 0, 0], [0.2, 0.3, 0.4]),
        (calibration_slope, [0, 1, 0], [0.2, 0.2, 0.2]),
        (calibration_slope, [0, 0, 1, 1], [0.2, 0.3, 0.4, 0.5]),  # separated
        (calibration_slope, [1, 1, 0, 0], [0.2, 0.3, 0.4, 0.5]),  # and reversed
        (calibration_slope, [0, 0, 1, 1], [0.2, 0.3, 0.3, 0.5]),  # but for a tie
    ],
)
def test_what_the_likelihood_does_not_bound_is_undefined(metric, y, p):
    with pytest.warns(FairnessWarning, match=f"{metric.__name__} is undefined"):
        assert np.isnan(metric(y, p))


@pytest.mark.parametrize("metric", FIT)
def test_infinite_log_odds_are_refused(metric):
    with pytest.raises(ValueError, match="2 probabilities of exactly 0 or 1"):
        metric([0, 1, 1, 0], [0.0, 0.4, 1.0, 0.6])


def test_mean_calibration_error_is_observed_minus_expected():
    y, p, weight = people(4)
    expected = np.average(y - p, weights=weight)
    found = mean_calibration_error(y, p, sample_weight=weight)
    assert found == pytest.approx(expected)
    assert found == pytest.approx(-mean_error(y, p, weight))


@pytest.mark.parametrize(
    "metric",
    [*FIT, mean_calibration_error, expected_calibration_error],
)
def test_integer_weights_repeat_rows_in_value_and_their_scale_is_free(metric):
    y, p, weight = people(5)
    times = weight.astype(int)
    weighted = metric(y, p, sample_weight=weight)
    repeated = metric(np.repeat(y, times), np.repeat(p, times))
    assert weighted == pytest.approx(repeated)
    assert metric(y, p, sample_weight=7 * weight) == pytest.approx(weighted)


@pytest.mark.parametrize(
    "metric",
    [*FIT, mean_calibration_error, expected_calibration_error],
)
def test_bad_input_is_named(metric):
    with pytest.raises(ValueError, match="3 rows but y_prob has 2"):
        metric([0, 1, 1], [0.2, 0.3])
    with pytest.raises(ValueError, match="pos_label"):
        metric(["a", "b", "b"], [0.2, 0.3, 0.4])
    with pytest.raises(ValueError, match="non-negative"):
        metric([0, 1, 1], [0.2, 0.3, 0.4], sample_weight=[1, -1, 1])
    with pytest.raises(ValueError, match="no rows"):
        metric([], [])


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
@pytest.mark.parametrize(
    ("metric", "truth"), [*((m, float(m is calibration_slope)) for m in FIT)]
)
@pytest.mark.parametrize("size", [30, 100])
def test_intervals_hold_their_level(metric, truth, size):
    y, p, _ = people(6, n=600 * size, intercept=0, slope=1)
    frame = MetricFrame(
        metrics=metric,
        y_true=y,
        y_pred=p,
        sensitive_features=np.repeat(np.arange(600), size),
    )
    found = frame.intervals().dropna()
    held = ((found["low"] <= truth) & (truth <= found["high"])).mean()
    assert 0.93 <= held <= 0.985  # .95 within two standard errors, or cautious
