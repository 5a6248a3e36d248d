"""Details in which networks of other projects differ from the papers' networks, as one value beside the conventions.

The papers' networks have the defaults. Other values exist so that weights trained elsewhere compute what they computed
there; docs/deviations.md lists who needs which.
"""

from dataclasses import dataclass
from typing import Literal

from atrous.errors import InputError
from atrous.model.stride_plan import UnstridedRate

LowLevel = Literal["inside", "output"]
"""Where features for the decoder leave a unit: inside it, or behind it."""

Padded = Literal["convolutions", "units"]
"""Place of zero padding: around the input of each convolution, or of each unit."""

SecondRate = Literal["planned", "one"]
"""Rate of the second 3x3 convolution of a basic unit: that of the units after the stride, or 1."""

StridedLayer = Literal["3x3", "1x1"]
"""Convolution of a bottleneck that strides: the 3x3, or the first 1x1."""

BetweenSeparable = Literal["norm and relu", "nothing"]
"""Layers between the depthwise and the pointwise convolution of heads and decoders."""

MiddleLevel = tuple[int, Literal["depthwise", "output"]]
"""Number of a MobileNetV3 layer as the official code counts them, and which of its maps."""


@dataclass(frozen=True)
class Compatibility:
    """Details that only weights of other projects, or official weights of one network, ask for.

    Attributes:
        low_level: Map that the decoder takes from the last unit before the network strides. "inside" is the official
            code's: the depthwise output of a MobileNet, the residual of a ResNet before the sum. "output" is the unit's
            output, shortcut and activation included (all other projects).
        middle_level: Layer and map of a MobileNetV3 that give the features at output stride 8. None is the official
            code's: the depthwise output, before squeeze-and-excite, of layer 7 (large) or 4 (small). torchvision takes
            the output of layer 5 (large) or 3 (small).
        unstrided_rate: Rate of a unit that gives up its stride: "before" is the rate of the units before it (official
            code, torchvision's ResNets), "after" the rate of the units after it (torchvision's MobileNetV3, jfzhang95,
            detectron2, segmentation_models.pytorch).
        padded: Where a MobileNetV2 puts zeros: around the input of each convolution, or around the input of each unit,
            whose expansion turns them into other numbers, and nowhere in the stem (VainF).
        between_separable: Layers between the depthwise and the pointwise convolution of ASPP and decoder: batch norm
            and ReLU (official code), or none (segmentation_models.pytorch, VainF).
        pool_window: (height, width) in pixels of the windows whose means replace the mean of the whole image in the
            head: the size of a training crop in detectron2's ASPP, 769x769 in the official Lite R-ASPP. None is the
            whole image.
        second_rate: Rate of the second 3x3 convolution in the units of ResNet-18 and -34: "planned" is that of the
            units after the stride that its unit gives up, "one" always 1 (MMSegmentation).
        strided_layer: Convolution of a ResNet's bottleneck that strides: the 3x3 (official code, torchvision), or the
            1x1 before it (weights that come from Caffe: `style="caffe"` in MMSegmentation, `STRIDE_IN_1X1` in
            detectron2).
    """

    low_level: LowLevel = "inside"
    middle_level: MiddleLevel | None = None
    unstrided_rate: UnstridedRate = "before"
    padded: Padded = "convolutions"
    between_separable: BetweenSeparable = "norm and relu"
    pool_window: tuple[int, int] | None = None
    second_rate: SecondRate = "planned"
    strided_layer: StridedLayer = "3x3"

    def __post_init__(self) -> None:
        """Reject choices that do not exist."""
        check_choice(self.low_level, ("inside", "output"), name="low level")
        check_choice(self.unstrided_rate, ("before", "after"), name="unstrided rate")
        check_choice(self.padded, ("convolutions", "units"), name="padding of")
        check_choice(self.between_separable, ("norm and relu", "nothing"), name="between separable")
        check_choice(self.second_rate, ("planned", "one"), name="second rate")
        check_choice(self.strided_layer, ("3x3", "1x1"), name="strided layer")
        check_window("window", self.pool_window or (1, 1))


def check_choice(value: str, choices: tuple[str, ...], *, name: str) -> None:
    """Raise InputError unless the value is one of the choices."""
    if value not in choices:
        raise InputError(f"{name} {value!r:.80} is unknown; choose {' or '.join(choices)}")


def check_window(name: str, size: tuple[int, int]) -> None:
    """Raise InputError unless a pooling window or stride is two numbers of pixels that a map can have."""
    if len(size) != 2 or not all(1 <= pixels <= 65536 for pixels in size):
        raise InputError(f"pool {name} {size} needs two numbers of pixels, 1 to 65536")


PAPERS = Compatibility()
"""The papers' networks as the official code builds them."""
