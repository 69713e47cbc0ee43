"""How often nominal 95 % intervals of a gap between groups hold the true gap.

The default intervals beside the percentile bootstrap, for the largest difference of a
rate, of two rates at once (equalized odds) and of a mean between groups of equal or of
mixed sizes.
For two groups and one metric the default is Newcombe's or its kin, else the inversion
of a simulated test. Where the true gap is 0 the share is that of intervals with 0.
"""

from functools import partial

import numpy as np
from joblib import Parallel, delayed

from benchmarks._timing import write
from fairlearnkit.metrics import Means, Shares, gap_interval

SEED = 0
REPEATS = 600
SIZES = (20, 50, 200, 1000, "mixed")  # mixed: from 20 to 1000 by equal factors
GROUPS = (2, 4, 8)


def _equal(k):
    return np.full(k, 0.3)


def _graded(k):
    return np.linspace(0.3, 0.45, k)


def _one_apart(k):
    return np.array([0.45, *[0.3] * (k - 1)])


def _far_apart(k):
    return np.array([0.2, *[0.5] * (k - 2), 0.8])


def _rare(k):
    return np.repeat([0.05, 0.1], k // 2)


TRUTHS = {
    "equal": _equal,
    "graded": _graded,
    "one apart": _one_apart,
    "far apart": _far_apart,
    "rare": _rare,
}


def people(size, n_groups):
    """Number of people in each group."""
    if size == "mixed":
        return np.geomspace(20, 1000, n_groups).round()
    return np.full(n_groups, float(size))


def shares(rng, rates, n):
    """Shares of a sample of each group."""
    hits = rng.binomial(n.astype(int), rates)
    groups = tuple(range(len(rates)))
    return Shares(name="rate", groups=groups, values=hits / n, n=n)


def means(rng, centres, n):
    """Means of skewed numbers (gamma of shape 4) of each group."""
    rows = [rng.gamma(4, 0.5, int(size)) - 2 for size in n]
    spread = np.array([row.std(ddof=1) for row in rows])
    return Means(
        name="mean",
        groups=tuple(range(len(centres))),
        values=np.array([row.mean() for row in rows]) + centres,
        error=spread / np.sqrt(n),
        n=n,
    )


def one_rate(rng, rates, n):
    """One sample and its true gap."""
    return [shares(rng, rates, n)], np.ptp(rates)


def two_rates(rng, rates, n):
    """True and false positive rates, a third of the people being negative."""
    others = 0.1 + 0.5 * (rates - rates.min())
    samples = [shares(rng, rates, n), shares(rng, others, n // 2)]
    return samples, np.ptp(rates)


def one_mean(rng, rates, n):
    """Means whose standard deviation is 1, as far apart as three times the rates."""
    return [means(rng, 3 * rates, n)], 3 * np.ptp(rates)


def measure(what, draw, truth, n_groups, size):
    """One row of the table."""
    rng = np.random.default_rng(SEED)
    rates, n = TRUTHS[truth](n_groups), people(size, n_groups)
    held, widths = {"default": [], "bootstrap": []}, []
    for _ in range(REPEATS):
        estimates, gap = draw(rng, rates, n)
        for name, method in (("default", None), ("bootstrap", "bootstrap")):
            low, high = gap_interval(estimates, method=method)
            held[name].append(low <= gap + 1e-12 and gap <= high + 1e-12)
            if name == "default":
                widths.append(high - low)
    return {
        "metric": what,
        "truth": truth,
        "groups": n_groups,
        "people": size,
        "gap": float(gap),
        "default": float(np.mean(held["default"])),
        "bootstrap": float(np.mean(held["bootstrap"])),
        "default_width": float(np.mean(widths)),
        "target": ".93-.975",
    }


def main():
    """Run every metric, truth, number of groups and group size."""
    kinds = {"rate": one_rate, "two rates": two_rates, "mean": one_mean}
    tasks = [
        partial(measure, what, draw, truth, n_groups, size)
        for what, draw in kinds.items()
        for truth in TRUTHS
        for n_groups in GROUPS
        for size in SIZES
        if what == "rate" or truth in ("equal", "graded")
    ]
    rows = Parallel(n_jobs=2)(delayed(task)() for task in tasks)
    write(
        "coverage",
        about=f"nominal 95 %, {REPEATS} draws (standard error .009)",
        seed=SEED,
        rows=rows,
    )
