"""Explained disparity: exact parts, Kitagawa and Oaxaca-Blinder, and its intervals."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import explained_disparity
from fairlearnkit.metrics.conditional._kitagawa import kitagawa_parts

# Admissions to the six largest departments of Berkeley in 1973 (Bickel, Hammel,
# O'Connell 1975): admitted and rejected men, then women, by department.
BERKELEY = {
    "A": (512, 313, 89, 19),
    "B": (353, 207, 17, 8),
    "C": (120, 205, 202, 391),
    "D": (138, 279, 131, 244),
    "E": (53, 138, 94, 299),
    "F": (22, 351, 24, 317),
}


def berkeley():
    rows = [
        (sex, department, outcome)
        for department, counts in BERKELEY.items()
        for (sex, outcome), n in zip(
            [("m", 1), ("m", 0), ("f", 1), ("f", 0)], counts, strict=True
        )
        for _ in range(n)
    ]
    return pd.DataFrame(rows, columns=["sex", "department", "admitted"])


def people(seed, n=300, n_groups=2, n_strata=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    stratum = np.minimum(rng.poisson(1 + 0.5 * group), n_strata - 1)
    chance = 0.7 - 0.15 * stratum - 0.1 * group
    return (rng.random(n) < chance).astype(int), group, stratum, rng.random(n)


def by_hand(y, group, stratum, weight, first, second):
    """Parts by the definition of Zliobaite, Kamiran and Calders, for full strata."""
    weight = np.ones(len(y)) if weight is None else weight

    def rate(g, e=None):
        mine = (group == g) & ((stratum == e) if e is not None else True)
        return np.average(y[mine], weights=weight[mine])

    def share(g, e):
        mine = group == g
        return weight[mine & (stratum == e)].sum() / weight[mine].sum()

    explained = sum(
        (rate(first, e) + rate(second, e)) / 2 * (share(first, e) - share(second, e))
        for e in np.unique(stratum)
    )
    total = rate(first) - rate(second)
    return total, explained, total - explained


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_parts_are_those_of_the_definition(seed, weighted):
    y, group, stratum, weight = people(seed)
    weight = weight if weighted else None
    found = explained_disparity(
        y, sensitive_features=group, strata=stratum, sample_weight=weight
    )
    expected = by_hand(y, group, stratum, weight, *found.groups)
    parts = (found.total, found.explained, found.unexplained)
    assert [part.value for part in parts] == pytest.approx(expected)
    assert found.total.value >= 0
    assert found.unmatched.value == found.unmatched.high == 0
    for part in parts:
        assert part.low <= part.value <= part.high


def test_parts_are_the_mean_of_both_oaxaca_blinder_decompositions():
    y, group, stratum, _ = people(3)
    found = explained_disparity(y, sensitive_features=group, strata=stratum)
    design = np.eye(3)[stratum]
    first, second = (group == g for g in found.groups)
    coefficients = [
        np.linalg.lstsq(design[mine], y[mine], rcond=None)[0]
        for mine in (first, second)
    ]
    gap = design[first].mean(axis=0) - design[second].mean(axis=0)
    explained = [gap @ beta for beta in coefficients]
    assert found.explained.value == pytest.approx(np.mean(explained))


def test_berkeley_is_explained_by_the_departments():
    data = berkeley()
    found = explained_disparity(
        data["admitted"],
        sensitive_features=data["sex"],
        strata=data["department"],
    )
    assert found.groups == ("m", "f")
    assert found.total.value == pytest.approx(1198 / 2691 - 557 / 1835)
    table = np.array(list(BERKELEY.values()), dtype=float)
    n = np.stack([table[:, :2].sum(axis=1), table[:, 2:].sum(axis=1)])
    rates = table[:, [0, 2]].T / n
    shares = n / n.sum(axis=1, keepdims=True)
    # Kitagawa: rates differ, composition held at the mean of both groups
    assert found.unexplained.value == pytest.approx(
        (shares.mean(axis=0) * (rates[0] - rates[1])).sum()
    )
    assert found.unexplained.value < 0 < found.explained.low  # women are ahead inside
    assert found.p_value < 0.05
    assert found.to_frame().loc["A", "gaps"] == pytest.approx(512 / 825 - 89 / 108)


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 8))
@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_total_is_the_sum_of_its_parts(seed, n_groups, n_strata):
    y, group, stratum, weight = people(seed, 40, n_groups, n_strata)
    if len(np.unique(group)) < 2:
        return
    result = explained_disparity(
        y, sensitive_features=group, strata=stratum, sample_weight=weight
    )
    for pair in result.pairs:
        if not pair.matched.any():
            assert pair.unmatched.value == pytest.approx(pair.total.value)
            continue
        parts = (pair.explained, pair.unexplained, pair.unmatched)
        total = sum(part.value for part in parts)
        assert total == pytest.approx(pair.total.value, abs=1e-12)


def test_swapping_groups_turns_every_sign():
    y, group, stratum, _ = people(4)
    options = {"sensitive_features": group, "strata": stratum}
    one, other = (explained_disparity(y, reference=g, **options) for g in (0, 1))
    for part in ("total", "explained", "unexplained"):
        first, second = getattr(one, part), getattr(other, part)
        assert first.value == pytest.approx(-second.value)
        assert first.low == pytest.approx(-second.high)
    assert one.p_value == pytest.approx(other.p_value)
    flipped = explained_disparity(y, pos_label=0, reference=0, **options)
    assert flipped.unexplained.value == pytest.approx(-one.unexplained.value)


def test_names_order_and_repetition_change_nothing():
    y, group, stratum, _ = people(5)
    plain = explained_disparity(y, sensitive_features=group, strata=stratum)
    order = np.random.default_rng(5).permutation(len(y))
    named = explained_disparity(
        np.array(["no", "yes"])[y][order],
        sensitive_features=np.array(["z", "a"])[group][order],
        strata=np.array(["q", "p", "r"])[stratum][order],
        pos_label="yes",
    )
    for part in ("total", "explained", "unexplained"):
        assert str(getattr(named, part)) == str(getattr(plain, part))
    times = np.random.default_rng(6).integers(0, 3, len(y))
    options = {"sensitive_features": group, "strata": stratum}
    weighted = explained_disparity(y, sample_weight=times, **options)
    repeated = explained_disparity(
        np.repeat(y, times),
        sensitive_features=np.repeat(group, times),
        strata=np.repeat(stratum, times),
    )
    assert weighted.explained.value == pytest.approx(repeated.explained.value)


def test_one_stratum_explains_nothing():
    y, group, _, _ = people(6)
    found = explained_disparity(y, sensitive_features=group, strata=["all"] * len(y))
    assert found.explained.value == found.explained.low == found.explained.high == 0
    assert found.unexplained.value == pytest.approx(found.total.value)


def test_columns_of_strata_are_crossed():
    y, group, stratum, weight = people(7)
    both = pl.DataFrame({"a": stratum, "b": np.where(weight < 0.5, "x", "y")})
    found = explained_disparity(y, sensitive_features=group, strata=both)
    assert found.names == ("a", "b")
    assert found.strata == tuple((e, b) for e in range(3) for b in "xy")
    single = np.char.add(stratum.astype(str), both["b"].to_numpy().astype(str))
    same = explained_disparity(y, sensitive_features=group, strata=single)
    assert same.unexplained.value == pytest.approx(found.unexplained.value)
    assert found.to_frame().index.names == ["a", "b"]


def test_pairs_of_many_groups_hold_together():
    y, group, stratum, _ = people(8, n=900, n_groups=4)
    found = explained_disparity(y, sensitive_features=group, strata=stratum)
    assert len(found.pairs) == 6
    totals = [pair.total.value for pair in found.pairs]
    assert min(totals) >= 0
    assert found.total.value == max(totals)
    frame = found.pairs_to_frame()
    assert frame["total"].tolist() == totals
    # the same pair alone has a shorter interval
    kept = np.isin(group, found.groups)
    alone = explained_disparity(
        y[kept], sensitive_features=group[kept], strata=stratum[kept]
    )
    assert alone.groups == found.groups
    assert alone.unexplained.value == pytest.approx(found.unexplained.value)
    assert alone.unexplained.high < found.unexplained.high
    against = explained_disparity(
        y, sensitive_features=group, strata=stratum, reference=2
    )
    assert [pair.groups for pair in against.pairs] == [(2, 0), (2, 1), (2, 3)]


def test_strata_with_one_group_are_named_and_set_apart():
    group = np.array(list("aaaabbbbaabbb"))
    stratum = np.array(["both"] * 8 + ["only a"] * 2 + ["only b"] * 3)
    y = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1])
    message = "2 of 3 strata hold only one of the groups .* 'only a', 'only b'"
    with pytest.warns(FairnessWarning, match=message):
        found = explained_disparity(
            y, sensitive_features=group, strata=stratum, reference="a"
        )
    # a: 3/6 of all and 3/4 inside; b: 4/7 of all and 1/4 inside
    assert found.total.value == pytest.approx(3 / 6 - 4 / 7)
    assert found.unexplained.value == pytest.approx(3 / 4 - 1 / 4)
    assert found.explained.value == 0
    assert found.unmatched.value == pytest.approx((3 / 6 - 3 / 4) - (4 / 7 - 1 / 4))
    assert found.matched.tolist() == [True, False, False]
    assert np.isnan(found.gaps[1:]).all()


def test_without_a_common_stratum_nothing_is_compared():
    with pytest.warns(FairnessWarning, match="2 of 2 strata"):
        found = explained_disparity(
            [1, 1, 0, 1], sensitive_features=list("aabb"), strata=list("xxyy")
        )
    parts = found.explained, found.unexplained
    assert np.isnan([*(part.value for part in parts), found.p_value]).all()
    assert str(found.unmatched) == str(found.total)
    assert found.unmatched.value == found.total.value == 0.5


def test_variances_are_those_of_numerical_influences():
    rng = np.random.default_rng(9)
    counts = 1e4 * rng.integers(1, 6, size=(2, 5, 2)).astype(float)
    counts[0, 1] = counts[1, 4] = 0  # strata with one group only
    matched = (counts.sum(axis=2) > 0).all(axis=0)
    _, variances = kitagawa_parts(counts, counts, matched)
    expected = np.zeros(3)
    for cell in zip(*np.nonzero(counts), strict=True):
        ends = []
        for sign in (-1, 1):
            moved = counts.copy()
            moved[cell] += sign
            ends.append(kitagawa_parts(moved, moved, matched)[0])
        expected += counts[cell] * ((ends[1] - ends[0]) / 2) ** 2
    assert variances == pytest.approx(expected, rel=2e-3)


def test_the_intervals_cover():
    rng = np.random.default_rng(10)
    shares = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    rates = np.array([[0.8, 0.5, 0.3], [0.7, 0.4, 0.3]])
    truth = np.array(
        [
            rates.mean(axis=0) @ (shares[0] - shares[1]),
            shares.mean(axis=0) @ (rates[0] - rates[1]),
        ]
    )
    held = np.zeros(2)
    for _ in range(300):
        group = np.repeat([0, 1], [60, 120])
        stratum = np.concatenate(
            [rng.choice(3, 60, p=shares[0]), rng.choice(3, 120, p=shares[1])]
        )
        y = (rng.random(180) < rates[group, stratum]).astype(int)
        found = explained_disparity(
            y, sensitive_features=group, strata=stratum, reference=0
        )
        parts = (found.explained, found.unexplained)
        held += [p.low <= t <= p.high for p, t in zip(parts, truth, strict=True)]
    assert (held / 300 >= 0.91).all()
    assert (held / 300 <= 0.99).all()


def test_the_test_rejects_when_the_interval_excludes_zero():
    for seed in range(20):
        y, group, stratum, _ = people(seed, n=150)
        found = explained_disparity(y, sensitive_features=group, strata=stratum)
        excludes = not found.unexplained.low <= 0 <= found.unexplained.high
        assert excludes == (found.p_value < 0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strata": ["x", None, "x", "x"]}, "stratum column 'strata' has 1 missing"),
        ({"strata": ["x"] * 3}, "y has 4 rows but strata has 3"),
        (
            {"sensitive_features": ["a"] * 3},
            "y has 4 rows but sensitive_features has 3",
        ),
        ({"sensitive_features": ["a"] * 4}, "there is only one group, 'a'"),
        ({"reference": "c"}, "reference='c' is not a group; the groups are 'a', 'b'"),
        ({"y": [0.2, 0.4, 1, 0]}, "y holds continuous values"),
        ({"y": ["no", "yes", "no", "no"]}, "pos_label must say"),
        ({"sample_weight": [1, 1, -1, 1]}, "non-negative"),
        ({"sample_weight": [0, 0, 0, 0]}, "at least one weight above zero"),
        ({"confidence_level": 95}, "confidence_level must lie between 0 and 1"),
        (
            {"strata": {"a": ["x"] * 4, "b": ["x"] * 3}},
            "stratum column 'b' has 3 rows, 'a' has 4",
        ),
    ],
)
def test_bad_input_is_refused(change, message):
    options = {
        "y": [0, 1, 0, 1],
        "sensitive_features": ["a", "a", "b", "b"],
        "strata": ["x"] * 4,
    } | change
    with pytest.raises(ValueError, match=message):
        explained_disparity(options.pop("y"), **options)
