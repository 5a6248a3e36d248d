import hashlib
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from atrous.cli.main import main
from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.coreml import recognition
from atrous.importers.coreml.numbers import Numbers
from atrous.importers.coreml.read import network_of, read_coreml
from atrous.importers.file_head import read_head
from atrous.importers.protobuf import Message
from atrous.model.config import MobileNetV2Config
from atrous.model.conventions import TENSORFLOW
from atrous.weights.load import load
from fakes.coreml_writer import (
    ACTIVATION,
    ADD,
    BIAS,
    CLAMPED,
    CLIP,
    CONCAT,
    CONSTANT,
    MULTIPLY,
    PADDING,
    POOLING,
    REDUCE,
    RELU,
    RESIZE,
    SCALE,
    UNARY,
    batch_norm,
    convolution,
    floats,
    layer,
    layers_of,
    message,
    model,
    relu6,
    scaler,
    with_layers,
)  # fmt: skip
from reference.tensorflow_variables import drawn_image

REFERENCE = Path(__file__).parents[2] / "reference"
FORMS = ("float32", "float16", "table", "linear", "linear_5_bits")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """One network in all forms, written by coremltools (scripts/coreml_reference.py)."""
    folder = tmp_path_factory.mktemp("coreml")
    with tarfile.open(REFERENCE / "coreml_tiny.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def found(layers, **options):
    return network_of(Path("a.mlmodel"), memoryview(model(layers, **options)))


def written(folder, content):
    (folder / "a.mlmodel").write_bytes(content)
    return folder / "a.mlmodel"


@pytest.mark.parametrize("form", FORMS)
def test_logits_are_those_of_the_layers_in_double_precision(tiny, form):
    expected = load_file(REFERENCE / "coreml_tiny.safetensors")
    source = read_coreml(tiny / f"{form}.mlmodel")
    for size, fit in (((65, 81), "os*k+1"), ((64, 72), "none")):  # their maps are not padded to such sizes
        config = replace(source.config, conventions=replace(source.config.conventions, fit=fit))
        network = convert(replace(source, config=config)).model.double().eval()
        with torch.inference_mode():
            logits = network(torch.from_numpy(drawn_image(*size)).permute(0, 3, 1, 2).double()).numpy()
        theirs = expected[f"{form}/{size[0]}x{size[1]}"]
        assert theirs.std() > 1
        np.testing.assert_allclose(logits, theirs, rtol=0, atol=1e-5)


def test_it_is_loaded_and_converted_like_any_other(tiny, tmp_path):
    source, out = tiny / "table.mlmodel", tmp_path / "a.safetensors"
    loaded = load(source)
    assert loaded.provenance["format"] == "Core ML, dequantised"
    assert loaded.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert main(["convert", str(source), str(out)]) == 0
    ours, theirs = load(out).model.state_dict(), read_coreml(source).state
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_source_says_what_it_is(tiny):
    float32, table = (read_coreml(tiny / f"{form}.mlmodel") for form in ("float32", "table"))
    assert (float32.format, table.format) == ("Core ML", "Core ML, dequantised")
    for source in (float32, table):
        assert source.config.backbone == MobileNetV2Config(depth_multiplier=0.0625, channel_divisor=None)
        assert (source.config.classes, source.config.output_stride) == (5, 16)
        stated = source.config.conventions  # 1 / 127.5 is stored in single precision
        assert replace(stated, input_mean=(127.5,), input_std=(127.5,)) == TENSORFLOW
        assert stated.input_mean == stated.input_std == pytest.approx((127.5,), rel=1e-7)
        assert 1 / stated.input_std[0] == np.float32(1 / 127.5)
        assert (source.segments, source.labels, source.skipped) == (True, None, {})
    assert load(tiny / "float32.mlmodel").provenance["format"] == "Core ML"


def test_statistics_of_batch_norms_that_are_layers_are_kept(tiny):
    state = read_coreml(tiny / "float32.mlmodel").state
    draws = np.random.default_rng(6)  # as the script draws them: kernel, gamma and variance, beta and mean
    draws.normal(0, 1, (3, 3, 3, 2))
    (gamma, variance), (_, mean) = draws.uniform(0.5, 1.5, (2, 2)), draws.normal(0, 0.3, (2, 2))
    slope = gamma / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(state["backbone.stem.norm.running_mean"], slope * mean, rtol=1e-5)
    np.testing.assert_allclose(state["backbone.stem.norm.running_var"], slope**2 * variance, rtol=1e-5)


def test_folded_batch_norms_have_no_statistics(tiny):
    state = read_coreml(tiny / "table.mlmodel").state
    assert not state["backbone.stem.norm.running_mean"].any()
    variance, scale = (state[f"backbone.stem.norm.{name}"].double() for name in ("running_var", "weight"))
    np.testing.assert_allclose(variance, 1, rtol=1e-5)
    np.testing.assert_allclose(scale / (variance + 1e-3).sqrt(), 1, rtol=0, atol=5e-9)  # the identity


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_known_by_its_first_bytes(tiny, tmp_path, form):
    nameless = tmp_path / "weights.bin"
    nameless.write_bytes((tiny / f"{form}.mlmodel").read_bytes())
    assert recognition.recognises(read_head(nameless))


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"\x18\x00\x00\x00TFL3", b"\x0a\x10\x0a\x05", b"PK\x03\x04", b"\x80\x02}"]
)
def test_other_files_are_none(tmp_path, content):
    assert not recognition.recognises(read_head(written(tmp_path, content)))


def test_a_package_is_known_and_refused(tmp_path):
    (tmp_path / "a.mlpackage/Data/com.apple.CoreML").mkdir(parents=True)
    assert recognition.recognises(read_head(tmp_path / "a.mlpackage"))
    assert not recognition.recognises(read_head(tmp_path))
    with pytest.raises(InputError, match=r"a\.mlpackage: an \.mlpackage, whose ML Program"):
        read_coreml(tmp_path / "a.mlpackage")


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (502, "an ML Program"),
        (403, "classifies whole images"),
        (202, "a pipeline"),
        (900, "kind 900"),
        (10, "no model at all"),
    ],
)
def test_other_models_are_refused_by_name(tmp_path, kind, complaint):
    with pytest.raises(InputError, match=rf"a\.mlmodel: .*{complaint}"):
        read_coreml(written(tmp_path, model([], kind=kind)))


KERNEL = np.arange(2 * 3 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 3)
DEEP = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)


def small() -> list[bytes]:
    """A bit of everything."""
    return [
        convolution("image", "a", KERNEL, (70, 1), (91, floats([1, 2])), stride=2),
        batch_norm("a", "n", [2, 3], [5, 7], [0.5, 1], [3, 8], (10, 1.0)),
        *relu6("n", "r"),
        layer(PADDING, "r", "p", (1, b""), (10, message((10, message((1, 2), (2, 2))), (10, message((1, 2), (2, 2)))))),
        convolution("p", "b", DEEP, groups=2, rate=2, same=None),
        layer(SCALE, "b", "s", (1, [2]), (2, floats([2, 4])), (3, 1), (4, [1]), (5, floats([10]))),
        layer(POOLING, "s", "pooled", (1, 1), (60, 1)),
        convolution("pooled", "c", np.ones((2, 2, 1, 1))),
        layer(RESIZE, "c", "up", (1, [5, 5]), (2, b"")),
        layer(CONCAT, ["up", "s"], "joined"),
        convolution("joined", "d", np.ones((2, 4, 1, 1))),
        layer(CONSTANT, (), "k", (1, [2, 1, 1]), (2, floats([3, 4]))),
        layer(ADD, ["d", "k"], "e"),
        layer(RESIZE, "e", "f", (1, [9, 9]), (2, b"")),
        layer(REDUCE, "f", "g", (1, 9), (3, 2)),
    ]


def test_every_part_of_a_small_file():
    network = found(small())
    assert (network.input_mean, network.input_std) == (
        pytest.approx((127.5,), rel=1e-7),
        pytest.approx((127.5,), rel=1e-7),
    )
    assert (network.quantized, network.corners_aligned) == (False, True)
    stem, deep, pooled, joined = network.convolutions
    assert (stem.name, stem.stride, stem.rate, stem.activation, stem.inputs) == ("MobilenetV2/Conv", 2, 1, "relu6", ())
    # gamma / sqrt(variance + epsilon) is 1 for both channels; beta - mean + the convolution's own bias is added.
    np.testing.assert_allclose(stem.kernel, KERNEL)
    np.testing.assert_allclose(stem.bias, [5 - 0.5 + 1, 7 - 1 + 2])
    np.testing.assert_allclose(stem.mean, [0.5 - 1, 1 - 2])
    np.testing.assert_allclose(stem.variance, [3, 8])
    assert (deep.groups, deep.rate, deep.activation, deep.inputs) == (2, 2, "none", ("MobilenetV2/Conv",))
    np.testing.assert_allclose(deep.kernel, DEEP * np.reshape([2, 4], (2, 1, 1, 1)))
    np.testing.assert_allclose(deep.bias, [10, 10])
    assert (pooled.name, pooled.inputs) == ("image_pooling", (deep.name,))
    assert joined.inputs == ("image_pooling", deep.name)
    np.testing.assert_allclose(joined.bias, [3, 4])


@pytest.mark.parametrize(
    ("after", "activation"),
    [
        ([layer(ACTIVATION, "a", "r", RELU)], "relu"),
        ([layer(CLIP, "a", "r", (1, 0.0), (2, 6.0))], "relu6"),
        ([layer(CLAMPED, "a", "r", (2, 6.0))], "relu6"),
        ([layer(ACTIVATION, "a", "x", RELU), layer(CLIP, "x", "r", (1, -1.0), (2, 6.0))], "relu6"),
        ([], "none"),
    ],
)
def test_activations_however_they_are_spelled(after, activation):
    assert found([convolution("image", "a", KERNEL), *after]).convolutions[0].activation == activation


def test_scaling_by_layers_is_that_of_the_image():
    layers = [
        layer(CONSTANT, (), "mean", (1, [3, 1, 1]), (2, floats([10, 20, 30]))),
        layer(ACTIVATION, "mean", "minus", (5, message((1, -1.0)))),
        layer(ADD, ["image", "minus"], "centred"),
        layer(MULTIPLY, "centred", "scaled", (1, 0.5)),
        convolution("scaled", "a", KERNEL),
    ]
    network = found(layers, preprocessing=[])
    assert (network.input_mean, network.input_std) == ((10, 20, 30), (2,))


def test_colours_may_have_offsets_of_their_own():
    steps = [scaler(0.25, red=-1.0, green=-2.0, blue=-3.0)]
    network = found([convolution("image", "a", KERNEL)], preprocessing=steps)
    assert (network.input_mean, network.input_std) == ((4, 8, 12), (4,))


def quantised(stored, bits, *, table=None, scale=(), bias=()) -> bytes:
    means = (102, message((1, np.asarray(table, "f4")))) if table is not None else None
    means = means or (101, message((1, np.asarray(scale, "f4")), (2, np.asarray(bias, "f4"))))
    return message((30, bytes(stored)), (40, message((1, bits), means)))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (floats([1, 2, 3, 4]), [1, 2, 3, 4]),
        (message((2, np.array([1, 2.5, -3, 65504], "f2"))), [1, 2.5, -3, 65504]),
        (quantised([0, 1, 2, 255], 8, table=np.arange(256) ** 2), [0, 1, 4, 65025]),
        (quantised([0, 1, 2, 255], 8, scale=[0.5], bias=[-1]), [-1, -0.5, 0, 126.5]),
        (quantised([0, 1, 2, 255], 8, scale=[0.5, 2], bias=[-1, 3]), [-1, -0.5, 7, 513]),
        (quantised([0b01_10_11_00], 2, table=[7, 8, 9, 10]), [8, 9, 10, 7]),
        (quantised([0b001_010_01, 0b1_100_0000], 3, table=range(8)), [1, 2, 3, 4]),
    ],
)
def test_every_form_of_weights(weights, expected):
    values = Numbers().read(Message.parse(memoryview(weights)), (2, 2))
    np.testing.assert_array_equal(values.ravel(), expected)


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        (b"", "none or several"),
        (floats([1, 2, 3]), "12 bytes for 4 weights"),
        (floats([1, 2, 3, np.nan]), "no finite numbers"),
        (quantised([0, 1, 2, 3], 8, table=range(255)), "255 entries for 8 bits"),
        (quantised([0, 1, 2, 3], 8, scale=[1, 2, 3]), "3 scales and 0 offsets for 2 channels"),
        (quantised([0, 1, 2, 3], 8, scale=[1, 2], bias=[1]), "2 scales and 1 offsets"),
        (quantised([0, 1, 2, 3], 8, scale=[np.inf]), "no finite numbers"),
        (quantised([0, 1, 2], 8, scale=[1]), "3 bytes for 4 weights of 8 bits"),
        (quantised([0, 1, 2], 9, scale=[1]), "quantised to 9 bits"),
        (message((30, b"1234"), (40, message((1, 8)))), "either a look-up table or scales"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, complaint):
    with pytest.raises(InputError, match=complaint):
        Numbers().read(Message.parse(memoryview(weights)), (2, 2))


@pytest.mark.parametrize("shape", [(1 << 40, 1 << 40), (1 << 14, 1 << 14), (0, 4), ()])
def test_absurd_shapes_are_refused_before_anything_is_allocated(shape):
    with pytest.raises(InputError, match="weights"):
        Numbers().read(Message.parse(memoryview(floats([1.0]))), shape)


A = convolution("image", "a", KERNEL)
ZEROS = (1, b"")


def sides(*amounts):
    return (10, message(*((10, message((1, before), (2, after))) for before, after in amounts)))


@pytest.mark.parametrize(
    ("layers", "complaint"),
    [
        ([layer(CLIP, "a", "b"), A], "layer b: tensor a is read before anything is written"),
        ([convolution("a", "a", KERNEL)], "tensor a is read before"),
        ([A, A], "layer a: tensor a is written twice"),
        ([A, layer(999, "a", "b")], r"kind \[999\] of Core ML's layers"),
        ([A, layer(ACTIVATION, "a", "b", (40, b""))], "an activation or arithmetic"),
        ([A, layer(UNARY, "a", "b", (1, 4), (5, 1.0))], "a function that is in no"),
        ([A, layer(CLIP, "a", "b", (1, 0.0), (2, 7.0))], "an activation between 0.0 and 7.0"),
        ([A, layer(CLIP, "a", "b", (1, np.nan), (2, 7.0))], "nan in field 1"),
        ([A, layer(ACTIVATION, "a", "b", RELU), layer(BIAS, "b", "c", (1, [1]), (2, floats([1])))], "after an activ"),
        ([A, layer(ACTIVATION, "a", "b", RELU), convolution("a", "c", np.ones((2, 2, 1, 1)))], "used in two ways"),
        ([A, convolution("a", "c", np.ones((2, 2, 1, 1))), layer(CLIP, "a", "b")], "used in two ways"),
        ([A, layer(BIAS, "a", "b", (1, [3]), (2, floats([1, 2, 3])))], r"shape \(3,\) for 2 channels"),
        ([A, batch_norm("a", "b", [1, 1], [0, 0], [0, 0], [0, -1])], "not positive"),
        ([A, batch_norm("a", "b", [1], [0], [0], [1])], "1 channels where 2 arrive"),
        ([A, batch_norm("a", "b", [1, 1], [0, 0], [0, 0], [1, 1], (6, 1))], "of each image on its own"),
        ([A, layer(POOLING, "a", "b", (1, 1), (10, [3, 3]), (30, b""))], "only the average of the whole map"),
        ([A, layer(POOLING, "a", "b", (60, 1))], "only the average of the whole map"),
        ([A, layer(RESIZE, "a", "b", (1, [17, 17]), (2, message((1, 2))))], "aligns neither"),
        ([A, layer(RESIZE, "a", "b", (1, [1 << 40, 1]), (2, b""))], "resizing to"),
        ([A, layer(REDUCE, "a", "b", (1, 9), (3, 2)), convolution("b", "c", KERNEL)], "something follows the answer"),
        ([A, layer(PADDING, "a", "b", ZEROS, sides((1, 1), (1, 2)))], "equally on all sides"),
        ([A, layer(PADDING, "a", "b", (2, b""), sides((1, 1), (1, 1)))], "only zeros"),
        ([A, layer(PADDING, "a", "b", ZEROS, sides((1, 1)))], "not stated for all four sides"),
        ([convolution("image", "a", KERNEL, same=None)], "its padding"),
        ([convolution("image", "a", KERNEL, stride=2, same=message((1, 1)))], "its padding"),
        ([convolution("image", "a", np.ones((2, 2, 3, 3)))], "2 x 1 input channels where 3 arrive"),
        ([convolution("image", "a", KERNEL, (60, 1))], "deconvolutions"),
        ([convolution("image", "a", KERNEL, stride=0)], "an impossible convolution"),
        ([convolution("image", "a", KERNEL, (1, 1 << 40))], "more than"),
        ([convolution("image", "a", KERNEL, rate=1 << 40)], "an impossible convolution"),
        ([convolution("image", "a", KERNEL, weights=floats(KERNEL.ravel()[1:]))], "212 bytes for 54 weights"),
        ([layer(ACTIVATION, "image", "b", RELU), convolution("b", "a", KERNEL)], "image goes through an activation"),
        ([A, layer(ADD, ["a", "image"], "b")], "different sizes"),
        ([A, layer(CONCAT, ["a", "image"], "b")], "different sizes"),
        ([A, layer(CONCAT, ["a", "a"], "b", (100, 1))], "as a sequence"),
        ([A, layer(ADD, ["a", "a"], "b")], "maps are added to themselves"),
        ([A, layer(RESIZE, "a", "b", (1, [17, 17]), (2, b"")),
          convolution("b", "c", np.ones((2, 2, 1, 1)))], "resized maps"),
        ([A, layer(POOLING, "a", "b", (1, 1), (60, 1)), layer(RESIZE, "b", "c", (1, [9, 9]), (2, b"")),
          convolution("c", "d", np.ones((2, 2, 1, 1)))], "resized maps"),
        ([], "no convolution reads the image"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(layers, complaint):
    with pytest.raises(InputError, match=complaint):
        found(layers)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"colors": 30}, "RGB is supported"),
        ({"size": 1 << 40}, "pixels"),
        ({"size": 0}, "pixels"),
        ({"preprocessing": [scaler(0.0)]}, "is impossible"),
        ({"preprocessing": [scaler(-1.0)]}, "is impossible"),
        ({"preprocessing": [scaler(red=np.inf)]}, "is impossible"),
        ({"preprocessing": [scaler(), scaler()]}, "one scale and an offset for each colour"),
        ({"preprocessing": [message((11, b""))]}, "one scale and an offset for each colour"),
    ],
)
def test_impossible_images_are_refused(options, complaint):
    with pytest.raises(InputError, match=complaint):
        found([A], **options)


def replaced(content, name, change):
    """The same file with one layer changed."""
    layers = layers_of(content)
    position = next(at for at, each in enumerate(layers) if Message.parse(memoryview(each)).text(1) == name)
    return with_layers(content, [*layers[:position], *change(layers[position]), *layers[position + 1 :]])


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("concat", lambda _: [layer(CONCAT, ["aspp0/RELU", "Resize"], "concat")], r"inputs \('aspp0', 'image_pool"),
        ("aspp0/RELU", lambda _: [layer(CLAMPED, "aspp0/BatchNorm", "aspp0/RELU", (2, 6.0))], "activation relu6 where"),
        ("ArgMax", lambda each: [convolution("Up", "more", np.ones((1, 5, 1, 1))), each], "a convolution more than"),
        ("Up", lambda _: [], "tensor Up is read before"),
    ],
)  # fmt: skip
def test_a_different_network_is_told_apart(tiny, tmp_path, name, change, complaint):
    content = replaced((tiny / "float32.mlmodel").read_bytes(), name, change)
    with pytest.raises(InputError, match=rf"a\.mlmodel: .*{complaint}"):
        read_coreml(written(tmp_path, content))


def test_names_are_told_on_one_printable_line(tmp_path):
    path = written(tmp_path, model([layer(CLIP, "evil\n\x1b[31m" + "x" * 5000, "b")]))
    with pytest.raises(InputError) as caught:
        read_coreml(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_a_large_or_missing_file_is_named(tmp_path):
    path = written(tmp_path, model([]))
    with path.open("r+b") as file:
        file.truncate(1 << 30)  # takes no space
    with pytest.raises(InputError, match=r"a\.mlmodel: .*more than any official file"):
        read_coreml(path)
    with pytest.raises(InputError, match=r"none is missing"):
        read_coreml(tmp_path / "none")


SMALL = model(small())


def survives(content):
    """Reads, or refuses; never more numbers than the file can hold."""
    with suppress(InputError):
        network = network_of(Path("a.mlmodel"), memoryview(content))
        assert sum(each.kernel.size for each in network.convolutions) <= 8 * len(content)


def test_truncations_are_survived():
    for length in range(0, len(SMALL), 3):
        survives(SMALL[:length])


def test_any_byte_may_be_wrong():
    for position in range(0, len(SMALL), 5):
        other = SMALL[position] ^ (0x01, 0x04, 0x80, 0xFF)[position % 4]
        survives(SMALL[:position] + bytes([other]) + SMALL[position + 1 :])


@settings(max_examples=100)
@given(changes=st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=2, max_size=40))
def test_many_changes_at_once_are_survived(changes):
    content = bytearray(SMALL)
    for position, value in changes:
        content[position] = value
    survives(bytes(content))


@settings(max_examples=8)
@given(data=st.data())
def test_a_whole_file_may_be_damaged(tiny, tmp_path_factory, data):
    content = bytearray((tiny / "linear.mlmodel").read_bytes())
    for position in data.draw(st.lists(st.integers(3, len(content) - 1), min_size=1, max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        source = read_coreml(written(tmp_path_factory.getbasetemp(), bytes(content)))
        assert all(tensor.isfinite().all() for tensor in source.state.values())
