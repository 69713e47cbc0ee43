"""The frontier of a reduction: no worse than single fits, and cheaper."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fairlearnkit.inprocessing import ReductionClassifier

TOLERANCES = [0.1, 0.0, 0.02, 0.05, 1.0]


def people(n=1500):
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, n)
    X = rng.normal(size=(n, 3)) + 0.5 * group[:, None]
    y = (X[:, 0] + rng.normal(size=n) > 0.8).astype(int)
    return X, y, group


@pytest.mark.parametrize("compare", ["difference", "ratio"])
def test_the_frontier_beats_single_fits_with_fewer_of_them(compare):
    X, y, group = people()
    base = ReductionClassifier(
        LogisticRegression(), constraint=f"demographic_parity_{compare}"
    )
    frontier = base.frontier(X, y, TOLERANCES, sensitive_features=group)
    singles = []
    for place, tolerance in enumerate(TOLERANCES):
        single = ReductionClassifier(
            LogisticRegression(), constraint=base.constraint, tolerance=tolerance
        ).fit(X, y, sensitive_features=group)
        singles.append(single.n_iter_)
        assert frontier.errors[place] <= single.error_ + 2e-3
    assert (frontier.violations <= np.array(TOLERANCES) + 1e-6).all()
    assert frontier.n_iter < sum(singles)
    order = np.argsort(TOLERANCES)
    assert (np.diff(frontier.errors[order]) <= 1e-9).all()
    assert (np.diff(frontier.objectives[order]) >= -1e-9).all()


def test_its_models_do_what_it_says():
    X, y, group = people()
    base = ReductionClassifier(LogisticRegression())
    frontier = base.frontier(X, y, TOLERANCES, sensitive_features=group)
    for place, model in enumerate(frontier.models):
        chance = model.expected_proba(X)[:, 1]
        rates = [chance[group == g].mean() for g in range(3)]
        assert np.ptp(rates) == pytest.approx(frontier.violations[place])
        wrong = np.where(y == 1, 1 - chance, chance).mean()
        assert wrong == pytest.approx(frontier.errors[place])
        assert model.tolerance == TOLERANCES[place]
        assert model.predict(X).shape == y.shape
    plain = LogisticRegression().fit(X, y)
    assert frontier.errors[-1] <= 1 - plain.score(X, y) + 1e-9  # it has more to choose
    assert not hasattr(base, "classes_")
    frame = frontier.to_frame()
    assert frame.index.tolist() == TOLERANCES
    np.testing.assert_array_equal(frame["error"], frontier.errors)


@pytest.mark.parametrize("tolerances", [[], [2.0], 0.1, [-1]])
def test_bad_tolerances_are_refused(tolerances):
    X, y, group = people(300)
    with pytest.raises(ValueError, match="tolerances must be a list"):
        ReductionClassifier(LogisticRegression()).frontier(
            X, y, tolerances, sensitive_features=group
        )
