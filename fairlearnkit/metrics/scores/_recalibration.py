"""Logistic recalibration: observed labels regressed on predicted log odds.

The log odds of being positive are taken to be ``intercept + slope * log odds
predicted``. A calibrated score has intercept 0 and slope 1. All is read off a table of
scores, by Newton's method.
"""

import numpy as np
from scipy.special import expit, log_expit, logit

from fairlearnkit.metrics._estimates import Means

_ITERATIONS = 100
_TOLERANCE = 1e-12


def read_intercept(table, name="calibration_intercept"):
    """Read the intercept at a slope of 1 of every group off a table of probabilities.

    Parameters
    ----------
    table : ScoreTable
        Of two classes, the positive one last.
    name : str

    Returns
    -------
    estimates : Means
        NaN for a group with one label only.
    """
    return _read(table, name, _intercept)


def read_slope(table, name="calibration_slope"):
    """Read the slope of every group off a table of probabilities.

    Parameters
    ----------
    table : ScoreTable
        Of two classes, the positive one last.
    name : str

    Returns
    -------
    estimates : Means
        NaN for a group with one label only, with labels that the scores separate, or
        with one score only.
    """
    return _read(table, name, _slope)


def check_log_odds(scores):
    """Refuse probabilities whose log odds are infinite.

    Raises
    ------
    ValueError
        If any is 0 or 1.
    """
    extreme = int(((scores <= 0) | (scores >= 1)).sum())
    if extreme:
        raise ValueError(
            f"y_pred holds {extreme} probabilities of exactly 0 or 1, whose log odds "
            "are infinite; clip them first, as in np.clip(y_pred, 1e-6, 1 - 1e-6)."
        )


def _read(table, name, fit):
    found, sizes = [], []
    for group in range(len(table.groups)):
        rows = table.rows(group)
        weights, squares = table.weights[rows], table.squares[rows]
        found.append(fit(logit(table.scores[rows]), weights, squares))
        square = squares.sum()
        sizes.append(weights.sum() ** 2 / square if square > 0 else 0.0)
    values, errors = np.array(found).T
    return Means(
        name=name,
        groups=table.groups,
        values=values,
        n=np.array(sizes),
        names=table.names,
        error=errors,
    )


def _intercept(odds, weights, squares):
    """Intercept at a slope of 1, and its standard error (sandwich, HC3)."""
    if (weights.sum(axis=0) <= 0).any():
        return np.nan, np.nan
    design = np.ones((len(odds), 1))
    total = weights.sum(axis=1)
    base_rate = weights[:, 1].sum() / total.sum()
    start = np.array([logit(base_rate) - np.average(odds, weights=total)])
    coefficients = _newton(design, odds, weights, start)
    return _with_error(design, odds, weights, squares, coefficients, power=2)


def _slope(odds, weights, squares):
    """Slope, and its standard error (sandwich, HC2)."""
    if not _overlap(odds, weights):
        return np.nan, np.nan
    # In units of their spread, for numbers of any size.
    total = weights.sum(axis=1)
    centre = np.average(odds, weights=total)
    scale = np.sqrt(np.average((odds - centre) ** 2, weights=total))
    design = np.stack([np.ones(len(odds)), (odds - centre) / scale], axis=1)
    start = np.array([logit(weights[:, 1].sum() / total.sum()), 0.0])
    offset = np.zeros(len(odds))
    coefficients = _newton(design, offset, weights, start)
    value, error = _with_error(design, offset, weights, squares, coefficients, power=1)
    return value / scale, error / scale


def _overlap(odds, weights):
    """Whether neither label scores wholly at or above the other: a slope exists."""
    negative, positive = (odds[weights[:, k] > 0] for k in (0, 1))
    if not len(negative) or not len(positive):
        return False
    return positive[0] < negative[-1] and negative[0] < positive[-1]


def _newton(design, offset, weights, start):
    """Maximise the likelihood; a step is halved until it rises."""
    coefficients = start
    best = _log_likelihood(design, offset, weights, coefficients)
    for _ in range(_ITERATIONS):
        share = expit(offset + design @ coefficients)
        total = weights.sum(axis=1)
        gradient = design.T @ (weights[:, 1] - total * share)
        information = _information(design, total * share * (1 - share))
        step = np.linalg.solve(information, gradient)
        size = 1.0
        while size > _TOLERANCE:
            moved = coefficients + size * step
            reached = _log_likelihood(design, offset, weights, moved)
            if reached >= best - _TOLERANCE * abs(best):  # or lower by rounding alone
                break
            size /= 2
        coefficients, best = moved, reached
        if np.abs(size * step).max() < _TOLERANCE:
            break
    return coefficients


def _log_likelihood(design, offset, weights, coefficients):
    odds = offset + design @ coefficients
    return (weights[:, 1] * log_expit(odds) + weights[:, 0] * log_expit(-odds)).sum()


def _information(design, weight):
    return design.T @ (weight[:, None] * design)


def _with_error(design, offset, weights, squares, coefficients, power):
    """Last coefficient and its robust standard error, corrected for leverage."""
    share = expit(offset + design @ coefficients)
    rate = share * (1 - share)
    bread = np.linalg.inv(_information(design, weights.sum(axis=1) * rate))
    leverage = rate * np.einsum("ij,jk,ik->i", design, bread, design)
    squared_errors = np.stack([share**2, (1 - share) ** 2], axis=1)
    own = np.divide(squares, weights, out=np.zeros_like(weights), where=weights > 0)
    kept = np.maximum(1 - own * leverage[:, None], 1e-6)
    meat = (squares * squared_errors / kept**power).sum(axis=1)
    return coefficients[-1], np.sqrt((bread[-1] @ design.T) ** 2 @ meat)
