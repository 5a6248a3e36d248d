"""Random exposure, blur and noise: what other cameras and other light do to a picture (not in the papers)."""

from dataclasses import dataclass

import numpy as np

from atrous.data.sample import Sample

LONGEST_BLUR = 2.0
"""Largest standard deviation of the blur in pixels."""

LOUDEST_NOISE = 30.0
"""Largest standard deviation of the noise, in values of 0..255."""


@dataclass(frozen=True)
class RandomDegradation:
    """Change the exposure by a power of the values, blur, and add noise, in this order, each with probability 1/2.

    The exponent is drawn from 2^-s .. 2^s evenly in its logarithm, the standard deviation of the Gaussian blur from
    0 .. 2 s pixels, that of the Gaussian noise, which is independent in every value, from 0 .. 30 s. The result is
    rounded and clipped once. Images of any number of channels are taken.

    Attributes:
        strength: The s of these ranges, 0..1.
    """

    strength: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength {self.strength} is out of range 0..1")

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Change the image; the labels stay what they are."""
        exposed, blurred, noisy = generator.random(3) < 0.5
        exponent = 2 ** generator.uniform(-self.strength, self.strength)
        blur = generator.uniform(0, LONGEST_BLUR * self.strength)
        noise = generator.uniform(0, LOUDEST_NOISE * self.strength)
        image = sample.image
        if not (exposed or blurred or noisy):
            return sample
        values = (
            (255 * (np.arange(256) / 255) ** exponent).astype(np.float32)[image]
            if exposed
            else image.astype(np.float32)
        )
        if blurred:
            values = _blurred(values, blur)
        if noisy:
            values += np.float32(noise) * generator.standard_normal(values.shape, np.float32)
        return Sample(sample.name, np.clip(np.rint(values), 0, 255).astype(np.uint8), sample.labels)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of rows, then of columns, up to four standard deviations away; edges are mirrored."""
    reach = int(4 * sigma + 0.5)
    if reach == 0:
        return values
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        lines = np.moveaxis(values, axis, 0)
        padded = np.pad(lines, ((reach, reach), (0, 0), (0, 0)), mode="reflect")
        mean = np.zeros_like(lines)
        for place, weight in enumerate(weights):
            mean += weight * padded[place : place + len(lines)]
        values = np.moveaxis(mean, 0, axis)
    return values
