"""A data set made of image files and mask files, whatever layout named them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.color_masks import color_ids
from atrous.data.annotations.named_shapes import BACKGROUND
from atrous.data.complaints import complain
from atrous.data.formats.deep_pictures import missing_pixels
from atrous.data.formats.images import IMAGE_SUFFIXES, MAX_PIXELS, read_mask
from atrous.data.formats.tiff import read_picture, upright_picture_size
from atrous.data.sample import Sample
from atrous.data.schema import SCHEMA_FILE, Schema, apply_schema, mask_dtype
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.sizes import Size


@dataclass(frozen=True)
class Pair:
    """One picture and its mask.

    Attributes:
        name: The sample's name.
        image: The picture.
        mask: The mask; for some formats a folder, or one file about all pictures; the picture itself where it has no
            mask and is background.
        sequence: The video that the picture is a frame of; empty where it stands alone.
        ignore: A second mask whose zeros are ignored, such as the field of view of a camera; None where there is none.
    """

    name: str
    image: Path
    mask: Path
    sequence: str = ""
    ignore: Path | None = None

    @property
    def has_mask(self) -> bool:
        """False for a picture that is background."""
        return self.mask != self.image


LabelReader = Callable[[Pair, Schema], Integer[np.ndarray, "h w"]]
"""Class ids and ignore value of a pair's picture; raises InputError where its mask is bad."""


def mask_ids(pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
    """Class ids of a mask that is a picture: of numbers, a palette, or the schema's colours.

    Raises:
        InputError: If the file cannot be read, or a value or colour has no meaning.
    """
    if not pair.has_mask:
        return background_ids(pair, schema)
    return value_ids(read_mask(pair.mask), schema=schema, path=pair.mask)


def background_ids(pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
    """Class ids of a picture without a mask: its class is called background, or is that of the value 0.

    Raises:
        InputError: If there is no such class, or the picture cannot be opened.
    """
    ignore = schema.labels.ignore
    names = [name.lower() for name in schema.labels.names]
    label = names.index(BACKGROUND) if BACKGROUND in names else schema.meaning.get(0, ignore)
    if label == ignore:
        raise InputError(
            f"{pair.image} has no mask and counts as background, but no class is called {BACKGROUND} or has the value "
            f"0; add one to classes in {SCHEMA_FILE}"
        )
    return np.full(upright_picture_size(pair.image), label, mask_dtype(schema.labels))


def value_ids(values: Integer[np.ndarray, "h w *c"], *, schema: Schema, path: Path) -> Integer[np.ndarray, "h w"]:
    """Class ids of what `read_mask` gave: colours or numbers; raises InputError where one has no meaning."""
    read = color_ids if values.ndim == 3 else apply_schema
    return read(values, schema=schema, path=path)


def checked_pairs(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """The pairs of a published data set, all of whose files are there.

    Raises:
        InputError: If one is missing.
    """
    kept = []
    for pair in pairs:
        missing = [(path, kind) for path, kind in ((pair.image, "image"), (pair.mask, "mask")) if not path.exists()]
        for path, kind in missing:
            line = f"the {kind} {path} is missing; the data set is not whole, extract its archive again"
            complain(line, kind="missing file")
        if not missing:
            kept.append(pair)
    return tuple(kept)


def check_size(pair: Pair, *, image: tuple[int, ...], labels: tuple[int, ...]) -> None:
    """Refuse a mask whose (height, width) is not that of its picture.

    Raises:
        InputError: With both sizes.
    """
    if labels == image[:2]:
        return
    turned = labels == image[1::-1]
    remedy = "turn the mask, or remove the tag from the picture" if turned else "export it again at that size"
    if times := _times(labels, image[:2]):
        remedy += f", or repeat each of its pixels {times} x {times} times (Pillow: mask.resize(size, Image.NEAREST))"
    elif times := _times(image[:2], labels):
        remedy += f", or keep one of {times} rows and columns (Pillow: mask.resize(size, Image.NEAREST))"
    raise InputError(
        f"{pair.mask} is {_size(labels)} but {pair.image} is {_size(image)} "
        f"(width x height, EXIF orientation applied); a mask must have the size of its picture: {remedy}"
    )


def check_stored_size(pair: Pair) -> None:
    """Compare the sizes of picture and mask before either is decoded: a wrong one may be huge.

    Raises:
        InputError: As `check_size`; masks that are no pictures are compared when they are read.
    """
    if pair.mask.suffix.lower() not in IMAGE_SUFFIXES or not pair.mask.is_file():
        return
    try:
        labels = upright_picture_size(pair.mask)
    except InputError:  # reading will say it
        return
    check_declared_size(pair, labels)


def check_declared_size(pair: Pair, size: Size) -> None:
    """Compare the size that annotations or a mask's header state with the picture's, before anything is painted.

    Raises:
        InputError: As `check_size`; a picture that cannot be opened is left to be named when it is read.
    """
    if pair.image.suffix.lower() not in IMAGE_SUFFIXES:
        return
    try:
        image = upright_picture_size(pair.image)
    except InputError:
        return
    if prod(image) > MAX_PIXELS:  # reading refuses it before decoding it, and names the remedy
        return
    check_size(pair, image=image, labels=size)


@dataclass(frozen=True)
class PairedFiles:
    """Pictures and masks on disk, read when asked for.

    Attributes:
        name: The name of the data set in protocols.
        split: Which part of it this is.
        rule: The way in which that part was chosen, in words.
        licence: Under which terms the pictures may be used.
        schema: The meaning of the values in the masks.
        pairs: The files, in the order of the samples.
        read: The function that turns a pair's mask into class ids.
    """

    name: str
    split: str
    rule: str
    licence: str
    schema: Schema
    pairs: tuple[Pair, ...]
    read: LabelReader = mask_ids

    @property
    def labels(self) -> LabelSpace:
        """The label space of every sample."""
        return self.schema.labels

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, in order."""
        return [pair.name for pair in self.pairs]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; pixels without data are ignored.

        Raises:
            InputError: If a file is unreadable, a value stray, or the sizes differ.
        """
        pair = self.pairs[index]
        check_stored_size(pair)
        image, labels = read_picture(pair.image, ranges=self.schema.ranges), self.read(pair, self.schema)
        check_size(pair, image=image.shape, labels=labels.shape)
        labels = ignored_without_data(pair.image, labels, ignore=self.labels.ignore)
        return Sample(name=pair.name, image=image, labels=labels, sequence=pair.sequence)

    def describe(self) -> dict[str, Any]:
        """The part of a protocol that is about this data."""
        return {
            "name": self.name,
            "split": self.split,
            "split_rule": self.rule,
            "images": len(self),
            "licence": self.licence,
            **({"picture_range": [list(pair) for pair in self.schema.ranges]} if self.schema.ranges else {}),
        }


def ignored_without_data(image: Path, labels: Integer[np.ndarray, "h w"], *, ignore: int) -> Integer[np.ndarray, "h w"]:
    """Class ids of a picture, with its pixels without data ignored; raises InputError as `missing_pixels`."""
    missing = missing_pixels(image)
    return labels if missing is None else np.where(missing, np.asarray(ignore, labels.dtype), labels)


def _times(small: tuple[int, ...], large: tuple[int, ...]) -> int:
    """The whole number by which both sides of the small size become the large ones; 0 where there is none."""
    times = large[0] // max(small[0], 1)
    return times if times > 1 and large == (times * small[0], times * small[1]) else 0


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
