"""Formats of exported files, by suffix."""

from pathlib import Path
from typing import Literal

ExportFormat = Literal["onnx", "openvino", "torch"]
"""Format of an exported file; `torch` is a package of its AOTInductor."""

SUFFIXES: dict[str, ExportFormat] = {".onnx": "onnx", ".xml": "openvino", ".pt2": "torch"}


def format_of(path: Path) -> ExportFormat | None:
    """Return the format that a file's suffix stands for; None for other suffixes."""
    return SUFFIXES.get(path.suffix.lower())
