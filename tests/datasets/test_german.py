"""German credit: the facts of the published rows."""

import pytest

from fairlearnkit.datasets import load_german_credit


def test_german_facts():
    german = load_german_credit()
    assert german.target.sum() == 700
    group = german.sensitive_features["age_group"]
    assert group.value_counts().to_dict() == {">25": 810, "<=25": 190}
    assert german.target[group == "<=25"].mean() == pytest.approx(0.579, abs=5e-4)
    assert german.target[group == ">25"].mean() == pytest.approx(0.728, abs=5e-4)
    statuses = german.data["personal_status"].value_counts()
    assert sorted(statuses) == [50, 92, 310, 548]
    assert german.data["foreign_worker"].eq("yes").sum() == 963
    assert not german.data.isna().any(axis=None)
