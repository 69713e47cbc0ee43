"""The standardised design: what it computes is what a standardised copy would give."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from fairlearnkit._solvers.linear_design import make_design

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)) * [1, 100, 0.01, 0] + [5, 1000, 0, 3]
X[RNG.random(X.shape) < 0.3] = 0
WEIGHT = RNG.integers(0, 3, 300).astype(float)
FORMS = {
    "dense": X,
    "columns first": np.asfortranarray(X),
    "sparse": sparse.csr_matrix(X),
    "float32": X.astype(np.float32),
}


def standardised(has_intercept):
    """The copy that the design does without."""
    share = WEIGHT / WEIGHT.sum()
    center = share @ X if has_intercept else np.zeros(4)
    z = (X - center) / np.sqrt(share @ (X - center) ** 2)
    return np.column_stack([z, np.ones(300)]) if has_intercept else z


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


@pytest.mark.parametrize("has_intercept", [True, False])
def test_products_are_those_of_the_standardised_features(form, has_intercept):
    z = standardised(has_intercept)
    design = make_design(form, WEIGHT, has_intercept=has_intercept)
    close = {"rtol": 1e-4, "atol": 1e-4} if form.dtype == np.float32 else {"atol": 1e-9}
    theta = RNG.normal(size=(2, design.size))
    residual = RNG.normal(size=(300, 2))
    np.testing.assert_allclose(design.scores(theta), z @ theta.T, **close)
    np.testing.assert_allclose(design.pull(residual), residual.T @ z, **close)
    np.testing.assert_allclose(design.rows_of(slice(0, 9)), z[:9], **close)
    cells = RNG.integers(0, 5, 300)
    sums = (np.eye(5)[cells] * WEIGHT[:, None]).T @ z / WEIGHT.sum()
    np.testing.assert_allclose(design.cell_sums(cells, 5), sums, **close)
    half = RNG.normal(size=(300, 2, 2))
    c = half @ half.transpose(0, 2, 1)
    gram = np.einsum("nab,np,nq->apbq", c, z, z).reshape(2 * design.size, -1)
    np.testing.assert_allclose(design.curvature(lambda rows: c[rows]), gram, **close)


@pytest.mark.parametrize("has_intercept", [True, False])
def test_raw_coefficients_give_the_same_scores(form, has_intercept):
    design = make_design(form, WEIGHT, has_intercept=has_intercept)
    theta = RNG.normal(size=(2, design.size))
    coef, intercept = design.raw(theta)
    dense = form.toarray() if sparse.issparse(form) else form
    np.testing.assert_allclose(
        dense @ coef.T + intercept, design.scores(theta), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(design.standard(coef, intercept), theta)


def test_a_constant_column_is_harmless():
    flat = np.column_stack([X, np.full(300, 7.0), np.zeros(300)])
    design = make_design(flat, WEIGHT, has_intercept=True)
    z = design.rows_of(slice(None))
    assert np.isfinite(z).all()
    np.testing.assert_allclose(z[:, 4:6], 0, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_no_product_copies_the_data(dtype):
    big = np.ones((60_000, 40), dtype=dtype)
    big[::2] = 0
    weight = np.ones(len(big))
    tracemalloc.start()
    design = make_design(big, weight, has_intercept=True)
    scores = design.scores(np.ones((1, 41)))
    design.pull(scores)
    design.cell_sums(np.zeros(len(big), int), 1)
    design.curvature(lambda rows: np.ones((len(weight[rows]), 1, 1)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000 * 40 * 8 / 1.5
