"""Curves of a group, read off its scores: exact, at every score that occurs."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import auc

from fairlearnkit.metrics._intervals import wilson_interval
from fairlearnkit.tables import ScoreTable


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Receiver operating characteristic of one group.

    Parameters
    ----------
    group : object
        Label of the group.
    fpr, tpr : ndarray of shape (n_points,)
        False and true positive rate, ascending from 0 to 1.
    thresholds : ndarray of shape (n_points,)
        Descending from infinity; whoever scores as much is predicted positive.
    roc_auc : float
        Area under the curve.
    n : float
        People in the group; Kish's effective number if weighted.
    """

    group: object
    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray
    roc_auc: float
    n: float

    @classmethod
    def from_table(cls, table, code, *, drop_intermediate=True):
        """Read the curve of one group off a table.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        code : int
            Position of the group, which must have both labels.
        drop_intermediate : bool, default=True
            Whether to leave out points on a straight line between their neighbours.

        Returns
        -------
        curve : RocCurve
        """
        scores, steps = _descending(table, code)
        kept = np.ones(len(scores), dtype=bool)
        if drop_intermediate:
            slopes = steps[:-1] * steps[1:, ::-1]
            kept[:-1] = slopes[:, 0] != slopes[:, 1]
        shares = _shares(steps)[kept]
        fpr, tpr = np.concatenate([np.zeros((1, 2)), shares]).T
        thresholds = np.concatenate([[np.inf], scores[kept]])
        n = people_of(table)[code]
        return cls(table.groups[code], fpr, tpr, thresholds, auc(fpr, tpr), n)


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Precision against recall of one group.

    Parameters
    ----------
    group : object
        Label of the group.
    recall, precision : ndarray of shape (n_points,)
        True positive rate, ascending from 0 to 1, and positive predictive value; 1
        where nobody is predicted positive.
    thresholds : ndarray of shape (n_points,)
        Descending from infinity; whoever scores as much is predicted positive.
    average_precision : float
        Mean precision over the positives: the area under the steps.
    base_rate : float
        Share of positives, where the curve ends: the precision of a random pick.
    n : float
        People in the group; Kish's effective number if weighted.
    """

    group: object
    recall: np.ndarray
    precision: np.ndarray
    thresholds: np.ndarray
    average_precision: float
    base_rate: float
    n: float

    @classmethod
    def from_table(cls, table, code, *, drop_intermediate=True):
        """Read the curve of one group off a table.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        code : int
            Position of the group, which must have positives.
        drop_intermediate : bool, default=True
            Whether to leave out points between two others of the same recall.

        Returns
        -------
        curve : PrecisionRecallCurve
        """
        scores, steps = _descending(table, code)
        selected = steps.cumsum(axis=0)
        precision = selected[:, 1] / selected.sum(axis=1)
        recall = _shares(steps)[:, 1]
        average = float(np.diff(recall, prepend=0) @ precision)
        base_rate = float(precision[-1])
        if drop_intermediate:
            rises = steps[:, 1] > 0
            kept = rises | np.append(rises[1:], True)
            scores, precision, recall = scores[kept], precision[kept], recall[kept]
        return cls(
            table.groups[code],
            np.append(0.0, recall),
            np.append(1.0, precision),
            np.append(np.inf, scores),
            average,
            base_rate,
            people_of(table)[code],
        )


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Share of positives against mean predicted probability of one group, by bin.

    Parameters
    ----------
    group : object
        Label of the group.
    prob_pred, prob_true : ndarray of shape (n_bins,)
        Mean predicted probability and share of positives of each bin with people.
    low, high : ndarray of shape (n_bins,)
        Wilson's interval of `prob_true`.
    bin_n : ndarray of shape (n_bins,)
        People in each bin; Kish's effective number if weighted.
    scores, weights : ndarray of shape (n_scores,)
        Distinct probabilities of the group, ascending, and the weight at each.
    n : float
        People in the group; Kish's effective number if weighted.
    """

    group: object
    prob_pred: np.ndarray
    prob_true: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bin_n: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    n: float

    @classmethod
    def from_table(
        cls, table, code, *, n_bins=5, strategy="uniform", confidence_level=0.95
    ):
        """Read the curve of one group off a table.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        code : int
            Position of the group.
        n_bins : int, default=5
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or of about as many people of the group each.
        confidence_level : float in (0, 1), default=0.95

        Returns
        -------
        curve : CalibrationCurve
        """
        rows = table.rows(code)
        scores, weights = table.scores[rows], table.weights[rows]
        edges = np.arange(1, n_bins) / n_bins
        if strategy == "quantile":
            edges = _quantiles(scores, weights.sum(axis=1), edges)
        place = np.searchsorted(ScoreTable.quantize(edges), scores)

        def by_bin(values):
            return np.bincount(place, values, n_bins)

        mass = by_bin(weights.sum(axis=1))
        square = by_bin(table.squares[rows].sum(axis=1))
        used = mass > 0
        mass, square = mass[used], square[used]
        prob_pred = by_bin(weights.sum(axis=1) * scores)[used] / mass
        prob_true = np.clip(by_bin(weights[:, 1])[used] / mass, 0, 1)
        bin_n = mass**2 / square
        low, high = wilson_interval(prob_true, bin_n, confidence_level)
        return cls(
            table.groups[code],
            prob_pred,
            prob_true,
            low,
            high,
            bin_n,
            scores,
            weights.sum(axis=1),
            people_of(table)[code],
        )

    def histogram(self, edges):
        """Share of the group in each bin of predicted probability.

        Parameters
        ----------
        edges : ndarray of shape (n_bins + 1,)

        Returns
        -------
        shares : ndarray of shape (n_bins,)
        """
        edges = ScoreTable.quantize(edges)  # as the scores are
        counts, _ = np.histogram(self.scores, edges, weights=self.weights)
        return counts / self.weights.sum()


def people_of(table):
    """Effective number of people in each group of a table of scores."""
    groups = range(len(table.groups))
    squares = [table.squares[table.rows(g)].sum() for g in groups]
    return table.totals.sum(axis=1) ** 2 / np.array(squares)


def _descending(table, code):
    """Distinct scores of a group, highest first, and its weight by label at each."""
    rows = table.rows(code)
    return table.scores[rows][::-1], table.weights[rows][::-1]


def _shares(steps):
    """Share of each label selected after each step; 1 after the last, exactly."""
    selected = steps.cumsum(axis=0)
    with np.errstate(invalid="ignore"):  # a label that nobody has
        return selected / selected[-1]


def _quantiles(scores, weights, levels):
    """Smallest score that at least this share of the weight does not exceed."""
    reached = weights.cumsum() / weights.sum()
    rounding = 1e-12
    return scores[np.searchsorted(reached, levels - rounding)]
