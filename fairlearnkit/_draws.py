"""Repeatable random draws: a salted hash of the input row picks the branch.

A randomised rule must answer the same person the same way every time, whatever the
batch, the order or the container, so the draw is a function of the row and of a salt
fixed at fit. Rows that are equal get equal draws. Scores are never hashed: linear
algebra rounds them differently from batch to batch.
"""

from __future__ import annotations

import hashlib
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from fairlearnkit._columns import as_frame
from fairlearnkit._factorize import is_missing

__all__ = ["effective_rows", "new_generator", "new_salt", "row_uniforms"]

_MANTISSA = 30  # bits kept of a number: absorbs the rounding of earlier steps
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def new_generator(random_state: Any) -> np.random.Generator:
    """Turn any `random_state`, as scikit-learn knows it, or a Generator into one."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return np.random.default_rng(seed)


def new_salt(random_state: np.random.RandomState) -> int:
    """Draw the salt that a fitted rule keeps."""
    return int(random_state.randint(np.iinfo(np.int32).max))


def row_uniforms(X: Any, salt: int) -> np.ndarray:
    """Draw a uniform number in [0, 1) for each row of X.

    Equal rows have equal draws whether X is an array of any dtype, a sparse matrix or a
    data frame. Integers and floats of the same value agree; a column's position counts,
    its name does not.
    """
    hashes = _mix(_row_keys(X) + _column_salt(np.array([salt], dtype=np.uint64)))
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def effective_rows(X: Any, weight: np.ndarray | None = None) -> float:
    """Effective number of distinct rows, 1 / sum of squared shares.

    The realised rate of a randomised rule has a variance of p(1 - p) over this number.
    """
    _, inverse = np.unique(_row_keys(X), return_inverse=True)
    share = np.bincount(inverse, weights=weight)
    return float(share.sum() ** 2 / (share**2).sum())


def _row_keys(X: Any) -> np.ndarray:
    """Sum over columns of a hash of (position, value); a zero adds nothing."""
    if sparse.issparse(X):
        rows = X.tocsr().tocoo()
        keys = np.zeros(X.shape[0], dtype=np.uint64)
        values = _number_bits(rows.data.astype(np.float64))
        terms = _mix(values + _column_salt(rows.col.astype(np.uint64)))
        np.add.at(keys, rows.row, np.where(values != 0, terms, np.uint64(0)))
        return keys
    frame = as_frame(X)
    width = X.shape[1]
    columns = frame.iter_columns() if frame is not None else X.T
    keys = np.zeros(X.shape[0], dtype=np.uint64)
    for j, column in zip(range(width), columns, strict=True):
        values = _value_bits(column)
        terms = _mix(values + _column_salt(np.array([j], dtype=np.uint64)))
        keys += np.where(values != 0, terms, np.uint64(0))
    return keys


def _value_bits(column: Any) -> np.ndarray:
    framed = isinstance(column, nw.Series)
    if framed and (column.dtype.is_numeric() or column.dtype == nw.Boolean):
        column, framed = column.cast(nw.Float64).to_numpy(), False
    if not framed and column.dtype.kind in "biuf":
        return _number_bits(column.astype(np.float64))
    items = column.to_list() if framed else column.tolist()
    bits = {item: _item_bits(item) for item in dict.fromkeys(items)}
    return np.fromiter(map(bits.__getitem__, items), np.uint64, len(items))


def _item_bits(item: Any) -> int:
    if is_missing(item):
        item = np.nan
    if isinstance(item, (Real, np.bool_)):
        return int(_number_bits(np.array([item], dtype=np.float64))[0])
    digest = hashlib.blake2b(str(item).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _number_bits(values: np.ndarray) -> np.ndarray:
    """Bits of the numbers, rounded to 30 bits of mantissa; 0 for zero, one NaN."""
    mantissa, exponent = np.frexp(values)
    rounded = np.ldexp(np.rint(np.ldexp(mantissa, _MANTISSA)), exponent - _MANTISSA)
    return np.where(np.isnan(values), np.nan, rounded + 0.0).view(np.uint64)


def _column_salt(position: np.ndarray) -> np.ndarray:
    return _mix((position + np.uint64(1)) * _GOLDEN)


def _mix(state: np.ndarray) -> np.ndarray:
    """Scramble 64 bits by the finaliser of the SplitMix64 generator."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
