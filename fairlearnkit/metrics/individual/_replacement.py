"""X with the value of some columns replaced by one value for everybody."""

from numbers import Integral

import numpy as np
from scipy import sparse

from fairlearnkit._columns import as_frame, columns_of


def column_keys(X, spec):
    """Names of the columns of a data frame that `spec` names, or indices in an array.

    Raises
    ------
    ValueError
        If `spec` is not made of names and indices, or a column is not in X.
    """
    parts = list(spec) if isinstance(spec, (list, tuple)) else [spec]
    for part in parts:
        if not isinstance(part, (str, Integral)) or isinstance(part, bool):
            raise ValueError(
                "sensitive_features must name columns of X, or give their indices, "
                f"because their values are replaced there; got {type(part).__name__}."
            )
    columns_of(X, parts)  # says so if one of them is not there
    frame = as_frame(X)
    if frame is None:
        return [part % X.shape[1] for part in parts]
    names = frame.columns
    return [names[part] if isinstance(part, Integral) else part for part in parts]


def replace_values(X, keys, values, donor=None):
    """Copy X, with ``values[i]`` in every row of column ``keys[i]``.

    Values are taken from row `donor`, which has them, so that any type of column
    survives; without a donor they are written, and must fit the type.

    Parameters
    ----------
    X : array, sparse matrix or data frame
    keys : list
        As :func:`column_keys` returns them.
    values : sequence
    donor : int, default=None
    """
    frame = as_frame(X)
    if frame is not None:
        rows = [0] * len(frame)
        columns = [
            _cell_of_series(frame.get_column(key), value, donor)[rows].alias(key)
            for key, value in zip(keys, values, strict=True)
        ]
        return frame.with_columns(*columns).to_native()
    for key, value in zip(keys, values, strict=True):
        column = X[:, [key]].toarray() if sparse.issparse(X) else X[:, [key]]
        cell = column[donor] if donor is not None else _written(column[:1], key, value)
        X = _with_column(X, key, np.repeat(np.atleast_2d(cell), len(column), axis=0))
    return X


def _with_column(X, key, column):
    if not sparse.issparse(X):
        X = X.copy()
        X[:, [key]] = column
        return X
    parts = [X[:, :key], sparse.csr_matrix(column), X[:, key + 1 :]]
    return sparse.hstack(parts, format=X.format, dtype=X.dtype)


def _cell_of_series(column, value, donor):
    if donor is not None:
        return column[[donor]]
    try:
        cell = column[[0]].scatter([0], [value])
    except Exception:  # every engine has its own error for a value that does not fit
        cell = column[[0]]
    if cell.dtype != column.dtype or cell.to_list()[0] != value:
        raise _misfit(value, column.name, column.dtype)
    return cell


def _written(cell, key, value):
    cell = cell.copy()
    try:
        cell[0, 0] = value
    except (TypeError, ValueError):
        raise _misfit(value, f"x{key}", cell.dtype) from None
    if cell[0, 0] != value:
        raise _misfit(value, f"x{key}", cell.dtype)
    return cell


def _misfit(value, name, dtype):
    return ValueError(
        f"the value {value!r} does not fit column {name!r}, which holds {dtype}."
    )
