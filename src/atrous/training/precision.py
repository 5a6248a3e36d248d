"""Precision in which a machine trains fastest."""

from typing import Literal

import torch


def quick_precision() -> Literal["float32", "bfloat16"]:
    """Return `bfloat16` where a GPU or the processor computes in it, otherwise `float32`.

    A processor without its instructions emulates it: a step of DeepLabv3+ with EfficientNet-Lite0 then takes about
    three times as long as in float32.
    """
    return "bfloat16" if torch.cuda.is_available() or computes_bfloat16() else "float32"


def computes_bfloat16() -> bool:
    """Return True if the processor has instructions for bfloat16 (AVX-512 BF16, AMX, or ARM's)."""
    from llvmlite.binding import get_host_cpu_features  # part of numba, whose import takes long

    features = get_host_cpu_features()
    return any(features.get(name) for name in ("avx512bf16", "amx-bf16", "bf16"))
