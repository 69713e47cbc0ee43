"""Vocabularies of tables: which labels there are, and where each one stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "check_class_labels",
    "check_lengths",
    "check_weight",
    "class_vocabulary",
    "merge_labels",
    "positions",
]


def check_lengths(n_rows: int, **columns: Any) -> None:
    for name, column in columns.items():
        if column.shape != (n_rows,):
            raise ValueError(
                f"{name} has shape {column.shape} but sensitive_features has "
                f"{n_rows} rows; pass one value per row."
            )
    if not n_rows:
        raise ValueError("there are no rows to count.")


def check_class_labels(name: str, labels: list) -> None:
    fractions = [v for v in labels if isinstance(v, float) and not v.is_integer()]
    if fractions:
        raise ValueError(
            f"{name} holds continuous values such as {fractions[0]:g}; pass class "
            "labels, as predict returns them."
        )


def check_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}; expected ({n_samples},)."
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("sample_weight must be finite and non-negative.")
    return weight


def class_vocabulary(first: list, second: list, classes: Sequence | None) -> tuple:
    found = set(first) | set(second)
    if classes is None:
        try:
            return tuple(sorted(found))
        except TypeError:
            raise ValueError(
                f"y_true and y_pred mix labels of different types: {found}."
            ) from None
    known = tuple(sorted(np.asarray(classes).tolist()))
    if strange := found - set(known):
        raise ValueError(f"labels {sorted(strange)} are not in classes {known}.")
    return known


def positions(labels: list, known: Sequence) -> np.ndarray:
    index = {label: position for position, label in enumerate(known)}
    return np.array([index[label] for label in labels], dtype=np.intp)


def merge_labels(first: Any, second: Any) -> tuple[tuple, list[np.ndarray]]:
    if first.names != second.names:
        raise ValueError(
            f"tables of different sensitive features cannot be added: {first.names} "
            f"and {second.names}."
        )
    groups = tuple(dict.fromkeys([*first.groups, *second.groups]))
    return groups, [positions(list(t.groups), groups) for t in (first, second)]
