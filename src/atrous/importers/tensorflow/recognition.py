"""Recognition of TensorFlow's files by their contents, and the choice among several in a folder."""

import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.file_head import FileHead, read_head
from atrous.importers.protobuf import read_varint

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
"""Last bytes of the tables that both formats of checkpoints are built on."""

INDEX = ".index"
SHARD = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")
NOTE = "checkpoint"
"""Name of the file beside checkpoints that says which is the newest."""

REFUSED = {
    "meta_architecture": "its head is a dense prediction cell (DPC), found by search, which is not built here",
    "MobilenetEdgeTPU": "its backbone is MobileNet-EdgeTPU, made for one accelerator, which is not built here",
    "pnasnet": "its backbone is PNASNet, found by search, which is not built here",
    "hnasnet": "its backbone is HNASNet, found by search, which is not built here",
    "resnet_v1_18": "its backbone is ResNet-18, which is not built here",
}
"""Networks of the official code that have no counterpart here, by the first scope of their variables."""

_V1 = re.compile(r".+\.ckpt(-\d+)?(-\d{5}-of-\d{5})?")
_GZIP = b"\x1f\x8b"
_BYTES_1, _BYTES_2 = 0x0A, b"\x12"  # fields 1 and 2, of bytes
_LONGEST_NOTE = 1 << 20
_NEWEST = re.compile(r'^model_checkpoint_path: "([^"]+)"', re.MULTILINE)


def recognises(head: FileHead) -> bool:
    """Return True for a checkpoint of either format, a frozen graph, or a folder or `.tar.gz` of these.

    A checkpoint of the second format may be named by any of its files, or without an ending.
    """
    return any(_weights_of(head.path)) if head.is_folder else _holds_weights(head)


def files_of(head: FileHead) -> tuple[Path, ...]:
    """The files that hold the weights: of a checkpoint of the second format its index and its shards.

    Raises:
        InputError: If a folder holds several checkpoints or none.
    """
    if head.is_folder:
        head = chosen(head.path)[0]
    index = index_of(head)
    if index is None:
        return (head.path,)
    name = index.name.removesuffix(INDEX)
    shards = (SHARD.fullmatch(beside.name) for beside in index.parent.iterdir())
    return (index, *sorted(index.with_name(shard[0]) for shard in shards if shard and shard[1] == name))


def index_of(head: FileHead) -> Path | None:
    """The index of a checkpoint of the second format, from any of its files or from its name without an ending."""
    name = head.path.name
    if name.endswith(INDEX):
        return head.path if _is_table(head) else None
    shard = SHARD.fullmatch(name)
    if not name or head.is_folder or (head.is_file and shard is None):
        return None
    index = head.path.with_name((shard[1] if shard else name) + INDEX)
    return index if index.is_file() else None


def is_graph(start: bytes) -> bool:
    """Return True if a file that starts with these bytes is a graph: an operation begins with its name and kind."""
    try:
        view = memoryview(start)
        _, position = read_varint(view, 1)
        length, end = read_varint(view, position + 1)
    except InputError:
        return False
    return start[0] == _BYTES_1 and start[position] == _BYTES_1 and start[end + length : end + length + 1] == _BYTES_2


def is_archive(start: bytes) -> bool:
    """Return True if a file that starts with these bytes is a `.tar.gz`."""
    if not start.startswith(_GZIP):
        return False
    try:
        plain = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(start, tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(plain, "utf-8", "surrogateescape")
    except (tarfile.TarError, zlib.error, ValueError):
        return False
    return True


def is_weights_name(name: str) -> bool:
    """Return True if a file of this name can hold weights, or says which checkpoint is the newest."""
    if name.startswith("."):
        return False  # macOS adds files such as ._frozen_inference_graph.pb to archives
    return name.endswith((".pb", INDEX)) or name == NOTE or bool(SHARD.fullmatch(name) or _V1.fullmatch(name))


def chosen(folder: Path) -> tuple[FileHead, Path | None]:
    """The checkpoint of a folder that is noted as newest, the only one, or the only graph; and the only graph, if any.

    Raises:
        InputError: If there are several or none, or one cannot be read.
    """
    heads = list(_weights_of(folder))
    graphs = [head for head in heads if is_graph(head.start)]
    indices = [head for head in heads if head.path.name.endswith(INDEX)]
    first_format = [head for head in heads if head not in graphs + indices and not SHARD.fullmatch(head.path.name)]
    graph = graphs[0].path if len(graphs) == 1 else None
    newest = _newest(folder / NOTE)
    for head in indices + first_format:
        if newest is not None and head.path.name in (newest, newest + INDEX):
            return head, graph
    choices = indices or first_format or graphs
    if len(choices) != 1:
        listed = ", ".join(head.path.name for head in choices[:5]) or "none"
        remedy = "name the file itself" if choices else "unpack the archive (tar -xf FILE) and name its file of weights"
        raise InputError(f"one checkpoint or graph is expected, found {listed:.200}; {remedy}")
    return choices[0], graph


def _weights_of(folder: Path) -> Iterator[FileHead]:
    """Heads of the files of weights in a folder, not in those within it."""
    try:
        files = [file for file in sorted(folder.iterdir()) if is_weights_name(file.name) and file.is_file()]
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror or error}") from error
    return filter(_holds_weights, map(read_head, files))


def _holds_weights(head: FileHead) -> bool:
    return index_of(head) is not None or _is_table(head) or is_graph(head.start) or is_archive(head.start)


def _is_table(head: FileHead) -> bool:
    return head.end.endswith(TABLE_MAGIC)


def _newest(note: Path) -> str | None:
    """Name of the checkpoint that a training wrote last; its folder may have been moved since."""
    if not note.is_file():
        return None
    with note.open("rb") as file:
        match = _NEWEST.search(file.read(_LONGEST_NOTE).decode("utf-8", "replace"))
    return None if match is None else Path(match[1]).name
