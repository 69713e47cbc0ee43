"""Sensitive features as columns: levels, crossings, numbers; and bad input."""

import numpy as np
import pandas as pd
import pytest

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.inprocessing import FairLinearRegression


def people(n=300):
    rng = np.random.default_rng(0)
    sex, race = rng.integers(0, 2, n), rng.integers(0, 2, n)
    X = rng.normal(size=(n, 6)) + np.outer(sex == race, [1, 0, 1, 0, 0, 0])
    y = X.sum(axis=1) + rng.normal(size=n)
    return X, y, {"sex": sex, "race": race}


def largest_gap(model, X, cells):
    predicted = model.predict(X)
    return np.ptp([predicted[cells == c].mean() for c in np.unique(cells)])


def test_crossing_reaches_the_intersections():
    """The outcome differs by whether sex and race agree, and by neither alone."""
    X, y, sensitive = people()
    cells = 2 * sensitive["sex"] + sensitive["race"]
    crossed = FairLinearRegression(tolerance=0).fit(X, y, sensitive_features=sensitive)
    added = FairLinearRegression(tolerance=0, cross=False)
    added.fit(X, y, sensitive_features=sensitive)
    assert largest_gap(crossed, X, cells) < 1e-10
    assert largest_gap(added, X, cells) > 0.5
    for column in sensitive.values():
        assert largest_gap(added, X, column) < 0.2
    assert crossed.sensitive_names_[0] == "sex=0, race=0"
    assert added.sensitive_names_ == ["sex=0", "sex=1", "race=0", "race=1"]
    assert len(crossed.groups_) == len(added.groups_) == 4


def test_a_number_is_a_category_unless_declared():
    X, y, _ = people()
    ranks = np.arange(len(y)) % 5
    by_level = FairLinearRegression(tolerance=0).fit(X, y, sensitive_features=ranks)
    by_size = FairLinearRegression(tolerance=0, numeric_sensitive=True)
    by_size.fit(X, y, sensitive_features=ranks)
    assert largest_gap(by_level, X, ranks) < 1e-10 < largest_gap(by_size, X, ranks)
    assert abs(np.corrcoef(by_size.predict(X), ranks)[0, 1]) < 1e-12
    assert by_size.sensitive_names_ == ["sensitive_features"]


def test_a_quantity_of_many_values_draws_no_warning():
    X, y, _ = people()
    FairLinearRegression(numeric_sensitive=True, sensitive_features=0).fit(X, y)
    with pytest.warns(UserWarning, match="make 300 groups"):
        FairLinearRegression(sensitive_features=0, tolerance=1).fit(X, y)


def test_new_numbers_are_welcome_at_prediction_and_new_levels_are_not():
    X, y, sensitive = people()
    age = np.linspace(20, 60, len(y))
    model = FairLinearRegression(use_sensitive=True, numeric_sensitive=["age"])
    model.fit(X, y, sensitive_features={"age": age, "sex": sensitive["sex"]})
    model.predict(X[:2], sensitive_features={"age": [33.3, 99], "sex": [0, 1]})
    with pytest.raises(ValueError, match="group sex=7 was not seen during fit"):
        model.predict(X[:2], sensitive_features={"age": [33.3, 99], "sex": [0, 7]})
    with pytest.raises(ValueError, match="needs to know the groups"):
        model.predict(X)


def test_a_quantity_without_weight_counts_for_nothing():
    X, y, _ = people()
    age, weight = np.linspace(20, 60, len(y)), np.ones(len(y))
    weight[:50] = 0
    model = FairLinearRegression(numeric_sensitive=True, use_sensitive=True)
    model.fit(X, y, sensitive_features=age, sample_weight=weight)
    other = FairLinearRegression(numeric_sensitive=True, use_sensitive=True)
    other.fit(X[50:], y[50:], sensitive_features=age[50:])
    np.testing.assert_allclose(
        model.predict(X, sensitive_features=age),
        other.predict(X, sensitive_features=age),
    )


@pytest.mark.parametrize(
    ("parameters", "values", "message"),
    [
        ({"numeric_sensitive": ["age"]}, [0, 1] * 150, r"names \['age'\], but"),
        ({"numeric_sensitive": True}, ["a", "b"] * 150, "declared as numeric, but"),
        ({"numeric_sensitive": True}, [0.0, np.inf] * 150, "contains infinity"),
        ({"numeric_sensitive": True}, [0.0, np.nan] * 150, "missing"),
        ({"method": "ridge"}, [0, 1] * 150, "set use_sensitive=True"),
    ],
)
def test_bad_input_is_named(parameters, values, message):
    X, y, _ = people()
    with pytest.raises(ValueError, match=message):
        FairLinearRegression(**parameters).fit(X, y, sensitive_features=values)


def test_text_among_the_features_is_named():
    X, y, sensitive = people()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["sex"] = np.where(sensitive["sex"], "m", "f")
    with pytest.raises(ValueError, match="hide sensitive ones by drop_sensitive=True"):
        FairLinearRegression(sensitive_features="sex").fit(frame, y)


def test_a_constant_that_is_all_that_is_left_is_owned_up_to():
    X, y, _ = people()
    model = FairLinearRegression(numeric_sensitive=True, sensitive_features=0)
    with pytest.warns(FairnessWarning, match="everybody gets the same prediction"):
        model.set_params(tolerance=0).fit(X[:, :1], y)


def test_constant_and_collinear_columns_are_harmless():
    X, y, sensitive = people()
    wide = np.column_stack([X, X[:, :2].sum(axis=1), np.full(len(y), 1e6)])
    for use_sensitive in (False, True):
        model = FairLinearRegression(use_sensitive=use_sensitive)
        found = [
            model.fit(data, y, sensitive_features=sensitive).predict(
                data, sensitive_features=sensitive
            )
            for data in (X, wide)
        ]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-8)
