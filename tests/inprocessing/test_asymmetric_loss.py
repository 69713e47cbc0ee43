"""AsymmetricLossClassifier: the decisions of least expected loss, where it is known."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit.datasets import load_german_credit
from fairlearnkit.inprocessing import AsymmetricLossClassifier, economic_report

MISS = {"a": [[0, 1], [4, 0]], "b": [[0, 2], [1, -1]]}


def simulated(n=20_000, seed=0):
    """Features, labels, groups and the true P(y = 1 | x)."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 2)) * 1.5
    eta = expit(x[:, 0] - 0.5 * x[:, 1] + group - 0.3)
    y = (rng.random(n) < eta).astype(int)
    names = np.array(["a", "b"])[group]
    return np.column_stack([x, group]), y, names, eta


def best_decisions(eta, names):
    """Cheaper of the two decisions, by their expected losses."""
    tables = np.stack([np.array(MISS[name], float) for name in names])
    expected = np.einsum("ny,nyd->nd", np.column_stack([1 - eta, eta]), tables)
    return expected.argmin(axis=1), tables


@pytest.mark.parametrize("method", ["weights", "threshold"])
def test_decisions_are_those_of_least_expected_loss(method):
    X, y, names, eta = simulated()
    model = AsymmetricLossClassifier(LogisticRegression(), loss=MISS, method=method)
    model.fit(X, y, sensitive_features=names)
    best, tables = best_decisions(eta, names)
    found = model.predict(X, sensitive_features=names)
    assert np.mean(found == best) > 0.97

    def risk(decision):
        mass = np.column_stack([1 - eta, eta])
        return np.einsum("ny,ny->n", mass, tables[np.arange(len(y)), :, decision])

    plain = LogisticRegression().fit(X, y).predict(X)
    regret = risk(found).mean() - risk(best).mean()
    assert regret < 0.05 * (risk(plain).mean() - risk(best).mean())


def test_weights_are_costs_of_errors_by_group():
    X, y, names, _ = simulated(300)
    model = AsymmetricLossClassifier(LogisticRegression(), loss=MISS)
    model.fit(X, y, sensitive_features=names)
    cost = np.where(names == "a", np.where(y == 1, 4, 1), 2)
    np.testing.assert_allclose(model.loss_weights_, cost / cost.mean())
    size = cost.sum() ** 2 / (cost**2).sum()
    assert model.effective_sample_size_ == pytest.approx(size)
    by_hand = LogisticRegression().fit(X, y, sample_weight=cost / cost.mean())
    np.testing.assert_allclose(model.predict_proba(X), by_hand.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), by_hand.predict(X))


def test_weights_need_no_group_at_prediction_and_thresholds_only_by_group():
    X, y, names, _ = simulated(300)
    weighted = AsymmetricLossClassifier(LogisticRegression(), loss=MISS)
    weighted.fit(X, y, sensitive_features=names).predict(X)
    cut = AsymmetricLossClassifier(LogisticRegression(), loss=MISS, method="threshold")
    cut.fit(X, y, sensitive_features=names)
    with pytest.raises(ValueError, match="sensitive_features"):
        cut.predict(X)
    common = [[0, 1], [3, 0]]
    cut.set_params(loss=common).fit(X, y, sensitive_features=names)
    probability = cut.estimator_.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(cut.predict(X), probability > 0.25)
    np.testing.assert_array_equal(cut.predict_proba(X)[:, 1] > 0.5, cut.predict(X))
    np.testing.assert_array_equal(cut.decision_function(X) > 0, cut.predict(X))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_callable_sees_the_columns(frame):
    X, y, names, _ = simulated(400)
    data = frame({"x0": X[:, 0], "x1": X[:, 1], "sex": names})

    def loss(table, groups):
        size = 1 + np.abs(np.asarray(table["x0"]))
        zero = np.zeros(len(size))
        miss = np.where(groups == "a", 3, 1) * size
        return np.stack([zero, size, miss, zero], axis=1).reshape(-1, 2, 2)

    for method in ("weights", "threshold"):
        model = AsymmetricLossClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()),
            loss=loss,
            method=method,
            sensitive_features="sex",
            drop_sensitive=True,
        ).fit(data, np.array(["no", "yes"])[y])
        assert set(model.predict(data)) <= {"no", "yes"}
        expected = np.where(names == "a", 0.25, 0.5)
        np.testing.assert_allclose(model.instance_thresholds(data), expected)


def test_the_loss_may_be_searched_inside_a_grid():
    X, y, _, _ = simulated(400)
    search = GridSearchCV(
        AsymmetricLossClassifier(LogisticRegression(), sensitive_features=2),
        {"loss": [((0, 1), (1, 0)), ((0, 1), (3, 0))], "estimator__C": [0.1, 1]},
        cv=3,
    ).fit(X, y)
    assert search.best_params_["loss"] == ((0, 1), (1, 0))  # accuracy decides


def test_a_cap_makes_the_sample_larger():
    X, y, names, _ = simulated(1000)
    steep = {"a": [[0, 1], [50, 0]], "b": [[0, 1], [1, 0]]}
    free = AsymmetricLossClassifier(LogisticRegression(), loss=steep)
    free.fit(X, y, sensitive_features=names)
    capped = AsymmetricLossClassifier(LogisticRegression(), loss=steep, max_weight=2)
    capped.fit(X, y, sensitive_features=names)
    assert capped.loss_weights_.max() <= 2 + 1e-12
    assert capped.effective_sample_size_ > 1.3 * free.effective_sample_size_


def test_german_credit_is_cheaper_by_the_stated_costs():
    """The data set's own costs: a bad risk accepted costs five times a good refused."""
    data = load_german_credit()
    X = data.data.select_dtypes("number").to_numpy(float)
    y = data.target.to_numpy()
    status = data.data["personal_status"].astype(str)
    sex = np.where(status.str.startswith("female"), "female", "male")
    loss = [[0, 5], [1, 0]]
    base = make_pipeline(StandardScaler(), LogisticRegression())
    train, test = np.arange(1000) % 2 == 0, np.arange(1000) % 2 == 1

    def cost(model):
        report = economic_report(
            y[test], model.predict(X[test]), sensitive_features=sex[test], loss=loss
        )
        return report.overall_loss

    plain = cost(base.fit(X[train], y[train]))
    for method in ("weights", "threshold"):
        model = AsymmetricLossClassifier(base, loss=loss, method=method)
        model.fit(X[train], y[train], sensitive_features=sex[train])
        assert cost(model) < 0.6 * plain


def test_bad_input_is_refused_in_a_sentence():
    X, y, names, _ = simulated(100)
    with pytest.raises(ValueError, match=r"no table for .*'b'"):
        AsymmetricLossClassifier(LogisticRegression(), loss={"a": MISS["a"]}).fit(
            X, y, sensitive_features=names
        )
    with pytest.raises(ValueError, match="sample_weight"):
        AsymmetricLossClassifier(KNeighborsClassifier(), loss=MISS).fit(
            X, y, sensitive_features=names
        )
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    with pytest.raises(ValueError, match="FrozenEstimator"):
        AsymmetricLossClassifier(frozen).fit(X, y, sensitive_features=names)
    cut = AsymmetricLossClassifier(frozen, loss=MISS, method="threshold")
    cut.fit(X, y, sensitive_features=names)
    with pytest.raises(ValueError, match="Only binary"):
        AsymmetricLossClassifier(LogisticRegression()).fit(
            X, np.arange(100) % 3, sensitive_features=names
        )
