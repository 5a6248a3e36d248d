"""The content of a few files of a folder: whether they are masks, how many values they hold, fields of view."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from atrous.data.annotations.color_masks import packed_colors, value_counts
from atrous.data.annotations.masks import ARRAY_SUFFIXES, read_numbers_or_colors
from atrous.data.formats.images import read_image
from atrous.errors import InputError

T = TypeVar("T")

_SAMPLED = 6
_FEW, _FREQUENT, _MOST_OF_IT = 64, 16, 0.9
"""A mask holds at most so many values, or so many of them make up most of its pixels (edges may be smoothed)."""
_GRID, _LEAST_OF_IT = 2**14, 0.5
"""Pixels of a picture that are counted first; where the most frequent values make up less of them, it is a photo."""
_ALIKE, _LEAST_FIELD = 0.9, 0.3
"""Fields of view of one camera overlap nearly wholly, and hold a good part of the picture."""
_APART = 0.1
"""Share of the smaller one of two masks up to which they show different things."""
_SAME_WORK = 0.2
"""Intersection over union of two people's masks of the same thing, however thin it is."""
_INSIDE, _SMALLER = 0.95, 0.75
"""Share of a mask that lies in a larger one which it is a part of, and how much of that it covers at most."""


def sample(items: Sequence[T]) -> list[T]:
    """Some files, spread over all."""
    step = max(1, len(items) // _SAMPLED)
    return list(items[::step][:_SAMPLED])


def mask_values(path: Path) -> Integer[np.ndarray, "h w"] | None:
    """Numbers of a mask, or its colours as 0xRRGGBB; None where the file is none that masks are stored in."""
    try:
        values = read_numbers_or_colors(path)
    except (InputError, OSError):
        return None
    return packed_colors(values) if values.ndim == 3 else values


def has_few_values(path: Path, *, lossy: bool = False) -> bool:
    """Return True if the values of a file are those of a mask, not of a photo.

    Args:
        path: The file.
        lossy: Look at files of codecs with loss, too, whose colours are those of a mask and some beside them.
    """
    values = mask_values(path)
    if values is None and lossy:
        values = _shown_values(path)
    if values is None:
        return False
    counts = sorted(value_counts(values).values(), reverse=True)
    few = len(counts) <= min(_FEW, values.size // 4)
    return few or sum(counts[:_FREQUENT]) >= _MOST_OF_IT * values.size


def _shown_values(path: Path) -> Integer[np.ndarray, "h w"] | None:
    """The colours of a picture as 0xRRGGBB; None where it cannot be read, or is clearly a photo."""
    try:
        colors = read_image(path)
    except (InputError, OSError):
        return None
    return None if _is_photo(colors) else packed_colors(colors)


def _is_photo(colors: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Return True if some pixels have far too many colours for a mask: to count all takes longer than to decode."""
    height, width, _ = colors.shape
    step = int((height * width / _GRID) ** 0.5) | 1  # odd: the blocks of JPEG are 8 pixels wide
    some = packed_colors(colors[::step, ::step])
    counts = sorted(value_counts(some).values(), reverse=True)
    return len(counts) > _FEW and sum(counts[:_FREQUENT]) < _LEAST_OF_IT * some.size


def are_masks(root: Path, paths: Sequence[Path], *, lossy: bool = False) -> bool:
    """Return True if all of some sampled files hold few values."""
    return all(has_few_values(root / path, lossy=lossy) for path in sample(paths))


def value_set(paths: Sequence[Path]) -> set[int]:
    """The values of some sampled masks."""
    found = [mask_values(path) for path in sample(paths)]
    return {value for values in found if values is not None for value in value_counts(values)}


def number_of_values(root: Path, paths: Sequence[Path]) -> int:
    """Number of different values in some sampled masks."""
    return len(value_set([root / path for path in paths]))


@dataclass(frozen=True)
class Agreement:
    """How much masks of several kinds overlap, on a sample of the pictures; a number for each two masks of a picture.

    Attributes:
        shares: Share of the smaller mask, 0..1, that the other one marks, too; 1 where their sizes differ.
        ious: Intersection over union of both, 0..1.
    """

    shares: tuple[float, ...]
    ious: tuple[float, ...]

    @property
    def apart(self) -> bool:
        """True where masks of at least two pictures mark places that hardly overlap."""
        return len(self.shares) > 1 and max(self.shares) <= _APART

    @property
    def alike(self) -> bool:
        """True where the masks may be the same work of several people, or nothing says that they are not."""
        return not self.ious or median(self.ious) >= _SAME_WORK

    @property
    def nested(self) -> bool:
        """True where one mask is a part of the other in every picture, such as an infection in a lung."""
        return len(self.shares) > 1 and min(self.shares) >= _INSIDE and median(self.ious) <= _SMALLER


def agreement(root: Path, groups: Sequence[Sequence[Path]]) -> Agreement:
    """Compare the masks of each of some sampled pictures; those that mark nothing are passed over."""
    shares, ious = list[float](), list[float]()
    for group in sample(groups):
        found = [mask_values(root / path) for path in group]
        marked = [values > 0 for values in found if values is not None and values.any()]
        for one, other in combinations(marked, 2):
            same = one.shape == other.shape
            shares.append(float((one & other).sum() / min(one.sum(), other.sum())) if same else 1.0)
            ious.append(_overlap(one, other))
    return Agreement(tuple(shares), tuple(ious))


def are_fields(root: Path, paths: Sequence[Path]) -> bool:
    """Return True if some sampled masks are the field of view of one camera.

    Each is a single area around the middle that leaves corners free, and all of them nearly agree.
    """
    fields = [_field(root / path) for path in sample(paths)]
    found = [field for field in fields if field is not None]
    if not found or len(found) < len(fields):
        return False
    return all(_overlap(one, other) >= _ALIKE for one, other in pairwise(found))


def _field(path: Path) -> Bool[np.ndarray, "h w"] | None:
    values = None if path.suffix.lower() in ARRAY_SUFFIXES else mask_values(path)
    if values is None or len(value_counts(values)) != 2:
        return None
    inside = values == values.max()
    height, width = inside.shape
    corners = [bool(inside[row, column]) for row in (0, -1) for column in (0, -1)]
    middle = inside[height // 2, width // 2] and inside.mean() >= _LEAST_FIELD
    # In a row through one area the inside is one run.
    row, column = inside[height // 2].astype(np.int8), inside[:, width // 2].astype(np.int8)
    whole = (np.diff(row) == 1).sum() <= 1 and (np.diff(column) == 1).sum() <= 1
    return inside if middle and whole and not any(corners) else None


def _overlap(one: Bool[np.ndarray, "_ _"], other: Bool[np.ndarray, "_ _"]) -> float:
    """Intersection over union; 0 where the sizes differ."""
    return float((one & other).sum() / (one | other).sum()) if one.shape == other.shape else 0.0
