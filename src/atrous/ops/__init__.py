"""Operators on tensors: label maps and losses of upsampled coarse logits, and fast convolutions on a CPU."""

from atrous.ops.label_map.labels import label_dtype
from atrous.ops.label_map.upsample_argmax import upsample_argmax, upsample_argmax_at
from atrous.ops.loss.upsample_cross_entropy import upsample_cross_entropy
from atrous.ops.upsample import Placement, upsample, upsample_bands

__all__ = [
    "Placement",
    "label_dtype",
    "upsample",
    "upsample_argmax",
    "upsample_argmax_at",
    "upsample_bands",
    "upsample_cross_entropy",
]
