"""Colours, line styles and markers that tell groups apart, also in grey."""

from dataclasses import dataclass

# Okabe and Ito's six, then six more that keep the distance: no two are closer than 12
# units of CIELAB for usual sight and for simulated protan, deutan and tritan sight.
COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#543005",
    "#332288",
    "#882255",
    "#666633",
    "#999933",
    "#004488",
)
# Their numbers have no common divisor, so that pairs of line and marker first repeat
# after 35 groups, and triples with the colour after 420.
LINES = ("-", "--", "-.", ":", (0, (7, 1.5, 1.5, 1.5, 1.5, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
OVERALL = "#000000"
REFERENCE = "#767676"  # lines that are no group's, such as that of chance


@dataclass(frozen=True)
class Style:
    """How one group is drawn.

    Parameters
    ----------
    color : str
    line : str or tuple
        Line style.
    marker : str
    """

    color: str
    line: str | tuple
    marker: str


def group_styles(n_groups):
    """Give every group a style of its own.

    Parameters
    ----------
    n_groups : int

    Returns
    -------
    styles : list of Style
    """
    return [
        Style(COLORS[i % len(COLORS)], LINES[i % len(LINES)], MARKERS[i % len(MARKERS)])
        for i in range(n_groups)
    ]
