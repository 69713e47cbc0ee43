"""Held-out loss of the worst group on bank marketing: methods and the plain model.

Logistic regression, five splits of 70 to 30 stratified by label and group. Age (25 to
59, and others) and marital status make six groups; people outside that age are few and
their errors many.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from benchmarks._timing import write
from fairlearnkit.datasets import load_bank_marketing
from fairlearnkit.inprocessing import (
    DecoupledClassifier,
    GroupDROClassifier,
    MinimaxFairClassifier,
)
from fairlearnkit.model_selection import train_test_split

SEED = 0
SPLITS = 5
BASE = LogisticRegression(solver="newton-cholesky")


def methods():
    """Every method, by name; None is the plain model."""
    shared = {"sensitive_features": "group", "drop_sensitive": True}
    return {
        "plain": None,
        "minimax, error": MinimaxFairClassifier(BASE, **shared),
        "minimax, slack 0.01": MinimaxFairClassifier(BASE, slack=0.01, **shared),
        "minimax, log loss": MinimaxFairClassifier(BASE, loss="log_loss", **shared),
        "group DRO": GroupDROClassifier(**shared),
        "decoupled": DecoupledClassifier(BASE, **shared),
    }


def measure(name, X, y):
    """One row: means over the splits, and the standard error of the worst error."""
    found = []
    for seed in range(SPLITS):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, sensitive_features=X["group"], test_size=0.3, random_state=seed
        )[:4]
        model, group = methods()[name], X_test["group"]
        if model is None:
            model = BASE
            X_train, X_test = (part.drop(columns="group") for part in (X_train, X_test))
        model.fit(X_train, y_train)
        proba = model.predict_proba(X_test)
        decided = (proba[:, 1] > 0.5).astype(float)
        if hasattr(model, "expected_proba"):
            decided = model.expected_proba(X_test)[:, 1]
        wrong = np.where(y_test == 1, 1 - decided, decided)
        likelihood = np.where(y_test == 1, proba[:, 1], proba[:, 0])
        people = pd.DataFrame({"error": wrong, "log": -np.log(likelihood)})
        worst = people.groupby(group.to_numpy()).mean().max()
        found.append((wrong.mean(), worst["error"], worst["log"]))
    error, worst, log = np.mean(found, axis=0)
    return {
        "method": name,
        "error": float(error),
        "worst_group_error": float(worst),
        "standard_error": float(np.std(found, axis=0, ddof=1)[1] / SPLITS**0.5),
        "worst_group_log_loss": float(log),
        "target": "worst group below plain",
    }


def main():
    """Run every method."""
    warnings.simplefilter("ignore")
    bank = load_bank_marketing()
    X = pd.get_dummies(bank.data, dtype=float)
    X = (X - X.mean()) / X.std()
    groups = bank.sensitive_features.astype(str)
    X["group"] = groups["age_group"] + ", " + groups["marital"]
    y = np.asarray(bank.target).astype(int)
    rows = [measure(name, X, y) for name in methods()]
    about = "error and log loss of the worst of six groups, on held-out rows"
    write("worst_group", about=about, seed=SEED, rows=rows)
