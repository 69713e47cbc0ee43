"""Mitigators inside everything that scikit-learn wraps estimators in.

With a column named in the constructor all of it works, whether metadata routing is off
or on; with groups given to the methods, what scikit-learn routes works.
"""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import __version__ as sklearn_version
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

from fairlearnkit import ReductionClassifier, ReweighingClassifier, ThresholdOptimizer

OLD = parse_version("1.8")
MITIGATORS = [ReweighingClassifier, ReductionClassifier, ThresholdOptimizer]
COLUMNS = ["age", "hours", "sex"]
pytestmark = [
    # Folds of this small sample have few distinct rows in a group.
    pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning"),
    pytest.mark.parametrize("mitigator", MITIGATORS, ids=lambda cls: cls.__name__),
]


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    sex = rng.choice(["F", "M"], 400)
    age, hours = rng.normal(40, 10, 400), rng.normal(38, 6, 400)
    chance = (age - 40) / 10 + (hours - 38) / 6 + 0.8 * (sex == "M")
    y = np.where(chance + rng.normal(size=400) > 0.4, "yes", "no")
    frame = pd.DataFrame({"age": age, "hours": hours, "sex": sex})
    return frame, y


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"], autouse=True)
def routing(request):
    with config_context(enable_metadata_routing=request.param):
        yield request.param


def encoder(keep=()):
    steps = [(StandardScaler(), ["age", "hours"])]
    if keep:
        steps.append(("passthrough", list(keep)))
    else:
        steps.append((OneHotEncoder(sparse_output=False), ["sex"]))
    return make_column_transformer(*steps, verbose_feature_names_out=False)


def around(mitigator, **kwargs):
    """A mitigator around the whole pipeline: the documented form."""
    pipe = make_pipeline(encoder(), LogisticRegression())
    model = mitigator(pipe, sensitive_features="sex", **kwargs)
    return model.set_params(cv=2) if "cv" in model.get_params(deep=False) else model


def grid(mitigator):
    if mitigator is ReweighingClassifier:
        return {"estimator__logisticregression__C": [0.1, 1.0]}
    return {"tolerance": [0.05, 0.2], "constraint": ["demographic_parity"]}


def test_around_a_pipeline(mitigator, people):
    X, y = people
    assert set(around(mitigator).fit(X, y).predict(X)) <= {"no", "yes"}


def test_last_in_a_pipeline_that_keeps_column_names(mitigator, people):
    X, y = people
    pipe = make_pipeline(
        encoder(keep=["sex"]).set_output(transform="pandas"),
        mitigator(LogisticRegression(), sensitive_features="sex", drop_sensitive=True),
    )
    assert pipe.fit(X, y).score(X, y) > 0.6


def test_last_in_a_pipeline_by_index(mitigator, people):
    X, y = people
    pipe = make_pipeline(
        encoder(), mitigator(LogisticRegression(), sensitive_features=-1)
    )
    assert pipe.fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("scoring", ["accuracy", None, ["accuracy", "roc_auc"]])
def test_grid_search(mitigator, people, scoring):
    X, y = people
    refit = "accuracy" if isinstance(scoring, list) else True
    search = GridSearchCV(
        around(mitigator), grid(mitigator), cv=2, scoring=scoring, refit=refit,
        error_score="raise",
    )  # fmt: skip
    search.fit(X, y)
    assert accuracy_score(y, search.predict(X)) > 0.6


def test_grid_search_over_a_pipeline(mitigator, people):
    X, y = people
    step = mitigator(
        LogisticRegression(), sensitive_features="sex", drop_sensitive=True
    )
    pipe = Pipeline(
        [("enc", encoder(keep=["sex"]).set_output(transform="pandas")), ("fair", step)]
    )
    search = GridSearchCV(
        pipe, {"fair__estimator__C": [0.1, 1]}, cv=2, error_score="raise"
    )
    assert search.fit(X, y).best_score_ > 0.6


def test_grid_search_over_the_sensitive_columns(mitigator, people):
    X, y = people
    X = X.assign(old=X["age"] > 40)
    spec = {"sensitive_features": ["sex", "old", ["sex", "old"]]}
    search = GridSearchCV(around(mitigator), spec, cv=2, error_score="raise")
    assert search.fit(X, y).best_score_ > 0.6


@pytest.mark.parametrize("search", [RandomizedSearchCV, HalvingGridSearchCV])
def test_other_searches(mitigator, people, search):
    X, y = people
    extra = {"n_iter": 2} if search is RandomizedSearchCV else {"min_resources": 200}
    found = search(
        around(mitigator), grid(mitigator), cv=2, random_state=0, error_score="raise",
        **extra,
    ).fit(X, y)  # fmt: skip
    assert len(found.predict(X)) == len(y)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_cross_val_predict(mitigator, people, method):
    X, y = people
    found = cross_val_predict(around(mitigator), X, y, cv=2, method=method)
    assert len(found) == len(y)


def test_cross_validate(mitigator, people):
    X, y = people
    found = cross_validate(
        around(mitigator), X, y, cv=2, return_indices=True, return_estimator=True,
        scoring=["accuracy", "roc_auc"], error_score="raise",
    )  # fmt: skip
    assert np.isfinite(found["test_roc_auc"]).all()


def test_stacking_and_voting(mitigator, people):
    X, y = people
    pairs = [
        ("fair", around(mitigator)),
        ("plain", make_pipeline(encoder(), LogisticRegression())),
    ]
    assert StackingClassifier(pairs, cv=2).fit(X, y).score(X, y) > 0.6
    assert VotingClassifier(pairs, voting="soft").fit(X, y).score(X, y) > 0.6


def test_bagging_by_index(mitigator, people):
    X, y = people
    numbers = X.assign(sex=(X["sex"] == "M").astype(float)).to_numpy()
    model = mitigator(LogisticRegression(), sensitive_features=2)
    bag = BaggingClassifier(model, n_estimators=2, random_state=0)
    assert bag.fit(numbers, y).score(numbers, y) > 0.6


def test_calibration_and_tuned_threshold(mitigator, people):
    X, y = people
    for wrapper in (
        CalibratedClassifierCV(around(mitigator), cv=2),
        TunedThresholdClassifierCV(around(mitigator), cv=2),
    ):
        assert wrapper.fit(X, y).score(X, y) > 0.6


def test_frozen(mitigator, people):
    X, y = people
    model = around(mitigator).fit(X, y)
    frozen = FrozenEstimator(model)
    np.testing.assert_array_equal(frozen.fit(X, y).predict(X), model.predict(X))


def test_clone_pickle_and_html(mitigator, people):
    X, y = people
    model = around(mitigator).fit(X, y)
    again = clone(model).fit(X, y)
    for other in (again, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert mitigator.__name__ in estimator_html_repr(model)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_parallel_search(mitigator, people, backend):
    X, y = people
    with joblib.parallel_config(backend=backend, n_jobs=2):
        scores = cross_val_score(around(mitigator), X, y, cv=2, error_score="raise")
    assert (scores > 0.6).all()


def test_search_inside_a_mitigator(mitigator, people):
    X, y = people
    inner = make_pipeline(encoder(), LogisticRegression())
    search = GridSearchCV(inner, {"logisticregression__C": [0.1, 1]}, cv=2)
    model = clone(around(mitigator)).set_params(estimator=search)
    assert model.fit(X, y).score(X, y) > 0.6


def test_mitigator_inside_a_mitigator(mitigator, people):
    """The outer one hands the groups down to one that names no column."""
    X, y = people
    inner = ReweighingClassifier(make_pipeline(encoder(), LogisticRegression()))
    model = clone(around(mitigator)).set_params(
        estimator=inner, sensitive_features=None
    )
    model.fit(X, y, sensitive_features=X["sex"])
    assert model.score(X, y, sensitive_features=X["sex"]) > 0.6


@pytest.mark.parametrize("routing", [True], indirect=True, ids=["routing on"])
def test_groups_by_metadata_routing(mitigator, people):
    """What scikit-learn routes: all of a pipeline's methods, and fits of searches."""
    X, y = people
    features, sex = X[["age", "hours"]], X["sex"]
    pipe = make_pipeline(StandardScaler(), mitigator(LogisticRegression()))
    pipe.fit(features, y, sensitive_features=sex)
    assert len(pipe.predict(features, sensitive_features=sex)) == len(y)
    assert pipe.score(features, y, sensitive_features=sex) > 0.6
    if mitigator is ThresholdOptimizer and parse_version(sklearn_version) < OLD:
        return  # a search's own score was not handed any metadata yet
    name = pipe.steps[-1][0]
    search = GridSearchCV(pipe, {f"{name}__estimator__C": [0.1, 1]}, cv=2)
    search.fit(features, y, sensitive_features=sex)
    assert search.best_score_ > 0.6


@pytest.mark.parametrize("routing", [True], indirect=True, ids=["routing on"])
def test_routed_groups_are_refused_beside_a_named_column(mitigator, people):
    X, y = people
    pipe = make_pipeline(around(mitigator))
    with pytest.raises(TypeError, match="sensitive_features"):
        pipe.fit(X, y, sensitive_features=X["sex"])


def test_values_win_over_the_named_column(mitigator, people):
    X, y = people
    other = np.where(X["age"] > 40, "old", "young")
    model = around(mitigator).fit(X, y, sensitive_features=other)
    assert model.groups_ == ("old", "young")
