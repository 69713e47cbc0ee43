"""Scorers, the refit rule and the splitter in everything that takes them.

With a column named all of it works, whether metadata routing is off or on; with groups
given as metadata it works with routing on, post-processors included.
"""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit import ReductionClassifier, ReweighingClassifier, ThresholdOptimizer
from fairlearnkit.metrics import demographic_parity_difference
from fairlearnkit.model_selection import (
    ConstrainedRefit,
    SensitiveStratifiedKFold,
    SensitiveStratifiedShuffleSplit,
    constrained_scorer,
    fairness_scorer,
)

# Folds of this small sample have few people in a group.
pytestmark = pytest.mark.filterwarnings(
    "ignore:fewer than|the rule is randomised:fairlearnkit.exceptions.FairnessWarning"
)
ROUTING = pytest.mark.parametrize("routing", [False, True], ids=["off", "on"])
MODELS = ["plain", "threshold", "reduction"]


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    sex = rng.choice(["F", "M"], 200)
    age, hours = rng.normal(size=(2, 200))
    y = (age + hours + 0.8 * (sex == "M") + rng.normal(size=200) > 0.4).astype(int)
    return pd.DataFrame({"age": age, "hours": hours, "sex": sex}), y


def encoder():
    return make_column_transformer((StandardScaler(), ["age", "hours"]))


def model_of(kind, entrance):
    """A model, and a grid of two candidates; the spec only where X holds the groups."""
    pipe = make_pipeline(encoder(), LogisticRegression())
    inner = "logisticregression__C"
    if kind == "plain":
        return pipe, {inner: [0.01, 1.0]}
    spec = {"sensitive_features": "sex"} if entrance == "spec" else {}
    if kind == "threshold":
        model = ThresholdOptimizer(pipe, cv=2, random_state=0, **spec)
    else:
        model = ReductionClassifier(pipe, max_iter=3, random_state=0, **spec)
    return model, {"tolerance": [0.02, 0.3]}


def entrances(people, entrance):
    """X, the scorers' argument and the metadata of one way to bring in the groups."""
    X, y = people
    if entrance == "spec":
        return X, y, {"sensitive_features": "sex"}, {}
    return X[["age", "hours"]], y, {}, {"sensitive_features": X["sex"].to_numpy()}


WAYS = pytest.mark.parametrize(
    ("entrance", "routing"),
    [("spec", False), ("spec", True), ("routed", True)],
    ids=["spec-off", "spec-on", "routed-on"],
)
KINDS = pytest.mark.parametrize("kind", MODELS)


@WAYS
@KINDS
def test_scores_of_folds_are_the_metric_on_the_fold(people, kind, entrance, routing):
    X, y, spec, metadata = entrances(people, entrance)
    model, _ = model_of(kind, entrance)
    with config_context(enable_metadata_routing=routing):
        found = cross_validate(
            model, X, y, scoring=fairness_scorer("demographic_parity", **spec),
            cv=SensitiveStratifiedKFold(**spec, n_splits=2), params=metadata or None,
            return_estimator=True, return_indices=True, error_score="raise",
        )  # fmt: skip
    sex = people[0]["sex"].to_numpy()
    for fold, fitted in enumerate(found["estimator"]):
        test = found["indices"]["test"][fold]
        takes = metadata and kind != "plain"
        values = {"sensitive_features": sex[test]} if takes else {}
        gap = demographic_parity_difference(
            y[test], fitted.predict(X.iloc[test], **values),
            sensitive_features=sex[test],
        )  # fmt: skip
        assert found["test_score"][fold] == pytest.approx(-gap)


SEARCHES = {
    "grid": (GridSearchCV, {}),
    "halving": (HalvingGridSearchCV, {"min_resources": 100, "random_state": 0}),
    "random": (RandomizedSearchCV, {"n_iter": 2, "random_state": 0}),
    "halving random": (
        HalvingRandomSearchCV,
        {"n_candidates": 2, "min_resources": 100, "random_state": 0},
    ),
}
CASES = pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in list(SEARCHES)[:2] for kind in MODELS]
    + [(name, "plain") for name in list(SEARCHES)[2:]],
)


@WAYS
@CASES
def test_searches_by_one_number(people, name, kind, entrance, routing):
    X, y, spec, metadata = entrances(people, entrance)
    model, grid = model_of(kind, entrance)
    search, options = SEARCHES[name]
    scoring = constrained_scorer("accuracy", "demographic_parity", 0.25, **spec)
    cv = SensitiveStratifiedKFold(**spec, n_splits=2)
    with config_context(enable_metadata_routing=routing):
        found = search(
            model, grid, scoring=scoring, cv=cv, error_score="raise", **options
        ).fit(X, y, **metadata)
        score = found.score(X, y, **metadata)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    takes = {} if kind == "plain" else metadata
    predicted = found.best_estimator_.predict(X, **takes)
    assert score == pytest.approx((predicted == y).mean()) or score < -1


@WAYS
@KINDS
def test_searches_by_two_numbers(people, kind, entrance, routing):
    X, y, spec, metadata = entrances(people, entrance)
    model, grid = model_of(kind, entrance)
    # With routed groups a stock scorer does not hand them to predict, and the search's
    # own score hands every scorer the metadata of all.
    any_gap = constrained_scorer("accuracy", "demographic_parity", 1.0, **spec)
    scoring = {
        "accuracy": any_gap if metadata else "accuracy",
        "gap": fairness_scorer("demographic_parity_difference", **spec),
    }
    search = GridSearchCV if kind == "threshold" else RandomizedSearchCV
    options = {} if kind == "threshold" else {"n_iter": 2, "random_state": 0}
    with config_context(enable_metadata_routing=routing):
        found = search(
            model, grid, scoring=scoring, refit=ConstrainedRefit("accuracy", "gap", 1),
            cv=2, error_score="raise", **options,
        ).fit(X, y, **metadata)  # fmt: skip
        score = found.score(X, y, **metadata)
    assert found.best_index_ == found.cv_results_["mean_test_accuracy"].argmax()
    assert 0.5 < score <= 1


@ROUTING
def test_weights_reach_the_scorer(people, routing):
    """On or off: the scores of a search with weights are weighted."""
    X, y = people
    numbers = X.assign(sex=(X["sex"] == "M").astype(float)).to_numpy()
    weight = np.random.default_rng(3).integers(1, 4, len(y))
    with config_context(enable_metadata_routing=routing):
        model = LogisticRegression()
        gap = fairness_scorer("equalized_odds", sensitive_features=2)
        one = constrained_scorer("accuracy", "equalized_odds", 1, sensitive_features=2)
        if routing:
            model.set_fit_request(sample_weight=True)
            gap.set_score_request(sample_weight=True)
            one.set_score_request(sample_weight=True)
        search = GridSearchCV(
            model, {"C": [1.0]}, scoring={"gap": gap, "one": one}, refit="gap",
            cv=[(np.arange(100), np.arange(100, 200))], error_score="raise",
        ).fit(numbers, y, sample_weight=weight)  # fmt: skip
    fitted = LogisticRegression().fit(numbers[:100], y[:100], weight[:100])
    rows = np.repeat(np.arange(100, 200), weight[100:])
    for name, scorer in (("gap", gap), ("one", one)):
        found = search.cv_results_[f"mean_test_{name}"][0]
        assert found == pytest.approx(scorer(fitted, numbers[rows], y[rows]))


@ROUTING
def test_curves_and_single_scores(people, routing):
    X, y = people
    model, _ = model_of("plain", "spec")
    scoring = fairness_scorer("demographic_parity_ratio", sensitive_features="sex")
    with config_context(enable_metadata_routing=routing):
        scores = cross_val_score(model, X, y, scoring=scoring, cv=2)
        curve = learning_curve(
            model, X, y, scoring=scoring, cv=2, train_sizes=[0.5, 1.0], shuffle=True,
            random_state=0, error_score="raise",
        )[2]  # fmt: skip
        valid = validation_curve(
            model, X, y, param_name="logisticregression__C", param_range=[0.1, 1],
            scoring=scoring, cv=2,
        )[1]  # fmt: skip
    for found in (scores, curve, valid):
        assert ((found > 0) & (found <= 1)).all()


def test_permutation_importance_also_permutes_the_groups(people):
    X, y = people
    model = model_of("plain", "spec")[0].fit(X, y)  # it does not see the groups
    scoring = fairness_scorer("demographic_parity", sensitive_features="sex")
    found = permutation_importance(
        model, X, y, scoring=scoring, n_repeats=3, random_state=0
    )
    assert abs(found.importances_mean[2]) > 0


@pytest.mark.filterwarnings("ignore::FutureWarning")  # about LogisticRegressionCV
def test_selectors_and_built_in_searches_by_index(people):
    """They hand the scorer an array, and a selector a part of it."""
    X, y = people
    numbers = X.assign(sex=(X["sex"] == "M").astype(float)).to_numpy()
    scoring = constrained_scorer(
        "accuracy", "demographic_parity", 0.9, sensitive_features=first_is_positive
    )
    selector = SequentialFeatureSelector(
        LogisticRegression(), n_features_to_select=1, scoring=scoring, cv=2
    )
    assert selector.fit(numbers, y).get_support().sum() == 1
    model = LogisticRegressionCV(Cs=2, cv=2, scoring=scoring).fit(numbers, y)
    assert np.isfinite(model.score(numbers, y))


def first_is_positive(X):
    return X[:, 0] > 0


@pytest.mark.parametrize(
    ("backend", "entrance"),
    [("loky", "routed"), ("loky", "spec"), ("threading", "spec")],
)
def test_parallel(people, backend, entrance):
    X, y, spec, metadata = entrances(people, entrance)
    model, grid = model_of("plain", entrance)
    scoring = constrained_scorer("accuracy", "demographic_parity", 0.2, **spec)
    runs = []
    for n_jobs in (1, 2):
        with (
            config_context(enable_metadata_routing=bool(metadata)),
            joblib.parallel_config(backend=backend, n_jobs=n_jobs),
        ):
            search = GridSearchCV(model, grid, scoring=scoring, cv=2)
            runs.append(search.fit(X, y, **metadata).cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*runs)


@ROUTING
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    "splitter", [SensitiveStratifiedKFold, SensitiveStratifiedShuffleSplit]
)
def test_splitters_in_a_search(people, frame, routing, splitter):
    X, y = people
    X = frame(X.to_dict("list"))
    model, grid = DummyClassifier(), {"strategy": ["prior", "uniform"]}
    cv = splitter("sex", n_splits=3, random_state=0, **(
        {"shuffle": True} if splitter is SensitiveStratifiedKFold else {}
    ))  # fmt: skip
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(model, grid, cv=cv, error_score="raise").fit(X, y)
    assert search.n_splits_ == 3
    assert clone(search).cv.sensitive_features == "sex"


@pytest.mark.parametrize("name", ["groups", "sensitive_features"])
def test_groups_of_a_splitter_by_metadata(people, name):
    X, y, _, metadata = entrances(people, "routed")
    sex = metadata["sensitive_features"]
    cv = SensitiveStratifiedKFold(n_splits=2)
    expected = [test for _, test in cv.split(X, y, groups=sex)]
    model, _ = model_of("plain", "routed")
    with config_context(enable_metadata_routing=True):
        found = cross_validate(
            model, X, y, cv=cv, params={name: sex}, return_indices=True
        )
    for test, other in zip(found["indices"]["test"], expected, strict=True):
        np.testing.assert_array_equal(test, other)
    if name == "groups":
        plain = cross_validate(model, X, y, cv=cv, groups=sex, return_indices=True)
        for test, other in zip(plain["indices"]["test"], expected, strict=True):
            np.testing.assert_array_equal(test, other)


def test_a_search_inside_a_mitigator(people):
    """The mitigator's weights are routed to the search, whose scorer reads X."""
    X, y = people
    scoring = fairness_scorer("demographic_parity", sensitive_features="sex")
    with config_context(enable_metadata_routing=True):
        scoring.set_score_request(sample_weight=False)
    model, grid = model_of("plain", "spec")
    search = GridSearchCV(model, grid, scoring=scoring, cv=2, error_score="raise")
    fair = ReweighingClassifier(search, sensitive_features="sex").fit(X, y)
    assert np.isfinite(fair.estimator_.cv_results_["mean_test_score"]).all()


def tuned(scoring, **options):
    model = make_pipeline(encoder(), LogisticRegression())
    return TunedThresholdClassifierCV(model, scoring=scoring, cv=3, **options)


def test_tuned_threshold_with_routed_groups(people):
    """The threshold is the best of those whose gap is within the tolerance."""
    X, y, _, metadata = entrances(people, "routed")
    options = {"thresholds": np.linspace(0, 1, 21), "store_cv_results": True}
    with config_context(enable_metadata_routing=True):
        loose, tight = (
            tuned(constrained_scorer("accuracy", "demographic_parity", t), **options)
            for t in (1.0, 0.08)
        )
        for model in (loose, tight):
            model.fit(X, y, **metadata)
        alone = tuned(fairness_scorer("demographic_parity_difference"), **options)
        alone.fit(X, y, **metadata)
    plain = tuned("accuracy", **options).fit(X, y)
    np.testing.assert_allclose(loose.cv_results_["scores"], plain.cv_results_["scores"])
    gap = -alone.cv_results_["scores"]
    thresholds = loose.cv_results_["thresholds"]
    assert gap[thresholds == tight.best_threshold_][0] <= 0.08
    assert gap[thresholds == loose.best_threshold_][0] > 0.08
    infeasible = gap > 0.08  # a mean over folds: then one of them is beyond it
    assert (tight.cv_results_["scores"][infeasible] < tight.best_score_).all()


@ROUTING
def test_tuned_threshold_refuses_a_column(people, routing):
    X, y = people
    for scoring in (
        fairness_scorer("demographic_parity", sensitive_features="sex"),
        constrained_scorer(
            "accuracy", "demographic_parity", 0.1, sensitive_features="sex"
        ),
    ):
        with (
            config_context(enable_metadata_routing=routing),
            pytest.raises(ValueError, match="shows a scorer no X"),
        ):
            tuned(scoring).fit(X, y)


def test_tuned_threshold_needs_an_objective_of_labels(people):
    X, y, _, metadata = entrances(people, "routed")
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match="'roc_auc' must be one of labels"),
    ):
        tuned(constrained_scorer("roc_auc", "demographic_parity", 0.1)).fit(
            X, y, **metadata
        )


def test_groups_that_nobody_routes_are_an_error(people):
    X, y, _, metadata = entrances(people, "routed")
    model, _ = model_of("plain", "routed")
    scoring = fairness_scorer("demographic_parity")
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        cross_validate(model, X, y, scoring=scoring, cv=2, error_score="raise")
    named = fairness_scorer("demographic_parity", sensitive_features="sex")
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(TypeError, match="sensitive_features"),
    ):
        cross_validate(model, people[0], y, scoring=named, cv=2, params=metadata)


def test_a_search_inside_a_reweigher_measures_the_gap_of_unweighted_people(people):
    X, y = people
    gap = fairness_scorer("demographic_parity_difference", sensitive_features="sex")
    search = GridSearchCV(
        make_pipeline(encoder(), LogisticRegression()),
        {"logisticregression__C": [0.01, 1.0]},
        scoring={"accuracy": "accuracy", "gap": gap},
        refit="accuracy",
        cv=SensitiveStratifiedKFold("sex", 3),
    )
    model = ReweighingClassifier(search, sensitive_features="sex").fit(X, y)
    fitted = model.estimator_
    weighted = cross_val_score(
        fitted.best_estimator_,
        X,
        y,
        scoring=gap,
        cv=fitted.cv,
        params={"logisticregression__sample_weight": model.sample_weight_},
    )
    expected = fitted.cv_results_["mean_test_gap"][fitted.best_index_]
    assert np.isfinite(expected)
    assert weighted.mean() == pytest.approx(expected)
