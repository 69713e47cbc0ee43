"""Weights and groups arrive wherever an estimator can take them, and nowhere else."""

import copy

import numpy as np
import pytest
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit import ThresholdOptimizer
from fairlearnkit._sklearn import call_method, fit_clone, is_frozen, take_rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = (X[:, 0] + RNG.normal(size=60) > 0).astype(int)
WEIGHT = RNG.permutation(np.arange(1.0, 61.0))  # every row has its own weight
X_OF_WEIGHT = dict(zip(WEIGHT, X[:, 0], strict=True))

SEEN = []  # (first column of X, weights) of every fit


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that notes the weights it is fitted with."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y, sample_weight=None):
        SEEN.append((np.asarray(X)[:, 0], sample_weight))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        positive = 1 / (1 + np.exp(self.shift - np.asarray(X)[:, 0]))
        return np.column_stack([1 - positive, positive])


class Shift(TransformerMixin, BaseEstimator):
    """A transformer that would take weights but must not get any unasked."""

    def fit(self, X, y=None, sample_weight=None):
        assert sample_weight is None
        return self

    def transform(self, X):
        return X


def pipe(*steps):
    return make_pipeline(Shift(), *steps)


def search(**kwargs):
    return GridSearchCV(pipe(Recorder()), {"recorder__shift": [0, 1]}, cv=2, **kwargs)


PAIR = [("a", Recorder()), ("b", pipe(Recorder()))]
ROUTES = {
    "bare": Recorder(),
    "pipeline": pipe(Recorder()),
    "nested pipeline": pipe(pipe(Recorder())),
    "column transformer": make_pipeline(
        ColumnTransformer([("keep", Shift(), [0, 1])]), Recorder()
    ),
    "search, scoring=None": search(),
    "search, scoring=str": search(scoring="roc_auc"),
    "search, scoring=scorer": search(scoring=make_scorer(accuracy_score)),
    "search, scoring=list": search(scoring=["accuracy", "roc_auc"], refit="roc_auc"),
    "search, scoring=dict": search(
        scoring={"a": "accuracy", "b": get_scorer("f1")}, refit="a"
    ),
    "random search": RandomizedSearchCV(
        Recorder(), {"shift": [0, 1]}, n_iter=2, cv=2, random_state=0
    ),
    "search over estimators": GridSearchCV(
        Pipeline([("shift", Shift()), ("last", Recorder())]),
        [{"last": [Recorder(), Recorder(1)]}, {"last": [Recorder(2)]}],
        cv=2,
    ),
    "voting": VotingClassifier(PAIR, voting="soft"),
    "stacking": StackingClassifier(PAIR, final_estimator=GaussianNB(), cv=2),
    "stacking, final": StackingClassifier([("a", GaussianNB())], Recorder(), cv=2),
    "calibrated": CalibratedClassifierCV(pipe(Recorder()), cv=2),
    "tuned threshold": TunedThresholdClassifierCV(pipe(Recorder()), cv=2),
    "one versus rest": OneVsRestClassifier(pipe(Recorder())),
    "search of pipelines of voting": GridSearchCV(
        pipe(VotingClassifier(PAIR)),
        {"votingclassifier__voting": ["soft"]},
        cv=2,
        scoring="accuracy",
    ),
}


@pytest.fixture(params=[False, True], ids=["flag off", "flag on"])
def flag(request):
    with config_context(enable_metadata_routing=request.param):
        yield request.param


def fitted_with(model, **kwargs):
    SEEN.clear()
    fitted = fit_clone(model, X, Y, sample_weight=WEIGHT, **kwargs)
    return fitted, list(SEEN)


@pytest.mark.parametrize("route", ROUTES)
def test_every_fit_below_gets_the_weights_of_its_rows(route, flag):
    model = ROUTES[route]
    before = repr(model), copy.deepcopy(model.__dict__).keys()
    _, seen = fitted_with(model)
    assert seen
    assert not [rows for rows, weight in seen if weight is None]
    if route != "stacking, final":  # its X are predictions
        for rows, weight in seen:
            assert [X_OF_WEIGHT[w] for w in weight] == rows.tolist()
    assert get_config()["enable_metadata_routing"] is flag
    assert (repr(model), model.__dict__.keys()) == before


def cross_validated_logistic():
    """The form without deprecated parameters, which differs between versions."""
    model = LogisticRegressionCV(Cs=2, cv=2, scoring="accuracy")
    if "use_legacy_attributes" in model.get_params():
        model.set_params(l1_ratios=(0,), use_legacy_attributes=False)
    return model


@pytest.mark.parametrize(
    "model",
    [
        BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0),
        BaggingClassifier(
            DecisionTreeClassifier(max_depth=1), n_estimators=3, random_state=0
        ),
        AdaBoostClassifier(n_estimators=3, random_state=0),
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2),
        RandomForestClassifier(n_estimators=3, max_depth=1, random_state=0),
        cross_validated_logistic(),
        RFE(LogisticRegression(), n_features_to_select=1),
        make_pipeline(SelectFromModel(RandomForestClassifier(3)), GaussianNB()),
        OneVsRestClassifier(LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_scikit_learns_own_ensembles_feel_the_weights(model, flag):
    weight = np.where(Y == 1, 50.0, 0.02)
    plain = fit_clone(model, X, Y)
    weighted = fit_clone(model, X, Y, sample_weight=weight)
    assert weighted.predict(X).mean() > plain.predict(X).mean() + 0.1


def test_weights_give_the_same_model_as_a_direct_fit(flag):
    direct = LogisticRegression().fit(X, Y, sample_weight=WEIGHT)
    ours = fit_clone(make_pipeline(LogisticRegression()), X, Y, sample_weight=WEIGHT)
    np.testing.assert_allclose(ours[-1].coef_, direct.coef_)


def test_the_scores_of_a_search_are_weighted():
    grid = GridSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2
    )
    ours = fit_clone(grid, X, Y, sample_weight=WEIGHT)
    with config_context(enable_metadata_routing=True):
        tree = DecisionTreeClassifier(random_state=0)
        tree.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        theirs = clone(grid).set_params(estimator=tree)
        theirs.fit(X, Y, sample_weight=WEIGHT)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )


def test_a_request_that_the_user_made_is_respected(flag):
    with config_context(enable_metadata_routing=True):
        deaf = Recorder().set_fit_request(sample_weight=False)
        keen = Recorder().set_fit_request(sample_weight=True)
    model = VotingClassifier([("deaf", deaf), ("keen", keen)], voting="soft")
    _, seen = fitted_with(model)
    assert [weight is None for _, weight in seen] == [True, False]


@pytest.mark.parametrize("where", ["frozen in a pipeline", "frozen in a vote"])
def test_a_frozen_part_is_left_as_it_is(where, flag):
    inner = StandardScaler() if "pipeline" in where else Recorder()
    fitted = inner.fit(X, Y)
    before = dict(vars(fitted))
    if "pipeline" in where:
        model = make_pipeline(FrozenEstimator(fitted), Recorder())
    else:
        frozen = FrozenEstimator(fitted)
        model = VotingClassifier([("f", frozen), ("r", Recorder())], voting="soft")
    fitted_with(model)
    assert vars(fitted).keys() == before.keys()


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier does not accept"),
        (
            pipe(KNeighborsClassifier()),
            "KNeighborsClassifier inside Pipeline does not accept",
        ),
        (
            VotingClassifier([("r", Recorder()), ("k", KNeighborsClassifier())]),
            "KNeighborsClassifier inside VotingClassifier",
        ),
        (
            GridSearchCV(pipe(KNeighborsClassifier()), {}),
            "KNeighborsClassifier inside GridSearchCV",
        ),
        (
            GridSearchCV(
                Pipeline([("last", Recorder())]), {"last": [KNeighborsClassifier()]}
            ),
            "KNeighborsClassifier inside GridSearchCV",
        ),
    ],
)
def test_a_predictor_that_takes_no_weights_is_named(model, match, flag):
    with pytest.raises(ValueError, match=f"{match}.*sample_weight.*resample"):
        fit_clone(model, X, Y, sample_weight=WEIGHT)
    assert get_config()["enable_metadata_routing"] is flag


def test_without_weights_anything_is_fitted_plainly(flag):
    assert fit_clone(KNeighborsClassifier(), X, Y).predict(X).shape == (60,)
    SEEN.clear()
    fit_clone(pipe(Recorder()), X, Y)
    assert SEEN[0][1] is None


def test_groups_reach_nested_mitigators_that_ask_for_them(flag):
    group = np.arange(60) % 2
    inner = ThresholdOptimizer(
        LogisticRegression(), tolerance=0.2, cv=2, deterministic=True
    )
    for model in (inner, make_pipeline(StandardScaler(), inner)):
        fitted = fit_clone(model, X, Y, sensitive_features=group)
        predicted = call_method(fitted, "predict", X, group)
        assert predicted.shape == (60,)
    plain = fit_clone(LogisticRegression(), X, Y, sensitive_features=group)
    assert call_method(plain, "predict", X, group).shape == (60,)


def test_rows_are_taken_from_anything():
    rows = np.array([2, 0])
    table = {"a": [1, 2, 3], "b": np.array(["x", "y", "z"])}
    taken = take_rows(table, rows)
    assert {name: list(column) for name, column in taken.items()} == {
        "a": [3, 1],
        "b": ["z", "x"],
    }
    np.testing.assert_array_equal(take_rows(X, rows), X[[2, 0]])


def test_frozen_estimators_are_recognised():
    assert is_frozen(FrozenEstimator(Recorder()))
    assert not is_frozen(Recorder())
