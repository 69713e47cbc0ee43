"""Labels of leaves, against every labelling there is."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from fairlearnkit._solvers.leaf_labels import LeafProblem, probabilities_for
from fairlearnkit.constraints import as_constraint


def problem(seed, constraint="demographic_parity", n_leaves=8, n_groups=2, n_classes=2):
    """A small tree with random people, labelled by the majority of each leaf."""
    rng = np.random.default_rng(seed)
    shape = n_leaves, n_groups, n_classes
    counts = rng.integers(0, 30, shape) * rng.uniform(0.2, 1, (n_leaves, n_groups, 1))
    labels = counts.sum(axis=1).argmax(axis=1)
    classes = list(range(n_classes))
    return LeafProblem(counts, labels, as_constraint(constraint), classes)


def by_hand(found, labels):
    """Error and violation of a labelling, from the table of group, label, decision."""
    n_groups, n_classes = found.counts.shape[1:]
    table = np.zeros((n_groups, n_classes, n_classes))
    for leaf, label in enumerate(labels):
        table[:, :, label] += found.counts[leaf]
    error = 1 - np.trace(table.sum(axis=0)) / table.sum()
    return error, found.constraint.violation(table, found.classes)


def every_labelling(found):
    choices = product(found.classes, repeat=len(found.labels))
    return np.array([by_hand(found, labels) for labels in choices])


CASES = [
    ("demographic_parity", 2, 2, 8),
    ("demographic_parity", 3, 2, 8),
    ("demographic_parity", 2, 3, 6),
    ("demographic_parity_ratio", 2, 2, 8),
    ("equalized_odds", 2, 2, 8),
    ("error_rate_parity", 3, 2, 8),
]


@pytest.mark.parametrize(("constraint", "n_groups", "n_classes", "n_leaves"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_no_labelling_within_the_tolerance_errs_less(
    constraint, n_groups, n_classes, n_leaves, seed
):
    found = problem(seed, constraint, n_leaves, n_groups, n_classes)
    errors, violations = every_labelling(found).T
    for tolerance in (0.02, 0.1, 0.3):
        within = violations <= tolerance
        solution = found.exact(tolerance)
        if not within.any():
            assert solution is None
            continue
        assert solution.error == pytest.approx(errors[within].min(), abs=1e-9)
        assert solution.violation <= tolerance + 1e-6
        labels = solution.chances.argmax(axis=1)
        reached = by_hand(found, labels)
        assert reached == pytest.approx((solution.error, solution.violation))


@pytest.mark.parametrize("seed", range(10))
def test_greedy_is_never_better_than_exact_nor_exact_than_randomised(seed):
    found = problem(seed, n_leaves=30)
    for tolerance in (0.01, 0.05, 0.2):
        greedy, exact = found.greedy(tolerance), found.exact(tolerance)
        randomized = found.randomized(tolerance)
        if greedy.violation <= tolerance:
            assert greedy.error >= exact.error - 1e-9
        assert exact.error >= randomized.error - 1e-9
        drawn = (randomized.chances.max(axis=1) < 1).sum()
        assert drawn <= 2  # as many as there are binding constraints


def test_randomised_labels_solve_the_relaxation_as_written_in_pairs_of_groups():
    found = problem(0, n_leaves=20, n_groups=3)
    people = found.counts.sum(axis=(1, 2))
    positive = found.counts[:, :, 1].sum(axis=1)
    shares = found.counts.sum(axis=2) / found.counts.sum(axis=(0, 2))
    pairs = [shares[:, g] - shares[:, h] for g in range(3) for h in range(3) if g != h]
    cost = people - 2 * positive  # of a positive label, beyond a negative one
    best = linprog(cost, np.array(pairs), np.full(len(pairs), 0.05), bounds=(0, 1))
    error = (positive.sum() + best.fun) / people.sum()
    assert found.randomized(0.05).error == pytest.approx(error, abs=1e-8)


def test_greedy_of_the_paper_takes_the_best_ratio_first():
    """Three leaves; one relabelling at a fifth of a point of error is the bargain."""
    counts = np.array([[[10, 20], [0, 0]], [[5, 30], [0, 2]], [[35, 0], [90, 8]]])
    labels = counts.sum(axis=1).argmax(axis=1)
    found = LeafProblem(counts, labels, as_constraint("demographic_parity"), [0, 1])
    assert labels.tolist() == [1, 1, 0]
    fall = np.array([30, 35]) / 100 - np.array([0, 2]) / 100
    ratio = fall / (np.array([10, 27]) / 200)
    assert ratio.argmax() == 0
    solution = found.greedy(0.4)
    assert solution.chances.argmax(axis=1).tolist() == [0, 1, 0]


def test_a_tolerance_out_of_reach_gives_the_least_violation():
    found = problem(4, "error_rate_parity", n_leaves=3)
    _, violations = every_labelling(found).T
    least = violations.min()
    assert least > 1e-3
    assert found.exact(least / 2) is None
    assert found.smallest_violation() == pytest.approx(least, abs=2e-6)
    solution = found.solve("exact", least / 2)
    assert solution.violation == pytest.approx(least, abs=5e-6)


def test_labels_within_the_tolerance_stay_as_they_are():
    found = problem(0)
    odd = LeafProblem(found.counts, 1 - found.labels, found.constraint, [0, 1])
    for method in ("exact", "greedy", "randomized"):
        solution = odd.solve(method, 1.0)
        assert (solution.chances.argmax(axis=1) == odd.labels).all()


def test_equal_leaves_share_a_variable_and_differ_in_label():
    """Ten leaves of one person each: the program counts them, and labels as many."""
    first, second = [[0, 1], [0, 0]], [[0, 0], [1, 0]]
    counts = np.array([first] * 10 + [second] * 10)
    labels = counts.sum(axis=1).argmax(axis=1)
    found = LeafProblem(counts, labels, as_constraint("demographic_parity"), [0, 1])
    solution = found.exact(0.5)
    selected = solution.chances[:, 1]
    assert selected[:10].sum() - selected[10:].sum() == 5
    assert solution.error == pytest.approx(5 / 20)


def test_names_of_groups_do_not_decide_between_equal_optima():
    found = problem(7, n_leaves=12, n_groups=3)
    turned = LeafProblem(
        found.counts[:, [2, 0, 1]], found.labels, found.constraint, [0, 1]
    )
    one, other = found.exact(0.05), turned.exact(0.05)
    np.testing.assert_array_equal(one.chances, other.chances)


def test_a_leaf_without_people_keeps_its_label():
    counts = np.zeros((3, 2, 2))
    counts[0], counts[1] = [[0, 9], [1, 0]], [[1, 0], [9, 0]]
    labels = np.array([1, 0, 1])
    found = LeafProblem(counts, labels, as_constraint("demographic_parity"), [0, 1])
    assert found.exact(0.0).chances[2].tolist() == [0, 1]


def test_few_nodes_give_the_best_labels_found_and_how_far_they_may_be_off():
    found = problem(1, "equalized_odds", n_leaves=60, n_groups=3)
    cut, full = found.exact(0.01, node_limit=1), found.exact(0.01)
    assert cut.error - cut.gap <= full.error + 1e-9
    assert full.gap == 0


def test_probabilities_agree_with_the_label():
    shares = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    labels = np.array([2, 1, 1])
    found = probabilities_for(shares, labels)
    assert found.argmax(axis=1).tolist() == labels.tolist()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[0], [0.1, 0.2, 0.7])
    np.testing.assert_allclose(found[1:], shares[1:], atol=1e-8)
