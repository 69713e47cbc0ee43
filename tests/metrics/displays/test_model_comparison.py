"""The two functions with Fairlearn's signatures, against Fairlearn's."""

import inspect
import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    auc,
    balanced_accuracy_score,
    roc_auc_score,
)

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    demographic_parity_difference,
    plot_model_comparison,
    plot_roc_curve_by_group,
    selection_rate,
)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def peer(name):
    from fairlearn import metrics  # slow to import

    return getattr(metrics, name)


def people(seed=0, n=200):
    rng = np.random.default_rng(seed)
    y, group = rng.integers(0, 2, n), rng.choice(["a", "b"], n)
    preds = {
        name: np.where(rng.random(n) < chance, y, 1 - y)
        for name, chance in (("poor", 0.6), ("fair", 0.7), ("good", 0.8))
    }
    return y, group, preds


def compare(**changed):
    y, group, preds = people()
    given = {
        "y_preds": preds,
        "y_true": y,
        "sensitive_features": group,
        "x_axis_metric": accuracy_score,
        "y_axis_metric": demographic_parity_difference,
    }
    return plot_model_comparison(**given | changed)


@pytest.mark.parametrize("name", ["plot_model_comparison", "plot_roc_curve_by_group"])
def test_signatures_are_those_of_fairlearn(name):
    theirs = inspect.signature(peer(name)).parameters.values()
    ours = inspect.signature(globals()[name]).parameters.values()
    assert [(p.name, p.kind, p.default) for p in ours] == [
        (p.name, p.kind, p.default) for p in theirs
    ]


@pytest.mark.parametrize("labels", [False, True, ["p", "q", "r"]])
def test_points_and_labels_are_those_of_fairlearn(labels):
    y, group, preds = people()
    given = {
        "y_preds": preds,
        "y_true": y,
        "sensitive_features": group,
        "x_axis_metric": balanced_accuracy_score,
        "point_labels": labels,
        "point_labels_position": (0.01, -0.02),
    }
    ours = plot_model_comparison(y_axis_metric=demographic_parity_difference, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer("plot_model_comparison")(
            y_axis_metric=peer("demographic_parity_difference"), **given
        )
    np.testing.assert_allclose(
        *(a.collections[0].get_offsets() for a in (ours, theirs))
    )
    assert ours.get_xlabel() == theirs.get_xlabel() == "balanced accuracy score"
    assert ours.get_ylabel() == theirs.get_ylabel()
    texts = [
        {text.get_text(): text.get_position() for text in ax.texts}
        for ax in (ours, theirs)
    ]
    assert list(texts[0]) == list(texts[1])
    for text, place in texts[0].items():
        np.testing.assert_allclose(place, texts[1][text])


def test_labels_without_a_position_do_not_overlap():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 500)
    preds = {
        f"model number {i} of ten": np.where(rng.random(500) < 0.75, y, 1 - y)
        for i in range(10)
    }
    ax = compare(
        y_preds=preds,
        y_true=y,
        sensitive_features=rng.integers(0, 2, 500),
        point_labels=True,
    )
    ax.figure.draw_without_rendering()
    boxes = [plt.Text.get_window_extent(text) for text in ax.texts]
    assert len(boxes) == 10
    inside = ax.bbox.padded(1)
    for i, box in enumerate(boxes):
        assert inside.contains(box.x0, box.y0)
        assert inside.contains(box.x1, box.y1)
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_predictions_come_in_any_container():
    _, _, preds = people()
    expected = compare().collections[0].get_offsets()
    for container in (
        list(preds.values()),
        np.array(list(preds.values())),
        pd.DataFrame(preds),
    ):
        ax = compare(y_preds=container)
        np.testing.assert_allclose(ax.collections[0].get_offsets(), expected)
    labels = [
        t.get_text()
        for t in compare(y_preds=pd.DataFrame(preds), point_labels=True).texts
    ]
    assert labels == ["poor", "fair", "good"]


def test_groups_go_to_metrics_that_take_them_only():
    seen = []

    def by_group(y_true, y_pred, *, sensitive_features):
        seen.append(sensitive_features)
        return 0.5

    _, group, _ = people()
    compare(x_axis_metric=by_group, y_axis_metric=selection_rate)
    assert len(seen) == 3
    assert seen[0] is not None
    np.testing.assert_array_equal(seen[0], group)
    compare(y_axis_metric=selection_rate, sensitive_features=None)


def test_axes_legend_and_style():
    _, ax = plt.subplots()
    found = compare(
        ax=ax, axis_labels=("x", "y"), legend=True, label="models", marker="s", c="red"
    )
    assert found is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["models"]
    np.testing.assert_allclose(ax.collections[0].get_facecolor()[0], [1, 0, 0, 1])
    assert compare(axis_labels=False).get_xlabel() == ""
    bound = compare(x_axis_metric=partial(accuracy_score, normalize=True))
    assert bound.get_xlabel() == "accuracy score"


def test_the_picture_is_shown_only_when_asked_for(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(1))
    compare()
    assert shown == []
    compare(show_plot=True)
    assert shown == [1]


BAD = [
    ({"y_true": None}, "needs y_true"),
    ({"x_axis_metric": None}, "x_axis_metric must be callable"),
    ({"y_preds": {}}, "holds no predictions"),
    ({"axis_labels": ["x"]}, "axis_labels must be two strings"),
    ({"axis_labels": None}, "axis_labels must be two strings"),
    ({"point_labels": ["p"]}, "3 models but 1 point_labels"),
    ({"point_labels": None}, "must be True, False or a list"),
    ({"point_labels_position": (1,)}, "must be two numbers"),
]


@pytest.mark.parametrize(("changed", "message"), BAD)
def test_bad_input_is_one_clear_sentence(changed, message):
    with pytest.raises(ValueError, match=message):
        compare(**changed)


def test_roc_curves_are_those_of_fairlearn():
    y, group, _ = people()
    score = np.random.default_rng(2).random(len(y)) + 0.3 * y
    ours = plot_roc_curve_by_group(y, score, sensitive_features=group, title="T")
    theirs = peer("plot_roc_curve_by_group")(y, score, sensitive_features=group)
    found = {line.get_label(): line.get_data() for line in theirs.lines}
    expected = {label.split(" (")[0]: data for label, data in found.items()}
    drawn = dict(zip(("a", "b", "Chance level", "Overall"), ours.lines, strict=True))
    for label, line in drawn.items():
        theirs_x, theirs_y = expected[label]
        x, y_drawn = line.get_data()
        area = auc(x, y_drawn)
        assert area == pytest.approx(auc(theirs_x, theirs_y))
    assert ours.get_title() == "T"


def test_rows_without_a_group_count_in_the_overall_curve_only():
    y, group, _ = people()
    score = np.random.default_rng(3).random(len(y)) + 0.3 * y
    features = pd.DataFrame({"g": group, "h": "x"}, dtype=object)
    features.loc[:9, "g"] = None
    with pytest.warns(FairnessWarning, match="missing in 10 rows"):
        ax = plot_roc_curve_by_group(y, score, sensitive_features=features)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    kept = (group[10:] == "a").sum()
    assert texts[0].endswith(f"a, x (n = {kept})")
    assert texts[-1] == f"{roc_auc_score(y, score):.2f}  overall (n = 200)"
    assert len(texts) == 4


def test_overall_and_chance_can_be_left_out():
    y, group, _ = people()
    score = np.random.default_rng(4).random(len(y))
    _, ax = plt.subplots()
    found = plot_roc_curve_by_group(
        y,
        score,
        sensitive_features=group,
        ax=ax,
        plot_overall=False,
        plot_chance_level=False,
    )
    assert found is ax
    assert len(ax.lines) == 2
