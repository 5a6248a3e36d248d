"""Feature maps of a Core ML network, and the function of each channel since the last convolution.

A Core ML file spells a ReLU6 as ReLU, times -1, at least -6, times -1, and a batch norm as a layer or not at all. All
of it is one clipped line per channel.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from atrous.errors import InputError
from atrous.importers.fused_convolution import Activation
from atrous.sizes import Size

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
        negated: True if the value is -y.
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
        """The function that changes nothing."""
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
        """True if there is a bound."""
        return (self.low, self.high) != (-math.inf, math.inf)

    @property
    def activation(self) -> Activation:
        """Name of the activation.

        Raises:
            InputError: If it has none.
        """
        if self.negated or (self.low, self.high) not in _ACTIVATIONS:
            raise InputError(f"an activation between {self.low} and {self.high}; ReLU and ReLU6 are known")
        return _ACTIVATIONS[self.low, self.high]


Resized = Literal["no", "spread", "enlarged"]


@dataclass(frozen=True, eq=False)
class TracedTensor:
    """Maps of features, or the image.

    Attributes:
        sources: The convolutions that they come from, as in `FusedConvolution.inputs`.
        channels: Number of channels.
        size: Height and width, in pixels of the image size that the file states.
        function: Function of each channel since the convolution (the image: since it was read); None once maps were
            mixed, pooled or resized, after which nothing may happen channel by channel.
        padding: Zeros on each side that were added for the next convolution.
        resized: "spread" if one position was spread over a map, as after image pooling; "enlarged" for resized logits.
        is_answer: True for probabilities and labels, which no layer may read.
    """

    sources: tuple[str, ...]
    channels: int
    size: Size
    function: Function | None = None
    padding: int = 0
    resized: Resized = "no"
    is_answer: bool = False
