"""The columns of a subset scan: each one coded, numeric ones cut into bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlearnkit._columns import as_frame, columns_of
from fairlearnkit._factorize import factorize, is_missing, to_numpy
from fairlearnkit._groups import Binned, resolve_groups

__all__ = ["Attribute", "as_table", "attributes_of"]

_MOST_NUMBERS = 100  # distinct numbers in a column that is not cut
_DIGITS = 6  # significant digits of a quantile, as the label of its bin shows them


@dataclass(frozen=True, eq=False)
class Attribute:
    """One column of X, or of what a callable makes of X, with its values coded.

    Parameters
    ----------
    name : str
    part : str, int or callable
        Where it comes from; see the argument `spec` of :func:`resolve_groups`.
    position : int
        Which of the columns that `part` stands for.
    codes : intp ndarray of shape (n_samples,)
    labels : tuple
        The values that the codes stand for.
    """

    name: str
    part: Any
    position: int
    codes: np.ndarray
    labels: tuple

    def codes_in(self, X: Any) -> np.ndarray:
        """Code the rows of other data by the same labels; -1 for a new value."""
        table = as_table(X)
        found = _split(table, self.part, self.name, "group")[self.position]
        known = {label: code for code, label in enumerate(self.labels)}
        lookup = np.array([known.get(label, -1) for label in found.labels])
        return lookup[found.codes]


def as_table(X: Any) -> Any:
    """Return a data frame as it is, and anything else as a two-dimensional array."""
    if as_frame(X) is not None:
        return X
    table = to_numpy(X)
    if table.ndim != 2:
        raise ValueError(
            "X must be a data frame or a two-dimensional array of columns to scan, got "
            f"{type(X).__name__} with {table.ndim} axes."
        )
    return table


def attributes_of(
    X: Any, spec: Any, n_bins: int | None, handle_missing: str
) -> list[Attribute]:
    """Resolve the columns to scan.

    Parameters
    ----------
    X : data frame or array of shape (n_samples, n_features)
    spec : str, int, callable, list of these or None
        Columns of X; all of them by default.
    n_bins : int or None
        Bins of a numeric column with more distinct values.
    handle_missing : {"error", "group"}
    """
    parts = list(range(X.shape[1])) if spec is None else spec
    parts = parts if isinstance(parts, (list, tuple)) else [parts]
    attributes: list[Attribute] = []
    for part in parts:
        name = None if callable(part) else columns_of(X, [part])[0][0]
        cut = part if callable(part) else _cut(X, part, n_bins)
        attributes += _split(X, cut, name, handle_missing)
    names = [attribute.name for attribute in attributes]
    if not names:
        raise ValueError("there is no column to scan.")
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"column {min(twice)!r} is named twice; scan it once.")
    return attributes


def _split(X: Any, part: Any, name: str | None, handle_missing: str) -> list[Attribute]:
    """Columns that one part of a spec stands for; `name` overrides that of one."""
    groups = resolve_groups(
        X, spec=[part], handle_missing=handle_missing, owner="subgroup_scan"
    )
    if len(groups.names) == 1:
        label = groups.names[0] if name is None else name
        return [Attribute(label, part, 0, groups.codes, groups.labels)]
    columns = []
    for position, label in enumerate(groups.names):
        values = [crossed[position] for crossed in groups.labels]
        codes, labels = factorize(values, label)
        columns.append(
            Attribute(label, part, position, codes[groups.codes], tuple(labels))
        )
    return columns


def _cut(X: Any, part: Any, n_bins: int | None) -> Any:
    """Bins at the quantiles of a numeric column with many values, or `part` itself."""
    name, values = columns_of(X, [part])[0]
    numbers = _numbers(to_numpy(values))
    if numbers is None:
        return part
    n_distinct = len(np.unique(numbers))
    if n_bins is None:
        if n_distinct > _MOST_NUMBERS:
            raise ValueError(
                f"column {name!r} holds {n_distinct} distinct numbers; set n_bins to "
                "cut numeric columns at their quantiles, or name it as "
                f"Binned({name!r}, edges)."
            )
        return part
    if n_distinct <= n_bins:
        return part
    inner = np.quantile(numbers, np.arange(1, n_bins) / n_bins)
    rounded = {float(f"{edge:.{_DIGITS}g}") for edge in inner}
    edges = sorted(edge for edge in rounded if numbers.min() < edge <= numbers.max())
    return Binned(part, tuple(edges)) if edges else part


def _numbers(values: np.ndarray) -> np.ndarray | None:
    """Numbers of a numeric column without the missing ones; None for other columns."""
    if values.dtype.kind == "O":
        values = np.array([value for value in values.tolist() if not is_missing(value)])
    if values.dtype.kind not in "iuf":
        return None
    numbers = values.astype(float)
    return numbers[~np.isnan(numbers)]
