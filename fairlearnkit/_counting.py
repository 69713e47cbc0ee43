"""Counting coded columns in one pass: the arithmetic under the tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw
import numpy as np

from fairlearnkit._factorize import factorize, is_missing, plain_integers
from fairlearnkit._groups import Groups, resolve_groups, split_columns

__all__ = ["Column", "count_cells", "count_frame", "group_column", "label_column"]

_CHUNK = 1 << 16  # rows whose codes stay in the processor's cache
_MOST_CELLS = 1 << 24  # beyond this, sparse integer labels are factorized first


class Column(NamedTuple):
    """One axis of a table: codes and their labels, or raw integers and None."""

    codes: np.ndarray
    labels: list | None

    @property
    def shape(self) -> tuple:
        return self.codes.shape


def group_column(
    sensitive_features: Any, handle_missing: str
) -> tuple[list[Column], tuple[str, ...], list | None]:
    groups = sensitive_features
    if not isinstance(groups, Groups):
        parts = split_columns(sensitive_features)
        if len(parts) == 1 and (raw := plain_integers(parts[0][1])) is not None:
            return [Column(raw, None)], (parts[0][0],), None
        groups = resolve_groups(
            sensitive_features=dict(parts), handle_missing=handle_missing
        )
    codes = Column(groups.codes, list(range(len(groups))))
    return [codes], groups.names, list(groups.labels)


def label_column(values: Any, name: str) -> Column:
    raw = plain_integers(values)
    return Column(*factorize(values, name)) if raw is None else Column(raw, None)


def count_cells(
    columns: list[Column], weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, list[list]]:
    """Sum weights and their squares by cell, and give the labels along each axis.

    Labels without weight are left out. Raw integers are not factorized: a first chunk
    tells their range, one fused index per chunk counts them, and only if a later chunk
    leaves the range are they scanned.
    """
    ranges = [_range_of(column, slice(0, _CHUNK)) for column in columns]
    counts = _count_in_ranges(columns, ranges, weight)
    if counts is None:
        ranges = [_range_of(column, slice(None)) for column in columns]
        if int(np.prod([float(size) for _, size in ranges])) > _MOST_CELLS:
            columns = [Column(*factorize(c.codes, "")) for c in columns]
            ranges = [_range_of(column, slice(None)) for column in columns]
        counts = _count_in_ranges(columns, ranges, weight)
    square = None if weight is None else weight**2
    squares = counts if square is None else _count_in_ranges(columns, ranges, square)
    if counts is None or squares is None:
        sizes = " x ".join(str(size) for _, size in ranges)
        raise ValueError(
            f"a table of {sizes} groups, true labels and predicted labels is too large;"
            " pass class labels, as predict returns them."
        )
    axes = []
    for axis, (column, (low, size)) in enumerate(zip(columns, ranges, strict=True)):
        others = tuple(k for k in range(len(columns)) if k != axis)
        labels = column.labels or _native_range(column.codes.dtype, low, size)
        present = np.flatnonzero(counts.any(axis=others))
        counts = counts.take(present, axis=axis)
        squares = squares.take(present, axis=axis)
        axes.append([labels[k] for k in present])
    return counts, squares, axes


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
