"""AUC across groups: positives of one group against negatives of another."""

from dataclasses import dataclass
from itertools import product
from warnings import warn

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics._interval_estimate import check_confidence_level
from fairlearnkit.metrics._intervals import newcombe_interval
from fairlearnkit.metrics.displays._scored_people import score_table
from fairlearnkit.metrics.scores._area_laws import AreasUnderCurve
from fairlearnkit.metrics.scores._ranking import areas_between, scored_labels


@dataclass(frozen=True, eq=False)
class CrossGroupAUC:
    """How often positives of each group score above negatives of each group.

    Parameters
    ----------
    groups : tuple of n_groups labels
        A tuple of values each, where several columns are crossed.
    names : tuple of str
        Names of the sensitive columns.
    values, low, high : ndarray of shape (n_groups, n_groups)
        xAUC of positives of the group of the row against negatives of the group of the
        column, in [0, 1], and its interval. The diagonal is the AUC of each group. NaN
        where a group has no such people.
    differences, difference_low, difference_high : ndarray of shape (n_groups, n_groups)
        xAUC less that with the groups' roles exchanged: above 0 where the positives of
        the row's group are more easily told from the column's negatives than the other
        way round. Each rests on four distinct sets of people.
    areas : AreasUnderCurve
        The sampling laws of `values`, row by row; its `groups` are pairs (group of the
        positives, group of the negatives).
    background_positive, background_negative : AreasUnderCurve
        Of each group: its negatives against the positives of all others (BPSN), and its
        positives against the negatives of all others (BNSP).
    confidence_level : float
        Nominal coverage of each interval on its own.
    """

    groups: tuple
    names: tuple[str, ...]
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    differences: np.ndarray
    difference_low: np.ndarray
    difference_high: np.ndarray
    areas: AreasUnderCurve
    background_positive: AreasUnderCurve
    background_negative: AreasUnderCurve
    confidence_level: float

    def to_frame(self):
        """Tabulate all pairs of groups.

        Returns
        -------
        frame : pandas.DataFrame
            Index: positive_group and negative_group; columns: value, low, high,
            difference, difference_low, difference_high, and the numbers of people
            n_positive and n_negative, effective if weighted.
        """
        pandas = require("pandas", extra="pandas", user="CrossGroupAUC.to_frame")
        columns = {
            "value": self.values,
            "low": self.low,
            "high": self.high,
            "difference": self.differences,
            "difference_low": self.difference_low,
            "difference_high": self.difference_high,
        }
        columns = {name: numbers.ravel() for name, numbers in columns.items()}
        columns["n_positive"] = self.areas.positives
        columns["n_negative"] = self.areas.negatives
        index = pandas.MultiIndex.from_tuples(self.areas.groups, names=self.areas.names)
        return pandas.DataFrame(columns, index=index)

    def by_group(self):
        """Tabulate the AUC within each group and against the background.

        Returns
        -------
        frame : pandas.DataFrame
            Index: the groups; columns: subgroup_auc, bpsn_auc and bnsp_auc, each with
            the ends of its interval, as in subgroup_auc_low and subgroup_auc_high.
        """
        own = self.areas.take(np.arange(len(self.groups)) * (len(self.groups) + 1))
        laws = {
            "subgroup_auc": own,
            "bpsn_auc": self.background_positive,
            "bnsp_auc": self.background_negative,
        }
        columns = {}
        for name, law in laws.items():
            frame = law.to_frame(self.confidence_level)
            columns[name] = frame["value"].to_numpy()
            for end in ("low", "high"):
                columns[f"{name}_{end}"] = frame[end].to_numpy()
        pandas = require("pandas", extra="pandas", user="CrossGroupAUC.by_group")
        return pandas.DataFrame(columns, index=frame.index)


def cross_group_auc(
    y_true,
    y_score,
    *,
    sensitive_features,
    sample_weight=None,
    pos_label=None,
    confidence_level=0.95,
):
    """Measure how scores rank positives of one group against negatives of another.

    Equal AUCs within groups say nothing about ranks between groups: scores may order
    each group perfectly and yet put all of one group below all of the other. The xAUC
    of Kallus and Zhou compares across groups, as any selection from a common list
    does: the probability that a random positive of group a scores above a random
    negative of group b. Where it is smaller than that with a and b exchanged, a's
    deserving people are passed over in favour of b's undeserving ones more often than
    the other way round.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two classes.
    y_score : array-like of shape (n_samples,)
        Scores, higher for the positive class; only their order counts.
    sensitive_features : array-like, Series, data frame, dict or Groups
        Several columns make intersectional groups.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    pos_label : int, float, bool or str, default=None
        The positive class; by default 1 if labels are in {0, 1} or {-1, 1}.
    confidence_level : float in (0, 1), default=0.95
        Of each interval on its own.

    Returns
    -------
    result : CrossGroupAUC

    Raises
    ------
    ValueError
        If the labels leave open which is positive, a score is missing, or lengths
        differ.

    Warns
    -----
    FairnessWarning
        If a group has no positives or no negatives, where its entries are NaN.

    See Also
    --------
    disparity : The gap of AUC within groups, with ``sklearn.metrics.roc_auc_score``.

    Notes
    -----
    .. math:: \\operatorname{xAUC}(a, b) = P(S_a^1 > S_b^0) + \\tfrac{1}{2} P(S_a^1 =
              S_b^0)

    with the scores :math:`S_a^1` of positives of a and :math:`S_b^0` of negatives of b.
    Intervals are the "score" intervals of :class:`AreasUnderCurve`; those of a
    difference xAUC(a, b) - xAUC(b, a) are combined from its two terms', which rest on
    different people (Newcombe). Against the background, all other groups are one
    (Borkan et al.): a low BPSN AUC means that the group's negatives are ranked above
    other positives (false positives), a low BNSP AUC that its positives are ranked
    below other negatives (false negatives).

    References
    ----------
    Kallus, Zhou, "The fairness of risk scores beyond classification: bipartite ranking
    and the xAUC metric", NeurIPS 2019. https://arxiv.org/abs/1902.05826

    Borkan, Dixon, Sorensen, Thain, Vasserman, "Nuanced metrics for measuring unintended
    bias with real data for text classification", WWW 2019.
    :doi:`10.1145/3308560.3317593`

    Examples
    --------
    >>> from fairlearnkit.metrics import cross_group_auc
    >>> found = cross_group_auc(
    ...     [0, 0, 1, 1, 0, 0, 1, 1], [1, 2, 3, 4, 3, 4, 5, 6],
    ...     sensitive_features=["a"] * 4 + ["b"] * 4,
    ... )
    >>> found.values
    array([[1. , 0.5],
           [1. , 1. ]])
    >>> found.differences
    array([[ 0. , -0.5],
           [ 0.5,  0. ]])
    """
    check_confidence_level(confidence_level)
    table = score_table(y_true, y_score, sensitive_features, sample_weight, pos_label)
    _warn_one_label(table)
    positives, negatives = scored_labels(table)
    areas = areas_between(
        list(product(positives, negatives)),
        product(table.groups, repeat=2),
        "cross_group_auc",
        ("positive_group", "negative_group"),
    )
    square = (len(table.groups),) * 2
    low, high = (end.reshape(square) for end in areas.interval(confidence_level))
    values = areas.values.reshape(square)
    differences = newcombe_interval((values, low, high), (values.T, low.T, high.T))
    own = np.eye(len(table.groups), dtype=bool) & ~np.isnan(values)
    return CrossGroupAUC(
        table.groups,
        table.names,
        values,
        low,
        high,
        values - values.T,
        *(np.where(own, 0.0, end) for end in differences),
        areas,
        *_against_background(table, positives, negatives),
        confidence_level,
    )


def _against_background(table, positives, negatives):
    """Each group against all others taken together: BPSN and BNSP."""
    pairs = []
    for group in range(len(table.groups)):
        places = np.arange(len(table.groups)) == group
        halves = table.regroup(places.astype(np.intp), ("others", "own"), table.names)
        other_positives, other_negatives = (label[0] for label in scored_labels(halves))
        pairs.append((other_positives, negatives[group]))
        pairs.append((positives[group], other_negatives))
    return tuple(
        areas_between(pairs[k::2], table.groups, name, table.names)
        for k, name in enumerate(("bpsn_auc", "bnsp_auc"))
    )


def _warn_one_label(table):
    """Name the groups that lack a label."""
    for k, what in ((1, "positives"), (0, "negatives")):
        lacking = np.flatnonzero(table.totals[:, k] == 0)
        if len(lacking):
            groups = shortlist([repr(table.groups[code]) for code in lacking])
            warn(
                f"{', '.join(table.names)} in [{groups}] has no {what}: the AUCs that "
                "need them are undefined.",
                FairnessWarning,
                stacklevel=3,
            )
