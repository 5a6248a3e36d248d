"""The weights in an HDF5 file of Keras, by layer and name, and the network's description where the file has one."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atrous.errors import InputError, reason
from atrous.extras import require

_MOST_OBJECTS, _DEEPEST = 20_000, 12
_OPTIMIZER = "optimizer_weights"
"""Group of what an optimizer remembers, in files of whole models."""


@dataclass(frozen=True)
class KerasFile:
    """What an HDF5 file of Keras holds.

    Attributes:
        weights: (layer, weight) such as ("aspp0", "kernel") -> array.
        layers: Description of each layer by name, where the file holds a whole model; empty where weights alone.
        skipped: Names in the file of what is no weight of the network, each with the reason.
    """

    weights: dict[tuple[str, str], np.ndarray]
    layers: dict[str, Any]
    skipped: dict[str, str]


def read_keras(path: Path) -> KerasFile:
    """Read an HDF5 file of Keras.

    Raises:
        InputError: If h5py is not installed, or the file is damaged, refers to other files, or names two weights alike.
    """
    h5py: Any = require("h5py", extra="keras", purpose="reading HDF5")
    try:
        with h5py.File(path, "r", locking=False) as file:
            weights, skipped = _weights(file, h5py, size=path.stat().st_size)
            return KerasFile(weights, _described(file), skipped)
    except InputError:
        raise
    except Exception as error:  # the library raises whatever a damaged file leads it to
        raise InputError(f"a damaged HDF5 file ({reason(error):.200}); get it again from its source") from error


def _weights(file: Any, h5py: Any, *, size: int) -> tuple[dict[tuple[str, str], np.ndarray], dict[str, str]]:
    weights: dict[tuple[str, str], np.ndarray] = {}
    skipped: dict[str, str] = {}
    left = size
    for name, dataset in _datasets(file, h5py):
        *folders, last = name.split("/")
        if folders[:1] == [_OPTIMIZER]:
            skipped[name] = "state of the optimizer"
            continue
        if folders[-1:] == ["vars"]:
            raise InputError(
                "Keras 3's file of weights, which numbers them and does not name their layers; write the whole model "
                "as HDF5: model.save('mine.h5')"
            )
        place = (_layer(folders), last.partition(":")[0])
        if place in weights:
            raise InputError(f"two weights of the layer {place[0]!r:.80} are called {place[1]!r:.80}")
        weights[place] = _values(name, dataset, most=left)
        left -= weights[place].nbytes
    return weights, skipped


def _layer(folders: list[str]) -> str:
    """The layer that a weight belongs to: the innermost group, whose name Keras may have numbered once more."""
    *outer, inner = folders or [""]
    numbered = bool(outer) and re.fullmatch(rf"{re.escape(outer[-1])}_\d+", inner) is not None
    return outer[-1] if numbered else inner


def _datasets(file: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """Every dataset with its path, by hard links alone: others lead to files that nobody named."""
    waiting: list[tuple[str, Any, int]] = [("", file, 0)]
    met = 0
    while waiting:
        path, group, depth = waiting.pop()
        if depth > _DEEPEST:
            raise InputError(f"groups within groups, more than {_DEEPEST} deep")
        for name in group:
            met += 1
            if met > _MOST_OBJECTS:
                raise InputError(f"more than {_MOST_OBJECTS} objects, more than any network has")
            if type(group.get(name, getlink=True)) is not h5py.HardLink:
                raise InputError(f"{path}{name} is a link to somewhere else; write the file anew without links")
            found = group[name]
            if isinstance(found, h5py.Group):
                waiting.append((f"{path}{name}/", found, depth + 1))
            elif isinstance(found, h5py.Dataset):
                yield f"{path}{name}", found


def _values(name: str, dataset: Any, *, most: int) -> np.ndarray:
    if dataset.is_virtual or dataset.external:
        raise InputError(f"{name} lies in another file; write the file anew with all weights in it")
    if dataset.dtype.kind not in "fiu" or dataset.shape is None:
        raise InputError(f"{name} holds {dataset.dtype}, no numbers")
    if math.prod(dataset.shape) * dataset.dtype.itemsize > most:
        raise InputError(f"{name} claims the shape {dataset.shape}, more than the file holds; write it uncompressed")
    return np.asarray(dataset[()])


def _described(file: Any) -> dict[str, Any]:
    """The layers of the JSON that Keras writes beside the weights of a whole model."""
    text = file.attrs.get("model_config")
    if not isinstance(text, str | bytes):
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {str(layer["config"].get("name")): layer for layer in _layers(content)}


def _layers(described: Any) -> Iterator[dict[str, Any]]:
    """The layers of a model and of the models in it, each with its settings."""
    config = described.get("config") if isinstance(described, dict) else None
    inner = config.get("layers") if isinstance(config, dict) else None
    for layer in inner if isinstance(inner, list) else ():
        if isinstance(layer, dict) and isinstance(layer.get("config"), dict):
            yield layer
            yield from _layers(layer)
