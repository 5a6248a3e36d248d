"""A fingerprint of a data set: equal where names, files and their meaning are the same."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from atrous.data.cache import CachedDataSet
from atrous.data.complaints import unreadable
from atrous.data.dataset import DataSet
from atrous.data.pairs import PairedFiles
from atrous.data.selection import Selection
from atrous.errors import InputError
from atrous.plain import to_plain


def fingerprint(dataset: DataSet, *, contents: bool = False) -> str:
    """SHA-256 over class names, ignore value, remapping, sample names, and the size and time of every file.

    A file that is replaced, a class that is renamed and a list that is reordered give another fingerprint. It costs one
    look at the folder entry of each file.

    Args:
        dataset: The data set; of one without files, names and classes count.
        contents: Hash the bytes of the files in place of their times: equal for copies, but all files are read.

    Raises:
        InputError: If a file is missing or cannot be read.
    """
    digest = hashlib.sha256(json.dumps(to_plain(dataset.labels), sort_keys=True).encode())
    for name in dataset.names:
        digest.update(f"\n{name}".encode("utf-8", "surrogateescape"))
    source = _source(dataset)
    if isinstance(source, PairedFiles):
        digest.update(repr((sorted(source.schema.meaning.items()), sorted(source.schema.recolor.items()))).encode())
        try:
            for path in dict.fromkeys(path for pair in source.pairs for path in (pair.image, pair.mask)):
                for file in _files(path):
                    status = file.stat()
                    digest.update(f"\n{status.st_size} {'' if contents else status.st_mtime_ns}".encode())
                    if contents:
                        with file.open("rb") as opened:
                            digest.update(hashlib.file_digest(opened, "sha256").digest())
        except OSError as error:
            raise InputError(unreadable(error)) from error
    return digest.hexdigest()


def _source(dataset: DataSet) -> DataSet:
    """The data set of files that others keep in memory or choose from."""
    while isinstance(dataset, CachedDataSet | Selection):
        dataset = dataset.source
    return dataset


def _files(path: Path) -> Iterator[Path]:
    """A file, or the files of a folder of instance masks."""
    yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else (path,)
