"""Columns of X by name or index, and of sensitive features in any container."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import narwhals as nw
import numpy as np
from scipy import sparse

from fairlearnkit._factorize import to_numpy

__all__ = [
    "as_column",
    "as_frame",
    "as_numbers",
    "check_row_order",
    "columns_of",
    "split_columns",
]


def as_frame(X: Any) -> nw.DataFrame | None:
    """View a native data frame through narwhals; None if X is no data frame."""
    frame = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise TypeError("X is a lazy frame; collect it first.")
    return frame if isinstance(frame, nw.DataFrame) else None


def columns_of(X: Any, names: Sequence) -> list[tuple[str, Any]]:
    """Look up columns of X: (name, values) of each name or index."""
    frame = as_frame(X)
    columns = []
    for name in names:
        if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
            columns.append(_column_at(X, frame, int(name)))
        elif frame is None:
            raise ValueError(
                f"sensitive_features={name!r} names a column, but X is "
                f"{type(X).__name__} and has no column names; pass a data frame, or "
                "the index of the column."
            )
        elif name not in frame.columns:
            close = get_close_matches(str(name), [str(c) for c in frame.columns])
            hint = f"; did you mean {close}?" if close else "."
            raise ValueError(f"sensitive feature {name!r} is not a column of X{hint}")
        else:
            columns.append((str(name), frame.get_column(name)))
    return columns


def _column_at(X: Any, frame: nw.DataFrame | None, index: int) -> tuple[str, Any]:
    width = X.shape[1]
    if not -width <= index < width:
        raise ValueError(
            f"sensitive feature {index} is not a column of X, which has {width}."
        )
    if frame is not None:
        name = frame.columns[index]
        return str(name), frame.get_column(name)
    column = X[:, [index]].toarray().ravel() if sparse.issparse(X) else X[:, index]
    return f"x{index % width}", column


def as_column(values: Any, name: str) -> Any:
    """Return one column as it is, or that of a table which has no other.

    Raises
    ------
    ValueError
        If there are more columns.
    """
    shape = getattr(values, "shape", None)
    if shape is None or len(shape) < 2:
        return values
    if len(shape) > 2 or shape[1] != 1:
        raise ValueError(f"{name} must be one column, got shape {tuple(shape)}.")
    return split_columns(values, name)[0][1]


def as_numbers(values: Any, name: str, such_as: str = "") -> np.ndarray:
    """Check one column of finite numbers.

    Parameters
    ----------
    values : array-like of shape (n,) or (n, 1)
    name : str
        What the caller calls them, for messages.
    such_as : str
        What would do, for messages: ", such as ...".

    Raises
    ------
    ValueError
        If they are no numbers or no column, or one is missing or infinite.
    """
    try:
        numbers = np.asarray(to_numpy(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers{such_as}.") from None
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim != 1:
        raise ValueError(
            f"{name} has shape {numbers.shape}; pass one number a row{such_as}."
        )
    if lost := int((~np.isfinite(numbers)).sum()):
        raise ValueError(f"{name} holds {lost} missing or infinite values.")
    return numbers


def split_columns(
    values: Any, default: str = "sensitive_features"
) -> list[tuple[str, Any]]:
    """Split values given by the user, one-dimensional or a table, into columns."""
    if isinstance(values, dict):
        return [(str(name), column) for name, column in values.items()]
    native = nw.from_native(values, allow_series=True, pass_through=True)
    if isinstance(native, nw.DataFrame):
        return [(str(name), native.get_column(name)) for name in native.columns]
    if isinstance(native, nw.Series):
        return [(str(native.name) if native.name else default, native)]
    array = to_numpy(values)
    if array.ndim == 2 and array.shape[1] == 1:
        return [(default, array[:, 0])]
    if array.ndim == 2:
        return [(f"{default}_{j}", array[:, j]) for j in range(array.shape[1])]
    if array.ndim != 1:
        raise ValueError(
            f"sensitive_features must be a column or a table, got {array.ndim} axes."
        )
    return [(default, array)]


def check_row_order(columns: Iterable[tuple[str, Any]]) -> None:
    """Raise a ValueError if pandas objects hold the same rows in different orders.

    Rows are matched by position, so that a sorted column beside an unsorted one would
    pair people with the labels of others.
    """
    first = None
    for name, values in columns:
        native = nw.from_native(values, allow_series=True, pass_through=True)
        if not isinstance(native, (nw.Series, nw.DataFrame)):
            continue
        index = nw.maybe_get_index(native)
        if index is None:
            continue
        if first is None:
            first = name, index
        elif _reordered(index, first[1]):
            raise ValueError(
                f"{name} and {first[0]} hold the same index in different orders, but "
                "rows are matched by position; align them first."
            )


def _reordered(index: Any, other: Any) -> bool:
    if len(index) != len(other) or index.equals(other):
        return False
    return bool(index.sort_values().equals(other.sort_values()))
