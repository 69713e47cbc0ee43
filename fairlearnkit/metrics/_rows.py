"""Metrics that are called on the rows of each group, for want of a table."""

import numpy as np

from fairlearnkit._draws import new_generator
from fairlearnkit.metrics._estimates import Means


class RowMetric:
    """A callable metric and the arrays that it is called on.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred, **params)``.
    y_true, y_pred : array-like of n_samples rows
    params : dict of array-like of n_samples rows
        Passed by name, cut to the same rows.
    """

    def __init__(self, metric, y_true, y_pred, params=None):
        self.metric = metric
        self.arrays = squeezed(y_true), squeezed(y_pred)
        self.params = {name: np.asarray(v) for name, v in (params or {}).items()}

    @property
    def name(self):
        """Name of the callable, "metric" if it has none."""
        return getattr(self.metric, "__name__", "metric")

    def on(self, rows):
        """Call the metric on some rows."""
        arrays = (array[rows] for array in self.arrays)
        params = {name: values[rows] for name, values in self.params.items()}
        return self.metric(*arrays, **params)

    def estimates(self, groups, n_resamples, random_state):
        """Values by group, with standard errors by drawing each group's rows again.

        Parameters
        ----------
        groups : Groups
        n_resamples : int
        random_state : int, RandomState, Generator or None

        Returns
        -------
        estimates : Means
        """
        rng = new_generator(random_state)
        values, errors, sizes = [], [], []
        for rows in rows_by_group(groups):
            draws = [
                self.on_draw(rng.choice(rows, len(rows))) for _ in range(n_resamples)
            ]
            defined = np.array(draws)[~np.isnan(draws)]
            values.append(float(self.on(rows)))
            errors.append(defined.std(ddof=1) if len(defined) > 1 else np.nan)
            sizes.append(len(rows))
        return Means(
            name=self.name,
            groups=groups.labels,
            values=np.array(values),
            n=np.array(sizes, float),
            names=groups.names,
            error=np.array(errors),
        )

    def on_draw(self, rows):
        """Call the metric on rows drawn again; NaN if they lack what it needs."""
        try:
            return float(self.on(rows))
        except ValueError:  # a draw may lack one of the labels
            return np.nan


def rows_by_group(groups):
    """Rows of each group, ascending within it."""
    order = np.argsort(groups.codes, kind="stable")
    ends = np.cumsum(np.bincount(groups.codes, minlength=len(groups)))
    return np.split(order, ends[:-1])


def squeezed(values):
    """An array; one-dimensional if it has a single column."""
    array = np.asarray(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
