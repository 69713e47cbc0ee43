"""Consistency: its definition, ties, weights, and an interval that covers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from fairlearnkit.metrics import consistency_interval, consistency_score
from fairlearnkit.metrics.individual import _consistency as individual


def people(seed, n=60, n_features=3, kind="labels"):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    y = rng.random(n) if kind == "scores" else rng.integers(0, 2, n)
    return X, y


def nearest(X, k, include_self):
    """Indices of the neighbours, for rows without ties."""
    found = NearestNeighbors(n_neighbors=k + 1 - include_self).fit(X)
    index = found.kneighbors(X, return_distance=False)
    return index if include_self else index[:, 1:]


@pytest.mark.parametrize("kind", ["labels", "scores"])
@pytest.mark.parametrize("include_self", [False, True])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_score_is_its_formula(kind, include_self, k):
    # With include_self this is the definition of AIF360.
    X, y = people(0, kind=kind)
    means = y[nearest(X, k, include_self)].mean(axis=1)
    found = consistency_score(X, y, n_neighbors=k, include_self=include_self)
    assert found == pytest.approx(1 - np.abs(y - means).mean())


def test_tiny_example_by_hand():
    X, y = [[0], [1], [3], [7]], [0.0, 1.0, 1.0, 0.5]
    # neighbours of 0: 1, 3; of 1: 0, 3; of 3: 1, 0; of 7: 3, 1
    expected = 1 - (1 + 0.5 + 0.5 + 0.5) / 4
    assert consistency_score(X, y, n_neighbors=2) == pytest.approx(expected)


@pytest.mark.parametrize("k", [2, 5])
def test_including_the_person_shrinks_the_deviation(k):
    X, y = people(1)
    alone = 1 - consistency_score(X, y, n_neighbors=k - 1)
    together = 1 - consistency_score(X, y, n_neighbors=k, include_self=True)
    assert together == pytest.approx(alone * (k - 1) / k)


def test_any_labels_agree_or_not():
    X, _ = people(2)
    classes = np.random.default_rng(2).integers(0, 4, len(X))
    index = nearest(X, 5, False)
    expected = (classes[index] == classes[:, None]).mean()
    assert consistency_score(X, classes) == pytest.approx(expected)
    words = np.array(["d", "a", "c", "b"], dtype=object)[classes]
    assert consistency_score(X, words) == pytest.approx(expected)
    binary = classes > 1
    expected = consistency_score(X, binary.astype(float))
    for labels in (binary, 2 * binary.astype(int) - 1, np.where(binary, "yes", "no")):
        assert consistency_score(X, labels) == pytest.approx(expected)


def test_same_decision_for_all_is_consistent():
    X, _ = people(3)
    assert consistency_score(X, np.ones(len(X), int)) == 1
    low, high = consistency_interval(X, np.ones(len(X), int))
    assert 0.9 < low < 1
    assert high == 1


def break_ties_at_random(X, y, k, include_self, rng):
    distance = np.linalg.norm(X[:, None] - X[None], axis=2)
    deviations = []
    for i, row in enumerate(distance):
        others = np.array([j for j in range(len(X)) if include_self or j != i])
        order = np.lexsort((rng.random(len(others)), row[others].round(9)))
        deviations.append(abs(y[i] - y[others[order][:k]].mean()))
    return np.mean(deviations)


@pytest.mark.parametrize("include_self", [False, True])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_ties_share_the_places_that_are_left(include_self, k):
    # The mean neighbour is the mean over all ways to break ties; the deviation of a
    # label is linear in it, so the score is the mean score over all ways as well.
    rng = np.random.default_rng(4)
    X = rng.integers(0, 3, size=(25, 2)).astype(float)
    y = rng.integers(0, 2, 25)
    ways = [break_ties_at_random(X, y, k, include_self, rng) for _ in range(600)]
    found = 1 - consistency_score(X, y, n_neighbors=k, include_self=include_self)
    assert found == pytest.approx(np.mean(ways), abs=4 * np.std(ways) / 24)


@given(st.integers(0, 10**6), st.booleans())
def test_order_of_rows_and_columns_changes_nothing(seed, include_self):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, size=(30, 3)) / 3
    y = rng.integers(0, 3, 30)
    options = {"n_neighbors": 4, "include_self": include_self}
    plain = consistency_score(X, y, **options)
    rows, columns = rng.permutation(30), rng.permutation(3)
    assert consistency_score(X[rows], y[rows], **options) == pytest.approx(plain)
    assert consistency_score(X[:, columns], y, **options) == pytest.approx(plain)
    assert consistency_score(X - 5, y, **options) == pytest.approx(plain)


def test_a_wide_shell_of_ties_is_found_whole():
    # Every row is as far from every other, so all others are neighbours in part.
    X, y = np.eye(60), np.arange(60) % 3
    same = (y[:, None] == y).sum() - 60
    assert consistency_score(X, y) == pytest.approx(same / (60 * 59))


def test_small_pieces_give_the_same(monkeypatch):
    X, y = people(5, n=200)
    X = X.round(0)
    whole = consistency_score(X, y), consistency_interval(X, y)
    monkeypatch.setattr(individual, "_MOST_PAIRS", 50)
    assert consistency_score(X, y) == pytest.approx(whole[0])
    assert consistency_interval(X, y) == pytest.approx(whole[1])


def test_weights_weigh_people_and_neighbours():
    X, y = people(6, kind="scores")
    weight = np.random.default_rng(6).random(len(X))
    index = nearest(X, 5, False)
    means = np.average(y[index], axis=1, weights=weight[index])
    expected = 1 - np.average(np.abs(y - means), weights=weight)
    assert consistency_score(X, y, sample_weight=weight) == pytest.approx(expected)
    scaled = consistency_score(X, y, sample_weight=9 * weight)
    assert scaled == pytest.approx(expected)


def test_rows_without_weight_are_nobodys_neighbours():
    X, y = people(7)
    weight = np.arange(len(X)) % 3
    kept = weight > 0
    found = consistency_score(X, y, sample_weight=weight)
    alone = consistency_score(X[kept], y[kept], sample_weight=weight[kept])
    assert found == pytest.approx(alone)
    options = {"sample_weight": weight}
    assert consistency_interval(X, y, **options) == pytest.approx(
        consistency_interval(X[kept], y[kept], sample_weight=weight[kept])
    )


@pytest.mark.parametrize("kind", ["labels", "scores"])
@pytest.mark.parametrize("include_self", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_influences_are_derivatives_by_the_weights(kind, include_self, tied):
    X, y = people(8, n=40, kind=kind)
    if tied:
        X = X.round(0)
    weight = np.random.default_rng(8).uniform(0.5, 2, len(X))
    options = {"n_neighbors": 4, "include_self": include_self}
    step, slopes = 1e-6, []
    for i in range(len(X)):
        ends = []
        for sign in (-1, 1):
            moved = weight.copy()
            moved[i] += sign * step
            ends.append(consistency_score(X, y, sample_weight=moved, **options))
        slopes.append((ends[1] - ends[0]) / (2 * step))
    scale = np.sqrt(1 / (1 - (weight**2).sum() / weight.sum() ** 2))
    error = scale * np.sqrt((weight**2 * np.array(slopes) ** 2).sum())
    low, high = consistency_interval(X, y, sample_weight=weight, **options)
    if kind == "scores":
        assert (high - low) / 2 == pytest.approx(1.959964 * error, rel=1e-5)
    else:
        score = consistency_score(X, y, sample_weight=weight, **options)
        # both ends of Wilson's interval are 1.96 of their own errors away
        n = score * (1 - score) / error**2
        for end in (low, high):
            assert abs(score - end) == pytest.approx(
                1.959964 * np.sqrt(end * (1 - end) / n), rel=1e-4
            )


@pytest.mark.parametrize("kind", ["labels", "scores"])
def test_the_interval_covers_the_mean_score(kind):
    rng = np.random.default_rng(9)
    scores, intervals = [], []
    for _ in range(100):
        X = rng.normal(size=(100, 3))
        chance = 1 / (1 + np.exp(-2 * X[:, 0]))
        noisy = np.clip(chance + 0.2 * rng.normal(size=100), 0, 1)
        y = noisy if kind == "scores" else (rng.random(100) < chance).astype(int)
        scores.append(consistency_score(X, y))
        intervals.append(consistency_interval(X, y))
    low, high = np.transpose(intervals)
    held = (low <= np.mean(scores)) & (np.mean(scores) <= high)
    assert held.mean() >= 0.91


@pytest.mark.parametrize(
    "wrap",
    [
        lambda X: X.tolist(),
        pd.DataFrame,
        lambda X: pd.DataFrame(X, index=range(5, 5 + len(X))).convert_dtypes(),
        lambda X: pl.DataFrame(X),
        lambda X: pd.DataFrame(X, dtype=object),
    ],
    ids=["lists", "pandas", "nullable", "polars", "objects"],
)
def test_every_container_gives_the_same(wrap):
    X, y = people(10)
    assert consistency_score(wrap(X), pd.Series(y)) == consistency_score(X, y)


def test_columns_may_be_booleans_and_integers():
    X, y = people(11)
    frame = pd.DataFrame({"a": X[:, 0] > 0, "b": (10 * X[:, 1]).astype(int)})
    assert consistency_score(frame, y) == consistency_score(frame.to_numpy(float), y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": pd.DataFrame({"a": ["x", "y", "z"]})}, r"not numbers \('a'\)"),
        ({"X": np.array([["x"], ["y"], ["z"]])}, r"not numbers \('x0'\)"),
        ({"X": [[0.0], [np.nan], [1.0]]}, "missing or infinite values in 'x0'"),
        ({"X": pl.DataFrame({"a": [1, None, 2]})}, "missing or infinite values in 'a'"),
        ({"X": [0, 1, 2]}, "X must have two axes"),
        ({"X": sparse.eye(3).tocsr()}, "X is sparse"),
        ({"y_pred": [0, 1]}, "X has 3 rows but y_pred has 2"),
        ({"y_pred": [0, None, 1]}, "y_pred has 1 missing values"),
        ({"n_neighbors": 3}, "n_neighbors=3 is too many for 3 rows"),
        ({"n_neighbors": 0}, "n_neighbors must be 1 or more"),
        ({"n_neighbors": 1.5}, "n_neighbors must be 1 or more"),
        ({"sample_weight": [1, 1, -1]}, "non-negative"),
        ({"sample_weight": [1, 1, 0]}, "n_neighbors=2 is too many for 2 rows"),
    ],
)
def test_bad_input_is_refused(change, message):
    given_ = {"X": [[0], [1], [2]], "y_pred": [0, 1, 1], "n_neighbors": 2} | change
    with pytest.raises(ValueError, match=message):
        consistency_score(given_.pop("X"), given_.pop("y_pred"), **given_)


def test_a_wrong_level_is_refused():
    with pytest.raises(ValueError, match="confidence_level must lie between 0 and 1"):
        consistency_interval([[0], [1]], [0, 1], n_neighbors=1, confidence_level=95)
