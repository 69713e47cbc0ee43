"""Conditional disparity: gaps stratum by stratum, and intervals that hold together."""

import numpy as np
import pandas as pd
import pytest

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    conditional_disparity,
    demographic_parity_difference,
    explained_disparity,
)


def people(seed, n=400, n_groups=2, n_strata=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    stratum = rng.integers(0, n_strata, n)
    y = (rng.random(n) < 0.7 - 0.1 * stratum - 0.1 * group).astype(int)
    return y, group, stratum, rng.random(n)


@pytest.mark.parametrize("n_groups", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_gap_is_the_difference_of_that_stratum_alone(n_groups, weighted):
    y, group, stratum, weight = people(0, n_groups=n_groups)
    weight = weight if weighted else np.ones(len(y))
    found = conditional_disparity(
        y, sensitive_features=group, strata=stratum, sample_weight=weight
    )
    for e, gap in zip(found.strata, found.gaps, strict=True):
        mine = stratum == e
        alone = demographic_parity_difference(
            y[mine], y[mine], sensitive_features=group[mine], sample_weight=weight[mine]
        )
        assert gap == pytest.approx(alone)
    shares = np.bincount(stratum, weights=weight) / weight.sum()
    assert found.shares == pytest.approx(shares)
    assert found.mean.value == pytest.approx(shares @ found.gaps)
    assert found.worst.value == found.gaps.max()
    assert found.worst_stratum == found.strata[found.gaps.argmax()]
    assert (found.low <= found.gaps).all()
    assert (found.gaps <= found.high).all()


def test_two_groups_have_the_gaps_of_the_explained_disparity():
    y, group, stratum, _ = people(1)
    options = {"sensitive_features": group, "strata": stratum}
    signed = explained_disparity(y, **options)
    assert conditional_disparity(y, **options).gaps == pytest.approx(abs(signed.gaps))
    # one stratum only shares the error with nobody
    once = {"sensitive_features": group, "strata": ["all"] * len(y)}
    one, other = conditional_disparity(y, **once), explained_disparity(y, **once)
    assert one.high[0] == pytest.approx(max(abs(other.low[0]), abs(other.high[0])))


def test_gaps_of_opposite_direction_do_not_cancel():
    y = np.array([1] * 8 + [0] * 8)
    stratum = np.repeat(["x", "y"], 8)
    group = np.array(list("aaaabbbb" * 2))
    y[[0, 1]] = 0  # a is behind in x
    y[[8, 9]] = 1  # and ahead in y
    found = conditional_disparity(y, sensitive_features=group, strata=stratum)
    assert found.gaps.tolist() == [0.5, 0.5]
    assert found.mean.value == 0.5


@pytest.mark.parametrize("n_groups", [2, 3])
def test_intervals_hold_together(n_groups):
    rng = np.random.default_rng(2)
    rates = np.array([0.6, 0.3, 0.3])  # the same in all groups
    held = worst = mean = 0
    for _ in range(200):
        group, stratum = rng.integers(0, n_groups, 150), rng.integers(0, 3, 150)
        y = (rng.random(150) < rates[stratum]).astype(int)
        found = conditional_disparity(y, sensitive_features=group, strata=stratum)
        held += (found.low == 0).all()
        worst += found.worst.low == 0
        mean += found.mean.low == 0
    assert min(held, worst, mean) / 200 >= 0.92


def test_strata_with_one_group_are_named_and_left_out():
    y, group = [1, 0, 1, 1, 0, 1], list("abaaab")
    stratum = ["x", "x", "only a", "only a", "y", "y"]
    with pytest.warns(
        FairnessWarning, match="1 of 3 strata .* 'only a'. They hold 33%"
    ):
        found = conditional_disparity(y, sensitive_features=group, strata=stratum)
    assert np.isnan(found.gaps[0])
    assert found.mean.value == 1
    with pytest.warns(FairnessWarning, match="3 of 3 strata"):
        found = conditional_disparity(
            [0, 1, 1], sensitive_features=["a"] * 3, strata=list("xyz")
        )
    assert np.isnan([found.mean.value, found.worst.high]).all()
    assert found.worst_stratum is None


def test_frame_has_a_row_for_each_stratum():
    y, group, stratum, _ = people(3)
    strata = pd.Series(stratum, name="level")
    found = conditional_disparity(y, sensitive_features=group, strata=strata)
    frame = found.to_frame()
    assert frame.index.name == "level"
    assert frame.columns.tolist() == ["gaps", "low", "high", "shares", 0, 1]
    assert frame[1].to_numpy() == pytest.approx(found.rates[:, 1])


def test_bad_input_is_refused():
    y, group, stratum, _ = people(4, 20)
    with pytest.raises(ValueError, match="y has 20 rows but strata has 19"):
        conditional_disparity(y, sensitive_features=group, strata=stratum[1:])
    with pytest.raises(ValueError, match="confidence_level"):
        conditional_disparity(
            y, sensitive_features=group, strata=stratum, confidence_level=2
        )
