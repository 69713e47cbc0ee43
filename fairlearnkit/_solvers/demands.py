"""What is asked of rates, by constraint, rate and stratum, and their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from fairlearnkit.constraints import Constraint, Rate, as_constraint


@dataclass(frozen=True, eq=False)
class Demand:
    """One rate that must be close between the groups of one stratum.

    Parameters
    ----------
    source : int
        Position of the constraint that asks for it.
    rate : Rate
    coefficients : ndarray of shape (n_cells, 2, 2)
        NaN where the rate is undefined, or the cell belongs to another stratum.
    bound : ndarray of bool of shape (n_cells,)
        Cells that are compared.
    share : ndarray of shape (n_cells,)
        Share of each cell in the people behind the overall rate.
    compare : {"difference", "ratio"}
    overall : bool
        Whether cells are compared to the overall rate, and not to each other.
    band : ndarray of shape (n_cells,)
        How far the rate of new people may lie from the rate of the table.
    """

    source: int
    rate: Rate
    coefficients: np.ndarray
    bound: np.ndarray
    share: np.ndarray
    compare: str
    overall: bool
    band: np.ndarray

    def violation(self, rates: np.ndarray) -> float:
        """Violation of rates given by cell; bands do not count.

        Parameters
        ----------
        rates : ndarray of shape (n_cells,)
        """
        own = rates[self.bound]
        if not len(own):
            return 0.0
        low, high = float(own.min()), float(own.max())
        if not self.overall:
            return _gap(low, high, self.compare)
        middle = float(self.share[self.share > 0] @ rates[self.share > 0])
        gaps = (
            _gap(min(low, middle), middle, self.compare),
            _gap(middle, max(high, middle), self.compare),
        )
        return max(gaps)


def _gap(low: float, high: float, compare: str) -> float:
    if compare == "difference":
        return high - low
    return 1 - low / high if high > 0 else 0.0


def constraints_and_tolerances(
    constraint: Any, tolerance: Any
) -> tuple[list[Constraint], list[float]]:
    """Resolve one constraint or several, and the tolerance of each."""
    several = isinstance(constraint, (list, tuple))
    constraints = [as_constraint(c) for c in (constraint if several else [constraint])]
    if not constraints:
        raise ValueError("constraint is an empty list; name one constraint or more.")
    if isinstance(tolerance, (list, tuple)):
        tolerances = list(tolerance)
        if len(tolerances) != len(constraints):
            raise ValueError(
                f"tolerance has {len(tolerances)} entries, but constraint has "
                f"{len(constraints)}; give one tolerance each, or one number."
            )
    else:
        tolerances = [tolerance] * len(constraints)
    for value in tolerances:
        if not isinstance(value, Real) or not 0 <= float(value) <= 1:
            raise ValueError(f"every tolerance must lie in [0, 1], got {value!r}.")
    return constraints, [float(value) for value in tolerances]


def demands_of(
    constraints: Sequence[Constraint],
    totals: np.ndarray,
    classes: list,
    *,
    strata: np.ndarray,
    bound: np.ndarray,
    overall: bool,
    user: str,
) -> list[Demand]:
    """Write constraints as demands, one for each rate and stratum.

    Parameters
    ----------
    constraints : sequence of Constraint
    totals : ndarray of shape (n_cells, 2)
        Weight of each cell and label.
    classes : list of two labels
    strata : ndarray of shape (n_cells,)
        Stratum of each cell.
    bound : ndarray of bool of shape (n_cells,)
        False for cells that are left out of all constraints.
    overall : bool
    user : str
        Who needs linear rates, for the error message.
    """
    found = []
    for source, constraint in enumerate(constraints):
        parts = constraint.coefficients(totals, classes, user=user)
        for rate, part in zip(constraint.rates(classes), parts, strict=True):
            base = totals @ np.array(rate.denominator)[:, 0]
            for stratum in np.unique(strata):
                inside = (strata == stratum) & (base > 0)
                compared = inside & bound
                if compared.sum() < (1 if overall else 2):
                    continue
                demand = Demand(
                    source=source,
                    rate=rate,
                    coefficients=np.where(inside[:, None, None], part, np.nan),
                    bound=compared,
                    share=np.where(inside, base, 0) / base[inside].sum(),
                    compare=constraint.compare,
                    overall=overall,
                    band=np.zeros(len(totals)),
                )
                found.append(demand)
    return found


def with_bands(
    demands: Sequence[Demand],
    totals: np.ndarray,
    squares: np.ndarray,
    confidence_level: float,
) -> list[Demand]:
    """Give every demand its Dvoretzky-Kiefer-Wolfowitz-Massart bands.

    All bands hold at once, at all thresholds, with a probability of `confidence_level`:
    the error is shared out evenly among the distributions that are estimated.

    Parameters
    ----------
    demands : sequence of Demand
    totals, squares : ndarray of shape (n_cells, 2)
        Weight, and sum of squared weights, of each cell and label.
    confidence_level : float in (0, 1)

    Raises
    ------
    ValueError
        If a rate does not count each of its people once.
    """
    # Demands of the same rate in the same stratum speak of the same distributions.
    pieces = {_key(demand): _pieces(demand.rate) for demand in demands}
    cells = {_key(demand): int(demand.bound.sum()) for demand in demands}
    n_bands = sum(len(pieces[key]) * cells[key] for key in pieces)
    wrong = (1 - confidence_level) / max(n_bands, 1)
    found = []
    for demand in demands:
        counted = np.array(demand.rate.denominator)[:, 0] > 0
        people = effective_people(totals, squares, counted)
        with np.errstate(divide="ignore"):
            width = np.sqrt(np.log(2 / wrong) / (2 * people))
        band = sum(pieces[_key(demand)]) * width
        found.append(replace(demand, band=np.where(demand.bound, band, np.nan)))
    return found


def effective_people(
    totals: np.ndarray, squares: np.ndarray, counted: np.ndarray
) -> np.ndarray:
    """Effective number of people of the counted labels, by cell."""
    weight, square = totals @ counted, squares @ counted
    return np.divide(weight**2, square, out=np.zeros_like(weight), where=square > 0)


def _key(demand: Demand) -> tuple:
    rate = demand.rate
    return rate.numerator, rate.denominator, demand.bound.tobytes()


def _pieces(rate: Rate) -> list[float]:
    """Factors of the distribution functions that a rate is a sum of.

    A rate that counts all labels of its base alike is one distribution function; any
    other is a sum over the labels, each a share of the whole base.
    """
    top, base = np.array(rate.numerator), np.array(rate.denominator)[:, 0]
    if not np.isin(base, (0, 1)).all():
        raise ValueError(
            f"confidence_level needs rates whose base counts each person once, but "
            f"that of {rate.name} weighs labels by {base.tolist()}."
        )
    outside = top[base == 0]
    top = top[base == 1]
    if outside.any():
        raise ValueError(
            f"confidence_level needs rates that are shares of their base, but "
            f"{rate.name} counts people outside of it."
        )
    step = np.abs(top[:, 1] - top[:, 0])
    if (top == top[0]).all():
        return [float(step[0])]
    # Of a label that counts under one decision only, the other one adds no error.
    factors = np.minimum(np.abs(top[:, 0]), np.abs(top[:, 1])) + step
    return [float(factor) for factor in factors if factor > 0]
