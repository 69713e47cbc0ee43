"""The models to choose from, and the methods that wrap them."""

import os
import sys
from importlib import import_module

import pandas as pd
from sklearn.base import is_classifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from fairlearnkit._sklearn import require_weights
from fairlearnkit.cli._errors import InputError, one_line
from fairlearnkit.inprocessing import ReductionClassifier
from fairlearnkit.postprocessing import ThresholdOptimizer
from fairlearnkit.preprocessing import ReweighingClassifier

__all__ = ["build_method", "build_model", "check_model"]

_MOST_CATEGORIES = 250  # boosting codes at most 255 values in a byte


def build_model(name, features, seed):
    """Return an unfitted pipeline from these raw features to a decision."""
    categories = [
        column
        for column in features.columns
        if isinstance(features[column].dtype, pd.CategoricalDtype)
    ]
    numbers = [column for column in features.columns if column not in categories]
    if name == "logistic":
        model = LogisticRegression(max_iter=1000)
        return make_pipeline(_dummies(numbers, categories), model)
    if name == "hist-gradient-boosting":
        model = HistGradientBoostingClassifier(
            categorical_features=list(range(len(categories))), random_state=seed
        )
        return make_pipeline(_codes(numbers, categories), model)
    if name == "random-forest":
        model = RandomForestClassifier(200, min_samples_leaf=5, random_state=seed)
        return make_pipeline(_codes(numbers, categories), model)
    model = _import_model(name)
    if "random_state" in model.get_params(deep=False):
        model.set_params(random_state=seed)
    return make_pipeline(_dummies(numbers, categories, sparse=False), model)


def check_model(model, methods):
    """Raise an InputError if a method asks of the model what it cannot do."""
    name = type(model[-1]).__name__
    weighted = [m for m in methods if m in ("reweighing", "reduction")]
    others = [m for m in methods if m not in weighted]
    try:
        if weighted:
            require_weights(model)
    except ValueError:
        raise InputError(
            f"{name} takes no sample_weight, which {' and '.join(weighted)} need; use "
            f"--methods {','.join(others) or 'plain,thresholds'}."
        ) from None
    scores = hasattr(model, "predict_proba") or hasattr(model, "decision_function")
    if "thresholds" in methods and not scores:
        raise InputError(
            f"{name} has no predict_proba or decision_function, which thresholds "
            "needs; leave it out of --methods."
        )


def build_method(method, model, data, arguments):
    """Return the unfitted estimator of a method; "plain" is the model itself."""
    if method == "plain":
        return model
    groups = {
        "sensitive_features": data.sensitive,
        "drop_sensitive": arguments.hide_sensitive,
        "handle_missing": arguments.handle_missing,
        "random_state": arguments.seed,
    }
    if method == "reweighing":
        return ReweighingClassifier(model, **groups)
    mitigator = {"reduction": ReductionClassifier, "thresholds": ThresholdOptimizer}
    return mitigator[method](
        model,
        constraint=arguments.constraint,
        tolerance=arguments.tolerance,
        **groups,
    )


def _dummies(numbers, categories, *, sparse=True):
    """Scaled numbers and one column per category; rare ones share a column."""
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=10,
        max_categories=50,
        sparse_output=sparse,
    )
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_column_transformer(
        (make_pipeline(imputer, StandardScaler()), numbers),
        (encoder, categories),
        sparse_threshold=0.3 if sparse else 0,
    )


def _codes(numbers, categories):
    """Categories as integers, then numbers; trees split missing values by themselves.

    Categories come first so that boosting knows them by position.
    """
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=float("nan"),
        max_categories=_MOST_CATEGORIES,
    )
    return make_column_transformer((encoder, categories), ("passthrough", numbers))


def _import_model(name):
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InputError(
            f"unknown model {name!r}; choose logistic, hist-gradient-boosting, "
            "random-forest or MODULE:CLASS."
        )
    if os.getcwd() not in sys.path:  # a script's path starts at the script
        sys.path.insert(0, os.getcwd())
    # Whatever the user's own module raises is theirs to mend, hence every exception.
    try:
        found = getattr(import_module(module), attribute)
        model = found() if callable(found) else found
    except Exception as error:
        kind = type(error).__name__
        raise InputError(
            f"cannot make a model from {name!r}: {kind}: {one_line(error)}"
        ) from error
    if not (hasattr(model, "get_params") and is_classifier(model)):
        raise InputError(f"{name!r} gives no scikit-learn classifier.")
    return model
