"""Pictures as functions, with the names and signatures of Fairlearn's."""

from inspect import Parameter, signature
from itertools import product
from numbers import Real
from textwrap import fill
from warnings import warn

import numpy as np

from fairlearnkit._columns import as_frame
from fairlearnkit._extras import require
from fairlearnkit._factorize import MISSING
from fairlearnkit._groups import resolve_groups
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics.displays._canvas import arrange, open_axes, tidy
from fairlearnkit.metrics.displays._curve_displays import GroupRocDisplay
from fairlearnkit.metrics.displays._metric_grids import name_of
from fairlearnkit.metrics.displays._palette import COLORS
from fairlearnkit.metrics.displays._scored_people import score_table

_USER = "plot_model_comparison"
_REACHES = (5, 14, 24, 36, 50)  # points from a marker, nearest first
_SIDES = [side for side in product((1, 0, -1), repeat=2) if any(side)]
_WIDTH = 26  # letters of a line of a label


def plot_model_comparison(
    *,
    y_preds,
    y_true=None,
    sensitive_features=None,
    x_axis_metric=None,
    y_axis_metric=None,
    ax=None,
    axis_labels=True,
    point_labels=False,
    point_labels_position=(0, 0),
    legend=False,
    show_plot=False,
    **kwargs,
):
    """Draw several models by two metrics, such as accuracy and a disparity.

    The signature is Fairlearn's. The points have no intervals: two models whose points
    lie close may rank the other way on other people. See
    :class:`~fairlearnkit.model_selection.FairnessFrontierDisplay` for candidates with
    intervals and their front.

    Parameters
    ----------
    y_preds : sequence or dict of array-like of shape (n_samples,), or data frame
        Predictions of each model; of a frame, one model a column.
    y_true : array-like of shape (n_samples,)
        Labels or numbers, as the metrics want them.
    sensitive_features : array-like, Series, data frame or dict, default=None
        Handed to a metric that takes them.
    x_axis_metric, y_axis_metric : callable
        ``metric(y_true, y_pred)`` or ``metric(y_true, y_pred, sensitive_features=...)``
        with a number for a result.
    ax : matplotlib Axes, default=None
        Where to draw; by default in a new figure.
    axis_labels : bool or pair of str, default=True
        Whether to name the axes after the metrics, or what to name them.
    point_labels : bool or sequence of str, default=False
        Whether to name the points by the keys of `y_preds` (or 0, 1, ...), or what to
        name them.
    point_labels_position : pair of float, default=(0, 0)
        From each point to its label, in data coordinates. With (0, 0) each label takes
        the first place around its point that is free.
    legend : bool, default=False
        Whether to show a legend, for the keyword `label`.
    show_plot : bool, default=False
        Whether to call ``matplotlib.pyplot.show``.
    **kwargs : dict
        Passed to the axes' `scatter`.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If `y_true` or a metric is missing, there are no predictions, or labels are not
        as many as points.

    Examples
    --------
    >>> from sklearn.metrics import accuracy_score
    >>> from fairlearnkit.metrics import (
    ...     demographic_parity_difference,
    ...     plot_model_comparison,
    ... )
    >>> ax = plot_model_comparison(
    ...     y_preds={"plain": [0, 1, 1, 1], "fair": [0, 1, 0, 1]},
    ...     y_true=[0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"],
    ...     x_axis_metric=accuracy_score, y_axis_metric=demographic_parity_difference,
    ... )
    >>> ax.collections[0].get_offsets().data
    array([[1.  , 0.5 ],
           [0.75, 0.  ]])
    """
    models = _models(y_preds)
    labels = _point_labels(point_labels, models)
    shift = _pair("point_labels_position", point_labels_position, Real)
    metrics = x_axis_metric, y_axis_metric
    names = _axis_labels(axis_labels, metrics)
    if y_true is None:
        raise ValueError("plot_model_comparison needs y_true.")
    points = np.array(
        [
            [_value(metric, y_true, y_pred, sensitive_features) for metric in metrics]
            for y_pred in models.values()
        ]
    )
    ax = open_axes(ax, _USER, (6.4, 4.8))
    look = {} if {"c", "color"} & set(kwargs) else {"color": COLORS[0]}
    ax.scatter(*points.T, **(look | kwargs))
    tidy(ax)
    if names:
        ax.set_xlabel(names[0])
        ax.set_ylabel(names[1])
    if labels and any(shift):
        for label, place in zip(labels, points + shift, strict=True):
            ax.text(*place, label, size="small")
    elif labels:
        _label_points(ax, points, labels)
    if legend:
        ax.legend()
    if show_plot:
        require("matplotlib.pyplot", extra="plot", user=_USER).show()
    return ax


def plot_roc_curve_by_group(
    y_true,
    y_score,
    *,
    sensitive_features,
    ax=None,
    plot_overall=True,
    plot_chance_level=True,
    pos_label=None,
    title=None,
):
    """Draw the ROC curve of every group.

    The signature is Fairlearn's; :class:`GroupRocDisplay` has more, such as weights and
    marks where a rule works.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two classes.
    y_score : array-like of shape (n_samples,)
        Finite numbers, higher where the positive class is likelier.
    sensitive_features : array-like, Series, data frame or dict of columns
        Several columns make intersectional groups. Rows in which one is missing count
        in the overall curve only, with a warning.
    ax : matplotlib Axes, default=None
        Where to draw; by default in a new figure.
    plot_overall : bool, default=True
        Whether to draw the curve of everybody.
    plot_chance_level : bool, default=True
        Whether to draw the diagonal.
    pos_label : int, float, bool or str, default=None
        The positive label; by default 1 if labels are in {0, 1} or {-1, 1}.
    title : str, default=None
        Of the axes.

    Returns
    -------
    ax : matplotlib Axes

    Warns
    -----
    FairnessWarning
        If a group has one label only and is left out, or sensitive values are missing.

    Examples
    --------
    >>> from fairlearnkit.metrics import plot_roc_curve_by_group
    >>> ax = plot_roc_curve_by_group(
    ...     [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2, 0.9],
    ...     sensitive_features=["a"] * 4 + ["b"] * 4,
    ... )
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1.00  a (n = 4)', '0.75  b (n = 4)', '0.50  chance', '0.94  overall (n = 8)']
    """
    groups = resolve_groups(
        sensitive_features=sensitive_features,
        handle_missing="group",
        owner="plot_roc_curve_by_group",
    )
    table = score_table(y_true, y_score, groups, None, pos_label)
    several = len(groups.names) > 1
    known = [
        code
        for code, label in enumerate(groups.labels)
        if MISSING not in (label if several else (label,))
    ]
    lost = int((~np.isin(groups.codes, known)).sum())
    if lost:
        warn(
            f"{', '.join(groups.names)} is missing in {lost} rows, which count in the "
            "overall curve only.",
            FairnessWarning,
            stacklevel=2,
        )
    display = GroupRocDisplay.of_table(table, codes=known)
    display.plot(ax=ax, plot_overall=plot_overall, plot_chance_level=plot_chance_level)
    if title is not None:
        display.ax_.set_title(title)
    return display.ax_


def _models(y_preds):
    """Predictions of each model by name."""
    frame = None if isinstance(y_preds, (list, dict)) else as_frame(y_preds)
    if frame is not None:
        y_preds = {name: frame.get_column(name) for name in frame.columns}
    if not isinstance(y_preds, dict):
        y_preds = dict(enumerate(y_preds))
    if not y_preds:
        raise ValueError("y_preds holds no predictions.")
    return y_preds


def _point_labels(point_labels, models):
    if isinstance(point_labels, (bool, np.bool_)):
        names = [str(name).replace("$", r"\$") for name in models]
        return names if point_labels else []
    if point_labels is None or isinstance(point_labels, str):
        raise ValueError("point_labels must be True, False or a list of labels.")
    if len(point_labels) != len(models):
        raise ValueError(
            f"there are {len(models)} models but {len(point_labels)} point_labels."
        )
    return [str(label) for label in point_labels]


def _axis_labels(axis_labels, metrics):
    """Names of the two axes, or none."""
    for name, metric in zip(("x_axis_metric", "y_axis_metric"), metrics, strict=True):
        if not callable(metric):
            raise ValueError(f"{name} must be callable, got {metric!r}.")
    if isinstance(axis_labels, (bool, np.bool_)):
        names = [name_of(metric).replace("_", " ") for metric in metrics]
        return names if axis_labels else None
    return _pair("axis_labels", axis_labels, str)


def _pair(name, values, kind):
    pair = isinstance(values, (list, tuple)) and len(values) == 2
    if not pair or not all(isinstance(value, kind) for value in values):
        what = "strings" if kind is str else "numbers"
        raise ValueError(f"{name} must be two {what}, got {values!r}.")
    return values


def _value(metric, y_true, y_pred, sensitive_features):
    options = {}
    if sensitive_features is not None and _takes_groups(metric):
        options["sensitive_features"] = sensitive_features
    return float(metric(y_true, y_pred, **options))


def _takes_groups(metric):
    """Whether a metric takes sensitive features by name, or anything."""
    parameters = signature(metric).parameters
    anything = any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())
    return anything or "sensitive_features" in parameters


def _label_points(ax, points, labels):
    """Write each label at the first place around its point that is free."""
    texts = [_write(ax, *pair) for pair in zip(points, labels, strict=True)]
    arrange(ax)
    plain = require("matplotlib.text", extra="plot", user=_USER).Text
    extents = [plain.get_window_extent(text) for text in texts]  # without the leaders
    sizes = np.array([[extent.width, extent.height] for extent in extents])
    _widen(ax, sizes[:, 0].max())
    dots, inches = ax.transData.transform(points), ax.figure.dpi
    taken = [_box(dot - inches / 18, dot + inches / 18) for dot in dots]
    inside = _box(*ax.bbox.get_points())
    for text, dot, size in zip(texts, dots, sizes, strict=True):
        costs = {
            (reach, side): _cost(_beside(dot, size, reach, side, inches), taken, inside)
            for reach, side in product(_REACHES, _SIDES)
        }
        reach, side = min(costs, key=costs.get)  # the nearest of equals
        taken.append(_beside(dot, size, reach, side, inches))
        text.set_position((taken[-1][0] - dot) * 72 / inches)
        text.arrow_patch.set_visible(reach > _REACHES[0])


def _write(ax, point, label):
    """Write a label on its point, with a leader to it for when it moves away."""
    leader = {"arrowstyle": "-", "color": "0.6", "lw": 0.7, "shrinkB": 3}
    look = {"va": "bottom", "size": "small", "arrowprops": leader}
    look["in_layout"] = False  # axes must not shrink for a label that moves anyway
    return ax.annotate(
        fill(label, _WIDTH), point, (0, 0), textcoords="offset points", **look
    )


def _widen(ax, width):
    """Leave room for a label on both sides of the points."""
    share = width / ax.bbox.width
    ax.margins(x=0.05 + min(share / max(1 - 2 * share, 0.3), 0.6))
    ax.autoscale_view()  # which would wait for the next drawing


def _beside(dot, size, reach, side, inches):
    """Box of a text of some size on one side of a point."""
    away = np.array(side) * reach * inches / 72
    start = {1: 0.0, 0: -0.5, -1: -1.0}
    corner = dot + away + np.array([start[part] for part in side]) * size
    return _box(corner, corner + size)


def _box(low, high):
    return np.array([low, high])


def _cost(box, taken, inside):
    """Area that a box shares with others, and that of it outside of the axes."""
    shared = sum(_overlap(box, other) for other in taken)
    return shared + np.prod(box[1] - box[0]) - _overlap(box, inside)


def _overlap(box, other):
    sides = np.minimum(box[1], other[1]) - np.maximum(box[0], other[0])
    return np.prod(np.maximum(sides, 0))
