"""Model repositories of NVIDIA Triton: an exported ONNX file with the configuration that its server reads."""

import re
import shutil
from pathlib import Path

from atrous.errors import InputError, OutputError
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.export_format import format_of

LARGEST_BATCH = 8
"""Images of one size that the server computes together."""

_NAME = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)


def check_triton(out: Path) -> None:
    """Raise InputError for a file that cannot become a model of a repository: no ONNX, or a name of other letters."""
    if format_of(out) != "onnx":
        raise InputError(f"--triton takes ONNX files; give --out {out.stem}.onnx")
    if not _NAME.fullmatch(out.stem):
        raise InputError(f"--triton names the model {out.stem!r:.80}; choose an --out of letters, digits, _ . and -")


def write_triton(path: Path, repository: Path, *, description: ExportDescription) -> Path:
    """Copy an exported file into a repository as version 1 of the model of its name, beside its `config.pbtxt`.

    Args:
        path: Exported file, `.onnx`.
        repository: Folder of models; created if missing.
        description: Description of the exported model.

    Returns:
        The folder of the model.

    Raises:
        InputError: If the file is no ONNX file, or the folder cannot be written.
    """
    check_triton(path)
    folder = repository / path.stem
    try:
        (folder / "1").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / "1" / "model.onnx")
        (folder / "config.pbtxt").write_text(triton_config(path.stem, description), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}; choose another --triton") from error
    return folder


def triton_config(name: str, description: ExportDescription) -> str:
    """Return the text of `config.pbtxt`; -1 stands for heights and widths of any length."""
    channels = description.in_channels
    image = (-1, -1, channels) if description.layout == "nhwc" else (channels, -1, -1)
    labels = description.output == "labels"
    result = (-1, -1) if labels else (len(description.labels), -1, -1)
    return f"""name: "{name}"
backend: "onnxruntime"
max_batch_size: {LARGEST_BATCH}
input [ {{ name: "image" data_type: TYPE_UINT8 dims: {[*image]} }} ]
output [ {{ name: "{description.output}" data_type: {"TYPE_UINT8" if labels else "TYPE_FP32"} dims: {[*result]} }} ]
dynamic_batching {{ }}
"""
