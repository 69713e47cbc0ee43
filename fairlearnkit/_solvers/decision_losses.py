"""Losses of binary decisions: the weights, thresholds and costs that follow from them.

A loss is a table of (true label, decision), for everybody or for each row. Only the
difference between a wrong and a right decision matters: for a negative it is
``l[0, 1] - l[0, 0]``, for a positive ``l[1, 0] - l[1, 1]``. A weighted classification
error with these weights is the expected loss up to a constant, and the best decision is
positive where P(y = 1 | x) exceeds the negative's share of the two.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fairlearnkit._groups import Groups

__all__ = [
    "capped_weights",
    "effective_sample_size",
    "error_costs",
    "losses_by_row",
    "needs_groups",
    "normalized_weights",
    "optimal_thresholds",
]


def needs_groups(loss: Any) -> bool:
    """Tell whether a loss depends on the group."""
    if isinstance(loss, Mapping):
        return True
    return callable(loss) and _takes_groups(loss)


def losses_by_row(loss: Any, X: Any, n_rows: int, groups: Groups | None) -> np.ndarray:
    """Write any form of a loss as a table for each row.

    Parameters
    ----------
    loss : array-like of shape (2, 2), dict of these by group, or callable
        Rows are true labels and columns decisions. A callable takes X, or X and the
        groups, and returns an array of shape (n_rows, 2, 2).
    X : array, sparse matrix or data frame
        What a callable sees.
    n_rows : int
    groups : Groups or None
        Needed by a dict and by a callable of two arguments.

    Returns
    -------
    losses : ndarray of shape (n_rows, 2, 2)

    Raises
    ------
    ValueError
        If a shape is wrong, a number is missing, a group has no table, or a wrong
        decision costs less than a right one.
    """
    if isinstance(loss, Mapping):
        assert groups is not None
        tables = [_table(_of_group(loss, groups, g)) for g in range(len(groups))]
        losses = np.stack(tables)[groups.codes]
    elif callable(loss):
        losses = _called(loss, X, n_rows, groups)
    else:
        losses = np.broadcast_to(_table(loss), (n_rows, 2, 2))
    _check(losses)
    return losses


def error_costs(losses: np.ndarray) -> np.ndarray:
    """What a wrong decision costs beyond a right one, by true label.

    Parameters
    ----------
    losses : ndarray of shape (n_rows, 2, 2)

    Returns
    -------
    costs : ndarray of shape (n_rows, 2)

    Examples
    --------
    >>> import numpy as np
    >>> error_costs(np.array([[[0.0, 1.0], [5.0, -1.0]]]))
    array([[1., 6.]])
    """
    wrong = losses[:, [0, 1], [1, 0]]
    return wrong - losses[:, [0, 1], [0, 1]]


def optimal_thresholds(costs: np.ndarray) -> np.ndarray:
    """Probability above which the positive decision costs less.

    Parameters
    ----------
    costs : ndarray of shape (n_rows, 2)
        As from :func:`error_costs`.

    Returns
    -------
    thresholds : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If both decisions always cost the same somewhere.
    """
    total = costs.sum(axis=1)
    if not total.all():
        raise ValueError(
            f"the loss of row {int(np.argmin(total))} does not depend on the decision, "
            "so no threshold is best; let some error cost something."
        )
    return costs[:, 0] / total


def normalized_weights(
    costs: np.ndarray, y: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Cost of deciding each row wrongly, in units of its mean.

    Parameters
    ----------
    costs : ndarray of shape (n_rows, 2)
    y : ndarray of shape (n_rows,)
        0 or 1.
    weight : ndarray of shape (n_rows,)
        The user's weights, over which the mean is taken.
    """
    own = costs[np.arange(len(y)), y]
    mean = np.average(own, weights=weight)
    if not mean > 0:
        raise ValueError(
            "no error on these rows costs anything, so there is nothing to learn; give "
            "a loss under which some do."
        )
    return own / mean


def capped_weights(values: np.ndarray, weight: np.ndarray, most: float) -> np.ndarray:
    """Cut values at `most` times their mean, such that their mean stays 1.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Non-negative, of mean 1.
    weight : ndarray of shape (n_rows,)
        Weights of the mean.
    most : float
        At least 1.
    """
    order = np.argsort(values)
    value, mass = values[order], weight[order]
    below = np.cumsum(value * mass)
    above = mass.sum() - np.cumsum(mass)
    # With all above row k at the cap c, the mean of scale * min(value, cut) is 1 for
    # scale = (total - most * above) / below: the least k whose next value is cut.
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = (mass.sum() - most * above) / below
    fits = (scale > 0) & np.isfinite(scale) & (scale * value <= most * (1 + 1e-12))
    last = int(np.flatnonzero(fits)[-1]) if fits.any() else len(value) - 1
    return np.minimum(values * scale[last], most)


def effective_sample_size(values: np.ndarray, weight: np.ndarray) -> float:
    """Number of equally weighted rows that would be as precise a mean.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Weights that a method gave.
    weight : ndarray of shape (n_rows,)
        How many people each row stands for.

    Examples
    --------
    >>> import numpy as np
    >>> effective_sample_size(np.array([1.0, 1.0, 0.0]), np.ones(3))
    2.0
    """
    return float((weight @ values) ** 2 / (weight @ values**2))


def _takes_groups(loss: Callable) -> bool:
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    parameters = inspect.signature(loss).parameters.values()
    return sum(p.kind in positional and p.default is p.empty for p in parameters) > 1


def _of_group(loss: Mapping, groups: Groups, code: int) -> Any:
    label = groups.labels[code]
    if label not in loss:
        raise ValueError(
            f"loss has no table for {groups.describe(code)}; its keys are "
            f"{list(loss)}. Give one to every group."
        )
    return loss[label]


def _table(loss: Any) -> np.ndarray:
    table = np.asarray(loss, dtype=float)
    if table.shape != (2, 2):
        raise ValueError(
            "a loss is a table of (true label, decision) of shape (2, 2), got shape "
            f"{table.shape}."
        )
    return table


def _called(loss: Callable, X: Any, n_rows: int, groups: Groups | None) -> np.ndarray:
    if _takes_groups(loss):
        assert groups is not None
        losses = np.asarray(loss(X, groups.values()), dtype=float)
    else:
        losses = np.asarray(loss(X), dtype=float)
    if losses.shape != (n_rows, 2, 2):
        raise ValueError(
            f"the loss returned an array of shape {losses.shape}; for {n_rows} rows it "
            f"must be ({n_rows}, 2, 2): row, true label, decision."
        )
    return losses


def _check(losses: np.ndarray) -> None:
    if not np.isfinite(losses).all():
        raise ValueError("the loss holds a number that is missing or infinite.")
    costs = error_costs(losses)
    if (costs < 0).any():
        row, label = np.argwhere(costs < 0)[0]
        kind = ("negative", "positive")[label]
        raise ValueError(
            f"for row {row} a wrong decision on a {kind} costs "
            f"{-costs[row, label]:g} less than a right one; errors must cost at least "
            "as much. Check the order: loss[true label][decision]."
        )
