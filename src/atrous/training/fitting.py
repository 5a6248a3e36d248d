"""Settings chosen from the data: the rule of the recipe `finetune`.

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
* **Norm momentum**: the running statistics of batch norm are those of the last tenth of the run. Those of a longer past
  belong to a network that is no more: short runs were validated far below what they had learned.
* **Padding** mirrors the image where its sides are not multiples of 16 plus 1: beside the mean pixel, networks paint
  classes along the bottom and right borders that are not there.
* Channels are those of the first image; without three of them there is no jitter.
"""

import math
from dataclasses import dataclass, replace
from statistics import median_low

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.sizes import ceil_div
from atrous.training.config import TrainConfig, least_norm_momentum

SAMPLED_IMAGES = 16
"""Number of images whose size is read, evenly spread over the data set."""

VALIDATION_SHARE = 0.2
"""Largest ratio of the time of all validations to the time of all steps."""

PREDICTED_PIXEL = 0.5
"""Time to predict a pixel / time to train on one: a backward pass costs two forward passes, but uses bfloat16."""


@dataclass(frozen=True)
class DataFacts:
    """The properties of a data set from which settings are chosen.

    Attributes:
        images: Number of training images.
        validation_images: Number of validation images.
        size: Median height and median width of an image, in pixels.
        channels: Number of channels of an image.
    """

    images: int
    validation_images: int
    size: tuple[int, int]
    channels: int = 3


def facts_of(data: DataSet, validation: DataSet) -> DataFacts:
    """Count the images and read the sizes of a few.

    Raises:
        InputError: If there are no images, or one of those read is unreadable.
    """
    if not len(data):
        raise InputError(f"data set {data.name} has no images to train on")
    step = ceil_div(len(data), SAMPLED_IMAGES)
    shapes = [data[index].image.shape for index in range(0, len(data), step)]
    height, width = (median_low(shape[axis] for shape in shapes) for axis in (0, 1))
    return DataFacts(len(data), len(validation), (height, width), channels=shapes[0][2])


def settings_for_data(config: TrainConfig, facts: DataFacts) -> TrainConfig:
    """Return the settings with iterations, crop, validations, warm-up and channels chosen from the data."""
    iterations = _within(round(55 * math.sqrt(facts.images), -1), 300, 15000)
    side = _within((9 * min(facts.size) // 10 - 1) // 16 * 16 + 1, 321, 513)
    height, width = (min(side, ceil_div(length - 1, 16) * 16 + 1) for length in facts.size)
    pixels_trained = iterations * config.batch_size * height * width
    pixels_validated = max(facts.validation_images, 1) * facts.size[0] * facts.size[1]
    validations = _within(VALIDATION_SHARE * pixels_trained / (PREDICTED_PIXEL * pixels_validated), 1, 5)
    return replace(
        config,
        model=replace(
            config.model,
            in_channels=facts.channels,
            conventions=replace(config.model.conventions, image_padding="mirror"),
        ),
        iterations=iterations,
        crop=(height, width),
        validate_every=ceil_div(iterations, validations),
        norm_momentum=max(config.norm_momentum, short_run_norm_momentum(iterations)),
        warmup=min(100, iterations // 10),
        jitter=config.jitter if facts.channels == 3 else 0.0,
    )


def short_run_norm_momentum(iterations: int) -> float:
    """Norm momentum with which running statistics are mostly those of the last tenth of a run.

    At most 0.1, unless even that leaves too much of the initial statistics.
    """
    return max(least_norm_momentum(iterations), min(round(10 / iterations, 3), 0.1))


def _within(value: int | float, low: int, high: int) -> int:
    return int(min(max(value, low), high))
