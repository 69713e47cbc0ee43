"""The truth lies inside as often as promised, in every group by itself."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binomtest, kstest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor
from sklearn.svm import LinearSVC

from fairlearnkit._solvers.conformal import (
    adaptive_scores,
    conformal_quantile,
    least_ambiguous_scores,
)
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.postprocessing import (
    EqualizedCoverageClassifier,
    EqualizedCoverageRegressor,
)


class Zero(RegressorMixin, BaseEstimator):
    """A model that predicts 0, so that y itself is the error."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


ZERO = FrozenEstimator(Zero().fit(None, None))


def people(rng, n, n_classes=None):
    """The model knows group "few" badly; features, truth, groups."""
    group = rng.choice(["few", "many"], n, p=[0.15, 0.85])
    X = rng.normal(size=(n, 2))
    y = X @ [1, 0.5] + np.where(group == "few", 2.5, 0.7) * rng.normal(size=n)
    if n_classes is not None:
        y = np.digitize(y, np.linspace(-1, 1, n_classes - 1))
    return X, y, group


@given(
    st.lists(st.floats(-9, 9), min_size=1, max_size=40),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_the_quantile_is_the_kth_smallest_score(scores, level):
    scores = np.array(scores)
    k = next(k for k in range(len(scores) + 2) if k >= (len(scores) + 1) * level - 1e-9)
    expected = np.sort(scores)[k - 1] if k <= len(scores) else np.inf
    assert conformal_quantile(scores, level) == expected
    # One weight for all is no weight; a weight of zero is nobody.
    same = np.full(len(scores), 0.3)
    assert conformal_quantile(scores, level, same) == expected
    padded = np.append(scores, -100.0), np.append(same, 0.0)
    assert conformal_quantile(padded[0], level, padded[1]) == expected


def test_nobody_calibrates_nothing():
    assert conformal_quantile(np.empty(0), 0.9) == np.inf
    assert conformal_quantile(np.arange(8.0), 0.9) == np.inf
    assert conformal_quantile(np.arange(9.0), 0.9) == 8


def test_scores_of_labels_by_hand():
    p = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])
    np.testing.assert_allclose(least_ambiguous_scores(p), 1 - p)
    expected = [[1.0, 0.5, 0.8], [0.4, 1.0, 0.8]]
    np.testing.assert_allclose(adaptive_scores(p), expected)
    np.testing.assert_allclose(adaptive_scores(p, np.ones(2)), expected)
    np.testing.assert_allclose(adaptive_scores(p, np.zeros(2)), expected - p)


def test_drawn_sets_are_smaller_and_repeatable():
    rng = np.random.default_rng(11)
    X, y, group = people(rng, 3000, 3)
    model = EqualizedCoverageClassifier(LogisticRegression(), conformity_score="aps")
    whole = model.fit(X, y, sensitive_features=group)
    size = whole.coverage_report(X, y, sensitive_features=group).size
    drawn = model.set_params(randomized=True).fit(X, y, sensitive_features=group)
    assert (drawn.coverage_report(X, y, sensitive_features=group).size < size).all()
    sets = drawn.predict_set(X, sensitive_features=group)
    np.testing.assert_array_equal(
        sets[::-1], drawn.predict_set(X[::-1], sensitive_features=group[::-1])
    )


def test_coverage_given_the_rows_follows_the_beta_law():
    rng = np.random.default_rng(0)
    n = {"a": 30, "b": 57}
    group = np.repeat(list(n), list(n.values()))
    model = EqualizedCoverageRegressor(ZERO, confidence_level=0.8)
    X = np.zeros((len(group), 1))
    covered = {"a": [], "b": []}
    for _ in range(400):
        y = rng.uniform(size=len(group)) * np.where(group == "a", 1, 10)
        model.fit(X, y, sensitive_features=group)
        # The share of a uniform law below the offset is the coverage of new people.
        covered["a"].append(model.offsets_["a"])
        covered["b"].append(model.offsets_["b"] / 10)
    for name, shares in covered.items():
        k = int(np.ceil((n[name] + 1) * 0.8))
        law = beta(k, n[name] + 1 - k)
        assert kstest(shares, law.cdf).pvalue > 0.01
        assert 0.8 <= law.mean() <= 0.8 + 1 / (n[name] + 1)


@pytest.mark.parametrize("kind", ["residual", "quantile", "lac", "aps", "drawn"])
def test_every_group_is_covered_where_one_rule_for_all_misses_the_few(kind):
    rng = np.random.default_rng(1)
    sets = kind in {"lac", "aps", "drawn"}
    inside = {"few": [0, 0], "many": [0, 0]}
    pooled_few = []
    for _ in range(15):
        X, y, group = people(rng, 1200, 4 if sets else None)
        model = model_of(kind).fit(X, y, sensitive_features=group)
        other = people(rng, 1200, 4 if sets else None)
        report = model.coverage_report(*other[:2], sensitive_features=other[2])
        for name, n, share in zip(
            report.groups, report.n, report.coverage, strict=True
        ):
            inside[name][0] += round(n * share)
            inside[name][1] += int(n)
        # Strangers get the rule of all groups together.
        strangers = np.full(1200, "stranger")
        few = other[2] == "few"
        pooled = model.coverage_report(
            other[0][few], other[1][few], sensitive_features=strangers[few]
        )
        pooled_few += pooled.coverage.tolist()
        sizes = dict(zip(report.groups, report.size, strict=True))
        assert sizes["few"] > sizes["many"]
    for hits, n in inside.values():
        assert binomtest(hits, n, 0.9, alternative="less").pvalue > 0.01
    assert inside["many"][0] / inside["many"][1] < 0.95
    assert np.mean(pooled_few) < 0.84


def model_of(kind):
    if kind in {"lac", "aps", "drawn"}:
        return EqualizedCoverageClassifier(
            LogisticRegression(),
            conformity_score="lac" if kind == "lac" else "aps",
            randomized=kind == "drawn",
            handle_unknown="pooled",
        )
    pair = tuple(
        QuantileRegressor(quantile=q, alpha=0, solver="highs") for q in (0.05, 0.95)
    )
    return EqualizedCoverageRegressor(
        LinearRegression(),
        quantile_estimators=pair if kind == "quantile" else None,
        handle_unknown="pooled",
    )


def test_intervals_are_those_of_the_definition():
    rng = np.random.default_rng(2)
    X, y, group = people(rng, 500)
    frozen = FrozenEstimator(LinearRegression().fit(X[:200], y[:200]))
    model = EqualizedCoverageRegressor(frozen, confidence_level=0.8)
    model.fit(X[200:], y[200:], sensitive_features=group[200:])
    interval = model.predict_interval(X, sensitive_features=group)
    middle = frozen.predict(X)
    for name in ("few", "many"):
        errors = np.sort(np.abs(y - middle)[200:][group[200:] == name])
        k = int(np.ceil((len(errors) + 1) * 0.8))
        rows = group == name
        reach = errors[k - 1]
        np.testing.assert_allclose(interval[rows, 0], middle[rows] - reach)
        np.testing.assert_allclose(interval[rows, 1], middle[rows] + reach)
        assert model.n_calibration_[name] == len(errors)
    np.testing.assert_array_equal(model.predict(X, sensitive_features=group), middle)


def test_quantile_models_give_widths_that_follow_the_person():
    rng = np.random.default_rng(3)
    X = rng.uniform(0, 1, size=(1500, 1))
    y = X[:, 0] * rng.normal(size=1500)
    group = rng.integers(0, 2, 1500)
    pair = [QuantileRegressor(quantile=q, alpha=0, solver="highs") for q in (0.1, 0.9)]
    model = EqualizedCoverageRegressor(
        LinearRegression(), quantile_estimators=pair, confidence_level=0.8
    ).fit(X, y, sensitive_features=group)
    low, high = model.predict_interval([[0.05], [0.95]], sensitive_features=[0, 0]).T
    width = high - low
    assert width[1] > 5 * width[0]
    # Quantile models that are far too wide are moved inwards.
    wide = [FrozenEstimator(Constant(c).fit(None, None)) for c in (-50, 50)]
    model.set_params(quantile_estimators=wide).fit(X, y, sensitive_features=group)
    assert all(offset < -45 for offset in model.offsets_.values())
    # Models that cross give no interval of a negative width.
    crossed = [FrozenEstimator(Constant(c).fit(None, None)) for c in (1, -1)]
    model.set_params(quantile_estimators=crossed).fit(X, y, sensitive_features=group)
    low, high = model.predict_interval(X, sensitive_features=group).T
    assert (low <= high).all()


class Constant(RegressorMixin, BaseEstimator):
    def __init__(self, value=0.0):
        self.value = value

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), float(self.value))


def test_sets_are_those_of_the_definition_and_never_empty():
    rng = np.random.default_rng(4)
    X, y, group = people(rng, 900, 3)
    labels = np.array(["low", "middle", "high"])[y]
    frozen = FrozenEstimator(LogisticRegression().fit(X[:300], labels[:300]))
    model = EqualizedCoverageClassifier(frozen, confidence_level=0.3)
    model.fit(X[300:], labels[300:], sensitive_features=group[300:])
    sets = model.predict_set(X, sensitive_features=group)
    p = frozen.predict_proba(X)
    offset = np.array([model.offsets_[name] for name in group])
    best = p == p.max(axis=1, keepdims=True)
    np.testing.assert_array_equal(sets, (1 - p <= offset[:, None]) | best)
    assert sets.any(axis=1).all()
    assert (sets.sum(axis=1) == 1).any()
    np.testing.assert_array_equal(model.predict(X), frozen.predict(X))
    np.testing.assert_allclose(model.predict_proba(X), p)


def test_a_group_too_small_to_calibrate_is_named():
    rng = np.random.default_rng(5)
    X, y, _ = people(rng, 300)
    group = np.where(np.arange(300) < 20, "tiny", "large")
    model = EqualizedCoverageRegressor(LinearRegression())
    message = r"takes 9: sensitive_features='tiny' \(6\); everything is inside"
    with pytest.warns(FairnessWarning, match=message):
        model.fit(X, y, sensitive_features=group)
    assert model.offsets_["tiny"] == np.inf
    report = model.coverage_report(X, y, sensitive_features=group).to_frame()
    assert report.loc["tiny", "coverage"] == 1
    assert report.loc["tiny", "size"] == np.inf
    model.set_params(small_groups="pooled")
    with pytest.warns(FairnessWarning, match="without a guarantee of their own"):
        model.fit(X, y, sensitive_features=group)
    assert model.offsets_["tiny"] == model.pooled_offset_ < np.inf


def test_who_calibrates_depends_on_no_order_and_no_name():
    rng = np.random.default_rng(6)
    X, y, group = people(rng, 400)
    model = EqualizedCoverageRegressor(LinearRegression())
    offsets = model.fit(X, y, sensitive_features=group).offsets_
    order = rng.permutation(400)
    model.fit(X[order], y[order], sensitive_features=group[order])
    assert model.offsets_ == pytest.approx(offsets)
    renamed = np.where(group == "few", "z", "a")
    found = model.fit(X, y, sensitive_features=renamed).offsets_
    assert found == pytest.approx({"z": offsets["few"], "a": offsets["many"]})
    for name, n in zip(*np.unique(group, return_counts=True), strict=True):
        assert model.n_calibration_[{"few": "z", "many": "a"}[name]] == pytest.approx(
            0.3 * n, abs=1
        )


def test_equal_rows_lie_on_both_sides_in_proportion():
    """Few distinct rows must not train on some people and calibrate on others."""
    rng = np.random.default_rng(7)
    X = rng.integers(0, 2, size=(2000, 1)).astype(float)
    y = (rng.random(2000) < 0.2 + 0.5 * X[:, 0]).astype(int)
    model = EqualizedCoverageClassifier(LogisticRegression(), confidence_level=0.8)
    model.fit(X, y, sensitive_features=np.zeros(2000))
    plain = LogisticRegression().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(model.set_estimator_.predict_proba(X), plain, atol=0.02)


def test_weights_describe_another_population():
    rng = np.random.default_rng(8)
    n = 20_000
    X, side = np.zeros((n, 1)), rng.integers(0, 2, n)
    y = rng.normal(size=n) * np.where(side, 3, 1)
    group = np.zeros(n)
    weight = np.where(side, 0.5, 4.0)
    model = EqualizedCoverageRegressor(ZERO)
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    report = model.coverage_report(X, y, sensitive_features=group, sample_weight=weight)
    assert report.coverage[0] == pytest.approx(0.9, abs=0.002)
    assert report.n[0] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    plain = model.coverage_report(X, y, sensitive_features=group)
    assert plain.coverage[0] < 0.85
    scaled = model.fit(X, y, sensitive_features=group, sample_weight=weight / 1e4)
    assert scaled.coverage_report(X, y, sensitive_features=group).coverage == (
        plain.coverage
    )
    with pytest.raises(ValueError, match="non-negative, and not all of it zero"):
        model.coverage_report(X, y, sensitive_features=group, sample_weight=-weight)


@pytest.mark.parametrize("wrap", [pd.DataFrame, pl.DataFrame])
def test_frames_and_columns(wrap):
    rng = np.random.default_rng(9)
    X, y, group = people(rng, 400)
    frame = wrap({"a": X[:, 0], "b": X[:, 1], "g": (group == "few").astype(int)})
    model = EqualizedCoverageRegressor(LinearRegression(), sensitive_features="g")
    interval = model.fit(frame, y).predict_interval(frame)
    array = EqualizedCoverageRegressor(LinearRegression(), sensitive_features=2)
    rows = np.column_stack([X, group == "few"])
    np.testing.assert_allclose(array.fit(rows, y).predict_interval(rows), interval)
    names = EqualizedCoverageClassifier(
        LogisticRegression(), sensitive_features="g", drop_sensitive=True
    )
    text = np.where(y > 0, "yes", "no")
    report = names.fit(frame, text).coverage_report(frame, text.tolist())
    assert (report.coverage > 0.8).all()
    assert report.names == ("g",)


def test_bad_input_is_told_in_a_sentence():
    rng = np.random.default_rng(10)
    X, y, group = people(rng, 100)
    model = EqualizedCoverageRegressor(LinearRegression(), quantile_estimators=(ZERO,))
    with pytest.raises(ValueError, match="must be two regressors"):
        model.fit(X, y, sensitive_features=group)
    model = EqualizedCoverageRegressor(LinearRegression(), calibration_size=0.9)
    with pytest.raises(ValueError, match="leaves nobody to fit"):
        model.fit(X[:1], y[:1], sensitive_features=group[:1])
    model = EqualizedCoverageRegressor(LinearRegression())
    model.fit(X, y, sensitive_features=np.zeros(100))
    with pytest.raises(ValueError, match="needs to know the groups"):
        model.predict_interval(X)
    with pytest.raises(ValueError, match="was not seen during fit"):
        model.predict_interval(X, sensitive_features=np.ones(100))
    with pytest.raises(ValueError, match="predict_proba"):
        EqualizedCoverageClassifier(LinearSVC()).fit(X, y > 0, sensitive_features=group)
    frozen = FrozenEstimator(LogisticRegression().fit(X, y > 0))
    with pytest.raises(ValueError, match="knows the classes"):
        EqualizedCoverageClassifier(frozen).fit(
            X, np.where(y > 0, "yes", "no"), sensitive_features=group
        )
