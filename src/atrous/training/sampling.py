"""Sampling of training images and crops: copies of images with hard classes, and the chain of random transforms."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from atrous.data.dataset import DataSet
from atrous.data.selection import Selection
from atrous.data.transforms.degradation import RandomDegradation
from atrous.data.transforms.flip_and_color import PhotometricJitter, RandomFlip, Transform
from atrous.data.transforms.scale_crop import ClassFocus, ScaleCrop
from atrous.errors import InputError
from atrous.inference.prefetch import prefetch
from atrous.labels import LabelSpace
from atrous.model.conventions import Conventions
from atrous.training.config import HARD_CLASSES, SamplingConfig, TrainConfig


def class_ids(names: Sequence[str], *, space: LabelSpace) -> tuple[int, ...]:
    """Return the ids of classes by name; capitals, spaces, hyphens and underscores do not matter.

    Raises:
        InputError: If the data has no class of a name; the message lists its classes.
    """
    known = {_bare(name): label for label, name in enumerate(space.names)}
    for name in names:
        if _bare(name) not in known:
            raise InputError(f"the data has no class {name!r}; its classes: {', '.join(space.names)}")
    return tuple(known[_bare(name)] for name in names)


def hard_ids(config: SamplingConfig, *, space: LabelSpace) -> tuple[int, ...]:
    """Return the ids of the hard classes: all that are named, or those of the paper's five that the data has.

    Raises:
        InputError: If the data has no class of a name, or none of the five.
    """
    if config.hard_classes != HARD_CLASSES:
        return class_ids(config.hard_classes, space=space)
    known = {_bare(name) for name in space.names}
    if there := [name for name in HARD_CLASSES if name in known]:
        return class_ids(there, space=space)
    raise InputError(f"the data has no {', '.join(HARD_CLASSES)}; name its hard classes with --hard-classes")


def bootstrapped(data: DataSet, config: SamplingConfig) -> DataSet:
    """Return the data with `hard_copies` of every image that shows a hard class; reads all masks if that is above 1.

    Raises:
        InputError: If a class does not exist, as for `hard_ids`, or no image shows one of them.
    """
    if config.hard_copies == 1:
        return data
    ids = hard_ids(config, space=data.labels)
    hard = class_counts(data)[:, ids].any(axis=1)
    names = ", ".join(data.labels.names[label] for label in ids)
    if not hard.any():
        raise InputError(f"no image of {data.name} shows {names}; name other classes with --hard-classes")
    times = np.where(hard, config.hard_copies, 1)
    rule = f"{config.hard_copies} copies of the {hard.sum()} images with {names}"
    return Selection(data, tuple(np.repeat(np.arange(len(data)), times).tolist()), rule=rule)


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " -_")


def training_transforms(config: TrainConfig, conventions: Conventions, *, space: LabelSpace) -> tuple[Transform, ...]:
    """The random transforms of a sample, in the official code's order: scale, pad, crop, flip.

    After them, where they are wanted, come jitter and degradation. Padded pixels have the ignore value of `space` as
    label, and until then show what the model pads images with: the value that it normalises to 0, or the image
    mirrored. `conventions` are the model's, not the configuration's: backbone weights bring their own image scaling.

    Raises:
        InputError: If `space` lacks a class of `crop_classes`.
    """
    wanted = class_ids(config.sampling.crop_classes, space=space)
    focus = ClassFocus(config.sampling.class_crops, wanted) if config.sampling.class_crops else None
    mean, _ = conventions.input_scaling(config.model.in_channels)
    fill = tuple(map(round, mean))
    mirrored = conventions.image_padding == "mirror"
    transforms: list[Transform] = [
        ScaleCrop(
            size=config.crop, fill=fill, ignore=space.ignore, scales=config.scales, focus=focus, mirrored=mirrored
        ),
        RandomFlip(config.flip_probability),
    ]
    if config.jitter:
        strength = config.jitter
        jitter = PhotometricJitter(brightness=strength, contrast=strength, saturation=strength, hue=strength / 10)
        transforms.append(jitter)
    if config.degradation:
        transforms.append(RandomDegradation(config.degradation))
    return tuple(transforms)


def class_counts(data: DataSet) -> Int64[np.ndarray, "n k"]:
    """Number of labelled pixels of each class in each image; reads all masks."""
    counts = np.zeros((len(data), len(data.labels)), np.int64)
    for index, sample in prefetch(data.__getitem__, range(len(data))):
        if (labels := sample.result().labels) is not None:
            counts[index] = np.bincount(labels[labels != data.labels.ignore], minlength=len(data.labels))
    return counts
