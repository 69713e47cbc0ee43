"""Grown trees, against splits found one by one and against scikit-learn's trees."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit._solvers.tree_growth import CRITERIA, Growth, grow_tree


def people(seed, n=200, n_groups=2, n_classes=2, n_features=3):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    X = np.round(rng.normal(size=(n, n_features)) + 0.7 * group[:, None], 1)
    signal = X[:, 0] + 0.5 * group + rng.normal(size=n)
    y = np.digitize(signal, np.quantile(signal, np.arange(1, n_classes) / n_classes))
    return X, y, group, rng.integers(1, 4, n).astype(float)


def gain(code, weight, left):
    """Fall of the entropy in bits, by scipy."""

    def bits(rows):
        return entropy(np.bincount(code[rows], weight[rows]), base=2)

    share = weight[left].sum() / weight.sum()
    every = np.ones(len(code), bool)
    return bits(every) - share * bits(left) - (1 - share) * bits(~left)


def score(criterion, igc, igs):
    if criterion == "igc/igs":
        return igc / max(igs, 1e-10)
    return {"igc-igs": igc - igs, "igc+igs": igc + igs, "igc": igc}[criterion]


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize(("n_groups", "n_classes"), [(2, 2), (3, 2), (2, 3)])
def test_the_root_makes_the_best_of_all_splits(criterion, n_groups, n_classes):
    X, y, group, weight = people(0, 120, n_groups, n_classes)
    growth = Growth(criterion, 1, 2, 5)
    tree = grow_tree(X, y, group, weight, (n_groups, n_classes), growth)
    scores = {}
    for j, column in enumerate(X.T):
        values = np.unique(column)
        for cut in (values[1:] + values[:-1]) / 2:
            left = column <= cut
            if 5 <= left.sum() <= len(y) - 5:
                gains = gain(y, weight, left), gain(group, weight, left)
                scores[j, round(cut, 6)] = score(criterion, *gains)
    chosen = int(tree.feature[0]), round(tree.threshold[0], 6)
    assert scores[chosen] == pytest.approx(max(scores.values()))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_node_below_is_split_as_a_root_of_its_own_people(criterion):
    X, y, group, weight = people(1, 300)
    tree = grow_tree(X, y, group, weight, (2, 2), Growth(criterion, 4, 2, 10))
    inside = {0: np.ones(len(y), bool)}
    for node in range(len(tree.feature)):
        rows, j = inside[node], tree.feature[node]
        alone = grow_tree(
            *(X[rows], y[rows], group[rows], weight[rows], (2, 2)),
            Growth(criterion, 1 if tree.depth[node] < 4 else 0, 2, 10),
        )
        assert alone.feature[0] == j
        np.testing.assert_array_equal(alone.threshold[0], tree.threshold[node])
        table = np.zeros((2, 2))
        np.add.at(table, (group[rows], y[rows]), weight[rows])
        np.testing.assert_allclose(tree.counts[node], table)
        if j >= 0:
            low = X[:, j] <= tree.threshold[node]
            inside[tree.left[node]] = rows & low
            inside[tree.right[node]] = rows & ~low


@pytest.mark.parametrize("limits", [{"max_depth": 3}, {"min_samples_leaf": 15}, {}])
def test_without_the_group_it_is_scikit_learns_tree_by_entropy(limits):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 4))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=500) > 0).astype(int)
    weight = rng.integers(1, 4, 500).astype(float)
    peer = DecisionTreeClassifier(criterion="entropy", random_state=0, **limits)
    peer.fit(X, y, sample_weight=weight)
    growth = Growth(
        "igc", limits.get("max_depth"), 2, limits.get("min_samples_leaf", 1)
    )
    tree = grow_tree(X, y, np.zeros(500, int), weight, (1, 2), growth)
    assert len(tree.leaves) == peer.get_n_leaves()
    majority = tree.counts.sum(axis=1).argmax(axis=1)
    np.testing.assert_array_equal(majority[tree.apply(X)], peer.predict(X))


def test_rows_fall_into_the_leaf_that_counted_them():
    X, y, group, weight = people(3, 400, n_groups=3)
    tree = grow_tree(X, y, group, weight, (3, 2), Growth("igc+igs", None, 2, 3))
    counts = np.zeros_like(tree.counts)
    np.add.at(counts, (tree.apply(X), group, y), weight)
    np.testing.assert_allclose(counts[tree.leaves], tree.counts[tree.leaves])
    rows = np.bincount(tree.apply(X), minlength=len(counts))[tree.leaves]
    assert rows.min() >= 3


def test_a_split_that_tells_more_of_the_group_than_of_the_label_is_not_made():
    group = np.repeat([0, 1], 50)
    y = np.r_[np.repeat([0, 1], [30, 20]), np.repeat([0, 1], [20, 30])]
    X, weight = group[:, None].astype(float), np.ones(100)

    def leaves(criterion):
        growth = Growth(criterion, None, 2, 1)
        return len(grow_tree(X, y, group, weight, (2, 2), growth).leaves)

    assert leaves("igc-igs") == 1
    assert leaves("igc") == leaves("igc+igs") == 2


def test_igc_plus_igs_goes_on_until_leaves_are_of_one_group():
    X, y, group, weight = people(4, 300)
    X = np.column_stack([X, group])
    tree = grow_tree(X, y, group, weight, (2, 2), Growth("igc+igs", None, 2, 1))
    people_of = tree.counts[tree.leaves].sum(axis=2)
    assert ((people_of > 0).sum(axis=1) == 1).all()


def test_neighbouring_numbers_are_told_apart():
    low = 1.0
    X = np.array([[low], [np.nextafter(low, 2)]])
    y, group = np.array([0, 1]), np.zeros(2, int)
    tree = grow_tree(X, y, group, np.ones(2), (1, 2), Growth("igc", None, 2, 1))
    assert len(set(tree.apply(X))) == 2
