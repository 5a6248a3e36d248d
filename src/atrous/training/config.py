"""Settings of a training run: loss, sampling, and everything else that decides its result except the data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from atrous.data.transforms.scale_crop import PAPER_SCALES
from atrous.errors import InputError
from atrous.model.config import ModelConfig

MAX_INITIAL_SHARE = 0.02
"""Largest share of batch norm's initial running statistics that may remain in them after a run."""

HARD_CLASSES = ("bicycle", "chair", "diningtable", "pottedplant", "sofa")
"""The five of the paper, as PASCAL VOC spells them."""

_RANGES = {
    "head_rate": (0, 1000),
    "power": (0, 10),
    "momentum": (0, 1),
    "weight_decay": (0, 1),
    "norm_momentum": (0, 1),
    "flip_probability": (0, 1),
    "jitter": (0, 1),
    "degradation": (0, 1),
    "ema_decay": (0, 1),
    "logit_adjustment": (0, 1),
    "seed": (0, 2**32 - 1),
}


@dataclass(frozen=True)
class LossConfig:
    """Weights and additions to the cross entropy; of these the papers have only `labels`.

    Attributes:
        class_balance: Exponent of the class weights (median frequency / class frequency); 0 is no weighting.
        label_smoothing: Share 0..1 of every label that is spread evenly over all classes.
        hard_pixels: Share 0..1 of a batch's pixels, those with the largest loss, over which the loss is averaged.
        hard_pixel_steps: Number of steps in which that share falls linearly from 1 (official code:
            `hard_example_mining_step`).
        dice: Weight of the Dice loss beside cross entropy.
        lovasz: Weight of the Lovasz-softmax loss beside cross entropy.
        labels: `full` upsamples the logits to the labels; `coarse` shrinks the labels to the logits (DeepLabv3, Table
            8: 1.2 points worse).
        class_weights: File with a weight per class, as `atrous doctor --fix` writes it; replaces the recipe's
            `class_balance`.
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
        """Refuse numbers out of range and settings that contradict each other; raises InputError."""
        if self.class_balance and self.class_weights:
            raise InputError("class-balance and class-weights both weigh the classes; give one of them")
        _check_ranges(self, {"class_balance": (0, 2), "label_smoothing": (0, 1), "dice": (0, 100), "lovasz": (0, 100)})
        if not 0 < self.hard_pixels <= 1:
            raise InputError(f"hard pixels {self.hard_pixels} is out of range; choose a share above 0, up to 1")
        if self.hard_pixel_steps < 0:
            raise InputError("hard-pixel-steps cannot be negative")

    def hard_share(self, iteration: int) -> float:
        """Share 0..1 of the pixels that the loss averages over in the step after `iteration` steps."""
        done = min(iteration / self.hard_pixel_steps, 1.0) if self.hard_pixel_steps else 1.0
        return 1 - done * (1 - self.hard_pixels)


@dataclass(frozen=True)
class SamplingConfig:
    """Bootstrapping (DeepLabv3, section 4.2: images with hard classes are duplicated) and crops around classes.

    Attributes:
        hard_copies: Number of times that an epoch shows an image with a hard class; 1 is no bootstrapping.
        hard_classes: Names of the hard classes; of the default, the paper's five, those that the data has.
        class_crops: Probability 0..1 that a crop is placed over a pixel of a class drawn from `crop_classes` (not in
            the papers).
        crop_classes: Names of these classes; if empty, all classes that an image shows.
    """

    hard_copies: int = 1
    hard_classes: tuple[str, ...] = HARD_CLASSES
    class_crops: float = 0.0
    crop_classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers out of range; class names are checked against the data later."""
        _check_ranges(self, {"hard_copies": (1, 100), "class_crops": (0, 1)})


@dataclass(frozen=True)
class DistillationConfig:
    """Learning from a teacher: a trained network whose probabilities are targets beside the labels, or instead of them.

    Of each crop that the teacher is asked about, the loss is the cross entropy with its probabilities, over the pixels
    at which it is confident (Hinton et al., arXiv 1503.02531; FixMatch, arXiv 2001.07685; not in the papers).

    Attributes:
        teacher: Weights of the teacher: archive, run folder or name, with the classes of the data; None is no teacher.
        unlabelled: Folder (or pattern) of pictures without labels, which the teacher then labels; without one, it
            teaches on the labelled pictures.
        unlabelled_share: Share of every batch's crops that are of unlabelled pictures, above 0, below 1.
        confidence: Least probability of the teacher's most probable class, 0..1, at the pixels that it teaches.
        teacher_weight: Factor on the loss of these pixels; a labelled pixel has the factor 1.
    """

    teacher: str | None = None
    unlabelled: str | None = None
    unlabelled_share: float = 0.5
    confidence: float = 0.9
    teacher_weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers out of range, and unlabelled pictures without a teacher; raises InputError."""
        _check_ranges(self, {"confidence": (0, 1), "teacher_weight": (0, 100)})
        if not 0 < self.unlabelled_share < 1:
            raise InputError(f"unlabelled share {self.unlabelled_share} is out of range; choose one above 0, below 1")
        if self.unlabelled and not self.teacher:
            raise InputError(
                f"nobody labels the pictures of --unlabelled {self.unlabelled}; name trained weights with --teacher"
            )


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the result of a run, except the data.

    Attributes:
        model: The network; its number of classes is the data's.
        iterations: Number of optimizer steps.
        batch_size: Number of crops per step.
        accumulate: Parts in which a step is computed, one after the other, to save memory; must divide the batch size.
            Batch norm, and losses that are not sums over pixels, see one part at a time; all else stays the same.
        replicas: Number of processes that share every batch in equal parts; as many as `torchrun` has started. Batch
            norm is over the whole batch; losses that are not sums over pixels see one part at a time.
        crop: Height and width of a crop in pixels; multiples of the output stride, plus 1, waste nothing.
        learning_rate: Initial rate of the poly schedule (DeepLabv3, section 4.1: 0.007).
        head_rate: Factor on the learning rate of everything but the backbone (official code: 1).
        power: Exponent of the poly schedule.
        warmup: Number of first steps in which the rate rises linearly to the schedule (not in the papers).
        momentum: Momentum of SGD.
        weight_decay: L2 penalty on convolution kernels except depthwise ones; never on batch norm and biases.
        norms: `trained` updates batch norm as usual; `frozen` fixes its running statistics and trains scale and shift
            (second stage of the papers); `fixed` fixes all of it.
        norm_momentum: Weight of each batch in the running statistics: 1 - decay.
        norm_images: Number of training crops, rounded up to whole batches, unlabelled ones included, from which the
            running statistics are computed anew for every validation and the weights that it saves (not in the papers);
            0 takes the moving average of training.
        logit_adjustment: Share 0..1 of `class_balance` that is taken back out of the network that is validated and
            saved: it lowers the logit of each class by so much of the logarithm of its weight, so that rare classes are
            found but not painted too large (not in the papers). Logits of `weights`, and of a teacher as targets, are
            raised by as much before.
        scales: Factors of the random scaling.
        flip_probability: Probability 0..1 that a crop is mirrored left to right.
        jitter: Strength 0..1 of random brightness, contrast, saturation and hue (not in the papers).
        degradation: Strength 0..1 of random exposure, blur and noise (not in the papers).
        loss: Settings of the loss.
        sampling: Settings that show some images and crops more often.
        distillation: Settings of a teacher and of pictures without labels.
        ema_decay: Decay of the moving average of the weights, which is then evaluated and saved; 0 is no average.
        backbone_weights: File, or name in the manifest, with weights for the backbone; None starts from random ones.
        weights: Archive of the same network to start from, head included, such as one trained on COCO; replaces the
            recipe's `backbone_weights`.
        unfold_images: Number of training images from which batch norms that were folded into the backbone weights get
            their statistics; 0 leaves them at mean 0 and variance 1.
        precision: Number type of the network's arithmetic; weights and loss are always float32. float16 scales the loss
            and needs a CUDA device.
        validate_every: Number of steps between two validations; there is one after the last step, too.
        patience: Number of validations in a row without a better mIoU after which a run ends; 0 is never.
        workers: Number of processes that load data; 0 loads in this process.
        seed: Seed of initial weights, order of images, crops and dropout; below 2^32.
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
    norm_images: int = 0
    logit_adjustment: float = 0.0
    scales: tuple[float, ...] = PAPER_SCALES
    flip_probability: float = 0.5
    jitter: float = 0.0
    degradation: float = 0.0
    loss: LossConfig = field(default_factory=LossConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
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
        """Refuse settings that cannot work or contradict each other; raises InputError."""
        if min(self.iterations, self.batch_size, self.validate_every, *self.crop) < 1:
            raise InputError("iterations, batch size, crop and validate-every must be at least 1")
        if min(self.workers, self.warmup, self.unfold_images, self.norm_images, self.patience) < 0:
            raise InputError("workers, warmup, unfold-images, norm-images and patience cannot be negative")
        if self.norm_images and self.norms != "trained":
            raise InputError(f"norms {self.norms} keeps the running statistics; leave out norm-images")
        if self.accumulate < 1 or self.batch_size % self.accumulate:
            raise InputError(
                f"accumulate {self.accumulate} does not divide the batch size {self.batch_size} into equal parts"
            )
        if self.replicas < 1 or self.batch_size % (self.accumulate * self.replicas):
            raise InputError(
                f"{self.replicas} replicas, accumulate {self.accumulate} do not divide the batch size "
                f"{self.batch_size} into equal parts; choose a multiple of {max(self.replicas, 1) * self.accumulate}"
            )
        if self.distillation.unlabelled and self.batch_size < 2 * self.accumulate * self.replicas:
            raise InputError(
                f"a batch of {self.batch_size} has no room for labelled and unlabelled crops in each of its "
                f"{self.accumulate * self.replicas} parts; raise --batch-size or lower --accumulate"
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
            raise InputError(f"scales {self.scales} must be above 0 and not above 16")
        _check_ranges(self, _RANGES)
        remaining = (1 - self.norm_momentum) ** self.iterations
        if self.norms == "trained" and remaining > MAX_INITIAL_SHARE:
            raise InputError(
                f"norm momentum {self.norm_momentum} leaves {remaining:.0%} of the running statistics at their start "
                f"after {self.iterations} iterations; choose at least {least_norm_momentum(self.iterations)}"
            )

    @property
    def unlabelled_crops(self) -> int:
        """Number of a batch's crops that are of unlabelled pictures: as many in each of its parts."""
        if not self.distillation.unlabelled:
            return 0
        parts = self.accumulate * self.replicas
        a_part = self.batch_size // parts
        return parts * min(max(round(a_part * self.distillation.unlabelled_share), 1), a_part - 1)

    @property
    def labelled_crops(self) -> int:
        """Number of a batch's crops that are of labelled pictures."""
        return self.batch_size - self.unlabelled_crops

    def validates(self, iteration: int) -> bool:
        """Return True if there is a validation after `iteration` steps."""
        return iteration % self.validate_every == 0 or iteration == self.iterations


def least_norm_momentum(iterations: int) -> float:
    """Least norm momentum, rounded up to two digits, after which the running statistics have forgotten their start."""
    least = 1 - (0.99 * MAX_INITIAL_SHARE) ** (1 / iterations)  # a little more than needed, for the rounding errors
    digits = 1 - math.floor(math.log10(least))
    return math.ceil(least * 10**digits) / 10**digits


def _check_ranges(config: object, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Refuse numbers that are out of range or NaN.

    Args:
        config: Object whose fields are checked.
        ranges: Least and highest value by name of the field.

    Raises:
        InputError: If a number is out of range; the message names field, value and range.
    """
    for name, (least, highest) in ranges.items():
        value = getattr(config, name)
        if not least <= value <= highest:
            words = name.replace("_", " ")
            raise InputError(f"{words} {value} is out of range; choose {least} to {highest}")
