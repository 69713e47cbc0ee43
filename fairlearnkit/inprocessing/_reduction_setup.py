"""From the parameters of a reduction to the search that trains it."""

from dataclasses import replace

import numpy as np

from fairlearnkit._groups import Groups, resolve_groups
from fairlearnkit._mitigator import TrainingData
from fairlearnkit._sklearn import take_rows
from fairlearnkit._solvers.cells import cross_cells
from fairlearnkit._solvers.demands import constraints_and_tolerances, demands_of
from fairlearnkit._solvers.rate_moments import RateMoments
from fairlearnkit._solvers.reductions import ColumnSearch, ReductionMaster
from fairlearnkit.inprocessing._held_out import held_out_rows
from fairlearnkit.inprocessing._oracle import Oracle

OBJECTIVES = ("accuracy", "balanced_accuracy", "worst_group")
_MULTIPLES = (1.0, 0.5, 2.0)


class ReductionProblem:
    """The search of a ReductionClassifier, and what its columns mean.

    Parameters
    ----------
    model : ReductionClassifier
    data : TrainingData
    sensitive_features : array-like or None
        As given to `fit`, for nested mitigators.
    fit_params : dict
    """

    def __init__(self, model, data, sensitive_features, fit_params):
        self.constraints, self.tolerances = constraints_and_tolerances(
            model.constraint, model.tolerance
        )
        strata = None
        if model.control_features is not None:
            strata = resolve_groups(
                data.X,
                spec=model.control_features,
                handle_missing=model.handle_missing,
                owner=type(model).__name__,
                role="control feature",
            )
        cells = cross_cells(data.groups, strata, data.weight)
        self.group_labels = data.groups.labels
        self.strata_labels = None if strata is None else strata.labels
        held = held_out_rows(model.held_out, data, cells.groups, data.X)
        self.judged = _judged(data, cells.groups, held.judged)
        self.moments = self._moments(model, cells)
        self.oracle = Oracle(
            model.estimator,
            model._features(data.X),
            replace(data, groups=cells.groups),
            moments=self.moments,
            held_out=held,
            sensitive_features=sensitive_features,
            fit_params=fit_params,
            thresholds=model.thresholds,
            n_jobs=model.n_jobs,
        )
        self.master = ReductionMaster(self.moments.bounds(self.tolerances))
        self.search = ColumnSearch(
            self.master,
            self.oracle,
            gap_tolerance=self._gap(model.tol),
            multiples=_MULTIPLES[: model.n_multiples],
        )

    def _moments(self, model, cells):
        totals, labels = self.judged.totals, self.judged.classes.tolist()
        cost, self.utility, self.best = cost_of(model.objective, totals.sum(axis=0))
        demands = demands_of(
            self.constraints,
            totals,
            labels,
            strata=cells.strata,
            bound=np.ones(len(totals), dtype=bool),
            overall=model.reference == "overall",
            user=type(model).__name__,
        )
        floor = {}
        if isinstance(model.objective, str) and model.objective == "worst_group":
            weight = np.bincount(cells.members, weights=totals.sum(axis=1))
            floor = {"members": cells.members, "group_weight": weight}
        cost = np.broadcast_to(cost, (len(totals), *cost.shape))
        return RateMoments(cost, demands, totals.sum(), **floor)

    def _gap(self, tol):
        if tol is not None:
            return tol
        totals = self.judged.totals
        share = totals.sum(axis=0).max() / totals.sum()
        return 0.5 * np.sqrt(share * (1 - share) / _n_people(self.judged))

    def solve(self, tolerances, max_iter):
        """Search for the best mixture within tolerances, from all that is known."""
        self.master.bounds = self.moments.bounds(tolerances)
        return self.search.run(max_iter)

    def single(self, tolerances):
        """The best single classifier, as a mixture of one."""
        master = self.master
        found = self.violations(np.arange(len(master.values)))
        excess = (found - np.array(tolerances)).max(axis=1)
        values = self.moments.single_costs(master.values, master.moments)
        return np.array([master.best_single(values, excess)]), np.ones(1)

    def members(self, columns):
        """The classifiers behind columns."""
        owner = self.master.model_of
        return [
            self.oracle.member(owner[c], c - int(np.argmax(owner == owner[c])))
            for c in columns
        ]

    def violations(self, columns, weights=None):
        """Violation of each constraint by columns, or by a mixture of them."""
        moments = self.master.moments[columns]
        if weights is not None:
            moments = (weights @ moments)[None]
        found = self.moments.violations(moments, len(self.constraints))
        return found if weights is None else found[0]

    def objective(self, columns, weights):
        """Expected objective of a mixture, as the user named it."""
        if self.moments.members is None:
            cost = weights @ self.master.values[columns]
        else:
            n_groups = len(self.moments.group_weight)
            groups = self.master.moments[columns, -1 - n_groups : -1]
            cost = (weights @ groups).max()
        return float(self.best - self.utility * cost)

    def error(self, columns, weights):
        """Expected share of wrong decisions of a mixture."""
        return float(weights @ self.master.moments[columns, -1])


def _n_people(data):
    """Integer weights count people; of others the effective number is taken."""
    if data.weight is None:
        return len(data.y)
    if (data.weight == np.round(data.weight)).all():
        return data.weight.sum()
    return data.weight.sum() ** 2 / (data.weight**2).sum()


def cost_of(objective, label_totals):
    """Write an objective as costs between 0 and 1.

    Parameters
    ----------
    objective : str or array-like of shape (n_classes, n_classes)
    label_totals : ndarray of shape (n_classes,)

    Returns
    -------
    cost : ndarray of shape (n_classes, n_classes)
        Per unit of weight of each (true label, decision).
    scale, best : float
        The objective is `best` less `scale` times the expected cost.
    """
    n, everybody = len(label_totals), label_totals.sum()
    wrong = 1 - np.eye(n)
    if isinstance(objective, str):
        if objective == "balanced_accuracy":
            present = label_totals > 0
            base = np.where(present, label_totals, 1) * present.sum()
            return wrong / base[:, None], 1.0, 1.0
        return wrong / everybody, 1.0, 1.0
    try:
        utility = np.asarray(objective, dtype=float)
    except (TypeError, ValueError):
        utility = np.empty(0)
    if utility.shape != (n, n) or not np.isfinite(utility).all():
        raise ValueError(
            f"objective as utilities must be finite numbers of shape {(n, n)}, true "
            f"label by decision, got {objective!r}."
        )
    lost = utility.max(axis=1, keepdims=True) - utility
    scale = float(lost.max()) or 1.0
    best = float(label_totals @ utility.max(axis=1) / everybody)
    return lost / scale / everybody, scale, best


def _judged(data, cells, rows):
    """The rows that judge, with the cells as their groups."""
    return TrainingData(
        take_rows(data.X, rows),
        take_rows(data.y, rows),
        data.classes,
        Groups(take_rows(cells.codes, rows), cells.labels, cells.names),
        take_rows(data.weight, rows),
    )
