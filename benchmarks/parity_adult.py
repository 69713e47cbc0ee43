"""Held-out accuracy at demographic parity on Adult: thresholds, and group-blind rules.

Gradient boosting, five splits of 70 to 30 stratified by label and sex. Published: the
best of 13 methods has .8485 at a gap of selection rates of .0067, and .8567 at .0313
(Zeng, Jiang, Cheng and Dobriban's comparison, 50 seeds).
"""

import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks._data import violation
from benchmarks._timing import write
from fairlearnkit.datasets import load_adult
from fairlearnkit.model_selection import train_test_split
from fairlearnkit.postprocessing import LinearPostClassifier, ThresholdOptimizer

SEED = 0
SPLITS = 5
# Published gap: published accuracy.
PUBLISHED = {0.0067: 0.8485, 0.0313: 0.8567}
# Tolerances at which each method's held-out gap comes near the published gaps.
TOLERANCES = {
    "thresholds": (0.001, 0.027),
    "linear, aware": (0.001, 0.026),
    "linear, blind": (0.005, 0.031),
}
BASE = HistGradientBoostingClassifier(random_state=0)


def methods(tolerance):
    """Every method, by name."""
    shared = {"sensitive_features": "sex", "tolerance": tolerance}
    return {
        "thresholds": ThresholdOptimizer(BASE, **shared),
        "linear, aware": LinearPostClassifier(BASE, use_groups=True, **shared),
        "linear, blind": LinearPostClassifier(BASE, drop_sensitive=True, **shared),
    }


def measure(name, tolerance, target, X, y):
    """One row: mean and standard error over the splits."""
    accuracy, gap = [], []
    for seed in range(SPLITS):
        parts = train_test_split(
            X, y, sensitive_features=X["sex"], test_size=0.3, random_state=seed
        )
        X_train, X_test, y_train, y_test = parts[:4]
        model = methods(tolerance)[name].fit(X_train, y_train)
        decision = (model.predict(X_test) == 1).astype(float)
        truth = y_test.to_numpy()
        accuracy.append(np.mean(decision == truth))
        sex = X_test["sex"].astype(str).to_numpy()
        gap.append(violation("demographic_parity", decision, truth, sex))
    return {
        "method": name,
        "tolerance": tolerance,
        "accuracy": float(np.mean(accuracy)),
        "standard_error": float(np.std(accuracy, ddof=1) / SPLITS**0.5),
        "gap": float(np.mean(gap)),
        "published_gap": target,
        "published": PUBLISHED[target],
        "target": "above published",
    }


def main():
    """Run every method at both tolerances."""
    warnings.simplefilter("ignore")
    X, y = load_adult(return_X_y=True)
    rows = [
        measure(name, tolerance, target, X, y)
        for name, tolerances in TOLERANCES.items()
        for tolerance, target in zip(tolerances, PUBLISHED, strict=True)
    ]
    about = "accuracy and gap of selection rates on held-out rows"
    write("parity_adult", about=about, seed=SEED, rows=rows)
