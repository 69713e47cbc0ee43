"""Bank marketing: the facts of the published rows."""

import pytest

from fairlearnkit.datasets import load_bank_marketing


def test_bank_facts():
    bank = load_bank_marketing()
    assert bank.target.sum() == 5_289
    group = bank.sensitive_features["age_group"]
    assert group.value_counts().to_dict() == {"25-59": 42_618, "other": 2_593}
    assert bank.target[group == "other"].mean() == pytest.approx(0.311, abs=5e-4)
    assert bank.target[group == "25-59"].mean() == pytest.approx(0.105, abs=5e-4)
    assert "duration" not in bank.data


def test_bank_duration_on_request():
    bank = load_bank_marketing(include_duration=True)
    assert bank.feature_names.index("duration") == 11
    assert bank.data["duration"].max() == 4_918
