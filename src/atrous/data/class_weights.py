"""Weights for rare classes from how often each occurs."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64

from atrous.data.formats.json_files import read_object
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.labels import LabelSpace

HEAVIEST = 1e6
"""No class weighs more."""


def balanced_weights(counts: Int64[np.ndarray, " k"], *, exponent: float) -> Float[np.ndarray, " k"]:
    """(median frequency / frequency) ** exponent, scaled so that the mean over pixels is 1; 0 for absent classes.

    Exponent 1 is median frequency balancing, as in SegNet's CamVid protocol, but with frequencies over all labelled
    pixels instead of the pixels of images that show the class. The scaling keeps the learning rate's meaning.

    Args:
        counts: Pixels of each class, some of them above 0.
        exponent: 0 weighs every present class the same.
    """
    present = counts > 0
    frequency = counts / counts.sum()
    weights = np.zeros(len(counts))
    weights[present] = (np.median(frequency[present]) / frequency[present]) ** exponent
    return weights / (weights * frequency).sum()


def write_class_weights(path: Path, weights: Float[np.ndarray, " k"], *, space: LabelSpace) -> None:
    """Write weights by class name, as JSON that anybody can edit."""
    content = {name: round(float(weight), 4) for name, weight in zip(space.names, weights, strict=True)}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_class_weights(path: Path, *, space: LabelSpace) -> Float[np.ndarray, " k"]:
    """Read what `write_class_weights` writes, with a weight of 0 or more for each class of `space` and no others.

    Raises:
        InputError: If the file is not such a table.
    """
    content = read_object(path, remedy="correct it")
    if content.keys() != set(space.names):
        name = sorted(content.keys() ^ set(space.names))[0]
        which = "is no class of the data" if name in content else "has no weight"
        raise InputError(f"{path}: {name!r:.80} {which}; give one weight per class: {', '.join(space.names)}")
    weights = [content[name] for name in space.names]
    for name, weight in zip(space.names, weights, strict=True):
        if type(weight) not in (int, float) or not 0 <= weight <= HEAVIEST:
            raise InputError(f"{path}: the weight of {name!r} is {weight!r:.40}; give a number from 0 to {HEAVIEST}")
    if not any(weights):
        raise InputError(f"{path}: all weights are 0, so nothing would be learnt; give some class a weight")
    return np.array(weights, np.float64)
