"""Common parts of 8-bit exports: pictures to calibrate and to compare on, their pixel statistics, types of layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from atrous.errors import InputError
from atrous.model.deeplab import DeepLab

HELD_BACK = 4
"""One of so many pictures is held back from calibration, and compared."""

LEAST_PICTURES = 2
"""Pictures that calibration needs: one to calibrate on, one that is held back."""

LEFT_IN_FLOAT = 2
"""Number of first convolutions, the stem and the one after it, that stay in float32. On MobileNetV2 that takes two
fifths and more off the share of unequal pixels, and no time (docs/results.md)."""

Pictures = Sequence[UInt8[np.ndarray, "_ _ c"]]
"""Pictures of any sizes."""

OnProgress = Callable[[int, int], None]
"""Called with (steps done, in all)."""


@dataclass(frozen=True)
class LayerPrecision:
    """Number type of a convolution of an exported model.

    Attributes:
        name: Name of the layer in the graph.
        kind: Name of its operator.
        quantised: True if its weights and its input have 8 bits.
    """

    name: str
    kind: str
    quantised: bool


@dataclass(frozen=True)
class CalibrationShift:
    """Pixel values of the calibration pictures beside those that the scaling of the weights stands for.

    Attributes:
        mean: Mean by channel, 0..255.
        std: Standard deviation by channel.
        expected_mean: Mean that the scaling subtracts, by channel: that of the training data where it was measured.
        expected_std: Divisor of the scaling, by channel.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    expected_mean: tuple[float, ...]
    expected_std: tuple[float, ...]

    @property
    def largest(self) -> float:
        """Largest difference of the means, in expected standard deviations."""
        pairs = zip(self.mean, self.expected_mean, self.expected_std, strict=True)
        return max(abs(mean - expected) / std for mean, expected, std in pairs)

    def __str__(self) -> str:
        found, expected = (
            f"{_numbers(mean)} ± {_numbers(std)}"
            for mean, std in ((self.mean, self.std), (self.expected_mean, self.expected_std))
        )
        return f"{found}, against {expected} of the weights' scaling: a shift of {self.largest:.2f} deviations"


def calibration_shift(model: DeepLab, pictures: Pictures) -> CalibrationShift:
    """Compare the pixel values of pictures with the input scaling of a model."""
    count = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
    mean = np.sum([picture.sum(axis=(0, 1), dtype=np.float64) for picture in pictures], axis=0) / count
    squares = np.sum([(picture.astype(np.float64) ** 2).sum(axis=(0, 1)) for picture in pictures], axis=0) / count
    std = np.sqrt(np.maximum(squares - mean**2, 0))
    means, stds = model.config.conventions.input_scaling(model.config.in_channels)
    return CalibrationShift(tuple(mean.tolist()), tuple(std.tolist()), means, stds)


def split_pictures(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """Divide pictures into those to calibrate on and those that are held back.

    Raises:
        InputError: If there are too few.
    """
    if len(pictures) < LEAST_PICTURES:
        raise InputError(
            f"calibration on {len(pictures)} pictures; give a folder of at least {LEAST_PICTURES}, better 100 or more"
        )
    step = min(HELD_BACK, len(pictures))
    held_back = [picture for number, picture in enumerate(pictures) if number % step == step - 1]
    return [picture for number, picture in enumerate(pictures) if number % step != step - 1], held_back


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.0f}" for value in values)
