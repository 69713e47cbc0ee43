"""The embedded data: both exports, and the shipped files."""

import hashlib
import json
import sys
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from fairlearnkit.datasets import (
    load_adult,
    load_bank_marketing,
    load_communities_crime,
    load_fico,
    load_german_credit,
)

LOADERS = {
    load_adult: (48_842, 13),
    load_german_credit: (1_000, 20),
    load_bank_marketing: (45_211, 15),
    load_communities_crime: (1_994, 99),
    load_fico: (1_584, 2),
}
KEYS = {
    "data",
    "target",
    "frame",
    "feature_names",
    "target_names",
    "sensitive_features",
    "sensitive_feature_names",
    "filename",
    "data_module",
    "DESCR",
}
DOIS = {
    load_adult: "10.24432/C5XW20",
    load_german_credit: "10.24432/C5NC77",
    load_bank_marketing: "10.24432/C5K306",
    load_communities_crime: "10.24432/C53W3X",
    load_fico: "10.48550/arXiv.1610.02413",
}
DATA = files("fairlearnkit.datasets") / "data"
EACH_LOADER = pytest.mark.parametrize("load", LOADERS, ids=lambda f: f.__name__)


@EACH_LOADER
def test_bunch_has_sklearn_keys_and_consistent_rows(load):
    bunch = load()
    rows, columns = LOADERS[load]
    assert set(bunch) >= KEYS
    assert bunch.data.shape == (rows, columns)
    assert list(bunch.data.columns) == bunch.feature_names
    assert bunch.frame.shape == (rows, columns + 1)
    assert bunch.target.name == bunch.frame.columns[-1]
    assert list(bunch.sensitive_features.columns) == bunch.sensitive_feature_names
    assert bunch.sensitive_features.index.equals(bunch.data.index)
    assert not bunch.sensitive_features.isna().any(axis=None)
    assert bunch.target.notna().all()
    assert (DATA / bunch.filename).is_file()


@EACH_LOADER
def test_strings_are_categorical(load):
    bunch = load()
    for frame in (bunch.data, bunch.sensitive_features):
        for dtype in frame.dtypes:
            assert isinstance(dtype, pd.CategoricalDtype) or dtype.kind in "if"


@EACH_LOADER
def test_arrays_hold_what_frames_hold_and_need_no_pandas(load, monkeypatch):
    framed = load()
    monkeypatch.setitem(sys.modules, "pandas", None)
    bunch = load(as_frame=False)
    assert bunch.frame is None
    assert bunch.data.dtype == (float if load is load_communities_crime else object)
    np.testing.assert_array_equal(bunch.target, framed.target.to_numpy())
    for name in ("data", "sensitive_features"):
        assert isinstance(bunch[name], np.ndarray)
        for column, (_, series) in zip(
            bunch[name].T, framed[name].items(), strict=True
        ):
            both_missing = (column != column) & series.isna().to_numpy()
            assert ((column == series.to_numpy(dtype=object)) | both_missing).all()
    assert set(bunch) == set(framed)


@EACH_LOADER
def test_frames_without_pandas_raise(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas, .*fairlearnkit\[pandas\]"):
        load()


@pytest.mark.parametrize("as_frame", [True, False])
@pytest.mark.parametrize("load", [f for f in LOADERS if f is not load_fico])
def test_return_X_y(load, as_frame):
    bunch = load(as_frame=as_frame)
    X, y = load(return_X_y=True, as_frame=as_frame)
    if as_frame:
        assert X.equals(bunch.data)
        assert y.equals(bunch.target)
    else:
        assert X.shape == bunch.data.shape
        np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize(("load", "doi"), DOIS.items())
def test_description_and_docstring_name_source_and_licence(load, doi):
    description = load(as_frame=False).DESCR
    assert doi in description
    assert doi in load.__doc__
    for heading in (":Title:", ":Licence:", "Changes made:", "Known problems"):
        assert heading in description


def test_frames_work_with_scikit_learn():
    X, y = load_german_credit(return_X_y=True)
    boosting = HistGradientBoostingClassifier(max_iter=5)
    assert boosting.fit(X, y).score(X, y) > 0.7
    adult = load_adult()
    categorical = adult.data.select_dtypes("category").columns
    encode = make_column_transformer((OneHotEncoder(), categorical))
    assert encode.fit_transform(adult.data).shape[0] == len(adult.data)


def test_missing_values_of_arrays_can_be_imputed():
    X, _ = load_adult(as_frame=False, return_X_y=True)
    column = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    assert column.fit_transform(X[:, [1]]).shape == (48_842, 8)


def test_shipped_files_are_those_of_the_manifest():
    manifest = json.loads((DATA / "manifest.json").read_text("utf-8"))
    shipped = {path.name for path in DATA.iterdir()} - {"manifest.json"}
    assert shipped == set(manifest)
    for name, expected in manifest.items():
        content = (DATA / name).read_bytes()
        assert len(content) == expected["bytes"]
        assert hashlib.sha256(content).hexdigest() == expected["sha256"]
    assert sum(entry["bytes"] for entry in manifest.values()) < 1_500_000
