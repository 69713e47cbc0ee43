"""Objectives and demands against a program over every threshold of every group."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import linprog
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from fairlearnkit import ThresholdOptimizer
from fairlearnkit.constraints import DemographicParity, Rate
from fairlearnkit.exceptions import FairnessWarning, LevellingDownWarning

# Small samples are enough to test an exact method.
pytestmark = [
    pytest.mark.filterwarnings("ignore:the rule is randomised by hashing rows"),
    pytest.mark.filterwarnings("ignore:fewer than 30 people"),
    pytest.mark.filterwarnings(
        "ignore::fairlearnkit.exceptions.LevellingDownWarning"  # the price of parity
    ),
]


class GivenScores(ClassifierMixin, BaseEstimator):
    """A model whose probability is the first column of X."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        positive = np.asarray(X)[:, 0].astype(float)
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[(np.asarray(X)[:, 0] > 0.5).astype(int)]


GIVEN = FrozenEstimator(GivenScores().fit([[0.0]] * 2, [0, 1]))


def people(seed=0, n=240, n_groups=3, n_strata=2, digits=2):
    """Scores, groups, strata and a number of its own for each row."""
    rng = np.random.default_rng(seed)
    group, stratum = rng.integers(0, n_groups, n), rng.integers(0, n_strata, n)
    chance = np.array([0.25, 0.5, 0.7, 0.4])[group] + 0.1 * stratum
    label = (rng.random(n) < chance).astype(int)
    logit = rng.normal(size=n) + np.array([2.0, 1.0, 1.5, 0.5])[group] * (label - 0.5)
    score = (1 / (1 + np.exp(-logit))).round(digits)
    return np.column_stack([score, group, stratum, np.arange(n)]), label


class EveryThreshold:
    """A linear program that mixes all thresholds of all cells."""

    def __init__(self, X, y, cell=None):
        self.y, self.cell = y, X[:, 1] if cell is None else cell
        self.parts, self.chosen = np.unique(self.cell), []
        self.owner = []
        for part in self.parts:
            own = self.cell == part
            for cut in [-1.0, *np.unique(X[own, 0])]:
                self.chosen.append(own & (X[:, 0] > cut))
                self.owner.append(part)
        self.chosen = np.array(self.chosen, dtype=float)
        self.owner = np.array(self.owner)
        self.rows, self.bounds = [], []

    def count(self, of=None, by=None):
        """People of a label selected, per column; only within one cell if named."""
        mask = np.ones(len(self.y), bool) if of is None else self.y == of
        return self.chosen @ mask * (1.0 if by is None else self.owner == by)

    def size(self, of=None, by=None):
        mask = np.ones(len(self.y), bool) if of is None else self.y == of
        return (mask & (True if by is None else self.cell == by)).sum()

    def rate(self, by, of=None):
        return self.count(of, by) / self.size(of, by)

    def right(self, by=None):
        """People decided right, as (per column, constant)."""
        return self.count(1, by) - self.count(0, by), self.size(0, by)

    def add(self, row, most):
        self.rows.append(row)
        self.bounds.append(most)

    def close(self, tolerance, of=None, ratio=False, parts=None):
        parts = self.parts if parts is None else parts
        for one in parts:
            for other in parts:
                a, b = self.rate(one, of), self.rate(other, of)
                share = 1 - tolerance if ratio else 1
                self.add(share * a - b, 0 if ratio else tolerance)

    def maximize(self, row, constant=0.0):
        one = np.array([self.owner == part for part in self.parts], dtype=float)
        result = linprog(
            -row,
            np.array(self.rows) if self.rows else None,
            np.array(self.bounds) if self.rows else None,
            one,
            np.ones(len(one)),
        )
        self.solution = result.x
        return None if result.x is None else constant - result.fun

    def best_accuracy(self):
        row, constant = self.right()
        best = self.maximize(row, constant)
        return None if best is None else best / len(self.y)


def fit(X, y, **settings):
    return ThresholdOptimizer(GIVEN, sensitive_features=1, **settings).fit(X, y)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_a_matrix_of_utilities_is_maximised(seed, constraint):
    X, y = people(seed)
    utility = np.array([[0.5, -2.0], [-1.0, 1.5]])
    program = EveryThreshold(X, y)
    for label in (None,) if constraint == "demographic_parity" else (0, 1):
        program.close(0.05, label)
    row = sum(program.count(c) * (utility[c, 1] - utility[c, 0]) for c in (0, 1))
    best = program.maximize(row, sum(program.size(c) * utility[c, 0] for c in (0, 1)))
    model = fit(X, y, constraint=constraint, objective=utility, tolerance=0.05)
    assert model.objective_ == pytest.approx(best / len(y), abs=1e-9)
    positive = model.expected_proba(X)[:, 1]
    gained = utility[y, 0] + positive * (utility[y, 1] - utility[y, 0])
    assert gained.mean() == pytest.approx(model.objective_)
    assert model.group_report_.utility == "utility"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    "settings",
    [{}, {"budget": 0.3}, {"constraint": "equalized_odds"}, {"tolerance": 0.3}],
    ids=str,
)
def test_f_beta_is_that_of_a_linear_fractional_program(seed, beta, settings):
    """Charnes and Cooper (1962) turn the ratio into one linear program."""
    X, y = people(seed)
    tolerance = settings.get("tolerance", 0.02)
    program = EveryThreshold(X, y)
    for label in (0, 1) if "constraint" in settings else (None,):
        program.close(tolerance, label)
    if "budget" in settings:
        program.add(program.count(), settings["budget"] * len(y))
    top = (1 + beta**2) * program.count(1)
    base, constant = program.count(), beta**2 * program.size(1)
    n = len(top)
    one = np.array([program.owner == part for part in program.parts], dtype=float)
    result = linprog(
        -np.append(top, 0),
        np.column_stack([program.rows, -np.array(program.bounds)]),
        np.zeros(len(program.rows)),
        np.vstack([np.column_stack([one, -np.ones(len(one))]), [*base, constant]]),
        np.append(np.zeros(len(one)), 1),
    )
    assert result.x[n] > 0
    objective = "f1" if beta == 1 else ("fbeta", beta)
    model = fit(X, y, objective=objective, **{"tolerance": tolerance, **settings})
    assert model.objective_ == pytest.approx(-result.fun, abs=1e-9)
    positive = model.expected_proba(X)[:, 1]
    found = (1 + beta**2) * positive[y == 1].sum() / (positive.sum() + constant)
    assert found == pytest.approx(model.objective_)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_the_worst_group_is_as_accurate_as_it_can_be_and_then_all_are(seed, constraint):
    X, y = people(seed)
    program = EveryThreshold(X, y)
    for label in (None,) if constraint == "demographic_parity" else (0, 1):
        program.close(0.05, label)
    means = [
        tuple(part / program.size(by=g) for part in program.right(g))
        for g in program.parts
    ]

    def within(floor):
        program.rows = program.rows[:n_rows]
        program.bounds = program.bounds[:n_rows]
        for row, constant in means:
            program.add(-row, constant - floor)
        return program.best_accuracy()

    n_rows = len(program.rows)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if within(middle) is None else (middle, high)
    model = fit(X, y, constraint=constraint, objective="worst_group", tolerance=0.05)
    assert model.objective_ == pytest.approx(low, abs=1e-6)  # the solver allows 1e-7
    positive = model.expected_proba(X)[:, 1]
    right = np.where(y == 1, positive, 1 - positive)
    by_group = [right[X[:, 1] == g].mean() for g in range(3)]
    assert min(by_group) == pytest.approx(model.objective_)
    assert right.mean() == pytest.approx(within(low - 1e-8), abs=1e-6)
    np.testing.assert_allclose(model.group_report_.after, by_group)


@pytest.mark.parametrize("budget", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("constraint", ["true_positive_rate_parity", "equalized_odds"])
def test_a_budget_bounds_the_share_selected(budget, constraint):
    X, y = people(1)
    program = EveryThreshold(X, y)
    for label in (1,) if constraint[0] == "t" else (0, 1):
        program.close(0.03, label)
    program.add(program.count(), budget * len(y))
    model = fit(X, y, constraint=constraint, tolerance=0.03, budget=budget)
    assert model.objective_ == pytest.approx(program.best_accuracy(), abs=1e-9)
    assert model.expected_proba(X)[:, 1].mean() <= budget + 1e-9
    slack = fit(X, y, constraint=constraint, tolerance=0.03, budget=1.0)
    free = fit(X, y, constraint=constraint, tolerance=0.03)
    assert slack.objective_ == pytest.approx(free.objective_)


@pytest.mark.parametrize("seed", range(3))
def test_several_constraints_hold_at_once_each_within_its_tolerance(seed):
    X, y = people(seed)
    program = EveryThreshold(X, y)
    program.close(0.2, ratio=True)
    program.close(0.1, of=1)
    model = fit(
        X,
        y,
        constraint=["demographic_parity_ratio", "equal_opportunity"],
        tolerance=[0.2, 0.1],
    )
    assert model.objective_ == pytest.approx(program.best_accuracy(), abs=1e-9)
    positive = model.expected_proba(X)[:, 1]
    rates = [positive[X[:, 1] == g].mean() for g in range(3)]
    hits = [positive[(X[:, 1] == g) & (y == 1)].mean() for g in range(3)]
    gaps = 1 - min(rates) / max(rates), max(hits) - min(hits)
    np.testing.assert_allclose(model.violations_, gaps, atol=1e-9)
    assert model.violation_ == max(model.violations_)
    assert (np.array(gaps) <= np.array([0.2, 0.1]) + 1e-9).all()
    assert model.frontier_.value[-1] >= model.objective_


@pytest.mark.parametrize("form", ["", "_ratio"])
@pytest.mark.parametrize("of", [None, 1])
@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.2])
def test_groups_may_be_held_to_the_overall_rate(form, of, tolerance):
    X, y = people(2)
    program = EveryThreshold(X, y)
    everyone = program.count(of) / program.size(of)
    for g in program.parts:
        rate = program.rate(g, of)
        share = 1 - tolerance if form else 1.0
        most = 0.0 if form else tolerance
        program.add(share * rate - everyone, most)
        program.add(share * everyone - rate, most)
    name = "demographic_parity" if of is None else "true_positive_rate_parity"
    model = fit(X, y, constraint=name + form, tolerance=tolerance, reference="overall")
    assert model.objective_ == pytest.approx(program.best_accuracy(), abs=1e-9)
    positive = model.expected_proba(X)[:, 1]
    based = np.ones(len(y), bool) if of is None else y == of
    middle = positive[based].mean()
    rates = np.array([positive[based & (X[:, 1] == g)].mean() for g in range(3)])
    low, high = np.minimum(rates, middle), np.maximum(rates, middle)
    gap = (1 - low / high if form else high - low).max()
    assert model.violation_ == pytest.approx(gap, abs=1e-9)
    assert gap <= tolerance + 1e-9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
@pytest.mark.parametrize("utility", [None, [[0.5, -1.0], [0.0, 1.0]]], ids=str)
def test_no_group_is_harmed(seed, constraint, utility):
    X, y = people(seed)
    value = np.eye(2) if utility is None else np.array(utility)
    program = EveryThreshold(X, y)
    n_free = len(program.rows)
    for label in (None,) if constraint == "demographic_parity" else (0, 1):
        program.close(0.25, label)
    plain = (X[:, 0] > 0.5).astype(int)
    steps = value[:, 1] - value[:, 0]
    for g in program.parts:
        own = X[:, 1] == g
        before = value[y, plain][own].sum()
        row = sum(program.count(c, g) * steps[c] for c in (0, 1))
        start = sum(program.size(c, g) * value[c, 0] for c in (0, 1))
        program.add(-row, start - before)
    row = sum(program.count(c) * steps[c] for c in (0, 1))
    start = sum(program.size(c) * value[c, 0] for c in (0, 1))
    best = program.maximize(row, start)
    settings = {"constraint": constraint, "no_harm": True, "tolerance": 0.25}
    if utility is not None:
        settings["objective"] = utility
    if best is None:
        with pytest.warns(FairnessWarning, match="leaves no group worse off"):
            model = fit(X, y, **settings)
        assert model.violation_ > 0.25
        at = model.violation_
        for i in range(n_free, len(program.bounds)):
            if program.bounds[i] == 0.25:
                program.bounds[i] = at + 1e-7
        assert program.maximize(row, start) is not None
        for i, most in enumerate(program.bounds):
            if most == at + 1e-7:
                program.bounds[i] = at - 1e-5
        assert program.maximize(row, start) is None
    else:
        model = fit(X, y, **settings)
        assert model.objective_ == pytest.approx(best / len(y), abs=1e-9)
    positive = model.expected_proba(X)[:, 1]
    after = value[y, 0] + positive * steps[y]
    for g in range(3):
        own = X[:, 1] == g
        assert after[own].mean() >= value[y, plain][own].mean() - 1e-7
    assert (model.group_report_.change >= -1e-7).all()


def test_without_the_promise_those_who_lose_are_named():
    X, y = people(0, n=4000)
    with pytest.warns(LevellingDownWarning, match="accuracy falls for"):
        model = fit(X, y)
    positive = model.expected_proba(X)[:, 1]
    right = np.where(y == 1, positive, 1 - positive)
    plain = (X[:, 0] > 0.5) == y
    report = model.group_report_
    for g in range(3):
        own = X[:, 1] == g
        assert report.before[g] == pytest.approx(plain[own].mean())
        assert report.after[g] == pytest.approx(right[own].mean())
        gain = right[own] - plain[own]
        assert report.error[g] == pytest.approx(gain.std() / np.sqrt(own.sum()))
        assert report.n[g] == own.sum()


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds_ratio"])
def test_a_constraint_holds_within_every_stratum(constraint):
    X, y = people(3, n=400)
    cell = 10 * X[:, 2] + X[:, 1]
    program = EveryThreshold(X, y, cell)
    ratio = constraint.endswith("ratio")
    for stratum in (0, 1):
        parts = [part for part in program.parts if part // 10 == stratum]
        for label in (0, 1) if ratio else (None,):
            program.close(0.1, label, ratio, parts)
    model = fit(X, y, constraint=constraint, tolerance=0.1, control_features=2)
    assert model.objective_ == pytest.approx(program.best_accuracy(), abs=1e-9)
    assert (model.groups_, model.strata_) == ((0.0, 1.0, 2.0), (0.0, 1.0))
    assert set(model.rules_) == {(s, g) for s in (0.0, 1.0) for g in (0.0, 1.0, 2.0)}
    positive = model.expected_proba(X)[:, 1]
    right = np.where(y == 1, positive, 1 - positive)
    assert right.mean() == pytest.approx(model.objective_)
    if not ratio:
        gaps = [
            np.ptp([positive[cell == 10 * s + g].mean() for g in range(3)])
            for s in (0, 1)
        ]
        assert max(gaps) == pytest.approx(model.violation_, abs=1e-9)
    by_group = [right[X[:, 1] == g].mean() for g in range(3)]
    np.testing.assert_allclose(model.group_report_.after, by_group)


def test_a_cell_that_was_not_seen_is_an_error_or_cut_by_the_pooled_threshold():
    X, y = people(0)
    seen = ~((X[:, 1] == 2) & (X[:, 2] == 1))
    model = fit(X[seen], y[seen], control_features=2, tolerance=0.1)
    with pytest.raises(ValueError, match=r"group 2\.0 was not seen in stratum 1\.0"):
        model.predict(X)
    model.set_params(handle_unknown="pooled")
    cuts = [-1.0, *X[seen, 0]]
    best = max(((X[seen, 0] > cut) == y[seen]).sum() for cut in cuts)
    cell = np.column_stack([X[seen, 0], np.full(seen.sum(), 2), np.ones(seen.sum())])
    alone = model.predict(np.column_stack([cell, np.arange(seen.sum())]))
    assert (alone == y[seen]).sum() == best
    known = model.predict(X[seen])
    np.testing.assert_array_equal(model.predict(X)[seen], known)


def test_rows_without_weight_make_no_stratum_and_no_cell():
    X, y = people(0)
    weight = np.where((X[:, 2] == 1) & (X[:, 1] > 0), 0.0, 1.0)
    model = ThresholdOptimizer(
        GIVEN, sensitive_features=1, control_features=2, tolerance=0.1
    ).fit(X, y, sample_weight=weight)
    assert set(model.rules_) == {(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 0.0)}
    other = fit(X[weight > 0], y[weight > 0], control_features=2, tolerance=0.1)
    assert model.objective_ == pytest.approx(other.objective_)


@pytest.mark.parametrize("objective", ["accuracy", "f1", "worst_group"])
@pytest.mark.parametrize("seed", range(4))
def test_deterministic_thresholds_beat_every_choice_of_thresholds(objective, seed):
    X, y = people(seed, n=40, n_groups=2)
    own = [X[:, 1] == g for g in (0, 1)]
    best = -np.inf
    for cuts in product(*([-1.0, *np.unique(X[mask, 0])] for mask in own)):
        chosen = X[:, 0] > np.array(cuts)[X[:, 1].astype(int)]
        gap = abs(chosen[own[0]].mean() - chosen[own[1]].mean())
        if gap > 0.2 + 1e-9 or chosen.mean() > 0.5 + 1e-9:
            continue
        right = chosen == y
        value = {
            "accuracy": right.mean(),
            "f1": 2 * (chosen & (y == 1)).sum() / (chosen.sum() + y.sum()),
            "worst_group": min(right[mask].mean() for mask in own),
        }[objective]
        best = max(best, value)
    settings = {"tolerance": 0.2, "budget": 0.5, "deterministic": True}
    model = fit(X, y, objective=objective, **settings)
    assert model.objective_ == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("convert", [pd.DataFrame, pl.from_pandas])
def test_frames_name_their_strata(convert):
    X, y = people(0)
    frame = pd.DataFrame(
        {
            "score": X[:, 0],
            "sex": np.array(["f", "m", "x"])[X[:, 1].astype(int)],
            "job": np.array(["a", "b"])[X[:, 2].astype(int)],
        }
    )
    model = ThresholdOptimizer(
        GIVEN,
        sensitive_features="sex",
        control_features=["job"],
        tolerance=0.1,
    )
    with pytest.raises(ValueError, match="'town' is not a column"):
        clone(model).set_params(control_features="town").fit(convert(frame), y)
    holes = frame.assign(job=frame["job"].where(np.arange(len(y)) != 3))
    with pytest.raises(ValueError, match="control feature 'job' has 1 missing"):
        clone(model).fit(convert(holes), y)
    model.fit(convert(frame), y)
    assert ("a", "f") in model.rules_
    assert set(model.predict(convert(frame))) == {0, 1}


def test_a_small_group_is_cut_at_the_pooled_threshold_and_left_out():
    X, y = people(0)
    few = np.flatnonzero(X[:, 1] == 2)[10:]
    X, y = np.delete(X, few, axis=0), np.delete(y, few)
    with pytest.warns(FairnessWarning, match=r"min_group_size=20 .*: x1=2\.0"):
        model = fit(X, y, min_group_size=20, tolerance=0.05)
    large = X[:, 1] < 2
    program = EveryThreshold(X[large], y[large])
    program.close(0.05)
    cuts = np.array([-1.0, *X[:, 0]])
    right = np.array([((X[:, 0] > cut) == y).sum() for cut in cuts])
    ((pooled,), _) = model.rules_[2.0].thresholds, None
    assert ((X[:, 0] > pooled) == y).sum() == right.max()
    alone = ((X[~large, 0] > pooled) == y[~large]).sum()
    best = program.best_accuracy() * large.sum() + alone
    assert model.objective_ == pytest.approx(best / len(y))
    weight = np.where(large, 1.0, 30.0)  # weights make no people
    with pytest.warns(FairnessWarning, match="min_group_size=20"):
        ThresholdOptimizer(GIVEN, sensitive_features=1, min_group_size=20).fit(
            X, y, sample_weight=weight
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"budget": 0.3, "no_harm": False},
        {"constraint": ["demographic_parity", "equalized_odds"], "tolerance": 0.3},
        {"objective": "worst_group", "tolerance": 0.2},
        {"objective": "f1", "tolerance": 0.2},
        {"control_features": 2, "tolerance": 0.2},
        {"no_harm": True, "tolerance": 0.4},
        {"reference": "overall", "tolerance": 0.2},
    ],
    ids=str,
)
def test_deterministic_thresholds_keep_every_promise_and_have_their_price(settings):
    X, y = people(0)
    settings = {"tolerance": 0.1} | settings
    mixed = fit(X, y, **settings)
    alone = fit(X, y, deterministic=True, **settings)
    assert all(len(rule.thresholds) == 1 for rule in alone.rules_.values())
    assert alone.randomized_ == 0
    assert alone.violation_ <= settings["tolerance"] + 1e-6
    price = mixed.objective_ - alone.objective_
    assert price >= -1e-7
    assert mixed.deterministic_price_ == pytest.approx(price, abs=1e-6)
    assert alone.deterministic_price_ == pytest.approx(price, abs=1e-6)
    if settings.get("no_harm"):
        assert (alone.group_report_.change >= -1e-9).all()
    if "budget" in settings:
        assert alone.predict(X).mean() <= settings["budget"] + 1e-9


def test_the_price_is_unknown_where_no_thresholds_reach_the_tolerance():
    X = np.array([[0.2, 0], [0.8, 0], [0.3, 1], [0.6, 1], [0.9, 1]] * 20)
    X = np.column_stack([X, np.arange(len(X))])
    y = np.array([0, 1, 0, 1, 1] * 20)
    scored = FrozenEstimator(GivenScores().fit(X, y))
    model = ThresholdOptimizer(
        scored, constraint="error_rate_parity", tolerance=0.0, sensitive_features=1
    ).fit(X, 1 - y)
    assert np.isfinite(model.objective_)
    price = model.deterministic_price_
    assert np.isnan(price) or price >= 0


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_the_share_decided_by_a_draw_is_counted(constraint):
    X, y = people(0, n=600)
    model = fit(X, y, constraint=constraint, tolerance=0.0)
    drawn = 0
    for group, rule in model.rules_.items():
        own = X[X[:, 1] == group, 0]
        drawn += ((own > rule.thresholds[-1]) & (own <= rule.thresholds[0])).sum()
    assert model.randomized_ == pytest.approx(drawn / len(y))
    probability = model.expected_proba(X)[:, 1]
    assert ((probability > 0) & (probability < 1)).sum() <= drawn


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"constraint": []}, "constraint is an empty list"),
        ({"constraint": ["equalized_odds"], "tolerance": [0.1, 0.2]}, "2 entries"),
        ({"tolerance": [1.5]}, r"every tolerance must lie in \[0, 1\]"),
        ({"constraint": ["predictive_parity", "equal_opportunity"]}, "not linear"),
        ({"objective": ("f", 2)}, "write .'fbeta', beta"),
        ({"objective": ("fbeta", -1)}, "positive number"),
        ({"objective": [[1, 2, 3], [1, 2, 3]]}, r"of shape \(2, 2\)"),
        ({"objective": [[0, np.nan], [0, 1]]}, "four finite numbers"),
        ({"budget": 0.0}, "budget"),
        ({"confidence_level": 95}, "confidence_level"),
        ({"confidence_level": 0.9, "reference": "overall"}, "reference='groups'"),
        ({"control_features": 9}, "9 is not a column"),
        ({"budget": 0.01, "no_harm": True}, r"budget=0\.01 and no_harm=True"),
    ],
)
def test_bad_demands_get_one_sentence(settings, match):
    X, y = people(0)
    with pytest.raises(ValueError, match=match):
        fit(X, y, **settings)


def simulated(rng, n):
    group = rng.integers(0, 2, n)
    label = (rng.random(n) < np.array([0.35, 0.6])[group]).astype(int)
    score = 1 / (1 + np.exp(-rng.normal(size=n) - (1 + group) * (label - 0.4)))
    return np.column_stack([score, group]), label


def test_with_confidence_new_people_keep_the_constraint():
    rng = np.random.default_rng(0)
    crowd, _ = simulated(rng, 200_000)
    missed = {None: 0, 0.8: 0}
    for _ in range(40):
        X, y = simulated(rng, 1500)
        for level in missed:
            model = fit(X, y, tolerance=0.12, confidence_level=level)
            positive = model.expected_proba(crowd)[:, 1]
            gap = np.ptp([positive[crowd[:, 1] == g].mean() for g in range(2)])
            missed[level] += gap > 0.12
    assert missed[0.8] <= 0.2 * 40
    assert missed[None] > 0.25 * 40  # half of the time, by chance


def test_bands_are_those_of_massart_shared_out_by_bonferroni():
    rng = np.random.default_rng(1)
    X, y = simulated(rng, 4000)
    model = fit(X, y, confidence_level=0.9, tolerance=0.3, constraint="equalized_odds")
    for g in (0, 1):
        for band, label in zip(model.band_[float(g)], (1, 0), strict=True):
            n = ((X[:, 1] == g) & (y == label)).sum()
            assert band == pytest.approx(np.sqrt(np.log(2 * 4 / 0.1) / (2 * n)))
    positive = model.expected_proba(X)[:, 1]
    for at, label in enumerate((1, 0)):
        rates = [positive[(X[:, 1] == g) & (y == label)].mean() for g in (0, 1)]
        bands = [model.band_[float(g)][at] for g in (0, 1)]
        assert abs(rates[0] - rates[1]) + sum(bands) <= 0.3 + 1e-9
    error = fit(
        X, y, confidence_level=0.9, tolerance=0.3, constraint="error_rate_parity"
    )
    n = (X[:, 1] == 0).sum()
    expected = 2 * np.sqrt(np.log(2 * 4 / 0.1) / (2 * n))
    assert error.band_[0.0][0] == pytest.approx(expected)
    assert fit(X, y).band_ is None


def test_a_guarantee_out_of_reach_is_a_warning_with_the_smallest_one():
    rng = np.random.default_rng(2)
    X, y = simulated(rng, 600)
    with pytest.warns(
        FairnessWarning, match=r"smallest that can be guaranteed is 0\.1"
    ):
        model = fit(X, y, confidence_level=0.9, tolerance=0.01)
    guaranteed = sum(band for (band,) in model.band_.values())
    assert model.violation_ == pytest.approx(0, abs=1e-6)
    assert 0.1 < guaranteed < 0.2


def test_a_rate_with_a_weighted_base_has_no_band():
    X, y = people(0)
    cost = Rate("cost", [[0, 1], [3, 0]], [[1, 1], [3, 3]])
    with pytest.raises(ValueError, match="counts each person once"):
        fit(X, y, constraint=cost, confidence_level=0.9)


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "f1"},
        {"budget": 0.3},
        {"constraint": ["demographic_parity", "equal_opportunity"]},
        {"reference": "overall"},
        {"control_features": 2},
        {"objective": "worst_group"},
        {"no_harm": True, "tolerance": 0.3},
        {"objective": "f1", "budget": 0.3},
    ],
    ids=str,
)
def test_frontiers_rise_and_hold_the_fitted_point(settings):
    X, y = people(0, n_groups=2)
    settings = {"tolerance": 0.1} | settings
    model = fit(X, y, **settings)
    curve = model.frontier_
    assert (np.diff(curve.violation) > 0).all()
    assert (np.diff(curve.value) >= -1e-6).all()
    if curve.violation[0] <= settings["tolerance"] <= curve.violation[-1]:
        at = np.interp(settings["tolerance"], curve.violation, curve.value)
        assert at == pytest.approx(model.objective_, abs=5e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"budget": 0.3, "constraint": "equalized_odds"},
        {"control_features": 2},
        {"no_harm": True, "tolerance": 0.35},
        {"objective": "worst_group"},
        {"reference": "overall"},
        {"confidence_level": 0.8, "tolerance": 0.6},
    ],
    ids=str,
)
def test_names_order_and_repeated_people_change_nothing(settings):
    X, y = people(5)
    rng = np.random.default_rng(0)
    model = ThresholdOptimizer(GIVEN, **({"tolerance": 0.1} | settings))
    first = clone(model).fit(X, y, sensitive_features=X[:, 1])
    names = np.array(["z", "y", "x"])[X[:, 1].astype(int)]
    order = rng.permutation(len(y))
    other = clone(model).fit(X[order], y[order], sensitive_features=names[order])
    np.testing.assert_allclose(
        first.expected_proba(X, sensitive_features=X[:, 1]),
        other.expected_proba(X, sensitive_features=names),
        atol=1e-6,
    )
    if "confidence_level" in settings:  # more people are surer
        return
    times = rng.integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), times)
    weighted = clone(model).fit(
        X, y, sensitive_features=X[:, 1], sample_weight=times.astype(float)
    )
    repeated = clone(model).fit(X[rows], y[rows], sensitive_features=X[rows, 1])
    assert weighted.objective_ == pytest.approx(repeated.objective_)
    assert weighted.violation_ == pytest.approx(repeated.violation_, abs=1e-7)


def test_out_of_fold_scores_serve_every_demand():
    X, y = people(0, n=1200)
    model = ThresholdOptimizer(
        LogisticRegression(),
        constraint=[DemographicParity(), "equal_opportunity"],
        tolerance=[0.2, 0.3],
        budget=0.6,
        no_harm=True,
        sensitive_features=1,
        control_features=2,
        min_group_size=20,
        confidence_level=0.5,
    )
    with pytest.warns(FairnessWarning):
        model.fit(X, y)
    assert set(np.unique(model.predict(X))) <= {0, 1}
    assert clone(model).get_params()["objective"] == "accuracy"
