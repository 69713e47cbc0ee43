"""The picture of a frontier shows what the frontier says."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from fairlearnkit import ReweighingClassifier
from fairlearnkit.model_selection import FairnessFrontier, FairnessFrontierDisplay
from fairlearnkit.model_selection._pareto import sort_front

LR = LogisticRegression()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def frontier():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 600)
    X = rng.normal(size=(600, 2)) + group[:, None]
    y = X[:, 0] + rng.normal(size=600) > 0.5
    candidates = {"plain": (LR, {"C": [1e-3, 1.0]}), "fair": ReweighingClassifier(LR)}
    model = FairnessFrontier(candidates, constraint="equalized_odds_ratio", cv=3)
    return model.fit(X, y, sensitive_features=group)


def many(n=30, n_families=9):
    rng = np.random.default_rng(1)
    violation, objective = rng.random(n) / 5, rng.random(n)
    return FairnessFrontierDisplay(
        violation=violation,
        violation_low=violation - 0.02,
        violation_high=violation + 0.02,
        objective=objective,
        objective_low=objective - 0.05,
        objective_high=objective + 0.05,
        front=sort_front(violation, objective),
        best_index=0,
        families=[f"family {i % n_families}" for i in range(n)],
        names=[f"family {i % n_families}({'long ' * 20}, step={i})" for i in range(n)],
    )


def texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_the_staircase_is_the_best_within_each_bound():
    display = many().plot()
    x, y = display.front_line_.get_data()
    assert display.front_line_.get_drawstyle() == "steps-post"
    for bound in np.linspace(x[0], x[-1], 50):
        best = display.objective[display.violation <= bound].max()
        assert y[np.searchsorted(x, bound, side="right") - 1] == best


def test_axes_and_legend_say_what_is_shown(frontier):
    display = FairnessFrontierDisplay.from_estimator(frontier)
    label = "violation of equalized odds on held-out rows (1 - min / max)"
    assert display.ax_.get_xlabel() == label
    assert display.ax_.get_ylabel() == "accuracy on held-out rows"
    shown = texts(display)
    assert shown[:3] == ["plain", "fair", "front"]
    best = frontier.results_["name"][frontier.best_index_]
    assert shown[-1].startswith("picked")
    assert shown[-1].endswith(best)
    assert len(shown) == 4 + len(frontier.front_)


def test_every_candidate_is_drawn_with_its_interval(frontier):
    display = FairnessFrontierDisplay.from_estimator(frontier)
    drawn = [
        point
        for line in display.ax_.lines
        if line.get_linestyle() == "None" and line.get_markersize() == 7
        for point in line.get_xydata().tolist()
    ]
    results = frontier.results_
    expected = zip(results["violation"], results["mean_objective"], strict=True)
    assert sorted(map(tuple, drawn)) == sorted(expected)
    bars = {k: len(display.plot(intervals=k).ax_.collections) for k in ("all", "none")}
    assert bars["none"] == 0
    assert bars["all"] > 0


def test_families_differ_in_colour_and_marker():
    display = many(56, 56).plot()
    styles = {
        (line.get_color(), line.get_marker()) for line in display.points_.values()
    }
    assert len(styles) == 56
    few = list(many(7, 7).plot().points_.values())
    assert len({line.get_color() for line in few}) == 7
    assert len({line.get_marker() for line in few}) == 7


def test_many_candidates_of_long_names_stay_readable():
    display = many(200, 12).plot()
    assert max(map(len, texts(display))) < 70
    assert len(texts(display)) <= 12 + 1 + 13 + 1
    display.figure_.draw_without_rendering()
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    overlaps = [
        (i, j)
        for i in range(len(boxes))
        for j in range(i)
        if boxes[i].overlaps(boxes[j])
    ]
    assert not overlaps


def test_it_draws_into_axes_of_the_user(frontier):
    figure, axes = plt.subplots(1, 2)
    display = FairnessFrontierDisplay.from_estimator(
        frontier, ax=axes[1], legend=False, intervals="front"
    )
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert axes[1].get_legend() is None
    assert not axes[0].lines


def test_what_cannot_be_drawn_is_refused(frontier):
    with pytest.raises(ValueError, match="intervals must be"):
        FairnessFrontierDisplay.from_estimator(frontier, intervals="some")
    with pytest.raises(NotFittedError):
        FairnessFrontierDisplay.from_estimator(FairnessFrontier([LR]))
    empty = many()
    empty.violation = np.full(30, np.nan)
    with pytest.raises(ValueError, match="there is no front"):
        empty.plot()
