"""Files that a user already has take their places in the cache, as if they had been downloaded."""

import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from atrous.download import Remote, file_digest
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.importers.file_head import read_head
from atrous.importers.readers import read_foreign
from atrous.weights.cache import keep_converted
from atrous.weights.download import cached_file, record_sha256, remote
from atrous.weights.entry import Entry
from atrous.weights.load import read_entry
from atrous.weights.manifest import MANIFEST


def adopt(file: Path, *, name: str | None = None) -> Entry:
    """Take a file into the cache: recognised by its digest, else by its name, and read once before it is trusted.

    Args:
        file: As its publisher has it, not unpacked.
        name: Which entry of the manifest it is, where neither digest nor file name tells.

    Raises:
        InputError: If it is no file of the manifest, or not the one that is named or was trusted before, or cannot be
            read as that.
    """
    try:
        if not file.is_file():
            raise InputError(f"{file} is no file; give the one that was downloaded, not unpacked")
        digest = cache(partial(file_digest, file))  # of half a gigabyte: once for each algorithm
        entry = _recognised(file, digest) if name is None else _named(name, file, digest)
        if entry.refused:
            raise InputError(f"{entry.name}: {entry.refused}; use another model of the manifest")
        _read(entry, file, sha256=digest("sha256"))
        record_sha256(entry, digest("sha256"))
        with atomic_path(cached_file(entry)) as temporary:
            shutil.copyfile(file, temporary)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error
    return entry


def _recognised(file: Path, digest: Callable[[str], str]) -> Entry:
    """Entry whose digest the file has; else the one of its name, if the size is plausible."""
    remotes = {name: remote(entry) for name, entry in MANIFEST.items()}
    matching = [MANIFEST[name] for name, place in remotes.items() if place.digest and _fits(place, file, digest)]
    matching += [entry for name, entry in MANIFEST.items() if entry.file == file.name and not remotes[name].digest]
    if not matching:
        raise InputError(
            f"{file}: nothing in the manifest has its sha256 or its name; say which it is by --name NAME, or give "
            "the file itself wherever weights are asked for"
        )
    return _named(matching[0].name, file, digest)


def _named(name: str, file: Path, digest: Callable[[str], str]) -> Entry:
    if name not in MANIFEST:
        raise InputError(f"the manifest has no {name}; `atrous weights` lists it")
    entry = MANIFEST[name]
    if not _fits(remote(entry), file, digest):
        raise InputError(
            f"{file} is another file than {name}: its {'digest' if remote(entry).digest else 'size'} differs"
        )
    return entry


def _fits(place: Remote, file: Path, digest: Callable[[str], str]) -> bool:
    return place.is_plausible(file.stat().st_size) and place.fits(file, digest=digest)


def _read(entry: Entry, file: Path, *, sha256: str) -> None:
    """Read it as what it is said to be; a model is kept converted."""
    if entry.rows is not None:
        keep_converted(read_entry(entry, file, sha256=sha256))
    else:
        read_foreign(read_head(file))
