"""FICO: expected counts against the published totals and base rates."""

import numpy as np
import pytest

from fairlearnkit.datasets import load_fico


def test_fico_facts():
    fico = load_fico()
    assert fico.totals == {
        "White": 133_165,
        "Black": 18_274,
        "Hispanic": 14_702,
        "Asian": 7_906,
    }
    counts = fico.table.groupby("group", observed=True)[["n_good", "n_bad"]].sum()
    people = counts.sum(axis=1)
    for group, expected in {
        "White": 0.7587,
        "Black": 0.3366,
        "Hispanic": 0.5681,
        "Asian": 0.8068,
    }.items():
        assert people[group] == pytest.approx(fico.totals[group])
        assert counts["n_good"][group] / people[group] == pytest.approx(
            expected, abs=1e-4
        )
    assert fico.table["score"].nunique() == 198
    assert (fico.table[["n_good", "n_bad"]] >= 0).all(axis=None)


def test_fico_weights_agree_with_the_table():
    fico = load_fico()
    assert fico.sample_weight.sum() == pytest.approx(174_047)
    for label, column in ((0, "n_bad"), (1, "n_good")):
        rows = fico.target == label
        np.testing.assert_array_equal(fico.sample_weight[rows], fico.table[column])
        np.testing.assert_array_equal(fico.data["score"][rows], fico.table["score"])
    # Higher scores default less: the published "performance" is the default share.
    risk = fico.table.groupby("score")[["n_good", "n_bad"]].sum()
    share = risk["n_bad"] / risk.sum(axis=1)
    assert share.loc[0] > 0.95
    assert share.loc[100] < 0.05


def test_fico_gives_the_maximal_profit_of_the_credit_example():
    # A loan is worth making where at least 82 % repay; Hardt et al. call this 100 %.
    table = load_fico().table
    profit = table["n_good"] * (1 - 0.82) - table["n_bad"] * 0.82
    assert profit.clip(lower=0).sum() == pytest.approx(13_305.886, abs=1e-3)
