"""How well scores rank people: AUC and average precision, read off a table of scores.

A table holds the distinct scores of a group in ascending order, so that the rank of
everybody is a cumulative sum, and ties count half.
"""

from dataclasses import dataclass

import numpy as np

from fairlearnkit.metrics.scores._area_laws import AreasUnderCurve, AveragePrecisions


@dataclass(frozen=True, eq=False)
class ScoredLabel:
    """The scores of the people of one group who have one label.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        Ascending.
    weights, squares : ndarray of shape (n_scores,)
        Sums of weights and of squared weights; 0 where nobody of this label is.
    """

    scores: np.ndarray
    weights: np.ndarray
    squares: np.ndarray

    @property
    def total(self):
        """Weight of all."""
        return self.weights.sum()

    @property
    def n(self):
        """People; Kish's effective number if weighted."""
        square = self.squares.sum()
        return self.total**2 / square if square > 0 else 0.0

    def share_below(self, scores):
        """Share of these people below each score, where a tie counts half."""
        below = np.concatenate([[0.0], np.cumsum(self.weights)])
        first = np.searchsorted(self.scores, scores, side="left")
        last = np.searchsorted(self.scores, scores, side="right")
        return (below[first] + below[last]) / (2 * below[-1])

    def variance_of_mean(self, numbers, mean):
        """Variance of the mean of numbers; NaN for a single person."""
        n = self.n
        if n <= 1 + 1e-9:
            return np.nan
        spread = (self.squares * (numbers - mean) ** 2).sum() / self.total**2
        return spread * n / (n - 1)


def scored_labels(table):
    """Split a table of two classes into (positives, negatives) of every group.

    Parameters
    ----------
    table : ScoreTable

    Returns
    -------
    positives, negatives : list of ScoredLabel
    """
    return tuple(
        [
            ScoredLabel(
                table.scores[rows], table.weights[rows, k], table.squares[rows, k]
            )
            for rows in map(table.rows, range(len(table.groups)))
        ]
        for k in (1, 0)
    )


def areas_between(pairs, groups, name, names):
    """Compare the positives of one group with the negatives of the same or another.

    Parameters
    ----------
    pairs : sequence of (ScoredLabel, ScoredLabel)
        Positives and negatives.
    groups : sequence
        Label of each pair.
    name : str
    names : sequence of str

    Returns
    -------
    areas : AreasUnderCurve
        NaN where there are no positives or no negatives.
    """
    found = np.array([_area(*pair) for pair in pairs]).reshape(-1, 2)
    sizes = np.array([[label.n for label in pair] for pair in pairs]).reshape(-1, 2)
    return AreasUnderCurve(
        name=name,
        groups=tuple(groups),
        values=found[:, 0],
        n=sizes.sum(axis=1),
        names=tuple(names),
        error=found[:, 1],
        positives=sizes[:, 0],
        negatives=sizes[:, 1],
    )


def read_auc(table, name="roc_auc_score"):
    """Read the AUC of every group off a table of scores.

    Parameters
    ----------
    table : ScoreTable
        Of two classes, the positive one last.
    name : str

    Returns
    -------
    areas : AreasUnderCurve
    """
    pairs = list(zip(*scored_labels(table), strict=True))
    return areas_between(pairs, table.groups, name, table.names)


def read_average_precision(table, name="average_precision_score"):
    """Read the average precision of every group off a table of scores.

    Parameters
    ----------
    table : ScoreTable
        Of two classes, the positive one last.
    name : str

    Returns
    -------
    precisions : AveragePrecisions
    """
    positives, negatives = scored_labels(table)
    pairs = list(zip(positives, negatives, strict=True))
    found = np.array([_average_precision(*pair) for pair in pairs]).reshape(-1, 2)
    sizes = np.array([[label.n for label in pair] for pair in pairs]).reshape(-1, 2)
    return AveragePrecisions(
        name=name,
        groups=table.groups,
        values=found[:, 0],
        n=sizes.sum(axis=1),
        names=table.names,
        error=found[:, 1],
        positives=sizes[:, 0],
    )


def _area(positives, negatives):
    """AUC and DeLong's standard error, by the placements of DeLong et al."""
    if positives.total == 0 or negatives.total == 0:
        return np.nan, np.nan
    beaten = negatives.share_below(positives.scores)
    beating = 1 - positives.share_below(negatives.scores)
    area = (positives.weights * beaten).sum() / positives.total
    variance = positives.variance_of_mean(beaten, area)
    variance = variance + negatives.variance_of_mean(beating, area)
    return area, np.sqrt(variance)


def _average_precision(positives, negatives):
    """Average precision and its linearised standard error.

    Both are of one group and stand on the same scores. A positive counts by the
    precision at its own score, and raises that of everybody below; a negative lowers
    it. Without any negative there is nothing to rank.
    """
    if positives.total == 0 or negatives.total == 0:
        return np.nan, np.nan
    hits = np.cumsum(positives.weights[::-1])[::-1]
    found = hits + np.cumsum(negatives.weights[::-1])[::-1]
    precision = hits / found
    value = (positives.weights * precision).sum() / positives.total
    raised = np.cumsum(positives.weights * (found - hits) / found**2)
    lowered = np.cumsum(positives.weights * hits / found**2)
    squares = positives.squares * (precision - value + raised) ** 2
    squares = squares + negatives.squares * lowered**2
    n = positives.n
    if n <= 1 + 1e-9:
        return value, np.nan
    variance = squares.sum() / positives.total**2 * n / (n - 1)
    return value, np.sqrt(variance)
