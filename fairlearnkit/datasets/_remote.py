"""Files that are not shipped: a cache folder, a download, and the hash of both."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.request import urlopen

__all__ = ["cached_file", "check_hash", "data_folder"]

TIMEOUT = 60  # seconds without an answer


def data_folder(data_home: str | os.PathLike | None) -> Path:
    """Return the cache folder, made if absent.

    It is `data_home`, or ``$FAIRLEARNKIT_DATA``, or ``~/fairlearnkit_data``.
    """
    chosen = data_home or os.environ.get("FAIRLEARNKIT_DATA", "~/fairlearnkit_data")
    folder = Path(chosen).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_hash(content: bytes, sha256: str, origin: object) -> None:
    """Raise ValueError unless the content is the published one."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{origin} is not the published file: its SHA-256 is {found}, expected "
            f"{sha256}; fetch it again, unchanged."
        )


def cached_file(
    url: str, sha256: str, *, folder: Path, download_if_missing: bool
) -> Path:
    """Return the path of the file that `url` names, downloaded at most once."""
    path = folder / url.rpartition("/")[2]
    if path.is_file():
        return path
    if not download_if_missing:
        raise OSError(
            f"{path} does not exist and download_if_missing is False; pass path= with "
            "a local copy, or allow the download."
        )
    try:
        with urlopen(url, timeout=TIMEOUT) as answer:
            content = answer.read()
    except OSError as error:
        raise OSError(
            f"{url} could not be downloaded ({error}); fetch it by other means and "
            "pass path=."
        ) from error
    check_hash(content, sha256, url)
    # Written whole or not at all: an interrupted write leaves only the partial name.
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
    return path
