"""HDF5 files of Keras: whole models, other networks, links and damage."""

import json
import sys

import h5py
import numpy as np
import pytest

from atrous.cli.main import main
from atrous.errors import InputError
from atrous.importers.keras.hdf5 import read_keras
from atrous.importers.keras.read import read_keras_network
from atrous.weights.load import load
from fakes.keras_writer import HALF, drawn_weights, mobilenet_layers, write_weights


@pytest.fixture(scope="module")
def weights():
    return drawn_weights(mobilenet_layers(channels=HALF, classes=2, stem=16, logits="custom_logits_semantic"))


def edited(path, weights, change):
    write_weights(path, weights)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_weights_alone_and_a_whole_model_are_the_same_network(weights, tmp_path):
    alone = read_keras_network(write_weights(tmp_path / "alone.h5", weights))
    whole = read_keras_network(write_weights(tmp_path / "whole.h5", weights, whole=[]))
    assert alone.config == whole.config
    assert alone.state.keys() == whole.state.keys()
    assert all(np.array_equal(alone.state[name], whole.state[name]) for name in alone.state)
    assert whole.skipped == {"optimizer_weights/Adam/aspp0/kernel/m:0": "state of the optimizer"}


@pytest.mark.parametrize(
    "whole", [{}, {"config": []}, {"config": {"layers": 3}}, {"config": {"layers": [3, {"config": 4}]}}]
)
def test_odd_descriptions_say_nothing(weights, whole, tmp_path):
    path = edited(tmp_path / "a.h5", weights, lambda file: file.attrs.update(model_config=json.dumps(whole)))
    assert read_keras(path).layers == {}


def test_every_verb_takes_the_file(weights, tmp_path, capsys):
    path = write_weights(tmp_path / "own.h5", weights)
    assert load(path).model.config.classes == 2
    assert main(["convert", str(path), str(tmp_path / "own.safetensors"), "--classes", "road", "rest"]) == 0
    assert "bonlime/keras-deeplab-v3-plus, HDF5" in capsys.readouterr().out
    assert load(tmp_path / "own.safetensors").labels.names == ("road", "rest")


def test_names_that_keras_numbered_once_more(weights, tmp_path):
    """A second network in one process of Keras 2: the group has the layer's name, the weight another one."""
    path = edited(tmp_path / "a.h5", weights, lambda file: file["aspp0"].move("aspp0", "aspp0_1"))
    expected = read_keras_network(write_weights(tmp_path / "b.h5", weights)).state
    found = read_keras_network(path).state
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_depthwise_kernels_as_keras_3_calls_them(weights, tmp_path):
    renamed = {
        layer: {"kernel" if name == "depthwise_kernel" else name: array for name, array in values.items()}
        for layer, values in weights.items()
    }
    assert read_keras_network(write_weights(tmp_path / "a.h5", renamed)).config.classes == 2


def external_link(file):
    del file["aspp0"]
    file["aspp0"] = h5py.ExternalLink("other.h5", "/aspp0")


def external_values(file):
    del file["aspp0/aspp0/kernel:0"]
    file.create_dataset("aspp0/aspp0/kernel:0", (1, 1, 160, 256), "f4", external=[("/etc/hostname", 0, 163840)])


def virtual_values(file):
    del file["aspp0/aspp0/kernel:0"]
    layout = h5py.VirtualLayout((1, 1, 160, 256), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "kernel", (1, 1, 160, 256))
    file.create_virtual_dataset("aspp0/aspp0/kernel:0", layout)


def claims_much(file):
    del file["aspp0/aspp0/kernel:0"]
    file.create_dataset("aspp0/aspp0/kernel:0", (1 << 20, 1 << 20, 160, 256), "f4", chunks=(1, 1, 160, 256))


def together_claim_much(file):
    """Half of the file's size each: two are more than the rest leaves."""
    for layer in ("aspp0", "Conv"):
        del file[f"{layer}/{layer}/kernel:0"]
        shape = (file.id.get_filesize() // 8,)
        file.create_dataset(f"{layer}/{layer}/kernel:0", shape, "f4", chunks=(1024,))


def broken_name(file):
    file.create_dataset(f"as\npp/{'x' * 5000}/kernel:0", data=np.zeros(3, np.float32))


def without_a_stem(file):
    del file["Conv"]


def both_classifiers(file):
    file.copy("custom_logits_semantic", "logits_semantic")
    file["logits_semantic"].move("custom_logits_semantic", "logits_semantic")


def text(file):
    del file["aspp0/aspp0/kernel:0"]
    file.create_dataset("aspp0/aspp0/kernel:0", data=b"kernel")


def circle(file):
    file["circle/again"] = file.create_group("circle")


def numbered(file):
    for name in list(file):
        del file[name]
    for name in ("conv2d", "conv2d_1"):
        file.create_dataset(f"layers/{name}/vars/0", data=np.zeros(3, np.float32))


def of_another_network(file):
    file.create_dataset("conv2d_7/conv2d_7/kernel:0", data=np.zeros((1, 1, 3, 3), np.float32))


def nothing(file):
    for name in list(file):
        del file[name]


def without_a_shape(file):
    del file["aspp0/aspp0/kernel:0"]
    file.create_dataset("aspp0/aspp0/kernel:0", data=h5py.Empty("f4"))


def flat(file):
    del file["Conv/Conv/kernel:0"]
    file.create_dataset("Conv/Conv/kernel:0", data=np.zeros(16, np.float32))


def whole_numbers(file):
    del file["aspp0/aspp0/kernel:0"]
    file.create_dataset("aspp0/aspp0/kernel:0", data=np.zeros((1, 1, 160, 256), np.int32))


def missing(file):
    del file["aspp0_BN/aspp0_BN/gamma:0"]


def twice(file):
    file.create_dataset("again/aspp0/kernel:0", data=np.zeros(3, np.float32))


def not_finite(file):
    file["aspp0/aspp0/kernel:0"][0, 0, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (external_link, r"aspp0 is a link to somewhere else; write the file anew without links"),
        (external_values, r"aspp0/aspp0/kernel:0 lies in another file"),
        (virtual_values, r"aspp0/aspp0/kernel:0 lies in another file"),
        (claims_much, r"claims the shape \(1048576, 1048576, 160, 256\), more than the file holds"),
        (together_claim_much, r"claims the shape \(\d+,\), more than the file holds"),
        (broken_name, r"not those of the DeepLab port with the official names"),
        (without_a_stem, r"weights without the network's first layer \(Conv or entry_flow_conv1_1\); give all of them"),
        (both_classifiers, r"several layers stand for logits/semantic/biases, such as logits_semantic; remove one"),
        (text, r"holds object, no numbers"),
        (circle, r"groups within groups, more than 12 deep"),
        (numbered, r"Keras 3's file of weights, .*: model\.save\('mine\.h5'\)"),
        (
            of_another_network,
            r"not those of the DeepLab port .*, such as conv2d_7/kernel; give the PyTorch or",
        ),
        (nothing, r"an HDF5 file without weights of Keras"),
        (without_a_shape, r"holds float32, no numbers"),
        (flat, r"MobilenetV2/Conv/weights is missing or no kernel"),
        (whole_numbers, r"aspp0/weights holds int32"),
        (missing, r"aspp0/BatchNorm/gamma is missing"),
        (twice, r"two weights of the layer 'aspp0' are called 'kernel'"),
        (not_finite, r"aspp0/weights holds values that are not finite numbers"),
    ],
)
def test_what_does_not_fit_is_one_line(change, words, weights, tmp_path):
    path = edited(tmp_path / "a.h5", weights, change)
    with pytest.raises(InputError, match=words) as found:
        read_keras_network(path)
    assert str(found.value).startswith(f"{path}: ")
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 800


@pytest.mark.parametrize("kept", [8, 100, 2000, 20_000])
def test_cut_files_are_one_line(kept, weights, tmp_path):
    path = write_weights(tmp_path / "a.h5", weights)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="a damaged HDF5 file"):
        read_keras_network(path)


def test_any_byte_may_be_wrong(weights, tmp_path):
    content = write_weights(tmp_path / "a.h5", weights).read_bytes()
    random = np.random.default_rng(0)
    path, refused = tmp_path / "b.h5", 0
    for _ in range(60):
        wrong = bytearray(content)
        for place in random.integers(8, len(content) if random.random() < 0.5 else 4096, 8):
            wrong[place] = random.integers(256)
        path.write_bytes(wrong)
        try:
            read_keras_network(path)
        except InputError:
            refused += 1
    assert 0 < refused < 60


def test_without_its_reader_the_line_says_what_to_install(weights, tmp_path, monkeypatch):
    path = write_weights(tmp_path / "a.h5", weights)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError) as found:
        read_keras_network(path)
    assert str(found.value) == f"{path}: reading HDF5 needs h5py; install it with: pip install 'atrous[keras]'"
