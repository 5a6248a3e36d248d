"""Any file of weights to a model, recognised by its contents."""

from pathlib import Path

from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.weights import archive, tflite
from atrous.weights.archive import Archive
from atrous.weights.download import Progress, resolve
from atrous.weights.official_mobilenet_v2 import import_deeplab


def load(source: str | Path, *, progress: Progress | None = None) -> Archive:
    """A segmentation model with its labels and provenance.

    Args:
        source: An archive of ours, an official `.tflite`, or a name in the manifest.
        progress: Sees a download grow.

    Raises:
        InputError: If the file is none of these or damaged.
    """
    path = resolve(source, progress=progress)
    return load_tflite(path) if is_tflite(path) else archive.load(path)


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
