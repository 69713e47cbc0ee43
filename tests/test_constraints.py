"""Every constraint against its formula on arrays, and constraints as plain values."""

import pickle

import numpy as np
import pytest
from fairlearn import metrics as peer
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV

from fairlearnkit import constraints as own
from fairlearnkit.constraints import (
    ALIASES,
    AccuracyParity,
    Constraint,
    DemographicParity,
    EqualizedOdds,
    ErrorRateParity,
    FalsePositiveRateParity,
    PredictiveParity,
    Rate,
    RateParity,
    TruePositiveRateParity,
    as_constraint,
)
from fairlearnkit.tables import GroupCounts

NAMED = [
    AccuracyParity,
    DemographicParity,
    EqualizedOdds,
    ErrorRateParity,
    FalsePositiveRateParity,
    PredictiveParity,
    TruePositiveRateParity,
]
LINEAR = [c for c in NAMED if c is not PredictiveParity]
MISS = Rate("miss_rate", [[0, 0], [1, 0]], [[0, 0], [1, 1]])


def share(hits, among):
    return hits[among].mean() if among.any() else np.nan


def rates_by_hand(constraint, t, p, classes):
    """Rates of one group, straight from the definitions, for each target class."""
    targets = classes
    if constraint.pos_label is not None:
        targets = [constraint.pos_label]
    elif len(classes) == 2:
        targets = classes[1:]
    everyone = np.ones(len(t), dtype=bool)
    tpr = [share(p == c, t == c) for c in targets]
    fpr = [share(p == c, t != c) for c in targets]
    matrix = [share(p == c, t == y) for y in classes for c in classes]
    binary = len(classes) == 2 or constraint.pos_label is not None
    return {
        DemographicParity: [share(p == c, everyone) for c in targets],
        TruePositiveRateParity: tpr,
        FalsePositiveRateParity: fpr,
        EqualizedOdds: tpr + fpr if binary else matrix,
        AccuracyParity: [share(p == t, everyone)],
        ErrorRateParity: [share(p != t, everyone)],
        PredictiveParity: [share(t == c, p == c) for c in targets],
    }[type(constraint)]


def gap_by_hand(values, compare):
    values = [v for v in values if not np.isnan(v)]
    if not values:
        return 0.0
    if compare == "difference":
        return max(values) - min(values)
    return 1 - min(values) / max(values) if max(values) else 0.0


@st.composite
def decisions(draw):
    classes = draw(st.sampled_from([[0, 1], ["no", "yes"], [0, 1, 2], ["a", "b", "c"]]))
    n = draw(st.integers(1, 40))
    column = st.lists(st.sampled_from(classes), min_size=n, max_size=n)
    group = st.lists(st.integers(0, 2), min_size=n, max_size=n)
    pos_label = draw(st.sampled_from([None, *classes]))
    arrays = (draw(column), draw(column), draw(group))
    return classes, pos_label, *map(np.array, arrays)


@given(decisions(), st.sampled_from(NAMED), st.sampled_from(["difference", "ratio"]))
def test_rates_and_violation_follow_the_definition(data, kind, compare):
    classes, pos_label, t, p, g = data
    constraint = kind(compare=compare, pos_label=pos_label)
    table = GroupCounts.from_arrays(t, p, sensitive_features=g, classes=classes)
    values = constraint.values(table.counts, table.classes)
    by_hand = np.array(
        [rates_by_hand(constraint, t[g == k], p[g == k], classes) for k in table.groups]
    ).T
    np.testing.assert_allclose(values, by_hand)
    gaps = [gap_by_hand(row, compare) for row in by_hand]
    np.testing.assert_allclose(constraint.gap(values), gaps, atol=1e-15)
    violation = constraint.violation(table.counts, table.classes)
    assert violation == pytest.approx(max(gaps), abs=1e-15)
    assert 0 <= violation <= 1


@given(decisions(), st.sampled_from(LINEAR))
def test_coefficients_reproduce_the_rates(data, kind):
    classes, pos_label, t, p, g = data
    constraint = kind(pos_label=pos_label)
    table = GroupCounts.from_arrays(t, p, sensitive_features=g, classes=classes)
    coefficients = constraint.coefficients(table.totals, classes, user="the test")
    linear = (coefficients * table.counts).sum(axis=(-2, -1))
    np.testing.assert_allclose(linear, constraint.values(table.counts, classes))


@pytest.mark.parametrize("seed", range(5))
def test_violations_agree_with_fairlearn(seed):
    rng = np.random.default_rng(seed)
    g = rng.integers(0, 4, 400)
    t, p = rng.integers(0, 2, 400), (rng.random(400) < 0.2 + 0.15 * g).astype(int)
    table = GroupCounts.from_arrays(t, p, sensitive_features=g)
    for stem, kind in (
        ("demographic_parity", DemographicParity),
        ("equalized_odds", EqualizedOdds),
        ("equal_opportunity", TruePositiveRateParity),
    ):
        difference = getattr(peer, f"{stem}_difference")(t, p, sensitive_features=g)
        ratio = getattr(peer, f"{stem}_ratio")(t, p, sensitive_features=g)
        ours = kind().violation(table.counts, [0, 1])
        assert ours == pytest.approx(difference)
        ours = kind(compare="ratio").violation(table.counts, [0, 1])
        assert ours == pytest.approx(1 - ratio)


def test_groups_where_a_rate_is_undefined_do_not_count():
    gap = DemographicParity().gap
    assert gap(np.array([0.2, np.nan, 0.5])) == pytest.approx(0.3)
    assert gap(np.array([np.nan, np.nan])) == 0
    ratio = DemographicParity(compare="ratio").gap
    assert ratio(np.array([np.nan, 0.4])) == 0
    assert ratio(np.array([0.0, 0.0])) == 0
    assert ratio(np.array([0.0, 0.4])) == 1


def test_gaps_work_along_the_last_axis():
    values = np.random.default_rng(0).random((4, 3, 5))
    gaps = DemographicParity().gap(values)
    np.testing.assert_allclose(gaps, np.ptp(values, axis=-1))


def test_coefficients_are_nan_where_a_group_lacks_people():
    coefficients = TruePositiveRateParity().coefficients(
        np.array([[3.0, 0.0], [1.0, 2.0]]), [0, 1], user="the test"
    )
    assert np.isnan(coefficients[0, 0]).all()
    assert np.isfinite(coefficients[0, 1]).all()


def test_predictive_parity_is_refused_with_a_sentence_where_linearity_is_needed():
    match = r"PredictiveParity is not linear .*so the sweep cannot.*Fractional\w+ can"
    with pytest.raises(ValueError, match=match):
        PredictiveParity().coefficients(np.ones((2, 2)), [0, 1], user="the sweep")


ALL = [
    kind(compare=c, pos_label=p)
    for kind in NAMED
    for c in ("difference", "ratio")
    for p in (None, 0, "yes", False)
]
ALL += [RateParity(MISS), RateParity([MISS, MISS], compare="ratio")]


@pytest.mark.parametrize("constraint", ALL, ids=repr)
def test_a_constraint_is_a_value(constraint):
    assert eval(repr(constraint), vars(own)) == constraint
    copy = pickle.loads(pickle.dumps(constraint))
    assert copy == constraint
    assert hash(copy) == hash(constraint)
    assert clone(constraint) == constraint
    assert as_constraint(constraint) is constraint


def test_constraints_differ_by_type_and_parameters():
    assert DemographicParity() != EqualizedOdds()
    assert DemographicParity() != DemographicParity(compare="ratio")
    # pos_label=0 equals pos_label=False
    assert len(set(ALL)) == len(ALL) - 2 * len(NAMED)


def test_a_constraint_cannot_be_changed():
    with pytest.raises(AttributeError):
        DemographicParity().compare = "ratio"


class Echo(ClassifierMixin, BaseEstimator):
    """Scores higher for a constraint in ratio form."""

    def __init__(self, constraint="demographic_parity"):
        self.constraint = constraint

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        ratio = as_constraint(self.constraint).compare == "ratio"
        return np.full(len(X), self.classes_[int(ratio)])


def test_constraints_are_parameters_of_a_grid_search():
    grid = [DemographicParity(), "equalized_odds", RateParity(MISS, compare="ratio")]
    search = GridSearchCV(Echo(), {"constraint": grid}, cv=2)
    search.fit(np.zeros((8, 1)), [0, 1, 1, 1] * 2)
    assert search.best_params_ == {"constraint": grid[2]}


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases_name_a_constraint_in_both_forms(alias):
    assert as_constraint(alias) == ALIASES[alias]()
    assert as_constraint(f"{alias}_difference") == ALIASES[alias]()
    assert as_constraint(f"{alias}_ratio") == ALIASES[alias](compare="ratio")


@pytest.mark.parametrize("kind", NAMED)
def test_a_constraints_own_name_is_an_alias(kind):
    assert as_constraint(kind.name) == kind()


@pytest.mark.parametrize("wrong", ["demographic", "", None, 3, DemographicParity])
def test_an_unknown_constraint_lists_those_there_are(wrong):
    with pytest.raises(ValueError, match=r"unknown constraint .*'equalized_odds'"):
        as_constraint(wrong)


def test_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match=r"'difference' or 'ratio', got 'both'"):
        DemographicParity(compare="both")
    with pytest.raises(ValueError, match=r"'maybe' is not a class; .*\[0, 1\]"):
        DemographicParity(pos_label="maybe").rates([0, 1])
    with pytest.raises(ValueError, match="one Rate or more"):
        RateParity([])
    with pytest.raises(ValueError, match="one Rate or more"):
        RateParity("selection_rate")
    with pytest.raises(ValueError, match=r"'miss_rate' is written for 2 classes, .* 3"):
        RateParity(MISS).rates(["a", "b", "c"])


@pytest.mark.parametrize(
    ("tables", "match"),
    [
        (([[1, 0]], [[1, 1]]), "numerator of rate 'r' must be a square"),
        (([[1]], [1]), "denominator of rate 'r' must be a square"),
        (([[1]], [[1, 1], [1, 1]]), "differ in size"),
    ],
)
def test_a_rate_needs_two_square_tables(tables, match):
    with pytest.raises(ValueError, match=match):
        Rate("r", *tables)


def test_rates_know_what_they_are():
    assert MISS.is_linear
    assert MISS.is_proportion
    (precision,) = PredictiveParity().rates([0, 1])
    assert not precision.is_linear
    assert precision.is_proportion
    assert not Rate("cost", [[0, 5], [1, 0]], [[1, 1], [1, 1]]).is_proportion
    odds = Rate("odds", [[0, 0], [0, 1]], [[0, 0], [1, 0]])
    assert not odds.is_proportion


class CostParity(Constraint):
    """A user's own constraint: five for a false alarm, one for a miss."""

    def rates(self, classes):
        return (Rate("cost", [[0, 5], [1, 0]], np.ones((2, 2))),)


def test_a_users_constraint_needs_no_more_than_its_rates():
    table = GroupCounts.from_arrays(
        [0, 1, 0, 1], [1, 0, 0, 1], sensitive_features=["a", "a", "b", "b"]
    )
    assert CostParity().violation(table.counts, [0, 1]) == pytest.approx(3)
    assert CostParity(compare="ratio").violation(table.counts, [0, 1]) == 1
    coefficients = CostParity().coefficients(table.totals, [0, 1], user="the test")
    np.testing.assert_allclose(
        (coefficients * table.counts).sum(axis=(-2, -1)), [[3, 0]]
    )
    assert as_constraint(CostParity()) == CostParity()
    assert repr(CostParity(compare="ratio")) == "CostParity(compare='ratio')"


def test_a_users_rate_is_a_constraint():
    constraint = as_constraint(MISS)
    assert constraint == RateParity(MISS) == RateParity([MISS])
    assert constraint.name == "miss_rate_parity"
    table = GroupCounts.from_arrays([1, 1, 1], [0, 1, 1], sensitive_features=[0, 0, 1])
    assert constraint.violation(table.counts, [0, 1]) == 0.5


def test_rate_names_tell_which_class_they_are_of():
    names = [rate.name for rate in DemographicParity().rates(["x", "y", "z"])]
    assert names == ["selection_rate[x]", "selection_rate[y]", "selection_rate[z]"]
    (negative,) = DemographicParity(pos_label=0).rates([0, 1])
    assert negative.name == "selection_rate[0]"
    (positive,) = DemographicParity(pos_label=1).rates([0, 1])
    assert positive.name == "selection_rate"
