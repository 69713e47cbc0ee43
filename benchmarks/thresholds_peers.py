"""Thresholds on given scores against peers: objective at their violation, and time.

Each peer solves the same training problem; ours is then asked for the violation that
the peer's rule has on these rows. Peers that are not installed are left out: ``pip
install error-parity oxonfair aif360`` brings them, with older numpy and cvxpy, so use
an environment of its own and install this package there without dependencies.
"""

import time
import warnings
from functools import partial
from importlib.util import find_spec

import numpy as np
from scipy.special import logit
from sklearn.frozen import FrozenEstimator

from benchmarks._data import accuracy, given_scores, violation
from benchmarks._timing import alternate, write
from benchmarks.speed_thresholds import SCORER, peer
from fairlearnkit.postprocessing import RejectOptionClassifier, ThresholdOptimizer

SEED = 0


def fairlearn(constraint, X, y, group, tolerance):
    """Expected decisions of Fairlearn's rule, at parity."""
    rule = peer(constraint, (X, y, group))
    return rule._pmf_predict(X, sensitive_features=group)[:, 1]


def error_parity(constraint, X, y, group, tolerance):
    """Expected decisions of error-parity's rule: its rates, by group and label."""
    from error_parity import RelaxedThresholdOptimizer

    rule = RelaxedThresholdOptimizer(
        predictor=lambda X: X[:, 0], constraint=constraint, tolerance=tolerance
    )
    rule.fit(X, y, group=group)
    rates = np.array(rule.groupwise_roc_points)  # false and true positive rate
    return rates[group, y]


def oxonfair(constraint, X, y, group, tolerance):
    """Decisions of OxonFair's thresholds."""
    from oxonfair import DeepDataDict, DeepFairPredictor
    from oxonfair.utils import group_metrics

    measure = {
        "demographic_parity": group_metrics.demographic_parity,
        "true_positive_rate_parity": group_metrics.recall.diff,
        "equalized_odds": group_metrics.equalized_odds_max,
    }[constraint]
    score = logit(np.clip(X, 1e-6, 1 - 1e-6))
    rule = DeepFairPredictor(y, score, group, use_actual_groups=True)
    rule.fit(group_metrics.accuracy, measure, tolerance)
    return np.asarray(rule.predict(DeepDataDict(y, score, group))).ravel()


PEERS = {
    "fairlearn": fairlearn,
    "error_parity": error_parity,
    "oxonfair": oxonfair,
}
CONSTRAINTS = ("demographic_parity", "true_positive_rate_parity", "equalized_odds")


def at_their_violation(name, constraint, n_rows, n_groups, tolerance):
    """One row: a peer's rule, and ours at its violation."""
    X, y, group = given_scores(n_rows, n_groups, SEED)
    start = time.process_time()
    theirs = PEERS[name](constraint, X, y, group, tolerance)
    spent = time.process_time() - start
    reached = violation(constraint, theirs, y, group)
    rule = ThresholdOptimizer(
        FrozenEstimator(SCORER), constraint=constraint, tolerance=reached
    )
    fit = partial(rule.fit, X, y, sensitive_features=group)
    own = alternate({"ours": fit}, repeats=5)["ours"]
    ours = rule.expected_proba(X, sensitive_features=group)[:, 1]
    return {
        "against": name,
        "constraint": constraint,
        "rows": n_rows,
        "groups": n_groups,
        "violation_theirs": reached,
        "violation": violation(constraint, ours, y, group),
        "accuracy_theirs": accuracy(theirs, y),
        "accuracy": accuracy(ours, y),
        "gain": accuracy(ours, y) - accuracy(theirs, y),
        "target": "gain >= 0",
        "theirs_s": spent,
        "ours_s": own,
        "times_faster": spent / own,
    }


def reject_option(n_rows):
    """One row: AIF360's grid of critical regions, and all regions at once."""
    import pandas as pd
    from aif360.algorithms.postprocessing import RejectOptionClassification
    from aif360.datasets import BinaryLabelDataset

    X, y, group = given_scores(n_rows, 2, SEED)
    frame = pd.DataFrame({"score": X[:, 0], "group": group, "label": y})
    options = {"label_names": ["label"], "protected_attribute_names": ["group"]}
    truth = BinaryLabelDataset(df=frame, scores_names=["score"], **options)
    predicted = truth.copy()
    predicted.labels = (predicted.scores > 0.5).astype(float)
    rule = RejectOptionClassification(
        unprivileged_groups=[{"group": 0}],
        privileged_groups=[{"group": 1}],
        metric_name="Statistical parity difference",
    )
    start = time.process_time()
    found = rule.fit(truth, predicted).predict(predicted).labels.ravel()
    spent = time.process_time() - start
    ours = RejectOptionClassifier(
        FrozenEstimator(SCORER), objective="balanced_accuracy", deprived=0
    )
    fit = partial(ours.fit, X, y, sensitive_features=group)
    own = alternate({"ours": fit}, repeats=5)["ours"]
    decided = ours.predict(X, sensitive_features=group)
    return {
        "against": "aif360 reject option",
        "constraint": "demographic_parity",
        "rows": n_rows,
        "groups": 2,
        "violation_theirs": violation("demographic_parity", found, y, group),
        "violation": violation("demographic_parity", decided, y, group),
        "accuracy_theirs": accuracy(found, y),
        "accuracy": accuracy(decided, y),
        "target": ">= 5000 times",
        "theirs_s": spent,
        "ours_s": own,
        "times_faster": spent / own,
    }


def main():
    """Run every peer that is installed."""
    warnings.simplefilter("ignore")
    rows = [
        at_their_violation(name, constraint, 20_000, n_groups, 0.02)
        for name in PEERS
        if find_spec(name)
        for constraint in CONSTRAINTS
        for n_groups in (2, 3)
    ]
    if find_spec("aif360"):
        rows += [reject_option(n_rows) for n_rows in (10_000, 100_000)]
    about = "accuracy at the peer's own violation, on the rows that both were fitted on"
    write("thresholds_peers", about=about, seed=SEED, rows=rows)
