"""The papers' random flip, and photometric jitter, which is not theirs.

A transform takes a sample and the generator that belongs to this draw, and returns a new sample.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from atrous.data.sample import Sample
from atrous.data.transforms.kernels import change_colors, color_sums

Transform = Callable[[Sample, np.random.Generator], Sample]

_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])


@dataclass(frozen=True)
class RandomFlip:
    """Mirror left and right.

    Attributes:
        probability: Share of samples that are mirrored, 0..1.
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
        colors = np.ascontiguousarray(image).reshape(-1, 3)
        grey = float(color_sums(colors) / len(colors) @ _LUMA) * brightness
        matrix = _hue_matrix(turn) @ _saturation_matrix(saturation) * (contrast * brightness)
        changed = np.empty_like(colors)
        change_colors(colors, matrix.astype(np.float32), (1 - contrast) * grey, changed)
        return Sample(sample.name, changed.reshape(image.shape), sample.labels)


def _saturation_matrix(factor: float) -> np.ndarray:
    return factor * np.eye(3) + (1 - factor) * np.outer(np.ones(3), _LUMA)


def _hue_matrix(turn: float) -> np.ndarray:
    """Rotation of the I and Q axes by a part of a turn."""
    cos, sin = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.linalg.inv(_TO_YIQ) @ rotation @ _TO_YIQ
