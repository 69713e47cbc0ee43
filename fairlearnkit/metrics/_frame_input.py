"""The input of a frame of metrics, and what is read off it."""

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral

import numpy as np

from fairlearnkit._columns import check_row_order, split_columns
from fairlearnkit.metrics._estimates import GroupEstimates
from fairlearnkit.metrics._frame_cells import Cells
from fairlearnkit.metrics._people import People
from fairlearnkit.metrics._readers import reader_of
from fairlearnkit.metrics._rows import RowMetric, rows_by_group


@dataclass(frozen=True, eq=False)
class Read:
    """One metric on the grid of cells.

    Parameters
    ----------
    grid : ndarray of shape (..., n_strata, n_groups)
    overall : ndarray of shape (..., n_strata)
    estimates : GroupEstimates or None
        With its law; None where the metric was called on rows.
    """

    grid: np.ndarray
    overall: np.ndarray
    estimates: GroupEstimates | None = None


class FrameData:
    """People, their cells, and every metric read off them.

    Parameters
    ----------
    metrics, y_true, y_pred, sensitive_features, control_features, sample_params
        As in :class:`MetricFrame`.
    """

    def __init__(
        self,
        metrics,
        y_true,
        y_pred,
        sensitive_features,
        control_features,
        sample_params,
    ):
        self._arrays = y_true, y_pred
        control = _features(control_features, "control_feature")
        sensitive = _features(sensitive_features, "sensitive_feature")
        self._features = _joined(control, sensitive)
        arrays = [("y_true", y_true), ("y_pred", y_pred)]
        check_row_order([*arrays, *self._features.items()])
        self._weighted = {}
        self._sources = {
            name: self._source(metric, params)
            for name, metric, params in _with_params(metrics, sample_params)
        }
        labels = [label for source in self._sources.values() for label in source.groups]
        names = tuple(control), tuple(sensitive)
        self.cells = Cells.of_labels(*names, dict.fromkeys(labels))

    @cached_property
    def read(self):
        """Every metric on the grid, by name."""
        return {
            name: Read(
                self.cells.spread(source.values, source.groups),
                source.pooled(self.cells),
                source.law,
            )
            for name, source in self._sources.items()
        }

    def resample(self, n_replicates, rng):
        """Bootstrap every metric on the same replicates.

        Returns
        -------
        draws : dict of Read
        """
        seed = int(rng.integers(2**31))
        draws = {}
        for name, source in self._sources.items():
            values, pooled = source.replicates(self.cells, n_replicates, seed)
            draws[name] = Read(self.cells.spread(values, source.groups), pooled)
        return draws

    def laws(self, n_resamples, random_state):
        """Every metric with a sampling law, by bootstrap where there is no other."""
        laws = {}
        for name, source in self._sources.items():
            law = source.law
            if law is None:
                groups = source.people.groups
                law = source.metric.estimates(groups, n_resamples, random_state)
            laws[name] = replace(law, name=name)
        return laws

    def strata_of(self, law):
        """Split estimates of all cells into those of each control level."""
        width = len(self.cells.control)
        if not width:
            return [((), law)]
        single = len(self.cells.sensitive) == 1
        parts = []
        for stratum in self.cells.strata:
            rows = [i for i, g in enumerate(law.groups) if g[:width] == stratum]
            groups = tuple(law.groups[i][width:] for i in rows)
            part = replace(
                law.take(rows),
                groups=tuple(g[0] for g in groups) if single else groups,
                names=self.cells.sensitive,
            )
            parts.append((stratum, part))
        return parts

    def _source(self, metric, params):
        if not callable(metric):
            raise ValueError(f"a metric must be callable, got {metric!r}.")
        weight = params.get("sample_weight")
        key = id(weight)
        if key not in self._weighted:
            self._weighted[key] = People(*self._arrays, self._features, weight)
        people = self._weighted[key]
        reader = reader_of(metric) if set(params) <= {"sample_weight"} else None
        if reader is None:
            return CalledMetric(RowMetric(metric, *self._arrays, params), people)
        return TableMetric(reader, people)


class TableMetric:
    """A metric that is read off a table.

    Parameters
    ----------
    reader : Reader
    people : People
    """

    def __init__(self, reader, people):
        self._reader, self._people = reader, people
        self._table = reader.table(people)
        self._rate = reader.rate(self._table.classes) if reader.rate else None
        self.law = reader.read(self._table)
        self.groups, self.values = self.law.groups, self.law.values

    def pooled(self, cells):
        """Value of each stratum."""
        return self._pooled_values(self._table, cells)

    def replicates(self, cells, n_replicates, seed):
        """Bootstrap values by group and by stratum."""
        rng = np.random.default_rng(seed)
        if self._rate is not None:
            draws = self._table.resample(n_replicates, rng)
            stratum = cells.stratum_of(self.groups)
            sums = [
                draws[:, stratum == s].sum(axis=1) for s in range(len(cells.strata))
            ]
            return self._rate.of(draws), self._rate.of(np.stack(sums, axis=1))
        values = np.full((n_replicates, len(self.groups)), np.nan)
        pooled = np.empty((n_replicates, len(cells.strata)))
        place = {group: g for g, group in enumerate(self.groups)}
        n_rows = len(self._people.groups.codes)
        weight = self._people.sample_weight
        for draw in range(n_replicates):
            times = np.bincount(rng.integers(0, n_rows, n_rows), minlength=n_rows)
            times = times if weight is None else times * np.asarray(weight)
            table = self._reader.table(self._people.weighted(times))
            law = self._reader.read(table)
            values[draw, [place[group] for group in law.groups]] = law.values
            pooled[draw] = self._pooled_values(table, cells)
        return values, pooled

    def _pooled_values(self, table, cells):
        names = cells.control or ("all",)
        stratum = cells.stratum_of(table.groups)
        table = table.regroup(stratum, cells.strata, names)
        if self._rate is not None:
            return self._rate.of(table.counts)
        return self._reader.read(table).values


class CalledMetric:
    """A metric that is called on the rows of each cell and each stratum.

    Parameters
    ----------
    metric : RowMetric
    people : People
    """

    law = None

    def __init__(self, metric, people):
        self.metric, self.people = metric, people
        self.groups = people.groups.labels
        self._rows = rows_by_group(people.groups)
        self.values = _array([metric.on(rows) for rows in self._rows])

    def pooled(self, cells):
        """Value of each stratum."""
        if not cells.control:
            return _array([self.metric.on(slice(None))])
        return _array([self.metric.on(rows) for rows in self._strata(cells)])

    def replicates(self, cells, n_replicates, seed):
        """Bootstrap values by group and by stratum."""
        rng = np.random.default_rng(seed)
        codes = self.people.groups.codes
        strata = cells.stratum_of(self.groups)[codes]
        values = np.full((n_replicates, len(self.groups)), np.nan)
        pooled = np.full((n_replicates, len(cells.strata)), np.nan)
        for draw in range(n_replicates):
            rows = rng.integers(0, len(codes), len(codes))
            for into, cell in ((values, codes), (pooled, strata)):
                for k in np.unique(cell[rows]):
                    into[draw, k] = self.metric.on_draw(rows[cell[rows] == k])
        return values, pooled

    def _strata(self, cells):
        stratum = cells.stratum_of(self.groups)[self.people.groups.codes]
        return [np.flatnonzero(stratum == s) for s in range(len(cells.strata))]


def _array(values):
    """Numbers where all are; else objects, such as confusion matrices."""
    if all(np.ndim(value) == 0 for value in values):
        return np.array(values, dtype=float)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _with_params(metrics, sample_params):
    """Yield name, metric and its sample parameters."""
    if sample_params is not None and not isinstance(sample_params, dict):
        raise ValueError("sample_params must be a dict.")
    params = sample_params or {}
    if not isinstance(metrics, dict):
        found = {getattr(metrics, "__name__", "metric"): (metrics, params)}
    else:
        if strange := set(params) - set(metrics):
            raise ValueError(
                f"sample_params names metrics that are not there: {sorted(strange)}."
            )
        found = {name: (m, params.get(name) or {}) for name, m in metrics.items()}
    if not found:
        raise ValueError("there are no metrics.")
    for name, (metric, own) in found.items():
        if not isinstance(own, dict):
            raise ValueError(f"sample_params of {name!r} must be a dict.")
        yield name, metric, {k: v for k, v in own.items() if v is not None}


def _features(values, default):
    if values is None:
        return {}
    parts = split_columns(values, default)
    if len(parts) == 1 and parts[0][0] == default:
        parts = [(f"{default}_0", parts[0][1])]
    names = [name for name, _ in parts]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{default}s repeat the names {sorted(repeated)}.")
    return dict(parts)


def _joined(control, sensitive):
    if not sensitive:
        raise ValueError("sensitive_features must be given.")
    if both := set(control) & set(sensitive):
        raise ValueError(f"{sorted(both)} are both control and sensitive features.")
    return {**control, **sensitive}


def check_bootstrap(n_boot, ci_quantiles):
    """Raise a ValueError unless both are given, and well, or neither."""
    if (n_boot is None) != (not ci_quantiles):
        raise ValueError("n_boot and ci_quantiles must be given together.")
    if n_boot is None:
        return
    if not isinstance(n_boot, Integral) or n_boot < 1:
        raise ValueError(f"n_boot must be a positive integer, got {n_boot!r}.")
    if not all(isinstance(q, float) and 0 < q < 1 for q in ci_quantiles):
        raise ValueError(f"ci_quantiles must lie between 0 and 1, got {ci_quantiles}.")
