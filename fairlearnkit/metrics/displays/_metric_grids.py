"""Metrics of groups on grids of metrics by groups, as a picture needs them."""

from functools import partial

import numpy as np

from fairlearnkit.metrics._frame_input import FrameData


def metric_data(metrics, y_true, y_pred, sensitive_features, sample_weight):
    """Read metrics off people, all with the same weights.

    Parameters
    ----------
    metrics : callable, list or dict of callable
        A list is named after its functions.
    y_true, y_pred : array-like of shape (n_samples,)
    sensitive_features : array-like, Series, data frame or dict
    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    data : FrameData
    """
    metrics = _by_name(metrics)
    params = {name: {"sample_weight": sample_weight} for name in metrics}
    return FrameData(metrics, y_true, y_pred, sensitive_features, None, params)


def grids_of_laws(laws, data, confidence_level, method):
    """Values with intervals, and what they are of, from laws.

    Parameters
    ----------
    laws : dict of GroupEstimates
        By metric.
    data : FrameData
        That they are of.
    confidence_level : float
    method : str or None

    Returns
    -------
    grids : dict
        Arguments of :class:`GroupMetricDisplay`.
    """
    cells = {}
    for name, law in laws.items():
        columns = law.values, *law.interval(confidence_level, method), law.n
        rows = zip(law.groups, zip(*columns, strict=True), strict=True)
        cells |= {(name, group): row for group, row in rows}
    return {
        **_grids(cells),
        "overall": np.array([data.read[name].overall[0] for name in laws], float),
        "names": data.cells.sensitive,
        "confidence_level": confidence_level,
    }


def grids_of_frame(frame, confidence_level, method, n_resamples, random_state):
    """Values with intervals, and what they are of, from a frame of metrics.

    Parameters
    ----------
    frame : MetricFrame
    confidence_level, method, n_resamples, random_state
        As in :meth:`MetricFrame.intervals`.

    Returns
    -------
    grids : dict
        Arguments of :class:`GroupMetricDisplay`.
    """
    table = frame.intervals(
        confidence_level,
        method=method,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    control = frame.control_levels or []
    names = (*control, *frame.sensitive_levels)
    keys = [(key[0], key[1:] if len(names) > 1 else key[1]) for key in table.index]
    grids = _grids(dict(zip(keys, table.to_numpy(dtype=float), strict=True)))
    overall, strata = np.asarray(frame.overall, dtype=float), None
    if control:
        levels = [key if len(control) > 1 else (key,) for key in frame.overall.index]
        strata = [group[: len(control)] for group in grids["groups"]]
        overall = overall.reshape(len(levels), len(grids["metrics"])).T
        overall = overall[:, [levels.index(stratum) for stratum in strata]]
    return {
        **grids,
        "overall": np.atleast_1d(overall),
        "strata": strata,
        "names": names,
        "confidence_level": confidence_level,
    }


def _grids(cells):
    """Spread rows (value, low, high, n) by (metric, group) on grids."""
    metrics = list(dict.fromkeys(metric for metric, _ in cells))
    groups = list(dict.fromkeys(group for _, group in cells))
    blank = (np.nan, np.nan, np.nan, 0.0)
    rows = [[cells.get((m, g), blank) for g in groups] for m in metrics]
    parts = np.moveaxis(np.array(rows, dtype=float), -1, 0)
    grids = dict(zip(("values", "low", "high", "n"), parts, strict=True))
    return {**grids, "metrics": metrics, "groups": groups}


def _by_name(metrics):
    """Metrics as a dict; a list is named after its functions."""
    if isinstance(metrics, dict):
        return metrics
    several = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    names = [name_of(metric) for metric in several]
    if len(set(names)) < len(names):
        raise ValueError(
            f"metrics repeat a name: {names}; pass a dict with other names."
        )
    return dict(zip(names, several, strict=True))


def name_of(metric):
    """Name of a function, also of one with arguments bound."""
    while isinstance(metric, partial):
        metric = metric.func
    return getattr(metric, "__name__", type(metric).__name__)
