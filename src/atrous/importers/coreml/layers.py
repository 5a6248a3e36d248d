"""The layers of a Core ML network: which kinds there are, by their numbers in Apple's `NeuralNetwork.proto`."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from atrous.errors import InputError
from atrous.importers.protobuf import Message

_LAYERS, _NAME, _INPUTS, _OUTPUTS, _FIRST_KIND = 1, 1, 2, 3, 100
_MOST_LAYERS = 2000
_MOST_INPUTS = 16
_LONGEST_NAME = 1000


class LayerKind(IntEnum):
    """What an official file holds, or a converter might write for the same."""

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
        kind: What it does.
        params: How; the message of its kind.
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
