"""EfficientNet-Lite against timm's, run here on the same tensors."""

from itertools import pairwise

import pytest
import torch

from atrous.model.backbones.efficientnet_lite import EfficientNetLite
from atrous.model.conventions import PYTORCH, TENSORFLOW
from fakes.lively_model import blocks
from reference.weights import randomize
from torchvision_shim import import_module

NAMES = {"same": "tf_efficientnet_lite{}", "symmetric": "efficientnet_lite{}"}
CONVENTIONS = {"same": TENSORFLOW, "symmetric": PYTORCH}
UNIT = {"conv_dw": "depthwise.conv", "bn1": "depthwise.norm", "conv_pw": "project.conv", "bn2": "project.norm"}
EXPANDED = {"conv_pw": "expand.conv", "bn1": "expand.norm", "conv_dw": "depthwise.conv", "bn2": "depthwise.norm",
            "conv_pwl": "project.conv", "bn3": "project.norm"}  # fmt: skip


def theirs_with(ours, name):
    """timm's network with the tensors of ours, up to its last inverted residual."""
    network = import_module("timm").create_model(name, pretrained=False).double()
    with torch.no_grad():
        pairs = [(network.conv_stem, ours.stem.conv), (network.bn1, ours.stem.norm)]
        units = [unit for stage in network.blocks for unit in stage]
        for unit, our_unit in zip(units, ours.units, strict=True):
            parts = EXPANDED if hasattr(unit, "conv_pwl") else UNIT
            pairs += [(getattr(unit, name), our_unit.get_submodule(part)) for name, part in parts.items()]
        for their, our in pairs:
            their.load_state_dict(our.state_dict())
    return torch.nn.Sequential(network.conv_stem, network.bn1, network.blocks).double().eval()


@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("variant", [0, 1, 2])
@pytest.mark.parametrize("size", [(64, 96), (65, 97)])
def test_features_are_timms(variant, padding, size):
    ours = randomize(EfficientNetLite(conventions=CONVENTIONS[padding], variant=variant, output_stride=32)).eval()
    theirs = theirs_with(ours, NAMES[padding].format(variant))
    images = blocks(*size).double() / 127.5 - 1
    with torch.no_grad():
        found, expected = ours(images).high, theirs(images)
    assert found.shape == expected.shape
    assert expected.std() > 0
    assert (found - expected).abs().max() <= 1e-9 * expected.abs().max()


@pytest.mark.parametrize("conventions", [PYTORCH, TENSORFLOW], ids=["symmetric", "same"])
@pytest.mark.parametrize("size", [(65, 97), (33, 129)])
def test_denser_features_hold_the_coarse_ones(conventions, size):
    """On sizes 32 k + 1 SAME pads both sides alike, kernels of 5 included: the grids at all strides coincide."""
    backbone = randomize(EfficientNetLite(conventions=conventions)).double().eval()
    images, maps = torch.rand(1, 3, *size, dtype=torch.float64) * 2 - 1, {}
    for output_stride in (4, 8, 16, 32):
        backbone.plan(output_stride=output_stride)
        with torch.no_grad():
            maps[output_stride] = backbone(images).high
    for finer, coarser in pairwise(maps):
        torch.testing.assert_close(maps[finer][..., ::2, ::2], maps[coarser], rtol=0, atol=1e-9)


def test_same_samples_another_grid_on_even_sizes():
    """At stride 32 SAME pads an even map below and right only: there the maps differ, as TensorFlow's do."""
    backbone = randomize(EfficientNetLite(conventions=TENSORFLOW, output_stride=32)).double().eval()
    images = torch.rand(1, 3, 64, 64, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        coarse = backbone(images).high
        backbone.plan(output_stride=8)
        dense = backbone(images).high
    assert coarse.shape[-1] * 4 == dense.shape[-1]
    assert (dense[..., ::4, ::4] - coarse).abs().max() > 0.01 * coarse.abs().max()


@pytest.mark.parametrize(("variant", "units", "channels"), [(0, 16, (144, 240, 320)), (1, 21, (144, 240, 320)),
                                                            (2, 21, (144, 288, 352))])  # fmt: skip
def test_plan_and_widths(variant, units, channels):
    backbone = EfficientNetLite(conventions=TENSORFLOW, variant=variant, output_stride=8)
    assert len(backbone.planned) == units
    assert (backbone.low_channels, backbone.middle_channels, backbone.high_channels) == channels
    assert [unit.rate for unit in backbone.planned][-1] == 4
    assert sum(unit.stride == 2 for unit in backbone.planned) == 2
