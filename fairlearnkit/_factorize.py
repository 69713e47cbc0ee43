"""Coding a column: integers for its distinct values, whatever container it comes in."""

from __future__ import annotations

from math import isinf
from typing import Any

import narwhals as nw
import numpy as np

__all__ = [
    "factorize",
    "factorize_integers",
    "is_missing",
    "plain_integers",
    "sorted_labels",
    "to_numpy",
]

MISSING = "<missing>"
_SMALL_RANGE = 1 << 16
_HEAD, _FEW = 1024, 12  # a column of text is few labels if its head has no more


def factorize(
    values: Any,
    what: str,
    handle_missing: str = "error",
    advice: str = "fill them in or leave those rows out",
) -> tuple[np.ndarray, list]:
    """Code the values of one column by their sorted distinct labels.

    `what` names the column in messages, as in "sensitive feature 'sex'"; `advice` says
    what to do about missing values.
    """
    native = _as_series(values)
    text = _factorize_text(values if native is None else native)
    if text is not None:
        return text
    if native is not None and not _is_plain_number(native):
        return _factorize_objects(native.to_list(), what, handle_missing, advice)
    array = to_numpy(values)
    if array.ndim != 1:
        raise ValueError(f"{what} must be one-dimensional.")
    if array.dtype.kind in "biu":
        return factorize_integers(array)
    if array.dtype.kind == "f" and np.isfinite(array).all():
        labels, codes = np.unique(array, return_inverse=True)
        return codes, labels.tolist()
    return _factorize_objects(array.tolist(), what, handle_missing, advice)


def plain_integers(values: Any) -> np.ndarray | None:
    """View a column as an array of integers or booleans, if it is one.

    Unsigned 64-bit integers are none: they may exceed the signed range.
    """
    if isinstance(values, (list, tuple)):
        return None
    native = _as_series(values)
    if native is not None and not (
        native.dtype.is_integer() and _is_plain_number(native)
    ):
        return None
    array = np.asarray(values) if native is None else native.to_numpy()
    plain = array.dtype.kind in "biu" and array.dtype != np.uint64
    return array if plain and array.ndim == 1 else None


def factorize_integers(array: np.ndarray) -> tuple[np.ndarray, list]:
    """Sort-free when the range of the values is small, as that of codes is."""
    if array.size == 0:
        return array.astype(np.intp), []
    low, high = int(array.min()), int(array.max())
    if high - low >= _SMALL_RANGE:
        distinct, codes = np.unique(array, return_inverse=True)
        return codes, distinct.tolist()
    if array.dtype == np.uint64:  # may exceed the signed range
        shifted = (array - np.uint64(low)).astype(np.intp)
    else:
        shifted = array.astype(np.intp) - low
    present = np.flatnonzero(np.bincount(shifted))
    labels = [int(place) + low for place in present]
    if array.dtype.kind == "b":
        labels = [bool(label) for label in labels]
    if len(present) == high - low + 1:
        return shifted, labels
    lookup = np.zeros(high - low + 1, dtype=np.intp)
    lookup[present] = np.arange(len(present))
    return lookup[shifted], labels


def _factorize_text(values: Any) -> tuple[np.ndarray, list] | None:
    """Code text by its dictionary (a series) or label by label (an array of few).

    None if it is not text or anything is missing; the general way takes longer.
    """
    if isinstance(values, nw.Series):
        return _factorize_series(values)
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        return None
    head = values[:_HEAD].tolist() if values.dtype.kind in "UO" else []
    labels = sorted(set(head)) if all(isinstance(item, str) for item in head) else []
    if not labels or len(labels) > _FEW:
        return None
    codes = np.full(len(values), -1, dtype=np.intp)
    for code, label in enumerate(labels):
        codes[values == label] = code
    return None if (codes < 0).any() else (codes, labels)


def _factorize_series(series: nw.Series) -> tuple[np.ndarray, list] | None:
    if series.dtype not in (nw.String, nw.Categorical, nw.Enum):
        return None
    if not len(series) or series.is_null().any():
        return None
    try:
        array = series.to_arrow()
    except ImportError:  # the same codes, only slower
        return None
    encoded = array if hasattr(array, "dictionary") else array.dictionary_encode()
    labels = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp)
    present = np.flatnonzero(np.bincount(codes, minlength=len(labels)))
    ascending = sorted_labels([labels[place] for place in present])
    rank = {label: code for code, label in enumerate(ascending)}
    lookup = np.array([rank.get(label, -1) for label in labels], dtype=np.intp)
    return lookup[codes], ascending


def _factorize_objects(
    items: list, what: str, handle_missing: str, advice: str
) -> tuple[np.ndarray, list]:
    try:
        uniques = list(dict.fromkeys(items))
    except TypeError:
        raise TypeError(
            f"argument must be a string or a real number, but {what} holds a value "
            "that is neither."
        ) from None
    if any(isinstance(item, complex) for item in uniques):
        raise ValueError(f"Complex data not supported in {what}.")
    if any(isinstance(item, float) and isinf(item) for item in uniques):
        raise ValueError(f"{what} contains infinity.")
    missing = {item for item in uniques if is_missing(item)}
    if missing and handle_missing == "error":
        count = sum(map(is_missing, items))
        raise ValueError(
            f"{what} has {count} missing values in {len(items)} rows; {advice}."
        )
    labels = sorted_labels([item for item in uniques if item not in missing])
    lookup = {label: code for code, label in enumerate(labels)}
    lookup |= dict.fromkeys(missing, len(labels))
    codes = np.fromiter(map(lookup.__getitem__, items), np.intp, len(items))
    return codes, [*labels, MISSING] if missing else labels


def is_missing(value: Any) -> bool:
    """Tell whether a single value is None, NaN, pandas.NA or NaT."""
    if isinstance(value, float):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def sorted_labels(labels: list) -> list:
    """Sort labels, by type and text where they have no order among them."""
    try:
        return sorted(labels)
    except TypeError:  # mixed types, such as numbers and strings
        return sorted(labels, key=lambda label: (type(label).__name__, str(label)))


def to_numpy(values: Any) -> np.ndarray:
    """An array with its own numeric or string dtype; object where values are mixed."""
    native = _as_series(values)
    if native is not None:
        plain = _is_plain_number(native)
        return native.to_numpy() if plain else np.array(native.to_list(), dtype=object)
    # A list may mix types: numpy would turn its numbers into strings.
    is_list = isinstance(values, (list, tuple))
    return np.asarray(values, dtype=object if is_list else None)


def _as_series(values: Any) -> nw.Series | None:
    if isinstance(values, nw.Series):
        return values
    native = nw.from_native(values, series_only=True, pass_through=True)
    return native if isinstance(native, nw.Series) else None


def _is_plain_number(series: nw.Series) -> bool:
    return series.dtype.is_numeric() and not series.is_null().any()
