import math
from dataclasses import replace

import pytest
import torch

import atrous
from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.model.config import (
    ASPPConfig,
    DecoderConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
    XceptionConfig,
)
from atrous.model.conventions import PYTORCH, TENSORFLOW, Conventions
from atrous.model.presets import PRESETS, preset


def test_presets_are_what_the_papers_name():
    assert set(PRESETS) == {
        "deeplabv3_mobilenet_v2", "deeplabv3_mobilenet_v2_aspp", "deeplabv3_resnet50", "deeplabv3_resnet101",
        "deeplabv3_resnet50_beta", "deeplabv3_resnet101_beta", "deeplabv3_xception65", "deeplabv3_mobilenet_v3",
        "deeplabv3_cascade_resnet50", "deeplabv3_cascade_resnet101",
        "deeplabv3plus_efficientnet_lite0", "deeplabv3plus_mobilenet_v2", "deeplabv3plus_mobilenet_v3",
        "deeplabv3plus_resnet50", "deeplabv3plus_resnet101",
        "deeplabv3plus_resnet50_beta", "deeplabv3plus_resnet101_beta",
        "deeplabv3plus_xception41", "deeplabv3plus_xception65", "deeplabv3plus_xception71",
        "lraspp_mobilenet_v3", "lraspp_mobilenet_v3_large", "lraspp_mobilenet_v3_small",
    }  # fmt: skip
    assert {config.classes for config in PRESETS.values()} == {21}
    assert {config.output_stride for config in PRESETS.values()} == {16}
    resnets = {f"deeplabv3{plus}_resnet{depth}" for plus in ("", "plus") for depth in (50, 101)}
    mobiles = {"deeplabv3_mobilenet_v3", "lraspp_mobilenet_v3"}
    for name, config in PRESETS.items():
        assert (config.decoder is not None) == name.startswith("deeplabv3plus")
        assert config.conventions.align_corners == (name not in resnets | mobiles)
        if "cascade" in name:
            assert config.head is None
        elif "lraspp" not in name:
            special = {"deeplabv3_mobilenet_v2": (), "deeplabv3_mobilenet_v3": (12, 24, 36)}
            assert config.head.rates == special.get(name, (6, 12, 18))
            assert config.head.image_pooling
    assert {PRESETS[name].conventions for name in resnets} == {PYTORCH}
    assert {PRESETS[name].conventions for name in mobiles} == {replace(PYTORCH, backbone_epsilon=1e-3)}
    official = {name for name in PRESETS if "mobilenet" in name or "efficientnet" in name} - mobiles
    assert {PRESETS[name].conventions for name in official} == {TENSORFLOW}
    separable = {
        name for name, config in PRESETS.items() if isinstance(config.head, ASPPConfig) and config.head.separable
    }
    assert separable == {
        "deeplabv3plus_efficientnet_lite0",
        *(f"deeplabv3plus_mobilenet_v{version}" for version in (2, 3)),
        *(name for name in PRESETS if "plus_xception" in name),
    }
    for name in separable:
        assert preset(name).decoder == DecoderConfig(48, refinement=((3, 256, True), (3, 256, True)))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_function_of_the_package(name):
    with torch.device("meta"):
        model = getattr(atrous, name)(5, output_stride=8, in_channels=1)
    assert model.config == replace(PRESETS[name], classes=5, output_stride=8, in_channels=1)
    assert model.classifier.out_channels == 5
    assert next(model.backbone.parameters()).shape[1] == 1
    assert model.backbone.planned[-1].output_stride == 8


def test_fresh_weights():
    """Logits: normal of deviation 0.01, cut at two (papers.md, section 1.4), bias 0; the rest: He, 2 / fan-in."""
    torch.manual_seed(0)
    model = atrous.deeplabv3_mobilenet_v2(100)
    assert model.classifier.bias.abs().sum() == 0
    assert model.classifier.weight.abs().max() <= 0.02
    assert abs(model.classifier.weight.std() - 0.01 * 0.8796) < 2e-4  # what the cut leaves of the deviation
    convolution = model.aspp.branches["aspp0"].conv
    assert abs(convolution.weight.std() / (2 / 320) ** 0.5 - 1) < 0.02


def test_both_classifiers_of_lite_r_aspp_start_small():
    torch.manual_seed(0)
    model = atrous.lraspp_mobilenet_v3_large(100)
    for classifier in (model.classifier, model.middle_classifier):
        assert classifier.bias.abs().sum() == 0
        assert classifier.weight.abs().max() <= 0.02
        assert abs(classifier.weight.std() - 0.01 * 0.8796) < 2e-4


def test_lite_presets_are_the_official_ones():
    """Model zoo: the last block's filters halved, taps at output stride 8, pooling of 769 pixels, hard sigmoid."""
    head = LRASPPConfig(aspp_channels=128, pool_stride=(128, 160), gate="hard_sigmoid")
    for variant, channels in (("large", 120), ("small", 88)):
        config = preset(f"lraspp_mobilenet_v3_{variant}")
        assert config.head == head
        assert config.compatibility.pool_window == (769, 769)
        assert config.backbone == MobileNetV3Config(variant, tail_multiplier=0.5)
        with torch.device("meta"):
            assert build(config).middle_classifier.in_channels == channels
    assert preset("lraspp_mobilenet_v3").head == LRASPPConfig(aspp_channels=128, gate="sigmoid")
    assert preset("lraspp_mobilenet_v3").compatibility.pool_window is None


def test_beta_presets_are_the_official_resnets():
    """papers.md, sections 5.1 and 5.3: convolutions pad explicitly, only the pooling is SAME; epsilon 1e-5."""
    for name in ("deeplabv3_resnet50_beta", "deeplabv3plus_resnet101_beta"):
        config = preset(name)
        assert config.backbone == ResNetConfig(depth=50 if "50" in name else 101, multi_grid=(1, 2, 4), stem="beta")
        conventions = config.conventions
        assert (conventions.conv_padding, conventions.pool_padding) == ("symmetric", "same")
        assert (conventions.backbone_epsilon, conventions.head_epsilon) == (1e-5, 1e-5)
        assert (conventions.stride_unit, conventions.fit, conventions.align_corners) == ("last", "os*k+1", True)
        assert (conventions.input_mean, conventions.input_std) == ((127.5,), (127.5,))


def test_cascade_presets_are_the_best_of_table_3():
    """Decision 8 of the design: beta stem, (1, 2, 1), block5 to block7, logits straight on top."""
    for depth in (50, 101):
        config = preset(f"deeplabv3_cascade_resnet{depth}")
        assert config.backbone == ResNetConfig(depth=depth, multi_grid=(1, 2, 1), stem="beta", added_blocks=3)
        assert config.conventions == preset("deeplabv3_resnet50_beta").conventions


def test_xception_presets():
    """papers.md, sections 4.2 and 5.3: explicit padding, epsilon 1e-3."""
    found = {name: config for name, config in PRESETS.items() if "xception" in name}
    assert {config.conventions for config in found.values()} == {replace(TENSORFLOW, conv_padding="symmetric")}
    assert all(config.backbone == XceptionConfig(depth=int(name[-2:])) for name, config in found.items())


def test_unknown_preset_is_answered_with_the_known():
    with pytest.raises(InputError, match=r"unknown model 'deeplab'; known: deeplabv3_mobilenet_v2, .*_v3_small$"):
        preset("deeplab")


def test_conventions_of_the_official_code_and_of_torchvision():
    """papers.md, section 5.3."""
    assert (TENSORFLOW.backbone_epsilon, TENSORFLOW.head_epsilon) == (1e-3, 1e-5)
    assert (TENSORFLOW.conv_padding, TENSORFLOW.pool_padding) == ("same", "same")
    assert (TENSORFLOW.align_corners, TENSORFLOW.fit, TENSORFLOW.stride_unit) == (True, "os*k+1", "last")
    assert (PYTORCH.backbone_epsilon, PYTORCH.head_epsilon) == (1e-5, 1e-5)
    assert (PYTORCH.conv_padding, PYTORCH.pool_padding) == ("symmetric", "symmetric")
    assert (PYTORCH.align_corners, PYTORCH.fit, PYTORCH.stride_unit) == (False, "none", "first")
    assert [mean / 255 for mean in PYTORCH.input_mean] == pytest.approx([0.485, 0.456, 0.406])
    assert [std / 255 for std in PYTORCH.input_std] == pytest.approx([0.229, 0.224, 0.225])


@pytest.mark.parametrize(
    ("kind", "values", "complaint"),
    [
        (MobileNetV2Config, {"depth_multiplier": 0.0}, "depth multiplier 0.0 is out of range"),
        (MobileNetV2Config, {"depth_multiplier": math.nan}, "depth multiplier nan is out of range"),
        (MobileNetV2Config, {"depth_multiplier": math.inf}, "depth multiplier inf is out of range"),
        (MobileNetV2Config, {"channel_divisor": 0}, "channel divisor 0 is out of range"),
        (MobileNetV3Config, {"depth_multiplier": math.inf}, "depth multiplier inf is out of range"),
        (MobileNetV3Config, {"tail_multiplier": 0.0}, "tail multiplier 0.0 is out of range; choose 0.01 to 8"),
        (LRASPPConfig, {"aspp_channels": 0}, "0 channels are out of range"),
        (Compatibility, {"pool_window": (0, 5)}, r"pool window \(0, 5\) needs two numbers of pixels, 1 to 65536"),
        (LRASPPConfig, {"pool_stride": (5, 10**9)}, "pool stride"),
        (ResNetConfig, {"multi_grid": (1, 0, 2)}, "three rates from 1 to 4096"),
        (ResNetConfig, {"multi_grid": (1, 2, 5000)}, "three rates from 1 to 4096"),
        (ResNetConfig, {"added_blocks": 4}, "4 added blocks are out of range; choose 0 to 3"),
        (ResNetConfig, {"added_blocks": -1}, "-1 added blocks are out of range"),
        (ASPPConfig, {"rates": (6, 0)}, r"ASPP rates \(6, 0\)"),
        (ASPPConfig, {"rates": (6, 10**9)}, "from 1 to 4096"),
        (ASPPConfig, {"rates": (1,) * 17}, "up to 16 numbers"),
        (ASPPConfig, {"aspp_channels": 0}, "ASPP needs 1 to 65536 channels"),
        (ASPPConfig, {"dropout": 1.0}, r"dropout in \[0, 1\)"),
        (ASPPConfig, {"dropout": math.nan}, r"dropout in \[0, 1\)"),
        (ASPPConfig, {"projection": ((2, 256, False),)}, r"projection layer \(2, 256\) needs an odd kernel"),
        (ASPPConfig, {"projection": ((33, 256, False),)}, "odd kernel to 31"),
        (ASPPConfig, {"projection": ((1, 1, False),) * 17}, "17 projection layers are too many"),
        (DecoderConfig, {"low_level_channels": 0}, r"low-level layer \(1, 0\)"),
        (DecoderConfig, {"refinement": ((3, 0, True),)}, r"refinement layer \(3, 0\)"),
        (DecoderConfig, {"middle_level_channels": 0}, r"middle-level layer \(1, 0\)"),
        (DecoderConfig, {"fine_channels": 1}, "1 fine channels are out of range"),
        (DecoderConfig, {"fine_channels": 48, "middle_level_channels": 48}, "maps at output strides 8, 4 and 2"),
        (DecoderConfig, {"middle_level_channels": 8, "middle_refinement": ((2, 8, True),)}, "middle refinement layer"),
        (
            DecoderConfig,
            {"middle_refinement": ((3, 256, False),)},
            "needs features to refine; give middle-level channels",
        ),
        (Conventions, {"input_std": ()}, "one number each"),
        (Conventions, {"input_std": (0.0,)}, "must be finite; input std .* positive"),
        (Conventions, {"input_mean": (math.nan,)}, "must be finite"),
        (Conventions, {"input_std": (math.inf,)}, "must be finite"),
        (Conventions, {"backbone_epsilon": -1e-5}, "positive"),
    ],
)
def test_what_no_network_can_be_is_refused(kind, values, complaint):
    with pytest.raises(InputError, match=complaint):
        kind(**values)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"output_stride": 12}, "output stride 12 is impossible; choose one of 4, 8, 16, 32"),
        ({"output_stride": 64}, "output stride 64 is impossible"),
        ({"output_stride": 32, "head": ASPPConfig(rates=(5,))}, "ASPP rate 5"),
        ({"output_stride": 64, "head": None}, "output stride 64 is impossible; choose one of 4, 8, 16, 32$"),
        ({"backbone": ResNetConfig(added_blocks=1), "output_stride": 128, "head": None}, "choose one of 4, .*, 64$"),
        ({"backbone": ResNetConfig(added_blocks=1), "output_stride": 64}, "64 runs without ASPP only; choose up to 32"),
        (
            {"backbone": ResNetConfig(added_blocks=3), "output_stride": 64, "head": ASPPConfig(rates=())},
            "output stride 64 runs without ASPP only",
        ),
        ({"head": None, "decoder": DecoderConfig()}, "the decoder refines what an ASPP gives"),
        ({"head": LRASPPConfig(), "decoder": DecoderConfig()}, "the decoder refines what an ASPP gives"),
        ({"head": LRASPPConfig(), "output_stride": 64}, "output stride 64 is impossible"),
        (
            {"backbone": ResNetConfig(added_blocks=3), "output_stride": 64, "head": LRASPPConfig()},
            "output stride 64 runs without ASPP only",
        ),
        (
            {"backbone": MobileNetV3Config(), "compatibility": Compatibility(middle_level=(4, "output"))},
            "choose layer 5, 6, 7 and depthwise or output",
        ),
        (
            {"backbone": MobileNetV3Config("small"), "compatibility": Compatibility(middle_level=(7, "output"))},
            "choose layer 3, 4 and depthwise or",
        ),
        ({"compatibility": Compatibility(middle_level=(5, "output"))}, "output stride 8 is not at .*; leave it out"),
        (
            {"backbone": XceptionConfig(), "compatibility": Compatibility(low_level="output")},
            "low level 'output' is built for MobileNetV2, EfficientNet-Lite and ResNet only",
        ),
        (
            {"backbone": XceptionConfig(), "compatibility": Compatibility(unstrided_rate="after")},
            "unstrided rate 'after' is not built for Xception",
        ),
        (
            {"backbone": ResNetConfig(), "compatibility": Compatibility(padded="units")},
            "padding of 'units' is built for MobileNetV2 only",
        ),
        ({"classes": 0}, "0 classes are out of range"),
        ({"classes": 40000}, "40000 classes are out of range"),
        ({"in_channels": 0}, "0 image channels are out of range"),
    ],
)
def test_contradictions_are_refused_before_anything_is_built(values, complaint):
    with pytest.raises(InputError, match=complaint):
        ModelConfig(**{"backbone": MobileNetV2Config(), **values})
