"""Every width of a band around a threshold in which decisions follow the group.

Widening the band moves one decision after another, in the order of the distance from
the threshold. So the counts at all widths are cumulative sums over one sort.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlearnkit.constraints import Constraint, DemographicParity, Rate

__all__ = ["RegionCurve", "moves_of_groups", "region_curve", "table_of_decisions"]

_BLOCK = 1 << 15  # widths evaluated at once
_SAME = 1e-10  # distances that differ by less, relative to the largest, are equal


@dataclass(frozen=True, eq=False)
class RegionCurve:
    """What each width of the critical region reaches.

    Parameters
    ----------
    widths : ndarray of shape (n_widths,), ascending from 0
        A decision is in the region if its distance is below the width. Only widths at
        which some decision changes; between two distances, the middle.
    violations, values : ndarray of shape (n_widths,)
        A violation is NaN where a group has lost a rate that it has without a region.
    unharmed : ndarray of shape (n_widths,), dtype bool
        Whether no group's mean utility is below that without a region.
    """

    widths: np.ndarray
    violations: np.ndarray
    values: np.ndarray
    unharmed: np.ndarray

    def best(self, tolerance: float, *, no_harm: bool = False) -> int:
        """Position of the best width, or of the smallest violation if none is within.

        Among equal ones the narrowest.
        """
        allowed = self.unharmed if no_harm else np.ones(len(self.widths), dtype=bool)
        allowed = allowed & ~np.isnan(self.violations)
        within = allowed & (self.violations <= tolerance + 1e-12)
        if within.any():
            score = np.where(within, self.values, -np.inf)
            return int(np.argmax(score >= score.max() - 1e-12))
        violation = np.where(allowed, self.violations, np.inf)
        near = violation <= violation.min() + 1e-12
        score = np.where(near, self.values, -np.inf)
        return int(np.argmax(score >= score.max() - 1e-12))


def table_of_decisions(
    codes: np.ndarray,
    label: np.ndarray,
    decision: np.ndarray,
    weight: np.ndarray,
    n_groups: int,
) -> np.ndarray:
    """Weight of each (group, true label, decision) of two classes."""
    cells = (codes * 2 + label) * 2 + decision
    return np.bincount(cells, weight, 4 * n_groups).reshape(n_groups, 2, 2)


def moves_of_groups(
    constraint: Constraint, counts: np.ndarray, classes: Sequence[Any]
) -> np.ndarray:
    """Decision that each group gets in the region: 1, or -1 for 0, or 0 for its own.

    Groups whose rate is on one side of the overall rate are moved to the other. The
    rate is the constraint's first if it rises, or falls, with every decision of 1; else
    the selection rate.

    Parameters
    ----------
    constraint : Constraint
    counts : ndarray of shape (n_groups, 2, 2)
        Plain decisions.
    classes : sequence of 2 labels

    Returns
    -------
    moves : ndarray of shape (n_groups,), dtype int
        0 where the rate is undefined or equals the overall one.
    """
    rate = constraint.rates(classes)[0]
    effect = _effect(rate)
    if not effect:
        rate = DemographicParity(pos_label=constraint.pos_label).rates(classes)[0]
        effect = _effect(rate)
    short = rate.of(counts.sum(axis=0)) - rate.of(counts)
    short = np.where(np.isnan(short) | (np.abs(short) < 1e-12), 0.0, short)
    return np.sign(short).astype(np.intp) * effect


def _effect(rate: Rate) -> int:
    """1 if every decision of 1 raises the rate or leaves it, -1 if it lowers it."""
    effect = np.diff(np.array(rate.numerator), axis=1)[:, 0]
    one_sided = effect.min() >= 0 or effect.max() <= 0
    return int(np.sign(effect.sum())) if rate.is_linear and one_sided else 0


def region_curve(
    distance: np.ndarray,
    cells: tuple[np.ndarray, np.ndarray, np.ndarray],
    weight: np.ndarray,
    moves: np.ndarray,
    constraint: Constraint,
    classes: Sequence[Any],
    gain: np.ndarray,
    utility: np.ndarray,
    widest: float = np.inf,
) -> RegionCurve:
    """Evaluate every width of the critical region.

    Parameters
    ----------
    distance : ndarray of shape (n_samples,)
        Of each score from the threshold, not negative.
    cells : tuple of three ndarrays of shape (n_samples,)
        Group, true label and plain decision.
    weight : ndarray of shape (n_samples,)
    moves : ndarray of shape (n_groups,)
        As from `moves_of_groups`.
    constraint : Constraint
        It need not be linear.
    classes : sequence of 2 labels
    gain, utility : ndarray of shape (2, 2)
        Value per unit of weight, and to a person, of each (true label, decision).
    widest : float, default=inf
        A decision at this distance or beyond is in no region.

    Returns
    -------
    curve : RegionCurve
    """
    codes, label, decision = cells
    plain = table_of_decisions(*cells, weight, len(moves))
    aim = moves[codes]
    moved = (np.where(decision == 1, aim < 0, aim > 0)) & (weight > 0)
    rows = np.flatnonzero(moved & (distance < widest))
    rows = rows[np.argsort(distance[rows])]
    near = distance[rows]
    starts = np.diff(near, prepend=-np.inf) > _SAME * near.max(initial=0.0)
    step, n_steps = np.cumsum(starts) - 1, int(starts.sum())
    effects = _Effects(plain, moves, constraint, classes, gain, utility)
    cell = codes[rows] * 2 + label[rows]
    parts = [
        effects.measure(moved)
        for moved in _moved(step, cell, weight[rows], n_steps, 2 * len(moves))
    ]
    violations, values, unharmed = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    return RegionCurve(_between(near, starts, widest), violations, values, unharmed)


def _moved(
    step: np.ndarray, cell: np.ndarray, weight: np.ndarray, n_steps: int, n_cells: int
) -> Iterator[np.ndarray]:
    """Weight moved of each (group, true label): none, then by width, some at a time."""
    moved: np.ndarray = np.zeros(n_cells)
    yield moved[None]
    for start in range(0, n_steps, _BLOCK):
        size = min(_BLOCK, n_steps - start)
        here = slice(*np.searchsorted(step, [start, start + size]))
        flat = cell[here] * size + step[here] - start  # by cell: what follows is faster
        each: np.ndarray = np.bincount(flat, weight[here], size * n_cells)
        each = each.reshape(n_cells, size)
        each[:, 0] += moved
        total = np.cumsum(each, axis=1)
        moved = total[:, -1]
        yield total.T


@dataclass(frozen=True, eq=False)
class _Effects:
    """What moved decisions do: every count, and so all else, is linear in them."""

    plain: np.ndarray
    moves: np.ndarray
    constraint: Constraint
    classes: Sequence[Any]
    gain: np.ndarray
    utility: np.ndarray

    def measure(self, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Violation, value and whether no group loses, at each row of `moved`."""
        rates, lost = [], np.zeros(len(moved), dtype=bool)
        nobody = 1e-12 * self.plain.sum()  # what rounding leaves of it
        for rate in self.constraint.rates(self.classes):
            top = self._sums(np.array(rate.numerator), moved)
            base = self._sums(np.array(rate.denominator), moved)
            counted = base > nobody
            undefined = np.full_like(base, np.nan)
            rates.append(np.divide(top, base, out=undefined, where=counted))
            lost |= (~counted & np.isfinite(rate.of(self.plain))).any(axis=1)
        gaps = np.max([self.constraint.gap(rate) for rate in rates], axis=0)
        mass = self.plain.sum(axis=(1, 2))
        change = self._sums(self.utility, moved) - (self.plain * self.utility).sum(
            (1, 2)
        )
        value = self._sums(self.gain, moved).sum(axis=1)
        return (
            np.where(lost, np.nan, gaps),
            value,
            (change >= -1e-9 * mass).all(axis=1),
        )

    def _sums(self, cells: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Sum of a table's cells of (true label, decision), by group."""
        n_groups = len(self.moves)
        effect = np.zeros((n_groups, 2, n_groups))
        own = np.arange(n_groups)
        effect[own, :, own] = np.outer(self.moves, cells[:, 1] - cells[:, 0])
        plain = (self.plain * cells).sum(axis=(1, 2))
        by_group = effect.reshape(2 * n_groups, n_groups).T @ moved.T
        return (plain[:, None] + by_group).T


def _between(near: np.ndarray, starts: np.ndarray, widest: float) -> np.ndarray:
    """Widths 0, then between each run of equal distances and the next."""
    if not len(near):
        return np.zeros(1)
    last = widest if np.isfinite(widest) else 2 * near[-1] + 1
    ends = near[np.append(starts[1:], True)]
    above = np.append(near[starts][1:], last)
    return np.concatenate([[0.0], ends + (above - ends) / 2])
