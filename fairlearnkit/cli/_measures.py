"""What is read off the table of one trial, and its mean over the splits."""

from collections import Counter

import numpy as np

from fairlearnkit.constraints import EqualizedOdds, ErrorRateParity, as_constraint
from fairlearnkit.metrics import disparity_of_table, rate_by_group

__all__ = ["key_of", "label_of", "measured", "rates_of", "read_table", "summarise"]

_ALWAYS = (
    "demographic_parity",
    "equalized_odds",
    "true_positive_rate_parity",
    "false_positive_rate_parity",
    "error_rate_parity",
)


def measured(constraint):
    """Constraints whose disparity is measured: the usual ones and the one asked for."""
    usual = [as_constraint(name) for name in _ALWAYS]
    return usual if constraint in usual else [*usual, constraint]


def key_of(constraint):
    """Name of a constraint in files."""
    return constraint.name + ("_ratio" if constraint.compare == "ratio" else "")


def label_of(group):
    """Text of a group's label."""
    return ", ".join(map(str, group)) if isinstance(group, tuple) else str(group)


def read_table(table, constraints):
    """Read every measure of one trial off its table.

    Parameters
    ----------
    table : GroupCounts of the classes 0 and 1
    constraints : list of Constraint

    Returns
    -------
    row : dict
        Numbers, and the worst group's label.
    """
    (error,) = ErrorRateParity().rates(table.classes)
    overall = rate_by_group(table.overall(), error)
    low, high = overall.interval()
    row = {
        "accuracy": 1 - overall.values[0],
        "accuracy_low": 1 - high[0],
        "accuracy_high": 1 - low[0],
        "balanced_accuracy": _balanced_accuracy(table),
    }
    for constraint in constraints:
        found, key = disparity_of_table(table, constraint), key_of(constraint)
        row |= {key: found.value, f"{key}_low": found.low, f"{key}_high": found.high}
    by_group = rate_by_group(table, error)
    worst = int(np.nanargmax(by_group.values))
    row["worst_group_accuracy"] = 1 - by_group.values[worst]
    row["worst_group"] = label_of(by_group.groups[worst])
    return {name: _plain(value) for name, value in row.items()}


def rates_of(table):
    """Selection, true positive, false positive and error rate of every group."""
    rates = [as_constraint("demographic_parity"), EqualizedOdds(), ErrorRateParity()]
    found = [rate for c in rates for rate in c.rates(table.classes)]
    values = {rate.name: rate.of(table.counts) for rate in found}
    return {
        label_of(group): {name: _plain(column[g]) for name, column in values.items()}
        for g, group in enumerate(table.groups)
    }


def summarise(rows):
    """Mean over the splits of every number; the group that is worst most often."""
    summary = {"splits": len(rows)}
    for name, value in rows[0].items():
        if isinstance(value, float):
            column = [row[name] for row in rows if not np.isnan(row[name])]
            summary[name] = float(np.mean(column)) if column else float("nan")
    worst = Counter(row["worst_group"] for row in rows).most_common(1)
    summary["worst_group"], summary["worst_group_splits"] = worst[0]
    return summary


def _balanced_accuracy(table):
    """Mean recall of both classes, over everybody."""
    true, false = EqualizedOdds().rates(table.classes)
    counts = table.overall().counts[0]
    return (true.of(counts) + 1 - false.of(counts)) / 2


def _plain(value):
    return value if isinstance(value, str) else float(value)
