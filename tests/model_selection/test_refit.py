"""The choice of a candidate within a tolerance, from the results of a search."""

import pickle
import warnings
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.model_selection import ConstrainedRefit, fairness_scorer


def results_of(**scores):
    """What a search hands its refit rule, from scores of (candidate, fold)."""
    results = {"params": [{} for _ in next(iter(scores.values()))]}
    for key, table in scores.items():
        table = np.asarray(table, dtype=float)
        for fold, column in enumerate(table.T):
            results[f"split{fold}_test_{key}"] = column
        results[f"mean_test_{key}"] = table.mean(axis=1)
        results[f"std_test_{key}"] = table.std(axis=1)
        results[f"rank_test_{key}"] = np.ones(len(table), dtype=int)
    return results


TABLES = st.integers(0, 10**6).map(
    lambda seed: np.random.default_rng(seed).integers(0, 6, (2, 5, 3)) / 5
)


@given(TABLES, st.sampled_from([0.2, 0.5, 0.8]))
def test_the_choice_is_the_best_of_the_feasible_by_brute_force(tables, tolerance):
    accuracy, gap = tables
    feasible = [c for c in range(5) if gap[c].mean() <= tolerance + 1e-9]
    refit = ConstrainedRefit("acc", "gap", tolerance)
    if not feasible:
        with pytest.warns(FairnessWarning, match="no candidate keeps 'gap' within"):
            found = refit(results_of(acc=accuracy, gap=-gap))
        assert gap[found].mean() == pytest.approx(gap.mean(axis=1).min())
        return
    found = refit(results_of(acc=accuracy, gap=-gap))
    assert found in feasible
    best = max(accuracy[c].mean() for c in feasible)
    assert accuracy[found].mean() == pytest.approx(best)
    ties = [c for c in feasible if accuracy[c].mean() == accuracy[found].mean()]
    assert gap[found].mean() == min(gap[c].mean() for c in ties)


@given(TABLES)
def test_ratios_are_judged_by_their_distance_from_one(tables):
    accuracy, gap = tables
    options = {"objective": "acc", "constraint": "gap", "tolerance": 1.0}
    violations = ConstrainedRefit(**options)
    ratios = ConstrainedRefit(**options, scale="ratio")
    assert violations(results_of(acc=accuracy, gap=-gap)) == ratios(
        results_of(acc=accuracy, gap=1 - gap)
    )


def test_rounding_does_not_make_a_candidate_unfair():
    gap = np.array([[0.1, 0.1, 0.1]])
    assert gap.mean() > 0.1
    assert ConstrainedRefit("acc", "gap", 0.1)(results_of(acc=gap, gap=-gap)) == 0


def test_the_upper_bound_is_the_t_bound_with_the_correction():
    """Against scipy's t interval, with 1/k replaced by 1/k + 1/(k - 1)."""
    rng = np.random.default_rng(0)
    gap = rng.uniform(0, 0.3, (4, 5))
    sem = stats.sem(gap, axis=1) * np.sqrt(5 * (1 / 5 + 1 / 4))
    upper = stats.t.interval(0.9, 4, loc=gap.mean(axis=1), scale=sem)[1]
    refit = ConstrainedRefit("acc", "gap", 0.1, use="upper", confidence_level=0.95)
    np.testing.assert_allclose(refit._violation(-gap), upper)
    shuffled = ConstrainedRefit("acc", "gap", 0.1, use="upper", test_share=0.5)
    wide = stats.sem(gap, axis=1) * np.sqrt(5 * (1 / 5 + 1))
    np.testing.assert_allclose(
        shuffled._violation(-gap),
        stats.t.interval(0.9, 4, loc=gap.mean(axis=1), scale=wide)[1],
    )


def test_the_upper_bound_asks_for_more_than_the_mean():
    accuracy = [[0.9] * 4, [0.8] * 4]
    gap = np.array([[0.0, 0.0, 0.0, 0.36], [0.08, 0.1, 0.09, 0.09]])
    results = results_of(acc=accuracy, gap=-gap)
    assert ConstrainedRefit("acc", "gap", 0.11)(results) == 0
    assert ConstrainedRefit("acc", "gap", 0.11, use="upper")(results) == 1


def test_folds_without_a_violation_are_left_out_with_a_warning():
    nan = np.nan
    gap = np.array([[0.1, nan, 0.1], [nan, nan, nan], [0.3, 0.3, 0.3]])
    results = results_of(acc=[[0.8] * 3, [0.95] * 3, [0.9] * 3], gap=-gap)
    with pytest.warns(FairnessWarning, match="undefined in some folds for 2 of 3"):
        assert ConstrainedRefit("acc", "gap", 0.2)(results) == 0
    one = np.array([[0.1, nan, nan], [0.15, 0.15, 0.15]])
    results = results_of(acc=[[0.9] * 3, [0.8] * 3], gap=-one)
    with pytest.warns(FairnessWarning, match="undefined"):
        assert ConstrainedRefit("acc", "gap", 0.2, use="upper")(results) == 1


def test_a_candidate_without_an_objective_is_left_out():
    results = results_of(acc=[[np.nan, 0.9], [0.5, 0.5]], gap=[[0, 0], [-0.1, -0.1]])
    assert ConstrainedRefit("acc", "gap", 0.2)(results) == 1


def test_nothing_defined_is_an_error():
    results = results_of(acc=[[0.9, 0.9]], gap=[[np.nan, np.nan]])
    with (
        pytest.warns(FairnessWarning),
        pytest.raises(ValueError, match="no candidate has both a defined 'acc'"),
    ):
        ConstrainedRefit("acc", "gap", 0.2)(results)


@pytest.mark.parametrize("use", ["mean", "upper"])
def test_nothing_feasible_is_a_warning_or_an_error(use):
    results = results_of(
        acc=[[0.9, 0.8], [0.7, 0.6], [0.95, 0.9]],
        gap=[[-0.5, -0.4], [-0.3, -0.2], [-0.9, -0.8]],
    )
    which = "mean violation" if use == "mean" else "upper bound"
    with pytest.warns(FairnessWarning, match=f"smallest {which} is"):
        assert ConstrainedRefit("acc", "gap", 0.1, use=use)(results) == 1
    refit = ConstrainedRefit("acc", "gap", 0.1, use=use, infeasible="error")
    with pytest.raises(ValueError, match="no candidate keeps 'gap' within"):
        refit(results)


def test_the_wrong_scale_is_found_out():
    results = results_of(acc=[[0.9, 0.9]], ratio=[[0.8, 0.9]], gap=[[-0.1, 0]])
    with pytest.raises(ValueError, match="say scale='ratio' if it is a ratio"):
        ConstrainedRefit("acc", "ratio", 0.2)(results)
    with pytest.raises(ValueError, match="which is no ratio"):
        ConstrainedRefit("acc", "gap", 0.2, scale="ratio")(results)


@pytest.mark.parametrize("key", ["objective", "constraint"])
def test_an_unknown_key_lists_the_scorers(key):
    keys = {"objective": "acc", "constraint": "gap", key: "f1"}
    results = results_of(acc=[[0.9, 0.9]], gap=[[0, 0]], my_test_f1=[[0, 0]])
    with pytest.raises(
        ValueError, match=r"no scorer 'f1'.*\['acc', 'gap', 'my_test_f1"
    ):
        ConstrainedRefit(**keys, tolerance=0.2)(results)


@pytest.mark.parametrize(
    "wrong",
    [
        {"use": "median"},
        {"scale": "difference"},
        {"infeasible": "ignore"},
        {"tolerance": -1},
        {"confidence_level": 1},
        {"test_share": 0},
    ],
    ids=str,
)
def test_bad_parameters_get_a_sentence(wrong):
    options = {"objective": "acc", "constraint": "gap", "tolerance": 0.1, **wrong}
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must"):
        ConstrainedRefit(**options)


def test_it_equals_the_name_of_its_objective_and_itself():
    refit = ConstrainedRefit("acc", "gap", 0.1)
    same = [
        deepcopy(refit),
        clone(refit, safe=False),
        pickle.loads(pickle.dumps(refit)),
    ]
    for other in same:
        assert other == refit
        assert hash(other) == hash(refit)
    assert refit == "acc"
    assert refit != "gap"
    assert refit != ConstrainedRefit("acc", "gap", 0.2)
    assert refit != 3
    assert {"acc": 1}[refit] == 1
    assert repr(refit).startswith("ConstrainedRefit(objective='acc', constraint='gap'")


def test_a_search_scores_after_its_refit_and_survives_copying():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    X["g"] = rng.integers(0, 2, 200)
    y = (X["a"] + X["g"] + rng.normal(size=200) > 0.5).astype(int)
    scoring = {
        "accuracy": "accuracy",
        "gap": fairness_scorer("demographic_parity", sensitive_features="g"),
    }
    search = GridSearchCV(
        LogisticRegression(), {"C": [0.001, 1]}, scoring=scoring, cv=3,
        refit=ConstrainedRefit("accuracy", "gap", 0.2),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X, y)
    gap = -search.cv_results_["mean_test_gap"]
    assert gap[1] > 0.2 > gap[0]
    assert search.best_index_ == 0
    expected = search.best_estimator_.score(X, y)
    assert search.score(X, y) == expected
    assert pickle.loads(pickle.dumps(search)).score(X, y) == expected
    again = clone(search)
    assert again.refit == search.refit
    assert again.fit(X, y).best_index_ == 0
    assert "ConstrainedRefit" in repr(search)
    assert "ConstrainedRefit" in search._repr_html_()
