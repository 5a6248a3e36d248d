"""Types of numbers in which operators compute."""

import torch


def interpolation_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type in which numbers of a type are interpolated and summed: float32, or float64 for float64."""
    return torch.promote_types(dtype, torch.float32)
