"""Minimax fairness: the worst group gains, and nobody pays for nothing."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit.datasets import load_bank_marketing, load_communities_crime
from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning
from fairlearnkit.inprocessing._minimax import MinimaxFairClassifier
from fairlearnkit.inprocessing._minimax_regressor import MinimaxFairRegressor


def people(seed=0, n=1500, n_classes=2):
    """The minority's label depends on another feature than the majority's."""
    rng = np.random.default_rng(seed)
    group = (rng.random(n) < 0.25).astype(int)
    X = np.column_stack([rng.normal(size=(n, 2)), group])
    signal = np.where(group == 1, X[:, 1], X[:, 0]) + rng.normal(size=n) / 2
    return X, np.digitize(signal, np.linspace(-1, 1, n_classes + 1)[1:-1]), group


def error_by_group(proba, y, group, weight=None):
    """From expected decisions, by hand."""
    wrong = 1 - proba[np.arange(len(y)), y]
    weight = np.ones(len(y)) if weight is None else weight
    return np.array(
        [
            np.average(wrong[group == g], weights=weight[group == g])
            for g in np.unique(group)
        ]
    )


def best_single_worst(X, y, group):
    """Least worst-group error of logistic regressions of any weight and threshold."""
    best = 1.0
    for share in np.linspace(0, 1, 41):
        weight = np.where(group == 1, share / (group == 1).sum(), 0)
        weight += np.where(group == 0, (1 - share) / (group == 0).sum(), 0)
        rows = weight > 0
        model = LogisticRegression().fit(X[rows], y[rows], len(y) * weight[rows])
        score = model.decision_function(X)
        for cut in np.quantile(score, np.linspace(0, 1, 101)):
            wrong = (score > cut) != y
            best = min(best, max(wrong[group == g].mean() for g in (0, 1)))
    return best


def test_the_worst_group_does_better_than_under_any_single_model():
    X, y, group = people()
    model = MinimaxFairClassifier(LogisticRegression()).fit(
        X, y, sensitive_features=group
    )
    errors = error_by_group(model.expected_proba(X), y, group)
    np.testing.assert_allclose(errors, model.group_report_.after)
    plain = LogisticRegression().fit(X, y).predict_proba(X) > 0.5
    np.testing.assert_allclose(
        error_by_group(plain.astype(float), y, group), model.group_report_.before
    )
    assert errors.max() < best_single_worst(X, y, group)
    assert errors.max() < 0.7 * model.group_report_.worst_before
    assert model.loss_ == pytest.approx(
        1 - model.expected_proba(X)[np.arange(len(y)), y].mean()
    )


def test_the_worst_group_of_real_people_gains():
    bank = load_bank_marketing()
    X = pd.get_dummies(bank.data, dtype=float)[::5]
    y, groups = bank.target[::5], bank.sensitive_features[::5]
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    model = MinimaxFairClassifier(LogisticRegression(max_iter=1000), thresholds=False)
    scaled = pipe[:-1].fit_transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LevellingDownWarning)
        model.fit(scaled, y, sensitive_features=groups)
    assert model.group_report_.worst_after < 0.9 * model.group_report_.worst_before


def test_a_bound_trades_the_worst_group_for_everybody():
    X, y, _ = people()
    options = {"estimator": LogisticRegression(), "sensitive_features": 2}
    tight = MinimaxFairClassifier(**options).fit(X, y)
    least = tight.worst_group_loss_
    bounded = MinimaxFairClassifier(**options, max_group_loss=0.32).fit(X, y)
    slack = MinimaxFairClassifier(**options, slack=0.32 - least).fit(X, y)
    assert bounded.worst_group_loss_ == pytest.approx(0.32, abs=1e-6)
    assert slack.loss_ == pytest.approx(bounded.loss_, abs=1e-6)
    assert bounded.loss_ < tight.loss_ - 0.01


def test_a_bound_that_the_plain_model_meets_leaves_it_alone():
    X, y, group = people()
    model = MinimaxFairClassifier(LogisticRegression(), max_group_loss=0.6)
    model.fit(X, y, sensitive_features=group)
    plain = LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    assert model.n_iter_ == 1


def test_a_bound_out_of_reach_is_said_to_be():
    X, y, group = people()
    model = MinimaxFairClassifier(LogisticRegression(), max_group_loss=0.01)
    with pytest.warns(FairnessWarning, match="above max_group_loss=0.01"):
        model.fit(X, y, sensitive_features=group)


@pytest.mark.parametrize("seed", range(3))
def test_averaged_probabilities_are_no_worse_than_a_draw(seed):
    X, y, group = people(seed)
    model = MinimaxFairClassifier(LogisticRegression(), loss="log_loss")
    model.fit(X, y, sensitive_features=group)
    proba = model.predict_proba(X)
    losses = -np.log(proba[np.arange(len(y)), y])
    by_group = [losses[group == g].mean() for g in (0, 1)]
    np.testing.assert_allclose(by_group, model.group_report_.after)
    drawn = sum(
        w * -np.log(member.predict_proba(X)[np.arange(len(y)), y])
        for w, member in zip(model.member_weights_, model.estimators_, strict=True)
    )
    assert max(by_group) <= max(drawn[group == g].mean() for g in (0, 1)) + 1e-12
    np.testing.assert_array_equal(model.predict(X), proba.argmax(axis=1))
    assert set(np.unique(model.expected_proba(X))) == {0.0, 1.0}
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == 1)


def test_deterministic_is_one_model():
    X, y, group = people()
    model = MinimaxFairClassifier(LogisticRegression(), deterministic=True)
    model.fit(X, y, sensitive_features=group)
    assert model.weights_.tolist() == [1.0]
    worst = error_by_group(np.eye(2)[model.predict(X)], y, group).max()
    assert worst == pytest.approx(model.worst_group_loss_)
    assert worst <= best_single_worst(X, y, group) + 0.02


@pytest.mark.parametrize("loss", ["error", "log_loss"])
def test_three_classes(loss):
    X, y, group = people(n_classes=3)
    model = MinimaxFairClassifier(LogisticRegression(), loss=loss)
    model.fit(X, y, sensitive_features=group)
    assert model.group_report_.worst_after < 0.9 * model.group_report_.worst_before
    assert model.predict_proba(X).shape == (len(y), 3)


def test_levelling_down_without_a_gain_is_warned_of():
    """Hopeless noise in one group: the other pays, the first gains next to nothing."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], [1500, 500])
    X = np.column_stack([rng.normal(size=2000), group])
    y = np.where(group == 1, rng.random(2000) < 0.5, X[:, 0] > 0).astype(int)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    model = MinimaxFairClassifier(tree, thresholds=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, sensitive_features=group)
    report = model.group_report_
    levelled = [w for w in caught if issubclass(w.category, LevellingDownWarning)]
    gained = report.worst_before - report.worst_after
    assert bool(levelled) == (bool(report.harmed) and gained < 2 * report.error[1])
    assert report.to_frame().loc[1, "after"] == report.after[1]


def test_small_groups_are_named():
    X, y, group = people(n=300)
    group = np.where(np.arange(300) < 9, "few", "many")
    with pytest.warns(FairnessWarning, match="fewer than 30 people in .*'few' .9."):
        MinimaxFairClassifier(LogisticRegression()).fit(X, y, sensitive_features=group)


def test_user_weights_count_as_people():
    X, y, group = people(n=600)
    weight = np.random.default_rng(1).integers(0, 4, 600)
    rows = np.repeat(np.arange(600), weight)
    weighted = MinimaxFairClassifier(LogisticRegression()).fit(
        X, y, sensitive_features=group, sample_weight=weight
    )
    repeated = MinimaxFairClassifier(LogisticRegression()).fit(
        X[rows], y[rows], sensitive_features=group[rows]
    )
    np.testing.assert_allclose(
        weighted.group_report_.after, repeated.group_report_.after, atol=1e-6
    )


def test_frames_and_words():
    X, y, group = people(n=600)
    words = np.array(["no", "yes"])[y]
    data = {"a": X[:, 0], "b": X[:, 1], "sex": np.array(["f", "m"])[group]}
    found = [
        MinimaxFairClassifier(
            LogisticRegression(), sensitive_features="sex", drop_sensitive=True
        )
        .fit(frame, words)
        .predict(frame)
        for frame in (pd.DataFrame(data), pl.DataFrame(data))
    ]
    np.testing.assert_array_equal(*found)
    assert set(found[0]) == {"no", "yes"}


def test_an_encoder_inside_knows_the_categories_of_groups_that_count_for_nothing():
    X, y, group = people(n=600)
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    frame["sex"] = np.array(["f", "m"])[group]
    columns = make_column_transformer(
        (OneHotEncoder(), ["sex"]), remainder="passthrough"
    )
    pipe = make_pipeline(columns, LogisticRegression())
    y = np.where(group == 0, frame["a"] > 0, y)  # no loss, so no price
    model = MinimaxFairClassifier(pipe, sensitive_features="sex").fit(frame, y)
    assert model.group_report_.worst_after <= model.group_report_.worst_before


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            MinimaxFairClassifier(KNeighborsClassifier()),
            "does not accept sample_weight",
        ),
        (MinimaxFairClassifier(LinearSVC(), loss="log_loss"), "has no predict_proba"),
        (MinimaxFairClassifier(LogisticRegression(), slack=-1), "'slack' parameter"),
    ],
)
def test_what_cannot_be_done_is_said(model, message):
    X, y, group = people(n=300)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sensitive_features=group)


def test_a_frozen_model_is_refused():
    X, y, group = people(n=100)
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    with pytest.raises(ValueError, match="cannot be trained"):
        MinimaxFairClassifier(frozen).fit(X, y, sensitive_features=group)


def test_the_worst_town_is_predicted_better():
    crime = load_communities_crime(return_X_y=False)
    X = crime.data.select_dtypes("number")
    X = ((X - X.mean()) / X.std()).fillna(0).to_numpy()
    y = np.asarray(crime.target, dtype=float)
    group = np.where(np.argsort(np.argsort(y)) > 0.8 * len(y), "high", "low")
    model = MinimaxFairRegressor(LinearRegression())
    model.fit(X, y, sensitive_features=group)
    squared = (model.predict(X) - y) ** 2
    worst = max(squared[group == g].mean() for g in ("high", "low"))
    plain = (LinearRegression().fit(X, y).predict(X) - y) ** 2
    assert worst == pytest.approx(model.worst_group_loss_)
    assert worst < 0.8 * max(plain[group == g].mean() for g in ("high", "low"))


def test_the_mean_of_linear_models_is_as_good_as_the_convex_optimum():
    cvxpy = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [200, 60, 40])
    X = rng.normal(size=(300, 3))
    y = X[:, 0] * np.array([1, -1, 0])[group] + X[:, 1] + rng.normal(size=300)
    model = MinimaxFairRegressor(LinearRegression(), tol=1e-6)
    model.fit(X, y, sensitive_features=group)
    w, b = cvxpy.Variable(3), cvxpy.Variable()
    losses = [
        cvxpy.sum_squares(X[group == g] @ w + b - y[group == g]) / (group == g).sum()
        for g in range(3)
    ]
    best = cvxpy.Problem(cvxpy.Minimize(cvxpy.maximum(*losses))).solve()
    assert model.worst_group_loss_ == pytest.approx(best, rel=1e-3)
    assert model.worst_group_loss_ - model.gap_ <= best + 1e-9
