"""The public names of `atrous`, each with the module that defines it."""

from .errors import InputError as InputError
from .data.sample import Sample as Sample
from .evaluation.on_data import evaluate as evaluate, open_data as open_data
from .inference.predictor import Predictor as Predictor
from .inference.result import Result as Result
from .labels import LabelSpace as LabelSpace
from .model.any_backbone import deeplabv3 as deeplabv3, deeplabv3plus as deeplabv3plus
from .model.backbones.atrous_encoder import AtrousEncoder as AtrousEncoder
from .model.build import build as build
from .model.config import (
    ASPPConfig as ASPPConfig,
    DecoderConfig as DecoderConfig,
    EfficientNetLiteConfig as EfficientNetLiteConfig,
    LRASPPConfig as LRASPPConfig,
    MobileNetV2Config as MobileNetV2Config,
    MobileNetV3Config as MobileNetV3Config,
    ModelConfig as ModelConfig,
    ResNetConfig as ResNetConfig,
    TimmConfig as TimmConfig,
    XceptionConfig as XceptionConfig,
)
from .model.conventions import PYTORCH as PYTORCH, TENSORFLOW as TENSORFLOW, Conventions as Conventions
from .model.deeplab import (
    DeepLab as DeepLab,
    DeepLabLRASPP as DeepLabLRASPP,
    DeepLabV3 as DeepLabV3,
    DeepLabV3Cascade as DeepLabV3Cascade,
)
from .model.deeplab_v3plus import (
    DeepLabV3Plus as DeepLabV3Plus,
    DeepLabV3PlusFine as DeepLabV3PlusFine,
    DeepLabV3PlusTwoSkips as DeepLabV3PlusTwoSkips,
)
from .model.presets import (
    deeplabv3_cascade_resnet50 as deeplabv3_cascade_resnet50,
    deeplabv3_cascade_resnet101 as deeplabv3_cascade_resnet101,
    deeplabv3_mobilenet_v2 as deeplabv3_mobilenet_v2,
    deeplabv3_mobilenet_v2_aspp as deeplabv3_mobilenet_v2_aspp,
    deeplabv3_mobilenet_v3 as deeplabv3_mobilenet_v3,
    deeplabv3_resnet50 as deeplabv3_resnet50,
    deeplabv3_resnet50_beta as deeplabv3_resnet50_beta,
    deeplabv3_resnet101 as deeplabv3_resnet101,
    deeplabv3_resnet101_beta as deeplabv3_resnet101_beta,
    deeplabv3_xception65 as deeplabv3_xception65,
    deeplabv3plus_efficientnet_lite0 as deeplabv3plus_efficientnet_lite0,
    deeplabv3plus_mobilenet_v2 as deeplabv3plus_mobilenet_v2,
    deeplabv3plus_mobilenet_v3 as deeplabv3plus_mobilenet_v3,
    deeplabv3plus_resnet50 as deeplabv3plus_resnet50,
    deeplabv3plus_resnet50_beta as deeplabv3plus_resnet50_beta,
    deeplabv3plus_resnet101 as deeplabv3plus_resnet101,
    deeplabv3plus_resnet101_beta as deeplabv3plus_resnet101_beta,
    deeplabv3plus_xception41 as deeplabv3plus_xception41,
    deeplabv3plus_xception65 as deeplabv3plus_xception65,
    deeplabv3plus_xception71 as deeplabv3plus_xception71,
    lraspp_mobilenet_v3 as lraspp_mobilenet_v3,
    lraspp_mobilenet_v3_large as lraspp_mobilenet_v3_large,
    lraspp_mobilenet_v3_small as lraspp_mobilenet_v3_small,
)
from .training.observers import Observer as Observer
from .training.train_run import train as train
from .weights.archive import Archive as Archive, save as save
from .weights.load import load as load

__version__: str
