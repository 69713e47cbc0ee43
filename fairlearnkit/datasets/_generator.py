"""A generator with known group base rates and known label bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from fairlearnkit.datasets._dataset import Dataset

__all__ = ["make_biased_classification"]


def make_biased_classification(
    n_samples: int = 1000,
    *,
    n_features: int = 4,
    shares: Sequence[float] = (0.5, 0.5),
    base_rates: Sequence[float] = (0.5, 0.3),
    label_bias: Sequence[float] = (0.0, 0.0),
    class_sep: float = 1.0,
    return_X_y: bool = False,
    as_frame: bool = True,
    random_state: Any = None,
) -> Any:
    r"""Draw groups, fair labels, features and biased labels from a known model.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.

    n_features : int, default=4
        Number of informative features, besides the group column.

    shares : sequence of K floats, default=(0.5, 0.5)
        Probability of each group; they add up to 1.

    base_rates : sequence of K floats, default=(0.5, 0.3)
        Probability of a positive fair label in each group.

    label_bias : sequence of K floats, default=(0.0, 0.0)
        Probability, in each group, that a positive fair label is recorded as 0.

    class_sep : float, default=1.0
        Distance between the centres of the two classes, in standard deviations of a
        feature; 0 makes the features useless.

    return_X_y : bool, default=False
        Return the pair (data, target) instead of a Bunch.

    as_frame : bool, default=True
        Return pandas objects. False returns NumPy arrays and needs no pandas.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With these keys:

        data : DataFrame or object ndarray of shape (n_samples, n_features + 1)
            ``x0``, ``x1``, ... and ``group`` (``"g0"``, ``"g1"``, ...).
        target : Series or int ndarray of shape (n_samples,)
            The recorded label.
        fair_target : Series or int ndarray of shape (n_samples,)
            The fair label; `target` is never above it.
        sensitive_features : DataFrame or object ndarray of shape (n_samples, 1)
        frame, feature_names, target_names, sensitive_feature_names, DESCR
            As in the loaders.

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ValueError
        If `shares`, `base_rates` and `label_bias` differ in length, hold a value
        outside [0, 1], or the shares don't add up to 1.

    Notes
    -----
    With group :math:`A`, fair label :math:`Z` and unit vector :math:`u`,

    .. math:: Z \mid A \sim \mathrm{Bernoulli}(\pi_A),\quad
              X \mid Z \sim N\bigl((Z - \tfrac12)\,\delta\,u,\, I\bigr),\quad
              P(Y = 1 \mid Z, A) = Z\,(1 - b_A),

    so that :math:`X` and :math:`A` are independent given :math:`Z`, and the recorded
    base rate is :math:`\pi_A (1 - b_A)`. A rule that reads only :math:`X` has equal
    odds with respect to the fair label, whatever the bias.

    Examples
    --------
    >>> from fairlearnkit.datasets import make_biased_classification
    >>> drawn = make_biased_classification(
    ...     20_000, base_rates=(0.5, 0.5), label_bias=(0.0, 0.4), random_state=0
    ... )
    >>> drawn.target.groupby(drawn.data["group"], observed=True).mean().round(1)
    group
    g0    0.5
    g1    0.3
    Name: y, dtype: float64
    """
    shares, base_rates, label_bias = _probabilities(shares, base_rates, label_bias)
    random = check_random_state(random_state)
    codes = random.choice(len(shares), size=n_samples, p=shares)
    fair = (random.uniform(size=n_samples) < base_rates[codes]).astype(np.int64)
    denied = random.uniform(size=n_samples) < label_bias[codes]
    centre = (fair - 0.5) * class_sep / np.sqrt(n_features)
    values = random.normal(size=(n_features, n_samples)) + centre
    group = np.array([f"g{k}" for k in range(len(shares))], dtype=object)[codes]
    return Dataset(
        name="biased_classification",
        features={
            **{f"x{j}": column for j, column in enumerate(values)},
            "group": group,
        },
        target=np.where(denied, 0, fair),
        target_name="y",
        target_names=["0", "1"],
        sensitive={"group": group},
        extras={"fair_target": fair},
    ).export(as_frame=as_frame, return_X_y=return_X_y)


def _probabilities(
    shares: Sequence[float], base_rates: Sequence[float], label_bias: Sequence[float]
) -> np.ndarray:
    """Return the three as rows of one array, or raise."""
    lengths = len(shares), len(base_rates), len(label_bias)
    if len(set(lengths)) != 1:
        raise ValueError(
            "shares, base_rates and label_bias need one value for each group, but have "
            f"{lengths[0]}, {lengths[1]} and {lengths[2]} values."
        )
    rows = np.array([shares, base_rates, label_bias], dtype=float)
    if not ((rows >= 0) & (rows <= 1)).all() or not np.isclose(rows[0].sum(), 1):
        raise ValueError(
            "shares, base_rates and label_bias are probabilities in [0, 1], and shares "
            f"add up to 1; got shares={shares}, base_rates={base_rates}, "
            f"label_bias={label_bias}."
        )
    return rows
