"""What FairLogisticRegression takes, and what it says of what it does not take."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import FairLogisticRegression


def people(n=600):
    """Two features, a string of two groups as a column, string labels."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 2)) + 0.6 * group[:, None]
    y = np.where(X.sum(axis=1) + rng.normal(size=n) > 0.6, "yes", "no")
    columns = {"a": X[:, 0], "b": X[:, 1], "sex": np.array(["f", "m"])[group]}
    return columns, y, group


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_with_a_column_of_words_that_is_dropped(frame):
    columns, y, group = people()
    named = FairLogisticRegression(sensitive_features="sex", drop_sensitive=True)
    found = named.fit(frame(columns), y)
    X = np.column_stack([columns["a"], columns["b"]])
    plain = FairLogisticRegression().fit(X, y, sensitive_features=group)
    np.testing.assert_allclose(found.coef_, plain.coef_)
    np.testing.assert_array_equal(found.predict(frame(columns)), plain.predict(X))
    assert found.groups_ == ("f", "m")
    assert set(found.predict(frame(columns))) == {"yes", "no"}


def test_sparse_and_float32_give_the_same_model():
    columns, y, group = people()
    X = np.column_stack([columns["a"], columns["b"]])
    X[np.abs(X) < 0.3] = 0
    for options in ({"tolerance": 0.1}, {"tolerance": 0.1, "solver": "lbfgs"}):
        dense, thin, single = (
            FairLogisticRegression(**options).fit(x, y, sensitive_features=group)
            for x in (X, sparse.csr_array(X), X.astype(np.float32))
        )
        np.testing.assert_allclose(thin.coef_, dense.coef_, atol=1e-5)
        np.testing.assert_allclose(single.coef_, dense.coef_, atol=1e-4)


def test_a_wide_sparse_problem_needs_no_matrix_of_its_width():
    rng = np.random.default_rng(0)
    X = sparse.random(400, 3000, density=0.01, format="csr", random_state=0)
    group = rng.integers(0, 2, 400)
    X = sparse.hstack([X, group[:, None]], format="csr")
    y = (np.asarray(X.sum(axis=1)).ravel() + rng.normal(size=400) > 15).astype(int)
    for tolerance in (0.0, 0.1):
        model = FairLogisticRegression(tolerance=tolerance, sensitive_features=3000)
        model.fit(X, y)
        score = model.decision_function(X)
        gap = abs(score[group == 0].mean() - score[group == 1].mean())
        assert gap <= model.bound_ + 1e-7


def test_inside_a_pipeline_and_a_search():
    columns, y, group = people()
    X = np.column_stack([columns["a"], columns["b"], group])
    fair = FairLogisticRegression(sensitive_features=2)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), fair),
        {"fairlogisticregression__tolerance": [0.0, 0.5, 1.0]},
    ).fit(X, y)
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    expected = cross_val_score(plain, X, y).mean()
    assert search.cv_results_["mean_test_score"][2] == pytest.approx(expected, abs=2e-3)
    assert search.cv_results_["mean_test_score"][0] < expected


def test_a_warm_start_saves_iterations_and_changes_nothing():
    columns, y, group = people()
    X = np.column_stack([columns["a"], columns["b"]])
    for solver in ("newton", "lbfgs"):
        model = FairLogisticRegression(
            solver=solver, warm_start=True, relative=False, tolerance=0.1
        )
        cold = model.fit(X, y, sensitive_features=group)
        coef, n_iter = cold.coef_.copy(), cold.n_iter_
        model.fit(X, y, sensitive_features=group)
        assert model.n_iter_ < n_iter
        np.testing.assert_allclose(model.coef_, coef, atol=1e-5)
        model.set_params(warm_start=False).fit(X, y, sensitive_features=group)
        assert model.n_iter_ == n_iter


def test_separable_data_converge_with_a_penalty_and_warn_without():
    X, group = np.arange(20.0)[:, None], np.tile([0, 1], 10)
    y = (X[:, 0] > 9.5).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairnessWarning)
        warnings.simplefilter("error", ConvergenceWarning)
        FairLogisticRegression().fit(X, y, sensitive_features=group)
        model = FairLogisticRegression(C=np.inf, max_iter=5, tolerance=1.0)
        with pytest.raises(ConvergenceWarning, match="not converged after 5"):
            model.fit(X, y, sensitive_features=group)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraint": "predictive_parity"}, "not linear in the predictions"),
        ({"solver": "newton", "l1_ratio": 0.5}, "needs a smooth penalty"),
        ({"solver": "cvxpy", "on": "rates"}, "on='scores'"),
        ({"max_loss_increase": 0.1, "on": "rates"}, "on='scores'"),
        ({"max_loss_increase": 0.1, "solver": "cvxpy"}, "another solver"),
        ({"tolerance": 2.0, "on": "rates"}, "must lie in"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"C": 0.0}, "C"),
        ({"constraint": "fairness"}, "unknown constraint"),
    ],
)
def test_contradictions_are_named(options, message):
    columns, y, group = people()
    X = np.column_stack([columns["a"], columns["b"]])
    with pytest.raises(ValueError, match=message):
        FairLogisticRegression(**options).fit(X, y, sensitive_features=group)


def test_words_among_the_features_are_an_error():
    columns, y, _ = people()
    with pytest.raises(ValueError, match="could not convert string to float"):
        FairLogisticRegression(sensitive_features="sex").fit(pd.DataFrame(columns), y)


def test_a_group_without_positives_is_left_out_by_name():
    columns, y, _ = people()
    X = np.column_stack([columns["a"], columns["b"]])
    group = np.where(y == "no", np.tile(["p", "q", "r"], 200), np.tile(["p", "q"], 300))
    model = FairLogisticRegression(constraint="equal_opportunity")
    with pytest.warns(FairnessWarning, match="left out of the constraint.*r"):
        model.fit(X, y, sensitive_features=group)
    assert model.multipliers_[0, 2] == 0
