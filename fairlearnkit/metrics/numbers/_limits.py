"""Limits of a metric of many groups at once, far out in the tails of its law."""

from warnings import warn

import numpy as np

from fairlearnkit._groups import Groups
from fairlearnkit.exceptions import FairnessWarning, shortlist


def limits(estimates, tail, method=None):
    """Lower and upper limit of each group, each of which fails with probability `tail`.

    Parameters
    ----------
    estimates : GroupEstimates
    tail : float in (0, 1)
        From 0.5 on, where limits would cross the value, they stay beside it.
    method : str, default=None
        A method of the estimates' law; by default the law's own, but Clopper and
        Pearson's for shares, because far out in the tail, where the limits of many
        groups lie, Wilson's fails too often for shares near 0 or 1.

    Returns
    -------
    low, high : ndarray of shape (n_groups,)
    """
    if method is None and "clopper_pearson" in estimates.methods:
        method = "clopper_pearson"
    return estimates.interval(1 - 2 * min(tail, 0.5 - 1e-6), method)


def warn_of_groups(estimates, rows, what, stacklevel=3):
    """Say something about some groups, naming the first few of them.

    Parameters
    ----------
    estimates : GroupEstimates
    rows : ndarray of int
    what : str
        A sentence with a place for the groups.
    stacklevel : int, default=3
    """
    groups = Groups(np.empty(0, np.intp), estimates.groups, estimates.names)
    if named := [f"({groups.describe(row)})" for row in rows]:
        warn(what.format(shortlist(named)), FairnessWarning, stacklevel=stacklevel + 1)
