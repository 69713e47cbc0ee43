"""xAUC against all pairs of people, its symmetries and its background AUCs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    cross_group_auc,
    disparity,
    newcombe_interval,
)


def people(seed=0, n=150, n_groups=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y = rng.integers(0, 2, n)
    score = np.round(rng.normal(size=n) + y + 0.4 * group, 1)
    return y, score, group, rng.integers(0, 4, n).astype(float)


def area_by_pairs(score, weight, first, second):
    """Weighted share of pairs in which one of `first` scores higher; ties half."""
    higher = score[first][:, None] > score[second]
    equal = score[first][:, None] == score[second]
    pairs = higher + 0.5 * equal
    v, w = weight[first], weight[second]
    return v @ pairs @ w / v.sum() / w.sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_every_entry_is_the_share_of_pairs(weighted):
    y, score, group, weight = people()
    weight = weight if weighted else np.ones(len(y))
    found = cross_group_auc(y, score, sensitive_features=group, sample_weight=weight)
    assert found.groups == (0, 1, 2)
    for a in range(3):
        for b in range(3):
            pair = (y == 1) & (group == a), (y == 0) & (group == b)
            expected = area_by_pairs(score, weight, *pair)
            assert found.values[a, b] == pytest.approx(expected)
            assert found.low[a, b] < found.values[a, b] < found.high[a, b]


def test_the_diagonal_is_the_auc_of_each_group_with_its_interval():
    y, score, group, _ = people()
    found = cross_group_auc(y, score, sensitive_features=group)
    within = disparity(y, score, roc_auc_score, sensitive_features=group).estimates[0]
    np.testing.assert_allclose(np.diag(found.values), within.values)
    low, high = within.interval()
    np.testing.assert_allclose(np.diag(found.low), low)
    np.testing.assert_allclose(np.diag(found.high), high)


@pytest.mark.parametrize("weighted", [False, True])
def test_background_aucs_are_those_against_all_others(weighted):
    y, score, group, weight = people(1)
    weight = weight if weighted else np.ones(len(y))
    found = cross_group_auc(y, score, sensitive_features=group, sample_weight=weight)
    for g in range(3):
        own, others = group == g, group != g
        bpsn = area_by_pairs(score, weight, (y == 1) & others, (y == 0) & own)
        bnsp = area_by_pairs(score, weight, (y == 1) & own, (y == 0) & others)
        assert found.background_positive.values[g] == pytest.approx(bpsn)
        assert found.background_negative.values[g] == pytest.approx(bnsp)
        # Borkan et al.: also the AUC of a data set made of the two subsets.
        if not weighted:
            subset = ((y == 1) & others) | ((y == 0) & own)
            assert bpsn == pytest.approx(roc_auc_score(y[subset], score[subset]))


def test_differences_exchange_the_roles_and_rest_on_four_sets():
    y, score, group, _ = people(2)
    found = cross_group_auc(y, score, sensitive_features=group)
    np.testing.assert_allclose(found.differences, found.values - found.values.T)
    np.testing.assert_allclose(found.differences, -found.differences.T)
    np.testing.assert_allclose(found.difference_low, -found.difference_high.T)
    assert (np.diag(found.difference_low) == 0).all()
    pair = [(found.values[i], found.low[i], found.high[i]) for i in ((0, 1), (1, 0))]
    low, high = newcombe_interval(*pair)
    assert found.difference_low[0, 1] == pytest.approx(low)
    assert found.difference_high[0, 1] == pytest.approx(high)


def test_pooled_auc_is_the_mean_over_all_pairs_of_groups():
    y, score, group, weight = people(3)
    found = cross_group_auc(y, score, sensitive_features=group, sample_weight=weight)
    mass = [[weight[(y == k) & (group == g)].sum() for g in range(3)] for k in (1, 0)]
    pooled = mass[0] @ found.values @ mass[1] / sum(mass[0]) / sum(mass[1])
    assert pooled == pytest.approx(roc_auc_score(y, score, sample_weight=weight))


def test_relabelled_groups_are_the_same_groups():
    y, score, group, _ = people(4)
    first = cross_group_auc(y, score, sensitive_features=group)
    renamed = np.array(["c", "a", "b"])[group]
    second = cross_group_auc(y, score, sensitive_features=renamed)
    order = [second.groups.index(name) for name in ("c", "a", "b")]
    for name in ("values", "low", "high", "differences"):
        moved = getattr(second, name)[np.ix_(order, order)]
        np.testing.assert_allclose(moved, getattr(first, name))


def test_scores_may_rank_each_group_and_not_between_them():
    y = np.array([0, 0, 1, 1] * 2)
    score = np.array([1, 2, 3, 4, 11, 12, 13, 14])
    group = np.repeat(["a", "b"], 4)
    found = cross_group_auc(y, score, sensitive_features=group)
    np.testing.assert_array_equal(found.values, [[1, 0], [1, 1]])
    np.testing.assert_array_equal(found.differences, [[0, -1], [1, 0]])
    assert (found.low < 1).all()


def test_a_group_without_a_label_is_named():
    y, score = np.array([0, 1, 1, 1, 0, 1]), np.arange(6.0)
    group = np.array(list("aabbcc"))
    with pytest.warns(FairnessWarning, match=r"\['b'\] has no negatives"):
        found = cross_group_auc(y, score, sensitive_features=group)
    assert np.isnan(found.values[:, 1]).all()
    assert np.isnan(found.low[:, 1]).all()
    assert not np.isnan(found.values[1, [0, 2]]).any()
    assert np.isnan(found.differences[1, 1])
    assert np.isnan(found.background_positive.values[1])


def test_tables_hold_every_pair_and_group():
    y, score, group, _ = people(5)
    data = pd.DataFrame({"sex": np.array(["f", "m"])[group % 2], "old": group > 1})
    named = np.where(y == 1, "good", "bad")
    found = cross_group_auc(named, score, sensitive_features=data, pos_label="good")
    frame = found.to_frame()
    n_groups = len(found.groups)
    assert len(frame) == n_groups**2
    assert frame.index.names == ["positive_group", "negative_group"]
    assert (frame["value"].to_numpy() == found.values.ravel()).all()
    assert frame["n_positive"].iloc[0] == ((y == 1) & (data["sex"] == "f")).sum() - (
        ((y == 1) & (data["sex"] == "f") & data["old"]).sum()
    )
    by_group = found.by_group()
    assert list(by_group.index.names) == ["sex", "old"]
    np.testing.assert_allclose(by_group["subgroup_auc"], np.diag(found.values))
    np.testing.assert_allclose(by_group["subgroup_auc_low"], np.diag(found.low))


def test_bad_input_is_named():
    y, score, group, _ = people()
    with pytest.raises(ValueError, match="confidence_level"):
        cross_group_auc(y, score, sensitive_features=group, confidence_level=95)
    with pytest.raises(ValueError, match="pos_label"):
        cross_group_auc(y + 1, score, sensitive_features=group)
    with pytest.raises(ValueError, match="missing"):
        cross_group_auc(y, score * np.nan, sensitive_features=group)


def test_intervals_hold_their_level():
    rng = np.random.default_rng(0)
    truth, inside = 0.8413447, []  # P(N(sqrt 2, 1) > N(0, 1))
    y = np.tile([0, 1, 1, 0, 0, 0, 0, 1], 10)
    group = np.repeat([0, 1], 40)
    for _ in range(150):
        score = rng.normal(size=80) + np.sqrt(2) * y
        found = cross_group_auc(y, score, sensitive_features=group)
        inside.append((found.low <= truth) & (truth <= found.high))
    assert 0.91 <= np.mean(inside) <= 0.985
