"""One panel of a metric by group: a row for each group, the first on top."""

import numpy as np

from fairlearnkit.metrics.displays._canvas import tidy
from fairlearnkit.metrics.displays._palette import COLORS, REFERENCE


def draw_dots(panel, values, low, high):
    """Draw a dot and an interval a row.

    Parameters
    ----------
    panel : matplotlib Axes
    values, low, high : ndarray of shape (n_rows,)
        Rows of NaN are marked as undefined.

    Returns
    -------
    dots : matplotlib Line2D
    intervals : matplotlib LineCollection
    """
    places = _open_rows(panel, values)
    look = {"color": COLORS[0], "ms": 6.5, "ls": "", "zorder": 3}
    (dots,) = panel.plot(values[places], places, "o", **look)
    return dots, _draw_intervals(panel, places, low, high, COLORS[0])


def draw_bars(panel, values, low, high):
    """Draw a bar from 0 and an interval a row.

    Parameters
    ----------
    panel, values, low, high
        As in :func:`draw_dots`.

    Returns
    -------
    bars : matplotlib BarContainer
    intervals : matplotlib LineCollection
    """
    places = _open_rows(panel, values)
    look = {"color": "0.8", "edgecolor": "0.55", "height": 0.62}
    bars = panel.barh(places, values[places], **look)
    return bars, _draw_intervals(panel, places, low, high, "black")


def draw_overall(panel, overall):
    """Draw the value of everybody through each row.

    Parameters
    ----------
    panel : matplotlib Axes
    overall : ndarray of shape (n_rows,)
    """
    rows = np.arange(len(overall))
    return panel.vlines(
        overall, rows - 0.5, rows + 0.5, color=REFERENCE, lw=1.4, zorder=1.5
    )


def draw_separators(panel, strata):
    """Draw a line between rows of different strata.

    Parameters
    ----------
    panel : matplotlib Axes
    strata : list of length n_rows
    """
    for row in range(1, len(strata)):
        if strata[row] != strata[row - 1]:
            panel.axhline(row - 0.5, color="0.4", lw=0.8)


def write_people(panel, n):
    """Write the number of people of each row to the right of the panel.

    Parameters
    ----------
    panel : matplotlib Axes
    n : ndarray of shape (n_rows,)
    """
    plain = (n == np.round(n)).all()
    texts = [(-0.62, "n" if plain else "eff. n")]
    texts += [(row, f"{people:.0f}") for row, people in enumerate(n)]
    for place, text in texts:
        panel.annotate(
            text,
            (1, place),
            (5, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="bottom" if place < 0 else "center",
            size="small",
            color="0.35",
        )


def _open_rows(panel, values):
    """Lay out the rows; return those with a value, the others say so."""
    panel.set_ylim(len(values) - 0.5, -0.5)
    panel.locator_params(axis="x", nbins=5)
    panel.tick_params(axis="y", length=0)
    tidy(panel)
    for row in np.flatnonzero(np.isnan(values)):
        panel.text(
            0.03,
            row,
            "undefined",
            transform=panel.get_yaxis_transform(),
            va="center",
            size="small",
            style="italic",
            color="0.35",
        )
    return np.flatnonzero(~np.isnan(values))


def _draw_intervals(panel, places, low, high, color):
    return panel.hlines(
        places, low[places], high[places], color=color, lw=1.8, zorder=2.5
    )
