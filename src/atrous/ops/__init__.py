"""From coarse logits to losses and labels."""

from atrous.ops.label_map.argmax_at import argmax_at
from atrous.ops.label_map.confidence import Confidence, upsample_confidence
from atrous.ops.label_map.upsample_argmax import label_dtype, upsample_argmax
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
