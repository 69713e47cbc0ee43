"""Counting coded columns in one pass: the arithmetic under the tables."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np

from fairlearnkit._columns import split_columns
from fairlearnkit._factorize import factorize, is_missing, plain_integers
from fairlearnkit._groups import (
    Groups,
    check_rows,
    code_column,
    cross_columns,
)

__all__ = [
    "Column",
    "Keys",
    "count_cells",
    "count_frame",
    "group_keys",
    "label_column",
]

_CHUNK = 1 << 16  # rows whose codes stay in the processor's cache
_MOST_CELLS = 1 << 24  # beyond this, sparse integer labels are factorized first
_MOST_GROUPS = 1 << 12  # beyond this, sensitive columns are crossed row by row


class Column(NamedTuple):
    """One axis of a table: codes and their labels, or raw integers and None."""

    codes: np.ndarray
    labels: list | None

    @property
    def shape(self) -> tuple:
        return self.codes.shape


class Keys(NamedTuple):
    """Axes of the groups, and the names of the sensitive columns."""

    columns: list[Column]
    names: tuple[str, ...]


def group_keys(sensitive_features: Any, handle_missing: str = "error") -> Keys:
    """Axes of the groups: one for each sensitive column, or one of crossed columns.

    Plain integers are left as they are; each further axis then costs as much as one
    more column of labels, and no row is ever crossed.
    """
    if isinstance(sensitive_features, Keys):
        return sensitive_features
    if isinstance(sensitive_features, Groups):
        groups = sensitive_features
        return Keys([Column(groups.codes, list(groups.labels))], groups.names)
    parts = split_columns(sensitive_features)
    names = tuple(name for name, _ in parts)
    keys = []
    for name, values in parts:
        raw = plain_integers(values)
        coded = (raw, None) if raw is not None else None
        keys.append(Column(*(coded or code_column(name, values, handle_missing))))
        check_rows(name, keys[-1].codes, names[0], keys[0].codes)
    sizes = [_range_of(key, slice(None))[1] for key in keys] if len(keys) > 1 else []
    if np.prod([float(size) for size in sizes]) > _MOST_GROUPS:
        groups = cross_columns(parts, handle_missing)
        return Keys([Column(groups.codes, list(groups.labels))], names)
    return Keys(keys, names)


def label_column(values: Any, name: str) -> Column:
    raw = plain_integers(values)
    return Column(*factorize(values, name)) if raw is None else Column(raw, None)


def count_cells(
    keys: list[Column], columns: list[Column], weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, list, list[list]]:
    """Sum weights and their squares by cell: an axis of groups, one for each column.

    Also gives the groups that occur, and the labels along each further axis. Labels
    without weight are left out. Raw integers are not factorized: a first chunk tells
    their range, one fused index per chunk counts them, and only if a later chunk leaves
    the range are they scanned.
    """
    axes = [*keys, *columns]
    ranges = [_range_of(axis, slice(0, _CHUNK)) for axis in axes]
    counts = _count_in_ranges(axes, ranges, weight)
    if counts is None:
        ranges = [_range_of(axis, slice(None)) for axis in axes]
        if int(np.prod([float(size) for _, size in ranges])) > _MOST_CELLS:
            axes = [Column(*factorize(a.codes, "")) if _raw(a) else a for a in axes]
            ranges = [_range_of(axis, slice(None)) for axis in axes]
        counts = _count_in_ranges(axes, ranges, weight)
    square = None if weight is None else weight**2
    squares = counts if square is None else _count_in_ranges(axes, ranges, square)
    if counts is None or squares is None:
        sizes = " x ".join(str(size) for _, size in ranges)
        raise ValueError(
            f"a table of {sizes} groups, true labels and predicted labels is too large;"
            " pass class labels, as predict returns them."
        )
    labels = []
    for axis, (column, (low, size)) in enumerate(zip(axes, ranges, strict=True)):
        others = tuple(k for k in range(len(axes)) if k != axis)
        known = column.labels or _native_range(column.codes.dtype, low, size)
        present = np.flatnonzero(counts.any(axis=others))
        counts = counts.take(present, axis=axis)
        squares = squares.take(present, axis=axis)
        labels.append([known[k] for k in present])
    groups = labels[0] if len(keys) == 1 else list(product(*labels[: len(keys)]))
    shape = (len(groups), *counts.shape[len(keys) :])
    counts, squares = counts.reshape(shape), squares.reshape(shape)
    occupied = np.flatnonzero(counts.any(axis=tuple(range(1, counts.ndim))))
    groups = [groups[g] for g in occupied]
    return counts[occupied], squares[occupied], groups, labels[len(keys) :]


def _raw(column: Column) -> bool:
    return column.labels is None


def count_frame(
    frame: Any, keys: list[str], sample_weight: str | None
) -> tuple[dict[str, list], np.ndarray, np.ndarray]:
    """Group a frame by its keys: their values, sums of weights and of their squares.

    Raises
    ------
    ValueError
        If a key is missing, or a weight is missing, infinite or negative.
    """
    weight = nw.lit(1.0) if sample_weight is None else nw.col(sample_weight)
    cells = (
        nw.from_native(frame)
        .with_columns(weight.cast(nw.Float64).alias("__weight"))
        .with_columns((nw.col("__weight") * nw.col("__weight")).alias("__square"))
        .group_by(*keys)
        .agg(
            nw.col("__weight", "__square").sum(),
            nw.col("__weight").min().alias("__least"),
            nw.col("__weight").count().alias("__weighted"),
            nw.len().alias("__rows"),
        )
    )
    if isinstance(cells, nw.LazyFrame):
        cells = cells.collect()
    _check_cells(cells, keys)
    cells = cells.filter(nw.col("__weight") > 0)
    labels = {key: cells[key].to_list() for key in keys}
    return labels, cells["__weight"].to_numpy(), cells["__square"].to_numpy()


def _check_cells(cells: nw.DataFrame, keys: list[str]) -> None:
    rows = cells["__rows"].to_numpy()
    if not len(rows):
        raise ValueError("there are no rows to count.")
    for key in keys:
        lost = rows[[is_missing(value) for value in cells[key].to_list()]].sum()
        if lost:
            raise ValueError(
                f"column {key!r} has {lost} missing values in {rows.sum()} rows; fill "
                "them in or leave those rows out."
            )
    total, least = cells["__weight"].to_numpy(), cells["__least"].to_numpy()
    complete = (cells["__weighted"].to_numpy() == rows).all()
    if not complete or not np.isfinite(total).all() or (least < 0).any():
        raise ValueError("sample_weight must be finite and non-negative.")


def _range_of(column: Column, rows: slice) -> tuple[int, int]:
    if column.labels is not None:
        return 0, len(column.labels)
    part = column.codes[rows]
    return int(part.min()), int(part.max()) - int(part.min()) + 1


def _native_range(dtype: np.dtype, low: int, size: int) -> list:
    labels = range(low, low + size)
    return [bool(label) for label in labels] if dtype.kind == "b" else list(labels)


def _count_in_ranges(
    columns: list[Column], ranges: list[tuple[int, int]], weight: np.ndarray | None
) -> np.ndarray | None:
    """Count, or return None as soon as a value lies outside its range."""
    if np.prod([float(size) for _, size in ranges]) > _MOST_CELLS:
        return None
    shape = tuple(size for _, size in ranges)
    total = np.zeros(int(np.prod(shape)))
    n_samples = len(columns[0].codes)
    index, shifted = np.empty((2, min(_CHUNK, n_samples)), dtype=np.intp)
    for start in range(0, n_samples, _CHUNK):
        rows = slice(start, start + _CHUNK)
        length = min(_CHUNK, n_samples - start)
        cell = index[:length]
        for axis, (low, size) in enumerate(ranges):
            code = shifted[:length] if axis else cell
            part = columns[axis].codes[rows]
            np.subtract(part, low, out=code, dtype=np.intp, casting="unsafe")
            if code.view(np.uintp).max() >= size:  # negatives wrap to huge values
                return None
            if axis:
                cell *= size
                cell += code
        part_weight = None if weight is None else weight[rows]
        total += np.bincount(cell, weights=part_weight, minlength=len(total))
    return total.reshape(shape)
