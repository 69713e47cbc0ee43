"""Adult: the facts of the published rows."""

import pandas as pd
import pytest

from fairlearnkit.datasets import load_adult


def test_adult_facts():
    adult = load_adult()
    assert adult.target.mean() == pytest.approx(0.2393, abs=5e-5)
    assert adult.data.notna().all(axis=1).sum() == 45_222
    everything = adult.frame.assign(fnlwgt=adult.sample_weight)
    assert everything.duplicated().sum() == 52
    assert everything.iloc[:32_561]["fnlwgt"].sum() == 6_179_373_392
    assert set(adult.data.columns[adult.data.isna().any()]) == {
        "workclass",
        "occupation",
        "native-country",
    }
    by_race = adult.target.groupby(adult.data["race"], observed=True).mean()
    assert by_race["White"] == pytest.approx(0.2540, abs=5e-5)
    assert by_race["Black"] == pytest.approx(0.1208, abs=5e-5)
    assert "fnlwgt" not in adult.feature_names
    assert (adult.sample_weight > 0).all()


def test_adult_cells_of_kamiran_and_calders():
    adult = load_adult()
    cells = pd.crosstab(adult.data["sex"], adult.target)
    assert cells.loc["Female"].tolist() == [14_423, 1_769]
    assert cells.loc["Male"].tolist() == [22_732, 9_918]
