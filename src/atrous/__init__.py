"""atrous: DeepLabv3 and DeepLabv3+ for PyTorch."""

from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.model.config import ASPPConfig, DecoderConfig, MobileNetV2Config, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH, TENSORFLOW, Conventions
from atrous.model.deeplab import DeepLabV3, DeepLabV3Plus
from atrous.model.presets import (
    build,
    deeplabv3_mobilenet_v2,
    deeplabv3_mobilenet_v2_aspp,
    deeplabv3_resnet50,
    deeplabv3_resnet101,
    deeplabv3plus_mobilenet_v2,
    deeplabv3plus_resnet50,
    deeplabv3plus_resnet101,
)

__all__ = [
    "PYTORCH",
    "TENSORFLOW",
    "ASPPConfig",
    "Conventions",
    "DecoderConfig",
    "DeepLabV3",
    "DeepLabV3Plus",
    "InputError",
    "LabelSpace",
    "MobileNetV2Config",
    "ModelConfig",
    "ResNetConfig",
    "build",
    "deeplabv3_mobilenet_v2",
    "deeplabv3_mobilenet_v2_aspp",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3plus_mobilenet_v2",
    "deeplabv3plus_resnet50",
    "deeplabv3plus_resnet101",
]
