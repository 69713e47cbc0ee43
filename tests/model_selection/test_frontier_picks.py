"""Which candidate a frontier picks, and how it answers by its pick."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit import ReweighingClassifier, ThresholdOptimizer
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.model_selection import FairnessFrontier
from fairlearnkit.model_selection._pareto import knee

LR = LogisticRegression()
FOLDS = StratifiedKFold(3)
TOLERANCES = [0.0, 0.03, 0.06, 0.1, 0.2, 0.3]
GRID = (ThresholdOptimizer(LR, cv=2), {"tolerance": TOLERANCES})
SHORT = (ThresholdOptimizer(LR, cv=2), {"tolerance": [0.0, 0.2]})


def people(n=1200):
    rng = np.random.default_rng(0)
    sex = rng.choice(["F", "M"], n)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["age", "hours", "score"])
    frame["age"] += sex == "M"
    chance = frame["age"] + frame["hours"] + rng.normal(size=n)
    return frame, np.where(chance > 0.6, "yes", "no"), sex


X, Y, SEX = people()
CODED = X.assign(sex=(SEX == "M").astype(int))


@pytest.fixture(scope="module")
def frontier():
    return FairnessFrontier([LR, GRID], cv=FOLDS).fit(X, Y, sensitive_features=SEX)


def test_the_knee_is_that_of_the_front(frontier):
    violation = frontier.results_["violation"][frontier.front_]
    objective = frontier.results_["mean_objective"][frontier.front_]
    expected = frontier.front_[knee(violation, objective)]
    assert frontier.choose() == frontier.choose("knee") == expected
    assert frontier.best_index_ == expected


@pytest.mark.parametrize("tolerance", [0.08, 0.12, 0.22, 1.0])
@pytest.mark.parametrize(("use", "key"), [("mean", ""), ("upper", "_high")])
def test_the_bound_takes_the_best_within_it(frontier, tolerance, use, key):
    results = frontier.results_
    within = [
        (results["mean_objective"][i], -results["violation"][i], -i)
        for i in range(len(TOLERANCES) + 1)
        if results[f"violation{key}"][i] <= tolerance
    ]
    assert within
    expected = -max(within)[2]
    assert frontier.choose("bound", tolerance=tolerance, use=use) == expected


def test_a_bound_that_nobody_meets_takes_the_nearest_and_says_so(frontier):
    violations = frontier.results_["violation"]
    with pytest.warns(FairnessWarning, match=r"no candidate is within .* of 0;"):
        found = frontier.choose("bound", tolerance=0.0)
    assert violations[found] == violations.min()


@pytest.mark.parametrize("weight", [0.0, 0.05, 0.2, 1.0, 100.0])
def test_the_weight_is_a_rate_of_exchange(frontier, weight):
    results = frontier.results_
    value = results["mean_objective"] - weight * results["violation"]
    found = frontier.choose("weight", weight=weight)
    assert value[found] == pytest.approx(value.max())
    assert found in frontier.front_


def test_the_constructor_sets_the_rule(frontier):
    for options in (
        {"pick": "weight", "weight": 0.3},
        {"pick": "bound", "tolerance": 0.1},
        {"pick": "bound", "tolerance": 0.1, "use": "upper"},
    ):
        other = clone(frontier).set_params(refit=False, **options)
        other.fit(X, Y, sensitive_features=SEX)
        rule = {"rule" if k == "pick" else k: v for k, v in options.items()}
        assert other.best_index_ == other.choose() == frontier.choose(**rule)


def test_the_pick_is_refitted_on_all_rows(frontier):
    model = ThresholdOptimizer(LR, cv=2, **frontier.best_params_)
    model.fit(X, Y, sensitive_features=SEX)
    for method in ("predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(
            getattr(frontier, method)(X, sensitive_features=SEX),
            getattr(model, method)(X, sensitive_features=SEX),
        )


def test_the_score_is_the_objective():
    found = FairnessFrontier([LR], objective="balanced_accuracy", cv=FOLDS)
    found.fit(X, Y, sensitive_features=SEX)
    expected = balanced_accuracy_score(Y, found.predict(X))
    assert found.score(X, Y) == pytest.approx(expected)
    weight = np.where(Y == "yes", 3.0, 1.0)
    plain = FairnessFrontier([LR], cv=FOLDS).fit(X, Y, sensitive_features=SEX)
    expected = accuracy_score(Y, plain.predict(X), sample_weight=weight)
    assert plain.score(X, Y, sample_weight=weight) == pytest.approx(expected)


def test_labels_of_any_type_give_the_same():
    answers = []
    for labels in (("no", "yes"), (0, 1), (False, True), (-1, 1)):
        found = FairnessFrontier([LR, SHORT], cv=FOLDS)
        y = np.array(labels)[(Y == "yes").astype(int)]
        found.fit(X, y, sensitive_features=SEX)
        numbers = [found.results_[key] for key in ("violation", "mean_objective")]
        predicted = found.predict(X, sensitive_features=SEX) == labels[1]
        answers.append(np.concatenate([*numbers, predicted]))
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_every_container_gives_the_same():
    expected = None
    for data, column in (
        (CODED, "sex"),
        (pl.from_pandas(CODED), "sex"),
        (CODED.to_numpy(), 3),
        (CODED.to_numpy().tolist(), 3),
    ):
        found = FairnessFrontier([LR, SHORT], sensitive_features=column, cv=FOLDS)
        violation = found.fit(data, list(Y)).results_["violation"]
        answer = violation.tolist(), found.predict(data).tolist()
        expected = answer if expected is None else expected
        assert answer == expected


def test_one_name_of_a_column_serves_the_candidates_too():
    named = ThresholdOptimizer(LR, sensitive_features="sex", cv=3)
    unnamed = ThresholdOptimizer(LR, cv=3)
    inside = make_pipeline(StandardScaler(), ThresholdOptimizer(LR, cv=3))
    found = FairnessFrontier([named, unnamed, inside], sensitive_features="sex")
    violation = found.set_params(cv=FOLDS).fit(CODED, Y).results_["violation"]
    assert violation[0] == violation[1]
    assert (violation < 0.1).all()
    last = FairnessFrontier([inside], sensitive_features="sex", cv=FOLDS)
    assert len(last.fit(CODED, Y).predict(CODED)) == len(Y)


def test_missing_values_are_a_group_for_the_candidates_too():
    holes = np.where(np.arange(len(Y)) % 3 == 0, None, SEX)
    found = FairnessFrontier([SHORT], handle_missing="group", cv=FOLDS)
    with pytest.raises(ValueError, match="400 missing values"):
        clone(found).set_params(handle_missing="error").fit(
            X, Y, sensitive_features=holes
        )
    found.fit(X, Y, sensitive_features=holes)
    assert len(found.groups_) == 3
    assert len(found.predict(X, sensitive_features=holes)) == len(Y)


def test_several_columns_make_intersections():
    both = {"sex": SEX, "old": (X["age"] > 0.5).to_numpy()}
    found = FairnessFrontier([LR, ReweighingClassifier(LR), SHORT], cv=FOLDS)
    found.fit(X, Y, sensitive_features=both)
    assert len(found.groups_) == 4
    assert len(found.predict(X, sensitive_features=both)) == len(Y)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_the_whole_selection_can_be_cross_validated(routing, scoring):
    model = FairnessFrontier([LR, SHORT], sensitive_features="sex", cv=2)
    with config_context(enable_metadata_routing=routing):
        found = cross_validate(
            model, CODED, Y, cv=2, scoring=scoring, return_estimator=True
        )
    assert (found["test_score"] > 0.6).all()
    assert all(len(est.results_["name"]) == 3 for est in found["estimator"])


def test_the_rule_can_be_searched_for():
    model = FairnessFrontier([LR, SHORT], sensitive_features="sex", cv=2)
    search = GridSearchCV(model, {"pick": ["knee", "weight"]}, cv=2)
    assert search.fit(CODED, Y).best_score_ > 0.6


def test_groups_and_weights_can_be_routed():
    model = FairnessFrontier([LR, SHORT], cv=2)
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        params = {"sensitive_features": SEX, "sample_weight": np.ones(len(Y))}
        found = cross_validate(model, X, Y, cv=2, params=params)
    assert (found["test_score"] > 0.6).all()


def test_it_nests_with_mitigators_both_ways():
    inner = FairnessFrontier([LR, ReweighingClassifier(LR)], cv=3)
    outer = ThresholdOptimizer(inner, cv=2, tolerance=0.02)
    outer.fit(X, Y, sensitive_features=SEX)
    assert outer.violation_ <= 0.02 + 1e-6
    assert outer.estimator_.groups_ == ("F", "M")
    nested = FairnessFrontier([inner, LR], cv=FOLDS).fit(X, Y, sensitive_features=SEX)
    assert nested.results_["family"].tolist()[0] == "FairnessFrontier"


def test_pickle_and_clone(frontier):
    expected = frontier.predict(X, sensitive_features=SEX)
    copy = pickle.loads(pickle.dumps(frontier))
    np.testing.assert_array_equal(copy.predict(X, sensitive_features=SEX), expected)
    with pytest.raises(NotFittedError):
        clone(frontier).predict(X)


def test_without_a_refit_there_is_nothing_to_predict_with():
    found = FairnessFrontier([LR], refit=False, cv=FOLDS)
    found.fit(X, Y, sensitive_features=SEX)
    assert found.best_index_ == 0
    assert not hasattr(found, "best_estimator_")
    for method in ("predict", "predict_proba", "decision_function", "score"):
        assert not hasattr(found, method)


def test_it_offers_what_its_pick_offers():
    hinge = SGDClassifier(random_state=0)
    found = FairnessFrontier([hinge, LR])
    assert not hasattr(found, "predict_proba")
    assert hasattr(found, "decision_function")
    assert hasattr(FairnessFrontier([LR]), "predict_proba")


def test_fit_changes_no_parameter(frontier):
    before = clone(frontier).get_params()
    assert before["candidates"][1][1] == {"tolerance": TOLERANCES}
    assert frontier.candidates[0] is LR
    assert not hasattr(LR, "coef_")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pick": "best"}, "'pick' parameter"),
        ({"use": "lower"}, "'use' parameter"),
        ({"weight": -1.0}, "'weight' parameter"),
        ({"tolerance": 2.0}, "'tolerance' parameter"),
        ({"objective": "beauty"}, "'objective' parameter"),
        ({"confidence_level": 1.0}, "'confidence_level' parameter"),
        ({"constraint": "fairness"}, "unknown constraint 'fairness'"),
        ({"reference": (1.0,)}, "reference must be a pair"),
        ({"cv": 1}, "'cv' parameter"),
        ({"objective": "f1"}, "pos_label=1 is not a valid label"),
    ],
)
def test_wrong_parameters_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FairnessFrontier([LR], **options).fit(X, Y, sensitive_features=SEX)


def test_wrong_questions_are_refused(frontier):
    with pytest.raises(ValueError, match="rule must be one of"):
        frontier.choose("best")
    with pytest.raises(ValueError, match="use must be"):
        frontier.choose("bound", use="lower")
    with pytest.raises(ValueError, match="needs to know the groups"):
        FairnessFrontier([LR]).fit(X, Y)
    with pytest.raises(ValueError, match="needs to know the groups"):
        frontier.predict(X)


def test_an_objective_of_no_constant_prediction_needs_a_reference():
    def size(model, X, y):
        return -float(np.abs(model.coef_).max())

    with pytest.raises(ValueError, match=r"give reference=\(violation, objective\)"):
        FairnessFrontier([LR], objective=size).fit(X, Y, sensitive_features=SEX)
    found = FairnessFrontier([LR], objective=size, reference=(1.0, -9.0))
    assert found.fit(X, Y, sensitive_features=SEX).hypervolume_ > 0
