"""OpenVINO without AMX: its 8-bit kernels for these instructions end the process on some networks.

Seen with OpenVINO 2026.4.1 on Linux, on the first picture of a quantised network of few channels, where the processor
lists `amx_tile` and the kernel grants its registers. With all instructions but these the same file computes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SETTING = "ONEDNN_MAX_CPU_ISA"
"""Environment variable of oneDNN, which OpenVINO contains; read once, when the first network is compiled."""


@contextmanager
def without_amx() -> Iterator[None]:
    """Keep OpenVINO from AMX in this context, unless the environment says which instructions are used."""
    if SETTING in os.environ:
        yield
        return
    os.environ[SETTING] = "AVX512_CORE_BF16"  # torch's own oneDNN has its own, and is not asked in this context
    try:
        yield
    finally:
        del os.environ[SETTING]
