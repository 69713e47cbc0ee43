"""Metrics by group with their intervals, one panel a metric."""

import numpy as np

from fairlearnkit._columns import check_row_order
from fairlearnkit.metrics._disparity import warn_undefined
from fairlearnkit.metrics.displays._canvas import fit_rows, lay_out, open_panels
from fairlearnkit.metrics.displays._group_names import heading, people, short_names
from fairlearnkit.metrics.displays._metric_grids import (
    grids_of_frame,
    grids_of_laws,
    metric_data,
)
from fairlearnkit.metrics.displays._metric_panels import (
    draw_bars,
    draw_dots,
    draw_overall,
    draw_separators,
    write_people,
)
from fairlearnkit.metrics.displays._scored_people import (
    groups_for,
    predictions_of,
    scores_of,
)

_KINDS = ("dot", "bar")
_ORDERS = ("value", "given")
_MOST_COLUMNS = 4


class GroupMetricDisplay:
    """Metrics of every group with intervals: what is known, and how well.

    A group's dot is its metric, the bar through it the interval, the vertical line the
    metric of everybody. Where the intervals are wide the group is too small to judge,
    however far its dot lies off. Intervals are those of each group alone: two that
    overlap may well belong to groups that differ, for which see :func:`disparity`.

    Create it with :meth:`from_frame`, :meth:`from_predictions` or
    :meth:`from_estimator`.

    Parameters
    ----------
    values, low, high, n : ndarray of shape (n_metrics, n_groups)
        Metrics, their intervals, and the people behind each (Kish's effective number if
        weighted). NaN where a metric is undefined.
    groups : sequence
        Label of each group.
    metrics : sequence of str
        Names of the metrics.
    overall : ndarray of shape (n_metrics,) or (n_metrics, n_groups), default=None
        Metrics of everybody, or of the stratum of each group.
    strata : sequence of length n_groups, default=None
        Stratum of each group; strata are kept together.
    names : tuple of str, default=("group",)
        Names of the sensitive columns.
    confidence_level : float in (0, 1), default=0.95
        Of the intervals.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The first panel.
    axes_ : ndarray of matplotlib Axes
        One a metric.
    figure_ : matplotlib Figure
    order_ : ndarray of int
        Groups from top to bottom, as positions in `groups`. Names that are too long for
        a tick label are shortened there only.
    dots_ : list of matplotlib Line2D
        Of each metric; empty for bars.
    bars_ : list of matplotlib BarContainer
        Of each metric; empty for dots.
    intervals_, overall_lines_ : list of matplotlib LineCollection
        Of each metric; no overall lines where they are not asked for.

    See Also
    --------
    MetricFrame : The numbers as a table.
    disparity : The gap between groups, with its own interval.

    Notes
    -----
    Shares of people have Wilson's interval; see :meth:`GroupEstimates.interval` for
    other metrics.

    References
    ----------
    Cleveland, McGill, "Graphical perception: theory, experimentation, and application
    to the development of graphical methods", JASA 79, 1984.
    :doi:`10.1080/01621459.1984.10478080`

    Examples
    --------
    >>> from fairlearnkit.metrics import GroupMetricDisplay, selection_rate
    >>> display = GroupMetricDisplay.from_predictions(
    ...     [0, 1, 1, 0], [0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"],
    ...     metrics=selection_rate,
    ... )
    >>> print(display.values, display.low.round(2))
    [[0.5 1. ]] [[0.09 0.34]]
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['b (n = 2)', 'a (n = 2)']
    """

    def __init__(
        self,
        *,
        values,
        low,
        high,
        n,
        groups,
        metrics,
        overall=None,
        strata=None,
        names=("group",),
        confidence_level=0.95,
    ):
        self.values = values
        self.low = low
        self.high = high
        self.n = n
        self.groups = tuple(groups)
        self.metrics = tuple(metrics)
        self.overall = overall
        self.strata = strata
        self.names = names
        self.confidence_level = confidence_level

    @classmethod
    def from_frame(
        cls,
        frame,
        *,
        confidence_level=0.95,
        method=None,
        n_resamples=200,
        random_state=0,
        ax=None,
        **plot_options,
    ):
        """Draw a frame of metrics.

        Parameters
        ----------
        frame : MetricFrame
            With control features, groups are drawn within each control level.
        confidence_level : float in (0, 1), default=0.95
        method : str, default=None
            Of the intervals; by default each metric's own.
        n_resamples : int, default=200
            Bootstrap replicates behind the standard error of a metric that is called on
            rows.
        random_state : int, RandomState, Generator or None, default=0
            Draws them.
        ax : matplotlib Axes or sequence of them, default=None
            One for each metric, or one to divide; by default in a new figure.
        **plot_options : dict
            Passed to `plot`.

        Returns
        -------
        display : GroupMetricDisplay
        """
        grids = grids_of_frame(
            frame, confidence_level, method, n_resamples, random_state
        )
        return cls(**grids).plot(ax=ax, **plot_options)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        metrics,
        sensitive_features,
        sample_weight=None,
        confidence_level=0.95,
        method=None,
        n_resamples=200,
        random_state=0,
        ax=None,
        **plot_options,
    ):
        """Draw metrics of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            Labels or numbers, as the metrics want them.
        metrics : callable, list or dict of callable
            ``metric(y_true, y_pred)``, such as :func:`true_positive_rate` or
            :func:`sklearn.metrics.accuracy_score`; bind further arguments, such as
            `pos_label`, with :func:`functools.partial`.
        sensitive_features : array-like, Series, data frame or dict of columns
            Several columns make intersectional groups.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, passed to every metric.
        confidence_level, method, n_resamples, random_state, ax, **plot_options
            As in `from_frame`.

        Returns
        -------
        display : GroupMetricDisplay

        Raises
        ------
        ValueError
            If lengths differ, a sensitive value is missing, or a metric cannot be taken
            of these labels.

        Warns
        -----
        FairnessWarning
            If a metric is undefined for some group.
        """
        data = metric_data(metrics, y_true, y_pred, sensitive_features, sample_weight)
        laws = data.laws(n_resamples, random_state)
        warn_undefined(list(laws.values()), data.cells.sensitive)
        grids = grids_of_laws(laws, data, confidence_level, method)
        return cls(**grids).plot(ax=ax, **plot_options)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        metrics,
        sensitive_features,
        sample_weight=None,
        response_method="predict",
        ax=None,
        **options,
    ):
        """Draw metrics of a fitted model's predictions.

        Parameters
        ----------
        estimator : fitted estimator
            A mitigator that needs the groups gets them.
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        metrics, sample_weight, ax
            As in `from_predictions`.
        sensitive_features : str, int, callable, list of these, or values
            Column(s) of X; or the values themselves, one a row.
        response_method : {"predict", "predict_proba", "decision_function"}, \
                default="predict"
            What the metrics are taken of; of scores, those of the second class.
        **options : dict
            Passed to `from_predictions`.

        Returns
        -------
        display : GroupMetricDisplay
        """
        check_row_order([("X", X), ("y", y), ("sample_weight", sample_weight)])
        groups = groups_for(X, sensitive_features, cls.__name__)
        if response_method == "predict":
            predicted = predictions_of(estimator, X, groups)
        else:
            predicted, _ = scores_of(estimator, X, groups, response_method)
        return cls.from_predictions(
            y,
            predicted,
            metrics=metrics,
            sensitive_features=groups.values(),
            sample_weight=sample_weight,
            ax=ax,
            **options,
        )

    def plot(self, ax=None, *, kind="dot", order="value", plot_overall=True):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One for each metric, or one to divide; by default in a new figure. In a
            figure without a layout engine these axes shrink to make room for the names.
        kind : {"dot", "bar"}, default="dot"
            Bars start at 0, so that their lengths compare; dots need no 0.
        order : {"value", "given"}, default="value"
            Whether groups are sorted by the first metric, largest on top, or stay as
            they are.
        plot_overall : bool, default=True
            Whether to draw the line of everybody.

        Returns
        -------
        display : GroupMetricDisplay
        """
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {_KINDS}, got {kind!r}.")
        if order not in _ORDERS:
            raise ValueError(f"order must be one of {_ORDERS}, got {order!r}.")
        self.order_ = self._order(order)
        one_n = np.allclose(self.n, self.n[0])
        names = self._tick_labels(one_n)
        panels, holders = self._open(ax, names)
        self.axes_, self.ax_ = np.array(panels, dtype=object), panels[0]
        self.figure_ = self.ax_.figure
        self.dots_, self.bars_, self.intervals_, self.overall_lines_ = [], [], [], []
        for metric, panel in enumerate(panels):
            self._draw_panel(metric, panel, kind, plot_overall)
            if not one_n:
                write_people(panel, self.n[metric, self.order_])
            first = metric % min(len(panels), _MOST_COLUMNS) == 0
            panel.set_yticks(range(len(names)), names if first else [""] * len(names))
            if first and (title := heading(self.names)) != "group":
                panel.set_ylabel(title)
        lay_out(holders, new=ax is None)
        fit_rows(self.ax_)
        return self

    def _open(self, ax, names):
        n_panels = len(self.metrics)
        n_columns = min(n_panels, _MOST_COLUMNS)
        n_rows = -(-n_panels // n_columns)
        lines = sum(0.13 + 0.17 * (1 + name.count("\n")) for name in names)
        figsize = 2.7 * n_columns + 2.8, n_rows * (1.3 + max(lines, 0.9))
        user = "GroupMetricDisplay.plot"
        return open_panels(ax, user, n_panels, n_columns, figsize, (0.07, 0.3))

    def _order(self, order):
        """Groups from top to bottom, each stratum by itself."""
        strata = self.strata or [()] * len(self.groups)
        place = {stratum: i for i, stratum in enumerate(dict.fromkeys(strata))}
        keys = [np.array([place[stratum] for stratum in strata])]
        if order == "value":
            keys.insert(0, np.nan_to_num(-self.values[0], nan=np.inf))
        return np.lexsort(keys)

    def _tick_labels(self, one_n):
        """Names of the groups from top to bottom, with their number of people."""
        names = short_names(self.groups)
        if one_n:
            pairs = zip(names, self.n[0], strict=True)
            names = [f"{name} ({people(n)})" for name, n in pairs]
        return [names[group] for group in self.order_]

    def _draw_panel(self, metric, panel, kind, plot_overall):
        """Draw one metric, groups from top to bottom."""
        parts = (self.values, self.low, self.high)
        values, low, high = (part[metric, self.order_] for part in parts)
        draw = draw_bars if kind == "bar" else draw_dots
        shape, intervals = draw(panel, values, low, high)
        (self.bars_ if kind == "bar" else self.dots_).append(shape)
        self.intervals_.append(intervals)
        title = self.metrics[metric].replace("_", " ").replace("$", r"\$")
        if plot_overall and self.overall is not None:
            own = np.broadcast_to(np.transpose(self.overall), self.values.T.shape).T
            line = draw_overall(panel, own[metric, self.order_])
            self.overall_lines_.append(line)
            one = np.ndim(self.overall) == 1
            value = own[metric, 0]
            figures = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
            text = f"overall {figures}" if one else "all of the stratum"
            title = f"{title}\n(line: {text})"
        if self.strata:
            draw_separators(panel, [self.strata[group] for group in self.order_])
        panel.set_title(title, fontsize="medium")
        level = f"{100 * self.confidence_level:g}%"
        panel.set_xlabel(f"with {level} intervals", size="small")
