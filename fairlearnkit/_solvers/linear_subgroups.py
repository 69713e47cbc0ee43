"""The linear threshold group on which a signed sum is greatest: the auditor's search.

Finding the best half space is hard in general (agnostic learning of half spaces), so
the search is a heuristic whose answer is a valid lower bound. Kearns et al. (2018,
doi:10.48550/arXiv.1711.05144) regress the costs on the features and cut at zero. Here
that direction is one start among several; every direction is cut at its best threshold,
and coordinates are then moved one by one, each to its exact optimum given the others.
Conjunctions of categories, half spaces too, are searched exhaustively.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from scipy.linalg import lstsq
from scipy.special import expit

_MOST_COLUMNS = 10  # of categories in a conjunction of any length; else three at most
_FEW = 2000  # points, for which more can be tried at once
# Random directions, and starts from which coordinates are moved: in haste, thoroughly.
_EFFORT, _EFFORT_IF_FEW = ((0, 2), (8, 6)), ((8, 4), (60, 20))


@dataclass(frozen=True, eq=False)
class Points:
    """Distinct people, each as often as the mass says.

    Parameters
    ----------
    features : ndarray of shape (n_points, n_features)
        Numbers, and one column for each category.
    mass : ndarray of shape (n_points,)
    levels : ndarray of int of shape (n_points, n_categorical)
        Column of `features` that is 1, for each categorical feature.
    """

    features: np.ndarray
    mass: np.ndarray
    levels: np.ndarray


@dataclass(frozen=True, eq=False)
class HalfSpace:
    """Points with ``features @ direction > threshold``.

    Parameters
    ----------
    direction : ndarray of shape (n_features,)
    threshold : float
    members : ndarray of bool of shape (n_points,)
    total : float
        Sum of the values of the members.
    """

    direction: np.ndarray
    threshold: float
    members: np.ndarray
    total: float


def greatest_half_space(
    points: Points,
    values: np.ndarray,
    *,
    starts: Iterable[np.ndarray] = (),
    thorough: bool = True,
) -> HalfSpace:
    """Find the half space whose members' values have the sum farthest from zero.

    Parameters
    ----------
    points : Points
    values : ndarray of shape (n_points,)
    starts : iterable of ndarray of shape (n_features,)
        Directions to try as well.
    thorough : bool, default=True
        Whether to try random directions as well, always the same ones, and to move the
        coordinates from more starts.

    Returns
    -------
    half_space : HalfSpace
        Of a group and its complement, whose sums differ in sign only if all values sum
        to zero, the one of less mass.
    """
    features = points.features
    n_random, refined = (_EFFORT_IF_FEW if len(values) <= _FEW else _EFFORT)[thorough]
    directions = [*_directions(points, values, n_random), *starts]
    found = [cut_best(features, values, direction) for direction in directions]
    named = greatest_conjunction(points, values)
    found += named
    found.sort(key=lambda half: -abs(half.total))
    improved = [_climb(features, values, half) for half in found[:refined]]
    best = max([found[0], *improved], key=lambda half: abs(half.total))
    if named and abs(named[0].total) >= abs(best.total) * (1 - 1e-9):
        best = named[0]  # as bad, and in words
    return _lighter(points, values, best)


def cut_best(
    features: np.ndarray, values: np.ndarray, direction: np.ndarray
) -> HalfSpace:
    """Cut a direction where the sum of values beyond the cut is farthest from zero."""
    scores = features @ direction
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    sums = np.append(0.0, np.cumsum(values[order]))
    span = max(float(np.abs(ordered).max()), 1e-300)
    apart = np.flatnonzero(ordered[:-1] - ordered[1:] > 1e-10 * span) + 1
    cuts = np.concatenate([[0], apart, [len(order)]])
    count = cuts[np.argmax(np.abs(sums[cuts]))]
    if count == 0:
        threshold = ordered[0] + span
    elif count == len(order):
        threshold = ordered[-1] - span
    else:
        threshold = (ordered[count - 1] + ordered[count]) / 2
    members = scores > threshold
    return HalfSpace(direction, float(threshold), members, float(values[members].sum()))


def greatest_conjunction(points: Points, values: np.ndarray) -> list[HalfSpace]:
    """Find the best conjunction of categories of each set of columns, as half spaces.

    Every one is a half space: its indicators sum to more than their number less 1/2.
    """
    width = points.levels.shape[1]
    longest = width if width <= _MOST_COLUMNS else 3
    sizes = range(1, longest + 1)
    best: HalfSpace | None = None
    for columns in chain.from_iterable(combinations(range(width), k) for k in sizes):
        keys, place = np.unique(
            points.levels[:, list(columns)], axis=0, return_inverse=True
        )
        place = place.ravel()
        sums = np.bincount(place, weights=values)
        top = int(np.argmax(np.abs(sums)))
        if best is not None and abs(sums[top]) <= abs(best.total) * (1 + 1e-12):
            continue
        direction = np.zeros(points.features.shape[1])
        direction[keys[top]] = 1.0
        best = HalfSpace(direction, len(columns) - 0.5, place == top, float(sums[top]))
    return [] if best is None else [best]


def _directions(points: Points, values: np.ndarray, n_random: int) -> list[np.ndarray]:
    """Regressions of the values, the axes, and random directions."""
    features, width = points.features, points.features.shape[1]
    mass = np.sqrt(points.mass)
    centred = features - np.average(features, axis=0, weights=points.mass)
    target = np.divide(values, mass, np.zeros_like(values), where=mass > 0)
    found = [lstsq(centred * mass[:, None], target)[0], values @ centred]
    found.append(_classify(centred, values))
    found += list(np.eye(width))
    random = np.random.default_rng(0).normal(size=(n_random, width))
    found += list(random)
    return [direction for direction in found if np.any(direction)]


def _classify(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Logistic regression of the sign of the values, weighted by their size."""
    weight, label = np.abs(values), (values > 0).astype(float)
    if not weight.any():
        return np.zeros(features.shape[1])
    weight = weight / weight.sum()
    design = np.column_stack([features, np.ones(len(features))])
    scale = np.maximum(np.sqrt((design**2).mean(axis=0)), 1e-12)
    design = design / scale
    theta = np.zeros(design.shape[1])
    for _ in range(8):
        chance = expit(design @ theta)
        slope = design.T @ (weight * (chance - label)) + 1e-3 * theta
        bend = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        theta = theta - lstsq(bend + 1e-3 * np.eye(len(theta)), slope)[0]
    return (theta / scale)[:-1]


def _climb(features: np.ndarray, values: np.ndarray, start: HalfSpace) -> HalfSpace:
    """Move one coordinate at a time, and the threshold, while the sum grows."""
    best = start
    for _ in range(20):
        before = abs(best.total)
        for column in range(features.shape[1]):
            moved = _best_coordinate(features, values, best, column)
            if abs(moved.total) > abs(best.total) * (1 + 1e-9) + 1e-15:
                best = cut_best(features, values, moved.direction)
                best = best if abs(best.total) >= abs(moved.total) else moved
        if abs(best.total) <= before * (1 + 1e-6) + 1e-15:
            return best
    return best


def _best_coordinate(
    features: np.ndarray, values: np.ndarray, half: HalfSpace, column: int
) -> HalfSpace:
    """Put one coordinate where the sum of the members is farthest from zero."""
    own = features[:, column]
    rest = features @ half.direction - own * half.direction[column] - half.threshold
    moves = own != 0
    at = -rest[moves] / own[moves]  # where a point enters (own > 0) or leaves
    order = np.argsort(at, kind="stable")
    at = at[order]
    change = (np.sign(own[moves]) * values[moves])[order]
    first = values[~moves & (rest > 0)].sum() + values[own < 0].sum()
    sums = first + np.append(0.0, np.cumsum(change))
    span = max(float(np.abs(at).max()), 1e-300) if len(at) else 1.0
    apart = np.flatnonzero(at[1:] - at[:-1] > 1e-10 * span) + 1
    cuts = np.concatenate([[0], apart, [len(at)]]) if len(at) else np.zeros(1, int)
    count = cuts[np.argmax(np.abs(sums[cuts]))]
    if not len(at):
        coordinate = 0.0
    elif count == 0:
        coordinate = at[0] - span
    elif count == len(at):
        coordinate = at[-1] + span
    else:
        coordinate = (at[count - 1] + at[count]) / 2
    direction = half.direction.copy()
    direction[column] = coordinate
    members = rest + own * coordinate > 0
    return HalfSpace(direction, half.threshold, members, float(values[members].sum()))


def _lighter(points: Points, values: np.ndarray, half: HalfSpace) -> HalfSpace:
    """The group or its complement, whichever is meant more plausibly."""
    inside = points.mass[half.members].sum()
    other = values[~half.members].sum()
    as_far = abs(other) >= abs(half.total) * (1 - 1e-9)
    if not as_far or inside <= points.mass.sum() / 2:
        return half
    return HalfSpace(-half.direction, -half.threshold, ~half.members, float(other))
