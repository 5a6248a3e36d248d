"""The layers of a Core ML network, by the numbers of Apple's `NeuralNetwork.proto`, and how convolutions pad."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from atrous.errors import InputError
from atrous.importers.protobuf import Message

_LAYERS, _NAME, _INPUTS, _OUTPUTS, _FIRST_KIND = 1, 1, 2, 3, 100
_MOST_LAYERS = 2000
_MOST_INPUTS = 16
_LONGEST_NAME = 1000

_VALID, _SAME = 50, 51
"""Fields of `ConvolutionLayerParams` for its kind of padding."""


class LayerKind(IntEnum):
    """Kinds of layers in official files, and others that converters write for the same function."""

    CONVOLUTION = 100
    POOLING = 120
    ACTIVATION = 130
    BATCH_NORM = 160
    SOFTMAX = 175
    PADDING = 200
    UPSAMPLE = 210
    RESIZE_BILINEAR = 211
    UNARY = 220
    ADD = 230
    MULTIPLY = 231
    SCALE = 245
    BIAS = 250
    REDUCE = 280
    LOAD_CONSTANT = 290
    CONCAT = 320
    CLIP = 660
    ADD_BROADCASTABLE = 880
    MULTIPLY_BROADCASTABLE = 900
    SOFTMAX_ND = 950
    ARG_MAX = 1025
    LOAD_CONSTANT_ND = 1070
    CLAMPED_RELU = 1460


@dataclass(frozen=True)
class CoreMLLayer:
    """One layer.

    Attributes:
        name: As the converter wrote it.
        kind: Kind of layer.
        params: Parameters: the message of its kind.
        inputs: Names of the tensors that it reads.
        output: Name of the one that it writes.
    """

    name: str
    kind: LayerKind
    params: Message
    inputs: tuple[str, ...]
    output: str


def layers(network: Message) -> Iterator[CoreMLLayer]:
    """The layers in their order.

    Raises:
        InputError: If one is of a kind, or has inputs or outputs, that no official DeepLab file has.
    """
    for count, message in enumerate(network.messages(_LAYERS)):
        if count >= _MOST_LAYERS:
            raise InputError(f"more than {_MOST_LAYERS} layers; this is no DeepLab file")
        yield _layer(message)


def _layer(message: Message) -> CoreMLLayer:
    name, kinds = message.text(_NAME), [number for number in message.values if number >= _FIRST_KIND]
    inputs, outputs = _texts(message, _INPUTS), _texts(message, _OUTPUTS)
    if len(kinds) != 1 or kinds[0] not in LayerKind.__members__.values():
        raise InputError(f"layer {name:.80}: kind {kinds} of Core ML's layers is in no official DeepLab file")
    if len(inputs) > _MOST_INPUTS or len(outputs) != 1:
        raise InputError(f"layer {name:.80} has {len(inputs)} inputs and {len(outputs)} outputs")
    if max(map(len, (name, *inputs, *outputs))) > _LONGEST_NAME:
        raise InputError(f"layer {name:.80} has a name of more than {_LONGEST_NAME} characters")
    return CoreMLLayer(name, LayerKind(kinds[0]), message.message(kinds[0]), inputs, outputs[0])


def _texts(message: Message, number: int) -> tuple[str, ...]:
    values = message.values.get(number, [])
    return tuple(Message({number: [value]}).text(number) for value in values)


def pads_as_tensorflow(params: Message, *, added: int, reach: int, stride: int) -> bool:
    """Return True if a convolution pads as TensorFlow's SAME: maps keep their size but for the stride.

    Args:
        params: `ConvolutionLayerParams`.
        added: Zeros that an earlier padding layer has put on each side.
        reach: Distance between the outermost taps of the kernel.
        stride: The convolution's stride.
    """
    if _SAME in params.values:
        bottom_heavy = params.message(_SAME).integer(1) == 0
        return not added and (bottom_heavy or stride == 1) and reach % 2 == 0
    # With a stride, explicit zeros are not SAME at every size; a single tap needs none.
    return all(2 * (side + added) == reach for side in explicit_padding(params.message(_VALID))) and (
        stride == 1 or not reach
    )


def explicit_padding(padding: Message) -> tuple[int, ...]:
    """Zeros above, below, left and right, from `ValidPadding` or `PaddingLayerParams`.

    Raises:
        InputError: If the message states neither all four sides nor none.
    """
    borders = padding.message(1) if 1 in padding.values else padding
    edges = [(edge.integer(1), edge.integer(2)) for edge in borders.messages(10)]
    if len(edges) not in (0, 2) or min((amount for edge in edges for amount in edge), default=0) < 0:
        raise InputError("padding that is not stated for all four sides")
    return tuple(amount for edge in edges for amount in edge) or (0, 0, 0, 0)
