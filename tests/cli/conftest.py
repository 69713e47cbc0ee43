"""A small file of people, and a way to run the command."""

import numpy as np
import pandas as pd
import pytest

from fairlearnkit.cli import main


@pytest.fixture
def people():
    """Labels in words, two sensitive columns, missing values in features."""
    rng = np.random.default_rng(0)
    n = 600
    frame = pd.DataFrame(
        {
            "sex": rng.choice(["woman", "man"], n),
            "race": rng.choice(["a", "b"], n),
            "age": rng.integers(18, 80, n),
            "skill": rng.normal(size=n),
            "city": rng.choice(["p", "q", None], n),
            "member": rng.random(n) < 0.5,
        }
    )
    wish = frame["skill"] + (frame["sex"] == "man") + rng.normal(size=n)
    frame["hired"] = np.where(wish > 0.5, "yes", "no")
    frame.loc[:20, "skill"] = np.nan
    return frame


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """Run the command in this process, in a folder of its own; return its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments):
        main(["compare", "--jobs", "1", *map(str, arguments)])
        return tmp_path / "fairlearnkit-output"

    return run
