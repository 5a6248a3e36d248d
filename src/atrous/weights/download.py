"""Fetches files of the manifest into a cache: whole and verified, or not at all."""

import os
from pathlib import Path

from atrous.download import Progress, Remote, download
from atrous.errors import InputError
from atrous.weights.manifest import MANIFEST, Entry


def resolve(source: str | Path, *, progress: Progress | None = None) -> Path:
    """The file that a user means: a path, or a name in the manifest, fetched where the cache lacks it.

    Raises:
        InputError: If it is neither, or fetching fails.
    """
    path = Path(source)
    try:
        if path.exists():
            return path
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if str(source) in MANIFEST:
        return fetch(MANIFEST[str(source)], progress=progress)
    raise InputError(f"no such file: {source}; give a file of weights, or a name: {', '.join(MANIFEST)}")


def cache_folder() -> Path:
    """`ATROUS_HOME`, or `atrous` in the user's cache folder (`XDG_CACHE_HOME`, by default `~/.cache`)."""
    home = os.environ.get("ATROUS_HOME")
    if home:
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "atrous"


def fetch(entry: Entry, *, progress: Progress | None = None, timeout: float = 30.0) -> Path:
    """The cached file, downloaded if it is not there; an interrupted download goes on where it stopped.

    Args:
        entry: What to fetch.
        progress: Sees the download grow.
        timeout: Seconds without a byte after which a server counts as stalled.

    Raises:
        InputError: If no address gives the right bytes or the cache cannot be written. One process downloads at a
            time; the others wait for it.
    """
    path = cache_folder() / entry.file
    remote = Remote(entry.urls, digest=f"sha256:{entry.sha256}", size=entry.size)
    remedy = "get it elsewhere and pass --backbone-weights FILE"
    try:
        download(remote, path, name=entry.name, remedy=remedy, progress=progress, timeout=timeout)
    except OSError as error:
        raise InputError(f"cannot use the cache {path.parent}: {error.strerror or error}; set ATROUS_HOME") from error
    return path
