"""Calibration displays: curves, intervals and strips of every group."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from statsmodels.stats.proportion import proportion_confint

from fairlearnkit.metrics import GroupCalibrationDisplay
from fairlearnkit.tables import ScoreTable


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def people(seed=0, n=600):
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], n)
    score = rng.random(n)
    y = (rng.random(n) < score ** np.where(group == "a", 1, 2)).astype(int)
    return y, score, group


def test_lines_are_the_calibration_curves_of_scikit_learn():
    y, score, group = people()
    display = GroupCalibrationDisplay.from_predictions(
        y, score, sensitive_features=group, n_bins=6, plot_overall=True
    )
    for name, line in display.lines_.items():
        own = group == name
        true, predicted = calibration_curve(y[own], score[own], n_bins=6)
        np.testing.assert_allclose(line.get_data(), [predicted, true])
    true, predicted = calibration_curve(y, score, n_bins=6)
    np.testing.assert_allclose(display.overall_line_.get_data(), [predicted, true])
    np.testing.assert_allclose(display.perfect_line_.get_data(), [[0, 1], [0, 1]])


def test_intervals_are_drawn_from_end_to_end_of_wilson_s():
    y, score, group = people()
    display = GroupCalibrationDisplay.from_predictions(
        y, score, sensitive_features=group, confidence_level=0.8
    )
    for name, segments in display.intervals_.items():
        own = group == name
        bins = np.digitize(score[own], [0.2, 0.4, 0.6, 0.8], right=True)
        count, n = np.bincount(bins, y[own]), np.bincount(bins)
        ends = proportion_confint(count, n, alpha=0.2, method="wilson")
        drawn = np.array([segment[:, 1] for segment in segments.get_segments()])
        np.testing.assert_allclose(drawn.T, ends)
        drawn = np.array([segment[:, 0] for segment in segments.get_segments()])
        np.testing.assert_allclose(drawn[:, 0], display.lines_[name].get_xdata())


def test_strips_show_each_group_s_predictions_in_the_order_of_the_legend():
    y, score, group = people()
    display = GroupCalibrationDisplay.from_predictions(
        y, score, sensitive_features=group
    )
    strips = display.histogram_ax_.patches
    assert len(strips) == 3
    for row, (name, strip) in enumerate(zip("abc", strips, strict=True)):
        values, edges, floor = strip.get_data()
        expected, _ = np.histogram(score[group == name], edges)
        heights = values - floor
        np.testing.assert_allclose(heights / heights.sum(), expected / expected.sum())
        np.testing.assert_allclose(floor, -row)
        assert heights.max() < 1  # below the next strip
        color = display.lines_[name].get_color()
        assert strip.get_facecolor()[:3] == plt.matplotlib.colors.to_rgb(color)


def test_entrances_agree():
    y, score, group = people()
    X = np.column_stack([score, group == "a"])
    model = LogisticRegression().fit(X, y)
    prob = model.predict_proba(X)[:, 1]
    table = ScoreTable.from_arrays(y, prob, sensitive_features=X[:, 1])
    options = {"n_bins": 4, "strategy": "quantile"}
    displays = [
        GroupCalibrationDisplay.from_estimator(
            model, X, y, sensitive_features=1, **options
        ),
        GroupCalibrationDisplay.from_predictions(
            y, prob, sensitive_features=X[:, 1], **options
        ),
        GroupCalibrationDisplay.from_table(table, **options),
    ]
    first, *others = (
        [line.get_data() for line in display.lines_.values()] for display in displays
    )
    for other in others:
        np.testing.assert_allclose(other, first)


def test_string_labels_and_the_other_class():
    y, score, group = people()
    words = np.array(["no", "yes"])[y]
    plain = GroupCalibrationDisplay.from_predictions(y, score, sensitive_features=group)
    other = GroupCalibrationDisplay.from_predictions(
        words, 1 - score, sensitive_features=group, pos_label="no"
    )
    for name, line in plain.lines_.items():
        x, share = other.lines_[name].get_data()
        np.testing.assert_allclose([1 - x[::-1], 1 - share[::-1]], line.get_data())
    assert "positive: no" in other.ax_.get_ylabel()


def test_a_group_with_one_label_has_a_curve():
    display = GroupCalibrationDisplay.from_predictions(
        [1, 1, 0, 1], [0.2, 0.9, 0.2, 0.9], sensitive_features=["a", "a", "b", "b"]
    )
    np.testing.assert_allclose(display.lines_["a"].get_ydata(), [1, 1])


def test_parts_can_be_left_out():
    y, score, group = people()
    display = GroupCalibrationDisplay.from_predictions(
        y,
        score,
        sensitive_features=group,
        ref_line=False,
        intervals=False,
        histogram=False,
        legend=False,
    )
    assert display.intervals_ == {}
    assert display.perfect_line_ is display.histogram_ax_ is display.legend_ is None
    assert display.ax_.get_xlabel() == "mean predicted probability"


BAD = [
    ({"y_prob": [0.1, 1.2, 0.3, 0.4]}, r"\[0, 1\], got values from 0.1 to 1.2"),
    ({"y_prob": [0.1, np.nan, 0.3, 0.4]}, "y_prob holds 1 missing"),
    ({"strategy": "even"}, "strategy must be one of"),
    ({"n_bins": 0}, "n_bins must be 1 or more"),
    ({"confidence_level": 95}, "between 0 and 1"),
]


@pytest.mark.parametrize(("changed", "message"), BAD)
def test_bad_input_is_one_clear_sentence(changed, message):
    given = {
        "y_true": [0, 1, 0, 1],
        "y_prob": [0.1, 0.2, 0.3, 0.4],
        "sensitive_features": ["a", "a", "b", "b"],
    }
    with pytest.raises(ValueError, match=message):
        GroupCalibrationDisplay.from_predictions(**given | changed)
