"""Any file of weights to a model, recognised by its contents."""

from dataclasses import replace
from pathlib import Path

from atrous.download import OnProgress
from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.file_head import FileHead, read_head
from atrous.importers.readers import read_foreign, weights_sha256
from atrous.labels import LabelSpace
from atrous.plain import to_plain
from atrous.weights import archive
from atrous.weights.archive import Archive
from atrous.weights.cache import find_converted, keep_converted
from atrous.weights.download import fetch, find_entry, forget, recorded_sha256, resolve
from atrous.weights.entry import Entry


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
    head = read_head(resolve(source, on_progress=on_progress))
    return archive.load(head.path) if archive.is_archive(head) else load_foreign(head)


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
    """Return True for a full disk or the like, which says nothing about the file; errors of readers have no number."""
    return isinstance(cause, OSError) and cause.errno is not None


def read_entry(entry: Entry, path: Path, *, sha256: str | None = None) -> Archive:
    """A file that is said to be an entry of the manifest, with what is known about it.

    Args:
        entry: The entry that the file is said to be.
        path: The file.
        sha256: Sha256 of the file, where it is known.

    Raises:
        InputError: If it is damaged, or holds a network of other classes.
    """
    model = load_foreign(read_head(path), rows=entry.rows, labels=entry.labels, sha256=sha256)
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
    head: FileHead, *, rows: LabelSpace | None = None, labels: LabelSpace | None = None, sha256: str | None = None
) -> Archive:
    """Load the network of another project's file, with its classes.

    Args:
        head: Beginning of the file.
        rows: Meaning of its classes, where that is known better than from the file.
        labels: The wanted ones among them; None is all.
        sha256: Sha256 of the file, where it is known.

    Raises:
        InputError: If the file is damaged, has other rows, or holds a network that is not built here or segments
            nothing.
    """
    path, network = head.path, read_foreign(head)
    if rows is not None and network.segments:
        if len(rows) != network.config.classes:
            raise InputError(f"{path} has {network.config.classes} classes, not {len(rows)}; it is another file")
        network = replace(network, labels=rows)
    try:
        converted = convert(network, labels=labels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    provenance = {"source": path.name, "format": network.format}
    return Archive(converted.model, converted.labels, provenance, sha256 or weights_sha256(head))
