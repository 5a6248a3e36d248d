"""atrous: DeepLabv3 and DeepLabv3+ for PyTorch."""

from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import ASPPConfig, DecoderConfig, MobileNetV2Config, ModelConfig, ResNetConfig, XceptionConfig
from atrous.model.conventions import PYTORCH, TENSORFLOW, Conventions
from atrous.model.deeplab import DeepLab, DeepLabV3, DeepLabV3Cascade, DeepLabV3Plus, DeepLabV3PlusTwoTaps
from atrous.model.presets import (
    deeplabv3_cascade_resnet50,
    deeplabv3_cascade_resnet101,
    deeplabv3_mobilenet_v2,
    deeplabv3_mobilenet_v2_aspp,
    deeplabv3_resnet50,
    deeplabv3_resnet50_beta,
    deeplabv3_resnet101,
    deeplabv3_resnet101_beta,
    deeplabv3_xception65,
    deeplabv3plus_mobilenet_v2,
    deeplabv3plus_resnet50,
    deeplabv3plus_resnet50_beta,
    deeplabv3plus_resnet101,
    deeplabv3plus_resnet101_beta,
    deeplabv3plus_xception41,
    deeplabv3plus_xception65,
    deeplabv3plus_xception71,
)
from atrous.weights.archive import Archive, save
from atrous.weights.load import load

__all__ = [
    "PYTORCH",
    "TENSORFLOW",
    "ASPPConfig",
    "Archive",
    "Conventions",
    "DecoderConfig",
    "DeepLab",
    "DeepLabV3",
    "DeepLabV3Cascade",
    "DeepLabV3Plus",
    "DeepLabV3PlusTwoTaps",
    "InputError",
    "LabelSpace",
    "MobileNetV2Config",
    "ModelConfig",
    "Predictor",
    "ResNetConfig",
    "Result",
    "XceptionConfig",
    "build",
    "deeplabv3_cascade_resnet50",
    "deeplabv3_cascade_resnet101",
    "deeplabv3_mobilenet_v2",
    "deeplabv3_mobilenet_v2_aspp",
    "deeplabv3_resnet50",
    "deeplabv3_resnet50_beta",
    "deeplabv3_resnet101",
    "deeplabv3_resnet101_beta",
    "deeplabv3_xception65",
    "deeplabv3plus_mobilenet_v2",
    "deeplabv3plus_resnet50",
    "deeplabv3plus_resnet50_beta",
    "deeplabv3plus_resnet101",
    "deeplabv3plus_resnet101_beta",
    "deeplabv3plus_xception41",
    "deeplabv3plus_xception65",
    "deeplabv3plus_xception71",
    "load",
    "save",
]
