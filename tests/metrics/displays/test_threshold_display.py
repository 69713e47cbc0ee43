"""Threshold sweeps as they are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import ThresholdSweepDisplay
from fairlearnkit.tables import ScoreTable


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def people(seed=0, n=200):
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], n)
    score = rng.random(n).round(2)
    y = (rng.random(n) < score).astype(int)
    return y, score, group


def drawn_at(line, threshold):
    """Height of a staircase at a threshold: that of the next point to the right."""
    x, y = line.get_data()
    assert line.get_drawstyle() == "steps-pre"
    return y[np.searchsorted(x, threshold - 1e-9)]


def test_staircases_and_gaps_are_those_of_the_people():
    y, score, group = people()
    display = ThresholdSweepDisplay.from_predictions(y, score, sensitive_features=group)
    bases = {
        "selection_rate": y >= 0,
        "true_positive_rate": y == 1,
        "false_positive_rate": y == 0,
    }
    assert list(display.lines_) == list(bases)
    for rate, base in bases.items():
        for threshold in (0.0, 0.25, 0.5, 0.503, 0.99, 1.0):
            expected = {
                name: (score >= threshold)[base & (group == name)].mean()
                for name in "abc"
            }
            for name, line in display.lines_[rate].items():
                assert drawn_at(line, threshold) == pytest.approx(expected[name])
            gap = max(expected.values()) - min(expected.values())
            assert drawn_at(display.gap_lines_[rate], threshold) == pytest.approx(gap)


def test_staircases_reach_from_end_to_end():
    y, score, group = people()
    logit = 6 * score - 3
    display = ThresholdSweepDisplay.from_predictions(
        y, logit, sensitive_features=group, rates="selection_rate"
    )
    low, high = display.limits
    assert low < logit.min()
    assert high > logit.max()
    for line in display.lines_["selection_rate"].values():
        x, share = line.get_data()
        assert (x[0], x[-1]) == (low, high)
        assert (share[0], share[-1]) == (1, 0)


def test_a_common_threshold_is_a_line_with_its_gap_in_figures():
    y, score, group = people()
    display = ThresholdSweepDisplay.from_predictions(
        y, score, sensitive_features=group, threshold=0.4
    )
    assert len(display.threshold_lines_) == 6
    assert {line.get_xdata()[0] for line in display.threshold_lines_} == {0.4}
    shares = [(score >= 0.4)[group == name].mean() for name in "abc"]
    gap = f"{max(shares) - min(shares):.2f} at 0.4"
    assert display.gap_axes_[0].get_title(loc="right") == gap


def test_thresholds_of_groups_are_points_on_their_staircases():
    y, score, group = people()
    cuts = {"a": 0.3, "c": 0.61}
    display = ThresholdSweepDisplay.from_predictions(
        y,
        score,
        sensitive_features=group,
        rates=["true_positive_rate"],
        threshold=cuts,
    )
    points = display.points_["true_positive_rate"]
    assert list(points) == ["a", "c"]
    for name, point in points.items():
        own = (group == name) & (y == 1)
        expected = cuts[name], (score >= cuts[name])[own].mean()
        np.testing.assert_allclose(np.ravel(point.get_data()), expected)
    assert display.threshold_lines_ == []


def test_negative_thresholds_are_thresholds():
    display = ThresholdSweepDisplay.from_predictions(
        [0, 1, 0, 1],
        [-2.0, -1.0, -1.0, 3.0],
        sensitive_features=["a", "a", "b", "b"],
        rates=["selection_rate"],
        threshold=-1,
    )
    assert display.sweeps[0].at(-1).tolist() == [0.5, 1.0]


def test_a_group_without_the_people_of_a_rate_is_left_out_of_it():
    y, score, group = people()
    y[group == "b"] = 0
    with pytest.warns(FairnessWarning, match=r"true_positive_rate.*\['b'\]"):
        display = ThresholdSweepDisplay.from_predictions(
            y, score, sensitive_features=group
        )
    assert np.isnan(display.lines_["true_positive_rate"]["b"].get_ydata()).all()
    own = (group != "b") & (y == 1)
    shares = [(score >= 0.5)[own & (group == name)].mean() for name in "ac"]
    assert display.sweeps[1].gap_at(0.5) == pytest.approx(max(shares) - min(shares))


def test_entrances_agree():
    y, score, group = people()
    X = np.column_stack([score, group == "a"])
    model = LogisticRegression().fit(X, y)
    value = model.decision_function(X)
    table = ScoreTable.from_arrays(y, value, sensitive_features=X[:, 1])
    displays = [
        ThresholdSweepDisplay.from_estimator(
            model, X, y, sensitive_features=1, response_method="decision_function"
        ),
        ThresholdSweepDisplay.from_predictions(y, value, sensitive_features=X[:, 1]),
        ThresholdSweepDisplay.from_table(table),
    ]
    first, *others = (display.lines_ for display in displays)
    for other in others:
        for rate in first:
            for group_label, line in first[rate].items():
                np.testing.assert_allclose(
                    other[rate][group_label].get_data(), line.get_data()
                )


def test_panels_are_one_for_each_rate_in_given_axes_too():
    y, score, group = people()
    options = {"sensitive_features": group, "rates": ["base_rate", "selection_rate"]}
    _, axes = plt.subplots(1, 2)
    display = ThresholdSweepDisplay.from_predictions(y, score, ax=axes, **options)
    assert display.axes_.tolist() == axes.tolist()
    _, one = plt.subplots()
    divided = ThresholdSweepDisplay.from_predictions(y, score, ax=one, **options)
    assert all(panel in one.child_axes for panel in divided.axes_)
    with pytest.raises(ValueError, match="draws 2 panels but got 1 axes"):
        ThresholdSweepDisplay.from_predictions(y, score, ax=[one], **options)


def test_unknown_rates_are_refused():
    y, score, group = people()
    with pytest.raises(ValueError, match="'tpr' is no rate; choose from selection"):
        ThresholdSweepDisplay.from_predictions(
            y, score, sensitive_features=group, rates=["tpr"]
        )
    with pytest.raises(ValueError, match="no rates to draw"):
        ThresholdSweepDisplay.from_predictions(
            y, score, sensitive_features=group, rates=[]
        )
