"""Several linear rates at once: the optimal mixture of points per group, by an LP.

With variables that weigh each group's points, any set of linear rates in difference or
ratio form is a small linear program over the hull vertices; with binary weights the
same program gives the best deterministic choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp


@dataclass(frozen=True, eq=False)
class MixtureProgram:
    """Choose weights over each group's points, of the highest value, with close rates.

    Parameters
    ----------
    values : list of ndarray of shape (n_points_g,)
    rates : list of ndarray of shape (n_rates, n_points_g)
        NaN where a rate is undefined for the group: it is then not constrained.
    compare : {"difference", "ratio"}
    """

    values: list[np.ndarray]
    rates: list[np.ndarray]
    compare: str

    def solve(self, tolerance: float) -> tuple[list[np.ndarray], float, float] | None:
        """Weights per group, their value, and its derivative by the tolerance.

        None if no mixture meets the tolerance.
        """
        rows, bound = self._close_rates(tolerance)
        result = linprog(
            self._cost(),
            A_ub=rows,
            b_ub=bound,
            A_eq=self._one_each(),
            b_eq=np.ones(len(self.values)),
            bounds=self._bounds(),
            method="highs",
            options={"presolve": False},  # it costs more than it saves here
        )
        if result.x is None:
            return None
        upper = result.ineqlin.marginals[: len(bound) // 2]
        return self._split(result.x), -result.fun, float(-upper.sum())

    def solve_deterministic(self, tolerance: float) -> list[np.ndarray] | None:
        """Binary weights, one point per group; None if none meets the tolerance."""
        rows, bound = self._close_rates(tolerance)
        lower, upper = self._bounds().T
        is_point = np.arange(len(lower)) < self.n_points
        result = milp(
            self._cost(),
            constraints=[
                LinearConstraint(rows, -np.inf, bound),
                LinearConstraint(self._one_each(), 1, 1),
            ],
            integrality=is_point,
            bounds=Bounds(lower, np.where(is_point, 1, upper)),
            options={"mip_rel_gap": 0},
        )
        return None if result.x is None else self._split(np.round(result.x, 9))

    def smallest_violation(self) -> float:
        """Least violation that any mixture reaches; exact for the difference form."""
        if self.compare == "ratio":
            return self._bisect_violation()
        rows, bound = self._close_rates(0.0)
        column = np.zeros((len(bound), 1))
        column[: len(bound) // 2] = -1
        cost = np.zeros(rows.shape[1] + 1)
        cost[-1] = 1
        equal = sparse.hstack([self._one_each(), np.zeros((len(self.values), 1))])
        result = linprog(
            cost,
            A_ub=sparse.hstack([rows, column]),
            b_ub=bound,
            A_eq=equal,
            b_eq=np.ones(len(self.values)),
            bounds=[*self._bounds(), (0, np.inf)],
            method="highs",
        )
        return float(result.x[-1])

    @property
    def n_points(self) -> int:
        """Number of points of all groups."""
        return sum(len(value) for value in self.values)

    @property
    def n_rates(self) -> int:
        """Number of rates."""
        return self.rates[0].shape[0]

    def _cost(self) -> np.ndarray:
        return np.concatenate(
            [*(-value for value in self.values), np.zeros(self.n_rates)]
        )

    def _bounds(self) -> np.ndarray:
        """Weights are not negative; a user's own rates may be, if not in ratio form."""
        bounds = np.tile([0.0, np.inf], (self.n_points + self.n_rates, 1))
        if self.compare == "difference":
            bounds[self.n_points :, 0] = -np.inf
        return bounds

    def _one_each(self) -> sparse.csr_array:
        sizes = [len(value) for value in self.values]
        group = np.repeat(np.arange(len(sizes)), sizes)
        shape = (len(sizes), self.n_points + self.n_rates)
        return sparse.csr_array(
            (np.ones(len(group)), (group, np.arange(len(group)))), shape=shape
        )

    def _close_rates(self, tolerance: float) -> tuple[sparse.csr_array, np.ndarray]:
        """Rows "rate <= end + slack" first, then "start <= rate", for group and rate.

        One free variable per rate is the lower end of its window (difference form) or
        the upper end (ratio form).
        """
        defined = np.array([~np.isnan(rate).any(axis=1) for rate in self.rates])
        blocks = [
            sparse.csr_array(np.where(keep[:, None], rate, 0.0))
            for rate, keep in zip(self.rates, defined, strict=True)
        ]
        rate = sparse.block_diag(blocks, format="csr")
        end = sparse.csr_array(np.tile(np.eye(self.n_rates), (len(blocks), 1)))
        kept = np.flatnonzero(defined.ravel())
        rate, end = rate[kept], end[kept]
        share = 1.0 if self.compare == "difference" else 1.0 - tolerance
        rows = sparse.vstack(
            [sparse.hstack([rate, -end]), sparse.hstack([-rate, share * end])],
            format="csr",
        )
        slack = tolerance if self.compare == "difference" else 0.0
        return rows, np.repeat([slack, 0.0], len(kept))

    def _split(self, solution: np.ndarray) -> list[np.ndarray]:
        ends = np.cumsum([len(value) for value in self.values])
        parts = np.split(np.clip(solution[: ends[-1]], 0, None), ends[:-1])
        return [part / part.sum() for part in parts]

    def _bisect_violation(self) -> float:
        low, high = 0.0, 1.0
        while high - low > 1e-6:
            middle = (low + high) / 2
            low, high = (middle, high) if self.solve(middle) is None else (low, middle)
        return high


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
