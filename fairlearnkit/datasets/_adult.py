"""Adult (census income)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fairlearnkit.datasets._dataset import Dataset, read_embedded

__all__ = ["load_adult"]

FILE = "adult.csv.gz"


def load_adult(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load Adult: does a person earn more than 50,000 dollars a year?

    The whole set is embedded: 48,842 people from the Census Bureau's 1994 survey, the
    32,561 training rows first, then the 16,281 test rows.

    ==================  =====================================
    Rows                48,842 (45,222 without missing values)
    Features            13 (5 numeric, 8 categorical)
    Target              1 = ``>50K`` (23.93 %), 0 = ``<=50K``
    Sensitive features  sex, race
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

        data : DataFrame or object ndarray of shape (48842, 13)
            Age in years, hours a week, capital gain and loss in dollars; ``sex`` and
            ``race`` are among the columns. Missing values are NaN (``workclass``,
            ``occupation``, ``native-country``). The survey weight is kept apart.
        target : Series or int ndarray of shape (48842,)
        frame : DataFrame of data and target, or None
        feature_names : list of 13 str
        target_names : ``["<=50K", ">50K"]``
        sensitive_features : DataFrame or object ndarray of shape (48842, 2)
            The columns ``sex`` and ``race``.
        sensitive_feature_names : ``["sex", "race"]``
        sample_weight : Series or int ndarray of shape (48842,)
            ``fnlwgt``: how many people of the population a row stands for.
        filename, data_module : the embedded file and where it lies
        DESCR : str

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: B. Becker and R. Kohavi, "Adult", UCI Machine Learning Repository (1996),
    doi:10.24432/C5XW20, CC BY 4.0. ``DESCR`` lists the changes made and the known
    problems. Drop the rows with missing values to compare with papers that report
    45,222 rows.

    References
    ----------
    .. [1] F. Ding, M. Hardt, J. Miller and L. Schmidt, "Retiring Adult: New Datasets
       for Fair Machine Learning", NeurIPS 2021.

    Examples
    --------
    >>> from fairlearnkit.datasets import load_adult
    >>> adult = load_adult()
    >>> adult.data.shape
    (48842, 13)
    >>> by_sex = adult.target.groupby(adult.data["sex"], observed=True)
    >>> by_sex.mean().round(4)
    sex
    Female    0.1093
    Male      0.3038
    Name: income, dtype: float64
    """
    features = read_embedded(FILE)
    weight = features.pop("fnlwgt")
    income = features.pop("income")
    return Dataset(
        name="adult",
        filename=FILE,
        features=features,
        target=(income == ">50K").astype(np.int64),
        target_name="income",
        target_names=["<=50K", ">50K"],
        sensitive={name: features[name] for name in ("sex", "race")},
        extras={"sample_weight": weight},
    ).export(as_frame=as_frame, return_X_y=return_X_y)
