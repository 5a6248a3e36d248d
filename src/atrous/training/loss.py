"""The loss of a run: coarse logits against labels of full size."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.data.class_weights import balanced_weights, read_class_weights
from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.model.deeplab import DeepLab
from atrous.ops.loss.coarse_labels import coarse_labels
from atrous.ops.loss.overlap_losses import upsample_dice, upsample_lovasz
from atrous.ops.loss.upsample_cross_entropy import upsample_cross_entropy
from atrous.ops.upsample import Placement
from atrous.training.config import LossConfig
from atrous.training.sampling import class_counts

LossFunction = Callable[[Float[Tensor, "b k h w"], Integer[Tensor, "b H W"]], Float[Tensor, ""]]
"""A user's loss: takes coarse logits and full-size labels (class ids and ignore value), returns a mean over pixels."""


class CustomLoss:
    """The loss of a run from a user's function.

    Args:
        function: Takes coarse logits and full-size labels; see `LossFunction`.
        ignore: Ignore value of the labels.
    """

    def __init__(self, function: LossFunction, *, ignore: int) -> None:
        self.ignore = ignore
        self._function = function

    def __call__(
        self, model: DeepLab, logits: Float[Tensor, "b k h w"], labels: Integer[Tensor, "b H W"], *, iteration: int
    ) -> Float[Tensor, ""]:
        """Call the function; raises InputError if it returns no single number with a gradient."""
        del model, iteration
        loss = self._function(logits, labels)
        if not (isinstance(loss, Tensor) and loss.ndim == 0 and loss.requires_grad):
            raise InputError("the loss function must return a tensor of no dimensions that depends on the logits")
        return loss


class SegmentationLoss:
    """Cross entropy over labelled pixels with the weights and additional losses of a `LossConfig`.

    Args:
        data: Data set whose ignore value is used, and whose class frequencies if the classes are balanced.
        config: Settings of the loss; masks are read only if `class_balance` is set.
        device: Device of the logits.

    Raises:
        InputError: If classes are to be balanced and no pixel has one, or the file of class weights does not fit.
    """

    def __init__(self, data: DataSet, config: LossConfig | None = None, *, device: torch.device) -> None:
        self.ignore = data.labels.ignore
        self.config = config or LossConfig()
        weights = _class_weights(data, self.config)
        self.class_weights = None if weights is None else torch.tensor(weights, dtype=torch.float32, device=device)

    def __call__(
        self, model: DeepLab, logits: Float[Tensor, "b k h w"], labels: Integer[Tensor, "b H W"], *, iteration: int
    ) -> Float[Tensor, ""]:
        """The loss of coarse logits: cross entropy in nats plus weighted Dice and Lovasz losses.

        Args:
            model: Model that gave the logits; it knows their placement over the images.
            logits: Coarse logits of images that have the labels' size.
            labels: Class ids and the ignore value.
            iteration: Number of steps done before this one, for the schedule of hard pixels.
        """
        placement = model.placement((labels.shape[1], labels.shape[2]))
        if self.config.labels == "coarse":
            size = (logits.shape[2], logits.shape[3])
            labels, placement = (
                coarse_labels(labels, size, placement=placement, ignore=self.ignore),
                Placement.whole(size, align_corners=True),
            )
        loss = upsample_cross_entropy(
            logits,
            labels,
            placement,
            ignore=self.ignore,
            class_weights=self.class_weights,
            label_smoothing=self.config.label_smoothing,
            top_k_fraction=self.config.hard_share(iteration),
        )
        for weight, overlap in ((self.config.dice, upsample_dice), (self.config.lovasz, upsample_lovasz)):
            if weight:
                loss = loss + weight * overlap(logits, labels, placement, ignore=self.ignore)
        return loss


def _class_weights(data: DataSet, config: LossConfig) -> Float[np.ndarray, " k"] | None:
    if config.class_weights is not None:
        return read_class_weights(Path(config.class_weights), space=data.labels)
    if not config.class_balance:
        return None
    counts = class_counts(data).sum(axis=0)
    if not counts.any():
        raise InputError(f"no pixel of data set {data.name} has a class; there is nothing to balance or learn")
    return balanced_weights(counts, exponent=config.class_balance)
