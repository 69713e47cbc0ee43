"""One rate, any number of groups: the exact optimum and frontier in one sweep.

Group g has a concave, piecewise linear value of its rate. Rates may lie anywhere in a
window [low, high]; the best choice leaves a group at its own optimum if that lies in
the window and puts it on the nearer end otherwise. So the loss is a convex function of
`low` plus a convex function of `high`, and the cheaper side is moved first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Envelope:
    """Value of a group as a concave function of its rate, by its vertices."""

    rate: np.ndarray
    value: np.ndarray

    @property
    def best(self) -> tuple[int, int]:
        """First and last vertex of the flat top."""
        top = np.flatnonzero(self.value >= self.value.max() - 1e-15)
        return int(top[0]), int(top[-1])


@dataclass(frozen=True, eq=False)
class Frontier:
    """Every optimal trade of value against violation.

    Parameters
    ----------
    violation : ndarray of shape (n_points,), ascending
    value : ndarray of shape (n_points,)
        Best value at that violation.
    low, high : ndarray of shape (n_points,)
        The window of rates that attains it.
    """

    violation: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def window(self, tolerance: float) -> tuple[float, float]:
        """Optimal window at a tolerance, or at the nearest one attainable."""
        low = np.interp(tolerance, self.violation, self.low)
        return float(low), float(np.interp(tolerance, self.violation, self.high))


@dataclass(frozen=True, eq=False)
class _Loss:
    """A convex piecewise linear loss of moving one end of the window inwards."""

    position: np.ndarray
    loss: np.ndarray
    sign: int = 1  # direction in which the end moves

    def at(self, position: np.ndarray) -> np.ndarray:
        x, xs = self.sign * position, self.sign * self.position
        inside = np.interp(x, xs, self.loss)
        return np.where(x > xs[-1] + 1e-12, np.inf, inside)


def difference_frontier(envelopes: list[Envelope]) -> Frontier:
    """Exact frontier of value against max - min of the rates.

    All breakpoints are returned; between them the frontier is linear, and so is the
    window.
    """
    rise, fall = _rising_low(envelopes), _falling_high(envelopes)
    best = sum(e.value.max() for e in envelopes)
    low, high = rise.position[0], fall.position[0]
    if low >= high:  # parity costs nothing
        middle = np.array([(low + high) / 2])
        return Frontier(np.zeros(1), np.array([best]), middle, middle)
    widths, slopes, sides = [], [], []
    for loss, is_low in ((rise, True), (fall, False)):
        width = np.abs(np.diff(loss.position))
        widths.append(width)
        slopes.append(np.diff(loss.loss) / width)
        sides.append(np.full(len(width), is_low))
    order = np.argsort(np.concatenate(slopes), kind="stable")
    width = np.concatenate(widths)[order]
    slope = np.concatenate(slopes)[order]
    side = np.concatenate(sides)[order]
    room = high - low - np.concatenate([[0], np.cumsum(width)[:-1]])
    width = np.clip(width, 0, np.maximum(room, 0))
    moved = width > 0
    width, slope, side = width[moved], slope[moved], side[moved]
    lows = low + np.concatenate([[0], np.cumsum(width * side)])
    highs = high - np.concatenate([[0], np.cumsum(width * ~side)])
    values = best - np.concatenate([[0], np.cumsum(width * slope)])
    violation = np.maximum(highs - lows, 0)
    violation[violation < 1e-14] = 0
    # Steps within rounding of each other are one: the last of them has moved most.
    kept = np.append(-np.diff(violation) > 1e-12, True)
    kept[0] = True
    points = (violation, values, lows, highs)
    return Frontier(*(point[kept][::-1] for point in points))


def ratio_frontier(envelopes: list[Envelope], n_levels: int = 101) -> Frontier:
    """Exact optima of value against 1 - min / max of the rates, at even levels."""
    rise, fall = _rising_low(envelopes), _falling_high(envelopes)
    low, high = rise.position[0], fall.position[0]
    most = 0.0 if low >= high else 1 - low / high
    levels = np.linspace(0, most, n_levels if most > 0 else 1)
    best = sum(e.value.max() for e in envelopes)
    windows = [_ratio_window(rise, fall, level) for level in levels]
    low_high = np.array([w[:2] for w in windows])
    values = best - np.array([w[2] for w in windows])
    kept = np.isfinite(values)
    return Frontier(levels[kept], values[kept], *low_high[kept].T)


def ratio_window(envelopes: list[Envelope], tolerance: float) -> tuple[float, float]:
    """Exact optimal window with min / max of the rates at least 1 - tolerance."""
    rise, fall = _rising_low(envelopes), _falling_high(envelopes)
    return _ratio_window(rise, fall, tolerance)[:2]


def clip_to_window(env: Envelope, low: float, high: float) -> float:
    """Best rate of a group in a window: a vertex of its optimum where there is one."""
    first, last = env.best
    if env.rate[last] <= low:
        return min(low, float(env.rate[-1]))
    if env.rate[first] >= high:
        return max(high, float(env.rate[0]))
    top = env.rate[first : last + 1]
    inside = top[(top >= low) & (top <= high)]
    return float(inside[0]) if len(inside) else low


def _rising_low(envelopes: list[Envelope]) -> _Loss:
    """Loss of raising the lower end of the window above some groups' optima."""
    starts, steps, end = [], [], np.inf
    for env in envelopes:
        last = env.best[1]
        slopes = -np.diff(env.value[last:]) / np.diff(env.rate[last:])
        starts.append(env.rate[last:-1])
        steps.append(np.diff(slopes, prepend=0.0))
        end = min(end, env.rate[-1])
    first = min(env.rate[env.best[1]] for env in envelopes)
    return _integrate(np.concatenate(starts), np.concatenate(steps), first, end)


def _falling_high(envelopes: list[Envelope]) -> _Loss:
    mirrored = [Envelope(-env.rate[::-1], env.value[::-1]) for env in envelopes]
    loss = _rising_low(mirrored)
    return _Loss(-loss.position, loss.loss, sign=-1)


def _integrate(
    starts: np.ndarray, steps: np.ndarray, first: float, end: float
) -> _Loss:
    """Integrate a slope that rises by `steps` at `starts`, from `first` to `end`."""
    order = np.argsort(starts, kind="stable")
    starts, slope = starts[order], np.cumsum(steps[order])
    kept = starts < end
    position = np.concatenate([[first], starts[kept], [max(end, first)]])
    slope = np.concatenate([[0.0], slope[kept]])
    width = np.diff(position)
    used = np.concatenate([[True], width > 0])
    loss = np.concatenate([[0.0], np.cumsum(width * slope)])
    return _Loss(position[used], loss[used])


def _ratio_window(rise: _Loss, fall: _Loss, tolerance: float) -> tuple:
    """The best [ratio * high, high]: the loss is convex in `high` with known kinks."""
    ratio = 1 - tolerance
    kinks = [fall.position]
    if ratio > 0:
        kinks.append(rise.position / ratio)
    candidates = np.concatenate(kinks)
    lows = ratio * candidates
    losses = rise.at(np.maximum(lows, rise.position[0]))
    losses = losses + fall.at(np.minimum(candidates, fall.position[0]))
    at = int(np.argmin(losses))
    if not np.isfinite(losses[at]):  # out of reach: as close as the groups can get
        return float(rise.position[-1]), float(fall.position[-1]), np.inf
    return float(lows[at]), float(candidates[at]), float(losses[at])
