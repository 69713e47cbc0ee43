"""Geometry of two aims: a violation, the lower the better, against an objective."""

import numpy as np


def non_dominated(violation, objective):
    """Tell which points no other point beats.

    A point beats another if it is no worse in both aims and better in one. Equal points
    do not beat each other.

    Parameters
    ----------
    violation, objective : ndarray of shape (n_points,)
        The first is minimised, the second maximised. A point with a NaN is never kept.

    Returns
    -------
    kept : boolean ndarray of shape (n_points,)

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.model_selection._pareto import non_dominated
    >>> non_dominated(np.array([0.0, 0.1, 0.2]), np.array([0.7, 0.6, 0.8]))
    array([ True, False,  True])
    """
    no_worse = (violation[:, None] <= violation) & (objective[:, None] >= objective)
    better = (violation[:, None] < violation) | (objective[:, None] > objective)
    beaten = (no_worse & better).any(axis=0)
    return ~beaten & ~np.isnan(violation) & ~np.isnan(objective)


def sort_front(violation, objective):
    """Indices of the points that nobody beats, by ascending violation.

    The objective ascends along with it. Equal points keep their order.

    Parameters
    ----------
    violation, objective : ndarray of shape (n_points,)

    Returns
    -------
    front : ndarray of int
    """
    front = np.flatnonzero(non_dominated(violation, objective))
    return front[np.argsort(violation[front], kind="stable")]


def hypervolume(violation, objective, reference):
    """Area between the front of the points and a reference point.

    .. math::  \\int_0^{v_r} \\max(0, \\max_{i: v_i \\le v} o_i - o_r) \\, dv

    Parameters
    ----------
    violation, objective : ndarray of shape (n_points,)
    reference : tuple (violation, objective)
        The worst that counts; a point that is worse in either aim adds nothing.

    Returns
    -------
    area : float
        In units of violation times objective.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.model_selection._pareto import hypervolume
    >>> points = np.array([0.0, 0.5]), np.array([0.7, 0.9])
    >>> print(f"{hypervolume(*points, reference=(1.0, 0.5)):.2f}")
    0.30
    """
    front = sort_front(violation, objective)
    right, floor = reference
    starts = np.minimum(violation[front], right)
    widths = np.diff(starts, append=right)
    return float(widths @ np.maximum(objective[front] - floor, 0))


def knee(violation, objective):
    """Position of the point of a front that bulges most above its chord.

    Both axes are scaled such that the front's two ends lie at (0, 0) and (1, 1). Of
    equal points, and of a front of two, the one with the smaller violation.

    Parameters
    ----------
    violation, objective : ndarray of shape (n_points,)
        A front, sorted by violation.

    Returns
    -------
    position : int

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.model_selection._pareto import knee
    >>> knee(np.array([0.0, 0.1, 0.4]), np.array([0.6, 0.79, 0.8]))
    1
    """
    height = _scale(objective) - _scale(violation)
    return int(np.argmax(np.round(height, 9)))


def _scale(values):
    span = values[-1] - values[0]
    return (values - values[0]) / span if span > 0 else np.zeros(len(values))
