"""COMPAS (ProPublica's two-year file), which is fetched and never shipped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fairlearnkit.datasets._columns import Columns, read_columns
from fairlearnkit.datasets._dataset import Dataset
from fairlearnkit.datasets._remote import cached_file, check_hash, data_folder

__all__ = ["fetch_compas"]

URL = (
    "https://raw.githubusercontent.com/propublica/compas-analysis/"
    "bafff5da3f2e45eca6c2d5055faad269defd135a/compas-scores-two-years.csv"
)
SHA256 = "c451db85908b2f7fef1d83203bedf6b71ecda0d5af468d82ae62178f91d0cc7d"

# Names, birth dates, case numbers and the jail dates are never read.
FEATURES = (
    "sex",
    "age",
    "age_cat",
    "race",
    "juv_fel_count",
    "juv_misd_count",
    "juv_other_count",
    "priors_count",
    "c_charge_degree",
)
OTHERS = (
    "two_year_recid",
    "decile_score",
    "score_text",
    "is_recid",
    "days_b_screening_arrest",
)
MAX_DAYS = 30  # between the arrest and the screening


def fetch_compas(
    path: str | os.PathLike | None = None,
    *,
    filtered: bool = True,
    return_X_y: bool = False,
    as_frame: bool = True,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
) -> Any:
    """Fetch COMPAS: is a defendant charged with a new crime within two years?

    The rows are people who can be identified, under no stated licence, so the package
    ships none. The file is taken from `path`, else from the cache, else from
    ProPublica's repository; its SHA-256 is checked each time.

    ==================  =====================================
    Rows                6,172 (7,214 unfiltered)
    Features            9 (5 numeric, 4 categorical)
    Target              1 = recidivism (45.51 %), 0 = none (the favourable outcome)
    Sensitive features  race, sex
    ==================  =====================================

    Parameters
    ----------
    path : str or path-like, default=None
        A local, unchanged copy of ``compas-scores-two-years.csv``.

    filtered : bool, default=True
        Keep the rows that ProPublica kept: screened within 30 days of the arrest, a
        known recidivism flag, no ordinary traffic offence, a score.

    return_X_y : bool, default=False
        Return the pair (data, target) instead of a Bunch.

    as_frame : bool, default=True
        Return pandas objects, strings as categories. False returns NumPy arrays and
        needs no pandas.

    data_home : str or path-like, default=None
        The cache folder; by default ``$FAIRLEARNKIT_DATA`` or ``~/fairlearnkit_data``.

    download_if_missing : bool, default=True
        False raises OSError instead of going online.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With these keys:

        data : DataFrame or object ndarray of shape (6172, 9)
            ``race`` and ``sex`` are among the columns; no names, no birth dates, and
            none of the COMPAS scores.
        target : Series or int ndarray of shape (6172,)
        frame : DataFrame of data and target, or None
        feature_names : list of 9 str
        target_names : ``["no recidivism", "recidivism"]``
        sensitive_features : DataFrame or object ndarray of shape (6172, 2)
            The columns ``race`` and ``sex``.
        sensitive_feature_names : ``["race", "sex"]``
        decile_score : Series or int ndarray of shape (6172,)
            The COMPAS score, 1 to 10, to be audited; never a feature.
        DESCR : str

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ValueError
        If the file is not the published one.
    OSError
        If the file is neither given nor cached and can't be downloaded.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Class 1 is the unfavourable outcome, as published: give fairness constraints
    ``1 - target`` where they expect 1 to be the benefit. The target is inflated by a
    cutoff error [2]_.

    Source: J. Larson, S. Mattu, L. Kirchner and J. Angwin, "How We Analyzed the COMPAS
    Recidivism Algorithm", ProPublica (2016).

    References
    ----------
    .. [1] J. Angwin, J. Larson, S. Mattu and L. Kirchner, "Machine Bias", ProPublica
       (2016).
    .. [2] M. Barenstein, "ProPublica's COMPAS Data Revisited" (2019),
       doi:10.48550/arXiv.1906.04711.

    Examples
    --------
    >>> from fairlearnkit.datasets import fetch_compas
    >>> compas = fetch_compas("compas-scores-two-years.csv")  # doctest: +SKIP
    >>> compas.data.shape  # doctest: +SKIP
    (6172, 9)
    """
    if path is None:
        folder = data_folder(data_home)
        file = cached_file(
            URL, SHA256, folder=folder, download_if_missing=download_if_missing
        )
    else:
        file = Path(path)
    content = file.read_bytes()
    check_hash(content, SHA256, file)
    lines = content.decode("utf-8").splitlines(keepends=True)
    columns = read_columns(lines, FEATURES + OTHERS)
    if filtered:
        columns = _propublica_rows(columns)
    return Dataset(
        name="compas",
        features={name: columns[name] for name in FEATURES},
        target=columns["two_year_recid"],
        target_name="two_year_recid",
        target_names=["no recidivism", "recidivism"],
        sensitive={name: columns[name] for name in ("race", "sex")},
        extras={"decile_score": columns["decile_score"]},
    ).export(as_frame=as_frame, return_X_y=return_X_y)


def _propublica_rows(columns: Columns) -> Columns:
    """Apply the four filters of ProPublica's notebook."""
    kept = (
        (abs(columns["days_b_screening_arrest"]) <= MAX_DAYS)  # False where missing
        & (columns["is_recid"] != -1)
        & (columns["c_charge_degree"] != "O")
        & (columns["score_text"] != "N/A")
    )
    return {name: values[kept] for name, values in columns.items()}
