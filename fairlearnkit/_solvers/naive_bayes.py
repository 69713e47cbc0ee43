"""Naive Bayes from weighted sums: categories and normal numbers, by class or by chance.

Every row belongs to each class with some share, 0 or 1 if labels are known, so that the
same sums serve a supervised fit, a fit per group and the steps of EM.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "Evidence",
    "LatentFit",
    "MixedData",
    "balanced_offsets",
    "fit_evidence",
    "fit_latent",
    "group_offset",
    "latent_chance",
    "log_ratio_by_group",
    "selection_rates",
    "target_rates",
]

_STEPS = 200  # halvings of an interval
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class MixedData:
    """Features of both kinds.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples, n_numbers)
    categories : ndarray of shape (n_samples, n_categorical), dtype int
        Position of each value; -1 for one that was not seen in training.
    sizes : tuple of int
        Number of values of each categorical feature.
    """

    numbers: np.ndarray
    categories: np.ndarray
    sizes: tuple[int, ...]

    def take(self, rows: np.ndarray) -> MixedData:
        """Some of the rows."""
        return MixedData(self.numbers[rows], self.categories[rows], self.sizes)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Laws of the features given the negative and the positive class.

    Parameters
    ----------
    mean, variance : ndarray of shape (2, n_numbers)
    log_chances : tuple of ndarray of shape (2, n_values)
        Log probabilities of the values of each categorical feature.
    """

    mean: np.ndarray
    variance: np.ndarray
    log_chances: tuple[np.ndarray, ...]

    def log_likelihood(self, data: MixedData) -> np.ndarray:
        """Log density of each row given each class, of shape (n_samples, 2).

        A value that was not seen in training counts for neither class.
        """
        found = np.zeros((len(data.categories), 2))
        for k in range(2):
            spread = (data.numbers - self.mean[k]) ** 2 / self.variance[k]
            constant = np.log(2 * np.pi * self.variance[k]).sum()
            found[:, k] = -0.5 * (spread.sum(axis=1) + constant)
        for j, table in enumerate(self.log_chances):
            code = data.categories[:, j]
            found += np.where(code >= 0, table[:, code], 0.0).T
        return found

    def log_ratio(self, data: MixedData) -> np.ndarray:
        """Log likelihood ratio of the positive class against the negative."""
        found = self.log_likelihood(data)
        return found[:, 1] - found[:, 0]


def fit_evidence(
    data: MixedData, shares: np.ndarray, alpha: float, floor: np.ndarray
) -> Evidence:
    """Fit the laws of the features to rows that belong to each class in part.

    Parameters
    ----------
    data : MixedData
    shares : ndarray of shape (n_samples, 2)
        Weight of each row in each class; both classes need some.
    alpha : float
        Pseudo-count of every value of a categorical feature.
    floor : ndarray of shape (n_numbers,)
        Added to the variances.
    """
    mass = shares.sum(axis=0)
    mean = shares.T @ data.numbers / mass[:, None]
    variance = np.stack(
        [
            shares[:, k] @ (data.numbers - mean[k]) ** 2 / mass[k] + floor
            for k in range(2)
        ]
    )
    tables = []
    for j, size in enumerate(data.sizes):
        code = data.categories[:, j]
        counts = np.stack([np.bincount(code, shares[:, k], size) for k in range(2)])
        total = mass[:, None] + alpha * size
        tables.append(np.log((counts + alpha) / total))
    return Evidence(mean, variance, tuple(tables))


def log_ratio_by_group(
    models: list[Evidence], data: MixedData, codes: np.ndarray
) -> np.ndarray:
    """Log likelihood ratio of each row, by the model of its group or the only one."""
    if len(models) == 1:
        return models[0].log_ratio(data)
    found = np.empty(len(codes))
    for g, model in enumerate(models):
        rows = np.flatnonzero(codes == g)
        found[rows] = model.log_ratio(data.take(rows))
    return found


def latent_chance(rates: np.ndarray, overall: float) -> np.ndarray:
    """P(fair label positive | group, observed label), of shape (n_groups, 2).

    The fair label is positive equally often in every group, as often as the observed
    one is overall, and differs from the observed one as seldom as can be.

    Parameters
    ----------
    rates : ndarray of shape (n_groups,)
        Share of positives among the observed labels of each group.
    overall : float
        The same of all people.
    """
    few = rates <= overall
    turned = np.divide(overall - rates, 1 - rates, np.zeros_like(rates), where=few)
    kept = np.divide(overall, rates, np.ones_like(rates), where=~few)
    return np.column_stack([np.where(few, turned, 0.0), np.where(few, 1.0, kept)])


@dataclass(frozen=True, eq=False)
class LatentFit:
    """A fit of the model with a latent label.

    Parameters
    ----------
    evidence : Evidence
        Given the latent label.
    share : ndarray of shape (n_samples,)
        Probability that the latent label is positive, given everything observed.
    log_likelihood : float
        Mean of the rows, of features given group and label, up to the smoothing.
    n_iter : int
    change : float
        Last change of the log likelihood.
    """

    evidence: Evidence
    share: np.ndarray
    log_likelihood: float
    n_iter: int
    change: float


def fit_latent(
    data: MixedData,
    label: np.ndarray,
    chance: np.ndarray,
    weight: np.ndarray,
    *,
    alpha: float,
    floor: np.ndarray,
    max_iter: int,
    tol: float,
) -> LatentFit:
    """Fit by EM the laws of the features given a label that is not observed.

    Parameters
    ----------
    data : MixedData
    label : ndarray of shape (n_samples,), dtype int
        The observed label, 0 or 1, where the fit starts.
    chance : ndarray of shape (n_samples,)
        P(latent label positive | observed label, group); fixed.
    weight : ndarray of shape (n_samples,)
    alpha, floor
        As in `fit_evidence`.
    max_iter : int
    tol : float
        Change of the mean log likelihood at which to stop.
    """
    share, total = label.astype(float), weight.sum()
    with np.errstate(divide="ignore"):
        prior = np.log(np.column_stack([1 - chance, chance]))
    last, step, change = -np.inf, 0, np.inf
    while step < max_iter and abs(change) > tol:
        step += 1
        parts = weight[:, None] * np.column_stack([1 - share, share])
        evidence = fit_evidence(data, parts, alpha, floor)
        joint = evidence.log_likelihood(data) + prior
        rows = np.logaddexp(joint[:, 0], joint[:, 1])
        share = np.exp(joint[:, 1] - rows)
        now = float(weight @ rows / total)
        change, last = now - last, now
    return LatentFit(evidence, share, last, step, change)


def target_rates(
    rates: np.ndarray, share: np.ndarray, overall: float, tolerance: float
) -> tuple[np.ndarray, float]:
    """Move rates into a window as wide as the tolerance, with a given overall rate.

    Parameters
    ----------
    rates, share : ndarray of shape (n_groups,)
        Present rate of each group, and its share of the people.
    overall : float
        Rate of all people together that the moved rates are to have.
    tolerance : float

    Returns
    -------
    moved : ndarray of shape (n_groups,)
    low : float
        Lower end of the window.
    """
    low, high = -tolerance, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        moved = np.clip(rates, max(middle, 0), min(middle + tolerance, 1))
        if share @ moved < overall:
            low = middle
        else:
            high = middle
    moved = np.clip(rates, max(high, 0), min(high + tolerance, 1))
    return moved, high


def group_offset(
    score: np.ndarray,
    weight: np.ndarray,
    rate: float,
    window: tuple[float, float],
) -> tuple[float, float]:
    """Offset of a group's scores whose sign selects a given share of it.

    Parameters
    ----------
    score, weight : ndarray of shape (n_people,)
        Of the group; weights positive.
    rate : float
        Share to be selected.
    window : (float, float)
        The nearest share within it is preferred to the nearest of all.

    Returns
    -------
    offset : float
        Select where ``score + offset > 0``.
    reached : float
        Share selected.
    """
    values, place = np.unique(score, return_inverse=True)
    mass = np.bincount(place, weight)
    above = np.append(np.cumsum(mass[::-1])[::-1], 0.0) / mass.sum()
    away = np.abs(above - rate)
    inside = (above >= window[0] - _ROUNDING) & (above <= window[1] + _ROUNDING)
    best = int(np.argmin(np.where(inside | ~inside.any(), away, np.inf)))
    ends = np.concatenate([[values[0] - 2], values, [values[-1] + 2]])
    return -float(ends[best] / 2 + ends[best + 1] / 2), float(above[best])


def balanced_offsets(
    score: np.ndarray,
    label: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    rates: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Offsets of the groups at which their rates, as they are now, agree.

    All groups together are selected as often as labels are positive.
    """
    share = np.bincount(codes, weight) / weight.sum()
    overall = float(weight @ label / weight.sum())
    moved, low = target_rates(rates, share, overall, tolerance)
    window = (low, low + tolerance)
    found = []
    for g, rate in enumerate(moved):
        offset, _ = group_offset(score[codes == g], weight[codes == g], rate, window)
        found.append(offset)
    return np.array(found)


def selection_rates(
    score: np.ndarray, label: np.ndarray, codes: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Rates of the groups where positive scores are selected, their gap, the error."""
    selected = score > 0
    rates = np.bincount(codes, weight * selected) / np.bincount(codes, weight)
    error = weight @ (selected != label) / weight.sum()
    return rates, float(np.ptp(rates)), float(error)
