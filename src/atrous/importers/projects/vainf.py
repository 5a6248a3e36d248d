"""VainF/DeepLabV3Plus-Pytorch: DeepLabv3 and DeepLabv3+ with ResNet and MobileNetV2."""

from collections.abc import Collection, Mapping

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects import layers
from atrous.importers.projects.key_map import (
    checked,
    encoder_first,
    named_classes,
    pooling_first,
    resnet_depth,
    translated,
    width,
)
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, BackboneConfig, DecoderConfig, MobileNetV2Config, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH

PROJECT = "VainF/DeepLabV3Plus-Pytorch"
BODY = ("body.0", "body.1")


def recognises(names: Collection[str]) -> bool:
    """Return True for names of its ASPP beside a backbone."""
    return any(f"classifier.{place}.convs.0.0.weight" in names for place in ("aspp", "classifier.0")) and any(
        name.startswith("backbone.") for name in names
    )


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows.

    Raises:
        InputError: If its backbone is not built here, or a tensor is unknown, missing, or of another shape.
    """
    tensors = found.tensors
    plus = "classifier.aspp.convs.0.0.weight" in tensors
    backbone, table = _backbone(tensors)
    at = "classifier.aspp." if plus else "classifier.classifier.0."
    separable = f"{at}convs.1.0.body.0.weight" in tensors
    table |= layers.aspp(at, separable=BODY if separable else None)
    theirs, ours, last = ("0", "decoder.refine.0", "3") if plus else ("1", "aspp.projection.1", "4")
    norm = f"classifier.classifier.{int(theirs) + 1}"
    if separable:
        table |= layers.bare_separable(f"classifier.classifier.{theirs}", norm, ours, names=BODY)
    else:
        table |= layers.layer(f"classifier.classifier.{theirs}", norm, ours)
    table |= layers.layer("classifier.project.0", "classifier.project.1", "decoder.low_level") if plus else {}
    table[f"classifier.classifier.{last}"] = "classifier"
    state, skipped = translated(tensors, table, skipped={}, project=PROJECT)
    state["aspp.projection.0.conv.weight"] = pooling_first(state["aspp.projection.0.conv.weight"])
    if plus:
        _turn(state, low_level_channels=width(state, "decoder.low_level.conv.weight"))
    classes = width(tensors, f"classifier.classifier.{last}.weight")
    config = ModelConfig(
        backbone,
        ASPPConfig(
            separable=separable, projection=((1, 256, False),) if plus else ((1, 256, False), (3, 256, separable))
        ),
        DecoderConfig(refinement=((3, 256, separable),)) if plus else None,
        conventions=PYTORCH,
        compatibility=Compatibility(
            low_level="output",
            padded="units" if isinstance(backbone, MobileNetV2Config) else "convolutions",
            between_separable="nothing" if separable else "norm and relu",
        ),
        classes=classes,
    )
    name = f"{PROJECT} DeepLabv3{'+' if plus else ''}"
    labels = named_classes(classes, voc=PASCAL_VOC)
    assumed = ("output_stride", "scaling")
    return checked(ForeignNetwork(name, config, state, skipped, labels, assumed=assumed, layers=table))


def _backbone(tensors: Mapping[str, Tensor]) -> tuple[BackboneConfig, dict[str, str]]:
    if "backbone.low_level_features.0.0.weight" in tensors:
        table = layers.mobilenet_v2(
            lambda number: f"backbone.{'low' if number < 4 else 'high'}_level_features.{number}"
        )
        table = {theirs: ours for theirs, ours in table.items() if "_features.18." not in theirs}  # it has no last one
        return MobileNetV2Config(channel_divisor=8), table
    if "backbone.conv1.weight" in tensors and "backbone.layer3.0.conv3.weight" in tensors:
        depth = resnet_depth(tensors, r"backbone\.layer3\.(\d+)\.conv1\.weight$")
        return ResNetConfig(depth), layers.resnet("backbone.", depth=depth)
    if any(name.startswith("backbone.stage2.") for name in tensors):
        raise InputError(f"{PROJECT} with HRNet: that backbone is not built here")
    raise InputError(f"{PROJECT} with Xception: its units are not those of the paper's, which are built here")


def _turn(state: dict[str, Tensor], *, low_level_channels: int) -> None:
    """Their low-level features come first in the concatenation."""
    for name in ("decoder.refine.0.conv.weight", "decoder.refine.0.pointwise.conv.weight"):
        if name in state:
            state[name] = encoder_first(state[name], low_level_channels=low_level_channels)
    name = "decoder.refine.0.depthwise.conv.weight"
    if name in state:  # a filter for each channel
        state[name] = state[name].roll(-low_level_channels, dims=0)
