"""FICO: credit scores and defaults by race, as published tables."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from fairlearnkit.datasets._columns import Columns
from fairlearnkit.datasets._dataset import Dataset, frame_of, read_embedded

__all__ = ["load_fico"]

FILE = "fico.csv.gz"


def load_fico(*, as_frame: bool = True) -> Bunch:
    r"""Load the FICO tables: TransRisk scores, defaults and people by race.

    The source holds no people, only curves for each of four groups at 198 scores: the
    cumulative share of people up to a score, and the share that defaults at it. They
    give expected counts, fractions allowed, which come here in two shapes: ``table``
    with a row for each group and score, and ``data``, ``target``, ``sample_weight``
    with a row for each group, score and label, ready for ROC curves and thresholds.

    ==================  =====================================
    Rows                1,584 (4 groups x 198 scores x 2 labels), 174,047 people
    Features            score, group
    Target              1 = no default, 0 = default
    Sensitive features  group
    ==================  =====================================

    Parameters
    ----------
    as_frame : bool, default=True
        Return pandas objects. False returns NumPy arrays and needs no pandas.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With these keys:

        data : DataFrame or object ndarray of shape (1584, 2)
            ``score`` (0 to 100, higher is better) and ``group``.
        target : Series or int ndarray of shape (1584,)
        sample_weight : Series or float ndarray of shape (1584,)
            Expected people, some zero; they add up to 174,047.
        sensitive_features : DataFrame or object ndarray of shape (1584, 1)
        table : DataFrame, or dict of ndarrays, of 792 rows
            ``group``, ``score``, ``cdf`` (share of the group with this score or a
            lower one), ``default_rate`` (share of those at this score), ``n_good`` and
            ``n_bad`` (expected people without and with default).
        totals : dict of group to people
        frame, feature_names, target_names, sensitive_feature_names, filename,
        data_module, DESCR
            As in the other loaders.

    Raises
    ------
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    With the people :math:`N_g`, the cumulative share :math:`F_g` and the default share
    :math:`d_g` at score :math:`s`, both in percent,

    .. math:: n_g(s) = N_g\,\frac{F_g(s) - F_g(s^-)}{100},\quad
              n_g^{good}(s) = n_g(s)\Bigl(1 - \frac{d_g(s)}{100}\Bigr),

    where :math:`s^-` is the score before. The source calls :math:`d` performance; it
    falls from 98.5 % at score 0 to 0.9 % at score 100 (whites), so it is the share
    that defaults.

    Source: figures of the Board of Governors of the Federal Reserve System, "Report to
    the Congress on Credit Scoring and Its Effects on the Availability and Affordability
    of Credit" (2007), read as tables by the authors of [1]_.

    References
    ----------
    .. [1] M. Hardt, E. Price and N. Srebro, "Equality of Opportunity in Supervised
       Learning", NeurIPS 2016, doi:10.48550/arXiv.1610.02413.

    Examples
    --------
    >>> from fairlearnkit.datasets import load_fico
    >>> fico = load_fico()
    >>> people = fico.table.groupby("group", observed=True)[["n_good", "n_bad"]].sum()
    >>> (people["n_good"] / people.sum(axis=1)).round(4)
    group
    Asian       0.8068
    Black       0.3366
    Hispanic    0.5681
    White       0.7587
    dtype: float64
    """
    source = read_embedded(FILE)
    people = dict(zip(source["group"].tolist(), source["people"].tolist(), strict=True))
    table = _expected_counts(source, n_groups=len(people))
    group = np.tile(table["group"], 2)
    bunch = Dataset(
        name="fico",
        filename=FILE,
        features={"score": np.tile(table["score"], 2), "group": group},
        target=np.repeat([0, 1], len(table["score"])),
        target_name="repaid",
        target_names=["default", "no default"],
        sensitive={"group": group},
        extras={"sample_weight": np.concatenate([table["n_bad"], table["n_good"]])},
    ).export(as_frame=as_frame)
    return Bunch(**bunch, table=frame_of(table) if as_frame else table, totals=people)


def _expected_counts(source: Columns, n_groups: int) -> Columns:
    """Turn the curves in percent, one group after the other, into people."""
    cdf = source["cdf"].reshape(n_groups, -1) / 100
    share = np.diff(cdf, axis=1, prepend=0).ravel()
    default_rate = source["default"] / 100
    people = source["people"] * share
    return {
        "group": source["group"],
        "score": source["score"],
        "cdf": cdf.ravel(),
        "default_rate": default_rate,
        "n_good": people * (1 - default_rate),
        "n_bad": people * default_rate,
    }
