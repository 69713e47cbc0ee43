"""Many metrics by group at once (the interface of Fairlearn's MetricFrame)."""

from functools import partial

import numpy as np

from fairlearnkit._draws import new_generator
from fairlearnkit._extras import require
from fairlearnkit.metrics import _frame_cells as cells
from fairlearnkit.metrics._disparity import compared, warn_undefined
from fairlearnkit.metrics._frame_input import FrameData, check_bootstrap
from fairlearnkit.metrics._gaps import equality_p_value
from fairlearnkit.metrics.equality._equality import adjusted_p_values

_METHODS = ("between_groups", "to_overall")
_ERRORS = ("raise", "coerce")


class MetricFrame:
    """Metrics of every group, of everybody, and how far the groups lie apart.

    The interface is Fairlearn's: change the import and the numbers stay, except that
    what is undefined is NaN with a warning and not 0, and labels or predictions that
    cannot be meant are refused. The built-in metrics, of this package and of
    scikit-learn, are all read off one table that is counted once; any other callable is
    called on the rows of each group.

    Parameters
    ----------
    metrics : callable or dict of callable
        ``metric(y_true, y_pred, **sample_params)``; other arguments are bound with
        :func:`functools.partial`. Results are scalars and Series for one callable,
        Series and data frames for a dict.
    y_true, y_pred : array-like of n_samples rows
        Labels or numbers, as the metrics want them.
    sensitive_features : array-like, Series, data frame or dict of columns
        Several columns make intersectional groups.
    control_features : array-like, Series, data frame or dict of columns, default=None
        Groups are compared only within each combination of these.
    sample_params : dict, default=None
        Arrays of n_samples rows that are passed to the metric by name, such as
        ``{"sample_weight": w}``; with a dict of metrics, one such dict by metric.
    n_boot : int, default=None
        Number of bootstrap replicates behind the ``*_ci`` results.
    ci_quantiles : list of float in (0, 1), default=None
        Quantiles of the replicates. Needed together with `n_boot`.
    random_state : int, RandomState, Generator or None, default=None
        Draws the replicates.

    Attributes
    ----------
    overall : scalar, Series or DataFrame
        The metrics of everybody; of each control level, if there are any.
    by_group : Series or DataFrame
        The metrics of every group.
    control_levels : list of str or None
        Names of the control columns.
    sensitive_levels : list of str
        Names of the sensitive columns.
    n_boot : int or None
    ci_quantiles : list of float or None

    Raises
    ------
    ValueError
        If lengths differ, a sensitive value is missing, rows of pandas objects are in
        different orders, or a metric cannot be taken of these labels.

    See Also
    --------
    disparity : One metric, its gap and its interval.

    Notes
    -----
    `intervals` and `disparities` give intervals and tests that hold for small groups;
    the percentiles of ``*_ci`` do not for a gap, and are there for comparison.

    Examples
    --------
    >>> from sklearn.metrics import accuracy_score
    >>> from fairlearnkit.metrics import MetricFrame, selection_rate
    >>> frame = MetricFrame(
    ...     metrics={"accuracy": accuracy_score, "selected": selection_rate},
    ...     y_true=[1, 1, 1, 1, 1, 0, 0, 1, 1, 0],
    ...     y_pred=[0, 1, 1, 1, 1, 0, 0, 0, 1, 1],
    ...     sensitive_features=["female"] * 5 + ["male"] * 5,
    ... )
    >>> frame.by_group
                         accuracy  selected
    sensitive_feature_0
    female                    0.8       0.8
    male                      0.6       0.4
    >>> frame.difference()
    accuracy    0.2
    selected    0.4
    dtype: float64
    """

    def __init__(
        self,
        *,
        metrics,
        y_true,
        y_pred,
        sensitive_features,
        control_features=None,
        sample_params=None,
        n_boot=None,
        ci_quantiles=None,
        random_state=None,
    ):
        self._pandas = require("pandas", extra="pandas", user="MetricFrame")
        check_bootstrap(n_boot, ci_quantiles)
        self._single = not isinstance(metrics, dict)
        self._data = FrameData(
            metrics, y_true, y_pred, sensitive_features, control_features, sample_params
        )
        self._cells = self._data.cells
        self.n_boot, self.ci_quantiles = n_boot, ci_quantiles
        self._draws = {}
        if n_boot is not None:
            self._draws = self._data.resample(n_boot, new_generator(random_state))
        for read in self._data.read.values():
            if read.estimates is not None:
                warn_undefined([read.estimates], read.estimates.names)

    @property
    def control_levels(self):
        """Names of the control columns, or None."""
        return list(self._cells.control) or None

    @property
    def sensitive_levels(self):
        """Names of the sensitive columns."""
        return list(self._cells.sensitive)

    @property
    def overall(self):
        """The metrics of everybody, or of each control level."""
        return self._by_stratum(self._each(lambda grid, overall: overall))

    @property
    def by_group(self):
        """The metrics of every group."""
        return self._by_cell(self._each(lambda grid, overall: grid))

    def group_min(self, errors="raise"):
        """Smallest value of each metric over the groups.

        Parameters
        ----------
        errors : {"raise", "coerce"}, default="raise"
            Whether a metric that is no number is an error or NaN.

        Returns
        -------
        smallest : scalar, Series or DataFrame
            In the shape of `overall`.
        """
        return self._aggregated(lambda grid, _: cells.group_min(grid), errors)

    def group_max(self, errors="raise"):
        """Largest value of each metric over the groups.

        Parameters
        ----------
        errors : {"raise", "coerce"}, default="raise"
            As in `group_min`.

        Returns
        -------
        largest : scalar, Series or DataFrame
            In the shape of `overall`.
        """
        return self._aggregated(lambda grid, _: cells.group_max(grid), errors)

    def difference(self, method="between_groups", errors="coerce"):
        """Largest absolute difference of each metric.

        Parameters
        ----------
        method : {"between_groups", "to_overall"}, default="between_groups"
            Whether groups are compared with each other or with everybody.
        errors : {"raise", "coerce"}, default="coerce"
            As in `group_min`.

        Returns
        -------
        difference : scalar, Series or DataFrame
            In the shape of `overall`.
        """
        _check_choice("method", method, _METHODS)
        return self._aggregated(partial(cells.difference, method=method), errors)

    def ratio(self, method="between_groups", errors="coerce"):
        """Smallest ratio of each metric, at most 1.

        Parameters
        ----------
        method : {"between_groups", "to_overall"}, default="between_groups"
            Whether groups are compared with each other or with everybody.
        errors : {"raise", "coerce"}, default="coerce"
            As in `group_min`.

        Returns
        -------
        ratio : scalar, Series or DataFrame
            In the shape of `overall`.
        """
        _check_choice("method", method, _METHODS)
        return self._aggregated(partial(cells.ratio, method=method), errors)

    @property
    def overall_ci(self):
        """Quantiles of the bootstrap replicates of `overall`, a list."""
        return self._quantiles(lambda grid, overall: overall, self._by_stratum)

    @property
    def by_group_ci(self):
        """Quantiles of the bootstrap replicates of `by_group`, a list."""
        return self._quantiles(lambda grid, overall: grid, self._by_cell)

    def group_min_ci(self):
        """Quantiles of the bootstrap replicates of `group_min`, a list."""
        return self._quantiles(lambda grid, _: cells.group_min(grid), self._by_stratum)

    def group_max_ci(self):
        """Quantiles of the bootstrap replicates of `group_max`, a list."""
        return self._quantiles(lambda grid, _: cells.group_max(grid), self._by_stratum)

    def difference_ci(self, method="between_groups"):
        """Quantiles of the bootstrap replicates of `difference`, a list.

        Parameters
        ----------
        method : {"between_groups", "to_overall"}, default="between_groups"
        """
        _check_choice("method", method, _METHODS)
        return self._quantiles(
            partial(cells.difference, method=method), self._by_stratum
        )

    def ratio_ci(self, method="between_groups"):
        """Quantiles of the bootstrap replicates of `ratio`, a list.

        Parameters
        ----------
        method : {"between_groups", "to_overall"}, default="between_groups"
        """
        _check_choice("method", method, _METHODS)
        return self._quantiles(partial(cells.ratio, method=method), self._by_stratum)

    def intervals(
        self, confidence_level=0.95, *, method=None, n_resamples=200, random_state=0
    ):
        """Interval of every metric of every group.

        Parameters
        ----------
        confidence_level : float in (0, 1), default=0.95
        method : str, default=None
            A method of every metric's law, such as "wilson" for shares; by default each
            law's own.
        n_resamples : int, default=200
            Bootstrap replicates behind the standard error of a metric that is called on
            rows.
        random_state : int, RandomState, Generator or None, default=0
            Draws them.

        Returns
        -------
        intervals : pandas.DataFrame
            Index: metric and group; columns: value, low, high, n (people, effective if
            weighted).
        """
        found = {
            name: estimates.to_frame(confidence_level, method)
            for name, estimates in self._data.laws(n_resamples, random_state).items()
        }
        return self._pandas.concat(found, names=["metric"])

    def disparities(
        self,
        compare="difference",
        confidence_level=0.95,
        *,
        method=None,
        n_resamples=200,
        random_state=0,
    ):
        """Largest gap of every metric between groups, its interval and its test.

        Parameters
        ----------
        compare : {"difference", "ratio"}, default="difference"
            Whether a gap is ``max - min`` or ``1 - min / max``.
        confidence_level : float in (0, 1), default=0.95
        method : {"mover", "inversion", "simultaneous", "bootstrap"}, default=None
            See :func:`gap_interval`.
        n_resamples, random_state
            As in `intervals`.

        Returns
        -------
        disparities : pandas.DataFrame
            Index: metric, and control levels if there are any; columns: value, low,
            high, p_value of no gap at all, p_adjusted for all rows together (Holm), and
            the lowest and highest group.
        """
        rows = {}
        for name, law in self._data.laws(n_resamples, random_state).items():
            for stratum, estimates in self._data.strata_of(law):
                found = compared([estimates], name, compare, confidence_level, method)
                key = (name, *stratum) if stratum else name
                rows[key] = {
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "p_value": equality_p_value([estimates], compare),
                    "p_adjusted": np.nan,
                    "lowest": found.lowest,
                    "highest": found.highest,
                }
        frame = self._pandas.DataFrame.from_dict(rows, orient="index")
        frame.index.names = ["metric", *self._cells.control]
        frame["p_adjusted"] = adjusted_p_values(frame["p_value"])
        return frame

    def _each(self, function):
        return {
            name: function(read.grid, read.overall)
            for name, read in self._data.read.items()
        }

    def _aggregated(self, function, errors):
        _check_choice("errors", errors, _ERRORS)
        found = {}
        for name, read in self._data.read.items():
            grid, overall = read.grid, read.overall
            if grid.dtype == object:
                if errors == "raise":
                    raise ValueError(
                        f"metric {name!r} is no number, so groups cannot be compared "
                        "by it; leave it out, or use errors='coerce'."
                    )
                grid, overall = np.full(grid.shape, np.nan), overall * np.nan
            found[name] = function(grid, overall)
        return self._by_stratum(found)

    def _quantiles(self, function, wrap):
        if not self._draws:
            raise ValueError("give n_boot and ci_quantiles to get bootstrap quantiles.")
        found = {}
        for name, read in self._draws.items():
            draws = function(read.grid, read.overall)
            found[name] = np.nanquantile(draws, self.ci_quantiles, axis=0)
        return [
            wrap({name: values[k] for name, values in found.items()})
            for k in range(len(self.ci_quantiles))
        ]

    def _by_stratum(self, values):
        if self._cells.control:
            index = self._index(self._cells.strata, self._cells.control)
            return self._framed(values, index)
        if self._single:
            return next(iter(values.values()))[0]
        return self._pandas.Series({name: v[0] for name, v in values.items()})

    def _by_cell(self, values):
        pairs = [(*s, *g) for s in self._cells.strata for g in self._cells.groups]
        index = self._index(pairs, (*self._cells.control, *self._cells.sensitive))
        return self._framed({name: v.ravel() for name, v in values.items()}, index)

    def _framed(self, columns, index):
        if self._single:
            ((name, values),) = columns.items()
            return self._pandas.Series(values, index=index, name=name)
        return self._pandas.DataFrame(columns, index=index)

    def _index(self, labels, names):
        if len(names) == 1:
            return self._pandas.Index([label[0] for label in labels], name=names[0])
        return self._pandas.MultiIndex.from_tuples(labels, names=names)


def _check_choice(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
