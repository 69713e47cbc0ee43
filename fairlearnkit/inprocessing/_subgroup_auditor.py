"""Audit over subgroups that linear thresholds cut out (Kearns et al. 2018)."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from fairlearnkit._columns import check_row_order
from fairlearnkit._extras import require
from fairlearnkit._factorize import to_numpy
from fairlearnkit._groups import resolve_groups
from fairlearnkit._rates import rate_of_class
from fairlearnkit._solvers.linear_subgroups import greatest_half_space
from fairlearnkit.inprocessing._subgroup_columns import SubgroupColumns, many_groups

LINEAR_RATES = (
    "selection_rate",
    "false_positive_rate",
    "false_negative_rate",
    "true_positive_rate",
    "true_negative_rate",
)


@dataclass(frozen=True, eq=False)
class SubgroupAudit:
    """The subgroup found on which a rate departs farthest, weighted by its size.

    Its members are the people with ``features @ coefficients > threshold``.

    Parameters
    ----------
    rate_name : str
        The audited rate.
    description : str
        The subgroup in words: categories joined by commas, or an inequality.
    violation : float
        ``mass * abs(rate - overall_rate)``. A lower bound on the greatest violation
        among linear threshold subgroups.
    mass : float
        Share of all people that are in the subgroup and count in the rate (for a false
        positive rate: those with a negative label).
    rate : float
        Rate of the subgroup; NaN if nobody in it counts.
    overall_rate : float
        Rate of everybody.
    feature_names : tuple of str
        Columns that the subgroup is cut in: numeric features, and a category each.
    coefficients : ndarray of shape (n_features,)
        In the units of the features.
    threshold : float
    members : ndarray of bool of shape (n_samples,)
        Rows in the subgroup.

    Examples
    --------
    >>> from fairlearnkit.inprocessing import audit_subgroups
    >>> sex = ["f", "f", "f", "m", "m", "m"]
    >>> audit = audit_subgroups([0, 0, 1, 0, 0, 1], [1, 1, 1, 0, 0, 1],
    ...     sensitive_features={"sex": sex})
    >>> audit.rate - audit.overall_rate
    0.5
    """

    rate_name: str
    description: str
    violation: float
    mass: float
    rate: float
    overall_rate: float
    feature_names: tuple
    coefficients: np.ndarray
    threshold: float
    members: np.ndarray = field(repr=False)

    def to_frame(self):
        """Coefficients by feature.

        Returns
        -------
        frame : pandas.DataFrame
            Column: coefficient.
        """
        pandas = require("pandas", extra="pandas", user="SubgroupAudit.to_frame")
        index = pandas.Index(self.feature_names, name="feature")
        return pandas.DataFrame({"coefficient": self.coefficients}, index=index)


def audit_subgroups(
    y_true,
    y_pred,
    *,
    sensitive_features,
    rate="false_positive_rate",
    pos_label=None,
    sample_weight=None,
    handle_missing="error",
):
    """Find a subgroup that a classifier treats differently, among very many.

    Fairness to each sex and each race does not rule out unfairness to one sex of one
    race, or to the old and poor. The audit looks for the worst subgroup among all that
    a linear threshold on the sensitive features cuts out, conjunctions of categories
    included. A subgroup's violation is its departure from the overall rate times its
    size, so that tiny ones, whose rates are mostly chance, don't win.

    The violation found is a lower bound: the search is exhaustive over conjunctions,
    and a heuristic over the rest. It is also the greatest of very many, so that some
    violation is found in any finite sample, of a fair classifier too: the order of
    ``1 / sqrt(n_samples)``. Audit other rows than those the model was trained on.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels. Ignored by the selection rate.
    y_pred : array-like of shape (n_samples,)
        Predicted labels; or the probability in [0, 1] of the positive decision, as
        floats, such as a randomised classifier's `expected_proba`.
    sensitive_features : array-like, Series, data frame or dict
        One or several columns. Text, booleans and columns of at most ten values are
        categories; other numbers are numbers.
    rate : {"false_positive_rate", "false_negative_rate", "selection_rate", \
"true_positive_rate", "true_negative_rate"}, default="false_positive_rate"
        What is compared.
    pos_label : int, float, bool or str, default=None
        The positive class; by default the last of two.
    sample_weight : array-like of shape (n_samples,), default=None
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a category.

    Returns
    -------
    audit : SubgroupAudit

    Raises
    ------
    ValueError
        If lengths differ, the rate is unknown or undefined, or `pos_label` is missing.

    See Also
    --------
    SubgroupFairClassifier : Bounds the violation.

    Notes
    -----
    For the false positive rate the violation of subgroup g is

    .. math:: P(g(x) = 1, y = 0)\\; \\bigl| P(\\hat y = 1 \\mid g(x) = 1, y = 0)
       - P(\\hat y = 1 \\mid y = 0) \\bigr|.

    References
    ----------
    Kearns, Neel, Roth, Wu, "Preventing fairness gerrymandering: auditing and learning
    for subgroup fairness", ICML 2018. :doi:`10.48550/arXiv.1711.05144`

    Examples
    --------
    Each sex and each race is selected equally often, but not their intersections:

    >>> from fairlearnkit.inprocessing import audit_subgroups
    >>> groups = {"sex": ["f", "f", "m", "m"] * 5, "race": ["a", "b"] * 10}
    >>> y_pred = [1, 0, 0, 1] * 5
    >>> audit = audit_subgroups(y_pred, y_pred, sensitive_features=groups,
    ...     rate="selection_rate")
    >>> audit.description, audit.rate, audit.overall_rate, audit.violation
    ("sex='f', race='a'", 1.0, 0.5, 0.125)
    """
    if rate not in LINEAR_RATES:
        raise ValueError(f"rate must be one of {list(LINEAR_RATES)}, got {rate!r}.")
    check_row_order(
        [
            ("y_true", y_true),
            ("y_pred", y_pred),
            ("sensitive_features", sensitive_features),
            ("sample_weight", sample_weight),
        ]
    )
    truth, decision = _positives(_labels(y_true), _labels(y_pred), pos_label)
    weight = np.ones(len(truth))
    if sample_weight is not None:
        weight = check_array(
            sample_weight, ensure_2d=False, dtype=float, input_name="sample_weight"
        )
    with many_groups():
        groups = resolve_groups(
            sensitive_features=sensitive_features,
            handle_missing=handle_missing,
            owner="audit_subgroups",
        )
    check_consistent_length(truth, decision, groups.codes, weight)
    if (weight < 0).any() or not weight.any():
        raise ValueError("sample_weight must be non-negative and not all zero.")
    tables = tables_of(groups, truth, np.stack([1 - decision, decision]), weight)
    own = rate_of_class(rate, [0, 1], 1)
    return audit_tables(SubgroupColumns.from_groups(groups), tables, own, groups.codes)


def tables_of(groups, y, decisions, weight):
    """Weights of (cell, label, decision).

    Parameters
    ----------
    groups : Groups
    y : ndarray of int of shape (n_samples,)
    decisions : ndarray of shape (n_classes, n_samples)
        Probability of each decision.
    weight : ndarray of shape (n_samples,)
    """
    shape = len(groups), len(decisions)
    cell = groups.codes * shape[1] + y
    counts = [
        np.bincount(cell, weights=weight * chance, minlength=np.prod(shape))
        for chance in decisions
    ]
    return np.stack(counts, axis=-1).reshape(*shape, shape[1])


def audit_tables(columns, tables, rate, codes, *, starts=(), thorough=True):
    """Find the worst subgroup of a rate from tables of counts.

    Parameters
    ----------
    columns : SubgroupColumns
    tables : ndarray of shape (n_cells, n_classes, n_classes)
        Weights of (cell, label, decision).
    rate : Rate
        Linear.
    codes : ndarray of int of shape (n_samples,)
        Cell of each row.
    starts : iterable of ndarray
        Coefficients of subgroups to try as well.
    thorough : bool, default=True
        Whether to search from many starts.

    Returns
    -------
    audit : SubgroupAudit

    Raises
    ------
    ValueError
        If nobody counts in the rate.
    """
    top = (tables * np.array(rate.numerator)).sum(axis=(1, 2))
    base = (tables * np.array(rate.denominator)).sum(axis=(1, 2))
    if not base.any():
        raise ValueError(f"{rate.name} is undefined: nobody counts in it.")
    overall = top.sum() / base.sum()
    total = tables.sum()
    points, center, scale = columns.points(base)
    half = greatest_half_space(
        points,
        (top - overall * base) / total,
        starts=[start * scale for start in starts],
        thorough=thorough,
    )
    size = np.abs(half.direction).max() or 1.0
    direction = half.direction / size / scale
    threshold = half.threshold / size + float(direction @ center)
    inside = base[half.members].sum()
    return SubgroupAudit(
        rate_name=rate.name,
        description=columns.describe(direction, threshold),
        violation=float(abs(half.total)),
        mass=float(inside / total),
        rate=float(top[half.members].sum() / inside) if inside else float("nan"),
        overall_rate=float(overall),
        feature_names=columns.names,
        coefficients=direction,
        threshold=float(threshold),
        members=half.members[codes],
    )


def _labels(values):
    found = to_numpy(values)
    return np.array(found.tolist()) if found.dtype == object else found


def _positives(y_true, y_pred, pos_label):
    """Positive labels as 0 and 1, and probabilities of positive decisions."""
    if y_true.ndim != 1 or y_pred.ndim != 1:
        raise ValueError(
            "y_true and y_pred must be one-dimensional, got shapes "
            f"{y_true.shape} and {y_pred.shape}."
        )
    chances = y_pred.dtype.kind == "f" and y_true.dtype.kind != "f"
    classes = np.unique(y_true if chances else np.concatenate([y_true, y_pred]))
    if pos_label is None and len(classes) > 2:
        raise ValueError(f"there are {len(classes)} labels; name the pos_label.")
    positive = classes[-1] if pos_label is None else pos_label
    if pos_label is not None and pos_label not in classes.tolist():
        raise ValueError(f"pos_label={pos_label!r} is no label: {classes.tolist()}.")
    decision = y_pred if chances else (y_pred == positive).astype(float)
    if not ((decision >= 0) & (decision <= 1)).all():
        raise ValueError(
            "y_pred as floats must hold probabilities in [0, 1]; round them to labels "
            "if they are labels."
        )
    return (y_true == positive).astype(int), decision
