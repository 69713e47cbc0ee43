"""FairNaiveBayes: equal selection rates, the paper's own steps, and peers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from fairlearnkit.datasets import load_german_credit
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import FairNaiveBayes

BALANCED = ["modified", "two_models"]


def people(seed=0, n=2000, n_groups=2):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    X = rng.normal(size=(n, 3)) + 0.8 * group[:, None] / (n_groups - 1)
    y = (X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n) > 0.8).astype(int)
    return X, y, group, rng.integers(0, 3, n).astype(float)


def rates_of(decision, group, weight=None):
    weight = np.ones(len(group)) if weight is None else weight
    return np.array(
        [np.average(decision[group == g], weights=weight[group == g])
         for g in np.unique(group)]
    )  # fmt: skip


@pytest.mark.parametrize("method", BALANCED)
@pytest.mark.parametrize("n_groups", [2, 4])
@pytest.mark.parametrize("tolerance", [0.005, 0.05])
def test_rates_agree_and_as_many_are_selected_as_are_positive(
    method, n_groups, tolerance
):
    X, y, group, weight = people(n_groups=n_groups)
    model = FairNaiveBayes(method=method, tolerance=tolerance)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    decision = model.predict(X, sensitive_features=group)
    rates = rates_of(decision, group, weight)
    assert model.plain_violation_ > 0.2
    assert np.ptp(rates) <= tolerance + 1e-9
    np.testing.assert_allclose(model.rates_, rates)
    assert model.violation_ == pytest.approx(np.ptp(rates))
    assert model.error_ == pytest.approx(np.average(decision != y, weights=weight))
    overall = np.average(decision, weights=weight), np.average(y, weights=weight)
    assert overall[0] == pytest.approx(overall[1], abs=0.003)


@pytest.mark.parametrize("method", BALANCED)
def test_it_ends_where_the_papers_small_steps_end(method):
    """Move 1 in a thousand of a group's counts at a time, as the paper does."""
    X, y, group, _ = people()
    model = FairNaiveBayes(method=method, tolerance=0.0)
    with pytest.warns(FairnessWarning, match="selection rates differ"):
        model.fit(X, y, sensitive_features=group)
    moved = logit(model.class_prior_[:, 1])[group]
    score = model.decision_function(X, sensitive_features=group) - moved
    counts = np.array(
        [[np.sum((group == g) & (y == k)) for k in (0, 1)] for g in (0, 1)]
    )
    counts = counts.astype(float)
    for _ in range(20_000):
        prior = counts[:, 1] / counts.sum(axis=1)
        decision = score + logit(prior)[group] > 0
        low, high = rates_of(decision, group)
        if high <= low:
            break
        if decision.sum() < y.sum():
            step = 0.001 * counts[1, 0]
            counts[0] += [-step, step]
        else:
            step = 0.001 * counts[0, 1]
            counts[1] += [step, -step]
    np.testing.assert_allclose(model.class_prior_[:, 1], prior, atol=0.01)
    same = decision == model.predict(X, sensitive_features=group)
    assert same.mean() > 0.99


def test_slack_is_scikit_learns_model_of_each_group():
    X, y, group, _ = people()
    model = FairNaiveBayes(tolerance=1.0).fit(X, y, sensitive_features=group)
    found = model.predict_proba(X, sensitive_features=group)
    for g in (0, 1):
        rows = group == g
        peer = GaussianNB().fit(X[rows], y[rows])
        np.testing.assert_allclose(found[rows], peer.predict_proba(X[rows]), atol=1e-6)
    np.testing.assert_allclose(model.class_prior_, model.plain_class_prior_)


def test_one_group_is_scikit_learns_model():
    X, y, _, _ = people()
    for method in BALANCED:
        model = FairNaiveBayes(method=method, sensitive_features=lambda X: X[:, 0] < 99)
        expected = GaussianNB().fit(X, y).predict(X)
        np.testing.assert_array_equal(model.fit(X, y).predict(X), expected)


def german():
    data = load_german_credit()
    return data.data, data.target.to_numpy(), data.sensitive_features["age_group"]


@pytest.mark.parametrize("method", BALANCED)
def test_on_german_credit_parity_costs_a_point_or_two(method):
    X, y, age = german()
    model = FairNaiveBayes(method=method, tolerance=0.01)
    model.fit(X, y, sensitive_features=age)
    assert model.violation_ <= 0.01
    assert model.error_ <= model.plain_error_ + 0.02
    assert model.error_ < 0.26  # 30 % are bad risks


def test_latent_predicts_without_the_group_and_lowers_the_disparity():
    X, y, group, _ = people()
    model = FairNaiveBayes(method="latent")
    with pytest.warns(FairnessWarning, match="makes the label fair, not the rates"):
        model.fit(X, y, sensitive_features=group)
    assert model.violation_ < model.plain_violation_
    assert model.n_iter_ > 1
    found = model.predict(X)
    np.testing.assert_array_equal(found, model.predict(X, sensitive_features=group))
    with (
        pytest.warns(ConvergenceWarning, match="increase max_iter"),
        pytest.warns(FairnessWarning),
    ):
        model.set_params(max_iter=2).fit(X, y, sensitive_features=group)


def test_frames_with_text_of_any_library_give_the_same_model():
    X, y, age = german()
    names = pd.Series(np.where(y == 1, "good", "bad"))
    X = X.assign(age_group=age.astype(str))
    text = X.astype(dict.fromkeys(X.select_dtypes("category").columns, str))
    frames = [X, text, pl.from_pandas(text)]
    found = [
        FairNaiveBayes(sensitive_features="age_group", drop_sensitive=True)
        .fit(frame, names)
        .predict(frame)
        for frame in frames
    ]
    plain = load_german_credit(as_frame=False)
    array = FairNaiveBayes().fit(plain.data, names, sensitive_features=age)
    found.append(array.predict(plain.data, sensitive_features=age))
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    assert set(found[0]) == {"good", "bad"}


def test_numbers_can_be_named_as_categories():
    rng = np.random.default_rng(0)
    group, kind = rng.integers(0, 2, 600), rng.integers(0, 3, 600)
    y = (kind == 1) ^ (rng.random(600) < 0.1)  # the middle kind: no line divides it
    X = np.column_stack([kind, rng.normal(size=600)])
    errors = {}
    for categories in (None, [0], ["kind"]):
        data = pd.DataFrame(X, columns=["kind", "noise"])
        model = FairNaiveBayes(categorical_features=categories, tolerance=0.2)
        errors[str(categories)] = model.fit(data, y, sensitive_features=group).error_
    assert (
        errors["[0]"] == errors["['kind']"] == pytest.approx(np.mean(y != (kind == 1)))
    )
    with pytest.raises(ValueError, match="'sort' is not a column of X"):
        model.set_params(categorical_features=["sort"]).fit(
            data, y, sensitive_features=group
        )


def test_missing_and_unseen_categories_are_answered():
    X = pd.DataFrame({"job": ["a", "b", None, "a"] * 50, "n": np.arange(200.0) % 7})
    y, group = np.arange(200) % 4 > 1, np.arange(200) % 3
    model = FairNaiveBayes(tolerance=1.0).fit(X, y, sensitive_features=group)
    found = model.predict_proba(
        pd.DataFrame({"job": ["new", None], "n": [1.0, 2.0]}), sensitive_features=[0, 1]
    )
    assert np.isfinite(found).all()


def test_a_group_of_one_label_gets_the_model_of_all():
    X, y, group, _ = people(n_groups=3)
    y[group == 2] = 1
    with pytest.warns(FairnessWarning, match="sensitive_features=2 has people of one"):
        model = FairNaiveBayes().fit(X, y, sensitive_features=group)
    assert model.violation_ <= 0.01


def test_bad_input_is_refused_in_a_sentence():
    X, y, group, _ = people()
    with pytest.raises(ValueError, match="Only binary classification"):
        FairNaiveBayes().fit(X, np.arange(len(y)) % 3, sensitive_features=group)
    model = FairNaiveBayes().fit(X, y, sensitive_features=group)
    with pytest.raises(ValueError, match="needs to know the groups"):
        model.predict(X)
    with pytest.raises(ValueError, match="group sensitive_features=5 was not seen"):
        model.predict(X[:1], sensitive_features=[5])
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        FairNaiveBayes().fit(X, y, sensitive_features=group)


def test_it_can_be_searched():
    X, y, group, _ = people(n=600)
    search = GridSearchCV(
        FairNaiveBayes(sensitive_features=3), {"method": BALANCED, "tolerance": [0.1]}
    )
    assert search.fit(np.column_stack([X, group]), y).best_score_ > 0.6
