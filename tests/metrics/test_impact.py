"""Impact ratios: the rule's own tables, brute force from masks, and the interval."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import fisher_exact

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import impact_ratios, ratio_interval, wilson_interval

RACES = [
    "White",
    "Black or African American",
    "Native Hawaiian or Pacific Islander",
    "Asian",
    "Native American or Alaska Native",
    "Two or More Races",
]
HISPANIC = "Hispanic or Latino"
KINDS = [(sex, race) for sex in ("Male", "Female") for race in (HISPANIC, *RACES)]
# 6 RCNY 5-301, example of a selection: applicants and selected by sex, then race.
APPLIED = [205, 412, 226, 87, 321, 24, 115, 190, 385, 164, 32, 295, 17, 98]
SELECTED = [90, 215, 95, 37, 167, 11, 52, 82, 197, 75, 15, 135, 7, 44]
SELECTION_RATIO = [
    0.841, 1, 0.806, 0.815, 0.997, 0.878, 0.866,
    0.827, 0.981, 0.876, 0.898, 0.877, 0.789, 0.860,
]  # fmt: skip
# 6 RCNY 5-301, example of a score.
SCORED = [16, 20, 20, 4, 12, 8, 12, 12, 20, 12, 4, 12, 8, 8]
SCORING_RATE = [
    0.75, 0.35, 0.5, 0.75, 0.583, 0.625, 0.5,
    0.5, 0.4, 0.5, 0.5, 0.25, 0.625, 0.5,
]  # fmt: skip
SCORING_RATIO = [
    1, 0.47, 0.67, 1, 0.78, 0.83, 0.67,
    0.67, 0.53, 0.67, 0.67, 0.33, 0.83, 0.67,
]  # fmt: skip


def people(kinds, n, selected):
    """One row a person: the values of each kind, and whether they were selected."""
    rows = [
        (*kind, decision)
        for kind, total, chosen in zip(kinds, n, selected, strict=True)
        for decision in [1] * chosen + [0] * (total - chosen)
    ]
    return [np.array(column) for column in zip(*rows, strict=True)]


def audit(kinds, n, selected, names=("sex", "race"), **options):
    *columns, decision = people(kinds, n, selected)
    features = dict(zip(names, columns, strict=True))
    return impact_ratios(decision, sensitive_features=features, **options)


def column(table, values):
    """Values given in the order of KINDS, in the order of the table."""
    known = dict(zip(KINDS, values, strict=True))
    return [known[category] for category in table.categories]


def test_selection_example_of_the_rule():
    ratios = audit(KINDS, APPLIED, SELECTED)
    table = ratios["sex x race"]
    np.testing.assert_array_equal(table.n, column(table, APPLIED))
    np.testing.assert_array_equal(table.selected, column(table, SELECTED))
    np.testing.assert_allclose(
        table.ratio, column(table, SELECTION_RATIO), atol=0.00051
    )
    sex = ratios["sex"]
    assert sex.categories == ("Female", "Male")
    np.testing.assert_array_equal(sex.n, [1181, 1390])
    np.testing.assert_array_equal(sex.selected, [555, 667])
    np.testing.assert_allclose(sex.ratio, [0.979, 1], atol=0.0005)
    assert sex.reference == "Male"
    assert table.reference == ("Male", "White")
    # The only category of the example below four fifths.
    below = [table.categories[k] for k in np.flatnonzero(table.below_four_fifths)]
    assert below == [("Female", "Native American or Alaska Native")]


def test_race_table_of_the_rule():
    # Its numbers of Hispanic people are not those of the intersectional table.
    kinds = [(race,) for race in (HISPANIC, *RACES)]
    n, selected = [408, 797, 390, 119, 616, 41, 213], [204, 412, 170, 52, 302, 18, 96]
    table = audit(kinds, n, selected, names=("race",))["race"]
    found = dict(zip(table.categories, table.ratio, strict=True))
    published = [0.97, 1.00, 0.84, 0.85, 0.95, 0.85, 0.87]
    for (race,), expected in zip(kinds, published, strict=True):
        assert found[race] == pytest.approx(expected, abs=0.0051)


def test_scoring_example_of_the_rule():
    above = np.rint(np.multiply(SCORED, SCORING_RATE)).astype(int)
    sex, race, high = people(KINDS, SCORED, above)
    # 15 people of unknown category, one of them at the median of all.
    score = np.concatenate([np.where(high, 9.0, 1.0), [9] * 7, [1] * 7, [5]])
    features = {"sex": [*sex, *[None] * 15], "race": [*race, *[None] * 15]}
    ratios = impact_ratios(y_score=score, sensitive_features=features)
    assert ratios.median_score == 5
    assert ratios.n == sum(SCORED) + 15
    table = ratios["sex x race"]
    assert table.n_unknown == ratios["sex"].n_unknown == 15
    np.testing.assert_allclose(table.rate, column(table, SCORING_RATE), atol=0.0005)
    np.testing.assert_allclose(table.ratio, column(table, SCORING_RATIO), atol=0.005)
    np.testing.assert_allclose(ratios["sex"].rate, [0.447, 0.543], atol=0.0005)
    np.testing.assert_allclose(ratios["sex"].ratio, [0.82, 1], atol=0.005)
    race = dict(zip(ratios["race"].categories, ratios["race"].rate, strict=True))
    published = [0.642, 0.375, 0.5, 0.625, 0.417, 0.625, 0.5]
    for name, expected in zip((HISPANIC, *RACES), published, strict=True):
        assert race[name] == pytest.approx(expected, abs=0.001)


def draw(seed, n=600):
    rng = np.random.default_rng(seed)
    features = {
        "a": rng.choice(["x", "y", None], n, p=[0.5, 0.45, 0.05]),
        "b": rng.choice([1.0, 2.0, 3.0, np.nan], n, p=[0.5, 0.3, 0.15, 0.05]),
        "c": rng.choice(["u", "v", "not stated"], n, p=[0.6, 0.3, 0.1]),
    }
    return rng.random(n) < 0.3, features


def known(feature):
    return np.array(
        [v is not None and v == v and v != "not stated" for v in feature.tolist()]
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_table_equals_masks(seed):
    decision, features = draw(seed)
    ratios = impact_ratios(
        decision, sensitive_features=features, unknown=["not stated"]
    )
    assert [t.name for t in ratios.tables] == ["a", "b", "c", "a x b x c"]
    for table in ratios.tables:
        names = table.name.split(" x ")
        inside = np.all([known(features[name]) for name in names], axis=0)
        assert table.n_unknown == (~inside).sum()
        assert table.n.sum() == inside.sum()
        for row, category in enumerate(table.categories):
            values = category if len(names) > 1 else (category,)
            member = np.all(
                [features[k] == v for k, v in zip(names, values, strict=True)], axis=0
            )
            assert table.n[row] == member.sum()
            assert table.selected[row] == decision[member].sum()
            assert table.rate[row] == decision[member].mean()
        best = np.argmax(table.rate)
        assert table.reference == table.categories[best]
        np.testing.assert_allclose(table.ratio, table.rate / table.rate.max())
        np.testing.assert_array_equal(table.below_four_fifths, table.ratio < 0.8)
        assert table.ratio[best] == 1
        assert np.isnan(table.p_value[best])


def test_p_values_are_fishers():
    table = audit(KINDS, APPLIED, SELECTED)["sex x race"]
    best = table.categories.index(table.reference)
    for row in range(len(table.n)):
        if row != best:
            rows = [row, best]
            counts = [table.selected[rows], (table.n - table.selected)[rows]]
            assert table.p_value[row] == pytest.approx(fisher_exact(counts)[1])


def test_two_categories_get_the_plain_interval_cut_at_one():
    table = audit([("F",), ("M",)], [40, 50], [12, 20], names=("sex",))["sex"]
    first, second = [
        (s / n, *wilson_interval(s / n, n)) for s, n in ((12, 40), (20, 50))
    ]
    low, high = ratio_interval(first, second)
    assert table.low[0] == pytest.approx(low)
    assert table.high[0] == min(high, 1)
    # The observed highest may not be the highest.
    assert table.low[1] == pytest.approx(ratio_interval(second, first)[0])
    assert table.high[1] == 1
    plain = audit(
        [("F",), ("M",)], [40, 50], [12, 20], names=("sex",), interval="reference"
    )["sex"]
    assert plain.low[0] == pytest.approx(low)
    assert plain.high[0] == pytest.approx(high)
    assert plain.low[1] == plain.high[1] == 1


def test_interval_to_the_highest_is_the_least_of_all_pairs():
    table = audit(KINDS, APPLIED, SELECTED, confidence_level=0.9)["sex x race"]
    shares = (table.rate, *wilson_interval(table.rate, table.n, 1 - 0.1 / 13))
    for row in range(len(table.n)):
        others = np.arange(len(table.n)) != row
        low, high = ratio_interval(
            [part[row] for part in shares], [part[others] for part in shares]
        )
        assert table.low[row] == pytest.approx(min(low.min(), 1))
        assert table.high[row] == pytest.approx(min(high.min(), 1))
    assert (table.low <= table.ratio).all()
    assert (table.ratio <= table.high).all()


@pytest.mark.parametrize("shares", [[0.5] * 2, [0.5] * 7, [0.6, 0.5, 0.5, 0.4]])
def test_interval_holds_the_true_ratio_although_the_highest_is_chosen(shares):
    rng = np.random.default_rng(0)
    kinds = [(k,) for k in range(len(shares))]
    true = np.array(shares) / max(shares)
    n = [60] * len(shares)
    held = []
    for _ in range(150):
        table = audit(kinds, n, rng.binomial(n, shares), names=("a",))["a"]
        held.append((table.low <= true) & (true <= table.high))
    assert np.mean(held, axis=0).min() > 0.92


@pytest.mark.parametrize("seed", range(4))
def test_shortfalls_and_flips_by_trying_one_person_more(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(5, 40, 5)
    selected = rng.integers(1, n)
    table = audit([(k,) for k in range(5)], n, selected, names=("a",))["a"]
    rate = selected / n

    def below(chosen, row):
        others = np.delete(rate, row).max()
        return chosen / n[row] < 0.8 * max(others, chosen / n[row]) - 1e-12

    for row in range(5):
        for aim, found in (
            (0.8, table.shortfall_four_fifths[row]),
            (1.0, table.shortfall_parity[row]),
        ):
            more = 0
            while (selected[row] + more) / n[row] < aim * rate.max() - 1e-12:
                more += 1
            assert found == more
        tried = [
            below(chosen, row)
            for chosen in (selected[row] - 1, selected[row] + 1)
            if 0 <= chosen <= n[row]
        ]
        assert table.flips_by_one[row] == any(
            flag != table.below_four_fifths[row] for flag in tried
        )


def test_exactly_four_fifths_is_not_below():
    # 0.8 * (5 / 6) is not 2 / 3 in floating point; in whole numbers it is.
    table = audit([("a",), ("b",)], [6, 6], [4, 5], names=("g",))["g"]
    assert not table.below_four_fifths.any()
    assert table.shortfall_four_fifths[0] == 0
    assert table.flips_by_one.tolist() == [True, False]


def test_small_categories_are_listed_but_not_compared():
    kinds, n, selected = [("a",), ("b",), ("c",)], [100, 97, 3], [50, 30, 3]
    table = audit(kinds, n, selected, names=("g",), exclude_below=0.02)["g"]
    assert table.excluded.tolist() == [False, False, True]
    assert table.reference == "a"
    assert (table.n[2], table.selected[2], table.rate[2]) == (3, 3, 1)
    for name in ("ratio", "low", "high", "p_value", "shortfall_parity"):
        assert np.isnan(getattr(table, name)[2])
    np.testing.assert_allclose(table.ratio[:2], [1, (30 / 97) / 0.5])
    # Its share is of the people whose category is known.
    everybody = audit(kinds, n, selected, names=("g",))["g"]
    assert everybody.reference == "c"
    assert not everybody.excluded.any()
    at_the_bound = audit(kinds, n, selected, names=("g",), exclude_below=0.015)["g"]
    assert not at_the_bound.excluded.any()


def test_containers_and_labels_agree():
    decision, features = draw(5)
    words = np.where(decision, "invite", "turn down")
    expected = impact_ratios(decision, sensitive_features=features).to_frame()
    as_lists = {name: column.tolist() for name, column in features.items()}
    frames = [pd.DataFrame(features), pl.DataFrame(as_lists), as_lists]
    for frame in frames:
        found = impact_ratios(
            words.tolist(), sensitive_features=frame, pos_label="invite"
        ).to_frame()
        pd.testing.assert_frame_equal(found, expected)


def test_order_of_people_changes_nothing():
    decision, features = draw(6)
    order = np.random.default_rng(0).permutation(len(decision))
    expected = impact_ratios(decision, sensitive_features=features).to_frame()
    shuffled = {name: column[order] for name, column in features.items()}
    found = impact_ratios(decision[order], sensitive_features=shuffled).to_frame()
    pd.testing.assert_frame_equal(found, expected)


def test_frame_has_a_row_for_every_category_of_every_type():
    frame = audit(KINDS, APPLIED, SELECTED).to_frame()
    assert list(frame.columns[:7]) == [
        "category_type", "category", "n", "selected", "rate", "ratio", "low",
    ]  # fmt: skip
    assert frame["category_type"].value_counts().to_dict() == {
        "sex x race": 14,
        "race": 7,
        "sex": 2,
    }
    assert frame.loc[frame["category"] == "Male", "n"].item() == 1390


def test_nobody_selected_has_no_ratio():
    with pytest.warns(FairnessWarning, match="by g are undefined: nobody"):
        table = impact_ratios([0, 0, 0], sensitive_features={"g": list("aab")})["g"]
    np.testing.assert_array_equal(table.rate, [0, 0])
    assert np.isnan(table.ratio).all()
    assert table.reference is None


def test_no_known_category_has_no_ratio():
    with pytest.warns(FairnessWarning, match="no category is left"):
        table = impact_ratios([0, 1], sensitive_features={"g": [None, None]})["g"]
    assert table.categories == ()
    assert table.n_unknown == 2


def test_one_category_is_its_own_reference():
    table = impact_ratios([0, 1], sensitive_features={"g": ["a", "a"]})["g"]
    assert (table.ratio[0], table.low[0], table.high[0]) == (1, 1, 1)
    assert not table.flips_by_one[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either decisions, y_pred, or scores"),
        ({"y_pred": [0, 1], "y_score": [0, 1]}, "either decisions"),
        ({"y_pred": [0, 1, 1]}, r"y_pred has shape \(3,\)"),
        ({"y_pred": ["no", "yes"]}, "pos_label must say"),
        (
            {"y_pred": ["no", "yes"], "pos_label": "ja"},
            "is not a class; the classes are",
        ),
        ({"y_pred": [0.2, 0.7]}, "continuous"),
        ({"y_pred": [0, None]}, "y_pred has 1 missing"),
        ({"y_score": [0.5, np.nan]}, "y_score holds 1 NaN"),
        ({"y_pred": [0, 1], "unknown": "Other"}, "unknown must be a list"),
        ({"y_pred": [0, 1], "exclude_below": 2}, "exclude_below must be"),
        ({"y_pred": [0, 1], "interval": "wald"}, "interval must be"),
        ({"y_pred": [0, 1], "confidence_level": 95}, "confidence_level must lie"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        impact_ratios(sensitive_features={"g": ["a", "b"]}, **arguments)


def test_an_unknown_table_is_named():
    ratios = impact_ratios([0, 1], sensitive_features={"g": ["a", "b"]})
    with pytest.raises(KeyError, match="'h' is not a table"):
        ratios["h"]
