"""The computation of a batch: whole images together, a huge one in tiles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from atrous.errors import InputError
from atrous.inference.in_tiles import WHOLE_PIXELS
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result


@dataclass(frozen=True)
class Computed:
    """A result with its times in seconds.

    Attributes:
        result: The label map.
        wait: Time in the queue.
        predict: Time of the computation of its batch.
        batch: Number of images in the batch.
    """

    result: Result
    wait: float
    predict: float
    batch: int


def compute(
    predictor: Predictor, images: Sequence[UInt8[np.ndarray, "_ _ c"]], *, probabilities: bool = False
) -> list[Result]:
    """Predict images of one input size; those of more than `WHOLE_PIXELS` pixels in tiles, as `atrous predict` does.

    Args:
        predictor: Model and settings.
        images: As `Predictor.image_array` returns them.
        probabilities: If true, results hold probabilities, which an image in tiles has none of.

    Raises:
        InputError: If an image is too large for what is asked for.
    """
    if all(math.prod(image.shape[:2]) <= WHOLE_PIXELS for image in images):
        return predictor.predict_batch(images, probabilities=probabilities)
    if probabilities or not predictor.allows_tiles:
        raise InputError(
            f"images of more than {WHOLE_PIXELS} pixels are predicted in tiles, which have no probabilities, scales, "
            "flip or padding; send a smaller image, or leave these out"
        )
    return [predictor(image) for image in images]
