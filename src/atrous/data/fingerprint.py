"""Fingerprints of a data set, which change with its names, its files and their meaning."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

from atrous.data.cache import CachedDataSet
from atrous.data.complaints import unreadable
from atrous.data.dataset import DataSet
from atrous.data.joined import JoinedData
from atrous.data.pairs import PairedFiles
from atrous.data.selection import Selection
from atrous.errors import InputError
from atrous.plain import to_plain

READ_AT_MOST = 2**30
"""Size of a data set in bytes up to which all its files are read. Training reads them anyway; hashing takes 0.7 s."""


@dataclass(frozen=True)
class Fingerprint:
    """SHA-256 over class names, ignore value, remapping, sample names, and the files; of joined data, one of each part.

    A file that is replaced, a class that is renamed and a list that is reordered give another one.

    Attributes:
        times: The digest that includes size and time of every file.
        contents: The digest that includes the bytes of every file and no time, so that a copy has the same one; None
            for a data set of more bytes than are read.
    """

    times: str
    contents: str | None


def fingerprint(dataset: DataSet, *, read_at_most: int = READ_AT_MOST) -> Fingerprint:
    """Compute the fingerprint of a data set; of one without files, names and classes count.

    Args:
        dataset: The data set.
        read_at_most: Size in bytes up to which the files are read. Above it only their folder entries are.

    Raises:
        InputError: If a file is missing or cannot be read.
    """
    parts = dataset.parts if isinstance(dataset, JoinedData) else (dataset,)
    try:
        described = [(_meaning(part), list(_files(part))) for part in parts]
        times, size = list[str](), 0
        for meaning, files in described:
            digest = hashlib.sha256(meaning)
            for file in files:
                status = file.stat()
                size += status.st_size
                digest.update(f"\n{status.st_size} {status.st_mtime_ns}".encode())
            times.append(digest.hexdigest())
        contents = None if size > read_at_most else " ".join(starmap(_contents, described))
    except OSError as error:
        raise InputError(unreadable(error)) from error
    return Fingerprint(" ".join(times), contents)


def reconciled(saved: Any, now: Any) -> Any:
    """Return a saved fingerprint in which only what decides can differ from the one of now.

    Contents decide. Where they were not read, then or now, times do.

    Args:
        saved: As a file holds it: fields of a `Fingerprint`, or its times alone, as older run folders do.
        now: Fields of a `Fingerprint`; None for no data.
    """
    if not isinstance(now, dict):
        return saved
    if isinstance(saved, str):
        saved = {"times": saved, "contents": None}
    if not isinstance(saved, dict):
        return saved
    by_contents = saved.get("contents") is not None and now["contents"] is not None
    free = "times" if by_contents else "contents"
    return {**saved, free: now[free]}


def _contents(meaning: bytes, files: Sequence[Path]) -> str:
    digest = hashlib.sha256(meaning)
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _meaning(dataset: DataSet) -> bytes:
    """Classes, names of samples, and what the values of masks mean."""
    text = "\n".join([json.dumps(to_plain(dataset.labels), sort_keys=True), *dataset.names])
    for source in _sources(dataset):
        text += repr((sorted(source.schema.meaning.items()), sorted(source.schema.recolor.items())))
    return text.encode("utf-8", "surrogateescape")


def _files(dataset: DataSet) -> Iterator[Path]:
    """All files that samples are read from, once each, in their order; a folder of instance masks is its files."""
    pairs = (pair for source in _sources(dataset) for pair in source.pairs)
    for path in dict.fromkeys(path for pair in pairs for path in (pair.image, pair.mask, pair.ignore) if path):
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else (path,)


def _sources(dataset: DataSet) -> Iterator[PairedFiles]:
    """The data sets of files that others keep in memory, choose from or join."""
    if isinstance(dataset, CachedDataSet | Selection):
        yield from _sources(dataset.source)
    elif isinstance(dataset, JoinedData):
        for part in dataset.parts:
            yield from _sources(part)
    elif isinstance(dataset, PairedFiles):
        yield dataset
