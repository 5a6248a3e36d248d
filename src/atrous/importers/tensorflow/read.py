"""A TensorFlow file of weights, whichever it is, as a `ForeignNetwork`."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.tensorflow.bundle import read_bundle
from atrous.importers.tensorflow.checkpoint_v1 import read_checkpoint_v1
from atrous.importers.tensorflow.graph import Graph, read_graph
from atrous.importers.tensorflow.mapping import averaged, state_of
from atrous.importers.tensorflow.network import config_of, segments
from atrous.importers.tensorflow.recognition import chosen, index_of, starts_as_archive, starts_as_graph
from atrous.importers.tensorflow.unpacking import unpack
from atrous.importers.tensorflow.variable import Variable
from atrous.labels import PASCAL_VOC
from atrous.report.wording import shortened


def read_tensorflow(path: Path) -> ForeignNetwork:
    """What a TensorFlow file of weights holds; of a folder or archive, its newest checkpoint or else its frozen graph.

    Only a graph says its output stride; a checkpoint alone gets that of the official training, 16 (lite head: 32).

    Raises:
        InputError: If it cannot be read, is damaged, or holds another network than those of the DeepLab model zoo that
            are built here.
    """
    try:
        with _unpacked(path) as place:
            return _read(place)
    except InputError as error:
        raise InputError(f"{path}: {shortened(str(error), limit=600)}") from error  # names may be anything
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The path itself, or the folder that an archive was unpacked into."""
    if not path.is_file() or not starts_as_archive(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="atrous-") as folder:
        unpack(path, Path(folder))
        yield Path(folder)


def _read(path: Path) -> ForeignNetwork:
    graph = None
    if path.is_dir():
        path, beside = chosen(path)
        graph = None if beside is None else read_graph(beside)
    if (index := index_of(path)) is not None:
        return _source(read_bundle(index), kind="TensorFlow checkpoint, format 2", graph=graph)
    if not starts_as_graph(path):
        return _source(read_checkpoint_v1(path), kind="TensorFlow checkpoint, format 1", graph=graph)
    graph = graph or read_graph(path)
    return _source(graph.variables, kind="TensorFlow frozen graph", graph=graph)


def _source(variables: Mapping[str, Variable], *, kind: str, graph: Graph | None) -> ForeignNetwork:
    kept, training = averaged(variables)
    shapes = {theirs: variable.shape for theirs, variable in kept.items()}
    config = config_of(shapes, output_stride=None if graph is None else graph.output_stride)
    has_head = segments(shapes)
    state, beyond = state_of(kept, config, segments=has_head)
    constants = () if graph is None else graph.constants
    return ForeignNetwork(
        format=kind,
        config=config,
        state=state,
        skipped={**training, **beyond, **dict.fromkeys(constants, "a constant of the graph, no weight")},
        labels=PASCAL_VOC if has_head and config.classes == len(PASCAL_VOC) else None,
        segments=has_head,
    )
