"""ScoreTable against a dictionary of cells, and its rounding of scores."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit._groups import resolve_groups
from fairlearnkit.tables import ScoreTable

SCORES = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, np.inf, -np.inf]),
    st.floats(-3, 3, width=16),
)


def cells_by_loop(y, scores, groups, weight):
    cells = defaultdict(float)
    for row in zip(groups, scores, y, weight, strict=True):
        cells[row[:-1]] += row[-1]
    return {cell: total for cell, total in cells.items() if total}


def as_cells(table):
    codes = table.group_of_rows()
    return {
        (table.groups[g], score, table.classes[j]): weight[j]
        for g, score, weight in zip(codes, table.scores, table.weights, strict=True)
        for j in range(len(table.classes))
        if weight[j]
    }


def assert_sorted(table):
    for g in range(len(table.groups)):
        scores = table.scores[table.rows(g)]
        assert (scores[1:] > scores[:-1]).all()
    assert table.starts[0] == 0
    assert table.starts[-1] == len(table.scores) == len(table.weights)


@st.composite
def scored_people(draw):
    n = draw(st.integers(1, 25))

    def column(items):
        return draw(st.lists(items, min_size=n, max_size=n))

    labels = st.sampled_from(
        draw(st.sampled_from([[0, 1], ["bad", "good"], [0, 1, 2]]))
    )
    weights = st.sampled_from([0.0, 0.5, 1.0, 3.0])
    return (
        column(labels),
        column(SCORES),
        column(st.sampled_from("abc")),
        column(weights),
    )


@given(scored_people())
def test_every_cell_is_the_sum_of_its_weights(data):
    y, scores, group, weight = data
    ones = np.ones(len(y))
    plain = ScoreTable.from_arrays(y, scores, sensitive_features=group)
    assert as_cells(plain) == cells_by_loop(y, scores, group, ones)
    assert_sorted(plain)
    unit = ScoreTable.from_arrays(
        y, scores, sensitive_features=group, sample_weight=ones
    )
    assert as_cells(unit) == as_cells(plain)
    assert unit.starts.tolist() == plain.starts.tolist()
    weighted = ScoreTable.from_arrays(
        y, scores, sensitive_features=group, sample_weight=weight
    )
    assert as_cells(weighted) == cells_by_loop(y, scores, group, weight)
    assert_sorted(weighted)


@given(scored_people(), st.integers(1, 24))
def test_chunks_add_up_to_the_whole(data, cut):
    y, scores, group, weight = data
    classes = sorted(set(y))

    def count(rows):
        return ScoreTable.from_arrays(
            y[rows],
            scores[rows],
            sensitive_features=group[rows],
            sample_weight=weight[rows],
            classes=classes,
        )

    if cut < len(y):
        total = count(slice(cut)) + count(slice(cut, None))
        assert_sorted(total)
        assert as_cells(total) == pytest.approx(as_cells(count(slice(None))))


@given(scored_people())
def test_overall_forgets_the_group_only(data):
    y, scores, group, _ = data
    table = ScoreTable.from_arrays(y, scores, sensitive_features={"who": group})
    pooled = table.overall()
    everyone = ["overall"] * len(y)
    assert as_cells(pooled) == cells_by_loop(y, scores, everyone, np.ones(len(y)))
    assert pooled.names == table.names == ("who",)
    np.testing.assert_allclose(pooled.totals, table.totals.sum(axis=0, keepdims=True))


@pytest.mark.parametrize("n_groups", [2, 2047, 2048, 2049, 3000])
@pytest.mark.parametrize("weighted", [False, True])
def test_any_number_of_groups_is_counted_alike(n_groups, weighted):
    rng = np.random.default_rng(0)
    n = 6 * n_groups
    codes = np.concatenate(
        [np.arange(n_groups), rng.integers(0, n_groups, n - n_groups)]
    )
    y, scores = rng.integers(0, 2, n), rng.integers(-3, 4, n) / 2
    weight = rng.integers(1, 4, n) if weighted else np.ones(n)
    groups = resolve_groups(sensitive_features=codes.repeat(4))  # enough rows a group
    table = ScoreTable.from_arrays(
        y.repeat(4),
        scores.repeat(4),
        sensitive_features=groups,
        sample_weight=weight.repeat(4) if weighted else None,
    )
    expected = cells_by_loop(y.tolist(), scores.tolist(), codes.tolist(), 4 * weight)
    assert as_cells(table) == expected
    assert_sorted(table)


@given(st.lists(st.floats(allow_nan=False), min_size=2))
def test_quantize_is_monotone_idempotent_and_close(scores):
    scores = np.sort(scores)
    rounded = ScoreTable.quantize(scores)
    assert (rounded[1:] >= rounded[:-1]).all()
    np.testing.assert_array_equal(ScoreTable.quantize(rounded), rounded)
    assert (np.abs(rounded) <= np.abs(scores)).all()
    normal = np.isfinite(scores) & (np.abs(scores) > 1e-300)
    np.testing.assert_allclose(rounded[normal], scores[normal], rtol=1e-12)
    np.testing.assert_array_equal(np.isinf(scores), np.isinf(rounded))


def test_scores_that_differ_by_rounding_noise_are_one():
    noisy = 0.1 + 0.2
    table = ScoreTable.from_arrays([0, 1], [0.3, noisy], sensitive_features=["a", "a"])
    assert noisy != 0.3
    assert len(table.scores) == 1
    assert ScoreTable.quantize(noisy) == table.scores[0]


def test_the_smallest_negative_numbers_are_zero():
    table = ScoreTable.from_arrays(
        [0, 1, 1], [-5e-324, 0.0, -0.0], sensitive_features=["a", "a", "a"]
    )
    assert table.scores.tolist() == [0.0]


def test_quantized_scores_find_their_row_in_the_table():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(size=50), [-np.inf, np.inf, 0.0]])
    y = np.arange(len(scores)) % 2
    table = ScoreTable.from_arrays(y, scores, sensitive_features=np.zeros(len(y), int))
    assert np.isin(ScoreTable.quantize(scores), table.scores).all()
    assert table.scores[0] == -np.inf
    assert table.scores[-1] == np.inf


def test_a_group_without_weight_is_absent():
    table = ScoreTable.from_arrays(
        [0, 1, 1],
        [0.1, 0.2, 0.3],
        sensitive_features=["a", "b", "c"],
        sample_weight=[1, 0, 1],
    )
    assert table.groups == ("a", "c")
    np.testing.assert_array_equal(table.totals, [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"scores": [0.1, np.nan]}, "scores hold 1 NaN"),
        ({"scores": [0.1]}, r"scores has shape \(1,\) but .* 2 rows"),
        ({"scores": [[0.1], [0.2]]}, r"scores has shape \(2, 1\)"),
        ({"y_true": [1]}, "y_true has shape"),
        ({"y_true": [1, None]}, "y_true has 1 missing"),
        ({"sample_weight": [1, -1]}, "non-negative"),
        ({"classes": [0, 2]}, r"\[1\] are not in classes"),
        ({"sensitive_features": ["a", None]}, "'sensitive_features' has 1 missing"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, match):
    good = {"y_true": [0, 1], "scores": [0.1, 0.2], "sensitive_features": ["a", "b"]}
    with pytest.raises(ValueError, match=match):
        ScoreTable.from_arrays(**(good | arguments))


def test_tables_of_other_classes_or_columns_do_not_add():
    first = ScoreTable.from_arrays([0, 1], [0, 1], sensitive_features=["a", "b"])
    second = ScoreTable.from_arrays([0, 2], [0, 1], sensitive_features=["a", "b"])
    with pytest.raises(ValueError, match="different classes"):
        first + second
    third = ScoreTable.from_arrays([0, 1], [0, 1], sensitive_features={"x": ["a", "b"]})
    with pytest.raises(ValueError, match="different sensitive features"):
        first + third
    with pytest.raises(TypeError):
        first + 1


def test_a_single_number_is_quantized_to_a_single_number():
    for number in (-1.0, 0.0, 0.3):
        found = ScoreTable.quantize(number)
        assert found.shape == ()
        assert float(found) == ScoreTable.quantize([number])[0]
