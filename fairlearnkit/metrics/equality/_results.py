"""What tests of equality find."""

from dataclasses import dataclass

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit.metrics.equality._equivalence import equivalence_p_value


@dataclass(frozen=True, eq=False)
class EqualityTest:
    """A test that a metric, or several, is the same in all groups.

    Parameters
    ----------
    statistic : float
        Distance of the groups from their common value, 0 at equality: Pearson's
        chi-squared for shares of people, summed over metrics; squared distances over
        variances for other built-in metrics, and times numbers of people for any other
        callable; the largest gap for ``method="simulation"``.
    p_value : float
        Of equality of all groups in all metrics; NaN if fewer than two groups can be
        compared.
    method : {"exact", "permutation", "chi2", "simulation"}
        How it was found.
    metrics : tuple of n_metrics str
        What was compared, such as true and false positive rates.
    groups : tuple of n_groups labels
    names : tuple of str
        Names of the sensitive columns.
    values : ndarray of shape (n_metrics, n_groups)
        Metrics by group; NaN where undefined.
    differences : ndarray of shape (n_metrics, n_groups)
        Value of the group minus that of all other people taken together.
    low, high : ndarray of shape (n_metrics, n_groups)
        Interval of each difference, one at a time.
    p_values : ndarray of shape (n_metrics, n_groups)
        Of no difference between the group and all others together.
    p_adjusted : ndarray of shape (n_metrics, n_groups)
        The same, adjusted for asking about every group and metric.
    confidence_level : float
        Nominal coverage of the intervals.
    adjust : str
        How p-values were adjusted.
    estimates : tuple of GroupEstimates
        The laws of the metrics, by group.
    """

    statistic: float
    p_value: float
    method: str
    metrics: tuple
    groups: tuple
    names: tuple
    values: np.ndarray
    differences: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_values: np.ndarray
    p_adjusted: np.ndarray
    confidence_level: float
    adjust: str
    estimates: tuple

    def equivalence_p_value(self, margin, compare="difference"):
        """P-value of a gap of at least `margin`: if small, the groups are close.

        Parameters
        ----------
        margin : float
            Gap that would matter.
        compare : {"difference", "ratio"}, default="difference"

        Returns
        -------
        p_value : float

        See Also
        --------
        fairlearnkit.metrics.equivalence_p_value
        """
        return equivalence_p_value(list(self.estimates), margin, compare)

    def to_frame(self):
        """Tabulate every group, as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Index: the groups, after the metric if there are several; columns: value,
            n, difference, low, high, p_value, p_adjusted.
        """
        columns = {
            "value": self.values,
            "n": np.array([estimate.n for estimate in self.estimates]),
            "difference": self.differences,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_values,
            "p_adjusted": self.p_adjusted,
        }
        return _framed(columns, self.metrics, self.groups, self.names, "EqualityTest")


@dataclass(frozen=True, eq=False)
class PairwiseTests:
    """Tests that a metric, or several, is the same in two groups, for all pairs.

    Parameters
    ----------
    metrics : tuple of n_metrics str
    pairs : tuple of n_pairs (first, second)
        Labels of two groups.
    methods : tuple of n_pairs str
        How each pair was tested, as in :class:`EqualityTest`.
    differences : ndarray of shape (n_metrics, n_pairs)
        Value of the first group minus that of the second.
    low, high : ndarray of shape (n_metrics, n_pairs)
        Interval of each difference, one at a time.
    p_values, p_adjusted : ndarray of shape (n_metrics, n_pairs)
        Of no difference; before and after the adjustment for all pairs and metrics.
    confidence_level : float
    adjust : str
    """

    metrics: tuple
    pairs: tuple
    methods: tuple
    differences: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_values: np.ndarray
    p_adjusted: np.ndarray
    confidence_level: float
    adjust: str

    def to_frame(self):
        """Tabulate every pair, as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Index: first and second group, after the metric if there are several;
            columns: difference, low, high, p_value, p_adjusted.
        """
        columns = {
            "difference": self.differences,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_values,
            "p_adjusted": self.p_adjusted,
        }
        names = ("first", "second")
        return _framed(columns, self.metrics, self.pairs, names, "PairwiseTests")


def _framed(columns, metrics, labels, names, user):
    """Frame of columns of shape (n_metrics, n_labels)."""
    user = f"{user}.to_frame"
    pandas = require("pandas", extra="pandas", user=user)
    index = label_index(labels, names, user)
    frames = [
        pandas.DataFrame({name: c[m] for name, c in columns.items()}, index=index)
        for m in range(len(metrics))
    ]
    if len(frames) == 1:
        return frames[0]
    return pandas.concat(frames, keys=list(metrics), names=["metric", *names])
