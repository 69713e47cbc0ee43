"""The only imports of scikit-learn's private API, and local metadata routing.

A mitigator wraps any scikit-learn estimator and hands it weights that it made itself.
Inside a Pipeline, a search or an ensemble those weights travel by metadata routing,
which is switched on here for the duration of one call and never globally.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import _fit_context as fit_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils import _safe_indexing
from sklearn.utils._metadata_requests import SIMPLE_METHODS
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    get_routing_for_object,
)
from sklearn.utils.validation import has_fit_parameter

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "asks_for_groups",
    "call_method",
    "estimator_has",
    "fit_clone",
    "fit_context",
    "is_frozen",
    "positive_score",
    "require_weights",
    "response_method_of",
    "take_rows",
    "thawed",
]


def is_frozen(estimator: Any) -> bool:
    """Tell whether `estimator` is already fitted and must not be refitted."""
    return isinstance(estimator, FrozenEstimator)


def thawed(estimator: Any) -> Any:
    """What a FrozenEstimator holds, which knows itself what it asks for."""
    return estimator.estimator if is_frozen(estimator) else estimator


def asks_for_groups(part: Any, method: str) -> bool:
    """Tell whether a model or a splitter asks for groups as metadata of a method."""
    with config_context(enable_metadata_routing=True):
        asked = _routing(part).consumes(method, ["sensitive_features"])
    return bool(asked)


def take_rows(values: Any, rows: Any) -> Any:
    """Rows of an array, a sparse matrix, a data frame, a list or a dict of columns.

    All of them where `rows` is None, and None of None.
    """
    if values is None or rows is None:
        return values
    if isinstance(values, dict):
        return {name: take_rows(column, rows) for name, column in values.items()}
    return _safe_indexing(values, rows)


def estimator_has(method: str) -> Callable[[Any], bool]:
    """Tell `available_if` whether the wrapped estimator has `method`."""

    def check(self: Any) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


def fit_clone(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    sensitive_features: Any = None,
    **fit_params: Any,
) -> Any:
    """Fit a clone of `estimator`, delivering weights and groups to whoever takes them.

    `sample_weight` must reach a predictor (else a ValueError names the one that takes
    none); `sensitive_features` goes only to nested mitigators that ask for it.
    """
    model = clone(estimator)
    metadata = {}
    if sample_weight is not None:
        require_weights(model)
        metadata["sample_weight"] = sample_weight
    if sensitive_features is not None:
        metadata["sensitive_features"] = sensitive_features
    with config_context(enable_metadata_routing=True):
        _request(model, tuple(metadata))
        wanted = _consumed(model, "fit", metadata)
    if not wanted:
        return model.fit(X, y, **fit_params)
    with config_context(enable_metadata_routing=_is_router(model)):
        return model.fit(X, y, **wanted, **fit_params)


def call_method(model: Any, method: str, X: Any, sensitive_features: Any = None) -> Any:
    """Call ``model.method(X)``, with the groups if something inside asks for them."""
    if sensitive_features is None:
        return getattr(model, method)(X)
    with config_context(enable_metadata_routing=True):
        wanted = _consumed(model, method, {"sensitive_features": sensitive_features})
        return getattr(model, method)(X, **wanted)


def response_method_of(model: Any, asked: str = "auto") -> str | None:
    """Name the method that scores come from, or None if the model has none."""
    methods = ("predict_proba", "decision_function") if asked == "auto" else (asked,)
    return next((method for method in methods if hasattr(model, method)), None)


def positive_score(
    model: Any, method: str, X: Any, sensitive_features: Any = None
) -> np.ndarray:
    """Score of the positive class of two, by that method."""
    response = np.asarray(call_method(model, method, X, sensitive_features))
    return response[:, 1] if method == "predict_proba" else response


def require_weights(estimator: Any) -> None:
    """Raise a ValueError that names the first predictor which takes no weights."""
    weightless = next(_predictors_without_weights(estimator), None)
    if weightless is None:
        return
    name = type(weightless).__name__
    where = "" if weightless is estimator else f" inside {type(estimator).__name__}"
    raise ValueError(
        f"{name}{where} does not accept sample_weight in fit; use an estimator that "
        "does, or ReweighingClassifier(..., weight_strategy='resample')."
    )


def _routing(model: Any) -> MetadataRequest | MetadataRouter:
    try:
        return get_routing_for_object(thawed(model))
    except NotImplementedError:  # AdaBoost takes weights but routes nothing yet
        return get_routing_for_object(None)


def _is_router(model: Any) -> bool:
    return isinstance(_routing(model), MetadataRouter)


def _consumed(model: Any, method: str, metadata: dict[str, Any]) -> dict[str, Any]:
    if not _is_router(model) and method == "fit":
        # A plain estimator takes its keyword whether or not it was requested.
        names = {name for name in metadata if has_fit_parameter(model, name)}
        names -= {"sensitive_features"}
    else:
        names = set()
    names |= set(_routing(model).consumes(method, list(metadata)))
    return {name: value for name, value in metadata.items() if name in names}


def _request(model: Any, names: Sequence[str]) -> None:
    """Settle every request for `names` that the user left unset, in `model` and below.

    Predictors and their scores take the weights; transformers do not.
    """
    for part in _parts(model):
        scores = hasattr(part, "scoring") and _is_router(part)
        if scores and "sample_weight" in names:
            part.scoring = _weighted_scoring(part.scoring)
        if not hasattr(part, "_get_metadata_request"):
            continue
        own = part._get_metadata_request()
        for method in SIMPLE_METHODS:
            unset = [
                name
                for name, alias in getattr(own, method).requests.items()
                if alias is None and name in names
            ]
            if unset:
                takes = hasattr(part, "predict")
                getattr(part, f"set_{method}_request")(**dict.fromkeys(unset, takes))


def _weighted_scoring(scoring: Any) -> Any:
    """Make the scorers of a search ask for the weights, unless the user decided."""
    if isinstance(scoring, str):
        if scoring == "warn":  # LogisticRegressionCV's sentinel for its default
            return scoring
        scoring = get_scorer(scoring)
    if isinstance(scoring, (list, tuple, set)):
        scoring = {name: get_scorer(name) for name in scoring}
    if isinstance(scoring, dict):
        return {name: _weighted_scoring(scorer) for name, scorer in scoring.items()}
    if not hasattr(scoring, "set_score_request"):
        return scoring
    scorer = clone(scoring, safe=False)
    asked = get_routing_for_object(scorer).score.requests.get("sample_weight")
    if asked is None:
        # Performance is weighted as training was; a gap between groups is not, since
        # such weights are made to hide it.
        takes = isinstance(scorer, _BaseScorer) and (
            "sample_weight" in inspect.signature(scorer._score_func).parameters
        )
        scorer.set_score_request(sample_weight=takes)
    return scorer


def _predictors_without_weights(estimator: Any) -> Iterator[Any]:
    if has_fit_parameter(estimator, "sample_weight"):
        return
    children = [child for child in _children(estimator) if hasattr(child, "fit")]
    if not children or not _is_router(estimator):
        yield estimator
        return
    for child in children:
        if hasattr(child, "predict") or any(True for _ in _children(child)):
            if _is_transformer_only(child) or is_frozen(child):
                continue
            yield from _predictors_without_weights(child)


def _is_transformer_only(estimator: Any) -> bool:
    return hasattr(estimator, "transform") and not hasattr(estimator, "predict")


def _parts(model: Any) -> Iterator[Any]:
    """The model and all below it that it may fit, a search's candidates included."""
    yield model
    for child in _children(model):
        if not is_frozen(child):
            yield from _parts(child)


def _children(estimator: Any) -> Iterator[Any]:
    yield from _estimators_in(list(estimator.get_params(deep=False).values()))


def _estimators_in(value: Any) -> Iterator[Any]:
    """Estimators among the steps of a Pipeline, the grid of a search and the like."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _estimators_in(item)
    elif hasattr(value, "get_params") and not inspect.isclass(value):
        yield value
