"""Export of weights to a file for another engine, which gets its name only after it was compared with the weights."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.export.gate import Gate
from atrous.export.graph import ExportGraph
from atrous.export.int8 import LayerPrecision, Pictures, calibration_shift, split_pictures
from atrous.export.int8_onnx import onnx_layer_precisions, quantised_onnx
from atrous.export.int8_openvino import layer_precisions, quantised
from atrous.export.onnx_file import DEFAULT_OPSET, check_opset, onnx_model, save_onnx
from atrous.export.openvino_file import openvino_model, save_openvino
from atrous.export.program import record, record_with_logits
from atrous.export.proof import OnProgress, Proof, prove
from atrous.export.proof_files import write_proof
from atrous.export.scores import check_data, score
from atrous.export.staging import staged
from atrous.export.torch_file import save_package
from atrous.inference.engines.aot_inductor import AotInductorEngine
from atrous.inference.engines.description import ExportDescription, ExportPrecision, Layout, Output
from atrous.inference.engines.engine import Engine
from atrous.inference.engines.export_format import SUFFIXES, ExportFormat, format_of
from atrous.inference.engines.onnx_runtime import OnnxRuntimeEngine
from atrous.inference.engines.openvino_engine import OpenVinoEngine
from atrous.weights.archive import Archive


class ProofError(InputError):
    """An exported file that does not meet its gate; nothing was written.

    Attributes:
        proof: The comparison.
    """

    def __init__(self, out: Path, proof: Proof) -> None:
        unmet = f"{proof.summary()}; the gate is {proof.gate}"
        if proof.scores is not None and not proof.scores.passed:
            unmet = str(proof.scores)
        super().__init__(f"{out} is not written: {unmet}")
        self.proof = proof


@dataclass(frozen=True)
class Written:
    """Files of an export before they have their names.

    Attributes:
        engine: The exported file, opened.
        logits: The same graph with logits as its output; None where it would have to be compiled a second time.
        layers: Number types of the convolutions, where some have 8 bits.
    """

    engine: Engine
    logits: Engine | None
    layers: tuple[LayerPrecision, ...] = ()


def output_format(out: Path) -> ExportFormat:
    """Return the format that a file's suffix stands for; raises InputError for other suffixes."""
    found = format_of(out)
    if found is None:
        raise InputError(f"--out {out}: no format has the suffix {out.suffix!r}; choose {', '.join(SUFFIXES)}")
    return found


def describe(weights: Archive, *, output: Output, layout: Layout, precision: ExportPrecision) -> ExportDescription:
    """Describe the file that weights become: their classes, origin and range of values, and its own settings."""
    return ExportDescription(
        labels=weights.labels,
        output=output,
        layout=layout,
        precision=precision,
        in_channels=weights.model.config.in_channels,
        output_stride=weights.model.output_stride,
        weights_sha256=weights.sha256,
        picture_range=weights.picture_range,
    )


def export(
    weights: Archive,
    out: Path,
    *,
    output: Output = "labels",
    layout: Layout = "nhwc",
    precision: ExportPrecision = "float32",
    opset: int = DEFAULT_OPSET,
    gate: float | None = None,
    calibration: Pictures = (),
    data: DataSet | None = None,
    on_progress: OnProgress | None = None,
) -> Proof:
    """Export weights; the file and its proof (`FILE.proof.json`, `FILE.proof.md`) appear together, or not at all.

    The graph takes images of unsigned bytes of any batch, height and width. Scaling, padding, upsampling, crop and
    argmax are inside.

    Args:
        weights: Archive to export, on the CPU in float32.
        out: File to write; its suffix chooses the format.
        output: Map that the file computes.
        layout: Order of the axes of the images.
        precision: Number type of the convolutions.
        opset: Version of ONNX's operators.
        gate: Least share of equal pixels; None is the default of the number type.
        calibration: Pictures of the user for 8 bits. Three of four set the ranges of the layers; the others are
            compared, and the gate looks at them alone.
        data: Labelled images on which weights and file are evaluated; at most `MAX_LOST_POINTS` of mean IoU may be
            lost (`export/scores.py`).
        on_progress: Called after every comparison, those that choose the layers of 8 bits included, and after every
            image of the evaluations.

    Returns:
        The comparison of the file with the weights.

    Raises:
        ProofError: If the gate is not met.
        InputError: If a setting is impossible, a library is missing, or the file cannot be written.
    """
    form = output_format(out)
    check_opset(opset)
    chosen = Gate.choose(precision, gate)
    if data is not None:
        check_data(weights, data)
    if form == "torch" and precision != "float32":
        raise InputError(f"{out.suffix} files compute in float32; give --out FILE.onnx or FILE.xml for {precision}")
    pictures, held_back = _divided(calibration, precision=precision)
    description = describe(weights, output=output, layout=layout, precision=precision)
    # OpenVINO rounds the weights itself, and computes in 32 bits.
    dtype = torch.float16 if precision == "float16" and form == "onnx" else torch.float32
    graph = ExportGraph(weights.model, output=output, layout=layout, dtype=dtype)
    with staged(out) as folder:
        path = folder / out.name
        if form == "torch":
            save_package(record(graph), path)
            written = Written(AotInductorEngine(path, description), None)
        elif form == "onnx":
            whole = onnx_model(record_with_logits(graph), output=output, opset=opset)
            written = _write_onnx(whole, path, pictures, description=description)
        else:
            whole = onnx_model(record_with_logits(graph), output=output, opset=opset)
            share = 1.0 if chosen.share is None else chosen.share
            written = _write_openvino(
                whole, path, pictures, held_back, description=description, share=share, on_progress=on_progress
            )
        proof = prove(
            weights.model.eval(),
            written.engine,
            gate=chosen,
            logits=written.logits,
            pictures=held_back,
            only_pictures=precision == "int8",
            on_progress=on_progress,
        )
        if data is not None:
            proof = replace(proof, scores=score(weights, written.engine, data, on_progress=on_progress))
        if not proof.passed or (proof.scores is not None and not proof.scores.passed):
            raise ProofError(out, proof)
        if pictures:
            proof = replace(proof, shift=calibration_shift(weights.model, pictures))
        write_proof(proof, path, description=description, layers=written.layers)
    return proof


def _write_onnx(whole: Any, path: Path, pictures: Pictures, *, description: ExportDescription) -> Written:
    layers = list[LayerPrecision]()
    if description.precision == "int8":
        whole = quantised_onnx(whole, pictures, layout=description.layout)
        layers = onnx_layer_precisions(whole)
    save_onnx(whole, path, description=description)
    with_logits = path.with_name(f"logits_{path.name}")
    save_onnx(whole, with_logits, description=replace(description, output="logits"))
    written = Written(OnnxRuntimeEngine(path), OnnxRuntimeEngine(with_logits), tuple(layers))
    with_logits.unlink()
    return written


def _write_openvino(
    whole: Any,
    path: Path,
    pictures: Pictures,
    held_back: Pictures,
    *,
    description: ExportDescription,
    share: float,
    on_progress: OnProgress | None,
) -> Written:
    onnx_file = path.with_name(f"graph_{path.stem}.onnx")
    onnx_file.write_bytes(whole.SerializeToString())
    model, layers = openvino_model(onnx_file), list[LayerPrecision]()
    onnx_file.unlink()
    if description.precision == "int8":
        model = quantised(model, pictures, held_back, layout=description.layout, share=share, on_progress=on_progress)
        layers = layer_precisions(model)
    half = description.precision == "float16"
    save_openvino(model, path, description=description, half=half)
    with_logits = path.with_name(f"logits_{path.name}")
    save_openvino(model, with_logits, description=replace(description, output="logits"), half=half)
    written = Written(OpenVinoEngine(path), OpenVinoEngine(with_logits), tuple(layers))
    for file in (with_logits, with_logits.with_suffix(".bin")):
        file.unlink()
    return written


def _divided(calibration: Pictures, *, precision: ExportPrecision) -> tuple[Pictures, Pictures]:
    """Divide pictures into those that calibrate and those that are compared; check that they are wanted."""
    if precision != "int8":
        if calibration:
            raise InputError(f"--calibration is for --precision int8, not for {precision}; leave it out")
        return (), ()
    if not calibration:
        raise InputError("8 bits need pictures like those of the use; give their folder by --calibration")
    return split_pictures(calibration)
