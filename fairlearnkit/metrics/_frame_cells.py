"""The cells of a frame of metrics: control levels by sensitive levels, and their sums.

Values lie on a grid of shape (..., n_strata, n_groups), one stratum for each
combination of control levels, NaN where nobody is.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from fairlearnkit._factorize import sorted_labels


@dataclass(frozen=True)
class Cells:
    """Combinations of control and sensitive levels.

    Parameters
    ----------
    control, sensitive : tuple of str
        Names of the columns.
    levels : tuple of list
        Levels of each column, controls first, ascending.
    """

    control: tuple
    sensitive: tuple
    levels: tuple

    @classmethod
    def of_labels(cls, control, sensitive, labels):
        """Collect the levels that occur in the labels of groups."""
        width = len(control) + len(sensitive)
        rows = [label if width > 1 else (label,) for label in labels]
        columns = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
        return cls(control, sensitive, tuple(sorted_labels(c) for c in columns))

    @property
    def shape(self):
        """Strata and groups of each stratum."""
        sizes = [len(level) for level in self.levels]
        split = len(self.control)
        return int(np.prod(sizes[:split])), int(np.prod(sizes[split:]))

    @cached_property
    def strata(self):
        """Label of each stratum: a tuple of control levels."""
        return list(product(*self.levels[: len(self.control)]))

    @cached_property
    def groups(self):
        """Label of each group within a stratum: a tuple of sensitive levels."""
        return list(product(*self.levels[len(self.control) :]))

    def places(self, labels):
        """Flat position on the grid of the groups with these labels."""
        index = {cell: place for place, cell in enumerate(product(*self.levels))}
        wide = len(self.levels) > 1
        return np.array(
            [index[label if wide else (label,)] for label in labels], dtype=np.intp
        )

    def stratum_of(self, labels):
        """Position of the stratum of each group, of shape (n_labels,)."""
        return self.places(labels) // self.shape[1]

    def spread(self, values, labels):
        """Put values by group, on the last axis, in their places on the grid."""
        values = np.asarray(values)
        kind = values.dtype if values.dtype == object else float
        grid = np.full((*values.shape[:-1], int(np.prod(self.shape))), np.nan, kind)
        grid[..., self.places(labels)] = values
        return grid.reshape((*values.shape[:-1], *self.shape))


def group_min(grid):
    """Smallest value of each stratum; NaN only where no group has one."""
    return np.fmin.reduce(grid, axis=-1)


def group_max(grid):
    """Largest value of each stratum; NaN only where no group has one."""
    return np.fmax.reduce(grid, axis=-1)


def difference(grid, overall, method):
    """Largest absolute difference, between groups or to the whole stratum."""
    if method == "between_groups":
        return group_max(grid) - group_min(grid)
    return group_max(np.abs(grid - overall[..., None]))


def ratio(grid, overall, method):
    """Smallest ratio, between groups or to the whole stratum, taken below 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if method == "between_groups":
            return group_min(grid) / group_max(grid)
        found = grid / overall[..., None]
        return group_min(np.where(found > 1, 1 / found, found))
