"""The question whether any metric of rows is equal between groups."""

from warnings import catch_warnings, simplefilter

import numpy as np

from fairlearnkit._groups import Groups
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics._rows import RowMetric, rows_by_group
from fairlearnkit.metrics.equality._contrasts import Contrasts
from fairlearnkit.metrics.equality._people import permuted_codes, take_people

_BATCH = 1 << 20  # rows of permuted people that are read at a time


class MetricQuestion:
    """Any metric of the rows of every group; people change groups with all they have.

    Parameters
    ----------
    metric : callable
    people : CountedPeople
    bootstrap : tuple (n_resamples, random_state)
        Behind standard errors of a metric that is not built in.
    strata : int ndarray of shape (n_samples,), default=None
        Within which people may change groups.
    """

    weighted = plain = chi2_holds = is_binary = draws_tables = False
    can_permute = True

    def __init__(self, metric, people, bootstrap, strata=None):
        self.metric, self.people, self.strata = metric, people, strata
        self.groups, self.names = people.groups.labels, people.groups.names
        self.complete = np.zeros(1, dtype=int)
        self._reader = reader_of(metric)
        self._bootstrap = bootstrap
        self._observed = self._law(people)
        self.metrics = [self._observed.name]

    def estimates(self):
        """The law of the metric, by group."""
        return [self._observed]

    def against_rest(self, group):
        """The laws of the metric for a group and for everybody else."""
        own = self._observed.take([group])
        if len(self.groups) == 2:
            return [(own, self._observed.take([1 - group]))]
        others = take_people(
            self.people, np.flatnonzero(self.people.groups.codes != group)
        )
        one = Groups(np.zeros(len(others.y_true), np.intp), ("rest",), ("side",))
        law = self._law(People(others.y_true, others.y_pred, one, others.sample_weight))
        return [(own, law)]

    def pair(self, first, second):
        """The same question about two groups alone."""
        kept = np.flatnonzero(np.isin(self.people.groups.codes, [first, second]))
        strata = None if self.strata is None else self.strata[kept]
        people = take_people(self.people, kept)
        return MetricQuestion(self.metric, people, self._bootstrap, strata)

    def contrasts(self):
        """Contrasts of the people as they are."""
        return self._contrasts(self.people.groups.codes[None])

    def drawn(self, n_draws, rng):
        """Contrasts of people who have changed groups at random."""
        codes = permuted_codes(self.people.groups.codes, self.strata, n_draws, rng)
        batch = max(1, _BATCH // len(self.people.y_true))
        parts = []
        for start in range(0, n_draws, batch):
            size = min(batch, n_draws - start)
            parts.append(self._contrasts(np.array([next(codes) for _ in range(size)])))
        return Contrasts(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _contrasts(self, codes):
        """Contrasts of codes of groups of shape (n_draws, n_samples)."""
        n_groups = len(self.groups)
        if self._reader is None:
            return self._called_contrasts(codes)
        own = self._read(codes, n_groups)
        if n_groups == 2:
            rest = own[..., ::-1]
        else:
            sides = [self._read(codes != g, 2)[..., 1] for g in range(n_groups)]
            rest = np.stack(sides, axis=-1)
        parts = own[0], own[1], own[0] - rest[0], own[1] + rest[1]
        return Contrasts(*(part[:, None] for part in parts))

    def _read(self, codes, n_groups):
        """Values and variances, of shape (2, n_draws, n_groups).

        Every draw makes groups of its own, so that one table holds them all.
        """
        n_draws = len(codes)
        shifted = codes + n_groups * np.arange(n_draws)[:, None]
        labels = tuple(range(n_draws * n_groups))
        weight = self.people.sample_weight
        many = People(
            np.tile(self.people.y_true, n_draws),
            np.tile(self.people.y_pred, n_draws),
            Groups(shifted.ravel().astype(np.intp), labels, ("draw",)),
            None if weight is None else np.tile(weight, n_draws),
        )
        with catch_warnings():
            simplefilter("ignore", FairnessWarning)  # so many groups
            estimates = self._reader.read(self._reader.table(many))
        found = np.stack([estimates.values, 1 / estimates.precision()])
        return found.reshape(2, n_draws, n_groups)

    def _called_contrasts(self, codes):
        """Of a callable: what variances grow with, and distances from everybody."""
        called = self._row_metric(self.people)
        values = np.array(
            [
                [
                    called.on_draw(rows)
                    for rows in rows_by_group(Groups(c, self.groups, ()))
                ]
                for c in codes
            ]
        )
        n_rows = codes.shape[1]
        sizes = np.bincount(self.people.groups.codes, minlength=len(self.groups))
        everybody = called.on_draw(np.arange(n_rows))
        variances = np.broadcast_to(1 / sizes, values.shape)
        parts = values, variances, values - everybody, variances - 1 / n_rows
        return Contrasts(*(part[:, None] for part in parts))

    def _row_metric(self, people):
        weight = people.sample_weight
        params = {} if weight is None else {"sample_weight": weight}
        return RowMetric(self.metric, people.y_true, people.y_pred, params)

    def _law(self, people):
        if self._reader is None:
            return self._row_metric(people).estimates(people.groups, *self._bootstrap)
        return self._reader.read(self._reader.table(people))
