"""What a mitigator gave each group and what it took: utility before and after."""

from dataclasses import dataclass
from warnings import warn

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit.exceptions import LevellingDownWarning, shortlist

_MATERIAL = 0.01  # a smaller loss is not worth a warning


@dataclass(frozen=True, eq=False)
class GroupReport:
    """Mean utility of each group under the plain model and under the mitigator.

    Parameters
    ----------
    utility : str
        What is measured, such as "accuracy"; more is better.
    groups : tuple
        Label of each group.
    names : tuple of str
        Names of the sensitive columns.
    n : ndarray of shape (n_groups,)
        People, effective if weighted.
    before, after : ndarray of shape (n_groups,)
        Mean utility, by the plain model and by the mitigator.
    error : ndarray of shape (n_groups,)
        Standard error of the change.

    Examples
    --------
    >>> import numpy as np
    >>> report = report_by_group(
    ...     "accuracy", [1, 0, 1, 1], [1, 1, 0, 0], np.array([0, 0, 1, 1]), ("a", "b")
    ... )
    >>> report.change
    array([ 0.5, -1. ])
    >>> report.harmed
    ('b',)
    """

    utility: str
    groups: tuple
    names: tuple
    n: np.ndarray
    before: np.ndarray
    after: np.ndarray
    error: np.ndarray

    @property
    def change(self):
        """After less before, of shape (n_groups,)."""
        return self.after - self.before

    @property
    def harmed(self):
        """Groups that lost over a hundredth, and more than twice its standard error."""
        lost = -self.change > np.maximum(2 * self.error, _MATERIAL)
        return tuple(g for g, worse in zip(self.groups, lost, strict=True) if worse)

    def to_frame(self):
        """A row for each group.

        Returns
        -------
        frame : pandas.DataFrame
            Columns: n, before, after, change, error.
        """
        pandas = require("pandas", extra="pandas", user="GroupReport.to_frame")
        index = label_index(self.groups, self.names, "GroupReport.to_frame")
        columns = ("n", "before", "after", "change", "error")
        return pandas.DataFrame({c: getattr(self, c) for c in columns}, index=index)


def report_by_group(
    utility, before, after, codes, groups, names=("group",), weight=None
):
    """Compare the utility that each person got.

    Parameters
    ----------
    utility : str
        What is measured, for reports.
    before, after : array-like of shape (n_samples,)
        Expected utility of what each person got, such as the probability of a correct
        decision.
    codes : ndarray of shape (n_samples,)
        Position of each person's group in `groups`.
    groups : sequence
    names : sequence of str, default=("group",)
    weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    report : GroupReport
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    weight = np.ones(len(codes)) if weight is None else np.asarray(weight, dtype=float)

    def sums(values):
        return np.bincount(codes, weights=values, minlength=len(groups))

    mass = sums(weight)
    change = sums(weight * (after - before)) / mass
    spread = sums((weight * (after - before - change[codes])) ** 2)
    return GroupReport(
        utility=utility,
        groups=tuple(groups),
        names=tuple(names),
        n=mass**2 / sums(weight**2),
        before=sums(weight * before) / mass,
        after=sums(weight * after) / mass,
        error=np.sqrt(spread) / mass,
    )


def warn_harmed(report, *, stacklevel=3):
    """Name the groups that are served worse than by the plain model."""
    if report.harmed:
        change = dict(zip(report.groups, report.change, strict=True))
        lost = [f"{g!r} ({change[g]:+.3f})" for g in report.harmed]
        warn(
            f"{report.utility} falls for {shortlist(lost)}, compared with the plain "
            "model; see group_report_.",
            LevellingDownWarning,
            stacklevel=stacklevel + 1,
        )
