"""MeanParityRegressor: equal means, overall and within strata, at the least error."""

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit import Binned
from fairlearnkit.datasets import load_communities_crime
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import FairLinearRegression, MeanParityRegressor


def people(n=500, n_groups=3, seed=0):
    """A job that explains part of what differs between groups; the first column."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    job = (rng.random(n) < 0.3 + 0.4 * group / (n_groups - 1)).astype(float)
    X = np.column_stack([job, rng.normal(size=(n, 6)) + 0.5 * group[:, None]])
    y = 2 * job + X @ np.linspace(1, 0, 7) + rng.normal(size=n)
    return X, y, group, rng.integers(0, 4, n).astype(float)


def largest_gap(predicted, group, weight, stratum=None):
    stratum = np.zeros(len(group)) if stratum is None else stratum
    found = []
    for s in np.unique(stratum):
        rows = [(stratum == s) & (group == g) for g in np.unique(group)]
        found.append(
            np.ptp([np.average(predicted[r], weights=weight[r]) for r in rows])
        )
    return max(found)


@pytest.mark.parametrize("tolerance", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("strata", [None, 0])
@pytest.mark.parametrize("n_groups", [2, 4])
def test_the_least_error_within_the_bound(n_groups, strata, tolerance):
    """Against a quadratic program over the rows, by a general solver."""
    X, y, group, weight = people(n_groups=n_groups)
    model = MeanParityRegressor(tolerance=tolerance, strata=strata)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    stratum = None if strata is None else X[:, 0]
    predicted = model.predict(X)
    gap = largest_gap(predicted, group, weight, stratum)
    assert gap <= tolerance + 1e-10
    assert model.mean_difference_ == pytest.approx(gap, abs=1e-10)

    fit = cp.Variable(X.shape[1] + 1)
    means = []
    for s in [None] if stratum is None else [0, 1]:
        chosen = np.ones(len(y), bool) if s is None else stratum == s
        rows = [np.where(chosen & (group == g), weight, 0) for g in range(n_groups)]
        means.append([(r / r.sum()) @ X @ fit[1:] for r in rows])
    limits = [
        cp.abs(a - b) <= tolerance for m in means for a in m for b in m if a is not b
    ]
    if tolerance == 0:
        limits = [m[0] == other for m in means for other in m[1:]]
    error = cp.sum_squares(cp.multiply(np.sqrt(weight), y - fit[0] - X @ fit[1:]))
    best = cp.Problem(cp.Minimize(error), limits).solve(solver="CLARABEL")
    assert np.sum(weight * (y - predicted) ** 2) == pytest.approx(best, rel=1e-6)
    np.testing.assert_allclose(model.coef_, fit.value[1:], atol=1e-3)


@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_a_slack_bound_is_the_plain_regression(alpha):
    X, y, group, weight = people()
    plain = (Ridge(alpha) if alpha else LinearRegression()).fit(X, y, weight)
    model = MeanParityRegressor(tolerance=100, alpha=alpha)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-10)
    assert model.intercept_ == pytest.approx(plain.intercept_)
    gap = largest_gap(plain.predict(X), group, weight)
    assert model.plain_mean_difference_ == pytest.approx(gap)


def test_equal_means_of_groups_are_no_share_of_variance():
    X, y, group, _ = people()
    by_means = MeanParityRegressor(alpha=3.0).fit(X, y, sensitive_features=group)
    by_share = FairLinearRegression(tolerance=0, alpha=3.0)
    by_share.fit(X, y, sensitive_features=group)
    np.testing.assert_allclose(by_means.predict(X), by_share.predict(X))
    np.testing.assert_allclose(by_means.group_means_, y.mean())


def test_what_the_strata_explain_stays():
    X, y, group, _ = people(n_groups=2)
    model = MeanParityRegressor(strata=0).fit(X, y, sensitive_features=group)
    predicted, ones = model.predict(X), np.ones(len(y))
    assert largest_gap(predicted, group, ones, X[:, 0]) < 1e-10
    shares = [X[group == g, 0].mean() for g in (0, 1)]
    by_job = [predicted[X[:, 0] == job].mean() for job in (0, 1)]
    explained = np.diff(shares)[0] * np.diff(by_job)[0]
    assert np.diff(model.group_means_)[0] == pytest.approx(explained)
    assert explained > 0.5


@pytest.mark.parametrize("n_groups", [2, 3])
def test_propensity_strata_balance_what_a_number_of_columns_explains(n_groups):
    """With as good as all features held, some of the plain gap is allowed."""
    X, y, group, weight = people(3000, n_groups=n_groups)
    X = np.column_stack([X, np.random.default_rng(3).normal(size=(3000, 15))])
    model = MeanParityRegressor(n_propensity_strata=3)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.mean_difference_ < 1e-9 < 0.01 < model.plain_mean_difference_


def test_the_propensity_leaves_out_the_sensitive_column():
    X, y, group, _ = people(2000, n_groups=2)
    inside = MeanParityRegressor(n_propensity_strata=2, sensitive_features=7)
    inside.fit(np.column_stack([X, group]), y)
    predicted = inside.predict(np.column_stack([X, group]))
    assert inside.mean_difference_ < 1e-9
    assert np.isfinite(predicted).all()


def test_strata_of_a_number_by_its_bins():
    X, y = load_communities_crime(return_X_y=True)
    model = MeanParityRegressor(
        sensitive_features=Binned("racepctblack", [0.06], right=True),
        strata=Binned("medIncome", [0.3]),
    ).fit(X, y)
    predicted, group = model.predict(X), (X["racepctblack"] > 0.06).to_numpy()
    poor = (X["medIncome"] < 0.3).to_numpy()
    assert largest_gap(predicted, group, np.ones(len(y)), poor) < 1e-10
    assert largest_gap(predicted, group, np.ones(len(y))) > 0.01


def test_a_group_absent_from_a_stratum_is_named():
    X, y, group, _ = people()
    X[:, 0] = np.where(group == 2, 1, X[:, 0])
    with pytest.warns(FairnessWarning, match="sensitive_features=2 in x0=0"):
        MeanParityRegressor(strata=0).fit(X, y, sensitive_features=group)


def test_strata_that_are_the_groups_equalise_nothing():
    X, y, group, _ = people(n_groups=2)
    frame = pd.DataFrame(X).assign(group=group)
    frame.columns = [str(c) for c in frame.columns]
    model = MeanParityRegressor(strata="group", sensitive_features="group")
    with pytest.warns(FairnessWarning) as caught:
        model.fit(frame, y)
    assert "no stratum holds people of two groups" in str(caught[-1].message)
    assert model.plain_mean_difference_ == 0


def test_groups_of_equal_features_cost_nothing():
    """Balanced to rounding: no direction is lost to rounding errors."""
    X, y, _, _ = people(300)
    twice, both = np.vstack([X, X[::-1]]) / 3, np.concatenate([y, y[::-1]])
    group = np.repeat([0, 1], 300)
    model = MeanParityRegressor().fit(twice, both, sensitive_features=group)
    plain = LinearRegression().fit(twice, both)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-9)


def test_in_a_pipeline_on_a_frame_with_text_groups():
    X, y, group, _ = people()
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    frame["race"] = np.array(["x", "y", "z"])[group]
    model = MeanParityRegressor(sensitive_features="race", drop_sensitive=True)
    gap = largest_gap(model.fit(frame, y).predict(frame), group, np.ones(len(y)))
    assert gap < 1e-10
    steps = make_pipeline(StandardScaler(), MeanParityRegressor(sensitive_features=6))
    steps.fit(np.column_stack([X[:, :6], group]), y)


def test_a_constant_that_is_all_that_is_left_is_owned_up_to():
    X, y, group, _ = people(n_groups=4)
    with pytest.warns(FairnessWarning, match="everybody gets the same prediction"):
        model = MeanParityRegressor().fit(X[:, 1:4], y, sensitive_features=group)
    np.testing.assert_allclose(model.predict(X[:, 1:4]), y.mean())


def test_two_kinds_of_strata_are_refused():
    X, y, group, _ = people()
    model = MeanParityRegressor(strata=0, n_propensity_strata=5)
    with pytest.raises(ValueError, match="not both"):
        model.fit(X, y, sensitive_features=group)
