"""The papers' random scale, pad and random crop; places of crops that show chosen classes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Integer, UInt8

from atrous.data.sample import Sample
from atrous.data.transforms.kernels import Between, blend
from atrous.errors import InputError

PAPER_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
"""The seven discrete scales of the official code (`min_scale_factor` 0.5 to 2.0 in steps of 0.25)."""


@dataclass(frozen=True)
class _Scaled:
    """One axis of a whole image, scaled: pixel i of `new` is at i * (old - 1) / (new - 1) of `old`."""

    old: int
    new: int

    @classmethod
    def by(cls, scale: float, *, old: int) -> "_Scaled":
        return cls(old, max(1, int(old * scale)))

    @property
    def span(self) -> int:
        return max(self.new - 1, 1)

    def nearest(self, index: Integer[np.ndarray, " n"]) -> Integer[np.ndarray, " n"]:
        """The source pixels nearest to scaled ones, halves up; positions stay integers: exact on every machine."""
        return (2 * index * (self.old - 1) + self.span) // (2 * self.span)

    def cropped(self, crop: int, *, around: int | None, generator: np.random.Generator) -> "_Axis":
        """A random crop, among those that hold the scaled pixel `around` if there is one."""
        first, last = 0, max(self.new, crop) - crop
        if around is not None:
            first, last = max(first, around - crop + 1), min(last, around)
        start = first + int(generator.integers(last - first + 1))
        index = np.arange(start, min(start + crop, self.new))
        scaled = index * (self.old - 1)
        low = scaled // self.span
        return _Axis(
            low=low,
            high=np.minimum(low + 1, self.old - 1),
            weight=(scaled % self.span / self.span).astype(np.float32),
            nearest=self.nearest(index),
            inside=len(index),
        )


@dataclass(frozen=True)
class _Axis:
    """Source positions of the pixels of a crop along one axis.

    Attributes:
        low: Source index at or before each crop pixel that is inside the scaled image.
        high: The source index after it.
        weight: Position between `low` (0) and `high` (1).
        nearest: Source index of the nearest pixel, halves up.
        inside: Number of crop pixels inside the image; the rest is padding.
    """

    low: Integer[np.ndarray, " n"]
    high: Integer[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]
    nearest: Integer[np.ndarray, " n"]
    inside: int

    def between(self, *, channels: int = 1, start: int = 0) -> Between:
        """For every value of pixels of so many channels: where it comes from in a source that begins at `start`."""
        channel = np.arange(channels)
        low, high = (((index - start)[:, None] * channels + channel).ravel() for index in (self.low, self.high))
        return low.astype(np.uint32), high.astype(np.uint32), self.weight.repeat(channels)


@dataclass(frozen=True)
class ClassFocus:
    """Makes crops show classes that a random place would often miss.

    Attributes:
        probability: Share of crops with a focus, 0..1.
        classes: Ids to choose from, those that the image shows, with equal chance; all that it shows if empty.
    """

    probability: float
    classes: tuple[int, ...] = ()

    def pixel(
        self, labels: Integer[np.ndarray, "h w"], generator: np.random.Generator, *, ignore: int
    ) -> tuple[int, int] | None:
        """Row and column of a random pixel of the chosen class; None by chance, or where there is none."""
        if generator.random() >= self.probability:
            return None
        shown = np.bincount(labels.ravel(), minlength=ignore + 1)
        shown[ignore] = 0
        choices = [label for label in self.classes or range(len(shown)) if shown[label]]
        if not choices:
            return None
        label = choices[generator.integers(len(choices))]
        row, column = divmod(int(np.flatnonzero(labels == label)[generator.integers(shown[label])]), labels.shape[1])
        return row, column


@dataclass(frozen=True)
class ScaleCrop:
    """Scale by a random factor, pad at the bottom and right up to the crop, crop at a random place.

    Equal to resizing the whole image (bilinear, corners aligned; labels nearest, corners aligned: source index
    round(i * (in - 1) / (out - 1))), padding and cropping, in the order of the official code; but only what ends up in
    the crop is computed. The new size is int(size * scale), at least 1.

    Attributes:
        size: Height and width of the crop.
        fill: Value of each channel, 0..255, of the padding in the image: the mean pixel that the model subtracts.
        ignore: Label of the padding.
        scales: Factors to choose from with equal chance.
        focus: Chooses pixels that a crop should hold; None leaves its place to chance.
        mirrored: If true, the padding shows the image mirrored at its last row and column, as far as the crop holds it,
            instead of `fill`; its labels are ignored either way.
    """

    size: tuple[int, int]
    fill: tuple[int, ...]
    ignore: int
    scales: tuple[float, ...] = PAPER_SCALES
    focus: ClassFocus | None = None
    mirrored: bool = False

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"crop size {self.size} must be at least 1x1")
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales {self.scales} must be positive")

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Crop; the image has `size` whatever came in.

        Raises:
            InputError: If the image has another number of channels than the padding.
        """
        if sample.image.shape[2] != len(self.fill):
            raise InputError(
                f"{sample.name} has {sample.image.shape[2]} channels, the model takes {len(self.fill)}; "
                "all images of a data set need the same"
            )
        scale = self.scales[generator.integers(len(self.scales))]
        axes = [_Scaled.by(scale, old=old) for old in sample.image.shape[:2]]
        seen = self._pixel(sample, axes, generator) if self.focus else (None, None)
        rows, columns = (
            axis.cropped(crop, around=pixel, generator=generator)
            for axis, crop, pixel in zip(axes, self.size, seen, strict=True)
        )
        image = np.empty((*self.size, sample.image.shape[2]), np.uint8)
        image[:] = self.fill
        _bilinear(sample.image, rows=rows, columns=columns, into=image)
        if self.mirrored and (rows.inside, columns.inside) != self.size:
            image = image[_mirrored(rows.inside, self.size[0])].take(_mirrored(columns.inside, self.size[1]), axis=1)
        if sample.labels is None:
            return Sample(sample.name, image, None)
        labels = np.full(self.size, self.ignore, sample.labels.dtype)
        labels[: rows.inside, : columns.inside] = sample.labels[rows.nearest].take(columns.nearest, axis=1)
        return Sample(sample.name, image, labels)

    def _pixel(
        self, sample: Sample, axes: list[_Scaled], generator: np.random.Generator
    ) -> tuple[int, int] | tuple[None, None]:
        """A pixel of the scaled image that the crop should hold, if any."""
        # One scaled pixel for each source pixel that scaling keeps: enough to find every class that is left.
        (kept_rows, rows), (kept_columns, columns) = (
            np.unique(axis.nearest(np.arange(axis.new)), return_index=True) for axis in axes
        )
        assert self.focus is not None
        if sample.labels is None:
            return None, None
        found = self.focus.pixel(sample.labels[kept_rows].take(kept_columns, axis=1), generator, ignore=self.ignore)
        return (None, None) if found is None else (int(rows[found[0]]), int(columns[found[1]]))


def _mirrored(inside: int, size: int) -> Integer[np.ndarray, " size"]:
    """Source of each of `size` pixels: beyond those inside, these backwards; the first where there are none left."""
    index = np.arange(size)
    return np.where(index < inside, index, np.maximum(2 * inside - 2 - index, 0))


def _bilinear(
    image: UInt8[np.ndarray, "h w c"], *, rows: _Axis, columns: _Axis, into: UInt8[np.ndarray, "m n c"]
) -> None:
    """Fill `into`, which is contiguous, up to what is inside; only where the crop looks is the image read."""
    left, right, channels = int(columns.low[0]), int(columns.high[-1]) + 1, image.shape[2]
    strip = np.ascontiguousarray(image).reshape(len(image), -1)[:, left * channels : right * channels]
    inside = into.reshape(len(into), -1)[: rows.inside, : columns.inside * channels]
    blend(strip, rows.between(), columns.between(channels=channels, start=left), inside)
