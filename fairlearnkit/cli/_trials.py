"""Fitting every method on every split, side by side."""

import re
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

from joblib import Parallel, cpu_count, delayed
from sklearn.base import clone

from fairlearnkit.cli._errors import InputError, one_line
from fairlearnkit.cli._measures import read_table
from fairlearnkit.cli._methods import build_method
from fairlearnkit.tables import GroupCounts

__all__ = ["Result", "Trial", "gather_warnings", "run_trials", "usable_jobs"]

_VARYING = re.compile(r"\[.*\]|\(.*\)|\d[\d.e+-]*")  # what differs between splits


@dataclass(frozen=True)
class Trial:
    """One method on one split, numbered from 1."""

    split: int
    method: str
    train: Any
    test: Any


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a trial.

    Parameters
    ----------
    split : int
    method : str
    row : dict
        A line of results.csv.
    table : GroupCounts
        Of the test rows.
    frontier : Frontier or None
        Of thresholds, on the training rows of the first split.
    warnings : list of str
    """

    split: int
    method: str
    row: dict
    table: GroupCounts
    frontier: Any
    warnings: list


def usable_jobs(jobs, n_trials):
    """Number of fits at once."""
    processors = cpu_count()
    asked = jobs if jobs > 0 else max(1, processors + 1 + jobs)
    return min(asked, n_trials)


def run_trials(trials, data, model, constraints, arguments):
    """Yield results as they finish, in any order."""
    jobs = usable_jobs(arguments.jobs, len(trials))
    parallel = Parallel(jobs, return_as="generator_unordered", pre_dispatch="n_jobs")
    yield from parallel(
        delayed(run_trial)(trial, data, model, constraints, arguments)
        for trial in trials
    )


def run_trial(trial, data, model, constraints, arguments):
    """Fit, predict, count and read; warnings are kept for later."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        # A method can fail in as many ways as the user's model, hence every exception.
        try:
            result = _fit_and_read(trial, data, model, constraints, arguments)
        except Exception as error:
            raise InputError(
                f"{trial.method} failed on split {trial.split}: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error
    told = [
        one_line(w.message)
        for w in caught
        if issubclass(w.category, (UserWarning, RuntimeWarning))
    ]
    return replace(result, warnings=told)


def gather_warnings(results, early=()):
    """One line for each kind of warning: who gave it, and how often.

    Parameters
    ----------
    results : list of Result
    early : sequence of str
        Warnings about the data.
    """
    told = [("data", message) for message in early]
    for result in sorted(results, key=lambda r: r.split):
        told += [(result.method, m) for m in dict.fromkeys(result.warnings)]
    kinds = {}
    for source, message in told:
        kind = _VARYING.sub("#", message)
        kinds.setdefault(kind, []).append((source, message))
    lines = []
    for same in kinds.values():
        sources = ", ".join(dict.fromkeys(source for source, _ in same))
        more = f" ({len(same)} such warnings)" if len(same) > 1 else ""
        lines.append(f"{sources}: {same[0][1]}{more}")
    return lines


def _fit_and_read(trial, data, model, constraints, arguments):
    plain = trial.method == "plain"
    # A mitigator drops the sensitive columns by itself: it has to read them first.
    X = data.features(hide_sensitive=arguments.hide_sensitive and plain)
    estimator = clone(build_method(trial.method, model, data, arguments))
    start = time.perf_counter()
    estimator.fit(X.iloc[trial.train], data.y[trial.train])
    seconds = time.perf_counter() - start
    predicted = estimator.predict(X.iloc[trial.test])
    table = _count(data, predicted, trial.test)
    row = {
        "split": trial.split,
        "method": trial.method,
        "n_train": len(trial.train),
        "n_test": len(trial.test),
        **read_table(table, constraints),
        "fit_seconds": round(seconds, 4),
    }
    first = trial.method == "thresholds" and trial.split == 1
    frontier = estimator.frontier_ if first else None
    return Result(trial.split, trial.method, row, table, frontier, [])


def _count(data, predicted, rows):
    return GroupCounts.from_arrays(
        data.y[rows],
        predicted,
        sensitive_features=data.groups.take(rows),
        classes=[0, 1],
    )
