from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.importers.tflite.network import read_network
from fakes.tflite_writer import (
    Action,
    Op,
    Options,
    TFLiteWriter,
    conv_options,
    depthwise_options,
    input_metadata,
    resize_options,
)

KERNEL = np.arange(2 * 3 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 3)


def read_content(folder, content):
    (folder / "a.tflite").write_bytes(content)
    return read_network(folder / "a.tflite")


def one_convolution(
    writer, *, kernel=KERNEL, bias=None, name="scope/weights", options=None, image=None, kernel_scales=()
) -> int:
    """Image -> one convolution; returns the output tensor."""
    image = writer.tensor("image", [1, 9, 9, 3], **(image or {}))
    zero_points = [0] * len(kernel_scales)
    weights = writer.tensor(name, kernel.shape, values=kernel, scales=kernel_scales, zero_points=zero_points)
    inputs = [image, weights]
    if bias is not None:
        inputs.append(writer.tensor("bias", bias.shape, values=bias))
    output = writer.tensor("out", [1, 9, 9, len(kernel)])
    options = conv_options() if options is None else options
    return writer.operator(Op.CONV_2D, inputs, output, kind=Options.Conv2DOptions, options=options)


def small_file() -> bytes:
    """Convolution, 8-bit depthwise convolution, pooling and resizing, with metadata: a bit of everything."""
    writer = TFLiteWriter()
    x = one_convolution(writer, bias=np.zeros(2, "f4"), options=conv_options(stride=2, activation=Action.RELU6))
    kernel = np.arange(18, dtype="i1").reshape(1, 3, 3, 2)
    weights = writer.tensor("deep/weights", kernel.shape, values=kernel, scales=[0.5, 2.0], zero_points=[1, -1], axis=3)
    y = writer.tensor("y", [1, 9, 9, 2])
    kind = Options.DepthwiseConv2DOptions
    writer.operator(Op.DEPTHWISE_CONV_2D, [x, weights], y, kind=kind, options=depthwise_options(rate=2))
    resized = writer.tensor("resized", [1, 9, 9, 2])
    size = writer.tensor("size", [2], values=np.array([9, 9], "i4"))
    kind = Options.ResizeBilinearOptions
    writer.operator(Op.RESIZE_BILINEAR, [y, size], resized, kind=kind, options=resize_options())
    return writer.content(resized, metadata=input_metadata([10.0, 20.0, 30.0], [2.0, 4.0, 8.0]))


def test_every_part_of_a_small_file(tmp_path):
    network = read_content(tmp_path, small_file())
    assert (network.input_mean, network.input_std) == ((10.0, 20.0, 30.0), (2.0, 4.0, 8.0))
    assert network.corners_aligned is True
    assert not network.quantized
    first, second = network.convolutions
    assert (first.name, first.groups, first.stride, first.rate, first.activation) == ("scope", 1, 2, 1, "relu6")
    # Stored [out, h, w, in]: value 27 o + 9 h + 3 w + i.
    assert first.kernel.shape == (2, 3, 3, 3)
    assert first.kernel[1, 2, 0, 1] == 27 + 0 + 3 + 2
    assert first.inputs == ()
    assert (second.name, second.groups, second.stride, second.rate, second.activation) == ("deep", 2, 1, 2, "none")
    # Stored value 6 h + 2 w + c; channel 0 is (q - 1) * 0.5, channel 1 is (q + 1) * 2.
    np.testing.assert_array_equal(second.kernel[0, 0], (np.arange(0, 18, 2).reshape(3, 3) - 1) * 0.5)
    np.testing.assert_array_equal(second.kernel[1, 0], (np.arange(1, 18, 2).reshape(3, 3) + 1) * 2.0)
    np.testing.assert_array_equal(second.bias, [0, 0])
    assert second.inputs == ("scope",)


def test_an_8_bit_file_is_dequantised(tmp_path):
    writer = TFLiteWriter()
    image = writer.tensor("image", [1, 9, 9, 3], dtype="u1", scales=[1 / 128], zero_points=[128])
    kernel = np.array([[[[0, 128, 255]]], [[[1, 2, 3]]]], "u1")
    weights = writer.tensor(
        "scope/weights;other/weights", kernel.shape, values=kernel, scales=[0.25], zero_points=[128]
    )
    bias = writer.tensor("bias", [2], values=np.array([1000, -3], "i4"), scales=[0.001], zero_points=[0])
    output = writer.tensor("out", [1, 9, 9, 2], dtype="u1", scales=[1.0], zero_points=[0])
    writer.operator(Op.CONV_2D, [image, weights, bias], output, kind=Options.Conv2DOptions, options=conv_options())
    network = read_content(tmp_path, writer.content(output))
    assert network.quantized
    assert (network.input_mean, network.input_std) == ((128.0,), (128.0,))
    assert network.corners_aligned is None
    (layer,) = network.convolutions
    assert layer.name == "scope"
    np.testing.assert_array_equal(layer.kernel[:, :, 0, 0], [[-32, 0, 31.75], [-31.75, -31.5, -31.25]])
    np.testing.assert_allclose(layer.bias, [1.0, -0.003], rtol=1e-6)


def test_a_signed_input_is_fed_pixels_minus_128(tmp_path):
    writer = TFLiteWriter()
    output = one_convolution(writer, image={"dtype": "i1", "scales": [0.5], "zero_points": [-28]})
    network = read_content(tmp_path, writer.content(output))
    # Pixel 228 is stored as 100; 0.5 * (100 - -28) = 64 = (228 - mean) / std.
    assert (228 - network.input_mean[0]) / network.input_std[0] == 64


def test_a_float_file_that_states_no_scaling_wants_minus_one_to_one(tmp_path):
    writer = TFLiteWriter()
    network = read_content(tmp_path, writer.content(one_convolution(writer)))
    assert (network.input_mean, network.input_std) == ((127.5,), (127.5,))


def test_inputs_tell_sums_from_concatenations(tmp_path):
    writer = TFLiteWriter()
    first = one_convolution(writer, kernel=np.ones((3, 1, 1, 3), "f4"), name="b/weights")

    def convolution(name, tensor):
        output = writer.tensor("o", [1, 9, 9, 3])
        weights = writer.tensor(f"{name}/weights", [3, 1, 1, 3], values=np.ones((3, 1, 1, 3), "f4"))
        kind = Options.Conv2DOptions
        return writer.operator(Op.CONV_2D, [tensor, weights], output, kind=kind, options=conv_options())

    second = convolution("a", first)
    added = writer.operator(
        Op.ADD, [first, second], writer.tensor("sum", [1, 9, 9, 3]), kind=Options.AddOptions, options=[("Int8", 0)]
    )
    third = convolution("c", added)
    kind, options = Options.ConcatenationOptions, [("Int32", 3), ("Int8", 0)]
    joined = writer.operator(
        Op.CONCATENATION, [third, second, first], writer.tensor("j", [1, 9, 9, 9]), kind=kind, options=options
    )
    weights = writer.tensor("d/weights", [3, 1, 1, 9], values=np.ones((3, 1, 1, 9), "f4"))
    kind, options = Options.Conv2DOptions, conv_options()
    last = writer.operator(Op.CONV_2D, [joined, weights], writer.tensor("o", [1, 9, 9, 3]), kind=kind, options=options)
    network = read_content(tmp_path, writer.content(last))
    assert {layer.name: layer.inputs for layer in network.convolutions} == {
        "b": (), "a": ("b",), "c": ("a", "b"), "d": ("c", "a", "b"),
    }  # fmt: skip


def unknown_operator(writer):
    return writer.operator(Op.HARD_SWISH, [one_convolution(writer)], writer.tensor("h", [1, 9, 9, 2]))


def partial_pooling(writer):
    x, options = one_convolution(writer), [("Int8", 1), *[("Int32", 3)] * 4, ("Int8", 0)]
    output = writer.tensor("pooled", [1, 3, 3, 2])
    return writer.operator(Op.AVERAGE_POOL_2D, [x], output, kind=Options.Pool2DOptions, options=options)


def activated_sum(writer):
    x = one_convolution(writer)
    kind, options = Options.AddOptions, [("Int8", Action.RELU)]
    return writer.operator(Op.ADD, [x, x], writer.tensor("s", [1, 9, 9, 2]), kind=kind, options=options)


def resizing(*flags):
    def build(writer):
        x = one_convolution(writer)
        for align_corners, half_pixel_centers in flags:
            options = resize_options(align_corners=align_corners, half_pixel_centers=half_pixel_centers)
            size = writer.tensor("size", [2], values=np.array([9, 9], "i4"))
            r, kind = writer.tensor("r", [1, 9, 9, 2]), Options.ResizeBilinearOptions
            x = writer.operator(Op.RESIZE_BILINEAR, [x, size], r, kind=kind, options=options)
        return x

    return build


def twice_the_same_name(writer):
    x = one_convolution(writer, kernel=np.ones((3, 1, 1, 3), "f4"))
    weights = writer.tensor("scope/more", [3, 1, 1, 3], values=np.ones((3, 1, 1, 3), "f4"))
    kind, options = Options.Conv2DOptions, conv_options()
    return writer.operator(Op.CONV_2D, [x, weights], writer.tensor("o", [1, 9, 9, 3]), kind=kind, options=options)


def before_it_is_written(writer):
    one_convolution(writer)
    later = writer.tensor("later", [1, 9, 9, 2])
    return writer.operator(Op.SOFTMAX, [later], writer.tensor("s", [1, 9, 9, 2]))


def overlapping_constants(writer):
    x = one_convolution(writer)
    big = np.ones((64, 16, 16, 64), "i1")
    first = writer.tensor("big/weights", big.shape, values=big, scales=[1.0], zero_points=[0])
    shape, kind, buffer, _, quantization = writer.tensors[first]
    for number in range(50):
        name = ("UOffsetTRelative", writer.builder.CreateString(f"n{number}/weights"))
        writer.tensors.append([shape, kind, buffer, name, quantization])
        inputs, output = [x, len(writer.tensors) - 1], writer.tensor("o", [1, 9, 9, 64])
        x = writer.operator(Op.CONV_2D, inputs, output, kind=Options.Conv2DOptions, options=conv_options())
    return x


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (unknown_operator, "operator HARD_SWISH is in no official DeepLab file"),
        (partial_pooling, "only pooling of the whole map"),
        (activated_sum, "an activation after ADD"),
        (resizing((True, False), (False, True)), "some of its resizing aligns corners and some does not"),
        (resizing((False, False)), "neither"),
        (twice_the_same_name, "two convolutions are called scope"),
        (before_it_is_written, "is read before anything is written to it"),
        (overlapping_constants, "its constants overlap"),
        (lambda w: one_convolution(w, kernel=KERNEL.astype("i1")), "integers without a scale"),
        (lambda w: one_convolution(w, kernel=KERNEL.astype("i1"), kernel_scales=[1.0] * 3), "3 scales do not fit"),
        (lambda w: one_convolution(w, kernel=KERNEL.astype("i1"), kernel_scales=[0.0]), "impossible"),
        (lambda w: one_convolution(w, kernel=KERNEL.astype("i1"), kernel_scales=[np.inf]), "impossible"),
        (lambda w: one_convolution(w, kernel=KERNEL.astype("i4"), kernel_scales=[3e38]), "no finite numbers"),
        (lambda w: one_convolution(w, kernel=KERNEL * np.nan), "no finite numbers"),
        (lambda w: one_convolution(w, bias=np.zeros(3, "f4")), "do not fit each other"),
        (lambda w: one_convolution(w, options=conv_options(padding=1)), "its padding"),
        (lambda w: one_convolution(w, options=conv_options(stride=0)), "strides"),
        (lambda w: one_convolution(w, options=conv_options(activation=Action.TANH)), "activation 4"),
        (lambda w: one_convolution(w, name="x" * 2000), "a name of 2000 characters"),
        (lambda w: one_convolution(w, image={"dtype": "u1"}), "integers without a scale"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(tmp_path, build, complaint):
    writer = TFLiteWriter()
    with pytest.raises(InputError, match=rf"a\.tflite: .*{complaint}"):
        read_content(tmp_path, writer.content(build(writer)))


@pytest.mark.parametrize("std", [0.0, -1.0, np.nan, np.inf])
def test_an_impossible_scaling_is_refused(tmp_path, std):
    writer = TFLiteWriter()
    content = writer.content(one_convolution(writer), metadata=input_metadata([0.0], [std]))
    with pytest.raises(InputError, match="input scaling"):
        read_content(tmp_path, content)


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"<html></html>", b"PK\x03\x04" + b"\x00" * 100])
def test_something_else_is_no_tflite_file(tmp_path, content):
    with pytest.raises(InputError, match="not a TFLite file"):
        read_content(tmp_path, content)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.tflite", tmp_path):
        with pytest.raises(InputError, match=f"cannot read {path}"):
            read_network(path)


def survives(folder, content):
    """Reads, or refuses; never more numbers than the file can hold."""
    with suppress(InputError):
        network = read_content(folder, content)
        assert sum(layer.kernel.size for layer in network.convolutions) <= len(content)


def test_truncations_are_survived(tmp_path):
    content = small_file()
    for length in range(0, len(content), 4):
        survives(tmp_path, content[:length])


def test_any_byte_may_be_wrong(tmp_path):
    content = small_file()
    for position in range(0, len(content), 2):  # of every offset, index and size at least the low byte
        other = content[position] ^ (0x04, 0x80, 0xFF)[position % 3]
        survives(tmp_path, content[:position] + bytes([other]) + content[position + 1 :])


SMALL = small_file()


@settings(max_examples=150)
@given(changes=st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=2, max_size=40))
def test_many_changes_at_once_are_survived(tmp_path_factory, changes):
    content = bytearray(SMALL)
    for position, value in changes:
        content[position] = value
    content[4:8] = b"TFL3"
    survives(tmp_path_factory.getbasetemp(), bytes(content))
