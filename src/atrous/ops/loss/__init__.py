"""Losses of upsampled logits, without logits at full size."""
