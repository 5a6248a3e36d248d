"""ResNet-18, -34 and -152: the same maps as timm's and torchvision's networks, at every output stride."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from atrous.errors import InputError
from atrous.importers.projects.layers import resnet
from atrous.inference.engines.fused import fused
from atrous.model.backbones.resnet import ResNet
from atrous.model.backbones.resnet_stem import plain_stem
from atrous.model.backbones.resnet_units import BasicUnit, Bottleneck
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, DecoderConfig, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH, TENSORFLOW
from reference.networks import Reference, relu
from reference.weights import arrays, randomize, uniform
from torchvision_shim import import_module


def built(depth, *, output_stride=32, **details):
    return ResNet(
        plain_stem(3, conventions=PYTORCH), conventions=PYTORCH, depth=depth, output_stride=output_stride, **details
    )


def filled(ours, theirs, *, depth):
    """Our network with their tensors, in double precision."""
    table = resnet("", depth=depth)
    state = {}
    for name, tensor in theirs.state_dict().items():
        layer, _, kind = name.rpartition(".")
        if layer != "fc":
            state[f"{table[layer]}.{kind}".removeprefix("backbone.")] = tensor
    ours.double().load_state_dict(state)
    return ours.eval()


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_rates_of_resnet_18_are_timms(output_stride):
    theirs = import_module("timm").create_model("resnet18", output_stride=output_stride, num_classes=0)
    theirs = randomize(theirs).double().eval()
    ours = filled(built(18, output_stride=output_stride, low_level="output"), theirs, depth=18)
    image = uniform(1, 3, 49, 66)
    with torch.no_grad():
        maps = theirs.forward_intermediates(image, indices=[1, 2, 4], intermediates_only=True)
        for got, expected in zip(ours(image), maps, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("depth", [34, 152])
def test_features_are_torchvisions(depth):
    models = import_module("torchvision.models")
    theirs = randomize(getattr(models, f"resnet{depth}")(num_classes=1)).double().eval()
    ours = filled(built(depth, low_level="output"), theirs, depth=depth)
    image = uniform(1, 3, 33, 40)
    with torch.no_grad():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(image))))
        low = theirs.layer1(x)
        middle = theirs.layer2(low)
        expected = (low, middle, theirs.layer4(theirs.layer3(middle)))
        for got, wanted in zip(ours(image), expected, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("unstrided", "second", "rates"), [
    ("before", "planned", [(1, 2), (2, 2), (2, 4), (4, 4)]),
    ("after", "planned", [(2, 2), (2, 2), (4, 4), (4, 4)]),
    ("before", "one", [(1, 1), (2, 1), (2, 1), (4, 1)]),
])  # fmt: skip
def test_rates_of_both_convolutions(unstrided, second, rates):
    network = built(18, output_stride=8, unstrided_rate=unstrided, second_rate=second)
    assert [(unit.first.rate, unit.second.rate) for unit in list(network.units)[4:]] == rates


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("in_channels", "stride", "rate"), [(4, 1, 3), (4, 2, 1), (3, 2, 1), (3, 1, 2)])
def test_basic_unit(in_channels, stride, rate, training):
    unit = randomize(BasicUnit(in_channels, 4, stride=stride, conventions=PYTORCH))
    unit.plan(stride=stride, rate=rate)
    x = uniform(2, in_channels, 7, 6)
    reference = Reference({f"unit.{name}": array for name, array in arrays(unit).items()}, training=training)
    residual = reference.layer("unit.first", x.numpy(), activation=relu, stride=stride, rate=rate)
    residual = reference.layer("unit.second", residual, rate=rate)
    shortcut = x.numpy()[:, :, ::stride, ::stride]
    if in_channels != 4:
        shortcut = reference.layer("unit.shortcut", x.numpy(), stride=stride)
    unit.train(training)
    np.testing.assert_allclose(unit(x).detach().numpy(), relu(residual + shortcut), atol=1e-12)


def test_a_strided_1x1_sees_every_second_position():
    """Striding in the 1x1 convolution is the unit without strides over every second position of its input."""
    strided = randomize(Bottleneck(16, 4, stride=2, conventions=PYTORCH, strided_layer="1x1")).eval()
    plain = randomize(Bottleneck(16, 4, stride=1, conventions=PYTORCH)).eval()
    plain.load_state_dict(strided.state_dict())
    x = uniform(1, 16, 9, 12)
    torch.testing.assert_close(strided(x), plain(x[:, :, ::2, ::2]), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("depth", "stem"), [(18, "7x7"), (34, "beta")])
def test_a_whole_model_replans_fuses_and_trains(depth, stem):
    config = ModelConfig(
        ResNetConfig(depth, multi_grid=(1, 2, 4), stem=stem),
        ASPPConfig(aspp_channels=16, projection=((1, 16, False),)),
        DecoderConfig(8, refinement=((3, 16, False),)),
        conventions=replace(TENSORFLOW, conv_padding="symmetric") if stem == "beta" else PYTORCH,
        classes=3,
    )
    model = randomize(build(config)).float().eval()
    image = uniform(1, 3, 65, 81, low=0, high=255).float()
    at8 = model.replanned(output_stride=8)
    with torch.no_grad():
        for network in (model, at8):
            expected = network(image)
            torch.testing.assert_close(fused(network)(image), expected, rtol=0, atol=2e-5 * float(expected.abs().max()))
        prepared = model.preprocess(image, output_stride=16)
        dense, coarse = at8.backbone(prepared).high, model.backbone(prepared).high
        if depth == 18:  # the 34's first rates of Multi_Grid reach beyond the borders of so small a map
            torch.testing.assert_close(dense[..., ::2, ::2], coarse, rtol=1e-4, atol=1e-4)
    names = [part.name for part in model.parts()]
    assert names[:4] == ["stem", "pool", "block1/unit_1", "block1/unit_2"]
    counted = sum(tensor.numel() for part in model.parts() for tensor in part.module.parameters())
    assert counted == sum(tensor.numel() for tensor in model.parameters())
    model.train()
    model(torch.cat([image, image.flip(-1)])).square().mean().backward()
    assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in model.parameters())


def test_details_without_a_network_are_refused():
    for depth, details in ((34, Compatibility(strided_layer="1x1")), (50, Compatibility(second_rate="one"))):
        with pytest.raises(InputError, match=r"is built for ResNet-.* only"):
            ModelConfig(ResNetConfig(depth), compatibility=details)
