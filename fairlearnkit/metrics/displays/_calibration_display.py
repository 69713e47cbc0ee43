"""Calibration curve of every group."""

import numpy as np

from fairlearnkit._columns import check_row_order
from fairlearnkit.metrics._interval_estimate import check_confidence_level
from fairlearnkit.metrics.displays._canvas import (
    drop_high_label,
    entry,
    lay_out,
    legend_height,
    open_axes,
    tidy,
)
from fairlearnkit.metrics.displays._group_curves import CalibrationCurve
from fairlearnkit.metrics.displays._group_lines import (
    draw_lines,
    draw_overall,
    draw_reference,
    legend_of,
)
from fairlearnkit.metrics.displays._group_names import people, positive_name
from fairlearnkit.metrics.displays._palette import group_styles
from fairlearnkit.metrics.displays._scored_people import (
    groups_for,
    score_table,
    scores_of,
)

_STRATEGIES = ("uniform", "quantile")
_HISTOGRAM_BINS = 25


class GroupCalibrationDisplay:
    """Calibration curve of every group: what a predicted probability is worth in it.

    Each marker is a bin of people of one group with similar predictions: below the
    diagonal fewer of them are positive than was predicted, above it more. A probability
    means the same for everybody where the curves lie on top of each other; whether they
    do within chance, the intervals tell. The strips below show where each group's
    predictions lie, one strip a group, in the order of the legend and each in a scale
    of its own.

    Create it with :meth:`from_estimator`, :meth:`from_predictions` or
    :meth:`from_table`.

    Parameters
    ----------
    curves : sequence of CalibrationCurve
        One a group.
    overall : CalibrationCurve, default=None
        Of everybody.
    names : tuple of str, default=("group",)
        Names of the sensitive columns.
    pos_label : int, float, bool or str, default=None
        Named on the axes, unless it is 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
    histogram_ax_ : matplotlib Axes or None
        With the strips; inside the room of `ax_`.
    figure_ : matplotlib Figure
    lines_ : dict of matplotlib Line2D
        Line of each group, by its label. Names that are too long for the legend are
        shortened there only.
    intervals_ : dict of matplotlib LineCollection
        Of each group; empty where they are not drawn.
    overall_line_, perfect_line_ : matplotlib Line2D or None
    legend_ : matplotlib Legend or None

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Of everybody at once.

    Notes
    -----
    In each bin :math:`B` of group :math:`a`,

    .. math::  P(Y = 1 \\mid S \\in B, A = a)
        \\quad\\text{is drawn against}\\quad  E(S \\mid S \\in B, A = a).

    The interval is Wilson's, on the effective number of people in the bin; it is that
    of each bin alone. Quantile bins are cut at the smallest scores that one n-th, two
    n-th ... of the group's weight do not exceed; scores equal to an edge lie below it.

    References
    ----------
    Kleinberg, Mullainathan, Raghavan, "Inherent trade-offs in the fair determination of
    risk scores", ITCS 2017. :doi:`10.4230/LIPIcs.ITCS.2017.43`

    Examples
    --------
    >>> from fairlearnkit.metrics import GroupCalibrationDisplay
    >>> display = GroupCalibrationDisplay.from_predictions(
    ...     [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2, 0.9],
    ...     sensitive_features=["a"] * 4 + ["b"] * 4, n_bins=2,
    ... )
    >>> [curve.prob_true.tolist() for curve in display.curves]
    [[0.0, 1.0], [0.5, 0.5]]
    """

    def __init__(self, curves, *, overall=None, names=("group",), pos_label=None):
        self.curves = tuple(curves)
        self.overall = overall
        self.names = names
        self.pos_label = pos_label

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_prob,
        *,
        sensitive_features,
        sample_weight=None,
        pos_label=None,
        n_bins=5,
        strategy="uniform",
        confidence_level=0.95,
        ax=None,
        **plot_options,
    ):
        """Draw the curves of predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of two classes.
        y_prob : array-like of shape (n_samples,)
            Probabilities of the positive class, in [0, 1].
        sensitive_features : array-like, Series, data frame or dict of columns
            Several columns make intersectional groups.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        pos_label : int, float, bool or str, default=None
            The positive label; by default 1 if labels are in {0, 1} or {-1, 1}.
        n_bins : int, default=5
            Bins of each group; empty ones are left out.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or of about as many people of the group each.
        confidence_level : float in (0, 1), default=0.95
            Of the intervals.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **plot_options : dict
            Passed to `plot`.

        Returns
        -------
        display : GroupCalibrationDisplay

        Raises
        ------
        ValueError
            If labels leave open which one is positive, a probability lies outside of
            [0, 1], a value is missing, or lengths differ.
        """
        table = score_table(
            y_true, y_prob, sensitive_features, sample_weight, pos_label, "y_prob"
        )
        return cls.from_table(
            table,
            n_bins=n_bins,
            strategy=strategy,
            confidence_level=confidence_level,
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        sensitive_features,
        sample_weight=None,
        pos_label=None,
        n_bins=5,
        strategy="uniform",
        confidence_level=0.95,
        ax=None,
        **plot_options,
    ):
        """Draw the curves of a fitted classifier's `predict_proba`.

        Parameters
        ----------
        estimator : fitted classifier
            Of two classes; a mitigator that needs the groups gets them.
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sensitive_features : str, int, callable, list of these, or values
            Column(s) of X; or the values themselves, one a row.
        pos_label : int, float, bool or str, default=None
            By default the second of the estimator's classes.
        sample_weight, n_bins, strategy, confidence_level, ax, **plot_options
            As in `from_predictions`.

        Returns
        -------
        display : GroupCalibrationDisplay
        """
        check_row_order([("X", X), ("y", y), ("sample_weight", sample_weight)])
        groups = groups_for(X, sensitive_features, cls.__name__)
        prob, pos_label = scores_of(estimator, X, groups, "predict_proba", pos_label)
        return cls.from_predictions(
            y,
            prob,
            sensitive_features=groups,
            sample_weight=sample_weight,
            pos_label=pos_label,
            n_bins=n_bins,
            strategy=strategy,
            confidence_level=confidence_level,
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_table(
        cls,
        table,
        *,
        n_bins=5,
        strategy="uniform",
        confidence_level=0.95,
        ax=None,
        **plot_options,
    ):
        """Draw the curves of a table of probabilities.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        n_bins, strategy, confidence_level, ax, **plot_options
            As in `from_predictions`.

        Returns
        -------
        display : GroupCalibrationDisplay
        """
        if strategy not in _STRATEGIES:
            raise ValueError(
                f"strategy must be one of {_STRATEGIES}, got {strategy!r}."
            )
        if n_bins < 1:
            raise ValueError(f"n_bins must be 1 or more, got {n_bins}.")
        check_confidence_level(confidence_level)
        low, high = table.scores.min(), table.scores.max()
        if low < 0 or high > 1:
            raise ValueError(
                f"probabilities must lie in [0, 1], got values from {low:g} to "
                f"{high:g}; calibrate scores first, or pass predict_proba."
            )
        bins = {
            "n_bins": n_bins,
            "strategy": strategy,
            "confidence_level": confidence_level,
        }
        display = cls(
            [
                CalibrationCurve.from_table(table, code, **bins)
                for code in range(len(table.groups))
            ],
            overall=CalibrationCurve.from_table(table.overall(), 0, **bins),
            names=table.names,
            pos_label=table.classes[-1],
        )
        return display.plot(ax=ax, **plot_options)

    def plot(
        self,
        ax=None,
        *,
        plot_overall=False,
        ref_line=True,
        intervals=True,
        histogram=True,
        legend=True,
        curve_kwargs=None,
    ):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure. In a figure without a layout
            engine these axes shrink to make room for legend and strips.
        plot_overall : bool, default=False
            Whether to draw the curve of everybody.
        ref_line : bool, default=True
            Whether to draw the diagonal, where predictions are perfectly calibrated.
        intervals : bool, default=True
            Whether to draw the interval of each bin.
        histogram : bool, default=True
            Whether to draw a strip with the group's predictions for each group.
        legend : bool, default=True
            Whether to name the groups beside the axes.
        curve_kwargs : dict, default=None
            Keywords of matplotlib's `plot`, for the line of every group.

        Returns
        -------
        display : GroupCalibrationDisplay
        """
        strips = self._height_of_strips() if histogram else 0.0
        figsize = (9.2, legend_height(len(self.curves)) + 4.4 * strips)
        self.ax_ = open_axes(ax, "GroupCalibrationDisplay.plot", figsize)
        self.figure_ = self.ax_.figure
        self.ax_.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        self.ax_.set_aspect("equal", anchor="NW")
        tidy(self.ax_)
        xy = {curve.group: (curve.prob_pred, curve.prob_true) for curve in self.curves}
        look = {"markevery": 1, "markersize": 5, **(curve_kwargs or {})}
        self.lines_ = draw_lines(self.ax_, xy, curve_kwargs=look, marked=True)
        self.intervals_ = self._draw_intervals() if intervals else {}
        others = [*self._reference(ref_line), *self._pooled(plot_overall)]
        what = positive_name(self.pos_label)
        self.ax_.set_ylabel(f"share of positives{what}")
        self.histogram_ax_ = self._draw_strips(strips) if histogram else None
        bottom = self.histogram_ax_ or self.ax_
        bottom.set_xlabel(f"mean predicted probability{what}")
        listed = self._listed(others) if legend else None
        self.legend_ = lay_out([self.ax_], new=ax is None, legend=listed)
        if histogram:
            drop_high_label(self.histogram_ax_)
        return self

    def _listed(self, others):
        """All that the legend names."""
        figures = {curve.group: "" for curve in self.curves}
        counts = {curve.group: curve.n for curve in self.curves}
        return legend_of(self.lines_, figures, counts, ("", self.names), others)

    def _reference(self, wanted):
        """Draw the diagonal, if it is wanted: (line, text) of the legend."""
        self.perfect_line_ = None
        if not wanted:
            return []
        self.perfect_line_ = draw_reference(self.ax_, [0, 1], [0, 1])
        return [(self.perfect_line_, "perfectly calibrated")]

    def _pooled(self, wanted):
        """Draw the curve of everybody, if it is wanted."""
        self.overall_line_ = None
        if not wanted or self.overall is None:
            return []
        xy = self.overall.prob_pred, self.overall.prob_true
        self.overall_line_ = draw_overall(self.ax_, *xy)
        return [(self.overall_line_, entry("", "overall", people(self.overall.n)))]

    def _draw_intervals(self):
        pale = 0.55 if len(self.curves) <= 4 else 0.3
        return {
            curve.group: self.ax_.vlines(
                curve.prob_pred,
                curve.low,
                curve.high,
                color=style.color,
                alpha=pale,
                lw=1.2,
                zorder=1.6,
            )
            for curve, style in zip(
                self.curves, group_styles(len(self.curves)), strict=True
            )
        }

    def _height_of_strips(self):
        """Height of all strips, in shares of the height of the curves."""
        return 0.06 + 0.04 * max(len(self.curves), 3)

    def _draw_strips(self, height):
        """Histograms, one above the other: the first group is the uppermost."""
        ax = self.ax_.inset_axes([0, -height - 0.03, 1, height], sharex=self.ax_)
        self.ax_.tick_params(labelbottom=False)
        edges = np.linspace(0, 1, _HISTOGRAM_BINS + 1)
        styles = group_styles(len(self.curves))
        for row, (curve, style) in enumerate(zip(self.curves, styles, strict=True)):
            shares = curve.histogram(edges)
            floor = np.full(len(shares), -float(row))
            tops = floor + 0.85 * shares / shares.max()
            ax.stairs(
                tops, edges, baseline=floor, fill=True, color=style.color, alpha=0.85
            )
        ax.set(ylim=(1.05 - len(self.curves), 1.0), yticks=[])
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_ylabel("predictions", fontsize="small")
        return ax
