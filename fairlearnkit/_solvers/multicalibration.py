"""Multicalibration by boosting: correct one cell of a group and a score bin at a time.

Scores are log odds. Rows in the same groups form a *pattern*, so that all cells are
sums over a small table of patterns and bins, whatever the number of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

__all__ = ["Boosting", "Cells", "Update", "boost", "log_losses", "replay"]

# At least 4: a step of four times the mean residual always lowers the log loss.
_LARGEST_SHIFT = 5.0
_ITERATIONS = 100
_PRECISION = 1e-10


@dataclass(frozen=True)
class Update:
    """One correction: the log odds in a cell are shifted.

    Parameters
    ----------
    group : int
        Position of the group among the (overlapping) groups.
    bin : int
        Score bin, of the scores as they are when the update is applied.
    shift : float
        Added to the log odds.
    """

    group: int
    bin: int
    shift: float


@dataclass(frozen=True, eq=False)
class Cells:
    """Overlapping groups crossed with bins of the score.

    Parameters
    ----------
    members : ndarray of bool of shape (n_groups, n_patterns)
        Which patterns belong to each group.
    edges : ndarray of shape (n_bins - 1,), ascending
        Inner edges of the bins, in log odds. A score equal to an edge is above it.
    """

    members: np.ndarray
    edges: np.ndarray

    @property
    def n_bins(self) -> int:
        """Number of bins of the score."""
        return len(self.edges) + 1

    def bins(self, scores: np.ndarray) -> np.ndarray:
        """Bin of each score."""
        return np.searchsorted(self.edges, scores, side="right")

    def rows(
        self, update: Update, patterns: np.ndarray, bins: np.ndarray
    ) -> np.ndarray:
        """Positions of the rows that an update changes."""
        rows = np.flatnonzero(bins == update.bin)
        return rows[self.members[update.group, patterns[rows]]]

    def residuals(
        self,
        scores: np.ndarray,
        labels: np.ndarray,
        weight: np.ndarray,
        patterns: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weight of every cell, and its mean label less its mean probability.

        Parameters
        ----------
        scores : ndarray of shape (n_samples,)
            Log odds.
        labels : ndarray of shape (n_samples,)
            0 or 1.
        weight, patterns : ndarray of shape (n_samples,)

        Returns
        -------
        mass, residual : ndarray of shape (n_groups, n_bins)
            The residual is NaN in a cell without weight.
        """
        state = _State(scores, labels, weight, patterns, self)
        mass, total, _ = state.cell_sums()
        missing = np.full(mass.shape, np.nan)
        return mass, np.divide(total, mass, out=missing, where=mass > 0)


@dataclass(frozen=True, eq=False)
class Boosting:
    """Corrections and what they lead to.

    Parameters
    ----------
    updates : tuple of Update
    scores : ndarray of shape (n_samples,)
        Log odds after all updates.
    converged : bool
        Whether no cell of enough weight has a mean residual beyond the tolerance.
    """

    updates: tuple[Update, ...]
    scores: np.ndarray
    converged: bool


class _State:
    """Scores in the course of boosting, with the sums of every pattern and bin."""

    def __init__(
        self,
        scores: np.ndarray,
        labels: np.ndarray,
        weight: np.ndarray,
        patterns: np.ndarray,
        cells: Cells,
    ) -> None:
        self.scores = np.array(scores, dtype=float)
        self.labels, self.weight = labels, weight
        self.patterns, self.cells = patterns, cells
        self.bins = cells.bins(self.scores)
        self.sums = self._sums_of(np.arange(len(labels)))
        self.members = cells.members.astype(float)

    def cell_sums(self) -> np.ndarray:
        """Weight, sum of residuals and variance of each cell: (3, groups, bins)."""
        return self.members @ self.sums

    def worst_cell(self, tolerance: float, min_mass: float) -> tuple[int, int] | None:
        """Among the cells beyond the tolerance, the one of the largest score statistic.

        That is twice the gain in log likelihood of shifting the cell, to second order.
        """
        mass, residual, variance = self.cell_sums()
        large = mass >= max(min_mass, 1e-9 * self.weight.sum())
        wrong = large & (np.abs(residual) > tolerance * mass)
        if not wrong.any():
            return None
        statistic = residual**2 / np.maximum(variance, 1e-300)
        group, place = np.unravel_index(
            np.argmax(np.where(wrong, statistic, -1.0)), wrong.shape
        )
        return int(group), int(place)

    def calibrating_shift(self, rows: np.ndarray) -> float:
        """Shift of the log odds at which the rows' mean residual is 0."""
        scores, weight = self.scores[rows], self.weight[rows]
        positives = weight @ self.labels[rows]
        low, high, shift = -_LARGEST_SHIFT, _LARGEST_SHIFT, 0.0
        for _ in range(_ITERATIONS):  # Newton's method, by bisection where it strays
            probability = expit(scores + shift)
            excess = weight @ probability - positives
            slope = weight @ (probability * (1 - probability))
            low, high = (low, shift) if excess > 0 else (shift, high)
            step = shift - excess / max(slope, 1e-300)
            step = float(np.clip(step, -_LARGEST_SHIFT, _LARGEST_SHIFT))
            if abs(step - shift) < _PRECISION:
                return step
            shift = step if low <= step <= high else (low + high) / 2
        return shift

    def apply(self, rows: np.ndarray, shift: float) -> None:
        """Shift the rows, and carry their sums to the bins that they move to."""
        self.sums -= self._sums_of(rows)
        self.scores[rows] += shift
        self.bins[rows] = self.cells.bins(self.scores[rows])
        self.sums += self._sums_of(rows)

    def _sums_of(self, rows: np.ndarray) -> np.ndarray:
        n_patterns, n_bins = self.cells.members.shape[1], self.cells.n_bins
        cell = self.patterns[rows] * n_bins + self.bins[rows]
        probability, weight = expit(self.scores[rows]), self.weight[rows]
        parts = (
            weight,
            weight * (self.labels[rows] - probability),
            weight * probability * (1 - probability),
        )
        size = n_patterns * n_bins
        sums = [np.bincount(cell, weights=part, minlength=size) for part in parts]
        return np.array(sums).reshape(3, n_patterns, n_bins)


def boost(
    scores: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray,
    patterns: np.ndarray,
    cells: Cells,
    *,
    tolerance: float,
    min_mass: float,
    learning_rate: float,
    max_updates: int,
) -> Boosting:
    """Correct the worst cell until all are calibrated to within the tolerance.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log odds to start from; they must be finite.
    labels : ndarray of shape (n_samples,)
        0 or 1.
    weight : ndarray of shape (n_samples,)
    patterns : ndarray of int of shape (n_samples,)
        Which combination of groups each row belongs to.
    cells : Cells
    tolerance : float
        Largest absolute mean residual of a cell that is let pass.
    min_mass : float
        Cells of less weight are let pass.
    learning_rate : float in (0, 1]
        Share of the calibrating shift that is made.
    max_updates : int

    Returns
    -------
    boosting : Boosting

    Notes
    -----
    The log loss of a cell of mass m (as a share of all) and mean residual r is convex
    in the shift, with slope -m r at 0 and curvature of at most m / 4. So each update
    lowers the mean log loss by at least :math:`2 \\eta m r^2`, and their number is at
    most :math:`(L_0 - L) / (2 \\eta \\gamma \\alpha^2)`.
    """
    state = _State(scores, labels, weight, patterns, cells)
    updates: list[Update] = []
    worst = state.worst_cell(tolerance, min_mass)
    while worst is not None and len(updates) < max_updates:
        rows = cells.rows(Update(*worst, shift=0.0), patterns, state.bins)
        shift = learning_rate * state.calibrating_shift(rows)
        updates.append(Update(*worst, shift=shift))
        state.apply(rows, shift)
        worst = state.worst_cell(tolerance, min_mass)
    return Boosting(tuple(updates), state.scores, worst is None)


def replay(
    scores: np.ndarray,
    updates: Sequence[Update],
    patterns: np.ndarray,
    cells: Cells,
) -> np.ndarray:
    """Apply recorded updates, in their order, to log odds of any rows.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log odds.
    updates : sequence of Update
    patterns : ndarray of int of shape (n_samples,)
    cells : Cells
        With the edges at which the updates were found; patterns may be others.

    Returns
    -------
    scores : ndarray of shape (n_samples,)
    """
    found = np.array(scores, dtype=float)
    for _ in _steps(found, updates, patterns, cells):
        pass
    return found


def log_losses(
    scores: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray,
    updates: Sequence[Update],
    patterns: np.ndarray,
    cells: Cells,
) -> np.ndarray:
    """Total log loss of rows before any update and after each.

    Parameters
    ----------
    scores, labels, weight, patterns : ndarray of shape (n_samples,)
    updates : sequence of Update
    cells : Cells

    Returns
    -------
    losses : ndarray of shape (n_updates + 1,)
        Sums over rows, weighted, in nats.
    """
    found = np.array(scores, dtype=float)
    sign = 1 - 2 * labels
    loss = weight * np.logaddexp(0, sign * found)
    totals = [loss.sum()]
    for rows in _steps(found, updates, patterns, cells):
        loss[rows] = weight[rows] * np.logaddexp(0, sign[rows] * found[rows])
        totals.append(loss.sum())
    return np.array(totals)


def _steps(
    scores: np.ndarray, updates: Sequence[Update], patterns: np.ndarray, cells: Cells
) -> Iterator[np.ndarray]:
    """Apply updates in place, telling after each which rows changed."""
    bins = cells.bins(scores)
    for update in updates:
        rows = cells.rows(update, patterns, bins)
        scores[rows] += update.shift
        bins[rows] = cells.bins(scores[rows])
        yield rows
