"""A TensorFlow file of weights of any kind as a `ForeignNetwork`."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.file_head import FileHead, read_head
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.tensorflow.bundle import read_bundle
from atrous.importers.tensorflow.checkpoint_v1 import read_checkpoint_v1
from atrous.importers.tensorflow.graph import Graph, read_graph
from atrous.importers.tensorflow.mapping import averaged, state_of
from atrous.importers.tensorflow.network import config_of, segments
from atrous.importers.tensorflow.recognition import chosen, index_of, is_archive, is_graph
from atrous.importers.tensorflow.unpacking import unpack
from atrous.importers.tensorflow.variable import Variable
from atrous.labels import PASCAL_VOC
from atrous.report.wording import shortened


def read_tensorflow(path: Path) -> ForeignNetwork:
    """Read a TensorFlow file of weights; of a folder or archive, its newest checkpoint or else its frozen graph.

    Only a graph says its output stride; a checkpoint alone gets that of the official training, 16 (lite head: 32).

    Raises:
        InputError: If it cannot be read, is damaged, or holds another network than those of the DeepLab model zoo that
            are built here.
    """
    try:
        with _unpacked(read_head(path)) as head:
            return _read(head)
    except InputError as error:
        raise InputError(f"{path}: {shortened(str(error), limit=600)}") from error  # names may be anything
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


@contextmanager
def _unpacked(head: FileHead) -> Iterator[FileHead]:
    """The file itself, or the folder that an archive was unpacked into."""
    if not is_archive(head.start):
        yield head
        return
    with tempfile.TemporaryDirectory(prefix="atrous-") as folder:
        unpack(head.path, Path(folder))
        yield read_head(Path(folder))


def _read(head: FileHead) -> ForeignNetwork:
    graph = None
    if head.is_folder:
        head, beside = chosen(head.path)
        graph = None if beside is None else read_graph(beside)
    if (index := index_of(head)) is not None:
        return _network(read_bundle(index), kind="TensorFlow checkpoint, format 2", graph=graph)
    if not is_graph(head.start):
        return _network(read_checkpoint_v1(head.path), kind="TensorFlow checkpoint, format 1", graph=graph)
    graph = graph or read_graph(head.path)
    return _network(graph.variables, kind="TensorFlow frozen graph", graph=graph)


def _network(variables: Mapping[str, Variable], *, kind: str, graph: Graph | None) -> ForeignNetwork:
    kept, training = averaged(variables)
    shapes = {theirs: variable.shape for theirs, variable in kept.items()}
    config = config_of(shapes, output_stride=None if graph is None else graph.output_stride)
    has_head = segments(shapes)
    state, beyond = state_of(kept, config, segments=has_head)
    assumed = (
        ("rates", "scaling") if graph is not None and graph.output_stride else ("output_stride", "rates", "scaling")
    )
    constants = () if graph is None else graph.constants
    return ForeignNetwork(
        format=kind,
        config=config,
        state=state,
        skipped={**training, **beyond, **dict.fromkeys(constants, "a constant of the graph, no weight")},
        labels=PASCAL_VOC if has_head and config.classes == len(PASCAL_VOC) else None,
        segments=has_head,
        assumed=assumed if has_head else (),
    )
