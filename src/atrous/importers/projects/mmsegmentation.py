"""MMSegmentation: DeepLabV3 and DeepLabV3+ with ResNet, V1c or plain."""

from collections.abc import Collection, Mapping

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects import layers
from atrous.importers.projects.key_map import AUXILIARY_REASON, checked, named_classes, resnet_depth, translated, width
from atrous.importers.projects.mmsegmentation_settings import with_stated
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC
from atrous.model.compatibility import Compatibility
from atrous.model.config import BASIC_DEPTHS, ASPPConfig, DecoderConfig, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH

PROJECT = "MMSegmentation"


def recognises(names: Collection[str]) -> bool:
    """Return True for names of its decode head."""
    return "decode_head.conv_seg.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows.

    Output stride 8 and no Multi_Grid are most of its configurations, and assumed where a checkpoint carries none.

    Raises:
        InputError: If the head is none of DeepLab's, the backbone is not built here, or a tensor is unknown, missing,
            or of another shape.
    """
    tensors = found.tensors
    if "decode_head.image_pool.1.conv.weight" not in tensors:
        raise InputError(f"{PROJECT} with another head than DeepLab's")
    plus = "decode_head.c1_bottleneck.conv.weight" in tensors
    backbone, table = _backbone(tensors)
    separable = "decode_head.aspp_modules.1.depthwise_conv.conv.weight" in tensors
    table |= _head(separable=separable, plus=plus)
    state, skipped = translated(tensors, table, skipped={"auxiliary_head.": AUXILIARY_REASON}, project=PROJECT)
    channels = width(tensors, "decode_head.bottleneck.conv.weight")
    classes = width(tensors, "decode_head.conv_seg.weight")
    decoder = DecoderConfig(
        low_level_channels=width(tensors, "decode_head.c1_bottleneck.conv.weight") if plus else 48,
        refinement=((3, channels, True), (3, channels, True)),
    )
    config = ModelConfig(
        backbone,
        ASPPConfig(aspp_channels=channels, separable=separable, projection=((3, channels, False),)),
        decoder if plus else None,
        conventions=PYTORCH,
        compatibility=Compatibility(
            low_level="output", second_rate="one" if backbone.depth in BASIC_DEPTHS else "planned"
        ),
        classes=classes,
        output_stride=8,
    )
    stated = with_stated(config, found.meta)
    if stated.reversed_channels:
        stem = next(iter(name for name in state if name.startswith("backbone.stem.") and state[name].ndim == 4))
        state[stem] = state[stem].flip(1)
    labels = named_classes(classes, names=found.classes, voc=PASCAL_VOC)
    name = f"{PROJECT} DeepLabV3{'+' if plus else ''}"
    named = labels is not None and labels.names == found.classes
    return checked(
        ForeignNetwork(
            name, stated.config, state, skipped, labels, assumed=stated.assumed, labels_stated=named, layers=table
        )
    )


def _backbone(tensors: Mapping[str, Tensor]) -> tuple[ResNetConfig, dict[str, str]]:
    if "backbone.layer3.0.conv2.weight" not in tensors:
        raise InputError(f"{PROJECT} with another backbone than ResNet; others are not built here")
    depth = resnet_depth(tensors, r"backbone\.layer3\.(\d+)\.conv1\.weight$")
    if "backbone.conv1.weight" in tensors:
        return ResNetConfig(depth), layers.resnet("backbone.", depth=depth)
    stem = layers.three_convolutions(*(f"backbone.stem.{number}" for number in (0, 1, 3, 4, 6, 7)))
    backbone = ResNetConfig(depth, stem="v1c")
    return backbone, {**stem, **layers.resnet_units("backbone.", depth=depth)}


def _head(*, separable: bool, plus: bool) -> dict[str, str]:
    parts = {
        "image_pool.1": "aspp.branches.image_pooling.project",
        "aspp_modules.0": "aspp.branches.aspp0",
        "bottleneck": "aspp.projection.0",
    }
    for number in (1, 2, 3):
        parts |= _convolution(f"aspp_modules.{number}", f"aspp.branches.aspp{number}", separable=separable)
    if plus:
        parts["c1_bottleneck"] = "decoder.low_level"
        for number in (0, 1):
            parts |= _convolution(f"sep_bottleneck.{number}", f"decoder.refine.{number}", separable=True)
    table = {
        f"decode_head.{theirs}.{kind}": f"{ours}.{our}"
        for theirs, ours in parts.items()
        for kind, our in (("conv", "conv"), ("bn", "norm"))
    }
    return {**table, "decode_head.conv_seg": "classifier"}


def _convolution(theirs: str, ours: str, *, separable: bool) -> dict[str, str]:
    if not separable:
        return {theirs: ours}
    return {f"{theirs}.{part}_conv": f"{ours}.{part}" for part in ("depthwise", "pointwise")}
