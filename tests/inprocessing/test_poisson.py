"""FairPoissonRegressor: means in bounds, and scikit-learn's model without them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import d2_tweedie_score
from sklearn.model_selection import GridSearchCV

from fairlearnkit.datasets import load_bank_marketing
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import FairPoissonRegressor


def people(n=1500, n_groups=3, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    X = rng.normal(size=(n, 5)) + (group / (n_groups - 1))[:, None]
    y = rng.poisson(np.exp(0.5 * X[:, 0] - 0.2 * X[:, 1]))
    return X, y, group, rng.integers(0, 4, n).astype(float)


def violation(predicted, group, weight, mean):
    values = predicted if mean == "arithmetic" else np.log(predicted)
    rows = [group == g for g in np.unique(group)]
    means = np.array([np.average(values[r], weights=weight[r]) for r in rows])
    means = means if mean == "arithmetic" else np.exp(means)
    return 1 - means.min() / means.max()


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
@pytest.mark.parametrize("tolerance", [0.0, 0.2])
@pytest.mark.parametrize("n_groups", [2, 4])
def test_the_means_are_within_the_tolerance(n_groups, tolerance, mean):
    X, y, group, weight = people(n_groups=n_groups)
    model = FairPoissonRegressor(tolerance=tolerance, mean=mean, alpha=0.01)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    found = violation(model.predict(X), group, weight, mean)
    assert found == pytest.approx(tolerance, abs=1e-8)
    assert model.violation_ == pytest.approx(found, abs=1e-9)
    assert model.plain_violation_ > 0.2
    assert model.n_iter_ < 30


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_slack_tolerance_is_the_plain_regression(alpha):
    X, y, group, weight = people()
    plain = PoissonRegressor(alpha=alpha, solver="newton-cholesky", tol=1e-10)
    plain.fit(X, y, weight)
    model = FairPoissonRegressor(tolerance=1, alpha=alpha)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-8)
    assert model.intercept_ == pytest.approx(plain.intercept_)


def test_the_total_is_kept():
    """The score of the constant makes predictions and outcomes sum to the same."""
    X, y, group, _ = people()
    model = FairPoissonRegressor().fit(X, y, sensitive_features=group)
    assert model.predict(X).sum() == pytest.approx(y.sum())
    np.testing.assert_allclose(model.group_means_, y.mean())


def test_parity_costs_deviance_and_a_tolerance_saves_some():
    X, y, group, _ = people()
    explained = []
    for tolerance in (0.0, 0.1, 0.2, 1.0):
        model = FairPoissonRegressor(tolerance=tolerance, alpha=0)
        model.fit(X, y, sensitive_features=group)
        explained.append(d2_tweedie_score(y, model.predict(X), power=1))
    assert np.all(np.diff(explained) > 0)


def test_calls_of_a_bank_to_people_of_any_marital_status():
    calls = load_bank_marketing().data[::5]
    X = calls[["age", "balance", "day", "previous"]]
    y, group = calls["campaign"], calls["marital"].astype(str).to_numpy()
    model = FairPoissonRegressor(alpha=0).fit(X, y, sensitive_features=group)
    found = violation(model.predict(X), group, np.ones(len(y)), "arithmetic")
    assert found < 1e-9 < model.plain_violation_


def test_rates_with_an_exposure():
    """Count / exposure weighted by the exposure is the model of an offset."""
    X, _, group, _ = people()
    rng = np.random.default_rng(5)
    exposure = rng.uniform(0.5, 5, len(X))
    y = rng.poisson(exposure * np.exp(0.3 * X[:, 0]))
    model = FairPoissonRegressor(alpha=0)
    model.fit(X, y / exposure, sensitive_features=group, sample_weight=exposure)
    totals = exposure * model.predict(X)
    per_unit = [totals[group == g].sum() / exposure[group == g].sum() for g in range(3)]
    np.testing.assert_allclose(per_unit, y.sum() / exposure.sum())


def test_a_grid_search_on_a_frame_chooses_the_penalty():
    X, y, group, _ = people()
    frame = pd.DataFrame(X, columns=list("abcde"))
    frame["race"] = np.array(["x", "y", "z"])[group]
    model = FairPoissonRegressor(sensitive_features="race", drop_sensitive=True)
    search = GridSearchCV(model, {"alpha": [0.0, 100.0]}).fit(frame, y)
    assert search.best_params_ == {"alpha": 0.0}


def test_a_constant_that_is_all_that_is_left_is_owned_up_to():
    X, y, group, _ = people()
    model = FairPoissonRegressor(alpha=0)
    with pytest.warns(FairnessWarning, match="everybody gets the same prediction"):
        model.fit(X[:, :2], y, sensitive_features=group)
    np.testing.assert_allclose(model.predict(X[:, :2]), y.mean())


def test_too_few_steps_are_a_warning():
    X, y, group, _ = people()
    with pytest.warns(ConvergenceWarning, match="not converged after 1 steps"):
        FairPoissonRegressor(max_iter=1).fit(X, y, sensitive_features=group)


@pytest.mark.parametrize(
    ("change", "message"), [(-5, "negative values"), (None, "0 everywhere")]
)
def test_no_counts_are_refused(change, message):
    X, y, group, _ = people()
    y = np.zeros(len(y)) if change is None else y + change
    with pytest.raises(ValueError, match=message):
        FairPoissonRegressor().fit(X, y, sensitive_features=group)


def test_a_group_without_events_is_fitted_all_the_same():
    X, y, group, _ = people()
    y = np.where(group == 0, 0, y)
    model = FairPoissonRegressor(alpha=0.01).fit(X, y, sensitive_features=group)
    assert model.violation_ < 1e-8
