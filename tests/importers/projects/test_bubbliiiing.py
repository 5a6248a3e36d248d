"""bubbliiiing's DeepLabv3+ against its layers computed one by one from its own names, in float64."""

import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, interpolate, relu, relu6

from atrous.errors import InputError
from atrous.importers.projects.read import from_state_dict, read_torch
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC
from atrous.model.build import build
from atrous.model.preprocess import Preprocess
from reference.weights import drawn

UNITS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
"""Expansion, channels, number of units and stride of the first (MobileNetV2, Table 2)."""


def shapes(classes):
    found = {}

    def layer(convolution, norm, shape, *, bias):
        found[f"{convolution}.weight"] = shape
        if bias:
            found[f"{convolution}.bias"] = shape[:1]
        for name in ("weight", "bias", "running_mean", "running_var"):
            found[f"{norm}.{name}"] = shape[:1]
        found[f"{norm}.num_batches_tracked"] = ()

    layer("backbone.features.0.0", "backbone.features.0.1", (32, 3, 3, 3), bias=False)
    before, number = 32, 0
    for expansion, channels, count, _ in UNITS:
        for _ in range(count):
            number += 1
            at, wide = f"backbone.features.{number}.conv", before * expansion
            kernels = [(wide, before, 1, 1)] if expansion > 1 else []
            kernels += [(wide, 1, 3, 3), (channels, wide, 1, 1)]
            for place, kernel in enumerate(kernels):
                layer(f"{at}.{3 * place}", f"{at}.{3 * place + 1}", kernel, bias=False)
            before = channels
    for branch in range(1, 5):
        kernel = (256, 320, 1, 1) if branch == 1 else (256, 320, 3, 3)
        layer(f"aspp.branch{branch}.0", f"aspp.branch{branch}.1", kernel, bias=True)
    layer("aspp.branch5_conv", "aspp.branch5_bn", (256, 320, 1, 1), bias=True)
    layer("aspp.conv_cat.0", "aspp.conv_cat.1", (256, 1280, 1, 1), bias=True)
    layer("shortcut_conv.0", "shortcut_conv.1", (48, 24, 1, 1), bias=True)
    layer("cat_conv.0", "cat_conv.1", (256, 304, 3, 3), bias=True)
    layer("cat_conv.4", "cat_conv.5", (256, 256, 3, 3), bias=True)
    return {**found, "cls_conv.weight": (classes, 256, 1, 1), "cls_conv.bias": (classes,)}


def theirs(state, pixels, *, output_stride):
    def layer(convolution, norm, x, *, stride=1, rate=1, groups=1):
        weight = state[f"{convolution}.weight"]
        padding = rate * (weight.shape[-1] // 2)
        bias = state.get(f"{convolution}.bias")
        y = conv2d(x, weight, bias, stride=stride, padding=padding, dilation=rate, groups=groups)
        moments = (state[f"{norm}.running_mean"], state[f"{norm}.running_var"])
        return batch_norm(y, *moments, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-5)

    size = pixels.shape[-2:]
    x = relu6(layer("backbone.features.0.0", "backbone.features.0.1", pixels / 255, stride=2))
    number, reached, rate = 0, 2, 1
    low = None
    for expansion, _, count, first in UNITS:
        for repeat in range(count):
            number += 1
            stride, own = (first, rate) if repeat == 0 else (1, rate)
            if stride == 2 and reached == output_stride:
                stride, own, rate = 1, rate, 2 * rate
            reached *= stride
            at, y, place = f"backbone.features.{number}.conv", x, 0
            if expansion > 1:
                y, place = relu6(layer(f"{at}.0", f"{at}.1", y)), 3
            y = relu6(layer(f"{at}.{place}", f"{at}.{place + 1}", y, stride=stride, rate=own, groups=y.shape[1]))
            y = layer(f"{at}.{place + 3}", f"{at}.{place + 4}", y)
            x = x + y if repeat else y
            low = x if number == 3 else low
    branches = [relu(layer("aspp.branch1.0", "aspp.branch1.1", x))]
    for branch in (2, 3, 4):
        rates = 6 * (branch - 1) * 16 // output_stride
        branches.append(relu(layer(f"aspp.branch{branch}.0", f"aspp.branch{branch}.1", x, rate=rates)))
    pooled = relu(layer("aspp.branch5_conv", "aspp.branch5_bn", x.mean((2, 3), keepdim=True)))
    branches.append(pooled.expand(-1, -1, *x.shape[-2:]))
    x = relu(layer("aspp.conv_cat.0", "aspp.conv_cat.1", torch.cat(branches, 1)))
    low = relu(layer("shortcut_conv.0", "shortcut_conv.1", low))
    x = torch.cat([interpolate(x, low.shape[-2:], mode="bilinear", align_corners=True), low], 1)
    x = relu(layer("cat_conv.0", "cat_conv.1", x))
    x = relu(layer("cat_conv.4", "cat_conv.5", x))
    x = conv2d(x, state["cls_conv.weight"], state["cls_conv.bias"])
    return interpolate(x, size, mode="bilinear", align_corners=True)


@pytest.fixture(scope="module")
def state():
    return {name: drawn(name, shape) for name, shape in shapes(21).items()}


@pytest.mark.parametrize(("output_stride", "size"), [(16, (65, 81)), (8, (64, 50))])
def test_equal_logits(state, output_stride, size):
    source = from_state_dict(StateDict(state))
    assert source.labels == PASCAL_VOC
    assert source.assumed == ("output_stride", "scaling")
    assert not source.skipped
    with torch.device("meta"):
        model = build(source.config)
    model.preprocess = Preprocess(source.config.conventions, in_channels=3)
    model.load_state_dict(source.state, assign=True)
    pixels = (drawn("image", (1, 3, *size)) + 0.5) * 255
    expected = theirs(state, pixels, output_stride=output_stride)
    with torch.no_grad():
        found = model.double().eval().replanned(output_stride=output_stride).logits(pixels)
    assert expected.std((2, 3)).mean() > 0.02
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_in_a_wrapper_of_data_parallel(state, tmp_path):
    torch.save({f"module.{name}": tensor.float() for name, tensor in state.items()}, tmp_path / "ep100.pth")
    assert read_torch(tmp_path / "ep100.pth").format == "bubbliiiing/deeplabv3-plus-pytorch DeepLabv3+"


def test_its_xception_and_what_does_not_fit_are_named(state):
    with pytest.raises(InputError, match=r"with Xception: its shortcuts start behind the ReLU .*use its MobileNetV2"):
        from_state_dict(StateDict({**state, "backbone.block1.sepconv1.bn1.weight": torch.zeros(1)}))
    without = {name: tensor for name, tensor in state.items() if name != "aspp.conv_cat.0.weight"}
    with pytest.raises(InputError, match=r"aspp\.projection\.0\.conv\.weight is missing"):
        from_state_dict(StateDict(without))
    with pytest.raises(InputError, match=r"known here: aspp\.branch6\.0\.weight"):
        from_state_dict(StateDict({**state, "aspp.branch6.0.weight": torch.zeros(1)}))
