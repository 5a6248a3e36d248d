"""8-bit ONNX files: post-training quantisation by NNCF, calibrated on pictures of the user.

Convolutions are surrounded by conversions to 8 bits and back (the QDQ format), which ONNX Runtime fuses. As in OpenVINO
files, weights are quantised by output channel to 7 of 8 bits, and biases are corrected: without that, MobileNetV2 loses
three times as many pixels. Activations are quantised by map, in front of depthwise convolutions too: ranges by channel,
NNCF's default there, are what ONNX Runtime does not fuse. The first two convolutions stay in float32.
"""

import copy
from typing import Any

from atrous.errors import InputError
from atrous.export.int8 import LEFT_IN_FLOAT, LayerPrecision, Pictures
from atrous.export.silence import silent
from atrous.extras import require
from atrous.inference.engines.description import Layout
from atrous.inference.engines.engine import in_layout


def quantised_onnx(model: Any, calibration: Pictures, *, layout: Layout) -> Any:
    """Quantise an ONNX model of float32.

    Args:
        model: `ModelProto` as `onnx_model` returns it; it is left unchanged.
        calibration: Pictures whose activations set the ranges.
        layout: Order of the axes that the model takes.

    Returns:
        A `ModelProto` with the same inputs and outputs.

    Raises:
        InputError: If NNCF is missing, or no convolution was quantised.
    """
    nncf = require("nncf", extra="export", purpose="quantising to 8 bits")
    advanced = require("nncf.quantization.advanced_parameters", extra="export", purpose="quantising to 8 bits")
    first = [layer.name for layer in onnx_layer_precisions(model)[:LEFT_IN_FLOAT]]
    with silent("nncf"):
        result = nncf.quantize(
            copy.deepcopy(model),
            nncf.Dataset([{"image": in_layout(picture[None], layout)} for picture in calibration]),
            preset=nncf.QuantizationPreset.MIXED,  # activations that are not symmetric around 0 use all values
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(calibration),
            ignored_scope=nncf.IgnoredScope(first, types=["MatMul"], validate=False),  # of the upsampling
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=advanced.OverflowFix.ENABLE,
                activations_quantization_params=advanced.QuantizationParameters(per_channel=False),
            ),
        )
    if not any(layer.quantised for layer in onnx_layer_precisions(result)):
        raise InputError("no convolution was quantised; the pictures of --calibration are unlike those of training")
    return result


def onnx_layer_precisions(model: Any) -> list[LayerPrecision]:
    """List the convolutions of a model with their number types, in the order of the computation."""
    makers = {name: node for node in model.graph.node for name in node.output}

    def converted(name: str) -> bool:
        node = makers.get(name)
        while node is not None and node.op_type == "Pad":  # zeros are exact in 8 bits
            node = makers.get(node.input[0])
        return node is not None and node.op_type == "DequantizeLinear"

    return [
        LayerPrecision(node.name, node.op_type, quantised=all(map(converted, node.input[:2])))
        for node in model.graph.node
        if node.op_type == "Conv"
    ]
