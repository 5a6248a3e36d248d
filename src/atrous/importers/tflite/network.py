"""Reads a TensorFlow Lite file into plain convolutions, and nothing that it does not understand.

A `.tflite` file is a flatbuffer: tables that point at each other by offsets. The flatbuffers package checks every
offset it follows against the bounds of the file, but not whether indices, shapes and sizes agree with each other; that
is done here. What the file holds is trusted nowhere: anything that does not fit is an `InputError`.
"""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from atrous.errors import InputError
from atrous.importers.fused_convolution import Activation, FusedConvolution, FusedNetwork
from atrous.importers.tensorflow.recognition import REFUSED
from atrous.importers.tflite.metadata import Scaling, stated_scaling
from atrous.importers.tflite.recognition import IDENTIFIER
from atrous.importers.tflite.tensors import Generated, TFLiteTensors
from atrous.importers.tflite.traced_map import SubGrids, TracedMap
from atrous.sizes import Size, size_text

EDGE_TPU = b"edgetpu-custom-op"
_LARGEST_FILE = 1 << 30
_MOST_OPERATORS = 1000
_MOST_INPUTS = 16

_Op = tflite.BuiltinOperator
_Action = tflite.ActivationFunctionType
_OPERATOR_NAMES = {code: name for name, code in vars(_Op).items() if isinstance(code, int)}
_POOLING = (_Op.AVERAGE_POOL_2D, _Op.MEAN)
_PASSED_THROUGH = (
    *_POOLING, _Op.ADD, _Op.CONCATENATION, _Op.RESIZE_BILINEAR, _Op.SPACE_TO_BATCH_ND, _Op.BATCH_TO_SPACE_ND,
    _Op.QUANTIZE, _Op.DEQUANTIZE, _Op.RESHAPE, _Op.SQUEEZE, _Op.SOFTMAX, _Op.ARG_MAX,
)  # fmt: skip
_CONVOLUTIONS = {_Op.CONV_2D: tflite.Conv2DOptions, _Op.DEPTHWISE_CONV_2D: tflite.DepthwiseConv2DOptions}
_WITH_ACTIVATION = {
    _Op.ADD: tflite.AddOptions,
    _Op.CONCATENATION: tflite.ConcatenationOptions,
    _Op.AVERAGE_POOL_2D: tflite.Pool2DOptions,
}
_OPTIONS = {
    tflite.AddOptions: tflite.BuiltinOptions.AddOptions,
    tflite.ArgMaxOptions: tflite.BuiltinOptions.ArgMaxOptions,
    tflite.ConcatenationOptions: tflite.BuiltinOptions.ConcatenationOptions,
    tflite.Conv2DOptions: tflite.BuiltinOptions.Conv2DOptions,
    tflite.DepthwiseConv2DOptions: tflite.BuiltinOptions.DepthwiseConv2DOptions,
    tflite.Pool2DOptions: tflite.BuiltinOptions.Pool2DOptions,
    tflite.ResizeBilinearOptions: tflite.BuiltinOptions.ResizeBilinearOptions,
    tflite.SoftmaxOptions: tflite.BuiltinOptions.SoftmaxOptions,
}
"""Tables of options that are read, and the mark that an operator bears where it has one."""

_ACTIVATIONS: dict[int, Activation] = {_Action.NONE: "none", _Action.RELU: "relu", _Action.RELU6: "relu6"}

_PLUS_MINUS_ONE: Scaling = ((127.5,), (127.5,))


def read_network(path: Path) -> FusedNetwork:
    """Read a `.tflite` file.

    An 8-bit file states its input scaling as its input's zero point and 1 / scale; a float file in its metadata, and
    where it has none, the [-1, 1] of all official float files is assumed.

    Raises:
        InputError: If the file cannot be read, is no TFLite file, is damaged, or holds an operator, number type or
            form of convolution that no official DeepLab file has.
    """
    content = _content(path)
    try:
        return _Reader(path, content).network()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (struct.error, TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        # What the flatbuffers package raises, by the kind of read, where an offset leads out of the file or nowhere.
        raise InputError(f"{path}: damaged TFLite file; get it again from its source") from error


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path}: larger than {_LARGEST_FILE >> 20} MiB, which no DeepLab file is")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if content[4:8] != IDENTIFIER:
        raise InputError(f"{path}: not a TFLite file (it has no {IDENTIFIER.decode()} mark); give an official .tflite")
    return content


class _Reader:
    """One pass over the operators, in the order in which they run, noting whose outputs every tensor holds."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._model: Generated = tflite.Model.GetRootAs(content, 0)
        if self._model.SubgraphsLength() != 1:
            raise InputError(f"{self._model.SubgraphsLength()} subgraphs, expected one; this is no DeepLab file")
        self._graph: Generated = self._model.Subgraphs(0)
        self._tensors = TFLiteTensors(self._model, self._graph, file_size=len(content))
        self._convolutions: dict[str, FusedConvolution] = {}
        self._sources: dict[int, tuple[str, ...]] = {}
        self._maps: dict[int, TracedMap] = {}
        self._kernels: dict[int, int] = {}
        self._corners_aligned: set[bool] = set()
        self._answers: set[int] = set()

    def network(self) -> FusedNetwork:
        self._refuse_known()
        inputs, operators = self._graph.InputsLength(), self._graph.OperatorsLength()
        if inputs != 1 or not 0 < operators <= _MOST_OPERATORS:
            raise InputError(f"{inputs} inputs and {operators} operators; this is no DeepLab file")
        image = self._graph.Inputs(0)
        self._sources[image] = ()
        self._maps[image] = TracedMap(self._size(image))
        for index in range(operators):
            self._follow(self._graph.Operators(index))
        self._check_output(self._size(image))
        if len(self._corners_aligned) > 1:
            raise InputError("some of its resizing aligns corners and some does not; such a network is not supported")
        mean, std = self._scaling(image)
        return FusedNetwork(
            path=self._path,
            input_mean=mean,
            input_std=std,
            quantized=not self._tensors.is_float(image),
            corners_aligned=next(iter(self._corners_aligned), None),
            size=self._size(image),
            convolutions=tuple(self._convolutions.values()),
        )

    def _refuse_known(self) -> None:
        """Refuse by name what is known and not built here, whatever else is odd about the file."""
        codes = (self._model.OperatorCodes(index) for index in range(self._model.OperatorCodesLength()))
        if any(code is not None and code.CustomCode() == EDGE_TPU for code in codes):
            raise InputError("compiled for the Edge TPU; give the .tflite that it was compiled from")
        for index in range(self._graph.TensorsLength()):
            scope = (self._graph.Tensors(index).Name() or b"").partition(b"/")[0].decode(errors="replace")
            if scope in REFUSED:
                raise InputError(f"{REFUSED[scope]}; `atrous weights` lists networks that are")

    def _size(self, image: int) -> Size:
        """Height and width of the image, whose shape is (1, height, width, channels)."""
        shape = self._tensors.shape(image)
        if len(shape) != 4 or shape[0] != 1 or min(shape) < 1:
            raise InputError(f"its input has the shape {shape}; one image was expected")
        return shape[1], shape[2]

    def _follow(self, operator: Generated) -> None:
        """Note what flows into an operator's output; take it down if it is a convolution."""
        if not 0 < operator.InputsLength() <= _MOST_INPUTS or operator.OutputsLength() != 1:
            raise InputError(f"an operator has {operator.InputsLength()} inputs and {operator.OutputsLength()} outputs")
        inputs = [operator.Inputs(position) for position in range(operator.InputsLength())]
        for tensor in inputs:
            # An optional input that is left out has index -1.
            if tensor not in self._sources and tensor != -1 and not self._tensors.is_constant(tensor):
                raise InputError(f"tensor {tensor} is read before anything is written to it")
        code, output = self._code(operator), operator.Outputs(0)
        if output in self._sources or self._tensors.is_constant(output):
            raise InputError(f"tensor {output} is written to twice")
        if any(tensor in self._answers for tensor in inputs):
            raise InputError("something follows the probabilities or labels; this is no DeepLab file")
        if code == _Op.DEQUANTIZE and inputs[0] not in self._sources:
            self._tensors.stand_for(output, inputs[0])  # weights that are stored as float16
            return
        if code in _CONVOLUTIONS:
            if inputs[0] not in self._sources:
                raise InputError("a convolution reads a constant")
            convolution = self._convolution(operator, inputs)
            if convolution.name in self._convolutions:
                raise InputError(f"two convolutions are called {convolution.name}")
            self._convolutions[convolution.name] = convolution
            self._sources[output] = (convolution.name,)
            self._kernels[output] = convolution.kernel.shape[-1]
            return
        self._check(operator, output)
        if code in (_Op.ADD, _Op.CONCATENATION):
            self._check_merged(inputs, code)
        if code in (_Op.SOFTMAX, _Op.ARG_MAX):
            self._answers.add(output)
        merged = dict.fromkeys(name for tensor in inputs for name in self._sources.get(tensor, ()))
        self._sources[output] = tuple(sorted(merged)) if code == _Op.ADD else tuple(merged)
        self._maps[output] = self._changed(operator, code, [tensor for tensor in inputs if tensor in self._maps])

    def _check_merged(self, inputs: list[int], code: int) -> None:
        """Refuse sums and concatenations of constants, and of maps that come from the same convolutions."""
        if any(tensor not in self._sources for tensor in inputs):
            raise InputError(f"{_OPERATOR_NAMES[code]} of a constant is in no official DeepLab file")
        names = [name for tensor in inputs for name in self._sources[tensor]]
        if len(set(names)) != len(names) or len(inputs) < 2 or not all(self._sources[tensor] for tensor in inputs):
            raise InputError(f"{_OPERATOR_NAMES[code]} of the image, or of maps with themselves, is in no DeepLab file")

    def _check_output(self, size: Size) -> None:
        """Refuse a graph whose output is not what its last convolution gives, at its own size or that of the image."""
        outputs = [self._graph.Outputs(position) for position in range(self._graph.OutputsLength())]
        last = tuple(self._convolutions)[-1:]
        if len(outputs) != 1 or not last or self._sources.get(outputs[0]) != last:
            raise InputError(
                f"its output is not that of its last convolution, {last[0] if last else 'which is missing'}"
            )
        result = self._maps[outputs[0]]
        if result.state == "enlarged" and result.size != size:
            raise InputError(f"its output has {size_text(result.size)} positions for an image of {size_text(size)}")

    def _check(self, operator: Generated, output: int) -> None:
        """Refuse what would change the function in a way that is not taken down."""
        code = self._code(operator)
        if code not in _PASSED_THROUGH:
            raise InputError(f"operator {_OPERATOR_NAMES.get(code, code)} is in no official DeepLab file")
        if code in _WITH_ACTIVATION and _options(operator, _WITH_ACTIVATION[code]).FusedActivationFunction():
            raise InputError(f"an activation after {_OPERATOR_NAMES[code]} is in no official DeepLab file")
        if code in _POOLING and any(length != 1 for length in self._tensors.shape(output)[:-1]):
            raise InputError(f"pooling to {self._tensors.shape(output)}; only pooling of the whole map is supported")
        if code == _Op.CONCATENATION and _options(operator, tflite.ConcatenationOptions).Axis() not in (3, -1):
            raise InputError("a concatenation along another axis than the channels")
        if code == _Op.SOFTMAX and _options(operator, tflite.SoftmaxOptions).Beta() != 1:
            raise InputError("a softmax of scaled logits is in no official DeepLab file")
        if code == _Op.ARG_MAX:
            _options(operator, tflite.ArgMaxOptions)
            axis = self._tensors.stored(operator.Inputs(1)).tolist() if operator.InputsLength() == 2 else None
            if axis not in (3, -1, [3], [-1]):
                raise InputError("labels along another axis than the channels")
        if code == _Op.QUANTIZE and self._tensors.is_float(operator.Inputs(0)):
            self._check_quantized_image(operator.Inputs(0), output)
        if code == _Op.RESIZE_BILINEAR:
            resizing = _options(operator, tflite.ResizeBilinearOptions)
            if resizing.AlignCorners() == resizing.HalfPixelCenters():
                raise InputError("its resizing aligns neither the corners' centres nor their edges")
            self._corners_aligned.add(bool(resizing.AlignCorners()))

    def _check_quantized_image(self, tensor: int, output: int) -> None:
        """Refuse 8 bits for a map of real numbers, except for the image where they hold all its values."""
        if tensor != self._graph.Inputs(0):
            raise InputError(
                "real numbers become 8 bits between its convolutions, which is in no official DeepLab file"
            )
        mean, std = self._scaling(tensor)
        scale, zero_point = self._tensors.scale_and_zero_point(output)
        lowest = -128 if self._tensors.is_signed(output) else 0
        first, last = (
            scale * (lowest - 1 - zero_point),
            scale * (lowest + 256 - zero_point),
        )  # one step more on each side
        values = [(pixel - np.asarray(mean)) / np.asarray(std) for pixel in (0, 255)]
        if np.min(values) < first or np.max(values) > last:
            raise InputError("the 8 bits of its image do not hold all its values")

    def _convolution(self, operator: Generated, inputs: list[int]) -> FusedConvolution:
        code = self._code(operator)
        options = _options(operator, _CONVOLUTIONS[code])
        name = self._tensors.name(inputs[1]).partition(";")[0].rpartition("/")[0]
        depthwise = code == _Op.DEPTHWISE_CONV_2D
        # Stored [out, h, w, in]; depthwise [1, h, w, channels].
        kernel = self._tensors.constant(inputs[1]).transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        bias = self._tensors.constant(inputs[2]) if len(inputs) > 2 and inputs[2] >= 0 else np.zeros(len(kernel), "f4")
        if bias.shape != kernel.shape[:1] or (depthwise and kernel.shape[1] != 1):
            raise InputError(f"{name}: kernel {kernel.shape} and bias {bias.shape} do not fit each other")
        strides, rates = (options.StrideH(), options.StrideW()), (options.DilationHFactor(), options.DilationWFactor())
        # Older converters write an atrous convolution as a plain one between space-to-batch and batch-to-space: each
        # item of the batch is one sub-grid of the map, already padded.
        traced = self._maps[inputs[0]]
        block = 1 if traced.grids is None else traced.grids[0]
        padded_same = options.Padding() == tflite.Padding.SAME or block > 1 or kernel.shape[2:] == (1, 1)
        if strides[0] != strides[1] or rates[0] != rates[1] or min(strides + rates) < 1 or not padded_same:
            raise InputError(f"{name}: strides {strides}, rates {rates} or its padding are in no official DeepLab file")
        same = options.Padding() == tflite.Padding.SAME
        self._maps[operator.Outputs(0)] = traced.convolved(stride=strides[0], kernel=kernel.shape[-1], same=same)
        if options.FusedActivationFunction() not in _ACTIVATIONS:
            raise InputError(f"{name}: activation {options.FusedActivationFunction()} is in no official DeepLab file")
        return FusedConvolution(
            name=name,
            kernel=np.ascontiguousarray(kernel),
            bias=bias,
            groups=len(kernel) if depthwise else 1,
            stride=strides[0],
            rate=rates[0] * block,
            activation=_ACTIVATIONS[options.FusedActivationFunction()],
            inputs=self._sources[inputs[0]],
            pooled=traced.state == "pooled",
        )

    def _changed(self, operator: Generated, code: int, arriving: list[int]) -> TracedMap:
        """Map that an operator makes of those that arrive."""
        first = self._maps[arriving[0]]
        if code in _POOLING:
            return first.pooled(window=self._window(operator, code))
        if code == _Op.RESIZE_BILINEAR:
            size = self._tensors.stored(operator.Inputs(1)).tolist() if operator.InputsLength() == 2 else []
            if len(size) != 2:
                raise InputError(f"resizing to {size}; a height and a width are expected")
            return first.resized((size[0], size[1]))
        if code == _Op.SPACE_TO_BATCH_ND:
            return first.split(self._grids(operator))
        if code == _Op.BATCH_TO_SPACE_ND:
            return first.joined(self._grids(operator), kernel=self._kernels.get(arriving[0], 1))
        if code in (_Op.ADD, _Op.CONCATENATION):
            return self._merged([self._maps[tensor] for tensor in arriving], code)
        if code in (_Op.RESHAPE, _Op.SQUEEZE) and first.size != (1, 1):
            raise InputError(f"{_OPERATOR_NAMES[code]} of a map is in no official DeepLab file")
        return first

    def _merged(self, maps: list[TracedMap], code: int) -> TracedMap:
        """Sum or concatenation of maps of one size; means of whole maps are only concatenated, at every position."""
        allowed = ("features", "spread") if code == _Op.CONCATENATION else ("features",)
        if any(each.state not in allowed or each.grids or each.size != maps[0].size for each in maps):
            raise InputError(f"{_OPERATOR_NAMES[code]} of such maps is in no official DeepLab file")
        return TracedMap(maps[0].size)

    def _window(self, operator: Generated, code: int) -> Size | None:
        """Window of a pooling; None is the whole map."""
        if code == _Op.AVERAGE_POOL_2D:
            options = _options(operator, tflite.Pool2DOptions)
            if options.Padding() != tflite.Padding.VALID:
                raise InputError("a padded pooling is in no official DeepLab file")
            return options.FilterHeight(), options.FilterWidth()
        axes = self._tensors.stored(operator.Inputs(1)).tolist() if operator.InputsLength() == 2 else []
        if sorted(axes) != [1, 2]:
            raise InputError(f"a mean over the axes {axes}; height and width are expected")
        return None

    def _grids(self, operator: Generated) -> SubGrids:
        """Block and zeros, or block and cuts, of a split into sub-grids or of its inverse."""
        inputs = [operator.Inputs(position) for position in range(operator.InputsLength())]
        if len(inputs) != 3:
            raise InputError(f"space-to-batch of {len(inputs)} inputs; three are expected")
        block, zeros = (self._tensors.stored(tensor).tolist() for tensor in inputs[1:])
        if len(block) != 2 or block[0] != block[1] or block[0] < 1:
            raise InputError(f"space-to-batch with blocks of {block}; only square ones are supported")
        if len(zeros) != 2 or any(len(pair) != 2 or min(pair) < 0 for pair in zeros):
            raise InputError(f"space-to-batch with zeros of {zeros!s:.80}; two pairs are expected")
        return block[0], (zeros[0][0], zeros[0][1]), (zeros[1][0], zeros[1][1])

    def _scaling(self, image: int) -> Scaling:
        if self._tensors.is_float(image):
            mean, std = stated_scaling(self._model) or _PLUS_MINUS_ONE
        else:
            scale, zero_point = self._tensors.scale_and_zero_point(image)
            signed_shift = 128 if self._tensors.is_signed(image) else 0  # a signed input is fed pixel - 128
            mean, std = (float(zero_point + signed_shift),), (1 / scale,)
        if not all(math.isfinite(value) for value in mean + std) or min(std) <= 0:
            raise InputError(f"input scaling with mean {mean} and std {std} is impossible")
        return mean, std

    def _code(self, operator: Generated) -> int:
        if not 0 <= operator.OpcodeIndex() < self._model.OperatorCodesLength():
            raise InputError(f"operator code {operator.OpcodeIndex()} is not in the file")
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # the older field is one byte wide


def _options(operator: Generated, kind: type) -> Any:
    """The operator's options, read as what its code says they are.

    Raises:
        InputError: If they are marked as those of another operator.
    """
    if operator.BuiltinOptionsType() != _OPTIONS[kind]:
        raise InputError("an operator has the options of another one; get the file again from its source")
    table = operator.BuiltinOptions()
    options = kind()
    options.Init(table.Bytes, table.Pos)
    return options
