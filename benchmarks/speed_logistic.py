"""FairLogisticRegression on mean scores: against scikit-learn's plain fit and cvxpy.

The plain fit is scikit-learn's own of the same precision; cvxpy solves the constrained
problem. Peak memory is measured beside the data, in a run of its own.
"""

import tracemalloc
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks._timing import alternate, write
from fairlearnkit.inprocessing import FairLogisticRegression

SEED = 0
TOL = 1e-6


def people(n_rows, n_columns):
    """Gaussian features, two groups of unlike means, labels that follow some."""
    rng = np.random.default_rng(SEED)
    group = rng.integers(0, 2, n_rows)
    X = rng.normal(size=(n_rows, n_columns))
    X += np.outer(group, rng.normal(scale=0.3, size=n_columns))
    signal = X @ rng.normal(size=n_columns) / np.sqrt(n_columns) + 0.5 * group
    return X, (signal + rng.logistic(size=n_rows) > 0).astype(int), group


def fair(data, tolerance, **options):
    """Fit ours, with equalized odds: two rates."""
    X, y, group = data
    model = FairLogisticRegression(
        constraint="equalized_odds", tolerance=tolerance, tol=TOL, **options
    )
    return model.fit(X, y, sensitive_features=group)


def largest_slope(data, plain):
    """Of scikit-learn's mean objective, at its solution."""
    X, y, _ = data
    residual = plain.predict_proba(X)[:, 1] - y
    slope = (X.T @ residual + plain.coef_[0]) / len(y)
    return float(max(np.abs(slope).max(), abs(residual.mean())))


def against_plain(n_rows, n_columns, solver, repeats):
    """Two rows of the table: ours at both tolerances, and scikit-learn's lbfgs."""
    data = people(n_rows, n_columns)
    plain = LogisticRegression(tol=TOL, max_iter=1000)
    time = alternate(
        {
            "plain": lambda: plain.fit(*data[:2]),
            0.0: lambda: fair(data, 0.0, solver=solver),
            0.1: lambda: fair(data, 0.1, solver=solver),
        },
        repeats=repeats,
    )
    return [
        {
            "rows": n_rows,
            "columns": n_columns,
            "solver": solver,
            "tolerance": tolerance,
            "against": "LogisticRegression",
            "theirs_s": time["plain"],
            "ours_s": time[tolerance],
            "times_slower": time[tolerance] / time["plain"],
            "target": target,
            "slope_theirs": largest_slope(data, plain),
        }
        for tolerance, target in ((0.0, "<= 3"), (0.1, "<= 8"))
    ]


def against_cvxpy(n_rows, n_columns, tolerance):
    """One row of the table: ours, and the same problem by cvxpy."""
    data = people(n_rows, n_columns)
    found = {}

    def reference():
        found["cvxpy"] = fair(data, tolerance, solver="cvxpy")

    def ours():
        found["ours"] = fair(data, tolerance)

    time = alternate({"cvxpy": reference, "ours": ours}, repeats=1, warm_up=False)
    return {
        "rows": n_rows,
        "columns": n_columns,
        "solver": "auto",
        "tolerance": tolerance,
        "against": "cvxpy",
        "theirs_s": time["cvxpy"],
        "ours_s": time["ours"],
        "times_faster": time["cvxpy"] / time["ours"],
        "target": ">= 50",
        "objective_gain": found["cvxpy"].objective_ - found["ours"].objective_,
    }


def memory(n_rows, n_columns):
    """One row of the table: peak of what a fit allocates, beside the data."""
    data = people(n_rows, n_columns)
    tracemalloc.start()
    fair(data, 0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "rows": n_rows,
        "columns": n_columns,
        "solver": "auto",
        "tolerance": 0.1,
        "against": "memory",
        "data_and_peak_over_data": 1 + peak / data[0].nbytes,
        "target": "<= 3",
    }


def main():
    """Run all comparisons."""
    warnings.simplefilter("ignore")
    rows = against_plain(100_000, 50, "auto", 3)
    rows += against_plain(100_000, 50, "lbfgs", 3)
    rows += [against_cvxpy(10_000, 30, tolerance) for tolerance in (0.0, 0.1)]
    rows.append(memory(1_000_000, 50))
    write("speed_logistic", about="two groups, equalized odds", seed=SEED, rows=rows)
