"""The transforms of a run, in the official code's order: scale, pad, crop, flip; then the optional jitter."""

from atrous.data.transforms import PhotometricJitter, RandomFlip, ScaleCrop, Transform
from atrous.training.config import TrainConfig


def training_transforms(config: TrainConfig, *, ignore: int) -> tuple[Transform, ...]:
    """What happens to every sample; the padding is the pixel that normalisation maps to 0, its label `ignore`."""
    mean = config.model.conventions.input_mean
    red, green, blue = (round(value) for value in (mean if len(mean) == 3 else mean * 3))
    transforms: list[Transform] = [
        ScaleCrop(size=config.crop, fill=(red, green, blue), ignore=ignore, scales=config.scales),
        RandomFlip(config.flip),
    ]
    if config.jitter:
        strength = config.jitter
        jitter = PhotometricJitter(brightness=strength, contrast=strength, saturation=strength, hue=strength / 10)
        transforms.append(jitter)
    return tuple(transforms)
