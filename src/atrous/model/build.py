"""Building networks from configurations: the only place that maps each part of a configuration to its class."""

from functools import partial
from typing import TypedDict

from torch import nn

from atrous.errors import InputError
from atrous.model.aspp import ASPP
from atrous.model.atrous import AtrousConv
from atrous.model.backbones.backbone import Backbone
from atrous.model.backbones.efficientnet_lite import EfficientNetLite
from atrous.model.backbones.mobilenet_v2 import MobileNetV2, scaled_channels
from atrous.model.backbones.mobilenet_v3 import MobileNetV3
from atrous.model.backbones.resnet import ResNet
from atrous.model.backbones.resnet_stem import BETA, PLAIN, V1C, BetaStem, plain_stem
from atrous.model.backbones.timm_encoder import timm_encoder
from atrous.model.backbones.xception import Xception
from atrous.model.config import (
    ASPPConfig,
    DecoderConfig,
    EfficientNetLiteConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
    TimmConfig,
    XceptionConfig,
)
from atrous.model.conventions import Conventions
from atrous.model.decoder import Decoder
from atrous.model.deeplab import (
    DeepLab,
    DeepLabLRASPP,
    DeepLabV3,
    DeepLabV3Cascade,
)
from atrous.model.deeplab_v3plus import DeepLabV3Plus, DeepLabV3PlusFine, DeepLabV3PlusTwoSkips
from atrous.model.fine_decoder import FineDecoder
from atrous.model.lraspp import LRASPP
from atrous.model.preprocess import Preprocess
from atrous.model.resampling import ImageMean, WindowMeans
from atrous.sizes import Size


class _Settings(TypedDict):
    classes: int
    output_stride: int
    align_corners: bool


def build_backbone(config: ModelConfig) -> Backbone:
    """Build the backbone alone, with fresh weights."""
    conventions, output_stride, in_channels = config.conventions, config.output_stride, config.in_channels
    compatibility = config.compatibility
    match config.backbone:
        case MobileNetV2Config() as v2:
            return MobileNetV2(
                in_channels=in_channels,
                depth_multiplier=v2.depth_multiplier,
                channel_divisor=v2.channel_divisor,
                last_channels=v2.last_channels,
                low_level=compatibility.low_level,
                unstrided_rate=compatibility.unstrided_rate,
                padded=compatibility.padded,
                output_stride=output_stride,
                conventions=conventions,
            )
        case MobileNetV3Config() as v3:
            return MobileNetV3(
                in_channels=in_channels,
                variant=v3.variant,
                depth_multiplier=v3.depth_multiplier,
                tail_multiplier=v3.tail_multiplier,
                middle_level=compatibility.middle_level,
                unstrided_rate=compatibility.unstrided_rate,
                output_stride=output_stride,
                conventions=conventions,
            )
        case EfficientNetLiteConfig(variant=variant):
            return EfficientNetLite(
                in_channels=in_channels,
                variant=variant,
                low_level=compatibility.low_level,
                unstrided_rate=compatibility.unstrided_rate,
                output_stride=output_stride,
                conventions=conventions,
            )
        case ResNetConfig() as resnet:
            return ResNet(
                _resnet_stem(resnet, in_channels=in_channels, conventions=conventions),
                depth=resnet.depth,
                multi_grid=resnet.multi_grid,
                added_blocks=resnet.added_blocks,
                depth_multiplier=resnet.depth_multiplier,
                low_level=compatibility.low_level,
                unstrided_rate=compatibility.unstrided_rate,
                second_rate=compatibility.second_rate,
                strided_layer=compatibility.strided_layer,
                output_stride=output_stride,
                conventions=conventions,
            )
        case TimmConfig(network=network):
            return timm_encoder(network, output_stride=output_stride, in_channels=in_channels)
        case XceptionConfig() as xception:
            return Xception(
                in_channels=in_channels,
                depth=xception.depth,
                depth_multiplier=xception.depth_multiplier,
                output_stride=output_stride,
                conventions=conventions,
            )


def _resnet_stem(config: ResNetConfig, *, in_channels: int, conventions: Conventions) -> AtrousConv | BetaStem:
    scaled = partial(scaled_channels, depth_multiplier=config.depth_multiplier, divisor=8)
    if config.stem == "7x7":
        return plain_stem(in_channels, channels=scaled(PLAIN), conventions=conventions)
    first, second, third = map(scaled, {"beta": BETA, "v1c": V1C}[config.stem])
    return BetaStem(in_channels, widths=(first, second, third), conventions=conventions)


def build(config: ModelConfig) -> DeepLab:
    """Build a model with fresh weights.

    Raises:
        InputError: If the configuration contradicts itself.
    """
    preprocess = Preprocess(config.conventions, in_channels=config.in_channels)
    model = _assembled(config, preprocess, build_backbone(config))
    model.config = config
    if not model.classifier.weight.is_meta:  # there is nothing to fill, and torch takes seconds to find that out
        _initialize(model)
    return model


def _assembled(config: ModelConfig, preprocess: Preprocess, backbone: Backbone) -> DeepLab:
    settings = _Settings(
        classes=config.classes, output_stride=config.output_stride, align_corners=config.conventions.align_corners
    )
    match config.head:
        case None:
            return DeepLabV3Cascade(preprocess, backbone, **settings)
        case LRASPPConfig() as head:
            return DeepLabLRASPP(preprocess, backbone, _build_lraspp(config, head, backbone), **settings)
        case ASPPConfig() as head:
            aspp = _build_aspp(config, head, backbone)
            if config.decoder is None:
                return DeepLabV3(preprocess, backbone, aspp, **settings)
            low, middle = _build_decoders(config, config.decoder, backbone, encoder_channels=aspp.out_channels)
            if config.decoder.fine_channels is not None:
                fine = _build_fine_decoder(
                    config, backbone, channels=config.decoder.fine_channels, decoder_channels=low.out_channels
                )
                return DeepLabV3PlusFine(preprocess, backbone, aspp, low, fine, **settings)
            if middle is None:
                return DeepLabV3Plus(preprocess, backbone, aspp, low, **settings)
            return DeepLabV3PlusTwoSkips(preprocess, backbone, aspp, middle, low, **settings)


def _build_aspp(config: ModelConfig, head: ASPPConfig, backbone: Backbone) -> ASPP:
    return ASPP(
        backbone.high_channels,
        rates=head.rates,
        channels=head.aspp_channels,
        image_pooling=head.image_pooling,
        separable=head.separable,
        projection=head.projection,
        dropout=head.dropout,
        output_stride=config.output_stride,
        epsilon=config.conventions.head_epsilon,
        pool=_pool(stride=(1, 1), config=config),
        align_corners=config.conventions.align_corners,
        between=config.compatibility.between_separable,
    )


def _pool(*, stride: Size, config: ModelConfig) -> ImageMean | WindowMeans:
    window = config.compatibility.pool_window
    if window is None:
        return ImageMean()
    return WindowMeans(window=window, stride=stride, output_stride=config.output_stride)


def _build_lraspp(config: ModelConfig, head: LRASPPConfig, backbone: Backbone) -> LRASPP:
    return LRASPP(
        backbone.high_channels,
        _pool(stride=head.pool_stride, config=config),
        nn.Sigmoid() if head.gate == "sigmoid" else nn.Hardsigmoid(),
        channels=head.aspp_channels,
        align_corners=config.conventions.align_corners,
        epsilon=config.conventions.head_epsilon,
    )


def _build_decoders(
    config: ModelConfig, head: DecoderConfig, backbone: Backbone, *, encoder_channels: int
) -> tuple[Decoder, Decoder | None]:
    """Build the decoder over low features, and the one before it over middle features, if there is one."""
    conventions = config.conventions
    decoder = partial(
        Decoder,
        align_corners=conventions.align_corners,
        epsilon=conventions.head_epsilon,
        between=config.compatibility.between_separable,
    )
    middle = None
    if head.middle_level_channels is not None:
        middle = decoder(
            backbone.middle_channels,
            encoder_channels,
            low_level_channels=head.middle_level_channels,
            refinement=head.middle_refinement,
        )
        encoder_channels = middle.out_channels
    low = decoder(
        backbone.low_channels,
        encoder_channels,
        low_level_channels=head.low_level_channels,
        refinement=head.refinement,
    )
    return low, middle


def _build_fine_decoder(
    config: ModelConfig, backbone: Backbone, *, channels: int, decoder_channels: int
) -> FineDecoder:
    if backbone.first_channels is None:
        raise InputError("this backbone has no map at output stride 2; leave it out by --fine-channels None")
    return FineDecoder(
        backbone.first_channels,
        decoder_channels,
        channels=channels,
        align_corners=config.conventions.align_corners,
        epsilon=config.conventions.head_epsilon,
        between=config.compatibility.between_separable,
    )


def _initialize(model: DeepLab) -> None:
    """Draw weights: He initialisation, equivalent to the official code's under batch norm; logits exactly as there."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for classifier in model.classifiers:
        nn.init.trunc_normal_(classifier.weight, std=0.01, a=-0.02, b=0.02)
