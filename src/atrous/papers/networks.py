"""The networks that the papers' tables are about."""

from dataclasses import replace

from atrous.model.config import ASPPConfig, DecoderConfig, ModelConfig, ResNetConfig, XceptionConfig
from atrous.model.presets import PRESETS

_BETA = PRESETS["deeplabv3_resnet101_beta"].conventions
_XCEPTION = PRESETS["deeplabv3_xception65"].conventions


def cascade(backbone: ResNetConfig, *, output_stride: int = 16) -> ModelConfig:
    """Configure blocks in cascade, block4 to block7, with logits straight on the last one (DeepLabv3, section 3.2)."""
    return ModelConfig(backbone, head=None, conventions=_BETA, output_stride=output_stride)


def cascade_backbone(depth: int, *, last_block: int, multi_grid: tuple[int, int, int] = (1, 1, 1)) -> ResNetConfig:
    """Configure the papers' ResNet up to block4, 5, 6 or 7."""
    beta = replace(ResNetConfig(stem="beta"), depth=depth)
    return replace(beta, multi_grid=multi_grid, added_blocks=last_block - 4)


def resnet101(
    *,
    multi_grid: tuple[int, int, int] = (1, 2, 4),
    rates: tuple[int, ...] = (6, 12, 18),
    image_pooling: bool = True,
    decoder: DecoderConfig | None = None,
    output_stride: int = 16,
) -> ModelConfig:
    """Configure ResNet-101 with ASPP: DeepLabv3, and with a decoder DeepLabv3+."""
    backbone = ResNetConfig(depth=101, stem="beta", multi_grid=multi_grid)
    head = ASPPConfig(rates=rates, image_pooling=image_pooling)
    return ModelConfig(backbone, head=head, decoder=decoder, conventions=_BETA, output_stride=output_stride)


def xception(
    depth: int = 65,
    *,
    decoder: bool = False,
    separable: bool = False,
    rates: tuple[int, ...] = (6, 12, 18),
    image_pooling: bool = True,
    output_stride: int = 16,
) -> ModelConfig:
    """Configure a modified Xception with ASPP, with or without decoder, plain or separable."""
    head = ASPPConfig(rates=rates, image_pooling=image_pooling, separable=separable)
    refinement = ((3, 256, separable), (3, 256, separable))
    return ModelConfig(
        replace(XceptionConfig(), depth=depth),
        head=head,
        decoder=DecoderConfig(refinement=refinement) if decoder else None,
        conventions=_XCEPTION,
        output_stride=output_stride,
    )
