"""Encoders that SMP takes from timm (`tu-...`): features are those of timm's own network, at every output stride."""

import pytest
import torch
from torch import nn

from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.projects import smp
from atrous.importers.projects.read import from_state_dict
from atrous.importers.pytorch.state_dict import StateDict
from atrous.model.config import TimmConfig
from reference.weights import randomize, uniform
from torchvision_shim import import_module


def head(channels, low):
    """Tensors of SMP's DeepLabV3Plus behind an encoder, by its names."""
    layers = {}

    def layer(convolution, norm, into, out, kernel=1, groups=1):
        layers[convolution] = nn.Conv2d(into // groups, out, kernel, bias=False)
        if norm:
            layers[norm] = nn.BatchNorm2d(out)

    def separable(convolution, norm, into, out):
        layer(f"{convolution}.0", None, into, into, kernel=3, groups=into)
        layer(f"{convolution}.1", norm, into, out)

    aspp = "decoder.aspp.0"
    layer(f"{aspp}.convs.0.0", f"{aspp}.convs.0.1", channels, 8)
    for number in (1, 2, 3):
        separable(f"{aspp}.convs.{number}.0", f"{aspp}.convs.{number}.1", channels, 8)
    layer(f"{aspp}.convs.4.1", f"{aspp}.convs.4.2", channels, 8)
    layer(f"{aspp}.project.0", f"{aspp}.project.1", 40, 8)
    separable("decoder.aspp.1", "decoder.aspp.2", 8, 8)
    layer("decoder.block1.0", "decoder.block1.1", low, 48)
    separable("decoder.block2.0", "decoder.block2.1", 56, 8)
    layers["segmentation_head.0"] = nn.Conv2d(8, 3, 1)
    return {f"{name}.{kind}": each for name, part in layers.items() for kind, each in part.state_dict().items()}


def state_of(name, **options):
    encoder = import_module("timm").create_model(name, features_only=True, **options)
    encoder = randomize(encoder).double().eval()
    channels = encoder.feature_info.channels()
    named = {f"encoder.model.{key}": tensor for key, tensor in encoder.state_dict().items()}
    return encoder, {**named, **head(channels[-1], channels[1])}


@pytest.mark.parametrize(("name", "stride", "channels"), [
    ("resnet18", 16, 3), ("resnet50", 8, 1), ("mobilenetv2_100", 16, 4), ("resnetblur18", 16, 3),
    ("regnety_002", 8, 3), ("efficientnet_b0", 16, 3), ("mobilenetv4_conv_small", 16, 3),
    ("mobilenetv3_small_100", 16, 3),
])  # fmt: skip
def test_features_are_timms(name, stride, channels):
    encoder, state = state_of(name, output_stride=stride, in_chans=channels)
    settings = {"encoder_name": f"tu-{name}", "encoder_output_stride": stride, "decoder_atrous_rates": (12, 24, 36)}
    network = from_state_dict(StateDict(state, settings))
    model = convert(network).model.double()
    model.backbone.load_state_dict({name[9:]: each for name, each in network.state.items() if name[:9] == "backbone."})
    assert (network.config.output_stride, network.config.in_channels) == (stride, channels)
    image = uniform(1, channels, 49, 66)
    with torch.no_grad():
        expected = encoder(image)
        found = model.backbone(image)
    torch.testing.assert_close(found.low, expected[1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.high, expected[-1], rtol=1e-9, atol=1e-9)


def test_a_resnet_that_nothing_names_is_assumed_to_be_plain():
    _, state = state_of("resnet18")
    assert from_state_dict(StateDict(state)).choices["notes"] == [smp.PLAIN_ASSUMED]
    assert from_state_dict(StateDict(state, {"encoder_name": "tu-resnet18"})).notes == ()


@pytest.mark.parametrize("name", ["tu-resnetblur50", "tu-resnet50d"])
def test_tensors_of_another_network_than_the_name_says_are_refused(name):
    _, state = state_of("resnet18")
    with pytest.raises(InputError, match=r"looks like segmentation_models\.pytorch DeepLabV3Plus, but does not fit"):
        from_state_dict(StateDict(state, {"encoder_name": name}))


def test_networks_that_timm_dilates_with_a_shift_are_refused():
    _, state = state_of("convnext_atto")
    with pytest.raises(InputError, match="timm pads unevenly where it dilates this network"):
        from_state_dict(StateDict(state, {"encoder_name": "tu-convnext_atto"}))
    with pytest.raises(InputError, match=r"timm pads unevenly .* --model deeplabv3plus_timm:tf_mobilenetv3_large_100"):
        from_state_dict(StateDict(state, {"encoder_name": "timm-mobilenetv3_large_100"}))


@pytest.mark.parametrize("name", ["convnext_atto", "mobilenetv3_small_100", "efficientnet_b0"])
def test_what_nothing_names_asks_for_the_settings(name):
    _, state = state_of(name)
    with pytest.raises(InputError, match=r"an encoder of timm that nothing names; put the config\.json"):
        from_state_dict(StateDict(state))


def test_an_encoder_that_ends_early_is_refused_by_its_settings():
    _, state = state_of("resnet18")
    with pytest.raises(InputError, match="with encoder_depth 4; 5 is built here"):
        from_state_dict(StateDict(state, {"encoder_name": "tu-resnet18", "encoder_depth": 4}))


def test_an_older_name_of_smps_is_that_of_timm():
    """SMP 0.6 builds `tu-regnety_002` where it is asked for `timm-regnety_002`."""
    _, state = state_of("regnety_002")
    found = from_state_dict(StateDict(state, {"encoder_name": "timm-regnety_002"}))
    assert found.config.backbone == TimmConfig("regnety_002")
