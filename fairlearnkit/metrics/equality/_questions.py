"""What is compared between groups: a metric of arrays as a question to test."""

import numpy as np

from fairlearnkit.constraints import Constraint, Rate, as_constraint
from fairlearnkit.metrics._people import with_positive_class
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics.equality._metrics import MetricQuestion
from fairlearnkit.metrics.equality._people import (
    cells_of,
    gather,
    strata_of,
    take_people,
)
from fairlearnkit.metrics.equality._rates import RateQuestion


def ask(y_true, y_pred, metric, sensitive_features, sample_weight, within, bootstrap):
    """Make the question that a metric asks of arrays.

    Parameters
    ----------
    y_true, y_pred, metric, sensitive_features, sample_weight, within
        As in :func:`equality_test`.
    bootstrap : tuple (n_resamples, random_state)

    Returns
    -------
    question : RateQuestion or MetricQuestion
    """
    people = gather(y_true, y_pred, sensitive_features, sample_weight)
    strata = strata_of(within, people)
    kept = people.sample_weight
    if kept is not None and not kept.all():
        people = take_people(people, np.flatnonzero(kept > 0))
        strata = None if strata is None else strata[kept > 0]
    if isinstance(metric, (str, Constraint, Rate)):
        constraint = as_constraint(metric)
        table = with_positive_class(people.counts, constraint.pos_label, several=True)
        rates = constraint.rates(table.classes)
        names = [rate.name for rate in rates]
    elif not callable(metric):
        raise ValueError(
            f"metric must be a constraint, a rate or a callable, got {metric!r}."
        )
    elif (reader := reader_of(metric)) is None or reader.rate is None:
        return MetricQuestion(metric, people, bootstrap, strata)
    else:
        table = reader.table(people)
        rates = [reader.rate(table.classes)]
        names = [reader.read(table).name]
    people.cells = cells_of(people, table.classes)
    return RateQuestion(table, rates, names, people, strata)
