"""Rates of groups whom nobody was asked about: all that is known are probabilities.

The rate itself is then not known either, however many people there are. What is known
is a range, and an estimate inside it that assumes more.
"""

from dataclasses import dataclass
from warnings import warn

import numpy as np

from fairlearnkit._draws import new_generator
from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit._rates import RATES, rate_of_class
from fairlearnkit.constraints import as_constraint
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics._disparity import warn_undefined
from fairlearnkit.metrics._interval_estimate import Estimate, check_confidence_level
from fairlearnkit.metrics._reading import positive_place, read_rate
from fairlearnkit.metrics.unknown_groups._bounds import rate_bounds, sampled_ends
from fairlearnkit.metrics.unknown_groups._people import guess_people

_FEW = 20  # people of a cell, below whom it shows little of what is possible
_VACUOUS = 0.9  # width of bounds that tell next to nothing


@dataclass(frozen=True, eq=False)
class UnknownGroupRates:
    """A rate of groups that are known as probabilities only.

    Parameters
    ----------
    name : str
        Name of the rate.
    groups : tuple of n_groups labels
    n : ndarray of shape (n_groups,)
        Expected number of people of the group whom the rate is about; expected weight
        if weighted.
    values : ndarray of shape (n_groups,)
        Probability-weighted rates; NaN where `n` is 0.
    low, high : ndarray of shape (n_groups,)
        Smallest and largest rate that agree with the data: what remains unknown
        however many people there are.
    outer_low, outer_high : ndarray of shape (n_groups,)
        Interval of the true rate, which allows for chance as well.
    confidence_level : float
        Nominal coverage of that interval.
    n_cells : int
        Cells of people with the same probabilities, or the same proxies.
    estimates : GroupEstimates
        The law of `values` in repeated samples, as if they estimated the true rates.
    """

    name: str
    groups: tuple
    n: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    outer_low: np.ndarray
    outer_high: np.ndarray
    confidence_level: float
    n_cells: int
    estimates: object

    def difference(self, first, second):
        """Rate of one group minus that of another: weighted, and its bounds.

        Parameters
        ----------
        first, second : label
            Of two different groups.

        Returns
        -------
        difference : Estimate
            `low` and `high` are the sharp bounds, without allowance for chance.
        """
        for label in (first, second):
            if label not in self.groups:
                raise ValueError(
                    f"{label!r} is not a group; the groups are {list(self.groups)}."
                )
        a, b = self.groups.index(first), self.groups.index(second)
        if a == b:
            raise ValueError(f"{first!r} was given twice; give two groups.")
        return Estimate(
            float(self.values[a] - self.values[b]),
            float(self.low[a] - self.high[b]),
            float(self.high[a] - self.low[b]),
        )

    @property
    def gap(self):
        """Largest rate minus smallest: weighted, and its bounds.

        The upper bound is sharp; the lower one is with two groups, and may be too low
        with more.
        """
        known = np.flatnonzero(~np.isnan(self.values))
        if len(known) < 2:
            return Estimate(np.nan, np.nan, np.nan)
        low, high, values = self.low[known], self.high[known], self.values[known]
        apart = (high[:, None] - low)[~np.eye(len(known), dtype=bool)]
        least = max(0.0, float(low.max() - high.min()))
        return Estimate(float(np.ptp(values)), least, float(max(apart.max(), 0)))

    def to_frame(self):
        """Tabulate every group, as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Index: the groups; columns: value, low, high, outer_low, outer_high, n.
        """
        user = "UnknownGroupRates.to_frame"
        pandas = require("pandas", extra="pandas", user=user)
        columns = {
            "value": self.values,
            "low": self.low,
            "high": self.high,
            "outer_low": self.outer_low,
            "outer_high": self.outer_high,
            "n": self.n,
        }
        return pandas.DataFrame(
            columns, index=label_index(self.groups, ("group",), user)
        )


def expected_group_counts(y_true, y_pred, *, group_probabilities, sample_weight=None):
    """Count every person in all groups, by the probability of being in each.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels.
    group_probabilities : array-like or data frame of shape (n_samples, n_groups)
        Rows sum to 1; columns of a frame, or keys of a dict, name the groups.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.

    Returns
    -------
    table : GroupCounts
        Groups in the order of the columns. A person of probability p counts with
        weight p; whoever is certain counts as in
        :meth:`~fairlearnkit.tables.GroupCounts.from_arrays`. Intervals of gaps read off
        it take groups to be apart, though they share people: for probabilities of 0.2,
        0.5 and 0.9 they came out 40 % too wide.

    Raises
    ------
    ValueError
        If probabilities are missing, out of range or do not sum to 1, or lengths
        differ.

    See Also
    --------
    rates_with_unknown_groups : How far off rates read off this table may be.

    Examples
    --------
    >>> from fairlearnkit.metrics import disparity_of_table, expected_group_counts
    >>> table = expected_group_counts(
    ...     [1, 1, 0, 0], [1, 0, 1, 0],
    ...     group_probabilities={"a": [0.9, 0.2, 0.5, 1], "b": [0.1, 0.8, 0.5, 0]},
    ... )
    >>> table.counts[0].round(2)
    array([[1. , 0.5],
           [0.2, 0.9]])
    """
    guessed = guess_people(y_true, y_pred, group_probabilities, sample_weight)
    return guessed.expected_counts(guessed.people.counts.classes)


def rates_with_unknown_groups(
    y_true,
    y_pred,
    rate,
    *,
    group_probabilities,
    cells=None,
    sample_weight=None,
    pos_label=None,
    confidence_level=0.95,
    n_resamples=200,
    random_state=0,
):
    """Estimate and bound a rate of groups that are known as probabilities only.

    Where nobody was asked for race, it is guessed from surname and place. Such a guess
    is a probability, and what it leaves open stays open: among people with the same
    probabilities, those of one group may have fared better or worse than the others,
    and no number of them tells. The bounds say how far that could go; the weighted rate
    assumes that it did not happen.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Labels.
    rate : str, Rate or Constraint
        A rate by name, such as "true_positive_rate" or "selection_rate", a share of
        people of your own, or a constraint of one rate, such as "demographic_parity".
    group_probabilities : array-like or data frame of shape (n_samples, n_groups)
        Probability of each group, given what is known of the person. Rows sum to 1;
        columns of a frame, or keys of a dict, name the groups. They are taken to be
        right: of people with probability 0.3, three in ten are of the group.
    cells : None, int or array-like of n_samples rows, default=None
        People among whom anything may be true that agrees with their probabilities:

        - None: people with the very same probabilities;
        - an integer: those with the same probabilities once rounded to this number of
          steps from 0 to 1, such as 10;
        - values: those with the same values, such as surname and place.

        Cells of few people make the bounds too narrow: one person alone shows only one
        outcome of those that such people have. In a simulation an upper end of 0.76
        came out 0.01 too low with cells of 20 people, 0.09 too low with cells of 3, and
        at the weighted rate with cells of one.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.
    pos_label : int, float, bool or str, default=None
        The positive class, for a rate given by name.
    confidence_level : float in (0, 1), default=0.95
    n_resamples : int, default=200
        Bootstrap replicates behind the standard errors of the bounds.
    random_state : int, RandomState, Generator or None, default=0

    Returns
    -------
    rates : UnknownGroupRates
        With `difference` and `gap`.

    Raises
    ------
    ValueError
        If the rate is no share of people, or probabilities are missing, out of range or
        do not sum to 1.

    Warns
    -----
    FairnessWarning
        If a group has nobody to take the rate over, if its bounds tell next to nothing,
        or if cells are too small.

    See Also
    --------
    expected_group_counts : The weighted table, for any other metric.

    Notes
    -----
    **The weighted rate** counts everyone in every group by probability. It is off by

    .. math:: -\\frac{E[\\mathrm{Cov}(1_{A = k}, \\hat Y \\mid Z)]}{P(A = k)}

    for a selection rate (Chen et al., with the same among those of the base for another
    rate): nothing if within cells the group makes no difference. Where members of the
    group fare worse than others with the same proxy, their rate comes out too high, and
    gaps too small. Assigning everyone to the likeliest group instead has no such
    formula: it also mistakes people, mixes them into other groups, and may show gaps
    that are not there or hide those that are; it is not offered here.

    **The bounds** go through the cells. Let a group have the mass :math:`p` in a cell,
    and let those who count have :math:`q_N`, those whom the rate is about but who do
    not count :math:`q_M`, and all others :math:`q_R`. Any assignment of outcomes to
    groups with these margins agrees with the data, so that by the bounds of Fréchet

    .. math:: a_N = \\min(p, q_N), \\qquad a_M = \\max(0, p - q_N - q_R)

    is the most that can count and the least that can not, both at once, and the largest
    rate is :math:`\\sum a_N / \\sum (a_N + a_M)` over cells; the smallest is its
    mirror image. They are sharp, and so is the difference of two groups' ends as the
    bound of their difference: one group at its top and another at its bottom never need
    more than there is of any outcome, since :math:`p_j + p_k \\le 1` in every cell.
    (Kallus, Mao and Zhou derive such bounds for two data sets that are to be combined.)

    **The interval** is that of Imbens and Manski for the true rate inside its bounds,
    with Wilson's ends on the number of people to which the bootstrap's standard errors
    amount. Probabilities count as known. With the truth at the end of its bounds, the
    hardest case, intervals of nominal 0.95 held it in 0.93 of samples of 300 people and
    0.95 of 2000 (3 groups, 5 cells, a true positive rate).

    References
    ----------
    Chen, Kallus, Mao, Svacha, Udell, "Fairness under unawareness: assessing disparity
    when protected class is unobserved", FAT* 2019. :doi:`10.1145/3287560.3287594`

    Kallus, Mao, Zhou, "Assessing algorithmic fairness with unobserved protected class
    using data combination", Management Science 68, 2022. :doi:`10.1287/mnsc.2020.3850`

    Imbens, Manski, "Confidence intervals for partially identified parameters",
    Econometrica 72, 2004. :doi:`10.1111/j.1468-0262.2004.00555.x`

    Examples
    --------
    >>> from fairlearnkit.metrics import rates_with_unknown_groups
    >>> found = rates_with_unknown_groups(
    ...     [1] * 100, [1] * 40 + [0] * 10 + [1] * 10 + [0] * 40, "selection_rate",
    ...     group_probabilities={
    ...         "a": [0.9] * 50 + [0.2] * 50, "b": [0.1] * 50 + [0.8] * 50,
    ...     },
    ... )
    >>> print(found.values.round(2), found.low.round(2), found.high.round(2))
    [0.69 0.27] [0.64 0.  ] [0.91 0.33]
    >>> print(found.difference("a", "b"))
    0.424 [0.303, 0.909]
    """
    check_confidence_level(confidence_level)
    guessed = guess_people(y_true, y_pred, group_probabilities, sample_weight)
    classes, rate = _resolved(guessed, rate, pos_label)
    estimates = read_rate(guessed.expected_counts(classes), rate)
    cell = guessed.cells(cells)
    table, masses = guessed.by_cell(cell, classes), guessed.masses(cell)
    low, high = rate_bounds(table.counts, masses, rate)
    # The weighted rate is one of those that are possible, but for rounding.
    low, high = np.fmin(low, estimates.values), np.fmax(high, estimates.values)
    outer_low, outer_high = sampled_ends(
        table,
        masses / masses.sum(axis=1, keepdims=True),
        rate,
        (low, high),
        confidence_level,
        n_resamples,
        new_generator(random_state),
    )
    warn_undefined([estimates], ("group",))
    _warn_vacuous(rate.name, guessed.groups, high - low)
    _warn_small_cells(cell, guessed.probabilities)
    base = (table.counts * rate.denominator).sum(axis=(1, 2))
    return UnknownGroupRates(
        name=rate.name,
        groups=guessed.groups,
        n=base @ (masses / masses.sum(axis=1, keepdims=True)),
        values=estimates.values,
        low=low,
        high=high,
        outer_low=outer_low,
        outer_high=outer_high,
        confidence_level=confidence_level,
        n_cells=len(masses),
        estimates=estimates,
    )


def _resolved(guessed, rate, pos_label):
    """Class labels, and the rate in terms of them."""
    if isinstance(rate, str) and rate in RATES:
        classes = guessed.classes(pos_label, False)
        return classes, rate_of_class(rate, classes, positive_place(classes, pos_label))
    try:
        constraint = as_constraint(rate)
    except ValueError:
        raise ValueError(
            f"unknown rate {rate!r}; give a Rate, a constraint of one rate, or one of "
            f"{sorted(RATES)}."
        ) from None
    if pos_label is not None:
        raise ValueError("pos_label is for a rate by name; this one has its own.")
    classes = guessed.classes(constraint.pos_label, True)
    rates = constraint.rates(classes)
    if len(rates) > 1:
        raise ValueError(
            f"{constraint.name} compares {len(rates)} rates; ask for one at a time: "
            f"{', '.join(each.name for each in rates)}."
        )
    if not rates[0].is_proportion:
        raise ValueError(
            f"{rates[0].name} is no share of people; only shares can be bounded. Read "
            "other rates off expected_group_counts."
        )
    return classes, rates[0]


def _warn_vacuous(name, groups, width):
    wide = [repr(g) for g, w in zip(groups, width, strict=True) if w >= _VACUOUS]
    if wide:
        warn(
            f"the probabilities tell next to nothing about {name} of "
            f"[{shortlist(wide)}]: its bounds leave {_VACUOUS:.0%} of all values open.",
            FairnessWarning,
            stacklevel=3,
        )


def _warn_small_cells(cell, probabilities):
    """Say that bounds are too narrow if most of those who matter are in small cells."""
    unsure = ((probabilities > 0) & (probabilities < 1)).any(axis=1)
    small = np.bincount(cell)[cell] < _FEW
    if unsure.any() and small[unsure].mean() > 0.5:
        warn(
            f"{small[unsure].mean():.0%} of the people whose group is unsure are in "
            f"cells of fewer than {_FEW} people, so the bounds are too narrow; make "
            "larger cells, as by cells=10.",
            FairnessWarning,
            stacklevel=3,
        )
