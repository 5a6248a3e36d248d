"""DeepLabv3 and DeepLabv3+ for PyTorch: `help(atrous.Predictor)` and so on explain each name.

predict   Predictor  Result
train     train  Observer
evaluate  evaluate
data      open_data  Sample  LabelSpace
weights   load  save  Archive
models    deeplabv3  deeplabv3plus
          deeplabv3plus_mobilenet_v2  deeplabv3plus_mobilenet_v3  deeplabv3plus_efficientnet_lite0
          deeplabv3plus_resnet50  deeplabv3plus_resnet101  deeplabv3plus_resnet50_beta  deeplabv3plus_resnet101_beta
          deeplabv3plus_xception41  deeplabv3plus_xception65  deeplabv3plus_xception71
          deeplabv3_mobilenet_v2  deeplabv3_mobilenet_v2_aspp  deeplabv3_mobilenet_v3  deeplabv3_xception65
          deeplabv3_resnet50  deeplabv3_resnet101  deeplabv3_resnet50_beta  deeplabv3_resnet101_beta
          deeplabv3_cascade_resnet50  deeplabv3_cascade_resnet101
          lraspp_mobilenet_v3  lraspp_mobilenet_v3_large  lraspp_mobilenet_v3_small
parts     build  ModelConfig  ASPPConfig  DecoderConfig  LRASPPConfig  ResNetConfig  XceptionConfig  MobileNetV2Config
          MobileNetV3Config  EfficientNetLiteConfig  TimmConfig  AtrousEncoder  Conventions  PYTORCH  TENSORFLOW
classes   DeepLab  DeepLabV3  DeepLabV3Plus  DeepLabV3PlusFine  DeepLabV3PlusTwoSkips  DeepLabV3Cascade  DeepLabLRASPP
errors    InputError
"""

import lazy_loader

from atrous.version import __version__ as __version__

# Each name and its module stand in `__init__.pyi`; it is imported when it is first used, so that neither
# `import atrous.labels` nor `atrous --help` loads torch. There is no `__all__`: `help(atrous)` would print what all the
# names mean, in ten thousand lines.
__getattr__, __dir__, _ = lazy_loader.attach_stub(__name__, __file__)
