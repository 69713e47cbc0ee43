"""What every mitigator shares: entrance of the data, metadata requests, tags, score."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any
from warnings import warn

import numpy as np
from scipy.special import logit
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import assert_all_finite, check_array, column_or_1d, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, validate_data

from fairlearnkit._columns import as_frame, check_row_order
from fairlearnkit._draws import effective_rows
from fairlearnkit._factorize import factorize_integers
from fairlearnkit._groups import Groups, drop_columns, resolve_groups
from fairlearnkit._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    is_frozen,
    take_rows,
)
from fairlearnkit.constraints import Constraint, Rate
from fairlearnkit.exceptions import FairnessWarning, shortlist

__all__ = [
    "CONSTRAINT_PARAMETERS",
    "SENSITIVE_PARAMETERS",
    "MitigatorMixin",
    "TrainingData",
    "check_numbers",
    "refuse_frozen",
    "threshold_margin",
    "warn_few_rows",
    "warn_thin_rates",
]

CONSTRAINT_PARAMETERS: dict = {
    "constraint": [str, Constraint, Rate],
    "tolerance": [Interval(Real, 0, 1, closed="both")],
}

SENSITIVE_PARAMETERS: dict = {
    "sensitive_features": [str, Integral, list, tuple, callable, None],
    "drop_sensitive": ["boolean"],
    "handle_missing": [StrOptions({"error", "group"})],
}

_FEW_PEOPLE = 30  # a share of fewer is uncertain by some 18 points or more

_REQUEST = {"sensitive_features": True}
_METHODS = ("fit", "score", "predict", "predict_proba", "decision_function")


@dataclass(frozen=True)
class TrainingData:
    """Checked training data.

    Parameters
    ----------
    X : array, sparse matrix or native data frame, with every column
    y : ndarray of shape (n_samples,)
        Positions of the labels in `classes`; the numbers themselves in regression.
    classes : ndarray of shape (n_classes,), or None in regression
    groups : Groups
        Only groups that carry weight.
    weight : ndarray of shape (n_samples,) or None
        The user's weights.
    """

    X: Any
    y: np.ndarray
    classes: np.ndarray | None
    groups: Groups
    weight: np.ndarray | None

    @property
    def weight_or_ones(self) -> np.ndarray:
        """Weights, 1 where the user gave none."""
        return np.ones(len(self.y)) if self.weight is None else self.weight

    @property
    def labels(self) -> np.ndarray:
        """The labels as the user wrote them."""
        return self.y if self.classes is None else self.classes[self.y]

    @property
    def people(self) -> np.ndarray:
        """Rows that carry weight, of each group and label."""
        shape = self._shape
        cells = self.groups.codes * shape[1] + self.y
        kept = cells if self.weight is None else cells[self.weight > 0]
        return np.bincount(kept, minlength=shape[0] * shape[1]).reshape(shape)

    @property
    def totals(self) -> np.ndarray:
        """Weight of each group and label, of shape (n_groups, n_classes)."""
        shape = self._shape
        cells = self.groups.codes * shape[1] + self.y
        flat = np.bincount(cells, weights=self.weight, minlength=shape[0] * shape[1])
        return flat.reshape(shape).astype(float)

    @property
    def _shape(self) -> tuple[int, int]:
        assert self.classes is not None
        return len(self.groups), len(self.classes)


class MitigatorMixin:
    """Mixin of all mitigators.

    It reads the constructor parameters `sensitive_features`, `drop_sensitive`,
    `handle_missing` and, of those that wrap a classifier or regressor, `estimator`. It
    holds nothing of its own. Think twice before you add to it.
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        **SENSITIVE_PARAMETERS,
    }

    # scikit-learn matches these names by substring, so that all predict-like methods
    # must carry the same request.
    __metadata_request__fit = _REQUEST
    __metadata_request__score = _REQUEST
    __metadata_request__predict = _REQUEST
    __metadata_request__predict_proba = _REQUEST
    __metadata_request__decision_function = _REQUEST

    def get_metadata_routing(self):
        """Requests of this estimator: the groups, unless the constructor names them.

        Returns
        -------
        routing : MetadataRouter
        """
        own = self._get_metadata_request()
        if self.sensitive_features is not None:
            for method in _METHODS:
                request = getattr(own, method)
                if request.requests.get("sensitive_features") is True:
                    request.add_request(param="sensitive_features", alias=False)
        router = MetadataRouter(owner=self).add_self_request(own)
        if not hasattr(self, "estimator"):
            return router
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def score(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Accuracy of the predictions; in regression, R squared.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            True labels, or numbers.
        sensitive_features : array-like, Series or data frame, default=None
            The groups, where the prediction needs them and X does not hold them.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
            At most 1.
        """
        predicted = self.predict(X, sensitive_features=sensitive_features)
        measure = r2_score if is_regressor(self) else accuracy_score
        return measure(y, predicted, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not hasattr(self, "estimator"):
            return tags
        inner = get_tags(self.estimator).input_tags
        for name in ("sparse", "allow_nan", "string", "categorical", "positive_only"):
            setattr(tags.input_tags, name, getattr(inner, name))
        return tags

    def _check_X(self, X, *, reset):
        """Check the shape and the names of X; a data frame stays what it is."""
        if as_frame(X) is None:
            X = check_array(
                X,
                accept_sparse="csr",
                dtype=None,
                ensure_all_finite=False,
                estimator=self,
            )
        validate_data(self, X, reset=reset, skip_check_array=True)
        return X

    def _check_fit_data(self, X, y, sensitive_features, sample_weight):
        """Check everything given to fit and resolve the groups."""
        self._check_kind()
        check_row_order([("X", X), ("y", y), ("sample_weight", sample_weight)])
        X = self._check_X(X, reset=True)
        classes, codes = self._check_target(y)
        weight = _check_weight(sample_weight)
        check_consistent_length(X, codes, weight)
        if weight is not None and classes is not None:
            _check_weighted_classes(codes, weight)
        groups = resolve_groups(
            X,
            spec=self.sensitive_features,
            sensitive_features=sensitive_features,
            handle_missing=self.handle_missing,
            owner=type(self).__name__,
        )
        if weight is not None and (weight == 0).any():
            groups = _without_weightless(groups, weight)
        return TrainingData(X, codes, classes, groups, weight)

    def _check_kind(self):
        """A classifier wraps a classifier, a regressor a regressor."""
        kind, is_other = "classifier", is_regressor
        if is_regressor(self):
            kind, is_other = "regressor", is_classifier
        inner = getattr(self, "estimator", None)
        if inner is not None and is_other(inner):
            raise ValueError(
                f"{type(self).__name__} needs a {kind}, got {type(inner).__name__}."
            )

    def _check_target(self, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        y = column_or_1d(y, warn=True)
        if is_regressor(self):
            return None, check_array(
                y, ensure_2d=False, dtype=np.float64, input_name="y"
            )
        if y.dtype.kind in "fcO":
            assert_all_finite(y, input_name="y")
        if y.dtype.kind in "biu":
            codes, labels = factorize_integers(y)  # without a sort
            classes = np.array(labels, dtype=y.dtype)
        else:
            check_classification_targets(y)
            classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y has only one class, {classes.tolist()}; {type(self).__name__} "
                "needs two or more."
            )
        if len(classes) > 2 and not get_tags(self).classifier_tags.multi_class:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"multiclass, with {len(classes)} classes."
            )
        return classes, codes

    def _predict_groups(self, X, sensitive_features):
        """Groups at predict; an error if neither entrance gives them."""
        return resolve_groups(
            X,
            spec=self.sensitive_features,
            sensitive_features=sensitive_features,
            handle_missing=self.handle_missing,
            owner=type(self).__name__,
        )

    def _features(self, X):
        """The columns that the wrapped estimator sees."""
        return drop_columns(X, self.sensitive_features) if self.drop_sensitive else X


def _check_weight(sample_weight):
    if sample_weight is None:
        return None
    weight = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.ndim != 1:
        raise ValueError(f"Sample weights must be 1D, got shape {weight.shape}.")
    if (weight < 0).any():
        raise ValueError("Sample weights must be non-negative.")
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def _check_weighted_classes(codes, weight):
    if np.count_nonzero(np.bincount(codes, weights=weight)) < 2:
        raise ValueError("y has only one class with a weight above zero.")


def _without_weightless(groups, weight):
    """Forget groups without weight; their rows count for nothing and join others."""
    kept = groups.take(weight > 0)
    codes = np.maximum(groups.encode(kept.labels, handle_unknown="pooled"), 0)
    return Groups(codes, kept.labels, kept.names)


def threshold_margin(scores, thresholds, are_probabilities):
    """Signed distance of scores from thresholds, in log odds if they are probabilities.

    Positive exactly where the score exceeds the threshold.
    """
    above = scores > thresholds  # before a threshold of -inf becomes a probability of 0
    if are_probabilities:
        with np.errstate(divide="ignore"):
            scores, thresholds = logit(scores), logit(np.clip(thresholds, 0, 1))
    finite = np.isfinite(scores) & np.isfinite(thresholds)
    distance = np.where(finite, scores, 0) - np.where(finite, thresholds, 0)
    return np.where(finite, distance, np.where(above, np.inf, -np.inf))


def check_numbers(mitigator, features, *, dtype=np.float64, **options):
    """Features as an array of numbers, for a mitigator that wraps nothing.

    `options` are those of :func:`~sklearn.utils.check_array`.
    """
    try:
        return check_array(
            features, dtype=dtype, estimator=mitigator, input_name="X", **options
        )
    except ValueError as error:
        if "could not convert" not in str(error).lower():
            raise
        raise ValueError(
            f"{type(mitigator).__name__} needs numbers in X: encode columns of text, "
            f"or hide sensitive ones by drop_sensitive=True ({error})."
        ) from error


def refuse_frozen(mitigator):
    """Raise a ValueError if there is nothing to train."""
    if is_frozen(mitigator.estimator):
        raise ValueError(
            f"{type(mitigator).__name__} trains its estimator, but got a "
            "FrozenEstimator, which cannot be trained; use a post-processing method."
        )


def warn_thin_rates(constraint, data):
    """Name the groups whose rates have nobody, or too few people, behind them."""
    nobody, few = [], []
    for rate in constraint.rates(data.classes.tolist()):
        counted = np.array(rate.denominator)[:, 0] > 0
        for group, people in enumerate(data.people @ counted):
            cell = f"{rate.name} of {data.groups.describe(group)}"
            if not people:
                nobody.append(cell)
            elif people < _FEW_PEOPLE:
                few.append(f"{cell} ({people})")
    if nobody:
        warn(
            "left out of the constraint, undefined for lack of people: "
            f"{shortlist(nobody)}.",
            FairnessWarning,
            stacklevel=4,
        )
    if few:
        warn(
            f"fewer than {_FEW_PEOPLE} people behind {shortlist(few)}: what holds for "
            "them here may not hold for others.",
            FairnessWarning,
            stacklevel=4,
        )


def warn_few_rows(data):
    """Warn that hashing few distinct rows realises a mixture badly."""
    step = max(1, len(data.y) // 10_000)  # more rows cannot make them fewer
    rows = np.arange(0, len(data.y), step)
    distinct = effective_rows(take_rows(data.X, rows), take_rows(data.weight, rows))
    if distinct < 200:
        warn(
            f"the rule is randomised by hashing rows, but X has only about "
            f"{distinct:.0f} distinct rows, so realised rates can be far from the "
            "expected ones; deterministic=True avoids this.",
            FairnessWarning,
            stacklevel=5,
        )
