"""torchvision: its DeepLabv3 and LR-ASPP, and its ImageNet classifiers as backbones."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from torch import Tensor

from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects import (
    layers,
    torchvision_keys,
)
from atrous.importers.projects import (
    torchvision_mobilenet_v3_keys as torchvision_mobilenet_v3,
)
from atrous.importers.projects.key_map import (
    AUXILIARY_REASON,
    CLASSIFIER_REASON,
    checked,
    imagenet,
    named_classes,
    resnet_depth,
    translated,
    width,
)
from atrous.importers.projects.timm_settings import check_resnet, scaled, timm_settings
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC
from atrous.model.config import (
    BASIC_DEPTHS,
    ASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
)
from atrous.model.conventions import PYTORCH
from atrous.model.presets import PRESETS

PROJECT = "torchvision"
HEAD = ASPPConfig(projection=((1, 256, False), (3, 256, False)))


def recognises(names: Collection[str]) -> bool:
    """Return True for names of DeepLabv3, LR-ASPP, or classifiers: ResNet, MobileNetV2 and MobileNetV3."""
    deeplab = "classifier.0.convs.0.0.weight" in names and "classifier.4.weight" in names
    return deeplab or any(
        name in names
        for name in (
            "classifier.scale.1.weight",
            "layer4.0.conv1.weight",
            "features.17.conv.0.0.weight",
            "features.1.block.0.0.weight",
        )
    )


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows.

    Raises:
        InputError: If a tensor is unknown, missing, or of another shape.
    """
    tensors = found.tensors
    if "features.17.conv.0.0.weight" in tensors:
        return _mobilenet_v2(tensors)
    if "features.1.block.0.0.weight" in tensors:
        return _mobilenet_v3(tensors)
    if "layer4.0.conv1.weight" in tensors:
        return _resnet(found)
    return _deeplab(tensors)


def _deeplab(tensors: Mapping[str, Tensor]) -> ForeignNetwork:
    lite = "classifier.scale.1.weight" in tensors
    classes = width(tensors, "classifier.low_classifier.weight" if lite else "classifier.4.weight")
    if "backbone.conv1.weight" in tensors:
        depth = resnet_depth(tensors, r"backbone\.layer3\.(\d+)\.conv1\.weight$")
        state, skipped = torchvision_keys.from_torchvision(tensors, depth=depth)
        table = {**torchvision_keys.LAYERS, **layers.resnet_units("backbone.", depth=depth)}
        config = ModelConfig(ResNetConfig(depth), HEAD, conventions=PYTORCH, output_stride=8)
        if depth in BASIC_DEPTHS:  # torchvision has no rates in their units
            config = replace(config, head=replace(HEAD, rates=(24, 48, 72)), output_stride=32)
        name = f"torchvision DeepLabv3, ResNet-{depth}"
    else:
        small = "backbone.16.0.weight" not in tensors
        variant = "small" if small else "large"
        state, skipped = torchvision_mobilenet_v3.from_torchvision(tensors, variant=variant)
        table = torchvision_mobilenet_v3.LAYERS[variant]
        config = PRESETS["lraspp_mobilenet_v3" if lite else "deeplabv3_mobilenet_v3"]
        if small:
            details = replace(config.compatibility, middle_level=(3, "output"))
            config = replace(config, backbone=MobileNetV3Config("small"), compatibility=details)
        name = f"torchvision {'LR-ASPP' if lite else 'DeepLabv3'}, MobileNetV3 {'small' if small else 'large'}"
    reasons = dict.fromkeys(skipped, AUXILIARY_REASON)
    labels = named_classes(classes, voc=PASCAL_VOC)
    config = replace(config, classes=classes)
    assumed = ("output_stride", "scaling")
    return checked(
        ForeignNetwork(name, config, state, reasons, labels, assumed=assumed, rates_at_any_stride=True, layers=table)
    )


def _resnet(found: StateDict) -> ForeignNetwork:
    tensors = found.tensors
    settings = timm_settings(found.settings)
    check_resnet(settings.architecture)
    depth = resnet_depth(tensors, r"layer3\.(\d+)\.conv1\.weight$")
    table = layers.resnet("", depth=depth)
    stem = "7x7"
    if "conv1.6.weight" in tensors:  # timm's ResNet-50-C: the same names, another stem
        stem = "v1c"
        table |= layers.three_convolutions("conv1.0", "conv1.1", "conv1.3", "conv1.4", "conv1.6", "bn1")
    state, skipped = translated(tensors, table, skipped={"fc.": CLASSIFIER_REASON}, project=PROJECT)
    conventions, assumed = scaled(PYTORCH, settings.pretrained_cfg)
    config = ModelConfig(ResNetConfig(depth, stem=stem), conventions=conventions)
    return imagenet(config, state, skipped, name=f"ImageNet ResNet-{depth} (torchvision, timm)", assumed=assumed)


def _mobilenet_v2(tensors: Mapping[str, Tensor]) -> ForeignNetwork:
    table = layers.mobilenet_v2(lambda number: f"features.{number}")
    skips = {"features.18.": "ImageNet's last convolution, which DeepLab leaves out", "classifier.": CLASSIFIER_REASON}
    table = {theirs: ours for theirs, ours in table.items() if not theirs.startswith("features.18.")}
    state, skipped = translated(tensors, table, skipped=skips, project=PROJECT)
    multiplier = width(tensors, "features.17.conv.2.weight") / 320
    backbone = MobileNetV2Config(depth_multiplier=multiplier, channel_divisor=8)
    return imagenet(
        ModelConfig(backbone, conventions=PYTORCH), state, skipped, name="ImageNet MobileNetV2 (torchvision)"
    )


def _mobilenet_v3(tensors: Mapping[str, Tensor]) -> ForeignNetwork:
    variant = "large" if "features.16.0.weight" in tensors else "small"
    table = {
        theirs.replace("backbone.", "features.", 1): ours
        for theirs, ours in torchvision_mobilenet_v3.LAYERS[variant].items()
        if theirs.startswith("backbone.")
    }
    state, skipped = translated(tensors, table, skipped={"classifier.": CLASSIFIER_REASON}, project=PROJECT)
    config = ModelConfig(MobileNetV3Config(variant), conventions=replace(PYTORCH, backbone_epsilon=1e-3))
    return imagenet(config, state, skipped, name=f"ImageNet MobileNetV3 {variant} (torchvision)")
