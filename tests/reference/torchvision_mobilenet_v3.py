"""What torchvision calls the tensors of its two MobileNetV3 models, and weights that anyone can make from a name.

Shared by `scripts/reference_mobilenet_v3.py`, which runs torchvision, and the test that runs without it.
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

STORED = Path(__file__).with_name("torchvision_mobilenet_v3.safetensors")
CLASSES = 5
SIZES = ((97, 65), (64, 80), (33, 34), (7, 1))
EVERY = 8
"""Of the logits at full size, every eighth row and column is stored."""

HEADS = {
    "deeplabv3_mobilenet_v3": {
        "aspp.branches.image_pooling.project.conv": "classifier.0.convs.4.1",
        "aspp.branches.image_pooling.project.norm": "classifier.0.convs.4.2",
        **{
            f"aspp.branches.aspp{branch}.{part}": f"classifier.0.convs.{branch}.{number}"
            for branch in range(4)
            for number, part in enumerate(("conv", "norm"))
        },
        "aspp.projection.0.conv": "classifier.0.project.0",
        "aspp.projection.0.norm": "classifier.0.project.1",
        "aspp.projection.1.conv": "classifier.1",
        "aspp.projection.1.norm": "classifier.2",
        "classifier": "classifier.4",
    },
    "lraspp_mobilenet_v3": {
        "aspp.features.conv": "classifier.cbr.0",
        "aspp.features.norm": "classifier.cbr.1",
        "aspp.gate": "classifier.scale.1",
        "classifier": "classifier.high_classifier",
        "low_classifier": "classifier.low_classifier",
    },
}
"""Our layer to theirs, by preset."""

LAST = 16


def their_names(ours: Iterable[str], *, model: str) -> dict[str, str]:
    """Our name of a tensor to theirs; `ours` is a state dict in its order, for units count their layers."""
    names, parts = list(ours), {}
    for name in names:
        if name.startswith("backbone.units."):
            _, _, unit, part, *_ = name.split(".")
            parts.setdefault(unit, {}).setdefault(part, len(parts.get(unit, {})))
    return {name: _their_name(name, parts=parts, head=HEADS[model]) for name in names}


def _their_name(name: str, *, parts: dict[str, dict[str, int]], head: dict[str, str]) -> str:
    layer, tensor = name.rsplit(".", 1)
    if layer in head:
        return f"{head[layer]}.{tensor}"
    kind = {"conv": "0", "norm": "1", "squeeze": "fc1", "excite": "fc2"}[layer.rsplit(".", 1)[1]]
    _, place, *rest = layer.split(".")
    if place != "units":
        return f"backbone.{0 if place == 'stem' else LAST}.{kind}.{tensor}"
    unit, part, _ = rest
    return f"backbone.{int(unit) + 1}.block.{parts[unit][part]}.{kind}.{tensor}"


def seeded(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor that depends on its name alone, with which activations stay near 1; NumPy never changes RandomState."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype=np.int64)
    if len(shape) > 1:
        return random.standard_normal(shape) / np.prod(shape[1:]) ** 0.5
    if name.endswith(("weight", "running_var")):
        return random.uniform(0.5, 1.5, shape)
    return 0.3 * random.standard_normal(shape)


def picture(size: tuple[int, int]) -> np.ndarray:
    """Bytes [1, 3, height, width]."""
    return np.random.RandomState(sum(size)).randint(0, 256, (1, 3, *size)).astype(np.uint8)
