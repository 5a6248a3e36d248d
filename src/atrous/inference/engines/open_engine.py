"""Opening of exported files by the engine that computes them."""

from pathlib import Path

from atrous.errors import InputError
from atrous.inference.engines.aot_inductor import open_package
from atrous.inference.engines.engine import Engine
from atrous.inference.engines.export_format import SUFFIXES, format_of
from atrous.inference.engines.onnx_runtime import OnnxRuntimeEngine
from atrous.inference.engines.openvino_engine import OpenVinoEngine


def is_exported(weights: str | Path) -> bool:
    """Return True if weights are to be opened by an engine: a file of the suffix of exported files."""
    return format_of(Path(weights)) is not None and Path(weights).is_file()


def open_engine(path: Path) -> Engine:
    """Open an exported file.

    Raises:
        InputError: If the file is missing, damaged, or was not written by this package, or its engine is not installed.
    """
    if not path.is_file():
        raise InputError(f"{path} is not there; give a file that atrous export has written")
    match format_of(path):
        case "onnx":
            return OnnxRuntimeEngine(path)
        case "openvino":
            return OpenVinoEngine(path)
        case "torch":
            return open_package(path)
        case None:
            raise InputError(f"{path} is no exported file: its suffix is none of {', '.join(SUFFIXES)}")
