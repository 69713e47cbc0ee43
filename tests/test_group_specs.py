"""Columns of X named by a spec: names, indices, callables, bins; and hiding them."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_selector

from fairlearnkit import Binned
from fairlearnkit._groups import drop_columns, resolve_groups

FRAME = pd.DataFrame(
    {"age": [18, 25, 60, 71], "sex": ["F", "M", "F", "M"], "x": [0.5, 1.5, 2.5, 3.5]}
)
FRAMES = {
    "pandas": FRAME,
    "polars": pl.DataFrame(FRAME.to_dict("list")),
    "pyarrow": pl.DataFrame(FRAME.to_dict("list")).to_arrow(),
}
MATRIX = np.array([[0.0, 1.0, 7.0], [1.0, 0.0, 8.0], [1.0, 1.0, 9.0]])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("index", [1, -2, np.int64(1)])
def test_an_index_counts_from_either_end_in_dense_and_sparse_X(form, index):
    groups = resolve_groups(form(MATRIX), spec=index)
    assert groups.labels == (0.0, 1.0)
    assert groups.codes.tolist() == [1, 0, 1]
    assert groups.names == ("x1",)


@pytest.mark.parametrize("name", FRAMES)
def test_an_index_into_a_frame_gives_the_column_with_its_name(name):
    groups = resolve_groups(FRAMES[name], spec=-2)
    assert groups.names == ("sex",)
    assert groups.labels == ("F", "M")


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_out_of_range_is_refused(index):
    with pytest.raises(ValueError, match=f"{index} is not a column of X, which has 3"):
        resolve_groups(MATRIX, spec=index)


@pytest.mark.parametrize("name", FRAMES)
def test_a_wrong_name_brings_close_names(name):
    with pytest.raises(ValueError, match=r"'Sex' is not a column .*mean \['sex'\]"):
        resolve_groups(FRAMES[name], spec="Sex")
    with pytest.raises(ValueError, match=r"'gender' is not a column of X\."):
        resolve_groups(FRAMES[name], spec="gender")


@pytest.mark.parametrize("X", [MATRIX, sparse.csr_array(MATRIX)])
def test_a_name_needs_a_frame(X):
    with pytest.raises(ValueError, match="'sex' names a column, but X is"):
        resolve_groups(X, spec="sex")


def test_a_lazy_frame_is_refused():
    with pytest.raises(TypeError, match="lazy frame; collect it"):
        resolve_groups(FRAMES["polars"].lazy(), spec="sex")


def sex_name(X):
    return "sex"


def both_names(X):
    return ["sex", "age"]


def initials(X):
    return np.array([value[0] for value in X["sex"]])


def test_a_callable_gives_names_or_values():
    assert resolve_groups(FRAME, spec=sex_name).names == ("sex",)
    assert resolve_groups(FRAME, spec=both_names).names == ("sex", "age")
    values = resolve_groups(FRAME, spec=initials)
    assert values.names == ("initials",)
    assert values.labels == ("F", "M")
    picked = resolve_groups(FRAME, spec=make_column_selector("^s"))
    assert picked.names == ("sex",)


@pytest.mark.parametrize("name", FRAMES)
def test_a_list_may_mix_names_indices_bins_and_callables(name):
    spec = ["sex", Binned("age", [60]), 2]
    groups = resolve_groups(FRAMES[name], spec=spec)
    assert groups.names == ("sex", "age", "x")
    assert ("F", "age < 60", 0.5) in groups.labels
    assert ("F", "age >= 60", 2.5) in groups.labels


@pytest.mark.parametrize("name", FRAMES)
def test_bins_are_closed_on_the_chosen_side(name):
    X = FRAMES[name]
    assert Binned("age", [25, 60])(X).tolist() == [
        "age < 25",
        "25 <= age < 60",
        "age >= 60",
        "age >= 60",
    ]
    assert Binned("age", [25, 60], right=True)(X).tolist() == [
        "age <= 25",
        "age <= 25",
        "25 < age <= 60",
        "age > 60",
    ]


@pytest.mark.parametrize(
    "column",
    [
        pd.DataFrame({"age": [30.0, np.nan]}),
        pd.DataFrame({"age": pd.array([30, None], dtype="Int64")}),
        pd.DataFrame({"age": pd.array([30, None], dtype="Float64")}),
        pd.DataFrame({"age": pd.array([30, None], dtype="int64[pyarrow]")}),
        pd.DataFrame({"age": [30, None]}, dtype=object),
        pl.DataFrame({"age": [30, None]}),
        pl.DataFrame({"age": [30.0, float("nan")]}),
    ],
)
def test_a_missing_number_stays_missing_in_its_bin(column):
    spec = Binned("age", [40])
    assert spec(column).tolist() == ["age < 40", None]
    with pytest.raises(ValueError, match="'age' has 1 missing"):
        resolve_groups(column, spec=spec)
    groups = resolve_groups(column, spec=spec, handle_missing="group")
    assert groups.labels == ("age < 40", "<missing>")


def test_bins_work_on_columns_of_arrays_and_sparse_matrices():
    for X in (MATRIX, sparse.csr_array(MATRIX)):
        assert Binned(-1, [8])(X).tolist() == ["x2 < 8", "x2 >= 8", "x2 >= 8"]


def test_bins_of_text_are_refused():
    with pytest.raises(ValueError, match="'sex' is not numeric"):
        Binned("sex", [1])(FRAME)


@pytest.mark.parametrize("edges", [[], [2, 1], [1, 1], [float("nan")], [1, np.nan]])
def test_edges_must_ascend(edges):
    with pytest.raises(ValueError, match="must ascend strictly"):
        Binned("age", edges)


def test_binned_is_a_value():
    spec = Binned("age", [25, 60], right=True)
    assert spec == Binned("age", (25, 60), right=True)
    assert hash(spec) == hash(Binned("age", (25, 60), right=True))
    assert eval(repr(spec)) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert clone(spec, safe=False) == copy.deepcopy(spec) == spec


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ("sex", ["age", "x"]),
        (1, ["age", "x"]),
        (-1, ["age", "sex"]),
        (["sex", 2], ["age"]),
        ((Binned("age", [40]), "x"), ["sex"]),
        (both_names, ["x"]),
    ],
)
def test_dropping_columns_keeps_the_container_and_the_others(name, spec, kept):
    X = FRAMES[name]
    result = drop_columns(X, spec)
    assert type(result) is type(X)
    names = result.column_names if name == "pyarrow" else list(result.columns)
    assert names == kept


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("spec", [0, -3, [0], Binned(0, [0.5])])
def test_dropping_columns_of_arrays(form, spec):
    result = drop_columns(form(MATRIX), spec)
    dense = result.toarray() if sparse.issparse(result) else result
    np.testing.assert_array_equal(dense, MATRIX[:, 1:])


def test_a_frame_whose_names_are_numbers_is_taken_by_position():
    X = pd.DataFrame(MATRIX, columns=[2, 1, 0])
    assert resolve_groups(X, spec=-1).labels == (7.0, 8.0, 9.0)
    assert drop_columns(X, [0, -1]).columns.tolist() == [1]


def test_dropping_needs_names():
    with pytest.raises(ValueError, match=r"'initials' returns values"):
        drop_columns(FRAME, initials)
    with pytest.raises(ValueError, match="drop_sensitive=True needs"):
        drop_columns(FRAME, None)
    with pytest.raises(ValueError, match="'gender' is not a column"):
        drop_columns(FRAME, "gender")
