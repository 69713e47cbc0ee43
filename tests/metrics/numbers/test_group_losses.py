"""Bounded group loss: the losses, their limits and the verdicts."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import beta
from sklearn import metrics as sk

from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import bounded_group_loss


def people(seed, n=300):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    y_true = rng.normal(size=n)
    y_pred = y_true + rng.normal(size=n) * (1 + group)
    return y_true, y_pred, group, rng.integers(0, 4, n).astype(float)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "peer"),
    [
        ("squared", sk.mean_squared_error),
        ("absolute", sk.mean_absolute_error),
        (lambda y, p: np.abs(y - p), sk.mean_absolute_error),
        (lambda y, p: (y - p) ** 2, sk.mean_squared_error),
    ],
)
def test_losses_are_scikit_learns(loss, peer, weighted):
    y_true, y_pred, group, weight = people(0)
    w = weight if weighted else None
    found = bounded_group_loss(
        y_true, y_pred, sensitive_features=group, bound=4, loss=loss, sample_weight=w
    )
    for g in range(3):
        own = group == g
        part = None if w is None else w[own]
        expected = peer(y_true[own], y_pred[own], sample_weight=part)
        assert found.values[g] == pytest.approx(expected)
    assert found.value == found.values.max()
    assert found.worst == int(found.values.argmax())
    assert found.within.tolist() == (found.values <= 4).tolist()
    assert (found.low < found.values).all()
    assert (found.values < found.high).all()


def test_labels_have_exact_limits_of_all_groups_at_once():
    y_true = ["no"] * 40
    y_pred = ["yes"] * 3 + ["no"] * 17 + ["yes"] * 12 + ["no"] * 8
    found = bounded_group_loss(
        y_true,
        y_pred,
        sensitive_features=["a"] * 20 + ["b"] * 20,
        bound=0.4,
        loss="zero_one",
        confidence_level=0.9,
    )
    tail = 1 - np.sqrt(0.9)
    for g, wrong in enumerate((3, 12)):
        high = beta.ppf(1 - tail, wrong + 1, 20 - wrong)
        low = beta.ppf(tail, wrong, 21 - wrong)
        assert found.high[g] == pytest.approx(high)
        assert found.low[g] == pytest.approx(low)
    assert found.verdicts == ("within", "open")


def test_verdicts_follow_from_the_limits():
    y_true, y_pred, group, _ = people(1, n=2000)
    found = bounded_group_loss(y_true, y_pred, sensitive_features=group, bound=4)
    assert found.verdicts == ("within", "open", "beyond")
    assert found.high[0] <= 4 < found.low[2]
    assert found.low[1] <= 4 < found.high[1]


@pytest.mark.parametrize("loss", ["zero_one", "squared"])
def test_all_limits_hold_at_once(loss):
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(4), 200)
    above = below = 0
    for _ in range(300):
        error = rng.normal(size=800)
        if loss == "zero_one":
            error = (error > 0.5).astype(float)
        found = bounded_group_loss(
            np.zeros(800), error, sensitive_features=group, bound=1, loss=loss
        )
        truth = 0.308538 if loss == "zero_one" else 1
        above += (found.low <= truth).all()
        below += (found.high >= truth).all()
    assert above >= 0.92 * 300
    assert below >= 0.92 * 300


def test_one_person_has_a_loss_but_no_limits():
    with pytest.warns(FairnessWarning, match=r"'c'.* no limits"):
        found = bounded_group_loss(
            [0.0, 0, 0, 0, 0],
            [0.1, 0.2, 0.1, 0.2, 3.0],
            sensitive_features=list("aabbc"),
            bound=1,
        )
    assert (found.worst, found.verdicts[2]) == ("c", "open")
    assert np.isnan(found.high[2])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_make_intersections_and_tables(frame):
    y_true, y_pred, group, _ = people(3)
    sex = np.where(y_true > 0, "f", "m").tolist()
    data = frame({"y": y_true, "p": y_pred, "sex": sex, "age": group})
    found = bounded_group_loss(
        data["y"], data["p"], sensitive_features=data[["sex", "age"]], bound=1
    )
    table = found.to_frame()
    assert table.index.names == ["sex", "age"]
    columns = ["value", "low", "high", "within", "verdict", "n"]
    assert table.columns.tolist() == columns
    assert table["n"].sum() == 300


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"loss": "hinge"}, "loss must be one of"),
        ({"loss": 3}, "loss must be one of"),
        ({"loss": lambda y, p: 0.0}, "one number a person"),
        ({"loss": lambda y, p: y / 0 * np.nan}, "holds 2 missing or infinite"),
        ({"bound": None}, "bound must be a finite number"),
        ({"bound": np.inf}, "bound must be a finite number"),
        ({"y_true": ["a", "b"]}, "y_true must hold numbers"),
        ({"confidence_level": 95}, "between 0 and 1"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_input_is_named(changed, message):
    known = {"y_true": [0.0, 1.0], "bound": 1, "sensitive_features": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        bounded_group_loss(y_pred=[0.0, 1.0], **{**known, **changed})
