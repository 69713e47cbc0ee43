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
    derived.__doc__ = _DOC.format(name=name, **_WORDS[transform])
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
    """


def _derive(metric, transform):
    return make_derived_metric(metric=metric, transform=transform)


true_positive_rate_difference = _derive(base.true_positive_rate, "difference")
true_positive_rate_ratio = _derive(base.true_positive_rate, "ratio")
true_negative_rate_difference = _derive(base.true_negative_rate, "difference")
true_negative_rate_ratio = _derive(base.true_negative_rate, "ratio")
false_positive_rate_difference = _derive(base.false_positive_rate, "difference")
false_positive_rate_ratio = _derive(base.false_positive_rate, "ratio")
false_negative_rate_difference = _derive(base.false_negative_rate, "difference")
false_negative_rate_ratio = _derive(base.false_negative_rate, "ratio")
selection_rate_difference = _derive(base.selection_rate, "difference")
selection_rate_ratio = _derive(base.selection_rate, "ratio")
accuracy_score_difference = _derive(sk.accuracy_score, "difference")
accuracy_score_ratio = _derive(sk.accuracy_score, "ratio")
accuracy_score_group_min = _derive(sk.accuracy_score, "group_min")
zero_one_loss_difference = _derive(sk.zero_one_loss, "difference")
zero_one_loss_ratio = _derive(sk.zero_one_loss, "ratio")
zero_one_loss_group_max = _derive(sk.zero_one_loss, "group_max")
balanced_accuracy_score_group_min = _derive(sk.balanced_accuracy_score, "group_min")
precision_score_group_min = _derive(sk.precision_score, "group_min")
recall_score_group_min = _derive(sk.recall_score, "group_min")
roc_auc_score_group_min = _derive(sk.roc_auc_score, "group_min")
mean_absolute_error_group_max = _derive(sk.mean_absolute_error, "group_max")
mean_squared_error_group_max = _derive(sk.mean_squared_error, "group_max")
r2_score_group_min = _derive(sk.r2_score, "group_min")
f1_score_group_min = _derive(sk.f1_score, "group_min")
log_loss_group_max = _derive(sk.log_loss, "group_max")
