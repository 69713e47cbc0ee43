"""The projection is the nearest one, and its mean scores meet the constraint."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from fairlearnkit._solvers.information_projection import ProjectionProblem, tilt
from fairlearnkit.constraints import as_constraint
from fairlearnkit.postprocessing import FairProjectionClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore:fewer than 30 people"),
    pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.LevellingDownWarning"),
]

FORMS = [
    "demographic_parity",
    "demographic_parity_ratio",
    "true_positive_rate_parity",
    "equalized_odds",
    "equalized_odds_ratio",
    "error_rate_parity",
]


class GivenProbabilities(ClassifierMixin, BaseEstimator):
    """A model whose probabilities are the first columns of X."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.asarray(X)[:, : len(self.classes_)].astype(float)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def given(n_classes):
    labels = np.arange(n_classes)
    return FrozenEstimator(GivenProbabilities().fit(labels[:, None], labels))


def people(seed=0, n=2000, n_groups=3, n_classes=3):
    """Calibrated probabilities, then the group, in the columns of X."""
    rng = np.random.default_rng(seed)
    group = rng.choice(
        n_groups, n, p=np.arange(n_groups, 0, -1) / (n_groups**2 + n_groups) * 2
    )
    proba = rng.dirichlet(np.ones(n_classes), n)
    proba[:, -1] *= 1 + group
    proba /= proba.sum(axis=1, keepdims=True)
    y = (rng.random((n, 1)) > proba.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return np.column_stack([proba, group]), y


def problem(X, n_classes, form, n_groups=3):
    proba, membership = X[:, :n_classes], np.eye(n_groups)[X[:, -1].astype(int)]
    weight = np.full(len(X), 1 / len(X))
    constraint = as_constraint(form)
    coefficients = constraint.coefficients(
        (weight[:, None] * membership).T @ proba, list(range(n_classes)), user="test"
    )
    return constraint, ProjectionProblem(
        proba, membership, weight, coefficients, constraint.compare
    )


def modelled_rates(answer, X, coefficients):
    """Rates of mean scores, summed person by person with labels as modelled."""
    n_rates, n_groups, n_classes, _ = coefficients.shape
    rates = np.zeros((n_rates, n_groups))
    for row, h in zip(X, answer, strict=True):
        g = int(row[-1])
        rates[:, g] += np.einsum(
            "jyd,y,d->j", coefficients[:, g], row[:n_classes], h
        ) / len(X)
    return rates


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("tolerance", [0.0, 0.03])
def test_mean_scores_meet_the_constraint_at_a_certified_optimum(
    form, n_classes, tolerance
):
    X, _ = people(n_classes=n_classes)
    constraint, task = problem(X, n_classes, form)
    found = task.solve(tolerance)
    answer = tilt(task.proba, task.membership, found.prices)
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    rates = modelled_rates(answer, X, task.coefficients)
    np.testing.assert_allclose(rates, found.rates, atol=1e-12)
    assert constraint.gap(rates).max() <= tolerance + 1e-5
    assert abs(found.gap) < 1e-6
    divergence = (answer * np.log(answer / task.proba)).sum(axis=1).mean()
    assert divergence == pytest.approx(found.divergence, abs=1e-9)


def nearest_by_brute_force(task, tolerance):
    """The primal program over every probability, by a general solver."""
    n, n_classes = task.proba.shape
    group = task.membership.argmax(axis=1)

    def rates(h):
        table = np.einsum("i,iy,id->iyd", task.weight, task.proba, h.reshape(n, -1))
        by_group = np.stack([table[group == g].sum(axis=0) for g in (0, 1)])
        return np.einsum("jgyd,gyd->jg", task.coefficients, by_group)

    def gaps(h):
        first, second = rates(h).T
        return np.concatenate(
            [tolerance - (first - second), tolerance + (first - second)]
        )

    found = minimize(
        lambda h: (
            task.weight
            @ (h.reshape(n, -1) * np.log(h.reshape(n, -1) / task.proba)).sum(axis=1)
        ),
        np.full(n * n_classes, 1 / n_classes),
        jac=lambda h: (
            task.weight[:, None] * (np.log(h.reshape(n, -1) / task.proba) + 1)
        ).ravel(),
        method="SLSQP",
        bounds=[(1e-9, 1)] * (n * n_classes),
        constraints=[
            {"type": "ineq", "fun": gaps},
            {"type": "eq", "fun": lambda h: h.reshape(n, -1).sum(axis=1) - 1},
        ],
        options={"ftol": 1e-12, "maxiter": 500},
    )
    return found.fun, found.x.reshape(n, -1)


@pytest.mark.parametrize("form", ["demographic_parity", "equalized_odds"])
def test_a_general_solver_finds_nothing_nearer(form):
    X, _ = people(n=24, n_groups=2)
    _, task = problem(X, 3, form, n_groups=2)
    least, nearest = nearest_by_brute_force(task, 0.05)
    found = task.solve(0.05)
    assert found.divergence == pytest.approx(least, abs=1e-6)
    answer = tilt(task.proba, task.membership, found.prices)
    np.testing.assert_allclose(answer, nearest, atol=1e-3)


@pytest.mark.parametrize("form", FORMS[:5])
def test_multipliers_price_only_the_bounds_that_bind(form):
    """Signs, balance, and no price for a rate inside its window."""
    X, _ = people()
    constraint, task = problem(X, 3, form)
    tolerance = 0.08
    found = task.solve(tolerance)
    share = 1 - tolerance if constraint.compare == "ratio" else 1.0
    for price, rate in zip(found.multipliers, found.rates, strict=True):
        up, down = np.maximum(price, 0), np.maximum(-price, 0)
        assert up.sum() == pytest.approx(share * down.sum(), abs=1e-5)
        inside = (rate < rate.max() - 1e-4) & (rate > rate.min() + 1e-4)
        np.testing.assert_allclose(price[inside], 0, atol=1e-5)
        assert (price[rate > rate.max() - 1e-6] >= -1e-5).all()
        assert (price[rate < rate.min() + 1e-6] <= 1e-5).all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_the_classifier_reports_modelled_observed_and_decided(n_classes, form):
    X, y = people(n_classes=n_classes)
    model = FairProjectionClassifier(
        given(n_classes), constraint=form, tolerance=0.05, sensitive_features=n_classes
    ).fit(X, y)
    constraint, group = as_constraint(form), X[:, -1].astype(int)
    classes = list(range(n_classes))
    scores = model.predict_proba(X)
    decisions = np.eye(n_classes)[model.predict(X)]
    for answer, reported in [
        (scores, model.observed_violation_),
        (decisions, model.decision_violation_),
    ]:
        counts = np.zeros((3, n_classes, n_classes))
        np.add.at(counts, (group, y), answer)
        assert constraint.violation(counts, classes) == pytest.approx(reported)
    assert model.violation_ <= 0.05 + 1e-5
    if form.startswith("demographic_parity"):  # no label in it to be modelled
        assert model.observed_violation_ == pytest.approx(model.violation_)


def test_under_a_slack_bound_probabilities_stay_as_they_are():
    X, y = people()
    model = FairProjectionClassifier(given(3), tolerance=1.0, sensitive_features=3)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), X[:, :3])
    assert model.divergence_ == 0


def test_a_tighter_bound_takes_a_longer_way():
    X, y = people()
    divergences = [
        FairProjectionClassifier(given(3), tolerance=t, sensitive_features=3)
        .fit(X, y)
        .divergence_
        for t in (0.0, 0.05, 0.1)
    ]
    assert divergences[0] > divergences[1] > divergences[2] > 0


def test_a_zero_probability_can_be_tilted():
    X, y = people()
    X[:900, :3] = np.eye(3)[y[:900]]
    model = FairProjectionClassifier(given(3), tolerance=0.0, sensitive_features=3)
    assert model.fit(X, y).violation_ < 1e-5


def test_without_groups_at_prediction_the_predicted_ones_are_balanced():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 6000)
    X = rng.normal(size=(6000, 3)) + group[:, None] * [1.0, 1.0, 0.0]
    y = (X[:, 0] + X[:, 2] + rng.normal(size=6000) > 0.5).astype(int)
    model = FairProjectionClassifier(
        LogisticRegression(), use_groups=False, tolerance=0.02
    )
    model.fit(X, y, sensitive_features=group)
    assert model.violation_ <= 0.02 + 1e-5
    scores, plain = model.predict_proba(X), model.estimator_.predict_proba(X)
    gap, before = (
        abs(p[group == 1, 1].mean() - p[group == 0, 1].mean()) for p in (scores, plain)
    )
    # The model of the group is calibrated here, so that little is lost.
    assert gap < 0.05 < 0.2 < before
    assert model.group_estimator_.classes_.tolist() == [0, 1]


def test_a_frozen_model_of_groups_is_taken_as_it_is():
    rng = np.random.default_rng(1)
    group = np.array(["k", "l"])[rng.integers(0, 2, 2000)]
    X = rng.normal(size=(2000, 2)) + (group == "l")[:, None] * [0.5, 1]
    y = (X[:, 0] + rng.normal(size=2000) > 0.5).astype(int)
    of_groups = LogisticRegression().fit(X[:500], group[:500])
    model = FairProjectionClassifier(
        LogisticRegression(),
        use_groups=False,
        group_estimator=FrozenEstimator(of_groups),
        tolerance=0.02,
    ).fit(X, y, sensitive_features=group)
    assert model.group_estimator_.estimator is of_groups
    chance = of_groups.predict_proba(X)
    # Out-of-fold probabilities met the bound; those of the refitted model are near.
    score = model.predict_proba(X)[:, 1]
    means = (score @ chance) / chance.sum(axis=0)
    assert abs(means[0] - means[1]) < 0.03
    plain = (model.estimator_.predict_proba(X)[:, 1] @ chance) / chance.sum(axis=0)
    assert abs(plain[0] - plain[1]) > 0.1


def test_weights_are_repeated_people():
    X, y = people(n=800)
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    options = {"tolerance": 0.02, "sensitive_features": 3}
    weighted = FairProjectionClassifier(given(3), **options)
    weighted.fit(X, y, sample_weight=weight)
    repeated = FairProjectionClassifier(given(3), **options).fit(X[rows], y[rows])
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-5
    )


def test_an_unseen_group_keeps_the_plain_probabilities():
    X, y = people()
    model = FairProjectionClassifier(
        given(3), handle_unknown="pooled", sensitive_features=3
    ).fit(X, y)
    X[:, 3] = 9
    np.testing.assert_allclose(model.predict_proba(X), X[:, :3], atol=1e-5)


def test_a_model_without_probabilities_is_refused():
    X, y = people()
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        FairProjectionClassifier(LinearSVC(), sensitive_features=3).fit(X, y)
