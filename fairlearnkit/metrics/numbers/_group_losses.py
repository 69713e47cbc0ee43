"""Whether the loss of every group keeps within a bound."""

from dataclasses import dataclass

import numpy as np
from sklearn import metrics as sk

from fairlearnkit._columns import as_numbers
from fairlearnkit._frames import label_index
from fairlearnkit.metrics._interval_estimate import check_confidence_level
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics.numbers._limits import limits, warn_of_groups
from fairlearnkit.metrics.numbers._number_readers import loss_reader

_LOSSES = {
    "squared": sk.mean_squared_error,
    "absolute": sk.mean_absolute_error,
    "zero_one": sk.zero_one_loss,
}


@dataclass(frozen=True, eq=False)
class GroupLosses:
    """The mean loss of every group beside a bound.

    Parameters
    ----------
    loss : str
        Name of the loss.
    bound : float
        What no group's loss shall exceed.
    groups : tuple of n_groups labels
    names : tuple of str
        Names of the sensitive columns.
    values : ndarray of shape (n_groups,)
        Mean loss of each group.
    low, high : ndarray of shape (n_groups,)
        One-sided limits, the lower ones of all groups at once and the upper ones of all
        groups at once; NaN for a group of one person.
    n : ndarray of shape (n_groups,)
        People; Kish's effective number if weighted.
    within : bool ndarray of shape (n_groups,)
        Whether the observed loss is within the bound.
    verdicts : tuple of {"within", "beyond", "open"}
        Whether the data show the true loss to be within the bound (`high` is), to be
        beyond it (`low` is), or leave it open.
    worst : label
        The group with the largest loss.
    value : float
        Its loss.
    confidence_level : float
        Nominal coverage of all lower limits together, and of all upper ones.
    """

    loss: str
    bound: float
    groups: tuple
    names: tuple
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray
    within: np.ndarray
    verdicts: tuple
    worst: object
    value: float
    confidence_level: float

    def to_frame(self):
        """Tabulate the groups as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Index: the groups; columns: value, low, high, within, verdict, n.
        """
        index = label_index(self.groups, self.names, "GroupLosses.to_frame")
        columns = {
            "value": self.values,
            "low": self.low,
            "high": self.high,
            "within": self.within,
            "verdict": self.verdicts,
            "n": self.n,
        }
        return index.to_frame()[[]].assign(**columns)


def bounded_group_loss(
    y_true,
    y_pred,
    *,
    sensitive_features,
    bound,
    loss="squared",
    sample_weight=None,
    confidence_level=0.95,
):
    """Tell whether the mean loss of every group keeps within a bound.

    Bounded group loss does not ask that groups be alike, only that predictions be good
    enough for each of them: a better group is not made worse to please it. Whether the
    bound itself is a fair one, and whether the loss measures the harm, it can't say.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Numbers; labels of any kind for the zero-one loss.
    sensitive_features : array-like, Series, data frame or dict of n_samples rows
        Several columns make intersectional groups.
    bound : float
        Largest mean loss that is allowed, in units of the loss.
    loss : {"squared", "absolute", "zero_one"} or callable, default="squared"
        A callable takes `y_true` and `y_pred` as arrays of numbers and returns the loss
        of each person, an array of shape (n_samples,).
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    losses : GroupLosses

    Raises
    ------
    ValueError
        If the loss is unknown or returns anything but one number a person, the bound is
        no number, or a true or predicted value is missing.

    Warns
    -----
    FairnessWarning
        If a group has one person only, so that its loss has no limits.

    See Also
    --------
    worst_group : The worst group by any metric, with a two-sided interval.

    Notes
    -----
    The condition is

    .. math:: E[\\ell(Y, \\hat Y) \\mid A = a] \\le \\zeta \\quad \\text{for all } a.

    Each limit fails with probability :math:`1 - (1 - \\alpha)^{1/K}` for K groups, so
    that with the confidence level, :math:`1 - \\alpha`, no group's loss is above its
    upper limit. If all verdicts are "within", the condition is shown at that level.

    Limits of the zero-one loss are exact (Clopper and Pearson's). Those of other losses
    rest on their spread in the sample, which misses what is rare: the four upper limits
    of squared normal errors all held in 0.90 of simulated samples with 20 people in
    each group, in 0.93 with 50 and in 0.94 from 200 on, but those of squared lognormal
    errors (of skewness 1.75) in 0.56, 0.71, 0.87 and, with 1000, 0.92. Where a few
    errors are many times the usual one, an upper limit from a few dozen people is not
    to be trusted.

    References
    ----------
    Agarwal, Dudik, Wu, "Fair regression: quantitative definitions and reduction-based
    algorithms", ICML 2019. https://proceedings.mlr.press/v97/agarwal19d.html

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import bounded_group_loss
    >>> y_true = np.tile([1.0, 2.0, 3.0, 4.0], 20)
    >>> y_pred = y_true + np.repeat([0.1, -0.1, 1.0, -1.2], 20)
    >>> found = bounded_group_loss(
    ...     y_true, y_pred, sensitive_features=["a"] * 40 + ["b"] * 40, bound=0.5
    ... )
    >>> found.worst, found.values.round(2), found.within
    ('b', array([0.01, 1.22]), array([ True, False]))
    >>> found.verdicts
    ('within', 'beyond')
    """
    check_confidence_level(confidence_level)
    bound = _checked_bound(bound)
    people = People(y_true, y_pred, sensitive_features, sample_weight)
    people.check_row_order()
    reader = _reader(loss)
    estimates = reader.read(reader.table(people))
    tail = 1 - confidence_level ** (1 / len(estimates.groups))
    low, high = limits(estimates, tail)
    warn_of_groups(
        estimates,
        np.flatnonzero(np.isnan(high)),
        "the loss of {} has no limits, for there is one person only.",
        stacklevel=2,
    )
    verdicts = np.select([high <= bound, low > bound], ["within", "beyond"], "open")
    worst = int(np.argmax(estimates.values))
    return GroupLosses(
        loss if isinstance(loss, str) else estimates.name,
        bound,
        estimates.groups,
        estimates.names,
        estimates.values,
        low,
        high,
        estimates.n,
        estimates.values <= bound,
        tuple(verdicts.tolist()),
        estimates.groups[worst],
        float(estimates.values[worst]),
        confidence_level,
    )


def _checked_bound(bound):
    try:
        number = float(bound)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"bound must be a finite number, got {bound!r}.")
    return number


def _reader(loss):
    if isinstance(loss, str) and loss in _LOSSES:
        return reader_of(_LOSSES[loss])
    if not callable(loss):
        raise ValueError(
            f"loss must be one of {tuple(_LOSSES)} or a callable, got {loss!r}."
        )
    name = getattr(loss, "__name__", "loss")

    def by_person(people):
        true = as_numbers(people.y_true, "y_true")
        found = np.asarray(loss(true, as_numbers(people.y_pred, "y_pred")))
        if found.shape != true.shape:
            raise ValueError(
                f"{name} returned shape {found.shape}; a loss must return one number a "
                f"person, shape {true.shape}."
            )
        return as_numbers(found, name)

    return loss_reader(name, by_person, support=(-np.inf, np.inf))
