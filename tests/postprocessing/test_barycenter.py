"""Groups get one distribution of predictions, and no parity is closer to the model."""

from itertools import permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ks_2samp, norm, wasserstein_distance
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fairlearnkit._solvers.quantiles import ks_distance, wasserstein_unfairness
from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning
from fairlearnkit.postprocessing import WassersteinBarycenterRegressor

# Parity between groups that differ costs every group something.
pytestmark = pytest.mark.filterwarnings(
    "ignore::fairlearnkit.exceptions.LevellingDownWarning"
)


class FirstColumn(RegressorMixin, BaseEstimator):
    """A model that predicts the first column of X."""

    def fit(self, X, y, sample_weight=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0].astype(float)


GIVEN = FrozenEstimator(FirstColumn().fit(None, None))


def fitted(values, group, y=None, sample_weight=None, **parameters):
    """Fit on given predictions; X holds them, the group, and who the row is."""
    X = np.column_stack([values, group, np.arange(len(values))])
    model = WassersteinBarycenterRegressor(GIVEN, sensitive_features=1, **parameters)
    y = values if y is None else y
    return model.fit(X, y, sample_weight=sample_weight), X


def three_groups(n=60):
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], n)
    return rng.gamma(1 + group, size=3 * n) + group, group


def test_two_gaussians_move_as_the_closed_form_says():
    z, half = (norm.ppf((np.arange(n) + 0.5) / n) for n in (4000, 2000))
    a, b = 1 + 2 * z, 4 + 0.5 * half
    share = 2 / 3
    mean, deviation = share * 1 + 4 / 3, share * 2 + 0.5 / 3
    model, X = fitted(np.concatenate([a, b]), np.repeat([0, 1], [4000, 2000]))
    found = model.predict(X)
    for part, ranks in ((found[:4000], z), (found[4000:], half)):
        inner = np.abs(ranks) < 3  # the outermost steps of two samples never meet
        np.testing.assert_allclose(
            part[inner], mean + deviation * ranks[inner], atol=0.02
        )
    expected = share * (1 - share) * (3**2 + 1.5**2)
    assert model.unfairness_.before == pytest.approx(expected, rel=1e-3)
    assert model.price_ == pytest.approx(expected, rel=1e-3)


def test_groups_of_equal_size_get_the_very_same_numbers():
    values, group = three_groups()
    model, X = fitted(values, group)
    first, *others = np.sort(model.predict(X).reshape(3, -1), axis=1)
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-12)
    assert model.ks_.before > 0.5
    assert model.ks_.after == 0
    assert model.unfairness_.after == pytest.approx(0, abs=1e-20)


def test_groups_of_unequal_size_differ_by_one_person_at_most():
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1, 2], [40, 300, 77])
    model, _ = fitted(rng.normal(size=len(group)) * (1 + group) + group, group)
    assert model.ks_.after <= 1 / 40 + 1e-9
    assert model.unfairness_.after < 0.01 * model.unfairness_.before


@given(
    arrays(float, (2, 5), elements=st.floats(-9, 9).map(lambda v: round(v, 3))),
)
def test_no_assignment_of_people_to_equal_numbers_is_closer(values):
    """Brute force: pair people of two groups in any way, and give pairs their mean."""
    if len(np.unique(values)) < values.size:
        return
    model, _ = fitted(values.ravel(), np.repeat([0, 1], 5))
    a, b = values
    cheapest = min(np.mean((a - b[list(p)]) ** 2) / 4 for p in permutations(range(5)))
    assert model.price_ == pytest.approx(cheapest, rel=1e-9)
    assert model.unfairness_.before == pytest.approx(cheapest, rel=1e-9)


@pytest.mark.parametrize("tolerance", [0.0, 0.1, 0.25, 0.8, 1.0])
def test_a_tolerance_leaves_that_share_of_the_unfairness(tolerance):
    values, group = three_groups()
    y = values + np.random.default_rng(2).normal(size=len(values))
    model, X = fitted(values, group, y, tolerance=tolerance)
    whole = model.unfairness_.before
    assert model.unfairness_.after == pytest.approx(tolerance * whole, abs=1e-12)
    price = (1 - np.sqrt(tolerance)) ** 2 * whole
    assert model.price_ == pytest.approx(price, abs=1e-12)
    # The frontier of a fit at parity foretells this fit.
    frontier = fitted(values, group, y)[0].frontier_
    place = int(np.argmin(np.abs(frontier.tolerance - tolerance)))
    assert frontier.unfairness[place] == pytest.approx(tolerance * whole, abs=1e-12)
    assert frontier.price[place] == pytest.approx(price, abs=1e-12)
    error = np.mean((y - model.predict(X)) ** 2)
    assert frontier.mean_squared_error[place] == pytest.approx(error)


def test_the_price_is_the_error_added_to_a_model_that_knows_the_truth():
    rng = np.random.default_rng(3)
    group = rng.integers(0, 2, 40_000)
    values = rng.normal(size=len(group)) + group
    y = values + rng.normal(size=len(group))
    model, X = fitted(values, group, y)
    added = np.mean((y - model.predict(X)) ** 2) - np.mean((y - values) ** 2)
    assert added == pytest.approx(model.unfairness_.before, rel=0.05)


def test_a_hash_reaches_parity_where_many_share_a_prediction():
    rng = np.random.default_rng(4)
    group = rng.integers(0, 2, 6000)
    values = rng.binomial(3, 0.3 + 0.3 * group).astype(float)
    with pytest.warns(FairnessWarning, match=r"one number for .* choose ties='hash'"):
        together, X = fitted(values, group, ties="mid")
    spread, _ = fitted(values, group)
    found = spread.predict(X)
    band = 1.63 * np.sqrt(4 / len(group))  # two samples of one law differ by less
    assert spread.ks_.after < band < 0.3 < together.ks_.after
    assert len(np.unique(together.predict(X))) == 8
    split = [np.ptp(found[(group == 1) & (values == value)]) for value in range(4)]
    assert max(split) > 0.4
    # The law of the randomised rule is the barycentre: the theorem holds with ties.
    assert spread.price_ == pytest.approx(spread.unfairness_.before, rel=0.05)


@given(
    arrays(float, 30, elements=st.integers(-5, 5).map(float)),
    st.lists(st.integers(0, 2), min_size=30, max_size=30),
    st.sampled_from(["hash", "mid"]),
)
@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_the_order_within_a_group_stays(values, group, ties):
    model, _ = fitted(values, np.array(group), ties=ties)
    line = np.linspace(-7, 7, 57)
    for label in set(group):
        rows = np.column_stack([line, np.full(57, label), np.arange(57)])
        found = model.predict(rows)
        assert (np.diff(found) >= -1e-9).all()
        if ties == "mid":
            # Beyond what was seen the shift stays, so numbers keep their distance.
            seen = values[np.array(group) == label]
            outside = (line > seen.max()) | (line < seen.min())
            shift = np.round((found - line)[outside], 6)
            assert len(np.unique(shift)) <= 2


@pytest.mark.parametrize("ties", ["hash", "mid"])
@pytest.mark.filterwarnings("ignore::fairlearnkit.exceptions.FairnessWarning")
def test_a_weight_is_a_number_of_equal_people(ties):
    rng = np.random.default_rng(5)
    values = rng.integers(0, 20, 80).astype(float)
    group, weight = rng.integers(0, 3, 80), rng.integers(0, 4, 80)
    X = np.column_stack([values, group, np.arange(80)])
    model = WassersteinBarycenterRegressor(GIVEN, sensitive_features=1, ties=ties)
    weighted = model.fit(X, values, sample_weight=weight)
    found = weighted.predict(X), weighted.unfairness_, weighted.ks_, weighted.price_
    rows = np.repeat(np.arange(80), weight)
    repeated = model.fit(X[rows], values[rows])
    np.testing.assert_allclose(repeated.predict(X), found[0], rtol=1e-9)
    for other, one in zip(
        (repeated.unfairness_, repeated.ks_), found[1:3], strict=True
    ):
        assert other.before == pytest.approx(one.before)
        assert other.after == pytest.approx(one.after)
    assert repeated.price_ == pytest.approx(found[3])


def test_the_same_person_gets_the_same_number_in_any_batch():
    values, group = three_groups()
    model, X = fitted(np.round(values), group)
    order = np.random.default_rng(6).permutation(len(X))
    one_by_one = [model.predict(X[[row]])[0] for row in order]
    np.testing.assert_array_equal(one_by_one, model.predict(X)[order])


def test_distances_agree_with_scipy():
    rng = np.random.default_rng(7)
    group = np.repeat([0, 1, 2], [30, 50, 41])
    values = np.round(rng.normal(size=121) + group, 1)
    weight = np.ones(121)
    parts = [values[group == g] for g in range(3)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = max(ks_2samp(parts[i], parts[j]).statistic for i, j in pairs)
    assert ks_distance(values, group, 3, weight) == pytest.approx(expected)
    # For two groups one shift apart both Wasserstein distances are that shift.
    shifted = np.concatenate([parts[0], parts[0] + 2])
    code, ones = np.repeat([0, 1], 30), np.ones(60)
    assert wasserstein_distance(parts[0], parts[0] + 2) == pytest.approx(2)
    assert wasserstein_unfairness(shifted, code, 2, ones) == pytest.approx(1.0)
    # Between group sizes without a common grid: repeat people until sizes agree.
    even = np.concatenate(
        [np.repeat(np.sort(parts[i]), 1230 // len(parts[i]))[:1230] for i in (0, 2)]
    )
    code = np.repeat([0, 1], 1230)
    weight = np.repeat([30 / 1230, 41 / 1230], 1230)
    kept = group != 1
    assert wasserstein_unfairness(
        values[kept], group[kept] // 2, 2, np.ones(71)
    ) == pytest.approx(wasserstein_unfairness(even, code, 2, weight))


def independent_columns(n=3000):
    rng = np.random.default_rng(8)
    sex, race = rng.integers(0, 2, n), rng.integers(0, 3, n)
    values = rng.normal(size=n) + sex + 2 * (race == 1)
    return pd.DataFrame({"value": values, "sex": sex, "race": race}), values


def test_columns_one_after_the_other():
    X, values = independent_columns()
    model = WassersteinBarycenterRegressor(
        GIVEN, sensitive_features=["sex", "race"], sequential=True
    ).fit(X, values)
    start, middle, end = model.unfairness_by_step_
    assert (start > 0.2).all()
    assert middle[0] < 1e-3
    assert middle[1] == pytest.approx(start[1], rel=0.1)
    assert (end < 1e-2).all()
    stages = list(model.staged_predict(X))
    assert len(stages) == 3
    np.testing.assert_array_equal(stages[0], values)
    np.testing.assert_array_equal(stages[-1], model.predict(X))
    assert [step.names for step in model.steps_] == [("sex",), ("race",)]
    # All intersections at once agree, where the columns are independent.
    at_once = WassersteinBarycenterRegressor(
        GIVEN, sensitive_features=["sex", "race"]
    ).fit(X, values)
    assert len(at_once.groups_) == 6
    assert np.corrcoef(at_once.predict(X), stages[-1])[0, 1] > 0.99
    # A new intersection of known values has a map.
    seen = X[(X["sex"] == 0) | (X["race"] == 0)]
    model.fit(seen, seen["value"]).predict(X)


def test_a_perfect_model_of_the_group_does_as_well_as_the_group():
    values, group = three_groups(200)
    X = np.column_stack([values, group])
    y = values
    tree = DecisionTreeClassifier()
    blind = WassersteinBarycenterRegressor(GIVEN, group_estimator=tree)
    names = np.array(["x", "y", "z"])[group]
    found = blind.fit(X, y, sensitive_features=names).predict(X)
    aware = WassersteinBarycenterRegressor(GIVEN, sensitive_features=1).fit(X, y)
    np.testing.assert_allclose(found, aware.predict(X))
    assert blind.unfairness_.after == pytest.approx(aware.unfairness_.after, abs=1e-9)


def test_features_that_tell_nothing_of_the_group_leave_its_unfairness():
    rng = np.random.default_rng(9)
    values, group = three_groups(200)
    X = np.column_stack([rng.normal(size=600), values])
    y = values

    model = WassersteinBarycenterRegressor(
        make_pipeline(StandardScaler(), LinearRegression()),
        group_estimator=FrozenEstimator(
            LogisticRegression(C=1e-9).fit(rng.normal(size=(600, 2)), group)
        ),
    ).fit(X, y, sensitive_features=group)
    assert model.unfairness_.after > 0.5 * model.unfairness_.before
    frontier = model.frontier_
    assert frontier.unfairness[-1] == pytest.approx(model.unfairness_.before)
    assert frontier.unfairness[0] == pytest.approx(model.unfairness_.after)


def test_out_of_fold_predictions_give_parity_to_new_people():
    rng = np.random.default_rng(10)

    def people(n):
        group = rng.integers(0, 3, n)
        X = rng.normal(size=(n, 3)) + 0.7 * group[:, None]
        return X, X @ [1, 2, -1] + group + rng.normal(size=n), group

    X, y, group = people(3000)
    model = WassersteinBarycenterRegressor(LinearRegression())
    model.fit(X, y, sensitive_features=group)
    X, y, group = people(3000)
    plain, fair = model.estimator_.predict(X), None
    fair = model.predict(X, sensitive_features=group)
    ones = np.ones(3000)
    assert ks_distance(plain, group, 3, ones) > 0.5
    assert ks_distance(fair, group, 3, ones) < 0.1
    assert model.score(X, y, sensitive_features=group) > 0.5


def test_containers_and_names():
    values, group = three_groups()
    names = np.array(["a", "b", "c"])[group]
    frame = pd.DataFrame({"value": values, "group": names})
    model = WassersteinBarycenterRegressor(GIVEN, sensitive_features="group")
    found = model.fit(frame, values).predict(frame)
    assert model.groups_ == ("a", "b", "c")
    np.testing.assert_allclose(
        model.fit(pl.from_pandas(frame), values).predict(pl.from_pandas(frame)), found
    )
    listed = WassersteinBarycenterRegressor(GIVEN)
    rows = [[value] for value in values]
    listed.fit(rows, list(values), sensitive_features=names.tolist())
    np.testing.assert_allclose(
        listed.predict(rows, sensitive_features=names.tolist()), found
    )
    assert list(model.frontier_.to_frame()) == [
        "tolerance",
        "unfairness",
        "price",
        "mean_squared_error",
    ]
    assert model.group_report_.to_frame().index.tolist() == ["a", "b", "c"]


def test_a_group_that_was_not_seen():
    values, group = three_groups()
    model, X = fitted(values, group)
    X[0, 1] = 7
    with pytest.raises(ValueError, match="was not seen during fit"):
        model.predict(X)
    pooled, _ = fitted(values, group, handle_unknown="pooled")
    found = pooled.predict(X)
    np.testing.assert_array_equal(found[1:], model.predict(X[1:]))
    # The lowest and the highest of all get the lowest and the highest fair number.
    X[:2, 1], X[:2, 0] = 7, [values.min(), values.max()]
    ends = pooled.predict(X)[:2]
    fair = model.predict(np.column_stack([values, group, np.arange(len(values))]))
    np.testing.assert_allclose(ends, [fair.min(), fair.max()], rtol=1e-6)


def test_a_loss_is_reported_and_warned_of():
    values, group = three_groups()
    with pytest.warns(LevellingDownWarning, match="variance of y falls for"):
        model, X = fitted(values, group)
    found = model.predict(X)
    loss = [np.mean((values - found)[group == g] ** 2) / values.var() for g in range(3)]
    np.testing.assert_allclose(-model.group_report_.change, loss)


def test_a_tree_that_is_refitted_has_other_ties_than_its_folds():
    rng = np.random.default_rng(11)
    X = rng.normal(size=(400, 2))
    group = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    tree = DecisionTreeRegressor(max_depth=2, random_state=0)
    model = WassersteinBarycenterRegressor(tree)
    with pytest.warns(FairnessWarning, match="wrap a fitted model in FrozenEstimator"):
        model.fit(X, X[:, 0], sensitive_features=group)
    frozen = FrozenEstimator(tree.fit(X[:200], X[:200, 0]))
    model.set_params(estimator=frozen)
    model.fit(X[200:], X[200:, 0], sensitive_features=group[200:])
    assert model.ks_.after < 0.2 < 0.5 < model.ks_.before


def test_bad_input_is_told_in_a_sentence():
    values, group = three_groups()
    X = np.column_stack([values, group])
    with pytest.raises(ValueError, match="needs a regressor, got LogisticRegression"):
        WassersteinBarycenterRegressor(LogisticRegression()).fit(X, values)
    with pytest.raises(ValueError, match="sequential=True needs the groups"):
        fitted(values, group, sequential=True, group_estimator=LogisticRegression())
    with pytest.raises(ValueError, match="predicts 1 missing or infinite"):
        fitted(np.append(values, np.inf), np.append(group, 0), np.zeros(181))
    with pytest.raises(ValueError, match="sensitive_features"):
        WassersteinBarycenterRegressor(LinearRegression()).fit(X, values)
    with pytest.raises(ValueError, match="n_samples=1"):
        WassersteinBarycenterRegressor(LinearRegression(), sensitive_features=1).fit(
            X[:1], values[:1]
        )


def test_constant_predictions_stay_as_they_are():
    group = np.repeat([0, 1], 10)
    for constant in (0.0, 5.0):
        model, X = fitted(np.full(20, constant), group, np.arange(20.0))
        np.testing.assert_array_equal(model.predict(X), constant)
        assert model.ks_.before == model.ks_.after == 0
