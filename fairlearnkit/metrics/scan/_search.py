"""The search of the subset scan: people counted by cell in, the best subset out.

A cell is a combination of values of all attributes. The search looks for more outcomes
than expected; fewer are found with outcomes reversed (:meth:`Cells.reversed`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlearnkit.metrics.scan._likelihood import Sums, spread_over_nodes

__all__ = ["Cells", "best_subsets", "best_values"]

_LEAST_GAIN = 1e-8  # with less the ascent stops


@dataclass(frozen=True, eq=False)
class Cells:
    """People counted by cell and score, which is all that the search needs of them.

    Parameters
    ----------
    codes : intp ndarray of shape (n_attributes, n_cells)
        Value of each cell in each attribute.
    n_values : tuple of int
        Number of values of each attribute.
    n : ndarray of shape (n_cells,)
        People of each cell.
    mass : ndarray of shape (n_cells, n_nodes)
        People of each cell at each of the log-odds.
    logits : ndarray of shape (n_nodes,)
    """

    codes: np.ndarray
    n_values: tuple
    n: np.ndarray
    mass: np.ndarray
    logits: np.ndarray

    @classmethod
    def count(
        cls, codes: np.ndarray, n_values: tuple, cell: np.ndarray, logit: np.ndarray
    ) -> Cells:
        """Count people by cell, given the log-odds of their scores."""
        n_cells = codes.shape[1]
        logits, mass = spread_over_nodes(cell, logit, n_cells)
        n = np.bincount(cell, minlength=n_cells)
        return cls(codes, n_values, n, mass, logits)

    def reversed(self) -> Cells:
        """Return the cells as they expect the opposite outcome."""
        return Cells(self.codes, self.n_values, self.n, self.mass, -self.logits)

    def misses(self, chosen: list) -> np.ndarray:
        """In how many attributes a cell has a value that is not chosen."""
        outside = [
            ~values[:, codes] for values, codes in zip(chosen, self.codes, strict=True)
        ]
        return np.stack(outside).sum(axis=0, dtype=np.int16)

    def sums_by_value(
        self, attribute: int, inside: np.ndarray, positive: np.ndarray
    ) -> Sums:
        """Add the cells up by the values of one attribute.

        Parameters
        ----------
        attribute : int
        inside : bool ndarray of shape (n_runs, n_cells)
            The cells to add, in each run.
        positive : ndarray of shape (n_runs, n_cells)
            Outcomes of each cell, in each run.

        Returns
        -------
        sums : Sums of shape (n_runs, n_values)
        """
        shape = (len(inside), self.n_values[attribute])
        outcomes, people = np.empty(shape), np.empty(shape)
        mass = np.empty((*shape, len(self.logits)))
        order = np.argsort(self.codes[attribute], kind="stable")
        counts = np.bincount(self.codes[attribute], minlength=shape[1])
        for value, cells in enumerate(np.split(order, np.cumsum(counts)[:-1])):
            member = inside[:, cells].astype(float)
            outcomes[:, value] = (member * positive[:, cells]).sum(axis=1)
            people[:, value] = member @ self.n[cells]
            mass[:, value] = member @ self.mass[cells]
        return Sums(outcomes, people, mass, self.logits)


def best_values(sums: Sums, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the subset of the values of one attribute with the highest score.

    The score of a subset is the largest over t of the sum of its values' gains less
    `penalty` for each. At the best t exactly the values with a positive contribution
    belong in it, and each contributes on one interval of t. So between two
    neighbouring ends of intervals the subset is the same, and of all subsets only these
    few can be best. The subset of all values is free of penalty.

    Parameters
    ----------
    sums : Sums of shape (n_runs, n_values)
    penalty : float

    Returns
    -------
    chosen : bool ndarray of shape (n_runs, n_values)
    score : ndarray of shape (n_runs,)
    """
    low, high = sums.profitable(penalty)
    n_values = low.shape[1]
    # Events in descending order of t: a value comes in at its upper end and leaves at
    # its lower one, which without a penalty is 0 for all.
    ends = np.hstack([high, low]) if penalty > 0 else high
    order = np.argsort(-ends, axis=1, kind="stable")
    value = order % n_values
    sign = np.where(order < n_values, 1, -1) * np.take_along_axis(high > low, value, 1)

    def running(part: np.ndarray) -> np.ndarray:
        steps = part[np.arange(len(part))[:, None], value]
        return np.cumsum(steps * sign.reshape(sign.shape + (1,) * (part.ndim - 2)), 1)

    subsets = Sums(
        running(sums.positive), running(sums.n), running(sums.mass), sums.logits
    )
    score = subsets.best_gain() - penalty * np.cumsum(sign, axis=1)
    best = score.argmax(axis=1)[:, None]
    rank = np.argsort(order, axis=1)
    chosen = (high > low) & (rank[:, :n_values] <= best)
    if penalty > 0:
        chosen &= rank[:, n_values:] > best
    score = np.take_along_axis(score, best, axis=1)[:, 0]
    everything = Sums(
        sums.positive.sum(axis=1),
        sums.n.sum(axis=1),
        sums.mass.sum(axis=1),
        sums.logits,
    ).best_gain()
    simpler = everything >= score - _LEAST_GAIN / 2
    return chosen | simpler[:, None], np.where(simpler, everything, score)


def best_subsets(
    cells: Cells,
    positive: np.ndarray,
    *,
    penalty: float,
    n_restarts: int,
    rng: np.random.Generator,
) -> tuple[list, np.ndarray]:
    """Search for the subset with the highest score, in each of several replicates.

    Every run starts from random values of every attribute, the first from all, and
    goes through the attributes in random order, with the best values of each given
    those of the others, until a round no longer helps.

    Parameters
    ----------
    cells : Cells
    positive : ndarray of shape (n_replicates, n_cells)
        Outcomes of each cell.
    penalty : float
    n_restarts : int
    rng : Generator

    Returns
    -------
    chosen : list of bool ndarray of shape (n_replicates, n_values)
        The values of each attribute; all of them where it does not matter.
    score : ndarray of shape (n_replicates,)
    """
    n_replicates = len(positive)
    replicate = np.repeat(np.arange(n_replicates), n_restarts)
    chosen = _starts(cells.n_values, n_replicates, n_restarts, rng)
    score = np.full(len(replicate), -np.inf)
    running = np.arange(len(replicate))
    while len(running):
        before = score[running]
        part = [values[running] for values in chosen]
        score[running] = _one_round(
            cells, positive[replicate[running]], part, penalty, rng
        )
        for values, improved in zip(chosen, part, strict=True):
            values[running] = improved
        running = running[score[running] > before + _LEAST_GAIN]
    best = score.reshape(n_replicates, n_restarts).argmax(axis=1)
    runs = np.arange(n_replicates) * n_restarts + best
    return [values[runs] for values in chosen], score[runs]


def _starts(
    n_values: tuple, n_replicates: int, n_restarts: int, rng: np.random.Generator
) -> list:
    """Values that the runs start from, a random half of each attribute."""
    chosen = []
    for size in n_values:
        values = rng.random((n_replicates, n_restarts, size)) < 0.5
        values |= ~values.any(axis=2, keepdims=True)
        values[:, 0] = True
        chosen.append(values.reshape(-1, size))
    return chosen


def _one_round(
    cells: Cells,
    positive: np.ndarray,
    chosen: list,
    penalty: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Improve the attributes of every run in turn, in place; the scores afterwards."""
    misses = cells.misses(chosen)
    price = penalty * np.stack([_n_restricted(values) for values in chosen])
    for attribute in rng.permutation(len(chosen)):
        codes = cells.codes[attribute]
        misses -= ~chosen[attribute][:, codes]
        sums = cells.sums_by_value(attribute, misses == 0, positive)
        chosen[attribute], score = best_values(sums, penalty)
        misses += ~chosen[attribute][:, codes]
        price[attribute] = 0
        total = score - price.sum(axis=0)
        price[attribute] = penalty * _n_restricted(chosen[attribute])
    return total


def _n_restricted(values: np.ndarray) -> np.ndarray:
    """Values that count towards the penalty: none if all of them are chosen."""
    return np.where(values.all(axis=1), 0, values.sum(axis=1))
