"""The papers' training transforms: random scale, pad, random crop, random flip; and photometric jitter.

A transform takes a sample and the generator that belongs to this draw, and returns a new sample.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Integer, Real, UInt8

from atrous.data.sample import Sample
from atrous.errors import InputError

Transform = Callable[[Sample, np.random.Generator], Sample]

PAPER_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
"""The seven discrete scales of the official code (`min_scale_factor` 0.5 to 2.0 in steps of 0.25)."""

_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])


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
    """

    size: tuple[int, int]
    fill: tuple[int, ...]
    ignore: int
    scales: tuple[float, ...] = PAPER_SCALES

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
        rows, columns = (
            _Axis.random(old, scale=scale, crop=crop, generator=generator)
            for old, crop in zip(sample.image.shape[:2], self.size, strict=True)
        )
        image = np.empty((*self.size, sample.image.shape[2]), np.uint8)
        image[:] = self.fill
        image[: rows.inside, : columns.inside] = _bilinear(sample.image, rows=rows, columns=columns)
        if sample.labels is None:
            return Sample(sample.name, image, None)
        labels = np.full(self.size, self.ignore, sample.labels.dtype)
        labels[: rows.inside, : columns.inside] = sample.labels[rows.nearest].take(columns.nearest, axis=1)
        return Sample(sample.name, image, labels)


@dataclass(frozen=True)
class RandomFlip:
    """Mirror left and right.

    Attributes:
        probability: How often, 0..1.
    """

    probability: float = 0.5

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Mirror, or return the sample as it is."""
        if generator.random() >= self.probability:
            return sample
        labels = None if sample.labels is None else np.ascontiguousarray(sample.labels[:, ::-1])
        return Sample(sample.name, np.ascontiguousarray(sample.image[:, ::-1]), labels)


@dataclass(frozen=True)
class PhotometricJitter:
    """Change brightness, contrast, saturation and hue, in this order; not part of the papers' protocol.

    All four are linear in RGB, so they are one matrix and one offset per image, rounded and clipped once.

    Attributes:
        brightness: Factor drawn from 1 - b .. 1 + b, on RGB.
        contrast: Factor likewise, on the distance from the image's mean luma.
        saturation: Factor likewise, on the distance from each pixel's luma.
        hue: Rotation of the chroma (YIQ) drawn from -h .. h, in turns; 0.5 is every hue.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= value <= 1 for value in (self.brightness, self.contrast, self.saturation)):
            raise ValueError("brightness, contrast and saturation are in 0..1")
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"hue {self.hue} is a part of a turn, 0..0.5")

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Change the image; the labels stay what they are."""
        brightness, contrast, saturation = (
            generator.uniform(1 - spread, 1 + spread) for spread in (self.brightness, self.contrast, self.saturation)
        )
        turn = generator.uniform(-self.hue, self.hue)
        image = sample.image
        grey = float(image.mean(axis=(0, 1)) @ _LUMA) * brightness
        matrix = _hue_matrix(turn) @ _saturation_matrix(saturation) * (contrast * brightness)
        return Sample(sample.name, _affine(image, matrix=matrix, offset=(1 - contrast) * grey), sample.labels)


@dataclass(frozen=True)
class _Axis:
    """Where the pixels of a crop come from along one axis.

    Attributes:
        low: Source index at or before each crop pixel that lies inside the scaled image.
        high: The source index after it.
        weight: How far it lies from `low` towards `high`, 0..1.
        nearest: Source index of the nearest pixel, halves up.
        inside: How many crop pixels lie inside; the rest is padding.
    """

    low: Integer[np.ndarray, " n"]
    high: Integer[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]
    nearest: Integer[np.ndarray, " n"]
    inside: int

    @classmethod
    def random(cls, old: int, *, scale: float, crop: int, generator: np.random.Generator) -> "_Axis":
        new = max(1, int(old * scale))
        start = int(generator.integers(max(new, crop) - crop + 1))
        index = np.arange(start, min(start + crop, new))
        span = max(new - 1, 1)
        # Position in the source is index * (old - 1) / span, kept as integers: exact on every machine.
        scaled = index * (old - 1)
        low = scaled // span
        return cls(
            low=low,
            high=np.minimum(low + 1, old - 1),
            weight=(scaled % span / span).astype(np.float32),
            nearest=(2 * scaled + span) // (2 * span),
            inside=len(index),
        )


def _bilinear(image: UInt8[np.ndarray, "h w c"], *, rows: _Axis, columns: _Axis) -> UInt8[np.ndarray, "m n c"]:
    """Rows first, then columns, only where the crop looks."""
    left, right = int(columns.low[0]), int(columns.high[-1]) + 1
    strip = image[:, left:right]
    tall = _blend(strip[rows.low], strip[rows.high], weight=rows.weight[:, None])
    low, high = (tall.take(index - left, axis=1) for index in (columns.low, columns.high))
    wide = _blend(low, high, weight=columns.weight.repeat(image.shape[2]))
    wide += np.float32(0.5)
    return wide.astype(np.uint8)


def _blend(
    low: Real[np.ndarray, "m n c"], high: Real[np.ndarray, "m n c"], *, weight: Float32[np.ndarray, "..."]
) -> Float32[np.ndarray, "m n c"]:
    """`low` + (`high` - `low`) * weight, the weight per row, or per column and channel; may overwrite `high`."""
    # Columns and channels as one axis: numpy is several times slower on a last axis of length 3.
    start = low.reshape(len(low), -1).astype(np.float32, copy=False)
    blended = high.reshape(len(high), -1).astype(np.float32, copy=False)
    blended -= start
    blended *= weight
    blended += start
    return blended.reshape(low.shape)


def _saturation_matrix(factor: float) -> np.ndarray:
    return factor * np.eye(3) + (1 - factor) * np.outer(np.ones(3), _LUMA)


def _hue_matrix(turn: float) -> np.ndarray:
    """Rotation of the I and Q axes by a part of a turn."""
    cos, sin = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.linalg.inv(_TO_YIQ) @ rotation @ _TO_YIQ


def _affine(image: UInt8[np.ndarray, "h w 3"], *, matrix: np.ndarray, offset: float) -> UInt8[np.ndarray, "h w 3"]:
    changed = image.reshape(-1, 3).astype(np.float32) @ matrix.T.astype(np.float32)
    changed += np.float32(offset + 0.5)
    return np.clip(changed, 0, 255, out=changed).astype(np.uint8).reshape(image.shape)
