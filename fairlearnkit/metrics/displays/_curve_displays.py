"""ROC and precision-recall curves of every group."""

from fairlearnkit.metrics.displays._group_curve_display import GroupCurveDisplay
from fairlearnkit.metrics.displays._group_curves import PrecisionRecallCurve, RocCurve


class GroupRocDisplay(GroupCurveDisplay):
    """ROC curve of every group.

    Curves that lie on top of each other rank people equally well in every group. That
    is all they say: the groups' points at one threshold may still lie far apart, along
    the curves or across them. Mark them by `threshold`, or by the decisions themselves.
    A group with one label only has no curve and is left out, with a warning.

    Create it with :meth:`from_estimator`, :meth:`from_predictions` or
    :meth:`from_table`.

    Parameters
    ----------
    curves : sequence of RocCurve
        One a group.
    overall : RocCurve, default=None
        Of everybody.
    points : dict, default=None
        Points to mark: from the label of a group to its false and true positive rate.
    names : tuple of str, default=("group",)
        Names of the sensitive columns.
    pos_label : int, float, bool or str, default=None
        Named on the axes, unless it is 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of matplotlib Line2D
        Line of each group, by its label. Names that are too long for the legend are
        shortened there only.
    overall_line_, chance_level_ : matplotlib Line2D or None
    points_ : dict of matplotlib Line2D
        Marker of each group, where there is one.
    legend_ : matplotlib Legend or None

    See Also
    --------
    plot_roc_curve_by_group : The same as a function, with Fairlearn's signature.
    sklearn.metrics.RocCurveDisplay : Of everybody at once.

    Notes
    -----
    The curve of group :math:`a` is :math:`(P(S \\ge t \\mid Y = 0, A = a),
    P(S \\ge t \\mid Y = 1, A = a))` at every threshold :math:`t` that occurs. The area
    under it is the chance that a positive of the group outscores a negative of the same
    group; it says nothing of positives and negatives of different groups.

    References
    ----------
    Hardt, Price, Srebro, "Equality of opportunity in supervised learning", NeurIPS
    2016. :doi:`10.48550/arXiv.1610.02413`

    Kallus, Zhou, "The fairness of risk scores beyond classification: bipartite ranking
    and the xAUC metric", NeurIPS 2019. :doi:`10.48550/arXiv.1902.05826`

    Examples
    --------
    >>> from fairlearnkit.metrics import GroupRocDisplay
    >>> display = GroupRocDisplay.from_predictions(
    ...     [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2, 0.9],
    ...     sensitive_features=["a"] * 4 + ["b"] * 4,
    ... )
    >>> {curve.group: curve.roc_auc for curve in display.curves}
    {'a': 1.0, 'b': 0.75}
    """

    @classmethod
    def from_thresholds(cls, optimizer, *, ax=None, **plot_options):
        """Draw where a fitted ThresholdOptimizer's rules lie on the ROC curves.

        The curves are those of the scores that the rules were found on, out of fold; a
        marker is the expected false and true positive rate of a group's rule. It lies
        on the curve for one threshold, and inside the curve's hull for a mixture.

        Parameters
        ----------
        optimizer : fitted ThresholdOptimizer
            Groups are (stratum, group) under `control_features`.
        ax, **plot_options
            As in `from_predictions`.

        Returns
        -------
        display : GroupRocDisplay

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> from fairlearnkit import ThresholdOptimizer
        >>> from fairlearnkit.metrics import GroupRocDisplay
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(400, 2))
        >>> X[:, 1] = X[:, 1] > 0
        >>> y = X[:, 0] + rng.normal(size=400) > 0
        >>> model = ThresholdOptimizer(
        ...     LogisticRegression(), constraint="equal_opportunity", tolerance=0,
        ...     sensitive_features=1,
        ... )
        >>> display = GroupRocDisplay.from_thresholds(model.fit(X, y))
        >>> round(float(display.points[0.0][1] - display.points[1.0][1]), 6)
        0.0
        """
        table = optimizer.table_
        display = cls.of_table(table)
        display.pos_label = optimizer.classes_[-1]
        for code, group in enumerate(table.groups):
            if cls._drawable(table)[code]:
                rows = table.rows(code)
                chosen = optimizer.rules_[group].probability(table.scores[rows])
                display.points[group] = tuple(
                    chosen @ table.weights[rows] / table.totals[code]
                )
        return display.plot(ax=ax, **plot_options)

    _CURVE = RocCurve
    _RATES = ("false_positive_rate", "true_positive_rate")
    _AXES = ("false positive rate", "true positive rate")
    _NEED = "both labels"
    _STEPS = "default"
    _TITLE = "AUC"

    @staticmethod
    def _drawable(table):
        return (table.totals > 0).all(axis=1)

    @staticmethod
    def _xy(curve):
        return curve.fpr, curve.tpr

    @staticmethod
    def _figures(curve):
        return f"{curve.roc_auc:.2f}"

    def _chance(self):
        return [0, 1], f"{0.5:.2f}  chance"


class GroupPrecisionRecallDisplay(GroupCurveDisplay):
    """Precision against recall of every group.

    It shows what a positive prediction is worth in each group, which ROC curves hide
    where positives are rare. But precision moves with the base rate: a group with fewer
    positives lies lower even where scores are equally good, so compare each curve with
    its own end on the right, the precision of a random pick. A group without positives
    is left out, with a warning.

    Create it with :meth:`from_estimator`, :meth:`from_predictions` or
    :meth:`from_table`.

    Parameters
    ----------
    curves : sequence of PrecisionRecallCurve
        One a group.
    overall : PrecisionRecallCurve, default=None
        Of everybody.
    points : dict, default=None
        Points to mark: from the label of a group to its recall and precision.
    names : tuple of str, default=("group",)
        Names of the sensitive columns.
    pos_label : int, float, bool or str, default=None
        Named on the axes, unless it is 1.

    Attributes
    ----------
    ax_, figure_, lines_, overall_line_, chance_level_, points_, legend_
        As in :class:`GroupRocDisplay`; the level of chance is that of everybody.

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay : Of everybody at once.

    Notes
    -----
    Average precision is :math:`\\sum_k (R_k - R_{k-1}) P_k` over the thresholds, with
    :math:`P_k` and :math:`R_k` the precision and recall at the k-th: the area under the
    steps that are drawn.

    References
    ----------
    Chouldechova, "Fair prediction with disparate impact", Big Data 5, 2017.
    :doi:`10.1089/big.2016.0047`

    Examples
    --------
    >>> from fairlearnkit.metrics import GroupPrecisionRecallDisplay
    >>> display = GroupPrecisionRecallDisplay.from_predictions(
    ...     [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2, 0.9],
    ...     sensitive_features=["a"] * 4 + ["b"] * 4,
    ... )
    >>> {c.group: round(c.average_precision, 2) for c in display.curves}
    {'a': 1.0, 'b': 0.83}
    """

    _CURVE = PrecisionRecallCurve
    _RATES = ("true_positive_rate", "positive_predictive_value")
    _AXES = ("recall", "precision")
    _NEED = "positives"
    _STEPS = "steps-pre"
    _TITLE = "average precision, base rate"

    @staticmethod
    def _drawable(table):
        return table.totals[:, 1] > 0

    @staticmethod
    def _xy(curve):
        return curve.recall, curve.precision

    @staticmethod
    def _figures(curve):
        return f"{curve.average_precision:.2f}  {curve.base_rate:.2f}"

    def _chance(self):
        if self.overall is None:
            return None
        rate = self.overall.base_rate
        return [rate, rate], f"{rate:.2f}  {rate:.2f}  chance, overall"
