"""The mean error: its sign, its weights, and what it refuses."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fairlearnkit.metrics import mean_error


def test_too_high_is_positive():
    assert mean_error([1.0, 2.0], [1.5, 3.5]) == 1.0
    assert mean_error([1.5, 3.5], [1.0, 2.0]) == -1.0
    assert mean_error([0, 4], [2, 2]) == 0.0


def test_integer_weights_repeat_rows():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.normal(size=(2, 50))
    weight = rng.integers(0, 4, 50)
    repeated = mean_error(np.repeat(y_true, weight), np.repeat(y_pred, weight))
    assert mean_error(y_true, y_pred, sample_weight=weight) == pytest.approx(repeated)


@pytest.mark.parametrize("container", [list, pd.Series, pl.Series, np.array])
def test_any_container(container):
    assert mean_error(container([1, 2, 3]), container([2, 2, 5])) == 1.0


@pytest.mark.parametrize(
    ("y_true", "y_pred", "weight", "message"),
    [
        ([1.0, np.nan], [1.0, 2.0], None, "y_true holds 1 missing or infinite"),
        ([1.0, 2.0], [1.0, None], None, "y_pred holds 1 missing or infinite"),
        ([1.0, 2.0], [1.0], None, "y_true has 2 rows but y_pred has 1"),
        (["a", "b"], [1.0, 2.0], None, "y_true must hold numbers"),
        ([1.0, 2.0], [[1.0, 1.0], [2.0, 2.0]], None, "y_pred has shape"),
        ([1.0, 2.0], [1.0, 2.0], [-1, 1], "non-negative"),
        ([1.0, 2.0], [1.0, 2.0], [0, 0], "all weights are 0"),
        ([], [], None, "no rows"),
    ],
)
def test_bad_input_is_named(y_true, y_pred, weight, message):
    with pytest.raises(ValueError, match=message):
        mean_error(y_true, y_pred, sample_weight=weight)
