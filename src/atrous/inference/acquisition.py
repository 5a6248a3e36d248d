"""Order of unlabelled images by what labelling them would teach a network (active learning)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Integer
from PIL import Image

from atrous.inference.predictor import Predictor

SMALLER = 0.75
"""Scale at which an image is predicted once more."""

_GRID = 4
"""Cells in height and width over which a descriptor averages."""

_TINY = 1e-12
"""Below the smallest probability that adds to an entropy of float32."""


@dataclass(frozen=True)
class ImageScore:
    """Measures of how uncertain a network is about an image, from three predictions of it.

    An image about which the network is uncertain teaches it more, once it is labelled, than one that it predicts with
    certainty.

    Attributes:
        entropy: Entropy of the class probabilities, averaged over the pixels: 0 if one class has probability 1 at every
            pixel, 1 if all classes have the same probability.
        disagreement: Share of the pixels, 0..1, that get another label when the image is mirrored or made smaller. It
            is the mean of the shares for the mirrored and for the smaller image.
        descriptor: Class probabilities averaged over each cell of a 4x4 grid. Similar images have similar descriptors.
    """

    entropy: float
    disagreement: float
    descriptor: Float64[np.ndarray, " d"]

    @property
    def value(self) -> float:
        """Sum of entropy and disagreement."""
        return self.entropy + self.disagreement


def score_image(predictor: Predictor, image: object) -> ImageScore:
    """Predict an image as it is, mirrored, and smaller, and compare.

    Args:
        predictor: The network; not one of an exported file that gives labels alone.
        image: An image in any form that the predictor takes.

    Raises:
        InputError: If the image cannot be read or predicted.
    """
    array = predictor.image_array(image)
    height, width = array.shape[:2]
    plain, mirrored = predictor.predict_batch([array, np.ascontiguousarray(array[:, ::-1])], probabilities=True)
    assert plain.probabilities is not None
    size = (max(1, round(SMALLER * width)), max(1, round(SMALLER * height)))
    channels = [Image.fromarray(array[..., c]).resize(size, Image.Resampling.BILINEAR) for c in range(array.shape[2])]
    (smaller,) = predictor.predict_batch([np.stack([np.asarray(channel) for channel in channels], axis=2)])
    enlarged = np.asarray(Image.fromarray(smaller.labels).resize((width, height), Image.Resampling.NEAREST))
    return ImageScore(
        mean_entropy(plain.probabilities),
        (_changed(plain.labels, mirrored.labels[:, ::-1]) + _changed(plain.labels, enlarged)) / 2,
        descriptor(plain.probabilities),
    )


def mean_entropy(probabilities: Float32[np.ndarray, "k h w"]) -> float:
    """Mean entropy of the pixels, as a share of the largest possible, log k; 0 for a single class."""
    classes = len(probabilities)
    if classes == 1:
        return 0.0
    entropy = -(probabilities * np.log(np.maximum(probabilities, _TINY))).sum(axis=0)
    return float(entropy.mean(dtype=np.float64) / math.log(classes))


def descriptor(probabilities: Float32[np.ndarray, "k h w"]) -> Float64[np.ndarray, " d"]:
    """Means of the probabilities over the cells of a grid; at least a pixel each."""
    height, width = probabilities.shape[1:]
    cells = [
        probabilities[:, _cell(row, height), _cell(column, width)].mean(axis=(1, 2), dtype=np.float64)
        for row in range(_GRID)
        for column in range(_GRID)
    ]
    return np.concatenate(cells)


def labelling_order(scores: Sequence[ImageScore], *, count: int) -> list[int]:
    """Order images so that each teaches much that those before it do not.

    The first is that of the largest value. Each further one of the first `count` has the largest product of its value
    and its distance to the nearest image before it, so that of two frames of one scene only one comes early. The others
    follow by their value.

    Args:
        scores: One for each image.
        count: Number of images that will be labelled.

    Returns:
        Indices of all images.
    """
    values = np.array([score.value for score in scores])
    descriptors = np.stack([score.descriptor for score in scores]) if scores else np.zeros((0, 1))
    nearest, chosen = np.full(len(scores), np.inf), list[int]()
    left = np.ones(len(scores), np.bool_)
    for _ in range(min(count, len(scores))):
        gain = values * nearest if chosen else values
        best = int(np.argmax(np.where(left, gain, -1.0)))
        chosen.append(best)
        left[best] = False
        nearest = np.minimum(nearest, np.linalg.norm(descriptors - descriptors[best], axis=1))
    rest = [int(index) for index in np.argsort(-values, kind="stable") if left[index]]
    return chosen + rest


def _cell(number: int, length: int) -> slice:
    start = number * length // _GRID
    return slice(start, max(start + 1, (number + 1) * length // _GRID))


def _changed(one: Integer[np.ndarray, "h w"], other: Integer[np.ndarray, "h w"]) -> float:
    differs: np.ndarray = np.not_equal(one, other)
    return float(differs.mean())
