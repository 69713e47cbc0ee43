"""The subset scan against brute force, against its peer, and under its null."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from fairlearnkit import Binned
from fairlearnkit.datasets import load_german_credit
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import subgroup_scan, wilson_interval
from fairlearnkit.metrics.scan._likelihood import spread_over_nodes


def likelihood_ratio(y, p, direction):
    """Largest log-likelihood ratio, and the multiplier q where it is reached."""
    if not len(y):
        return 0.0, 1.0
    if y.all() and direction == "under":
        return -np.log(p).sum(), np.inf
    if not y.any() and direction == "over":
        return -np.log1p(-p).sum(), 0.0

    def loss(t):
        return np.log1p(p * np.expm1(t)).sum() - y.sum() * t

    bounds = (0, 40) if direction == "under" else (-40, 0)
    best = minimize_scalar(loss, bounds=bounds, options={"xatol": 1e-10})
    return max(-best.fun, 0.0), np.exp(best.x)


def subsets(values):
    return [
        kept
        for size in range(1, len(values) + 1)
        for kept in combinations(values, size)
    ]


def best_of_all(columns, y, p, direction, penalty):
    """Highest score of any subgroup, one by one."""
    values = [sorted(set(column.tolist())) for column in columns]
    best = 0.0
    for kept in product(*map(subsets, values)):
        inside = np.all(
            [np.isin(c, k) for c, k in zip(columns, kept, strict=True)], axis=0
        )
        named = [len(k) for k, v in zip(kept, values, strict=True) if len(k) < len(v)]
        ratio, _ = likelihood_ratio(y[inside], p[inside], direction)
        best = max(best, ratio - penalty * sum(named))
    return best


def people(seed, n=120, sizes=(5,), scores="continuous"):
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, size, n) for size in sizes]
    p = rng.beta(2, 3, n) if scores == "continuous" else rng.choice([0.2, 0.5, 0.6], n)
    shift = rng.normal(size=sizes[0])[columns[0]] * 0.7
    return np.column_stack(columns), rng.random(n) < expit(logit(p) + shift), p


def scan(X, y, p=None, **options):
    return subgroup_scan(X, y, p, **{"n_permutations": 0, **options})


@pytest.mark.parametrize("direction", ["under", "over"])
@pytest.mark.parametrize("penalty", [0, 0.3, 1.5])
@pytest.mark.parametrize("scores", ["continuous", "few"])
def test_one_column_is_searched_exactly(direction, penalty, scores):
    for seed in range(6):
        X, y, p = people(seed, n=[15, 40, 120][seed % 3], scores=scores)
        found = scan(X, y, p, direction=direction, penalty=penalty, n_restarts=1)
        expected = best_of_all([X[:, 0]], y, p, direction, penalty)
        assert found.score == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("penalty", [0, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_several_columns_reach_the_best_of_all_subgroups(seed, penalty):
    X, y, p = people(seed, n=80, sizes=(3, 3, 2))
    for direction in ("under", "over"):
        found = scan(X, y, p, direction=direction, penalty=penalty, n_restarts=40)
        expected = best_of_all(list(X.T), y, p, direction, penalty)
        assert found.score == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("direction", ["under", "over", "both"])
def test_the_result_describes_its_members(direction):
    X, y, p = people(3, n=500, sizes=(4, 5, 3))
    found = scan(X, y, p, direction=direction, penalty=0.2)
    inside = np.ones(len(y), dtype=bool)
    for name, values in found.subgroup.items():
        inside &= np.isin(X[:, int(name[1:])], values)
    np.testing.assert_array_equal(found.members, inside)
    assert found.n == inside.sum()
    assert found.observed_rate == pytest.approx(y[inside].mean())
    assert found.expected_rate == pytest.approx(p[inside].mean())
    assert found.difference == pytest.approx(y[inside].mean() - p[inside].mean())
    low, high = wilson_interval(y[inside].mean(), inside.sum())
    assert found.low == pytest.approx(low - p[inside].mean())
    assert found.high == pytest.approx(high - p[inside].mean())
    ratio, multiplier = likelihood_ratio(y[inside], p[inside], found.direction)
    named = sum(map(len, found.subgroup.values()))
    assert found.score == pytest.approx(ratio - 0.2 * named)
    assert found.odds_multiplier == pytest.approx(multiplier, rel=1e-5)
    assert np.isnan(found.p_value)


def test_both_directions_are_the_clearer_one():
    X, y, p = people(4, n=300, sizes=(4, 3))
    one_way = [scan(X, y, p, direction=way) for way in ("under", "over")]
    both = scan(X, y, p)
    best = max(one_way, key=lambda found: found.score)
    assert (both.score, both.subgroup) == (best.score, best.subgroup)
    assert both.direction == best.direction


def test_the_opposite_outcome_turns_the_direction_round():
    X, y, p = people(5, n=300, sizes=(4, 3))
    under = scan(X, y, p, direction="under")
    over = scan(X, ~y, 1 - p, direction="over")
    assert under.subgroup == over.subgroup
    assert under.score == pytest.approx(over.score)
    assert under.odds_multiplier == pytest.approx(1 / over.odds_multiplier)
    assert (under.direction, over.direction) == ("under", "over")


def test_names_of_values_and_order_of_rows_change_nothing():
    X, y, p = people(6, n=300, sizes=(4, 3))
    expected = scan(X, y, p)
    names = np.array(["d", "a", "c", "b"])
    rows = np.random.default_rng(0).permutation(len(y))
    frame = pd.DataFrame({"x0": names[X[:, 0]], "x1": X[:, 1]})
    found = scan(frame.iloc[rows].reset_index(drop=True), y[rows], p[rows])
    assert found.score == pytest.approx(expected.score)
    np.testing.assert_array_equal(found.members, expected.members[rows])


def test_twice_the_people_are_twice_the_evidence():
    X, y, p = people(7, n=200, sizes=(4, 3))
    once = scan(X, y, p)
    twice = scan(np.repeat(X, 2, axis=0), np.repeat(y, 2), np.repeat(p, 2))
    assert twice.score == pytest.approx(2 * once.score)
    assert twice.subgroup == once.subgroup
    assert twice.odds_multiplier == pytest.approx(once.odds_multiplier)


@pytest.mark.parametrize("bounds", [(0.4, 0.6), (0.01, 0.99), (1e-9, 0.9), (0.3, 0.3)])
def test_scores_spread_over_nodes_keep_every_likelihood(bounds):
    rng = np.random.default_rng(0)
    x = rng.uniform(*logit(bounds), 3000)
    cell = rng.integers(0, 4, len(x))
    logits, mass = spread_over_nodes(cell, x, 4)
    assert len(logits) < 200
    np.testing.assert_allclose(mass.sum(axis=1), np.bincount(cell))
    for t in (0.01, 0.7, 3, 20):
        exact = np.logaddexp(0, t + x) - np.logaddexp(0, x)
        at_nodes = np.logaddexp(0, t + logits) - np.logaddexp(0, logits)
        np.testing.assert_allclose(
            mass @ at_nodes, np.bincount(cell, weights=exact), rtol=1e-10
        )


def test_a_subgroup_in_which_everybody_has_the_outcome():
    X = np.repeat([["a"], ["b"]], [6, 40], axis=0)
    y = np.r_[np.ones(6), [0, 1] * 20]
    found = scan(X, y, 0.5)
    assert found.subgroup == {"x0": ("a",)}
    assert found.odds_multiplier == np.inf
    assert found.score == pytest.approx(6 * np.log(2))
    assert scan(X, 1 - y, 0.5).odds_multiplier == 0


def test_scores_too_low_for_all_are_found_for_everybody():
    X, y = np.array([["a"], ["b"]] * 50), np.array([1, 1, 0, 0] * 25)
    found = scan(X, y, 0.2)
    assert found.subgroup == {}
    assert found.members.all()
    assert found.direction == "under"


def test_nothing_departs():
    X, y = np.array([["a"], ["b"]] * 50), np.array([1, 1, 0, 0] * 25)
    found = subgroup_scan(X, y, 0.5)
    assert found.subgroup is None
    assert (found.score, found.n, found.p_value) == (0, 0, 1)
    assert np.isnan(found.observed_rate)
    assert not found.members.any()
    assert not found.mask(X).any()


def test_certain_scores_that_come_true_add_nothing():
    X, y, p = people(8, n=200, sizes=(4, 3))
    expected = scan(X, y, p)
    sure = np.random.default_rng(0).integers(0, 2, 50)
    found = scan(np.vstack([X, X[:50]]), np.r_[y, sure], np.r_[p, sure.astype(float)])
    assert found.score == pytest.approx(expected.score)
    assert found.subgroup == expected.subgroup
    assert found.n == expected.n + found.members[200:].sum()
    assert found.odds_multiplier == pytest.approx(expected.odds_multiplier)


def test_no_uncertain_score_leaves_nothing_to_search():
    X = np.array([["a"], ["b"], ["b"]])
    assert scan(X, [0, 1, 1], [0.0, 1.0, 1.0]).subgroup is None
    assert scan(X, [1, 1, 1]).subgroup is None


# --- the null hypothesis -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["scores", "labels", "none"])
def test_p_values_are_uniform_under_the_null_hypothesis(kind):
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.integers(0, 3, (100, 2))
        p = rng.beta(2, 3, 100)
        y = rng.random(100) < p
        score = {"scores": p, "labels": rng.random(100) < p, "none": None}[kind]
        result = subgroup_scan(
            X, y, score, n_permutations=9, n_restarts=2, random_state=seed
        )
        found.append(result.p_value)
    found = np.array(found)
    assert set(np.rint(found * 10)) <= set(range(1, 11))
    assert abs(found.mean() - 0.55) < 0.14  # of 0.1, 0.2, ..., 1; three standard errors
    assert (found <= 0.1).mean() < 0.25


def test_a_planted_subgroup_is_found():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.choice(list("abcd"), 4000) for name in "uvw"})
    planted = (X["u"] == "a") & X["v"].isin(["b", "c"])
    p = rng.beta(2, 3, 4000)
    y = rng.random(4000) < expit(logit(p) + 0.8 * planted)
    found = subgroup_scan(X, y, p, n_permutations=19)
    assert found.subgroup == {"u": ("a",), "v": ("b", "c")}
    assert found.direction == "under"
    assert found.p_value == 0.05
    assert found.odds_multiplier == pytest.approx(np.exp(0.8), rel=0.2)
    assert found.null == "scores"
    assert len(found.null_scores) == 19


def test_labels_are_replaced_by_the_rates_of_their_people():
    X, y, p = people(9, n=400, sizes=(4, 3))
    label = p > 0.5
    rates = np.where(label, y[label].mean(), y[~label].mean())
    expected = scan(X, y, rates)
    found = scan(X, y, label)
    assert found.score == pytest.approx(expected.score)
    assert found.subgroup == expected.subgroup
    assert (found.null, expected.null) == ("rates", "scores")
    words = np.array(["no", "yes"])
    named = scan(X, words[y * 1], words[label * 1], pos_label="yes")
    assert named.score == pytest.approx(expected.score)
    overall = scan(X, y)
    assert overall.score == pytest.approx(scan(X, y, y.mean()).score)
    assert overall.null == "rates"


def test_processes_and_seeds_repeat_the_result():
    X, y, p = people(10, n=200, sizes=(4, 3))
    first = subgroup_scan(X, y, p, n_permutations=40, random_state=3)
    with parallel_config("threading"):
        second = subgroup_scan(X, y, p, n_permutations=40, random_state=3, n_jobs=2)
    np.testing.assert_array_equal(first.null_scores, second.null_scores)
    other = subgroup_scan(X, y, p, n_permutations=40, random_state=4)
    assert (first.null_scores != other.null_scores).any()


# --- the peer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "penalty", "given", "score", "subgroup"),
    [
        ("under", 1, True, 7.1565, {"credit_history": 1, "personal_status": 1}),
        ("over", 1, True, 8.0550, {"credit_history": 2}),
        ("under", 1, False, 12.6124, {"credit_history": 1, "housing": 1}),
        ("over", 1, False, 14.6939, {"credit_history": 2, "housing": 2}),
        ("under", 2, False, 10.9952, {"credit_history": 1}),
        ("over", 2, True, 6.0550, {"credit_history": 2}),
        ("under", 0, True, 12.1185, None),
        ("under", 0, False, 19.5807, None),
    ],
)
def test_german_credit_scores_as_aif360_finds(
    direction, penalty, given, score, subgroup
):
    # aif360 0.6.1, bias_scan(X[columns], y, p or None, overpredicted=direction ==
    # "over", scoring="Bernoulli", num_iters=30, penalty=penalty or 1e-17), with the
    # share of good risks by checking_status as p, or None, the mean. Without a penalty
    # it stops below our score for "over", at 15.0351 and 21.6096.
    X, y = load_german_credit(return_X_y=True)
    columns = ["credit_history", "purpose", "personal_status", "housing"]
    p = y.groupby(X["checking_status"], observed=True).transform("mean")
    found = scan(
        X[columns],
        y,
        p.to_numpy() if given else y.mean(),
        direction=direction,
        penalty=penalty,
        n_restarts=30,
    )
    assert found.score == pytest.approx(score, abs=6e-5)
    if subgroup is not None:
        named = {name: len(values) for name, values in found.subgroup.items()}
        assert named == subgroup


def test_german_credit_scores_above_aif360():
    X, y = load_german_credit(return_X_y=True)
    columns = ["credit_history", "purpose", "personal_status", "housing"]
    found = scan(X[columns], y, y.mean(), direction="over", n_restarts=30)
    assert found.score > 21.6096
    ratio, _ = likelihood_ratio(
        y.to_numpy()[found.members] == 1, np.full(found.n, y.mean()), "over"
    )
    assert found.score == pytest.approx(ratio)


# --- columns -------------------------------------------------------------------------


def mixed(n=600):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "sex": rng.choice(["F", "M"], n),
            "age": rng.integers(18, 80, n),
            "income": rng.lognormal(10, 1, n),
        }
    )
    young = (frame["age"] < 30).to_numpy()
    return frame, rng.random(n) < np.where(young, 0.6, 0.3)


def test_containers_agree():
    frame, y = mixed()
    expected = scan(frame, y, 0.3, n_bins=4)
    for X in (
        pl.from_pandas(frame),
        pl.from_pandas(frame)[:, ["sex", "age", "income"]],
    ):
        found = scan(X, y.tolist(), np.full(len(y), 0.3).tolist(), n_bins=4)
        assert found.subgroup == expected.subgroup
        assert found.score == pytest.approx(expected.score)
    rows = frame.to_numpy().tolist()
    found = scan(rows, pd.Series(y), 0.3, n_bins=4)
    assert found.score == pytest.approx(expected.score)
    np.testing.assert_array_equal(found.members, expected.members)


def test_numbers_are_cut_at_their_quantiles():
    frame, y = mixed()
    found = scan(frame, y, 0.3, n_bins=4, sensitive_features=["age"])
    edge = np.quantile(frame["age"], 0.25)
    assert found.subgroup == {"age": (f"age < {edge:g}",)}
    np.testing.assert_array_equal(found.members, frame["age"] < edge)


def test_few_numbers_are_categories():
    X = np.array([[1.0], [2.0]] * 50)
    found = scan(X, np.tile([1, 0], 50), 0.5, direction="under", n_bins=2)
    assert found.subgroup == {"x0": (1.0,)}


def test_columns_are_chosen_by_name_index_or_bins():
    frame, y = mixed()
    young = Binned("age", [30])
    found = scan(frame, y, 0.3, sensitive_features=["sex", young])
    assert found.subgroup == {"age": ("age < 30",)}
    again = scan(frame, y, 0.3, sensitive_features=[0, young])
    assert again.subgroup == found.subgroup
    by_call = scan(
        frame,
        y,
        0.3,
        sensitive_features=lambda X: X[["sex"]].assign(young=X["age"] < 30),
    )
    assert by_call.subgroup == {"young": (True,)}
    np.testing.assert_array_equal(by_call.members, found.members)
    for result in (found, by_call):
        np.testing.assert_array_equal(result.mask(frame), result.members)


def test_the_mask_carries_over_to_other_people():
    frame, y = mixed()
    found = scan(frame, y, 0.3, n_bins=4, penalty=3)
    assert list(found.subgroup) == ["age"]
    others = frame.sample(200, random_state=0).reset_index(drop=True)
    edge = np.quantile(frame["age"], 0.25)
    np.testing.assert_array_equal(found.mask(others), others["age"] < edge)


def test_a_value_not_seen_before_is_in_no_subgroup():
    X, y = np.array([["a"], ["b"]] * 50), np.tile([1, 0], 50)
    found = scan(X, y, 0.5, direction="under")
    assert found.mask(np.array([["a"], ["c"], ["b"]])).tolist() == [True, False, False]


def test_missing_values_are_named_or_a_value():
    X = pd.DataFrame({"region": ["N", None, "S", None] * 25})
    y = np.tile([0, 1, 0, 1], 25)
    with pytest.raises(ValueError, match="'region' has 50 missing"):
        scan(X, y, 0.5)
    found = scan(X, y, 0.5, direction="under", handle_missing="group")
    assert found.members.sum() == 50
    np.testing.assert_array_equal(found.mask(X), X["region"].isna())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": [1, 2, 3, 4]}, "two-dimensional"),
        ({"y_true": [0, 1, 1]}, "y_true has 3 rows but X has 4"),
        ({"y_true": [0, 1, None, 1]}, "y_true has 1 missing"),
        ({"y_true": ["no", "yes", "no", "yes"]}, "pos_label must say"),
        ({"y_score": [0.2, 0.3]}, "y_score has 2 rows but X has 4"),
        ({"y_score": [0.2, 0.3, 0.5, 1.5]}, "probabilities in"),
        ({"y_score": ["low", "low", "high", "high"]}, "probabilities in"),
        ({"y_score": [0.2, 0.3, None, 0.5]}, "y_score has 1 missing"),
        ({"y_score": 2}, "probabilities in"),
        ({"y_score": [0.2, 0.0, 0.5, 1.0]}, "0 or 1 for 1 people"),
        ({"direction": "up"}, "direction must be"),
        ({"penalty": -1}, "penalty must be"),
        ({"n_bins": 1}, "n_bins must be"),
        ({"n_restarts": 0}, "n_restarts must be"),
        ({"n_permutations": -1}, "n_permutations must be"),
        ({"confidence_level": 1}, "confidence_level must lie"),
        ({"sensitive_features": "sexe"}, "did you mean"),
        ({"sensitive_features": ["sex", "sex"]}, "named twice"),
        ({"sensitive_features": []}, "no column to scan"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(options, message):
    arguments = {
        "X": pd.DataFrame({"sex": list("abab"), "region": list("uuvv")}),
        "y_true": [0, 1, 0, 1],
        "y_score": [0.2, 0.3, 0.4, 0.5],
    }
    with pytest.raises(ValueError, match=message):
        subgroup_scan(**{**arguments, **options})


def test_continuous_columns_have_to_be_cut():
    frame, y = mixed()
    with pytest.raises(ValueError, match="'income' holds 600 distinct numbers"):
        scan(frame, y, 0.3, sensitive_features="income")


def test_many_values_are_warned_of():
    X = np.array([[f"person {k}"] for k in range(60)])
    with pytest.warns(FairnessWarning, match="60 groups"):
        scan(X, np.tile([0, 1], 30), 0.5)


def test_rows_in_another_order_are_refused():
    frame, y = mixed()
    with pytest.raises(ValueError, match="different orders"):
        scan(frame, pd.Series(y).sample(frac=1, random_state=0), 0.3, n_bins=4)
