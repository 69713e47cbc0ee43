"""Distances of predictions against scipy, brute force and the rates at thresholds."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import (
    ks_2samp,
    permutation_test,
    ttest_ind,
    wasserstein_distance,
)

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import prediction_distance

FEW = {"n_permutations": 39}


def people(seed, n=240, n_groups=3):
    """Scores with ties, groups, weights of which some are 0, and labels."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    scores = (rng.normal(size=n) + 0.5 * group).round(1)
    return scores, group, rng.integers(0, 4, n).astype(float), rng.integers(0, 2, n)


def distance_of(kind, first, second, u=None, v=None):
    """The peer's distance of two samples."""
    if kind == "wasserstein":
        return wasserstein_distance(first, second, u, v)
    if u is not None:
        first, second = (
            np.repeat(x, w.astype(int)) for x, w in ((first, u), (second, v))
        )
    return ks_2samp(first, second).statistic


@pytest.mark.parametrize("kind", ["ks", "wasserstein"])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_pair_is_scipys(kind, weighted):
    scores, group, weight, _ = people(0)
    w = weight if weighted else None
    found = prediction_distance(
        scores, sensitive_features=group, distance=kind, sample_weight=w, **FEW
    )
    for i, j in combinations(range(3), 2):
        a, b = group == i, group == j
        parts = (None, None) if w is None else (w[a], w[b])
        expected = distance_of(kind, scores[a], scores[b], *parts)
        assert found.matrix[i, j] == pytest.approx(expected)
        assert found.matrix[j, i] == found.matrix[i, j]
    assert found.value == pytest.approx(found.matrix.max())
    assert found.matrix[found.pair] == found.value
    assert np.diag(found.matrix).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["ks", "wasserstein"])
@pytest.mark.parametrize("weighted", [False, True])
def test_everybody_includes_the_group_itself(kind, weighted):
    scores, group, weight, _ = people(1)
    w = weight if weighted else None
    found = prediction_distance(
        scores,
        sensitive_features=group,
        distance=kind,
        compare="to_overall",
        sample_weight=w,
        **FEW,
    )
    for g in range(3):
        own = group == g
        parts = (None, None) if w is None else (w[own], w)
        expected = distance_of(kind, scores[own], scores, *parts)
        assert found.matrix[g] == pytest.approx(expected)
    assert found.pair == (int(found.matrix.argmax()), None)


@pytest.mark.parametrize("kind", ["ks", "wasserstein"])
def test_within_true_labels_it_is_the_largest_of_the_labels(kind):
    scores, group, _, label = people(2)
    found = prediction_distance(
        scores, sensitive_features=group, y_true=label, distance=kind, **FEW
    )
    expected = {}
    for y in (0, 1):
        for i, j in combinations(range(3), 2):
            a, b = ((group == g) & (label == y) for g in (i, j))
            expected[y, i, j] = distance_of(kind, scores[a], scores[b])
    assert dict(zip(found.comparisons, found.distances, strict=True)) == pytest.approx(
        expected
    )
    worst = max(expected, key=expected.get)
    assert (found.label, *found.pair) == worst
    assert found.matrix[0, 1] == pytest.approx(max(expected[y, 0, 1] for y in (0, 1)))


def test_ks_is_the_largest_and_wasserstein_the_mean_difference_of_rates():
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1], 40)
    scores = np.concatenate([[0.0, 1.0], rng.random(78)]).round(3)
    thresholds = (np.arange(1000) + 0.5) / 1000
    rates = [(scores[group == g, None] >= thresholds).mean(axis=0) for g in (0, 1)]
    gap = np.abs(rates[0] - rates[1])
    found = {
        kind: prediction_distance(
            scores, sensitive_features=group, distance=kind, **FEW
        ).value
        for kind in ("ks", "wasserstein")
    }
    assert found["ks"] == pytest.approx(gap.max())
    assert found["wasserstein"] == pytest.approx(gap.mean())


@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.integers(0, 2), st.integers(1, 2)), max_size=20
    ),
    st.sampled_from(["ks", "wasserstein"]),
    st.sampled_from(["between_groups", "to_overall"]),
    st.booleans(),
)
def test_limits_enclose_the_distance_whoever_they_are(rows, kind, compare, weighted):
    everywhere = [(s, g, 1) for s in (0, 1) for g in (0, 1, 2)]
    scores, group, weight = np.array([*rows, *everywhere], float).T
    found = prediction_distance(
        scores,
        sensitive_features=group,
        distance=kind,
        compare=compare,
        sample_weight=weight if weighted else None,
        n_permutations=19,
    )
    assert (found.lows >= 0).all()
    assert (found.lows <= found.distances).all()
    assert (found.distances <= found.highs + 1e-12).all()
    assert 0 < found.p_value <= 1
    assert (found.low > 0) == (found.p_value <= 0.05)


def test_names_and_order_of_rows_change_nothing():
    scores, group, weight, label = people(4)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(scores))
    renamed = np.array(["z", "m", "a"])[group]
    for kind in ("ks", "wasserstein"):
        first, second = (
            prediction_distance(
                s, sensitive_features=g, sample_weight=w, y_true=y, distance=kind, **FEW
            )
            for s, g, w, y in (
                (scores, group, weight, label),
                (scores[order], renamed[order], weight[order], label[order]),
            )
        )
        assert second.value == pytest.approx(first.value)
        assert second.high == pytest.approx(first.high)
        assert set(second.pair) == {"zma"[g] for g in first.pair}


def test_ks_does_not_change_under_increasing_transformations():
    scores, group, _, _ = people(5)
    first, second = (
        prediction_distance(s, sensitive_features=group, **FEW)
        for s in (scores, np.exp(scores))
    )
    for name in ("value", "low", "high", "p_value"):
        assert getattr(first, name) == getattr(second, name)


@pytest.mark.parametrize("kind", ["ks", "wasserstein"])
def test_the_p_value_is_that_of_scipys_permutations(kind):
    rng = np.random.default_rng(6)
    scores, group = rng.normal(size=60), np.repeat([0, 1], 30)
    scores[group == 1] += 0.5
    found = prediction_distance(
        scores, sensitive_features=group, distance=kind, n_permutations=999
    )
    peer = permutation_test(
        (scores[:30], scores[30:]),
        lambda a, b: distance_of(kind, a, b),
        n_resamples=999,
        alternative="greater",
        rng=rng,
    )
    assert found.p_value == pytest.approx(peer.pvalue, abs=0.035)


@pytest.mark.parametrize("kind", ["ks", "wasserstein"])
@pytest.mark.parametrize("compare", ["between_groups", "to_overall"])
def test_equal_groups_are_told_apart_as_often_as_the_level_says(kind, compare):
    rng = np.random.default_rng(7)
    sizes = np.repeat(np.arange(3), (10, 20, 40))
    apart = 0
    for _ in range(100):
        found = prediction_distance(
            rng.normal(size=70).round(1),
            sensitive_features=sizes,
            distance=kind,
            compare=compare,
            confidence_level=0.8,
            random_state=int(rng.integers(1000)),
            **FEW,
        )
        apart += found.low > 0
    assert 10 <= apart <= 30  # 20 less or more 2.5 standard errors


@pytest.mark.parametrize(("kind", "truth"), [("ks", 0.382925), ("wasserstein", 1.0)])
def test_intervals_hold_a_shift(kind, truth):
    rng = np.random.default_rng(8)
    group = np.repeat([0, 1], 40)
    held = 0
    for _ in range(100):
        found = prediction_distance(
            rng.normal(size=80) + group, sensitive_features=group, distance=kind, **FEW
        )
        held += found.low <= truth <= found.high
    assert held >= 91


def test_the_upper_limit_of_wasserstein_is_students_where_all_scores_are_ordered():
    """All of one group above all of the other: the distance is that of the means."""
    rng = np.random.default_rng(9)
    a, b = rng.random(12), 5 + rng.random(30)
    found = prediction_distance(
        np.concatenate([a, b]),
        sensitive_features=["a"] * 12 + ["b"] * 30,
        distance="wasserstein",
        **FEW,
    )
    limits = ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert found.value == pytest.approx(b.mean() - a.mean())
    assert found.high == pytest.approx(limits.high)


def test_a_frame_lists_the_largest_distance_first():
    scores, group, _, label = people(10)
    found = prediction_distance(scores, sensitive_features=group, **FEW)
    frame = found.to_frame()
    assert frame.columns.tolist() == ["first", "second", "distance", "low", "high"]
    assert frame["distance"].is_monotonic_decreasing
    assert frame["distance"].iloc[0] == found.value
    found = prediction_distance(
        scores, sensitive_features=group, y_true=label, compare="to_overall", **FEW
    )
    columns = ["label", "first", "distance", "low", "high"]
    assert found.to_frame().columns.tolist() == columns
    assert len(found.to_frame()) == 6


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_make_intersections(frame):
    scores, group, _, label = people(11)
    sex = np.where(label, "f", "m").tolist()
    columns = {"score": scores.tolist(), "sex": sex, "age": group.tolist()}
    data = frame(columns)
    found = prediction_distance(
        data["score"], sensitive_features=data[["sex", "age"]], **FEW
    )
    assert found.names == ("sex", "age")
    assert len(found.comparisons) == 15
    assert found.groups[0] == ("f", 0)


def test_predictions_that_are_all_the_same_have_no_distance():
    for kind in ("ks", "wasserstein"):
        found = prediction_distance(
            [1.0] * 20, sensitive_features=["a", "b"] * 10, distance=kind, **FEW
        )
        assert (found.value, found.low, found.p_value) == (0, 0, 1)


def test_a_group_of_one_person_is_named_and_left_out():
    with pytest.warns(FairnessWarning, match=r"sensitive_features='c'.*one person"):
        found = prediction_distance(
            [1.0, 2, 3, 4, 50], sensitive_features=list("aabbc"), **FEW
        )
    assert found.comparisons == ((None, "a", "b"),)
    assert np.isnan(found.matrix[2]).all()


def test_nobody_to_compare_is_nan():
    with pytest.warns(FairnessWarning, match="one group only, .*'a'"):
        found = prediction_distance([1.0, 2.0], sensitive_features=["a", "a"], **FEW)
    assert np.isnan([found.value, found.low, found.high, found.p_value]).all()
    assert found.pair == (None, None)
    assert len(found.to_frame()) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"distance": "cramer"}, "distance must be one of"),
        ({"compare": "all"}, "compare must be one of"),
        ({"n_permutations": 0}, "n_permutations must be a positive integer"),
        ({"confidence_level": 95}, "between 0 and 1"),
        ({"y_true": [0.5, 1.0, 2.0, 1.0]}, "y_true holds continuous values"),
        ({"y_true": [0, 1]}, "y_true has shape"),
        ({"y_pred": [0.5, np.nan, 2.0, 1.0]}, "y_pred holds 1 missing"),
        ({"y_pred": list("abab")}, "y_pred must hold numbers"),
        ({"y_pred": [1.0, 2.0]}, "y_pred has shape"),
        ({"sample_weight": [1, 1, -1, 1]}, "non-negative"),
        ({"sensitive_features": ["a", None, "b", "b"]}, "1 missing"),
    ],
)
def test_bad_input_is_named(changed, message):
    known = {"y_pred": [0.1, 0.2, 0.3, 0.4], "sensitive_features": list("aabb")}
    arguments = {**known, **changed}
    with pytest.raises(ValueError, match=message):
        prediction_distance(arguments.pop("y_pred"), **arguments)


def test_rows_in_other_orders_are_refused():
    scores = pd.Series([1.0, 2, 3, 4])
    groups = pd.Series(list("aabb"), index=[3, 2, 1, 0])
    with pytest.raises(ValueError, match="different orders"):
        prediction_distance(scores, sensitive_features=groups)
