"""The COMPAS fetcher, on invented rows: no row of the real file is kept here."""

import hashlib
import io
import sys
from urllib.error import URLError

import numpy as np
import pytest

from fairlearnkit.datasets import _compas, _remote, fetch_compas

HEADER = (
    "id,name,dob,sex,age,age_cat,race,juv_fel_count,decile_score,juv_misd_count,"
    "juv_other_count,priors_count,days_b_screening_arrest,c_charge_degree,is_recid,"
    "decile_score,score_text,priors_count,two_year_recid"
)
PERSON = (
    "{id},invented,1900-01-01,Male,30,25 - 45,{race},0,4,1,2,3,{days},{charge},"
    "{recid},99,{text},99,{y}"
)
KEPT = {"race": "Caucasian", "days": "-30", "charge": "F", "recid": "0", "text": "Low"}
ROWS = [
    {**KEPT, "y": 0},
    {**KEPT, "y": 1, "race": "African-American", "days": "30"},
    {**KEPT, "y": 1, "days": "31"},
    {**KEPT, "y": 1, "days": ""},
    {**KEPT, "y": 0, "recid": "-1"},
    {**KEPT, "y": 0, "charge": "O"},
    {**KEPT, "y": 0, "text": "N/A"},
]


@pytest.fixture
def content(monkeypatch):
    lines = [HEADER, *(PERSON.format(id=k, **row) for k, row in enumerate(ROWS))]
    content = ("\n".join(lines) + "\n").encode()
    monkeypatch.setattr(_compas, "SHA256", hashlib.sha256(content).hexdigest())
    return content


@pytest.fixture
def path(content, tmp_path):
    path = tmp_path / "copy.csv"
    path.write_bytes(content)
    return path


@pytest.fixture
def downloads(content, monkeypatch):
    """The addresses asked for, each answered with the content."""
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        return io.BytesIO(content)

    monkeypatch.setattr(_remote, "urlopen", urlopen)
    return asked


def test_filters_and_columns(path):
    compas = fetch_compas(path)
    assert compas.data.shape == (2, 9)
    assert compas.target.tolist() == [0, 1]
    assert compas.sensitive_features["race"].tolist() == [
        "Caucasian",
        "African-American",
    ]
    assert {"name", "dob", "decile_score", "id"}.isdisjoint(compas.frame)
    # Of two columns with one name, the first counts.
    assert compas.decile_score.tolist() == [4, 4]
    assert compas.data["priors_count"].tolist() == [3, 3]
    assert "10.48550/arXiv.1906.04711" in compas.DESCR
    assert ":Licence:" in compas.DESCR


def test_unfiltered_pair_without_pandas(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    X, y = fetch_compas(path, filtered=False, return_X_y=True, as_frame=False)
    assert X.shape == (len(ROWS), 9)
    np.testing.assert_array_equal(y, [row["y"] for row in ROWS])


def test_local_file_with_another_hash_raises(path):
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ValueError, match=r"copy\.csv is not the published file"):
        fetch_compas(path)


def test_download_is_cached(tmp_path, downloads):
    for _ in range(2):
        assert fetch_compas(data_home=tmp_path).data.shape == (2, 9)
    assert downloads == [_compas.URL]
    assert [file.name for file in tmp_path.iterdir()] == ["compas-scores-two-years.csv"]


def test_cache_folder_from_the_environment(tmp_path, downloads, monkeypatch):
    monkeypatch.setenv("FAIRLEARNKIT_DATA", str(tmp_path / "new"))
    fetch_compas()
    assert (tmp_path / "new" / "compas-scores-two-years.csv").is_file()


def test_download_with_another_hash_raises_and_is_not_kept(
    tmp_path, downloads, monkeypatch
):
    monkeypatch.setattr(_compas, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"https://.* is not the published file"):
        fetch_compas(data_home=tmp_path)
    assert not list(tmp_path.iterdir())


def test_offline_raises_one_sentence(tmp_path, monkeypatch):
    def urlopen(url, timeout):
        raise URLError("no route")

    monkeypatch.setattr(_remote, "urlopen", urlopen)
    with pytest.raises(
        OSError, match=r"could not be downloaded .*no route.* pass path"
    ):
        fetch_compas(data_home=tmp_path)


def test_no_download_when_forbidden(tmp_path, downloads):
    with pytest.raises(OSError, match="download_if_missing is False; pass path="):
        fetch_compas(data_home=tmp_path, download_if_missing=False)
    assert downloads == []


def test_the_pinned_address_and_hash():
    assert _compas.URL.startswith("https://")
    assert len(_compas.SHA256) == 64
