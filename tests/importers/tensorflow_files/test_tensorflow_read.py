"""Files that TensorFlow wrote, and networks in them: recognised, told apart, mapped without a rest, or refused."""

import gzip
import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from atrous.errors import InputError
from atrous.importers.file_head import read_head
from atrous.importers.tensorflow import recognition
from atrous.importers.tensorflow.bundle import read_bundle
from atrous.importers.tensorflow.network import config_of
from atrous.importers.tensorflow.read import read_tensorflow
from atrous.labels import PASCAL_VOC
from atrous.model.build import build
from atrous.model.config import ASPPConfig, MobileNetV2Config, ResNetConfig, XceptionConfig
from fakes.tensorflow_writer import constant, graph, message, write_bundle
from reference.tensorflow_variables import drawn_variable

ARCHIVE = Path(__file__).parents[2] / "reference" / "tensorflow_tiny.tar.gz"
DATA = "model.ckpt.data-00000-of-00001"
GRAPH = "frozen_inference_graph.pb"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder that TensorFlow wrote."""
    folder = tmp_path_factory.mktemp("tensorflow")
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(folder, filter="data")
    return folder / "deeplabv3_tiny"


@pytest.fixture(scope="module")
def arrays(written):
    """Its network's variables."""
    variables = read_bundle(written / "model.ckpt.index")
    return {name: variable.read() for name, variable in variables.items() if "Momentum" not in name}


@pytest.fixture
def stored(tmp_path):
    """What a checkpoint of some arrays gives."""
    return lambda arrays: read_tensorflow(write_bundle(tmp_path / "model.ckpt", arrays))


# Files


@pytest.mark.parametrize("name", ["model.ckpt", "model.ckpt.index", DATA, "v1.ckpt", GRAPH, ".", "../archive.tar.gz"])
def test_every_form_gives_what_was_drawn(written, name):
    if name.endswith(".gz"):
        shutil.copy(ARCHIVE, written / name)
    path = written / name
    assert recognition.recognises(read_head(path))
    source = read_tensorflow(path)
    assert source.config.backbone == MobileNetV2Config(depth_multiplier=0.1)
    assert source.config.head == ASPPConfig(rates=(), aspp_channels=8, projection=((1, 8, False),))
    assert (source.config.classes, source.config.output_stride, source.segments) == (5, 16, True)
    assert set(source.state) == set(build(source.config).state_dict())

    stem = drawn_variable("MobilenetV2/Conv/weights", (3, 3, 3, 3))
    assert source.state["backbone.stem.conv.weight"][2, 1, 0, 2] == stem[0, 2, 1, 2]
    depthwise = drawn_variable("MobilenetV2/expanded_conv/depthwise/depthwise_weights", (3, 3, 3, 1))
    assert source.state["backbone.units.0.depthwise.conv.weight"][1, 0, 2, 1] == depthwise[2, 1, 1, 0]
    variance = drawn_variable("image_pooling/BatchNorm/moving_variance", (8,))
    np.testing.assert_array_equal(source.state["aspp.branches.image_pooling.project.norm.running_var"], variance)
    np.testing.assert_array_equal(source.state["classifier.bias"], drawn_variable("logits/semantic/biases", (5,)))


@pytest.mark.parametrize("name", ["model.ckpt", "v1.ckpt"])
def test_what_training_leaves_is_skipped_with_a_reason(written, name):
    assert read_tensorflow(written / name).skipped == {
        "MobilenetV2/Conv/weights/Momentum": "state of the optimizer",
        "MobilenetV2/Conv/BatchNorm/gamma/Momentum": "state of the optimizer",
        "global_step": "counts the steps of the training",
    }


def test_constants_of_a_graph_are_skipped_by_name(written):
    skipped = read_tensorflow(written / GRAPH).skipped
    assert "sub/y" in skipped
    assert set(skipped.values()) == {"a constant of the graph, no weight"}


def test_other_files_are_not_taken_for_tensorflows(tmp_path):
    contents = {
        "a.npz": b"PK\x03\x04",
        "b.txt": b"hello",
        "c.safetensors": b"\n\0\0\0\0\0\0\0{}",
        "d": b"",
        "e.gz": gzip.compress(b"x" * 2000),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert not recognition.recognises(read_head(tmp_path / name))
    assert not recognition.recognises(read_head(tmp_path))
    assert not recognition.recognises(read_head(tmp_path / "missing"))


def test_the_checkpoint_that_is_noted_as_newest_is_read(tmp_path, arrays):
    for step in (1000, 2000, 3000):
        write_bundle(
            tmp_path / f"model.ckpt-{step}", {**arrays, "logits/semantic/biases": np.full(5, step, np.float32)}
        )
    with pytest.raises(InputError, match=r"expected, found model.ckpt-1000.index, model.ckpt-2000.index"):
        read_tensorflow(tmp_path)
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/train/log/model.ckpt-2000"\nall_model_checkpoint_paths: "a"\n'
    )
    assert read_tensorflow(tmp_path).state["classifier.bias"].tolist() == [2000] * 5


def test_a_graph_beside_a_checkpoint_says_the_output_stride(tmp_path, arrays):
    write_bundle(tmp_path / "model.ckpt", arrays)
    assert read_tensorflow(tmp_path).config.output_stride == 16
    strides = message((1, b"strides"), (2, message((1, message((3, bytes([1, 8, 8, 1])))))))
    (tmp_path / "a.pb").write_bytes(graph(message((1, b"conv"), (2, b"Conv2D"), (5, strides))))
    (tmp_path / "._a.pb").write_bytes(b"left by macOS")
    source = read_tensorflow(tmp_path)
    assert (source.format, source.config.output_stride) == ("TensorFlow checkpoint, format 2", 8)


# Archives


def archive(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(content)
            member.linkname = "/etc/passwd"
            tar.addfile(member, io.BytesIO(content))
    return path


def test_members_are_never_written_outside(tmp_path, written):
    content = (written / GRAPH).read_bytes()
    (tmp_path / "in").mkdir()
    path = archive(
        tmp_path / "in" / "a.tar.gz",
        (f"../../{GRAPH}", tarfile.REGTYPE, content),
        ("/tmp/../x/notes.txt", tarfile.REGTYPE, b"x"),
    )
    assert read_tensorflow(path).config.classes == 5
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    with pytest.raises(InputError, match=r"frozen.pb is a link or no plain file"):
        read_tensorflow(archive(tmp_path / "a.tar.gz", ("x/frozen.pb", kind, b"")))


def test_two_files_of_a_name_are_refused(tmp_path):
    members = [(f"{folder}/frozen.pb", tarfile.REGTYPE, b"a") for folder in "ab"]
    with pytest.raises(InputError, match=r"two files are called frozen.pb"):
        read_tensorflow(archive(tmp_path / "a.tar.gz", *members))


def test_an_archive_of_other_things_is_refused(tmp_path):
    with pytest.raises(InputError, match="one checkpoint or graph is expected, found none"):
        read_tensorflow(archive(tmp_path / "a.tar.gz", ("readme.txt", tarfile.REGTYPE, b"a")))


def test_sizes_that_an_archive_claims_are_not_believed(tmp_path):
    for name, kind, size in (
        ("frozen.pb", tarfile.REGTYPE, 1 << 33),
        ("x", tarfile.XHDTYPE, 1 << 32),
        ("x", tarfile.REGTYPE, 1 << 40),
    ):
        member = tarfile.TarInfo(name)
        member.type, member.size = kind, size
        content = member.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
        (tmp_path / "a.tar.gz").write_bytes(gzip.compress(content))
        with pytest.raises(InputError, match=r"more than any official|damaged archive|found none"):
            read_tensorflow(tmp_path / "a.tar.gz")


def test_broken_archives_are_survived(tmp_path):
    content = archive(
        tmp_path / "a.tar.gz", ("a.pb", tarfile.REGTYPE, graph(constant("a", np.ones(3, np.float32))))
    ).read_bytes()
    for position in range(len(content)):
        for changed in (
            content[:position],
            content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :],
        ):
            (tmp_path / "a.tar.gz").write_bytes(changed)
            recognition.recognises(read_head(tmp_path / "a.tar.gz"))
            with pytest.raises(InputError):
                read_tensorflow(tmp_path / "a.tar.gz")


# Networks


def test_averages_over_training_are_preferred(arrays, stored):
    average = np.full(5, 7, np.float32)
    source = stored({**arrays, "logits/semantic/biases/ExponentialMovingAverage": average})
    assert source.state["classifier.bias"].tolist() == [7] * 5
    assert source.skipped["logits/semantic/biases"] == "its average over training is taken instead"


def test_helpers_of_8_bit_training_are_skipped(arrays, stored):
    source = stored({**arrays, "MobilenetV2/Conv/weights_quant/min": np.zeros((), np.float32)})
    assert source.skipped["MobilenetV2/Conv/weights_quant/min"].startswith("range of 8-bit training")


def test_a_classifier_gives_its_backbone(arrays, stored):
    backbone = {name: value for name, value in arrays.items() if name.startswith("MobilenetV2")}
    classifier = {"MobilenetV2/Logits/Conv2d_1c_1x1/biases": np.zeros(1001, np.float32)}
    source = stored({**backbone, **classifier})
    assert not source.segments
    assert source.labels is None
    assert source.skipped == {next(iter(classifier)): "classifies whole images, which DeepLab does not"}
    expected = {name for name in build(source.config).state_dict() if name.startswith("backbone.")}
    assert set(source.state) == expected


def test_a_head_without_logits_is_skipped(arrays, stored):
    source = stored({name: value for name, value in arrays.items() if not name.startswith("logits")})
    assert not source.segments
    assert source.skipped["aspp0/weights"] == "part of a head without logits"


def test_twenty_one_classes_are_pascal_vocs(arrays, stored):
    logits = {
        "logits/semantic/weights": np.zeros((1, 1, 8, 21), np.float32),
        "logits/semantic/biases": np.zeros(21, np.float32),
    }
    assert stored({**arrays, **logits}).labels == PASCAL_VOC
    assert stored(arrays).labels is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("image_pooling/BatchNorm/beta", None, "image_pooling/BatchNorm/beta is missing"),
        ("aspp0/extra", np.zeros(3, np.float32), "aspp0/extra is unknown"),
        ("aspp0/BatchNorm/beta", np.zeros(9, np.float32), r"aspp0/BatchNorm/beta is \(9,\) where .* \(8,\)"),
        ("aspp0/BatchNorm/beta", np.full(8, np.nan, np.float32), "not finite"),
        ("aspp0/BatchNorm/beta", np.zeros(8, np.int32), "holds int32"),
        ("aspp0/BatchNorm/beta", np.full(8, 1e300), "not finite"),
        ("aspp0/\n\x1b[2J", np.zeros(8, np.float32), "aspp0/ \ufffd\\[2J is unknown"),
        ("MobilenetV2/Conv/weights", np.zeros((3, 3, 3, 4), np.float32), "no MobileNetV2 at any depth multiplier"),
        ("MobilenetV2/Conv/weights", np.zeros((3,), np.float32), "missing or no kernel"),
        ("logits/semantic/weights", np.zeros((1, 1, 8, 0), np.float32), "missing or no kernel"),
        ("aspp1/weights", np.zeros((3, 3, 32, 8), np.float32), "1 atrous branches"),
    ],
)  # fmt: skip
def test_differences_are_shown(arrays, stored, name, value, words):
    changed = {theirs: array for theirs, array in {**arrays, name: value}.items() if array is not None}
    with pytest.raises(InputError, match=words):
        stored(changed)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("meta_architecture/branch0/weights", r"dense prediction cell \(DPC\)"),
        ("MobilenetEdgeTPU/Conv/weights", "MobileNet-EdgeTPU"),
        ("pnasnet/Conv/weights", "PNASNet"),
        ("hnasnet/Conv/weights", "HNASNet"),
        ("resnet_v1_18/conv1/weights", "ResNet-18"),
        ("InceptionV3/Conv/weights", "its variables belong to InceptionV3"),
    ],
)
def test_networks_without_a_counterpart_are_refused_by_name(stored, scope, words):
    with pytest.raises(InputError, match=words):
        stored({scope: np.zeros((3, 3, 3, 8), np.float32), "global_step": np.zeros((), np.int64)})


def test_conventions_are_those_of_the_backbone():
    beta = config_of({"resnet_v1_101/conv1_1/weights": (3, 3, 3, 64)}, output_stride=None)
    assert beta.backbone == ResNetConfig(depth=101, multi_grid=(1, 2, 4), stem="beta")
    assert (beta.conventions.input_mean, beta.conventions.backbone_epsilon) == ((127.5,), 1e-5)
    plain = config_of({"resnet_v1_50/conv1/weights": (7, 7, 3, 64)}, output_stride=8)
    assert plain.backbone == ResNetConfig(depth=50)
    assert (plain.conventions.input_mean, plain.conventions.input_std) == ((123.15, 115.90, 103.06), (1.0,))
    assert (plain.conventions.stride_unit, plain.output_stride) == ("last", 8)
    xception = config_of({"xception_71/entry_flow/conv1_1/weights": (3, 3, 3, 32)}, output_stride=None)
    assert xception.backbone == XceptionConfig(depth=71)
    assert (xception.conventions.conv_padding, xception.conventions.backbone_epsilon) == ("symmetric", 1e-3)


def test_what_is_read_stays_when_the_archive_is_gone(tmp_path):
    path = tmp_path / "a.tar.gz"
    shutil.copy(ARCHIVE, path)
    source = read_tensorflow(path)
    path.unlink()
    model = build(source.config)
    model.load_state_dict(dict(source.state))
    with torch.inference_mode():
        assert model.eval()(torch.zeros(1, 3, 33, 33)).isfinite().all()
