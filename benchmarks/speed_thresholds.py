"""ThresholdOptimizer.fit on given scores: against Fairlearn's, and against a sort.

A frozen scorer returns a column of X, so that nothing but the thresholds is timed. Our
objective is compared at the violation that Fairlearn's rule has on the same rows.
"""

import warnings

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer as PeerOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator

from benchmarks._data import accuracy, given_scores, violation
from benchmarks._timing import alternate, write
from fairlearnkit import ThresholdOptimizer

SEED = 0
CONSTRAINTS = ("demographic_parity", "true_positive_rate_parity", "equalized_odds")


class ColumnScorer(ClassifierMixin, BaseEstimator):
    """Probability of the positive class is the first column."""

    def fit(self, X, y):
        """Learn nothing but the labels."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Cut at one half."""
        return self.classes_[(X[:, 0] > 0.5).astype(int)]

    def predict_proba(self, X):
        """Return the column and its complement."""
        return np.column_stack([1 - X[:, 0], X[:, 0]])


SCORER = ColumnScorer().fit(None, [0, 1])


def own(constraint, tolerance, data):
    """Fit ours on given scores."""
    X, y, group = data
    rule = ThresholdOptimizer(
        FrozenEstimator(SCORER), constraint=constraint, tolerance=tolerance
    )
    return rule.fit(X, y, sensitive_features=group)


def peer(constraint, data):
    """Fit Fairlearn's on given scores."""
    X, y, group = data
    rule = PeerOptimizer(
        estimator=SCORER,
        constraints=constraint,
        prefit=True,
        predict_method="predict_proba",
    )
    return rule.fit(X, y, sensitive_features=group)


def against_peer(constraint, n_rows, n_groups):
    """One row of the table: ours and Fairlearn's in turn."""
    data = given_scores(n_rows, n_groups, SEED)
    X, y, group = data
    rule = peer(constraint, data)
    theirs = rule._pmf_predict(X, sensitive_features=group)[:, 1]
    reached = violation(constraint, theirs, y, group)
    ours = own(constraint, reached, data)
    positive = ours.expected_proba(X, sensitive_features=group)[:, 1]
    time = alternate(
        {
            "fairlearn": lambda: peer(constraint, data),
            "ours": lambda: own(constraint, reached, data),
        },
        repeats=5,
    )
    return {
        "constraint": constraint,
        "rows": n_rows,
        "against": "Fairlearn",
        "theirs_s": time["fairlearn"],
        "ours_s": time["ours"],
        "times_faster": time["fairlearn"] / time["ours"],
        "target": ">= 100",
        "violation": violation(constraint, positive, y, group),
        "accuracy_gain": accuracy(positive, y) - accuracy(theirs, y),
        "violation_theirs": reached,
    }


def against_sort(constraint, n_rows, n_groups):
    """One row of the table: ours at the default tolerance and np.argsort in turn."""
    data = given_scores(n_rows, n_groups, SEED)
    time = alternate(
        {
            "argsort": lambda: np.argsort(data[0][:, 0]),
            "ours": lambda: own(constraint, 0.01, data),
        },
        repeats=9,
    )
    return {
        "constraint": constraint,
        "rows": n_rows,
        "against": "np.argsort",
        "theirs_s": time["argsort"],
        "ours_s": time["ours"],
        "times_slower": time["ours"] / time["argsort"],
        "target": "<= 3",
    }


def tolerance_against_exact(n_rows, n_groups):
    """One row of the table: equalized odds with a tolerance, and without."""
    data = given_scores(n_rows, n_groups, SEED)
    time = alternate(
        {
            "exact": lambda: own("equalized_odds", 0.0, data),
            "ours": lambda: own("equalized_odds", 0.02, data),
        },
        repeats=9,
    )
    return {
        "constraint": "equalized_odds",
        "rows": n_rows,
        "against": "tolerance 0",
        "theirs_s": time["exact"],
        "ours_s": time["ours"],
        "times_slower": time["ours"] / time["exact"],
        "target": "<= 2",
    }


def main():
    """Run all comparisons with four groups."""
    warnings.simplefilter("ignore")
    rows = [against_peer(constraint, 100_000, 4) for constraint in CONSTRAINTS]
    rows += [against_sort(constraint, 1_000_000, 4) for constraint in CONSTRAINTS]
    rows.append(tolerance_against_exact(1_000_000, 4))
    write("speed_thresholds", about="four groups, given scores", seed=SEED, rows=rows)
