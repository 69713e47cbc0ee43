"""Sensitive features as numbers, for groups that are cut by linear thresholds."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real

import numpy as np

from fairlearnkit._factorize import is_missing
from fairlearnkit._solvers.linear_subgroups import Points
from fairlearnkit.exceptions import FairnessWarning

_FEW_LEVELS = 10  # a column of so few values is categorical, whatever they are


@dataclass(frozen=True, eq=False)
class SubgroupColumns:
    """The distinct people of the sensitive features, encoded.

    Parameters
    ----------
    features : ndarray of shape (n_cells, n_features)
        A column for each category, and for each numeric feature.
    names : tuple of str
        Such as "sex='F'" or "age".
    is_category : ndarray of bool of shape (n_features,)
    levels : ndarray of int of shape (n_cells, n_categorical)
        Column of `features` that is 1, for each categorical feature.
    """

    features: np.ndarray
    names: tuple
    is_category: np.ndarray
    levels: np.ndarray

    @classmethod
    def from_groups(cls, groups):
        """Encode the labels of groups that cross all sensitive columns.

        Text, booleans and columns of at most ten values become categories; other
        numbers stay numbers, a missing one a category beside.
        """
        several = len(groups.names) > 1
        labels = groups.labels if several else [(label,) for label in groups.labels]
        parts, names, levels, width = [], [], [], 0
        for name, values in zip(groups.names, zip(*labels, strict=True), strict=True):
            missing = np.array([is_missing(value) for value in values])
            distinct = dict.fromkeys(values)
            if len(distinct) > _FEW_LEVELS and _are_numbers(values, missing):
                numbers = [
                    0.0 if m else v for v, m in zip(values, missing, strict=True)
                ]
                parts.append(np.array(numbers, dtype=float)[:, None])
                names.append(name)
                width += 1
                if not missing.any():
                    continue
                distinct, values = dict.fromkeys([True, False]), missing.tolist()
                name = f"{name} is missing"
            place = {value: number for number, value in enumerate(distinct)}
            codes = np.array([place[value] for value in values])
            parts.append(np.eye(len(distinct))[codes])
            names += [f"{name}={value!r}" for value in distinct]
            levels.append(width + codes)
            width += len(distinct)
        features = np.column_stack(parts)
        is_category = np.zeros(width, dtype=bool)
        for column in levels:
            is_category[np.arange(column.min(), column.max() + 1)] = True
        grid = np.column_stack(levels) if levels else np.zeros((len(labels), 0), int)
        return cls(features, tuple(names), is_category, grid)

    def points(self, mass):
        """Standardised points, their scale and their centre.

        Parameters
        ----------
        mass : ndarray of shape (n_cells,)
        """
        center = np.where(
            self.is_category, 0.0, np.average(self.features, axis=0, weights=mass)
        )
        spread = np.sqrt(
            np.average((self.features - center) ** 2, axis=0, weights=mass)
        )
        scale = np.where(self.is_category | (spread == 0), 1.0, spread)
        return (
            Points((self.features - center) / scale, mass, self.levels),
            center,
            scale,
        )

    def describe(self, direction, threshold):
        """Write a half space as a conjunction, or as an inequality."""
        used = np.flatnonzero(direction)
        categories = ", ".join(self.names[column] for column in used)
        for sign, text in ((1, categories), (-1, f"not ({categories})")):
            same = self.is_category[used].all() and (direction[used] == sign).all()
            if same and threshold == sign * (len(used) - 0.5):
                return text
        terms = [f"{direction[c]:+.3g} [{self.names[c]}]" for c in used]
        return f"{' '.join(terms)} > {threshold:.3g}"


@contextmanager
def many_groups():
    """Crossing columns of numbers makes many groups, which is meant here."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="sensitive features .* make", category=FairnessWarning
        )
        yield


def _are_numbers(values, missing):
    return all(
        isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
        for value, lost in zip(values, missing, strict=True)
        if not lost
    )
