"""Costs become equal, calibration stays, and both costs at once are out of reach."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning
from fairlearnkit.postprocessing import CalibratedEqualizedOdds

pytestmark = pytest.mark.filterwarnings(
    "ignore::fairlearnkit.exceptions.LevellingDownWarning"
)


class GivenScores(ClassifierMixin, BaseEstimator):
    """A model whose probability is the first column of X."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        positive = np.asarray(X)[:, 0].astype(float)
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


GIVEN = FrozenEstimator(GivenScores().fit([[0.0]] * 2, [0, 1]))


def people(seed=0, n=6000, spread=(1.0, 2.0, 3.0), distort=1.0):
    """Calibrated scores, in column 0, of a quality that differs by group (column 1)."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, len(spread), n)
    logit = rng.normal(size=n) * np.array(spread)[group] - 0.3 * group
    score = 1 / (1 + np.exp(-logit))
    y = (rng.random(n) < score).astype(int)
    seen = 1 / (1 + np.exp(-logit * distort))
    return np.column_stack([seen, group, rng.random(n)]), y


def soft_rates(scores, y, group):
    """Generalised false positive and false negative rate of each group."""
    return np.array(
        [
            [
                scores[(group == g) & (y == 0)].mean(),
                (1 - scores)[(group == g) & (y == 1)].mean(),
            ]
            for g in np.unique(group)
        ]
    )


@pytest.mark.parametrize(
    ("cost", "weights"),
    [
        ("false_positive_rate", (1, 0)),
        ("false_negative_rate", (0, 1)),
        ((1, 3), (1, 3)),
    ],
)
@pytest.mark.parametrize("calibrate", [None, "isotonic", "sigmoid"])
def test_expected_costs_equal_the_largest_one(cost, weights, calibrate):
    X, y = people()
    model = CalibratedEqualizedOdds(
        GIVEN, cost=cost, calibrate=calibrate, sensitive_features=1
    ).fit(X, y)
    costs = soft_rates(model.expected_proba(X)[:, 1], y, X[:, 1]) @ weights
    before, after = np.array(list(model.costs_.values())).T
    np.testing.assert_allclose(costs, after)
    np.testing.assert_allclose(costs, before.max())
    if calibrate is None:
        np.testing.assert_allclose(soft_rates(X[:, 0], y, X[:, 1]) @ weights, before)
    worst = int(before.argmax())
    assert list(model.mixing_.values())[worst] == 0


def test_the_share_is_the_formula_of_the_paper():
    X, y = people(spread=(1.0, 3.0))
    model = CalibratedEqualizedOdds(GIVEN, sensitive_features=1).fit(X, y)
    costs = soft_rates(X[:, 0], y, X[:, 1])[:, 1]
    trivial = 1 - y[X[:, 1] == 1].mean()
    share = (costs[0] - costs[1]) / (trivial - costs[1])
    assert model.mixing_[1.0] == pytest.approx(share)
    assert model.mixing_[0.0] == 0


def test_realised_costs_and_shares_follow_the_hash():
    X, y = people(n=60_000)
    model = CalibratedEqualizedOdds(GIVEN, sensitive_features=1).fit(X, y)
    scores = model.predict_proba(X)[:, 1]
    for group, share in model.mixing_.items():
        rows = X[:, 1] == group
        withheld = scores[rows] != X[rows, 0]
        assert withheld.mean() == pytest.approx(share, abs=0.01)
        np.testing.assert_allclose(
            scores[rows][withheld], model.base_rates_[group], rtol=1e-12
        )
    assert np.ptp(soft_rates(scores, y, X[:, 1])[:, 1]) < 0.01
    np.testing.assert_array_equal(scores[::-1], model.predict_proba(X[::-1])[:, 1])
    np.testing.assert_array_equal(model.predict(X), scores > 0.5)


def test_calibration_within_groups_is_kept():
    """P(Y = 1 | score, group) is the score, among the replaced ones too."""
    X, y = people(n=60_000)
    model = CalibratedEqualizedOdds(GIVEN, sensitive_features=1).fit(X, y)
    scores = model.predict_proba(X)[:, 1]
    for group in model.groups_:
        rows = X[:, 1] == group
        edges = np.quantile(scores[rows], np.linspace(0, 1, 6)[1:-1])
        bins = np.digitize(scores[rows], edges)
        for k in np.unique(bins):
            here = bins == k
            assert y[rows][here].mean() == pytest.approx(
                scores[rows][here].mean(), abs=0.03
            )
        assert model.calibration_error_[group] < 0.02


def test_both_costs_cannot_be_equal_at_once():
    """Calibrated scores of groups with unequal base rates: one cost each at most."""
    X, y = people()
    gaps = []
    for cost in ("false_positive_rate", "false_negative_rate"):
        model = CalibratedEqualizedOdds(
            GIVEN, cost=cost, calibrate="isotonic", sensitive_features=1
        ).fit(X, y)
        gaps.append(
            np.ptp(soft_rates(model.expected_proba(X)[:, 1], y, X[:, 1]), axis=0)
        )
    (fp_equal, fn_unequal), (fp_unequal, fn_equal) = gaps
    assert max(fp_equal, fn_equal) < 1e-12
    assert min(fp_unequal, fn_unequal) > 0.02


def test_calibrated_costs_are_in_the_ratio_of_the_base_rates():
    """The reason: false positive cost x (1 - mu) = false negative cost x mu."""
    X, y = people()
    model = CalibratedEqualizedOdds(
        GIVEN, calibrate="isotonic", sensitive_features=1
    ).fit(X, y)
    false_positive, false_negative = soft_rates(
        model.expected_proba(X)[:, 1], y, X[:, 1]
    ).T
    base = np.array([y[X[:, 1] == g].mean() for g in (0, 1, 2)])
    np.testing.assert_allclose(
        false_positive * (1 - base), false_negative * base, rtol=1e-9
    )


def test_a_cost_out_of_reach_is_said():
    """Nobody can be scored so badly, with so few positives, as to match the others."""
    X, y = people(spread=(0.5, 0.5))
    rare = (X[:, 1] == 1) & (y == 1) & (X[:, 2] < 0.9)
    X, y = X[~rare], y[~rare]
    model = CalibratedEqualizedOdds(
        GIVEN, cost="false_positive_rate", calibrate="isotonic", sensitive_features=1
    )
    with pytest.warns(FairnessWarning, match="cannot be made equal.*x1=1.0"):
        model.fit(X, y)
    assert model.mixing_[1.0] == 1
    assert model.costs_[1.0][1] < model.costs_[0.0][1]


def test_uncalibrated_scores_are_named_and_calibration_mends_them():
    X, y = people(distort=3.0)
    with pytest.warns(FairnessWarning, match="not calibrated in .*x1=2.0"):
        plain = CalibratedEqualizedOdds(GIVEN, sensitive_features=1).fit(X, y)
    for calibrate in ("isotonic", "sigmoid"):
        model = CalibratedEqualizedOdds(
            GIVEN, calibrate=calibrate, sensitive_features=1
        ).fit(X, y)
        assert max(model.calibration_error_.values()) < 0.03
        assert min(plain.calibration_error_.values()) > 0.05


def test_levelling_down_is_said():
    X, y = people()
    with pytest.warns(LevellingDownWarning, match="accuracy falls for"):
        model = CalibratedEqualizedOdds(GIVEN, sensitive_features=1).fit(X, y)
    assert (model.group_report_.change <= 1e-12).all()


def test_one_label_in_a_group_leaves_it_alone():
    X, y = people()
    y = np.where(X[:, 1] == 1, 0, y)
    model = CalibratedEqualizedOdds(GIVEN, calibrate="sigmoid", sensitive_features=1)
    with pytest.warns(FairnessWarning, match="left alone.*x1=1.0"):
        model.fit(X, y)
    assert model.mixing_[1.0] == 0
    assert np.isnan(model.costs_[1.0]).all()
    assert model.costs_[0.0][1] == pytest.approx(model.costs_[2.0][1])


def test_weights_are_repeated_people():
    X, y = people(n=1500)
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    for calibrate in (None, "isotonic", "sigmoid"):
        weighted = CalibratedEqualizedOdds(
            GIVEN, calibrate=calibrate, sensitive_features=1
        ).fit(X, y, sample_weight=weight)
        repeated = CalibratedEqualizedOdds(
            GIVEN, calibrate=calibrate, sensitive_features=1
        ).fit(X[rows], y[rows])
        for group, share in weighted.mixing_.items():
            assert share == pytest.approx(repeated.mixing_[group], rel=1e-5)


def test_a_margin_needs_calibration():
    X, y = people(n=1500)
    model = CalibratedEqualizedOdds(LinearSVC(), sensitive_features=1)
    with pytest.raises(ValueError, match="gives no probabilities; choose calibrate"):
        model.fit(X, y)
    model.set_params(calibrate="sigmoid").fit(X, y)
    proba = model.predict_proba(X)
    assert ((proba >= 0) & (proba <= 1)).all()


def test_an_unseen_group_keeps_its_scores():
    X, y = people(n=1500)
    model = CalibratedEqualizedOdds(
        GIVEN, handle_unknown="pooled", sensitive_features=1
    ).fit(X, y)
    X[:, 1] = 9
    np.testing.assert_array_equal(model.predict_proba(X)[:, 1], X[:, 0])


@pytest.mark.parametrize("cost", [(1,), (0, 0), (-1, 2), ("a", "b")])
def test_bad_weights_of_costs_are_refused(cost):
    X, y = people(n=600)
    with pytest.raises(ValueError, match="cost must be"):
        CalibratedEqualizedOdds(
            LogisticRegression(), cost=cost, sensitive_features=1
        ).fit(X, y)
