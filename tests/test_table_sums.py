"""Several columns at once, regrouping, the bootstrap, and sums of numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.tables import GroupCounts, MomentTable, ScoreTable


def people(seed, n=500, n_groups=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y, h = rng.integers(0, 2, (2, n))
    return y, h, group, rng.choice([0.0, 0.5, 1.0, 3.0], n)


@given(st.integers(0, 10), st.integers(1, 3), st.booleans())
def test_integer_columns_are_crossed_as_tuples_are(seed, n_columns, weighted):
    y, h, _, weight = people(seed, 60)
    rng = np.random.default_rng(seed)
    columns = {f"c{k}": rng.integers(-1, 3, 60) for k in range(n_columns)}
    weight = weight if weighted else None
    table = GroupCounts.from_arrays(
        y, h, sensitive_features=columns, sample_weight=weight
    )
    rows = list(zip(*columns.values(), strict=True))
    for group, counts in zip(table.groups, table.counts, strict=True):
        key = group if n_columns > 1 else (group,)
        mine = np.array([tuple(map(int, row)) == key for row in rows])
        ones = np.ones(60) if weight is None else weight
        for a in range(2):
            for b in range(2):
                assert counts[a, b] == ones[mine & (y == a) & (h == b)].sum()
        assert counts.sum() > 0
    assert table.counts.sum() == (60 if weight is None else weight.sum())
    assert list(table.groups) == sorted(table.groups)
    assert table.names == tuple(columns)


def test_columns_of_many_values_are_crossed_too():
    rng = np.random.default_rng(0)
    n = 100_000
    frame = pd.DataFrame({"a": rng.integers(0, 70, n), "b": rng.integers(0, 70, n)})
    y = rng.integers(0, 2, n)
    table = GroupCounts.from_arrays(y, y, sensitive_features=frame)
    cells = frame.groupby(["a", "b"]).size()
    assert table.groups == tuple(cells.index)
    np.testing.assert_array_equal(table.counts.sum(axis=(1, 2)), cells)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"'b' has 2 rows, 'a' has 3"):
        GroupCounts.from_arrays(
            [0, 1, 1], [0, 1, 1], sensitive_features={"a": [1, 2, 3], "b": [1, 2]}
        )


def test_many_groups_of_integers_warn_as_other_groups_do():
    y = np.arange(300) % 2
    with pytest.warns(FairnessWarning, match="300 groups out of 300 rows"):
        GroupCounts.from_arrays(y, y, sensitive_features=np.arange(300))


@pytest.mark.parametrize("text", ["nan", "None", "<NA>"])
def test_missing_values_turned_into_text_are_suspected(text):
    with pytest.warns(FairnessWarning, match=f"a group named '{text}'"):
        table = GroupCounts.from_arrays(
            [0, 1], [0, 1], sensitive_features=np.array(["a", text])
        )
    assert set(table.groups) == {"a", text}


@pytest.mark.parametrize("weighted", [False, True])
def test_regrouping_equals_counting_coarser_groups(weighted):
    y, h, group, weight = people(1, n_groups=4)
    score = np.round(np.random.default_rng(1).random(len(y)), 2)
    weight = weight if weighted else None
    places, names = np.array([1, 0, 1, 1]), ("coarse",)
    coarse = np.array(["x", "y"])[places[group]]
    options = {"sample_weight": weight}

    def both(build):
        fine = build(sensitive_features={"fine": group}, **options)
        return (
            fine.regroup(places, ("x", "y"), names),
            build(sensitive_features={"coarse": coarse}, **options),
        )

    counts = both(lambda **k: GroupCounts.from_arrays(y, h, **k))
    scores = both(lambda **k: ScoreTable.from_arrays(y, score, **k))
    moments = both(lambda **k: MomentTable.from_arrays({"s": score}, **k))
    for (found, expected), fields in (
        (counts, ("counts", "squares")),
        (scores, ("scores", "weights", "squares", "starts")),
        (moments, ("sums", "products")),
    ):
        assert found.groups == expected.groups
        assert found.names == expected.names
        for field in fields:
            np.testing.assert_allclose(getattr(found, field), getattr(expected, field))


def test_squares_of_scores_are_sums_of_squared_weights():
    y, _, group, weight = people(2)
    score = np.round(np.random.default_rng(2).random(len(y)), 1)
    table = ScoreTable.from_arrays(
        y, score, sensitive_features=group, sample_weight=weight
    )
    squared = ScoreTable.from_arrays(
        y, score, sensitive_features=group, sample_weight=weight**2
    )
    np.testing.assert_allclose(table.squares, squared.weights)
    plain = ScoreTable.from_arrays(y, score, sensitive_features=group)
    np.testing.assert_array_equal(plain.squares, plain.weights)
    np.testing.assert_allclose((table + plain).squares.sum(), (weight**2).sum() + 500)


@pytest.mark.parametrize("weighted", [False, True])
def test_resampled_counts_have_the_moments_of_drawing_rows_again(weighted):
    y, h, group, weight = people(3, n=300)
    weight = weight if weighted else np.ones(300)
    table = GroupCounts.from_arrays(
        y, h, sensitive_features=group, sample_weight=weight
    )
    draws = table.resample(4000, random_state=0).reshape(4000, -1)
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 300, (4000, 300))
    cell = (group * 2 + y) * 2 + h
    by_rows = np.array(
        [np.bincount(cell[r], weights=weight[r], minlength=12) for r in rows]
    )
    np.testing.assert_allclose(draws.mean(axis=0), table.counts.ravel(), rtol=0.05)
    np.testing.assert_allclose(draws.std(axis=0), by_rows.std(axis=0), rtol=0.1)
    if not weighted:
        assert (draws.sum(axis=1) == 300).all()


def test_resampling_is_repeatable():
    table = GroupCounts.from_arrays(*people(4)[:2], sensitive_features=people(4)[2])
    first, second = (table.resample(5, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (table.resample(5, random_state=8) != first).any()


def moments_by_hand(columns, weight):
    z = np.column_stack([np.ones(len(weight)), *columns])
    return weight @ z, (z * weight[:, None] ** 2).T @ z


@given(st.integers(0, 20), st.booleans())
def test_moments_are_weighted_sums(seed, weighted):
    y, h, group, weight = people(seed, 40)
    weight = weight if weighted else np.ones(40)
    table = MomentTable.from_arrays(
        {"y": y, "h": h}, sensitive_features=group, sample_weight=weight
    )
    for g, label in enumerate(table.groups):
        mine = group == label
        sums, products = moments_by_hand((y[mine], h[mine]), weight[mine])
        np.testing.assert_allclose(table.sums[g], sums)
        np.testing.assert_allclose(table.products[g], products)
        w = weight[mine]
        assert table.n[g] == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_standard_errors_of_means_are_the_usual_ones():
    rng = np.random.default_rng(0)
    values, group = rng.normal(5, 2, 400), rng.integers(0, 2, 400)
    table = MomentTable.from_arrays(
        {"a": values, "b": values**2}, sensitive_features=group
    )
    for g in (0, 1):
        mine = np.stack([values, values**2])[:, group == g]
        expected = np.cov(mine) / mine.shape[1]
        np.testing.assert_allclose(table.covariances[g], expected)
        np.testing.assert_allclose(table.means[g], mine.mean(axis=1))


def test_a_single_person_has_a_mean_without_a_standard_error():
    table = MomentTable.from_arrays({"a": [3.0, 1, 2]}, sensitive_features=list("xyy"))
    assert table.means[0] == 3
    assert np.isnan(table.covariances[0]).all()
    assert not np.isnan(table.covariances[1]).any()


def test_moments_add_up():
    y, h, group, weight = people(5)
    cut = 200
    parts = [
        MomentTable.from_arrays(
            {"y": y[rows]},
            sensitive_features=group[rows],
            sample_weight=weight[rows],
        )
        for rows in (slice(None, cut), slice(cut, None))
    ]
    whole = MomentTable.from_arrays(
        {"y": y}, sensitive_features=group, sample_weight=weight
    )
    found = parts[0] + parts[1]
    place = [found.groups.index(label) for label in whole.groups]
    np.testing.assert_allclose(found.sums[place], whole.sums)
    np.testing.assert_allclose(found.products[place], whole.products)
    with pytest.raises(ValueError, match="different columns"):
        whole + MomentTable.from_arrays({"h": h}, sensitive_features=group)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([1, np.nan], "v holds 1 missing or infinite values"),
        (["a", "b"], "v must hold numbers"),
        ([1, 2, 3], "one value per row"),
    ],
)
def test_numbers_must_be_numbers(values, match):
    with pytest.raises(ValueError, match=match):
        MomentTable.from_arrays({"v": values}, sensitive_features=[0, 1])
