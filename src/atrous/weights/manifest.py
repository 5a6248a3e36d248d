"""Weights that can be fetched by name: where they lie, what they must be, whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One file on the net.

    Attributes:
        name: What the user types.
        file: Its name in the cache.
        urls: Public addresses of the same bytes, tried in order.
        sha256: Of the file.
        size: In bytes.
        licence: SPDX name.
        source: Who published it and what it is.
    """

    name: str
    file: str
    urls: tuple[str, ...]
    sha256: str
    size: int
    licence: str
    source: str


_CORAL = "https://raw.githubusercontent.com/google-coral/test_data"

MOBILENET_V2_IMAGENET = Entry(
    name="mobilenet_v2_imagenet",
    file="mobilenet_v2_1.0_224_quant.tflite",
    urls=(
        f"{_CORAL}/master/mobilenet_v2_1.0_224_quant.tflite",
        f"{_CORAL}/release-frogfish/mobilenet_v2_1.0_224_quant.tflite",
    ),
    sha256="7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776",
    size=3610798,
    licence="Apache-2.0",
    source="Coral test data (Google): MobileNetV2 1.0, 224x224, 8 bits, trained on ImageNet-1000",
)

MANIFEST: Mapping[str, Entry] = {entry.name: entry for entry in (MOBILENET_V2_IMAGENET,)}
