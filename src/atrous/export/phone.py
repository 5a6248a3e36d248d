"""Export of weights for phones and small devices: images of one size, compared with the weights where engines run."""

from pathlib import Path

import numpy as np

from atrous.errors import InputError
from atrous.export.export import ProofError, describe
from atrous.export.fixed_size import record_at
from atrous.export.gate import Gate
from atrous.export.graph import ExportGraph
from atrous.export.phone_file import (
    PHONE_SUFFIXES,
    ExecuTorchEngine,
    LiteRtEngine,
    PhoneFormat,
    check_converter,
    write_coreml,
    write_executorch,
    write_litert,
)
from atrous.export.proof import OnProgress, Proof, prove
from atrous.export.proof_files import write_proof
from atrous.export.staging import staged
from atrous.inference.engines.description import Layout, Output
from atrous.inference.precision import generated_images
from atrous.sizes import Size
from atrous.weights.archive import Archive

DEFAULT_SIZE: Size = (513, 513)
"""Height and width of the images of a file for phones, where the user says nothing."""

LARGEST_SIDE = 4096
"""Side in pixels from which a file of one size is taken for a mistake."""

_IMAGES = 5


def phone_format(out: Path) -> PhoneFormat | None:
    """Return the format for phones that a suffix stands for; None for other suffixes."""
    return PHONE_SUFFIXES.get(out.suffix.lower())


def export_phone(
    weights: Archive,
    out: Path,
    *,
    size: Size = DEFAULT_SIZE,
    output: Output = "labels",
    layout: Layout = "nhwc",
    gate: float | None = None,
    on_progress: OnProgress | None = None,
) -> Proof | None:
    """Export weights for phones, in float32.

    LiteRT and ExecuTorch take one image of unsigned bytes and are compared with the weights on five generated images;
    the file and its proof appear together, or not at all. Core ML takes a picture, gives labels of 32 bits, and
    computes on macOS and iOS alone: the file is converted and not compared.

    Args:
        weights: Archive to export, on the CPU in float32.
        out: File to write; its suffix chooses the format.
        size: Height and width of the images.
        output: Map that the file computes.
        layout: Order of the axes of the images; Core ML's pictures have none.
        gate: Least share of equal pixels; None asks for equal labels at every decided pixel.
        on_progress: Called after every comparison.

    Returns:
        The comparison of the file with the weights; None for Core ML.

    Raises:
        ProofError: If the gate is not met.
        InputError: If a setting is impossible, a library is missing, or the converter fails.
        OutputError: If the file cannot be written.
    """
    form = phone_format(out)
    if form is None:
        raise InputError(f"--out {out}: no format for phones has the suffix {out.suffix!r}; choose {_suffixes()}")
    if not all(1 <= side <= LARGEST_SIDE for side in size):
        raise InputError(f"--size {size[0]} {size[1]}: a side of a file of one size is 1 to {LARGEST_SIDE} pixels")
    check_converter(form, out.name)
    axes: Layout = "nchw" if form == "coreml" else layout
    description = describe(weights, output=output, layout=axes, precision="float32")
    graph = ExportGraph(weights.model, output=output, layout=axes)
    program = record_at(graph, size, floats=form == "coreml")
    with staged(out) as folder:
        path = folder / out.name
        if form == "coreml":
            write_coreml(program, path, description=description)
            return None
        if form == "litert":
            write_litert(program, path)
            engine = LiteRtEngine(path, description)
        else:
            write_executorch(program, path)
            engine = ExecuTorchEngine(path, description)
        images = generated_images(description.in_channels, size=size, number=_IMAGES)
        proof = prove(
            weights.model.eval(),
            engine,
            gate=Gate.choose("float32", gate),
            logits=engine if output == "logits" else None,
            sizes=(),
            pictures=[np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in images],
            on_progress=on_progress,
        )
        if not proof.passed:
            raise ProofError(out, proof)
        write_proof(proof, path, description=description)
    return proof


def _suffixes() -> str:
    return ", ".join(PHONE_SUFFIXES)
