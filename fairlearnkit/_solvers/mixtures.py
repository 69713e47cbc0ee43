"""Several linear rates at once: the optimal mixture of points per group, by an LP.

With variables that weigh each group's points, any set of linear rates in difference or
ratio form is a small linear program over the hull vertices; with binary weights the
same program gives the best deterministic choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

_ACCURACY = 1e-6  # of the least violation in ratio form
_MOST = 1e6  # no two rates differ by more

# A row of a program: the columns in which it has coefficients, and these.
Row = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Limit:
    """A bound on a sum over the groups: ``sum of parts[g] @ weights[g] <= most``."""

    parts: list[np.ndarray]
    most: float


@dataclass(frozen=True, eq=False)
class MixtureProgram:
    """Choose weights over each group's points, of the highest value, with close rates.

    Parameters
    ----------
    values : list of ndarray of shape (n_points_g,)
    rates : list of ndarray of shape (n_rates, n_points_g)
        NaN where a rate is undefined for the group: it is then not constrained.
    compare : {"difference", "ratio"} or sequence of these, one a rate
    shares : sequence of (ndarray of shape (n_groups,) or None), default=None
        Per rate, each group's share of the overall rate, to which the groups are then
        compared, and not to each other.
    bands : ndarray of shape (n_rates, n_groups), default=None
        How far the rate of each group may truly lie from the rate stated; the rates
        are then close wherever in their bands they lie.
    bound : ndarray of bool of shape (n_rates, n_groups), default=None
        False for a group that counts in the overall rate but is not constrained.
    limits : sequence of Limit
    """

    values: list[np.ndarray]
    rates: list[np.ndarray]
    compare: str | Sequence[str]
    shares: Sequence[np.ndarray | None] | None = None
    bands: np.ndarray | None = None
    bound: np.ndarray | None = None
    limits: Sequence[Limit] = ()

    def solve(
        self, tolerance: float | np.ndarray
    ) -> tuple[list[np.ndarray], float, float] | None:
        """Weights per group, their value, and its derivative by the tolerance.

        None if no mixture meets the tolerance.
        """
        result, slack = self._run(self._cost(), tolerance)
        if result.x is None:
            return None
        price = -result.ineqlin.marginals @ slack
        return self._split(result.x), -result.fun, float(price)

    def solve_deterministic(
        self, tolerance: float | np.ndarray
    ) -> list[np.ndarray] | None:
        """Binary weights, one point per group; None if none meets the tolerance."""
        result, _ = self._run(self._cost(), tolerance, binary=True)
        return None if result.x is None else self._split(np.round(result.x, 9))

    def best_floor(
        self,
        floors: Sequence[list[np.ndarray]],
        tolerance: float | np.ndarray,
        *,
        deterministic: bool = False,
    ) -> float | None:
        """Largest number that several sums over the groups can all reach.

        Parameters
        ----------
        floors : sequence of (list of ndarray of shape (n_points_g,))
            The parts of each sum.
        tolerance : float or ndarray of shape (n_rates,)
        deterministic : bool, default=False

        Returns
        -------
        floor : float, or None if no rule meets the tolerance
        """
        result, _ = self._run(
            np.zeros(self.n_points + self.n_rates),
            tolerance,
            binary=deterministic,
            floors=floors,
        )
        return None if result.x is None else float(-result.fun)

    def smallest_violation(self) -> float:
        """Least violation that any mixture reaches; exact for the difference form."""
        least = self.smallest_excess(0.0)
        assert least is not None
        return least

    def smallest_excess(self, tolerance: float | np.ndarray) -> float | None:
        """Least that must be added to the tolerances; None if no rule is within limits.

        Exact if no rate is compared in ratio form, else to 1e-6.
        """
        if "ratio" in self._compared:
            return self._bisect_excess(np.asarray(tolerance))
        cost = np.zeros(self.n_points + self.n_rates)
        result, _ = self._run(cost, tolerance, widen=True)
        return None if result.x is None else float(result.x[-1])

    @property
    def n_points(self) -> int:
        """Number of points of all groups."""
        return sum(len(value) for value in self.values)

    @property
    def n_rates(self) -> int:
        """Number of rates."""
        return self.rates[0].shape[0]

    @property
    def _compared(self) -> list[str]:
        if isinstance(self.compare, str):
            return [self.compare] * self.n_rates
        return list(self.compare)

    def _run(self, cost, tolerance, *, binary=False, widen=False, floors=()):
        """Minimise; a last column is the widening of tolerances or the common floor."""
        rows, most, slack = self._close_rates(np.asarray(tolerance))
        rows += [self._row(limit.parts) for limit in self.limits]
        ends = [most, np.array([limit.most for limit in self.limits])]
        lower, upper = self._bounds(binary)
        integral = np.arange(len(cost)) < self.n_points * binary
        equal, exact = self._equalities()
        if widen or floors:
            rows += [self._row([-part for part in floor]) for floor in floors]
            ends.append(np.zeros(len(floors)))
            last = np.concatenate(
                [-slack * widen, np.zeros(len(self.limits)), np.ones(len(floors))]
            )
            column = np.array([len(cost)])
            rows = [
                _join(row, (column, x[None])) for row, x in zip(rows, last, strict=True)
            ]
            cost = np.append(cost, 1.0 if widen else -1.0)
            lower = np.append(lower, 0 if widen else -np.inf)
            upper = np.append(upper, np.inf)
            integral = np.append(integral, False)
        result = linprog(
            cost,
            A_ub=_matrix(rows, len(cost)),
            b_ub=np.concatenate(ends),
            A_eq=_matrix(equal, len(cost)),
            b_eq=exact,
            bounds=np.column_stack([lower, upper]),
            integrality=integral if binary else None,
            method="highs",
            # Presolving a linear program costs more than it saves here.
            options={"mip_rel_gap": 0} if binary else {"presolve": False},
        )
        return result, np.concatenate([slack, np.zeros(len(self.limits) + len(floors))])

    def _cost(self) -> np.ndarray:
        return np.concatenate(
            [*(-value for value in self.values), np.zeros(self.n_rates)]
        )

    def _bounds(self, binary: bool) -> tuple[np.ndarray, np.ndarray]:
        """Weights are not negative; a user's own rates may be, if not in ratio form."""
        ends = [0.0 if form == "ratio" else -np.inf for form in self._compared]
        upper = np.full(self.n_points + self.n_rates, np.inf)
        upper[: self.n_points] = 1.0 if binary else np.inf
        return np.concatenate([np.zeros(self.n_points), ends]), upper

    def _equalities(self) -> tuple[list[Row], np.ndarray]:
        """Weights of a group sum to one; an overall rate is its groups' average."""
        rows = [(columns, np.ones(len(columns))) for columns in self._columns]
        for j, share in enumerate(self.shares or ()):
            if share is not None:
                counted = [
                    weight * rate[j] if weight else np.zeros(rate.shape[1])
                    for weight, rate in zip(share, self.rates, strict=True)
                ]
                rows.append(_join(self._row(counted), self._end(j, -1.0)))
        exact = np.zeros(len(rows))
        exact[: len(self.values)] = 1
        return rows, exact

    @cached_property
    def _columns(self) -> list[np.ndarray]:
        """Columns of the program that weigh each group's points."""
        ends = np.cumsum([len(value) for value in self.values])
        return np.split(np.arange(self.n_points), ends[:-1])

    def _row(self, parts: list[np.ndarray]) -> Row:
        return np.arange(self.n_points), np.concatenate(parts)

    def _end(self, j: int, coefficient: float) -> Row:
        """The free variable of rate j."""
        return np.array([self.n_points + j]), np.array([coefficient])

    def _rate(self, j: int, group: int, coefficient: float) -> Row:
        return self._columns[group], coefficient * self.rates[group][j]

    def _close_rates(
        self, tolerance: np.ndarray
    ) -> tuple[list[Row], np.ndarray, np.ndarray]:
        """Rows that keep rates close, their bounds, and which of them have slack.

        One free variable per rate is the lower end of its window (difference form), the
        upper end (ratio form) or the overall rate.
        """
        tolerances = np.broadcast_to(tolerance, self.n_rates)
        rows: list[Row] = []
        most, slack = [np.zeros(0)], [np.zeros(0)]
        for j, (form, allowed) in enumerate(
            zip(self._compared, tolerances, strict=True)
        ):
            banded = self.bands is not None
            if banded and allowed >= 1:  # any two shares are this close
                continue
            keep = self._close_pairs if banded else self._close_window
            part, bound, has_slack = keep(j, form == "ratio", float(allowed))
            rows += part
            most.append(bound)
            slack.append(has_slack)
        return rows, np.concatenate(most), np.concatenate(slack)

    def _close_window(
        self, j: int, ratio: bool, tolerance: float
    ) -> tuple[list[Row], np.ndarray, np.ndarray]:
        """Compare groups to a common end of their window, or to the overall rate."""
        groups = self._constrained(j)
        overall = self.shares is not None and self.shares[j] is not None
        share = 1.0 - tolerance if ratio else 1.0
        own, low = self._end(j, -1.0), self._end(j, share)
        factor = share if overall else 1.0
        rows = [_join(self._rate(j, g, factor), own) for g in groups]
        rows += [_join(self._rate(j, g, -1.0), low) for g in groups]
        slack = np.repeat(
            [0.0 if ratio else 1.0, 1.0 if overall and not ratio else 0.0],
            len(groups),
        )
        return rows, slack * tolerance, slack

    def _close_pairs(
        self, j: int, ratio: bool, tolerance: float
    ) -> tuple[list[Row], np.ndarray, np.ndarray]:
        """Compare each group to each other, both at the worse ends of their bands."""
        groups = self._constrained(j)
        assert self.bands is not None
        band = self.bands[j, groups]
        one, other = np.nonzero(~np.eye(len(groups), dtype=bool))
        share = 1.0 - tolerance if ratio else 1.0
        rows = [
            _join(self._rate(j, a, share), self._rate(j, b, -1.0))
            for a, b in zip(groups[one], groups[other], strict=True)
        ]
        slack = np.full(len(one), 0.0 if ratio else 1.0)
        return rows, slack * tolerance - share * band[one] - band[other], slack

    def _constrained(self, j: int) -> np.ndarray:
        """Groups whose rate j is defined and constrained."""
        defined = np.array([not np.isnan(rate[j]).any() for rate in self.rates])
        if self.bound is not None:
            defined &= self.bound[j]
        return np.flatnonzero(defined)

    def _split(self, solution: np.ndarray) -> list[np.ndarray]:
        ends = np.cumsum([len(value) for value in self.values])
        parts = np.split(np.clip(solution[: ends[-1]], 0, None), ends[:-1])
        return [part / part.sum() for part in parts]

    def _bisect_excess(self, tolerance: np.ndarray) -> float | None:
        is_ratio = np.array([form == "ratio" for form in self._compared])

        def reached(excess: float) -> bool:
            widened = np.broadcast_to(tolerance + excess, self.n_rates)
            capped = np.where(is_ratio, np.minimum(widened, 1), widened)
            return self.solve(capped) is not None

        if reached(0.0):
            return 0.0
        low, high = 0.0, 1.0
        while not reached(high):
            low, high = high, 2 * high
            if high > _MOST:
                return None
        while high - low > _ACCURACY:
            middle = (low + high) / 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return high


def _join(one: Row, other: Row) -> Row:
    return np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])


def _matrix(rows: list[Row], n_columns: int) -> sparse.csr_array:
    """The matrix of some rows; sparse algebra would take longer than the program."""
    empty = np.zeros(0, dtype=np.intp)
    columns = np.concatenate([empty, *(columns for columns, _ in rows)])
    data = np.concatenate([np.zeros(0), *(data for _, data in rows)])
    starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    return sparse.csr_array((data, columns, starts), shape=(len(rows), n_columns))


def concave_frontier(
    program: MixtureProgram, start: float, end: float, accuracy: float = 1e-6
) -> tuple[np.ndarray, np.ndarray]:
    """Optimal value as a function of the tolerance, by its tangents.

    The value is concave and piecewise linear in the tolerance. Two tangents that meet
    on the curve enclose one breakpoint; else the interval is split where they meet.

    Returns
    -------
    tolerance, value : ndarray
        Points on the curve; chords between them lie within `accuracy` below it.
    """
    points = {}

    def visit(at: float) -> tuple[float, float, float]:
        solved = program.solve(at)
        assert solved is not None
        points[at] = solved[1]
        return at, solved[1], solved[2]

    stack = [(visit(start), visit(end))] if end > start else []
    if not stack:
        visit(start)
    while stack and len(points) < 500:
        (x0, v0, s0), (x1, v1, s1) = stack.pop()
        if s0 - s1 < 1e-12:
            continue
        meet = (v1 - v0 + s0 * x0 - s1 * x1) / (s0 - s1)
        tangent = v0 + s0 * (meet - x0)
        chord = np.interp(meet, [x0, x1], [v0, v1])
        if tangent - chord <= accuracy or not x0 + 1e-9 < meet < x1 - 1e-9:
            continue
        middle = visit(meet)
        if tangent - middle[1] > accuracy:
            stack += [((x0, v0, s0), middle), (middle, (x1, v1, s1))]
    order = np.array(sorted(points))
    return order, np.array([points[at] for at in order])
