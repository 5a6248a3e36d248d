"""DeepLabv3 and DeepLabv3+ over any network of convolutions of the library timm ("any network", DeepLabv3+, section 5).

A backbone is written `timm:NAME`; the models by name are `deeplabv3_timm:NAME` and `deeplabv3plus_timm:NAME`.
"""

import re
from dataclasses import replace

from atrous.errors import InputError
from atrous.model.backbones.timm_encoder import timm_conventions
from atrous.model.build import build
from atrous.model.compatibility import PAPERS
from atrous.model.config import ASPPConfig, DecoderConfig, ModelConfig, TimmConfig
from atrous.model.deeplab import DeepLab

SCHEME = "timm:"

_MODEL = re.compile(r"(deeplabv3|deeplabv3plus)_(timm:.*)")


def is_any_model(name: str) -> bool:
    """Return True for `deeplabv3_timm:NAME` and `deeplabv3plus_timm:NAME`, whether timm has such a network or not."""
    return _MODEL.fullmatch(name) is not None


def any_model(name: str) -> ModelConfig:
    """Configure a model by its name.

    Args:
        name: `deeplabv3_timm:NAME` or `deeplabv3plus_timm:NAME`.

    Raises:
        InputError: If timm is not installed or has no such network.
    """
    found = _MODEL.fullmatch(name)
    if found is None:
        raise InputError(f"{name:.80} is no model over timm; write deeplabv3_timm:NAME or deeplabv3plus_timm:NAME")
    kind, backbone = found.groups()
    return with_backbone(_deeplabv3() if kind == "deeplabv3" else _deeplabv3plus(), backbone)


def without_fine_decoder(config: ModelConfig) -> ModelConfig:
    """Return the same model without logits at output stride 2, for which some networks have no map."""
    return config if config.decoder is None else replace(config, decoder=replace(config.decoder, fine_channels=None))


def with_backbone(config: ModelConfig, backbone: str) -> ModelConfig:
    """Return the same model over a network of timm, under the conventions of its weights.

    Args:
        config: The model; its head, decoder, classes, channels and output stride stay.
        backbone: `timm:NAME`.

    Raises:
        InputError: If it has another form, timm is not installed or has no such network, or the model has no ASPP.
    """
    if not backbone.startswith(SCHEME):
        raise InputError(f"backbone {backbone!r:.80}: give timm:NAME, such as timm:resnet50d; others belong to models")
    network = TimmConfig(backbone.removeprefix(SCHEME))
    if not isinstance(config.head, ASPPConfig):
        raise InputError(f"{backbone} goes with an ASPP; choose a model of DeepLabv3 or DeepLabv3+ that has one")
    conventions = timm_conventions(network.network)
    return replace(config, backbone=network, conventions=conventions, compatibility=PAPERS)


def deeplabv3(backbone: str, classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLab:
    """Build DeepLabv3 over a network of timm: 3x3 branches of ASPP, with fresh weights.

    Args:
        backbone: `timm:NAME`; weights by `atrous.weights.backbone.load_backbone(model, "timm:NAME")`.
        classes: Channels of the logits.
        output_stride: 4, 8, 16 or 32: input size / size of the backbone's last map.
        in_channels: Channels of the image.

    Returns:
        The model. It takes RGB images (not BGR) [b, in_channels, h, w] of values 0..255, uint8 or float, of any size,
        and returns coarse logits [b, classes, h / s, w / s]; `model.logits(images)` has full size.

    Raises:
        InputError: If timm is not installed or has no such network, it cannot be made atrous, or a number is out of
            range.
    """
    config = with_backbone(_deeplabv3(), backbone)
    return build(replace(config, classes=classes, output_stride=output_stride, in_channels=in_channels))


def deeplabv3plus(backbone: str, classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLab:
    """Build DeepLabv3+ over a network of timm: separable ASPP and decoder, with fresh weights.

    Arguments, result and errors are those of `deeplabv3`.
    """
    config = with_backbone(_deeplabv3plus(), backbone)
    return build(replace(config, classes=classes, output_stride=output_stride, in_channels=in_channels))


def _deeplabv3() -> ModelConfig:
    return ModelConfig(TimmConfig("any"))


def _deeplabv3plus() -> ModelConfig:
    decoder = DecoderConfig(refinement=((3, 256, True), (3, 256, True)))
    return ModelConfig(TimmConfig("any"), head=ASPPConfig(separable=True), decoder=decoder)
