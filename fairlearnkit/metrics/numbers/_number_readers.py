"""Readers of the metrics of predicted numbers, ours and scikit-learn's."""

import numpy as np
from sklearn import metrics as sk

from fairlearnkit._columns import as_numbers
from fairlearnkit.metrics._reading import Reader
from fairlearnkit.metrics.numbers._errors import mean_error, signed_errors
from fairlearnkit.metrics.numbers._skewed_means import (
    SkewedMeans,
    bounded_skewness,
    read_skewed,
)


def loss_reader(name, loss, *, power=1, support=(0.0, np.inf)):
    """Read a mean of one number a person.

    Parameters
    ----------
    name : str
        Name of the metric.
    loss : callable
        From :class:`People` to an ndarray of shape (n_samples,).
    power : {1, 2}, default=1
        Root to take of the mean.
    support : tuple (low, high), default=(0, inf)
    """

    def table(people):
        value = loss(people)
        return people.moments({"value": value, "square": value**2})

    def read(moments):
        return read_skewed(moments, name, power=power, support=support)

    return Reader(table, read)


def _errors(people):
    return signed_errors(people.y_true, people.y_pred)


def _absolute(people):
    return np.abs(_errors(people))


def _squared(people):
    return _errors(people) ** 2


def _relative(people):
    size = np.abs(as_numbers(people.y_true, "y_true"))
    return _absolute(people) / np.maximum(size, np.finfo(np.float64).eps)


def _squared_logarithmic(people):
    logs = []
    for name in ("y_true", "y_pred"):
        values = as_numbers(getattr(people, name), name)
        if (values <= -1).any():
            raise ValueError(
                f"{name} holds {int((values <= -1).sum())} values of -1 or less, of "
                "which logarithmic errors are undefined."
            )
        logs.append(np.log1p(values))
    return signed_errors(*logs) ** 2


def _mean_error():
    return loss_reader("mean_error", _errors, support=(-np.inf, np.inf))


def _mean_absolute_error():
    return loss_reader("mean_absolute_error", _absolute)


def _mean_squared_error():
    return loss_reader("mean_squared_error", _squared)


def _root_mean_squared_error():
    return loss_reader("root_mean_squared_error", _squared, power=2)


def _mean_squared_log_error():
    return loss_reader("mean_squared_log_error", _squared_logarithmic)


def _root_mean_squared_log_error():
    return loss_reader("root_mean_squared_log_error", _squared_logarithmic, power=2)


def _mean_absolute_percentage_error():
    return loss_reader("mean_absolute_percentage_error", _relative)


def _mean_pinball_loss(alpha=0.5):
    def loss(people):
        short = -_errors(people)  # true minus predicted
        return np.maximum(alpha * short, (alpha - 1) * short)

    return loss_reader("mean_pinball_loss", loss)


def _r2_score():
    """1 - mean squared error / variance of the true numbers of the group."""

    def table(people):
        true, error = as_numbers(people.y_true, "y_true"), _errors(people)
        # In units of the spread, from the mean: R2 is the same, and nothing overflows.
        spread = true.std() if len(true) else 1.0
        v = (true - true.mean()) / (spread or 1.0) if len(true) else true
        e = (error / (spread or 1.0)) ** 2
        columns = {"v": v, "v2": v**2, "e": e, "v3": v**3, "v4": v**4}
        columns |= {"e v": e * v, "e v2": e * v**2, "e2": e**2}
        return people.moments(columns)

    return Reader(table, _read_r2)


def _read_r2(table):
    """Read R2 and its law off the moments up to the sixth.

    With A the mean squared error and B the variance, 1 - R2 is A / B, and its influence
    is u / B of ``u = e - (A / B) (v - mean v)^2``, e the squared error.
    """
    n, one = table.n, table.products[:, 0, 0]
    mean, second, top = table.means[:, :3].T
    base = second - mean**2
    base = np.where(base > 1e-13 * (1 + mean**2), base, np.nan)
    ratio = top / base
    square = np.stack([mean**2, -2 * mean, 0 * mean + 1, 0 * mean], axis=1)
    loss = np.array([0.0, 0, 0, 1])
    u = loss - ratio[:, None] * square
    products = table.products[:, :4] / one[:, None, None]

    def moment(first, second):
        known = products[:, :, : second.shape[1]]
        return np.einsum("gi,gij,gj->g", first, known, second)

    spread = moment(u, u)
    with_loss = moment(u, np.broadcast_to(loss, u.shape))
    with_square = moment(u, square)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(n / (n - 1) * spread * one) / (table.sums[:, 0] * base)
        skewness = bounded_skewness(moment(u, _squared_form(u)) / spread**1.5, n)
        bow = ratio * with_square**2 - with_loss * with_square
        curvature = 2 * bow / (base * spread**1.5)
    known = (spread > 0) & (error > 0)
    error = np.where((spread <= 0) & (n > 1), 0.0, error)
    bend = np.where(known, skewness / 3 + curvature / 2, 0.0) / np.sqrt(n)
    return SkewedMeans(
        name="r2_score",
        groups=table.groups,
        values=1 - ratio,
        n=n,
        names=table.names,
        support=(-np.inf, 1.0),
        error=np.where(np.isnan(ratio), np.nan, error),
        bend=-bend,
        shift=-np.where(known, skewness, 0.0) / 6 / np.sqrt(n),
    )


def _squared_form(u):
    """Coefficients of u^2 on 1, v, v2, e, v3, v4, e v, e v2, e2."""
    c, b, a, d = u.T
    terms = [c**2, 2 * b * c, b**2 + 2 * a * c, 2 * c * d, 2 * a * b, a**2]
    return np.stack([*terms, 2 * b * d, 2 * a * d, d**2], axis=1)


NUMBER_READERS = {
    mean_error: _mean_error,
    sk.mean_absolute_error: _mean_absolute_error,
    sk.mean_squared_error: _mean_squared_error,
    sk.root_mean_squared_error: _root_mean_squared_error,
    sk.mean_squared_log_error: _mean_squared_log_error,
    sk.root_mean_squared_log_error: _root_mean_squared_log_error,
    sk.mean_absolute_percentage_error: _mean_absolute_percentage_error,
    sk.mean_pinball_loss: _mean_pinball_loss,
    sk.r2_score: _r2_score,
}
