"""Types of label maps, and of the numbers from which they are computed."""

import torch
from jaxtyping import Int16, UInt8
from torch import Tensor

Labels = UInt8[Tensor, "b H W"] | Int16[Tensor, "b H W"]
"""Class id of every pixel."""


def label_dtype(classes: int) -> torch.dtype:
    """Type of label maps: uint8 as long as it can hold an ignore value besides the classes, else int16."""
    return torch.uint8 if classes <= 255 else torch.int16


def exact_dtype(dtype: torch.dtype) -> torch.dtype:
    """Type in which logits of a type are interpolated: single precision, or double for double."""
    return torch.promote_types(dtype, torch.float32)
