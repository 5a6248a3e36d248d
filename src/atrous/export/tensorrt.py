"""Optimisation profiles of TensorRT: the smallest, the most frequent and the largest size of a user's pictures."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from atrous.errors import InputError, OutputError
from atrous.export.triton import LARGEST_BATCH
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.export_format import format_of
from atrous.sizes import Size


def check_tensorrt(out: Path) -> None:
    """Raise InputError for a file that TensorRT cannot read: no ONNX."""
    if format_of(out) != "onnx":
        raise InputError(f"--tensorrt is for ONNX files; give --out {out.stem}.onnx")


def profile_sizes(sizes: Sequence[Size]) -> tuple[Size, Size, Size]:
    """Smallest, most frequent and largest (height, width) of a profile.

    Heights and widths of the first and the last are bounds by themselves: 2x9 and 5x4 give 2x4 and 5x9. Of sizes that
    are equally frequent the one with most pixels counts.

    Raises:
        InputError: If there are no sizes.
    """
    if not sizes:
        raise InputError("a profile of TensorRT needs the size of one picture at least; give a folder of pictures")
    counted = Counter(sizes)
    frequent = max(counted, key=lambda size: (counted[size], size[0] * size[1], size))
    heights, widths = zip(*sizes, strict=True)
    return (min(heights), min(widths)), frequent, (max(heights), max(widths))


def trtexec_arguments(onnx_file: str, sizes: Sequence[Size], *, description: ExportDescription) -> list[str]:
    """Arguments of NVIDIA's `trtexec` that build an engine for one image up to `LARGEST_BATCH` images of these sizes.

    Args:
        onnx_file: Name of the ONNX file.
        sizes: (height, width) of the pictures.
        description: Description of the exported model.
    """
    stated = []
    batches = (1, 1, LARGEST_BATCH)
    for name, batch, (height, width) in zip(("min", "opt", "max"), batches, profile_sizes(sizes), strict=True):
        channels = description.in_channels
        shape = (height, width, channels) if description.layout == "nhwc" else (channels, height, width)
        stated.append(f"--{name}Shapes=image:{'x'.join(map(str, (batch, *shape)))}")
    return [f"--onnx={onnx_file}", *stated, f"--saveEngine={Path(onnx_file).stem}.plan"]


def write_tensorrt(path: Path, sizes: Sequence[Size], *, description: ExportDescription) -> Path:
    """Write `FILE.trtexec.sh`, the command that builds an engine, beside an exported ONNX file.

    Returns:
        The written file.

    Raises:
        InputError: If the file is no ONNX file, there are no sizes, or the command cannot be written.
    """
    check_tensorrt(path)
    command = shlex.join(["trtexec", *trtexec_arguments(path.name, sizes, description=description)])
    written = path.with_name(f"{path.name}.trtexec.sh")
    try:
        written.write_text(f"{command}\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {written}: {error.strerror or error}; choose another --out") from error
    return written
