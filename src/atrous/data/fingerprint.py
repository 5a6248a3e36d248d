"""Fingerprints of a data set: equal where names, files and their meaning are the same."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
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
"""Size of a data set in bytes up to which all its files are read: one or two seconds."""


@dataclass(frozen=True)
class Fingerprint:
    """SHA-256 over class names, ignore value, remapping, sample names, and the files; of joined data, one of each part.

    A file that is replaced, a class that is renamed and a list that is reordered give another one.

    Attributes:
        times: With size and time of every file.
        contents: With the bytes of every file in place of its time, so that a copy has the same; None for a data set
            that is too large to be read for it.
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
        times, size = list[str](), 0
        for part in parts:
            digest = hashlib.sha256(_meaning(part))
            for file in _files(part):
                status = file.stat()
                size += status.st_size
                digest.update(f"\n{status.st_size} {status.st_mtime_ns}".encode())
            times.append(digest.hexdigest())
        contents = None if size > read_at_most else " ".join(map(_contents, parts))
    except OSError as error:
        raise InputError(unreadable(error)) from error
    return Fingerprint(" ".join(times), contents)


def is_same(saved: Any, now: Any) -> bool:
    """Return True if two fingerprints, as plain values, are of the same data.

    Contents decide, and times where contents were not read.

    Args:
        saved: As a file holds it: fields of a `Fingerprint`, or its times alone, as older run folders do.
        now: Fields of a `Fingerprint`, or None for no data.
    """
    if not (isinstance(saved, dict) and isinstance(now, dict)):
        return saved == (now["times"] if isinstance(now, dict) else now)
    known = saved.get("contents") is not None and now["contents"] is not None
    field = "contents" if known else "times"
    return saved.get(field) == now[field]


def _contents(dataset: DataSet) -> str:
    digest = hashlib.sha256(_meaning(dataset))
    for file in _files(dataset):
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _meaning(dataset: DataSet) -> bytes:
    """Classes, names of samples, and what the values of masks mean."""
    text = "\n".join([json.dumps(to_plain(dataset.labels), sort_keys=True), *dataset.names])
    source = _source(dataset)
    if isinstance(source, PairedFiles):
        text += repr((sorted(source.schema.meaning.items()), sorted(source.schema.recolor.items())))
    return text.encode("utf-8", "surrogateescape")


def _files(dataset: DataSet) -> Iterator[Path]:
    """All files of a data set, once each, in the order of its samples; a folder of instance masks is its files."""
    source = _source(dataset)
    if not isinstance(source, PairedFiles):
        return
    for path in dict.fromkeys(path for pair in source.pairs for path in (pair.image, pair.mask)):
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else (path,)


def _source(dataset: DataSet) -> DataSet:
    """The data set of files that others keep in memory or choose from."""
    while isinstance(dataset, CachedDataSet | Selection):
        dataset = dataset.source
    return dataset
