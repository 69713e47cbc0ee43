"""A rate of every group as a function of one threshold on the scores."""

from dataclasses import dataclass

import numpy as np

from fairlearnkit._rates import rate_of_class
from fairlearnkit.tables import ScoreTable


@dataclass(frozen=True, eq=False)
class ThresholdSweep:
    """A rate of every group at every threshold, and the gap between groups.

    Whoever scores as much as the threshold is selected, so each curve is a staircase:
    the value at a threshold is that of the next one listed.

    Parameters
    ----------
    rate : str
        Name of the rate.
    groups : tuple
        Label of each group.
    thresholds : tuple of ndarray
        Of each group, ascending, where its value changes; the last is infinity.
    values : tuple of ndarray
        The rate of each group at these; NaN where it is undefined.
    gap_thresholds, gap : ndarray of shape (n_steps,)
        Largest minus smallest rate; NaN where it is defined in fewer than two groups.
    """

    rate: str
    groups: tuple
    thresholds: tuple
    values: tuple
    gap_thresholds: np.ndarray
    gap: np.ndarray

    @classmethod
    def from_table(cls, table, rate):
        """Read a sweep off a table.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        rate : str
            A name of `RATES`.

        Returns
        -------
        sweep : ThresholdSweep
        """
        steps = [_steps(table, code, rate) for code in range(len(table.groups))]
        thresholds, values = zip(*steps, strict=True)
        every = np.unique(np.concatenate(thresholds))
        low, high = np.full((2, len(every)), np.nan)
        defined = np.zeros(len(every), dtype=int)
        for own in (_at(*step, every) for step in steps):
            low, high = np.fmin(low, own), np.fmax(high, own)
            defined += ~np.isnan(own)
        gap = np.where(defined > 1, high - low, np.nan)
        return cls(rate, table.groups, thresholds, values, *_changes(every, gap))

    def at(self, threshold):
        """The rate of every group at a threshold.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        values : ndarray of shape (n_groups,)
        """
        pairs = zip(self.thresholds, self.values, strict=True)
        cut = _as_kept(threshold)
        return np.array([_at(*pair, cut) for pair in pairs])

    def gap_at(self, threshold):
        """Largest minus smallest rate at a threshold.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        gap : float
        """
        return float(_at(self.gap_thresholds, self.gap, _as_kept(threshold)))


def _steps(table, code, rate):
    """Thresholds of a group, and its rate at each."""
    rows = table.rows(code)
    weights = table.weights[rows]
    nobody = np.zeros((1, weights.shape[1]))
    rejected = np.concatenate([nobody, weights.cumsum(axis=0)])
    selected = np.concatenate([weights[::-1].cumsum(axis=0)[::-1], nobody])
    counts = np.stack([rejected, selected], axis=-1)
    values = rate_of_class(rate, (0, 1), 1).of(counts)
    return _changes(np.append(table.scores[rows], np.inf), values)


def _changes(thresholds, values):
    """Keep the last of every run of equal values."""
    same = (values[:-1] == values[1:]) | (np.isnan(values[:-1]) & np.isnan(values[1:]))
    kept = np.append(~same, True)
    return thresholds[kept], values[kept]


def _as_kept(threshold):
    """A threshold as a table keeps scores, so that equal ones stay equal."""
    return ScoreTable.quantize(threshold)


def _at(thresholds, values, threshold):
    return values[np.searchsorted(thresholds, threshold)]
