"""Bank marketing."""

from __future__ import annotations

from typing import Any

import numpy as np

from fairlearnkit.datasets._dataset import Dataset, read_embedded

__all__ = ["load_bank_marketing"]

FILE = "bank.csv.gz"
FIRST_AGE, LAST_AGE = 25, 59  # the ages of the larger group, both included


def load_bank_marketing(
    *, include_duration: bool = False, return_X_y: bool = False, as_frame: bool = True
) -> Any:
    """Load Bank marketing: does a client take a term deposit after a phone call?

    ==================  =====================================
    Rows                45,211
    Features            15 (6 numeric, 9 categorical)
    Target              1 = yes (11.70 %), 0 = no
    Sensitive features  age_group, marital
    ==================  =====================================

    Parameters
    ----------
    include_duration : bool, default=False
        Keep ``duration``, the length in seconds of the call at whose end the answer
        was given. It is not known before the call and gives the label away.

    return_X_y : bool, default=False
        Return the pair (data, target) instead of a Bunch.

    as_frame : bool, default=True
        Return pandas objects, strings as categories. False returns NumPy arrays and
        needs no pandas.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With these keys:

        data : DataFrame or object ndarray of shape (45211, 15)
            Age in years, balance in euros; 16 columns with `include_duration`.
        target : Series or int ndarray of shape (45211,)
        frame : DataFrame of data and target, or None
        feature_names : list of str
        target_names : ``["no", "yes"]``
        sensitive_features : DataFrame or object ndarray of shape (45211, 2)
            ``age_group``: ``"25-59"`` or ``"other"`` (2,593 clients); ``marital``.
        sensitive_feature_names : ``["age_group", "marital"]``
        filename, data_module : the embedded file and where it lies
        DESCR : str

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: S. Moro, P. Rita and P. Cortez, "Bank Marketing", UCI Machine Learning
    Repository (2012), doi:10.24432/C5K306, CC BY 4.0; the file ``bank-full.csv``.
    "unknown" is a category of the source and is kept as one.

    ``data`` has the raw ``age``; ``sensitive_features=Binned("age", [25, 60])`` lets an
    estimator make three groups of it: below 25, 25 to 59, and 60 or more.

    References
    ----------
    .. [1] S. Moro, P. Cortez and P. Rita, "A data-driven approach to predict the
       success of bank telemarketing", Decision Support Systems 62 (2014),
       doi:10.1016/j.dss.2014.03.001.

    Examples
    --------
    >>> from fairlearnkit.datasets import load_bank_marketing
    >>> bank = load_bank_marketing()
    >>> groups = bank.sensitive_features["age_group"]
    >>> bank.target.groupby(groups, observed=True).mean().round(3)
    age_group
    25-59    0.105
    other    0.311
    Name: y, dtype: float64
    """
    features = read_embedded(FILE)
    answer = features.pop("y")
    if not include_duration:
        del features["duration"]
    age = features["age"]
    working = (age >= FIRST_AGE) & (age <= LAST_AGE)
    group = np.where(working, f"{FIRST_AGE}-{LAST_AGE}", "other")
    return Dataset(
        name="bank",
        filename=FILE,
        features=features,
        target=(answer == "yes").astype(np.int64),
        target_name="y",
        target_names=["no", "yes"],
        sensitive={
            "age_group": group.astype(object),
            "marital": features["marital"],
        },
    ).export(as_frame=as_frame, return_X_y=return_X_y)
