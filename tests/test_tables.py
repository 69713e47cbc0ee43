"""GroupCounts against a loop over rows: whatever the container, chunk or engine."""

from collections import defaultdict

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fairlearnkit.tables import GroupCounts

ENGINES = {
    "pandas": lambda frame: frame,
    "nullable": lambda frame: frame.convert_dtypes(),
    "categorical": lambda frame: frame.astype({"sex": "category"}),
    "polars": pl.from_pandas,
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pyarrow": pa.Table.from_pandas,
}


def count_by_loop(y_true, y_pred, groups, weight):
    cells = defaultdict(float)
    for t, p, g, w in zip(y_true, y_pred, groups, weight, strict=True):
        cells[g, t, p] += w
    return {cell: total for cell, total in cells.items() if total}


def as_cells(table, which="counts"):
    values = getattr(table, which)
    return {
        (g, t, p): values[i, j, k]
        for i, g in enumerate(table.groups)
        for j, t in enumerate(table.classes)
        for k, p in enumerate(table.classes)
        if values[i, j, k]
    }


def assert_same(first, second):
    assert set(first.groups) == set(second.groups)
    assert first.classes == second.classes
    for which in ("counts", "squares"):
        assert as_cells(first, which) == pytest.approx(as_cells(second, which))


@st.composite
def people(draw):
    n = draw(st.integers(1, 30))
    labels = draw(st.sampled_from([[0, 1], ["no", "yes"], [False, True], [-5, 3, 9]]))
    column = st.lists(st.sampled_from(labels), min_size=n, max_size=n)
    group = st.lists(st.sampled_from(["a", "b", "c"]), min_size=n, max_size=n)
    weight = st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=n, max_size=n)
    return draw(column), draw(column), draw(group), draw(weight)


@given(people())
def test_every_cell_is_the_sum_of_its_weights(data):
    y_true, y_pred, group, weight = data
    for array in (list, np.array):
        table = GroupCounts.from_arrays(
            array(y_true),
            array(y_pred),
            sensitive_features=array(group),
            sample_weight=weight,
        )
        assert as_cells(table) == count_by_loop(y_true, y_pred, group, weight)
        squared = np.square(weight)
        expected = count_by_loop(y_true, y_pred, group, squared)
        assert as_cells(table, "squares") == expected
        assert table.groups == tuple(sorted(set(group)))
        assert table.classes == tuple(sorted({*y_true, *y_pred}))


@given(people())
def test_weights_of_one_change_nothing_and_whole_weights_repeat_rows(data):
    y_true, y_pred, group, weight = data
    count = GroupCounts.from_arrays
    plain = count(y_true, y_pred, sensitive_features=group)
    ones = np.ones(len(group))
    assert_same(
        count(y_true, y_pred, sensitive_features=group, sample_weight=ones), plain
    )
    times = (2 * np.array(weight)).astype(int)
    repeated = count(
        np.repeat(y_true, times),
        np.repeat(y_pred, times),
        sensitive_features=np.repeat(group, times),
    )
    weighted = count(y_true, y_pred, sensitive_features=group, sample_weight=times)
    assert as_cells(weighted) == as_cells(repeated)


@given(people(), st.integers(0, 30))
def test_chunks_add_up_to_the_whole(data, cut):
    y_true, y_pred, group, weight = data
    cut = min(max(cut, 1), len(group) - 1) if len(group) > 1 else 1

    def count(rows):
        return GroupCounts.from_arrays(
            y_true[rows],
            y_pred[rows],
            sensitive_features=group[rows],
            sample_weight=weight[rows],
        )

    whole = count(slice(None))
    if cut < len(group):
        first, second = count(slice(cut)), count(slice(cut, None))
        assert_same(first + second, whole)
        assert_same(second + first, whole)


@given(people(), st.sampled_from(sorted(ENGINES)))
def test_every_engine_counts_as_arrays_do(data, engine):
    y_true, y_pred, group, weight = data
    frame = pd.DataFrame({"y": y_true, "p": y_pred, "sex": group, "w": weight})
    table = GroupCounts.from_frame(
        ENGINES[engine](frame),
        y_true="y",
        y_pred="p",
        sensitive_features="sex",
        sample_weight="w",
    )
    expected = GroupCounts.from_arrays(
        y_true, y_pred, sensitive_features={"sex": group}, sample_weight=weight
    )
    assert_same(table, expected)
    assert table.groups == expected.groups
    assert table.names == ("sex",)


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_cross_several_columns(engine):
    frame = pd.DataFrame(
        {"y": [0, 1, 1, 1], "sex": ["F", "M", "F", "F"], "race": [1, 1, 2, 2]}
    )
    table = GroupCounts.from_frame(
        ENGINES[engine](frame),
        y_true="y",
        y_pred="y",
        sensitive_features=["sex", "race"],
    )
    assert table.groups == (("F", 1), ("F", 2), ("M", 1))
    assert as_cells(table) == {
        (("F", 1), 0, 0): 1,
        (("F", 2), 1, 1): 2,
        (("M", 1), 1, 1): 1,
    }


# Older pandas casts NaN on the way to its nullable types.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_refuse_what_arrays_refuse(engine):
    good = {"y": [0, 1], "p": [0, 1], "sex": ["a", "b"], "w": [1.0, 2.0]}

    def count(**bad):
        return GroupCounts.from_frame(
            ENGINES[engine](pd.DataFrame(good | bad)),
            y_true="y",
            y_pred="p",
            sensitive_features="sex",
            sample_weight="w",
        )

    assert count().counts.sum() == 3
    for bad, match in (
        ({"p": [0.0, 0.4]}, "p holds continuous values such as 0.4"),
        ({"y": [0.0, None]}, "'y' has 1 missing values in 2 rows"),
        ({"sex": ["a", None]}, "'sex' has 1 missing values in 2 rows"),
        ({"w": [1.0, -1.0]}, "finite and non-negative"),
        ({"w": [1.0, None]}, "finite and non-negative"),
        ({"w": [1.0, np.inf]}, "finite and non-negative"),
        ({"y": [], "p": [], "sex": [], "w": []}, "no rows"),
    ):
        with pytest.raises(ValueError, match=match):
            count(**bad)


def test_a_frame_of_many_groups_raises_no_warning_about_its_cells():
    frame = pd.DataFrame({"y": [0, 1] * 3000, "g": np.arange(60).repeat(100)})
    table = GroupCounts.from_frame(
        frame, y_true="y", y_pred="y", sensitive_features="g"
    )
    assert len(table.groups) == 60


@given(
    hnp.arrays(st.sampled_from(["int8", "uint8", "int64", "uint64", "bool"]), 12),
    hnp.arrays(st.sampled_from(["int8", "uint8", "bool"]), 12),
)
def test_integer_columns_of_every_type_count_alike(group, label):
    weight = np.ones(12)
    table = GroupCounts.from_arrays(label, label[::-1], sensitive_features=group)
    expected = count_by_loop(
        label.tolist(), label[::-1].tolist(), group.tolist(), weight
    )
    assert as_cells(table) == expected


@pytest.mark.parametrize("late", [300, -7, 10**12, -(2**62)])
@pytest.mark.parametrize("where", ["group", "y_true", "y_pred"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_value_that_first_appears_late_is_counted(late, where, weighted):
    rng = np.random.default_rng(0)
    n = 70_000  # more rows than one chunk
    columns = {name: rng.integers(0, 3, n) for name in ("group", "y_true", "y_pred")}
    columns[where][-5] = late
    weight = rng.integers(1, 4, n).astype(float) if weighted else None
    table = GroupCounts.from_arrays(
        columns["y_true"],
        columns["y_pred"],
        sensitive_features=columns["group"],
        sample_weight=weight,
    )
    frame = pd.DataFrame(columns).assign(w=1.0 if weight is None else weight)
    expected = frame.groupby(["group", "y_true", "y_pred"])["w"].sum().to_dict()
    assert as_cells(table) == expected


@pytest.mark.parametrize("huge", [2**63 + 1, 2**64 - 1])
def test_unsigned_labels_beyond_the_signed_range_are_counted(huge):
    label = np.array([huge, 3, huge], dtype=np.uint64)
    table = GroupCounts.from_arrays(label, label, sensitive_features=label)
    assert as_cells(table) == {(huge, huge, huge): 2, (3, 3, 3): 1}


def test_identifiers_given_as_labels_are_refused_not_allocated():
    ids = np.arange(5000)
    with pytest.raises(ValueError, match=r"5000 x 5000 .* too large"):
        GroupCounts.from_arrays(ids, ids, sensitive_features=np.zeros(5000, int))


@pytest.mark.parametrize("form", [list, np.array])
def test_people_without_weight_count_as_absent(form):
    table = GroupCounts.from_arrays(
        [0, 1, 1],
        [0, 0, 1],
        sensitive_features=form(["a", "b", "c"]),
        sample_weight=[1, 0, 2],
    )
    assert as_cells(table) == {("a", 0, 0): 1, ("c", 1, 1): 2}
    assert table.groups == ("a", "c")
    frame = pd.DataFrame({"y": [0, 1], "g": ["a", "b"], "w": [1, 0]})
    table = GroupCounts.from_frame(
        frame, y_true="y", y_pred="y", sensitive_features="g", sample_weight="w"
    )
    assert table.groups == ("a",)


def test_weights_too_small_to_square_still_count():
    table = GroupCounts.from_arrays(
        [0, 1], [0, 1], sensitive_features=["a", "b"], sample_weight=[1, 1e-200]
    )
    assert as_cells(table)["b", 1, 1] == 1e-200


def test_classes_may_be_more_than_occur_and_come_in_order():
    table = GroupCounts.from_arrays(
        ["no"], ["no"], sensitive_features=["a"], classes=["yes", "no"]
    )
    assert table.classes == ("no", "yes")
    assert table.counts.shape == (1, 2, 2)
    assert (table + table).classes == table.classes
    with pytest.raises(ValueError, match=r"\['maybe'\] are not in classes"):
        GroupCounts.from_arrays(
            ["maybe"], ["no"], sensitive_features=["a"], classes=["no", "yes"]
        )


def test_sums_with_new_groups_and_new_classes_keep_every_count():
    first = GroupCounts.from_arrays([0, 1], [1, 1], sensitive_features=["a", "b"])
    second = GroupCounts.from_arrays([2, 1], [1, 2], sensitive_features=["c", "b"])
    total = first + second
    assert total.classes == (0, 1, 2)
    assert as_cells(total) == {
        ("a", 0, 1): 1,
        ("b", 1, 1): 1,
        ("b", 1, 2): 1,
        ("c", 2, 1): 1,
    }
    assert_same((first + second) + first, first + (second + first))


def test_tables_of_different_columns_or_of_something_else_do_not_add():
    sex = GroupCounts.from_arrays([0], [1], sensitive_features={"sex": ["a"]})
    race = GroupCounts.from_arrays([0], [1], sensitive_features={"race": ["a"]})
    with pytest.raises(ValueError, match=r"\('sex',\) and \('race',\)"):
        sex + race
    with pytest.raises(TypeError):
        sex + 1


def test_totals_and_overall_are_sums():
    table = GroupCounts.from_arrays(
        [0, 1, 1, 0], [1, 1, 0, 0], sensitive_features=["a", "a", "b", "b"]
    )
    np.testing.assert_array_equal(table.totals, [[1, 1], [1, 1]])
    pooled = table.overall()
    np.testing.assert_array_equal(pooled.counts, [[[1, 1], [1, 1]]])
    assert (pooled.groups, pooled.names) == (("overall",), table.names)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"y_pred": [0.2, 0.7]}, "y_pred holds continuous values such as 0.2"),
        ({"y_true": [0.5, 1.0]}, "y_true holds continuous values"),
        ({"y_pred": [0.0, np.nan]}, "y_pred has 1 missing values in 2 rows"),
        ({"y_true": ["a", None]}, r"y_true has 1 missing .* leave those rows out"),
        ({"y_true": [0, 1, 1]}, r"y_true has shape \(3,\) but .* 2 rows"),
        ({"y_pred": [[0], [1]]}, "y_pred must be one-dimensional"),
        ({"y_true": ["a", "b"]}, "mix labels of different types"),
        ({"sample_weight": [1, -1]}, "finite and non-negative"),
        ({"sample_weight": [1, np.nan]}, "finite and non-negative"),
        ({"sample_weight": [1]}, r"shape \(1,\); expected \(2,\)"),
        ({"sensitive_features": ["a", None]}, "'sensitive_features' has 1 missing"),
        (
            {"y_true": [], "y_pred": [], "sensitive_features": []},
            "there are no rows to count",
        ),
    ],
)
def test_bad_input_gets_one_sentence(arguments, match):
    good = {"y_true": [0, 1], "y_pred": [1, 1], "sensitive_features": ["a", "b"]}
    with pytest.raises(ValueError, match=match):
        GroupCounts.from_arrays(**(good | arguments))


def test_floats_that_are_whole_are_labels():
    table = GroupCounts.from_arrays([0.0, 1.0], [True, 1], sensitive_features=[1, 1])
    assert table.classes == (0, 1)


def test_missing_groups_can_be_a_group():
    table = GroupCounts.from_arrays(
        [0, 1], [0, 1], sensitive_features=["a", None], handle_missing="group"
    )
    assert table.groups == ("a", "<missing>")
