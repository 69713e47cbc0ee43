"""What the displays of ROC and precision-recall curves share."""

from functools import partial

import numpy as np

from fairlearnkit._columns import check_row_order
from fairlearnkit.metrics.displays._canvas import (
    entry,
    lay_out,
    legend_height,
    open_axes,
    tidy,
)
from fairlearnkit.metrics.displays._group_lines import (
    draw_lines,
    draw_overall,
    draw_points,
    draw_reference,
    legend_of,
    operating_points,
    point_entry,
)
from fairlearnkit.metrics.displays._group_names import people, positive_name
from fairlearnkit.metrics.displays._scored_people import (
    decision_counts,
    groups_for,
    predictions_of,
    score_table,
    scores_of,
    warn_left_out,
)


class GroupCurveDisplay:
    """Base of both: their entrances, and how their lines are laid out."""

    def __init__(
        self, curves, *, overall=None, points=None, names=("group",), pos_label=None
    ):
        self.curves = tuple(curves)
        self.overall = overall
        self.points = points or {}
        self.names = names
        self.pos_label = pos_label

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_score,
        *,
        sensitive_features,
        sample_weight=None,
        pos_label=None,
        drop_intermediate=True,
        threshold=None,
        y_pred=None,
        ax=None,
        **plot_options,
    ):
        """Draw the curves of scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of two classes.
        y_score : array-like of shape (n_samples,)
            Finite numbers, higher where the positive class is likelier: a column of
            `predict_proba`, or `decision_function`.
        sensitive_features : array-like, Series, data frame or dict of columns
            Several columns make intersectional groups.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        pos_label : int, float, bool or str, default=None
            The positive label; by default 1 if labels are in {0, 1} or {-1, 1}.
        drop_intermediate : bool, default=True
            Whether to leave out points that change nothing in the picture.
        threshold : float or dict of float by group, default=None
            Mark the point of each group at which a score of at least this much is
            predicted positive.
        y_pred : array-like of shape (n_samples,), default=None
            Mark the point of each group at which these decisions lie; not together with
            `threshold`.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **plot_options : dict
            Passed to `plot`.

        Returns
        -------
        display : the display, drawn

        Raises
        ------
        ValueError
            If labels leave open which one is positive, a score or a sensitive value is
            missing, or lengths differ.

        Warns
        -----
        FairnessWarning
            If a group lacks a label without which it has no curve; it is left out.
        """
        table = score_table(
            y_true, y_score, sensitive_features, sample_weight, pos_label
        )
        decisions = decision_counts(
            y_true, y_pred, sensitive_features, sample_weight, pos_label
        )
        return cls.from_table(
            table,
            drop_intermediate=drop_intermediate,
            threshold=threshold,
            decisions=decisions,
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
        response_method="auto",
        drop_intermediate=True,
        threshold=None,
        mark_predict=False,
        ax=None,
        **plot_options,
    ):
        """Draw the curves of a fitted classifier's scores.

        Parameters
        ----------
        estimator : fitted classifier
            Of two classes; a mitigator that needs the groups gets them.
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sensitive_features : str, int, callable, list of these, or values
            Column(s) of X; or the values themselves, one a row.
        sample_weight, drop_intermediate, threshold, ax, **plot_options
            As in `from_predictions`.
        pos_label : int, float, bool or str, default=None
            By default the second of the estimator's classes.
        response_method : {"auto", "predict_proba", "decision_function"}, \
                default="auto"
            Where scores come from; "auto" tries them in this order.
        mark_predict : bool, default=False
            Whether to mark the point of each group at which the estimator's `predict`
            lies, which a mitigator may well set apart from any threshold.

        Returns
        -------
        display : the display, drawn

        Raises
        ------
        ValueError
            As in `from_predictions`, or if the estimator has no scores or not two
            classes.
        """
        check_row_order([("X", X), ("y", y), ("sample_weight", sample_weight)])
        groups = groups_for(X, sensitive_features, cls.__name__)
        scores, pos_label = scores_of(estimator, X, groups, response_method, pos_label)
        return cls.from_predictions(
            y,
            scores,
            sensitive_features=groups,
            sample_weight=sample_weight,
            pos_label=pos_label,
            drop_intermediate=drop_intermediate,
            threshold=threshold,
            y_pred=predictions_of(estimator, X, groups) if mark_predict else None,
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_table(
        cls,
        table,
        *,
        drop_intermediate=True,
        threshold=None,
        decisions=None,
        ax=None,
        **plot_options,
    ):
        """Draw the curves of a table of scores.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        drop_intermediate, threshold, ax, **plot_options
            As in `from_predictions`.
        decisions : GroupCounts, default=None
            What was decided of the same groups, the positive class last.

        Returns
        -------
        display : the display, drawn
        """
        display = cls.of_table(table, drop_intermediate=drop_intermediate)
        display.points = operating_points(table, cls._RATES, threshold, decisions)
        return display.plot(ax=ax, **plot_options)

    @classmethod
    def of_table(cls, table, *, codes=None, drop_intermediate=True):
        """Read the curves off a table, without drawing them.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        codes : sequence of int, default=None
            Groups that have a curve, by their position; all of them make the overall
            one.
        drop_intermediate : bool, default=True
            As in `from_predictions`.

        Returns
        -------
        display : the display, for `plot` to draw
        """
        wanted = np.arange(len(table.groups)) if codes is None else np.asarray(codes)
        drawable = cls._drawable(table)[wanted]
        if not drawable.any():
            raise ValueError(f"no group has {cls._NEED}, so there is no curve to draw.")
        warn_left_out(table, wanted[~drawable], cls.__name__, cls._NEED)
        make = partial(cls._CURVE.from_table, drop_intermediate=drop_intermediate)
        return cls(
            [make(table, code) for code in wanted[drawable]],
            overall=make(table.overall(), 0),
            names=table.names,
            pos_label=table.classes[-1],
        )

    def plot(
        self,
        ax=None,
        *,
        plot_overall=False,
        plot_chance_level=True,
        legend=True,
        curve_kwargs=None,
    ):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure. In a figure without a layout
            engine these axes shrink to make room for the legend.
        plot_overall : bool, default=False
            Whether to draw the curve of everybody.
        plot_chance_level : bool, default=True
            Whether to draw where a random order of people would lie.
        legend : bool, default=True
            Whether to name the groups beside the axes.
        curve_kwargs : dict, default=None
            Keywords of matplotlib's `plot`, for the line of every group.

        Returns
        -------
        display : the display
        """
        figsize = (9.2, legend_height(len(self.curves)))
        self.ax_ = open_axes(ax, f"{type(self).__name__}.plot", figsize)
        self.figure_ = self.ax_.figure
        self.ax_.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        self.ax_.set_aspect("equal", anchor="NW")
        tidy(self.ax_)
        xy = {curve.group: self._xy(curve) for curve in self.curves}
        self.lines_ = draw_lines(self.ax_, xy, self._STEPS, curve_kwargs)
        others = [*self._reference(plot_chance_level), *self._pooled(plot_overall)]
        self.points_ = draw_points(self.ax_, self.points, list(xy))
        if self.points_:
            others.append(point_entry(self.ax_))
        x, y = self._AXES
        self.ax_.set_xlabel(x + positive_name(self.pos_label))
        self.ax_.set_ylabel(y + positive_name(self.pos_label))
        listed = self._listed(others) if legend else None
        self.legend_ = lay_out([self.ax_], new=ax is None, legend=listed)
        return self

    def _listed(self, others):
        """All that the legend names."""
        figures = {curve.group: self._figures(curve) for curve in self.curves}
        counts = {curve.group: curve.n for curve in self.curves}
        title = self._TITLE, self.names
        return legend_of(self.lines_, figures, counts, title, others)

    def _reference(self, wanted):
        """Draw the level of chance, if it is wanted: (line, text) of the legend."""
        self.chance_level_ = None
        if not wanted or self._chance() is None:
            return []
        level, text = self._chance()
        self.chance_level_ = draw_reference(self.ax_, [0, 1], level)
        return [(self.chance_level_, text)]

    def _pooled(self, wanted):
        """Draw the curve of everybody, if it is wanted."""
        self.overall_line_ = None
        if not wanted or self.overall is None:
            return []
        xy = self._xy(self.overall)
        self.overall_line_ = draw_overall(self.ax_, *xy, self._STEPS)
        text = entry(self._figures(self.overall), "overall", people(self.overall.n))
        return [(self.overall_line_, text)]
