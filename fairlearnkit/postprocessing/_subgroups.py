"""Overlapping groups: levels of columns, their intersections, and a user's own."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fairlearnkit._factorize import factorize_integers, to_numpy

EVERYONE = "everyone"


@dataclass(frozen=True)
class Subgroups:
    """A collection of groups that may overlap, defined by values and not by rows.

    Parameters
    ----------
    levels : tuple of tuples of (int, label)
        For each group of the sensitive columns, the positions of columns and the values
        there; none at all is everyone.
    names : tuple of str
        Name of each group: those of the columns, then the user's own.
    """

    levels: tuple
    names: tuple

    @classmethod
    def from_groups(cls, groups, intersections, own=()):
        """List everyone, each level and, if asked for, each intersection that occurs.

        Parameters
        ----------
        groups : Groups
        intersections : bool
        own : sequence of str
            Names of the user's own groups.
        """
        width = len(groups.names)
        sizes = range(1, (width if intersections else 1) + 1)
        levels = [()]
        for columns in (c for size in sizes for c in combinations(range(width), size)):
            found = [tuple((c, label[c]) for c in columns) for label in _tuples(groups)]
            levels += dict.fromkeys(found)
        names = [
            ", ".join(f"{groups.names[c]}={value!r}" for c, value in level) or EVERYONE
            for level in levels
        ]
        return cls(tuple(levels), (*names, *own))

    def __len__(self):
        return len(self.names)

    def locate(self, groups, masks):
        """Find the distinct combinations of groups that rows belong to.

        Parameters
        ----------
        groups : Groups
        masks : list of ndarray of bool of shape (n_samples,)
            Membership in the user's own groups.

        Returns
        -------
        patterns : ndarray of int of shape (n_samples,)
        members : ndarray of bool of shape (n_groups, n_patterns)
        """
        patterns, origin = groups.codes, np.arange(len(groups))
        own = np.zeros((0, len(groups)), dtype=bool)
        for mask in masks:
            patterns, keys = factorize_integers(patterns * 2 + mask)
            parent, inside = np.divmod(np.array(keys, dtype=np.intp), 2)
            origin = origin[parent]
            own = np.vstack([own[:, parent], inside.astype(bool)])
        labels = _tuples(groups)
        of_columns = np.array(
            [
                [all(label[c] == value for c, value in level) for label in labels]
                for level in self.levels
            ],
            dtype=bool,
        )
        return patterns, np.vstack([of_columns[:, origin], own])


def own_masks(subgroups, X):
    """Evaluate the user's groups on X.

    Parameters
    ----------
    subgroups : dict of str to callable, or None
    X : array, sparse matrix or data frame

    Returns
    -------
    masks : list of ndarray of bool of shape (n_samples,)

    Raises
    ------
    ValueError
        If a value is not a callable that returns one boolean for each row.
    """
    masks = []
    for name, rule in (subgroups or {}).items():
        if not callable(rule):
            raise ValueError(
                f"subgroup {name!r} must be a callable on X that returns a boolean "
                f"for each row, got {type(rule).__name__}."
            )
        mask = to_numpy(rule(X))
        if mask.dtype == object and all(isinstance(v, (bool, np.bool_)) for v in mask):
            mask = mask.astype(bool)
        if mask.dtype != bool or mask.shape != (X.shape[0],):
            raise ValueError(
                f"subgroup {name!r} must return a boolean for each of the "
                f"{X.shape[0]} rows of X, got shape {mask.shape} of {mask.dtype}."
            )
        masks.append(mask)
    return masks


def _tuples(groups):
    return groups.labels if len(groups.names) > 1 else [(g,) for g in groups.labels]
