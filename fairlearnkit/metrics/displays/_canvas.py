"""Axes to draw on: new ones, or given ones in which room is made for all that is drawn.

Nothing here changes a global setting of matplotlib.
"""

from itertools import product
from textwrap import fill

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit.metrics.displays._group_names import heading

_SMALL, _TINY = 8.5, 5.0  # points
_NARROW = 1.2  # inches of axes for three numbers
_MOST_ROWS = 24  # of a column of a legend


def open_axes(ax, user, figsize):
    """Return the given axes, or those of a new figure.

    Parameters
    ----------
    ax : matplotlib Axes or None
    user : str
        Who draws, for the message where matplotlib is missing.
    figsize : tuple of float
        Inches, of a new figure.
    """
    pyplot = require("matplotlib.pyplot", extra="plot", user=user)
    if ax is None:
        _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    return ax


def open_panels(ax, user, n_panels, n_columns, figsize, gap):
    """Return panels in rows, of a new figure or inside of what is given.

    Parameters
    ----------
    ax : matplotlib Axes, sequence of n_panels Axes, or None
        Axes that are to hold several panels are emptied and divided.
    user : str
        Who draws, for messages.
    n_panels, n_columns : int
    figsize : tuple of float
        Inches, of a new figure.
    gap : tuple of float
        Between the panels of divided axes, across and down, in shares of them.

    Returns
    -------
    panels : list of matplotlib Axes
    holders : list of matplotlib Axes
        Whose cells must hold everything; a legend goes beside the last.
    """
    pyplot = require("matplotlib.pyplot", extra="plot", user=user)
    if ax is None:
        n_rows = -(-n_panels // n_columns)
        options = {"figsize": figsize, "layout": "constrained", "squeeze": False}
        _, grid = pyplot.subplots(n_rows, n_columns, **options)
        for spare in grid.flat[n_panels:]:
            spare.remove()
        panels = list(grid.flat[:n_panels])
        return panels, [panels[n_columns - 1]]
    if not hasattr(ax, "plot"):
        panels = list(np.ravel(ax))
        if len(panels) != n_panels:
            raise ValueError(
                f"{user} draws {n_panels} panels but got {len(panels)} axes; give one "
                "for each, or a single one to divide."
            )
        return panels, panels
    if n_panels == 1:
        return [ax], [ax]
    ax.set_axis_off()
    places = _panel_places(n_panels, n_columns, gap)
    return [ax.inset_axes(place) for place in places], [ax]


def _panel_places(n_panels, n_columns, gap):
    """Bounds (x, y, width, height) of panels in rows, in shares of what holds them."""
    n_rows = -(-n_panels // n_columns)
    width = (1 - gap[0] * (n_columns - 1)) / n_columns
    height = (1 - gap[1] * (n_rows - 1)) / n_rows
    return [
        (x * (width + gap[0]), 1 - height - y * (height + gap[1]), width, height)
        for y, x in product(range(n_rows), range(n_columns))
    ][:n_panels]


def tidy(ax, grid="both"):
    """A pale grid behind the data, and no lines above and to the right."""
    ax.grid(color="0.92", axis=grid)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def arrange(ax):
    """Put axes where the next drawing will find them, without drawing."""
    engine = ax.figure.get_layout_engine()
    if engine is not None:
        engine.execute(ax.figure.figure)
    ax.apply_aspect()


def lay_out(holders, *, new, legend=None):
    """Make room for all that is drawn, and list the handles beside the axes.

    Parameters
    ----------
    holders : list of matplotlib Axes
        The legend goes beside the last.
    new : bool
        Whether the figure is ours: then its width is cut to what is drawn. Axes that
        were given shrink within their cell, unless a layout engine does so.
    legend : tuple (handles, texts, title), default=None

    Returns
    -------
    legend : matplotlib Legend or None
    """
    settle = _trim if new else _make_room
    *others, ax = holders
    for other in others:
        settle(other)
    if legend is None:
        settle(ax)
        return None
    size, listed = _SMALL, _legend_beside(ax, *legend)
    settle(ax)
    for _ in range(3):  # letters have whole numbers of pixels
        share = _share_in_sight(ax, listed)
        if share >= 1 or size <= _TINY:
            break
        size = max(size * share * 0.98, _TINY)
        listed = _legend_beside(ax, *legend, size=size)
        settle(ax)
    return listed


def _legend_beside(ax, handles, texts, title, size=_SMALL):
    """List handles to the right of the axes.

    Texts are set one by one, because a legend drops those that start with "_".
    """
    transforms = require("matplotlib.transforms", extra="plot", user="a legend")
    inches = ax.figure.dpi_scale_trans
    aside = transforms.ScaledTranslation(0.14, 0, inches)  # beyond the last tick label
    legend = ax.legend(
        handles,
        [str(i) for i in range(len(handles))],
        loc="upper left",
        bbox_to_anchor=(1, 1),
        bbox_transform=ax.transAxes + aside,
        borderaxespad=0,
        frameon=False,
        fontsize=size,
        title=title,
        title_fontsize=size,
        alignment="left",
        handlelength=3.2,
        ncols=-(-len(handles) // _MOST_ROWS),
    )
    for place, text in zip(legend.get_texts(), texts, strict=True):
        place.set_text(text)
    return legend


def _share_in_sight(ax, legend):
    """Share of the legend's height that lies above the end of the axes' cell."""
    extent = legend.get_window_extent()
    low = _room(ax)[1] if ax.get_subplotspec() else 0.0
    floor = ax.figure.transSubfigure.transform((0, low))[1]
    return (extent.y1 - floor) / extent.height


def legend_height(n_groups):
    """Inches of a figure beside which this many groups can be listed."""
    return np.clip(1.7 + 0.34 * n_groups, 5.0, 7.5)


def legend_title(figures, names):
    """Head the figures, the groups and the numbers of people of a legend."""
    return f"{figures}; {heading(names)}" if figures else heading(names)


def entry(figures, name, n):
    """One entry of a legend: figures first, so that they stand in a column."""
    indent = " " * _spaces(figures)
    text = f"{name} ({n})" if n else name
    start = f"{figures}  " if figures else ""
    return start + text.replace("\n", f"\n{indent}")


def _spaces(figures):
    """Spaces as wide as figures and two spaces; a digit is as wide as two."""
    return sum(2 if c.isdigit() else 1 for c in figures) + 2 if figures else 0


def _trim(ax):
    """Cut a figure off where the axes and their legend end."""
    figure = ax.figure
    for _ in range(4):  # axes inside of axes, and an equal aspect, settle slowly
        arrange(ax)
        box, slot = ax.get_tightbbox(), ax.get_position(original=True)
        width = box.x1 / figure.dpi + 0.1
        if ax.get_aspect() != "auto":  # as wide as it is high
            slot_width, slot_height = slot.size * figure.get_size_inches()
            width += max(slot_height - slot_width, 0)
        if abs(width - figure.get_figwidth()) < 0.02 and box.y0 > -0.5:
            break
        figure.set_size_inches(width, figure.get_figheight())


def _make_room(ax):
    """Shrink axes such that names and legend stay in their cell of the figure.

    A layout engine does so itself, and axes that are in no grid stay where they are.
    """
    if ax.get_subplotspec() is None or ax.figure.get_layout_engine() is not None:
        return
    room, inwards = np.array(_room(ax)), np.array([1, 1, -1, -1])
    for _ in range(3):  # an equal aspect and folded labels need another look
        _fold_labels(ax)
        # A legend that is too high does not fit any better beside lower axes.
        wide, high = _extents(ax, legend=True), _extents(ax, legend=False)
        used = np.where([True, False] * 2, wide, high)
        over = np.maximum((room - used) * inwards, 0)
        if over.max() < 1e-3:
            break
        bounds = ax.get_position(original=True).extents + over * inwards
        left, low, right, top = bounds
        ax.set_position([left, low, max(right - left, 0.02), max(top - low, 0.02)])
        ax.set_in_layout(True)  # which set_position has ended
    _fold_labels(ax)
    _thin_ticks(ax)


def _thin_ticks(ax):
    """Leave few numbers below axes that are too narrow for more."""
    for part in (ax, *ax.child_axes):
        if part.axison and part.bbox.width < _NARROW * ax.figure.dpi:
            part.locator_params(axis="x", nbins=2)


def _fold_labels(ax):
    """Break labels that are wider than their axes in two."""
    ax.apply_aspect()
    for part in (ax, *ax.child_axes):
        label = part.xaxis.label
        text = label.get_text()
        if "\n" not in text and label.get_window_extent().width > part.bbox.width:
            label.set_text(fill(text, len(text) // 2 + 3))


def _extents(ax, *, legend):
    """Bounds of the axes and their texts, in shares of the figure."""
    listed = ax.get_legend()
    if listed is not None:
        listed.set_in_layout(legend)
    box = ax.get_tightbbox().transformed(ax.figure.transSubfigure.inverted())
    if listed is not None:
        listed.set_in_layout(True)
    return box.extents


def _room(ax):
    """Bounds of the axes' part of the figure, in nested grids too."""
    spec = ax.get_subplotspec()
    specs = spec, spec.get_topmost_subplotspec()
    cells = [_cell(own, ax.figure) for own in specs]
    return [*np.max(cells, axis=0)[:2], *np.min(cells, axis=0)[2:]]


def _cell(spec, figure):
    """The axes' part of the figure: up to half the way to the neighbours."""
    lows, highs, lefts, rights = spec.get_gridspec().get_grid_positions(figure)
    rows, columns = spec.rowspan, spec.colspan

    def between(starts, ends, first, last):
        start = (starts[first] + ends[first - 1]) / 2 if first else 0.0
        more = last + 1 < len(starts)
        return start, (ends[last] + starts[last + 1]) / 2 if more else 1.0

    left, right = between(lefts, rights, columns.start, columns.stop - 1)
    # Rows are counted from the top.
    down, up = np.subtract(1, highs), np.subtract(1, lows)
    top, bottom = between(down, up, rows.start, rows.stop - 1)
    return left, 1 - bottom, right, 1 - top


def fit_rows(ax):
    """Shrink names of rows that would run into each other.

    Parameters
    ----------
    ax : matplotlib Axes
        With one tick on the y axis for each row.
    """
    arrange(ax)
    labels = ax.get_yticklabels()
    room = ax.bbox.height / len(labels)
    needed = max(label.get_window_extent().height for label in labels)
    if needed > room:
        size = labels[0].get_fontsize() * room / needed
        ax.tick_params(axis="y", labelsize=max(size, _TINY))


def drop_high_label(ax):
    """Leave the y axis without a name where the axes are lower than it."""
    label = ax.yaxis.label
    if label.get_window_extent().height > ax.bbox.height:
        label.set_text("")
