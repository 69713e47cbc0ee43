"""The people of a subset scan, the null hypothesis on them, and its replicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from fairlearnkit._columns import as_column
from fairlearnkit._factorize import factorize, factorize_integers, to_numpy
from fairlearnkit.metrics._labels import positive_mask
from fairlearnkit.metrics.scan._attributes import Attribute
from fairlearnkit.metrics.scan._likelihood import Sums
from fairlearnkit.metrics.scan._search import Cells, best_subsets

__all__ = ["People", "Search"]

_CERTAIN = 1e-12  # a probability so near to 0 or 1 counts as 0 or 1
_NOTHING = 1e-9  # a score that is but rounding


@dataclass(frozen=True, eq=False)
class People:
    """Outcomes, and what was expected of them.

    Parameters
    ----------
    outcome : bool ndarray of shape (n_samples,)
    expected : ndarray of shape (n_samples,)
        Probability of the outcome.
    strata : intp ndarray of shape (n_samples,) or None
        Groups of people within which the null hypothesis permutes outcomes; None if it
        draws them.
    """

    outcome: np.ndarray
    expected: np.ndarray
    strata: np.ndarray | None

    @classmethod
    def make(cls, n_samples: int, y_true: Any, y_score: Any, pos_label: Any) -> People:
        """Check the arguments of :func:`subgroup_scan`."""
        y_true = as_column(y_true, "y_true")
        outcome = positive_mask(y_true, "y_true", pos_label)
        _check_length(n_samples, "y_true", outcome)
        people = cls(outcome, *_expectation(y_true, y_score, outcome))
        wrong = ~people.uncertain & (outcome != (people.expected > 0.5))
        if wrong.any():
            raise ValueError(
                f"y_score is 0 or 1 for {wrong.sum()} people whose outcome is the "
                "opposite, which no odds can explain; clip the scores, as in "
                "np.clip(y_score, 0.001, 0.999)."
            )
        return people

    @property
    def uncertain(self) -> np.ndarray:
        """Whose outcome the score leaves open; the others add 0 to every likelihood."""
        return (self.expected > _CERTAIN) & (self.expected < 1 - _CERTAIN)

    def redraw(self, rng: np.random.Generator) -> np.ndarray:
        """Outcomes under the null hypothesis."""
        if self.strata is None:
            return rng.random(len(self.expected)) < self.expected
        outcome = np.empty_like(self.outcome)
        for stratum in range(self.strata.max() + 1):
            rows = np.flatnonzero(self.strata == stratum)
            outcome[rows] = rng.permutation(self.outcome[rows])
        return outcome

    def odds_multiplier(self, members: np.ndarray, direction: str | None) -> float:
        """Multiplier of the odds of these people under which they are likeliest."""
        if direction is None:
            return 1.0
        rows = members & self.uncertain
        logits, outcome = logit(self.expected[rows]), self.outcome[rows]
        side = 1 if direction == "under" else -1
        positive = outcome.sum() if side == 1 else (~outcome).sum()
        sums = Sums(
            np.array([positive]),
            np.array([len(outcome)]),
            np.ones((1, len(outcome))),
            side * logits,
        )
        return float(np.exp(side * sums.best_t()[0]))


@dataclass(frozen=True, eq=False)
class Search:
    """How and where to search.

    Parameters
    ----------
    cells : Cells
        The uncertain people, counted.
    cell : intp ndarray
        Cell of each of them.
    uncertain : bool ndarray of shape (n_samples,)
        Which people they are.
    directions : tuple of {"under", "over"}
    penalty : float
    n_restarts : int
    """

    cells: Cells
    cell: np.ndarray
    uncertain: np.ndarray
    directions: tuple
    penalty: float
    n_restarts: int

    @classmethod
    def make(
        cls,
        attributes: list[Attribute],
        people: People,
        directions: tuple,
        penalty: float,
        n_restarts: int,
    ) -> Search:
        """Count people by the values of all attributes and by score."""
        uncertain = people.uncertain
        codes = np.stack([attribute.codes[uncertain] for attribute in attributes])
        cell = np.zeros(codes.shape[1], dtype=np.intp)
        for row, attribute in zip(codes, attributes, strict=True):
            cell, _ = factorize_integers(cell * len(attribute.labels) + row)
        example = np.zeros(cell.max(initial=-1) + 1, dtype=np.intp)
        example[cell] = np.arange(len(cell))
        cells = Cells.count(
            codes[:, example],
            tuple(len(attribute.labels) for attribute in attributes),
            cell,
            logit(people.expected[uncertain]),
        )
        return cls(cells, cell, uncertain, directions, penalty, n_restarts)

    def count(self, outcome: np.ndarray) -> np.ndarray:
        """Outcomes in each cell."""
        cell = self.cell[outcome[self.uncertain]]
        return np.bincount(cell, minlength=len(self.cells.n)).astype(float)

    def best(
        self, positive: np.ndarray, rng: np.random.Generator
    ) -> tuple[list, str | None, float]:
        """Best values of each attribute, their direction and score, of one data set.

        The direction is None if nothing departs.
        """
        found = self._run(positive[None], rng)
        direction = max(found, key=lambda name: found[name][1][0])
        chosen, score = found[direction]
        if score[0] < _NOTHING:
            return [values[0] for values in chosen], None, 0.0
        return [values[0] for values in chosen], direction, float(score[0])

    def null_scores(
        self, people: People, n_replicates: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Highest scores of data sets made under the null hypothesis."""
        positive = [self.count(people.redraw(rng)) for _ in range(n_replicates)]
        found = self._run(np.stack(positive), rng)
        return np.max([score for _, score in found.values()], axis=0)

    def _run(self, positive: np.ndarray, rng: np.random.Generator) -> dict:
        """Chosen values and scores of each replicate, by direction."""
        found = {}
        for direction in self.directions:
            under = direction == "under"
            found[direction] = best_subsets(
                self.cells if under else self.cells.reversed(),
                positive if under else self.cells.n - positive,
                penalty=self.penalty,
                n_restarts=self.n_restarts,
                rng=rng,
            )
        return found


def _expectation(
    y_true: Any, y_score: Any, outcome: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Expected outcomes, and the strata that they are averages over, if so."""
    n_samples = len(outcome)
    if y_score is None:
        return np.full(n_samples, outcome.mean()), np.zeros(n_samples, dtype=np.intp)
    if np.ndim(y_score) == 0:
        return np.full(n_samples, _probabilities(np.asarray(y_score))), None
    y_score = as_column(y_score, "y_score")
    codes, labels = factorize(y_score, "y_score")
    _check_length(n_samples, "y_score", codes)
    if set(labels) <= set(factorize(y_true, "y_true")[1]):
        rates = np.bincount(codes, weights=outcome) / np.bincount(codes)
        return rates[codes], codes
    return _probabilities(to_numpy(y_score)), None


def _probabilities(values: np.ndarray) -> np.ndarray:
    try:
        scores = values.astype(float)
    except (TypeError, ValueError):
        scores = np.full(1, np.nan)
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(
            "y_score must hold probabilities in [0, 1], or labels of y_true as predict "
            "returns them."
        )
    return scores


def _check_length(n_samples: int, name: str, values: np.ndarray) -> None:
    if len(values) != n_samples:
        raise ValueError(
            f"{name} has {len(values)} rows but X has {n_samples}; pass one value per "
            "row."
        )
