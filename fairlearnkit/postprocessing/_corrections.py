"""Corrections of scores in overlapping groups, and how they do on other rows."""

from dataclasses import dataclass
from warnings import warn

import numpy as np
from scipy.special import expit

from fairlearnkit._solvers.multicalibration import boost, log_losses, replay
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.postprocessing._calibration_report import largest, squared_errors
from fairlearnkit.postprocessing._out_of_fold import splits_of


@dataclass(frozen=True)
class Correction:
    """One correction of a :class:`MulticalibratedClassifier`.

    Parameters
    ----------
    group : str
        Whose scores are shifted.
    bin : int
        In which bin of the score, as it was after the corrections before.
    shift : float
        Added to the log odds.
    """

    group: str
    bin: int
    shift: float


@dataclass(frozen=True, eq=False)
class People:
    """Log odds, labels, weight and pattern of groups, row by row.

    Parameters
    ----------
    scores, labels, weight, patterns : ndarray of shape (n_samples,)
    """

    scores: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    patterns: np.ndarray

    def take(self, rows):
        """Keep these rows."""
        columns = (self.scores, self.labels, self.weight, self.patterns)
        return People(*(column[rows] for column in columns))

    def boost(self, cells, settings, max_updates):
        """Correct the scores by these people."""
        columns = (self.scores, self.labels, self.weight, self.patterns)
        return boost(*columns, cells, **settings, max_updates=max_updates)

    def largest(self, cells, scores, min_mass):
        """Largest absolute residual of each group's cells of enough weight."""
        found = cells.residuals(scores, self.labels, self.weight, self.patterns)
        return largest(*found, min_mass)

    def error(self, cells, scores, tests):
        """Root mean squared calibration error of each group, fold by fold."""
        where = self.patterns, cells.bins(scores)
        rows = expit(scores), self.labels, self.weight
        square = squared_errors(*rows, where, cells.members, tests)
        return np.sqrt(np.maximum(square, 0))

    def masses(self, cells):
        """Weight of each group."""
        shape = cells.members.shape
        return cells.members @ np.bincount(
            self.patterns, weights=self.weight, minlength=shape[1]
        )


class CrossValidation:
    """Corrections found on all folds but one and applied to that one, for each.

    Parameters
    ----------
    people : People
    cells : Cells
    folds : list of (train, test)
    settings : dict
        Of :func:`boost`.
    max_updates : int
    """

    def __init__(self, people, cells, folds, settings, max_updates):
        self._people, self._cells, self._parts = people, cells, []
        curves = []
        for train, test in folds:
            updates = people.take(train).boost(cells, settings, max_updates).updates
            held = people.take(test)
            self._parts.append((test, held, updates))
            columns = (held.scores, held.labels, held.weight)
            curves.append(log_losses(*columns, updates, held.patterns, cells))
        length = max(map(len, curves))
        padded = [np.pad(curve, (0, length - len(curve)), "edge") for curve in curves]
        self.losses = np.sum(padded, axis=0) / people.weight.sum()

    def scores(self, n_updates):
        """Log odds of every row, corrected by the first updates of the others."""
        found = self._people.scores.copy()
        for test, held, updates in self._parts:
            found[test] = replay(
                held.scores, updates[:n_updates], held.patterns, self._cells
            )
        return found


def two_columns(scores):
    """Probabilities of both classes from log odds."""
    return np.column_stack([expit(-scores), expit(scores)])


def warn_unfinished(tolerance, max_iter):
    """Say that corrections ended before all cells were right."""
    warn(
        f"some cells are still off by more than {tolerance:g} after {max_iter} "
        "corrections; see multicalibration_error_, and raise max_iter, tolerance or "
        "min_cell_size.",
        FairnessWarning,
        stacklevel=5,
    )


def warn_few_people(report, min_cell_size):
    """Name the groups that have no cell of enough people to be corrected."""
    few = np.flatnonzero(np.isnan(report.before))
    names = [f"{report.groups[code]} ({report.n[code]:g})" for code in few]
    if names:
        warn(
            f"no score bin holds {min_cell_size:g} people of {shortlist(names)}: they "
            "are calibrated only as members of larger groups.",
            FairnessWarning,
            stacklevel=5,
        )


def folds_of(cv, data):
    """Folds that the scores came from, once more.

    Raises
    ------
    ValueError
        If they can't be had twice.
    """
    folds = splits_of(cv, data)
    if not folds:
        raise ValueError("cv is a generator, which can be read only once; pass a list.")
    return folds
