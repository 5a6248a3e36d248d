"""Placement and argmax in one: label maps from coarse logits."""
