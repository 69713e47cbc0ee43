"""Fisher's exact test of several groups: every table with the same margins."""

import numpy as np
from scipy.special import gammaln

_SLACK = 1e-9  # of a logarithm: within it two tables are equally probable


def n_tables(sizes, hits):
    """Count the tables that have these margins.

    Parameters
    ----------
    sizes : ndarray of shape (n_groups,)
        People of each group.
    hits : int
        Those of all groups together who count.

    Returns
    -------
    number : float
    """
    ways = np.zeros(hits + 1)
    ways[0] = 1
    for size in sizes:
        below = np.concatenate([[0.0], np.cumsum(ways)])
        first = np.maximum(np.arange(hits + 1) - int(size), 0)
        ways = below[1:] - below[first]
    return float(ways[hits])


def exact_p_value(tables):
    """Probability of all tables that are no more probable than those observed.

    Parameters
    ----------
    tables : sequence of int ndarray of shape (n_groups, 2)
        People of each group who count, and who do not; independent of each other.

    Returns
    -------
    p_value : float
        That of Fisher's test for two groups, of Freeman's and Halton's for more.
    """
    logs, observed = np.zeros(1), 0.0
    for table in tables:
        law, own = _log_probabilities(table[:, 0], table.sum(axis=1))
        logs, observed = (logs[:, None] + law).ravel(), observed + own
    return float(min(np.exp(logs[logs <= observed + _SLACK]).sum(), 1.0))


def _log_probabilities(hits, sizes):
    """Of every table with these margins, and of the one observed."""
    left, logs = np.array([hits.sum()]), np.zeros(1)
    capacity = sizes.sum() - np.cumsum(sizes)
    for size, room in zip(sizes, capacity, strict=True):
        least, most = np.maximum(left - room, 0), np.minimum(left, size)
        number = most - least + 1
        state = np.repeat(np.arange(len(left)), number)
        nth = np.arange(len(state)) - np.repeat(np.cumsum(number) - number, number)
        taken = least[state] + nth
        left, logs = left[state] - taken, logs[state] + _log_choose(size, taken)
    every = _log_choose(sizes.sum(), hits.sum())
    return logs - every, _log_choose(sizes, hits).sum() - every


def _log_choose(n, k):
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
