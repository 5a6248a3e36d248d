"""Precision in which a machine trains fastest."""

from typing import Literal

import torch


def quick_precision(device: torch.device | None = None) -> Literal["float32", "bfloat16"]:
    """Return `bfloat16` where the device has instructions for it, otherwise `float32`.

    A processor without its instructions emulates it: a step of DeepLabv3+ with EfficientNet-Lite0 then takes about
    three times as long as in float32. GPUs before Ampere emulate it, too.

    Args:
        device: Device to train on; by default a GPU where there is one, else the processor.
    """
    kind = device.type if device else "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda":
        quick = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        quick = kind == "cpu" and computes_bfloat16()
    return "bfloat16" if quick else "float32"


def computes_bfloat16() -> bool:
    """Return True if the processor has instructions for bfloat16 (AVX-512 BF16, AMX, or ARM's)."""
    from llvmlite.binding import get_host_cpu_features  # part of numba, whose import takes long

    features = get_host_cpu_features()
    return any(features.get(name) for name in ("avx512bf16", "amx-bf16", "bf16"))
