"""Communities and Crime: the facts of the published rows."""

import pytest

from fairlearnkit.datasets import load_communities_crime


def test_communities_facts():
    crime = load_communities_crime()
    assert crime.target.mean() == pytest.approx(0.238, abs=5e-4)
    assert (crime.sensitive_features["black_share_group"] == ">0.06").sum() == 970
    assert crime.data.to_numpy().min() == 0
    assert crime.data.to_numpy().max() == 1
    assert crime.sensitive_features["racepctblack"].equals(crime.data["racepctblack"])


def test_communities_with_incomplete_columns():
    crime = load_communities_crime(drop_missing=False)
    assert crime.data.shape == (1_994, 122)
    assert crime.data.isna().any().sum() == 23
    assert {"state", "county", "community", "communityname", "fold"}.isdisjoint(
        crime.data
    )
