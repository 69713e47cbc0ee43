"""ACSIncome: American Community Survey person records, as folktables selects them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import fetch_openml

from fairlearnkit.datasets._columns import Columns, as_codes, read_numbers
from fairlearnkit.datasets._dataset import Dataset
from fairlearnkit.datasets._remote import data_folder

__all__ = ["fetch_acs_income"]

OPENML_ID = 43141
THRESHOLD = 50_000  # dollars a year
FEATURES = "AGEP COW SCHL MAR OCCP POBP {relation} WKHP SEX RAC1P"
RELATIONS = ("RELP", "RELSHIPP")  # up to 2018, from 2019: other codes, other name
SEXES = ("Male", "Female")
RACES = (
    "White",
    "Black or African American",
    "American Indian",
    "Alaska Native",
    "American Indian or Alaska Native, tribe not specified or several",
    "Asian",
    "Native Hawaiian or Pacific Islander",
    "Some other race",
    "Two or more races",
)

Paths = str | os.PathLike | Sequence[str | os.PathLike]


def fetch_acs_income(
    path: Paths | None = None,
    *,
    return_X_y: bool = False,
    as_frame: bool = True,
    data_home: str | os.PathLike | None = None,
) -> Any:
    """Fetch ACSIncome: does a working adult earn more than 50,000 dollars a year?

    With `path`, reads ACS PUMS person files (``psam_p06.csv``, ``psam_p36.csv``, ...:
    any states, any year) and keeps who is older than 16, earned more than 100 dollars,
    worked at least an hour a week, and has a positive weight. Without, fetches the
    1,664,500 people of 2018 from OpenML, once.

    ==================  =====================================
    Rows                1,664,500 from OpenML (2018, all states); else by file
    Features            10, all numeric codes
    Target              1 = PINCP > 50,000, 0 = up to it
    Sensitive features  SEX, RAC1P
    ==================  =====================================

    Parameters
    ----------
    path : str, path-like or list of these, default=None
        One or several local CSV files, stacked in this order.

    return_X_y : bool, default=False
        Return the pair (data, target) instead of a Bunch.

    as_frame : bool, default=True
        Return pandas objects. False returns NumPy arrays; local files then need no
        pandas.

    data_home : str or path-like, default=None
        The cache folder of the OpenML download; by default ``$FAIRLEARNKIT_DATA`` or
        ``~/fairlearnkit_data``.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With these keys:

        data : DataFrame or float ndarray of shape (n, 10)
            AGEP (years), COW, SCHL, MAR, OCCP, POBP, RELP (RELSHIPP in files from
            2019), WKHP (hours a week), SEX, RAC1P, with the codes of the survey.
        target : Series or int ndarray of shape (n,)
        frame : DataFrame of data and target, or None
        feature_names : list of 10 str
        target_names : ``["<=50K", ">50K"]``
        sensitive_features : DataFrame or object ndarray of shape (n, 2)
            The columns ``SEX`` and ``RAC1P`` as labels instead of codes.
        sensitive_feature_names : ``["SEX", "RAC1P"]``
        sample_weight : Series or float ndarray of shape (n,)
            PWGTP, the people that a row stands for; absent with OpenML, which has none.
        DESCR : str

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ValueError
        If a file lacks a column, holds a code that the survey does not have, or mixes
        with files of another coding.
    OSError
        If a file can't be read, or OpenML can't be reached.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Incomes are compared in the dollars of the survey year. Source: U.S. Census Bureau,
    American Community Survey, public use microdata; selection of [1]_.

    References
    ----------
    .. [1] F. Ding, M. Hardt, J. Miller and L. Schmidt, "Retiring Adult: New Datasets
       for Fair Machine Learning", NeurIPS 2021, doi:10.48550/arXiv.2108.04884.

    Examples
    --------
    >>> from fairlearnkit.datasets import fetch_acs_income
    >>> acs = fetch_acs_income(["psam_p06.csv", "psam_p36.csv"])  # doctest: +SKIP
    >>> acs.sensitive_features.columns.tolist()  # doctest: +SKIP
    ['SEX', 'RAC1P']
    """
    if path is None:
        features, income, extras = _from_openml(data_folder(data_home), as_frame)
    else:
        several = [path] if isinstance(path, str | os.PathLike) else path
        features, income, extras = _from_files([Path(file) for file in several])
    return Dataset(
        name="acs_income",
        features=features,
        target=(income > THRESHOLD).astype(np.int64),
        target_name="high_income",
        target_names=["<=50K", ">50K"],
        sensitive={
            "SEX": as_codes(features["SEX"], SEXES),
            "RAC1P": as_codes(features["RAC1P"], RACES),
        },
        extras=extras,
    ).export(as_frame=as_frame, return_X_y=return_X_y)


def _from_files(paths: list[Path]) -> tuple[Columns, np.ndarray, Columns]:
    """Stack the selected people of all files."""
    tables = [_read_people(path) for path in paths]
    if len({tuple(table) for table in tables}) != 1:
        raise ValueError(
            "The files mix RELP (up to 2018) with RELSHIPP (from 2019), whose codes "
            "differ: pass files of one kind, at least one."
        )
    columns = {
        name: np.concatenate([table[name] for table in tables]) for name in tables[0]
    }
    weight, income = columns.pop("PWGTP"), columns.pop("PINCP")
    return columns, income, {"sample_weight": weight}


def _read_people(path: Path) -> Columns:
    """Read one person file and apply the ACSIncome filter."""
    always = FEATURES.replace("{relation} ", "").split()
    with path.open(encoding="utf-8-sig", newline="") as lines:
        try:
            names, rows = read_numbers(lines, [*always, "PINCP", "PWGTP"], RELATIONS)
        except ValueError as error:
            raise ValueError(f"{path} is no ACS PUMS person file: {error}") from error
    columns = dict(zip(names, rows.T, strict=True))
    relation = next((name for name in RELATIONS if name in columns), None)
    if relation is None:
        raise ValueError(f"{path} has neither column RELP nor RELSHIPP.")
    kept = (
        (columns["AGEP"] > 16)
        & (columns["PINCP"] > 100)
        & (columns["WKHP"] > 0)
        & (columns["PWGTP"] >= 1)
    )
    order = FEATURES.format(relation=relation).split()
    return {name: columns[name][kept] for name in [*order, "PINCP", "PWGTP"]}


def _from_openml(folder: Path, as_frame: bool) -> tuple[Columns, np.ndarray, Columns]:
    """Fetch the published selection, which is cached by scikit-learn in the folder."""
    try:
        source = fetch_openml(
            data_id=OPENML_ID, data_home=str(folder), as_frame=as_frame, parser="auto"
        )
    except OSError as error:
        raise OSError(
            f"OpenML {OPENML_ID} is not cached in {folder} nor reachable ({error}); "
            "pass path= with ACS PUMS person files."
        ) from error
    table = np.asarray(source.data, dtype=float)
    columns = dict(zip(source.feature_names, table.T, strict=True))
    features = {
        name: columns[name] for name in FEATURES.format(relation="RELP").split()
    }
    return features, np.asarray(source.target, dtype=float), {}
