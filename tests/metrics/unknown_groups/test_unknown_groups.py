"""Bounds of rates against linear programs, and known groups against plain counts."""

from functools import partial
from itertools import permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from fairlearnkit._rates import RATES, rate_of_class
from fairlearnkit.constraints import Rate
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    disparity_of_table,
    expected_group_counts,
    rate_by_group,
    rates_with_unknown_groups,
    wilson_interval,
)
from fairlearnkit.metrics.unknown_groups._bounds import rate_bounds
from fairlearnkit.tables import GroupCounts

SHARES = list(RATES)


class Assignments:
    """All ways to divide the people of every cell among groups, as linear equations.

    A variable is the mass of a group among the people of a cell with one pair of
    labels.
    """

    def __init__(self, counts, masses):
        n_cells, n_groups = masses.shape
        outcomes = counts.reshape(n_cells, -1)
        self.shape = n_cells, n_groups, outcomes.shape[1]
        rows, self.right = [], []
        for z in range(n_cells):
            for outcome in range(self.shape[2]):
                rows.append(self.sum_of(np.s_[z, :, outcome]))
                self.right.append(outcomes[z, outcome])
            for g in range(n_groups):
                rows.append(self.sum_of(np.s_[z, g, :]))
                self.right.append(masses[z, g])
        self.left, self.right = np.array(rows), np.array(self.right)

    def sum_of(self, where):
        chosen = np.zeros(self.shape)
        chosen[where] = 1
        return chosen.ravel()

    def parts(self, rate, group):
        """Functionals above and below the bar of a rate of a group."""
        found = []
        for cells in (rate.numerator, rate.denominator):
            chosen = np.zeros(self.shape)
            chosen[:, group, :] = np.ravel(cells)
            found.append(chosen.ravel())
        return found

    def extreme(self, rate, group, sign):
        """Largest (sign 1) or smallest rate, by Charnes' and Cooper's program."""
        top, base = self.parts(rate, group)
        # y = t x and t >= 0 with base(y) = 1: the ratio is top(y).
        left = np.column_stack([self.left, -self.right])
        left = np.vstack([left, np.append(base, 0)])
        right = np.append(np.zeros(len(self.right)), 1)
        found = linprog(-sign * np.append(top, 0), A_eq=left, b_eq=right)
        return -sign * found.fun if found.success else np.nan

    def allow(self, limits):
        """Whether all rates can be at least (sign 1) or at most (-1) what is given.

        `limits` holds (rate, group, sign, value).
        """
        rows = []
        for rate, group, sign, value in limits:
            top, base = self.parts(rate, group)
            rows.append(-sign * (top - (value - sign * 1e-6) * base))
        found = linprog(
            np.zeros(self.left.shape[1]), A_eq=self.left, b_eq=self.right,
            A_ub=np.array(rows), b_ub=np.zeros(len(rows)),
        )  # fmt: skip
        return found.status == 0


def cells_of_people(seed, n_cells=3, n_groups=3, n_classes=2, most=6):
    """People of some cells by true and predicted label, and masses of groups."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most, (n_cells, n_classes, n_classes)).astype(float)
    counts[:, 0, 0] += 1
    shares = rng.dirichlet(np.full(n_groups, 0.8), n_cells)
    return counts, shares * counts.sum(axis=(1, 2))[:, None]


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("n_groups", [2, 3])
def test_bounds_are_the_extremes_of_a_linear_program(name, n_groups):
    rate = rate_of_class(name, [0, 1], 1)
    for seed in range(4):
        counts, masses = cells_of_people(seed, n_groups=n_groups)
        low, high = rate_bounds(counts, masses, rate)
        program = Assignments(counts, masses)
        for group in range(n_groups):
            assert high[group] == pytest.approx(program.extreme(rate, group, 1))
            assert low[group] == pytest.approx(program.extreme(rate, group, -1))


@pytest.mark.parametrize("name", SHARES)
def test_two_groups_reach_opposite_ends_at_once(name):
    rate = rate_of_class(name, [0, 1], 1)
    for seed in range(4):
        counts, masses = cells_of_people(seed, n_groups=4, most=5)
        low, high = rate_bounds(counts, masses, rate)
        program = Assignments(counts, masses)
        for first, second in permutations(range(4), 2):
            both = [(rate, first, 1, high[first]), (rate, second, -1, low[second])]
            assert program.allow(both)
            beyond = [(rate, first, 1, high[first] + 0.01), both[1]]
            assert high[first] > 0.99 or not program.allow(beyond)


def test_three_classes_are_bounded_too():
    rate = rate_of_class("true_positive_rate", [0, 1, 2], 1)
    counts, masses = cells_of_people(7, n_classes=3)
    low, high = rate_bounds(counts, masses, rate)
    program = Assignments(counts, masses)
    for group in range(3):
        assert high[group] == pytest.approx(program.extreme(rate, group, 1))
        assert low[group] == pytest.approx(program.extreme(rate, group, -1))


def people(seed=0, n=900, n_groups=3):
    """Labels, decisions, true groups, and probabilities of a few kinds."""
    rng = np.random.default_rng(seed)
    sure = np.eye(n_groups)[np.arange(6) % n_groups]
    kinds = 0.8 * sure + 0.2 * rng.dirichlet(np.ones(n_groups), 6)
    kind = rng.integers(0, 6, n)
    group = (rng.random((n, 1)) > kinds[kind].cumsum(axis=1)).sum(axis=1)
    y = rng.integers(0, 2, n)
    h = (rng.random(n) < 0.2 + 0.3 * y + 0.1 * (group == 0)).astype(int)
    return y, h, group, kinds[kind]


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("weighted", [False, True])
def test_certain_groups_are_counted_as_ever(name, weighted):
    y, h, group, _ = people()
    weight = np.random.default_rng(1).exponential(size=len(y)) if weighted else None
    known = np.eye(3)[group]
    table = GroupCounts.from_arrays(
        y, h, sensitive_features=group, sample_weight=weight
    )
    expected = rate_by_group(table, rate_of_class(name, (0, 1), 1))
    guessed = expected_group_counts(
        y, h, group_probabilities=known, sample_weight=weight
    )
    np.testing.assert_allclose(guessed.counts, table.counts)
    np.testing.assert_allclose(guessed.squares, table.squares)
    found = rates_with_unknown_groups(
        y, h, name, group_probabilities=known, sample_weight=weight, n_resamples=2000
    )
    assert found.n_cells == 3
    for values in (found.values, found.low, found.high):
        np.testing.assert_allclose(values, expected.values)
    # What is left is chance: Wilson's interval, but for the bootstrap's own error.
    low, high = expected.interval()
    np.testing.assert_allclose(found.outer_low, low, atol=0.02)
    np.testing.assert_allclose(found.outer_high, high, atol=0.02)


def test_the_weighted_rate_is_off_by_the_covariance_within_cells():
    # A population, by cell: probability of the group, and of selection in and outside.
    mass = np.array([0.5, 0.3, 0.2])
    share = np.array([0.2, 0.5, 0.9])
    inside, outside = np.array([0.3, 0.4, 0.6]), np.array([0.5, 0.5, 0.5])
    overall = share * inside + (1 - share) * outside
    truth = (mass * share * inside).sum() / (mass * share).sum()
    weighted = (mass * share * overall).sum() / (mass * share).sum()
    covariance = share * (inside - overall)
    bias = -(mass * covariance).sum() / (mass * share).sum()
    assert weighted == pytest.approx(truth + bias)
    n = 20000
    cell = np.repeat([0, 1, 2], (mass * n).astype(int))
    h = np.concatenate([
        (np.arange(int(m * n)) < round(m * n * p)).astype(int)
        for m, p in zip(mass, overall, strict=True)
    ])  # fmt: skip
    found = rates_with_unknown_groups(
        h, h, "selection_rate",
        group_probabilities={"in": share[cell], "out": 1 - share[cell]},
    )  # fmt: skip
    assert found.values[0] == pytest.approx(weighted, abs=1e-3)
    assert found.low[0] <= truth <= found.high[0]
    # Members fare worse than others like them, so they seem to fare better than true.
    rest = (mass * (1 - share) * outside).sum() / (mass * (1 - share)).sum()
    assert truth < rest
    assert found.difference("in", "out").value > truth - rest
    assert found.difference("in", "out").low <= truth - rest


def test_the_truth_lies_within_the_bounds():
    inside = []
    for seed in range(20):
        y, h, group, probabilities = people(seed, n=3000)
        true = rate_by_group(
            GroupCounts.from_arrays(y, h, sensitive_features=group),
            rate_of_class("selection_rate", (0, 1), 1),
        ).values
        found = rates_with_unknown_groups(
            y, h, "demographic_parity", group_probabilities=probabilities
        )
        inside.append((found.outer_low <= true) & (true <= found.outer_high))
        assert (found.low <= found.values).all()
        assert (found.values <= found.high).all()
        assert (found.outer_low <= found.low).all()
        assert (found.high <= found.outer_high).all()
    assert np.mean(inside) > 0.98


def test_the_likeliest_group_can_show_a_gap_that_is_not_there():
    # Selection follows the place alone, and so do the probabilities: where a group is
    # likely, few are selected. Within a place the group makes no difference.
    rng = np.random.default_rng(0)
    place = rng.integers(0, 2, 20000)
    share = np.array([0.6, 0.4])[place]
    member = rng.random(20000) < share
    h = (rng.random(20000) < np.array([0.2, 0.8])[place]).astype(int)
    true = h[member].mean() - h[~member].mean()
    found = rates_with_unknown_groups(
        h, h, "selection_rate", group_probabilities={"in": share, "out": 1 - share}
    )
    assert found.difference("in", "out").value == pytest.approx(true, abs=0.02)
    likeliest = share > 0.5
    assigned = h[likeliest].mean() - h[~likeliest].mean()
    assert assigned < 4 * true < 0


def test_the_interval_holds_a_truth_that_lies_at_the_end():
    # Of every cell, as many of the group as can be are selected.
    share, selected = np.array([0.3, 0.6, 0.8]), np.array([0.5, 0.4, 0.7])
    truth = np.minimum(share, selected).sum() / share.sum()
    rng = np.random.default_rng(0)
    held = []
    for seed in range(150):
        cell = rng.integers(0, 3, 400)
        h = (rng.random(400) < selected[cell]).astype(int)
        found = rates_with_unknown_groups(
            h, h, "selection_rate", n_resamples=100, random_state=seed,
            group_probabilities={"in": share[cell], "out": 1 - share[cell]},
        )  # fmt: skip
        held.append(found.outer_low[0] <= truth <= found.outer_high[0])
    assert 0.9 <= np.mean(held) <= 0.99


def test_the_gap_is_that_of_the_extreme_pair():
    y, h, _, probabilities = people()
    names = dict(zip("abc", probabilities.T, strict=True))
    found = rates_with_unknown_groups(y, h, "selection_rate", group_probabilities=names)
    pairs = [found.difference(a, b) for a, b in permutations("abc", 2)]
    assert found.gap.value == pytest.approx(max(p.value for p in pairs))
    assert found.gap.high == pytest.approx(max(p.high for p in pairs))
    assert found.gap.low == 0
    table = expected_group_counts(y, h, group_probabilities=names)
    assert found.gap.value == pytest.approx(
        disparity_of_table(table, "demographic_parity").value
    )
    two = rates_with_unknown_groups(
        h, h, "selection_rate",
        group_probabilities={"a": 0.01 + 0.98 * h, "b": 0.99 - 0.98 * h},
    )  # fmt: skip
    assert 0.9 < two.gap.low <= two.gap.high <= 1
    assert two.gap.value == pytest.approx(two.gap.low)


@given(st.integers(0, 1000))
def test_order_of_rows_and_columns_and_repeated_rows_do_not_matter(seed):
    y, h, _, probabilities = people(seed, n=240)
    rng = np.random.default_rng(seed)
    order, columns = rng.permutation(240), rng.permutation(3)
    count = rng.integers(1, 3, 240)
    asked = partial(
        rates_with_unknown_groups, rate="selection_rate", cells=2, n_resamples=2
    )
    plain = asked(y, h, group_probabilities=probabilities)
    mixed = asked(
        y[order], h[order], group_probabilities=probabilities[order][:, columns]
    )
    weighted = asked(y, h, group_probabilities=probabilities, sample_weight=count)
    repeated = asked(
        *(np.repeat(c, count) for c in (y, h)),
        group_probabilities=np.repeat(probabilities, count, axis=0),
    )
    for name in ("values", "low", "high"):
        np.testing.assert_allclose(
            getattr(mixed, name), getattr(plain, name)[columns], atol=1e-9
        )
        np.testing.assert_allclose(
            getattr(weighted, name), getattr(repeated, name), atol=1e-9
        )


def test_larger_cells_leave_more_open():
    rng = np.random.default_rng(0)
    share = rng.uniform(0.05, 0.95, 3000)
    h = (rng.random(3000) < share).astype(int)
    asked = partial(
        rates_with_unknown_groups, h, h, "selection_rate",
        group_probabilities={"a": share, "b": 1 - share}, n_resamples=2,
    )  # fmt: skip
    with pytest.warns(FairnessWarning, match="fewer than 20 people"):
        alone = asked()
    # With everyone in a cell of their own, nothing seems to be open.
    np.testing.assert_allclose(alone.low, alone.high)
    fine, coarse = asked(cells=20), asked(cells=4)
    assert (coarse.low < fine.low).all()
    assert (fine.high < coarse.high).all()
    np.testing.assert_allclose(fine.values, coarse.values)
    own = asked(cells=pd.Series(np.where(share < 0.5, "north", "south")))
    assert own.n_cells == 2
    weight = np.append(np.ones(2990), np.zeros(10))
    again = asked(cells=pl.DataFrame({"place": share > 0.5}), sample_weight=weight)
    assert again.n_cells == 2


def test_frames_strings_and_a_rate_of_ones_own():
    y, h, _, probabilities = people()
    words = [np.where(c == 1, "yes", "no") for c in (y, h)]
    columns = dict(zip(["x", "y", "z"], probabilities.T, strict=True))
    own = Rate("miss", [[0, 0], [1, 0]], [[0, 0], [1, 1]])
    for frame in (pd.DataFrame, pl.DataFrame, dict):
        found = rates_with_unknown_groups(
            *words, "false_negative_rate", group_probabilities=frame(columns),
            pos_label="yes",
        )  # fmt: skip
        assert found.groups == ("x", "y", "z")
        assert found.name == "false_negative_rate"
        same = rates_with_unknown_groups(y, h, own, group_probabilities=frame(columns))
        np.testing.assert_allclose(found.values, same.values)
        np.testing.assert_allclose(found.high, same.high)
    table = found.to_frame()
    assert list(table.columns) == [
        "value", "low", "high", "outer_low", "outer_high", "n",
    ]  # fmt: skip
    assert list(table.index) == ["x", "y", "z"]
    assert table["n"].sum() == pytest.approx(y.sum())
    lists = rates_with_unknown_groups(
        y.tolist(), h.tolist(), own, group_probabilities=probabilities.tolist()
    )
    assert lists.groups == (0, 1, 2)


def test_few_people_and_certain_ends_keep_wilsons_width():
    h = np.array([0] * 10 + [1] * 30)
    known = np.eye(2)[[0] * 10 + [1] * 30]
    found = rates_with_unknown_groups(h, h, "selection_rate", group_probabilities=known)
    assert found.outer_high[0] == pytest.approx(wilson_interval(0, 10)[1])
    assert found.outer_low[1] == pytest.approx(wilson_interval(1, 30)[0])


def test_warnings_name_what_is_not_known():
    h = np.array([0, 1] * 50)
    half = np.full((100, 2), 0.5)
    with pytest.warns(FairnessWarning, match="next to nothing about selection_rate"):
        found = rates_with_unknown_groups(
            h, h, "selection_rate", group_probabilities=half
        )
    assert found.low == pytest.approx([0, 0])
    assert found.high == pytest.approx([1, 1])
    nobody = np.column_stack([np.ones(100), np.zeros(100)])
    with pytest.warns(FairnessWarning, match="undefined for group"):
        found = rates_with_unknown_groups(
            h, h, "selection_rate", group_probabilities=nobody
        )
    assert np.isnan([found.values[1], found.low[1], found.high[1]]).all()
    assert np.isnan(found.gap.value)


BASE = {"rate": "selection_rate", "group_probabilities": np.full((4, 2), 0.5)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_probabilities": [[0.5, 0.6]] * 4}, "row 0 sum to 1.1"),
        ({"group_probabilities": [[1.5, -0.5]] * 4}, r"lie in \[0, 1\]"),
        ({"group_probabilities": {"a": [1, None, 1, 1], "b": [0] * 4}}, "'a' are miss"),
        ({"group_probabilities": {"a": list("abcd"), "b": [0] * 4}}, "must be numbers"),
        ({"group_probabilities": [[1.0]] * 4}, "two groups or more"),
        ({"group_probabilities": np.full((5, 2), 0.5)}, "4 rows but group_prob"),
        ({"rate": "equalized_odds"}, "compares 2 rates"),
        ({"rate": "fairness"}, "unknown rate"),
        ({"rate": Rate("cost", [[0, 5], [1, 0]], [[1, 1], [1, 1]])}, "no share of"),
        ({"rate": "demographic_parity", "pos_label": 1}, "has its own"),
        ({"cells": 0}, "cells must be"),
        ({"cells": [1, 2]}, "cells has 2 rows but there are 4"),
        ({"cells": "place"}, "one value a row"),
        ({"sample_weight": [0, 0, 0, 0]}, "nobody with a weight"),
        ({"sample_weight": [-1, 0, 0, 0]}, "non-negative"),
        ({"confidence_level": 2}, "confidence_level"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(options, message):
    asked = BASE | options
    with pytest.raises(ValueError, match=message):
        rates_with_unknown_groups([0, 1, 0, 1], [0, 1, 1, 0], **asked)


def test_differences_of_groups_that_are_none():
    y, h, _, probabilities = people()
    found = rates_with_unknown_groups(
        y, h, "selection_rate", group_probabilities=probabilities
    )
    with pytest.raises(ValueError, match="'a' is not a group"):
        found.difference("a", 0)
    with pytest.raises(ValueError, match="given twice"):
        found.difference(0, 0)
