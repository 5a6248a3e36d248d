"""Writes HDF5 files as Keras does: a group for each layer, in it the weights under the name of the layer again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

WHOLE = (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)
"""Channels of MobileNetV2's 17 units."""

HALF = (8, 16, 16, 16, 16, 16, 32, 32, 32, 32, 48, 48, 48, 80, 80, 80, 160)
"""The same at half the width."""


def mobilenet_layers(*, channels: Sequence[int], classes: int, stem: int, in_channels: int = 3, logits: str):
    """Kernels of the port's network on MobileNetV2, in its order: (layer, weight, shape)."""
    yield "Conv" if in_channels == 3 else "Conv_", "kernel", (3, 3, in_channels, stem)
    before = stem
    for number, after in enumerate(channels):
        prefix = f"expanded_conv_{number}_" if number else "expanded_conv_"
        wide = 6 * before if number else before
        if number:
            yield f"{prefix}expand", "kernel", (1, 1, before, wide)
        yield f"{prefix}depthwise", "depthwise_kernel", (3, 3, wide, 1)
        yield f"{prefix}project", "kernel", (1, 1, wide, after)
        before = after
    yield "image_pooling", "kernel", (1, 1, before, 256)
    yield "aspp0", "kernel", (1, 1, before, 256)
    yield "concat_projection", "kernel", (1, 1, 512, 256)
    yield logits, "kernel", (1, 1, 256, classes)


def drawn_weights(layers, *, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Layer -> weight -> values for kernels, biases of logits, and batch norms after all others."""
    random = np.random.default_rng(seed)
    found: dict[str, dict[str, np.ndarray]] = {}
    for layer, name, shape in layers:
        inputs = np.prod(shape[:2]) * (1 if name == "depthwise_kernel" else shape[2])
        found[layer] = {name: random.normal(0, np.sqrt(2 / inputs), shape).astype(np.float32)}
        width = shape[2] if name == "depthwise_kernel" else shape[3]
        if layer.endswith("logits_semantic"):
            found[layer]["bias"] = random.normal(0, 0.1, width).astype(np.float32)
            continue
        found[f"{layer}_BN"] = {
            "gamma": random.uniform(0.7, 1.3, width).astype(np.float32),
            "beta": random.normal(0, 0.2, width).astype(np.float32),
            "moving_mean": random.normal(0, 0.2, width).astype(np.float32),
            "moving_variance": random.uniform(0.5, 2, width).astype(np.float32),
        }
    return found


def write_weights(
    path: Path, weights: Mapping[str, Mapping[str, np.ndarray]], *, whole: Sequence[Mapping[str, Any]] | None = None
) -> Path:
    """`save_weights`; or `save`, where the descriptions of layers are given."""
    with h5py.File(path, "w") as file:
        root = file if whole is None else file.create_group("model_weights")
        if whole is not None:
            file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {"layers": list(whole)}})
            slots = file.create_group("optimizer_weights/Adam")
            slots.create_dataset("aspp0/kernel/m:0", data=np.zeros(3, np.float32))
        root.attrs["layer_names"] = [name.encode() for name in ("input_1", *weights)]
        root.create_group("input_1")
        for layer, values in weights.items():
            for name, array in values.items():
                root.create_dataset(f"{layer}/{layer}/{name}:0", data=array)
    return path
