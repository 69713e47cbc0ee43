"""Shrinkage against closed forms, brute-force integrals and its own promises."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import betainc, betaln, expit, gammainc, logit
from scipy.stats import betabinom, norm

from fairlearnkit.constraints import DemographicParity
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import Means, Shares, rate_by_group, shrink
from fairlearnkit.metrics._shrinkage_laws import BetaBinomial
from fairlearnkit.tables import GroupCounts


def shares(hits, n, groups=None, names=("group",)):
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    groups = tuple(range(len(n))) if groups is None else groups
    with np.errstate(invalid="ignore"):
        values = hits / n
    return Shares(name="share", groups=groups, values=values, n=n, names=names)


def means(values, error, **options):
    values = np.asarray(values, float)
    return Means(
        name="mean", groups=tuple(range(len(values))), values=values,
        n=np.full(len(values), 1e9), error=np.broadcast_to(error, values.shape) + 0.0,
        **options,
    )  # fmt: skip


def draw_groups(seed, n_groups=60, strength=20.0):
    rng = np.random.default_rng(seed)
    n = rng.integers(5, 61, n_groups)
    truth = rng.beta(0.3 * strength, 0.7 * strength, n_groups)
    return rng.binomial(n, truth), n, truth


def test_plug_in_is_the_maximum_of_the_beta_binomial_likelihood():
    hits, n, _ = draw_groups(0)

    def loss(parameters):
        mean, strength = expit(parameters[0]), np.exp(parameters[1])
        a, b = mean * strength, (1 - mean) * strength
        return -betabinom.logpmf(hits, n, a, b).sum()

    best = minimize(loss, [0.0, 2.0], method="Nelder-Mead", tol=1e-10)
    mean, strength = expit(best.x[0]), np.exp(best.x[1])
    found = shrink(shares(hits, n), uncertainty="plug_in")
    # The one person spread over all groups moves the mean in the fourth decimal.
    np.testing.assert_allclose(found.prior_values, mean, atol=1e-3)
    np.testing.assert_allclose(found.shrinkage, strength / (strength + n), rtol=5e-3)
    expected = (hits + strength * mean) / (n + strength)
    np.testing.assert_allclose(found.values, expected, atol=1e-3)


def test_equal_errors_give_the_james_stein_kind_of_shrinkage():
    rng = np.random.default_rng(1)
    values, error = rng.normal(0, 0.5, 12), 0.3
    square = ((values - values.mean()) ** 2).sum()
    plug_in = shrink(means(values, error), uncertainty="plug_in")
    # The restricted likelihood's: tau^2 = S / (K - 1) - s^2, as DerSimonian and Laird.
    share = 11 * error**2 / square
    np.testing.assert_allclose(plug_in.shrinkage, share, rtol=1e-4)
    np.testing.assert_allclose(plug_in.between**2, square / 11 - error**2, rtol=1e-4)
    expected = values + share * (values.mean() - values)
    np.testing.assert_allclose(plug_in.values, expected, rtol=1e-4)
    # With a uniform prior of the share, its posterior is a gamma law cut off at 1.
    c = square / (2 * error**2)
    share = 13 / 2 / c * gammainc(15 / 2, c) / gammainc(13 / 2, c)
    integrated = shrink(means(values, error))
    np.testing.assert_allclose(integrated.shrinkage, share, rtol=2e-3)
    expected = values + share * (values.mean() - values)
    np.testing.assert_allclose(integrated.values, expected, atol=1e-3)


def test_unequal_errors_shrink_by_their_own_variance():
    values, error = (
        np.array([0.2, -1.0, 0.8, 1.5, 0.1]),
        np.array([0.1, 0.5, 0.3, 1, 0.2]),
    )
    found = shrink(means(values, error), uncertainty="plug_in")
    np.testing.assert_allclose(
        found.shrinkage, error**2 / (error**2 + found.between**2), rtol=1e-6
    )
    weight = 1 / (error**2 + found.between**2)
    centre = (weight * values).sum() / weight.sum()
    np.testing.assert_allclose(found.prior_values, centre)
    # It solves the equation of the restricted likelihood.
    slope = (weight**2 * (values - centre) ** 2).sum()
    assert slope == pytest.approx(weight.sum() - (weight**2).sum() / weight.sum(),
                                  rel=1e-3)  # fmt: skip


def brute_force(hits, n, level):
    """Posterior means and ends by summing over a fine grid of both unknowns."""
    share = (np.arange(100) + 0.5) / 100
    strength = (np.median(n) * share / (1 - share))[:, None, None]
    prior = expit(np.linspace(-5, 4, 150))[None, :, None]
    a, b = prior * strength, (1 - prior) * strength
    likelihood = betaln(hits + a, n - hits + b) - betaln(a, b)
    person = np.log(prior * (1 - prior))[..., 0] / 2
    logs = likelihood.sum(axis=2) + person
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    mean = (weight[..., None] * (hits + a) / (n + strength)).sum(axis=(0, 1))
    kept = weight > 1e-6
    weight = weight[kept] / weight[kept].sum()
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        low, high = np.zeros(len(n)), np.ones(len(n))
        for _ in range(20):
            middle = (low + high) / 2
            law = betainc((hits + a)[kept], (n - hits + b)[kept], middle)
            below = weight @ law < tail
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        ends.append(low)
    return mean, *ends


@pytest.mark.parametrize(
    ("hits", "n"),
    [([3, 12, 1, 30, 9], [10, 20, 15, 60, 12]), ([0, 2, 1, 40], [9, 11, 4, 100])],
)
def test_integrated_is_the_whole_posterior(hits, n):
    hits, n = np.array(hits), np.array(n)
    mean, low, high = brute_force(hits, n, 0.9)
    found = shrink(shares(hits, n), confidence_level=0.9)
    np.testing.assert_allclose(found.values, mean, atol=0.01)
    np.testing.assert_allclose(found.low, low, atol=0.02)
    np.testing.assert_allclose(found.high, high, atol=0.02)


def test_the_error_over_many_small_groups_is_lower():
    before, after, held, fixed = [], [], [], []
    for seed in range(30):
        hits, n, truth = draw_groups(seed, n_groups=40)
        found = shrink(shares(hits, n))
        before.append(((found.raw - truth) ** 2).mean())
        after.append(((found.values - truth) ** 2).mean())
        held.append((found.low <= truth) & (truth <= found.high))
        fixed.append(found.between)
    assert np.mean(after) < 0.65 * np.mean(before)
    assert 0.92 < np.mean(held) < 0.98
    assert np.mean(fixed) == pytest.approx(np.sqrt(0.21 / 21), rel=0.1)


def test_few_equal_groups_are_not_declared_equal():
    # The most likely spread is none, which the plug-in takes for the truth.
    found = [
        shrink(shares([10, 11, 9, 10], [30] * 4), uncertainty=u)
        for u in ("integrated", "plug_in")
    ]
    width = [(f.high - f.low).min() for f in found]
    assert found[1].shrinkage.min() > 0.99
    assert width[1] < 0.02
    assert width[0] > 0.15


def test_values_lie_between_the_groups_own_and_the_prior():
    hits, n, _ = draw_groups(3)
    for law in (shares(hits, n), means(hits / n, 1 / np.sqrt(n))):
        for uncertainty in ("integrated", "plug_in"):
            found = shrink(law, uncertainty=uncertainty)
            ends = np.sort([found.raw, found.prior_values], axis=0)
            assert (ends[0] - 0.01 <= found.values).all()
            assert (found.values <= ends[1] + 0.01).all()
            assert (found.low <= found.values).all()
            assert (found.values <= found.high).all()
            order = np.argsort(n)
            assert (np.diff(found.shrinkage[order]) <= 1e-12).all()


def additive_groups(seed, noise=0.0):
    """Shares that add up on the logit scale, for 2 x 4 x 3 intersections."""
    rng = np.random.default_rng(seed)
    effects = [rng.normal(0, 0.7, size) for size in (2, 4, 3)]
    groups = tuple((a, b, c) for a in "fm" for b in "wxyz" for c in range(3))
    levels = ("fm", "wxyz", range(3))
    score = np.array([
        sum(e[list(known).index(v)] for e, known, v in zip(effects, levels, g,
                                                          strict=True))
        for g in groups
    ])  # fmt: skip
    truth = expit(score - 0.5 + rng.normal(0, noise, len(groups)))
    n = rng.integers(5, 40, len(groups))
    return shares(rng.binomial(n, truth), n, groups, ("sex", "race", "age")), truth


def test_main_effects_are_those_of_logistic_regression_where_nothing_else_is():
    estimates, _ = additive_groups(0)
    table = pd.DataFrame(estimates.groups, columns=["sex", "race", "age"]).astype(str)
    design = pd.get_dummies(table, drop_first=True).astype(float)
    design.insert(0, "one", 1.0)
    hits = estimates.values * estimates.n
    outcome = np.stack([hits, estimates.n - hits], axis=1)
    fitted = sm.GLM(outcome, design.to_numpy(), sm.families.Binomial()).fit()
    basis = np.linalg.qr(design.to_numpy())[0]
    centre = BetaBinomial(hits, estimates.n, basis).fit(np.array([1 - 1e-7]))[0]
    expected = logit(fitted.predict(design.to_numpy()))
    np.testing.assert_allclose(centre[0], expected, atol=0.05)
    found = shrink(estimates, prior="main_effects")
    np.testing.assert_allclose(found.prior_values, expit(expected), atol=0.06)


def test_main_effects_help_where_columns_add_up():
    errors = {"raw": [], "overall": [], "main_effects": []}
    held = []
    for seed in range(12):
        estimates, truth = additive_groups(seed, noise=0.15)
        errors["raw"].append(((estimates.values - truth) ** 2).mean())
        for prior in ("overall", "main_effects"):
            found = shrink(estimates, prior=prior)
            errors[prior].append(((found.values - truth) ** 2).mean())
        held.append((found.low <= truth) & (truth <= found.high))
    raw, overall, additive = (np.mean(e) for e in errors.values())
    assert additive < 0.8 * overall < 0.8 * raw
    assert np.mean(held) > 0.91


def test_an_interaction_that_has_the_numbers_shows_through():
    groups = tuple((a, b) for a in "fm" for b in "wxyz")
    n = np.full(8, 4000)
    hits = np.array([2000] * 7 + [800])
    found = shrink(shares(hits, n, groups, ("sex", "race")), prior="main_effects")
    assert found.values[-1] == pytest.approx(0.2, abs=0.03)
    assert found.high[-1] < found.prior_values[-1]


def test_order_and_names_of_groups_do_not_matter():
    estimates, _ = additive_groups(5)
    order = np.random.default_rng(0).permutation(len(estimates.groups))
    for prior in ("overall", "main_effects"):
        plain = shrink(estimates, prior=prior)
        mixed = shrink(estimates.take(order), prior=prior)
        np.testing.assert_allclose(mixed.values, plain.values[order], atol=1e-6)
        np.testing.assert_allclose(mixed.low, plain.low[order], atol=1e-6)


def test_extreme_shares_stay_inside():
    for hits in ([0, 0, 0, 0], [9, 7, 5, 8]):
        found = shrink(shares(hits, [9, 7, 5, 8]))
        assert (found.low >= 0).all()
        assert (found.high <= 1).all()
        assert ((found.values > 0) & (found.values < 1)).all()
    groups = tuple((a, b) for a in "fm" for b in "wxyz")  # nobody of sex f counts
    estimates = shares([0] * 4 + [3, 4, 2, 5], [10] * 8, groups, ("sex", "race"))
    found = shrink(estimates, prior="main_effects")
    assert np.isfinite(found.high).all()
    assert found.values[:4].max() < found.values[4:].min()


def test_scales_keep_values_in_range():
    values, error = [0.92, 0.97, 0.99, 0.7, 0.95], [0.05, 0.03, 0.02, 0.1, 0.01]
    law = means(values, np.array(error), scale="logit", support=(0.0, 1.0))
    found = shrink(law)
    assert (found.low > 0).all()
    assert (found.high < 1).all()
    assert found.values[3] > 0.7
    plain = shrink(means(values, np.array(error)))
    assert plain.high.max() > found.high.max()


def test_it_reads_what_rate_by_group_gives():
    rng = np.random.default_rng(0)
    features = {
        "sex": rng.choice(["f", "m"], 500),
        "race": rng.choice(list("xyz"), 500),
    }
    h = rng.integers(0, 2, 500)
    table = GroupCounts.from_arrays(
        h, h, sensitive_features=features, sample_weight=rng.exponential(size=500)
    )
    rate = rate_by_group(table, DemographicParity().rates([0, 1])[0])
    found = shrink(rate, prior="main_effects")
    frame = found.to_frame()
    assert list(frame.index.names) == ["sex", "race"]
    assert list(frame.columns) == [
        "value", "low", "high", "raw", "n", "shrinkage", "prior_value",
    ]  # fmt: skip
    assert np.ptp(found.values) < np.ptp(found.raw)


def test_groups_without_an_estimate_are_named():
    estimates = shares([3, 4, 5, 0], [10, 10, 10, 0], tuple("abcd"))
    with pytest.warns(FairnessWarning, match=r"no estimate.*'d'"):
        found = shrink(estimates)
    assert np.isnan(found.values[3])
    kept = shrink(estimates.take(np.arange(3)))
    np.testing.assert_allclose(found.values[:3], kept.values)


def test_intervals_of_a_single_normal_law():
    # Many groups with a spread that dwarfs the errors: nothing is shrunk.
    values = np.linspace(-50, 50, 101)
    found = shrink(means(values, 0.1))
    np.testing.assert_allclose(found.values, values, atol=1e-3)
    np.testing.assert_allclose(
        found.high - found.values, norm.ppf(0.975) * 0.1, rtol=1e-3
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": "sex"}, "prior must be"),
        ({"uncertainty": "none"}, "uncertainty must be"),
        ({"confidence_level": 95}, "confidence_level"),
        ({"prior": "main_effects"}, "two sensitive columns or more"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        shrink(shares([1, 2, 3], [10, 10, 10]), **options)


def test_too_few_groups_and_no_noise():
    with pytest.raises(ValueError, match="more groups than that"):
        shrink(shares([1], [10]))
    square = shares(
        [1, 2, 3], [9] * 3, (("f", "x"), ("f", "y"), ("m", "x")), ("a", "b")
    )
    with pytest.raises(ValueError, match="3 numbers to learn from 3 groups"):
        shrink(square, prior="main_effects")
    with pytest.raises(ValueError, match="no noise to take out"):
        shrink(means([1.0, 2.0, 3.0], 0.0))
