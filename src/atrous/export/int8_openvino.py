"""8-bit OpenVINO models: post-training quantisation by NNCF, calibrated on pictures of the user.

Weights are quantised by output channel to 7 of 8 bits, since processors without VNNI add two products in 16 bits,
which overflows with 8 (those of depthwise convolutions have 8); activations are quantised by map, and biases are
corrected, one layer after the other. The first two convolutions stay in float32. Layers whose quantisation costs too
much agreement with the float32 model return to float32 (NNCF's accuracy control), up to a number of them: each return
that does not help makes NNCF rank all the others again, so that without a bound the time grows with the square of the
number of layers.
"""

from typing import Any

import numpy as np

from atrous.errors import InputError
from atrous.export.int8 import LEFT_IN_FLOAT, LayerPrecision, OnProgress, Pictures
from atrous.export.silence import silent
from atrous.extras import require
from atrous.inference.engines.description import Layout
from atrous.inference.engines.engine import in_layout
from atrous.inference.engines.signal_stack import kept_signal_stack
from atrous.inference.engines.without_amx import without_amx

CONVOLUTIONS = ("Convolution", "GroupConvolution")

MARGIN = 0.001
"""Share of pixels by which more than the gate is asked of NNCF: the file that is written may round otherwise."""

MAX_RETURNED = 8
"""Largest number of groups of layers that return to float32; where that is too few, the gate refuses the file."""

RANKED_PICTURES = 8
"""Largest number of held-back pictures on which layers are ranked: each layer costs a computation of all of them."""


@kept_signal_stack()
@without_amx()
def quantised(
    model: Any,
    calibration: Pictures,
    held_back: Pictures,
    *,
    layout: Layout,
    share: float,
    on_progress: OnProgress | None = None,
) -> Any:
    """Quantise a model of OpenVINO that gives labels as its first output, or scores of every class.

    Args:
        model: Model as `openvino_model` returns it; it is left unchanged.
        calibration: Pictures whose activations set the ranges.
        held_back: Pictures on which the labels are compared with those of the float32 model.
        layout: Order of the axes that the model takes.
        share: Share of equal pixels, 0..1, until which layers return to float32.
        on_progress: Called after every comparison that NNCF makes, with the largest number that it can need.

    Returns:
        A model with the same inputs and outputs.

    Raises:
        InputError: If NNCF is missing, or every convolution returned to float32.
    """
    openvino = require("openvino", extra="export", purpose="quantising")
    nncf = require("nncf", extra="export", purpose="quantising to 8 bits")
    overflow = require("nncf.quantization.advanced_parameters", extra="export", purpose="quantising").OverflowFix
    inputs, compared = (
        [in_layout(picture[None], layout) for picture in pictures] for pictures in (calibration, held_back)
    )
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    float_model = openvino.Core().compile_model(model, "CPU", settings)
    # NNCF asks for the agreement on some of the pictures, too, so that each has its labels with it.
    expected = [(images, _labels(float_model(images)[0])) for images in compared]

    names = [layer.name for layer in layer_precisions(model)]
    done, most = 0, _most_comparisons(len(names[LEFT_IN_FLOAT:]))

    def agreement(compiled: Any, pairs: Any) -> tuple[float, list[float]]:
        nonlocal done
        shares = [float((_labels(compiled(images)[0]) == labels).mean()) for images, labels in pairs]
        done += 1
        if on_progress is not None:
            on_progress(min(done, most), most)
        return float(np.mean(shares)), shares

    with silent("nncf"):
        result = nncf.quantize_with_accuracy_control(
            model.clone(),
            nncf.Dataset(inputs),
            nncf.Dataset(expected, lambda pair: pair[0]),
            agreement,
            max_drop=max(1 - share - MARGIN, 0.0),
            preset=nncf.QuantizationPreset.MIXED,  # activations that are not symmetric around 0 use all values
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(inputs),
            fast_bias_correction=False,  # each layer after those before it: docs/results.md has both
            # MatMul is the upsampling.
            ignored_scope=nncf.IgnoredScope(names[:LEFT_IN_FLOAT], types=["MatMul"], validate=False),
            advanced_quantization_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=overflow.ENABLE),
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                max_num_iterations=MAX_RETURNED, ranking_subset_size=RANKED_PICTURES, num_ranking_workers=1
            ),
        )
    if not any(layer.quantised for layer in layer_precisions(result)):
        raise InputError(
            f"no convolution keeps 8 bits if {share:.2%} of the pixels are to be equal; lower --gate, or give more "
            "pictures like those of the use by --calibration"
        )
    return result


def layer_precisions(model: Any) -> list[LayerPrecision]:
    """List the convolutions of a model with their number types, in the order of the computation."""
    return [
        LayerPrecision(node.get_friendly_name(), node.get_type_name(), quantised=_is_quantised(node))
        for node in model.get_ordered_ops()
        if node.get_type_name() in CONVOLUTIONS
    ]


def _most_comparisons(layers: int) -> int:
    """Largest number of comparisons: three first, a ranking of all layers, and a second one for every other return."""
    return 3 + layers + MAX_RETURNED + MAX_RETURNED // 2 * layers


def _is_quantised(convolution: Any) -> bool:
    """Return True if the input is quantised and the weights are made from numbers of 8 bits."""
    activations = convolution.input_value(0).get_node()
    weights = convolution.input_value(1).get_node()
    while weights.get_type_name() in ("Multiply", "Subtract", "Convert", "Reshape", "FakeQuantize"):
        if weights.get_type_name() == "FakeQuantize":
            return activations.get_type_name() == "FakeQuantize"
        weights = weights.input_value(0).get_node()
    eight_bits = weights.get_element_type().get_type_name() in ("i8", "u8")
    return eight_bits and activations.get_type_name() == "FakeQuantize"


def _labels(output: np.ndarray) -> np.ndarray:
    return output if output.ndim == 3 else output.argmax(axis=1)
