"""Generalized entropy: its formula, its limits, invariances, and its interval."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gmean, variation

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    coefficient_of_variation,
    generalized_entropy_error,
    generalized_entropy_index,
    generalized_entropy_interval,
    prediction_benefits,
    theil_index,
)

ALPHAS = [-1.5, 0, 0.3, 0.5, 0.8, 1, 1.7, 2, 3]
benefit_lists = st.lists(st.floats(0.01, 100), min_size=2, max_size=12)
alphas = st.floats(-3, 4)


def by_hand(benefits, alpha):
    x = np.asarray(benefits, float) / np.mean(benefits)
    if alpha == 0:
        return -np.mean(np.log(x))
    if alpha == 1:
        return np.mean([v * np.log(v) if v > 0 else 0.0 for v in x])
    return np.mean(x**alpha - 1) / (alpha * (alpha - 1))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_index_is_the_textbook_formula(alpha):
    benefits = np.random.default_rng(0).gamma(2.0, size=40)
    found = generalized_entropy_index(benefits, alpha=alpha)
    assert found == pytest.approx(by_hand(benefits, alpha), rel=1e-10)


def test_named_indices_are_those_of_other_definitions():
    benefits = np.random.default_rng(1).gamma(2.0, size=40)
    assert coefficient_of_variation(benefits) == pytest.approx(variation(benefits))
    deviation = np.log(benefits.mean() / gmean(benefits))
    assert generalized_entropy_index(benefits, alpha=0) == pytest.approx(deviation)
    assert theil_index(benefits) == generalized_entropy_index(benefits, alpha=1)
    assert theil_index([0, 0, 0, 0, 5]) == pytest.approx(np.log(5))


@pytest.mark.parametrize("limit", [0, 1])
@pytest.mark.parametrize("step", [1e-4, 1e-8, 1e-12, -1e-4, -1e-8, -1e-12])
def test_index_is_continuous_at_its_limits(limit, step):
    benefits = np.random.default_rng(2).gamma(2.0, size=40)
    close = generalized_entropy_index(benefits, alpha=limit + step)
    exact = generalized_entropy_index(benefits, alpha=limit)
    assert close == pytest.approx(exact, rel=10 * abs(step) + 1e-12)


@given(benefit_lists, alphas, st.floats(0.01, 100), st.randoms())
def test_scale_and_order_change_nothing(benefits, alpha, factor, random):
    index = generalized_entropy_index(benefits, alpha=alpha)
    shuffled = random.sample(benefits, len(benefits))
    scaled = [factor * b for b in shuffled]
    found = generalized_entropy_index(scaled, alpha=alpha)
    assert found == pytest.approx(index, rel=1e-7, abs=1e-12)
    assert index >= 0


@given(benefit_lists, alphas, st.floats(0.05, 0.45))
def test_a_transfer_from_rich_to_poor_lowers_the_index(benefits, alpha, part):
    rich, poor = int(np.argmax(benefits)), int(np.argmin(benefits))
    gap = benefits[rich] - benefits[poor]
    if gap < 0.1:
        return
    after = list(benefits)
    after[rich] -= part * gap
    after[poor] += part * gap
    before = generalized_entropy_index(benefits, alpha=alpha)
    assert generalized_entropy_index(after, alpha=alpha) < before


@given(benefit_lists, alphas, st.data())
def test_integer_weights_are_repeated_people(benefits, alpha, data):
    times = data.draw(
        st.lists(st.integers(0, 3), min_size=len(benefits), max_size=len(benefits))
    )
    if not any(times):
        return
    weighted = generalized_entropy_index(benefits, alpha=alpha, sample_weight=times)
    repeated = generalized_entropy_index(np.repeat(benefits, times), alpha=alpha)
    assert weighted == pytest.approx(repeated, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("benefit", [0.1, 1 / 3, 7e5])
def test_equal_benefits_are_exactly_zero(alpha, benefit):
    assert generalized_entropy_index([benefit] * 7, alpha=alpha) == 0
    low, high = generalized_entropy_interval([benefit] * 7, alpha=alpha)
    assert low == 0
    assert np.isnan(high)  # equal people do not tell how unequal others are


@pytest.mark.parametrize("alpha", [0, -1])
def test_a_benefit_of_zero_is_infinitely_unequal_for_small_alpha(alpha):
    with pytest.warns(FairnessWarning, match="infinite, because a benefit is 0"):
        assert generalized_entropy_index([0, 1, 2], alpha=alpha) == np.inf
    with pytest.warns(FairnessWarning, match="infinite"):
        assert np.isnan(generalized_entropy_interval([0, 1, 2], alpha=alpha)).all()
    weight = [0, 1, 1]  # nobody is that poor
    assert np.isfinite(
        generalized_entropy_index([0, 1, 2], alpha=alpha, sample_weight=weight)
    )


def test_no_benefit_at_all_is_undefined():
    with pytest.warns(FairnessWarning, match="undefined, because all benefits are 0"):
        assert np.isnan(generalized_entropy_index([0, 0]))


def test_benefits_of_decisions_are_those_of_the_paper():
    y, h = [0, 0, 1, 1], [0, 1, 0, 1]
    assert prediction_benefits(y, h).tolist() == [1, 2, 0, 1]
    names = np.array(["no", "yes"])
    named = prediction_benefits(names[y], names[h], pos_label="yes")
    assert named.tolist() == [1, 2, 0, 1]
    turned = prediction_benefits(names[y], names[h], pos_label="no")
    assert turned.tolist() == [1, 0, 2, 1]


@pytest.mark.parametrize("alpha", [0.5, 1, 2])
def test_error_is_a_function_of_the_shares_of_the_two_errors(alpha):
    # With shares p of false negatives and q of false positives the mean benefit is
    # 1 + q - p, and only three benefits occur.
    y = np.array([1] * 20 + [0] * 30 + [1] * 50)
    h = np.array([0] * 20 + [1] * 30 + [1] * 50)
    p, q = 0.2, 0.3
    x = np.array([0, 2, 1]) / (1 + q - p)
    if alpha == 1:
        terms = np.array([0, *(x[1:] * np.log(x[1:]))])
    else:
        terms = (x**alpha - 1) / (alpha * (alpha - 1))
    expected = np.array([p, q, 1 - p - q]) @ terms
    found = generalized_entropy_error(y, h, alpha=alpha)
    assert found == pytest.approx(expected)


def test_all_wronged_alike_is_equality():
    assert generalized_entropy_error([0, 0], [1, 1]) == 0
    assert generalized_entropy_error([0, 1], [0, 1]) == 0


@pytest.mark.parametrize(
    "wrap",
    [list, tuple, pd.Series, pl.Series, lambda b: pd.Series(b, dtype="Float64")],
    ids=["list", "tuple", "pandas", "polars", "nullable"],
)
def test_every_container_gives_the_same(wrap):
    benefits = np.random.default_rng(3).gamma(2.0, size=20)
    expected = generalized_entropy_index(benefits)
    assert generalized_entropy_index(wrap(benefits)) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [-0.5, 0, 0.4, 1, 2])
def test_the_standard_error_is_that_of_a_jackknife(alpha):
    benefits = np.random.default_rng(4).uniform(0.5, 2, size=400)
    n = len(benefits)
    rest = [np.delete(benefits, i) for i in range(n)]
    left_out = np.array([generalized_entropy_index(b, alpha=alpha) for b in rest])
    jackknife = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    value = generalized_entropy_index(benefits, alpha=alpha)
    low, high = generalized_entropy_interval(benefits, alpha=alpha)
    error = value * np.log(high / low) / (2 * 1.959964)
    assert error == pytest.approx(jackknife, rel=0.02)
    assert low * high == pytest.approx(value**2)


def test_the_interval_covers():
    rng = np.random.default_rng(5)
    shares = [0.1, 0.8, 0.1]  # of benefits 0, 1 and 2
    truth = by_hand(np.repeat([0, 1, 2], [1, 8, 1]), 2)
    held = 0
    for _ in range(400):
        low, high = generalized_entropy_interval(rng.choice(3, 200, p=shares))
        held += low <= truth <= high
    assert 0.92 <= held / 400 <= 0.98


def test_weights_widen_the_interval_by_the_effective_number():
    rng = np.random.default_rng(6)
    benefits = rng.gamma(2.0, size=300)
    plain = generalized_entropy_interval(benefits)
    same = generalized_entropy_interval(benefits, sample_weight=np.full(300, 7.0))
    assert same == pytest.approx(plain)
    twice = generalized_entropy_interval(np.repeat(benefits, 2))
    assert twice[1] - twice[0] < plain[1] - plain[0]  # rows count as people
    uneven = generalized_entropy_interval(benefits, sample_weight=rng.random(300))
    assert uneven[1] / uneven[0] > plain[1] / plain[0]


@pytest.mark.parametrize(
    ("benefits", "options", "message"),
    [
        ([1, -1], {}, "benefits holds 1 negative values"),
        ([1, np.nan], {}, "benefits holds 1 missing or infinite values"),
        ([1, None], {}, "benefits holds 1 missing or infinite values"),
        ([1, np.inf], {}, "benefits holds 1 missing or infinite values"),
        (["a", "b"], {}, "benefits must be numbers"),
        ([[1, 2]], {}, "one number per person"),
        ([], {}, "one number per person"),
        ([1, 2], {"sample_weight": [1]}, "sample_weight has shape"),
        ([1, 2], {"sample_weight": [1, -1]}, "non-negative"),
        ([1, 2], {"sample_weight": [0, 0]}, "at least one weight above zero"),
        ([1, 2], {"alpha": np.inf}, "alpha must be a finite number"),
        ([1, 2], {"alpha": "theil"}, "alpha must be a finite number"),
    ],
)
def test_bad_input_is_refused(benefits, options, message):
    with pytest.raises(ValueError, match=message):
        generalized_entropy_index(benefits, **options)


def test_bad_labels_are_refused():
    with pytest.raises(ValueError, match="pos_label must say which one is positive"):
        prediction_benefits(["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match="y_true has 2 rows but y_pred has 3"):
        prediction_benefits([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="confidence_level must lie between 0 and 1"):
        generalized_entropy_interval([1, 2], confidence_level=95)
