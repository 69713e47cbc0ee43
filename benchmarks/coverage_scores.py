"""How often nominal 95 % intervals of metrics of scores hold the truth in one group.

Scores are normal with equal spread for both labels, three people of ten are positive.
"Calibrated" predictions are the true probabilities; "overconfident" ones have a
calibration slope of 0.6 and an intercept of 0.5. Each method of each metric's interval
is measured, the default first; groups in which the metric is undefined are left out of
the count, and their share is given.
"""

import warnings

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn import metrics as sk

from benchmarks._timing import write
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    AreasUnderCurve,
    AveragePrecisions,
    MetricFrame,
    calibration_intercept,
    calibration_slope,
    expected_calibration_error,
    mean_calibration_error,
)

SEED = 0
REPEATS, LARGE = 1000, 1_000_000
SIZES = (20, 50, 200, 1000)
AUCS = (0.5, 0.7, 0.9, 0.97)
SHARE = 0.3
SHIFTS = {"calibrated": (0.0, 1.0), "overconfident": (0.5, 0.6)}
RANKING = {
    sk.roc_auc_score: AreasUnderCurve.methods,
    sk.average_precision_score: AveragePrecisions.methods,
}
PROBABILITIES = {
    sk.brier_score_loss: ("hall", "t"),
    sk.log_loss: ("hall", "t"),
    mean_calibration_error: ("t", "normal"),
    calibration_intercept: ("t", "normal"),
    calibration_slope: ("t", "normal"),
    expected_calibration_error: ("inversion",),
}


def draw(rng, auc, n, predictions):
    """Labels, and predicted probabilities of this AUC."""
    distance = norm.ppf(auc) * np.sqrt(2)
    y = (rng.random(n) < SHARE).astype(int)
    score = rng.normal(size=n) + distance * y
    odds = logit(SHARE) + distance * score - distance**2 / 2
    if auc == 0.5:  # all the same: rank by something that means nothing
        odds = odds + 0.5 * rng.normal(size=n)
    intercept, slope = SHIFTS[predictions]
    return y, np.clip(expit((odds - intercept) / slope), 1e-9, 1 - 1e-9)


def truth_of(metric, auc, predictions):
    """The population's value: exact, or of a large sample."""
    if metric is sk.roc_auc_score:
        return auc
    if metric is sk.average_precision_score:
        return average_precision(auc)
    if predictions == "calibrated":
        exact = {calibration_slope: 1.0, calibration_intercept: 0.0}
        exact |= {mean_calibration_error: 0.0, expected_calibration_error: 0.0}
        if metric in exact:
            return exact[metric]
    elif metric is calibration_slope:
        return SHIFTS[predictions][1]
    rng = np.random.default_rng(SEED + 1)
    return metric(*draw(rng, auc, LARGE, predictions))


def average_precision(auc):
    """Mean precision over the positives' scores, by integration."""
    distance = norm.ppf(auc) * np.sqrt(2)
    score = np.linspace(-10, 10 + distance, 100_001)
    hits = SHARE * norm.sf(score, distance)
    precision = hits / (hits + (1 - SHARE) * norm.sf(score))
    return float(trapezoid(precision * norm.pdf(score, distance), score))


def measure(metrics, auc, size, predictions):
    """Rows of the table for one population and one size of group."""
    rng = np.random.default_rng(SEED)
    y, p = draw(rng, auc, size * REPEATS, predictions)
    group = np.repeat(np.arange(REPEATS), size)
    rows = []
    for metric, methods in metrics.items():
        truth = truth_of(metric, auc, predictions)
        frame = MetricFrame(
            metrics=metric, y_true=y, y_pred=p, sensitive_features=group
        )
        for method in methods:
            found = frame.intervals(method=method).dropna()
            held = (found["low"] <= truth + 1e-9) & (truth <= found["high"] + 1e-9)
            rows.append(
                {
                    "metric": metric.__name__,
                    "method": method,
                    "predictions": predictions,
                    "auc": auc,
                    "group_size": size,
                    "truth": float(truth),
                    "mean_value": float(found["value"].mean()),
                    "undefined": 1 - len(found) / REPEATS,
                    "coverage": float(held.mean()),
                    "median_width": float((found["high"] - found["low"]).median()),
                    "target": ".93 to .975",
                }
            )
    return rows


def main():
    """Run every metric, AUC, size of group and kind of prediction."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        for size in SIZES:
            for auc in AUCS:
                rows += measure(RANKING, auc, size, "calibrated")
            for auc in AUCS[1:]:
                for predictions in SHIFTS:
                    rows += measure(PROBABILITIES, auc, size, predictions)
    write(
        "coverage_scores",
        about=f"nominal 95 %, {REPEATS} groups each (standard error .007)",
        seed=SEED,
        rows=sorted(rows, key=lambda row: row["metric"]),
    )
