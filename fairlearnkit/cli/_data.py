"""The data of a comparison: an embedded set or a file, made ready for any model."""

import warnings
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import resample

from fairlearnkit._groups import Binned, Groups, drop_columns, resolve_groups
from fairlearnkit.cli._errors import InputError, one_line
from fairlearnkit.datasets import load_adult, load_bank_marketing, load_german_credit
from fairlearnkit.exceptions import FairnessWarning

__all__ = ["Data", "load_data", "make_splits", "sample_rows"]

EMBEDDED = {
    "adult": (load_adult, "sex"),
    "german-credit": (load_german_credit, Binned("age", (25,), right=True)),
    "bank-marketing": (load_bank_marketing, Binned("age", (25, 60))),
}


@dataclass(frozen=True, eq=False)
class Data:
    """Features, labels and groups.

    Parameters
    ----------
    name : str
    X : DataFrame
        Numbers, and strings as categories; the sensitive columns included.
    y : int ndarray of shape (n_rows,)
        1 for the positive label.
    labels : tuple of two str
        Negative and positive label.
    sensitive : str, Binned or list of these
        Column spec of the groups.
    groups : Groups
    warnings : tuple of str
        What was odd about the groups.
    """

    name: str
    X: pd.DataFrame
    y: np.ndarray
    labels: tuple[str, str]
    sensitive: Any
    groups: Groups
    warnings: tuple[str, ...] = ()

    def take(self, rows):
        """Return the same data with these rows only."""
        return replace(
            self,
            X=self.X.iloc[rows].reset_index(drop=True),
            y=self.y[rows],
            groups=self.groups.take(rows),
        )

    def features(self, *, hide_sensitive):
        """X as a model sees it."""
        return drop_columns(self.X, self.sensitive) if hide_sensitive else self.X

    def totals(self):
        """Rows of each group and label, of shape (n_groups, 2)."""
        shape = len(self.groups), 2
        cells = self.groups.codes * 2 + self.y
        return np.bincount(cells, minlength=2 * shape[0]).reshape(shape)

    def group_sizes(self):
        """Label, rows and share of positives of each group."""
        totals = self.totals()
        rows, positive = totals.sum(axis=1).tolist(), totals[:, 1].tolist()
        shares = [part / whole for part, whole in zip(positive, rows, strict=True)]
        return list(zip(self.groups.labels, rows, shares, strict=True))


def load_data(arguments):
    """Load what the arguments ask for, and check it."""
    frame, target, sensitive = _read(arguments)
    for column in arguments.ignore:
        _require_column(column, frame, "--ignore")
    frame = frame.drop(columns=arguments.ignore)
    _require_column(target, frame, "--target")
    y, labels = _code_target(frame[target], target, arguments.positive)
    X = pd.DataFrame(
        {name: _clean(frame[name]) for name in frame.columns if name != target}
    )
    if arguments.sensitive:
        sensitive = [_parse_sensitive(text, X) for text in arguments.sensitive]
    if isinstance(sensitive, list) and len(sensitive) == 1:
        sensitive = sensitive[0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FairnessWarning)
        groups = _find_groups(X, sensitive, arguments.handle_missing)
    told = tuple(one_line(warning.message) for warning in caught)
    data = Data(Path(arguments.data).name, X, y, labels, sensitive, groups, told)
    if not data.features(hide_sensitive=arguments.hide_sensitive).shape[1]:
        raise InputError("no feature is left to learn from.")
    return data


def sample_rows(data, n_rows, seed):
    """Return a sample stratified by label and group, as large as asked at most."""
    if n_rows is None or n_rows >= len(data.y):
        return data
    rows = resample(
        np.arange(len(data.y)),
        replace=False,
        n_samples=n_rows,
        stratify=_strata(data),
        random_state=seed,
    )
    if len(np.unique(data.groups.codes[rows])) < len(data.groups):
        raise InputError(
            f"a sample of {n_rows} rows leaves out a group; ask for more --rows."
        )
    return data.take(np.sort(rows))


def make_splits(data, n_splits, test_size, seed):
    """Return pairs of training and test rows, each with people of every group."""
    splitter = StratifiedShuffleSplit(n_splits, test_size=test_size, random_state=seed)
    try:
        splits = list(splitter.split(data.y, _strata(data)))
    except ValueError as error:
        raise InputError(
            f"cannot split {len(data.y)} rows: {one_line(error)}"
        ) from error
    for split in splits:
        for rows, part in zip(split, ("training", "test"), strict=True):
            counts = np.bincount(data.groups.codes[rows], minlength=len(data.groups))
            if not counts.all():
                lost = data.groups.describe(int(np.argmin(counts)))
                raise InputError(
                    f"group {lost} is too small: a split leaves nobody of it in the "
                    f"{part} rows; merge small groups or change --test-size."
                )
    if any(len(np.unique(data.y[train])) < 2 for train, _ in splits):
        raise InputError("a split's training rows hold one label only; use more rows.")
    return splits


def _read(arguments):
    """Frame with the target in it, name of the target, and default groups."""
    if arguments.data not in EMBEDDED:
        if arguments.target is None or arguments.sensitive is None:
            _require_source(arguments.data)
            raise InputError(
                f"{arguments.data} is a file, so --target COLUMN and --sensitive "
                "COLUMN must say which columns hold the labels and the groups."
            )
        return _read_file(arguments.data), arguments.target, None
    load, sensitive = EMBEDDED[arguments.data]
    bunch = load()
    frame, target = bunch.frame, bunch.target.name
    if arguments.target not in (None, target):
        raise InputError(
            f"the target of {arguments.data} is {target!r}; --target is for files."
        )
    frame[target] = np.array(bunch.target_names, dtype=object)[frame[target]]
    return frame, target, sensitive


def _require_source(name):
    if Path(name).exists():
        return
    close = get_close_matches(name, EMBEDDED)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise InputError(
        f"{name!r} is neither a file nor one of {', '.join(EMBEDDED)}{hint}"
    )


def _read_file(path):
    _require_source(path)
    stem = path.lower().removesuffix(".gz")
    try:
        if stem.endswith((".parquet", ".pq")):
            frame = pd.read_parquet(path)
        elif stem.endswith((".csv", ".tsv")):
            frame = pd.read_csv(path, sep="\t" if stem.endswith(".tsv") else ",")
        else:
            raise InputError(
                f"{path} is no .csv, .csv.gz, .tsv, .parquet or .pq file; convert it "
                "to one of these."
            )
    except (OSError, ValueError, ImportError, NotImplementedError) as error:
        raise InputError(f"cannot read {path}: {one_line(error)}") from error
    if not len(frame):
        raise InputError(f"{path} has no rows.")
    frame.columns = frame.columns.map(str)
    return frame


def _require_column(name, frame, option):
    if name in frame.columns:
        return
    columns = list(frame.columns)
    close = get_close_matches(name, columns)
    if len(columns) == 1:
        hint = f"there is one column, {columns[0]!r}; is the separator a comma?"
    elif close:
        hint = f"did you mean {close[0]!r}?"
    else:
        shown = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
        hint = f"the columns are {shown}."
    raise InputError(f"{option} {name!r} is not a column; {hint}")


def _code_target(values, name, positive):
    """1 for the positive label, and both labels, the positive one last."""
    missing = int(values.isna().sum())
    if missing:
        raise InputError(
            f"target {name!r} has {missing} missing values in {len(values)} rows; fill "
            "them in or leave those rows out."
        )
    found = sorted(values.unique().tolist(), key=_sort_key)
    shown = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
    if len(found) != 2:
        raise InputError(
            f"target {name!r} has {len(found)} distinct values ({shown}), but the "
            "comparison needs exactly two."
        )
    chosen = [label for label in found if _is_label(label, positive)]
    if positive is not None and not chosen:
        raise InputError(
            f"no row has the positive label {positive!r}; the labels of {name!r} are "
            f"{shown}."
        )
    label = chosen[0] if chosen else found[1]
    other = found[0] if label == found[1] else found[1]
    return (values == label).to_numpy(dtype=int), (str(other), str(label))


def _sort_key(label):
    is_number = isinstance(label, (int, float))
    return not is_number, label if is_number else str(label)


def _is_label(label, text):
    if text is None or str(label) == text:
        return text is not None
    try:
        return isinstance(label, (int, float)) and float(text) == label
    except ValueError:
        return False


def _clean(column):
    """Numbers stay numbers; anything else becomes a category of strings."""
    if pd.api.types.is_numeric_dtype(column) and column.dtype != bool:
        numbers = column if isinstance(column.dtype, np.dtype) else _plain(column)
        infinite = int(np.isinf(numbers).sum())
        if infinite:
            raise InputError(f"column {column.name!r} has {infinite} infinite values.")
        return numbers
    return column.map(str, na_action="ignore").astype("category")


def _plain(column):
    """A nullable column as NumPy numbers, NaN where missing."""
    return column.astype("float64" if column.isna().any() else column.dtype.numpy_dtype)


def _parse_sensitive(text, X):
    """A column, or ``column:edge,edge`` for a numeric column cut into bins."""
    column, colon, edges = text.rpartition(":")
    if text in X.columns or not colon:
        _require_column(text, X, "--sensitive")
        return text
    _require_column(column, X, "--sensitive")
    try:
        return Binned(column, tuple(float(edge) for edge in edges.split(",")))
    except ValueError:
        raise InputError(
            f"--sensitive {text!r}: the edges after the colon must be ascending "
            "numbers, as in age:25,60."
        ) from None


def _find_groups(X, sensitive, handle_missing):
    try:
        groups = resolve_groups(X, spec=sensitive, handle_missing=handle_missing)
    except ValueError as error:
        told = one_line(error)
        told = told.replace("handle_missing='group'", "--handle-missing group")
        raise InputError(told) from error
    sizes = np.bincount(groups.codes)
    if len(sizes) < 2:
        raise InputError(f"there is one group only, {groups.describe(0)}.")
    if (sizes == 1).any():
        lone = groups.describe(int(np.argmax(sizes == 1)))
        raise InputError(
            f"group {lone} has one row, too few to judge; merge small groups, or cut a "
            "numeric column as in --sensitive age:25,60."
        )
    return groups


def _strata(data):
    """Cells of group and label; a group with a lone row in a cell is one cell."""
    codes = data.groups.codes
    has_lone_row = (data.totals() == 1).any(axis=1)
    return np.where(has_lone_row[codes], codes * 2, codes * 2 + data.y)
