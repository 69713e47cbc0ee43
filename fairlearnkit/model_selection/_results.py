"""What came of all folds: pooled tables, means, violations and their intervals."""

from functools import reduce
from operator import add
from warnings import catch_warnings, simplefilter, warn

import numpy as np
from scipy.stats import t as student

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import disparity_of_table
from fairlearnkit.tables import GroupCounts


def pool_tables(tables, folds, groups, classes):
    """Add the tables of all folds; rows tested several times count as one person.

    Parameters
    ----------
    tables : list of GroupCounts
    folds : list of (train, test)
    groups : Groups
        Their order is that of the result.
    classes : sequence of labels
    """
    shape = (len(groups), len(classes), len(classes))
    empty = np.zeros(shape)
    start = GroupCounts(empty, empty, groups.labels, tuple(classes), groups.names)
    total = reduce(add, tables, start)
    tested = np.concatenate([test for _, test in folds])
    share = len(np.unique(tested)) / len(tested)
    return GroupCounts(
        total.counts * share,
        total.squares * share,
        total.groups,
        total.classes,
        total.names,
    )


def summarise(candidates, trials, tables, constraint, folds, confidence_level):
    """Read the columns of `results_` off the trials.

    Parameters
    ----------
    candidates : list of n Candidate
    trials : list of n lists, one Trial per fold
    tables : list of n pooled GroupCounts
    constraint : Constraint
    folds : list of (train, test)
    confidence_level : float

    Returns
    -------
    results : dict of arrays of n entries
    """
    objective = np.array([[trial.objective for trial in row] for row in trials])
    mean, half = _fold_interval(objective, folds, confidence_level)
    gaps = _pooled_disparities(candidates, tables, constraint, confidence_level)
    seconds = np.array([[trial.fit_time for trial in row] for row in trials])
    results = {
        "family": np.array([c.family for c in candidates], dtype=object),
        "name": np.array([c.name for c in candidates], dtype=object),
        "params": _objects([c.params for c in candidates]),
        "mean_objective": mean,
        "std_objective": objective.std(axis=1),
        "objective_low": mean - half,
        "objective_high": mean + half,
        "violation": gaps[0],
        "violation_low": gaps[1],
        "violation_high": gaps[2],
        "mean_fit_time": seconds.mean(axis=1),
        "std_fit_time": seconds.std(axis=1),
    }
    for k in range(len(folds)):
        results[f"split{k}_objective"] = objective[:, k]
        results[f"split{k}_violation"] = np.array(
            [_fold_violation(row[k].table, constraint) for row in trials]
        )
    return results


def _fold_interval(objective, folds, confidence_level):
    """Mean over folds, and the half-width of Nadeau and Bengio's interval."""
    n_folds = objective.shape[1]
    mean = objective.mean(axis=1)
    if n_folds < 2:
        return mean, np.full(len(mean), np.nan)
    overlap = np.mean([len(test) / len(train) for train, test in folds])
    quantile = student.ppf(0.5 + confidence_level / 2, n_folds - 1)
    spread = objective.std(axis=1, ddof=1)
    return mean, quantile * spread * np.sqrt(1 / n_folds + overlap)


def _pooled_disparities(candidates, tables, constraint, confidence_level):
    """Violation, lower and upper end of each candidate; each warning once."""
    gaps = np.empty((3, len(tables)))
    told = {}
    for i, (candidate, table) in enumerate(zip(candidates, tables, strict=True)):
        with catch_warnings(record=True) as caught:
            simplefilter("always", FairnessWarning)
            found = disparity_of_table(
                table, constraint, confidence_level=confidence_level
            )
        gaps[:, i] = found.value, found.low, found.high
        for warning in caught:
            told.setdefault((str(warning.message), warning.category), candidate.name)
    for (message, category), name in told.items():
        warn(f"candidate {name}: {message}", category, stacklevel=5)
    return gaps


def _fold_violation(table, constraint):
    with catch_warnings():
        simplefilter("ignore", FairnessWarning)  # the pooled table speaks for all
        return disparity_of_table(table, constraint).value


def _objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
