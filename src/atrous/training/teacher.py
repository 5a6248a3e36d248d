"""A teacher: a trained network whose probabilities a run learns from."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.model.deeplab import DeepLab
from atrous.ops.loss.distillation import upsample_distillation
from atrous.training.config import TrainConfig
from atrous.weights.load import load


@dataclass(frozen=True)
class Teacher:
    """A trained network, in eval mode and without gradients, which normalises images by itself.

    Attributes:
        model: The network.
        channels: Channel of the network for each class of the run.
        sha256: Sha256 of its archive.
        confidence: Least probability, 0..1, of its most probable class at the pixels that it teaches.
        weight: Factor on the loss of these pixels.
        raised_by: What its logits, in the order of the run's classes, are raised by as targets, because the run's own
            are lowered by it when they are saved (`logit_adjustment.py`); None is nothing.
    """

    model: DeepLab
    channels: Int64[Tensor, " k"]
    sha256: str
    confidence: float
    weight: float
    raised_by: Float[Tensor, " k"] | None = None

    def on(self, device: torch.device, *, raised_by: Float[Tensor, " k"] | None = None) -> "Teacher":
        """Return the teacher with its network on a device, and with targets raised by something on that device."""
        model = self.model.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return replace(self, model=model, channels=self.channels.to(device), raised_by=raised_by)

    @torch.no_grad()
    def coarse_logits(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b k i j"]:
        """Coarse logits of images, for the classes of the run."""
        return self.model(images)[:, self.channels]

    def loss(
        self,
        model: DeepLab,
        logits: Float[Tensor, "b k h w"],
        teacher_logits: Float[Tensor, "b k i j"],
        pixels: Bool[Tensor, "b H W"],
    ) -> tuple[Float[Tensor, ""], Int64[Tensor, ""]]:
        """Weighted sum of the losses, in nats, of the pixels at which the teacher is confident, and their number.

        Args:
            model: The model that learns.
            logits: Its coarse logits.
            teacher_logits: The teacher's, of the same images.
            pixels: True at the pixels that may count.
        """
        size = (pixels.shape[1], pixels.shape[2])
        total, confident = upsample_distillation(
            logits,
            teacher_logits,
            pixels,
            model.placement(size),
            self.model.placement(size),
            confidence=self.confidence,
            raised_by=self.raised_by,
        )
        return self.weight * total, confident


def load_teacher(config: TrainConfig, *, labels: LabelSpace) -> Teacher:
    """Load the teacher of a run, on the CPU.

    Its classes may stand in another order than the run's. Classes without names (`class 0`, `class 1` ...) are those of
    the same numbers.

    Raises:
        InputError: If it cannot be loaded, or its classes or channels differ from the run's.
    """
    settings = config.distillation
    archive = load(str(settings.teacher))
    names, unnamed = archive.labels.names, LabelSpace.unnamed(len(labels)).names
    if len(names) == len(labels) and unnamed in (names, labels.names):
        names = labels.names
    if sorted(names) != sorted(labels.names):
        raise InputError(
            f"the teacher {settings.teacher} has the classes {', '.join(names)}, the data {', '.join(labels.names)}; "
            "give a teacher of the data's classes"
        )
    if archive.model.config.in_channels != config.model.in_channels:
        raise InputError(
            f"the teacher {settings.teacher} takes {archive.model.config.in_channels} channels, this run's network "
            f"{config.model.in_channels}; give a teacher of the same pictures"
        )
    channels = torch.tensor([names.index(name) for name in labels.names])
    model = archive.model.eval().requires_grad_(requires_grad=False)
    return Teacher(model, channels, archive.sha256, settings.confidence, settings.teacher_weight)
