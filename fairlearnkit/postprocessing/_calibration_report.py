"""How far scores are from calibration in each group, before and after."""

from dataclasses import dataclass

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit.postprocessing._group_report import report_by_group


@dataclass(frozen=True, eq=False)
class CalibrationReport:
    """Calibration error of each group under the plain model and under the mitigator.

    Parameters
    ----------
    measure : str
        What is measured, and on which rows; 0 is calibrated.
    groups : tuple
        Label of each group; they may overlap.
    n : ndarray of shape (n_groups,)
        Weight of each group, the number of people if there are no weights.
    before, after : ndarray of shape (n_groups,)
        Error of the model's out-of-fold scores, and of the calibrated ones.

    Examples
    --------
    >>> import numpy as np
    >>> report = CalibrationReport(
    ...     "calibration error", ("a", "b"), np.array([90, 10]),
    ...     np.array([0.1, 0.2]), np.array([0.02, 0.05]),
    ... )
    >>> report.worst
    {'before': 0.2, 'after': 0.05}
    """

    measure: str
    groups: tuple
    n: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def worst(self):
        """Largest error of a group: a dict of before and after."""
        columns = ("before", "after")
        return {name: float(np.fmax.reduce(getattr(self, name))) for name in columns}

    def to_frame(self):
        """A row for each group.

        Returns
        -------
        frame : pandas.DataFrame
            Columns: n, before, after.
        """
        pandas = require("pandas", extra="pandas", user="CalibrationReport.to_frame")
        columns = ("n", "before", "after")
        labels = pandas.Index(list(self.groups), name="group", tupleize_cols=False)
        return pandas.DataFrame({c: getattr(self, c) for c in columns}, index=labels)


def brier_report(data, before, after):
    """Report the negative Brier score of each group.

    Parameters
    ----------
    data : TrainingData
    before, after : ndarray of shape (n_samples, n_classes)
        Probabilities of each class.

    Returns
    -------
    report : GroupReport
        The score is half the squared distance from the true label, so that it is
        between 0 and 1 for several classes, as it is for two.
    """
    truth = np.eye(len(data.classes))[data.y]
    gain = [-((part - truth) ** 2).sum(axis=1) / 2 for part in (before, after)]
    return report_by_group(
        "negative Brier score",
        *gain,
        data.groups.codes,
        data.groups.labels,
        data.groups.names,
        data.weight,
    )


def quantile_edges(scores, n_bins, weight):
    """Distinct inner edges of bins of equal weight.

    Parameters
    ----------
    scores, weight : ndarray of shape (n_samples,)
    n_bins : int

    Returns
    -------
    edges : ndarray of at most ``n_bins - 1`` scores, ascending
    """
    levels = np.arange(1, n_bins) / n_bins
    return np.unique(np.quantile(scores, levels, weights=weight, method="inverted_cdf"))


def largest(mass, residual, min_mass):
    """Largest absolute residual of each group's bins of enough weight.

    Parameters
    ----------
    mass, residual : ndarray of shape (n_groups, n_bins)
    min_mass : float

    Returns
    -------
    error : ndarray of shape (n_groups,)
        NaN for a group without such a bin.
    """
    counted = (mass >= min_mass) & (mass > 0)
    gaps = np.where(counted, np.abs(residual), -1.0).max(axis=1)
    return np.where(counted.any(axis=1), gaps, np.nan)


def squared_errors(probability, positive, weight, cells, members, tests):
    """Mean squared calibration error of each group, debiased.

    Parameters
    ----------
    probability, positive, weight : ndarray of shape (n_samples,)
    cells : tuple of ndarray of int of shape (n_samples,)
        Pattern of groups, and score bin, of each row.
    members : ndarray of bool of shape (n_groups, n_patterns)
    tests : list of ndarray
        Rows of each fold. Scores of different folds come from different models, whose
        errors would partly cancel in a mean over all rows.

    Returns
    -------
    error : ndarray of shape (n_groups,)
        It can be negative where the scores are calibrated; NaN if no cell has two
        people.

    Notes
    -----
    In a cell of mass m with mean residual r of standard deviation s it is
    :math:`r^2 - s^2 / (m - 1)`, whose expectation is the square of the true residual
    (Broecker 2012, :doi:`10.1007/s00382-011-1191-1`).
    """
    patterns, bins = cells
    residual, n_bins = positive - probability, int(bins.max()) + 1
    parts = (weight, weight * residual, weight * residual**2)
    size = members.shape[1] * n_bins
    total = np.zeros((2, len(members)))
    for rows in tests:
        cell = patterns[rows] * n_bins + bins[rows]
        sums = [np.bincount(cell, weights=p[rows], minlength=size) for p in parts]
        shaped = np.reshape(sums, (3, -1, n_bins))
        mass, first, second = members.astype(float) @ shaped
        used = mass > 1
        mass = np.where(used, mass, 2)
        square = (first / mass) ** 2
        debiased = square - np.maximum(second / mass - square, 0) / (mass - 1)
        total += np.where(used, [mass * debiased, mass], 0).sum(axis=2)
    missing = np.full(len(members), np.nan)
    return np.divide(total[0], total[1], out=missing, where=total[1] > 0)


def group_errors(probabilities, data, tests, n_bins):
    """Root mean squared calibration error of each group, over classes and bins.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    data : TrainingData
    tests : list of ndarray
        Rows of each fold.
    n_bins : int
        Bins of equal weight in each group.

    Returns
    -------
    error : ndarray of shape (n_groups,)
    """
    codes, weight = data.groups.codes, data.weight_or_ones
    members = np.eye(len(data.groups), dtype=bool)
    squares = []
    for k, score in enumerate(probabilities.T):
        bins = np.zeros(len(codes), dtype=np.intp)
        for code in range(len(members)):
            rows = codes == code
            edges = quantile_edges(score[rows], n_bins, weight[rows])
            bins[rows] = np.searchsorted(edges, score[rows], side="right")
        cells = codes, bins
        squares.append(
            squared_errors(score, data.y == k, weight, cells, members, tests)
        )
    return np.sqrt(np.maximum(np.mean(squares, axis=0), 0))
