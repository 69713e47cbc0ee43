"""The laws of estimates: their intervals, and what they draw."""

import numpy as np
import pytest
from scipy.stats import binom, norm, t
from statsmodels.stats.proportion import proportion_confint

from fairlearnkit.metrics import Means, Shares, proportion_interval, wilson_interval

PEER = {
    "wilson": "wilson",
    "agresti_coull": "agresti_coull",
    "jeffreys": "jeffreys",
    "clopper_pearson": "beta",
    "wald": "normal",
}


def shares(values, n):
    return Shares(
        name="share",
        groups=("a", "b"),
        values=np.array(values, float),
        n=np.array(n, float),
    )


def means(values, error, n=50, **options):
    return Means(
        name="mean",
        groups=("a", "b"),
        values=np.array(values, float),
        error=np.array(error, float),
        n=np.full(2, float(n)),
        **options,
    )


@pytest.mark.parametrize("method", PEER)
@pytest.mark.parametrize(("hits", "n"), [(3, 20), (0, 10), (10, 10), (450, 1000)])
def test_intervals_of_shares_are_statsmodels(method, hits, n):
    found = proportion_interval(hits / n, n, 0.9, method=method)
    expected = list(proportion_confint(hits, n, 0.1, PEER[method]))
    if method == "jeffreys":  # at the ends ours reaches them, as Brown et al. advise
        expected = [0 if hits == 0 else expected[0], 1 if hits == n else expected[1]]
    assert found == pytest.approx(np.clip(expected, 0, 1), abs=1e-9)


def test_a_method_names_itself_in_the_error():
    with pytest.raises(ValueError, match="no interval 'guess'; choose from"):
        shares([0.5, 0.5], [10, 10]).interval(method="guess")
    with pytest.raises(ValueError, match="method must be one of"):
        proportion_interval(0.5, 10, method="guess")
    with pytest.raises(ValueError, match="between 0 and 1"):
        shares([0.5, 0.5], [10, 10]).interval(95)


def test_nobody_has_no_interval():
    low, high = shares([np.nan, 0.5], [0, 10]).interval()
    assert np.isnan([low[0], high[0]]).all()
    for method in PEER:
        low, high = shares([np.nan, 0.5], [0, 10]).interval(method=method)
        assert np.isnan(low[0])
        assert np.isnan(high[0])
        assert 0 <= low[1] < 0.5 < high[1] <= 1


def test_means_have_students_interval_or_the_normal_one():
    low, high = means([1.0, 2.0], [0.1, 0.3], 10).interval(0.9)
    reach = t.ppf(0.95, 9) * np.array([0.1, 0.3])
    centre = np.array([1.0, 2.0])
    np.testing.assert_allclose((low, high), (centre - reach, centre + reach))
    low, high = means([1.0, 2.0], [0.1, 0.3], 10).interval(0.9, "normal")
    np.testing.assert_allclose(high, [1, 2] + norm.ppf(0.95) * np.array([0.1, 0.3]))


@pytest.mark.parametrize(
    ("scale", "forward", "slope"),
    [
        ("log", np.log, lambda v: 1 / v),
        ("logit", lambda v: np.log(v / (1 - v)), lambda v: 1 / (v * (1 - v))),
    ],
)
def test_a_scale_makes_the_interval_symmetric_there(scale, forward, slope):
    values, error = np.array([0.9, 0.2]), np.array([0.1, 0.05])
    low, high = means(values, error, scale=scale).interval()
    np.testing.assert_allclose(forward(low) + forward(high), 2 * forward(values))
    reach = t.ppf(0.975, 49) * error * slope(values)
    np.testing.assert_allclose(forward(high) - forward(values), reach)
    assert (low > 0).all()


def test_an_exact_value_has_no_width_and_an_unknown_error_no_ends():
    low, high = means([3.0, 2.0], [0.0, np.nan]).interval()
    assert low[0] == high[0] == 3
    assert np.isnan([low[1], high[1]]).all()


def test_support_clips_the_interval():
    low, high = means([0.95, 0.1], [0.1, 0.1], support=(0.0, 1.0)).interval()
    assert high[0] == 1
    assert low[1] == 0


def draws_of(estimate, truth, n_draws=4096):
    rng = np.random.default_rng(0)
    ranks = rng.permuted(np.tile(np.arange(n_draws), (2, 1)), axis=1)
    return estimate.sampler(ranks)(np.asarray(truth, float))


@pytest.mark.parametrize("n", [15, 5000])
def test_shares_draw_binomials(n):
    drawn = draws_of(shares([0.1, 0.6], [n, n]), [0.3, 0.5])
    for column, p in zip(drawn.T, (0.3, 0.5), strict=True):
        for level in (0.05, 0.5, 0.9):
            expected = binom.ppf(level, n, p) / n
            found = np.quantile(column, level, method="inverted_cdf")
            assert found == pytest.approx(expected, abs=0.6 / n)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05


def test_shares_of_nobody_or_everybody_stay_where_they_are():
    drawn = draws_of(shares([0.5, 0.5], [30, 30]), [0.0, 1.0])
    assert (drawn == [0.0, 1.0]).all()


def test_means_draw_students_numbers_around_the_truth():
    drawn = draws_of(means([1.0, 2.0], [0.5, 0.1], 8), [3.0, 0.0])
    for column, truth, error in zip(drawn.T, (3, 0), (0.5, 0.1), strict=True):
        expected = truth + error * t.ppf(0.9, 7)
        assert np.quantile(column, 0.9) == pytest.approx(expected, abs=0.01)


def test_estimates_are_tabulated_by_group():
    estimate = Shares(
        name="share",
        groups=(("f", 1), ("m", 2)),
        values=np.array([0.2, 0.4]),
        n=np.array([10.0, 20]),
        names=("sex", "race"),
    )
    frame = estimate.to_frame(0.8)
    assert frame.index.names == ["sex", "race"]
    assert frame.columns.tolist() == ["value", "low", "high", "n"]
    assert frame.loc[("m", 2), "low"] == wilson_interval(0.4, 20, 0.8)[0]


def test_some_groups_can_be_kept():
    kept = means([1.0, 2.0], [0.1, 0.2], scale="log").take([1])
    assert kept.groups == ("b",)
    assert kept.error.tolist() == [0.2]
    assert kept.scale == "log"
