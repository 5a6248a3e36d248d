"""Backbones: image -> features at output stride 4 and at the planned output stride."""
