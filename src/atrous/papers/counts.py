"""Multiply-adds and parameters of a row, at the size and number of classes of the paper."""

from dataclasses import replace
from functools import cache

import torch

from atrous.analysis.multiply_adds import Counts, count
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.papers.table import Inference
from atrous.sizes import Size


def row_counts(model: ModelConfig, inference: Inference, *, size: Size, classes: int) -> Counts:
    """Count a network under an inference strategy for images of a size (height, width in pixels).

    An image of OS*k + 1 pixels is scaled to int((n - 1) s + 1), as in the official code.

    Returns:
        Multiply-adds over all scales and flips, and parameters.
    """
    config = replace(model, classes=classes, output_stride=inference.output_stride)
    one_view = _counts(config, size, inference.scales)
    views = 2 if inference.flip else 1
    return replace(one_view, plain=views * one_view.plain, padded=views * one_view.padded)


@cache
def _counts(config: ModelConfig, size: Size, scales: tuple[float, ...]) -> Counts:
    height, width = size
    with torch.device("meta"):
        network = build(config).eval()
    return count(network, [(int((height - 1) * scale + 1), int((width - 1) * scale + 1)) for scale in scales])
