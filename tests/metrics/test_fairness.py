"""The metrics under their usual names, against Fairlearn's and on awkward input."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fairlearnkit import metrics
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    demographic_parity_difference,
    demographic_parity_ratio,
    disparity_of_table,
    equal_opportunity_difference,
    equal_opportunity_ratio,
    equalized_odds_difference,
    equalized_odds_ratio,
)
from fairlearnkit.tables import GroupCounts

NAMES = [
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
]
EVERY = pytest.mark.parametrize("name", NAMES)


def people(seed, n=300, n_groups=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y = rng.integers(0, 2, n)
    h = np.where(rng.random(n) < 0.3 + 0.2 * group, y, rng.integers(0, 2, n))
    return y, h, group, rng.random(n)


def peer(name, *arrays, **options):
    from fairlearn import metrics as fairlearn_metrics  # slow to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(fairlearn_metrics, name)(*arrays, **options)


@EVERY
@pytest.mark.parametrize("method", ["between_groups", "to_overall"])
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_those_of_fairlearn(name, method, weighted):
    for seed, n_groups in ((0, 2), (1, 5)):
        y, h, group, weight = people(seed, n_groups=n_groups)
        options = {"sensitive_features": group, "method": method}
        if weighted:
            options["sample_weight"] = weight
        found = getattr(metrics, name)(y, h, **options)
        assert found == pytest.approx(peer(name, y, h, **options))


@pytest.mark.parametrize("name", NAMES[4:])
@pytest.mark.parametrize("agg", ["worst_case", "mean"])
@pytest.mark.parametrize("method", ["between_groups", "to_overall"])
def test_aggregates_are_those_of_fairlearn(name, agg, method):
    y, h, group, weight = people(2)
    options = {
        "sensitive_features": group,
        "agg": agg,
        "method": method,
        "sample_weight": weight,
    }
    found = getattr(metrics, name)(y, h, **options)
    assert found == pytest.approx(peer(name, y, h, **options))


@EVERY
def test_two_columns_are_crossed_as_in_fairlearn(name):
    y, h, group, weight = people(3, n=600)
    both = pd.DataFrame({"a": group, "b": np.where(weight < 0.5, "x", "y")})
    found = getattr(metrics, name)(y, h, sensitive_features=both)
    assert found == pytest.approx(peer(name, y, h, sensitive_features=both))


@EVERY
@pytest.mark.parametrize(
    "wrap",
    [
        list,
        pd.Series,
        pl.Series,
        lambda c: pd.Series(c, dtype="Int64"),
        lambda c: np.asarray(c, dtype=float),
        lambda c: np.asarray(c, dtype=np.uint8),
    ],
    ids=["list", "pandas", "polars", "nullable", "float", "uint8"],
)
def test_every_container_gives_the_same(name, wrap):
    y, h, group, weight = people(4)
    function = getattr(metrics, name)
    plain = function(y, h, sensitive_features=group, sample_weight=weight)
    found = function(
        wrap(y), wrap(h), sensitive_features=wrap(group), sample_weight=weight
    )
    assert found == plain


@EVERY
def test_booleans_and_signs_know_which_label_is_positive(name):
    y, h, group, _ = people(5)
    function = getattr(metrics, name)
    plain = function(y, h, sensitive_features=group)
    assert function(y == 1, h == 1, sensitive_features=group) == plain
    assert function(2 * y - 1, 2 * h - 1, sensitive_features=group) == plain


@EVERY
@pytest.mark.parametrize("labels", [("no", "yes"), (1, 2)])
def test_other_labels_need_pos_label(name, labels):
    y, h, group, _ = people(6)
    function = getattr(metrics, name)
    named = [np.array(labels, dtype=object)[c] for c in (y, h)]
    with pytest.raises(ValueError, match="pos_label must say which one is positive"):
        function(*named, sensitive_features=group)
    found = function(*named, sensitive_features=group, pos_label=labels[1])
    assert found == pytest.approx(function(y, h, sensitive_features=group))
    flipped = function(*named, sensitive_features=group, pos_label=labels[0])
    expected = function(1 - y, 1 - h, sensitive_features=group)
    assert flipped == pytest.approx(expected)


@EVERY
def test_an_unknown_positive_label_is_refused(name):
    y, h, group, _ = people(7)
    with pytest.raises(ValueError, match="pos_label='maybe' is not a class"):
        getattr(metrics, name)(y, h, sensitive_features=group, pos_label="maybe")


@EVERY
def test_probabilities_are_refused(name):
    y, _, group, weight = people(8)
    with pytest.raises(ValueError, match="y_pred holds continuous values"):
        getattr(metrics, name)(y, weight, sensitive_features=group)


@EVERY
def test_wrong_options_are_refused(name):
    y, h, group, _ = people(9)
    function = getattr(metrics, name)
    with pytest.raises(ValueError, match="method must be"):
        function(y, h, sensitive_features=group, method="to_best")
    with pytest.raises(ValueError, match="one value per row"):
        function(y, h[:-1], sensitive_features=group)
    with pytest.raises(ValueError, match="missing values"):
        function(y, h, sensitive_features=[None, *group[1:]])
    with pytest.raises(ValueError, match="non-negative"):
        function(y, h, sensitive_features=group, sample_weight=-np.ones(len(y)))


def test_an_unknown_aggregate_is_refused():
    y, h, group, _ = people(10)
    with pytest.raises(ValueError, match="agg must be"):
        equalized_odds_difference(y, h, sensitive_features=group, agg="best")


def test_one_constant_label_still_has_its_other():
    assert demographic_parity_difference([1, 1], [0, 0], sensitive_features=[0, 1]) == 0
    assert demographic_parity_difference([1, 1], [1, 1], sensitive_features=[0, 1]) == 0
    assert demographic_parity_ratio([0, 0], [0, 0], sensitive_features=[0, 1]) == 1


def test_more_classes_are_compared_in_turn():
    y = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    h = np.array([0, 1, 2, 0, 0, 0, 2, 2])
    group = np.repeat([0, 1], 4)
    shares = np.array([[(h[group == g] == c).mean() for c in range(3)] for g in (0, 1)])
    found = demographic_parity_difference(y, h, sensitive_features=group)
    assert found == pytest.approx(np.abs(shares[0] - shares[1]).max())
    for c in range(3):
        found = demographic_parity_difference(
            y, h, sensitive_features=group, pos_label=c
        )
        assert found == pytest.approx(abs(shares[0, c] - shares[1, c]))


@pytest.mark.parametrize(
    "function", [equal_opportunity_difference, equalized_odds_difference]
)
def test_a_group_without_positives_is_left_out_and_not_counted_as_zero(function):
    y = np.array([0, 1, 0, 1, 0, 0])
    h = np.array([0, 1, 0, 1, 0, 0])
    group = list("aabbcc")
    with pytest.warns(FairnessWarning, match=r"\['c'\]"):
        found = function(y, h, sensitive_features=group)
    assert found == 0
    assert peer(function.__name__, y, h, sensitive_features=group) == 1


def test_ratios_and_differences_agree_with_the_table():
    y, h, group, weight = people(11)
    table = GroupCounts.from_arrays(
        y, h, sensitive_features=group, sample_weight=weight
    )
    options = {"sensitive_features": group, "sample_weight": weight}
    for function, name in (
        (demographic_parity_difference, "demographic_parity"),
        (equal_opportunity_difference, "equal_opportunity"),
        (equalized_odds_difference, "equalized_odds"),
    ):
        value = disparity_of_table(table, name).value
        assert function(y, h, **options) == pytest.approx(value)
    for function, name in (
        (demographic_parity_ratio, "demographic_parity_ratio"),
        (equal_opportunity_ratio, "equal_opportunity_ratio"),
        (equalized_odds_ratio, "equalized_odds_ratio"),
    ):
        value = disparity_of_table(table, name).value
        assert function(y, h, **options) == pytest.approx(1 - value)
