"""FairLinearRegression: its bound, its optimum, and what it becomes without one."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import brentq, minimize
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit.datasets import load_communities_crime
from fairlearnkit.inprocessing import FairLinearRegression

SHARES = ["racepctblack", "PctForeignBorn"]


def people(n=400, seed=0):
    """Features that tell a group and an age, and an outcome that depends on both."""
    rng = np.random.default_rng(seed)
    group, age = rng.integers(0, 3, n), rng.uniform(20, 60, n)
    X = rng.normal(size=(n, 4))
    X[:, 0] += 0.8 * group
    X[:, 1] += 0.05 * age
    y = X @ [1.0, 1.0, -0.5, 0.2] + 0.5 * (group == 1) + 0.02 * age
    return X, y + rng.normal(size=n), group, age


def share_by_hand(predicted, columns, weight=None):
    """R squared of a regression of the predictions on the sensitive columns."""
    plain = LinearRegression().fit(columns, predicted, weight)
    return plain.score(columns, predicted, weight)


def dummies(group):
    return (group[:, None] == np.unique(group)).astype(float)


@pytest.mark.parametrize("alpha", [0.0, 20.0])
@pytest.mark.parametrize("use_sensitive", [False, True])
@pytest.mark.parametrize("tolerance", [0.0, 0.01, 0.1])
def test_the_share_is_bounded(tolerance, use_sensitive, alpha):
    X, y, group, age = people()
    weight = np.random.default_rng(1).uniform(0, 3, len(y))
    model = FairLinearRegression(
        tolerance=tolerance,
        use_sensitive=use_sensitive,
        alpha=alpha,
        numeric_sensitive=["age"],
    )
    sensitive = {"race": group, "age": age}
    model.fit(X, y, sensitive_features=sensitive, sample_weight=weight)
    predicted = model.predict(X, sensitive_features=sensitive)
    columns = np.column_stack([dummies(group), age])
    found = share_by_hand(predicted, columns, weight)
    assert found == pytest.approx(tolerance, abs=1e-10)
    assert model.share_ == pytest.approx(found, abs=1e-10)
    assert model.plain_share_ > 0.2
    assert model.sensitive_names_ == ["race=0", "race=1", "race=2", "age"]


@pytest.mark.parametrize("tolerance", [0.02, 0.1])
@pytest.mark.parametrize("use_sensitive", [False, True])
def test_no_other_linear_model_within_the_bound_errs_less(use_sensitive, tolerance):
    X, y, group, _ = people(150)
    columns = dummies(group)[:, 1:]
    design = np.column_stack([X, columns]) if use_sensitive else X
    model = FairLinearRegression(tolerance=tolerance, use_sensitive=use_sensitive)
    predicted = model.fit(X, y, sensitive_features=group).predict(
        X, sensitive_features=group
    )
    own = np.mean((y - predicted) ** 2)

    centred = design - design.mean(0)
    axes = np.linalg.qr(columns - columns.mean(0))[0]

    def error(coefficients):
        return np.mean((y - y.mean() - centred @ coefficients) ** 2)

    def room(coefficients):
        fit = centred @ coefficients
        return tolerance - np.sum((axes.T @ fit) ** 2) / np.sum(fit**2)

    best = np.inf
    for seed in range(4):
        start = np.random.default_rng(seed).normal(size=design.shape[1])
        result = minimize(
            error,
            start,
            method="SLSQP",
            constraints={"type": "ineq", "fun": room},
            options={"ftol": 1e-12, "maxiter": 300},
        )
        best = min(best, result.fun)
    assert own == pytest.approx(best, abs=1e-6)


def test_without_a_share_every_group_has_the_same_mean():
    X, y, group, _ = people()
    predicted = FairLinearRegression(tolerance=0).fit(X, y, sensitive_features=group)
    means = [predicted.predict(X)[group == g].mean() for g in range(3)]
    np.testing.assert_allclose(means, y.mean(), atol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 7.0])
def test_a_slack_bound_is_the_plain_regression(alpha):
    X, y, group, _ = people()
    plain = Ridge(alpha) if alpha else LinearRegression()
    weight = np.random.default_rng(2).uniform(0, 2, len(y))
    plain.fit(X, y, weight)
    for relative_to in ("explained", "total"):
        model = FairLinearRegression(tolerance=1, alpha=alpha, relative_to=relative_to)
        model.fit(X, y, sensitive_features=group, sample_weight=weight)
        np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-10)
        assert model.intercept_ == pytest.approx(plain.intercept_, abs=1e-10)
        assert model.inflation_ == 1


@pytest.mark.parametrize("method", ["exact", "ridge"])
def test_with_the_sensitive_features_a_slack_bound_is_their_regression(method):
    X, y, group, _ = people()
    design = np.column_stack([X, dummies(group)])
    model = FairLinearRegression(tolerance=1, use_sensitive=True, method=method)
    model.fit(X, y, sensitive_features=group)
    np.testing.assert_allclose(
        model.predict(X, sensitive_features=group),
        LinearRegression().fit(design, y).predict(design),
    )
    assert model.sensitive_coef_.shape == (3,)


def test_numeric_columns_of_x_are_predictors_as_they_are():
    """Komiyama's model, whether the columns stand in X or come beside it."""
    X, y, _, age = people()
    beside = FairLinearRegression(
        tolerance=0.03, use_sensitive=True, numeric_sensitive=True
    ).fit(X, y, sensitive_features=age)
    inside = FairLinearRegression(
        tolerance=0.03, numeric_sensitive=True, sensitive_features=-1
    ).fit(np.column_stack([X, age]), y)
    np.testing.assert_allclose(
        beside.predict(X, sensitive_features=age),
        inside.predict(np.column_stack([X, age])),
    )


@pytest.mark.parametrize("tolerance", [0.01, 0.05, 0.1, 0.2])
def test_exact_errs_less_than_fair_ridge_on_communities(tolerance):
    """The order of the published comparison, on numeric shares of a population."""
    X, y = load_communities_crime(return_X_y=True)
    errors = {}
    for method in ("exact", "ridge"):
        model = FairLinearRegression(
            tolerance=tolerance,
            method=method,
            use_sensitive=True,
            numeric_sensitive=True,
            sensitive_features=SHARES,
        ).fit(X, y)
        predicted = model.predict(X)
        found = share_by_hand(predicted, X[SHARES].to_numpy())
        assert found == pytest.approx(tolerance, abs=1e-10)
        errors[method] = np.mean((y - predicted) ** 2)
        assert (model.inflation_ > 1.1) == (method == "exact")
    assert errors["exact"] < errors["ridge"] - 2e-4


def test_fair_ridge_is_a_ridge_on_the_sensitive_columns_alone():
    """Step by step with scikit-learn: residuals, least squares, and a ridge."""
    X, y, group, age = people()
    sensitive = {"race": group, "age": age}
    columns = StandardScaler().fit_transform(np.column_stack([dummies(group), age]))
    rest = X - LinearRegression().fit(columns, X).predict(columns)
    own = LinearRegression().fit(rest, y)

    def predicted(penalty):
        fair = Ridge(penalty, solver="svd").fit(columns, y)
        return fair.predict(columns) + own.predict(rest) - y.mean()

    def excess(log_penalty):
        return share_by_hand(predicted(np.exp(log_penalty)), columns) - 0.07

    model = FairLinearRegression(
        tolerance=0.07, method="ridge", use_sensitive=True, numeric_sensitive="age"
    ).fit(X, y, sensitive_features=sensitive)
    np.testing.assert_allclose(
        model.predict(X, sensitive_features=sensitive),
        predicted(np.exp(brentq(excess, -5, 15))),
        rtol=1e-6,
    )


def test_the_total_form_shrinks_and_never_inflates():
    X, y, group, _ = people()
    shared = {"tolerance": 0.02, "relative_to": "total", "use_sensitive": True}
    error = {}
    for method in ("exact", "ridge"):
        model = FairLinearRegression(method=method, **shared)
        model.fit(X, y, sensitive_features=group)
        predicted = model.predict(X, sensitive_features=group)
        explained = share_by_hand(predicted, dummies(group)) * predicted.var()
        assert explained / y.var() == pytest.approx(0.02, abs=1e-10)
        assert model.share_ == pytest.approx(0.02, abs=1e-10)
        assert model.inflation_ == pytest.approx(1)
        error[method] = np.mean((y - predicted) ** 2)
    assert error["exact"] < error["ridge"]


def test_units_of_columns_do_not_matter():
    X, y, group, age = people()
    scales = np.array([1e6, 1e-6, 1.0, 1.0])
    for method in ("exact", "ridge"):
        found = [
            FairLinearRegression(
                method=method, use_sensitive=True, numeric_sensitive=["age"]
            )
            .fit(X * s, y, sensitive_features={"g": group, "age": years})
            .predict(X * s, sensitive_features={"g": group, "age": years})
            for s, years in ((1, age), (scales, age * 1e4))
        ]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_a_grid_search_and_a_pipeline_choose_the_bound():
    X, y, group, _ = people()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(race=group)
    inner = FairLinearRegression(sensitive_features="race", drop_sensitive=True)
    search = GridSearchCV(inner, {"tolerance": [0.0, 1.0]}).fit(frame, y)
    assert search.best_params_ == {"tolerance": 1.0}
    steps = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        FairLinearRegression(sensitive_features="race", tolerance=0),
    ).fit(frame, y)
    means = pd.Series(steps.predict(frame)).groupby(group).mean()
    assert np.ptp(means) < 1e-10


def test_frames_of_pandas_and_polars_are_the_same():
    X, y, group, _ = people()
    columns = dict(zip("abcd", X.T, strict=True)) | {
        "race": np.array(list("xyz"))[group]
    }
    model = FairLinearRegression(sensitive_features="race", drop_sensitive=True)
    found = [
        model.fit(f(columns), y).predict(f(columns))
        for f in (pd.DataFrame, pl.DataFrame)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert model.sensitive_names_ == ["race='x'", "race='y'", "race='z'"]
