"""atrous: DeepLabv3 and DeepLabv3+ for PyTorch."""

from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import (
    ASPPConfig,
    DecoderConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
    XceptionConfig,
)
from atrous.model.conventions import PYTORCH, TENSORFLOW, Conventions
from atrous.model.deeplab import DeepLab, DeepLabLRASPP, DeepLabV3, DeepLabV3Cascade, DeepLabV3Plus
from atrous.model.presets import (
    deeplabv3_cascade_resnet50,
    deeplabv3_cascade_resnet101,
    deeplabv3_mobilenet_v2,
    deeplabv3_mobilenet_v2_aspp,
    deeplabv3_mobilenet_v3,
    deeplabv3_resnet50,
    deeplabv3_resnet50_beta,
    deeplabv3_resnet101,
    deeplabv3_resnet101_beta,
    deeplabv3_xception65,
    deeplabv3plus_mobilenet_v2,
    deeplabv3plus_mobilenet_v3,
    deeplabv3plus_resnet50,
    deeplabv3plus_resnet50_beta,
    deeplabv3plus_resnet101,
    deeplabv3plus_resnet101_beta,
    deeplabv3plus_xception41,
    deeplabv3plus_xception65,
    deeplabv3plus_xception71,
    lraspp_mobilenet_v3,
    lraspp_mobilenet_v3_large,
    lraspp_mobilenet_v3_small,
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
    "DeepLabLRASPP",
    "DeepLabV3",
    "DeepLabV3Cascade",
    "DeepLabV3Plus",
    "InputError",
    "LRASPPConfig",
    "LabelSpace",
    "MobileNetV2Config",
    "MobileNetV3Config",
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
    "deeplabv3_mobilenet_v3",
    "deeplabv3_resnet50",
    "deeplabv3_resnet50_beta",
    "deeplabv3_resnet101",
    "deeplabv3_resnet101_beta",
    "deeplabv3_xception65",
    "deeplabv3plus_mobilenet_v2",
    "deeplabv3plus_mobilenet_v3",
    "deeplabv3plus_resnet50",
    "deeplabv3plus_resnet50_beta",
    "deeplabv3plus_resnet101",
    "deeplabv3plus_resnet101_beta",
    "deeplabv3plus_xception41",
    "deeplabv3plus_xception65",
    "deeplabv3plus_xception71",
    "load",
    "lraspp_mobilenet_v3",
    "lraspp_mobilenet_v3_large",
    "lraspp_mobilenet_v3_small",
    "save",
]
