"""The presets with few channels: the same structure, quick to run. Only MobileNets have a width to reduce."""

from dataclasses import replace

from atrous.model.config import ASPPConfig, LRASPPConfig, MobileNetV2Config, MobileNetV3Config, ModelConfig
from atrous.model.presets import preset


def small_config(name: str, **changes) -> ModelConfig:
    """A preset with 8 channels in head and decoder, MobileNets at a tenth of their width; `changes` on top."""
    config = preset(name)
    config = replace(config, classes=4)
    if isinstance(config.head, LRASPPConfig):
        config = replace(config, head=replace(config.head, aspp_channels=8))
    if isinstance(config.head, ASPPConfig):
        narrow = tuple((kernel, 8, separable) for kernel, _, separable in config.head.projection)
        config = replace(config, head=replace(config.head, aspp_channels=8, projection=narrow))
    if config.decoder is not None:
        refinement = tuple((kernel, 8, separable) for kernel, _, separable in config.decoder.refinement)
        config = replace(config, decoder=replace(config.decoder, low_level_channels=4, refinement=refinement))
    if isinstance(config.backbone, MobileNetV2Config | MobileNetV3Config):
        config = replace(config, backbone=replace(config.backbone, depth_multiplier=0.1))
    return replace(config, **changes)
