"""Any file of weights to a model, recognised by its contents."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from atrous.download import OnProgress
from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.file_head import FileHead, read_head
from atrous.importers.overrides import NO_OVERRIDES, Overrides
from atrous.importers.readers import read_foreign, weights_sha256
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.plain import to_plain
from atrous.weights import archive
from atrous.weights.archive import Archive
from atrous.weights.cache import find_converted, keep_converted
from atrous.weights.download import fetch, find_entry, forget, recorded_sha256, resolve
from atrous.weights.entry import Entry


def load(
    source: str | Path,
    *,
    align_corners: bool | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    output_stride: int | None = None,
    rates: tuple[int, ...] | None = None,
    multi_grid: tuple[int, int, int] | None = None,
    pool_window: tuple[int, int] | None = None,
    stride_in_1x1: bool | None = None,
    key: str | None = None,
    on_progress: OnProgress | None = None,
) -> Archive:
    """Load a segmentation model with its labels and provenance, on the CPU, in float32, outside of inference mode.

    Settings that no tensor states are read from what is in or beside the file. What is assumed nevertheless stands
    in `provenance["assumed"]`, choices made in reading in `provenance["notes"]`. Arguments override both.

    Args:
        source: An archive of ours, an official `.tflite`, a checkpoint of a project that docs/weights.md lists (file,
            folder, or the common beginning of a TensorFlow checkpoint's files), a run folder (its last checkpoint is
            used, as a line in the log says), a name in the manifest, or an archive on a Hugging Face hub
            (`hf://user/name`).
        align_corners: True if upsampling aligns the centres of the corner pixels.
        mean: Subtracted from pixel values: one number, or one for each channel; of 0..1 if all of mean and std are at
            most 1, else of 0..255.
        std: Divisor after that, in the same range.
        output_stride: Output stride that the network is planned for.
        rates: Rates of the ASPP at output stride 16.
        multi_grid: Unit rates of a ResNet's last block.
        pool_window: (height, width) in pixels of the windows of image pooling.
        stride_in_1x1: True if the bottlenecks of a ResNet stride in their first 1x1 convolution, False for the 3x3.
        key: Name of the state dict to take, where a checkpoint has several.
        on_progress: Sees a download grow.

    Raises:
        InputError: If it is none of these or damaged, or has no setting that an argument states.
    """
    overrides = Overrides(
        output_stride=output_stride,
        rates=rates,
        multi_grid=multi_grid,
        align_corners=align_corners,
        mean=mean,
        std=std,
        pool_window=pool_window,
        stride_in_1x1=stride_in_1x1,
        key=key,
    )
    with _cpu_float32():
        if entry := find_entry(source):
            return _overridden(load_entry(entry, on_progress=on_progress), overrides)
        head = read_head(resolve(source, on_progress=on_progress))
        if archive.is_archive(head):
            return _overridden(archive.load(head.path), overrides)
        return load_foreign(head, overrides=overrides)


@contextmanager
def _cpu_float32() -> Iterator[None]:
    """Build on the CPU, in float32 and outside of inference mode, whatever the caller has set."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(mode=False), torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(dtype)


def _overridden(found: Archive, overrides: Overrides) -> Archive:
    """An archive with the settings that a user states."""
    config = overrides.applied(found.model.config)
    if overrides.key is not None:
        raise InputError("--key chooses among the state dicts of a PyTorch checkpoint; an archive has one network")
    if config == found.model.config:
        return found
    model = build(config)
    model.load_state_dict(found.model.state_dict())
    stated = {"overridden": sorted(name for name in overrides.stated() if name != "scaling")}
    return replace(found, model=model.eval(), provenance={**found.provenance, **stated})


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
    head: FileHead,
    *,
    rows: LabelSpace | None = None,
    labels: LabelSpace | None = None,
    sha256: str | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> Archive:
    """Load the network of another project's file, with its classes.

    Args:
        head: Beginning of the file.
        rows: Meaning of its classes, where that is known better than from the file.
        labels: The wanted ones among them; None is all.
        sha256: Sha256 of the file, where it is known.
        overrides: Settings that the user states.

    Raises:
        InputError: If the file is damaged, has other rows, or holds a network that is not built here or segments
            nothing.
    """
    path, network = head.path, read_foreign(head, overrides)
    if rows is not None and network.segments:
        if len(rows) != network.config.classes:
            raise InputError(f"{path} has {network.config.classes} classes, not {len(rows)}; it is another file")
        network = replace(network, labels=rows, labels_stated=True)
    try:
        converted = convert(network, labels=labels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    provenance = {"source": path.name, "format": network.format, **network.choices}
    return Archive(converted.model, converted.labels, provenance, sha256 or weights_sha256(head))
