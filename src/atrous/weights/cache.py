"""The cache of fetched files and of archives converted from them."""

from dataclasses import replace
from pathlib import Path

from atrous.errors import InputError
from atrous.files import cache_folder
from atrous.weights import archive
from atrous.weights.archive import Archive

IMPORTER = 3
"""To be raised whenever a foreign file gives another network than before: what was converted then is left behind."""


def converted_file(sha256: str) -> Path:
    """Path of the archive that this importer makes of a source."""
    return cache_folder() / "converted" / f"{sha256[:32]}-{archive.FORMAT}.{IMPORTER}.safetensors"


def find_converted(sha256: str) -> Archive | None:
    """The archive that was made of a source, named by the source's sha256; None where there is none, or a broken one.

    Archives are verified when they are read, so a damaged one is made again.
    """
    path = converted_file(sha256)
    try:
        return replace(archive.load(path), sha256=sha256) if path.is_file() else None
    except InputError:
        return None


def keep_converted(model: Archive) -> None:
    """Write what was made of a source, named by the source's sha256.

    Raises:
        InputError: If the cache cannot be written.
    """
    archive.save(converted_file(model.sha256), model.model, labels=model.labels, provenance=model.provenance)
