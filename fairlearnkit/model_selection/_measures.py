"""What a scorer measures: a metric by its name, a constraint, or a callable."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from inspect import Parameter, isfunction, signature
from typing import Any
from warnings import warn

import numpy as np

from fairlearnkit import metrics
from fairlearnkit._groups import Groups
from fairlearnkit._sklearn import take_rows
from fairlearnkit.constraints import ALIASES, Constraint, Rate, as_constraint
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.tables import GroupCounts

_DIRECTIONS = {
    "_difference": False,
    "_ratio": True,
    "_group_min": True,
    "_group_max": False,
}
_SCORES = {"y_score", "y_scores", "y_prob", "y_proba"}
_SAME_BASE = {  # shares of the same people as
    "false_negative_rate": "true_positive_rate",
    "true_negative_rate": "false_positive_rate",
}
_OF_SCORES = {"roc_auc_score_group_min", "log_loss_group_max"}


@dataclass(frozen=True, eq=False)
class Measure:
    """A number read off labels, predictions and groups.

    Parameters
    ----------
    name : str
        As the user would write it.
    function : callable or None
        The metric; None for the violation of the constraint.
    constraint : Constraint or None
        Whose rates tell in which groups the number is undefined; None if unknown.
    options : dict
        Keyword arguments of the function.
    greater_is_better : bool
    """

    name: str
    function: Callable | None
    constraint: Constraint | None
    options: dict
    greater_is_better: bool

    @property
    def pos_label(self) -> Any:
        """The positive label, where the user named it."""
        own = None if self.constraint is None else self.constraint.pos_label
        return self.options.get("pos_label", own)

    @property
    def takes_weight(self) -> bool:
        """Whether people can be weighted."""
        return self.function is None or _takes(
            self.function, {"sample_weight"}, anything=True
        )

    @property
    def takes_scores(self) -> bool:
        """Whether the metric is of scores, as far as names tell."""
        named = self.function is not None and _takes(self.function, _SCORES)
        return named or self.name in _OF_SCORES

    def of(self, y_true, y_pred, groups, sample_weight=None, classes=None):
        """Measure; nan with a warning where that cannot be done for every group."""
        if sample_weight is not None and not self.takes_weight:
            raise ValueError(f"{self.name} takes no sample_weight.")
        data = y_true, y_pred, groups, sample_weight
        if self.constraint is None:
            data = _without_weightless(*data)
            found = data[2]
            lacking = _few(found)
        else:
            table = _table(*data, classes)
            found = Groups(np.empty(0, int), table.groups, table.names)
            lacking = _few(found) or _undefined(self.constraint, table, found)
        if lacking:
            warn(
                f"{self.name} is undefined (nan) for these {len(groups.codes)} people: "
                f"{lacking}. SensitiveStratifiedKFold keeps every group and label in "
                "every fold.",
                FairnessWarning,
                stacklevel=3,
            )
            return np.nan
        if self.function is None:
            return self.constraint.violation(table.counts, table.classes)
        return self._call(*data)

    def _call(self, y_true, y_pred, groups, sample_weight):
        options = dict(self.options, sensitive_features=groups.values())
        if sample_weight is not None:
            options["sample_weight"] = sample_weight
        value = self.function(y_true, y_pred, **options)
        if np.ndim(value) or not np.issubdtype(np.asarray(value).dtype, np.number):
            raise ValueError(
                f"a scorer needs one number, but {self.name} returns a "
                f"{type(value).__name__}."
            )
        return float(value)


def as_measure(metric, greater_is_better, options):
    """Resolve what the user named: a metric first, else a constraint, else a callable.

    Raises
    ------
    ValueError
        If the name is unknown, or it is unknown which way a callable is better.
    """
    named = named_metrics()
    if isfunction(metric) and named.get(metric.__name__) is metric:
        metric = metric.__name__
    constraint = _constraint(metric, options)
    if isinstance(metric, str) and metric in named:
        name, function = metric, named[metric]
        better = next((b for end, b in _DIRECTIONS.items() if name.endswith(end)), None)
    elif constraint is not None:
        name = metric if isinstance(metric, str) else constraint.name
        function, better, options = None, False, {}
    elif callable(metric):
        name = getattr(metric, "__name__", repr(metric))
        function, better = metric, None
    else:
        raise ValueError(_unknown(metric, named))
    better = better if greater_is_better is None else bool(greater_is_better)
    if better is None:
        raise ValueError(
            f"it is not known whether greater values of {name} are better; say "
            "greater_is_better=True or greater_is_better=False."
        )
    return Measure(name, function, constraint, options, better)


def named_metrics():
    """Metrics of this package that compare groups: their functions by name."""
    found = {name: getattr(metrics, name) for name in metrics.__all__}
    return {
        name: function
        for name, function in found.items()
        if isfunction(function) and _takes(function, {"sensitive_features"})
    }


def _constraint(metric, options):
    """The constraint that is measured, or whose rates a metric compares, or None."""
    is_metric = isinstance(metric, str) and metric in named_metrics()
    if isinstance(metric, str):
        stem = metric.removesuffix("_difference").removesuffix("_ratio")
        parity = f"{_SAME_BASE.get(stem, stem)}_parity"
        if is_metric and parity in ALIASES:
            metric = parity
        elif stem not in ALIASES:
            return None
    elif not isinstance(metric, (Constraint, Rate)):
        return None
    constraint = as_constraint(metric)
    own = {name: options[name] for name in ("pos_label",) if name in options}
    strange = sorted(set(options) - {*own})
    if strange and not is_metric:
        raise ValueError(
            f"the violation of {constraint!r} takes no {strange}; only pos_label."
        )
    return replace(constraint, **own)


def _unknown(metric, named):
    known = sorted({*named, *ALIASES})
    close = get_close_matches(str(metric), known)
    hint = f"did you mean {close}?" if close else f"known are {known}."
    return f"{metric!r} is neither a metric of groups nor a constraint; {hint}"


def _takes(function, names, anything=False):
    """Tell whether the function has such a parameter, or ``**kwargs`` if `anything`."""
    try:
        parameters = signature(function).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False
    kinds = {parameter.kind for parameter in parameters.values()}
    return bool(names & {*parameters}) or (anything and Parameter.VAR_KEYWORD in kinds)


def _without_weightless(y_true, y_pred, groups, sample_weight):
    """Leave out people without weight: they must not make a group."""
    if sample_weight is None or np.all(np.asarray(sample_weight) != 0):
        return y_true, y_pred, groups, sample_weight
    kept = np.flatnonzero(np.asarray(sample_weight) != 0)
    rows = [take_rows(column, kept) for column in (y_true, y_pred)]
    return *rows, groups.take(kept), take_rows(sample_weight, kept)


def _table(y_true, y_pred, groups, sample_weight, classes):
    table = GroupCounts.from_arrays(
        y_true, y_pred, sensitive_features=groups, sample_weight=sample_weight
    )
    if classes is None:  # then a fold with one label only must be guessed
        usual = [pair for pair in ((0, 1), (-1, 1)) if {*table.classes} <= {*pair}]
        classes = usual[0] if usual else ()
    return table.with_classes(np.asarray(classes).tolist())


def _few(groups):
    """Say that there are fewer than two groups; None if there are two or more."""
    if len(groups) > 1:
        return None
    return f"the only group is {groups.describe(0)}" if len(groups) else "nobody counts"


def _undefined(constraint, table, groups):
    """Name the groups in which a rate has nobody to be taken over; None if none."""
    rates = constraint.rates(table.classes)
    lacking = [
        f"{rate.name} of {groups.describe(group)}"
        for rate in rates
        for group in np.flatnonzero(np.isnan(rate.of(table.counts)))
    ]
    return f"nobody is behind {shortlist(lacking)}" if lacking else None
