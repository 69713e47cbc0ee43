"""The nearest point that keeps linear forms within bounds."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lstsq, svd
from scipy.optimize import nnls

__all__ = ["nearest_within", "project_out"]

_ROUNDING = 1e-9
_RANK = 1e-10  # of rows of unit length: less is a rounding error of dependent rows


def project_out(target: np.ndarray, rows: np.ndarray, limit: float) -> np.ndarray:
    """Nearest point to `target` at which every row vanishes.

    Directions whose singular value is at most `limit` count as rounding errors.
    """
    _, sizes, right = svd(rows, full_matrices=False, check_finite=False)
    held = right[sizes > limit]
    once = target - held.T @ (held @ target)
    return once - held.T @ (held @ once)


def nearest_within(
    target: np.ndarray,
    forms: np.ndarray,
    bound: float,
    *,
    offset: np.ndarray | None = None,
    floor: float = 0.0,
) -> np.ndarray | None:
    """Nearest point a to `target` with ``|forms @ a + offset| <= bound``.

    A least distance program, solved through its dual, a non-negative least squares
    problem (Lawson and Hanson 1974, chapter 23), then exactly on the bounds that bind.

    Parameters
    ----------
    target : ndarray of shape (n,)
    forms : ndarray of shape (n_forms, n)
    bound : float
        Not negative. 0 asks for equality.
    offset : ndarray of shape (n_forms,), default=None
        None means 0.
    floor : float, default=0.0
        Rows of this length or less are rounding errors and count as 0.

    Returns
    -------
    a : ndarray of shape (n,), or None if there is no such point
    """
    size = np.linalg.norm(forms, axis=1)
    live = size > floor
    start = np.zeros(len(forms)) if offset is None else offset
    if (np.abs(start[~live]) > bound + _ROUNDING).any():
        return None
    size, forms = size[live], forms[live]
    at = forms @ target + start[live]
    if (np.abs(at) <= bound * (1 + 1e-12)).all():
        return target
    rows, at, limit = forms / size[:, None], at / size, bound / size
    if bound > 0:
        return _within(target, rows, at, limit)
    if offset is None:
        return project_out(target, rows, _RANK)
    step = lstsq(rows, -at, cond=_RANK)[0]
    missed = np.abs(rows @ step + at).max()
    return None if missed > _ROUNDING * (1 + np.abs(at).max()) else target + step


def _within(
    target: np.ndarray, forms: np.ndarray, at: np.ndarray, limit: np.ndarray
) -> np.ndarray | None:
    """Shortest step x with ``-limit <= at + forms @ x <= limit``."""
    rows = np.concatenate([forms, -forms])
    floor = np.concatenate([-limit - at, at - limit])  # rows @ x >= floor
    scale = floor.max()
    dual = np.vstack([rows.T, floor / scale])
    goal = np.zeros(len(dual))
    goal[-1] = 1.0
    prices, distance = nnls(dual, goal, maxiter=50 * len(rows) + 100)
    if distance <= 1e-7:
        return None
    residual = dual @ prices - goal
    step = -scale * residual[:-1] / residual[-1]
    binding = prices > 1e-12 * prices.max()
    exact = lstsq(rows[binding], floor[binding], cond=_RANK)[0]
    allowed = floor - _ROUNDING * scale
    return target + (exact if (rows @ exact >= allowed).all() else step)
