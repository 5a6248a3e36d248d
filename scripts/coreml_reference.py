"""A small DeepLabv3 in the forms in which Core ML stores it, for tests that have no coremltools.

    pip install "coremltools==7.2" "numpy<2" "scikit-learn==1.5.1" safetensors    # Python 3.11, an own environment
    python scripts/coreml_reference.py

A Mac is not needed; later releases of coremltools fold batch norms wrongly. The layers are those into which the
official frozen graph is converted: batch norms of their own, ReLU6 in four layers, zeros around atrous convolutions in
a layer of their own, biases as constants. Written by coremltools' own builder, quantised by its own tools, which fold
the batch norms (tests/reference/coreml_tiny.tar.gz). What each file gives is computed here, layer by layer in float64,
from the weights as coremltools dequantises them (tests/reference/coreml_tiny.safetensors).
"""

import io
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from coremltools.models import MLModel, datatypes
from coremltools.models.neural_network import NeuralNetworkBuilder, quantization_utils
from safetensors.numpy import save_file

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from reference.operations import convolve, normalize  # noqa: E402
from reference.tensorflow_variables import drawn_image  # noqa: E402

REFERENCE = TESTS / "reference"

SIDE = 65
"""Height and width that the file states."""

SIZES = ((65, 81), (64, 72))
"""Odd, all maps of the form output stride * k + 1; even."""

WIDTH, HEAD, CLASSES = 0.0625, (6, 7), 5
TABLE_2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Of the MobileNetV2 paper: expansion, channels, repetitions, stride."""

OUTPUT_STRIDE = 16


class Writer:
    """The network, layer by layer as the converter from TensorFlow writes it."""

    def __init__(self) -> None:
        image = [("image", datatypes.Array(3, SIDE, SIDE))]
        self.builder = NeuralNetworkBuilder(image, [("classes", datatypes.Array(1, SIDE, SIDE))])
        scale = {"red_bias": -1.0, "green_bias": -1.0, "blue_bias": -1.0, "image_scale": 1 / 127.5}
        self.builder.set_pre_processing_parameters(image_input_names=["image"], **scale)
        self.draws = np.random.default_rng(6)

    def network(self) -> Any:
        x, side, channels = self.backbone()
        self.builder.add_pooling(
            "AvgPool", side, side, 1, 1, "AVERAGE", "VALID", input_name=x, output_name="AvgPool", is_global=False
        )
        pooled = self.convolution("image_pooling", "AvgPool", channels, HEAD[0], activation="RELU")
        self.builder.add_resize_bilinear("Resize", pooled, "Resize", side, side, mode="STRICT_ALIGN_ENDPOINTS_MODE")
        aspp0 = self.convolution("aspp0", x, channels, HEAD[0], activation="RELU")
        self.builder.add_elementwise("concat", ["Resize", aspp0], "concat", "CONCAT")
        joined = self.convolution("concat_projection", "concat", 2 * HEAD[0], HEAD[1], activation="RELU")
        logits = self.convolution("logits/semantic", joined, HEAD[1], CLASSES, normed=False)
        self.builder.add_resize_bilinear("Up", logits, "Up", SIDE, SIDE, mode="STRICT_ALIGN_ENDPOINTS_MODE")
        self.builder.add_reduce("ArgMax", "Up", "classes", axis="C", mode="argmax")
        return self.builder.spec

    def backbone(self) -> tuple[str, int, int]:
        channels, stride, rate, number = round(32 * WIDTH), 2, 1, 0
        x = self.convolution("MobilenetV2/Conv", "image", 3, channels, kernel=3, stride=2, activation="RELU6")
        for expansion, stage_channels, repeats, stage_stride in TABLE_2:
            width = int(stage_channels * WIDTH + 0.5)
            for repeat in range(repeats):
                scope = "MobilenetV2/expanded_conv" + (f"_{number}" if number else "")
                own_stride, next_rate = (stage_stride if repeat == 0 else 1), rate
                if stride * own_stride > OUTPUT_STRIDE:
                    own_stride, next_rate = 1, rate * own_stride
                stride *= own_stride
                wide, y = channels, x
                if expansion > 1:
                    wide = max(8, (channels * expansion + 4) // 8 * 8)
                    y = self.convolution(f"{scope}/expand", x, channels, wide, activation="RELU6")
                y = self.convolution(
                    f"{scope}/depthwise", y, wide, wide, kernel=3, groups=wide, stride=own_stride, rate=rate,
                    activation="RELU6",
                )  # fmt: skip
                y = self.convolution(f"{scope}/project", y, wide, width)
                if repeat:
                    self.builder.add_elementwise(f"{scope}/add", [y, x], f"{scope}/add", "ADD")
                    y = f"{scope}/add"
                x, channels, rate, number = y, width, next_rate, number + 1
        return x, (SIDE - 1) // stride + 1, channels

    def convolution(
        self, scope, x, channels, width, *, kernel=1, groups=1, stride=1, rate=1, activation=None, normed=True
    ) -> str:
        taps = kernel**2 * channels // groups
        spread = taps**-0.5 * (1.4 if activation else 1)
        weights = self.draws.normal(0, spread, (kernel, kernel, channels // groups, width))
        if rate > 1:
            padded = f"{x}_padded"
            self.builder.add_padding(padded, rate, rate, rate, rate, value=0, input_name=x, output_name=padded)
            x = padded
        name = f"{scope}/Conv2D:0"
        self.builder.add_convolution(
            name, channels // groups, width, kernel, kernel, stride, stride, "valid" if rate > 1 else "same", groups,
            W=weights, b=None, has_bias=False, input_name=x, output_name=name, dilation_factors=[rate, rate],
        )  # fmt: skip
        name = self.normed(scope, name, width) if normed else self.biased(scope, name, width)
        return self.activated(f"{scope}/{activation}", name, activation) if activation else name

    def normed(self, scope, x, width) -> str:
        name = f"{scope}/BatchNorm"
        gamma, variance = self.draws.uniform(0.5, 1.5, (2, width))
        beta, mean = self.draws.normal(0, 0.3, (2, width))
        self.builder.add_batchnorm(name, width, gamma, beta, mean, variance, x, name, epsilon=1e-3)
        return name

    def biased(self, scope, x, width) -> str:
        constant, name = f"{scope}/biases", f"{scope}/BiasAdd"
        self.builder.add_load_constant(constant, constant, self.draws.normal(0, 0.3, width), [width, 1, 1])
        self.builder.add_elementwise(name, [x, constant], name, "ADD")
        return name

    def activated(self, name, x, activation) -> str:
        if activation == "RELU":
            self.builder.add_activation(name, "RELU", x, name)
            return name
        steps = [f"{name}{step}" for step in ("_relu", "_neg", "_clip", "")]
        self.builder.add_activation(steps[0], "RELU", x, steps[0])
        self.builder.add_activation(steps[1], "LINEAR", steps[0], steps[1], [-1.0, 0])
        self.builder.add_unary(steps[2], steps[1], steps[2], "threshold", alpha=-6.0)
        self.builder.add_activation(steps[3], "LINEAR", steps[2], steps[3], [-1.0, 0])
        return steps[3]


def values(weights: Any, shape: tuple[int, ...]) -> np.ndarray:
    """As coremltools reads them."""
    weights = type(weights).FromString(weights.SerializeToString())
    if weights.float16Value:
        return np.frombuffer(weights.float16Value, np.float16).astype(np.float64).reshape(shape)
    if weights.rawValue:
        quantization_utils._dequantize_wp(weights, shape if len(shape) == 4 else (int(np.prod(shape)),))
    return np.array(weights.floatValue, np.float64).reshape(shape)


def coarse_logits(spec: Any, image: np.ndarray) -> np.ndarray:
    """What the layers say, in float64; what is resized from one position is spread, and the last resizing left out."""
    scaler = spec.neuralNetwork.preprocessing[0].scaler
    biases = np.array([scaler.redBias, scaler.greenBias, scaler.blueBias])
    tensors = {"image": image * scaler.channelScale + biases[:, None, None]}
    for layer in spec.neuralNetwork.layers:
        inputs = [tensors[name] for name in layer.input]
        kind = layer.WhichOneof("layer")
        params = getattr(layer, kind)
        if kind == "resizeBilinear" and inputs[0].shape[2] > 1:
            return inputs[0]
        tensors[layer.output[0]] = computed(kind, params, inputs)
    raise ValueError("no logits")


def computed(kind: str, params: Any, inputs: list[np.ndarray]) -> np.ndarray:
    if kind == "loadConstant":
        return values(params.data, tuple(params.shape))[None]
    if kind == "add":
        return inputs[0] + inputs[1]
    if kind == "concat":
        height, width = max(x.shape[2:] for x in inputs)
        return np.concatenate([np.broadcast_to(x, (*x.shape[:2], height, width)) for x in inputs], axis=1)
    (x,) = inputs
    if kind == "convolution":
        shape = (params.outputChannels, params.kernelChannels, *params.kernelSize)
        kernel, rate, reach = values(params.weights, shape), params.dilationFactor[0], shape[2] // 2
        stride, groups = params.stride[0], params.nGroups
        if params.WhichOneof("ConvolutionPaddingType") == "same":
            y = convolve(x, kernel, stride=stride, rate=rate, groups=groups, padding="same")
        else:  # of the centred filters only those that need no zeros
            y = convolve(x, kernel, rate=rate, groups=groups)[
                :, :, rate * reach : -rate * reach, rate * reach : -rate * reach
            ]
        return y + (values(params.bias, (shape[0], 1, 1)) if params.hasBias else 0)
    if kind == "batchnorm":
        gamma, beta, mean, variance = (
            values(part, (params.channels,)) for part in (params.gamma, params.beta, params.mean, params.variance)
        )
        return normalize(x, mean=mean, variance=variance, scale=gamma, shift=beta, epsilon=params.epsilon)
    if kind == "activation":
        linear = params.WhichOneof("NonlinearityType") == "linear"
        return params.linear.alpha * x + params.linear.beta if linear else np.maximum(x, 0)
    if kind == "unary":
        return np.maximum(x, params.alpha)
    if kind == "padding":
        (top, bottom), (left, right) = (
            (edge.startEdgeSize, edge.endEdgeSize) for edge in params.paddingAmounts.borderAmounts
        )
        return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    if kind == "pooling":
        return x.mean(axis=(2, 3), keepdims=True)
    assert kind == "resizeBilinear"
    return x


def quantized(spec: Any, bits: int, mode: str) -> Any:
    found = quantization_utils.quantize_weights(MLModel(spec, skip_model_load=True), bits, mode)
    return found if not isinstance(found, MLModel) else found.get_spec()


def main() -> None:
    spec = Writer().network()
    forms = {
        "float32": spec,
        "float16": quantized(spec, 16, "linear"),
        "table": quantized(spec, 8, "kmeans"),
        "linear": quantized(spec, 8, "linear"),
        "linear_5_bits": quantized(spec, 5, "linear"),
    }
    logits: dict[str, np.ndarray] = {}
    with tarfile.open(REFERENCE / "coreml_tiny.tar.gz", "w:gz") as archive:
        for name, form in forms.items():
            content = form.SerializeToString()
            member = tarfile.TarInfo(f"{name}.mlmodel")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            for size in SIZES:
                found = coarse_logits(form, drawn_image(*size).astype(np.float64).transpose(0, 3, 1, 2))
                print(f"{name} {size}: {len(content)} bytes, {found.shape}, deviation {found.std():.3f}")
                logits[f"{name}/{size[0]}x{size[1]}"] = np.ascontiguousarray(found, np.float32)
    save_file(logits, REFERENCE / "coreml_tiny.safetensors")


if __name__ == "__main__":
    main()
