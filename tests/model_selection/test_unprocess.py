"""Unprocessing: models made comparable by thresholds for each group."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit import ReductionClassifier, ReweighingClassifier, ThresholdOptimizer
from fairlearnkit.metrics import disparity_of_table
from fairlearnkit.model_selection import compare_unprocessed, unprocess
from fairlearnkit.tables import GroupCounts

LR = LogisticRegression()


def people(n, seed):
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M"], n)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    X["a"] += sex == "M"
    y = np.where(X["a"] + X["b"] + rng.normal(size=n) > 0.6, "yes", "no")
    return X.assign(sex=(sex == "M").astype(int)), y, sex


X_TRAIN, Y_TRAIN, _ = people(1500, 0)
X, Y, SEX = people(3000, 1)


@pytest.fixture(scope="module")
def models():
    made = {
        "plain": make_pipeline(StandardScaler(), LogisticRegression()),
        "boosted": HistGradientBoostingClassifier(max_iter=30, random_state=0),
        "margin": RidgeClassifier(),
        "reweighed": ReweighingClassifier(LR, sensitive_features="sex"),
        "reduced": ReductionClassifier(LR, sensitive_features="sex", max_iter=10),
        "thresholds": ThresholdOptimizer(LR, sensitive_features="sex"),
    }
    return {name: model.fit(X_TRAIN, Y_TRAIN) for name, model in made.items()}


def violation_of(y, decision, constraint):
    table = GroupCounts.from_arrays(y, decision, sensitive_features=SEX)
    return disparity_of_table(table, constraint).value


def test_nobody_is_less_accurate_than_before(models):
    found = unprocess(models, X, Y, sensitive_features="sex")
    for name, model in models.items():
        own = np.mean(model.predict(X) == Y)
        assert found[name].objective_ >= own - 1e-9, name
        assert np.mean(found[name].predict(X) == Y) == pytest.approx(
            found[name].objective_
        )


def test_without_a_bound_no_thresholds_by_group_do_better(models):
    found = unprocess(models["plain"], X, Y, sensitive_features="sex")
    score = models["plain"].predict_proba(X)[:, 1]
    best = 0
    for group in "FM":
        own, truth = score[group == SEX], Y[group == SEX] == "yes"
        cuts = np.concatenate([[-np.inf], own])
        best += max(np.sum((own > cut) == truth) for cut in cuts)
    assert found.objective_ == pytest.approx(best / len(Y))


@pytest.mark.parametrize("constraint", ["equalized_odds", "demographic_parity"])
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_all_models_are_put_within_the_tolerance(models, constraint, tolerance):
    options = {"constraint": constraint, "tolerance": tolerance}
    found = unprocess(models, X, Y, sensitive_features="sex", **options)
    for model in found.values():
        assert model.violation_ <= tolerance + 1e-6
        realised = violation_of(Y, model.predict(X), constraint)
        assert realised <= tolerance + 0.05  # the draw of mixtures


def test_what_models_differ_in_is_mostly_their_violation(models):
    names = ("plain", "reweighed", "reduced")
    found = compare_unprocessed(
        {name: models[name] for name in names},
        X,
        Y,
        sensitive_features="sex",
        constraint="demographic_parity",
    )
    assert np.ptp(found.own_violation) > 0.2
    own = np.ptp(found.own_objective)
    assert own > 0.02
    assert found.spread.max() < own / 2
    assert np.ptp(found.objective[:2], axis=0).max() < own / 20


def test_containers_come_back_as_they_were_given(models):
    plain, boosted = models["plain"], models["boosted"]
    single = unprocess(plain, X, Y, sensitive_features="sex")
    assert isinstance(single, ThresholdOptimizer)
    for given in ([plain, boosted], (plain, boosted), {"p": plain, "b": boosted}):
        found = unprocess(given, X, Y, sensitive_features="sex")
        assert type(found) is type(given)
        first = found["p"] if isinstance(found, dict) else found[0]
        assert len(found) == 2
        np.testing.assert_array_equal(first.predict(X), single.predict(X))
    frozen = unprocess(FrozenEstimator(plain), X, Y, sensitive_features="sex")
    np.testing.assert_array_equal(frozen.predict(X), single.predict(X))


def test_the_models_stay_as_they_are(models):
    before = models["plain"].predict_proba(X)
    found = unprocess(models["plain"], X, Y, sensitive_features="sex")
    np.testing.assert_array_equal(models["plain"].predict_proba(X), before)
    assert found.estimator_.estimator is models["plain"]


@pytest.mark.parametrize(
    "groups",
    [
        ["sex"],
        lambda X: X["sex"],
        SEX,
        list(SEX),
        pd.Series(SEX),
        pl.Series(SEX),
    ],
    ids=["names", "callable", "array", "list", "pandas", "polars"],
)
def test_groups_come_as_columns_or_values(models, groups):
    expected = unprocess(models["plain"], X, Y, sensitive_features="sex")
    found = unprocess(models["plain"], X, Y, sensitive_features=groups)
    assert found.objective_ == expected.objective_
    assert len(found.groups_) == 2


def test_a_mitigator_that_needs_the_groups_gets_them():
    narrow = X_TRAIN[["a", "b"]]
    groups = X_TRAIN["sex"].map({0: "F", 1: "M"})
    rule = ThresholdOptimizer(LR).fit(narrow, Y_TRAIN, sensitive_features=groups)
    found = unprocess(rule, X[["a", "b"]], Y, sensitive_features=SEX)
    own = rule.predict(X[["a", "b"]], sensitive_features=SEX)
    assert found.objective_ >= np.mean(own == Y)
    decided = found.predict(X[["a", "b"]], sensitive_features=SEX)
    assert np.mean(decided == Y) == pytest.approx(found.objective_)


def test_weights_are_repeated_people(models):
    weight = np.random.default_rng(2).integers(0, 3, len(Y))
    rows = np.repeat(np.arange(len(Y)), weight)
    weighted = unprocess(
        models["plain"], X, Y, sensitive_features="sex", sample_weight=weight
    )
    repeated = unprocess(
        models["plain"], X.iloc[rows], Y[rows], sensitive_features="sex"
    )
    assert weighted.objective_ == pytest.approx(repeated.objective_)
    assert weighted.violation_ == pytest.approx(repeated.violation_)


def test_balanced_accuracy_can_be_the_objective(models):
    options = {"sensitive_features": "sex", "objective": "balanced_accuracy"}
    found = unprocess(models["boosted"], X, Y, **options)
    realised = balanced_accuracy_score(Y, found.predict(X))
    assert found.objective_ == pytest.approx(realised)
    own = balanced_accuracy_score(Y, models["boosted"].predict(X))
    compared = compare_unprocessed([models["boosted"]], X, Y, **options)
    assert compared.own_objective[0] == pytest.approx(own)
    assert found.objective_ >= own


def test_models_without_metadata_routing_work():
    boosted = AdaBoostClassifier(n_estimators=5, random_state=0).fit(X_TRAIN, Y_TRAIN)
    found = unprocess(boosted, X, Y, sensitive_features="sex")
    assert found.objective_ >= boosted.score(X, Y)


def test_models_without_scores_are_refused_by_name(models):
    votes = VotingClassifier([("a", LR)], voting="hard").fit(X_TRAIN, Y_TRAIN)
    both = {"plain": models["plain"], "votes": votes}
    with pytest.raises(ValueError, match=r"votes: VotingClassifier has no .*score"):
        unprocess(both, X, Y, sensitive_features="sex")


def test_wrong_input_is_refused_by_name(models):
    plain = models["plain"]
    fitted = LogisticRegression().fit(X_TRAIN, Y_TRAIN)
    with pytest.raises(ValueError, match=r"LogisticRegression-2: .*not fitted"):
        unprocess([fitted, LR], X, Y, sensitive_features="sex")
    with pytest.raises(ValueError, match="plain: the frozen estimator knows"):
        unprocess({"plain": plain}, X, Y == "yes", sensitive_features="sex")
    with pytest.raises(ValueError, match="no models"):
        unprocess([], X, Y, sensitive_features="sex")
    with pytest.raises(ValueError, match="gender"):
        unprocess(plain, X, Y, sensitive_features="gender")
    options = {"sensitive_features": "sex", "constraint": "predictive_parity"}
    with pytest.raises(ValueError, match="not linear in the predictions"):
        unprocess(plain, X, Y, **options)
    with pytest.raises(ValueError, match="needs to know the groups"):
        unprocess(plain, X, Y, sensitive_features=None)


def test_the_comparison_reads_the_frontier_at_each_violation(models):
    at = [0.2, 0.0, 0.07]
    found = compare_unprocessed(
        models,
        X,
        Y,
        sensitive_features="sex",
        violations=at,
        constraint="equal_opportunity",
    )
    assert found.names == tuple(models)
    assert found.violations.tolist() == sorted(at)
    for column, tolerance in enumerate(sorted(at)):
        bound = unprocess(
            models,
            X,
            Y,
            sensitive_features="sex",
            constraint="equal_opportunity",
            tolerance=tolerance,
        )
        expected = [model.objective_ for model in bound.values()]
        np.testing.assert_allclose(found.objective[:, column], expected, atol=1e-6)


def test_the_comparison_holds_the_models_own_decisions(models):
    found = compare_unprocessed(models, X, Y, sensitive_features="sex")
    for i, model in enumerate(models.values()):
        decided = model.predict(X)
        assert found.own_objective[i] == pytest.approx(np.mean(decided == Y))
        expected = violation_of(Y, decided, "equalized_odds")
        assert found.own_violation[i] == pytest.approx(expected)
    assert (found.unprocessed_objective >= found.own_objective - 1e-9).all()
    assert (np.diff(found.objective, axis=1) >= -1e-9).all()
    np.testing.assert_allclose(
        found.objective[:, -1], found.unprocessed_objective, atol=1e-6
    )


def test_the_comparison_as_a_table(models):
    found = compare_unprocessed(
        list(models.values())[:2], X, Y, sensitive_features="sex", violations=[0.1, 1]
    )
    frame = found.to_frame()
    assert frame.columns.tolist() == ["Pipeline", "HistGradientBoostingClassifier"]
    assert frame.index.tolist() == [0.1, 1.0]
    np.testing.assert_array_equal(frame.to_numpy(), found.objective.T)


def test_a_violation_that_no_rule_reaches_is_nan(models):
    """Of a model with one score, a ratio within 0 only if nobody or all are chosen."""
    found = compare_unprocessed(
        [models["plain"]],
        X,
        Y,
        sensitive_features="sex",
        constraint="error_rate_parity",
        violations=[-0.1, 0.0, 0.2],
    )
    assert np.isnan(found.objective[0]).tolist() == [True, False, False]
