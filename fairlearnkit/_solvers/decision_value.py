"""What a decision is worth: tables of (true label, decision)."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["label_gain", "person_utility", "utility_name"]

_NAMED = ("accuracy", "balanced_accuracy")


def person_utility(objective: Any, n_classes: int) -> np.ndarray:
    """What each (true label, decision) is worth to the person decided upon.

    Parameters
    ----------
    objective : {"accuracy", "balanced_accuracy"} or array-like
        With a name, a correct decision is worth 1 and a wrong one nothing; else the
        table itself.
    n_classes : int

    Returns
    -------
    utility : ndarray of shape (n_classes, n_classes)

    Raises
    ------
    ValueError
        If the objective is no known name and no finite table of this size.
    """
    if isinstance(objective, str):
        if objective not in _NAMED:
            raise ValueError(
                f"unknown objective {objective!r}; give one of {list(_NAMED)} or a "
                "table of utilities."
            )
        return np.eye(n_classes)
    utility = np.asarray(objective, dtype=float)
    if utility.shape != (n_classes, n_classes) or not np.isfinite(utility).all():
        raise ValueError(
            f"objective must be a table of {n_classes} true labels by {n_classes} "
            f"decisions of finite utilities, got shape {utility.shape}."
        )
    return utility


def label_gain(objective: Any, label_totals: np.ndarray) -> np.ndarray:
    """Value of each (true label, decision) per unit of weight, for the whole.

    Parameters
    ----------
    objective
        As in `person_utility`.
    label_totals : ndarray of shape (n_classes,)
        Weight of each true label.

    Returns
    -------
    gain : ndarray of shape (n_classes, n_classes)
    """
    utility = person_utility(objective, len(label_totals))
    if isinstance(objective, str) and objective == "balanced_accuracy":
        return utility / (len(label_totals) * label_totals[:, None])
    return utility / label_totals.sum()


def utility_name(objective: Any) -> str:
    """Name of a person's utility, for reports."""
    return "accuracy" if isinstance(objective, str) else "utility"
