"""The loss of a run: upsampled logits against full labels, with the weights of the classes."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.model.deeplab import DeepLab
from atrous.ops.upsample_cross_entropy import upsample_cross_entropy
from atrous.training.class_weights import balanced_weights, class_counts


class SegmentationLoss:
    """Cross entropy over labelled pixels.

    Args:
        data: Its ignore value counts, and its class frequencies where the classes are balanced.
        class_balance: Exponent of the class weights; 0 reads nothing and weighs nothing.
        label_smoothing: Share of every label that goes to all classes alike.
        hard_pixels: Share of a batch's pixels, those that lose most, that count; 1 is all.
        device: Where the logits will be.

    Raises:
        InputError: If classes are to be balanced and no pixel has one.
    """

    def __init__(
        self,
        data: DataSet,
        *,
        class_balance: float,
        label_smoothing: float = 0.0,
        hard_pixels: float = 1.0,
        device: torch.device,
    ) -> None:
        self.ignore = data.labels.ignore
        self.label_smoothing = label_smoothing
        self.hard_pixels = hard_pixels
        self.class_weights: Tensor | None = None
        if class_balance:
            counts = class_counts(data)
            if not counts.any():
                raise InputError(f"no pixel of data set {data.name} has a class; there is nothing to balance or learn")
            weights = balanced_weights(counts, exponent=class_balance)
            self.class_weights = torch.tensor(weights, dtype=torch.float32, device=device)

    def __call__(
        self, model: DeepLab, logits: Float[Tensor, "b k h w"], labels: Integer[Tensor, "b H W"]
    ) -> Float[Tensor, ""]:
        """Mean loss in nats of coarse logits that `model` gave for images of the labels' size."""
        height, width = labels.shape[-2:]
        return upsample_cross_entropy(
            logits,
            labels,
            **model.upsampling((height, width))._asdict(),
            ignore=self.ignore,
            class_weights=self.class_weights,
            label_smoothing=self.label_smoothing,
            hardest=self.hard_pixels,
        )
