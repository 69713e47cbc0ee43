"""What both group distributionally robust models do: numbers in, coefficients out."""

from dataclasses import replace
from numbers import Integral, Real
from warnings import warn

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._mitigator import SENSITIVE_PARAMETERS, check_numbers
from fairlearnkit._sklearn import Interval, take_rows
from fairlearnkit._solvers.group_dro import (
    GroupRisks,
    fit_fixed_prices,
    fit_worst_group,
)
from fairlearnkit._solvers.linear_design import make_design
from fairlearnkit.inprocessing._group_losses import (
    report_losses,
    warn_levelled_down,
    warn_small_groups,
)

LINEAR_PARAMETERS: dict = {
    **SENSITIVE_PARAMETERS,
    "alpha": [Interval(Real, 0, None, closed="neither")],
    "size_adjustment": [Interval(Real, 0, None, closed="left")],
    "fit_intercept": ["boolean"],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, 1, closed="neither")],
}


def fit_linear(mitigator, data, loss, name):
    """Fit and set every attribute but `classes_`.

    Parameters
    ----------
    mitigator : GroupDROClassifier or GroupDRORegressor
    data : TrainingData
    loss : LinearLoss
    name : str
        What the loss is called in reports.
    """
    warn_small_groups(data)
    risks = _risks(mitigator, data, loss)
    weight, codes = data.weight_or_ones, data.groups.codes
    mass = np.bincount(codes, weights=weight)
    pooled, steps, _ = fit_fixed_prices(
        risks, mass / mass.sum(), max_iter=mitigator.max_iter
    )
    found = fit_worst_group(
        risks, pooled, tol=mitigator.tol, max_iter=max(1, mitigator.max_iter - steps)
    )
    mitigator.coef_, mitigator.intercept_ = risks.design.raw(found.theta)
    if len(mitigator.intercept_) > 1:  # only their differences matter
        mitigator.intercept_ = mitigator.intercept_ - mitigator.intercept_.mean()
    mitigator.groups_ = data.groups.labels
    mitigator.group_weights_ = found.prices
    mitigator.gap_, mitigator.n_iter_ = found.gap, steps + found.n_iter
    unit = 2.0 if name == "squared error" else 1.0
    before, after = (
        unit * loss.value(risks.scores(theta), data.y)
        for theta in (pooled, found.theta.ravel())
    )
    mitigator.group_report_ = report_losses(name, before, after, data)
    mitigator.worst_group_loss_ = mitigator.group_report_.worst_after
    mitigator.loss_ = float(np.average(after, weights=weight))
    if not mitigator.size_adjustment:
        warn_levelled_down(mitigator.group_report_)
    if not found.converged:
        warn(
            f"not converged after {mitigator.n_iter_} Newton steps: the duality gap is "
            f"{found.gap:.2g}; increase max_iter, alpha or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )


def _risks(mitigator, data, loss):
    weight, codes = data.weight_or_ones, data.groups.codes
    mass = np.bincount(codes, weights=weight)
    design = make_design(
        linear_numbers(mitigator, data.X), weight, has_intercept=mitigator.fit_intercept
    )
    return GroupRisks(
        design,
        loss,
        data.y,
        codes,
        weight / mass[codes],
        mitigator.size_adjustment / np.sqrt(mass),
        mitigator.alpha,
    )


def linear_numbers(mitigator, X):
    """The features as numbers, dense or in rows.

    Raises
    ------
    ValueError
        If a column is no number.
    """
    return check_numbers(mitigator, mitigator._features(X), accept_sparse="csr")


def linear_scores(mitigator, X):
    """Scores of X, of shape (n_samples,) or (n_samples, n_scores)."""
    check_is_fitted(mitigator)
    X = linear_numbers(mitigator, mitigator._check_X(X, reset=False))
    return np.asarray(X @ mitigator.coef_.T) + mitigator.intercept_


def with_weighted_classes(data):
    """Data without labels that no weight speaks for: they have no finite intercept."""
    if data.weight is None or (data.totals.sum(axis=0) > 0).all():
        return data
    rows = np.flatnonzero(data.weight > 0)
    _, y = np.unique(data.y[rows], return_inverse=True)
    return replace(
        data,
        X=take_rows(data.X, rows),
        y=y,
        classes=data.classes[data.totals.sum(axis=0) > 0],
        groups=data.groups.take(rows),
        weight=data.weight[rows],
    )
