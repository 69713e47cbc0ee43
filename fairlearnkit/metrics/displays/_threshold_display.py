"""Rates of every group as a common threshold sweeps over the scores."""

import numpy as np

from fairlearnkit._columns import check_row_order
from fairlearnkit._rates import RATES
from fairlearnkit.metrics.displays._canvas import (
    lay_out,
    legend_height,
    open_panels,
    tidy,
)
from fairlearnkit.metrics.displays._group_curves import people_of
from fairlearnkit.metrics.displays._group_lines import (
    draw_lines,
    draw_points,
    legend_of,
    point_entry,
    thresholds_of,
)
from fairlearnkit.metrics.displays._scored_people import (
    groups_for,
    score_table,
    scores_of,
    warn_left_out,
)
from fairlearnkit.metrics.displays._threshold_sweep import ThresholdSweep

_DEFAULT = ("selection_rate", "true_positive_rate", "false_positive_rate")
_GAP_HEIGHT, _GAP_SPACE = 0.36, 0.13  # in shares of the panel above


class ThresholdSweepDisplay:
    """Rates of every group at every common threshold, and the gap between groups.

    It answers what a single number cannot: whether the groups lie apart at the
    threshold in use only, or at all of them, and what another threshold would cost
    whom. One panel a rate; below it the largest minus the smallest rate. A gap that is
    small near the ends is no merit: there everybody, or nobody, is selected.

    Create it with :meth:`from_estimator`, :meth:`from_predictions` or
    :meth:`from_table`.

    Parameters
    ----------
    sweeps : sequence of ThresholdSweep
        One a rate, all of the same groups.
    n : sequence of float
        People in each group; Kish's effective number if weighted.
    limits : tuple (low, high) of float
        Scores to show.
    threshold : float or dict of float by group, default=None
        In use: a line through the panels, or a marker on the curve of each group.
    names : tuple of str, default=("group",)
        Names of the sensitive columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The first panel.
    axes_ : ndarray of matplotlib Axes
        One a rate.
    gap_axes_ : ndarray of matplotlib Axes
        Below them.
    figure_ : matplotlib Figure
    lines_ : dict of dict of matplotlib Line2D
        By rate, then by group label. Names that are too long for the legend are
        shortened there only.
    gap_lines_ : dict of matplotlib Line2D
        By rate.
    threshold_lines_ : list of matplotlib Line2D
    points_ : dict of dict of matplotlib Line2D
        By rate, then by group label, where groups have thresholds of their own.
    legend_ : matplotlib Legend or None

    See Also
    --------
    GroupRocDisplay : Two rates against each other, without the threshold.
    fairlearnkit.postprocessing.ThresholdOptimizer : Finds thresholds by group.

    Notes
    -----
    The rate of group :math:`a` at threshold :math:`t` is that of the rule
    :math:`\\hat Y = 1[S \\ge t]`, as in :func:`sklearn.metrics.roc_curve`: a staircase
    with a step at the group's own scores. It is drawn exactly, not on a grid.

    References
    ----------
    Corbett-Davies, Gaebler, Nilforoshan, Shroff, Goel, "The measure and mismeasure of
    fairness", JMLR 24, 2023. :doi:`10.48550/arXiv.1808.00023`

    Examples
    --------
    >>> from fairlearnkit.metrics import ThresholdSweepDisplay
    >>> display = ThresholdSweepDisplay.from_predictions(
    ...     [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2, 0.9],
    ...     sensitive_features=["a"] * 4 + ["b"] * 4,
    ...     rates=["true_positive_rate"], threshold=0.5,
    ... )
    >>> display.sweeps[0].at(0.5)
    array([1. , 0.5])
    >>> display.sweeps[0].gap_at(0.5)
    0.5
    """

    def __init__(self, sweeps, n, limits, *, threshold=None, names=("group",)):
        self.sweeps = tuple(sweeps)
        self.n = n
        self.limits = limits
        self.threshold = threshold
        self.names = names

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_score,
        *,
        sensitive_features,
        rates=_DEFAULT,
        sample_weight=None,
        pos_label=None,
        threshold=None,
        ax=None,
        **plot_options,
    ):
        """Draw the rates of scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of two classes.
        y_score : array-like of shape (n_samples,)
            Finite numbers, higher where the positive class is likelier: a column of
            `predict_proba`, or `decision_function`.
        sensitive_features : array-like, Series, data frame or dict of columns
            Several columns make intersectional groups.
        rates : sequence of str, \
                default=("selection_rate", "true_positive_rate", "false_positive_rate")
            Any of "selection_rate", "base_rate", "true_positive_rate",
            "false_negative_rate", "false_positive_rate", "true_negative_rate",
            "positive_predictive_value", "false_discovery_rate",
            "negative_predictive_value" and "false_omission_rate".
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        pos_label : int, float, bool or str, default=None
            The positive label; by default 1 if labels are in {0, 1} or {-1, 1}.
        threshold : float or dict of float by group, default=None
            In use: whoever scores at least this much is selected.
        ax : matplotlib Axes or sequence of them, default=None
            One for each rate, or one to divide; by default in a new figure.
        **plot_options : dict
            Passed to `plot`.

        Returns
        -------
        display : ThresholdSweepDisplay

        Raises
        ------
        ValueError
            If a rate is unknown, labels leave open which one is positive, a value is
            missing, or lengths differ.

        Warns
        -----
        FairnessWarning
            If a group has nobody of whom a rate is a share; it is left out of it.
        """
        table = score_table(
            y_true, y_score, sensitive_features, sample_weight, pos_label
        )
        return cls.from_table(
            table, rates=rates, threshold=threshold, ax=ax, **plot_options
        )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        sensitive_features,
        rates=_DEFAULT,
        sample_weight=None,
        pos_label=None,
        response_method="auto",
        threshold=None,
        ax=None,
        **plot_options,
    ):
        """Draw the rates of a fitted classifier's scores.

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
        response_method : {"auto", "predict_proba", "decision_function"}, \
                default="auto"
            Where scores come from; "auto" tries them in this order.
        rates, sample_weight, threshold, ax, **plot_options
            As in `from_predictions`.

        Returns
        -------
        display : ThresholdSweepDisplay
        """
        check_row_order([("X", X), ("y", y), ("sample_weight", sample_weight)])
        groups = groups_for(X, sensitive_features, cls.__name__)
        scores, pos_label = scores_of(estimator, X, groups, response_method, pos_label)
        return cls.from_predictions(
            y,
            scores,
            sensitive_features=groups,
            rates=rates,
            sample_weight=sample_weight,
            pos_label=pos_label,
            threshold=threshold,
            ax=ax,
            **plot_options,
        )

    @classmethod
    def from_table(
        cls, table, *, rates=_DEFAULT, threshold=None, ax=None, **plot_options
    ):
        """Draw the rates of a table of scores.

        Parameters
        ----------
        table : ScoreTable
            Of two classes, the positive one last.
        rates, threshold, ax, **plot_options
            As in `from_predictions`.

        Returns
        -------
        display : ThresholdSweepDisplay
        """
        rates = (rates,) if isinstance(rates, str) else tuple(rates)
        if not rates:
            raise ValueError("there are no rates to draw.")
        if strange := [rate for rate in rates if rate not in RATES]:
            raise ValueError(
                f"{strange[0]!r} is no rate; choose from {', '.join(RATES)}."
            )
        sweeps = [ThresholdSweep.from_table(table, rate) for rate in rates]
        for sweep in sweeps:
            empty = [code for code, v in enumerate(sweep.values) if np.isnan(v).all()]
            warn_left_out(table, empty, sweep.rate, "people to be a share of")
        low, high = table.scores.min(), table.scores.max()
        if low >= 0 and high <= 1:
            limits = 0.0, 1.0
        else:
            margin = 0.02 * (high - low) or 0.5
            limits = float(low - margin), float(high + margin)
        display = cls(
            sweeps, people_of(table), limits, threshold=threshold, names=table.names
        )
        return display.plot(ax=ax, **plot_options)

    def plot(self, ax=None, *, legend=True, curve_kwargs=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One for each rate, or one to divide; by default in a new figure. In a figure
            without a layout engine these axes shrink to make room for the legend.
        legend : bool, default=True
            Whether to name the groups beside the axes.
        curve_kwargs : dict, default=None
            Keywords of matplotlib's `plot`, for the line of every group.

        Returns
        -------
        display : ThresholdSweepDisplay
        """
        n_panels, user = len(self.sweeps), "ThresholdSweepDisplay.plot"
        cuts = thresholds_of(self.sweeps[0].groups, self.threshold)
        figsize = 2.8 * n_panels + 3.4, legend_height(len(self.n))
        panels, holders = open_panels(ax, user, n_panels, n_panels, figsize, (0.04, 0))
        self.axes_, self.ax_ = np.array(panels, dtype=object), panels[0]
        self.figure_ = self.ax_.figure
        self.lines_, self.gap_lines_, self.points_ = {}, {}, {}
        self.threshold_lines_ = []
        below = [self._draw_panel(*pair, curve_kwargs) for pair in self._pairs(panels)]
        self.gap_axes_ = np.array(below, dtype=object)
        highest = max(np.nanmax(s.gap, initial=0) for s in self.sweeps)
        for panel, gap_panel in zip(panels, below, strict=True):
            gap_panel.set_ylim(-0.02 * highest, 1.05 * highest or 1)
            if panel is not panels[0]:
                panel.tick_params(labelleft=False)
                gap_panel.tick_params(labelleft=False)
        panels[0].set_ylabel("rate")
        below[0].set_ylabel("gap")
        others = self._draw_thresholds(cuts)
        listed = self._listed(others) if legend else None
        self.legend_ = lay_out(holders, new=ax is None, legend=listed)
        return self

    def _pairs(self, panels):
        return zip(self.sweeps, panels, strict=True)

    def _draw_panel(self, sweep, panel, curve_kwargs):
        """Draw one rate, and the gap below it; return the axes of the gap."""
        low, high = self.limits
        panel.set(xlim=(low, high), ylim=(-0.02, 1.02))
        panel.set_title(sweep.rate.replace("_", " "), fontsize="medium")
        panel.tick_params(labelbottom=False)
        steps = zip(sweep.groups, sweep.thresholds, sweep.values, strict=True)
        curves = {g: self._spread(*staircase) for g, *staircase in steps}
        self.lines_[sweep.rate] = draw_lines(panel, curves, "steps-pre", curve_kwargs)
        place = [0, -_GAP_HEIGHT - _GAP_SPACE, 1, _GAP_HEIGHT]
        below = panel.inset_axes(place, sharex=panel)
        x, gap = self._spread(sweep.gap_thresholds, sweep.gap)
        (self.gap_lines_[sweep.rate],) = below.plot(
            x, gap, color="black", lw=1.2, drawstyle="steps-pre"
        )
        below.fill_between(x, gap, step="pre", color="0.85", lw=0)
        below.set_xlabel("threshold")
        if len(self.sweeps) > 1:  # the last number would meet the next panel's first
            below.locator_params(axis="x", nbins=4, prune="upper")
        tidy(panel)
        tidy(below)
        return below

    def _spread(self, thresholds, values):
        """A staircase from one end of the axis to the other."""
        low, high = self.limits
        x = np.concatenate([[min(low, thresholds[0])], thresholds[:-1], [high]])
        return x, np.concatenate([values[:1], values])

    def _draw_thresholds(self, cuts):
        """Mark the thresholds in use; return what the legend says of them."""
        if not cuts:
            return []
        if isinstance(self.threshold, dict):
            for sweep, panel in self._pairs(self.axes_):
                rates = {g: sweep.at(cut) for g, cut in cuts.items()}
                points = {
                    g: (cuts[g], rates[g][code])
                    for code, g in enumerate(sweep.groups)
                    if g in cuts
                }
                self.points_[sweep.rate] = draw_points(panel, points, sweep.groups)
            return [point_entry(self.ax_, "threshold of the group")]
        cut = float(self.threshold)
        for sweep, panel, below in zip(
            self.sweeps, self.axes_, self.gap_axes_, strict=True
        ):
            look = {"color": "black", "lw": 0.9, "zorder": 3.5}
            self.threshold_lines_ += [a.axvline(cut, **look) for a in (panel, below)]
            text = f"{sweep.gap_at(cuts[sweep.groups[0]]):.2f} at {cut:g}"
            below.set_title(text, loc="right", fontsize="small", pad=3)
        return [(self.threshold_lines_[0], f"threshold {cut:g}")]

    def _listed(self, others):
        """All that the legend names."""
        lines = self.lines_[self.sweeps[0].rate]
        counts = dict(zip(lines, self.n, strict=True))
        figures = dict.fromkeys(lines, "")
        return legend_of(lines, figures, counts, ("", self.names), others)
