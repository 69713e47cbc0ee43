"""What prices on decisions reach at each tolerance, and where they miss it."""

from dataclasses import dataclass, fields
from warnings import warn

import numpy as np

from fairlearnkit._extras import require
from fairlearnkit.exceptions import FairnessWarning, shortlist


@dataclass(frozen=True, eq=False)
class LinearPostFrontier:
    """The best rules at many tolerances, on the out-of-fold answers.

    Parameters
    ----------
    tolerance : ndarray of shape (n_tolerances,)
        Bounds that were asked for.
    objective : ndarray of shape (n_tolerances,)
        Accuracy that the model expects.
    dual_gap : ndarray of shape (n_tolerances,)
        No rule within the same bounds has an objective above the sum of both.
    violation : ndarray of shape (n_tolerances,)
        By P(group, label | x).
    violation_observed : ndarray of shape (n_tolerances,)
        Among the observed groups and labels.
    accuracy_observed : ndarray of shape (n_tolerances,)
        By the observed labels.
    """

    tolerance: np.ndarray
    objective: np.ndarray
    dual_gap: np.ndarray
    violation: np.ndarray
    violation_observed: np.ndarray
    accuracy_observed: np.ndarray

    @classmethod
    def of(cls, problem, tolerances, *, observed):
        """Solve a PricedProblem at each tolerance, from the solution of the last."""
        tolerances = np.asarray(tolerances, dtype=float)
        if tolerances.ndim != 1 or not ((tolerances >= 0) & (tolerances <= 1)).all():
            raise ValueError(
                f"tolerances must be a list of numbers in [0, 1], got {tolerances}."
            )
        rows, start = [], None
        for tolerance in tolerances:
            found = problem.solve(tolerance, observed=observed, start=start)
            right = found.chances[np.arange(len(found.chances)), problem.cells[1]]
            start = found.start if len(found.start) else None
            rows.append(
                (
                    tolerance,
                    found.value,
                    found.gap,
                    found.violation,
                    found.observed_violation,
                    problem.weight @ right,
                )
            )
        return cls(*np.array(rows).reshape(-1, 6).T)

    def to_frame(self):
        """A row for each tolerance.

        Returns
        -------
        frame : pandas.DataFrame
            Columns: the other fields; the index is the tolerance.
        """
        pandas = require("pandas", extra="pandas", user="LinearPostFrontier.to_frame")
        table = {field.name: getattr(self, field.name) for field in fields(self)}
        return pandas.DataFrame(table).set_index("tolerance")


def warn_missed(solution, constraint, tolerance, data, corrected):
    """Say that a tolerance was not reached, or not among the observed groups."""
    reached = solution.observed_violation if corrected else solution.violation
    if reached > tolerance + (2e-3 if corrected else 2e-6):
        warn(
            f"no rule on these probabilities was found with a violation of "
            f"{tolerance:g}; the smallest is {reached:.4g}.",
            FairnessWarning,
            stacklevel=3,
        )
    if solution.shortfall > 1e-4:
        warn(
            f"some group loses {solution.shortfall:.3g} more accuracy than max_harm "
            "allows: no rule keeps both that and the tolerance.",
            FairnessWarning,
            stacklevel=3,
        )
    off = _miscalibrated(solution, constraint, data)
    if off:
        left = (
            "the rule is corrected for it on these rows, which may not do for others"
            if corrected
            else f"the violation among them is {solution.observed_violation:.4g}, "
            f"where {tolerance:g} was asked; set correct=True"
        )
        warn(
            "P(group, label | x) is not calibrated: among the observed groups the rate "
            f"is not the expected one for {shortlist(off)}; {left}, or give a better "
            "group_estimator.",
            FairnessWarning,
            stacklevel=3,
        )


_MATERIAL = 0.02  # a rate that is off by less is not worth a warning


def _miscalibrated(solution, constraint, data):
    """Rates off by more than three standard errors of a share, and not by a little."""
    off = []
    for j, rate in enumerate(constraint.rates(data.classes.tolist())):
        people = data.people @ (np.array(rate.denominator)[:, 0] > 0)
        for group in range(len(people)):
            expected = solution.rates[j, group]
            observed = solution.observed_rates[j, group]
            spread = np.clip(expected * (1 - expected), 0.01, 0.25)
            error = 3 * np.sqrt(spread / max(people[group], 1))
            if abs(observed - expected) > max(error, _MATERIAL):
                name = data.groups.describe(group)
                off.append(f"{rate.name} of {name} ({observed:.3f}, {expected:.3f})")
    return off
