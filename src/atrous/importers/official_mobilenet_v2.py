"""The official MobileNetV2 files, layer by layer: TensorFlow's scope of every convolution beside our layer.

The map is total: a convolution that is neither mapped nor named as skipped, a layer that nothing fills, or one whose
shape, stride, rate, activation or place in the graph differs from the file is an error that says which.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import torch
from torch import nn

from atrous.errors import InputError
from atrous.importers.fused_convolution import Activation, FusedConvolution, FusedNetwork, fill_layer
from atrous.model.aspp import ASPP, ImagePooling
from atrous.model.atrous import AtrousConv
from atrous.model.backbones.backbone import Backbone
from atrous.model.backbones.inverted_residual import InvertedResidual
from atrous.model.backbones.mobilenet_v2 import STAGES, STEM_CHANNELS, MobileNetV2, scaled_channels
from atrous.model.build import build, build_backbone
from atrous.model.config import ASPPConfig, MobileNetV2Config, ModelConfig
from atrous.model.conventions import TENSORFLOW, Conventions
from atrous.model.deeplab import DeepLab, DeepLabV3

STEM = "MobilenetV2/Conv"
UNITS = ("MobilenetV2/expanded_conv", *(f"MobilenetV2/expanded_conv_{number}" for number in range(1, 17)))
IMAGE_POOLING, ASPP0, PROJECTION, LOGITS = HEAD = ("image_pooling", "aspp0", "concat_projection", "logits/semantic")
IMAGENET_HEAD = ("MobilenetV2/Conv_1", "MobilenetV2/Logits/Conv2d_1c_1x1")
"""The 1280 channels and the classes of ImageNet: DeepLab has neither."""

_FIRST_UNIT, *_OTHER_UNITS = UNITS
_RUNNING_ORDER = (
    STEM, f"{_FIRST_UNIT}/depthwise", f"{_FIRST_UNIT}/project",
    *(f"{unit}/{part}" for unit in _OTHER_UNITS for part in ("expand", "depthwise", "project")),
    ASPP0, PROJECTION, LOGITS,
)  # fmt: skip

_ACTIVATIONS: dict[type[nn.Module], Activation] = {nn.Identity: "none", nn.ReLU: "relu", nn.ReLU6: "relu6"}


@dataclass(frozen=True)
class Place:
    """One of our layers and the convolutions that must feed it (see `FusedConvolution.inputs`)."""

    layer: AtrousConv | nn.Conv2d
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class ImportedBackbone:
    """A backbone from a file.

    Attributes:
        backbone: In eval mode, at the file's output stride.
        config: Its width in `backbone`, and in `conventions` how its weights expect to be run.
        skipped: Names of the convolutions that belong to no backbone.
    """

    backbone: MobileNetV2
    config: ModelConfig
    skipped: tuple[str, ...]


def import_backbone(network: FusedNetwork) -> ImportedBackbone:
    """The MobileNetV2 of an ImageNet classifier or a DeepLabv3 file.

    Raises:
        InputError: If the file is anything else; the message shows the difference.
    """
    with _naming(network.path):
        config = ModelConfig(
            backbone=_backbone_config(network),
            head=ASPPConfig(rates=()),
            conventions=_conventions(network),
            output_stride=_output_stride(network),
        )
        skipped = tuple(layer.name for layer in network.convolutions if layer.name in HEAD + IMAGENET_HEAD)
        with torch.device("meta"):
            _compare(_backbone_places(build_backbone(config)), network, skipped=skipped)
        backbone = build_backbone(config)
        _fill(_backbone_places(backbone), network)
    assert isinstance(backbone, MobileNetV2)
    return ImportedBackbone(backbone.eval(), config, skipped)


def import_deeplab(network: FusedNetwork) -> DeepLabV3:
    """The DeepLabv3 mobile model of a file, in eval mode, with the configuration that the file implies.

    Raises:
        InputError: If the file is anything else; the message shows the difference.
    """
    with _naming(network.path):
        if any(layer.name in IMAGENET_HEAD for layer in network.convolutions):
            raise InputError("an ImageNet classifier, which segments nothing; use it as backbone weights")
        config = ModelConfig(
            backbone=_backbone_config(network),
            head=ASPPConfig(
                rates=(), aspp_channels=_width(network, ASPP0), projection=((1, _width(network, PROJECTION), False),)
            ),
            conventions=_conventions(network),
            classes=_width(network, LOGITS),
            output_stride=_output_stride(network),
        )
        with torch.device("meta"):
            _compare(_places(build(config)), network, skipped=())
        model = build(config)
        _fill(_places(model), network)
    assert isinstance(model, DeepLabV3)
    return model.eval()


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Puts the file before whatever is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _places(model: DeepLab) -> dict[str, Place]:
    """Every layer by its name in the file."""
    assert isinstance(model, DeepLabV3)
    return _backbone_places(model.backbone) | _head_places(model.aspp, model.classifier)


def _backbone_places(backbone: Backbone) -> dict[str, Place]:
    assert isinstance(backbone, MobileNetV2)
    places = {STEM: Place(backbone.stem, ())}
    arriving: tuple[str, ...] = (STEM,)
    for scope, unit in zip(UNITS, backbone.units, strict=True):
        expand, depthwise, project = f"{scope}/expand", f"{scope}/depthwise", f"{scope}/project"
        assert isinstance(unit, InvertedResidual)
        widened = arriving
        if isinstance(unit.expand, AtrousConv):
            places[expand] = Place(unit.expand, arriving)
            widened = (expand,)
        places[depthwise] = Place(unit.depthwise, widened)
        places[project] = Place(unit.project, (depthwise,))
        arriving = tuple(sorted((project, *arriving))) if unit.has_shortcut else (project,)
    return places


def _head_places(aspp: ASPP, classifier: nn.Conv2d) -> dict[str, Place]:
    last = (f"{UNITS[-1]}/project",)
    pooling, aspp0, projection = aspp.branches["image_pooling"], aspp.branches["aspp0"], aspp.projection[0]
    assert isinstance(pooling, ImagePooling)
    assert isinstance(aspp0, AtrousConv)
    assert isinstance(projection, AtrousConv)
    return {
        IMAGE_POOLING: Place(pooling.project, last),
        ASPP0: Place(aspp0, last),
        PROJECTION: Place(projection, (IMAGE_POOLING, ASPP0)),
        LOGITS: Place(classifier, (PROJECTION,)),
    }


def _compare(places: Mapping[str, Place], network: FusedNetwork, *, skipped: Collection[str]) -> None:
    """Raise InputError unless file and model have the same layers."""
    found = {layer.name: layer for layer in network.convolutions}
    differences = [f"{name} is missing" for name in places if name not in found]
    differences += [f"{name} is unknown" for name in found if name not in places and name not in skipped]
    differences += [
        f"{name} has {what} {theirs} where the model has {ours}"
        for name, place in places.items()
        if name in found
        for what, ours, theirs in _compared(place, found[name])
        if ours != theirs
    ]
    differences += [
        f"{layer.name} sees {'means of whole maps' if layer.pooled else 'whole maps'}"
        for layer in network.convolutions
        if layer.pooled is not None and layer.pooled != (layer.name in (IMAGE_POOLING, IMAGENET_HEAD[1]))
    ]
    if differences:
        more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise InputError(f"not an official MobileNetV2: {'; '.join(differences[:3])}{more}")


def _fill(places: Mapping[str, Place], network: FusedNetwork) -> None:
    for layer in network.convolutions:
        if layer.name in places:
            fill_layer(layer, places[layer.name].layer)


def _compared(place: Place, convolution: FusedConvolution) -> list[tuple[str, object, object]]:
    """Properties that must agree: (name, value in the model, value in the file)."""
    layer = place.layer
    conv, activation = (layer.conv, layer.activation) if isinstance(layer, AtrousConv) else (layer, nn.Identity())
    return [
        ("a kernel of", tuple(conv.weight.shape), convolution.kernel.shape),
        ("groups", conv.groups, convolution.groups),
        ("stride", conv.stride[0], convolution.stride),
        ("rate", conv.dilation[0], convolution.rate),
        ("activation", _ACTIVATIONS[type(activation)], convolution.activation),
        ("inputs", place.inputs, convolution.inputs),
    ]


def _conventions(network: FusedNetwork) -> Conventions:
    return replace(
        TENSORFLOW,
        align_corners=network.corners_aligned is not False,
        input_mean=network.input_mean,
        input_std=network.input_std,
    )


def _backbone_config(network: FusedNetwork) -> MobileNetV2Config:
    return config_of_widths([_width(network, STEM), *(_width(network, f"{scope}/project") for scope in UNITS)])


def config_of_widths(file_widths: Sequence[int]) -> MobileNetV2Config:
    """Multiplier and rounding rule that give a file's widths: DeepLab's rule, or ImageNet's multiples of 8.

    Args:
        file_widths: Channels after the stem and after each unit.

    Raises:
        InputError: If there is no such network.
    """
    widths = [STEM_CHANNELS, *(channels for _, channels, repeats, _ in STAGES for _ in range(repeats))]
    multiplier = file_widths[-1] / widths[-1]
    for divisor in (None, 8):
        scaled = [scaled_channels(width, depth_multiplier=multiplier, divisor=divisor) for width in widths]
        if scaled == list(file_widths):
            return MobileNetV2Config(depth_multiplier=multiplier, channel_divisor=divisor)
    raise InputError(f"layers of {file_widths} channels are no MobileNetV2 at any depth multiplier")


def _output_stride(network: FusedNetwork) -> int:
    return prod(layer.stride for layer in network.convolutions)


def _width(network: FusedNetwork, name: str) -> int:
    """Output channels of a convolution."""
    for layer in network.convolutions:
        if layer.name == name:
            return len(layer.bias)
    raise InputError(f"not an official MobileNetV2: {name} is missing")


def name_by_order(named: Collection[str], *, pooled: bool) -> str:
    """Official name of the next convolution of a file whose own names say nothing.

    The backbone is a chain; in the head, only image pooling's convolution sees pooled maps, in whatever order it runs.

    Args:
        named: Names that are given already.
        pooled: True if the convolution sees maps of one position.

    Raises:
        InputError: If the official network has no further convolution.
    """
    for name in (IMAGE_POOLING,) if pooled else _RUNNING_ORDER:
        if name not in named:
            return name
    raise InputError("a convolution more than the official MobileNetV2 has")
