"""Sensitive features as the columns of a regression: levels as 0 or 1, and numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SensitiveColumns:
    """How sensitive features become numbers.

    Parameters
    ----------
    parts : tuple of (tuple of int, tuple or None)
        Positions among the sensitive features, and their joint levels; None for one
        feature that is a number itself.
    features : tuple of str
        Names of the sensitive features.
    """

    parts: tuple
    features: tuple

    @classmethod
    def of(cls, groups, numeric, cross):
        """Learn the levels.

        Parameters
        ----------
        groups : Groups
        numeric : bool, str or list of str
            Which of the features are numbers: all, none, or those named.
        cross : bool
            Whether the others are crossed, or enter one by one.
        """
        names = groups.names
        numeric = [numeric] if isinstance(numeric, str) else numeric
        chosen = names if numeric is True else () if numeric is False else numeric
        if strange := [name for name in chosen if name not in names]:
            raise ValueError(
                f"numeric_sensitive names {strange}, but the sensitive features are "
                f"{list(names)}."
            )
        places = range(len(names))
        numbers = [place for place in places if names[place] in chosen]
        others = tuple(place for place in places if place not in numbers)
        blocks = [others] if cross else [(place,) for place in others]
        rows = _rows(groups)
        parts = [(block, _levels(rows, block)) for block in blocks if block]
        return cls((*parts, *(((place,), None) for place in numbers)), names)

    @property
    def names(self):
        """Name of each column, as in ``sex='F'``."""
        found = []
        for block, levels in self.parts:
            features = [self.features[place] for place in block]
            if levels is None:
                found += features
                continue
            for level in levels:
                pairs = zip(features, level, strict=True)
                found.append(", ".join(f"{name}={value!r}" for name, value in pairs))
        return found

    def matrix(self, groups):
        """Numbers of shape (n_samples, n_columns).

        Raises
        ------
        ValueError
            If a level was not seen in `of`, or a number is none.
        """
        rows = _rows(groups)
        columns = [
            self._number(rows, block[0])[:, None]
            if levels is None
            else self._indicators(rows, block, levels)
            for block, levels in self.parts
        ]
        return np.hstack(columns)[groups.codes]

    def _indicators(self, rows, block, levels):
        place_of = {level: place for place, level in enumerate(levels)}
        found = np.zeros((len(rows), len(levels)))
        for index, row in enumerate(rows):
            level = tuple(row[place] for place in block)
            if level not in place_of:
                pairs = zip((self.features[p] for p in block), level, strict=True)
                unseen = ", ".join(f"{name}={value!r}" for name, value in pairs)
                raise ValueError(
                    f"group {unseen} was not seen during fit; fit on data that has it."
                )
            found[index, place_of[level]] = 1
        return found

    def _number(self, rows, place):
        values = [row[place] for row in rows]
        try:
            return np.array([float(value) for value in values])
        except (TypeError, ValueError):
            lost = next(value for value in values if not _is_number(value))
            raise ValueError(
                f"sensitive feature {self.features[place]!r} is declared as numeric, "
                f"but holds {lost!r}."
            ) from None


def _is_number(value):
    return isinstance(value, (int, float, np.number))


def _rows(groups):
    several = len(groups.names) > 1
    return [label if several else (label,) for label in groups.labels]


def _levels(rows, block):
    """Joint levels that occur, in the order of the groups."""
    return tuple(dict.fromkeys(tuple(row[place] for place in block) for row in rows))
