"""One data set, and its two exports: pandas objects or NumPy arrays."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from fairlearnkit._extras import require
from fairlearnkit.datasets._columns import Columns, read_columns

__all__ = ["Dataset", "frame_of", "read_embedded"]

PACKAGE = "fairlearnkit.datasets"


@dataclass(frozen=True)
class Dataset:
    """Columns of one data set before they take the shape that the caller wants.

    Parameters
    ----------
    name : stem of the description in ``descr/``
    features : the columns of X
    target : values of y, shape (n,)
    target_name : the name of y
    target_names : the meaning of class 0, 1, ...; for a regression, the name of y
    sensitive : the usual sensitive columns
    filename : file of the package data; None where the data are fetched
    extras : further columns, one value a row, exported under their own keys
    """

    name: str
    features: Columns
    target: np.ndarray
    target_name: str
    target_names: list[str]
    sensitive: Columns
    filename: str | None = None
    extras: Columns = field(default_factory=dict)

    def export(self, *, as_frame: bool, return_X_y: bool = False) -> Any:
        """Return the Bunch, or the pair (data, target)."""
        frame = None
        if as_frame:
            frame = frame_of({**self.features, self.target_name: self.target})
            data, target = frame[list(self.features)], frame[self.target_name]
            sensitive = frame_of(self.sensitive)
            extras = dict(frame_of(self.extras).items())
        else:
            data, target = _matrix(self.features), self.target
            sensitive, extras = _matrix(self.sensitive), self.extras
        if return_X_y:
            return data, target
        if self.filename is not None:
            extras = {
                **extras,
                "filename": self.filename,
                "data_module": f"{PACKAGE}.data",
            }
        return Bunch(
            data=data,
            target=target,
            frame=frame,
            feature_names=list(self.features),
            target_names=self.target_names,
            sensitive_features=sensitive,
            sensitive_feature_names=list(self.sensitive),
            DESCR=(files(PACKAGE) / "descr" / f"{self.name}.rst").read_text("utf-8"),
            **extras,
        )


def read_embedded(name: str) -> Columns:
    """Read a table of the package data, such as ``"adult.csv.gz"``."""
    with (
        (files(PACKAGE) / "data" / name).open("rb") as packed,
        gzip.open(packed, "rt", encoding="utf-8", newline="") as lines,
    ):
        return read_columns(lines)


def frame_of(columns: Columns) -> Any:
    """Return a DataFrame whose columns of objects are categorical."""
    pd = require("pandas", extra="pandas", user="as_frame=True")
    return pd.DataFrame(
        {
            name: pd.Categorical(values) if values.dtype == object else values
            for name, values in columns.items()
        }
    )


def _matrix(columns: Columns) -> np.ndarray:
    """Stack the columns: float64 where all are numbers, else objects."""
    arrays = list(columns.values())
    mixed = any(array.dtype == object for array in arrays)
    matrix = np.empty((len(arrays[0]), len(arrays)), dtype=object if mixed else float)
    for position, array in enumerate(arrays):
        matrix[:, position] = array
    return matrix
