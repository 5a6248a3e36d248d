"""8-bit ONNX files: static quantisation by ONNX Runtime, calibrated on pictures of the user.

Convolutions are surrounded by conversions to 8 bits and back (the QDQ format), which ONNX Runtime fuses. Weights are
quantised by output channel to 7 of 8 bits: processors without VNNI add two products in 16 bits, which overflows with
8 bits. Activations are quantised by map.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atrous.errors import InputError
from atrous.export.int8 import LayerPrecision, Pictures
from atrous.extras import require
from atrous.inference.engines.description import Layout
from atrous.inference.engines.engine import in_layout


def quantised_onnx(model: Any, calibration: Pictures, *, layout: Layout, folder: Path) -> Any:
    """Quantise an ONNX model of float32.

    Args:
        model: `ModelProto` as `onnx_model` returns it; it is left unchanged.
        calibration: Pictures whose activations set the ranges.
        layout: Order of the axes that the model takes.
        folder: Folder for files that are removed again.

    Returns:
        A `ModelProto` with the same inputs and outputs.

    Raises:
        InputError: If ONNX Runtime is missing, or no convolution was quantised.
    """
    onnx = require("onnx", extra="export", purpose="quantising to 8 bits")
    runtime = require("onnxruntime.quantization", extra="export", purpose="quantising to 8 bits")

    class Reader(runtime.CalibrationDataReader):
        """Pictures one by one, as the calibration asks for them."""

        def __init__(self) -> None:
            self._pictures = iter(calibration)

        def get_next(self) -> dict[str, Any] | None:
            """Return the inputs of the next picture; None at the end."""
            picture = next(self._pictures, None)
            return None if picture is None else {"image": in_layout(picture[None], layout)}

    path = folder / "quantised.onnx"
    with _quiet():
        runtime.quantize_static(
            onnx.shape_inference.infer_shapes(model),
            path,
            Reader(),
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,
            activation_type=runtime.QuantType.QUInt8,
            weight_type=runtime.QuantType.QInt8,
        )
    result = onnx.load(path)
    path.unlink()
    if not any(layer.quantised for layer in onnx_layer_precisions(result)):
        raise InputError("no convolution was quantised; the pictures of --calibration are unlike those of training")
    return result


def onnx_layer_precisions(model: Any) -> list[LayerPrecision]:
    """List the convolutions of a model with their number types, in the order of the computation."""
    converted = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    return [
        LayerPrecision(node.name, node.op_type, quantised=converted.issuperset(node.input[:2]))
        for node in model.graph.node
        if node.op_type == "Conv"
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the advice that ONNX Runtime gives while it quantises."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
