"""From the parameters of a ThresholdOptimizer to the problem that it solves."""

from numbers import Real
from warnings import warn

import numpy as np

from fairlearnkit._solvers.constrained import ConstrainedProblem
from fairlearnkit._solvers.demands import (
    constraints_and_tolerances,
    demands_of,
    effective_people,
    with_bands,
)
from fairlearnkit._solvers.goals import Goal, pooled_rule
from fairlearnkit._solvers.thresholds import ThresholdProblem
from fairlearnkit.exceptions import FairnessWarning, shortlist

_OWNER = "ThresholdOptimizer"
OBJECTIVES = ("accuracy", "balanced_accuracy", "f1", "worst_group")


def goal_of(objective, label_totals):
    """Resolve `objective` for people of these label weights.

    Parameters
    ----------
    objective : str, (str, float) or array-like of shape (2, 2)
    label_totals : ndarray of shape (2,)

    Returns
    -------
    goal : Goal
    """
    right = np.eye(2)
    accuracy = right / label_totals.sum()
    if isinstance(objective, str):
        if objective == "balanced_accuracy":
            return Goal("linear", np.diag(1 / (2 * label_totals)), right)
        if objective == "f1":
            return Goal("fbeta", accuracy, right)
        kind = "worst_group" if objective == "worst_group" else "linear"
        return Goal(kind, accuracy, right)
    if len(objective) == 2 and isinstance(objective[0], str):
        name, beta = objective
        number = isinstance(beta, Real) and 0 < beta < np.inf
        if name != "fbeta" or not number:
            raise ValueError(
                f"objective={objective!r} is not known; write ('fbeta', beta) with a "
                "positive number beta."
            )
        return Goal("fbeta", accuracy, right, beta=float(beta))
    try:
        utility = np.asarray(objective, dtype=float)
    except (TypeError, ValueError):
        utility = np.empty(0)
    if utility.shape != (2, 2) or not np.isfinite(utility).all():
        raise ValueError(
            "objective as utilities must be four finite numbers of shape (2, 2), true "
            f"label by decision, got {objective!r}."
        )
    return Goal("linear", utility / label_totals.sum(), utility, utility="utility")


def check_demands(model, constraints, totals, classes):
    """Raise a ValueError if what is asked has no linear form, or no guarantee."""
    for constraint in constraints:
        constraint.coefficients(totals, classes, user=_OWNER)
    if model.confidence_level is not None and model.reference == "overall":
        raise ValueError(
            "confidence_level compares groups to each other; use reference='groups', "
            "which keeps them as close to the overall rate."
        )


def build_problem(model, goal, totals, cells, plain):
    """Build the problem of a fitted table, the sweep's where that is enough.

    Parameters
    ----------
    model : ThresholdOptimizer
        Has `table_` and `classes_`.
    goal : Goal
    totals : ndarray of shape (n_cells, 2)
        Weight of each cell and label.
    cells : Cells
    plain : float
        Threshold of the plain model.

    Returns
    -------
    problem : ThresholdProblem or ConstrainedProblem
    """
    constraints, _ = constraints_and_tolerances(model.constraint, model.tolerance)
    classes, table = model.classes_.tolist(), model.table_
    sure = model.confidence_level is not None
    squares = _squares(table) if sure or model.min_group_size else None
    small = _small_cells(model, constraints, classes, totals, squares)
    pinned = _pin(table, goal, small)
    if pinned:
        _warn_small(model, cells, small)
    budget = None if model.budget == 1 else model.budget
    asks = (
        len(constraints) > 1,
        model.reference == "overall",
        model.control_features is not None,
        budget is not None,
        model.no_harm,
        sure,
        bool(pinned),
        goal.kind == "worst_group",
    )
    if not any(asks):
        parts = constraints[0].coefficients(totals, classes, user=_OWNER)
        beta = goal.beta if goal.kind == "fbeta" else None
        return ThresholdProblem(table, constraints[0], goal.gain, parts, beta)
    demands = demands_of(
        constraints,
        totals,
        classes,
        strata=cells.strata,
        bound=~np.isin(np.arange(len(totals)), small),
        overall=model.reference == "overall",
        user=_OWNER,
    )
    if sure:
        demands = with_bands(demands, totals, squares, model.confidence_level)
    harmless = plain if model.no_harm else None
    return ConstrainedProblem(
        table, goal, demands, cells.members, pinned, budget, harmless
    )


def _pin(table, goal, small):
    """Threshold of the cells that are too small to have their own."""
    if not len(small):
        return {}
    threshold = float(pooled_rule(table, goal).thresholds[0])
    return dict.fromkeys(small.tolist(), threshold)


def solve_problem(problem, tolerances, deterministic):
    """Solve a problem of either kind."""
    one = isinstance(problem, ThresholdProblem)
    asked = tolerances[0] if one else tolerances
    return problem.solve(asked, deterministic=deterministic)


def missed_tolerance(model, tolerances, missed):
    """Sentence about the smallest violation that could be reached."""
    asked = " and ".join(f"{tolerance:g}" for tolerance in tolerances)
    if model.confidence_level is not None:
        least = " and ".join(f"{tolerance + missed:.4g}" for tolerance in tolerances)
        return (
            f"no rule on these scores is sure, with a probability of "
            f"{model.confidence_level:g}, to have a violation of {asked} for new "
            f"people; the smallest that can be guaranteed is {least}."
        )
    least = " and ".join(f"{found:.4g}" for found in model.violations_)
    kept = " and leaves no group worse off" if model.no_harm else ""
    return (
        f"no rule on these scores has a violation of {asked}{kept}; the smallest that "
        f"can be reached is {least}."
    )


def bands_by_cell(problem, labels):
    """Bands of each cell, one a rate of each constraint; NaN where it is not compared.

    Parameters
    ----------
    problem : ConstrainedProblem
    labels : tuple
        Label of each cell.

    Returns
    -------
    bands : dict of tuple
    """
    rates = list(dict.fromkeys((d.source, d.rate) for d in problem.demands))
    found = np.full((len(labels), len(rates)), np.nan)
    for demand in problem.demands:
        at = rates.index((demand.source, demand.rate))
        found[demand.bound, at] = demand.band[demand.bound]
    rows = (tuple(row) for row in found.tolist())
    return dict(zip(labels, rows, strict=True))


def _squares(table):
    cells = range(len(table.groups))
    return np.stack([table.squares[table.rows(c)].sum(axis=0) for c in cells])


def _small_cells(model, constraints, classes, totals, squares):
    """Cells with too few people behind one rate or more."""
    small = np.zeros(len(totals), dtype=bool)
    if squares is None:
        return np.flatnonzero(small)
    for constraint in constraints:
        for rate in constraint.rates(classes):
            counted = np.array(rate.denominator)[:, 0] > 0
            people = effective_people(totals, squares, counted)
            small |= people < model.min_group_size
    return np.flatnonzero(small)


def _warn_small(model, cells, small):
    named = [cells.groups.describe(cell) for cell in small]
    warn(
        f"left out of the constraint and cut at the pooled threshold, with fewer than "
        f"min_group_size={model.min_group_size:g} people behind a rate: "
        f"{shortlist(named)}.",
        FairnessWarning,
        stacklevel=5,
    )
