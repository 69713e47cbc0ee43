"""The data of the benchmarks, and a violation computed apart from the package."""

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fairlearnkit.datasets import load_adult


def adult_matrix():
    """Dense features, labels and sex of the whole of Adult."""
    data = load_adult()
    X = data.data
    words = list(X.select_dtypes("category").columns)
    encoder = make_column_transformer(
        (OneHotEncoder(sparse_output=False, min_frequency=100), words),
        remainder=StandardScaler(),
    )
    sex = X["sex"].astype(str).to_numpy()
    return encoder.fit_transform(X), data.target.to_numpy(), sex


def biased_people(n_rows, seed):
    """Ten noisy features, labels and two groups of unequal base rates.

    The label depends on the group, so a good model's odds are unequal; its signal is
    weak, so a flexible model overfits.
    """
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n_rows)
    X = rng.normal(size=(n_rows, 10))
    X[:, 0] += 0.8 * group
    signal = X[:, 0] + 0.5 * X[:, 1] - 0.5 * X[:, 2] * X[:, 3] + 0.7 * group - 0.6
    y = (signal + rng.logistic(scale=1.5, size=n_rows) > 0).astype(int)
    return np.column_stack([X, group]), y, group


def given_scores(n_rows, n_groups, seed):
    """Scores in [0, 1], labels that follow them differently by group, and groups."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n_rows)
    score = rng.beta(2 + group, 3, n_rows)
    y = (rng.random(n_rows) < score ** (1 + 0.3 * group)).astype(int)
    return score[:, None], y, group


def violation(constraint, positive, y, group):
    """Largest difference of a rate between groups, from expected decisions."""
    parts = {
        "demographic_parity": [np.ones(len(y), bool)],
        "true_positive_rate_parity": [y == 1],
        "equalized_odds": [y == 1, y == 0],
    }[constraint]
    gaps = []
    for part in parts:
        rates = [positive[part & (group == g)].mean() for g in np.unique(group)]
        gaps.append(max(rates) - min(rates))
    return float(max(gaps))


def accuracy(positive, y):
    """Expected accuracy of expected decisions."""
    return float(np.where(y == 1, positive, 1 - positive).mean())
