"""Models at the same violation: unprocessing (Cruz and Hardt 2024)."""

from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._groups import names_columns
from fairlearnkit._sklearn import response_method_of, thawed
from fairlearnkit.model_selection._candidates import number_names
from fairlearnkit.postprocessing import ThresholdOptimizer


def unprocess(
    models,
    X,
    y,
    *,
    sensitive_features,
    constraint="equalized_odds",
    tolerance=1.0,
    objective="accuracy",
    sample_weight=None,
    response_method="auto",
    deterministic=False,
    handle_missing="error",
    handle_unknown="error",
    random_state=0,
):
    """Put fitted models at the same violation, by thresholds for each group.

    A model trained for parity is usually less accurate than one that was not, and the
    two are then compared at different violations, where neither beats the other. This
    gives every model the best thresholds by group: without a constraint (the default,
    "unprocessing"), so that each shows what its scores can do when nothing is asked of
    them, or within one and the same `tolerance`. Then one number, the objective, is
    left to compare. Cruz and Hardt found in this way that group thresholds on a plain
    model did as well as, or better than, every other method they could evaluate.

    It compares *scores*, with the group known at prediction. It says nothing of a model
    that must decide without the group, nor of one whose own decisions, not scores, are
    used.

    Parameters
    ----------
    models : classifier, or list, tuple or dict of classifiers
        Fitted, binary, with `predict_proba` or `decision_function`: plain models,
        pipelines, mitigators. They are left as they are.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows that *no* model has seen in training. On training rows a model that
        overfits looks better and fairer than it is, and its thresholds are wrong.
    y : array-like of shape (n_samples,)
        Labels of two classes.
    sensitive_features : str, int, list of these, callable, or values
        Column(s) of X that hold the groups, or their values, an entry a row. With
        values, pass them to every prediction too.
    constraint : str, Constraint or Rate, default="equalized_odds"
        What `tolerance` bounds.
    tolerance : float in [0, 1], default=1.0
        The violation that all models are put within; 1 asks for nothing.
    objective : {"accuracy", "balanced_accuracy"}, default="accuracy"
        What the thresholds maximise.
    sample_weight : array-like of shape (n_samples,), default=None
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        Where scores come from.
    deterministic, handle_missing, handle_unknown, random_state
        As in :class:`~fairlearnkit.postprocessing.ThresholdOptimizer`.

    Returns
    -------
    unprocessed : ThresholdOptimizer, or list, tuple or dict of them
        As `models`. Fitted; `objective_` and `violation_` are those on X, `frontier_`
        the objective at every violation.

    Raises
    ------
    ValueError
        If a model is not fitted, has no scores or other classes than y; the message
        names it.

    Warns
    -----
    FairnessWarning
        As ThresholdOptimizer's `fit`: on thin groups, and if no rule is within the
        tolerance.

    See Also
    --------
    compare_unprocessed : The models' objectives at a range of violations.
    FairnessFrontier : Compares models by their own decisions, and needs no second
        sample.

    Notes
    -----
    The model's own decision, one threshold for all, is among the rules that are
    searched, so that on these rows an unprocessed model is never less accurate than the
    model itself. A :class:`~fairlearnkit.inprocessing.ReductionClassifier` is a random
    mixture; its score is that of the member that each row draws, so that members of
    unlike scores make it a worse score than either.

    References
    ----------
    Cruz, Hardt, "Unprocessing seven years of algorithmic fairness", ICLR 2024.
    :doi:`10.48550/arXiv.2306.07261`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit import ReweighingClassifier
    >>> from fairlearnkit.model_selection import unprocess
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 20_000)
    >>> skill = rng.normal(size=20_000) + group
    >>> X, y = np.column_stack([skill, group]), skill + rng.normal(size=20_000) > 0.5
    >>> plain = LogisticRegression().fit(X[:10_000], y[:10_000])
    >>> fair = ReweighingClassifier(LogisticRegression(), sensitive_features=1)
    >>> models = {"plain": plain, "reweighed": fair.fit(X[:10_000], y[:10_000])}
    >>> X_new, y_new = X[10_000:], y[10_000:]
    >>> for name, model in models.items():
    ...     print(f"{name}: {model.score(X_new, y_new):.3f}")
    plain: 0.763
    reweighed: 0.751
    >>> found = unprocess(models, X_new, y_new, sensitive_features=1)
    >>> for name, model in found.items():
    ...     print(f"{name}: {model.objective_:.3f}")
    plain: 0.765
    reweighed: 0.765
    """
    spec, values = spec_or_values(sensitive_features, X)

    def fit(name, model):
        optimizer = ThresholdOptimizer(
            _freeze(name, model, response_method),
            constraint=constraint,
            tolerance=tolerance,
            objective=objective,
            sensitive_features=spec,
            response_method=response_method,
            deterministic=deterministic,
            handle_missing=handle_missing,
            handle_unknown=handle_unknown,
            random_state=random_state,
        )
        try:
            options = {"sensitive_features": values, "sample_weight": sample_weight}
            return optimizer.fit(X, y, **options)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    fitted = {name: fit(name, model) for name, model in named_models(models).items()}
    if isinstance(models, dict):
        return fitted
    if isinstance(models, (list, tuple)):
        return type(models)(fitted.values())
    return next(iter(fitted.values()))


def _freeze(name, model, response_method):
    inner = thawed(model)
    try:
        check_is_fitted(inner)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error
    if response_method_of(inner, response_method) is None:
        auto = response_method == "auto"
        asked = "predict_proba or decision_function" if auto else response_method
        raise ValueError(
            f"{name}: {type(inner).__name__} has no {asked}; labels alone leave no "
            "thresholds to choose, so models are compared by their scores."
        )
    return FrozenEstimator(inner)


def named_models(models):
    if isinstance(models, dict):
        return models
    items = models if isinstance(models, (list, tuple)) else [models]
    if not items:
        raise ValueError("there are no models to unprocess.")
    return dict(zip(number_names(items), items, strict=True))


def spec_or_values(sensitive_features, X):
    """Names of columns, or values; the other one is None."""
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    named = names_columns(sensitive_features, n_rows)
    return (sensitive_features, None) if named else (None, sensitive_features)
