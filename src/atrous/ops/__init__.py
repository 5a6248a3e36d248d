"""From coarse logits to losses and labels."""

from atrous.ops.upsample import Upsampling, upsample, upsample_argmax, upsample_bands
from atrous.ops.upsample_cross_entropy import upsample_cross_entropy

__all__ = ["Upsampling", "upsample", "upsample_argmax", "upsample_bands", "upsample_cross_entropy"]
