"""The Keras port of DeepLabv3+ against its layers computed one by one from their names, in float64."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, interpolate, pad, relu, relu6

from atrous.importers.keras.layer_names import variable_of
from atrous.importers.keras.read import read_keras_network
from atrous.importers.tensorflow.slim_names import TENSORS, layers
from atrous.labels import PASCAL_VOC
from atrous.model.build import build
from atrous.model.presets import preset
from fakes.keras_writer import HALF, drawn_weights, mobilenet_layers, write_weights
from fakes.keras_xception import xception_names

STRIDES, RATES = {1: 2, 3: 2}, {**dict.fromkeys(range(7, 14), 2), 14: 4, 15: 4, 16: 4}
"""Of the port's units: the network always has output stride 8."""


def theirs(weights, pixels, *, align_corners):
    """Logits [1, k, h, w] of the port on MobileNetV2."""

    def convolved(x, layer, *, stride=1, rate=1):
        name, kernel = next((name, array) for name, array in weights[layer].items() if name.endswith("kernel"))
        weight = torch.from_numpy(kernel).double().permute((2, 3, 0, 1) if name[0] == "d" else (3, 2, 0, 1))
        spread = (weight.shape[-1] - 1) * rate + 1
        sides = []  # SAME: what is missing at the end, half of it before, rounded down
        for length in (x.shape[-1], x.shape[-2]):
            missing = max((math.ceil(length / stride) - 1) * stride + spread - length, 0)
            sides += [missing // 2, missing - missing // 2]
        groups = x.shape[1] if name[0] == "d" else 1
        return conv2d(pad(x, sides), weight, stride=stride, dilation=rate, groups=groups)

    def normed(x, layer, *, epsilon, **options):
        norm = {name: torch.from_numpy(array).double() for name, array in weights[f"{layer}_BN"].items()}
        moments = (norm["moving_mean"], norm["moving_variance"])
        return batch_norm(convolved(x, layer, **options), *moments, norm["gamma"], norm["beta"], eps=epsilon)

    x = relu6(normed(pixels / 127.5 - 1, "Conv", stride=2, epsilon=1e-3))
    for number in range(17):
        prefix = f"expanded_conv_{number}_" if number else "expanded_conv_"
        y = relu6(normed(x, f"{prefix}expand", epsilon=1e-3)) if number else x
        stride, rate = STRIDES.get(number, 1), RATES.get(number, 1)
        y = relu6(normed(y, f"{prefix}depthwise", stride=stride, rate=rate, epsilon=1e-3))
        y = normed(y, f"{prefix}project", epsilon=1e-3)
        x = x + y if number in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15) else y
    pooled = relu(normed(x.mean((2, 3), keepdim=True), "image_pooling", epsilon=1e-5)).expand(-1, -1, *x.shape[-2:])
    x = torch.cat([pooled, relu(normed(x, "aspp0", epsilon=1e-5))], 1)
    x = relu(normed(x, "concat_projection", epsilon=1e-5))
    logits = next(layer for layer in weights if layer.endswith("logits_semantic"))
    x = convolved(x, logits) + torch.from_numpy(weights[logits]["bias"]).double()[:, None, None]
    return interpolate(x, pixels.shape[-2:], mode="bilinear", align_corners=align_corners)


@pytest.fixture(scope="module")
def weights():
    return drawn_weights(mobilenet_layers(channels=HALF, classes=4, stem=16, logits="custom_logits_semantic"))


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(65, 49), (64, 50), (33, 47)])
def test_logits_are_those_of_its_layers(weights, tmp_path, size, align_corners):
    resizing = [
        {"class_name": "Conv2D", "config": {"name": "custom_logits_semantic"}},
        {"class_name": "Resizing", "config": {"name": "resizing", "interpolation": "bilinear"}},
    ]
    network = read_keras_network(write_weights(tmp_path / "a.h5", weights, whole=None if align_corners else resizing))
    assert network.config.output_stride == 8
    assert network.config.conventions.align_corners is align_corners
    assert ("align_corners" in network.assumed) is align_corners
    assert network.labels is None
    with torch.device("meta"):
        model = build(network.config)
    model.preprocess = type(model.preprocess)(network.config.conventions, in_channels=3)
    model.load_state_dict(network.state, assign=True)
    pixels = torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (1, 3, *size)))
    with torch.no_grad():
        found, expected = model.double().eval().logits(pixels), theirs(weights, pixels, align_corners=align_corners)
    assert expected.std((2, 3)).mean() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_official_weights_have_official_sizes_and_classes(tmp_path):
    official = drawn_weights(mobilenet_layers(channels=HALF, classes=21, stem=16, logits="logits_semantic"))
    network = read_keras_network(write_weights(tmp_path / "a.h5", official))
    assert network.labels == PASCAL_VOC
    assert network.config.conventions.fit == "os*k+1"


def test_another_number_of_channels(tmp_path):
    four = mobilenet_layers(channels=HALF, classes=4, stem=16, in_channels=4, logits="custom_logits_semantic")
    network = read_keras_network(write_weights(tmp_path / "a.h5", drawn_weights(four)))
    assert network.config.in_channels == 4
    assert network.state["backbone.stem.conv.weight"].shape == (16, 4, 3, 3)


def test_every_layer_of_xception_has_the_official_scope_once():
    kernels = [
        variable_of(name, "depthwise_kernel" if name.endswith("depthwise") else "kernel") for name in xception_names()
    ]
    norms = [variable_of(f"{name}_BN", weight) for name in xception_names()
             for weight in ("gamma", "beta", "moving_mean", "moving_variance")]  # fmt: skip
    found = [*kernels, *norms, variable_of("logits_semantic", "kernel"), variable_of("logits_semantic", "bias")]
    official = [
        f"{layer.scope}/{tensor}"
        for layer in layers(preset("deeplabv3plus_xception65"))
        for tensor in TENSORS[layer.kind]
    ]
    assert sorted(map(str, found)) == sorted(official)
