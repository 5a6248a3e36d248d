"""Receptive fields: by hand, and by which pixels really reach a logit."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from atrous.analysis.receptive_field import Filter, Interpolation, extent, receptive_fields
from atrous.model.any_backbone import any_model
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, DecoderConfig
from atrous.model.conventions import PYTORCH
from atrous.model.presets import PRESETS
from fakes.small_models import small_config


def fields(config):
    with torch.device("meta"):
        return receptive_fields(build(config))


@given(st.sampled_from((1, 3, 5, 7)), st.integers(1, 4), st.integers(1, 5), st.integers(-9, 9), st.integers(0, 5))
def test_what_a_window_sees(kernel, stride, rate, first, more):
    """Taps are centered: those of position p are at p * stride + (-1, 0, 1) * rate for a kernel of 3."""
    taps = range(-(kernel // 2), kernel // 2 + 1)
    seen = {position * stride + tap * rate for position in range(first, first + more + 1) for tap in taps}
    assert Filter(kernel, stride, rate).input_range(first, first + more) == (min(seen), max(seen))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_what_an_interpolation_sees(factor, align_corners):
    """torch's own: which of 9 values a fine position depends on, away from the border."""
    coarse = torch.eye(9).unsqueeze(0)
    length = 8 * factor + 1 if align_corners else 9 * factor
    fine = F.interpolate(coarse, size=length, mode="linear", align_corners=align_corners)[0]
    for position in range(2 * factor, 6 * factor):
        (seen,) = fine[:, position].nonzero(as_tuple=True)
        assert Interpolation(factor, align_corners).input_range(position, position) == (int(seen[0]), int(seen[-1]))


@pytest.mark.parametrize(("align_corners", "positions"), [(True, 3), (False, 4)])
def test_two_interpolations_by_hand(align_corners, positions):
    """Five positions at stride 4 see up to four at 8; those, aligned, three at 16, else four."""
    half = Interpolation(2, align_corners)
    assert extent((half, half, Filter(3, 1, 1), Filter(3, 1, 1))) == positions


def test_resnet_50_by_hand():
    """Stem 7; pool + 2 x 2; then for each 3x3 convolution 2 x the stride of its input.

    torchvision: block1 3 x 2 x 4; block2 8, then 3 x 16; block3 16, then 5 x 32; block4 32, then 2 x 64.
    """
    found = fields(replace(PRESETS["deeplabv3_resnet50"], output_stride=32))
    assert [found[name] for name in ("stem", "pool", "block1/unit_3", "block2/unit_1", "block2/unit_4")] == [
        7, 11, 35, 43, 91,
    ]  # fmt: skip
    assert (found["block3/unit_6"], found["block4/unit_3"]) == (267, 427)
    assert [found[f"aspp{number}"] for number in range(4)] == [427 + 2 * rate * 32 for rate in (0, 3, 6, 9)]
    assert found["projection0"] == found["classifier"] == 1003
    assert "image_pooling" not in found


def test_resnet_50_that_strides_late_by_hand():
    """Each block at the stride that it ends with in torchvision: 11 + 3 x 8 + 4 x 16 + 6 x 32 + 3 x 64."""
    preset = PRESETS["deeplabv3_resnet50"]
    found = fields(replace(preset, conventions=replace(preset.conventions, stride_unit="last"), output_stride=32))
    assert found["block4/unit_3"] == 483


def test_resnet_50_that_strides_in_1x1_convolutions_by_hand():
    """The 3x3 of a unit that strides is behind its stride: block2 4 x 16, block3 6 x 32, block4 3 x 64 on top of 35."""
    preset = PRESETS["deeplabv3_resnet50"]
    found = fields(replace(preset, compatibility=Compatibility(strided_layer="1x1"), output_stride=32))
    assert [found[f"block{number}/unit_{last}"] for number, last in ((1, 3), (2, 4), (3, 6), (4, 3))] == [
        35, 99, 291, 483,
    ]  # fmt: skip


def test_decoder_by_hand():
    """Five positions at stride 4 lie over up to three at 16: two more than the one of the encoder."""
    found = fields(PRESETS["deeplabv3plus_mobilenet_v2"])
    assert (found["stem"], found["layer_18"], found["projection0"]) == (3, 491, 491 + 2 * 18 * 16)
    assert (found["refine0"], found["classifier"]) == (1067 + 32, 1067 + 32)
    assert "low_level" not in found


@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "deeplabv3_cascade_resnet50", "deeplabv3_xception65"])
def test_rates_make_up_for_strides(name):
    """Section 3.1: with atrous convolution every unit sees as much at any output stride."""
    coarsest = 256 if "cascade" in name else 32
    expected = fields(replace(PRESETS[name], output_stride=coarsest))
    for output_stride in (4, 8, 16):
        assert fields(replace(PRESETS[name], output_stride=output_stride)) == expected


WIDE_HEAD = small_config(
    "deeplabv3plus_mobilenet_v2",
    head=ASPPConfig(rates=(2,), aspp_channels=8, projection=((3, 8, False), (1, 8, False))),
    decoder=DecoderConfig(low_level_channels=4, refinement=((5, 8, False), (3, 8, True), (1, 8, False))),
)
TWO_TAPS = small_config(
    "deeplabv3plus_mobilenet_v2",
    decoder=DecoderConfig(
        low_level_channels=4,
        refinement=((3, 8, False),),
        middle_level_channels=4,
        middle_refinement=((3, 8, False),),
    ),
)

FINE = small_config(
    "deeplabv3plus_mobilenet_v2",
    decoder=DecoderConfig(low_level_channels=4, refinement=((3, 8, False),), fine_channels=6),
)


def measured_field(model, *, length):
    """Most rows of an image one pixel wide that any logit of the middle has a gradient for.

    All weights are positive and every ReLU open, so no two paths cancel. Max pooling passes the gradient to the largest
    value only: the last row of its window where the image grows downwards, the first where it grows upwards.
    """
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.requires_grad_(requires_grad=False).weight.fill_(1 / (2 * module.weight.shape[1]))
                module.register_forward_hook(without_global_gradient)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.fill_(1)  # timm begins with zero in the last norm of a unit
    model.preprocess.range_checked = True
    ramp = 1e-12 * torch.linspace(1, 2, length).view(1, 1, length, 1).repeat(1, 3, 1, 1)
    images = [ramp.requires_grad_(), ramp.detach().flip(2).requires_grad_()]
    outputs = [model(image)[0, 0, :, 0] for image in images]
    middle = len(outputs[0]) // 2
    phases = round(model.output_stride * (len(outputs[0]) - 1) / (length - 1))
    extents = []
    for position in range(middle, middle + phases):
        gradients = [
            torch.autograd.grad(output[position], image, retain_graph=True)[0]
            for output, image in zip(outputs, images, strict=True)
        ]
        (rows,) = torch.stack(gradients).abs().sum(dim=(0, 1, 2, 4)).nonzero(as_tuple=True)
        assert rows[0] > 0
        assert rows[-1] < length - 1
        extents.append(int(rows[-1] - rows[0] + 1))
    return max(extents)


def without_global_gradient(_, __, output):
    return output.detach() if output.shape[-2:] == (1, 1) else output


@pytest.mark.parametrize(
    ("config", "output_strides"),
    [
        (small_config("deeplabv3_mobilenet_v2"), (4, 16)),
        (small_config("deeplabv3plus_mobilenet_v2"), (4, 8, 16, 32)),
        (WIDE_HEAD, (8, 16)),
        (TWO_TAPS, (4, 16, 32)),
        (replace(TWO_TAPS, conventions=PYTORCH), (16,)),
        (FINE, (4, 16)),
        (replace(FINE, conventions=PYTORCH), (16,)),
        (small_config("deeplabv3_resnet50"), (8, 32)),
        (small_config("deeplabv3plus_resnet50", conventions=replace(PYTORCH, stride_unit="last")), (16,)),
        (small_config("deeplabv3plus_resnet50_beta"), (16,)),
        (small_config("deeplabv3plus_resnet50", compatibility=Compatibility(strided_layer="1x1")), (16,)),
        (small_config("deeplabv3_cascade_resnet50"), (256,)),
        (small_config("deeplabv3plus_xception41"), (8,)),
        (small_config("deeplabv3plus_mobilenet_v3"), (16,)),
        (small_config("lraspp_mobilenet_v3_large"), (8, 16, 32)),
        (small_config("lraspp_mobilenet_v3_small"), (32,)),
    ],
)
def test_the_field_is_what_reaches_a_logit(config, output_strides):
    compare_with_measured(config, output_strides)


@pytest.mark.parametrize(("backbone", "output_strides"), [("resnet18", (8, 16)), ("regnety_002", (16,))])
def test_the_field_behind_a_backbone_of_timm_is_what_reaches_a_logit(backbone, output_strides):
    compare_with_measured(any_model(f"deeplabv3_timm:{backbone}"), output_strides)


def compare_with_measured(config, output_strides):
    unscaled = replace(config.conventions, input_mean=(0.0,), input_std=(1.0,))
    for output_stride in output_strides:
        model = build(replace(config, conventions=unscaled, output_stride=output_stride)).eval()
        field = receptive_fields(model)["classifier"]
        # An even number of strides (and the pixel more of aligned corners), with room on both sides.
        length = -(-field // (2 * output_stride)) * 2 * output_stride + 4 * max(output_stride, 16)
        length += config.conventions.align_corners
        assert measured_field(model, length=length) == field
