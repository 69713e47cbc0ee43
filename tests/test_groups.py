"""Groups are the same partition with the same labels, however they are given."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit._groups import Groups, resolve_groups
from fairlearnkit.exceptions import FairnessWarning

SEX = ["F", "M", "M", "F", "M", "F"]
RACE = [2, 1, 1, 3, 2, 2]
FRAME = pd.DataFrame({"sex": SEX, "race": RACE, "x": np.arange(6.0)})
CONTAINERS = {
    "pandas": FRAME,
    "nullable": FRAME.convert_dtypes(),
    "pyarrow dtypes": FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "object": FRAME.astype(object),
    "categorical": FRAME.assign(
        sex=pd.Categorical(SEX, categories=["M", "X", "F"]),
        race=pd.Categorical(RACE, categories=[9, 3, 2, 1]),
    ),
    "polars": pl.DataFrame(FRAME.to_dict("list")),
    "polars categorical": pl.DataFrame(FRAME.to_dict("list")).cast(
        {"sex": pl.Categorical}
    ),
    "pyarrow": pl.DataFrame(FRAME.to_dict("list")).to_arrow(),
    "dict": FRAME.to_dict("list"),
}
ARRAYS = {
    "object": FRAME.to_numpy(dtype=object),
    "list": FRAME.to_numpy(dtype=object).tolist(),
    "tuples": list(FRAME.itertuples(index=False, name=None)),
}


def rows_by_label(groups):
    return {
        label: np.flatnonzero(groups.codes == code).tolist()
        for code, label in enumerate(groups.labels)
    }


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("entrance", ["spec", "values"])
def test_the_container_does_not_matter(name, entrance):
    frame = CONTAINERS[name]
    if entrance == "values":
        both = {"sex": frame["sex"], "race": frame["race"]}
        groups = resolve_groups(sensitive_features=both)
    elif name == "dict":
        groups = resolve_groups(sensitive_features={"sex": SEX, "race": RACE})
    else:
        groups = resolve_groups(frame, spec=["sex", "race"])
    assert groups.names == ("sex", "race")
    assert groups.labels == (("F", 2), ("F", 3), ("M", 1), ("M", 2))
    assert groups.codes.tolist() == [0, 2, 2, 1, 3, 0]


@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
def test_a_frame_of_values_is_read_as_its_columns(name):
    frame = CONTAINERS[name]
    two = frame.select(["sex", "race"]) if name != "pandas" else FRAME[["sex", "race"]]
    groups = resolve_groups(sensitive_features=two)
    assert groups.labels == (("F", 2), ("F", 3), ("M", 1), ("M", 2))


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_columns_without_names(name):
    groups = resolve_groups(sensitive_features=ARRAYS[name])
    assert groups.names == tuple(f"sensitive_features_{j}" for j in range(3))
    assert len(groups) == 6
    single = resolve_groups(sensitive_features=np.array(SEX)[:, None])
    assert single.labels == ("F", "M")
    assert single.names == ("sensitive_features",)


def test_a_series_keeps_its_name():
    assert resolve_groups(sensitive_features=FRAME["sex"]).names == ("sex",)
    assert resolve_groups(sensitive_features=pl.Series("sex", SEX)).names == ("sex",)


def test_only_occurring_combinations_are_groups():
    groups = resolve_groups(sensitive_features={"a": [0, 0, 1], "b": ["x", "y", "x"]})
    assert rows_by_label(groups) == {(0, "x"): [0], (0, "y"): [1], (1, "x"): [2]}


def test_values_win_over_the_spec():
    groups = resolve_groups(FRAME, spec="sex", sensitive_features=RACE)
    assert groups.labels == (1, 2, 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz")), min_size=1))
def test_codes_reproduce_the_crossed_values(rows):
    first, second = zip(*rows, strict=True)
    columns = {"a": np.array(first), "b": list(second)}
    groups = resolve_groups(sensitive_features=columns)
    assert [groups.labels[code] for code in groups.codes] == rows
    assert list(groups.labels) == sorted(set(rows))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.randoms())
def test_permuting_rows_permutes_codes_and_renaming_groups_renames_labels(
    values, random
):
    groups = resolve_groups(sensitive_features=np.array(values))
    order = list(range(len(values)))
    random.shuffle(order)
    permuted = resolve_groups(sensitive_features=np.array(values)[order])
    assert permuted.labels == groups.labels
    assert permuted.codes.tolist() == groups.codes[order].tolist()
    renamed = resolve_groups(sensitive_features=[f"g{9 - v}" for v in values])
    partition = {tuple(rows) for rows in rows_by_label(groups).values()}
    assert {tuple(rows) for rows in rows_by_label(renamed).values()} == partition


def test_take_keeps_the_rows_and_only_their_groups():
    groups = resolve_groups(sensitive_features=np.array(SEX))
    kept = groups.take(np.array([1, 2]))
    assert kept.labels == ("M",)
    assert kept.codes.tolist() == [0, 0]
    mask = np.array([True, True, False, False, False, False])
    assert groups.take(mask).labels == ("F", "M")


def test_integers_at_fit_match_floats_at_predict():
    known = resolve_groups(sensitive_features=np.array([0, 1, 2])).labels
    later = resolve_groups(sensitive_features=np.array([2.0, 0.0]))
    assert later.encode(known).tolist() == [2, 0]


def test_labels_match_between_containers():
    known = resolve_groups(CONTAINERS["categorical"], spec=["sex", "race"]).labels
    for name in ("polars", "pyarrow", "nullable"):
        later = resolve_groups(CONTAINERS[name], spec=["sex", "race"])
        assert later.encode(known).tolist() == [0, 2, 2, 1, 3, 0]


def test_an_unseen_group_is_named_or_pooled():
    groups = resolve_groups(sensitive_features={"sex": ["F", "X", "X", "Y"]})
    with pytest.raises(ValueError, match=r"sex='X' was not seen .*3 rows in 2 unseen"):
        groups.encode(("F", "M"))
    pooled = groups.encode(("F", "M"), handle_unknown="pooled")
    assert pooled.tolist() == [0, -1, -1, -1]


def test_a_group_is_described_by_its_columns():
    groups = resolve_groups(FRAME, spec=["sex", "race"])
    assert groups.describe(1) == "sex='F', race=3"
    assert Groups(np.array([0]), ("F",), ("sex",)).describe(0) == "sex='F'"


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_values_are_an_error_with_name_and_count_or_a_group(missing):
    values = {"sex": ["F", missing, "M", missing], "race": [1, 1, 2, 2]}
    with pytest.raises(ValueError, match=r"'sex' has 2 missing .*handle_missing"):
        resolve_groups(sensitive_features=values)
    groups = resolve_groups(sensitive_features=values, handle_missing="group")
    assert groups.labels == (
        ("F", 1),
        ("M", 2),
        ("<missing>", 1),
        ("<missing>", 2),
    )


def test_without_spec_and_values_both_entrances_are_named():
    match = r"Reweighing needs .*sensitive_features='sex'.*sensitive_features=<values>"
    with pytest.raises(ValueError, match=match):
        resolve_groups(FRAME, owner="Reweighing")


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="has 2 rows but X has 6"):
        resolve_groups(FRAME, sensitive_features=["a", "b"])
    with pytest.raises(ValueError, match="'b' has 1 rows, 'a' has 2"):
        resolve_groups(sensitive_features={"a": [1, 2], "b": [1]})


def test_no_column_and_too_many_axes_are_refused():
    with pytest.raises(ValueError, match="names no column"):
        resolve_groups(sensitive_features={})
    with pytest.raises(ValueError, match="column or a table, got 3 axes"):
        resolve_groups(sensitive_features=np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="got 0 axes"):
        resolve_groups(sensitive_features=3)


def test_many_distinct_values_warn_and_point_to_binned():
    ages = np.linspace(0, 1, 100)
    with pytest.warns(FairnessWarning, match=r"100 groups out of 100 rows.*Binned"):
        resolve_groups(sensitive_features=ages)
    resolve_groups(sensitive_features=np.arange(51).repeat(20))  # and these do not
