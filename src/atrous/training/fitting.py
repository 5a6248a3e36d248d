"""Settings that follow from the data: the rule of the recipe `finetune`.

* **Steps**: 55 * sqrt(images), from 300 to 15000: 430 steps for 60 images, 1050 for 367, 12300 for 50000. More images
  hold more to learn, but each of them has to be seen less often: 57 times where there are 60, twice where there are
  50000.
* **Crop**: nine tenths of the median shorter side, but 321 to 513 pixels, and not more than the image; multiples of 16
  plus 1: 321x321 for images of 360x480 (height x width), all of it, 193x257, for 192x256. A network that has only
  seen crops much smaller than the images has atrous taps that never read anything but padding; on whole images they
  are noise.
* **Validations**: five, or fewer where they would take more than a fifth of the time that the steps take, if a pixel
  costs half as much to predict as to train on.
* **Warm-up**: a tenth of the steps, 100 at most.
* Channels are those of the first image; without three of them there is no jitter.
"""

import math
from dataclasses import dataclass, replace
from statistics import median_low

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.training.config import TrainConfig

LOOKED_AT = 16
"""Images whose size is looked at, evenly spread."""

VALIDATION_SHARE = 0.2
"""Time of all validations / time of all steps, at most."""

PREDICTED_PIXEL = 0.5
"""Time to predict a pixel / time to train on one; backward costs two forwards, but bfloat16 is for training only."""


@dataclass(frozen=True)
class Facts:
    """What settings may follow from.

    Attributes:
        images: To train on.
        validation_images: To validate on.
        size: (height, width) in pixels, the medians.
        channels: Of an image.
    """

    images: int
    validation_images: int
    size: tuple[int, int]
    channels: int = 3


def facts_of(data: DataSet, validation: DataSet) -> Facts:
    """Count the images and look at a few.

    Raises:
        InputError: If there are none, or one of those looked at is unreadable.
    """
    if not len(data):
        raise InputError(f"data set {data.name} has no images to train on")
    step = -(-len(data) // LOOKED_AT)
    shapes = [data[index].image.shape for index in range(0, len(data), step)]
    height, width = (median_low(shape[axis] for shape in shapes) for axis in (0, 1))
    return Facts(len(data), len(validation), (height, width), channels=shapes[0][2])


def fitted(config: TrainConfig, facts: Facts) -> TrainConfig:
    """The settings with steps, crop, validations, warm-up and channels that fit the data."""
    iterations = _within(round(55 * math.sqrt(facts.images), -1), 300, 15000)
    side = _within((9 * min(facts.size) // 10 - 1) // 16 * 16 + 1, 321, 513)
    height, width = (min(side, -(-(length - 1) // 16) * 16 + 1) for length in facts.size)
    pixels_trained = iterations * config.batch_size * height * width
    pixels_validated = max(facts.validation_images, 1) * facts.size[0] * facts.size[1]
    validations = _within(VALIDATION_SHARE * pixels_trained / (PREDICTED_PIXEL * pixels_validated), 1, 5)
    return replace(
        config,
        model=replace(config.model, in_channels=facts.channels),
        iterations=iterations,
        crop=(height, width),
        validate_every=-(-iterations // validations),
        warmup=min(100, iterations // 10),
        jitter=config.jitter if facts.channels == 3 else 0.0,
    )


def _within(value: int | float, low: int, high: int) -> int:
    return int(min(max(value, low), high))
