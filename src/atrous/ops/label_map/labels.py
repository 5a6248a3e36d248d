"""Type of label maps."""

import torch
from jaxtyping import Int16, UInt8
from torch import Tensor

Labels = UInt8[Tensor, "b H W"] | Int16[Tensor, "b H W"]
"""Class id of every pixel."""


def label_dtype(classes: int) -> torch.dtype:
    """Return the type of label maps: uint8 as long as it can hold an ignore value besides the classes, else int16."""
    return torch.uint8 if classes <= 255 else torch.int16
