"""A row's draw is uniform, repeatable, and the same in every container."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse, stats

from fairlearnkit._draws import effective_rows, new_salt, row_uniforms

RNG = np.random.default_rng(0)
NUMBERS = RNG.integers(-3, 4, (200, 4)).astype(float)
MIXED = pd.DataFrame(
    {
        "number": RNG.normal(size=200),
        "whole": RNG.integers(0, 9, 200),
        "text": RNG.choice(["a", "b", "ä"], 200),
        "flag": RNG.random(200) < 0.5,
    }
)


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X.astype(int),
        lambda X: X.astype(np.float32),
        lambda X: X.astype(np.int8),
        lambda X: X.astype(object),
        lambda X: np.array([[np.int64(v) for v in row] for row in X], dtype=object),
        np.asfortranarray,
        sparse.csr_matrix,
        sparse.csr_array,
        sparse.csc_array,
        sparse.coo_array,
        pd.DataFrame,
        lambda X: pd.DataFrame(X).convert_dtypes(),
        lambda X: pd.DataFrame(X).astype(object),
        lambda X: pd.DataFrame(X).astype("category"),
        pl.DataFrame,
        lambda X: pl.DataFrame(X.astype(int)),
        lambda X: pl.DataFrame(X).to_arrow(),
    ],
)
def test_equal_numbers_draw_equally_in_every_container(form):
    np.testing.assert_array_equal(
        row_uniforms(form(NUMBERS), 7), row_uniforms(NUMBERS, 7)
    )


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X.to_numpy(dtype=object),
        lambda X: X.convert_dtypes(),
        lambda X: X.convert_dtypes(dtype_backend="pyarrow"),
        lambda X: X.astype({"text": "category"}),
        lambda X: X.set_axis(list("wxyz"), axis=1),
        pl.from_pandas,
        pa.Table.from_pandas,
    ],
)
def test_equal_rows_of_mixed_types_draw_equally_in_every_container(form):
    np.testing.assert_array_equal(row_uniforms(form(MIXED), 7), row_uniforms(MIXED, 7))


# Older pandas casts NaN on the way to its nullable types.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_missing_values_draw_equally_in_every_container():
    X = np.array([[1.0, np.nan], [np.nan, 2.0], [0.0, np.inf]])
    expected = row_uniforms(X, 3)
    assert len(set(expected)) == 3
    nulls = pl.DataFrame(X).fill_nan(None)
    with_none = np.where(np.isnan(X), None, X.astype(object))
    for form in (
        np.where(np.isnan(X), -np.nan, X),
        pd.DataFrame(X),
        pd.DataFrame(X).convert_dtypes(),
        pd.DataFrame(X).astype(object),
        pl.DataFrame(X),
        nulls,
        nulls.to_arrow(),
        with_none,
        sparse.csr_array(X),
    ):
        np.testing.assert_array_equal(row_uniforms(form, 3), expected)


def test_missing_text_and_dates_draw_too():
    day = datetime.datetime(2024, 1, 1)
    frame = pd.DataFrame({"text": ["a", None, "b"], "day": [day, day, pd.NaT]})
    assert len(set(row_uniforms(frame, 0))) == 3
    np.testing.assert_array_equal(
        row_uniforms(frame, 0), row_uniforms(pl.from_pandas(frame), 0)
    )
    prices = np.array([[Decimal("1.5")], [Decimal("2.5")]], dtype=object)
    assert len(set(row_uniforms(prices, 0))) == 2


@pytest.mark.parametrize("X", [NUMBERS, MIXED, sparse.csr_array(NUMBERS)])
def test_order_and_batch_do_not_matter(X):
    draws = row_uniforms(X, 11)
    order = np.random.default_rng(1).permutation(200)
    take = X.iloc if isinstance(X, pd.DataFrame) else X
    np.testing.assert_array_equal(row_uniforms(take[order], 11), draws[order])
    for i in (0, 57, 199):
        np.testing.assert_array_equal(
            row_uniforms(take[i : i + 1], 11), draws[i : i + 1]
        )


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, sparse.csr_array])
@pytest.mark.parametrize("salt", [0, 1, 2**31 - 2])
def test_draws_are_uniform(form, salt):
    X = np.column_stack([np.arange(20_000), np.arange(20_000) % 7])
    draws = row_uniforms(form(X), salt)
    assert ((draws >= 0) & (draws < 1)).all()
    assert stats.kstest(draws, "uniform").pvalue > 0.01
    assert stats.kstest(draws[X[:, 1] == 3], "uniform").pvalue > 0.01


def test_draws_of_binary_features_are_uniform_over_the_cells():
    bits = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    draws = row_uniforms(bits, 5)
    assert len(set(draws)) == 4096
    assert stats.kstest(draws, "uniform").pvalue > 0.01


def test_draws_of_different_salts_are_independent():
    X = np.arange(20_000.0)[:, None]
    first = row_uniforms(X, 0)
    for salt in (1, 2, 2**30):
        second = row_uniforms(X, salt)
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
        table = np.histogram2d(first, second, bins=8, range=[[0, 1]] * 2)[0]
        assert stats.chi2_contingency(table).pvalue > 0.01


def test_draws_of_neighbouring_rows_and_swapped_columns_are_independent():
    X = np.column_stack([np.arange(10_000), np.arange(10_000)[::-1]])
    draws = row_uniforms(X, 0)
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(draws, row_uniforms(X[:, ::-1], 0))[0, 1]) < 0.03


def test_rounding_noise_of_earlier_steps_changes_no_draw():
    X = np.random.default_rng(2).normal(size=(5000, 3)) * [1e-8, 1.0, 1e8]
    noisy = X * (1 + np.random.default_rng(3).uniform(-1e-15, 1e-15, X.shape))
    assert (noisy != X).mean() > 0.5
    np.testing.assert_array_equal(row_uniforms(noisy, 0), row_uniforms(X, 0))
    assert (row_uniforms(X * (1 + 1e-6), 0) != row_uniforms(X, 0)).all()


def test_the_position_of_a_value_counts():
    assert row_uniforms(np.array([[1, 0]]), 0) != row_uniforms(np.array([[0, 1]]), 0)
    assert row_uniforms(np.array([[0.0]]), 0) == row_uniforms(np.array([[-0.0]]), 0)


def test_salts_come_from_the_random_state():
    salts = [new_salt(np.random.RandomState(seed)) for seed in range(20)]
    assert len(set(salts)) == 20
    assert salts[3] == new_salt(np.random.RandomState(3))


def test_effective_rows_count_distinct_people():
    assert effective_rows(np.arange(50)[:, None]) == pytest.approx(50)
    assert effective_rows(np.repeat(np.arange(10), 5)[:, None]) == pytest.approx(10)
    weight = np.array([1.0, 1.0, 2.0, 0.0])
    assert effective_rows(np.array([[0], [1], [1], [5]]), weight) == pytest.approx(1.6)
