"""Candidates: what a user wrote, as a flat list of named estimators."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone, is_regressor
from sklearn.model_selection import ParameterGrid

_FORM = (
    "candidates must be a list, or a dict that names them, of estimators or of pairs "
    "(estimator, param_grid)"
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """One estimator with its parameters set.

    Parameters
    ----------
    family : str
        The name that the user gave, or the class.
    name : str
        The family, and those parameters that vary within its grid.
    params : dict
        The parameters that the grid set; empty without a grid.
    estimator : estimator
        Unfitted, unless it is frozen.
    """

    family: str
    name: str
    params: dict
    estimator: Any


def expand_candidates(candidates):
    """Expand estimators and grids to a flat list.

    Parameters
    ----------
    candidates : list or dict
        Of estimators, or of pairs (estimator, param_grid).

    Returns
    -------
    candidates : list of Candidate

    Raises
    ------
    ValueError
        If there are none, an item is neither an estimator nor such a pair, or an
        estimator is a regressor.
    """
    if not isinstance(candidates, (list, dict)) or not candidates:
        raise ValueError(f"{_FORM}, and not empty; got {_describe(candidates)}.")
    if isinstance(candidates, dict):
        named = [(str(name), *_split(item)) for name, item in candidates.items()]
    else:
        pairs = [_split(item) for item in candidates]
        families = number_names([estimator for estimator, _ in pairs])
        named = [(f, *pair) for f, pair in zip(families, pairs, strict=True)]
    return [
        Candidate(family, name, params, _set(name, estimator, params))
        for family, estimator, grid in named
        for name, params in zip(_names(family, grid), grid, strict=True)
    ]


def plain_estimators(candidates):
    """The estimators that the user wrote, before any grid; none of a wrong form."""
    if not isinstance(candidates, (list, dict)):
        return []
    items = candidates.values() if isinstance(candidates, dict) else candidates
    firsts = [item[0] if isinstance(item, tuple) and item else item for item in items]
    return [
        item
        for item in firsts
        if hasattr(item, "get_params") and not isinstance(item, type)
    ]


def number_names(estimators):
    """Names of classes, numbered where they repeat, as make_pipeline does."""
    classes = [type(estimator).__name__ for estimator in estimators]
    total, seen, names = Counter(classes), Counter(), []
    for name in classes:
        seen[name] += 1
        names.append(f"{name}-{seen[name]}" if total[name] > 1 else name)
    return names


def _split(item):
    """An estimator and the parameter settings to give it."""
    estimator, grid = item if isinstance(item, tuple) and len(item) == 2 else (item, {})
    usable = hasattr(estimator, "fit") and hasattr(estimator, "get_params")
    if not usable or isinstance(estimator, type):
        raise ValueError(f"{_FORM}; got {_describe(item)}.")
    if is_regressor(estimator):
        raise ValueError(
            f"a frontier needs classifiers, got {type(estimator).__name__}."
        )
    return estimator, list(ParameterGrid(grid))


def _set(name, estimator, params):
    if not params:
        return estimator
    try:
        return clone(estimator).set_params(**clone(params, safe=False))
    except ValueError as error:
        raise ValueError(f"candidate {name}: {error}") from error


def _names(family, settings):
    """The family with those parameters that vary, for each setting."""
    shown = [{k: _show(v) for k, v in params.items()} for params in settings]
    varying = {
        key
        for own in shown
        for key in own
        if any(s.get(key) != own[key] for s in shown)
    }
    names = []
    for own in shown:
        pairs = ", ".join(f"{k}={v}" for k, v in own.items() if k in varying)
        names.append(f"{family}({pairs})" if pairs else family)
    return names


def _show(value):
    if hasattr(value, "get_params"):
        return type(value).__name__
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(str(value).split())


def _describe(item):
    return " ".join(repr(item).split())[:80]
