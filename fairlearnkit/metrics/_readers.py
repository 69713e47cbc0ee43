"""The built-in metrics that are read off tables, ours and scikit-learn's.

A metric that is not here is called on the rows of each group.
"""

from functools import partial
from inspect import signature

import numpy as np
from sklearn import metrics as sk

from fairlearnkit._rates import Rate, rate_of_class
from fairlearnkit.metrics import _base_rates as base
from fairlearnkit.metrics._estimates import Means
from fairlearnkit.metrics._people import with_positive_class
from fairlearnkit.metrics._reading import (
    Reader,
    counts_reader,
    positive_place,
    rate_reader,
    read_mean,
    read_rate,
)
from fairlearnkit.metrics.numbers._number_readers import NUMBER_READERS
from fairlearnkit.metrics.scores._score_readers import SCORE_READERS


def reader_of(metric):
    """Find how to read a metric off a table; None if it must be called on rows.

    Parameters
    ----------
    metric : callable
        Also a :func:`functools.partial` of a built-in metric.
    """
    options = {}
    while isinstance(metric, partial):
        if metric.args:
            return None
        options = {**metric.keywords, **options}
        metric = metric.func
    make = READERS.get(metric) if metric.__hash__ else None
    if make is None or not set(options) <= set(signature(make).parameters):
        return None
    return make(**options)


def _agreement(name, right):
    """Share of people whose predicted label is the true one, or is not."""

    def rate(classes):
        ones, same = np.ones((len(classes),) * 2), np.eye(len(classes))
        return Rate(name, same if right else ones - same, ones)

    return lambda: counts_reader(name, rate, lambda people: people.counts)


def _f_score(pos_label=None, beta=1.0):
    def rate(classes):
        own = np.arange(len(classes)) == positive_place(classes, pos_label)
        hit, miss, false = (
            np.outer(*pair) for pair in ((own, own), (own, ~own), (~own, own))
        )
        top = (1 + beta**2) * hit
        return Rate("f_score", top, top + beta**2 * miss + false)

    def table(people):
        return with_positive_class(people.counts, pos_label)

    return counts_reader("f_score", rate, table)


def _balanced_accuracy():
    """Mean recall over the classes that a group has."""

    def read(table):
        k = len(table.classes)
        recalls = [
            read_rate(table, rate_of_class("true_positive_rate", table.classes, c))
            for c in range(k)
        ]
        values = np.array([r.values for r in recalls])
        defined = ~np.isnan(values)
        count = defined.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            variances = values * (1 - values) / np.array([r.n for r in recalls])
            mean = np.where(defined, values, 0).sum(axis=0) / count
            error = np.sqrt(np.where(defined, variances, 0).sum(axis=0)) / count
        return Means(
            name="balanced_accuracy",
            groups=table.groups,
            values=mean,
            n=np.sum([r.n for r in recalls], axis=0),
            names=table.names,
            error=error,
            support=(0.0, 1.0),
        )

    return Reader(lambda people: people.counts, read)


def _mean_prediction():
    return Reader(
        lambda people: people.moments({"y_pred": people.y_pred}),
        lambda table: read_mean(table, "mean_prediction"),
    )


def _count():
    """Rows are counted, not estimated: the law has no spread."""

    def read(table):
        values = table.sums[:, 0]
        return Means(
            name="count",
            groups=table.groups,
            values=values,
            n=values,
            names=table.names,
            error=np.zeros(len(values)),
        )

    return Reader(lambda people: people.weighted(None).moments({}), read)


def _named(name):
    """Reader of a rate of `RATES` with the options of its function."""

    def make(pos_label=None):
        return rate_reader(name, pos_label)

    return make


READERS = {
    base.true_positive_rate: _named("true_positive_rate"),
    base.true_negative_rate: _named("true_negative_rate"),
    base.false_positive_rate: _named("false_positive_rate"),
    base.false_negative_rate: _named("false_negative_rate"),
    base.positive_predictive_value: _named("positive_predictive_value"),
    base.negative_predictive_value: _named("negative_predictive_value"),
    base.false_discovery_rate: _named("false_discovery_rate"),
    base.false_omission_rate: _named("false_omission_rate"),
    base.selection_rate: _named("selection_rate"),
    base.mean_prediction: _mean_prediction,
    base.count: _count,
    sk.accuracy_score: _agreement("accuracy_score", True),
    sk.zero_one_loss: _agreement("zero_one_loss", False),
    sk.balanced_accuracy_score: _balanced_accuracy,
    sk.precision_score: _named("positive_predictive_value"),
    sk.recall_score: _named("true_positive_rate"),
    sk.f1_score: _f_score,
    sk.fbeta_score: _f_score,
    **NUMBER_READERS,
    **SCORE_READERS,
}
