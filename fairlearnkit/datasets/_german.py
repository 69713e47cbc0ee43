"""German credit (Statlog)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fairlearnkit.datasets._dataset import Dataset, read_embedded

__all__ = ["load_german_credit"]

FILE = "german.csv.gz"
YOUNG = 25  # years; the cut at which 190 people are young (Kamiran and Calders 2009)


def load_german_credit(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load German credit: is a bank's borrower a good risk?

    ==================  =====================================
    Rows                1,000
    Features            20 (7 numeric, 13 categorical)
    Target              1 = good (70 %), 0 = bad
    Sensitive features  age_group, personal_status
    ==================  =====================================

    Parameters
    ----------
    return_X_y : bool, default=False
        Return the pair (data, target) instead of a Bunch.

    as_frame : bool, default=True
        Return pandas objects, strings as categories. False returns NumPy arrays and
        needs no pandas.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With these keys:

        data : DataFrame or object ndarray of shape (1000, 20)
            Age in years, duration in months, amount in German marks. The codes
            ``A11``, ... are replaced by the labels of the published code book.
        target : Series or int ndarray of shape (1000,)
        frame : DataFrame of data and target, or None
        feature_names : list of 20 str
        target_names : ``["bad", "good"]``
        sensitive_features : DataFrame or object ndarray of shape (1000, 2)
            ``age_group``: ``"<=25"`` (190 people) or ``">25"``; ``personal_status``
            as published.
        sensitive_feature_names : ``["age_group", "personal_status"]``
        filename, data_module : the embedded file and where it lies
        DESCR : str

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: H. Hofmann, "Statlog (German Credit Data)", UCI Machine Learning Repository
    (1994), doi:10.24432/C5NC77, CC BY 4.0.

    ``data`` has the raw ``age``; to let an estimator make the two age groups by itself,
    give it ``sensitive_features=Binned("age", [25], right=True)``.

    **Sex can't be recovered**: by the original code book the label "female divorced,
    separated or married" also covers single men [1]_. Several other published labels
    are wrong too; ``DESCR`` lists them.

    References
    ----------
    .. [1] U. Grömping, "South German Credit Data: Correcting a Widely Used Data Set",
       Report 4/2019, Beuth University of Applied Sciences Berlin.

    Examples
    --------
    >>> from fairlearnkit.datasets import load_german_credit
    >>> german = load_german_credit()
    >>> groups = german.sensitive_features["age_group"]
    >>> german.target.groupby(groups, observed=True).mean().round(3)
    age_group
    <=25    0.579
    >25     0.728
    Name: good_credit, dtype: float64
    """
    features = read_embedded(FILE)
    risk = features.pop("credit_risk")
    young = np.where(features["age"] <= YOUNG, f"<={YOUNG}", f">{YOUNG}")
    return Dataset(
        name="german",
        filename=FILE,
        features=features,
        target=(risk == "good").astype(np.int64),
        target_name="good_credit",
        target_names=["bad", "good"],
        sensitive={
            "age_group": young.astype(object),
            "personal_status": features["personal_status"],
        },
    ).export(as_frame=as_frame, return_X_y=return_X_y)
