"""Which images and crops are seen more often than chance would show them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atrous.data.dataset import DataSet
from atrous.data.selection import Selection
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.training.class_counts import class_counts
from atrous.training.ranges import check_ranges

HARD_CLASSES = ("bicycle", "chair", "diningtable", "pottedplant", "sofa")
"""The five of the paper, as PASCAL VOC spells them."""

_RANGES = {"hard_copies": (1, 100), "class_crops": (0, 1)}


@dataclass(frozen=True)
class SamplingConfig:
    """Bootstrapping (DeepLabv3, section 4.2: images with hard classes are duplicated) and crops around classes.

    Attributes:
        hard_copies: How often an epoch shows an image that has a hard class; 1 is no bootstrapping.
        hard_classes: Their names. Of the default, the five of the paper, those count that the data has.
        class_crops: Probability 0..1 that a crop is placed so that it holds a pixel of a class drawn from
            `crop_classes` (not in the papers).
        crop_classes: Their names; all that an image shows if empty.
    """

    hard_copies: int = 1
    hard_classes: tuple[str, ...] = HARD_CLASSES
    class_crops: float = 0.0
    crop_classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers out of range; names are looked up when there is data."""
        check_ranges(self, _RANGES)


def class_ids(names: Sequence[str], *, space: LabelSpace) -> tuple[int, ...]:
    """Ids of classes by name; capitals, spaces, hyphens and underscores do not count.

    Raises:
        InputError: If a name is none of the data's; the message lists those.
    """
    known = {_bare(name): label for label, name in enumerate(space.names)}
    for name in names:
        if _bare(name) not in known:
            raise InputError(f"the data has no class {name!r}; its classes: {', '.join(space.names)}")
    return tuple(known[_bare(name)] for name in names)


def hard_ids(config: SamplingConfig, *, space: LabelSpace) -> tuple[int, ...]:
    """Ids of the hard classes: all that are named, or those of the paper's five that the data has.

    Raises:
        InputError: If a name is none of the data's, or the data has none of the five.
    """
    if config.hard_classes != HARD_CLASSES:
        return class_ids(config.hard_classes, space=space)
    known = {_bare(name) for name in space.names}
    if there := [name for name in HARD_CLASSES if name in known]:
        return class_ids(there, space=space)
    raise InputError(f"the data has no {', '.join(HARD_CLASSES)}; name its hard classes with --hard-classes")


def bootstrapped(data: DataSet, config: SamplingConfig) -> DataSet:
    """The data with `hard_copies` of every image that shows a hard class; reads every mask if that is above 1.

    Raises:
        InputError: As `hard_ids` does, and if no image shows such a class.
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
