"""Networks of timm made atrous: denser features hold the coarse ones, number for number."""

import copy

import pytest
import torch
from torch import nn

from atrous.errors import InputError
from atrous.model.aspp import ASPP
from atrous.model.backbones.atrous_encoder import AtrousEncoder
from atrous.model.backbones.strided_pools import AtrousAveragePool
from atrous.model.conventions import PYTORCH
from atrous.model.decoder import Decoder
from atrous.model.deeplab_v3plus import DeepLabV3Plus
from atrous.model.preprocess import Preprocess
from reference.weights import randomize
from torchvision_shim import import_module

EXACT = ("resnet18", "resnet34", "resnet50d", "resnext50_32x4d", "efficientnet_lite0", "tf_efficientnet_lite0",
         "mobilenetv4_conv_small", "convnext_tiny", "resnetblur18")  # fmt: skip
SQUEEZING = ("regnety_008", "efficientnet_b0", "mobilenetv3_large_100")
"""With squeeze-and-excite, whose means are over a denser map at a smaller output stride."""


class Whole(nn.Module):
    """A map without the means of others: what squeeze-and-excite would change is left out."""

    def forward(self, x):
        return x


def timm_network(name):
    torch.manual_seed(0)
    return import_module("timm").create_model(name, features_only=True)


def features(network, size, output_stride):
    network.plan(output_stride=output_stride)
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        return network(images)


def without_squeeze(network):
    for name, module in list(network.named_modules()):
        if type(module).__name__ in ("SEModule", "SqueezeExcite"):
            parent, _, last = name.rpartition(".")
            setattr(network.get_submodule(parent), last, Whole())
    return network


@pytest.mark.parametrize("name", EXACT + SQUEEZING)
def test_denser_features_hold_the_coarse_ones(name):
    """On sizes 32 k + 1, where SAME pads both sides alike, too; squeeze-and-excite is left out here, measured below."""
    network = randomize(AtrousEncoder(without_squeeze(timm_network(name))))
    size = (65, 97)
    coarse = features(network, size, 32)
    assert coarse.high.std() > 0
    for output_stride in (16, 8, 4):
        dense = features(network, size, output_stride)
        step = 32 // output_stride
        held = dense.high[..., ::step, ::step]
        assert held.shape == coarse.high.shape
        assert (held - coarse.high).abs().max() <= 1e-9 * coarse.high.abs().max()
        low_step = 4 // min(output_stride, 4)
        torch.testing.assert_close(dense.low[..., ::low_step, ::low_step], coarse.low, rtol=0, atol=1e-9)
    assert [map_.shape[1] for map_ in coarse] == [network.low_channels, network.middle_channels, network.high_channels]


@pytest.mark.parametrize("name", EXACT + SQUEEZING)
def test_at_32_it_is_the_network_itself(name):
    network = timm_network(name).double().eval()
    images = torch.rand(1, 3, 63, 80, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        expected = network(images)
        found = AtrousEncoder(network, output_stride=32)(images)
    torch.testing.assert_close(found.high, expected[-1], rtol=1e-12, atol=1e-12)
    assert found.low.shape == expected[-4].shape
    assert found.middle.shape == expected[-3].shape


@pytest.mark.parametrize("name", EXACT + SQUEEZING)
def test_the_first_map_is_the_networks_own_at_output_stride_2(name):
    network = timm_network(name).double().eval()
    images = torch.rand(1, 3, 65, 97, dtype=torch.float64) * 2 - 1
    encoder = AtrousEncoder(copy.deepcopy(network), output_stride=8)
    if name == "convnext_tiny":  # begins with patches of 4
        assert encoder.first_channels is None
        return
    with torch.no_grad():
        own, features = network(images)[0], encoder(images)
        kept, first = encoder.with_first(images)
    assert first.shape[1:] == (encoder.first_channels, 33, 49)
    torch.testing.assert_close(first, own, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(one, other) for one, other in zip(kept, features, strict=True))


@pytest.mark.parametrize("name", SQUEEZING)
def test_squeeze_and_excite_changes_little(name):
    """Its means are over other positions: features stay close, but not equal."""
    network = randomize(AtrousEncoder(timm_network(name)))
    coarse, dense = (features(network, (129, 129), stride).high for stride in (32, 8))
    difference = (dense[..., ::4, ::4] - coarse).norm() / coarse.norm()
    assert 0 < difference < 0.3


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("hrnet_w18_small", "is a Upsample"), ("vit_tiny_patch16_224", "is a VisionTransformer")],
)
def test_others_are_refused_by_name(name, complaint):
    with pytest.raises(InputError, match=complaint):
        AtrousEncoder(import_module("timm").create_model(name))


def test_a_classifier_is_refused():
    with pytest.raises(InputError, match=r"returns no map .*; give it without its classifier"):
        AtrousEncoder(import_module("timm").create_model("resnet18"))


def test_average_pooling_by_hand():
    """ResNet-D's shortcut: taps outside do not count; apart, they are those of the coarse windows."""
    pool = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
    ours, x = AtrousAveragePool(pool), torch.rand(1, 3, 9, 7, dtype=torch.float64)
    torch.testing.assert_close(ours(x), pool(x))
    ours.stride, ours.dilation = (1, 1), (2, 2)
    dense = torch.rand(1, 3, 17, 13, dtype=torch.float64)
    torch.testing.assert_close(ours(dense)[..., ::4, ::4], pool(dense[..., ::2, ::2]))


def test_deeplab_over_any_network():
    """Assembled by hand, replanned over the same parameters: the logits are those of a model that was built so."""
    backbone = AtrousEncoder(timm_network("resnet18"), output_stride=16)
    aspp = ASPP(backbone.high_channels, channels=8, projection=((1, 8, False),))
    decoder = Decoder(backbone.low_channels, aspp.out_channels, low_level_channels=4, refinement=((3, 8, False),))
    model = DeepLabV3Plus(
        Preprocess(PYTORCH, in_channels=3), backbone, aspp, decoder, classes=5, output_stride=16, align_corners=False
    )
    model = randomize(model)
    images = torch.rand(1, 3, 65, 50, dtype=torch.float64) * 255
    with torch.no_grad():
        finer = model.replanned(output_stride=8)(images)
        assert finer.shape == model(images).shape == (1, 5, 17, 13)
        assert not torch.equal(finer, model(images))
        model.output_stride = 8
        assert torch.equal(finer, model(images))
    with pytest.raises(InputError, match="output stride 64 is impossible"):
        model.output_stride = 64
