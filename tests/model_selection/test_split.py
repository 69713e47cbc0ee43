"""Splits that keep every group and label on both sides, as evenly as can be."""

import warnings
from copy import deepcopy
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.model_selection import StratifiedKFold

from fairlearnkit import Binned
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.model_selection import (
    SensitiveStratifiedKFold,
    SensitiveStratifiedShuffleSplit,
    train_test_split,
)
from fairlearnkit.model_selection._strata import allot

IGNORE = pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")


@st.composite
def cells(draw, fewest=1):
    """People's codes of group and label, in any order, some cells tiny."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=fewest, max_size=8))
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(draw(st.integers(0, 9))).permutation(codes)


def group_and_label(codes):
    """Write cell codes as a group and a label."""
    return codes[:, None] // 2, codes % 2


def counts_of(codes, rows):
    return np.bincount(codes[rows], minlength=codes.max() + 1)


@IGNORE
@given(cells(), st.integers(2, 6), st.booleans())
def test_every_fold_has_its_share_of_every_cell(codes, n_splits, shuffle):
    if len(codes) < n_splits:
        return
    X, y = group_and_label(codes)
    folds = SensitiveStratifiedKFold(
        0, n_splits, shuffle=shuffle, random_state=0 if shuffle else None
    )
    seen = []
    for train, test in folds.split(X, y):
        share = np.bincount(codes) / n_splits
        assert (np.abs(counts_of(codes, test) - share) < 1).all()
        assert abs(len(test) - len(codes) / n_splits) < 1
        assert sorted([*train, *test]) == list(range(len(codes)))
        seen += test.tolist()
    assert sorted(seen) == list(range(len(codes)))


@IGNORE
@given(cells(), st.integers(2, 4))
def test_without_a_shuffle_people_of_a_cell_stay_in_blocks(codes, n_splits):
    """As scikit-learn's stratified folds: those who follow each other stay together."""
    if len(codes) < n_splits:
        return
    X, y = group_and_label(codes)
    fold = np.empty(len(codes), dtype=int)
    splits = SensitiveStratifiedKFold(0, n_splits).split(X, y)
    for number, (_, test) in enumerate(splits):
        fold[test] = number
    for code in np.unique(codes):
        assert (np.diff(fold[codes == code]) >= 0).all()


def test_folds_are_as_balanced_as_those_of_scikit_learn_on_the_crossed_code():
    codes = np.random.default_rng(0).integers(0, 6, 200)
    X, y = group_and_label(codes)
    ours, theirs = (
        np.sort([counts_of(codes, test) for _, test in folds], axis=0)
        for folds in (
            SensitiveStratifiedKFold(0, 5).split(X, y),
            StratifiedKFold(5).split(X, codes),
        )
    )
    np.testing.assert_array_equal(ours, theirs)


def test_a_shuffle_is_repeatable_and_changes_who_is_where():
    codes = np.repeat(np.arange(4), 25)
    X, y = group_and_label(codes)

    def tests(seed):
        folds = SensitiveStratifiedKFold(0, 5, shuffle=True, random_state=seed)
        return np.concatenate([test for _, test in folds.split(X, y)])

    np.testing.assert_array_equal(tests(0), tests(0))
    assert (tests(0) != tests(1)).any()


def test_cells_of_fewer_people_than_folds_are_named_and_still_dealt():
    X = pd.DataFrame({"sex": ["F"] * 8 + ["M"] * 5})
    y = ["no", "yes"] * 4 + ["no"] * 3 + ["yes"] * 2
    folds = SensitiveStratifiedKFold("sex", n_splits=4)
    with pytest.warns(FairnessWarning) as seen:
        tests = [test for _, test in folds.split(X, y)]
    assert len(seen) == 1
    text = str(seen[0].message)
    assert "sex='M' with label 'no' (3), sex='M' with label 'yes' (2)" in text
    assert "sex='F'" not in text
    assert [len(test) for test in tests] == [4, 3, 3, 3]


def test_even_if_every_cell_is_tiny():
    """scikit-learn refuses this; the folds are as even as they can be."""
    X, y = np.arange(6)[:, None], [0, 1] * 3
    with pytest.raises(ValueError, match="cannot be greater"):
        list(StratifiedKFold(3).split(X, np.arange(6)))
    with pytest.warns(FairnessWarning, match="nobody of x0=0 with label 0"):
        tests = [test for _, test in SensitiveStratifiedKFold(0, 3).split(X, y)]
    assert [len(test) for test in tests] == [2, 2, 2]


@pytest.mark.parametrize(
    "container", ["pandas", "polars", "array", "sparse", "list", "groups", "values"]
)
def test_groups_come_from_x_or_as_values(container):
    codes = np.random.default_rng(1).integers(0, 4, 60)
    group, y = group_and_label(codes)
    X, spec, values = {
        "pandas": (pd.DataFrame({"g": group[:, 0]}), "g", {}),
        "polars": (pl.DataFrame({"g": group[:, 0]}), "g", {}),
        "array": (group, 0, {}),
        "sparse": (sparse.csr_array(group), 0, {}),
        "list": (group.tolist(), 0, {}),
        "groups": (np.zeros((60, 1)), None, {"groups": group[:, 0]}),
        "values": (np.zeros((60, 1)), None, {"sensitive_features": group[:, 0]}),
    }[container]
    expected = SensitiveStratifiedKFold(0, 3).split(group, y)
    found = SensitiveStratifiedKFold(spec, 3).split(X, y, **values)
    for (_, test), (_, other) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(test, other)


def test_two_columns_bins_and_callables():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"sex": rng.choice(["F", "M"], 120), "age": rng.integers(18, 80, 120)}
    )
    y = rng.integers(0, 2, 120)
    old = (frame["age"] >= 40).to_numpy()
    cell = 4 * (frame["sex"] == "M") + 2 * old + y
    spec = ["sex", Binned("age", [40])]
    for _, test in SensitiveStratifiedKFold(spec, 4).split(frame, y):
        share = np.bincount(cell) / 4
        found = np.bincount(cell.to_numpy()[test], minlength=len(share))
        assert (np.abs(found - share) < 1).all()


def test_labels_may_be_strings_booleans_or_a_column():
    codes = np.random.default_rng(3).integers(0, 4, 40)
    X, y = group_and_label(codes)
    expected = [test for _, test in SensitiveStratifiedKFold(0, 2).split(X, y)]
    for labels in (
        np.array(["a", "b"])[y],
        y == 1,
        pd.Series(y),
        pl.Series(y),
        y[:, None],
        y.tolist(),
        y.astype(float),
    ):
        found = [test for _, test in SensitiveStratifiedKFold(0, 2).split(X, labels)]
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_splitters_copy_and_show_themselves():
    folds = SensitiveStratifiedKFold("sex", n_splits=3, shuffle=True, random_state=4)
    assert "sensitive_features='sex'" in repr(deepcopy(folds))
    assert folds.get_n_splits() == 3
    assert folds.get_n_splits(None, None, groups=[1]) == 3
    assert SensitiveStratifiedShuffleSplit().get_n_splits() == 10


def requests(splitter):
    return splitter.get_metadata_routing().split.requests


@pytest.mark.parametrize(
    "splitter", [SensitiveStratifiedKFold, SensitiveStratifiedShuffleSplit]
)
def test_splitters_ask_for_groups_only_where_they_name_none(splitter):
    asked = {"groups": True, "sensitive_features": True}
    assert requests(splitter()) == asked
    assert requests(splitter("sex")) == dict.fromkeys(asked, False)


def test_bad_input_gets_a_sentence():
    X, y = np.array([[0], [1], [0], [1]]), [0, 1, 1, 0]

    def split(folds, *args, **kwargs):
        return list(folds.split(*args, **kwargs))

    with pytest.raises(ValueError, match="needs to know the groups"):
        split(SensitiveStratifiedKFold(), X, y)
    with pytest.raises(ValueError, match="groups or sensitive_features, not both"):
        split(SensitiveStratifiedKFold(), X, y, y, y)
    with pytest.raises(ValueError, match="stratifies on the labels; pass y"):
        split(SensitiveStratifiedKFold(0), X)
    with pytest.raises(ValueError, match="y holds continuous values"):
        split(SensitiveStratifiedKFold(0), X, [0.5, 1, 2, 3])
    with pytest.raises(ValueError, match="4 people cannot make 5 folds"):
        split(SensitiveStratifiedKFold(0), X, y)
    with pytest.raises(ValueError, match="y has 3 rows but there are 4 people"):
        split(SensitiveStratifiedKFold(0), X, [0, 1, 0])
    with pytest.raises(ValueError, match="missing values"):
        split(SensitiveStratifiedKFold(n_splits=2), X, y, ["a", None, "a", "b"])
    with pytest.raises(ValueError, match="at least one train/test split"):
        SensitiveStratifiedKFold(n_splits=1)
    with pytest.raises(ValueError, match="random_state"):
        SensitiveStratifiedKFold(random_state=0)


def test_missing_values_can_be_a_group():
    values = ["a", None] * 10
    folds = SensitiveStratifiedKFold(n_splits=2, handle_missing="group")
    for _, test in folds.split(np.zeros((20, 1)), [0, 0, 1, 1] * 5, values):
        assert abs(np.bincount(test % 2) - 5).max() == 0


@IGNORE
@given(cells(fewest=2), st.floats(0.1, 0.9), st.booleans())
def test_a_split_has_its_size_and_its_share_of_every_cell(codes, test_size, shuffle):
    n_test = int(np.ceil(test_size * len(codes)))
    if n_test >= len(codes):
        return
    X, y = group_and_label(codes)
    rows = np.arange(len(codes))
    train, test = train_test_split(
        X, y, rows, sensitive_features=0, test_size=test_size, shuffle=shuffle,
        random_state=0,
    )[4:]  # fmt: skip
    assert sorted([*train, *test]) == rows.tolist()
    assert len(test) == n_test
    share = np.bincount(codes) * n_test / len(codes)
    assert (np.abs(counts_of(codes, test) - share) < 1).all()
    if not shuffle:
        for code in np.unique(codes):  # the last of each cell are the test set
            assert np.isin(rows[codes == code], test).argsort(
                kind="stable"
            ).tolist() == (list(range((codes == code).sum())))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=9), st.floats(0.05, 0.95))
def test_as_few_cells_as_possible_are_on_one_side(counts, share):
    """Brute force over who is rounded up; everybody within one of the share."""
    counts = np.array(counts)
    total = int(share * counts.sum())
    found = allot(counts, total, np.arange(len(counts)), both_sides=True)
    exact = counts * total / counts.sum()
    assert found.sum() == total
    assert (np.abs(found - exact) < 1).all()
    low = np.floor(exact + 1e-9).astype(int)
    best = min(
        (low + up == counts).sum() + ((low + up == 0) & (counts > 1)).sum()
        for up in _roundings(exact - low, total - low.sum())
    )
    assert (found == counts).sum() + ((found == 0) & (counts > 1)).sum() == best


def _roundings(rest, n_up):
    """Every choice of n_up cells to round up among those with a remainder."""
    open_cells = np.flatnonzero(rest > 1e-9)
    for chosen in combinations(open_cells, n_up):
        up = np.zeros(len(rest), dtype=int)
        up[list(chosen)] = 1
        yield up


def test_one_person_alone_is_trained_on_and_named():
    X = pd.DataFrame({"sex": ["F"] * 8 + ["X"] + ["M"] * 8})
    y = [0, 1] * 4 + [1] + [0, 1] * 4
    with pytest.warns(
        FairnessWarning, match=r"only in the training set.*sex='X' with label 1 \(1\)"
    ):
        parts = train_test_split(
            X, y, sensitive_features="sex", test_size=4, random_state=0
        )
    assert "X" in parts[0]["sex"].tolist()
    assert sorted(zip(parts[1]["sex"], parts[3], strict=True)) == [
        ("F", 0), ("F", 1), ("M", 0), ("M", 1),
    ]  # fmt: skip


def test_who_has_no_room_in_training_is_named_too():
    X, y = np.arange(4)[:, None], [0, 1, 0, 1]
    with pytest.warns(FairnessWarning) as seen:
        parts = train_test_split(
            X, y, sensitive_features=0, test_size=3, random_state=0
        )
    assert len(parts[1]) == 3
    assert {str(w.message).split(",")[0] for w in seen} == {
        "only in the training set",
        "only in the test set",
    }


def test_every_array_is_split_alike_and_keeps_its_kind():
    rng = np.random.default_rng(4)
    numbers = rng.normal(size=(80, 2))
    sex, y = rng.choice(["F", "M"], 80), rng.integers(0, 2, 80)
    frame = pd.DataFrame(numbers).assign(sex=sex)
    arrays = [
        frame,
        pd.Series(y),
        numbers,
        sparse.csr_array(numbers),
        numbers.tolist(),
        pl.DataFrame(numbers),
    ]
    parts = train_test_split(*arrays, sensitive_features="sex", random_state=0)
    assert len(parts) == 12
    for kind, train, test in zip(arrays, parts[::2], parts[1::2], strict=True):
        assert type(train) is type(test) is type(kind)
    rows = parts[1].index
    np.testing.assert_array_equal(parts[5], numbers[rows])
    np.testing.assert_array_equal(parts[7].toarray(), numbers[rows])
    np.testing.assert_array_equal(parts[9], numbers[rows])
    np.testing.assert_array_equal(parts[11].to_numpy(), numbers[rows])


@pytest.mark.parametrize(
    "wrap",
    [np.asarray, pd.Series, pl.Series, lambda c: pd.DataFrame({"g": c})],
    ids=["array", "pandas", "polars", "frame"],
)
def test_values_steer_the_split_as_a_column_does(wrap):
    codes = np.random.default_rng(5).integers(0, 4, 50)
    group, y = group_and_label(codes)
    column = train_test_split(group, y, sensitive_features=0, random_state=1)
    values = train_test_split(
        group, y, sensitive_features=wrap(group[:, 0]), random_state=1
    )
    for a, b in zip(column, values, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_labels_can_be_crossed_with_the_groups():
    codes = np.random.default_rng(6).integers(0, 4, 60)
    group, y = group_and_label(codes)
    other = train_test_split(
        group, np.arange(60), sensitive_features=0, stratify=y, random_state=2
    )
    plain = train_test_split(
        group, y, np.arange(60), sensitive_features=0, random_state=2
    )
    np.testing.assert_array_equal(other[3], plain[5])
    alone = train_test_split(group, sensitive_features=0, stratify=y, random_state=2)
    np.testing.assert_array_equal(alone[1], plain[1])


def test_some_can_be_left_out_of_both_sides():
    codes = np.repeat(np.arange(4), [40, 20, 20, 20])
    X, y = group_and_label(codes)
    parts = train_test_split(
        X, y, np.arange(100), sensitive_features=0, train_size=0.5, test_size=20,
        random_state=0,
    )  # fmt: skip
    train, test = parts[4:]
    assert counts_of(codes, train).tolist() == [20, 10, 10, 10]
    assert counts_of(codes, test).tolist() == [8, 4, 4, 4]
    assert not set(train) & set(test)


def test_random_splits_differ_and_are_repeatable():
    codes = np.random.default_rng(7).integers(0, 6, 90)
    X, y = group_and_label(codes)

    def tests():
        splits = SensitiveStratifiedShuffleSplit(
            0, n_splits=3, test_size=0.3, random_state=0
        )
        return [tuple(test) for _, test in splits.split(X, y)]

    assert tests() == tests()
    assert len(set(tests())) == 3
    share = np.bincount(codes) * 27 / 90
    for test in tests():
        assert (np.abs(counts_of(codes, list(test)) - share) < 1).all()


def test_bad_splits_get_a_sentence():
    X, y = np.array([[0], [1], [0], [1]]), [0, 1, 1, 0]
    with pytest.raises(ValueError, match="at least one array"):
        train_test_split(sensitive_features=0)
    with pytest.raises(ValueError, match="pass them as the second array, or"):
        train_test_split(X, sensitive_features=0)
    with pytest.raises(ValueError, match="needs to know the groups"):
        train_test_split(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        train_test_split(X, y[:3], sensitive_features=0)
    with pytest.raises(ValueError, match="has 3 rows"):
        train_test_split(X, y, sensitive_features=np.array([1, 2, 3]))
    with pytest.raises(ValueError, match="test_size"):
        train_test_split(X, y, sensitive_features=0, test_size=1.5)
    with pytest.raises(ValueError, match="'F' names a column"):
        train_test_split(X, y, sensitive_features=["F", "M", "F", "M"])


def test_plenty_of_people_give_no_warning():
    codes = np.repeat(np.arange(4), 30)
    X, y = group_and_label(codes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_test_split(X, y, sensitive_features=0, random_state=0)
        list(SensitiveStratifiedKFold(0).split(X, y))
