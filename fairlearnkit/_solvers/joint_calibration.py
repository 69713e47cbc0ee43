"""Calibration of P(group, label | x): two temperatures and an offset for each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

__all__ = ["JointCalibration", "joint_chances"]

_RIDGE = 1e-7  # settles the offset of a cell that nobody is in
_STEPS = 100


@dataclass(frozen=True, eq=False)
class JointCalibration:
    """A correction of the joint chances of group and label.

    The log chances are multiplied by a slope, one for the label and one for the group
    given the label, and every cell (group, label) gets an offset; then they are
    normalised. At the optimum the mean chance of every cell equals its observed share.

    Parameters
    ----------
    label_slope, group_slope : float
        Below 1 where the model is too sure.
    offsets : ndarray of shape (n_groups, n_classes)
    """

    label_slope: float
    group_slope: float
    offsets: np.ndarray

    @classmethod
    def fit(
        cls,
        label: np.ndarray,
        group: np.ndarray,
        cells: tuple[np.ndarray, np.ndarray],
        weight: np.ndarray,
        *,
        known_groups: bool = False,
    ) -> JointCalibration:
        """Maximise the likelihood of the observed groups and labels.

        Parameters
        ----------
        label : ndarray of shape (n_rows, n_classes)
            P(label | x).
        group : ndarray of shape (n_rows, n_groups, n_classes or 1)
            P(group | label, x), or P(group | x).
        cells : pair of ndarray of shape (n_rows,)
            Positions of the observed group and label.
        weight : ndarray of shape (n_rows,)
            Weights that sum to 1.
        known_groups : bool
            Whether `group` is 0 or 1, so that it has nothing to calibrate.
        """
        parts = _log_label(label), _log_group(group, known_groups)
        problem = _Likelihood(parts, cells, weight)
        found = problem.maximum()
        return cls(
            float(found[0]), float(found[1]), found[2:].reshape(problem.share.shape)
        )

    def joint(
        self, label: np.ndarray, group: np.ndarray, *, known_groups: bool = False
    ) -> np.ndarray:
        """Calibrated chances, of shape (n_rows, n_groups, n_classes).

        Parameters
        ----------
        label, group, known_groups
            As in `fit`.
        """
        score = self.label_slope * _log_label(label)
        score = score + self.group_slope * _log_group(group, known_groups)
        score += self.offsets
        return np.exp(score - logsumexp(score, axis=(1, 2), keepdims=True))


class _Likelihood:
    """Minus the mean log likelihood in two slopes and the offsets, with derivatives."""

    def __init__(
        self,
        parts: tuple[np.ndarray, np.ndarray],
        cells: tuple[np.ndarray, np.ndarray],
        weight: np.ndarray,
    ):
        shape = parts[1].shape[1], parts[0].shape[2]
        rows = np.arange(len(weight))
        self._weight = weight
        self.share = np.zeros(shape)
        np.add.at(self.share, cells, weight)
        full = [np.broadcast_to(part, (len(weight), *shape)) for part in parts]
        self._target = [weight @ part[rows, cells[0], cells[1]] for part in full]
        self._parts = [part.reshape(len(weight), -1) for part in full]

    def maximum(self) -> np.ndarray:
        """Slopes and offsets at the optimum, by Newton's method with backtracking."""
        free = np.concatenate([np.ones(2), np.zeros(self.share.size)])
        height, chance = self._height(free)
        for _ in range(_STEPS):
            gradient, hessian = self._derivatives(free, chance)
            step = -np.linalg.solve(hessian, gradient)
            drop = gradient @ step
            if drop > -1e-15:
                break
            size = 1.0
            while size > 1e-8:
                other, other_chance = self._height(free + size * step)
                if other <= height + 1e-4 * size * drop:
                    break
                size /= 2
            else:
                break
            free, height, chance = free + size * step, other, other_chance
        return free

    def _height(self, free: np.ndarray) -> tuple[float, np.ndarray]:
        score = free[0] * self._parts[0] + free[1] * self._parts[1] + free[2:]
        total = logsumexp(score, axis=1)
        value = self._weight @ total - free[:2] @ self._target
        value -= free[2:] @ self.share.ravel()
        value += _RIDGE / 2 * ((free - _at_rest(free)) ** 2).sum()
        return float(value), np.exp(score - total[:, None])

    def _derivatives(
        self, free: np.ndarray, chance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        weighted = self._weight[:, None] * chance
        mean = np.column_stack([(chance * part).sum(axis=1) for part in self._parts])
        slopes = [(weighted * part).sum(axis=0) for part in self._parts]
        gradient = np.concatenate(
            [
                self._weight @ mean - self._target,
                weighted.sum(axis=0) - self.share.ravel(),
            ]
        )
        moments = np.hstack([mean, chance])
        hessian = -moments.T @ (self._weight[:, None] * moments)
        cross = np.array(slopes)
        hessian[:2, 2:] += cross
        hessian[2:, :2] += cross.T
        hessian[2:, 2:] += np.diag(weighted.sum(axis=0))
        for j, first in enumerate(self._parts):
            for k, second in enumerate(self._parts):
                hessian[j, k] += (weighted * first * second).sum()
        hessian += _RIDGE * np.eye(len(free))
        return gradient + _RIDGE * (free - _at_rest(free)), hessian


def _at_rest(free: np.ndarray) -> np.ndarray:
    """What the ridge pulls to: slopes of 1 and offsets of 0."""
    return (np.arange(len(free)) < 2).astype(float)


def joint_chances(label: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Chances of group and label as they come, of shape (n_rows, n_groups, n_classes).

    Parameters
    ----------
    label : ndarray of shape (n_rows, n_classes)
    group : ndarray of shape (n_rows, n_groups, n_classes or 1)
    """
    return group * label[:, None, :]


def _log_label(label: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(label, 1e-9))[:, None, :]


def _log_group(group: np.ndarray, known_groups: bool) -> np.ndarray:
    """A group known not to be a row's must keep a chance of 0."""
    return np.log(np.maximum(group, 1e-300 if known_groups else 1e-9))
