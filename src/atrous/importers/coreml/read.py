"""A Core ML file of DeepLabv3 on MobileNetV2 as a `ForeignNetwork`."""

from pathlib import Path

import numpy as np

from atrous.errors import InputError
from atrous.importers.coreml.graph_tracer import Convolution, GraphTracer
from atrous.importers.coreml.layers import layers
from atrous.importers.coreml.traced_tensor import Function, TracedTensor
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.fused_convolution import FusedConvolution, FusedNetwork
from atrous.importers.mapped_file import mapped
from atrous.importers.official_mobilenet_v2 import import_deeplab
from atrous.importers.protobuf import Message
from atrous.labels import PASCAL_VOC
from atrous.report.wording import shortened
from atrous.sizes import Size

_LARGEST_FILE = 1 << 28
"""Bytes; the official file has 8.6 million."""

_DESCRIPTION, _NETWORK = 2, 500
_IMAGE, _RGB = 4, 20
_SCALER, _MEAN_IMAGE = 10, 11
_MOST_PIXELS = 1 << 14
"""In a row or column."""

_OTHERS = {
    200: "a pipeline of classifiers", 201: "a pipeline of regressors", 202: "a pipeline of several models",
    303: "a network that predicts numbers", 403: "a network that classifies whole images, which segments nothing",
    502: "an ML Program (MIL), whose operations and weights are stored in another way",
    3000: "a serialized model, whose form is not published",
}  # fmt: skip


def read_coreml(path: Path) -> ForeignNetwork:
    """Read a `.mlmodel` of DeepLabv3 on MobileNetV2, with quantised weights dequantised.

    Raises:
        InputError: If it cannot be read, is damaged, or holds another network; the message shows the difference.
    """
    try:
        if path.is_dir():
            raise InputError("an .mlpackage, whose ML Program (MIL) is not read; give a .mlmodel with a NeuralNetwork")
        network = network_of(path, mapped(path, largest=_LARGEST_FILE))
    except InputError as error:
        raise InputError(f"{path}: {shortened(str(error), limit=600)}") from error  # names may be anything
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    model = import_deeplab(network)
    return ForeignNetwork(
        format="Core ML, dequantised" if network.quantized else "Core ML",
        config=model.config,
        state=model.state_dict(),
        labels=PASCAL_VOC if model.config.classes == len(PASCAL_VOC) else None,
        size=network.size,
    )


def network_of(path: Path, content: memoryview) -> FusedNetwork:
    """The network of a file, its convolutions under their official names.

    Raises:
        InputError: If the file is damaged or holds anything that no official DeepLab file has.
    """
    model = Message.parse(content)
    network = _network(model)
    name, size = _image(model)
    scaling = Function.identity(3).line(*_preprocessing(network, name))
    follower = GraphTracer(name, TracedTensor((), 3, size, scaling))
    for layer in layers(network):
        follower.follow(layer)
    mean, std = _scaling(follower.image_function)
    return FusedNetwork(
        path=path,
        input_mean=mean,
        input_std=std,
        quantized=follower.numbers.quantized,
        corners_aligned=_corners_aligned(follower.corners_aligned),
        size=size,
        convolutions=tuple(_fused(convolution) for convolution in follower.convolutions.values()),
    )


def _network(model: Message) -> Message:
    if _NETWORK in model.values:
        return model.message(_NETWORK)
    kinds = [number for number in model.values if number >= 200]
    found = _OTHERS.get(kinds[0], f"a model of Core ML's kind {kinds[0]}") if kinds else "no model at all"
    raise InputError(f"{found}; give a .mlmodel with a NeuralNetwork, or the checkpoint that it was converted from")


def _image(model: Message) -> tuple[str, Size]:
    """Name, height and width of the input."""
    inputs = list(model.message(_DESCRIPTION).messages(1))
    if len(inputs) != 1 or _IMAGE not in inputs[0].message(3).values:
        raise InputError("its input is not one image; this is no DeepLab file")
    image = inputs[0].message(3).message(_IMAGE)
    size = (image.integer(2), image.integer(1))
    if image.integer(3) != _RGB or not all(0 < length <= _MOST_PIXELS for length in size):
        raise InputError(f"its image has {size} pixels and colours of kind {image.integer(3)}; RGB is supported")
    return inputs[0].text(1), size


def _preprocessing(network: Message, image: str) -> tuple[float, np.ndarray]:
    """Slope and, for red, green and blue, offset of what the file does to pixel values before the first layer."""
    steps = list(network.messages(2))
    if not steps:
        return 1.0, np.zeros(3)
    scaler = steps[0].message(_SCALER)
    if len(steps) != 1 or _MEAN_IMAGE in steps[0].values or steps[0].text(1) not in ("", image):
        raise InputError("its image is prepared by other than one scale and an offset for each colour")
    return scaler.real(10), np.array([scaler.real(number) for number in (22, 21, 20)], np.float64)


def _scaling(function: Function) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std with (x - mean) / std = slope x + offset; one number where all colours agree."""
    slope, offset = function.slope, function.offset
    if not (np.isfinite(slope).all() and np.isfinite(offset).all() and slope.min() > 0):
        raise InputError(f"input scaling by {slope.tolist()} and {offset.tolist()} is impossible")
    with np.errstate(over="ignore"):
        mean, std = -offset / slope, 1 / slope
    if not np.isfinite([*mean, *std]).all():
        raise InputError(f"input scaling by {slope.tolist()} and {offset.tolist()} is impossible")
    return _once(mean), _once(std)


def _once(values: np.ndarray) -> tuple[float, ...]:
    """One number where all agree; those of the file, so that 1 / 127.5, stored in single precision, is no 127.5."""
    numbers = tuple(map(float, values))
    return numbers[:1] if len(set(numbers)) == 1 else numbers


def _corners_aligned(found: set[bool]) -> bool | None:
    if len(found) > 1:
        raise InputError("some of its resizing aligns corners and some does not; such a network is not supported")
    return next(iter(found), None)


def _fused(convolution: Convolution) -> FusedConvolution:
    """With what follows multiplied into kernel and bias, and statistics scaled alike."""
    function = convolution.function
    with np.errstate(over="ignore", invalid="ignore"):
        kernel = (convolution.kernel * function.slope[:, None, None, None]).astype(np.float32)
        bias = function.offset.astype(np.float32)
        mean = None if function.mean is None else (function.slope * function.mean).astype(np.float32)
        variance = None if function.variance is None else (function.slope**2 * function.variance).astype(np.float32)
    if not all(np.isfinite(part).all() for part in (kernel, bias, mean, variance) if part is not None):
        raise InputError(f"{convolution.name:.80}: weights beyond what single precision can tell")
    return FusedConvolution(
        name=convolution.name,
        kernel=kernel,
        bias=bias,
        groups=convolution.groups,
        stride=convolution.stride,
        rate=convolution.rate,
        activation=function.activation,
        inputs=convolution.arriving.sources,
        mean=mean,
        variance=variance,
    )
