"""Group thresholds against a program over every threshold, and a published example."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fairlearnkit._solvers.goals import pooled_rule
from fairlearnkit._solvers.hulls import all_points
from fairlearnkit._solvers.rules import GroupRule
from fairlearnkit._solvers.thresholds import ThresholdProblem
from fairlearnkit.constraints import (
    DemographicParity,
    EqualizedOdds,
    ErrorRateParity,
    FalsePositiveRateParity,
    Rate,
    RateParity,
    TruePositiveRateParity,
)
from fairlearnkit.datasets import load_fico
from fairlearnkit.tables import ScoreTable

SPECIFICITY_AND_ERROR = RateParity(
    [
        Rate("specificity", [[1, 0], [0, 0]], [[1, 1], [0, 0]]),
        Rate("error", [[0, 1], [1, 0]], [[1, 1], [1, 1]]),
    ]
)
SHARES_OF_ALL = RateParity(
    [
        Rate("hits", [[0, 0], [0, 1]], [[1, 1], [1, 1]]),
        Rate("false_alarms", [[0, 1], [0, 0]], [[1, 1], [1, 1]]),
    ]
)
KINDS = [
    DemographicParity,
    TruePositiveRateParity,
    FalsePositiveRateParity,
    EqualizedOdds,
    ErrorRateParity,
]
CONSTRAINTS = [kind(compare=c) for kind in KINDS for c in ("difference", "ratio")]
CONSTRAINTS += [
    SPECIFICITY_AND_ERROR,
    SHARES_OF_ALL,
    TruePositiveRateParity(pos_label=0),
    EqualizedOdds(compare="ratio", pos_label=0),
]


def name_of(constraint):
    return f"{constraint.name}-{constraint.compare}-{constraint.pos_label}"


def problem_of(seed, constraint, objective="accuracy", n=48, n_groups=3, signal=0.4):
    rng = np.random.default_rng(seed)
    group = np.arange(n) % n_groups
    label = (rng.random(n) < np.array([0.2, 0.5, 0.8, 0.6])[group]).astype(int)
    label[: 2 * n_groups] = np.repeat([0, 1], n_groups)
    score = (rng.random(n) + signal * label * (group + 1) / n_groups).round(2)
    table = ScoreTable.from_arrays(label, score, sensitive_features=group)
    label_totals = table.totals.sum(axis=0)
    weights = {
        "accuracy": np.eye(2) / n,
        "balanced": np.diag(1 / (2 * label_totals)),
        "profit": np.array([[0.0, -2.0], [0.0, 1.0]]) / n,
        "odd": rng.normal(size=(2, 2)) / n,  # may even pay to select the wrong
    }
    coefficients = constraint.coefficients(table.totals, [0, 1], user="the test")
    return ThresholdProblem(table, constraint, weights[objective], coefficients)


def measure(problem, thresholds):
    """Value and rates of one threshold per group, straight from the table."""
    table = problem.table
    counts = np.zeros((len(table.groups), 2, 2))
    for g, threshold in enumerate(thresholds):
        scores, weights = table.scores[table.rows(g)], table.weights[table.rows(g)]
        counts[g, :, 1] = weights[scores > threshold].sum(axis=0)
        counts[g, :, 0] = weights[scores <= threshold].sum(axis=0)
    rates = problem.constraint.values(counts, table.classes)
    return (counts * problem.gain).sum(), rates


def measure_mixtures(problem, rules):
    """The same for mixtures of thresholds, as the mean over all combinations."""
    total, rates = 0.0, 0.0
    ranges = [range(len(rule.thresholds)) for rule in rules]
    for choice in product(*ranges):
        share = np.prod(
            [r.probabilities[i] for r, i in zip(rules, choice, strict=True)]
        )
        cuts = [rule.thresholds[i] for rule, i in zip(rules, choice, strict=True)]
        value, rate = measure(problem, cuts)
        total, rates = total + share * value, rates + share * rate
    return total, rates


def solve_by_program(problem, tolerance):
    """Best mixture of all thresholds of all groups, with pairwise constraints."""
    points = [all_points(problem.table, g) for g in range(len(problem.table.groups))]
    ends = np.cumsum([0, *map(len, points)])
    cost, ones = np.zeros(ends[-1]), np.zeros((len(points), ends[-1]))
    rates = np.zeros((len(points), len(problem.coefficients), ends[-1]))
    for g, p in enumerate(points):
        own = slice(ends[g], ends[g + 1])
        cost[own], ones[g, own] = -p.evaluate(problem.gain), 1
        rates[g, :, own] = p.evaluate(problem.coefficients[:, g])
    ratio = problem.constraint.compare == "ratio"
    share, slack = (1 - tolerance, 0.0) if ratio else (1.0, tolerance)
    rows = np.concatenate([share * a - b for a, b in product(rates, rates)])
    result = linprog(cost, rows, np.full(len(rows), slack), ones, np.ones(len(points)))
    return None if result.x is None else -result.fun


@pytest.mark.parametrize("objective", ["accuracy", "balanced", "profit", "odd"])
@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=name_of)
def test_no_mixture_of_any_thresholds_is_better(constraint, objective):
    for seed, signal in ((0, 0.4), (1, 0.0), (2, -0.3)):  # good, useless, inverted
        problem = problem_of(seed, constraint, objective, signal=signal)
        for tolerance in (0.0, 0.07, 0.3):
            solution = problem.solve(tolerance)
            expected = solve_by_program(problem, tolerance)
            assert solution.value == pytest.approx(expected, abs=1e-8)
            assert solution.violation <= tolerance + 1e-8
            value, rates = measure_mixtures(problem, solution.rules)
            assert value == pytest.approx(solution.value)
            gap = problem.constraint.gap(rates).max()
            assert gap == pytest.approx(solution.violation, abs=1e-9)


@given(st.integers(0, 10_000), st.sampled_from(CONSTRAINTS))
@settings(max_examples=30)
def test_the_deterministic_rule_beats_every_choice_of_thresholds(seed, constraint):
    n_groups = 2 + seed % 2
    problem = problem_of(
        seed, constraint, "balanced", n=8 * n_groups, n_groups=n_groups
    )
    cuts = [all_points(problem.table, g).thresholds for g in range(n_groups)]
    tolerance = 0.2
    best = -np.inf
    for choice in product(*cuts):
        value, rates = measure(problem, choice)
        if problem.constraint.gap(rates).max() <= tolerance + 1e-9:
            best = max(best, value)
    if best == -np.inf:
        with pytest.raises(ValueError, match="no deterministic thresholds"):
            problem.solve(tolerance, deterministic=True)
        return
    solution = problem.solve(tolerance, deterministic=True)
    assert [len(rule.thresholds) for rule in solution.rules] == [1] * n_groups
    assert solution.violation <= tolerance + 1e-6
    assert solution.value == pytest.approx(best)
    assert solution.value <= problem.solve(tolerance).value + 1e-9


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=name_of)
def test_the_frontier_holds_the_optimum_at_every_violation(constraint):
    problem = problem_of(3, constraint)
    frontier = problem.frontier()
    assert (np.diff(frontier.violation) > 0).all()
    assert (np.diff(frontier.value) >= -1e-9).all()
    free = sum(
        all_points(problem.table, g).evaluate(problem.gain).max() for g in range(3)
    )
    assert frontier.value[-1] == pytest.approx(free)
    if constraint.compare == "difference":
        slopes = np.diff(frontier.value) / np.diff(frontier.violation)
        assert (np.diff(slopes) <= 1e-6).all()
        at = np.linspace(0, frontier.violation[-1], 11)
        values = np.interp(at, frontier.violation, frontier.value)
    else:
        at, values = frontier.violation[::10], frontier.value[::10]
    for tolerance, value in zip(at, values, strict=True):
        expected = problem.solve(tolerance + 1e-10).value
        assert value == pytest.approx(expected, abs=2e-6)


def test_a_tolerance_of_one_is_no_constraint_and_one_group_has_none():
    problem = problem_of(4, EqualizedOdds())
    free = sum(
        all_points(problem.table, g).evaluate(problem.gain).max() for g in range(3)
    )
    for deterministic in (False, True):
        solution = problem.solve(1.0, deterministic=deterministic)
        assert solution.value == pytest.approx(free)
    for constraint in CONSTRAINTS:
        alone = problem_of(5, constraint, n_groups=1)
        best = all_points(alone.table, 0).evaluate(alone.gain).max()
        assert alone.solve(0.0).value == pytest.approx(best)
        assert alone.solve(0.0).violation == 0


@pytest.mark.parametrize("constraint", [TruePositiveRateParity(), EqualizedOdds()])
@pytest.mark.parametrize("deterministic", [False, True])
def test_a_group_without_positives_keeps_its_own_best_threshold(
    constraint, deterministic
):
    label = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 0])
    score = np.array([1, 4, 2, 3, 2, 4, 3, 1, 2, 3]) / 5
    group = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    table = ScoreTable.from_arrays(label, score, sensitive_features=group)
    coefficients = constraint.coefficients(table.totals, [0, 1], user="the test")
    problem = ThresholdProblem(table, constraint, np.eye(2), coefficients)
    solution = problem.solve(0.6, deterministic=deterministic)
    assert solution.violation <= 0.6 + 1e-9
    assert solution.rules[2].probability(np.array([0.6])) == 0
    assert problem.frontier().value[-1] == pytest.approx(4 + 3 + 2)


def test_the_order_and_the_weight_unit_of_people_do_not_matter():
    rng = np.random.default_rng(0)
    group, label = rng.integers(0, 3, 60), rng.integers(0, 2, 60)
    score, weight = rng.random(60), rng.integers(1, 4, 60)
    values = []
    for order, unit in ((np.arange(60), 1), (rng.permutation(60), 7.5)):
        table = ScoreTable.from_arrays(
            label[order],
            score[order],
            sensitive_features=group[order],
            sample_weight=unit * weight[order],
        )
        constraint = EqualizedOdds()
        coefficients = constraint.coefficients(table.totals, [0, 1], user="the test")
        gain = np.eye(2) / table.totals.sum()
        problem = ThresholdProblem(table, constraint, gain, coefficients)
        values.append(problem.solve(0.05).value)
    assert values[0] == pytest.approx(values[1])


@given(
    st.lists(st.floats(-2, 2, width=16), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
def test_draws_select_with_the_stated_probability(thresholds, shares):
    shares = np.array(shares[: len(thresholds)], dtype=float)
    rule = GroupRule(np.sort(thresholds)[::-1], shares / shares.sum())
    uniform = (np.arange(2000) + 0.5) / 2000
    drawn = rule.draw(uniform)
    assert set(drawn) <= set(thresholds)
    scores = np.array([-3.0, *thresholds, 3.0])
    probability = rule.probability(scores)
    assert ((probability >= 0) & (probability <= 1)).all()
    assert probability[0] == 0
    assert probability[-1] == 1
    for score, expected in zip(scores, probability, strict=True):
        assert (score > drawn).mean() == pytest.approx(expected, abs=1e-3)


def test_the_pooled_rule_is_the_best_single_threshold():
    problem = problem_of(6, DemographicParity())
    rule = pooled_rule(problem.table, problem.gain)
    value, _ = measure(problem, [rule.thresholds[0]] * 3)
    cuts = all_points(problem.table.overall(), 0).thresholds
    assert value == pytest.approx(max(measure(problem, [c] * 3)[0] for c in cuts))


@pytest.fixture(scope="module")
def fico():
    data = load_fico()
    return ScoreTable.from_arrays(
        data.target,
        data.data["score"],
        sensitive_features=data.data["group"],
        sample_weight=data.sample_weight,
    )


LOAN = np.array([[0.0, -0.82], [0.0, 0.18]])  # a loan pays where 82 % repay


def profit(table, constraint, tolerance=0.0):
    coefficients = constraint.coefficients(table.totals, [0, 1], user="the test")
    return ThresholdProblem(table, constraint, LOAN, coefficients).solve(tolerance)


@pytest.mark.parametrize(
    ("constraint", "published", "exact"),
    [
        (TruePositiveRateParity(), 92.8, 92.90),
        (EqualizedOdds(), 80.2, 80.42),
        (DemographicParity(), 69.8, 70.47),
        (FalsePositiveRateParity(), None, 95.25),
    ],
)
def test_profits_on_fico_are_those_of_hardt_price_and_srebro(
    fico, constraint, published, exact
):
    """Section 6 of "Equality of opportunity in supervised learning", NeurIPS 2016."""
    most = profit(fico, constraint, tolerance=1.0).value
    assert most == pytest.approx(13305.886, abs=1e-2)
    share = 100 * profit(fico, constraint).value / most
    assert share == pytest.approx(exact, abs=0.01)
    if published is not None:
        assert share == pytest.approx(published, abs=0.7)


def test_a_race_blind_threshold_on_fico_costs_what_was_published(fico):
    rule = pooled_rule(fico, LOAN)
    assert 40.5 <= rule.thresholds[0] <= 41
    blind = all_points(fico.overall(), 0).evaluate(LOAN).max()
    share = 100 * blind / profit(fico, DemographicParity(), 1.0).value
    assert share == pytest.approx(99.35, abs=0.01)


def test_thresholds_on_fico_are_those_of_the_exact_program(fico):
    free = profit(fico, DemographicParity(), 1.0)
    cuts = dict(zip(fico.groups, free.rules, strict=True))
    for group, score in (
        ("White", 40),
        ("Black", 48),
        ("Hispanic", 45.5),
        ("Asian", 38),
    ):
        (threshold,) = cuts[group].thresholds
        assert threshold == pytest.approx(score, abs=0.5)
