"""One number for all groups, derived from a metric of one: for scorers and searches."""

from functools import partial
from inspect import signature

from sklearn import metrics as sk

from fairlearnkit.metrics import _base_rates as base
from fairlearnkit.metrics._metric_frame import MetricFrame

_TRANSFORMS = ("difference", "group_min", "group_max", "ratio")
_OWN = ("method", "sensitive_features")


def make_derived_metric(*, metric, transform, sample_param_names=None):
    """Make a metric of all groups from a metric of one.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred, **params)``, without a parameter named `method` or
        `sensitive_features`.
    transform : {"difference", "ratio", "group_min", "group_max"}
        How the groups are summed up; the methods of :class:`MetricFrame`.
    sample_param_names : list of str, default=None
        Parameters that hold one value a row and are split by group; by default
        ``["sample_weight"]``.

    Returns
    -------
    derived : callable
        ``derived(y_true, y_pred, *, sensitive_features, **params)``; a difference or a
        ratio also takes `method`, "between_groups" or "to_overall".

    Raises
    ------
    ValueError
        If `metric` is no callable or has a parameter of a name that is taken, or the
        transform is unknown.

    Examples
    --------
    >>> from sklearn.metrics import recall_score
    >>> from fairlearnkit.metrics import make_derived_metric
    >>> recall_difference = make_derived_metric(
    ...     metric=recall_score, transform="difference"
    ... )
    >>> recall_difference(
    ...     [1, 1, 1, 1], [0, 1, 1, 1], sensitive_features=["a", "a", "b", "b"]
    ... )
    0.5
    """
    if not callable(metric):
        raise ValueError(f"metric must be callable, got {metric!r}.")
    if transform not in _TRANSFORMS:
        raise ValueError(f"transform must be one of {_TRANSFORMS}, got {transform!r}.")
    if taken := [name for name in _OWN if name in signature(metric).parameters]:
        raise ValueError(
            f"metric has a parameter {taken[0]!r}, which the derived metric needs for "
            "itself; bind it with functools.partial."
        )
    by_row = ["sample_weight"] if sample_param_names is None else sample_param_names
    compares = transform in ("difference", "ratio")

    def derived(y_true, y_pred, *, sensitive_features, **params):
        how = (
            {"method": params.pop("method")} if compares and "method" in params else {}
        )
        rows = {name: params.pop(name) for name in by_row if name in params}
        frame = MetricFrame(
            metrics=partial(metric, **params) if params else metric,
            y_true=y_true,
            y_pred=y_pred,
            sensitive_features=sensitive_features,
            sample_params=rows,
        )
        return float(getattr(frame, transform)(**how))

    name = getattr(metric, "__name__", "metric")
    derived.__name__ = derived.__qualname__ = f"{name}_{transform}"
    derived.__doc__ = _DOC.format(name=name, example="", **_WORDS[transform])
    return derived


_WORDS = {
    "difference": {"what": "Largest difference between groups", "good": "0 is parity"},
    "ratio": {"what": "Smallest ratio between groups", "good": "1 is parity"},
    "group_min": {"what": "Smallest value over the groups", "good": "the worst group"},
    "group_max": {"what": "Largest value over the groups", "good": "the worst group"},
}
_DOC = """{what} of `{name}`; {good}.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        As `{name}` wants them.
    sensitive_features : array-like, Series or data frame of n_samples rows
        Several columns make intersectional groups.
    **params : dict
        `sample_weight` and other parameters of `{name}`; `method`, "between_groups"
        (default) or "to_overall", for a difference or a ratio.

    Returns
    -------
    value : float

    See Also
    --------
    disparity : A gap with its interval.
{example}    """


_EXAMPLE = """
    Examples
    --------
    >>> from fairlearnkit.metrics import {function}
    >>> y_true, y_pred = [0, 1, 0, 1, 0, 1, 1, 0], {predicted}
    >>> found = {function}(y_true, y_pred, sensitive_features=list("aaaabbbb"))
    >>> print(f"{{found:.2f}}")
    {printed}
"""
_LABELS = [0, 1, 1, 1, 0, 0, 1, 1]
_NUMBERS = [0.1, 0.8, 0.7, 0.6, 0.2, 0.4, 0.6, 0.5]


def _derive(metric, transform, printed, predicted=_LABELS):
    """Derive a metric whose example prints this."""
    derived = make_derived_metric(metric=metric, transform=transform)
    example = _EXAMPLE.format(
        function=derived.__name__, predicted=predicted, printed=printed
    )
    words = _WORDS[transform]
    derived.__doc__ = _DOC.format(name=metric.__name__, example=example, **words)
    return derived


true_positive_rate_difference = _derive(base.true_positive_rate, "difference", "0.50")
true_positive_rate_ratio = _derive(base.true_positive_rate, "ratio", "0.50")
true_negative_rate_difference = _derive(base.true_negative_rate, "difference", "0.00")
true_negative_rate_ratio = _derive(base.true_negative_rate, "ratio", "1.00")
false_positive_rate_difference = _derive(base.false_positive_rate, "difference", "0.00")
false_positive_rate_ratio = _derive(base.false_positive_rate, "ratio", "1.00")
false_negative_rate_difference = _derive(base.false_negative_rate, "difference", "0.50")
false_negative_rate_ratio = _derive(base.false_negative_rate, "ratio", "0.00")
selection_rate_difference = _derive(base.selection_rate, "difference", "0.25")
selection_rate_ratio = _derive(base.selection_rate, "ratio", "0.67")
accuracy_score_difference = _derive(sk.accuracy_score, "difference", "0.25")
accuracy_score_ratio = _derive(sk.accuracy_score, "ratio", "0.67")
accuracy_score_group_min = _derive(sk.accuracy_score, "group_min", "0.50")
zero_one_loss_difference = _derive(sk.zero_one_loss, "difference", "0.25")
zero_one_loss_ratio = _derive(sk.zero_one_loss, "ratio", "0.50")
zero_one_loss_group_max = _derive(sk.zero_one_loss, "group_max", "0.50")
balanced_accuracy_score_group_min = _derive(
    sk.balanced_accuracy_score, "group_min", "0.50"
)
precision_score_group_min = _derive(sk.precision_score, "group_min", "0.50")
recall_score_group_min = _derive(sk.recall_score, "group_min", "0.50")
roc_auc_score_group_min = _derive(sk.roc_auc_score, "group_min", "0.75", _NUMBERS)
mean_absolute_error_group_max = _derive(
    sk.mean_absolute_error, "group_max", "0.43", _NUMBERS
)
mean_squared_error_group_max = _derive(
    sk.mean_squared_error, "group_max", "0.20", _NUMBERS
)
r2_score_group_min = _derive(sk.r2_score, "group_min", "0.19", _NUMBERS)
f1_score_group_min = _derive(sk.f1_score, "group_min", "0.50")
log_loss_group_max = _derive(sk.log_loss, "group_max", "0.59", _NUMBERS)
