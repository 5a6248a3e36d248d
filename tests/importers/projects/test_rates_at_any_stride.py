"""Projects whose ASPP has the same rates at every output stride keep them at the stride that a user states."""

import pytest
import torch
from test_peer_parity import as_found, stored

from atrous.importers.convert import convert
from atrous.importers.file_head import read_head
from atrous.importers.overrides import Overrides
from atrous.importers.readers import read_foreign
from atrous.model.build import build
from reference.weights import randomize, uniform
from torchvision_shim import import_module

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@pytest.fixture(scope="module")
def torchvision_at_16(tmp_path_factory):
    """Built from torchvision's own parts, as users do who want another output stride: its head has rates 12, 24, 36."""
    segmentation = import_module("torchvision.models.segmentation")
    deeplabv3 = import_module("torchvision.models.segmentation.deeplabv3")
    resnet = import_module("torchvision.models.resnet")
    getter = import_module("torchvision.models._utils").IntermediateLayerGetter
    backbone = resnet.resnet50(weights=None, replace_stride_with_dilation=[False, False, True])
    backbone = getter(backbone, return_layers={"layer4": "out"})
    model = segmentation.DeepLabV3(backbone, deeplabv3.DeepLabHead(2048, 4))
    path = tmp_path_factory.mktemp("torchvision") / "a.pth"
    model = randomize(model).float()
    torch.save(model.state_dict(), path)
    return path, model


def test_torchvision_at_another_output_stride(torchvision_at_16):
    path, theirs = torchvision_at_16
    network = read_foreign(read_head(path), Overrides(output_stride=16))
    assert network.config.head.rates == (12, 24, 36)
    assert "rates 12 24 36 at output stride 16" in network.choices["assumed"]
    ours = convert(network).model
    pixels = uniform(1, 3, 81, 113, low=0, high=255).float()
    with torch.no_grad():
        expected = theirs((pixels / 255 - MEAN) / STD)["out"]
        found = ours.logits(pixels)
    assert (found - expected).abs().max() < 1e-4 * expected.std()
    assert torch.equal(found.argmax(1), expected.argmax(1))


def test_stated_rates_are_those_at_16(torchvision_at_16):
    path, _ = torchvision_at_16
    network = read_foreign(read_head(path), Overrides(output_stride=16, rates=(6, 12, 18)))
    assert network.config.head.rates == (6, 12, 18)
    assert "rates" not in network.choices["assumed"]


def test_smp_at_another_output_stride(tmp_path):
    """Its decoder_atrous_rates are 12, 24, 36 by default whatever encoder_output_stride is: at 8 half of that at 16."""
    torch.save(dict(as_found(stored("smp")[0]["smp_deeplabv3plus_mobilenet_v2"]).tensors), tmp_path / "a.pth")
    head = read_head(tmp_path / "a.pth")
    assert read_foreign(head).config.head.rates == (12, 24, 36)
    network = read_foreign(head, Overrides(output_stride=8))
    with torch.device("meta"):
        branches = build(network.config).aspp.branches
    dilations = [branches[f"aspp{number}"].depthwise.conv.dilation for number in (1, 2, 3)]
    assert dilations == [(12, 12), (24, 24), (36, 36)]
