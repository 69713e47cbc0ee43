"""What a ThresholdOptimizer takes in: labels, groups, folds, weights, and refusals."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from fairlearnkit import Binned, ThresholdOptimizer
from fairlearnkit.constraints import DemographicParity, PredictiveParity, Rate
from fairlearnkit.exceptions import FairnessWarning

RNG = np.random.default_rng(0)
N = 600
GROUP = RNG.integers(0, 3, N)
X = np.column_stack([RNG.normal(size=N) + 0.5 * GROUP, RNG.normal(size=N), GROUP])
Y = (X[:, 0] + RNG.normal(size=N) > 0.5).astype(int)
FRAME = pd.DataFrame(
    {
        "skill": X[:, 0],
        "other": X[:, 1],
        "sex": np.where(GROUP == 0, "F", "M"),
        "race": np.array(["a", "b"])[RNG.integers(0, 2, N)],
    }
)
# Small samples are enough to test an exact method.
pytestmark = [
    pytest.mark.filterwarnings("ignore:fewer than 30 people"),
    pytest.mark.filterwarnings(
        "ignore::fairlearnkit.exceptions.LevellingDownWarning"  # the price of parity
    ),
]
FITTED = FrozenEstimator(LogisticRegression().fit(X, Y))


def selection_rates(predicted, group, positive=1):
    return [np.mean(predicted[group == g] == positive) for g in np.unique(group)]


@pytest.mark.parametrize(
    "names", [["no", "yes"], [False, True], [-1, 1], [10, 20], [0.0, 1.0]]
)
def test_labels_may_be_anything_and_the_last_is_positive(names):
    labels = np.array(names)[Y]
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=2)
    predicted = model.fit(X, labels).predict(X)
    assert model.classes_.tolist() == names
    assert predicted.dtype == labels.dtype
    reference = clone(model).fit(X, Y).predict(X)
    np.testing.assert_array_equal(predicted == names[1], reference == 1)


ENCODED = make_pipeline(
    make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["sex", "race"]), remainder="passthrough"
    ),
    LogisticRegression(),
)


@pytest.mark.parametrize(
    ("convert", "estimator"),
    [
        (pd.DataFrame, ENCODED),
        (pl.from_pandas, ENCODED),
        (pa.Table.from_pandas, LogisticRegression()),
    ],
)
def test_two_columns_of_a_frame_make_intersectional_parity(convert, estimator):
    model = ThresholdOptimizer(
        estimator,
        sensitive_features=["sex", "race"],
        drop_sensitive=estimator is not ENCODED,
    )
    data = convert(FRAME)
    predicted = model.fit(data, Y).predict(data)
    assert model.groups_ == (("F", "a"), ("F", "b"), ("M", "a"), ("M", "b"))
    assert model.feature_names_in_.tolist() == ["skill", "other", "sex", "race"]
    joint = (FRAME["sex"] + FRAME["race"]).to_numpy(dtype=str)
    assert np.ptp(selection_rates(predicted, joint)) < 0.15
    assert model.violation_ <= 0.01 + 1e-9


@pytest.mark.parametrize(
    "convert", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array]
)
def test_sparse_data_are_folded_and_cut(convert):
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=2)
    dense = model.fit(X, Y).predict(X)
    thin = clone(model).fit(convert(X), Y).predict(convert(X))
    assert (thin == dense).mean() > 0.99


@pytest.mark.parametrize(
    "groups",
    [
        GROUP,
        GROUP.tolist(),
        {"g": GROUP},
        {"g": GROUP.tolist()},
        pd.Series(GROUP, name="g"),
        pd.Series(GROUP, index=np.arange(N)[::-1]),
        pl.Series("g", GROUP),
        pd.DataFrame({"g": GROUP}),
        pl.DataFrame({"g": GROUP}),
    ],
    ids=lambda groups: f"{type(groups).__module__}.{type(groups).__name__}",
)
def test_the_keyword_takes_any_container(groups):
    model = ThresholdOptimizer(LogisticRegression()).fit(
        X, Y, sensitive_features=groups
    )
    reference = ThresholdOptimizer(LogisticRegression(), sensitive_features=2).fit(X, Y)
    np.testing.assert_array_equal(
        model.predict(X, sensitive_features=groups), reference.predict(X)
    )
    assert model.score(X, Y, sensitive_features=groups) == reference.score(X, Y)


def test_groups_are_needed_at_fit_and_at_predict():
    with pytest.raises(ValueError, match=r"ThresholdOptimizer needs .*constructor"):
        ThresholdOptimizer(LogisticRegression()).fit(X, Y)
    model = ThresholdOptimizer(LogisticRegression()).fit(X, Y, sensitive_features=GROUP)
    for method in ("predict", "predict_proba", "decision_function", "expected_proba"):
        with pytest.raises(ValueError, match=r"needs to know the groups.*<values>"):
            getattr(model, method)(X)
    with pytest.raises(NotFittedError):
        ThresholdOptimizer(LogisticRegression(), sensitive_features=2).predict(X)


def test_an_unseen_group_is_an_error_or_cut_by_the_pooled_threshold():
    model = ThresholdOptimizer(FITTED).fit(X, Y, sensitive_features=GROUP)
    new = np.where(GROUP == 1, 9, GROUP)
    with pytest.raises(ValueError, match=r"=9 was not seen .*handle_unknown='pooled'"):
        model.predict(X, sensitive_features=new)
    model.set_params(handle_unknown="pooled")
    predicted = model.predict(X, sensitive_features=new)
    known = model.predict(X, sensitive_features=GROUP)
    np.testing.assert_array_equal(predicted[new != 9], known[new != 9])
    scores = FITTED.predict_proba(X)[:, 1]
    best = max(np.mean((scores > cut) == Y) for cut in [0, *scores])
    alone = model.predict(X, sensitive_features=np.full(N, 9))
    assert np.mean(alone == Y) == pytest.approx(best)
    np.testing.assert_array_equal(
        model.expected_proba(X, sensitive_features=new)[new == 9, 1],
        predicted[new == 9],
    )


def test_missing_groups_are_an_error_or_a_group():
    groups = np.where(GROUP == 2, None, GROUP.astype(object))
    with pytest.raises(ValueError, match="missing values"):
        ThresholdOptimizer(FITTED).fit(X, Y, sensitive_features=groups)
    model = ThresholdOptimizer(FITTED, handle_missing="group")
    model.fit(X, Y, sensitive_features=groups)
    assert model.groups_ == (0, 1, "<missing>")
    later = np.where(GROUP == 2, np.nan, GROUP)
    np.testing.assert_array_equal(
        model.predict(X, sensitive_features=later),
        model.predict(X, sensitive_features=groups),
    )


def by_sign(Z):
    return np.where(np.asarray(Z)[:, 1] > 0, "up", "down")


@pytest.mark.parametrize("spec", [Binned(0, [0, 1]), by_sign, [2, by_sign], -1])
def test_specs_other_than_names(spec):
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=spec)
    model.fit(X, Y)
    assert model.violation_ <= 0.01 + 1e-9
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


SPLITS = list(KFold(3, shuffle=True, random_state=0).split(X))


@pytest.mark.parametrize(
    "cv",
    [3, None, KFold(4), SPLITS, iter(SPLITS)],
    ids=["number", "default", "splitter", "splits", "iterator"],
)
def test_folds_may_be_a_number_a_splitter_or_splits(cv):
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=2, cv=cv)
    model.fit(X, Y)
    assert model.violation_ <= 0.01 + 1e-9


def test_scores_are_those_of_models_that_did_not_see_the_row():
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=2, cv=SPLITS)
    model.fit(X, Y)
    scores = cross_val_predict(
        LogisticRegression(), X, Y, cv=SPLITS, method="predict_proba"
    )[:, 1]
    for g, group in enumerate(model.groups_):
        expected = np.sort(model.table_.quantize(scores[group == GROUP]))
        np.testing.assert_allclose(
            model.table_.scores[model.table_.rows(g)], expected, rtol=1e-11
        )


@pytest.mark.parametrize("cv", [ShuffleSplit(3, random_state=0), RepeatedKFold()])
def test_folds_must_part_the_rows(cv):
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=2, cv=cv)
    with pytest.raises(ValueError, match="every row in exactly one test fold"):
        model.fit(X, Y)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_folds_may_be_fitted_in_parallel(backend):
    model = ThresholdOptimizer(LogisticRegression(), sensitive_features=2, n_jobs=2)
    with joblib.parallel_config(backend=backend):
        assert model.fit(X, Y).response_method_ == "predict_proba"
        parallel = model.predict(X)
    serial = clone(model).set_params(n_jobs=None).fit(X, Y).predict(X)
    np.testing.assert_array_equal(parallel, serial)


def test_a_handful_of_rows_is_enough():
    tiny = np.array([[0.0, 1], [0, 2], [1, 1], [1, 2]])
    model = ThresholdOptimizer(
        DummyClassifier(strategy="prior"), sensitive_features=0, deterministic=True
    )
    assert model.fit(tiny, [0, 1, 0, 1]).predict(tiny).shape == (4,)


def test_a_group_with_one_label_is_named_and_left_out_where_it_must_be():
    label = np.where(GROUP == 2, 0, Y)
    model = ThresholdOptimizer(FITTED, sensitive_features=2, tolerance=0.05)
    model.fit(X, label)  # demographic parity needs no positives
    assert model.violation_ <= 0.05 + 1e-9
    for constraint, name in (
        ("true_positive_rate_parity", r"true_positive_rate of x2=2\.0"),
        ("equalized_odds", r"true_positive_rate of x2=2\.0"),
    ):
        model.set_params(constraint=constraint)
        with pytest.warns(FairnessWarning, match=name):
            model.fit(X, label)
        assert model.violation_ <= 0.05 + 1e-9
        assert model.predict(X[GROUP == 2]).mean() < 0.08  # it has its share of FPR


def test_a_constraint_out_of_reach_is_an_error_or_a_warning():
    scores = np.array([[0.2], [0.8]] * 10)
    label = np.array([0, 1] * 10)
    groups = np.repeat(["a", "b"], 10)
    frozen = FrozenEstimator(LogisticRegression().fit(scores, label))
    never_equal = Rate("cost", [[1, 1], [3, 3]], [[1, 1], [1, 1]])
    label[:6] = 1  # the cost is that of the labels, whatever is decided
    model = ThresholdOptimizer(frozen, constraint=never_equal, tolerance=0.0)
    with pytest.warns(FairnessWarning, match=r"no rule .* smallest .* is 0\.6\."):
        model.fit(scores, label, sensitive_features=groups)
    assert model.violation_ == pytest.approx(0.6)
    model.set_params(deterministic=True)
    with pytest.raises(ValueError, match=r"no deterministic thresholds .* 0\.0; allow"):
        model.fit(scores, label, sensitive_features=groups)


def test_few_distinct_rows_warn_that_a_mixture_is_coarse():
    scores = np.array([[0.2, 0], [0.8, 0], [0.2, 1], [0.8, 1]])
    data = np.repeat(scores, 10, axis=0)
    label = np.concatenate([[0] * 9 + [1], [1] * 9 + [0], [0] * 6 + [1] * 4, [1] * 10])
    frozen = FrozenEstimator(LogisticRegression().fit(data, label))
    model = ThresholdOptimizer(
        frozen, constraint="equalized_odds", tolerance=0.0, sensitive_features=1
    )
    with pytest.warns(FairnessWarning, match=r"only about 4 distinct rows"):
        model.fit(data, label)
    model.set_params(tolerance=1.0).fit(data, label)


@pytest.mark.parametrize(
    ("parameters", "data", "match"),
    [
        ({"constraint": "predictive_parity"}, {}, "PredictiveParity is not linear"),
        ({"constraint": PredictiveParity()}, {}, "ThresholdOptimizer cannot enforce"),
        ({"constraint": "parity"}, {}, "unknown constraint 'parity'"),
        ({"constraint": DemographicParity(pos_label="x")}, {}, "'x' is not a class"),
        ({"tolerance": 1.5}, {}, "tolerance"),
        ({"cv": 1}, {}, "cv"),
        ({"objective": "profit"}, {}, "objective"),
        ({"response_method": "predict"}, {}, "response_method"),
        ({"response_method": "decision_function"}, {}, "has no decision_function"),
        ({"sensitive_features": "sex"}, {}, "has no column names"),
        ({"sensitive_features": 7}, {}, "7 is not a column of X"),
        ({"estimator": LinearRegression()}, {}, "needs a classifier"),
        ({"estimator": KNeighborsClassifier()}, {"sample_weight": Y + 1.0}, "KNeigh"),
        ({}, {"y": np.zeros(N)}, "only one class"),
        ({}, {"y": np.arange(N) % 3}, "Only binary"),
        ({}, {"sample_weight": Y.astype(float)}, "only one class with a weight"),
    ],
)
def test_bad_input_gets_one_sentence(parameters, data, match):
    settings = {
        "estimator": KNeighborsClassifier(3),
        "sensitive_features": 2,
    } | parameters
    with pytest.raises(ValueError, match=match):
        ThresholdOptimizer(**settings).fit(X, **({"y": Y} | data))


def test_a_frozen_model_of_other_classes_is_refused():
    model = ThresholdOptimizer(FITTED, sensitive_features=2)
    with pytest.raises(ValueError, match=r"frozen .* knows the classes \[0, 1\], but"):
        model.fit(X, np.array(["no", "yes"])[Y])


def test_a_frozen_model_stays_as_it_is():
    model = ThresholdOptimizer(FITTED, sensitive_features=2).fit(X, Y)
    assert model.estimator_ is FITTED


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        make_pipeline(StandardScaler(), LinearSVC()),
        HistGradientBoostingClassifier(max_iter=10),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_any_binary_classifier_can_be_wrapped(estimator, weighted):
    weight = RNG.integers(1, 4, N).astype(float) if weighted else None
    model = ThresholdOptimizer(estimator, sensitive_features=2, tolerance=0.02)
    model.fit(X, Y, sample_weight=weight)
    assert model.violation_ <= 0.02 + 1e-9


def test_the_optimizer_can_be_searched_over_its_own_parameters():
    grid = {
        "constraint": ["demographic_parity", DemographicParity(compare="ratio")],
        "tolerance": [0.01, 0.2],
        "sensitive_features": [2, Binned(0, [0.5])],
    }
    search = GridSearchCV(ThresholdOptimizer(FITTED, sensitive_features=2), grid, cv=2)
    search.fit(X, Y)
    assert search.best_params_["tolerance"] == 0.2


@pytest.mark.filterwarnings("default:fewer than 30 people")
def test_groups_too_small_to_judge_are_named():
    group = np.where(np.arange(len(Y)) < 10, "few", "many")
    model = ThresholdOptimizer(LogisticRegression(), tolerance=1.0)
    with pytest.warns(FairnessWarning, match=r"selection_rate of .*'few' \(10\)"):
        model.fit(X, Y, sensitive_features=group)
