"""The flip rate: by hand, on every container, and with column types that survive."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from fairlearnkit import ThresholdOptimizer
from fairlearnkit.metrics import flip_rate, wilson_interval


class Rule(ClassifierMixin, BaseEstimator):
    """A decision that needs no training."""

    def __init__(self, decide):
        self.decide = decide

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.asarray(self.decide(X))


class Score(RegressorMixin, Rule):
    """A score that needs no training."""


def nobody(X):
    return np.zeros(X.shape[0])


def applicants(seed=0, n=200):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.integers(10, 60, n),
            "sex": rng.choice(["f", "m"], n),
            "race": rng.choice(["x", "y", "z"], n, p=[0.6, 0.3, 0.1]),
        },
        index=rng.permutation(n) + 5,
    )


BONUS = {"x": 0, "y": 10, "z": 20}


def by_race(X):
    return X["income"] + X["race"].map(BONUS) > 40


def by_both(X):
    return np.where(X["sex"] == "m", by_race(X), X["income"] > 40)


def test_flips_are_those_of_asking_again():
    X = applicants()
    found = flip_rate(Rule(by_race), X, sensitive_features="race")
    assert found.groups == found.targets == ("x", "y", "z")
    any_flip = np.zeros(len(X), bool)
    for t, target in enumerate(found.targets):
        flipped = by_race(X.assign(race=target)) != by_race(X)
        any_flip |= flipped
        for g, group in enumerate(found.groups):
            mine = X["race"] == group
            if g == t:
                assert np.isnan(found.matrix[g, t])
                continue
            assert found.matrix[g, t] == pytest.approx(flipped[mine].mean())
            ends = wilson_interval(flipped[mine].mean(), mine.sum())
            assert (found.matrix_low[g, t], found.matrix_high[g, t]) == ends
    assert found.overall.value == pytest.approx(any_flip.mean())
    ends = wilson_interval(any_flip.mean(), len(X))
    assert (found.overall.low, found.overall.high) == ends
    expected = [any_flip[X["race"] == group].mean() for group in "xyz"]
    assert found.values == pytest.approx(expected)
    assert found.n.tolist() == [(X["race"] == group).sum() for group in "xyz"]


def test_a_model_that_does_not_use_the_column_never_flips():
    X = applicants()
    found = flip_rate(Rule(by_race), X, sensitive_features="sex")
    assert found.overall.value == 0
    assert found.overall.high < 0.05
    assert found.matrix[0, 1] == found.matrix[1, 0] == 0


def test_several_columns_change_together_to_what_occurs():
    X = applicants()
    X = X[(X["sex"] == "m") | (X["race"] != "z")]  # nobody is ("f", "z")
    found = flip_rate(Rule(by_both), X, sensitive_features=["sex", "race"])
    assert len(found.targets) == 5
    row, column = found.groups.index(("f", "x")), found.targets.index(("m", "z"))
    mine = (X["sex"] == "f") & (X["race"] == "x")
    moved = by_both(X.assign(sex="m", race="z")) != by_both(X)
    assert found.matrix[row, column] == pytest.approx(moved[mine].mean())
    assert (
        found.matrix_to_frame().loc[("f", "x"), ("m", "z")] == found.matrix[row, column]
    )
    # a change of sex alone matters less than one of both
    alone = flip_rate(Rule(by_both), X, sensitive_features="sex")
    assert alone.overall.value <= found.overall.value


def test_weights_weigh_and_zero_weights_do_not_count():
    X = applicants()
    weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    weight[X["race"] == "z"] = 0
    found = flip_rate(Rule(by_race), X, sensitive_features="race", sample_weight=weight)
    assert found.groups == found.targets == ("x", "y")
    kept = X["race"] != "z"
    flips = by_race(X.assign(race=X["race"].map({"x": "y", "y": "x", "z": "z"})))
    flips = flips != by_race(X)
    expected = np.average(flips[kept], weights=weight[kept])
    assert found.overall.value == pytest.approx(expected)
    w = weight[X["race"] == "x"]
    assert found.n[0] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    repeated = flip_rate(
        Rule(by_race), X.loc[X.index.repeat(weight)], sensitive_features="race"
    )
    assert repeated.overall.value == pytest.approx(expected)


def test_values_may_be_few_or_new():
    X = applicants()
    found = flip_rate(Rule(by_race), X, sensitive_features="race", values=["z"])
    assert found.targets == ("z",)
    assert np.isnan(found.values[2])  # z has nothing else to become
    kept = X["race"] != "z"
    flipped = by_race(X.assign(race="z")) != by_race(X)
    assert found.overall.value == pytest.approx(flipped[kept].mean())
    women = X[X["sex"] == "f"]
    found = flip_rate(Rule(by_both), women, sensitive_features="sex", values=["m"])
    flipped = by_both(women.assign(sex="m")) != by_both(women)
    assert found.overall.value == pytest.approx(flipped.mean())
    both = flip_rate(
        Rule(by_both), women, sensitive_features=["sex", "race"], values=[("m", "x")]
    )
    flipped = by_both(women.assign(sex="m", race="x")) != by_both(women)
    assert both.overall.value == pytest.approx(flipped.mean())


def test_scores_are_compared_by_their_change():
    X = applicants()
    score = Score(lambda X: X["income"] + X["race"].map(BONUS))
    found = flip_rate(score, X, sensitive_features="race")
    assert found.name == "mean_absolute_change"
    expected = [[np.nan, 10, 20], [10, np.nan, 10], [20, 10, np.nan]]
    np.testing.assert_allclose(found.matrix, expected)
    assert found.values == pytest.approx([20, 10, 20])
    shares = [(X["race"] == group).mean() for group in "xyz"]
    assert found.overall.value == pytest.approx(np.dot(shares, [20, 10, 20]))
    assert found.overall.low < found.overall.value < found.overall.high


def test_a_linear_model_changes_by_its_coefficient():
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.normal(size=80), rng.integers(0, 2, 80)])
    y = X @ [1, 3] + rng.normal(size=80)
    model = LinearRegression().fit(X, y)
    found = flip_rate(model, X, sensitive_features=1)
    assert found.overall.value == pytest.approx(abs(model.coef_[1]))
    logistic = LogisticRegression().fit(X, y > 2)
    found = flip_rate(
        logistic, X, sensitive_features=-1, response_method="decision_function"
    )
    assert found.overall.value == pytest.approx(abs(logistic.coef_[0, 1]))


def test_probabilities_change_by_half_the_sum_over_classes():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=150), rng.integers(0, 2, 150)])
    y = np.digitize(X @ [1, 1] + rng.normal(size=150), [0, 1])
    options = {"sensitive_features": 1, "response_method": "predict_proba"}
    turned = X * [1, -1] + [0, 1]
    for target in (y, y > 0):
        model = LogisticRegression().fit(X, target)
        change = np.abs(model.predict_proba(turned) - model.predict_proba(X))
        found = flip_rate(model, X, **options)
        assert found.overall.value == pytest.approx(change.sum(axis=1).mean() / 2)
        assert 0 < found.overall.low < found.overall.high < 1
    assert found.overall.value == pytest.approx(change[:, 1].mean())


def test_wilsons_interval_of_probabilities_covers():
    rng = np.random.default_rng(4)
    weight = np.array([0.0, 0.05, 0.6])
    share = [0.7, 0.2, 0.1]

    class Chance(Rule):
        def predict_proba(self, X):
            return np.column_stack([1 - X[:, 0] * X[:, 1], X[:, 0] * X[:, 1]])

    held = 0
    for _ in range(300):
        X = np.column_stack([rng.choice(weight, 80, p=share), rng.integers(0, 2, 80)])
        found = flip_rate(
            Chance(nobody), X, sensitive_features=1, response_method="predict_proba"
        )
        held += found.overall.low <= weight @ share <= found.overall.high
    assert 0.91 <= held / 300 <= 0.99


def typed(kind):
    sex = ["f", "m", "f", "m"] * 10
    code = [0, 1, 0, 1] * 10
    income = list(range(40))
    columns = {
        "category": lambda: pd.Categorical(sex, categories=["f", "m", "unused"]),
        "nullable": lambda: pd.array(code, dtype="Int64"),
        "int8": lambda: np.array(code, dtype=np.int8),
        "bool": lambda: np.array(code, dtype=bool),
        "text": lambda: pd.array(sex, dtype="str"),
        "enum": lambda: pl.Series(sex, dtype=pl.Enum(["f", "m", "unused"])),
        "polars category": lambda: pl.Series(sex, dtype=pl.Categorical),
        "uint8": lambda: pl.Series(code, dtype=pl.UInt8),
    }
    column = columns[kind]()
    table = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    return table({"income": income, "sex": column})


KINDS = ["category", "nullable", "int8", "bool", "text"]
KINDS += ["enum", "polars category", "uint8"]


@pytest.mark.parametrize("kind", KINDS)
def test_types_and_index_of_a_frame_survive(kind):
    X = typed(kind)
    if isinstance(X, pd.DataFrame):
        X.index = X.index[::-1] * 2
    before = X.copy() if isinstance(X, pd.DataFrame) else X.clone()
    seen = []

    def decide(frame):
        seen.append(frame)
        return nobody(frame)

    flip_rate(Rule(decide), X, sensitive_features="sex")
    assert len(seen) == 3
    for frame in seen:
        assert list(frame.columns) == list(X.columns)
        assert list(frame.dtypes) == list(X.dtypes)
        if isinstance(X, pd.DataFrame):
            assert frame.index.equals(X.index)
    assert [frame["sex"].to_list()[0] for frame in seen[1:]] == sorted(
        set(X["sex"].to_list())
    )
    assert X.equals(before)


@pytest.mark.parametrize("kind", ["category", "enum", "polars category", "text"])
def test_a_value_that_nobody_has_keeps_the_type(kind):
    X = typed(kind)
    value = "unused" if kind in ("category", "enum") else "other"
    seen = []

    def decide(frame):
        seen.append(frame)
        return nobody(frame)

    flip_rate(Rule(decide), X, sensitive_features="sex", values=[value])
    assert set(seen[-1]["sex"].to_list()) == {value}
    assert list(seen[-1].dtypes) == list(X.dtypes)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("category", "other"),
        ("enum", "other"),
        ("nullable", 0.5),
        ("int8", 300),
        ("uint8", 0.5),
        ("bool", "f"),
        ("text", 3),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind, value):
    with pytest.raises(ValueError, match="does not fit column 'sex', which holds"):
        flip_rate(Rule(nobody), typed(kind), sensitive_features="sex", values=[value])


def test_arrays_lists_and_sparse_matrices_agree():
    rng = np.random.default_rng(5)
    X = np.column_stack([rng.integers(0, 50, 90), rng.integers(0, 3, 90)])

    def decide(X):
        X = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)
        return X[:, 0] + 9 * X[:, 1] > 30

    expected = flip_rate(Rule(decide), X, sensitive_features=1)
    assert 0 < expected.overall.value < 1
    for other in (
        X.tolist(),
        X.astype(np.float32),
        X.astype(object),
        sparse.csr_matrix(X),
        sparse.csc_array(X.astype(float)),
    ):
        found = flip_rate(Rule(decide), other, sensitive_features=1)
        np.testing.assert_allclose(found.matrix, expected.matrix)
    named = flip_rate(
        Rule(lambda X: decide(X.to_numpy())),
        pl.DataFrame(X, schema=["income", "group"]),
        sensitive_features="group",
    )
    np.testing.assert_allclose(named.matrix, expected.matrix)
    with pytest.raises(ValueError, match=r"the value 0.5 does not fit column 'x1'"):
        flip_rate(Rule(decide), X, sensitive_features=1, values=[0.5])
    text = np.array([["1", "f"], ["2", "m"]])
    with pytest.raises(ValueError, match="the value 'other' does not fit"):
        flip_rate(Rule(nobody), text, sensitive_features=1, values=["other"])


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame])
def test_pipelines_see_their_own_columns(table):
    X = applicants(6, 300)
    y = by_race(X)
    encode = make_column_transformer(
        (OneHotEncoder(), ["sex", "race"]), remainder="passthrough"
    )
    forest = RandomForestClassifier(n_estimators=10, random_state=0)
    model = make_pipeline(encode, forest)
    frame = table(X.to_dict("list"))
    model.fit(frame, y)
    found = flip_rate(model, frame, sensitive_features="race")
    assert found.overall.value > 0.2
    blind = make_pipeline(
        make_column_transformer(("passthrough", ["income"])), forest
    ).fit(frame, y)
    assert flip_rate(blind, frame, sensitive_features="race").overall.value == 0


def test_a_mitigator_decides_by_the_group_in_the_column():
    rng = np.random.default_rng(7)
    X = pd.DataFrame({"score": rng.normal(size=400), "sex": rng.integers(0, 2, 400)})
    y = (X["score"] + X["sex"] + rng.normal(size=400) > 0.5).astype(int)
    fair = ThresholdOptimizer(
        LogisticRegression(), sensitive_features="sex", drop_sensitive=True
    ).fit(X, y)
    found = flip_rate(fair, X, sensitive_features="sex")
    turned = fair.predict(X.assign(sex=1 - X["sex"])) != fair.predict(X)
    assert found.overall.value == pytest.approx(turned.mean())
    assert found.overall.value > 0.1


def test_frames_are_indexed_by_groups():
    found = flip_rate(Rule(by_race), applicants(), sensitive_features=["race"])
    assert found.to_frame().index.tolist() == ["x", "y", "z"]
    assert found.to_frame()["values"].tolist() == found.values.tolist()
    matrix = found.matrix_to_frame()
    assert matrix.loc["x", "z"] == found.matrix[0, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sensitive_features": "race_"}, "sensitive feature 'race_' is not a column"),
        ({"sensitive_features": 7}, "sensitive feature 7 is not a column of X"),
        ({"sensitive_features": lambda X: X["sex"]}, "must name columns of X"),
        ({"sensitive_features": ["sex", None]}, "must name columns of X"),
        ({"values": "m"}, "values must be a list of values to try, got 'm'"),
        ({"values": [3]}, "the value 3 does not fit column 'race'"),
        (
            {"sensitive_features": ["sex", "race"], "values": ["m"]},
            "values must be tuples of 2, one value for each of",
        ),
        ({"response_method": "transform"}, "response_method must be one of"),
        ({"response_method": "predict_proba"}, "Rule has no predict_proba"),
        ({"sample_weight": [1]}, "sample_weight has shape"),
        ({"sample_weight": np.zeros(200)}, "at least one weight above zero"),
        ({"confidence_level": 95}, "confidence_level must lie between 0 and 1"),
        ({"X": applicants().assign(race="x")}, "everybody in X is race='x'"),
        ({"X": applicants().assign(race=None)}, "missing values"),
        ({"X": [1, 2]}, "X must have rows and columns"),
        ({"estimator": Rule(lambda X: np.zeros((len(X), 2)))}, "returns shape"),
    ],
)
def test_bad_input_is_refused(change, message):
    options = {
        "estimator": Rule(by_race),
        "X": applicants(),
        "sensitive_features": "race",
    } | change
    with pytest.raises(ValueError, match=message):
        flip_rate(options.pop("estimator"), options.pop("X"), **options)
