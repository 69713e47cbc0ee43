"""Eight rates by group: against Fairlearn's MetricFrame, and against reading the data.

Both give every rate by group and overall; ours is timed once without intervals and once
with Wilson's.
"""

import warnings
from functools import partial

import numpy as np
from fairlearn.metrics import (
    MetricFrame,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_negative_rate,
    true_positive_rate,
)
from sklearn.metrics import accuracy_score, precision_score, zero_one_loss

from benchmarks._timing import alternate, write
from fairlearnkit.constraints import Rate
from fairlearnkit.metrics import rate_by_group
from fairlearnkit.tables import GroupCounts

SEED = 0
ALL = [[1, 1], [1, 1]]
RATES = {
    "selection_rate": ([[0, 1], [0, 1]], ALL, selection_rate),
    "true_positive_rate": ([[0, 0], [0, 1]], [[0, 0], [1, 1]], true_positive_rate),
    "false_negative_rate": ([[0, 0], [1, 0]], [[0, 0], [1, 1]], false_negative_rate),
    "false_positive_rate": ([[0, 1], [0, 0]], [[1, 1], [0, 0]], false_positive_rate),
    "true_negative_rate": ([[1, 0], [0, 0]], [[1, 1], [0, 0]], true_negative_rate),
    "accuracy": ([[1, 0], [0, 1]], ALL, accuracy_score),
    "error_rate": ([[0, 1], [1, 0]], ALL, zero_one_loss),
    "precision": ([[0, 0], [0, 1]], [[0, 1], [0, 1]], precision_score),
}
OWN = [Rate(name, top, base) for name, (top, base, _) in RATES.items()]
PEER = {name: function for name, (_, _, function) in RATES.items()}


def draw(n_rows, n_groups, dtype):
    """Labels, predictions and groups of a model that is right four times in five."""
    rng = np.random.default_rng(SEED)
    y = rng.integers(0, 2, n_rows)
    wrong = rng.random(n_rows) < 0.2
    group = rng.integers(0, n_groups, n_rows)
    return [column.astype(dtype) for column in (y, y ^ wrong, group)]


def own_rates(y, predicted, group):
    """Every rate by group and overall."""
    table = GroupCounts.from_arrays(y, predicted, sensitive_features=group)
    overall = table.overall().counts
    return [(rate.of(table.counts), rate.of(overall)) for rate in OWN]


def own_intervals(y, predicted, group):
    """The same with an interval each."""
    table = GroupCounts.from_arrays(y, predicted, sensitive_features=group)
    overall = table.overall()
    tables = table, overall
    return [[rate_by_group(t, rate).interval() for t in tables] for rate in OWN]


def peer_rates(y, predicted, group):
    """The same eight rates by Fairlearn."""
    frame = MetricFrame(
        metrics=PEER, y_true=y, y_pred=predicted, sensitive_features=group
    )
    return frame.by_group, frame.overall


def read(y, predicted, group):
    """Read the three arrays once."""
    return y.sum(), predicted.sum(), group.sum()


def against_peer(n_rows, n_groups):
    """One row of the table: ours and Fairlearn's in turn."""
    data = draw(n_rows, n_groups, np.int64)
    by_group, _ = peer_rates(*data)
    values = np.array([value for value, _ in own_rates(*data)])
    np.testing.assert_allclose(values, by_group.to_numpy().T)
    time = alternate(
        {
            "fairlearn": partial(peer_rates, *data),
            "ours": partial(own_rates, *data),
            "intervals": partial(own_intervals, *data),
        },
        repeats=5,
    )
    return {
        "rows": n_rows,
        "groups": n_groups,
        "dtype": "int64",
        "against": "MetricFrame",
        "theirs_s": time["fairlearn"],
        "ours_s": time["ours"],
        "with_intervals_s": time["intervals"],
        "times_faster": time["fairlearn"] / time["ours"],
        "target": ">= 1000" if n_groups == 2 else "-",
    }


def against_reading(dtype, n_rows=10_000_000):
    """One row of the table: ours and a sum of the three arrays in turn."""
    data = draw(n_rows, 2, dtype)
    tasks = {"read": partial(read, *data), "ours": partial(own_rates, *data)}
    time = alternate(tasks, repeats=15)
    return {
        "rows": n_rows,
        "groups": 2,
        "dtype": np.dtype(dtype).name,
        "against": "sum of the arrays",
        "theirs_s": time["read"],
        "ours_s": time["ours"],
        "times_slower": time["ours"] / time["read"],
        "target": "<= 5",
    }


def main():
    """Run both comparisons."""
    warnings.simplefilter("ignore")
    rows = [against_peer(100_000, n_groups) for n_groups in (2, 10)]
    rows += [against_reading(dtype) for dtype in (np.int64, np.uint8)]
    write("speed_metrics", about="eight rates by group", seed=SEED, rows=rows)
