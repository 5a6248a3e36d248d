"""Writes Core ML files, so that the reader can be tested on every form of them."""

import struct

import numpy as np

from atrous.importers.protobuf import fields

NETWORK, RGB = 500, 20
CONVOLUTION, POOLING, ACTIVATION, BATCH_NORM, PADDING, RESIZE, UNARY = 100, 120, 130, 160, 200, 211, 220
ADD, MULTIPLY, SCALE, BIAS, REDUCE, CONSTANT, CONCAT, CLIP, CLAMPED = 230, 231, 245, 250, 280, 290, 320, 660, 1460
RELU = (10, b"")
LOGITS_SIZE = 9


def varint(value: int) -> bytes:
    content = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])


def message(*pairs) -> bytes:
    """(number, value): a whole number, a float, a text, bytes, an array or a list of whole numbers."""
    content = b""
    for number, value in pairs:
        if isinstance(value, int):
            content += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            content += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            if isinstance(value, list):
                value = b"".join(map(varint, value))
            elif isinstance(value, str):
                value = value.encode()
            value = value.tobytes() if isinstance(value, np.ndarray) else bytes(value)
            content += varint(number << 3 | 2) + varint(len(value)) + value
    return content


def floats(values) -> bytes:
    """`WeightParams` in single precision."""
    return message((1, np.asarray(values, "f4")))


def layer(kind: int, inputs, output: str, *params) -> bytes:
    reads = [(2, name) for name in ([inputs] if isinstance(inputs, str) else inputs)]
    return message((1, output), *reads, (3, output), (kind, message(*params)))


def convolution(inputs, output, kernel, *params, groups=1, stride=1, rate=1, same=b"", weights=None) -> bytes:
    """`kernel` is [out, in, h, w]."""
    out, channels, height, width = np.shape(kernel)
    known = (
        (1, out), (2, channels), (10, groups), (20, [height, width]), (30, [stride, stride]), (40, [rate, rate]),
        (90, floats(kernel) if weights is None else weights),
    )  # fmt: skip
    return layer(CONVOLUTION, inputs, output, *known, *(() if same is None else [(51, same)]), *params)


def batch_norm(inputs, output, gamma, beta, mean, variance, *params) -> bytes:
    parts = zip((15, 16, 17, 18), (gamma, beta, mean, variance), strict=True)
    return layer(
        BATCH_NORM, inputs, output, (1, len(gamma)), *((number, floats(part)) for number, part in parts), *params
    )


def relu6(inputs, output) -> list[bytes]:
    """As the converter from TensorFlow writes it."""
    negation = (5, message((1, -1.0)))
    return [
        layer(ACTIVATION, inputs, f"{output}_relu", RELU),
        layer(ACTIVATION, f"{output}_relu", f"{output}_neg", negation),
        layer(UNARY, f"{output}_neg", f"{output}_clip", (1, 7), (2, -6.0), (5, 1.0)),
        layer(ACTIVATION, f"{output}_clip", output, negation),
    ]


def scaler(scale=1 / 127.5, red=-1.0, green=-1.0, blue=-1.0) -> bytes:
    return message((1, "image"), (10, message((10, scale), (20, blue), (21, green), (22, red))))


def model(layers, *, size=LOGITS_SIZE, colors=RGB, preprocessing=None, kind=NETWORK) -> bytes:
    image = message((4, message((1, size), (2, size), (3, colors))))
    steps = [scaler()] if preprocessing is None else preprocessing
    network = message(*((1, each) for each in layers), *((2, step) for step in steps))
    return message((1, 3), (2, message((1, message((1, "image"), (3, image))))), (kind, network))


def layers_of(content: bytes) -> list[bytes]:
    return [bytes(value) for number, value in fields(_network(content)) if number == 1]


def with_layers(content: bytes, layers) -> bytes:
    """The same file with other layers."""
    others = [(number, bytes(value)) for number, value in fields(_network(content)) if number != 1]
    network = message(*((1, each) for each in layers), *others)
    kept = [(number, value) for number, value in fields(memoryview(content)) if number != NETWORK]
    return message(
        *((number, value if isinstance(value, int) else bytes(value)) for number, value in kept), (NETWORK, network)
    )


def _network(content: bytes) -> memoryview:
    return next(value for number, value in fields(memoryview(content)) if number == NETWORK)
