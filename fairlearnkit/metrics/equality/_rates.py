"""The question whether rates of a table are equal, and tables of people permuted."""

from dataclasses import replace

import numpy as np
from scipy.stats import random_table

from fairlearnkit.metrics._reading import read_rate
from fairlearnkit.metrics.equality._contrasts import Contrasts, rate_contrasts
from fairlearnkit.metrics.equality._people import permuted_codes, take_people

_BATCH = 1 << 20  # cells of tables drawn at a time


class RateQuestion:
    """Rates of a table of counts; nobody leaves the people that a rate is about.

    Parameters
    ----------
    table : GroupCounts
    rates : sequence of Rate
    metrics : sequence of str
        Names of the rates for reports.
    rows : People, default=None
        Whom the table counts, with `cells` of shape (n_samples, 2): the places of both
        labels of each row among the classes.
    strata : int ndarray of shape (n_samples,), default=None
        Within which people may change groups.
    """

    def __init__(self, table, rates, metrics, rows=None, strata=None):
        self.table, self.rates, self.metrics = table, rates, metrics
        self.rows, self.strata = rows, strata
        counts = table.counts
        whole = (counts == table.squares).all() and (counts == counts.round()).all()
        self.weighted = not whole
        self.plain = bool(whole and all(rate.is_proportion for rate in rates))
        bases = [_mask(rate) for rate in rates]
        self.parts = _connected(bases)
        alike = [[np.array_equal(a, b) for b in bases] for a in bases]
        self.complete = np.array([_complete(rates, same) for same in alike])
        shared = np.array(alike).sum(axis=1)
        apart = self.plain and strata is None and _disjoint(bases)
        self.is_binary = bool(apart and (shared == 1).all())
        self.chi2_holds = bool(apart and ((shared == 1) | (self.complete > 0)).all())

    @property
    def groups(self):
        """Labels of the groups."""
        return self.table.groups

    @property
    def names(self):
        """Names of the sensitive columns."""
        return self.table.names

    @property
    def draws_tables(self):
        """Whether a permutation of people comes to drawing a table."""
        return not self.weighted and self.strata is None

    @property
    def can_permute(self):
        """Whether it is known whom to permute."""
        return self.draws_tables or self.rows is not None

    def estimates(self):
        """The laws of all rates, by group."""
        return [read_rate(self.table, rate) for rate in self.rates]

    def against_rest(self, group):
        """The laws of all rates for a group and for everybody else."""
        places = (np.arange(len(self.groups)) != group).astype(np.intp)
        table = self.table.regroup(places, ("group", "rest"), ("side",))
        laws = [read_rate(table, rate) for rate in self.rates]
        return [(law.take([0]), law.take([1])) for law in laws]

    def pair(self, first, second):
        """The same question about two groups alone."""
        places, table, rows, strata = [first, second], self.table, self.rows, None
        if rows is not None:
            kept = np.flatnonzero(np.isin(rows.groups.codes, places))
            cells, rows = rows.cells[kept], take_people(rows, kept)
            rows.cells = cells
            strata = None if self.strata is None else self.strata[kept]
        own = replace(
            table,
            counts=table.counts[places],
            squares=table.squares[places],
            groups=tuple(table.groups[place] for place in places),
        )
        return RateQuestion(own, self.rates, self.metrics, rows, strata)

    def binary_tables(self):
        """People who count and who do not, by group: a table for each rate."""
        tables = []
        for rate in self.rates:
            top = (self.table.counts * rate.numerator).sum(axis=(1, 2))
            base = (self.table.counts * rate.denominator).sum(axis=(1, 2))
            tables.append(np.stack([top, base - top], axis=1).astype(int))
        return tables

    def contrasts(self):
        """Contrasts of the people as they are."""
        return self._contrasts(self.table.counts[None], self.table.squares[None])

    def drawn(self, n_draws, rng):
        """Contrasts of people who have changed groups at random."""
        batch = max(1, _BATCH // self.table.counts.size)
        sizes = np.diff(np.append(np.arange(0, n_draws, batch), n_draws))
        draw = self._draw_tables if self.draws_tables else self._draw_rows
        parts = [self._contrasts(*draw(int(size), rng)) for size in sizes]
        return Contrasts(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _contrasts(self, counts, squares):
        return rate_contrasts(self.rates, counts, None if self.plain else squares)

    def _draw_tables(self, n_draws, rng):
        """Draw tables of which the margins are those observed, in every part."""
        n_groups = len(self.groups)
        flat = self.table.counts.reshape(n_groups, -1).astype(int)
        drawn = np.repeat(flat[None], n_draws, axis=0)
        for part in range(self.parts.max() + 1):
            cells = np.flatnonzero((self.parts.ravel() == part) & flat.any(axis=0))
            rows = np.flatnonzero(flat[:, cells].any(axis=1))
            if len(rows) < 2 or len(cells) < 2:
                continue
            own = flat[np.ix_(rows, cells)]
            law = random_table(own.sum(axis=1), own.sum(axis=0))
            where = np.ix_(np.arange(n_draws), rows, cells)
            drawn[where] = law.rvs(n_draws, random_state=rng)
        drawn = drawn.reshape(n_draws, *self.table.counts.shape).astype(float)
        return drawn, drawn

    def _draw_rows(self, n_draws, rng):
        """Count the people anew, who take their weights to their new groups."""
        first, second = self.rows.cells.T
        n_classes = len(self.table.classes)
        strata = self.parts[first, second] + 1
        if self.strata is not None:
            strata = strata * (self.strata.max() + 1) + self.strata
        cells = first * n_classes + second
        weight = self.rows.sample_weight
        size = self.table.counts.size
        found = np.empty((2, n_draws, size))
        codes = permuted_codes(self.rows.groups.codes, strata, n_draws, rng)
        for draw, code in enumerate(codes):
            index = code * n_classes**2 + cells
            found[0, draw] = np.bincount(index, weight, size)
            square = None if weight is None else weight**2
            found[1, draw] = np.bincount(index, square, size)
        return found.reshape(2, n_draws, *self.table.counts.shape)


def _mask(rate):
    """Cells of the people that a rate is about."""
    return (np.array(rate.denominator) != 0) | (np.array(rate.numerator) != 0)


def _connected(bases):
    """Number the parts of the table that rates are about; -1 where none is.

    Bases that overlap make one part: what one rate permutes, the other counts.
    """
    parts = np.full(bases[0].shape, -1)
    for number, base in enumerate(bases):
        touched = np.unique(parts[base])
        parts[base | np.isin(parts, touched[touched >= 0])] = number
    for number, part in enumerate(np.unique(parts[parts >= 0])):
        parts[parts == part] = number
    return parts


def _disjoint(bases):
    distinct = {base.tobytes(): base for base in bases}
    return bool((np.sum(list(distinct.values()), axis=0) <= 1).all())


def _complete(rates, same):
    """Number of the rates of one base if they sum to one, else 0."""
    own = [np.array(rate.numerator) for rate, s in zip(rates, same, strict=True) if s]
    base = np.array(next(r for r, s in zip(rates, same, strict=True) if s).denominator)
    return len(own) if len(own) > 1 and (np.sum(own, axis=0) == base).all() else 0
