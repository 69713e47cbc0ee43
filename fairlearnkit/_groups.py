"""Groups of people: the only place where sensitive features are resolved.

Two entrances, one resolver. A *spec* given in a constructor names columns of X (a name,
an index, a list of these, or a callable on X); *values* given to a method are the
features themselves and win over the spec. Both become integer codes per row plus the
labels that the codes stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from warnings import warn

import narwhals as nw
import numpy as np

from fairlearnkit._columns import (
    as_frame,
    check_row_order,
    columns_of,
    split_columns,
)
from fairlearnkit._factorize import (
    factorize,
    factorize_integers,
    is_missing,
    to_numpy,
)
from fairlearnkit.exceptions import FairnessWarning

__all__ = [
    "Binned",
    "Groups",
    "check_rows",
    "code_column",
    "cross_columns",
    "drop_columns",
    "names_columns",
    "resolve_groups",
    "warn_many_groups",
]


@dataclass(frozen=True)
class Groups:
    """Integer codes per row and the labels that they stand for.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,), dtype intp
        Group of each row, in ``range(len(labels))``; -1 for an unseen group.
    labels : tuple
        Label of each group: a scalar, or a tuple of scalars for several columns.
    names : tuple of str
        Names of the sensitive columns.
    """

    codes: np.ndarray
    labels: tuple
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def describe(self, code: int) -> str:
        """Name group `code` for a message, as in ``sex='F', race='Black'``."""
        label = self.labels[code]
        values = label if len(self.names) > 1 else (label,)
        pairs = zip(self.names, values, strict=True)
        return ", ".join(f"{name}={value!r}" for name, value in pairs)

    def values(self) -> Any:
        """Group of each row as plain values: an array, or a dict of arrays by column.

        Text and numbers keep their types where a column mixes them.
        """
        if len(self.names) == 1:
            return _column(self.labels)[self.codes]
        columns = zip(*self.labels, strict=True)
        return {
            name: _column(labels)[self.codes]
            for name, labels in zip(self.names, columns, strict=True)
        }

    def take(self, rows: np.ndarray) -> Groups:
        """Keep `rows` (indices or a mask), and only the groups that occur in them."""
        codes = self.codes[rows]
        present = np.flatnonzero(np.bincount(codes, minlength=len(self)))
        lookup = np.zeros(len(self), dtype=np.intp)
        lookup[present] = np.arange(len(present))
        labels = tuple(self.labels[code] for code in present)
        return Groups(lookup[codes], labels, self.names)

    def encode(self, labels: tuple, *, handle_unknown: str = "error") -> np.ndarray:
        """Codes of these rows in the vocabulary `labels`; unseen groups are -1.

        Raises
        ------
        ValueError
            If a group is not in `labels` and ``handle_unknown="error"``.
        """
        known = {label: code for code, label in enumerate(labels)}
        lookup = np.array(
            [known.get(label, -1) for label in self.labels], dtype=np.intp
        )
        codes = lookup[self.codes]
        unseen = np.flatnonzero(lookup < 0)
        if len(unseen) and handle_unknown == "error":
            raise ValueError(
                f"group {self.describe(unseen[0])} was not seen during fit "
                f"({int((codes < 0).sum())} rows in {len(unseen)} unseen groups); "
                "fit on data that has it, or choose handle_unknown='pooled' where the "
                "method offers it."
            )
        return codes


def _column(labels: Sequence) -> np.ndarray:
    mixed = len({type(label) for label in labels}) > 1
    return np.array(labels, dtype=object if mixed else None)


@dataclass(frozen=True)
class Binned:
    """Groups from a numeric column, such as age, cut at given edges.

    Parameters
    ----------
    column : str or int
        Column of X: a name for data frames, an index for arrays.
    edges : sequence of float, ascending
        Inner edges. ``k`` edges make ``k + 1`` groups.
    right : bool, default=False
        If False a value equal to an edge belongs to the bin above it; if True to
        the bin below.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit import Binned
    >>> Binned(0, [25, 60])(np.array([[18], [25], [71]])).tolist()
    ['x0 < 25', '25 <= x0 < 60', 'x0 >= 60']
    """

    column: str | int
    edges: tuple[float, ...]
    right: bool = False

    def __post_init__(self) -> None:
        edges = tuple(self.edges)
        ascending = all(a < b for a, b in pairwise(edges))
        if not edges or not ascending or edges[0] != edges[0]:
            raise ValueError(f"edges of Binned must ascend strictly, got {edges}.")
        object.__setattr__(self, "edges", edges)

    def __call__(self, X: Any) -> np.ndarray:
        """Label of the bin of each row, as an object array; None where missing."""
        name, values = columns_of(X, [self.column])[0]
        array = to_numpy(values)
        if array.dtype == object:
            array = np.array([np.nan if is_missing(v) else v for v in array])
        try:
            numbers = np.asarray(array, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(
                f"Binned needs a numeric column, but {name!r} is not numeric."
            ) from None
        bins = np.digitize(numbers, self.edges, right=self.right)
        labels = np.array([*self._labels(name), None], dtype=object)
        return labels[np.where(np.isnan(numbers), len(labels) - 1, bins)]

    def _labels(self, name: str) -> list[str]:
        above, below = (">", "<=") if self.right else (">=", "<")
        first = f"{name} {below} {self.edges[0]:g}"
        last = f"{name} {above} {self.edges[-1]:g}"
        flipped = "<" if self.right else "<="
        inner = pairwise(self.edges)
        middle = [f"{a:g} {flipped} {name} {below} {b:g}" for a, b in inner]
        return [first, *middle, last]


_MISSING_AS_TEXT = {"nan", "NaN", "None", "<NA>", "NaT"}

Spec = str | int | Sequence[str | int] | Callable[[Any], Any] | None


def resolve_groups(
    X: Any = None,
    *,
    spec: Spec = None,
    sensitive_features: Any = None,
    handle_missing: str = "error",
    owner: str = "this method",
    role: str = "sensitive feature",
) -> Groups:
    """Turn a spec on X, or the values themselves, into :class:`Groups`.

    Parameters
    ----------
    X : array-like, sparse matrix or data frame, default=None
        Where the columns of `spec` are looked up.
    spec : str, int, list of these, callable or None
        Column(s) of X; a callable on X returns column names, or values per row.
    sensitive_features : array-like, Series, data frame or dict, default=None
        Values per row. They win over `spec`.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing value is an error or a group of its own.
    owner : str
        Who asks, for error messages.
    role : str
        What the columns are, for error messages.

    Raises
    ------
    ValueError
        If there is neither a spec nor values, a column is not in X, lengths differ,
        or a value is missing under ``handle_missing="error"``.
    """
    if sensitive_features is not None:
        check_row_order([("X", X), ("sensitive_features", sensitive_features)])
        columns = split_columns(sensitive_features)
    elif spec is not None:
        columns = _from_spec(X, spec)
    else:
        raise ValueError(
            f"{owner} needs to know the groups: name their column in the constructor, "
            "as in sensitive_features='sex', or pass sensitive_features=<values> to "
            "this method."
        )
    groups = cross_columns(columns, handle_missing, role)
    n_rows = len(groups.codes)
    if X is not None and n_rows != X.shape[0]:
        raise ValueError(
            f"sensitive_features has {n_rows} rows but X has {X.shape[0]}."
        )
    warn_many_groups(groups.names, len(groups), n_rows)
    return groups


def warn_many_groups(names: tuple[str, ...], n_groups: int, n_rows: int) -> None:
    """Warn of groups so many that a column must be continuous."""
    if n_groups > 50 and n_groups > n_rows / 20:
        warn(
            f"sensitive features {list(names)} make {n_groups} groups out of "
            f"{n_rows} rows; if a column is continuous, cut it with Binned.",
            FairnessWarning,
            stacklevel=4,
        )


def names_columns(sensitive_features: Any, n_rows: int) -> bool:
    """Tell whether these name columns of X, or are the values, one a row, themselves.

    A list of names is values if it has an entry for each row.
    """
    if isinstance(sensitive_features, (list, tuple)):
        if len(sensitive_features) == n_rows:
            return False
        return all(names_columns(part, n_rows) for part in sensitive_features)
    names = isinstance(sensitive_features, (str, int, np.integer))
    return names or callable(sensitive_features)


def drop_columns(X: Any, spec: Spec) -> Any:
    """Return X without the columns that `spec` names."""
    names = _column_names(X, spec)
    frame = as_frame(X)
    if frame is not None:
        keep = [nw.col(name) for name in frame.columns if name not in names]
        return frame.select(keep).to_native()
    kept = np.setdiff1d(np.arange(X.shape[1]), np.arange(X.shape[1])[names])
    return X[:, kept]


def cross_columns(
    columns: list[tuple[str, Any]],
    handle_missing: str = "error",
    role: str = "sensitive feature",
) -> Groups:
    """Cross several columns into intersectional groups; only those that occur."""
    if not columns:
        raise ValueError("sensitive_features names no column.")
    names = tuple(name for name, _ in columns)
    codes, labels = code_column(*columns[0], handle_missing, role)
    keys: list[tuple] = [(label,) for label in labels]
    for name, values in columns[1:]:
        inner, labels = code_column(name, values, handle_missing, role)
        check_rows(name, inner, names[0], codes)
        codes, pairs = factorize_integers(codes * len(labels) + inner)
        keys = [
            (*keys[pair // len(labels)], labels[pair % len(labels)]) for pair in pairs
        ]
    single = len(columns) == 1
    return Groups(codes, tuple(key[0] if single else key for key in keys), names)


def check_rows(name: str, codes: np.ndarray, first: str, others: np.ndarray) -> None:
    """Raise a ValueError if two sensitive columns differ in length."""
    if len(codes) != len(others):
        raise ValueError(
            f"sensitive feature {name!r} has {len(codes)} rows, {first!r} has "
            f"{len(others)}."
        )


def code_column(
    name: str,
    values: Any,
    handle_missing: str = "error",
    role: str = "sensitive feature",
) -> tuple[np.ndarray, list]:
    """Code one sensitive column; warn of missing values that were turned into text."""
    advice = (
        "fill them in, or choose handle_missing='group' to make them a group of their "
        "own"
    )
    what = f"{role} {name!r}"
    codes, labels = factorize(values, what, handle_missing, advice)
    if texts := [label for label in labels if label in _MISSING_AS_TEXT]:
        warn(
            f"{what} has a group named {texts[0]!r}: if that was a missing value "
            "before it was turned into text, pass the values themselves.",
            FairnessWarning,
            stacklevel=4,
        )
    return codes, labels


def _from_spec(X: Any, spec: Spec) -> list[tuple[str, Any]]:
    parts = spec if isinstance(spec, (list, tuple)) else [spec]
    columns: list[tuple[str, Any]] = []
    for part in parts:
        if callable(part):
            result = part(X)
            if isinstance(result, (str, list, tuple)):
                columns += _from_spec(X, result)
            else:
                columns += split_columns(result, default=_callable_name(part))
        else:
            columns += columns_of(X, [part])
    return columns


def _callable_name(function: Any) -> str:
    if isinstance(function, Binned):
        return str(function.column)
    return getattr(function, "__name__", type(function).__name__)


def _column_names(X: Any, spec: Spec) -> list:
    parts = spec if isinstance(spec, (list, tuple)) else [spec]
    names: list = []
    for part in parts:
        if isinstance(part, Binned):
            names.append(part.column)
        elif callable(part):
            result = part(X)
            if not isinstance(result, (str, list, tuple)):
                raise ValueError(
                    "drop_sensitive=True needs column names, but the callable "
                    f"{_callable_name(part)!r} returns values."
                )
            names += _column_names(X, result)
        elif part is None:
            raise ValueError(
                "drop_sensitive=True needs sensitive_features in the constructor, "
                "naming the columns to drop."
            )
        else:
            columns_of(X, [part])
            names.append(part)
    frame = as_frame(X)
    if frame is not None:
        return [
            frame.columns[n] if isinstance(n, (int, np.integer)) else n for n in names
        ]
    return names
