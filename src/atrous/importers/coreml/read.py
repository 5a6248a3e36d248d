"""A Core ML file of weights as a `ForeignNetwork`."""

from pathlib import Path

from atrous.errors import InputError
from atrous.importers.coreml.network import network_of
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.tensorflow.mapped_file import mapped
from atrous.importers.tflite.official_mobilenet_v2 import import_deeplab
from atrous.labels import PASCAL_VOC
from atrous.report.wording import shortened

_LARGEST_FILE = 1 << 28
"""Bytes; the official file has 8.6 million."""

_VERSION, _DESCRIPTION = 0x08, 0x12
_LATEST = 99
"""A version of the format that is not to be expected soon; there were 10 in nine years."""

_PACKAGE = "Data/com.apple.CoreML"


def is_coreml(path: Path) -> bool:
    """Whether it starts as a `.mlmodel` does, with a version and a description, or is an `.mlpackage`.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        if path.is_dir():
            return (path / _PACKAGE).is_dir()
        with path.open("rb") as file:
            start = file.read(3)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return len(start) == 3 and start[0] == _VERSION and 0 < start[1] <= _LATEST and start[2] == _DESCRIPTION


def read_coreml(path: Path) -> ForeignNetwork:
    """What a `.mlmodel` of DeepLabv3 on MobileNetV2 holds, quantised weights dequantised.

    Raises:
        InputError: If it cannot be read, is damaged, or holds another network; the message shows the difference.
    """
    try:
        if path.is_dir():
            raise InputError("an .mlpackage, whose ML Program (MIL) is not read; give a .mlmodel with a NeuralNetwork")
        if not is_coreml(path):
            raise InputError("no Core ML model, which starts with a version and a description")
        network = network_of(path, mapped(path, largest=_LARGEST_FILE))
    except InputError as error:
        raise InputError(f"{path}: {shortened(str(error), limit=600)}") from error  # names may be anything
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    model = import_deeplab(network)
    return ForeignNetwork(
        format="Core ML, dequantised" if network.quantized else "Core ML",
        config=model.config,
        state=model.state_dict(),
        labels=PASCAL_VOC if model.config.classes == len(PASCAL_VOC) else None,
    )
