"""ROC and precision-recall displays: what is drawn, of whom, and from where."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from fairlearnkit import ThresholdOptimizer
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import GroupPrecisionRecallDisplay, GroupRocDisplay
from fairlearnkit.metrics.displays._scored_people import groups_for
from fairlearnkit.tables import ScoreTable

DISPLAYS = pytest.mark.parametrize(
    "display_class", [GroupRocDisplay, GroupPrecisionRecallDisplay]
)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def people(seed=0, n=300):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "skill": rng.normal(size=n),
            "sex": rng.choice(["F", "M"], n),
            "race": rng.choice(["x", "y", "z"], n),
        }
    )
    y = (frame["skill"] + rng.normal(size=n) > 0.3).astype(int).to_numpy()
    return y, 1 / (1 + np.exp(-frame["skill"].to_numpy())), frame


def lines_of(display):
    return {group: np.array(line.get_data()) for group, line in display.lines_.items()}


def assert_same_lines(first, second):
    assert list(first) == list(second)
    for group in first:
        np.testing.assert_allclose(first[group], second[group], atol=1e-12)


def test_lines_are_the_roc_curves_of_scikit_learn():
    y, score, frame = people()
    display = GroupRocDisplay.from_predictions(
        y,
        score,
        sensitive_features=frame["sex"],
        drop_intermediate=False,
        plot_overall=True,
    )
    for sex, line in lines_of(display).items():
        own = (frame["sex"] == sex).to_numpy()
        expected = roc_curve(y[own], score[own], drop_intermediate=False)[:2]
        np.testing.assert_allclose(line, expected, atol=1e-12)
    expected = roc_curve(y, score, drop_intermediate=False)[:2]
    np.testing.assert_allclose(display.overall_line_.get_data(), expected, atol=1e-12)
    np.testing.assert_allclose(display.chance_level_.get_data(), [[0, 1], [0, 1]])


def test_lines_are_the_precision_recall_curves_of_scikit_learn():
    y, score, frame = people()
    display = GroupPrecisionRecallDisplay.from_predictions(
        y, score, sensitive_features=frame["sex"], drop_intermediate=False
    )
    for sex, line in lines_of(display).items():
        own = (frame["sex"] == sex).to_numpy()
        precision, recall, _ = precision_recall_curve(y[own], score[own])
        np.testing.assert_allclose(line, [recall[::-1], precision[::-1]], atol=1e-12)
    assert {line.get_drawstyle() for line in display.lines_.values()} == {"steps-pre"}
    np.testing.assert_allclose(display.chance_level_.get_ydata(), y.mean())


def rates_at(y, decision):
    tn, fp, fn, tp = confusion_matrix(y, decision, labels=[0, 1]).ravel()
    return {
        GroupRocDisplay: (fp / (fp + tn), tp / (tp + fn)),
        GroupPrecisionRecallDisplay: (tp / (tp + fn), tp / (tp + fp)),
    }


@DISPLAYS
def test_points_are_the_rates_of_the_rule(display_class):
    y, score, frame = people()
    sex = frame["sex"].to_numpy()
    options = {"sensitive_features": frame["sex"]}
    cuts = {"F": score[3], "M": 0.6}
    decision = (score >= np.where(sex == "F", cuts["F"], cuts["M"])).astype(int)
    for display in (
        display_class.from_predictions(y, score, threshold=cuts, **options),
        display_class.from_predictions(y, score, y_pred=decision, **options),
    ):
        for group, marker in display.points_.items():
            own = sex == group
            expected = rates_at(y[own], decision[own])[display_class]
            np.testing.assert_allclose(np.ravel(marker.get_data()), expected)
        assert list(display.points_) == ["F", "M"]
    one = display_class.from_predictions(y, score, threshold={"M": 0.5}, **options)
    assert list(one.points_) == ["M"]


@DISPLAYS
def test_labels_of_any_type_draw_the_same_lines(display_class):
    y, score, frame = people()
    options = {"sensitive_features": frame["sex"], "threshold": 0.5}
    plain = display_class.from_predictions(y, score, **options)
    words = np.array(["no", "yes"])[y]
    for labels in (words, pl.Series(words), words.tolist(), pd.Series(words)):
        named = display_class.from_predictions(
            labels, score, pos_label="yes", y_pred=None, **options
        )
        assert_same_lines(lines_of(plain), lines_of(named))
        assert named.ax_.get_xlabel().endswith("(positive: yes)")
    other = display_class.from_predictions(
        words, -score, sensitive_features=frame["sex"], pos_label="no", y_pred=words
    )
    assert other.points_["F"].get_xdata()[0] in (0.0, 1.0)  # a perfect rule
    turned = display_class.from_predictions(
        1 - y, -score, sensitive_features=frame["sex"]
    )
    assert_same_lines(lines_of(other), lines_of(turned))


@DISPLAYS
def test_containers_and_weights_of_one_change_nothing(display_class):
    y, score, frame = people()
    columns = frame[["sex", "race"]]
    plain = display_class.from_predictions(y, score, sensitive_features=columns)
    for features in (
        pl.from_pandas(columns),
        {"sex": frame["sex"].tolist(), "race": frame["race"].tolist()},
    ):
        other = display_class.from_predictions(
            y.tolist(),
            pl.Series(score),
            sensitive_features=features,
            sample_weight=np.ones(len(y)),
        )
        assert_same_lines(lines_of(plain), lines_of(other))
    assert next(iter(plain.lines_)) == ("F", "x")
    texts = [text.get_text() for text in plain.legend_.get_texts()]
    assert "F, x (n = " in texts[0]
    assert plain.legend_.get_title().get_text().endswith("sex, race")


def test_a_group_with_one_label_is_left_out_and_named():
    y, score, frame = people()
    y = np.where(frame["race"] == "y", 1, y)
    with pytest.warns(FairnessWarning, match=r"both labels.*\['y'\]"):
        display = GroupRocDisplay.from_predictions(
            y, score, sensitive_features=frame["race"], threshold=0.5
        )
    assert list(display.lines_) == ["x", "z"] == list(display.points_)
    # Precision and recall need positives only.
    display = GroupPrecisionRecallDisplay.from_predictions(
        y, score, sensitive_features=frame["race"]
    )
    assert list(display.lines_) == ["x", "y", "z"]
    y = np.where(frame["race"] == "y", 0, y)
    with pytest.warns(FairnessWarning, match=r"positives.*\['y'\]"):
        GroupPrecisionRecallDisplay.from_predictions(
            y, score, sensitive_features=frame["race"]
        )


def test_no_group_with_both_labels_is_an_error():
    with pytest.raises(ValueError, match="no group has both labels"):
        GroupRocDisplay.from_predictions(
            [1, 1], [0.1, 0.2], sensitive_features=["a", "b"]
        )


@DISPLAYS
@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_an_estimator_draws_what_its_predictions_draw(display_class, method):
    y, _, frame = people()
    model = make_pipeline(
        make_column_transformer((StandardScaler(), ["skill"])), LogisticRegression()
    ).fit(frame, y)
    response = getattr(model, method)(frame)
    expected = display_class.from_predictions(
        y,
        response[:, 1] if method == "predict_proba" else response,
        sensitive_features=frame["sex"],
        y_pred=model.predict(frame),
    )
    found = display_class.from_estimator(
        FrozenEstimator(model),
        frame,
        y,
        sensitive_features="sex",
        response_method=method,
        mark_predict=True,
    )
    assert_same_lines(lines_of(expected), lines_of(found))
    assert found.points == expected.points


@pytest.mark.parametrize(
    "features",
    ["sex", 1, ["sex"], lambda X: "sex", lambda X: X["sex"].to_numpy(), None],
)
def test_groups_are_columns_or_values(features):
    _, _, frame = people()
    features = frame["sex"].tolist() if features is None else features
    found = groups_for(frame, features, "a display")
    assert found.labels == ("F", "M")
    np.testing.assert_array_equal(found.codes, frame["sex"] == "M")
    both = groups_for(frame, ["sex", "race"], "a display")
    assert both.names == ("sex", "race")
    assert list(both.values()) == ["sex", "race"]
    np.testing.assert_array_equal(both.values()["race"], frame["race"])


def test_the_first_class_can_be_the_positive_one():
    y, _, frame = people()
    X = frame[["skill"]]
    words = np.array(["bad", "good"])[y]
    model = LogisticRegression().fit(X, words)
    for method in ("predict_proba", "decision_function"):
        found = GroupRocDisplay.from_estimator(
            model,
            X,
            words,
            sensitive_features=frame["sex"],
            pos_label="bad",
            response_method=method,
        )
        expected = GroupRocDisplay.from_predictions(
            1 - y, -model.decision_function(X), sensitive_features=frame["sex"]
        )
        assert_same_lines(lines_of(expected), lines_of(found))


def test_a_mitigator_that_needs_the_groups_gets_them():
    y, _, frame = people()
    X = frame[["skill"]]
    model = ThresholdOptimizer(LogisticRegression()).fit(
        X, y, sensitive_features=frame["sex"]
    )
    decision = model.predict(X, sensitive_features=frame["sex"])
    display = GroupRocDisplay.from_estimator(
        model, X, y, sensitive_features=frame["sex"], mark_predict=True
    )
    for group, point in display.points.items():
        own = (frame["sex"] == group).to_numpy()
        expected = rates_at(y[own], decision[own])[GroupRocDisplay]
        assert point == pytest.approx(expected)


@DISPLAYS
def test_a_table_draws_what_its_rows_draw(display_class):
    y, score, frame = people()
    table = ScoreTable.from_arrays(y, score, sensitive_features=frame["sex"])
    stored = display_class.from_table(table + table, threshold=0.5)
    fresh = display_class.from_predictions(
        y, score, sensitive_features=frame["sex"], threshold=0.5
    )
    assert_same_lines(lines_of(stored), lines_of(fresh))
    assert stored.points == fresh.points


def test_keywords_reach_every_line_and_parts_can_be_left_out():
    y, score, frame = people()
    display = GroupRocDisplay.from_predictions(
        y,
        score,
        sensitive_features=frame["sex"],
        curve_kwargs={"linewidth": 4},
        plot_chance_level=False,
        legend=False,
    )
    assert {line.get_linewidth() for line in display.lines_.values()} == {4}
    assert display.chance_level_ is display.overall_line_ is display.legend_ is None
    assert len(display.ax_.lines) == 2


BAD = [
    ({"y_score": [0.1, np.nan, 0.3, 0.4]}, "y_score holds 1 missing or infinite"),
    ({"y_score": ["a", "b", "c", "d"]}, "y_score must hold numbers"),
    ({"y_score": np.ones((4, 2))}, "pass one number a row"),
    ({"y_score": [0.1, 0.2]}, "2.*4 rows"),
    ({"y_true": ["n", "y", "n", "y"]}, "pos_label must say"),
    ({"pos_label": 7}, "pos_label=7 is not a class"),
    ({"sensitive_features": ["a", None, "b", "b"]}, "1 missing"),
    ({"threshold": 0.5, "y_pred": [0, 1, 0, 1]}, "not both"),
    ({"threshold": {"c": 0.5}}, "'c', which is no group"),
    ({"threshold": np.nan}, "threshold must be a number"),
    ({"sample_weight": [1, -1, 1, 1]}, "non-negative"),
    ({"y_pred": [0, 1, 2, 1], "pos_label": 1}, "more than two labels"),
]


@pytest.mark.parametrize(("changed", "message"), BAD)
def test_bad_input_is_one_clear_sentence(changed, message):
    given = {
        "y_true": [0, 1, 0, 1],
        "y_score": [0.1, 0.2, 0.3, 0.4],
        "sensitive_features": ["a", "a", "b", "b"],
    }
    with pytest.raises(ValueError, match=message):
        GroupRocDisplay.from_predictions(**given | changed)


def test_models_without_scores_or_with_more_classes_are_refused():
    y, _, frame = people()
    X, sex = frame[["skill"]], frame["sex"]
    model = DecisionTreeRegressor().fit(X, y)
    with pytest.raises(ValueError, match="no predict_proba or decision_function"):
        GroupRocDisplay.from_estimator(model, X, y, sensitive_features=sex)
    model = LogisticRegression().fit(X, np.arange(len(y)) % 3)
    with pytest.raises(ValueError, match="must have two classes"):
        GroupRocDisplay.from_estimator(model, X, y, sensitive_features=sex)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="pos_label='x' is not a class"):
        GroupRocDisplay.from_estimator(
            model, X, y, sensitive_features=sex, pos_label="x"
        )
    with pytest.raises(ValueError, match="different orders"):
        GroupRocDisplay.from_estimator(
            model, X, pd.Series(y)[::-1], sensitive_features=sex
        )


def test_rules_of_thresholds_lie_at_the_rates_of_their_decisions():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=600), rng.integers(0, 3, 600)])
    y = X[:, 0] + 0.3 * X[:, 1] + rng.normal(size=600) > 0.5
    base = FrozenEstimator(LogisticRegression().fit(X, y))
    model = ThresholdOptimizer(base, constraint="equalized_odds", sensitive_features=1)
    model.fit(X, y)
    display = GroupRocDisplay.from_thresholds(model)
    chosen = model.expected_proba(X)[:, 1]
    for group, (false_positive, true_positive) in display.points.items():
        members = X[:, 1] == group
        assert false_positive == pytest.approx(chosen[members & ~y].mean())
        assert true_positive == pytest.approx(chosen[members & y].mean())
    assert set(display.points_) == {0.0, 1.0, 2.0}
