"""Settings of the whole test suite, doctests included."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy: scikit-learn's checks need it
os.environ["OMP_NUM_THREADS"] = "1"  # small data: threads only wait for each other
os.environ["MPLBACKEND"] = "Agg"

import sys

import pytest
from hypothesis import settings

settings.register_profile(
    "repeatable", deadline=None, max_examples=50, derandomize=True
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _close_figures():
    """Close what a test or a doctest drew, if anything did."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
