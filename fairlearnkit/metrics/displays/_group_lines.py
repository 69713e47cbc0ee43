"""Lines of groups, and the points at which a rule works on them."""

import numpy as np

from fairlearnkit._rates import rate_of_class
from fairlearnkit.metrics.displays._canvas import entry, legend_title
from fairlearnkit.metrics.displays._group_names import people, short_names
from fairlearnkit.metrics.displays._palette import (
    LINES,
    OVERALL,
    REFERENCE,
    group_styles,
)
from fairlearnkit.metrics.displays._threshold_sweep import ThresholdSweep


def draw_lines(ax, curves, drawstyle="default", curve_kwargs=None, *, marked=False):
    """Draw one line a group, in a style of its own.

    Markers join where there are more groups than line styles.

    Parameters
    ----------
    ax : matplotlib Axes
        With its limits set.
    curves : dict
        From the label of a group to its (x, y).
    drawstyle : str
    curve_kwargs : dict or None
        Of every line.
    marked : bool, default=False
        Whether markers are there in any case.

    Returns
    -------
    lines : dict of matplotlib Line2D
    """
    styles = group_styles(len(curves))
    crowded = len(curves) > len(LINES)
    lines = {}
    for number, (group, style) in enumerate(zip(curves, styles, strict=True)):
        look = {
            "color": style.color,
            "linestyle": style.line,
            "linewidth": 1.3 if crowded else 1.6,
            "drawstyle": drawstyle,
            "zorder": 3 - number / len(curves),
        }
        if crowded or marked:
            start = 0.03 + 0.12 * number / len(curves)
            look |= {"marker": style.marker, "markersize": 4.5, "markeredgewidth": 0}
            look["markevery"] = (start, 0.15)
        (lines[group],) = ax.plot(*curves[group], **(look | (curve_kwargs or {})))
    return lines


def draw_reference(ax, x, y):
    """Draw a line that is no group's."""
    (line,) = ax.plot(x, y, color=REFERENCE, ls=(0, (1.5, 1.5)), lw=1.1, zorder=1.5)
    return line


def draw_overall(ax, x, y, drawstyle="default"):
    """Draw the line of everybody."""
    look = {"color": OVERALL, "lw": 2.2, "alpha": 0.55, "zorder": 1.8}
    (line,) = ax.plot(x, y, drawstyle=drawstyle, **look)
    return line


def draw_points(ax, points, groups):
    """Mark the point of each group, in its colour and with its marker.

    Parameters
    ----------
    ax : matplotlib Axes
    points : dict
        From the label of a group to its (x, y); NaN is left out.
    groups : sequence
        Labels of all groups, in the order of their styles.

    Returns
    -------
    markers : dict of matplotlib Line2D
    """
    markers = {}
    for group, style in zip(groups, group_styles(len(groups)), strict=True):
        if group in points and not np.isnan(points[group]).any():
            look = {"mfc": style.color, "mec": "black", "ms": 9, "mew": 1.1}
            (markers[group],) = ax.plot(
                *points[group], style.marker, **look, zorder=4, clip_on=False
            )
    return markers


def point_entry(ax, text="operating point"):
    """Marker and text that stand for all points in a legend."""
    (handle,) = ax.plot([], [], "o", mfc="0.7", mec="black", ms=9, mew=1.1)
    return handle, text


def legend_of(lines, figures, counts, title, others):
    """List the lines of groups, then the others, for a legend.

    Parameters
    ----------
    lines : dict of matplotlib Line2D
        By group.
    figures : dict of str
        What stands before the name of each group.
    counts : dict of float
        People in each group.
    title : tuple (figures, names)
        What the figures are, and the names of the sensitive columns.
    others : list of (matplotlib Line2D, str)
        Further entries.

    Returns
    -------
    legend : tuple (handles, texts, title)
    """
    names = dict(zip(lines, short_names(list(lines)), strict=True))
    texts = [entry(figures[g], names[g], people(counts[g])) for g in lines]
    handles = [*lines.values(), *(handle for handle, _ in others)]
    texts += [text for _, text in others]
    return handles, texts, legend_title(*title)


def operating_points(table, rates, threshold, decisions):
    """Find where a rule works: two rates of each group.

    Parameters
    ----------
    table : ScoreTable
    rates : tuple (x, y) of str
        Names of rates.
    threshold : float, dict of float by group, or None
        Whoever scores as much is predicted positive.
    decisions : GroupCounts or None
        What was decided, the positive class last.

    Returns
    -------
    points : dict
        From the label of a group to (x, y).

    Raises
    ------
    ValueError
        If both are given, or a group is not there.
    """
    if threshold is not None and decisions is not None:
        raise ValueError("give either a threshold or decisions to mark, not both.")
    if decisions is not None:
        columns = [
            rate_of_class(rate, (0, 1), 1).of(decisions.counts) for rate in rates
        ]
        return dict(zip(decisions.groups, zip(*columns, strict=True), strict=True))
    sweeps = [ThresholdSweep.from_table(table, rate) for rate in rates]
    place = {group: code for code, group in enumerate(table.groups)}
    return {
        group: tuple(float(sweep.at(cut)[place[group]]) for sweep in sweeps)
        for group, cut in thresholds_of(table.groups, threshold).items()
    }


def thresholds_of(groups, threshold):
    """Threshold of each group that has one.

    Parameters
    ----------
    groups : sequence
    threshold : float, dict of float by group, or None

    Returns
    -------
    thresholds : dict of float
    """
    if threshold is None:
        return {}
    if not isinstance(threshold, dict):
        threshold = dict.fromkeys(groups, threshold)
    if strange := [group for group in threshold if group not in groups]:
        raise ValueError(
            f"threshold names {strange[0]!r}, which is no group; the groups are "
            f"{list(groups)}."
        )
    if any(np.isnan(float(cut)) for cut in threshold.values()):
        raise ValueError("threshold must be a number, got nan.")
    return {group: float(cut) for group, cut in threshold.items()}
