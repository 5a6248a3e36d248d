"""Fetches files of the manifest into a cache: whole and verified, or not at all."""

import hashlib
import http.client
import os
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout

from atrous.errors import InputError
from atrous.weights.manifest import MANIFEST, Entry

Progress = Callable[[int, int], None]
"""Called with bytes there and bytes in all."""

_CHUNK = 1 << 16
_ATTEMPTS_PER_URL = 2
_LOCK_SECONDS = 3600


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
            if not (path.is_file() and _sha256(path) == entry.sha256):
                _download(entry, path, progress=progress, timeout=timeout)
    except Timeout as error:
        raise InputError(f"another process has held {path}.lock for an hour; stop it and try again") from error
    except OSError as error:
        raise InputError(f"cannot use the cache {path.parent}: {error.strerror or error}; set ATROUS_HOME") from error
    return path


def _download(entry: Entry, path: Path, *, progress: Progress | None, timeout: float) -> None:
    # Kept after a failure, so that the next attempt resumes it; the sha256 below decides what becomes of it.
    partial = path.with_name(f"{path.name}.part")
    problem = ""
    for url in entry.urls:
        for _ in range(_ATTEMPTS_PER_URL):
            try:
                _receive(url, partial, size=entry.size, progress=progress, timeout=timeout)
            except _NotServed as error:
                problem = f"{url}: {error}"
                continue
            if _sha256(partial) == entry.sha256:
                partial.replace(path)
                return
            partial.unlink()  # wrong bytes from this server, or from an earlier one that was resumed
            problem = f"{url}: the file there is another one (its sha256 is not {entry.sha256[:12]}...)"
    raise InputError(f"cannot download {entry.name} ({problem}); get it elsewhere and pass --backbone-weights FILE")


class _NotServed(Exception):  # noqa: N818
    """A server did not give the rest of the file."""


def _receive(url: str, partial: Path, *, size: int, progress: Progress | None, timeout: float) -> None:
    """Append to the partial file what it still lacks."""
    there = partial.stat().st_size if partial.exists() else 0
    if there >= size:
        return
    request = Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        with urlopen(request, timeout=timeout) as response, partial.open("ab") as file:
            if there and response.status == HTTPStatus.OK:  # it sends everything again
                file.truncate(0)
                there = 0
            elif there and not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
                file.truncate(0)
                raise _NotServed("another range than asked for")
            while there < size and (chunk := response.read1(min(_CHUNK, size - there))):
                file.write(chunk)
                there += len(chunk)
                if progress is not None:
                    progress(there, size)
    except HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # the file there is shorter
            partial.unlink(missing_ok=True)
        raise _NotServed(f"HTTP {error.code}") from error
    except URLError as error:
        raise _NotServed(error.reason) from error
    except TimeoutError as error:
        raise _NotServed(f"stalled for {timeout:g} s") from error
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise _NotServed(f"connection broken ({type(error).__name__})") from error
    if there < size:
        raise _NotServed(f"ended after {there} of {size} bytes")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
