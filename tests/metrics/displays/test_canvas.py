"""What all displays keep to: conventions, room for names, nothing global."""

import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from fairlearnkit.metrics import (
    GroupCalibrationDisplay,
    GroupMetricDisplay,
    GroupPrecisionRecallDisplay,
    GroupRocDisplay,
    ThresholdSweepDisplay,
    plot_model_comparison,
    plot_roc_curve_by_group,
    selection_rate,
    true_positive_rate,
)

LONG = [
    f"people of origin number {i}, who live in a {place}"
    for i in range(6)
    for place in ("county far from any city", "city of more than a million")
]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def people(names, seed=0):
    rng = np.random.default_rng(seed)
    n = 60 * len(names)
    group = np.repeat(names, 60)
    score = rng.random(n).round(3)
    return (rng.random(n) < score).astype(int), score, group


def draw_metrics(y, score, group, ax=None):
    return GroupMetricDisplay.from_predictions(
        y,
        (score > 0.5).astype(int),
        metrics=[selection_rate, true_positive_rate],
        sensitive_features=group,
        ax=ax,
    )


def draw_with(display_class, **options):
    def draw(y, score, group, ax=None):
        return display_class.from_predictions(
            y, score, sensitive_features=group, ax=ax, **options
        )

    return draw


DISPLAYS = {
    "roc": draw_with(GroupRocDisplay, threshold=0.5, plot_overall=True),
    "precision_recall": draw_with(GroupPrecisionRecallDisplay),
    "calibration": draw_with(GroupCalibrationDisplay),
    "sweep": draw_with(
        ThresholdSweepDisplay,
        rates=["selection_rate", "true_positive_rate"],
        threshold=0.5,
    ),
    "metrics": draw_metrics,
}
EVERY = pytest.mark.parametrize("kind", DISPLAYS)


def full_names(kind, display):
    """Labels of the groups, which no picture cuts."""
    if kind == "metrics":
        return sorted(display.groups)
    if kind == "sweep":
        return sorted(display.sweeps[0].groups)
    return sorted(display.lines_)


def drawn_texts(figure, monkeypatch):
    """Every text that a figure draws, with the box that it takes."""
    boxes = {}
    draw = mpl.text.Text.draw

    def record(text, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            boxes[text] = mpl.text.Text.get_window_extent(text)
        return draw(text, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(mpl.text.Text, "draw", record)
        figure.draw_without_rendering()
    return boxes


@EVERY
def test_displays_follow_scikit_learn_and_change_nothing_global(kind):
    before = mpl.rcParams.copy()
    display = DISPLAYS[kind](*people(["a", "b"]))
    assert display.figure_ is display.ax_.figure
    assert display.figure_.number in plt.get_fignums()
    figure, ax = plt.subplots()
    open_figures = plt.get_fignums()
    assert display.plot(ax=ax) is display
    assert display.figure_ is figure
    assert plt.get_fignums() == open_figures
    assert mpl.rcParams == before


@EVERY
def test_without_matplotlib_the_message_names_the_extra(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"needs matplotlib.*fairlearnkit\[plot\]"):
        DISPLAYS[kind](*people(["a", "b"]))


def test_functions_name_the_extra_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    y, score, group = people(["a", "b"])
    with pytest.raises(ImportError, match=r"plot_model_comparison needs matplotlib"):
        plot_model_comparison(
            y_preds=[y],
            y_true=y,
            x_axis_metric=selection_rate,
            y_axis_metric=selection_rate,
        )
    with pytest.raises(ImportError, match=r"fairlearnkit\[plot\]"):
        plot_roc_curve_by_group(y, score, sensitive_features=group)


@EVERY
def test_long_names_stay_in_the_cells_of_given_axes(kind, monkeypatch):
    figure, axes = plt.subplots(1, 2, figsize=(15, 6))
    display = DISPLAYS[kind](*people(LONG), ax=axes[0])
    assert full_names(kind, display) == sorted(LONG)
    middle = (axes[0].get_position().x1, axes[1].get_position().x0)
    boxes = drawn_texts(figure, monkeypatch)
    own = {
        t: box for t, box in boxes.items() if t not in axes[1].findobj(mpl.text.Text)
    }
    assert len(own) > 12
    for text, box in own.items():
        box = box.transformed(figure.transFigure.inverted())
        assert box.x0 >= -0.005, text
        assert box.x1 <= max(middle), text
        assert box.y0 >= -0.005, text
        assert box.y1 <= 1.005, text


@EVERY
@pytest.mark.parametrize("names", [["a", "b"], LONG], ids=["two", "twelve"])
def test_texts_of_a_new_figure_do_not_overlap(kind, names, monkeypatch):
    display = DISPLAYS[kind](*people(names))
    boxes = list(drawn_texts(display.figure_, monkeypatch).items())
    page = display.figure_.bbox.padded(1)
    for i, (text, box) in enumerate(boxes):
        assert page.contains(box.x0, box.y0), text
        assert page.contains(box.x1, box.y1), text
        for other, other_box in boxes[:i]:
            assert not box.padded(-1).overlaps(other_box.padded(-1)), (text, other)


def test_a_legend_keeps_names_that_start_with_an_underscore():
    display = DISPLAYS["roc"](*people(["_other", "$1 to $2"]))
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert any("_other" in text for text in texts)
    assert any(r"\$1 to \$2" in text for text in texts)
    display.figure_.draw_without_rendering()
