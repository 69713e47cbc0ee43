"""What decisions cost each group, under a stated loss and under that of mere errors."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import column_or_1d

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit._groups import resolve_groups
from fairlearnkit._solvers.decision_losses import losses_by_row
from fairlearnkit.tables import GroupCounts


@dataclass(frozen=True, eq=False)
class EconomicReport:
    """Expected loss and error rates of each group.

    Parameters
    ----------
    groups : tuple
        Label of each group.
    names : tuple of str
        Names of the sensitive columns.
    n : ndarray of shape (n_groups,)
        People; their weights, if weighted.
    loss : ndarray of shape (n_groups,)
        Mean loss, in the unit of the loss.
    error_rate : ndarray of shape (n_groups,)
        Mean loss if every error cost 1 and nothing else did.
    false_positive_rate : ndarray of shape (n_groups,)
        Share of the negatives that are decided wrongly; NaN where there are none.
    false_negative_rate : ndarray of shape (n_groups,)
        The same of the positives.
    overall_loss : float
        Mean loss over everybody.
    overall_error_rate : float
        Mean error over everybody.

    Examples
    --------
    >>> from fairlearnkit.inprocessing import economic_report
    >>> report = economic_report(
    ...     [0, 1, 0, 1], [1, 1, 0, 0], sensitive_features=["a", "a", "b", "b"],
    ...     loss=[[0, 1], [5, 0]],
    ... )
    >>> report.overall_loss, report.overall_error_rate
    (1.5, 0.5)
    """

    groups: tuple
    names: tuple
    n: np.ndarray
    loss: np.ndarray
    error_rate: np.ndarray
    false_positive_rate: np.ndarray
    false_negative_rate: np.ndarray
    overall_loss: float
    overall_error_rate: float

    def to_frame(self):
        """A row for each group.

        Returns
        -------
        frame : pandas.DataFrame
            Columns: n, loss, error_rate, false_positive_rate, false_negative_rate.
        """
        user = "EconomicReport.to_frame"
        pandas = require("pandas", extra="pandas", user=user)
        columns = (
            "n",
            "loss",
            "error_rate",
            "false_positive_rate",
            "false_negative_rate",
        )
        return pandas.DataFrame(
            {name: getattr(self, name) for name in columns},
            index=label_index(self.groups, self.names, user),
        )


def economic_report(
    y_true,
    y_pred,
    *,
    sensitive_features,
    loss,
    X=None,
    sample_weight=None,
    classes=None,
    handle_missing="error",
):
    """Compute what decisions cost each group, and how often they are wrong.

    The loss is in whatever unit it is stated in: money, days in jail. A group can bear
    a higher loss with fewer errors, if its errors cost more. Means by group say nothing
    of their uncertainty; use :class:`~fairlearnkit.metrics.MetricFrame` for intervals
    of the rates.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Two labels; the larger one is the positive.
    y_pred : array-like of shape (n_samples,)
        Decisions.
    sensitive_features : array-like, Series or data frame of n_samples rows
        The groups; or, with X, the names of its columns.
    loss : array-like of shape (2, 2), dict or callable
        As in :class:`AsymmetricLossClassifier`.
    X : array-like, sparse matrix or data frame, default=None
        What a callable loss sees.
    sample_weight : array-like of shape (n_samples,), default=None
        How many people each row stands for; rows of weight 0 are nobody.
    classes : sequence of two labels, default=None
        Needed if one of them does not occur.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.

    Returns
    -------
    report : EconomicReport

    Raises
    ------
    ValueError
        If there are not two classes, lengths differ, or the loss is malformed.

    See Also
    --------
    AsymmetricLossClassifier : Minimises the expected loss.

    Notes
    -----
    .. math:: L_g = \\frac{\\sum_{i \\in g} v_i \\ell_{y_i d_i}(x_i)}
       {\\sum_{i \\in g} v_i}

    with the weights v of the rows.

    References
    ----------
    Babii, Chen, Ghysels, Kumar, "Binary choice with asymmetric loss in a data-rich
    environment: theory and an application to racial justice", 2020.
    :doi:`10.48550/arXiv.2010.08463`

    Examples
    --------
    >>> from fairlearnkit.inprocessing import economic_report
    >>> report = economic_report(
    ...     [0, 1, 0, 1], [1, 1, 0, 0], sensitive_features=["a", "a", "b", "b"],
    ...     loss=[[0, 1], [5, 0]],
    ... )
    >>> report.loss, report.error_rate
    (array([0.5, 2.5]), array([0.5, 0.5]))
    """
    from_columns = X is not None and isinstance(sensitive_features, (str, int))
    groups = resolve_groups(
        X,
        spec=sensitive_features if from_columns else None,
        sensitive_features=None if from_columns else sensitive_features,
        handle_missing=handle_missing,
        owner="economic_report",
    )
    n_rows = len(groups.codes)
    table = GroupCounts.from_arrays(
        y_true,
        y_pred,
        sensitive_features=groups.codes,
        sample_weight=sample_weight,
        classes=classes,
    )
    if len(table.classes) != 2:
        raise ValueError(
            f"economic_report needs two classes, found {list(table.classes)}; pass "
            "classes=[negative, positive] if one of them does not occur."
        )
    truth, decision = (
        (column_or_1d(labels) == table.classes[1]).astype(int)
        for labels in (y_true, y_pred)
    )
    weight = np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight)
    losses = losses_by_row(loss, X, n_rows, groups)
    return _report(
        groups, weight.astype(float), losses[np.arange(n_rows), truth, decision],
        (truth, decision),
    )  # fmt: skip


def _report(groups, weight, lost, cells):
    """Means by group; groups without weight are left out."""
    truth, decision = cells
    flat = (groups.codes * 2 + truth) * 2 + decision
    counts = np.bincount(flat, weights=weight, minlength=4 * len(groups))
    counts = counts.reshape(-1, 2, 2)
    total = np.bincount(groups.codes, weights=weight * lost, minlength=len(groups))
    kept = counts.sum(axis=(1, 2)) > 0
    counts, total = counts[kept], total[kept]
    people, by_label = counts.sum(axis=(1, 2)), counts.sum(axis=2)
    wrong = np.stack([counts[:, 0, 1], counts[:, 1, 0]], axis=1)
    rates = np.divide(
        wrong, by_label, out=np.full_like(wrong, np.nan), where=by_label > 0
    )
    labels = zip(groups.labels, kept, strict=True)
    return EconomicReport(
        groups=tuple(label for label, is_kept in labels if is_kept),
        names=groups.names,
        n=people,
        loss=total / people,
        error_rate=wrong.sum(axis=1) / people,
        false_positive_rate=rates[:, 0],
        false_negative_rate=rates[:, 1],
        overall_loss=float(total.sum() / people.sum()),
        overall_error_rate=float(wrong.sum() / people.sum()),
    )
