"""Fetches files of the manifest into a cache: whole and verified, or not at all."""

import importlib.util
import os
import re
from pathlib import Path

from atrous.download import OnProgress, Remote, download, file_digest
from atrous.errors import InputError, closest
from atrous.files import atomic_path, similar_path
from atrous.importers.file_head import FileHead
from atrous.importers.readers import is_readable
from atrous.model.presets import PRESETS
from atrous.weights import hub
from atrous.weights.cache import cache_folder
from atrous.weights.entry import Entry
from atrous.weights.manifest import MANIFEST
from atrous.weights.run_folder import last_weights


def resolve(source: str | Path, *, on_progress: OnProgress | None = None) -> Path:
    """The file that a user means: a path, or a name in the manifest or on a hub, fetched where the cache lacks it.

    A path may be a folder, or the common beginning of a TensorFlow checkpoint's files; of a run folder the last
    checkpoint is taken.

    Raises:
        InputError: If it is none of these, or fetching fails.
    """
    if str(source).startswith(hub.SCHEME):
        return hub.fetch(str(source), on_progress=on_progress)
    path = Path(source)
    if exists(path):
        return last_weights(path)
    if entry := find_entry(source):
        return fetch(entry, on_progress=on_progress)
    if path.is_symlink():
        raise InputError(f"{source} is a link that leads nowhere, or in a circle; repair or remove it")
    raise InputError(f"no such file: {source}; {_remedy(str(source))}")


def _remedy(source: str) -> str:
    """Say what to give in place of a source that is neither a file nor a known name."""
    if source in PRESETS:
        return f"{source} is a network, and has no trained weights by that name; `atrous weights` lists names that have"
    if "://" in source:
        return "weights are not read from an address; download the file and give its path"
    similar = closest(source, [*MANIFEST, *PRESETS]) or similar_path(source)
    return f"did you mean {similar!r}?" if similar else "give a file of weights, or a name that `atrous weights` lists"


def exists(path: Path) -> bool:
    """Return True for a file, a folder, or the common beginning of the names of a TensorFlow checkpoint's files.

    Raises:
        InputError: If that cannot be read.
    """
    try:
        return path.exists() or is_readable(FileHead(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def find_entry(source: str | Path) -> Entry | None:
    """The entry of the manifest that a user names; a file of that name comes first."""
    return None if os.path.exists(source) else MANIFEST.get(str(source))


def fetch(entry: Entry, *, on_progress: OnProgress | None = None, timeout: float = 30.0) -> Path:
    """The cached file, downloaded if it is not there; an interrupted download goes on where it stopped.

    Where the manifest does not have the whole sha256, that of the first download is recorded beside it, and nothing
    else is taken from then on.

    Args:
        entry: The entry to fetch.
        on_progress: Sees the download grow.
        timeout: Seconds without a byte after which a server counts as stalled.

    Raises:
        InputError: If it is a network that is not built here, no address gives the right bytes, or the cache cannot be
            written. One process downloads at a time; the others wait for it.
    """
    if entry.refused:
        raise InputError(f"{entry.name}: {entry.refused}; use another model of the manifest")
    if entry.package:
        return _packaged(entry)
    path = cached_file(entry)
    remedy = f"get {entry.file} elsewhere and make it known by `atrous weights add FILE`"
    try:
        recorded = recorded_sha256(entry)
        if recorded and not entry.sha256:
            remedy += f", or delete {_record(entry)} if its publisher has replaced it"
        download(remote(entry), path, name=entry.name, remedy=remedy, on_progress=on_progress, timeout=timeout)
        if recorded is None:
            record_sha256(entry, file_digest(path, "sha256"))
    except OSError as error:
        raise InputError(f"cannot use the cache {path.parent}: {error.strerror or error}; set ATROUS_HOME") from error
    return path


def packaged_file(entry: Entry) -> Path | None:
    """Path of an entry's file in its installed package; None without it. Nothing of the package is executed."""
    module = importlib.util.find_spec(entry.package.replace("-", "_")) if entry.package else None
    file = Path(module.origin).parent / "models" / entry.file if module and module.origin else None
    return file if file and file.is_file() else None


def _packaged(entry: Entry) -> Path:
    """Find the file of an entry in the cache, or in its package.

    Raises:
        InputError: If it is in neither, or has another sha256.
    """
    path = cached_file(entry) if cached_file(entry).is_file() else packaged_file(entry)
    if path is None:
        raise InputError(
            f"{entry.name} is in the package {entry.package}, which is not installed; "
            "install it with: pip install 'atrous[imagenet]'"
        )
    try:
        found = file_digest(path, "sha256")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if found != entry.sha256:
        raise InputError(f"{path} has another sha256 than {entry.name}; install version 0.1.0 of {entry.package} again")
    return path


def remote(entry: Entry) -> Remote:
    """Addresses of an entry, a mirror of the user (`ATROUS_MIRROR`) first, with its digest and size."""
    mirror = os.environ.get("ATROUS_MIRROR")
    urls = (f"{mirror.rstrip('/')}/{entry.file}", *entry.urls) if mirror else entry.urls
    sha256 = recorded_sha256(entry)
    return Remote(urls, digest=f"sha256:{sha256}" if sha256 else entry.digest, size=entry.size, about=entry.about)


def cached_file(entry: Entry) -> Path:
    """Path of its file, once it has been fetched."""
    return cache_folder() / entry.file


def recorded_sha256(entry: Entry) -> str | None:
    """The sha256 that its file must have: of the manifest, or of what came first.

    Raises:
        InputError: If the record is damaged.
    """
    record = _record(entry)
    if entry.sha256 or not record.exists():
        return entry.sha256
    with record.open("rb") as file:
        found = re.match(rb"[0-9a-f]{64}(?= )", file.read(80))
    if found is None:
        raise InputError(f"{record} does not hold a sha256; delete it, then what is downloaded next is trusted")
    return found[0].decode()


def record_sha256(entry: Entry, sha256: str) -> None:
    """Trust this sha256 from now on, as `sha256sum --check` reads it."""
    if not entry.sha256:
        with atomic_path(_record(entry)) as temporary:
            temporary.write_text(f"{sha256}  {entry.file}\n")


def forget(entry: Entry) -> None:
    """Delete its file and what was recorded of it."""
    for path in (cached_file(entry), _record(entry)):
        path.unlink(missing_ok=True)


def _record(entry: Entry) -> Path:
    return cache_folder() / f"{entry.file}.sha256"
