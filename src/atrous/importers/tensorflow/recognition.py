"""Which files are TensorFlow's, told by their contents, and which of several is meant."""

import re
from collections.abc import Iterator
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.tensorflow.bundle import INDEX, SHARD
from atrous.importers.tensorflow.graph import is_graph
from atrous.importers.tensorflow.sstable import MAGIC
from atrous.importers.tensorflow.unpacking import GZIP, NOTE, is_tar_gz, is_weights

_START = 4096
_LONGEST_NOTE = 1 << 20
_NEWEST = re.compile(r'^model_checkpoint_path: "([^"]+)"', re.MULTILINE)


def is_tensorflow(path: Path) -> bool:
    """Whether this is a checkpoint, a frozen graph, or a folder or `.tar.gz` of these.

    A checkpoint of either format; of the second any of its files, or its name without an ending.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return any(_recognised(path)) if path.is_dir() else _is_weights_file(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def index_of(path: Path) -> Path | None:
    """The index of a checkpoint of the second format from any of its files, or from its name without an ending."""
    if path.name.endswith(INDEX):
        return path if path.is_file() and _ends_as_table(path) else None
    shard = SHARD.fullmatch(path.name)
    if not path.name or (path.exists() and shard is None):
        return None
    index = path.with_name((shard[1] if shard else path.name) + INDEX)
    return index if index.is_file() else None


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that hold the weights: of a checkpoint of the second format its index and its shards.

    Raises:
        InputError: If a folder holds several checkpoints or none.
    """
    file = chosen(path)[0] if path.is_dir() else path
    index = index_of(file)
    if index is None:
        return (file,)
    name = index.name.removesuffix(INDEX)
    shards = (SHARD.fullmatch(beside.name) for beside in index.parent.iterdir())
    return (index, *sorted(index.with_name(shard[0]) for shard in shards if shard and shard[1] == name))


def starts_as_graph(path: Path) -> bool:
    """Whether a file is a graph."""
    with path.open("rb") as file:
        return is_graph(file.read(_START))


def starts_as_archive(path: Path) -> bool:
    """Whether a file is a compressed archive."""
    with path.open("rb") as file:
        compressed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        return compressed and is_tar_gz(file)


def chosen(folder: Path) -> tuple[Path, Path | None]:
    """The checkpoint of a folder that is noted as newest, the only one, or the only graph; and the only graph, if any.

    Raises:
        InputError: If there are several or none.
        OSError: If one cannot be read.
    """
    files = list(_recognised(folder))
    graphs = [file for file in files if starts_as_graph(file)]
    indices = [file for file in files if file.name.endswith(INDEX)]
    older = [file for file in files if file not in graphs + indices and not SHARD.fullmatch(file.name)]
    graph = graphs[0] if len(graphs) == 1 else None
    newest = _newest(folder / NOTE)
    for file in indices + older:
        if newest is not None and file.name in (newest, newest + INDEX):
            return file, graph
    choices = indices or older or graphs
    if len(choices) != 1:
        listed = ", ".join(file.name for file in choices[:5]) or "none"
        raise InputError(f"one checkpoint or graph is expected, found {listed:.200}; name the file itself")
    return choices[0], graph


def _recognised(folder: Path) -> Iterator[Path]:
    """The files of weights in a folder, but not in those within it."""
    files = (file for file in sorted(folder.iterdir()) if is_weights(file.name) and file.is_file())
    return filter(_is_weights_file, files)


def _is_weights_file(path: Path) -> bool:
    if index_of(path) is not None:
        return True
    return path.is_file() and (_ends_as_table(path) or starts_as_graph(path) or starts_as_archive(path))


def _newest(note: Path) -> str | None:
    """The name of the checkpoint that a training wrote last; its folder may have been moved since."""
    if not note.is_file():
        return None
    with note.open("rb") as file:
        found = _NEWEST.search(file.read(_LONGEST_NOTE).decode("utf-8", "replace"))
    return None if found is None else Path(found[1]).name


def _ends_as_table(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(len(MAGIC), file.seek(0, 2)), 2)
        return file.read() == MAGIC
