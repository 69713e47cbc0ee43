"""economic_report: means of losses by group, against sums by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from fairlearnkit.inprocessing import economic_report


def decisions(n=400, seed=0):
    """Labels, decisions, two sensitive columns and weights."""
    rng = np.random.default_rng(seed)
    y, found = rng.integers(0, 2, (2, n))
    frame = pd.DataFrame(
        {"sex": rng.choice(["f", "m"], n), "race": rng.choice(["x", "z"], n)}
    )
    return y, found, frame, rng.integers(0, 3, n).astype(float)


def test_means_and_rates_by_hand():
    y, found, frame, weight = decisions()
    loss = {"f": [[0.5, 3], [7, -1]], "m": [[0, 1], [2, 0]]}
    report = economic_report(
        y, found, sensitive_features=frame["sex"], loss=loss, sample_weight=weight
    )
    assert report.groups == ("f", "m")
    for g, name in enumerate(report.groups):
        own = (frame["sex"] == name).to_numpy()
        table = confusion_matrix(y[own], found[own], sample_weight=weight[own])
        (tn, fp), (fn, tp) = table
        assert report.n[g] == table.sum()
        assert report.loss[g] == pytest.approx((table * loss[name]).sum() / table.sum())
        assert report.error_rate[g] == pytest.approx((fp + fn) / table.sum())
        assert report.false_positive_rate[g] == pytest.approx(fp / (fp + tn))
        assert report.false_negative_rate[g] == pytest.approx(fn / (fn + tp))
    assert report.overall_loss == pytest.approx(
        np.average(report.loss, weights=report.n)
    )


def test_under_symmetric_losses_the_loss_is_the_error_rate():
    y, found, frame, _ = decisions()
    report = economic_report(y, found, sensitive_features=frame, loss=[[0, 1], [1, 0]])
    np.testing.assert_allclose(report.loss, report.error_rate)
    table = report.to_frame()
    assert table.index.names == ["sex", "race"]
    assert len(table) == 4


def test_a_callable_loss_and_columns_of_x():
    y, found, frame, _ = decisions()
    frame["amount"] = np.arange(len(y)) / len(y)

    def loss(X):
        amount = X["amount"].to_numpy()
        zero = np.zeros_like(amount)
        return np.stack([zero, amount, 2 * amount, zero], axis=1).reshape(-1, 2, 2)

    labels = np.array(["bad", "good"])
    report = economic_report(
        labels[y], labels[found], sensitive_features="sex", loss=loss, X=frame
    )
    own = (frame["sex"] == "f").to_numpy()
    price = np.where(y == 1, 2, 1) * frame["amount"].to_numpy() * (y != found)
    assert report.loss[0] == pytest.approx(price[own].mean())


def test_weightless_groups_are_nobody_and_one_class_needs_naming():
    y, found, frame, _ = decisions()
    weight = (frame["sex"] == "f").to_numpy(float)
    loss = [[0, 1], [1, 0]]
    report = economic_report(
        y, found, sensitive_features=frame["sex"], loss=loss, sample_weight=weight
    )
    assert report.groups == ("f",)
    ones = np.ones(4, int)
    with pytest.raises(ValueError, match="two classes"):
        economic_report(ones, ones, sensitive_features=ones, loss=loss)
    report = economic_report(
        ones, ones, sensitive_features=ones, loss=loss, classes=[0, 1]
    )
    assert np.isnan(report.false_positive_rate[0])
    assert report.false_negative_rate[0] == 0
