"""Communities and Crime."""

from __future__ import annotations

from typing import Any

import numpy as np

from fairlearnkit.datasets._dataset import Dataset, read_embedded

__all__ = ["load_communities_crime"]

FILE = "communities.csv.gz"
RACE_SHARES = ("racepctblack", "racePctWhite", "racePctAsian", "racePctHisp")
CUT = 0.06  # of the normalised racepctblack; 970 communities lie above


def load_communities_crime(
    *, drop_missing: bool = True, return_X_y: bool = False, as_frame: bool = True
) -> Any:
    """Load Communities and Crime: the violent crime rate of a place (regression).

    ==================  =====================================
    Rows                1,994 communities
    Features            99 (122 with the incomplete ones), all numeric in [0, 1]
    Target              ViolentCrimesPerPop in [0, 1], mean 0.238
    Sensitive features  black_share_group, and four shares
    ==================  =====================================

    Parameters
    ----------
    drop_missing : bool, default=True
        Leave out the 23 columns with missing values (22 from a police survey that
        covered few places, and ``OtherPerCap``). False keeps them, with NaN.

    return_X_y : bool, default=False
        Return the pair (data, target) instead of a Bunch.

    as_frame : bool, default=True
        Return pandas objects. False returns NumPy arrays and needs no pandas.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With these keys:

        data : DataFrame or float ndarray of shape (1994, 99)
            Normalised by the source to [0, 1], column by column.
        target : Series or float ndarray of shape (1994,)
            Violent crimes per head, normalised in the same way.
        frame : DataFrame of data and target, or None
        feature_names : list of str
        target_names : ``["ViolentCrimesPerPop"]``
        sensitive_features : DataFrame or object ndarray of shape (1994, 5)
            ``black_share_group``: ``">0.06"`` (970 communities) or ``"<=0.06"``, a cut
            of ``racepctblack``; then ``racepctblack``, ``racePctWhite``,
            ``racePctAsian``, ``racePctHisp`` as they are in ``data``.
        sensitive_feature_names : list of 5 str
        filename, data_module : the embedded file and where it lies
        DESCR : str

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: M. Redmond, "Communities and Crime", UCI Machine Learning Repository (2009),
    doi:10.24432/C53W3X, CC BY 4.0. The normalised ``racepctblack`` is not a share of
    the population: 0.06 is a point of its [0, 1] scale. ``data`` has the raw column;
    ``sensitive_features=Binned("racepctblack", [0.06], right=True)`` cuts it alike.

    References
    ----------
    .. [1] M. Redmond and A. Baveja, "A data-driven software tool for enabling
       cooperative information sharing among police departments", European Journal of
       Operational Research 141 (2002), doi:10.1016/S0377-2217(01)00264-8.

    Examples
    --------
    >>> from fairlearnkit.datasets import load_communities_crime
    >>> crime = load_communities_crime()
    >>> groups = crime.sensitive_features["black_share_group"]
    >>> crime.target.groupby(groups, observed=True).mean().round(3)
    black_share_group
    <=0.06    0.132
    >0.06     0.350
    Name: ViolentCrimesPerPop, dtype: float64
    """
    columns = {
        name: values.astype(float)
        for name, values in read_embedded(FILE).items()
        if not (drop_missing and np.isnan(values).any())
    }
    rate = columns.pop("ViolentCrimesPerPop")
    group = np.where(columns["racepctblack"] > CUT, f">{CUT}", f"<={CUT}")
    return Dataset(
        name="communities",
        filename=FILE,
        features=columns,
        target=rate,
        target_name="ViolentCrimesPerPop",
        target_names=["ViolentCrimesPerPop"],
        sensitive={
            "black_share_group": group.astype(object),
            **{name: columns[name] for name in RACE_SHARES},
        },
    ).export(as_frame=as_frame, return_X_y=return_X_y)
