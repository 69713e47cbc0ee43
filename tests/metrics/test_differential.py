"""Differential fairness: published examples, its formula, and intervals that hold."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaincinv

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    bias_amplification,
    demographic_parity_ratio,
    differential_fairness,
    differential_fairness_of_table,
)
from fairlearnkit.tables import GroupCounts


def people(seed, n=400, n_groups=3, n_classes=2):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y, h = rng.integers(0, n_classes, (2, n))
    h = np.where(rng.random(n) < 0.2 + 0.5 * group / n_groups, y, h)
    return y, h, group, rng.integers(0, 4, n).astype(float)


def by_hand(outcome, group, concentration, n_classes, weight=None):
    weight = np.ones(len(outcome)) if weight is None else weight
    largest = 0.0
    for c in set(outcome):
        logs = []
        for g in set(group):
            mine = group == g
            # weights that add up to the effective number of people
            w = weight[mine] * weight[mine].sum() / (weight[mine] ** 2).sum()
            hits = w[outcome[mine] == c].sum()
            share = (hits + concentration / n_classes) / (w.sum() + concentration)
            logs.append(np.log(share))
        pairs = combinations(logs, 2)
        largest = max(largest, *(abs(first - second) for first, second in pairs))
    return largest


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("concentration", [0, 1, 2.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_epsilon_is_its_formula(n_classes, concentration, weighted):
    y, h, group, weight = people(0, n_classes=n_classes)
    weight = weight if weighted else None
    options = {
        "sensitive_features": group,
        "concentration": concentration,
        "sample_weight": weight,
    }
    expected = by_hand(h, group, concentration, n_classes, weight)
    assert differential_fairness(y, h, **options) == pytest.approx(expected)
    of_labels = by_hand(y, group, concentration, n_classes, weight)
    found = bias_amplification(y, h, **options)
    assert found == pytest.approx(expected - of_labels)


def admissions():
    """The worked example of Foulds et al. (2023), doi:10.3390/e25040660."""
    cells = [("A", 1, 81, 6), ("B", 1, 234, 36), ("A", 2, 192, 71), ("B", 2, 55, 25)]
    rows = [
        (gender, race, outcome)
        for gender, race, admitted, refused in cells
        for outcome in [1] * admitted + [0] * refused
    ]
    return pd.DataFrame(rows, columns=["gender", "race", "admitted"])


@pytest.mark.parametrize(
    ("columns", "published"),
    [(["gender", "race"], 1.511), (["gender"], 0.2329), (["race"], 0.8667)],
)
def test_the_published_example_is_reproduced(columns, published):
    data = admissions()
    found = differential_fairness(
        data["admitted"],
        data["admitted"],
        sensitive_features=data[columns],
        concentration=0,
    )
    assert found == pytest.approx(published, abs=5e-4)


def test_coarser_groups_are_never_less_fair():
    data = admissions()
    options = {"concentration": 0}
    outcome = data["admitted"]
    fine = differential_fairness(
        outcome, outcome, sensitive_features=data[["gender", "race"]], **options
    )
    for column in ("gender", "race"):
        coarse = differential_fairness(
            outcome, outcome, sensitive_features=data[column], **options
        )
        assert coarse <= fine


def test_it_bounds_the_ratio_of_selection_rates():
    y, h, group, _ = people(1)
    epsilon = differential_fairness(y, h, sensitive_features=group, concentration=0)
    for positive in (0, 1):
        ratio = demographic_parity_ratio(
            y, h, sensitive_features=group, pos_label=positive
        )
        assert ratio >= np.exp(-epsilon) - 1e-12


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(2, 5))
def test_names_and_order_change_nothing(seed, n_classes, n_groups):
    y, h, group, weight = people(seed, 60, n_groups, n_classes)
    if not weight.any():
        return
    plain = differential_fairness(y, h, sensitive_features=group, sample_weight=weight)
    order = np.random.default_rng(seed).permutation(60)
    names = np.array(["e", "b", "d", "a", "c"])
    found = differential_fairness(
        names[y][order],
        names[h][order],
        sensitive_features=names[group][order],
        sample_weight=5 * weight[order],
    )
    assert found == pytest.approx(plain)


def test_an_outcome_that_nobody_has_does_not_count():
    # Smoothing alone would make it rarer in the larger group.
    group = ["a"] * 100 + ["b"] * 10
    y = [0, 1] * 55
    assert differential_fairness(y, [0] * 110, sensitive_features=group) == 0
    table = GroupCounts.from_arrays(y, [0] * 110, sensitive_features=group)
    found = differential_fairness_of_table(table)
    assert found.predictions.low == found.predictions.value == 0
    assert found.p_value == 1


def test_without_smoothing_an_outcome_that_a_group_lacks_is_infinite():
    y, group = [0, 1, 0, 1], ["a", "a", "b", "b"]
    options = {"sensitive_features": group, "concentration": 0}
    assert differential_fairness(y, [0, 1, 1, 1], **options) == np.inf
    assert bias_amplification(y, [0, 1, 1, 1], **options) == np.inf
    assert np.isnan(bias_amplification([0, 1, 1, 1], [0, 1, 1, 1], **options))
    smoothed = differential_fairness(y, [0, 1, 1, 1], sensitive_features=group)
    assert smoothed == pytest.approx(np.log(3))


def test_one_group_cannot_be_compared():
    y, h, _, _ = people(2, 20)
    with pytest.warns(FairnessWarning, match="undefined for one group"):
        assert np.isnan(differential_fairness(y, h, sensitive_features=["a"] * 20))
    table = GroupCounts.from_arrays(y, h, sensitive_features=["a"] * 20)
    with pytest.warns(FairnessWarning, match="undefined for one group"):
        found = differential_fairness_of_table(table)
    assert np.isnan(found.predictions.low)
    assert found.outcome is None
    assert np.isnan(found.p_value)


def table_of(y, h, group, weight=None):
    return GroupCounts.from_arrays(y, h, sensitive_features=group, sample_weight=weight)


@pytest.mark.parametrize("method", ["pairwise", "posterior"])
def test_the_result_agrees_with_the_functions(method):
    y, h, group, weight = people(3, n_classes=3)
    found = differential_fairness_of_table(table_of(y, h, group, weight), method=method)
    options = {"sensitive_features": group, "sample_weight": weight}
    assert found.predictions.value == pytest.approx(
        differential_fairness(y, h, **options)
    )
    assert found.labels.value == pytest.approx(differential_fairness(y, y, **options))
    assert found.amplification.value == pytest.approx(
        bias_amplification(y, h, **options)
    )
    for estimate in (found.predictions, found.labels, found.amplification):
        assert estimate.low <= estimate.value <= estimate.high
    assert found.predicted.sum(axis=1) == pytest.approx(1)
    column = found.predicted[:, found.classes.index(found.outcome)]
    low, high = (column[found.groups.index(g)] for g in found.pair)
    assert np.log(high / low) == pytest.approx(found.predictions.value)
    for g, n in zip(found.groups, found.n, strict=True):
        w = weight[group == g]
        assert n == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_posterior_quantiles_are_those_of_the_beta_law():
    # Two groups, one of them so large that its shares are known: epsilon is the log of
    # the ratio of its share to that of the other one.
    counts = np.zeros((2, 2, 2))
    counts[0] = np.diag([7, 33])
    counts[1] = np.diag([5e7, 5e7])
    table = GroupCounts(counts, counts, ("a", "b"), (0, 1))
    found = differential_fairness_of_table(table, method="posterior", n_draws=40_000)
    low, high = betaincinv(7.5, 33.5, [0.975, 0.025])  # of the share of 0 in group a
    expected = np.log(0.5 / np.array([low, high]))
    assert found.predictions.low == pytest.approx(expected[0], rel=0.02)
    assert found.predictions.high == pytest.approx(expected[1], rel=0.02)


def test_draws_are_repeatable():
    table = table_of(*people(4)[:3])
    options = {"method": "posterior", "n_draws": 200}
    first, again = (differential_fairness_of_table(table, **options) for _ in range(2))
    assert str(first.predictions) == str(again.predictions)
    other = differential_fairness_of_table(table, random_state=1, **options)
    assert str(first.predictions) != str(other.predictions)


@pytest.mark.parametrize(
    ("shares", "size"),
    [([0.3] * 4, 60), ([0.5, 0.6, 0.7], 100), ([0.9, 0.6], 60), ([0.03, 0.03], 80)],
)
def test_the_interval_covers_at_parity_and_away_from_it(shares, size):
    rng = np.random.default_rng(5)
    shares = np.array([[p, 1 - p] for p in shares])
    logs = np.log(shares)
    truth = (logs.max(axis=0) - logs.min(axis=0)).max()
    held = 0
    for _ in range(250):
        counts = np.stack([np.diag(rng.multinomial(size, p)) for p in shares])
        table = GroupCounts(counts, counts, tuple(range(len(shares))), (0, 1))
        estimate = differential_fairness_of_table(table).predictions
        held += estimate.low <= truth <= estimate.high
    assert held / 250 >= 0.93


def test_more_people_narrow_the_interval():
    table = table_of(*people(6)[:3])
    once = differential_fairness_of_table(table).predictions
    more = differential_fairness_of_table(
        GroupCounts(table.counts * 20, table.squares * 20, table.groups, table.classes)
    ).predictions
    assert more.high - more.low < (once.high - once.low) / 2


def test_without_smoothing_there_still_is_an_interval():
    table = table_of([0, 1] * 20, [0, 1] * 10 + [1] * 20, ["a"] * 20 + ["b"] * 20)
    found = differential_fairness_of_table(table, concentration=0)
    assert found.predictions.value == np.inf
    assert 0 < found.predictions.low < found.predictions.high < np.inf


def test_the_test_is_pearsons():
    y, h, group, _ = people(7)
    found = differential_fairness_of_table(table_of(y, h, group))
    expected = pd.crosstab(group, h)
    total = expected.to_numpy().sum()
    outer = np.outer(expected.sum(axis=1), expected.sum(axis=0)) / total
    statistic = ((expected - outer) ** 2 / outer).to_numpy().sum()
    # two degrees of freedom: the survival function is an exponential
    assert found.p_value == pytest.approx(np.exp(-statistic / 2))


def test_frame_has_a_row_for_each_group_and_outcome():
    y, h, group, weight = people(8)
    both = pl.DataFrame({"a": group, "b": np.where(weight < 2, "x", "y")})
    found = differential_fairness_of_table(table_of(y, h, both))
    frame = found.to_frame()
    assert frame.index.names == ["a", "b", "outcome"]
    assert frame.loc[(2, "y", 1), "predicted"] == found.predicted[-1, -1]
    assert differential_fairness_of_table(table_of(y, h, group)).to_frame().shape == (
        6,
        3,
    )


def test_bad_input_is_refused():
    y, h, group, weight = people(9, 20)
    with pytest.raises(ValueError, match="y_pred holds continuous values"):
        differential_fairness(y, weight / 7, sensitive_features=group)
    with pytest.raises(ValueError, match="concentration must be 0 or more"):
        differential_fairness(y, h, sensitive_features=group, concentration=-1)
    table = table_of(y, h, group)
    with pytest.raises(ValueError, match="method must be 'pairwise' or 'posterior'"):
        differential_fairness_of_table(table, method="wald")
    with pytest.raises(ValueError, match="confidence_level must lie"):
        differential_fairness_of_table(table, confidence_level=0)
