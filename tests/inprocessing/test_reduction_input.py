"""What ReductionClassifier accepts, refuses and warns of."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from fairlearnkit import ReductionClassifier
from fairlearnkit.constraints import Rate
from fairlearnkit.exceptions import FairnessWarning


def people():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 800)
    X = np.column_stack([rng.normal(size=(800, 2)) + group[:, None], group])
    return X, (X[:, 0] + rng.normal(size=800) > 0.5).astype(int), group


def fitted(estimator=None, **options):
    X, y, group = people()
    options = {"constraint": "equalized_odds", "tolerance": 0.02, **options}
    model = ReductionClassifier(estimator or LogisticRegression(), **options)
    return model.fit(X, y, sensitive_features=group), X, y, group


def test_labels_may_be_words():
    X, y, group = people()
    words = np.array(["deny", "grant"])
    plain = ReductionClassifier(LogisticRegression()).fit(
        X, y, sensitive_features=group
    )
    named = clone(plain).fit(X, words[y], sensitive_features=group)
    np.testing.assert_array_equal(named.predict(X), words[plain.predict(X)])
    np.testing.assert_array_equal(named.expected_proba(X), plain.expected_proba(X))
    assert named.classes_.tolist() == ["deny", "grant"]


def test_a_learner_without_weights_is_named():
    with pytest.raises(ValueError, match="KNeighborsClassifier does not accept"):
        fitted(KNeighborsClassifier())


def test_a_frozen_learner_is_refused():
    X, y, *_ = people()
    with pytest.raises(ValueError, match="FrozenEstimator, which cannot be trained"):
        fitted(FrozenEstimator(LogisticRegression().fit(X, y)))


def test_a_constraint_that_is_not_linear_is_refused():
    with pytest.raises(ValueError, match="so ReductionClassifier cannot enforce it"):
        fitted(constraint="predictive_parity")


class GroupTeller(ClassifierMixin, BaseEstimator):
    """Always predicts the last feature, whatever it is taught."""

    def fit(self, X, y, sample_weight=None):
        """Learn nothing."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Return the last feature."""
        return X[:, -1].astype(int)


def test_a_bound_not_reached_is_told():
    with pytest.warns(FairnessWarning, match="the smallest violation found") as told:
        model, *_ = fitted(GroupTeller(), constraint="demographic_parity", max_iter=1)
    assert len(told) == 1
    assert model.violation_ == 1


def test_a_bound_out_of_every_models_reach_is_told():
    base_rate = Rate("base_rate", [[0, 0], [1, 1]], [[1, 1], [1, 1]])
    with pytest.warns(FairnessWarning, match="the smallest violation found"):
        model, X, y, group = fitted(constraint=base_rate)
    gap = abs(y[group == 0].mean() - y[group == 1].mean())
    assert model.violation_ == pytest.approx(gap)
    plain = LogisticRegression().fit(X, y)
    assert model.error_ <= 1 - plain.score(X, y) + 1e-9


def test_too_few_iterations_are_told():
    with pytest.warns(ConvergenceWarning, match="not converged after 1 fits"):
        fitted(max_iter=1, tol=0.0)
