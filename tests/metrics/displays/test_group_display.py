"""Metrics by group as they are drawn."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from fairlearnkit import ThresholdOptimizer
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    GroupMetricDisplay,
    MetricFrame,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)

METRICS = {"selected": selection_rate, "accuracy": accuracy_score}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def people(seed=0, n=240):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"sex": rng.choice(["F", "M"], n), "race": rng.choice(["x", "y", "z"], n)}
    )
    y = rng.integers(0, 2, n)
    chance = np.where(frame["sex"] == "F", 0.4, 0.7)
    return y, (rng.random(n) < chance).astype(int), frame


def drawn(display, metric=0):
    """Value, low and high of each group, as they are drawn, by full name."""
    line = display.dots_[metric]
    values = dict(zip(line.get_ydata(), line.get_xdata(), strict=True))
    ends = {s[0, 1]: s[:, 0] for s in display.intervals_[metric].get_segments()}
    return {
        display.groups[group]: (values[row], *ends[row])
        for row, group in enumerate(display.order_)
        if row in values
    }


def test_dots_and_bars_are_shares_with_wilson_s_interval():
    y, h, frame = people()
    display = GroupMetricDisplay.from_predictions(
        y, h, metrics=METRICS, sensitive_features=frame["race"], confidence_level=0.9
    )
    for metric, hits in enumerate((h == 1, h == y)):
        for race, (value, *ends) in drawn(display, metric).items():
            own = (frame["race"] == race).to_numpy()
            assert value == pytest.approx(hits[own].mean())
            expected = proportion_confint(
                hits[own].sum(), own.sum(), alpha=0.1, method="wilson"
            )
            assert ends == pytest.approx(expected)
        overall = display.overall_lines_[metric].get_segments()
        np.testing.assert_allclose([s[:, 0] for s in overall], hits.mean())
    assert "90%" in display.ax_.get_xlabel()


def test_bars_start_at_zero_and_carry_the_same_intervals():
    y, h, frame = people()
    options = {"metrics": selection_rate, "sensitive_features": frame["race"]}
    dots = GroupMetricDisplay.from_predictions(y, h, **options)
    bars = GroupMetricDisplay.from_predictions(y, h, kind="bar", **options)
    (container,) = bars.bars_
    assert bars.dots_ == []
    assert {bar.get_x() for bar in container} == {0}
    widths = [bar.get_width() for bar in container]
    np.testing.assert_allclose(widths, dots.dots_[0].get_xdata())
    for a, b in zip(
        dots.intervals_[0].get_segments(),
        bars.intervals_[0].get_segments(),
        strict=True,
    ):
        np.testing.assert_allclose(a, b)


def test_groups_are_sorted_by_value_or_stay_as_they_are():
    y, h, frame = people()
    options = {"metrics": METRICS, "sensitive_features": frame}
    by_value = GroupMetricDisplay.from_predictions(y, h, **options)
    assert (np.diff(by_value.values[0][by_value.order_]) <= 0).all()
    given = GroupMetricDisplay.from_predictions(y, h, order="given", **options)
    assert given.order_.tolist() == list(range(6))
    top = given.ax_.get_yticklabels()[0].get_text()
    n = ((frame["sex"] == "F") & (frame["race"] == "x")).sum()
    assert top == f"F, x (n = {n})"
    assert given.ax_.get_ylim() == (5.5, -0.5)


def test_numbers_of_people_stand_beside_each_panel_where_they_differ():
    y, h, frame = people()
    display = GroupMetricDisplay.from_predictions(
        y,
        h,
        metrics=[true_positive_rate, false_positive_rate],
        sensitive_features=frame["sex"],
        order="given",
    )
    for panel, label in zip(display.axes_, (1, 0), strict=True):
        expected = [
            str(((frame["sex"] == sex) & (y == label)).sum()) for sex in ("F", "M")
        ]
        assert [text.get_text() for text in panel.texts] == ["n", *expected]
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["F", "M"]


def test_a_frame_draws_what_its_predictions_draw():
    y, h, frame = people()
    weight = np.random.default_rng(1).random(len(y))
    shown = GroupMetricDisplay.from_predictions(
        y, h, metrics=METRICS, sensitive_features=frame, sample_weight=weight
    )
    params = {name: {"sample_weight": weight} for name in METRICS}
    metrics = MetricFrame(
        metrics=METRICS,
        y_true=y,
        y_pred=h,
        sensitive_features=frame,
        sample_params=params,
    )
    from_frame = GroupMetricDisplay.from_frame(metrics)
    for name in ("values", "low", "high", "n", "overall"):
        np.testing.assert_allclose(getattr(from_frame, name), getattr(shown, name))
    assert from_frame.groups == shown.groups
    assert "eff. n" in shown.ax_.get_yticklabels()[0].get_text()
    np.testing.assert_allclose(
        from_frame.values[0], metrics.by_group["selected"].to_numpy()
    )


def test_a_frame_of_one_metric_has_one_panel():
    y, h, frame = people()
    metrics = MetricFrame(
        metrics=selection_rate, y_true=y, y_pred=h, sensitive_features=frame["sex"]
    )
    display = GroupMetricDisplay.from_frame(metrics)
    assert len(display.axes_) == 1
    assert display.metrics == ("selection_rate",)
    np.testing.assert_allclose(display.overall, [h.mean()])


def test_control_levels_are_kept_together_with_their_own_line():
    y, h, frame = people()
    metrics = MetricFrame(
        metrics=METRICS,
        y_true=y,
        y_pred=h,
        sensitive_features=frame["race"],
        control_features=frame["sex"],
    )
    display = GroupMetricDisplay.from_frame(metrics)
    top = [display.groups[group][0] for group in display.order_]
    assert top == ["F"] * 3 + ["M"] * 3
    lines = [s[0, 0] for s in display.overall_lines_[0].get_segments()]
    expected = [h[frame["sex"] == sex].mean() for sex in top]
    np.testing.assert_allclose(lines, expected)


def test_undefined_values_are_said_to_be_so():
    y, h, frame = people()
    y[frame["race"] == "y"] = 0
    with pytest.warns(FairnessWarning, match="true_positive_rate is undefined"):
        display = GroupMetricDisplay.from_predictions(
            y, h, metrics=[true_positive_rate], sensitive_features=frame["race"]
        )
    assert [text.get_text() for text in display.ax_.texts] == ["undefined"]
    assert display.ax_.texts[0].get_position()[1] == 2  # the last row
    assert set(drawn(display)) == {"x", "z"}


def test_estimators_containers_and_bound_metrics():
    y, _, frame = people()
    rng = np.random.default_rng(2)
    X = frame.assign(skill=y + rng.normal(size=len(y)))
    words = np.array(["no", "yes"])[y]
    model = LogisticRegression().fit(X[["skill"]], words)
    bound = {"selected": partial(selection_rate, pos_label="yes")}
    expected = GroupMetricDisplay.from_predictions(
        words,
        model.predict(X[["skill"]]),
        metrics=bound,
        sensitive_features=pl.from_pandas(frame),
    )
    found = GroupMetricDisplay.from_estimator(
        model,
        X[["skill"]],
        words.tolist(),
        metrics=bound,
        sensitive_features=frame,
    )
    np.testing.assert_allclose(found.values, expected.values)
    areas = GroupMetricDisplay.from_estimator(
        model,
        X[["skill"]],
        y,
        metrics={"AUC": roc_auc_score},
        sensitive_features=frame["sex"],
        response_method="predict_proba",
    )
    score = model.predict_proba(X[["skill"]])[:, 1]
    for sex, (value, *_) in drawn(areas).items():
        own = (frame["sex"] == sex).to_numpy()
        assert value == pytest.approx(roc_auc_score(y[own], score[own]))


def test_a_mitigator_that_needs_the_groups_gets_them():
    y, _, frame = people()
    X = np.random.default_rng(3).normal(size=(len(y), 1)) + y[:, None]
    model = ThresholdOptimizer(LogisticRegression()).fit(
        X, y, sensitive_features=frame["sex"]
    )
    display = GroupMetricDisplay.from_estimator(
        model, X, y, metrics=selection_rate, sensitive_features=frame["sex"]
    )
    decision = model.predict(X, sensitive_features=frame["sex"])
    expected = [decision[frame["sex"] == sex].mean() for sex in display.groups]
    np.testing.assert_allclose(display.values, [expected])


def test_many_metrics_take_rows_of_panels():
    y, h, frame = people()
    several = {f"metric {i}": selection_rate for i in range(6)}
    display = GroupMetricDisplay.from_predictions(
        y, h, metrics=several, sensitive_features=frame["sex"]
    )
    assert len(display.axes_) == 6 == len(display.figure_.axes)
    named = [bool(p.get_yticklabels()[0].get_text()) for p in display.axes_]
    assert named == [True, False, False, False, True, False]


def test_bad_input_is_one_clear_sentence():
    y, h, frame = people()
    options = {"metrics": selection_rate, "sensitive_features": frame["sex"]}
    show = partial(GroupMetricDisplay.from_predictions, y, h)
    with pytest.raises(ValueError, match="kind must be one of"):
        show(kind="pie", **options)
    with pytest.raises(ValueError, match="order must be one of"):
        show(order="random", **options)
    with pytest.raises(ValueError, match="confidence_level"):
        show(confidence_level=95, **options)
    with pytest.raises(ValueError, match="repeat a name"):
        show(**options | {"metrics": [selection_rate, selection_rate]})
    with pytest.raises(ValueError, match="must be callable"):
        show(**options | {"metrics": ["tpr"]})
