"""Backbones: image -> features at output strides 4 and 8 and at the planned output stride."""
