"""Split conformal prediction by group: what intervals and sets of labels share."""

from dataclasses import dataclass
from numbers import Real
from warnings import warn

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from fairlearnkit._columns import as_numbers
from fairlearnkit._draws import row_uniforms
from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit._mitigator import MitigatorMixin
from fairlearnkit._sklearn import (
    Interval,
    StrOptions,
    fit_clone,
    is_frozen,
    take_rows,
)
from fairlearnkit._solvers.conformal import conformal_quantile
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.postprocessing._group_report import report_by_group

ROUNDING = 1e-12  # a score that batches round differently stays inside


@dataclass(frozen=True, eq=False)
class CoverageReport:
    """How often the truth lay inside, and how much was inside, by group.

    Parameters
    ----------
    groups : tuple
        Label of each group.
    names : tuple of str
        Names of the sensitive columns.
    n : ndarray of shape (n_groups,)
        People, effective if weighted.
    coverage : ndarray of shape (n_groups,)
        Share of people whose truth lay inside.
    size : ndarray of shape (n_groups,)
        Mean width of the intervals, or mean number of labels in the sets.
    confidence_level : float
        What was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> report = CoverageReport(
    ...     ("a", "b"), ("g",), np.array([9.0, 9]), np.array([1.0, 0.9]),
    ...     np.array([2.0, 3]), 0.9,
    ... )
    >>> report.to_frame()
         n  coverage  size
    g
    a  9.0       1.0   2.0
    b  9.0       0.9   3.0
    """

    groups: tuple
    names: tuple
    n: np.ndarray
    coverage: np.ndarray
    size: np.ndarray
    confidence_level: float

    def to_frame(self):
        """A row for each group.

        Returns
        -------
        frame : pandas.DataFrame
            Columns: n, coverage, size.
        """
        pandas = require("pandas", extra="pandas", user="CoverageReport.to_frame")
        index = label_index(self.groups, self.names, "CoverageReport.to_frame")
        columns = ("n", "coverage", "size")
        return pandas.DataFrame({c: getattr(self, c) for c in columns}, index=index)


class CoverageMixin:
    """Mixin of conformal predictors: which rows calibrate, and each group's offset.

    A subclass has the parameters `confidence_level`, `calibration_size`,
    `small_groups` and `handle_unknown` beside those of MitigatorMixin.
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "calibration_size": [Interval(Real, 0, 1, closed="neither")],
        "small_groups": [StrOptions({"infinite", "pooled"})],
        "handle_unknown": [StrOptions({"error", "pooled"})],
    }

    def _fit_split(self, estimators, data, sensitive_features, fit_params):
        """Fit models on a part of the rows; return them, and the rows that they leave.

        Frozen models leave all rows.
        """
        if all(is_frozen(estimator) for estimator in estimators):
            return estimators, np.flatnonzero(data.weight_or_ones > 0)
        calibrates = _calibration_rows(data, self.calibration_size)
        train = np.flatnonzero(~calibrates)
        if not len(train):
            raise ValueError(
                f"calibration_size={self.calibration_size:g} of n_samples="
                f"{len(data.y)} leaves nobody to fit {type(self).__name__} on."
            )
        models = [
            self._fit_model(model, data, train, sensitive_features, fit_params)
            for model in estimators
        ]
        return models, np.flatnonzero(calibrates)

    def _fit_model(self, model, data, rows, sensitive_features, fit_params):
        if is_frozen(model):
            return model
        return fit_clone(
            model,
            take_rows(self._features(data.X), rows),
            take_rows(data.labels, rows),
            sample_weight=take_rows(data.weight, rows),
            sensitive_features=take_rows(sensitive_features, rows),
            **fit_params,
        )

    def _calibrate(self, scores, rows, data):
        """Learn the offset of each group from the scores of the rows `rows`."""
        codes, weight = data.groups.codes[rows], take_rows(data.weight, rows)

        def quantile(chosen):
            return conformal_quantile(
                scores[chosen], self.confidence_level, take_rows(weight, chosen)
            )

        self.groups_ = labels = data.groups.labels
        members = [np.flatnonzero(codes == code) for code in range(len(labels))]
        offsets = np.array([quantile(chosen) for chosen in members])
        self.pooled_offset_ = quantile(np.arange(len(rows)))
        self._warn_small(np.flatnonzero(np.isinf(offsets)), members, data.groups)
        if self.small_groups == "pooled":
            offsets = np.where(np.isinf(offsets), self.pooled_offset_, offsets)
        self.offsets_ = dict(zip(labels, offsets.tolist(), strict=True))
        self.n_calibration_ = dict(zip(labels, map(len, members), strict=True))
        present = data.groups.take(rows)
        self.group_report_ = report_by_group(
            "coverage",
            scores <= self.pooled_offset_,
            scores <= offsets[codes],
            present.codes,
            present.labels,
            present.names,
            weight,
        )

    def _warn_small(self, small, members, groups):
        if not len(small):
            return
        named = [f"{groups.describe(g)} ({len(members[g])})" for g in small]
        needed = int(np.ceil(1 / (1 - self.confidence_level) - 1 - ROUNDING))
        outcome = (
            "everything is inside for them"
            if self.small_groups == "infinite"
            else "they get the offset of all groups, without a guarantee of their own"
        )
        warn(
            f"too few people to calibrate a confidence of {self.confidence_level:g}, "
            f"which takes {needed}: {shortlist(named)}; {outcome}.",
            FairnessWarning,
            stacklevel=5,
        )

    def _offsets(self, X, sensitive_features):
        """Offset of each row, by its group."""
        groups = self._predict_groups(X, sensitive_features)
        codes = groups.encode(self.groups_, handle_unknown=self.handle_unknown)
        return np.array([*self.offsets_.values(), self.pooled_offset_])[codes]

    def _enter(self, X):
        check_is_fitted(self)
        return self._check_X(X, reset=False)

    def _report(self, X, inside, size, sensitive_features, sample_weight):
        """Coverage and mean size by group."""
        groups = self._predict_groups(X, sensitive_features)
        weight = np.ones(len(inside))
        if sample_weight is not None:
            weight = as_numbers(sample_weight, "sample_weight")
            check_consistent_length(inside, weight)
            if (weight < 0).any() or not weight.any():
                raise ValueError(
                    "sample_weight must be non-negative, and not all of it zero."
                )
        kept = np.flatnonzero(weight > 0)
        groups, weight = groups.take(kept), weight[kept]
        mass, squares, covered, held = (
            np.bincount(groups.codes, weights=weight * values, minlength=len(groups))
            for values in (1.0, weight, inside[kept], size[kept])
        )
        return CoverageReport(
            groups=groups.labels,
            names=groups.names,
            n=mass**2 / squares,
            coverage=covered / mass,
            size=held / mass,
            confidence_level=self.confidence_level,
        )


def _calibration_rows(data, size):
    """Choose rows of each group evenly along the order of a hash of (X, y).

    So neither the order of rows nor the names of groups decides, and rows that are
    alike lie on both sides in proportion.
    """
    y = data.y.astype(float)
    key = row_uniforms(np.column_stack([row_uniforms(data.X, 0), y]), 0)
    chosen = np.zeros(len(y), dtype=bool)
    for code in range(len(data.groups)):
        rows = np.flatnonzero((data.groups.codes == code) & (data.weight_or_ones > 0))
        rows = rows[np.argsort(key[rows], kind="stable")]
        steps = np.floor(np.arange(len(rows) + 1) * size + 0.5)
        chosen[rows[np.diff(steps) > 0]] = True
    return chosen
