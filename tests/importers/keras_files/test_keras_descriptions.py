"""What a whole model of Keras says of itself: strides, rates, resizing; and what is assumed where it says nothing."""

import numpy as np
import pytest
import torch

from atrous.errors import InputError
from atrous.importers.keras import read as module
from atrous.importers.keras.hdf5 import KerasFile
from atrous.importers.keras.layer_names import variable_of
from atrous.importers.keras.read import read_keras_network
from atrous.importers.tensorflow.slim_names import TENSORS, layers
from atrous.labels import PASCAL_VOC
from atrous.model.build import build
from atrous.model.presets import preset
from fakes.keras_writer import HALF, drawn_weights, mobilenet_layers, write_weights
from fakes.keras_xception import xception_names

BLOCKS = {
    16: {"entry_flow_block3": 2, "middle": 1, "exit": (1, 2)},
    8: {"entry_flow_block3": 1, "middle": 2, "exit": (2, 4)},
}


def described(name, *, strides=1, rate=1, kind="DepthwiseConv2D", **settings):
    config = {"name": name, "strides": [strides] * 2, "dilation_rate": [rate] * 2, **settings}
    return {"class_name": kind, "config": config}


def xception_model(output_stride, *, rates=(6, 12, 18)):
    """Depthwise layers of the port on Xception-65, as it builds them for an output stride."""
    block3, middle, (exit1, exit2) = BLOCKS[output_stride].values()
    yield from (described(f"entry_flow_block{number}_separable_conv3_depthwise", strides=2) for number in (1, 2))
    yield described("entry_flow_block3_separable_conv3_depthwise", strides=block3)
    yield from (described(f"middle_flow_unit_{n}_separable_conv1_depthwise", rate=middle) for n in range(1, 17))
    yield described("exit_flow_block1_separable_conv3_depthwise", rate=exit1)
    yield described("exit_flow_block2_separable_conv1_depthwise", rate=exit2)
    for number, rate in enumerate(rates, start=1):
        yield described(f"aspp{number}_depthwise", rate=rate * 16 // output_stride)
    yield described("decoder_conv0_depthwise")
    yield described("logits_semantic", kind="Conv2D")


@pytest.fixture(scope="module")
def xception():
    """Zeros in the shapes of DeepLabv3+ on Xception-65, by the port's names."""
    with torch.device("meta"):
        shapes = {
            name: tuple(tensor.shape) for name, tensor in build(preset("deeplabv3plus_xception65")).state_dict().items()
        }
    ours = {
        f"{layer.scope}/{tensor}": f"{layer.ours}.{name}"
        for layer in layers(preset("deeplabv3plus_xception65"))
        for tensor, name in TENSORS[layer.kind].items()
    }
    found = {}
    for layer in (*xception_names(), "logits_semantic"):
        for place in [(layer, "kernel"), (layer, "bias"), (layer, "depthwise_kernel")] + [
            (f"{layer}_BN", weight) for weight in ("gamma", "beta", "moving_mean", "moving_variance")
        ]:
            variable = variable_of(*place)
            if variable in ours and place[1] != "kernel" * layer.endswith("_depthwise"):
                shape = shapes[ours[variable]]
                order = (2, 3, 0, 1) if place[1] == "depthwise_kernel" else (2, 3, 1, 0)
                shape = tuple(shape[axis] for axis in order) if len(shape) == 4 else shape
                found[place] = np.zeros(shape, np.float16)
    return found


def read(monkeypatch, tmp_path, weights, model=()):
    file = KerasFile(weights, {layer["config"]["name"]: layer for layer in model}, {})
    monkeypatch.setattr(module, "read_keras", lambda _: file)
    return read_keras_network(tmp_path / "a.h5")


@pytest.mark.parametrize("output_stride", [8, 16])
def test_a_whole_xception_states_stride_and_rates(xception, monkeypatch, tmp_path, output_stride):
    network = read(monkeypatch, tmp_path, xception, xception_model(output_stride, rates=(2, 6, 10)))
    assert network.config.output_stride == output_stride
    assert network.config.head.rates == (2, 6, 10)
    assert network.assumed == ("scaling", "align_corners")
    assert network.config.backbone == preset("deeplabv3plus_xception65").backbone
    assert network.config.decoder == preset("deeplabv3plus_xception65").decoder


def test_weights_of_xception_alone_leave_them_open(xception, monkeypatch, tmp_path):
    network = read(monkeypatch, tmp_path, xception)
    assert network.config == preset("deeplabv3plus_xception65")
    assert network.assumed == ("output_stride", "rates", "scaling", "align_corners")
    assert network.labels == PASCAL_VOC
    assert network.notes == (
        "classes are named as PASCAL VOC's, for there are 21 and the classifier is called logits_semantic",
    )


def test_xception_of_ones_own_takes_sizes_as_they_are_and_says_where_it_differs(xception, monkeypatch, tmp_path):
    own = {(layer.replace("logits", "custom_logits"), weight): array for (layer, weight), array in xception.items()}
    network = read(monkeypatch, tmp_path, own)
    assert network.labels is None
    assert network.config.conventions.fit == "none"
    assert network.notes == (
        "on even sides its maps lie a pixel further left and up than the port's; odd sides are the same",
    )


def test_a_network_that_was_changed_is_refused(xception, monkeypatch, tmp_path):
    changed = [*xception_model(16), described("middle_flow_unit_3_separable_conv2_depthwise", rate=2)]
    words = "middle_flow_unit_3_separable_conv2_depthwise has dilation_rate 2 there and 1 here: another network"
    with pytest.raises(InputError, match=words):
        read(monkeypatch, tmp_path, xception, changed)


RESIZING = {"class_name": "Resizing", "config": {"name": "resizing", "interpolation": "bilinear"}}
LOGITS = described("custom_logits_semantic", kind="Conv2D")
NEAREST = {"class_name": "Resizing", "config": {"name": "resizing", "interpolation": "nearest"}}
WITHIN = {"class_name": "Functional", "config": {"name": "inner", "layers": [LOGITS, RESIZING]}}


@pytest.mark.parametrize(
    ("model", "by_edges"),
    [
        ([LOGITS, RESIZING], True),
        ([WITHIN], True),
        ([RESIZING, LOGITS], False),  # of the image
        ([LOGITS, NEAREST], False),
        ([LOGITS], False),
        ([RESIZING], False),
    ],
)
def test_the_layer_that_enlarges_the_logits_says_how(model, by_edges, tmp_path):
    weights = drawn_weights(mobilenet_layers(channels=HALF, classes=2, stem=16, logits="custom_logits_semantic"))
    network = read_keras_network(write_weights(tmp_path / "a.h5", weights, whole=model))
    assert network.config.conventions.align_corners is not by_edges
    assert ("align_corners" in network.assumed) is not by_edges
