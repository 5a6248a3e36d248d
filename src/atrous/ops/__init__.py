"""Operators on tensors: label maps and losses of upsampled coarse logits, and fast convolutions on a CPU."""

from atrous.ops.label_map.confidence import Confidence, upsample_confidence
from atrous.ops.label_map.labels import label_dtype
from atrous.ops.label_map.upsample_argmax import argmax_at, upsample_argmax
from atrous.ops.loss.upsample_cross_entropy import upsample_cross_entropy
from atrous.ops.upsample import Placement, upsample, upsample_bands

__all__ = [
    "Confidence",
    "Placement",
    "argmax_at",
    "label_dtype",
    "upsample",
    "upsample_argmax",
    "upsample_bands",
    "upsample_confidence",
    "upsample_cross_entropy",
]
