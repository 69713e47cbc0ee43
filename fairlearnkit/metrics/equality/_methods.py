"""The methods by which equality is tested, and the intervals of differences."""

from typing import NamedTuple

import numpy as np
from scipy.stats import fisher_exact

from fairlearnkit.metrics._gaps import GapProblem
from fairlearnkit.metrics._intervals import newcombe_interval
from fairlearnkit.metrics.equality._contrasts import (
    centred,
    chi2_p_values,
    distances,
    heterogeneity,
    max_t_p_values,
    share_as_large,
)
from fairlearnkit.metrics.equality._exact import exact_p_value, n_tables

METHODS = ("auto", "exact", "permutation", "chi2", "simulation")
_FEW_TABLES, _MOST_TABLES = 20_000, 5_000_000
_TABLE_DRAWS, _ROW_DRAWS = 9999, 999


class Found(NamedTuple):
    """What a method finds.

    Parameters
    ----------
    statistic, p_value : float
        Of all groups and metrics together.
    p_values : ndarray of shape (n_metrics, n_groups)
        Of every group against all others.
    stepped : ndarray of the same shape, or None
        The same, adjusted by the largest distance in the same permutations.
    """

    statistic: float
    p_value: float
    p_values: np.ndarray
    stepped: np.ndarray | None = None


def find(question, method, n_permutations, needs_draws, rng):
    """Test a question.

    Parameters
    ----------
    question : RateQuestion or MetricQuestion
    method : str
        One of `METHODS`.
    n_permutations : int or None
    needs_draws : bool
        Whether p-values are adjusted by permutations.
    rng : Generator

    Returns
    -------
    method : str
    found : Found

    Raises
    ------
    ValueError
        If the method does not suit the question.
    """
    method = _chosen(method, question, needs_draws)
    if needs_draws and method != "permutation":
        raise ValueError("adjust='max_t' needs method='permutation'.")
    if method == "permutation":
        default = _TABLE_DRAWS if question.draws_tables else _ROW_DRAWS
        n_draws = default if n_permutations is None else n_permutations
        if n_draws < 1:
            raise ValueError(f"n_permutations must be positive, got {n_draws}.")
        return method, _permute(question, int(n_draws), rng)
    return method, {"exact": _exact, "chi2": _chi2, "simulation": _simulate}[method](
        question
    )


def differences(question, confidence_level):
    """Difference of every group from all others together, with its interval.

    Returns
    -------
    differences, low, high : ndarray of shape (n_metrics, n_groups)
    """
    found = []
    for group in range(len(question.groups)):
        pairs = question.against_rest(group)
        found.append([_difference(*pair, confidence_level) for pair in pairs])
    return np.array(found, dtype=float).transpose(2, 1, 0)


def _difference(own, rest, confidence_level):
    first, second = (
        (law.values[0], *np.ravel(law.interval(confidence_level)))
        for law in (own, rest)
    )
    return (first[0] - second[0], *newcombe_interval(first, second))


def _chosen(method, question, needs_draws):
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    if method == "auto":
        if question.is_binary and not needs_draws and _number(question) <= _FEW_TABLES:
            return "exact"
        return "permutation" if question.can_permute else "simulation"
    if method == "permutation" and not question.can_permute:
        raise ValueError(
            "a weighted table does not tell which people to permute; use "
            "method='simulation', or equality_test with the arrays."
        )
    if method == "exact" and not question.is_binary:
        raise ValueError(
            "method='exact' needs shares of people, each of people of its own, without "
            "weights or strata; use method='permutation'."
        )
    if method == "chi2" and not question.chi2_holds:
        raise ValueError(
            "method='chi2' needs shares of people, of the same people or of different "
            "ones, without weights or strata; use method='permutation'."
        )
    if method == "simulation" and question.strata is not None:
        raise ValueError("within=... needs method='permutation'.")
    if method == "exact" and (number := _number(question)) > _MOST_TABLES:
        raise ValueError(
            f"method='exact' would go through {number:.0e} tables; use "
            "method='permutation'."
        )
    return method


def _number(question):
    tables = question.binary_tables()
    return np.prod([n_tables(t.sum(axis=1), int(t[:, 0].sum())) for t in tables])


def _permute(question, n_draws, rng):
    contrasts = question.contrasts() + question.drawn(n_draws, rng)
    if question.strata is not None:
        contrasts = centred(contrasts)
    statistics = heterogeneity(contrasts, question.complete > 0)
    z = distances(contrasts)
    stepped = max_t_p_values(_once(z).reshape(len(z), -1)).reshape(z.shape[1:])
    return Found(
        float(statistics[0]),
        float(share_as_large(statistics)),
        share_as_large(z),
        mirrored(stepped),
    )


def _chi2(question):
    contrasts = type(question.contrasts())(*(p[0] for p in question.contrasts()))
    p_value, p_values = chi2_p_values(contrasts, question.complete)
    statistic = heterogeneity(contrasts, question.complete > 0)
    return Found(float(statistic), float(p_value), p_values)


def _exact(question):
    found = _chi2(question)
    tables = question.binary_tables()
    p_values = np.full(found.p_values.shape, np.nan)
    for metric, table in enumerate(tables):
        rest = table.sum(axis=0) - table
        for group in np.flatnonzero(table.any(axis=1) & rest.any(axis=1)):
            sides = table[group], rest[group]
            p_values[metric, group] = fisher_exact(sides).pvalue
    return Found(found.statistic, exact_p_value(tables), p_values)


def _simulate(question):
    estimates = question.estimates()
    kept = [e.take(np.flatnonzero(~np.isnan(e.values))) for e in estimates]
    kept = [e for e in kept if len(e.groups) > 1]
    shape = len(estimates), len(question.groups)
    p_values = np.full(shape, np.nan)
    for group in range(shape[1]):
        for metric, pair in enumerate(question.against_rest(group)):
            sides = _joined(*pair)
            if not np.isnan(sides.values).any():
                p_values[metric, group] = GapProblem([sides], "difference").p_value()
    if not kept:
        return Found(np.nan, np.nan, p_values)
    problem = GapProblem(kept, "difference")
    return Found(problem.gap, problem.p_value(), p_values)


def _joined(own, rest):
    """One law of two groups."""
    fields = {
        name: np.concatenate([value, rest.__dict__[name]])
        if isinstance(value, np.ndarray)
        else value
        for name, value in own.__dict__.items()
    }
    return type(own)(**fields | {"groups": own.groups + rest.groups})


def _once(tests):
    """Blank the second of two groups: its test is that of the first."""
    if tests.shape[-1] == 2:
        tests = tests.copy()
        tests[..., 1] = np.nan
    return tests


def mirrored(p_values, adjust=None):
    """Adjust p-values, of which those of two groups are one test, not two.

    Parameters
    ----------
    p_values : ndarray of shape (n_metrics, n_groups)
    adjust : callable, default=None
        From p-values of shape (n_tests,) to adjusted ones; if None they are so already.
    """
    if adjust is not None:
        p_values = adjust(_once(p_values).ravel()).reshape(p_values.shape)
    if p_values.shape[1] == 2:
        p_values = np.repeat(p_values[:, :1], 2, axis=1)
    return p_values
