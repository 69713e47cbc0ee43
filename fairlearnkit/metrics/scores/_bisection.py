"""Ends of a range, by bisection of many at once."""

import numpy as np

_STEPS = 40


def crossing(outside, inner, outer):
    """Find where a range ends between a value inside of it and one outside.

    Parameters
    ----------
    outside : callable
        From values of shape (n,) to bool.
    inner, outer : ndarray of shape (n,)
        NaN where there is no range.

    Returns
    -------
    ends : ndarray of shape (n,)
        The last value inside; `outer` itself where that is not outside.
    """
    far = outer
    for _ in range(_STEPS):
        middle = (inner + outer) / 2
        out = outside(middle)
        inner, outer = np.where(out, inner, middle), np.where(out, middle, outer)
    return np.where(outside(far), inner, far)
