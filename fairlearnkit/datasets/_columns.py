"""Columns read from CSV text: named arrays, numbers where every field is one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import itemgetter

import numpy as np

__all__ = ["Columns", "as_codes", "read_columns", "read_numbers"]

Columns = dict[str, np.ndarray]

# A national census file has millions of rows of 280 fields; only a slice is text.
CHUNK_ROWS = 100_000


def read_columns(lines: Iterable[str], wanted: Sequence[str] | None = None) -> Columns:
    """Read the wanted columns (default: all), an empty field being missing.

    A column becomes int64 or float64 where its fields allow it, else objects, with NaN
    for missing.
    """
    reader = csv.reader(lines)
    names, pick = _picker(next(reader), wanted)
    fields = zip(*map(pick, reader), strict=True)
    return {name: _typed(values) for name, values in zip(names, fields, strict=True)}


def read_numbers(
    lines: Iterable[str], wanted: Sequence[str], optional: Sequence[str] = ()
) -> tuple[list[str], np.ndarray]:
    """Read the wanted columns, and the optional ones that are there, as float64."""
    reader = csv.reader(lines)
    header = next(reader)
    names, pick = _picker(header, [*wanted, *(n for n in optional if n in header)])
    rows = map(pick, reader)
    blocks = [np.empty((0, len(names)))]
    while chunk := list(islice(rows, CHUNK_ROWS)):
        text = np.array(chunk)
        text[text == ""] = "nan"
        blocks.append(text.astype(float))
    return names, np.concatenate(blocks)


def as_codes(values: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Return the label of each code 1, 2, ... as an object array."""
    codes = np.arange(1, len(labels) + 1)
    if unknown := sorted(set(values.tolist()).difference(codes.tolist())):
        raise ValueError(
            f"Expected codes 1 to {len(labels)} ({labels[0]}, ...) but found "
            f"{unknown[:5]}; check that the file is an ACS PUMS person file."
        )
    return np.array(labels, dtype=object)[values.astype(int) - 1]


def _picker(header: list[str], wanted: Sequence[str] | None):
    names = list(header if wanted is None else wanted)
    if absent := [name for name in names if name not in header]:
        raise ValueError(f"The file has no column {', '.join(absent)}.")
    # A name that occurs twice (as in COMPAS) means its first column.
    return names, itemgetter(*(header.index(name) for name in names))


def _typed(values: tuple[str, ...]) -> np.ndarray:
    for kind, missing in ((np.int64, ""), (np.float64, "nan")):
        try:
            return np.array([v or missing for v in values], dtype=kind)
        except ValueError:
            continue
    return np.array([v or np.nan for v in values], dtype=object)
