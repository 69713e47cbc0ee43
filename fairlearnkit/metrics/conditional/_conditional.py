"""Differences between groups within strata."""

from dataclasses import dataclass
from warnings import warn

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics._interval_estimate import Estimate, check_confidence_level
from fairlearnkit.metrics._intervals import (
    fold_at_zero,
    newcombe_interval,
    wilson_interval,
)
from fairlearnkit.metrics.conditional._strata import count_strata


@dataclass(frozen=True, eq=False)
class ConditionalDisparity:
    """Largest differences of rates between groups, stratum by stratum.

    Parameters
    ----------
    mean : Estimate
        Mean of the gaps, by the weight of the strata with at least two groups; NaN if
        there is none.
    worst : Estimate
        Largest gap.
    worst_stratum : label or None
        Where it is.
    strata : tuple of n_strata labels
    groups : tuple of n_groups labels
    gaps, low, high : ndarray of shape (n_strata,)
        Largest rate minus smallest, in [0, 1], and its interval; NaN with fewer than
        two groups.
    rates : ndarray of shape (n_strata, n_groups)
        NaN where there is nobody.
    n : ndarray of shape (n_strata, n_groups)
        People; the effective number if weighted.
    shares : ndarray of shape (n_strata,)
        Share of all people, by weight.
    confidence_level : float
        Nominal coverage of all intervals together, `mean` and `worst` included.
    names, group_names : tuple of str
        Names of the columns that make strata and groups.
    """

    mean: Estimate
    worst: Estimate
    worst_stratum: object
    strata: tuple
    groups: tuple
    gaps: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rates: np.ndarray
    n: np.ndarray
    shares: np.ndarray
    confidence_level: float
    names: tuple
    group_names: tuple

    def to_frame(self):
        """Return one row for each stratum, as a pandas DataFrame.

        After the gap and its interval there is one column for the rate of each group.
        """
        user = "ConditionalDisparity.to_frame"
        columns = {name: getattr(self, name) for name in ("gaps", "low", "high")}
        columns["shares"] = self.shares
        columns |= {g: self.rates[:, k] for k, g in enumerate(self.groups)}
        return require("pandas", extra="pandas", user=user).DataFrame(
            columns, index=label_index(self.strata, self.names, user)
        )


def conditional_disparity(
    y,
    *,
    sensitive_features,
    strata,
    pos_label=None,
    sample_weight=None,
    confidence_level=0.95,
):
    """Difference of rates between groups within each stratum; 0 is parity there.

    Conditional statistical parity asks that people of the same stratum, such as the
    same number of prior convictions, get the positive outcome equally often whatever
    their group. It says nothing of how groups come to be in different strata.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Decisions, or labels in the data.
    sensitive_features : array-like, Series or data frame of n_samples rows
        Several columns make intersectional groups.
    strata : array-like, Series or data frame of n_samples rows
        Several columns are crossed. Cut continuous ones, as with
        :class:`~fairlearnkit.Binned`.
    pos_label : int, float, bool or str, default=None
        The positive outcome; by default 1 if outcomes are in {0, 1} or {-1, 1}.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    disparity : ConditionalDisparity

    Raises
    ------
    ValueError
        If a value is missing, lengths differ or a weight is negative.

    Warns
    -----
    FairnessWarning
        If a stratum holds fewer than two groups, and so compares nobody.

    See Also
    --------
    explained_disparity : Splits the difference of two groups, with signs: a gap in
        favour of one in this stratum makes up for one in favour of the other in that.

    Notes
    -----
    A gap is the largest rate minus the smallest, over the groups that are there. In
    small strata it is far from 0 by chance alone, and so is the mean of gaps; the
    intervals allow for it. For two groups they are Newcombe's, folded at 0, for more
    they come from Wilson's intervals of all rates at once. All strata share the error
    equally, so that the intervals hold together, and with them the largest gap and the
    mean between the means of the ends. They are conservative, that of the mean most.

    References
    ----------
    Corbett-Davies, Pierson, Feller, Goel, Huq, "Algorithmic decision making and the
    cost of fairness", KDD 2017. :doi:`10.1145/3097983.3098095`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import conditional_disparity
    >>> sex = np.repeat(["f", "m"], [1000, 1000])
    >>> faculty = np.repeat(["medicine", "computing"] * 2, [800, 200, 200, 800])
    >>> accepted = np.repeat([1, 0] * 4, [160, 640, 80, 120, 60, 140, 320, 480])
    >>> found = conditional_disparity(accepted, sensitive_features=sex, strata=faculty)
    >>> found.strata, found.gaps.round(3)
    (('computing', 'medicine'), array([0. , 0.1]))
    >>> print(found.worst_stratum, found.worst)
    medicine 0.1 [0.0251, 0.182]
    """
    check_confidence_level(confidence_level)
    table = count_strata(y, sensitive_features, strata, pos_label, sample_weight)
    compared = (table.weight > 0).sum(axis=0) > 1
    error = (1 - confidence_level) / max(1, compared.sum())
    rates, n = table.rates.T, table.n.T
    spans = [
        _gap_interval(rates[e], n[e], error) if usable else (np.nan,) * 3
        for e, usable in enumerate(compared)
    ]
    gaps, low, high = np.array(spans).T
    shares = table.weight.sum(axis=0) / table.weight.sum()
    mean, worst, place = _summary(gaps, low, high, shares, compared)
    _warn_lonely(table, compared, shares)
    return ConditionalDisparity(
        mean=mean,
        worst=worst,
        worst_stratum=None if place is None else table.strata.labels[place],
        strata=table.strata.labels,
        groups=table.groups.labels,
        gaps=gaps,
        low=low,
        high=high,
        rates=rates,
        n=n,
        shares=shares,
        confidence_level=confidence_level,
        names=table.strata.names,
        group_names=table.groups.names,
    )


def _gap_interval(rates, n, error):
    """Gap of one stratum with at least two groups, and its interval."""
    rates, n = rates[n > 0], n[n > 0]
    gap = rates.max() - rates.min()
    if len(rates) == 2:
        bands = wilson_interval(rates, n, 1 - error)
        first, second = zip(rates, *bands, strict=True)
        return gap, *fold_at_zero(*newcombe_interval(first, second))
    low, high = wilson_interval(rates, n, 1 - error / len(rates))
    return gap, max(0.0, low.max() - high.min()), high.max() - low.min()


def _summary(gaps, low, high, shares, compared):
    """Mean of the gaps, the largest one, and its position."""
    if not compared.any():
        nothing = Estimate(np.nan, np.nan, np.nan)
        return nothing, nothing, None
    kept = np.flatnonzero(compared)
    weight = shares[kept] / shares[kept].sum()
    mean = Estimate(*(float(weight @ part[kept]) for part in (gaps, low, high)))
    worst = Estimate(*(float(part[kept].max()) for part in (gaps, low, high)))
    return mean, worst, int(kept[gaps[kept].argmax()])


def _warn_lonely(table, compared, shares):
    lonely = np.flatnonzero(~compared)
    if not len(lonely):
        return
    names = shortlist([repr(table.strata.labels[e]) for e in lonely])
    warn(
        f"{len(lonely)} of {len(compared)} strata hold fewer than two groups, and "
        f"compare nobody: {names}. They hold {shares[lonely].sum():.0%} of the people; "
        "merge strata, or cut continuous columns with Binned.",
        FairnessWarning,
        stacklevel=3,
    )
