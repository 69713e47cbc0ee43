"""One column becomes codes and sorted labels, whatever container it comes in."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fairlearnkit._factorize import (
    factorize,
    factorize_integers,
    is_missing,
    plain_integers,
    to_numpy,
)

CELLS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from(["a", "b", "", "<x>"]),
    st.floats(-2, 2, width=16),
    st.booleans(),
)


@given(st.lists(CELLS, min_size=1, max_size=30))
def test_codes_reproduce_the_values_and_labels_are_distinct(values):
    codes, labels = factorize(values, "it")
    assert [labels[code] for code in codes] == values
    assert len(set(labels)) == len(labels) == len(set(values))


@given(
    hnp.arrays(
        st.sampled_from(["int8", "uint8", "int32", "int64", "uint64", "bool"]),
        st.integers(1, 40),
    )
)
def test_integers_are_coded_as_numpy_unique_codes_them(array):
    codes, labels = factorize_integers(array)
    expected, inverse = np.unique(array, return_inverse=True)
    assert labels == expected.tolist()
    assert codes.tolist() == inverse.tolist()
    assert [type(label) for label in labels] == [type(x) for x in expected.tolist()]


@pytest.mark.parametrize(
    "array",
    [
        np.array([0, 2**64 - 1, 5], dtype=np.uint64),
        np.array([2**63 + 7, 2**63 + 5], dtype=np.uint64),
        np.array([-(2**63), 2**63 - 1, 0]),
        np.array([10**15, 10**15 + 3, 10**15]),
    ],
)
def test_integers_of_any_size_are_coded_exactly(array):
    codes, labels = factorize(array, "it")
    assert [labels[code] for code in codes] == array.tolist()
    assert labels == sorted(labels)


def test_no_integers_have_no_labels():
    codes, labels = factorize_integers(np.array([], dtype=int))
    assert codes.shape == (0,)
    assert labels == []


@pytest.mark.parametrize(
    "missing", [None, np.nan, float("nan"), pd.NA, pd.NaT, np.float64("nan")]
)
def test_every_kind_of_missing_value_is_counted_and_named(missing):
    assert is_missing(missing)
    with pytest.raises(ValueError, match="'sex' has 2 missing values in 3 rows"):
        factorize(["a", missing, missing], "sensitive feature 'sex'")
    codes, labels = factorize(["b", missing, "a", missing], "sex", "group")
    assert labels == ["a", "b", "<missing>"]
    assert codes.tolist() == [1, 2, 0, 2]


@pytest.mark.parametrize(
    "column",
    [
        np.array([1.0, np.nan, 2.0]),
        np.array([1, None, 2], dtype=object),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series([1, None, 2], dtype="float32"),
        pl.Series([1, None, 2]),
        pl.Series([1.0, float("nan"), 2.0]),
        pa.chunked_array([[1, None, 2]]),
    ],
    ids=lambda column: (
        f"{type(column).__module__}-{column.dtype if hasattr(column, 'dtype') else ''}"
    ),
)
def test_missing_numbers_become_one_group_in_every_container(column):
    codes, labels = factorize(column, "it", "group")
    assert labels == [1, 2, "<missing>"]
    assert codes.tolist() == [0, 2, 1]


def test_numpy_dates_may_be_missing_too():
    days = np.array(["2024-02-01", "NaT", "2024-01-01"], dtype="datetime64[D]")
    codes, labels = factorize(days, "day", "group")
    assert codes.tolist() == [1, 2, 0]
    assert labels[0] == datetime.date(2024, 1, 1)


@pytest.mark.parametrize(
    "column",
    [
        np.array([1.0, np.inf]),
        [1.0, float("inf")],
        np.array(["a", -np.inf], dtype=object),
        pd.Series([1.0, np.inf]),
        pl.Series([1.0, float("inf")]),
    ],
)
def test_infinity_is_refused(column):
    with pytest.raises(ValueError, match="age contains infinity"):
        factorize(column, "age")


@pytest.mark.parametrize(
    "column", [np.array([1j, 2]), [1j, 2], np.array(["a", 1j], dtype=object)]
)
def test_complex_numbers_are_refused(column):
    with pytest.raises(ValueError, match="Complex data not supported in age"):
        factorize(column, "age")


def test_a_cell_that_cannot_be_a_label_is_a_type_error():
    cells = np.array([{"a": 1}, "b"], dtype=object)
    with pytest.raises(TypeError, match="must be a string or a real number"):
        factorize(cells, "it")


def test_two_dimensional_values_are_refused():
    with pytest.raises(ValueError, match="it must be one-dimensional"):
        factorize(np.ones((2, 2)), "it")


def test_mixed_types_sort_by_type_then_text():
    _, labels = factorize(["b", 2, "a", 1], "it")
    assert labels == [1, 2, "a", "b"]


@pytest.mark.parametrize("container", [list, tuple])
def test_lists_and_tuples_keep_the_types_of_their_items(container):
    assert to_numpy(container([1, "a"])).tolist() == [1, "a"]


def test_only_columns_of_plain_integers_are_viewed_as_such():
    assert plain_integers(np.array([1, 2], dtype=np.uint8)).tolist() == [1, 2]
    assert plain_integers(np.array([True, False])).tolist() == [True, False]
    assert plain_integers(pd.Series([1, 2], dtype="Int64")).tolist() == [1, 2]
    assert plain_integers(pl.Series([1, 2])).tolist() == [1, 2]
    for other in (
        [1, 2],
        np.array([1.0]),
        np.array([["a"]]),
        np.array([1], dtype=np.uint64),
        pd.Series([1, None], dtype="Int64"),
        pl.Series([1, None]),
        pl.Series([1.5]),
    ):
        assert plain_integers(other) is None
