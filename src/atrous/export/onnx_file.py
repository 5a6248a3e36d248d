"""ONNX files: the recorded graph with named axes, and the description of the model in the metadata."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from atrous.errors import InputError
from atrous.export.program import AXES
from atrous.export.silence import silent
from atrous.extras import require
from atrous.inference.engines.description import ExportDescription, Output

OPSETS = range(18, 24)
"""Versions of ONNX's operators that can be written; 18 is the one that most runtimes know."""

DEFAULT_OPSET = 18


def check_opset(opset: int) -> None:
    """Raise InputError for a version of ONNX's operators that cannot be written."""
    if opset not in OPSETS:
        raise InputError(f"--opset {opset} cannot be written; choose {OPSETS[0]} to {OPSETS[-1]}")


def onnx_model(program: ExportedProgram, *, output: Output, opset: int) -> Any:
    """Convert a recorded graph to an ONNX model, whose input is `image` and whose axes have names.

    Args:
        program: Graph that gives its output and its logits.
        output: Name of the output.
        opset: Version of ONNX's operators.

    Returns:
        A `ModelProto` with the outputs `output` and `logits`.

    Raises:
        InputError: If onnx or onnxscript is missing, or the version is none that can be written.
    """
    check_opset(opset)
    onnx = require("onnx", extra="export", purpose="exporting to ONNX")
    require("onnxscript", extra="export", purpose="exporting to ONNX")
    outputs = [output] if output == "logits" else [output, "logits"]
    with silent("torch.onnx"):
        written = torch.onnx.export(
            program, dynamo=True, verbose=False, opset_version=opset, input_names=["image"], output_names=outputs
        )
    assert written is not None  # it is None only where torch writes the file
    model = written.model_proto
    _tidy(model)
    onnx.checker.check_model(model)
    return model


def save_onnx(model: Any, path: Path, *, description: ExportDescription) -> None:
    """Write the part of an ONNX model that computes one output, with its description.

    Args:
        model: Model as `onnx_model` returns it.
        path: File to write.
        description: Description for the metadata; it names the output.
    """
    onnx = require("onnx", extra="export", purpose="exporting to ONNX")
    written = copy.deepcopy(model)
    kept = [value for value in written.graph.output if value.name == description.output]
    del written.graph.output[:]
    written.graph.output.extend(kept)
    if description.output == "logits":
        _drop_unused(written.graph)
    for name, text in description.to_metadata().items():
        written.metadata_props.add(key=name, value=text)
    onnx.save(written, str(path))


def _drop_unused(graph: Any) -> None:
    """Remove nodes that no output needs, from the end on: nodes are in the order of the computation."""
    needed = {value.name for value in graph.output}
    for node in reversed([*graph.node]):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)


def _tidy(model: Any) -> None:
    """Name the axes, and remove notes about the source code that each node comes from."""
    graph = model.graph
    axes = [axis.dim_param for axis in graph.input[0].type.tensor_type.shape.dim if axis.dim_param]
    names = dict(zip(axes, AXES, strict=True))
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        del value.metadata_props[:]
        value.doc_string = ""
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = names.get(axis.dim_param, "")
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.metadata_props[:]
    del model.metadata_props[:]
    graph.doc_string = model.doc_string = ""
    graph.name = "atrous"
