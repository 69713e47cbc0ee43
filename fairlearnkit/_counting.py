"""Counting coded columns in one pass: the arithmetic under the tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fairlearnkit._factorize import factorize, plain_integers
from fairlearnkit._groups import resolve_groups, split_columns

__all__ = ["Column", "count_cells", "group_column", "label_column"]

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
    return (
        Column(*factorize(values, name, "error")) if raw is None else Column(raw, None)
    )


def count_cells(
    columns: list[Column], weight: np.ndarray | None
) -> tuple[np.ndarray, list[list]]:
    """Count the cells of several columns, and the labels along each axis.

    Raw integers are not factorized: a first chunk tells their range, one fused index
    per chunk counts them, and only if a later chunk leaves the range are they scanned.
    """
    ranges = [_range_of(column, slice(0, _CHUNK)) for column in columns]
    counts = _count_in_ranges(columns, ranges, weight)
    if counts is None:
        ranges = [_range_of(column, slice(None)) for column in columns]
        if int(np.prod([float(size) for _, size in ranges])) > _MOST_CELLS:
            columns = [Column(*factorize(c.codes, "", "error")) for c in columns]
            ranges = [_range_of(column, slice(None)) for column in columns]
        counts = _count_in_ranges(columns, ranges, weight)
        assert counts is not None
    axes = []
    for axis, (column, (low, size)) in enumerate(zip(columns, ranges, strict=True)):
        others = tuple(k for k in range(len(columns)) if k != axis)
        labels = column.labels or _native_range(column.codes.dtype, low, size)
        present = np.flatnonzero(counts.any(axis=others))
        counts = counts.take(present, axis=axis)
        axes.append([labels[k] for k in present])
    return counts, axes


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
