"""Columns of X as naive Bayes needs them: numbers, and categories by their position."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array

from fairlearnkit._columns import as_frame
from fairlearnkit._factorize import factorize
from fairlearnkit._solvers.naive_bayes import MixedData


@dataclass(frozen=True, eq=False)
class MixedColumns:
    """Which columns are categorical, and the values that they take.

    Parameters
    ----------
    places : tuple of int
        Positions of the categorical columns.
    values : tuple of dict
        Position of each value of each of them.
    """

    places: tuple
    values: tuple

    @classmethod
    def of(cls, X, categorical_features):
        """Look at the training data.

        Parameters
        ----------
        X : array or data frame
        categorical_features : "from_dtype", sequence of str or int, or None

        Raises
        ------
        ValueError
            If a categorical feature is not a column of X.
        """
        if hasattr(X, "tocsr"):
            check_array(X)  # says that dense data is needed
        places = _categorical_places(X, categorical_features)
        values = [_codes_of(X, place)[1] for place in places]
        positions = [{v: code for code, v in enumerate(labels)} for labels in values]
        return cls(tuple(places), tuple(positions))

    def transform(self, X, estimator):
        """Read data of the same columns."""
        frame, width = as_frame(X), X.shape[1]
        others = [j for j in range(width) if j not in self.places]
        numbers = np.empty((X.shape[0], 0))
        if others or not width:
            part = X[:, others] if frame is None else frame[:, others].to_native()
            numbers = check_array(part, dtype=np.float64, estimator=estimator)
        categories = np.empty((X.shape[0], len(self.places)), dtype=np.intp)
        for j, (place, known) in enumerate(zip(self.places, self.values, strict=True)):
            codes, labels = _codes_of(X, place)
            lookup = np.array([known.get(label, -1) for label in labels], dtype=np.intp)
            categories[:, j] = lookup[codes]
        return MixedData(numbers, categories, tuple(map(len, self.values)))


def _categorical_places(X, asked):
    frame, width = as_frame(X), X.shape[1]
    if asked is None:
        return []
    if isinstance(asked, str):  # "from_dtype"
        if frame is not None:
            kinds = [column.dtype for column in frame.iter_columns()]
            return [j for j, kind in enumerate(kinds) if not kind.is_numeric()]
        if X.dtype.kind in "US":
            return list(range(width))
        mixed = X.dtype == object
        return [j for j in range(width) if mixed and _has_text(X[:, j])]
    names = [] if frame is None else frame.columns
    places = []
    for name in asked:
        if isinstance(name, str) and name in names:
            places.append(names.index(name))
        elif isinstance(name, (int, np.integer)) and -width <= name < width:
            places.append(int(name) % width)
        else:
            raise ValueError(
                f"categorical feature {name!r} is not a column of X, which has "
                f"{names or width}."
            )
    return sorted(set(places))


def _has_text(column):
    return any(isinstance(value, str) for value in column)


def _codes_of(X, place):
    frame = as_frame(X)
    column = X[:, place] if frame is None else frame[:, place]
    return factorize(column, f"feature {place}", "group")
