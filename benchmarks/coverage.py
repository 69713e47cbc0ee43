"""How often nominal 95 % intervals of a gap between groups hold the true gap.

The default intervals beside the percentile bootstrap, for the largest difference of a
rate between two and between four groups of equal size; for two groups also Newcombe's
interval of the signed difference.
"""

import numpy as np

from benchmarks._timing import write
from fairlearnkit.metrics import (
    disparity_of_table,
    newcombe_interval,
    wilson_interval,
)
from fairlearnkit.tables import GroupCounts

SEED = 0
REPEATS, BOOTSTRAPS = 2000, 500
SIZES = (20, 50, 200, 1000)
TRUTHS = {
    "equal": {2: [0.3, 0.3], 4: [0.3] * 4},
    "unequal": {2: [0.3, 0.45], 4: [0.3, 0.35, 0.4, 0.45]},
    "rare": {2: [0.05, 0.1], 4: [0.05, 0.05, 0.1, 0.1]},
}


def default_intervals(selected, size):
    """Low and high ends of the default interval of each draw."""
    ends = []
    groups = tuple(range(selected.shape[1]))
    for row in selected:
        counts = np.zeros((len(row), 2, 2))
        counts[:, 0, 0], counts[:, 0, 1] = size - row, row
        table = GroupCounts(counts, counts, groups, (0, 1))
        found = disparity_of_table(table, "demographic_parity")
        ends.append((found.low, found.high))
    return np.array(ends).T


def bootstrap_intervals(rng, selected, size):
    """Percentile intervals; drawing counts is drawing people within a group."""
    ends = []
    for row in selected:
        drawn = rng.binomial(size, row / size, size=(BOOTSTRAPS, len(row))) / size
        gaps = drawn.max(axis=1) - drawn.min(axis=1)
        ends.append(np.quantile(gaps, [0.025, 0.975]))
    return np.array(ends).T


def share_held(ends, truth):
    """Share of the intervals that hold the truth."""
    low, high = ends
    return float(np.mean((low <= truth + 1e-12) & (truth <= high + 1e-12)))


def measure(truth, n_groups, size):
    """One row of the table."""
    rng = np.random.default_rng(SEED)
    rates = np.array(TRUTHS[truth][n_groups])
    selected = rng.binomial(size, rates, size=(REPEATS, n_groups))
    gap = rates.max() - rates.min()
    own = default_intervals(selected, size)
    peer = bootstrap_intervals(rng, selected, size)
    row = {
        "truth": truth,
        "groups": n_groups,
        "group_size": size,
        "gap": float(gap),
        "default": share_held(own, gap),
        "bootstrap": share_held(peer, gap),
        "default_width": float(np.mean(own[1] - own[0])),
        "bootstrap_width": float(np.mean(peer[1] - peer[0])),
        "newcombe_signed": None,
        "target": ">= .94",
    }
    if n_groups == 2:
        shares = selected / size
        first, second = ((p, *wilson_interval(p, size)) for p in shares.T)
        signed = newcombe_interval(first, second)
        row["newcombe_signed"] = share_held(signed, rates[0] - rates[1])
    return row


def main():
    """Run every truth, number of groups and group size."""
    rows = [
        measure(truth, n_groups, size)
        for truth in TRUTHS
        for n_groups in (2, 4)
        for size in SIZES
    ]
    write(
        "coverage",
        about=f"nominal 95 %, {REPEATS} draws (standard error .005), "
        f"{BOOTSTRAPS} bootstrap draws each",
        seed=SEED,
        rows=rows,
    )
