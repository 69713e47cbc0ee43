"""The picture: accuracy against disparity, a point for each method."""

from fairlearnkit.cli._measures import key_of

__all__ = ["draw_picture"]

# Colours that differ for every kind of sight (Okabe and Ito), and markers that do too;
# the last one is open, since it often lies on the one before.
_STYLES = {
    "plain": ("#000000", "o"),
    "reweighing": ("#E69F00", "s"),
    "reduction": ("#0072B2", "^"),
    "thresholds": ("#009E73", "D"),
}
_OPEN = {"thresholds": {"mfc": "none", "ms": 11, "mew": 2}}


def draw_picture(path, data, results, summaries, constraint, arguments):
    """Write the picture as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    key = key_of(constraint)
    for result in results:
        color, marker = _STYLES[result.method]
        point = result.row[key], result.row["accuracy"]
        axes.plot(*point, marker, color=color, alpha=0.25, ms=4, mew=0)
    for method, summary in summaries.items():
        _draw_method(axes, method, summary, key)
    _draw_frontier(axes, results)
    tolerance = f"tolerance, {arguments.tolerance:g}"
    axes.axvline(arguments.tolerance, color="0.6", lw=1, ls=":", label=tolerance)
    names = " x ".join(data.groups.names)
    form = "1 - smallest / largest" if constraint.compare == "ratio" else "difference"
    what = constraint.name.replace("_", " ")
    axes.set_xlabel(f"disparity in {what} by {names} ({form}; 0 is parity)")
    axes.set_ylabel("accuracy on held-out rows")
    axes.set_title(f"{data.name}, {arguments.model}", loc="left")
    axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path)


def _draw_frontier(axes, results):
    """What thresholds could reach, on rows that the model had not seen in training."""
    frontier = next((r.frontier for r in results if r.frontier is not None), None)
    if frontier is not None:
        label = "best thresholds\n(split 1, training\nrows out of fold)"
        axes.plot(
            frontier.violation, frontier.value, color="#009E73", lw=1.2, label=label
        )


def _draw_method(axes, method, summary, key):
    color, marker = _STYLES[method]
    x_error, y_error = (
        [[summary[k] - summary[f"{k}_low"]], [summary[f"{k}_high"] - summary[k]]]
        for k in (key, "accuracy")
    )
    point = summary[key], summary["accuracy"]
    axes.errorbar(*point, y_error, x_error, fmt="none", ecolor=color, capsize=3, lw=1.3)
    shape = {"ms": 8, **_OPEN.get(method, {})}
    axes.plot(*point, marker, color=color, label=method, **shape)
