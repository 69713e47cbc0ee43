"""Names of groups in pictures stay short, distinct and free of formulas."""

from fairlearnkit.metrics.displays._group_names import (
    full_name,
    heading,
    people,
    positive_name,
    short_names,
)


def test_several_columns_are_joined_by_commas():
    assert full_name(("female", "Black")) == "female, Black"
    assert full_name(3) == "3"
    assert short_names([("female", "Black"), "x"]) == ["female, Black", "x"]


def test_long_names_take_two_lines_and_say_that_more_was_there():
    (name,) = short_names(["one group of people whose name is much too long to print"])
    lines = name.split("\n")
    assert len(lines) == 2
    assert all(len(line) <= 26 for line in lines)
    assert name.endswith("\N{HORIZONTAL ELLIPSIS}")


def test_names_that_would_look_alike_are_kept_whole():
    stem = "people who were born abroad and who live in a city"
    names = short_names([f"{stem}, first", f"{stem}, second"])
    assert len(set(names)) == 2
    assert names[0].replace("\n", " ") == f"{stem}, first"


def test_dollars_start_no_formula_and_nothing_is_empty():
    assert short_names(["$10k to $20k", ""]) == [r"\$10k to \$20k", "''"]


def test_columns_that_nobody_named_are_called_group():
    assert heading(("sensitive_features",)) == "group"
    assert heading(("sensitive_feature_0", "sensitive_feature_1")) == "group"
    assert heading(("sex", "race")) == "sex, race"


def test_effective_numbers_of_people_say_so():
    assert people(12.0) == "n = 12"
    assert people(12.4) == "eff. n = 12"


def test_only_an_unusual_positive_label_is_named():
    assert positive_name(1) == positive_name(None) == ""
    assert positive_name("yes") == " (positive: yes)"
