"""What happens to each channel on its own between a convolution and whatever reads it next.

A Core ML file spells a ReLU6 as ReLU, times -1, at least -6, times -1, and a batch norm as a layer or not at all. All
of it is one clipped line per channel.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from atrous.errors import InputError
from atrous.importers.fused_convolution import Activation

_ACTIVATIONS: dict[tuple[float, float], Activation] = {
    (-math.inf, math.inf): "none",
    (0.0, math.inf): "relu",
    (0.0, 6.0): "relu6",
}


@dataclass(frozen=True, eq=False)
class Function:
    """y = clip(slope x + offset, low, high), or -y.

    Attributes:
        slope: One per channel.
        offset: One per channel.
        low: The least value.
        high: The largest.
        negated: Whether it is -y.
        mean: Running mean of x, where a batch norm says it.
        variance: Its running variance.
    """

    slope: Float[np.ndarray, " c"]
    offset: Float[np.ndarray, " c"]
    low: float = -math.inf
    high: float = math.inf
    negated: bool = False
    mean: Float[np.ndarray, " c"] | None = None
    variance: Float[np.ndarray, " c"] | None = None

    @classmethod
    def identity(cls, channels: int) -> "Function":
        """Changes nothing."""
        return cls(np.ones(channels), np.zeros(channels))

    def line(self, slope: np.ndarray | float, offset: np.ndarray | float) -> "Function":
        """Then slope y + offset.

        Raises:
            InputError: If that follows an activation.
        """
        if np.ndim(slope) == 0 and slope == -1 and np.ndim(offset) == 0 and offset == 0:
            return replace(self, negated=not self.negated)
        if self.negated or self.clipped:
            raise InputError("arithmetic after an activation is in no official DeepLab file")
        return replace(self, slope=self.slope * slope, offset=self.offset * slope + offset)

    def norm(
        self, *, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
    ) -> "Function":
        """Then a batch norm.

        Raises:
            InputError: If a variance is not positive, or that follows an activation.
        """
        if variance.min() < 0 or not (variance + epsilon > 0).all():
            raise InputError("a batch norm with a variance that is not positive")
        slope = gamma / np.sqrt(variance + epsilon)
        normed = self.line(slope, beta - slope * mean)
        if self.mean is None and (self.slope == 1).all():
            return replace(normed, mean=mean - self.offset, variance=variance)
        return replace(normed, mean=None, variance=None)

    def clip(self, low: float, high: float) -> "Function":
        """Then not below `low`, not above `high`."""
        if self.negated:
            low, high = -high, -low
        return replace(self, low=max(self.low, low), high=min(self.high, high))

    @property
    def clipped(self) -> bool:
        """Whether there is a bound."""
        return (self.low, self.high) != (-math.inf, math.inf)

    @property
    def activation(self) -> Activation:
        """Its name.

        Raises:
            InputError: If it has none.
        """
        if self.negated or (self.low, self.high) not in _ACTIVATIONS:
            raise InputError(f"an activation between {self.low} and {self.high}; ReLU and ReLU6 are known")
        return _ACTIVATIONS[self.low, self.high]
