"""The output folder: rows as they finish, then the summary."""

import csv
import json
import math
import platform
from importlib.metadata import version
from pathlib import Path

from fairlearnkit import __version__
from fairlearnkit.cli._errors import InputError, one_line
from fairlearnkit.cli._measures import label_of

__all__ = ["PICTURE", "ROWS", "SUMMARY", "RowFile", "open_folder", "write_summary"]

ROWS, SUMMARY, PICTURE = "results.csv", "summary.json", "picture.png"
_PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "narwhals")


class RowFile:
    """A CSV file that holds every row as soon as it is written.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path):
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, row):
        """Append a row; the first one brings the header."""
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, list(row))
            self._writer.writeheader()
        self._writer.writerow(row)
        self._file.flush()


def open_folder(name):
    """Make the folder, and remove the results of an earlier run from it."""
    folder = Path(name)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write to {folder}: it is a file, not a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (ROWS, SUMMARY, PICTURE):
            (folder / old).unlink(missing_ok=True)
        (folder / ROWS).touch()
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {one_line(error)}") from error
    return folder


def write_summary(path, data, summaries, rates, arguments):
    """Write means, rates by group, settings and versions as JSON."""
    sizes = data.group_sizes()
    content = {
        "methods": {
            method: {**summary, "rates_by_group": rates[method]}
            for method, summary in summaries.items()
        },
        "interval": "95 % interval of one test set, ends averaged over the splits",
        "data": {
            "name": data.name,
            "rows": len(data.y),
            "positive": data.labels[1],
            "negative": data.labels[0],
            "sensitive": list(data.groups.names),
            "groups": {
                label_of(label): {"rows": rows, "positive_share": share}
                for label, rows, share in sizes
            },
        },
        "arguments": vars(arguments),
        "versions": {
            "fairlearnkit": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }
    text = json.dumps(_without_nan(content), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _without_nan(value):
    """JSON has no NaN: null stands for an undefined number."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
