"""A TensorFlow file of weights, whichever it is, as a `Source`."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from atrous.errors import InputError
from atrous.labels import PASCAL_VOC
from atrous.weights.source import Source
from atrous.weights.tensorflow.bundle import INDEX, SHARD, read_bundle
from atrous.weights.tensorflow.checkpoint_v1 import read_checkpoint_v1
from atrous.weights.tensorflow.graph import is_graph, read_graph
from atrous.weights.tensorflow.mapping import averaged, state_of
from atrous.weights.tensorflow.network import config_of, segments
from atrous.weights.tensorflow.sstable import MAGIC
from atrous.weights.tensorflow.unpacking import GZIP, NOTE, is_tar_gz, is_weights, unpack
from atrous.weights.tensorflow.variable import Variable

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
        if path.is_dir():
            return any(is_weights(file.name) and file.is_file() and is_tensorflow(file) for file in path.iterdir())
        if _index_of(path) is not None:
            return True
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(_START)
            file.seek(0)
            if start.startswith(GZIP):
                return is_tar_gz(file)
            file.seek(-min(len(MAGIC), file.seek(0, 2)), 2)
            return file.read() == MAGIC or is_graph(start)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_tensorflow(path: Path) -> Source:
    """What a TensorFlow file of weights holds; of a folder or archive, its newest checkpoint or else its frozen graph.

    Only a graph says its output stride; a checkpoint alone gets that of the official training, 16 (lite head: 32).

    Raises:
        InputError: If it cannot be read, is damaged, or holds another network than those of the DeepLab model zoo that
            are built here.
    """
    try:
        with _unpacked(path) as place:
            return _read(place, name=path.name)
    except InputError as error:
        raise InputError(f"{path}: {error!s:.600}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The path itself, or the folder that an archive was unpacked into."""
    if not path.is_file() or not _start(path).startswith(GZIP):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="atrous-") as folder:
        unpack(path, Path(folder))
        yield Path(folder)


def _read(path: Path, *, name: str) -> Source:
    output_stride = None
    if path.is_dir():
        graphs = [file for file in path.iterdir() if is_weights(file.name) and file.suffix == ".pb"]
        if len(graphs) == 1:
            output_stride = read_graph(graphs[0]).output_stride
        path = _chosen(path)
    constants: Mapping[str, str] = {}
    if (index := _index_of(path)) is not None:
        kind, variables = "TensorFlow checkpoint, format 2", read_bundle(index)
    elif is_graph(_start(path)):
        graph = read_graph(path)
        kind, variables, output_stride = "TensorFlow frozen graph", graph.variables, graph.output_stride
        constants = dict.fromkeys(graph.constants, "a constant of the graph, no weight")
    else:
        kind, variables = "TensorFlow checkpoint, format 1", read_checkpoint_v1(path)
    return _source(variables, kind=kind, name=name, output_stride=output_stride, constants=constants)


def _source(
    variables: Mapping[str, Variable], *, kind: str, name: str, output_stride: int | None, constants: Mapping[str, str]
) -> Source:
    kept, training = averaged(variables)
    shapes = {name: variable.shape for name, variable in kept.items()}
    config = config_of(shapes, output_stride=output_stride)
    has_head = segments(shapes)
    state, beyond = state_of(kept, config, segments=has_head)
    return Source(
        format=kind,
        config=config,
        state=state,
        skipped={**training, **beyond, **constants},
        labels=PASCAL_VOC if has_head and config.classes == len(PASCAL_VOC) else None,
        segments=has_head,
        provenance={"source": name, "format": kind},
    )


def _chosen(folder: Path) -> Path:
    """The checkpoint that is noted as newest, the only one, or the only graph."""
    files = sorted(
        file for file in folder.iterdir() if is_weights(file.name) and file.is_file() and is_tensorflow(file)
    )
    graphs = [file for file in files if file.suffix == ".pb"]
    indices = [file for file in files if file.name.endswith(INDEX)]
    older = [file for file in files if file not in graphs + indices and not SHARD.fullmatch(file.name)]
    newest = _newest(folder / NOTE)
    for file in indices + older:
        if newest is not None and file.name in (newest, newest + INDEX):
            return file
    choices = indices or older or graphs
    if len(choices) != 1:
        listed = ", ".join(file.name for file in choices[:5]) or "none"
        raise InputError(f"one checkpoint or graph is expected, found {listed}; name the file itself")
    return choices[0]


def _newest(note: Path) -> str | None:
    """The name of the checkpoint that a training wrote last; its folder may have been moved since."""
    if not note.is_file():
        return None
    with note.open("rb") as file:
        found = _NEWEST.search(file.read(_LONGEST_NOTE).decode("utf-8", "replace"))
    return None if found is None else Path(found[1]).name


def _index_of(path: Path) -> Path | None:
    """The index of a checkpoint of format 2 from any of its files, or from its name without ending."""
    shard = SHARD.fullmatch(path.name)
    if path.name.endswith(INDEX):
        return path if path.is_file() and _ends_as_table(path) else None
    prefix = shard[1] if shard else path.name
    index = path.with_name(f"{prefix}{INDEX}") if prefix else path
    return index if (shard or not path.exists()) and index.is_file() else None


def _ends_as_table(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(len(MAGIC), file.seek(0, 2)), 2)
        return file.read() == MAGIC


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_START)
