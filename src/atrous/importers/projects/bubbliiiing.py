"""bubbliiiing/deeplabv3-plus-pytorch: DeepLabv3+ with MobileNetV2."""

from collections.abc import Collection
from dataclasses import replace

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects import layers
from atrous.importers.projects.key_map import checked, named_classes, pooling_first, translated, width
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, DecoderConfig, MobileNetV2Config, ModelConfig
from atrous.model.conventions import PYTORCH

PROJECT = "bubbliiiing/deeplabv3-plus-pytorch"

CONVENTIONS = replace(PYTORCH, align_corners=True, input_mean=(0.0,), input_std=(255.0,))
"""Pixels are divided by 255, and nothing else, by its `preprocess_input`."""


def recognises(names: Collection[str]) -> bool:
    """Return True for names of its ASPP and decoder."""
    return "aspp.branch5_conv.weight" in names and "cls_conv.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows.

    Raises:
        InputError: If its backbone is not built here, or a tensor is unknown, missing, or of another shape.
    """
    tensors = found.tensors
    if any(name.startswith("backbone.block1.") for name in tensors):
        raise InputError(
            f"{PROJECT} with Xception: its shortcuts start behind the ReLU and its last unit has no rate of its own, "
            "unlike the official network; not built here, use its MobileNetV2"
        )
    if "backbone.layer4.0.conv1.weight" in tensors:
        raise InputError(
            "YudeWang/deeplabv3plus-pytorch with ResNet: its last block has rates of its own; not built here"
        )
    table = _mobilenet_v2()
    for number in range(4):
        theirs = f"aspp.branch{number + 1}"
        table |= layers.layer(f"{theirs}.0", f"{theirs}.1", f"aspp.branches.aspp{number}")
    table |= layers.layer("aspp.branch5_conv", "aspp.branch5_bn", "aspp.branches.image_pooling.project")
    table |= layers.layer("aspp.conv_cat.0", "aspp.conv_cat.1", "aspp.projection.0")
    table |= layers.layer("shortcut_conv.0", "shortcut_conv.1", "decoder.low_level")
    table |= layers.layer("cat_conv.0", "cat_conv.1", "decoder.refine.0")
    table |= layers.layer("cat_conv.4", "cat_conv.5", "decoder.refine.1")
    table["cls_conv"] = "classifier"
    state, skipped = translated(tensors, table, skipped={}, project=PROJECT)
    state = _without_biases(state)
    name = "aspp.projection.0.conv.weight"
    if name in state:  # else it is missed below
        state[name] = pooling_first(state[name])
    classes = width(tensors, "cls_conv.weight")
    config = ModelConfig(
        MobileNetV2Config(channel_divisor=8),
        ASPPConfig(),
        DecoderConfig(),
        conventions=CONVENTIONS,
        compatibility=Compatibility(low_level="output"),
        classes=classes,
    )
    labels = named_classes(classes, voc=PASCAL_VOC)
    assumed = ("output_stride", "scaling")
    name = f"{PROJECT} DeepLabv3+"
    return checked(ForeignNetwork(name, config, state, skipped, labels, assumed=assumed, layers=table))


def _mobilenet_v2() -> dict[str, str]:
    """Names of the layers of the backbone; in a unit, convolutions, norms and activations are numbered through."""
    table = layers.layer("backbone.features.0.0", "backbone.features.0.1", "backbone.stem")
    for unit in range(layers.STAGES_OF_MOBILENET_V2):
        parts = ("depthwise", "project") if unit == 0 else ("expand", "depthwise", "project")
        for number, part in enumerate(parts):
            theirs, ours = f"backbone.features.{unit + 1}.conv", f"backbone.units.{unit}.{part}"
            table |= layers.layer(f"{theirs}.{3 * number}", f"{theirs}.{3 * number + 1}", ours)
    return table


def _without_biases(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take the biases before batch norms into their running means: norm(x + b) = norm(x) with the mean less b."""
    kept = {name: tensor for name, tensor in state.items() if not name.endswith(".conv.bias")}
    for name in state.keys() - kept.keys():
        mean = name.replace(".conv.bias", ".norm.running_mean")
        if mean in kept and kept[mean].shape == state[name].shape:
            kept[mean] = kept[mean] - state[name]
    return kept
