"""From coarse logits to losses and labels."""

from atrous.ops.cross_entropy import upsample_cross_entropy
from atrous.ops.upsample import Upsampling, upsample, upsample_argmax, upsample_bands

__all__ = ["Upsampling", "upsample", "upsample_argmax", "upsample_bands", "upsample_cross_entropy"]
