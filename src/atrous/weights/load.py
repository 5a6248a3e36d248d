"""Any file of weights to a model, recognised by its contents."""

from dataclasses import replace
from pathlib import Path

from atrous.download import OnProgress
from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.tflite import read as tflite
from atrous.importers.tflite.official_mobilenet_v2 import import_deeplab
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.plain import to_plain
from atrous.weights import archive
from atrous.weights.archive import Archive
from atrous.weights.cache import find_converted, keep_converted
from atrous.weights.download import fetch, find_entry, forget, recorded_sha256, resolve
from atrous.weights.entry import Entry
from atrous.weights.foreign import file_sha256, is_foreign, read_foreign


def load(source: str | Path, *, on_progress: OnProgress | None = None) -> Archive:
    """A segmentation model with its labels and provenance.

    Args:
        source: An archive of ours, an official `.tflite`, a checkpoint of a project that docs/weights.md lists (file,
            folder, or the common beginning of a TensorFlow checkpoint's files), a name in the manifest, or an archive
            on a Hugging Face hub (`hf://user/name`).
        on_progress: Sees a download grow.

    Raises:
        InputError: If it is none of these or damaged.
    """
    if entry := find_entry(source):
        return load_entry(entry, on_progress=on_progress)
    path = resolve(source, on_progress=on_progress)
    if is_foreign(path):
        return load_foreign(path)
    return load_tflite(path) if is_tflite(path) else archive.load(path)


def load_entry(entry: Entry, *, on_progress: OnProgress | None = None) -> Archive:
    """The model of an entry of the manifest: downloaded once, converted once.

    Raises:
        InputError: If it cannot be fetched or read, or segments nothing.
    """
    if entry.rows is None:
        raise InputError(f"{entry.name} classifies whole images; train from it: --backbone-weights {entry.name}")
    sha256 = recorded_sha256(entry)
    if sha256 and (found := find_converted(sha256)):
        return found
    path = fetch(entry, on_progress=on_progress)
    try:
        model = read_entry(entry, path, sha256=recorded_sha256(entry))
    except InputError as error:
        if sha256 is None and not _is_of_the_system(error.__cause__):  # what cannot be read is not to be trusted
            forget(entry)
        raise
    keep_converted(model)
    return model


def _is_of_the_system(cause: BaseException | None) -> bool:
    """Whether a disk is full, or the like, which says nothing about the file; complaints of readers have no number."""
    return isinstance(cause, OSError) and cause.errno is not None


def read_entry(entry: Entry, path: Path, *, sha256: str | None = None) -> Archive:
    """A file that is said to be an entry of the manifest, with what is known about it.

    Args:
        entry: What it is said to be.
        path: The file.
        sha256: Of the file, where it is known.

    Raises:
        InputError: If it is damaged, or holds a network of other classes.
    """
    if is_foreign(path):
        model = load_foreign(path, rows=entry.rows, labels=entry.labels, sha256=sha256)
    else:
        model = load_tflite(path, sha256=sha256)
    if model.labels != (entry.labels or entry.rows):
        raise InputError(f"{path} has {len(model.labels)} classes, which {entry.name} has not; it is another file")
    known = {
        "name": entry.name,
        "publisher": entry.source,
        "trained_on": entry.data,
        "licence": entry.licence,
        "published": to_plain(entry.published),
        "address": entry.urls[0],
    }
    return replace(model, provenance={**known, **model.provenance, "sha256": model.sha256})


def load_foreign(
    path: Path, *, rows: LabelSpace | None = None, labels: LabelSpace | None = None, sha256: str | None = None
) -> Archive:
    """The network of another project's file, with its classes.

    Args:
        path: The file.
        rows: What its classes mean, where that is known better than from the file.
        labels: Those of them that are wanted; None is all.
        sha256: Of the file, where it is known.

    Raises:
        InputError: If the file is damaged, has other rows, or holds a network that is not built here or segments
            nothing.
    """
    source = read_foreign(path)
    if rows is not None and source.segments:
        if len(rows) != source.config.classes:
            raise InputError(f"{path} has {source.config.classes} classes, not {len(rows)}; it is another file")
        source = replace(source, labels=rows)
    try:
        converted = convert(source, labels=labels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    provenance = {"source": path.name, "format": source.format}
    return Archive(converted.model, converted.labels, provenance, sha256 or file_sha256(path))


def load_tflite(path: Path, *, sha256: str | None = None) -> Archive:
    """An official DeepLabv3 `.tflite`, 8-bit ones dequantised; with 21 classes its labels are PASCAL VOC's.

    Raises:
        InputError: If the file is damaged or holds another network.
    """
    network = tflite.read(path)
    model = import_deeplab(network)
    classes = model.config.classes
    return Archive(
        model,
        labels=PASCAL_VOC if classes == len(PASCAL_VOC) else LabelSpace.unnamed(classes),
        provenance={"source": path.name, "format": "TFLite, dequantised" if network.quantized else "TFLite"},
        sha256=sha256 or file_sha256(path),
    )


def is_tflite(path: Path) -> bool:
    """Whether the file carries TFLite's mark.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == tflite.IDENTIFIER
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
