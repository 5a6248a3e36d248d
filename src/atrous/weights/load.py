"""Any file of weights to a model, recognised by its contents."""

from pathlib import Path

from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.weights import archive, tflite
from atrous.weights.archive import Archive
from atrous.weights.convert import convert
from atrous.weights.download import Progress, resolve
from atrous.weights.foreign import file_sha256, is_foreign, read_foreign
from atrous.weights.official_mobilenet_v2 import import_deeplab


def load(source: str | Path, *, progress: Progress | None = None) -> Archive:
    """A segmentation model with its labels and provenance.

    Args:
        source: An archive of ours, an official `.tflite`, a checkpoint of a project that docs/weights.md lists
            (file, or folder of Hugging Face's), or a name in the manifest.
        progress: Sees a download grow.

    Raises:
        InputError: If the file is none of these or damaged.
    """
    path = resolve(source, progress=progress)
    if is_foreign(path):
        return load_foreign(path)
    return load_tflite(path) if is_tflite(path) else archive.load(path)


def load_foreign(path: Path) -> Archive:
    """The network of another project's file, with its classes.

    Raises:
        InputError: If the file is damaged, or holds a network that is not built here or segments nothing.
    """
    source = read_foreign(path)
    try:
        converted = convert(source)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    provenance = {"source": path.name, "format": source.format, **source.provenance}
    return Archive(converted.model, converted.labels, provenance, file_sha256(path))


def load_tflite(path: Path) -> Archive:
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
        sha256=network.sha256,
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
