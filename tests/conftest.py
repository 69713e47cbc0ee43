"""Settings of the whole test suite."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy: scikit-learn's checks need it

import matplotlib
from hypothesis import settings

matplotlib.use("Agg")
settings.register_profile(
    "repeatable", deadline=None, max_examples=50, derandomize=True
)
settings.load_profile("repeatable")
