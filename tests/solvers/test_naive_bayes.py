"""Naive Bayes from sums, against scikit-learn; EM and balancing by properties."""

import numpy as np
import pytest
from sklearn.naive_bayes import CategoricalNB, GaussianNB

from fairlearnkit._solvers.naive_bayes import (
    MixedData,
    fit_evidence,
    fit_latent,
    group_offset,
    latent_chance,
    target_rates,
)


def people(seed=0, n=500):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    numbers = rng.normal(size=(n, 2)) * [1, 5] + y[:, None]
    categories = np.column_stack([rng.integers(0, 3, n), rng.integers(0, 4, n) * y])
    return (
        MixedData(numbers, categories, (3, 4)),
        y,
        rng.integers(1, 4, n).astype(float),
    )


def test_the_evidence_is_that_of_scikit_learns_two_naive_bayes():
    data, y, weight = people()
    shares = weight[:, None] * np.eye(2)[y]
    found = fit_evidence(data, shares, 0.5, np.zeros(2)).log_ratio(data)
    expected = np.zeros(len(y))
    for model, X in (
        (GaussianNB(priors=[0.5, 0.5], var_smoothing=1e-15), data.numbers),
        (CategoricalNB(alpha=0.5, fit_prior=False), data.categories),
    ):
        model.fit(X, y, sample_weight=weight)
        log = model.predict_log_proba(X)
        expected += log[:, 1] - log[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_an_unseen_category_counts_for_neither_class():
    data, y, _ = people()
    evidence = fit_evidence(data, np.eye(2)[y], 1.0, np.zeros(2))
    unseen = MixedData(data.numbers, np.full_like(data.categories, -1), data.sizes)
    numbers = MixedData(data.numbers, data.categories[:, :0], ())
    alone = fit_evidence(numbers, np.eye(2)[y], 1.0, np.zeros(2))
    np.testing.assert_allclose(evidence.log_ratio(unseen), alone.log_ratio(numbers))


def test_the_fair_label_is_independent_of_the_group_and_changes_the_fewest():
    rates, share = np.array([0.2, 0.5, 0.7]), np.array([0.5, 0.3, 0.2])
    overall = share @ rates
    chance = latent_chance(rates, overall)
    fair = rates * chance[:, 1] + (1 - rates) * chance[:, 0]
    np.testing.assert_allclose(fair, overall)
    changed = rates * (1 - chance[:, 1]) + (1 - rates) * chance[:, 0]
    np.testing.assert_allclose(changed, np.abs(rates - overall))


def test_em_never_lowers_the_likelihood_and_finds_the_hidden_label():
    rng = np.random.default_rng(1)
    group, fair = rng.integers(0, 2, 5_000), rng.integers(0, 2, 5_000)
    turned = rng.random(5_000) < 0.4
    label = np.where(turned & (group == 1), 1, np.where(turned & (group == 0), 0, fair))
    label = np.where(group == fair, fair, label)  # only against 0s in group 1, 1s in 0
    data = MixedData(
        rng.normal(size=(5_000, 3)) + 1.5 * fair[:, None],
        np.empty((5_000, 0), int),
        (),
    )
    rates = np.array([label[group == g].mean() for g in (0, 1)])
    chance = latent_chance(rates, label.mean())[group, label]
    last, settings = -np.inf, {"alpha": 1.0, "floor": np.full(3, 1e-9), "tol": 0.0}
    for steps in range(1, 30):
        found = fit_latent(
            data, label, chance, np.ones(5_000), max_iter=steps, **settings
        )
        assert found.log_likelihood >= last - 1e-12
        last = found.log_likelihood
    np.testing.assert_allclose(found.evidence.mean, [[0] * 3, [1.5] * 3], atol=0.1)
    guess = found.share > 0.5
    assert np.mean(guess == fair) > np.mean(label == fair) + 0.1


@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.3])
def test_rates_are_moved_into_a_window_that_keeps_the_number_of_positives(tolerance):
    rates, share = np.array([0.1, 0.3, 0.8]), np.array([0.2, 0.5, 0.3])
    moved, low = target_rates(rates, share, 0.35, tolerance)
    assert share @ moved == pytest.approx(0.35)
    assert np.ptp(moved) <= tolerance + 1e-12
    assert (moved >= low - 1e-12).all()
    inside = (moved > low + 1e-9) & (moved < low + tolerance - 1e-9)
    np.testing.assert_array_equal(moved[inside], rates[inside])


def test_the_offset_selects_the_nearest_share_that_ties_allow():
    score, weight = np.array([0.0, 1, 1, 1, 2]), np.array([1.0, 1, 1, 1, 1])
    anywhere = (0.0, 1.0)
    for rate, reached in [(0, 0), (0.19, 0.2), (0.45, 0.2), (0.6, 0.8), (1, 1)]:
        offset, share = group_offset(score, weight, rate, anywhere)
        assert share == pytest.approx(reached)
        assert np.mean(score + offset > 0) == pytest.approx(reached)
    _, share = group_offset(score, weight, 0.45, (0.4, 0.9))
    assert share == pytest.approx(0.8)
