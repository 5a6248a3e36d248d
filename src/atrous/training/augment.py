"""The transforms of a run, in the official code's order: scale, pad, crop, flip; then the optional jitter."""

from atrous.data.transforms import PhotometricJitter, RandomFlip, ScaleCrop, Transform
from atrous.model.conventions import Conventions
from atrous.training.config import TrainConfig


def training_transforms(config: TrainConfig, conventions: Conventions, *, ignore: int) -> tuple[Transform, ...]:
    """What happens to every sample.

    The padding is the pixel that the model normalises to 0, its label `ignore`. The model's own `conventions` count:
    backbone weights bring their image scaling with them, which the configuration does not know.
    """
    mean, _ = conventions.input_scaling(config.model.in_channels)
    fill = tuple(map(round, mean))
    transforms: list[Transform] = [
        ScaleCrop(size=config.crop, fill=fill, ignore=ignore, scales=config.scales),
        RandomFlip(config.flip),
    ]
    if config.jitter:
        strength = config.jitter
        jitter = PhotometricJitter(brightness=strength, contrast=strength, saturation=strength, hue=strength / 10)
        transforms.append(jitter)
    return tuple(transforms)
