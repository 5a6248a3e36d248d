"""A training run as data."""

import math
from dataclasses import dataclass, field
from typing import Literal

from atrous.data.transforms.scale_crop import PAPER_SCALES
from atrous.errors import InputError
from atrous.model.config import ModelConfig
from atrous.training.loss_config import LossConfig
from atrous.training.ranges import check_ranges
from atrous.training.sampling import SamplingConfig

UNSETTLED = 0.02
"""The share of batch norm's running statistics that may be left of their start after a run."""

_RANGES = {
    "head_rate": (0, 1000),
    "power": (0, 10),
    "momentum": (0, 1),
    "weight_decay": (0, 1),
    "norm_momentum": (0, 1),
    "flip": (0, 1),
    "jitter": (0, 1),
    "ema_decay": (0, 1),
    "seed": (0, 2**32 - 1),
}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what comes out of a run, except the data.

    Attributes:
        model: The network; its number of classes is the data's.
        iterations: Steps of the optimiser.
        batch_size: Crops per step.
        accumulate: Parts in which a step is computed, one after the other, to save memory; must divide the batch size.
            Batch norm, and losses that are no sum over pixels, see one part at a time; all else stays the same.
        replicas: Processes that compute a step together, each its equal share of the batch; as many as `torchrun` has
            started. Batch norm sees all of them at once, losses that are no sum over pixels one share at a time.
        crop: Height and width of a crop in pixels; multiples of the output stride, plus 1, waste nothing.
        learning_rate: At the start of the poly schedule (DeepLabv3, section 4.1: 0.007).
        head_rate: Factor on the learning rate of everything but the backbone (official code: 1).
        power: Of the poly schedule.
        warmup: Steps in which the rate rises to the schedule (not in the papers).
        momentum: Of SGD.
        weight_decay: On convolution kernels, except depthwise ones; never on batch norm and biases.
        norms: Batch norm learns (`trained`), keeps its running statistics and learns scale and shift (`frozen`: stage 2
            of the papers), or keeps all of it (`fixed`).
        norm_momentum: Share of each batch in the running statistics: 1 - decay.
        scales: Factors of the random scaling.
        flip: Probability of mirroring.
        jitter: Strength 0..1 of random brightness, contrast, saturation and hue (not in the papers).
        loss: What is made small.
        sampling: Images and crops that are seen more often than chance would show them.
        ema_decay: Of the moving average of the weights that is evaluated and kept; 0 is none.
        backbone_weights: A file, or a name in the manifest; None starts from random weights.
        weights: An archive of this very network to start from, head and all, such as one trained on COCO.
        unfold_images: Training images that give batch norms folded into the backbone weights their statistics; 0 leaves
            them at mean 0 and variance 1.
        precision: Of the network's arithmetic; weights and loss are float32 always. float16 scales the loss and needs a
            CUDA device.
        validate_every: Steps between two validations; the last step is followed by one, too.
        patience: Validations in a row without a better mIoU after which a run ends; 0 is never.
        workers: Processes that load data; 0 loads in this one.
        seed: Decides initial weights, order, crops and dropout; below 2^32.
    """

    model: ModelConfig
    iterations: int = 30000
    batch_size: int = 16
    accumulate: int = 1
    replicas: int = 1
    crop: tuple[int, int] = (513, 513)
    learning_rate: float = 0.007
    head_rate: float = 1.0
    power: float = 0.9
    warmup: int = 0
    momentum: float = 0.9
    weight_decay: float = 4e-5
    norms: Literal["trained", "frozen", "fixed"] = "trained"
    norm_momentum: float = 0.01
    scales: tuple[float, ...] = PAPER_SCALES
    flip: float = 0.5
    jitter: float = 0.0
    loss: LossConfig = field(default_factory=LossConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    ema_decay: float = 0.0
    backbone_weights: str | None = None
    weights: str | None = None
    unfold_images: int = 64
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    validate_every: int = 1000
    patience: int = 0
    workers: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse runs that cannot work, before anything is read."""
        if min(self.iterations, self.batch_size, self.validate_every, *self.crop) < 1:
            raise InputError("iterations, batch size, crop and validate-every must be at least 1")
        if min(self.workers, self.warmup, self.unfold_images, self.patience) < 0:
            raise InputError("workers, warmup, unfold-images and patience cannot be negative")
        if self.accumulate < 1 or self.batch_size % self.accumulate:
            raise InputError(
                f"accumulate {self.accumulate} does not divide the batch size {self.batch_size} into equal parts"
            )
        if self.replicas < 1 or self.batch_size % (self.accumulate * self.replicas):
            raise InputError(
                f"{self.replicas} replicas, accumulate {self.accumulate} do not divide the batch size "
                f"{self.batch_size} into equal parts; choose a multiple of {max(self.replicas, 1) * self.accumulate}"
            )
        if self.jitter and self.model.in_channels != 3:
            raise InputError(f"jitter is for RGB, not for {self.model.in_channels} channels; set --jitter 0")
        if self.weights and self.backbone_weights:
            raise InputError("weights fill the backbone, too; leave out backbone-weights")
        if not 0 < self.learning_rate <= 100:
            raise InputError(
                f"learning rate {self.learning_rate} is out of range; choose a value above 0, such as 0.007"
            )
        if not self.scales or not all(0 < scale <= 16 for scale in self.scales):
            raise InputError(f"scales {self.scales} must lie above 0 and not above 16")
        check_ranges(self, _RANGES)
        unsettled = (1 - self.norm_momentum) ** self.iterations
        if self.norms == "trained" and unsettled > UNSETTLED:
            raise InputError(
                f"norm momentum {self.norm_momentum} leaves {unsettled:.0%} of the running statistics at their start "
                f"after {self.iterations} iterations; choose at least {settling_momentum(self.iterations)}"
            )

    def validates(self, iteration: int) -> bool:
        """Whether there is a validation after `iteration` steps."""
        return iteration % self.validate_every == 0 or iteration == self.iterations


def settling_momentum(iterations: int) -> float:
    """The least norm momentum, rounded up to two digits, that lets running statistics forget their start."""
    least = 1 - (0.99 * UNSETTLED) ** (1 / iterations)  # a little more than needed, for the rounding errors
    digits = 1 - math.floor(math.log10(least))
    return math.ceil(least * 10**digits) / 10**digits
