"""Trace of a Core ML network from the image to the logits, which collects its convolutions.

A layer that is not understood, or that would change the function in a way that is not collected, is an `InputError`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from atrous.errors import InputError
from atrous.importers.coreml.channelwise import MOST_NUMBERS, applied, by_channel, finite, pair, slope_and_offset
from atrous.importers.coreml.layers import CoreMLLayer, LayerKind, explicit_padding, pads_as_tensorflow
from atrous.importers.coreml.numbers import Numbers
from atrous.importers.coreml.traced_tensor import Function, Resized, TracedTensor
from atrous.importers.official_mobilenet_v2 import name_by_order
from atrous.sizes import Size, ceil_div

Tensor = TracedTensor | np.ndarray
"""Feature maps, or a constant."""

_GLOBAL, _VALID, _AVERAGE, _OVER_IMAGE = 60, 30, 1, 1
_ARG_MAX, _OVER_CHANNELS = 9, 2
_STRICT_ENDPOINTS, _ENDPOINTS = 0, 1
_BILINEAR, _CORNERS_ALIGNED, _CORNERS_NOT_ALIGNED = 1, 1, 2


@dataclass(eq=False)
class Convolution:
    """One convolution, with the channel-by-channel steps between it and its readers."""

    name: str
    kernel: np.ndarray
    groups: int
    stride: int
    rate: int
    arriving: TracedTensor
    function: Function
    is_read: bool = False


class GraphTracer:
    """Tensors written so far, and the convolutions among them."""

    def __init__(self, image: str, start: TracedTensor) -> None:
        self.convolutions: dict[str, Convolution] = {}
        self.numbers = Numbers()
        self.corners_aligned: set[bool] = set()
        self._tensors: dict[str, Tensor] = {image: start}
        self._whole: dict[LayerKind, Callable[[CoreMLLayer, TracedTensor], TracedTensor]] = {
            LayerKind.CONVOLUTION: self._convolution, LayerKind.POOLING: self._pooling, LayerKind.REDUCE: self._reduce,
            LayerKind.PADDING: self._padding, LayerKind.UPSAMPLE: self._upsample,
            LayerKind.RESIZE_BILINEAR: self._resize,
            LayerKind.SOFTMAX: self._answer, LayerKind.SOFTMAX_ND: self._answer, LayerKind.ARG_MAX: self._answer,
        }  # fmt: skip

    def follow(self, layer: CoreMLLayer) -> None:
        """Add a layer.

        Raises:
            InputError: If it is in no official DeepLab file, or reads what was not written.
        """
        try:
            if layer.output in self._tensors:
                raise InputError(f"tensor {layer.output:.80} is written twice")
            self._tensors[layer.output] = self._written(layer)
        except InputError as error:
            raise InputError(f"layer {layer.name:.80}: {error}") from error

    @property
    def image_function(self) -> Function:
        """Function of each colour that is applied to the image before the first convolution."""
        first = next(iter(self.convolutions.values()), None)
        if first is None or first.arriving.function is None:
            raise InputError("no convolution reads the image; this is no DeepLab file")
        return first.arriving.function

    def _written(self, layer: CoreMLLayer) -> Tensor:
        if layer.kind in (LayerKind.LOAD_CONSTANT, LayerKind.LOAD_CONSTANT_ND):
            return self.numbers.read(layer.params.message(2), layer.params.integers(1, most=MOST_NUMBERS))
        inputs = [self._input(name) for name in layer.inputs]
        if layer.kind in (
            LayerKind.ADD,
            LayerKind.ADD_BROADCASTABLE,
            LayerKind.MULTIPLY,
            LayerKind.MULTIPLY_BROADCASTABLE,
        ):
            return self._combined(layer, inputs)
        flows = [tensor for tensor in inputs if isinstance(tensor, TracedTensor)]
        if layer.kind == LayerKind.CONCAT and len(flows) == len(inputs) > 1:
            return self._concatenated(layer, flows)
        if len(inputs) != 1:
            raise InputError(f"{len(inputs)} inputs, or constants among them")
        (flow,) = inputs
        if not isinstance(flow, TracedTensor):
            slope, offset = slope_and_offset(layer)
            return np.asarray(flow * slope + offset)
        if layer.kind in self._whole:
            return self._whole[layer.kind](layer, flow)
        return self._after(flow, lambda y: applied(layer, y, channels=flow.channels, numbers=self.numbers))

    def _input(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise InputError(f"tensor {name:.80} is read before anything is written to it")
        tensor = self._tensors[name]
        if isinstance(tensor, TracedTensor) and tensor.is_answer:
            raise InputError("something follows the answer")
        return tensor

    def _after(self, flow: TracedTensor, change: Callable[[Function], Function]) -> TracedTensor:
        """Add a step that acts on each channel alone to the convolution that it follows."""
        if flow.function is None or flow.padding:
            raise InputError("an activation, norm or arithmetic there is in no official DeepLab file")
        function = change(flow.function)
        if flow.sources:
            convolution = self.convolutions[flow.sources[0]]
            if convolution.is_read or convolution.function is not flow.function:
                raise InputError(f"what {convolution.name:.80} gives is used in two ways")
            convolution.function = function
        return replace(flow, function=function)

    def _read(self, flow: TracedTensor, *, resized: tuple[Resized, ...] = ("no",)) -> TracedTensor:
        """Close the function of a convolution whose output is read across channels."""
        if flow.resized not in resized:
            raise InputError("resized maps there are in no official DeepLab file")
        if flow.function is not None and flow.sources:
            convolution = self.convolutions[flow.sources[0]]
            if convolution.function is not flow.function:
                raise InputError(f"what {convolution.name:.80} gives is used in two ways")
            convolution.is_read = True
        return flow

    def _mixed(self, flow: TracedTensor, *, size: Size, resized: Resized = "no") -> TracedTensor:
        self._read(flow, resized=("no",) if resized == "no" else ("no", "enlarged"))
        if flow.padding or not flow.sources:
            raise InputError("the image, or padded maps, are pooled or resized")
        return replace(flow, size=size, function=None, resized=resized)

    def _combined(self, layer: CoreMLLayer, inputs: list[Tensor]) -> Tensor:
        adds = layer.kind in (LayerKind.ADD, LayerKind.ADD_BROADCASTABLE)
        constants = [tensor for tensor in inputs if not isinstance(tensor, TracedTensor)]
        flows = [tensor for tensor in inputs if isinstance(tensor, TracedTensor)]
        if len(inputs) == 1:
            constants.append(np.array([finite(layer.params, 1)]))
        if len(flows) == 1 and len(constants) == 1:
            value = by_channel(constants[0], flows[0].channels)
            return self._after(flows[0], lambda y: y.line(1.0, value) if adds else y.line(value, 0.0))
        if not adds or len(flows) != 2 or constants:
            raise InputError(f"{len(flows)} maps and {len(constants)} constants")
        first, second = (self._read(flow) for flow in flows)
        alike = (first.channels, first.size) == (second.channels, second.size)
        if not alike or not first.sources or not second.sources or first.padding or second.padding:
            raise InputError("a sum of maps of different sizes")
        if {*first.sources} & {*second.sources}:
            raise InputError("maps are added to themselves")
        return replace(first, sources=tuple(sorted(first.sources + second.sources)), function=None)

    def _concatenated(self, layer: CoreMLLayer, flows: list[TracedTensor]) -> TracedTensor:
        first = flows[0]
        for flow in flows:
            self._read(flow, resized=("no", "spread"))
            if flow.size != first.size or flow.padding or not flow.sources:
                raise InputError("maps of different sizes are joined")
        if layer.params.integer(100):
            raise InputError("maps are joined as a sequence")
        sources = tuple(dict.fromkeys(name for flow in flows for name in flow.sources))
        return TracedTensor(sources, sum(flow.channels for flow in flows), first.size)

    def _convolution(self, layer: CoreMLLayer, flow: TracedTensor) -> TracedTensor:
        params = layer.params
        out, groups = params.integer(1), params.integer(10, default=1)
        kernel_size = pair(params, 20, default=3)
        (stride, stride_x), (rate, rate_x) = pair(params, 30, default=1), pair(params, 40, default=1)
        if min(out, groups, stride, rate, *kernel_size) < 1 or max(stride, rate) > max(flow.size):
            raise InputError("an impossible convolution")
        if params.integer(60) or kernel_size[0] != kernel_size[1] or stride != stride_x or rate != rate_x:
            raise InputError("deconvolutions, and kernels, strides or rates that are not square, are not supported")
        if params.integer(2) * groups != flow.channels:
            raise InputError(f"{params.integer(2)} x {groups} input channels where {flow.channels} arrive")
        if not pads_as_tensorflow(params, added=flow.padding, reach=(kernel_size[0] - 1) * rate, stride=stride):
            raise InputError("its padding is in no official DeepLab file")
        if not flow.sources and (flow.function is None or flow.function.negated or flow.function.clipped):
            raise InputError("the image goes through an activation")
        kernel = self.numbers.read(params.message(90), (out, params.integer(2), *kernel_size))
        function = Function.identity(out)
        if params.integer(70):
            function = function.line(1.0, self.numbers.read(params.message(91), (out,)))
        name = name_by_order(self.convolutions, pooled=flow.size == (1, 1))
        self.convolutions[name] = Convolution(name, kernel, groups, stride, rate, self._read(flow), function)
        height, width = (ceil_div(length - 2 * flow.padding, stride) for length in flow.size)
        return TracedTensor((name,), out, (height, width), function)

    def _padding(self, layer: CoreMLLayer, flow: TracedTensor) -> TracedTensor:
        """Zeros around the maps: as some converters pad atrous convolutions, or none at all around the image."""
        amounts, is_zero = explicit_padding(layer.params.message(10)), 1 in layer.params.values
        if len(set(amounts)) != 1 or not is_zero or finite(layer.params.message(1), 1):
            raise InputError(f"padding by {amounts}; only zeros, equally on all sides, are supported")
        if flow.padding or amounts[0] > max(flow.size) or (amounts[0] and not flow.sources):
            raise InputError("padding of the image, twice, or beyond its size is not supported")
        side = amounts[0]
        return replace(flow, padding=side, size=(flow.size[0] + 2 * side, flow.size[1] + 2 * side))

    def _pooling(self, layer: CoreMLLayer, flow: TracedTensor) -> TracedTensor:
        params = layer.params
        unpadded = _VALID in params.values and not any(explicit_padding(params.message(_VALID)))
        whole = params.integer(_GLOBAL) or (unpadded and pair(params, 10, default=3) == flow.size)
        if params.integer(1) != _AVERAGE or not whole:
            raise InputError("pooling of parts; only the average of the whole map is supported")
        return self._mixed(flow, size=(1, 1))

    def _reduce(self, layer: CoreMLLayer, flow: TracedTensor) -> TracedTensor:
        operation = (layer.params.integer(1), layer.params.integer(3))
        if operation == (_ARG_MAX, _OVER_CHANNELS):
            return self._answer(layer, flow)
        if operation != (_AVERAGE, _OVER_IMAGE):
            raise InputError("only averages of the whole map and the best class are supported")
        return self._mixed(flow, size=(1, 1))

    def _resize(self, layer: CoreMLLayer, flow: TracedTensor) -> TracedTensor:
        size = pair(layer.params, 1, default=1)
        return self._resized(flow, size, aligned=_aligned(layer.params.message(2).integer(1)))

    def _upsample(self, layer: CoreMLLayer, flow: TracedTensor) -> TracedTensor:
        down, right = pair(layer.params, 1, default=1)
        linear = {_CORNERS_ALIGNED: True, _CORNERS_NOT_ALIGNED: False}.get(layer.params.integer(6))
        if 7 in layer.params.values:
            raise InputError("upsampling by a factor that is no whole number")
        size = (flow.size[0] * down, flow.size[1] * right)
        return self._resized(flow, size, aligned=linear if layer.params.integer(5) == _BILINEAR else None)

    def _resized(self, flow: TracedTensor, size: Size, *, aligned: bool | None) -> TracedTensor:
        if not all(1 <= length <= 1 << 16 for length in size):
            raise InputError(f"resizing to {size}")
        if size == flow.size:
            return flow
        if flow.size == (1, 1):  # one value becomes the same everywhere, however it is resized
            return self._mixed(flow, size=size, resized="spread")
        if aligned is None:
            raise InputError("its resizing aligns neither the corners' centres nor their edges")
        self.corners_aligned.add(aligned)
        return self._mixed(flow, size=size, resized="enlarged")

    def _answer(self, layer: CoreMLLayer, flow: TracedTensor) -> TracedTensor:
        del layer
        return replace(self._mixed(flow, size=flow.size, resized="enlarged"), is_answer=True)


def _aligned(method: int) -> bool | None:
    return True if method in (_STRICT_ENDPOINTS, _ENDPOINTS) else None
