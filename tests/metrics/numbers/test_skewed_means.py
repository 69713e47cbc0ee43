"""The law of skewed means: its cubic, its limits, and what it reads off a table."""

import numpy as np
import pytest
from scipy.stats import bootstrap, skew, t

from fairlearnkit.metrics import SkewedMeans, gap_interval
from fairlearnkit.metrics.numbers._skewed_means import read_skewed
from fairlearnkit.tables import MomentTable


def law(values=(1.0, 2.0), error=(0.2, 0.3), bend=(0.0, 0.0), n=20, **options):
    bend = np.array(bend, float)
    return SkewedMeans(
        name="loss",
        groups=("a", "b"),
        values=np.array(values, float),
        n=np.full(2, float(n)),
        error=np.array(error, float),
        bend=bend,
        shift=bend / 2,
        **options,
    )


def table_of(values, groups, weight=None):
    values = np.asarray(values, float)
    return MomentTable.from_arrays(
        {"value": values, "square": values**2},
        sensitive_features=groups,
        sample_weight=weight,
    )


def test_without_skewness_it_is_students():
    found = law()
    np.testing.assert_allclose(found.interval(0.9), found.interval(0.9, "t"))
    reach = t.ppf(0.95, 19) * found.error
    np.testing.assert_allclose(found.interval(0.9)[1], found.values + reach)


@pytest.mark.parametrize("bend", [-0.6, -0.1, 0.05, 0.4])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_at_the_limits_the_cubic_is_students_quantile(bend, level):
    found = law(bend=(bend, bend))
    quantile = t.ppf(0.5 + level / 2, 19)
    low, high = found.interval(level)
    for end, expected in ((low, quantile), (high, -quantile)):
        pivot = (found.values - end) / found.error
        cubic = pivot + bend * pivot**2 + bend**2 * pivot**3 / 3 + bend / 2
        np.testing.assert_allclose(cubic, expected)


def test_skewness_to_the_right_moves_the_limits_up():
    plain, skewed = law().interval(), law(bend=(0.2, 0.2)).interval()
    assert (skewed[0] > plain[0]).all()
    assert (skewed[1] > plain[1]).all()


def test_limits_stay_in_the_support_and_certain_values_have_none():
    low, high = law(error=(5.0, 0.0), support=(0.0, np.inf)).interval()
    assert low[0] == 0
    assert low[1] == high[1] == 2.0


def test_the_skewness_read_is_that_of_the_numbers():
    rng = np.random.default_rng(0)
    values, groups = rng.exponential(size=300), np.repeat(["a", "b", "c"], 100)
    found = read_skewed(table_of(values, groups), "loss")
    for g, name in enumerate("abc"):
        own = values[groups == name]
        assert found.bend[g] == pytest.approx(skew(own) / 3 / 10)
        assert found.shift[g] == pytest.approx(skew(own) / 6 / 10)
        assert found.error[g] == pytest.approx(own.std(ddof=1) / 10)


def test_equal_weights_change_nothing():
    rng = np.random.default_rng(1)
    values, groups = rng.exponential(size=60), np.repeat(["a", "b"], 30)
    plain = read_skewed(table_of(values, groups), "loss")
    scaled = read_skewed(table_of(values, groups, np.full(60, 3.0)), "loss")
    for name in ("values", "n", "error", "bend", "shift"):
        np.testing.assert_allclose(getattr(plain, name), getattr(scaled, name))


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e8])
def test_equal_numbers_are_certain(value):
    found = read_skewed(table_of([value] * 30, ["a"] * 30), "loss")
    assert found.error[0] == pytest.approx(0, abs=1e-6 * value)
    low, high = found.interval()
    assert low[0] == pytest.approx(value)
    assert high[0] == pytest.approx(value)


def test_a_skewness_that_rounding_drowns_counts_as_none():
    rng = np.random.default_rng(2)
    values = 1e7 + rng.exponential(size=50)
    found = read_skewed(table_of(values, ["a"] * 50), "loss")
    assert found.bend[0] == 0


def test_one_person_has_a_value_and_no_limits():
    found = read_skewed(table_of([2.0, 1.0, 3.0], ["a", "b", "b"]), "loss")
    assert found.values.tolist() == [2.0, 2.0]
    assert np.isnan(found.interval()[0]).tolist() == [True, False]


def test_a_root_has_the_roots_of_the_limits():
    rng = np.random.default_rng(3)
    table = table_of(rng.exponential(size=40), np.repeat(["a", "b"], 20))
    mean, root = read_skewed(table, "mean"), read_skewed(table, "root", power=2)
    np.testing.assert_allclose(root.values**2, mean.values)
    for method in mean.methods:
        squares = np.square(root.interval(method=method))
        np.testing.assert_allclose(squares, mean.interval(method=method))


def test_limits_resemble_those_of_the_studentised_bootstrap():
    rng = np.random.default_rng(4)
    values = rng.exponential(size=40) ** 1.5
    found = read_skewed(table_of(values, ["a"] * 40), "loss")

    def studentised(sample, axis):
        error = sample.std(axis=axis, ddof=1) / np.sqrt(sample.shape[axis])
        return (sample.mean(axis=axis) - values.mean()) / error

    draws = bootstrap(
        (values,), studentised, n_resamples=4000, rng=rng, method="percentile"
    ).bootstrap_distribution
    error = values.std(ddof=1) / np.sqrt(40)
    high, low = values.mean() - np.quantile(draws, [0.025, 0.975]) * error
    assert found.interval()[0][0] == pytest.approx(low, rel=0.15)
    assert found.interval()[1][0] == pytest.approx(high, rel=0.15)


def test_draws_around_a_truth_are_students():
    found = law(bend=(0.3, 0.3))
    ranks = np.tile(np.arange(999), (2, 1))
    drawn = found.sampler(ranks)(np.array([5.0, 7.0]))
    np.testing.assert_allclose(drawn[499], [5.0, 7.0])
    expected = 5 + 0.2 * t.ppf((np.arange(999) + 0.5) / 999, 19)
    np.testing.assert_allclose(drawn[:, 0], expected)


@pytest.mark.parametrize("n_groups", [2, 4])
def test_equal_groups_of_squared_errors_are_rarely_told_apart(n_groups):
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(n_groups), 30)
    kept = 0
    for _ in range(150):
        table = table_of(rng.normal(size=len(groups)) ** 2, groups)
        low, _ = gap_interval([read_skewed(table, "loss")])
        kept += low == 0
    assert kept >= 0.9 * 150  # nominally .95, less two standard errors
