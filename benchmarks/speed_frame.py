"""MetricFrame of eight rates against Fairlearn's: plain, bootstrapped, and its memory.

Groups come as integers, as text and as two crossed columns. Fairlearn's bootstrap is
timed on a few replicates and scaled to a thousand. Memory is the peak of a fresh
process over its inputs.
"""

import resource
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pandas as pd
from fairlearn import metrics as peer
from sklearn.metrics import accuracy_score, precision_score, zero_one_loss

from benchmarks._timing import alternate, write
from fairlearnkit import metrics as own

SEED = 0
NAMES = (
    "selection_rate",
    "true_positive_rate",
    "false_negative_rate",
    "false_positive_rate",
    "true_negative_rate",
)
SHARED = {
    "accuracy": accuracy_score,
    "error_rate": zero_one_loss,
    "precision": precision_score,
}
FEW = 2  # replicates that Fairlearn is timed on


def draw(n_rows, n_groups, kind):
    """Labels, predictions and groups: integers, text, or two columns of integers."""
    rng = np.random.default_rng(SEED)
    y = rng.integers(0, 2, n_rows)
    predicted = y ^ (rng.random(n_rows) < 0.2)
    if kind == "crossed":
        side = round(n_groups**0.5)
        columns = {"a": n_groups // side, "b": side}
        groups = {name: rng.integers(0, k, n_rows) for name, k in columns.items()}
        return y, predicted, pd.DataFrame(groups)
    group = rng.integers(0, n_groups, n_rows)
    if kind == "text":
        group = np.array([f"group {k}" for k in range(n_groups)])[group]
    return y, predicted, pd.Series(group, name="group")


def frame(package, data, **options):
    """Every number that a reader of the frame looks at."""
    y, predicted, groups = data
    functions = {name: getattr(package, name) for name in NAMES} | SHARED
    made = package.MetricFrame(
        metrics=functions,
        y_true=y,
        y_pred=predicted,
        sensitive_features=groups,
        random_state=SEED,
        **options,
    )
    found = [made.by_group, made.overall, made.difference(), made.ratio()]
    if options:
        found += [made.by_group_ci, made.difference_ci()]
    return found


def compare(kind, n_groups, n_boot=None):
    """One row: ours and Fairlearn's in turn, after a check that they agree."""
    data = draw(100_000, n_groups, kind)
    for mine, theirs in zip(frame(own, data), frame(peer, data), strict=True):
        np.testing.assert_allclose(
            mine.to_numpy(float), theirs.to_numpy(float), rtol=1e-12
        )
    options, few = {}, {}
    if n_boot:
        quantiles = {"ci_quantiles": [0.025, 0.975]}
        options, few = {"n_boot": n_boot} | quantiles, {"n_boot": FEW} | quantiles
    tasks = {
        "theirs": partial(frame, peer, data, **few),
        "plain": partial(frame, peer, data),
        "ours": partial(frame, own, data, **options),
    }
    time = alternate(tasks, repeats=3 if n_boot else 5)
    theirs = time["theirs"]
    if n_boot:
        theirs = time["plain"] + (time["theirs"] - time["plain"]) / FEW * n_boot
    return {
        "rows": 100_000,
        "groups": f"{n_groups} {kind}",
        "replicates": n_boot or 0,
        "theirs_s": theirs,
        "ours_s": time["ours"],
        "times_faster": theirs / time["ours"],
        "target": ">= 2000" if n_boot else ">= 500",
    }


def growth():
    """One row for each size: a hundred intersections beside two groups."""
    rows = []
    for n_rows in (100_000, 1_000_000):
        tasks = {n: partial(frame, own, draw(n_rows, n, "crossed")) for n in (2, 100)}
        time = alternate({str(n): task for n, task in tasks.items()}, repeats=15)
        rows.append(
            {
                "rows": n_rows,
                "groups": "100 against 2 crossed",
                "theirs_s": time["2"],
                "ours_s": time["100"],
                "times_slower": time["100"] / time["2"],
                "target": "<= 1.5",
            }
        )
    return rows


def memory(kind, n_rows=10_000_000):
    """One row: peak memory of a fresh process, over its inputs."""
    code = f"from benchmarks.speed_frame import peak; peak({kind!r}, {n_rows})"
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    inputs, most = map(float, found.stdout.split())
    return {
        "rows": n_rows,
        "groups": f"2 {kind}",
        "inputs_mb": inputs,
        "peak_over_inputs": most / inputs,
        "target": "<= 2",
    }


def peak(kind, n_rows):
    """Print megabytes of the inputs, and of what the process took from before them."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rng = np.random.default_rng(SEED)
    y, predicted = rng.integers(0, 2, (2, n_rows), dtype=np.int64)
    groups = rng.integers(0, 2, (2 if kind == "crossed" else 1, n_rows))
    data = y, predicted, dict(zip("ab", groups, strict=False))
    inputs = sum(a.nbytes for a in (y, predicted, groups)) / 2**20
    frame(own, data)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(inputs, most - before)


def main():
    """Run every comparison."""
    warnings.simplefilter("ignore")
    rows = [
        compare(kind, n_groups)
        for kind, n_groups in (
            ("integers", 2),
            ("text", 2),
            ("integers", 10),
            ("text", 10),
            ("crossed", 100),
        )
    ]
    rows += [compare("integers", 2, 1000), compare("crossed", 100, 1000)]
    rows += growth()
    rows += [memory("integers"), memory("crossed")]
    write(
        "speed_frame",
        about="MetricFrame of eight rates, by group, overall, difference and ratio",
        seed=SEED,
        rows=rows,
    )
