"""The ACSIncome fetcher, on an invented file and an invented OpenML answer."""

import sys
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from fairlearnkit.datasets import _acs, _columns, fetch_acs_income

HEADER = "SERIALNO,AGEP,COW,SCHL,MAR,OCCP,POBP,{},WKHP,SEX,RAC1P,PINCP,PWGTP"
FEATURES = [
    "AGEP",
    "COW",
    "SCHL",
    "MAR",
    "OCCP",
    "POBP",
    "RELP",
    "WKHP",
    "SEX",
    "RAC1P",
]
ROWS = [
    "2018HU01,17,1,16,5,0440,006,00,1,2,1,101,1",
    "2018HU01,40,1,21,1,2310,006,01,40,1,9,50001,25",
    "2018HU02,40,1,21,1,2310,006,01,40,1,2,50000,3",
    "2018HU03,16,1,21,1,2310,006,01,40,1,1,60000,3",
    "2018HU03,40,1,21,1,2310,006,01,40,1,1,100,3",
    "2018HU04,40,1,21,1,2310,006,01,,1,1,60000,3",
    "2018HU05,40,,,1,,006,01,40,1,1,,3",
    "2018HU06,40,1,21,1,2310,006,01,40,1,1,60000,0",
]


def write(path, relation="RELP", rows=ROWS):
    path.write_text("\n".join([HEADER.format(relation), *rows]) + "\n", "utf-8")
    return path


def test_filter_features_and_weights(tmp_path):
    acs = fetch_acs_income(write(tmp_path / "a.csv"))
    assert acs.feature_names == FEATURES
    assert acs.data["AGEP"].tolist() == [17, 40, 40]
    assert acs.target.tolist() == [0, 1, 0]
    assert acs.sample_weight.tolist() == [1, 25, 3]
    assert acs.sensitive_features["SEX"].tolist() == ["Female", "Male", "Male"]
    assert acs.sensitive_features["RAC1P"].tolist() == [
        "White",
        "Two or more races",
        "Black or African American",
    ]
    assert "10.48550/arXiv.2108.04884" in acs.DESCR
    assert ":Licence:" in acs.DESCR


def test_several_files_without_pandas(tmp_path, monkeypatch):
    paths = [write(tmp_path / "a.csv"), str(write(tmp_path / "b.csv", rows=ROWS[:2]))]
    monkeypatch.setitem(sys.modules, "pandas", None)
    X, y = fetch_acs_income(paths, return_X_y=True, as_frame=False)
    assert X.dtype == float
    assert X[:, 0].tolist() == [17, 40, 40, 17, 40]
    assert y.tolist() == [0, 1, 0, 0, 1]


def test_long_files_are_read_in_slices(tmp_path, monkeypatch):
    monkeypatch.setattr(_columns, "CHUNK_ROWS", 3)
    assert fetch_acs_income(write(tmp_path / "a.csv")).data.shape == (3, 10)


def test_newer_files_keep_their_own_relation_column(tmp_path):
    acs = fetch_acs_income(write(tmp_path / "a.csv", "RELSHIPP"))
    assert acs.feature_names == [n.replace("RELP", "RELSHIPP") for n in FEATURES]


def test_old_and_new_files_do_not_mix(tmp_path):
    paths = [write(tmp_path / "a.csv"), write(tmp_path / "b.csv", "RELSHIPP")]
    with pytest.raises(ValueError, match="mix RELP"):
        fetch_acs_income(paths)


def test_no_relation_column(tmp_path):
    with pytest.raises(ValueError, match="neither column RELP nor RELSHIPP"):
        fetch_acs_income(write(tmp_path / "a.csv", "OTHER"))


def test_another_file_raises(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("AGEP,SEX\n40,1\n", "utf-8")
    with pytest.raises(ValueError, match=r"a\.csv is no ACS PUMS .* no column COW"):
        fetch_acs_income(path)


def test_unknown_codes_raise(tmp_path):
    row = ROWS[1].replace(",1,9,50001", ",3,9,50001")
    with pytest.raises(ValueError, match=r"codes 1 to 2 .* found \[3.0\]"):
        fetch_acs_income(write(tmp_path / "a.csv", rows=[row]))


@pytest.mark.parametrize("as_frame", [True, False])
def test_openml(tmp_path, monkeypatch, as_frame):
    table = pd.DataFrame([[40.0, 1, 21, 1, 2310, 6, 1, 40, 1, 2, 6]] * 2)
    table.columns = [*FEATURES, "ST"]
    income = pd.Series([50_000, 50_001])

    def fetch_openml(*, data_id, data_home, as_frame, parser):
        assert data_id == 43_141
        assert data_home == str(tmp_path)
        return Bunch(
            data=table if as_frame else table.to_numpy(),
            target=income if as_frame else income.to_numpy(),
            feature_names=list(table.columns),
        )

    monkeypatch.setattr(_acs, "fetch_openml", fetch_openml)
    acs = fetch_acs_income(data_home=tmp_path, as_frame=as_frame)
    assert acs.feature_names == FEATURES
    assert acs.data.shape == (2, 10)
    np.testing.assert_array_equal(acs.target, [0, 1])
    assert "sample_weight" not in acs


def test_offline_raises_one_sentence(tmp_path, monkeypatch):
    def fetch_openml(**_):
        raise URLError("no route")

    monkeypatch.setattr(_acs, "fetch_openml", fetch_openml)
    with pytest.raises(OSError, match=r"not cached in .* nor reachable .* pass path="):
        fetch_acs_income(data_home=tmp_path)
