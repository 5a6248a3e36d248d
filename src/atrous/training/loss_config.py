"""What a run makes small, as data."""

from dataclasses import dataclass
from typing import Literal

from atrous.errors import InputError
from atrous.training.ranges import check_ranges

_RANGES = {"class_balance": (0, 2), "label_smoothing": (0, 1), "dice": (0, 100), "lovasz": (0, 100)}


@dataclass(frozen=True)
class LossConfig:
    """Cross entropy, how its pixels count, and what is added to it; the papers have nothing of this but `labels`.

    Attributes:
        class_balance: Exponent on median frequency / class frequency as a class's weight; 0 is none.
        label_smoothing: Share of every label that goes to all classes alike.
        hard_pixels: Share of a batch's pixels, those that lose most, that the loss is the mean of; 1 is all.
        hard_pixel_steps: Steps in which that share falls from 1, linearly (official code: `hard_example_mining_step`).
        dice: Weight of the Dice loss beside cross entropy.
        lovasz: Weight of the Lovasz-softmax loss beside cross entropy.
        labels: At `full` resolution, the logits upsampled; or shrunk to the `coarse` logits (DeepLabv3, Table 8: 1.2
            points worse).
        class_weights: A file with a weight per class, as `atrous doctor --fix` writes it, in place of `class_balance`.
    """

    class_balance: float = 0.0
    label_smoothing: float = 0.0
    hard_pixels: float = 1.0
    hard_pixel_steps: int = 0
    dice: float = 0.0
    lovasz: float = 0.0
    labels: Literal["full", "coarse"] = "full"
    class_weights: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers out of range, and settings that contradict each other."""
        if self.class_balance and self.class_weights:
            raise InputError("class-balance and class-weights both weigh the classes; give one of them")
        check_ranges(self, _RANGES)
        if not 0 < self.hard_pixels <= 1:
            raise InputError(f"hard pixels {self.hard_pixels} is out of range; choose a share above 0, up to 1")
        if self.hard_pixel_steps < 0:
            raise InputError("hard-pixel-steps cannot be negative")

    def hard_share(self, iteration: int) -> float:
        """The share of pixels that counts in the step after `iteration` steps."""
        done = min(iteration / self.hard_pixel_steps, 1.0) if self.hard_pixel_steps else 1.0
        return 1 - done * (1 - self.hard_pixels)
