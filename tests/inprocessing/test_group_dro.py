"""Group DRO: the convex optimum, by another solver, and its limits."""

import warnings

import cvxpy
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from fairlearnkit.datasets import load_german_credit
from fairlearnkit.exceptions import LevellingDownWarning
from fairlearnkit.inprocessing._group_dro import GroupDROClassifier
from fairlearnkit.inprocessing._group_dro_regressor import GroupDRORegressor


def people(seed=0, n=200, n_groups=3):
    rng = np.random.default_rng(seed)
    share = np.array([6, 3, 1])[:n_groups]
    group = rng.choice(n_groups, n, p=share / share.sum())
    X = rng.normal(size=(n, 3)) * [1, 2, 0.5]
    signal = X[:, 0] * np.array([1, -1, 0.5])[group] + X[:, 1] + rng.normal(size=n)
    return X, signal, group, rng.uniform(0.5, 2, n)


def greatest(losses, group, weight, offset=0.0):
    """The greatest weighted mean loss, for numbers and for cvxpy alike."""
    means = []
    for g in np.unique(group):
        own = weight[group == g] / weight[group == g].sum()
        means.append(
            own @ losses[group == g] + offset / weight[group == g].sum() ** 0.5
        )
    return means


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("adjustment", [0.0, 1.0])
def test_logistic_loss_is_the_optimum(seed, adjustment):
    X, signal, group, weight = people(seed)
    y = (signal > 0).astype(int)
    model = GroupDROClassifier(alpha=0.05, size_adjustment=adjustment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y, sensitive_features=group, sample_weight=weight)
    w, b = cvxpy.Variable(3), cvxpy.Variable()
    losses = cvxpy.logistic(cvxpy.multiply(1 - 2 * y, X @ w + b))
    risk = cvxpy.maximum(*greatest(losses, group, weight, adjustment))
    problem = cvxpy.Problem(cvxpy.Minimize(risk + 0.025 * cvxpy.sum_squares(w)))
    best = problem.solve(solver="CLARABEL")
    score = model.decision_function(X)
    own = np.logaddexp(0, (1 - 2 * y) * score)
    found = max(greatest(own, group, weight, adjustment))
    found += 0.025 * (model.coef_**2).sum()
    assert found == pytest.approx(best, abs=2e-6)
    assert found - model.gap_ <= best + 1e-7
    np.testing.assert_allclose(model.coef_[0], w.value, atol=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_squared_loss_is_the_optimum(seed):
    X, y, group, weight = people(seed)
    model = GroupDRORegressor(alpha=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y, sensitive_features=group, sample_weight=weight)
    w, b = cvxpy.Variable(3), cvxpy.Variable()
    risk = cvxpy.maximum(*greatest(0.5 * cvxpy.square(X @ w + b - y), group, weight))
    problem = cvxpy.Problem(cvxpy.Minimize(risk + 0.025 * cvxpy.sum_squares(w)))
    best = problem.solve(solver="CLARABEL")
    found = max(greatest(0.5 * (model.predict(X) - y) ** 2, group, weight))
    assert model.worst_group_loss_ == pytest.approx(2 * found)
    assert found + 0.025 * (model.coef_**2).sum() == pytest.approx(best, abs=2e-6)


def test_three_classes_are_the_optimum():
    X, signal, group, weight = people(n=120)
    y = np.digitize(signal, [-1, 1])
    model = GroupDROClassifier(alpha=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y, sensitive_features=group, sample_weight=weight)
    w, b = cvxpy.Variable((3, 3)), cvxpy.Variable((1, 3))
    scores = X @ w + np.ones((120, 1)) @ b
    losses = cvxpy.log_sum_exp(scores, axis=1) - cvxpy.sum(
        cvxpy.multiply(np.eye(3)[y], scores), axis=1
    )
    risk = cvxpy.maximum(*greatest(losses, group, weight))
    problem = cvxpy.Problem(cvxpy.Minimize(risk + 0.025 * cvxpy.sum_squares(w)))
    best = problem.solve(solver="CLARABEL")
    own = -np.log(model.predict_proba(X)[np.arange(120), y])
    found = max(greatest(own, group, weight)) + 0.025 * (model.coef_**2).sum()
    assert found == pytest.approx(best, abs=5e-6)


def test_one_group_is_logistic_regression():
    X, signal, *_ = people()
    for y in (signal > 0, np.digitize(signal, [-1, 1])):
        model = GroupDROClassifier(alpha=0.01).fit(
            X, y, sensitive_features=np.zeros(len(y))
        )
        plain = LogisticRegression(C=1 / (0.01 * len(y)), tol=1e-10, max_iter=1000)
        plain.fit(X, y)
        np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-5)
        np.testing.assert_allclose(
            model.predict_proba(X), plain.predict_proba(X), atol=1e-5
        )


def test_one_group_is_ridge_regression():
    X, y, *_ = people()
    model = GroupDRORegressor(alpha=0.01).fit(X, y, sensitive_features=np.zeros(len(y)))
    plain = Ridge(0.01 * len(y)).fit(X, y)
    np.testing.assert_allclose(model.coef_, plain.coef_)
    np.testing.assert_allclose(model.predict(X), plain.predict(X))


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_dual_weights_make_the_same_model_an_ordinary_one():
    X, signal, group, _ = people()
    y = (signal > 0).astype(int)
    model = GroupDROClassifier(alpha=0.05).fit(X, y, sensitive_features=group)
    weight = (model.group_weights_ / np.bincount(group))[group]
    rows = weight > 0
    plain = LogisticRegression(C=1 / 0.05, tol=1e-12, max_iter=1000)
    plain.fit(X[rows], y[rows], weight[rows])
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-4)
    assert model.group_weights_.sum() == pytest.approx(1)


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_the_worst_group_of_real_people_gains():
    german = load_german_credit()
    X = pd.get_dummies(german.data, dtype=float)
    X = ((X - X.mean()) / X.std()).to_numpy()
    model = GroupDROClassifier(alpha=0.01)
    model.fit(
        X, german.target, sensitive_features=german.sensitive_features["age_group"]
    )
    report = model.group_report_
    assert report.worst_after < 0.95 * report.worst_before
    assert report.after[0] == pytest.approx(report.after[1], rel=1e-4)  # both bind


def test_size_adjustment_favours_the_small():
    X, signal, group, _ = people(n=600, n_groups=2)
    y = (signal > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, adjusted = (
            GroupDROClassifier(size_adjustment=c).fit(X, y, sensitive_features=group)
            for c in (0.0, 2.0)
        )
    small = np.bincount(group).argmin()
    assert adjusted.group_report_.after[small] < plain.group_report_.after[small]


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_units_do_not_matter_to_the_solver():
    X, y, group, _ = people()
    plain = GroupDRORegressor(alpha=0.01).fit(X, y, sensitive_features=group)
    other = GroupDRORegressor(alpha=0.01 * 1e10)
    other.fit(1e5 * X + 100, 1e5 * y + 1e6, sensitive_features=group)
    np.testing.assert_allclose(other.coef_, plain.coef_, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_sparse_is_as_dense():
    X, signal, group, _ = people()
    X = np.where(np.abs(X) < 0.5, 0, X)
    y = signal > 0
    dense = GroupDROClassifier().fit(X, y, sensitive_features=group)
    thin = GroupDROClassifier().fit(sparse.csr_array(X), y, sensitive_features=group)
    np.testing.assert_allclose(dense.coef_, thin.coef_, rtol=1e-6)
    np.testing.assert_array_equal(dense.predict(X), thin.predict(sparse.csr_array(X)))


def test_text_is_refused_unless_it_is_hidden():
    X, signal, group, _ = people(n=600, n_groups=2)
    frame = pd.DataFrame(X, columns=list("abc")).assign(sex=np.array(["f", "m"])[group])
    with pytest.raises(ValueError, match="drop_sensitive=True"):
        GroupDROClassifier(sensitive_features="sex").fit(frame, signal > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LevellingDownWarning)
        model = GroupDROClassifier(sensitive_features="sex", drop_sensitive=True)
        assert model.fit(frame, signal > 0).coef_.shape == (1, 3)


@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_no_convergence_is_warned_of():
    X, signal, group, _ = people()
    with pytest.warns(ConvergenceWarning, match="duality gap"):
        GroupDROClassifier(max_iter=3).fit(X, signal > 0, sensitive_features=group)
