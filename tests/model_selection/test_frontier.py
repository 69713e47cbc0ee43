"""The frontier over candidates: its numbers, its front, its picks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)

from fairlearnkit import ReductionClassifier, ReweighingClassifier, ThresholdOptimizer
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import demographic_parity_difference, disparity_of_table
from fairlearnkit.model_selection import FairnessFrontier, SensitiveStratifiedKFold
from fairlearnkit.model_selection._pareto import hypervolume, sort_front
from fairlearnkit.tables import GroupCounts

LR = LogisticRegression()
FOLDS = StratifiedKFold(4, shuffle=True, random_state=3)
CANDIDATES = {
    "plain": (LR, {"C": [0.001, 1.0]}),
    "reweighed": ReweighingClassifier(LR),
    "thresholds": (ThresholdOptimizer(LR, cv=2), {"tolerance": [0.0, 0.1, 0.25]}),
}


def people(seed=0, n=900):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    X = rng.normal(size=(n, 3)) + 0.6 * group[:, None]
    y = (X[:, 0] + rng.normal(size=n) > 0.9).astype(int)
    return X, y, group


X, Y, GROUP = people()


@pytest.fixture(scope="module")
def frontier():
    return FairnessFrontier(CANDIDATES, cv=FOLDS).fit(X, Y, sensitive_features=GROUP)


class Unfair(ClassifierMixin, BaseEstimator):
    """Decides by the group, which is all that it looks at, and is mostly wrong."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X[:, -1] == 0).astype(int)]


def test_the_objective_is_that_of_cross_val_score():
    found = FairnessFrontier([LR], cv=FOLDS, objective="roc_auc")
    found.fit(X, Y, sensitive_features=GROUP)
    scores = cross_val_score(LR, X, Y, cv=FOLDS, scoring="roc_auc")
    assert found.results_["mean_objective"][0] == pytest.approx(scores.mean())
    assert found.results_["std_objective"][0] == pytest.approx(scores.std())
    for k, score in enumerate(scores):
        assert found.results_[f"split{k}_objective"][0] == pytest.approx(score)


def test_the_violation_is_that_of_all_held_out_predictions_together():
    found = FairnessFrontier([LR], cv=FOLDS).fit(X, Y, sensitive_features=GROUP)
    predicted = cross_val_predict(LR, X, Y, cv=FOLDS)
    expected = demographic_parity_difference(Y, predicted, sensitive_features=GROUP)
    assert found.results_["violation"][0] == pytest.approx(expected)
    table = GroupCounts.from_arrays(Y, predicted, sensitive_features=GROUP)
    np.testing.assert_array_equal(found.tables_[0].counts, table.counts)
    disparity = disparity_of_table(table, "demographic_parity")
    assert found.results_["violation_low"][0] == pytest.approx(disparity.low)
    assert found.results_["violation_high"][0] == pytest.approx(disparity.high)
    for k, (_, test) in enumerate(FOLDS.split(X, Y)):
        fold = demographic_parity_difference(
            Y[test], predicted[test], sensitive_features=GROUP[test]
        )
        assert found.results_[f"split{k}_violation"][0] == pytest.approx(fold)


def test_the_interval_of_the_objective_is_that_of_nadeau_and_bengio(frontier):
    results = frontier.results_
    scores = np.array([results[f"split{k}_objective"] for k in range(4)])
    half = 3.182446 * scores.std(axis=0, ddof=1) * np.sqrt(1 / 4 + 1 / 3)
    mean = scores.mean(axis=0)
    np.testing.assert_allclose(results["objective_low"], mean - half, rtol=1e-5)
    np.testing.assert_allclose(results["objective_high"], mean + half, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_single_folds_look_more_unfair_than_their_people_together(seed):
    X, y, group = people(seed, n=600)
    cv = SensitiveStratifiedKFold(n_splits=6)
    found = FairnessFrontier([LR, ReweighingClassifier(LR)], cv=cv)
    results = found.fit(X, y, sensitive_features=group).results_
    folds = np.mean([results[f"split{k}_violation"] for k in range(6)], axis=0)
    assert (folds >= results["violation"] - 0.01).all()  # folds differ by one person


def test_the_front_is_what_nobody_beats(frontier):
    results = frontier.results_
    points = np.column_stack([results["violation"], -results["mean_objective"]])
    beaten = [
        any((other <= own).all() and (other < own).any() for other in points)
        for own in points
    ]
    np.testing.assert_array_equal(results["on_front"], ~np.array(beaten))
    assert sorted(frontier.front_) == np.flatnonzero(results["on_front"]).tolist()
    assert (np.diff(results["violation"][frontier.front_]) >= 0).all()


def test_a_candidate_that_others_beat_changes_neither_front_nor_hypervolume(frontier):
    more = FairnessFrontier({"unfair": Unfair(), **CANDIDATES}, cv=FOLDS)
    wide = np.column_stack([X, GROUP])
    more.fit(wide, Y, sensitive_features=GROUP)
    fewer = FairnessFrontier(CANDIDATES, cv=FOLDS)
    fewer.fit(wide, Y, sensitive_features=GROUP)
    assert not more.results_["on_front"][0]
    np.testing.assert_array_equal(more.front_ - 1, fewer.front_)
    assert more.hypervolume_ == fewer.hypervolume_
    assert more.best_index_ - 1 == fewer.best_index_


def test_the_hypervolume_starts_at_a_constant_prediction(frontier):
    share = max(np.mean(Y), 1 - np.mean(Y))
    assert frontier.reference_ == pytest.approx((1.0, share), abs=2e-3)
    results = frontier.results_
    points = results["violation"], results["mean_objective"]
    expected = hypervolume(*points, frontier.reference_)
    assert frontier.hypervolume_ == pytest.approx(expected)
    other = FairnessFrontier(CANDIDATES, cv=FOLDS, reference=(0.3, 0.7))
    other.fit(X, Y, sensitive_features=GROUP)
    assert other.hypervolume_ == pytest.approx(hypervolume(*points, (0.3, 0.7)))


def test_the_tables_answer_for_any_other_constraint(frontier):
    odds = FairnessFrontier(CANDIDATES, cv=FOLDS, constraint="equalized_odds")
    odds.fit(X, Y, sensitive_features=GROUP)
    for table, violation in zip(
        frontier.tables_, odds.results_["violation"], strict=True
    ):
        assert disparity_of_table(table, "equalized_odds").value == violation


def test_all_candidates_are_fitted_on_the_same_folds():
    found = FairnessFrontier({"a": LR, "b": clone(LR)})
    results = found.fit(X, Y, sensitive_features=GROUP).results_
    measured = [k for k in results if "time" not in k and k not in ("family", "name")]
    assert len(measured) > 15
    for key in measured:
        assert results[key][0] == results[key][1]


def test_two_fits_at_once_give_the_same(frontier):
    other = clone(frontier).set_params(n_jobs=2)
    other.fit(X, Y, sensitive_features=GROUP)
    for key, column in frontier.results_.items():
        if "time" not in key:
            np.testing.assert_array_equal(column, other.results_[key])
    assert other.hypervolume_ == frontier.hypervolume_
    np.testing.assert_array_equal(
        frontier.predict(X, sensitive_features=GROUP),
        other.predict(X, sensitive_features=GROUP),
    )


def test_default_folds_share_every_group_and_label():
    found = FairnessFrontier([DummyClassifier()], cv=5)
    found.fit(X, Y, sensitive_features=GROUP)
    folds = SensitiveStratifiedKFold(shuffle=True, random_state=0)
    splits = folds.split(X, Y, sensitive_features=GROUP)
    counts = [np.bincount(2 * GROUP[test] + Y[test]) for _, test in splits]
    assert np.ptp(counts, axis=0).max() <= 1
    assert found.n_splits_ == 5


def test_integer_weights_are_repeated_people():
    weight = np.random.default_rng(1).integers(0, 4, len(Y))
    rows = np.repeat(np.arange(len(Y)), weight)
    fold = np.arange(len(Y)) % 3

    def splits(fold):
        return [
            (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)
        ]

    exact = LogisticRegression(solver="newton-cholesky")
    candidates = [exact, ReweighingClassifier(exact)]
    weighted = FairnessFrontier(candidates, cv=splits(fold))
    weighted.fit(X, Y, sensitive_features=GROUP, sample_weight=weight)
    repeated = FairnessFrontier(candidates, cv=splits(fold[rows]))
    repeated.fit(X[rows], Y[rows], sensitive_features=GROUP[rows])
    for key in ("mean_objective", "violation", "split1_violation"):
        np.testing.assert_allclose(weighted.results_[key], repeated.results_[key])
    assert weighted.hypervolume_ == pytest.approx(repeated.hypervolume_)
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_repeated_folds_do_not_multiply_people():
    once = FairnessFrontier([LR], cv=StratifiedKFold(3))
    often = FairnessFrontier([LR], cv=RepeatedStratifiedKFold(n_splits=3, n_repeats=4))
    widths = []
    for found in (once, often):
        found.fit(X, Y, sensitive_features=GROUP)
        assert found.tables_[0].counts.sum() == pytest.approx(len(Y))
        results = found.results_
        widths.append(results["violation_high"][0] - results["violation_low"][0])
    assert widths[0] == pytest.approx(widths[1], rel=0.05)


def test_more_than_two_classes():
    labels = np.array(["a", "b", "c"])[Y + (X[:, 1] > 1)]
    found = FairnessFrontier([LR, ReweighingClassifier(LR)])
    found.fit(X, labels, sensitive_features=GROUP)
    assert found.tables_[0].counts.shape == (3, 3, 3)
    assert set(found.predict(X)) <= {"a", "b", "c"}


def test_a_frozen_model_is_measured_as_it_is():
    fitted = LogisticRegression().fit(X, Y)
    group_rule = ThresholdOptimizer(LR).fit(X, Y, sensitive_features=GROUP)
    frozen = [FrozenEstimator(fitted), FrozenEstimator(group_rule)]
    found = FairnessFrontier(frozen, cv=FOLDS)
    weight = np.full(len(Y), 2.0)
    found.fit(X, Y, sensitive_features=GROUP, sample_weight=weight)
    answers = fitted.predict(X), group_rule.predict(X, sensitive_features=GROUP)
    for i, predicted in enumerate(answers):
        expected = demographic_parity_difference(Y, predicted, sensitive_features=GROUP)
        assert found.results_["violation"][i] == pytest.approx(expected)
    assert found.best_estimator_ is frozen[found.best_index_]


def test_the_objective_may_be_a_function_of_a_model_that_needs_the_groups():
    def area(model, X, y):
        return roc_auc_score(y, model.predict_proba(X)[:, 1])

    model = ThresholdOptimizer(LR, tolerance=0.5)
    found = FairnessFrontier([model], objective=area, cv=FOLDS)
    found.fit(X, Y, sensitive_features=GROUP)
    assert 0.5 < found.results_["mean_objective"][0] < 1
    assert found.reference_ == (1.0, 0.5)


def test_a_candidate_without_a_violation_is_not_on_the_front():
    nobody = DummyClassifier(strategy="constant", constant=0)
    found = FairnessFrontier([LR, nobody], constraint="predictive_parity")
    with pytest.warns(FairnessWarning) as caught:
        found.fit(X, Y, sensitive_features=GROUP)
    messages = " ".join(str(warning.message) for warning in caught)
    assert "violation of DummyClassifier is undefined" in messages
    assert found.front_.tolist() == [0]
    assert np.isnan(found.results_["violation"][1])


def test_with_one_group_the_objective_alone_decides():
    found = FairnessFrontier([DummyClassifier(), LR])
    with pytest.warns(FairnessWarning, match="undefined for every candidate"):
        found.fit(X, Y, sensitive_features=np.zeros(len(Y)))
    assert found.best_index_ == 1
    assert np.isnan(found.results_["violation"]).all()


def test_groups_of_few_people_are_named():
    group = np.where(np.arange(len(Y)) < 12, "few", "many")
    with pytest.warns(FairnessWarning, match="'few'"):
        FairnessFrontier([LR]).fit(X, Y, sensitive_features=group)


def test_a_failure_names_the_candidate():
    class Broken(LogisticRegression):
        def fit(self, X, y):
            raise RuntimeError("out of luck")

    candidates = {"fine": LR, "broken": (Broken(), {"C": [1.0, 2.0]})}
    message = r"candidate broken\(C=1\) failed on fold 0: RuntimeError: out of luck"
    with pytest.raises(ValueError, match=message):
        FairnessFrontier(candidates).fit(X, Y, sensitive_features=GROUP)


def test_the_table_of_results(frontier):
    frame = frontier.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 6
    assert frame["name"].tolist()[-1] == "thresholds(tolerance=0.25)"
    assert frame["params"].tolist()[-1] == {"tolerance": 0.25}
    assert frame.loc[frame["on_front"], "violation"].notna().all()
    front = sort_front(
        frame["violation"].to_numpy(), frame["mean_objective"].to_numpy()
    )
    np.testing.assert_array_equal(front, frontier.front_)


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_mitigators_reach_nearer_to_parity_than_the_plain_model():
    candidates = [LR, ReductionClassifier(LR, max_iter=10), ThresholdOptimizer(LR)]
    results = FairnessFrontier(candidates).fit(X, Y, sensitive_features=GROUP).results_
    assert (results["violation"][1:] < results["violation"][0] - 0.2).all()
