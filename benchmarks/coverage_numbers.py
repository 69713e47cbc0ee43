"""How often nominal 95 % limits of errors, worst groups and distances hold the truth.

Intervals of metrics of predicted numbers, in groups of 20 to 1000 people with normal
and with lognormal errors; of the worst group's value; one-sided limits of bounded group
loss; and intervals of the distance between distributions of predictions.
"""

from functools import cache

import numpy as np
from scipy.stats import norm
from sklearn import metrics as sk

from benchmarks._timing import write
from fairlearnkit._groups import Groups
from fairlearnkit.metrics import mean_error, prediction_distance
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics._worst_group import worst_interval
from fairlearnkit.metrics.numbers._limits import limits

SEED = 0
REPEATS, DISTANCE_REPEATS, PERMUTATIONS = 2000, 200, 99
SIZES = (20, 50, 200, 1000)
# Standard deviation of the logarithm of an error; the skewness is 1.75 and 6.2.
SHAPES = {"normal": None, "lognormal_0.5": 0.5, "lognormal_1": 1.0}
METRICS = (
    mean_error,
    sk.mean_absolute_error,
    sk.mean_squared_error,
    sk.root_mean_squared_error,
    sk.r2_score,
)
R2 = 0.5
BADNESS = {  # of the groups, relative to the worst
    "equal": np.zeros,
    "one": lambda k: np.minimum(np.arange(k), 1.0),
    "spread": lambda k: np.linspace(0, 1, k),
}


def draw_errors(rng, shape, size):
    """Errors of mean 0 and variance 1."""
    sigma = SHAPES[shape]
    if sigma is None:
        return rng.normal(size=size)
    square = np.exp(sigma**2)
    raw = np.exp(sigma * rng.normal(size=size)) - np.sqrt(square)
    return raw / np.sqrt((square - 1) * square)


@cache
def true_mean_absolute(shape):
    """E|error|, by a closed form."""
    sigma = SHAPES[shape]
    if sigma is None:
        return np.sqrt(2 / np.pi)
    square = np.exp(sigma**2)
    half = np.sqrt(square) * (2 * norm.cdf(sigma / 2) - 1)
    return 2 * half / np.sqrt((square - 1) * square)


def read(metric, error, prediction, n_groups):
    """Estimates of groups of equal size, one after another."""
    codes = np.repeat(np.arange(n_groups), len(error) // n_groups)
    groups = Groups(codes, tuple(range(n_groups)), ("group",))
    reader = reader_of(metric)
    people = People(prediction - error, prediction, groups)
    return reader.read(reader.table(people))


def held(low, high, truth):
    """Share of the intervals that hold the truth, and the shares above and below it."""
    over, under = np.mean(low > truth), np.mean(high < truth)
    return {
        "default": float(1 - over - under),
        "above_truth": float(over),
        "below_truth": float(under),
    }


def metric_rows(shape, size):
    """Intervals of one group; every repetition is a group of one table."""
    rng = np.random.default_rng(SEED)
    error = draw_errors(rng, shape, REPEATS * size)
    prediction = rng.normal(size=len(error)) * np.sqrt(R2 / (1 - R2))
    truths = (0.0, true_mean_absolute(shape), 1.0, 1.0, R2)
    for metric, truth in zip(METRICS, truths, strict=True):
        estimates = read(metric, error, prediction, REPEATS)
        ends, student = estimates.interval(), estimates.interval(method="t")
        yield {
            "part": "interval",
            "what": metric.__name__,
            "shape": shape,
            "group_size": size,
            **held(*ends, truth),
            "student": held(*student, truth)["default"],
            "width": float(np.mean(ends[1] - ends[0])),
        }


def worst_rows(metric, shape, n_groups, size):
    """Interval of the worst group's loss, for three arrangements of the truth."""
    rng = np.random.default_rng(SEED)
    repeats = REPEATS // 4
    for name, badness in BADNESS.items():
        fall = badness(n_groups)
        if metric is sk.zero_one_loss:
            chance = 0.3 - 0.15 * fall
            truth = 0.3
            wrong = rng.random((repeats, n_groups, size)) < chance[:, None]
            error, shown = wrong.astype(float).ravel(), "binomial"
        else:
            scale, shown = 1 - 0.4 * fall, shape
            squared = metric is sk.mean_squared_error
            truth = 1.0 if squared else true_mean_absolute(shape)
            error = draw_errors(rng, shape, (repeats, n_groups, size))
            error = (error * scale[:, None]).ravel()
        estimates = read(metric, error, np.zeros(len(error)), repeats * n_groups)
        rows = np.arange(repeats * n_groups).reshape(repeats, n_groups)
        ends = [worst_interval(estimates.take(r), 1) for r in rows]
        low, high = np.array(ends).T
        single = estimates.interval()
        at = rows[:, 0] + estimates.values[rows].argmax(axis=1)
        yield {
            "part": "worst_group",
            "what": f"{metric.__name__}, {n_groups} groups, {name}",
            "shape": shown,
            "group_size": size,
            **held(low, high, truth),
            "own_interval": held(single[0][at], single[1][at], truth)["default"],
            "width": float(np.mean(high - low)),
        }


def bound_row(shape, size, n_groups=4):
    """Upper limits of the squared loss of four groups at once."""
    rng = np.random.default_rng(SEED)
    error = draw_errors(rng, shape, REPEATS * n_groups * size)
    estimates = read(
        sk.mean_squared_error, error, np.zeros(len(error)), REPEATS * n_groups
    )
    _, high = limits(estimates, 1 - 0.95 ** (1 / n_groups))
    under = np.mean((high.reshape(REPEATS, n_groups) < 1).any(axis=1))
    return {
        "part": "bounded_group_loss",
        "what": f"upper limits, squared loss, {n_groups} groups",
        "shape": shape,
        "group_size": size,
        "default": float(1 - under),
        "below_truth": float(under),
    }


def distance_row(distance, truth, n_groups, size):
    """Intervals of the largest distance between normal predictions."""
    rng = np.random.default_rng(SEED)
    mean, scale = {
        "equal": ((0, 0, 0, 0), (1, 1, 1, 1)),
        "shifted": ((0, 1, 0.5, 0.5), (1, 1, 1, 1)),
        "scaled": ((0, 0, 0, 0), (1, 1.7, 1, 1.7)),
    }[truth]
    grid = np.linspace(-15, 15, 300001)
    gap = np.abs(norm.cdf(grid, mean[0], scale[0]) - norm.cdf(grid, mean[1], scale[1]))
    step = grid[1] - grid[0]
    true = gap.max() if distance == "ks" else gap.sum() * step
    codes = np.repeat(np.arange(n_groups), size)
    ends = []
    for _ in range(DISTANCE_REPEATS):
        scores = rng.normal(np.array(mean)[codes], np.array(scale)[codes])
        found = prediction_distance(
            scores,
            sensitive_features=codes,
            distance=distance,
            n_permutations=PERMUTATIONS,
            random_state=int(rng.integers(2**31)),
        )
        ends.append((found.low, found.high))
    low, high = np.array(ends).T
    return {
        "part": "distance",
        "what": f"{distance}, {n_groups} groups, {truth}",
        "shape": "normal",
        "group_size": size,
        **held(low, high, true + 1e-9 * (low <= true + 1e-9)),
        "width": float(np.mean(high - low)),
    }


def main():
    """Run every metric, shape of errors and group size."""
    rows = [r for shape in SHAPES for size in SIZES for r in metric_rows(shape, size)]
    for metric, shape in (
        (sk.zero_one_loss, None),
        (sk.mean_squared_error, "normal"),
        (sk.mean_absolute_error, "lognormal_0.5"),
    ):
        for n_groups in (2, 4, 8):
            for size in SIZES:
                rows += worst_rows(metric, shape, n_groups, size)
    rows += [bound_row(shape, size) for shape in SHAPES for size in SIZES]
    rows += [
        distance_row(distance, truth, n_groups, size)
        for distance in ("ks", "wasserstein")
        for truth in ("equal", "shifted", "scaled")
        for n_groups, size in ((2, 20), (2, 200), (4, 50))
    ]
    write(
        "coverage_numbers",
        about=f"nominal 95 %, {REPEATS} draws (standard error .005), {REPEATS // 4} of "
        f"worst groups (.010), {DISTANCE_REPEATS} of distances (.015) with "
        f"{PERMUTATIONS} permutations",
        seed=SEED,
        rows=rows,
    )
