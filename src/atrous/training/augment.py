"""The transforms of a run, in the official code's order: scale, pad, crop, flip; then the optional jitter."""

from atrous.data.transforms.flip_and_color import PhotometricJitter, RandomFlip, Transform
from atrous.data.transforms.scale_crop import ClassFocus, ScaleCrop
from atrous.labels import LabelSpace
from atrous.model.conventions import Conventions
from atrous.training.config import TrainConfig
from atrous.training.sampling import class_ids


def training_transforms(config: TrainConfig, conventions: Conventions, *, space: LabelSpace) -> tuple[Transform, ...]:
    """What happens to every sample.

    The padding is the pixel that the model normalises to 0, its label the ignore value of `space`. The model's own
    `conventions` count: backbone weights bring their image scaling with them, which the configuration does not know.

    Raises:
        InputError: If `space` lacks a class that crops are to show.
    """
    wanted = class_ids(config.sampling.crop_classes, space=space)
    focus = ClassFocus(config.sampling.class_crops, wanted) if config.sampling.class_crops else None
    mean, _ = conventions.input_scaling(config.model.in_channels)
    fill = tuple(map(round, mean))
    transforms: list[Transform] = [
        ScaleCrop(size=config.crop, fill=fill, ignore=space.ignore, scales=config.scales, focus=focus),
        RandomFlip(config.flip),
    ]
    if config.jitter:
        strength = config.jitter
        jitter = PhotometricJitter(brightness=strength, contrast=strength, saturation=strength, hue=strength / 10)
        transforms.append(jitter)
    return tuple(transforms)
