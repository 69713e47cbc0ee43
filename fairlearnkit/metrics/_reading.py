"""How a metric is read off a table: its value for every group, and its law."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairlearnkit._rates import Rate, rate_of_class
from fairlearnkit.metrics._estimates import GroupEstimates, Means, Shares
from fairlearnkit.metrics._people import People, with_positive_class


@dataclass(frozen=True)
class Reader:
    """One metric: which table of the people it needs, and how it is read off.

    Parameters
    ----------
    table : callable
        From :class:`People` to a table.
    read : callable
        From a table to :class:`GroupEstimates`.
    rate : callable, default=None
        From class labels to the :class:`Rate` that is read, if it is one.
    """

    table: Callable[[People], Any]
    read: Callable[[Any], GroupEstimates]
    rate: Callable[[Sequence], Rate] | None = None


def read_rate(table, rate):
    """Read a rate of every group off a table of counts.

    Parameters
    ----------
    table : GroupCounts
    rate : Rate

    Returns
    -------
    estimates : Shares or Means
        A share of people is binomial, on Kish's effective number if weighted. Any other
        ratio is nearly normal, with the linearised variance
        :math:`\\sum w_i^2 (n_i - r d_i)^2 / (\\sum w_i d_i)^2`.
    """
    values = rate.of(table.counts)
    base = np.array(rate.denominator)
    mass = (table.counts * base).sum(axis=(1, 2))
    square = (table.squares * base**2).sum(axis=(1, 2))
    n = np.divide(mass**2, square, out=np.zeros(len(mass)), where=square > 0)
    known = {
        "name": rate.name,
        "groups": table.groups,
        "values": values,
        "n": n,
        "names": table.names,
    }
    if rate.is_proportion:
        return Shares(**known)
    residual = (np.array(rate.numerator) - values[:, None, None] * base) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt((table.squares * residual).sum(axis=(1, 2))) / mass
    return Means(**known, error=error)


def read_mean(table, name, column=0, **options):
    """Read the mean of one column of every group off a table of moments.

    Parameters
    ----------
    table : MomentTable
    name : str
        Name of the metric.
    column : int, default=0
    **options : dict
        Further fields of :class:`Means`.
    """
    return Means(
        name=name,
        groups=table.groups,
        values=table.means[:, column],
        n=table.n,
        names=table.names,
        error=np.sqrt(np.maximum(table.covariances[:, column, column], 0)),
        **options,
    )


def counts_reader(name, rate, table):
    """Read a rate off counts.

    Parameters
    ----------
    name : str
        Name of the metric.
    rate : callable
        From class labels to a :class:`Rate`.
    table : callable
        From :class:`People` to a table of counts.
    """

    def read(counts):
        return replace(read_rate(counts, rate(counts.classes)), name=name)

    return Reader(table, read, rate)


def rate_reader(name, pos_label=None):
    """Read a rate of the positive class by its name in `RATES`."""

    def table(people):
        counts = people.decisions if name == "selection_rate" else people.counts
        return with_positive_class(counts, pos_label)

    def rate(classes):
        return rate_of_class(name, classes, positive_place(classes, pos_label))

    return counts_reader(name, rate, table)


def positive_place(classes, pos_label):
    """Position of the positive class, by default the last."""
    return len(classes) - 1 if pos_label is None else list(classes).index(pos_label)
