"""jfzhang95/pytorch-deeplab-xception: DeepLabv3+ with ResNet-101."""

from collections.abc import Collection
from dataclasses import replace

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects import layers
from atrous.importers.projects.key_map import bottleneck_depth, checked, named_classes, pooling_first, translated, width
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, DecoderConfig, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH

PROJECT = "jfzhang95/pytorch-deeplab-xception"


def recognises(names: Collection[str]) -> bool:
    """Return True for names of its ASPP and decoder."""
    return "aspp.aspp1.atrous_conv.weight" in names and "decoder.last_conv.0.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows.

    Raises:
        InputError: If its backbone is not built here, or a tensor is unknown, missing, or of another shape.
    """
    tensors = found.tensors
    if any(name.startswith("backbone.block1.") for name in tensors):
        raise InputError(
            f"{PROJECT} with Xception: its shortcuts start behind the ReLU, the official ones before it; not built here"
        )
    if any(name.startswith("backbone.features.") for name in tensors):
        raise InputError(
            f"{PROJECT} with MobileNetV2: its rates grow only in the stage after the one that gives up its stride; "
            "not built here"
        )
    if "backbone.layer5.0.conv1.weight" in tensors or "backbone.layer0.0.weight" in tensors:
        raise InputError(f"{PROJECT} with DRN: that backbone is not built here")
    depth = bottleneck_depth(tensors, r"backbone\.layer3\.(\d+)\.conv1\.weight$")
    table = layers.resnet("backbone.", depth=depth)
    for number in range(4):
        theirs = f"aspp.aspp{number + 1}"
        table |= layers.layer(f"{theirs}.atrous_conv", f"{theirs}.bn", f"aspp.branches.aspp{number}")
    pooling = "aspp.branches.image_pooling.project"
    table |= layers.layer("aspp.global_avg_pool.1", "aspp.global_avg_pool.2", pooling)
    table |= layers.layer("aspp.conv1", "aspp.bn1", "aspp.projection.0")
    table |= layers.layer("decoder.conv1", "decoder.bn1", "decoder.low_level")
    table |= layers.layer("decoder.last_conv.0", "decoder.last_conv.1", "decoder.refine.0")
    table |= layers.layer("decoder.last_conv.4", "decoder.last_conv.5", "decoder.refine.1")
    table["decoder.last_conv.8"] = "classifier"
    state, skipped = translated(tensors, table, skipped={}, project=PROJECT)
    state["aspp.projection.0.conv.weight"] = pooling_first(state["aspp.projection.0.conv.weight"])
    classes = width(tensors, "decoder.last_conv.8.weight")
    config = ModelConfig(
        ResNetConfig(depth, multi_grid=(1, 2, 4)),
        ASPPConfig(dropout=0.5),
        DecoderConfig(),
        conventions=replace(PYTORCH, align_corners=True),
        compatibility=Compatibility(low_level="output", unstrided_rate="after"),
        classes=classes,
    )
    return checked(
        ForeignNetwork(
            f"{PROJECT} DeepLabv3+",
            config,
            state,
            skipped,
            named_classes(classes, voc=PASCAL_VOC),
            assumed=("output_stride", "scaling"),
            layers=table,
        )
    )
