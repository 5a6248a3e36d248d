"""Values of a TensorFlow variable from its name alone, so that TensorFlow and a test can draw the same ones apart."""

import zlib
from collections.abc import Sequence

import numpy as np


def drawn_variable(name: str, shape: Sequence[int]) -> np.ndarray:
    """Kernels have variance 1 / fan-in, scales and variances of norms are in 0.5..1.5, all else is in -0.5..0.5.

    The scales at the end of a ResNet's units are a quarter of that, as many units are added up.

    All are one of 33 steps of their range, so that files of them can be compressed. What a RandomState draws is the
    same in every version of NumPy.
    """
    state = np.random.RandomState(zlib.crc32(name.encode()))
    values = state.randint(-16, 17, tuple(shape)).astype(np.float32) / 32
    leaf = name.rpartition("/")[2]
    if leaf == "weights":
        spread = (12 / np.prod(shape[:-1])) ** 0.5
        return values * np.float32(spread / 64 if shape[0] == 7 else spread)  # the 7x7 kernels see pixels 0..255
    if leaf == "depthwise_weights":
        return values * np.float32((12 / np.prod(shape[:2])) ** 0.5)
    if leaf in ("gamma", "moving_variance"):
        return (values + 1) * np.float32(0.25 if "bottleneck_v1/conv3" in name and leaf == "gamma" else 1)
    return values


def drawn_image(height: int, width: int) -> np.ndarray:
    """[1, height, width, 3], whole numbers 0..255 as float32."""
    state = np.random.RandomState(zlib.crc32(b"image"))
    return state.randint(0, 256, (1, height, width, 3)).astype(np.float32)
