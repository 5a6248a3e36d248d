"""A TensorFlow Lite file as a `ForeignNetwork`."""

from pathlib import Path

from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.official_mobilenet_v2 import IMAGENET_HEAD, import_backbone, import_deeplab
from atrous.importers.tflite.network import read_network
from atrous.labels import PASCAL_VOC


def read_tflite(path: Path) -> ForeignNetwork:
    """Read an official DeepLabv3 or MobileNetV2 file, 8-bit numbers dequantised; 21 classes are PASCAL VOC's.

    Raises:
        InputError: If it cannot be read, is damaged, or holds another network; the message shows the difference.
    """
    network = read_network(path)
    kind = "TFLite, dequantised" if network.quantized else "TFLite"
    if any(layer.name in IMAGENET_HEAD for layer in network.convolutions):
        imported = import_backbone(network)
        reason = "the classification of ImageNet, which segments nothing"
        state = {f"backbone.{name}": tensor for name, tensor in imported.backbone.state_dict().items()}
        skipped = dict.fromkeys(imported.skipped, reason)
        return ForeignNetwork(
            f"{kind}, MobileNetV2 of ImageNet", imported.config, state, skipped, size=network.size, segments=False
        )
    model = import_deeplab(network)
    labels = PASCAL_VOC if model.config.classes == len(PASCAL_VOC) else None
    return ForeignNetwork(kind, model.config, model.state_dict(), labels=labels, size=network.size)
