"""Counts of positive outcomes by group and stratum, where strata explain outcomes."""

from dataclasses import dataclass

import numpy as np

from fairlearnkit._columns import split_columns
from fairlearnkit._factorize import factorize
from fairlearnkit._groups import Groups, cross_columns, resolve_groups
from fairlearnkit._vocabulary import check_weight
from fairlearnkit.metrics._labels import positive_mask


@dataclass(frozen=True, eq=False)
class StrataCounts:
    """Weighted counts of (group, stratum, outcome).

    Parameters
    ----------
    counts, squares : ndarray of shape (n_groups, n_strata, 2)
        Sums of weights and of squared weights; the positive outcome comes last.
    groups, strata : Groups
        Only those that carry weight.
    """

    counts: np.ndarray
    squares: np.ndarray
    groups: Groups
    strata: Groups

    @property
    def weight(self):
        """Weight of each group and stratum, of shape (n_groups, n_strata)."""
        return self.counts.sum(axis=2)

    @property
    def n(self):
        """Effective number of people, of shape (n_groups, n_strata)."""
        return effective(self.weight, self.squares.sum(axis=2))

    @property
    def rates(self):
        """Rate of the positive outcome; NaN where there is nobody."""
        weight = self.weight
        missing = np.full(weight.shape, np.nan)
        return np.divide(self.counts[..., 1], weight, out=missing, where=weight > 0)


def effective(weight, square):
    """Kish's effective number of people; 0 where there is nobody."""
    return np.divide(
        weight**2, square, out=np.zeros(np.shape(weight)), where=square > 0
    )


def count_strata(y, sensitive_features, strata, pos_label, sample_weight):
    """Count outcomes by group and stratum.

    Raises
    ------
    ValueError
        If lengths differ, a value is missing or a weight is negative.
    """
    positive = positive_mask(y, "y", pos_label)
    groups = sensitive_features
    if not isinstance(groups, Groups):
        groups = resolve_groups(sensitive_features=groups)
    strata = _resolve_strata(strata)
    for name, codes in (("sensitive_features", groups.codes), ("strata", strata.codes)):
        if len(codes) != len(positive):
            raise ValueError(
                f"y has {len(positive)} rows but {name} has {len(codes)}; pass one "
                "value per row."
            )
    weight = check_weight(sample_weight, len(positive))
    if weight is not None and not weight.all():
        kept = weight > 0
        if not kept.any():
            raise ValueError("sample_weight must have at least one weight above zero.")
        positive, weight = positive[kept], weight[kept]
        groups, strata = groups.take(kept), strata.take(kept)
    shape = (len(groups), len(strata), 2)
    cells = np.ravel_multi_index(
        (groups.codes, strata.codes, positive.astype(np.intp)), shape
    )
    size = int(np.prod(shape))
    counts, squares = (
        np.bincount(cells, weights=w, minlength=size).reshape(shape).astype(float)
        for w in (weight, None if weight is None else weight**2)
    )
    return StrataCounts(counts, squares, groups, strata)


def _resolve_strata(strata):
    """Cross the columns of `strata`, naming them as what they are in messages."""
    names, codes, labels = [], [], []
    for name, values in split_columns(strata, default="strata"):
        code, label = factorize(values, f"stratum column {name!r}")
        names.append(name)
        codes.append(code)
        labels.append(label)
        if len(code) != len(codes[0]):
            raise ValueError(
                f"stratum column {name!r} has {len(code)} rows, {names[0]!r} has "
                f"{len(codes[0])}."
            )
    crossed = cross_columns(list(zip(names, codes, strict=True)))
    if len(names) == 1:
        known = [labels[0][key] for key in crossed.labels]
    else:
        known = [
            tuple(label[k] for label, k in zip(labels, key, strict=True))
            for key in crossed.labels
        ]
    return Groups(crossed.codes, tuple(known), crossed.names)
